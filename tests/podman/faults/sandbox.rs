//! A repository of its own with a stack of three agents, and a `podman` on PATH that can be told to fail.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::MutexGuard;

use xtask::host::images::supervisor_binary;
use xtask::host::system::repository::Repository;
use xtask::stack::output::Output;

use crate::harness::{Ran, XTASK, copy, is_built_on_ours, json, turn};

/// The repository. Its end takes the stack down and looks for what is left.
pub struct Sandbox {
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// The repository that this test is part of.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

impl Sandbox {
    /// A sandbox with its images built and nothing running.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, of files that something was changed in first.
    pub fn with(change: impl Fn(&Self)) -> Self {
        let turn = turn();
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Self { folder, _turn: turn };
        let (from, to) = (repository(), sandbox.folder.path());
        let faults = from.join("tests/podman/faults");
        copy(&from.join("tests/ai_system"), &to.join("tree"));
        copy(&from.join("docker/templates"), &to.join("docker/templates"));
        std::fs::create_dir_all(to.join("docker/supervisor/bin")).unwrap();
        for (file, place) in [
            (from.join(".containerignore"), ".containerignore"),
            (faults.join("stack.yaml"), "config/stack.yaml"),
            (
                faults.join("startup_config.yaml"),
                "tree/main_pc_code/config/startup_config.yaml",
            ),
            (faults.join("smoke.yaml"), "tests/smoke/phase3.yaml"),
        ] {
            let place = to.join(place);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::copy(file, place).unwrap();
        }
        // The supervisor's sources are not here, as where a program was brought from elsewhere.
        supervisor_binary::make(&Repository::at(&from), &Output::default()).unwrap();
        std::fs::copy(from.join(supervisor_binary::PATH), to.join(supervisor_binary::PATH)).unwrap();
        sandbox.podman_does("");
        change(&sandbox);
        sandbox.run(&["down", "--volumes"]).succeeds();
        sandbox.run(&["render"]).succeeds();
        sandbox.run(&["build-images"]).succeeds();
        sandbox
    }

    /// A path in it.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn program(&self, name: &str, script: &str) {
        self.program_at(&format!("bin/{name}"), script);
    }

    /// Writes a program.
    pub fn program_at(&self, relative: &str, script: &str) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Replaces words that stand once in a file of it.
    #[track_caller]
    pub fn edit(&self, relative: &str, from: &str, to: &str) {
        let path = self.path(relative);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {relative}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Lets images hold all code: a file that nobody imports changes them, too.
    pub fn holds_the_whole_package(&self) {
        let config = self.path("config/stack.yaml");
        let text = std::fs::read_to_string(&config).unwrap();
        let whole = text.replacen("images:\n", "images:\n  contents: package\n", 1);
        assert_ne!(text, whole);
        std::fs::write(config, whole).unwrap();
    }

    /// Lets the `podman` on PATH run these lines of shell before it becomes the real one; `$*` is its command line.
    pub fn podman_does(&self, lines: &str) {
        let path = std::env::var("PATH").unwrap();
        let script = format!("#!/bin/sh\n{lines}\nPATH='{path}'\nexec podman \"$@\"\n");
        self.program("podman", &script);
    }

    #[expect(clippy::disallowed_methods, reason = "programs are run as a user runs them")]
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap();
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("CARGO_MANIFEST_DIR")
            .env("CARGO", self.path("bin/no-cargo"))
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// Runs the program with further variables.
    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &Path)]) -> Ran {
        let mut command = self.command(XTASK, arguments);
        command.envs(variables.iter().copied());
        ran(&command.output().unwrap())
    }

    /// Starts the program in the background.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(XTASK, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Starts Podman in the background with that `containers.conf`.
    pub fn start_podman(&self, arguments: &[&str], conf: &Path) -> Child {
        self.command("podman", arguments)
            .env("CONTAINERS_CONF", conf)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs any program, and returns its standard output, whatever it came to.
    pub fn output(&self, program: &str, arguments: &[&str]) -> Ran {
        let mut command = self.command(program, arguments);
        let conf = self.path("target/xtask-work/containers.conf");
        if std::env::var_os("CONTAINERS_CONF").is_none() && conf.exists() {
            command.env("CONTAINERS_CONF", conf);
        }
        ran(&command.output().unwrap())
    }

    /// Runs Podman, which must succeed, and returns its lines.
    #[track_caller]
    pub fn podman(&self, arguments: &[&str]) -> Vec<String> {
        let ran = self.output("podman", arguments).succeeds();
        ran.stdout.lines().map(str::to_owned).collect()
    }

    /// Pods of the stack.
    pub fn pods(&self) -> Vec<String> {
        self.podman(&[
            "pod",
            "ps",
            "--filter",
            "label=ai-system.stack=faults",
            "--format",
            "{{.Name}}",
        ])
    }

    /// Containers of the stack, those of checks too.
    pub fn containers(&self) -> Vec<String> {
        self.podman(&[
            "ps",
            "--all",
            "--filter",
            "label=ai-system.stack=faults",
            "--format",
            "{{.Names}}",
        ])
    }

    /// State and restarts of an agent.
    pub fn agent(&self, name: &str) -> (String, u64) {
        let status = json(&self.run(&["status", "--format", "json", name]).stdout);
        let agent = &status["agents"][0];
        (
            agent["state"].as_str().unwrap_or("unreachable").to_owned(),
            agent["restarts"].as_u64().unwrap_or(0),
        )
    }

    /// Asks an agent, from inside a container of the stack.
    pub fn ask(&self, port: u16, request: &serde_json::Value) -> serde_json::Value {
        let program = "import sys, zmq\n\
             s = zmq.Context().socket(zmq.REQ)\n\
             s.setsockopt(zmq.RCVTIMEO, 10000)\n\
             s.connect('tcp://127.0.0.1:' + sys.argv[1])\n\
             s.send(sys.argv[2].encode())\n\
             print(s.recv().decode())";
        let lines = self.podman(&[
            "exec",
            "faults-store",
            "python3",
            "-c",
            program,
            &port.to_string(),
            &request.to_string(),
        ]);
        json(&lines.join("\n"))
    }

    /// Everything of this stack that is no volume and no image, wherever it is: in Podman, in its storage, in the kernel.
    pub fn leftovers(&self) -> Vec<String> {
        let mut found = self.pods();
        found.extend(self.containers());
        found.extend(self.podman(&[
            "network",
            "ls",
            "--filter",
            "label=ai-system.stack=faults",
            "--format",
            "{{.Name}}",
        ]));
        // Those of other people's builds are in storage, too.
        let external = self.podman(&[
            "ps",
            "--all",
            "--external",
            "--format",
            "{{.Names}} {{.Image}} {{.Status}}",
        ]);
        let ours = |line: &String| line.ends_with("Storage") && (line.contains("faults") || is_built_on_ours(line));
        found.extend(external.into_iter().filter(ours));
        for table in ["nat", "filter"] {
            let rules = self.output("iptables-save", &["-t", table]).stdout;
            found.extend(
                rules
                    .lines()
                    .filter(|line| line.contains("172.30.99."))
                    .map(str::to_owned),
            );
        }
        if std::fs::exists("/run/containers/networks/aardvark-dns/faults_mainpc").unwrap() {
            found.push("names of aardvark-dns".to_owned());
        }
        let links = self.output("ip", &["-brief", "address"]).stdout;
        found.extend(
            links
                .lines()
                .filter(|line| line.contains("172.30.99."))
                .map(str::to_owned),
        );
        for namespace in self.output("ip", &["netns", "list"]).stdout.lines() {
            let name = namespace.split(' ').next().unwrap();
            let inside = self.output("ip", &["-netns", name, "-brief", "address"]).stdout;
            if inside.contains("172.30.99.") {
                found.push(format!("namespace {name}"));
            }
        }
        found
    }

    /// Takes the stack down and looks for leftovers.
    #[track_caller]
    pub fn is_clean_after_down(&self) {
        self.is_clean_after_down_of("down");
    }

    /// The same, after something that a failure names.
    #[track_caller]
    pub fn is_clean_after_down_of(&self, after: &str) {
        let down = self.run(&["down"]);
        assert_eq!(down.code, 0, "{after}: {down:#?}");
        assert_eq!(self.leftovers(), Vec::<String>::new(), "{after}");
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.podman_does("");
        let down = self.run(&["down", "--volumes"]);
        self.output(
            "podman",
            &[
                "image",
                "rm",
                "localhost/ai_system/faults-store",
                "localhost/ai_system/faults-work",
            ],
        );
        if !std::thread::panicking() {
            down.succeeds();
            assert_eq!(self.leftovers(), Vec::<String>::new());
        }
    }
}

fn ran(output: &std::process::Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
