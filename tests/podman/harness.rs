//! Runs the program and the host's Podman, and looks at what there is.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The program under test.
pub const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

/// The repository with its real stack, on a host that others use, too: what was there before, and what is not labelled ours, is no
/// concern of these tests.
pub struct Harness {
    root: PathBuf,
    before: Vec<String>,
    // All tests share the host's Podman: one after the other.
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

/// The arguments, with the word that takes over what another checkout of this repository left on the host: volumes outlive tests.
fn ours<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let changes = ["up", "down", "restart", "stop", "start", "build-images"];
    let takes = arguments.first().is_some_and(|command| changes.contains(command));
    arguments
        .iter()
        .copied()
        .chain(takes.then_some("--take-over"))
        .collect()
}

/// Waits for the other tests of this host's Podman. One that failed has been taken back by its own end.
pub fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A finished run.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Asserts that it went well.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// A copy of one of `tests/fixtures`, which is a repository of its own.
pub struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    /// A fresh copy.
    pub fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
        copy(&fixtures.join(name), folder.path());
        Self { folder }
    }

    /// Its root.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Harness {
    /// The repository that this test is part of.
    pub fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        let turn = turn();
        let harness = Self {
            root,
            before: unlabelled(),
            _turn: turn,
        };
        let version = harness.command("podman", &["--version"]).output();
        assert!(
            version.is_ok_and(|output| output.status.success()),
            "these tests need Podman, and there is none\n  hint: run `cargo xtask doctor --fix`"
        );
        harness
    }

    #[expect(clippy::disallowed_methods, reason = "programs are run as a user runs them")]
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.root)
            .env_remove("CARGO_MANIFEST_DIR")
            .stdin(Stdio::null());
        command
    }

    /// Where the repository is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Removes the bytecode that builds keep.
    pub fn forget_bytecode(&self) {
        std::fs::remove_dir_all(self.root.join("target/xtask-work/pyc")).unwrap();
    }

    /// A path in the repository.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Runs the program.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(XTASK, &ours(arguments)).output().unwrap())
    }

    /// Runs the program with further variables.
    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &Path)]) -> Ran {
        let mut command = self.command(XTASK, &ours(arguments));
        Ran::of(&command.envs(variables.iter().copied()).output().unwrap())
    }

    /// Runs Git in a folder, as nobody in particular; returns its standard output.
    pub fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
        let mut command = self.command("git", &[&who[..], arguments].concat());
        let time = "2023-11-14T22:13:20Z";
        let output = command
            .current_dir(folder)
            .env("GIT_COMMITTER_DATE", time)
            .output()
            .unwrap();
        let said = Ran::of(&output).succeeds();
        said.stdout
    }

    /// Starts another program in the background.
    pub fn start_program(&self, program: &str, arguments: &[&str]) -> std::io::Result<Child> {
        let mut command = self.command(program, arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    /// Runs the program in a fixture's folder.
    pub fn run_in(&self, fixture: &Fixture, arguments: &[&str]) -> Ran {
        self.run_at(fixture.path(), arguments)
    }

    /// Runs the program in another folder.
    pub fn run_at(&self, folder: &Path, arguments: &[&str]) -> Ran {
        self.run_at_with(folder, arguments, &[])
    }

    /// The same, with further variables.
    pub fn run_at_with(&self, folder: &Path, arguments: &[&str], variables: &[(&str, &Path)]) -> Ran {
        let mut command = self.command(XTASK, arguments);
        let command = command.current_dir(folder).envs(variables.iter().copied());
        Ran::of(&command.output().unwrap())
    }

    /// Starts the program in the background.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(XTASK, &ours(arguments))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Starts the program in the background, with what it says about its work in a file.
    pub fn start_with_log(&self, arguments: &[&str], log: &Path) -> Child {
        self.command(XTASK, &ours(arguments))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(log).unwrap())
            .spawn()
            .unwrap()
    }

    /// Ctrl-C.
    pub fn interrupt(&self, running: &Child) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(running.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    }

    /// Runs Podman as the program does, and returns its standard output.
    #[track_caller]
    pub fn podman(&self, arguments: &[&str]) -> String {
        self.podman_with(arguments, &[])
    }

    /// The same with further variables.
    #[track_caller]
    pub fn podman_with(&self, arguments: &[&str], variables: &[(&str, &Path)]) -> String {
        let ran = self.ran_podman(arguments, variables);
        assert_eq!(ran.code, 0, "podman {arguments:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs Podman as the program does, whatever comes of it.
    pub fn try_podman(&self, arguments: &[&str]) -> Ran {
        self.ran_podman(arguments, &[])
    }

    fn ran_podman(&self, arguments: &[&str], variables: &[(&str, &Path)]) -> Ran {
        let mut command = self.command("podman", arguments);
        command.envs(variables.iter().copied());
        let conf = self.root.join("target/xtask-work/containers.conf");
        if std::env::var_os("CONTAINERS_CONF").is_none() && conf.exists() {
            command.env("CONTAINERS_CONF", conf);
        }
        Ran::of(&command.output().unwrap())
    }

    fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let mut lines: Vec<String> = self.podman(arguments).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// Pods of the stack.
    pub fn pods(&self) -> Vec<String> {
        self.lines(&[
            "pod",
            "ps",
            "--filter",
            "label=ai-system.stack",
            "--format",
            "{{.Name}}",
        ])
    }

    /// Ids of the stack's containers.
    pub fn containers(&self) -> Vec<String> {
        self.lines(&[
            "ps",
            "--all",
            "--filter",
            "label=ai-system.stack",
            "--format",
            "{{.ID}}",
        ])
    }

    /// Volumes of the reference stack: another one of the same host may have some of its own.
    pub fn volumes(&self) -> Vec<String> {
        self.lines(&[
            "volume",
            "ls",
            "--filter",
            "label=ai-system.stack=ai_system",
            "--format",
            "{{.Name}}",
        ])
    }

    /// Containers of our builds that were not taken away.
    pub fn working_containers(&self) -> Vec<String> {
        let all = self.lines(&["ps", "--all", "--external", "--format", "{{.Names}} {{.Image}}"]);
        let ours = |line: &String| line.contains("working-container") && is_built_on_ours(line);
        all.into_iter().filter(ours).collect()
    }

    /// Everything of ours that is no volume and no image: pods, containers, networks, supervisors that still run, and in the kernel
    /// what no container of somebody else's needs.
    pub fn leftovers(&self) -> Vec<String> {
        let mut found = self.pods();
        found.extend(self.containers());
        found.extend(self.lines(&[
            "network",
            "ls",
            "--filter",
            "label=ai-system.stack",
            "--format",
            "{{.Name}}",
        ]));
        found.extend(self.working_containers());
        let foreign = self.namespaces_of_others();
        let new = unlabelled()
            .into_iter()
            .filter(|thing| !self.before.contains(thing) && !foreign.contains(thing));
        found.extend(new);
        found
    }

    /// Network namespaces of containers that have none of our labels.
    fn namespaces_of_others(&self) -> Vec<String> {
        let listed = self.podman(&["ps", "--all", "--format", "json"]);
        let containers: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
        let others = containers
            .iter()
            .filter(|container| container["Labels"]["ai-system.stack"].is_null());
        others
            .filter_map(|container| {
                // One that ended in between has no namespace any more.
                let inspected = self.try_podman(&["inspect", container["Id"].as_str()?]).stdout;
                let inspected: serde_json::Value = serde_json::from_str(&inspected).ok()?;
                let path = inspected[0]["NetworkSettings"]["SandboxKey"].as_str()?.to_owned();
                Some(format!("namespace {path}"))
            })
            .collect()
    }

    /// Id of an image of the stack, by its short name.
    pub fn image_id(&self, name: &str) -> String {
        self.podman(&[
            "image",
            "inspect",
            "--format",
            "{{.Id}}",
            &format!("localhost/ai_system/{name}:{}", super::images::tag(name)),
        ])
    }

    /// `status --format json`, whether all is healthy or not.
    pub fn status(&self) -> serde_json::Value {
        json(&self.run(&["status", "--format", "json"]).stdout)
    }

    /// One agent of it, by a name that only one machine has.
    pub fn agent(&self, name: &str) -> serde_json::Value {
        let status = json(&self.run(&["status", "--format", "json", name]).stdout);
        status["agents"][0].clone()
    }

    /// A copy of the reference tree, to break.
    pub fn copy_of_the_tree(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        copy(&self.root.join("tests/ai_system"), folder.path());
        folder
    }
}

/// Whether a line of `podman ps` names an image that tests of this target build on.
pub fn is_built_on_ours(line: &str) -> bool {
    line.contains("localhost/ai_system")
}

/// What carries no label and would be left by us: Podman's network namespaces, addresses of our gateways, supervisors.
#[expect(clippy::disallowed_methods, reason = "programs are run as a user runs them")]
fn unlabelled() -> Vec<String> {
    let mut found = supervisors();
    if let Ok(namespaces) = std::fs::read_dir("/run/netns") {
        let paths = namespaces.flatten().map(|entry| entry.path().display().to_string());
        found.extend(
            paths
                .filter(|path| path.contains("/netns-"))
                .map(|path| format!("namespace {path}")),
        );
    }
    let addresses = Command::new("ip").args(["-brief", "address"]).output().unwrap();
    let addresses = String::from_utf8(addresses.stdout).unwrap();
    let gateways = addresses
        .lines()
        .filter(|line| line.contains("172.20.0.1/") || line.contains("172.21.0.1/"));
    found.extend(gateways.map(str::to_owned));
    found
}

/// Supervisors that run, as an image has them or as a benchmark takes them from the build's inputs; those of the supervisor's own
/// tests, which run at the same time from where Cargo puts them, are not ours.
pub fn supervisors() -> Vec<String> {
    let is_ours = |process: &Path| {
        // One that has ended already, and that only the host's init has yet to reap, has no program.
        let program = std::fs::read_link(process.join("exe")).unwrap_or_default();
        program.ends_with("bin/agent-supervisor")
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| is_ours(&entry.path()))
        .map(|entry| format!("process {}", entry.file_name().to_string_lossy()))
        .collect()
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Reads JSON.
#[track_caller]
pub fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Waits for a condition; fails after a minute.
#[track_caller]
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
