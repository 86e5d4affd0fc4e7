//! Trees that were made to do harm go through every command: nothing of them runs, nothing outside them is read, every command ends.

use std::ffi::OsStr;
use std::io::BufRead as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, mkfifo};

use crate::EMPTY_HOST;
use crate::sandbox::{Ran, Sandbox};

/// Stands in every file outside the tree, and nowhere else.
const SECRET: &str = "OUTSIDE_SECRET_9f3a";

/// No command takes nearly as long; one that waits for a pipe takes for ever.
const LIMIT: Duration = Duration::from_secs(180);

const TREE: &str = "tests/ai_system";

/// A repository whose tree is to be made hostile, beside a folder that is none of the tree's business.
struct Hostile {
    sandbox: Sandbox,
    outside: tempfile::TempDir,
}

impl Hostile {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.fake_podman(EMPTY_HOST);
        let outside = tempfile::tempdir().unwrap();
        let hostile = Self { sandbox, outside };
        // What each reader would quote of it: a line that is wrong in every language.
        let text = format!("{SECRET} = ( : [\n- {SECRET}: @{SECRET}\n");
        for name in [
            "secret",
            "secret.py",
            "requirements.txt",
            "startup.yaml",
            "Dockerfile",
            "x.sh",
            ".gitignore",
        ] {
            std::fs::write(hostile.outside.path().join(name), &text).unwrap();
        }
        let script = format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", hostile.mark().display());
        std::fs::write(hostile.canary(), script).unwrap();
        std::fs::set_permissions(hostile.canary(), std::fs::Permissions::from_mode(0o755)).unwrap();
        hostile
    }

    fn tree(&self, path: &str) -> PathBuf {
        self.sandbox.path(TREE).join(path)
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.outside.path().join(name)
    }

    /// A program that must never run, and what it leaves when it does.
    fn canary(&self) -> PathBuf {
        self.outside.path().join("canary")
    }

    fn mark(&self) -> PathBuf {
        self.outside.path().join("mark")
    }

    /// Puts a link in the place of whatever is there.
    fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.tree(path);
        let _ = std::fs::remove_file(&path);
        symlink(target, path).unwrap();
    }

    fn pipe(&self, path: &str) {
        let path = self.tree(path);
        let _ = std::fs::remove_file(&path);
        mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }

    fn endless(&self, path: &str) {
        let file = std::fs::File::create(self.tree(path)).unwrap();
        file.set_len(1 << 40).unwrap();
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test makes a repository as its author would"
    )]
    fn git(&self, arguments: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=n", "-c", "user.email=n@example.com"])
            .args(arguments)
            .current_dir(self.tree(""))
            .env("HOME", self.sandbox.path(""))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Runs a command, from inside the tree, to its end, which has to come.
    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.sandbox.command(arguments);
        command
            .current_dir(self.tree(""))
            .env("PATH", format!(".::{}", self.path_variable()));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let ran = self.sandbox.ran(&ends(child, &format!("{arguments:?}")));
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!said.contains(SECRET), "{arguments:?} told what is outside:\n{said}");
        assert!(!said.contains("panicked"), "{arguments:?}:\n{said}");
        ran
    }

    fn path_variable(&self) -> String {
        format!("{}:/usr/bin:/bin", self.sandbox.path("bin").display())
    }

    /// Nothing was run, and nothing from outside was written anywhere.
    fn nothing_happened(&self) {
        let mark = std::fs::read_to_string(self.mark()).unwrap_or_default();
        assert_eq!(mark, "", "something of the tree was run");
        for entry in files(&self.sandbox.path("")) {
            let bytes = std::fs::read(&entry).unwrap();
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "{} holds what is outside", entry.display());
        }
    }
}

/// The output of a process that has to end by itself.
fn ends(mut child: Child, what: &str) -> Output {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (sender, receiver) = std::sync::mpsc::channel();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let errors = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stderr, &mut bytes).map(|_| bytes)
    });
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = std::io::Read::read_to_end(&mut stdout, &mut bytes);
        let status = child.wait();
        let _ = sender.send((status, read.map(|_| bytes)));
    });
    let Ok((status, stdout)) = receiver.recv_timeout(LIMIT) else {
        let _ = kill(pid, Signal::SIGKILL);
        panic!("{what} does not end");
    };
    Output {
        status: status.unwrap(),
        stdout: stdout.unwrap(),
        stderr: errors.join().unwrap().unwrap(),
    }
}

/// Regular files below a folder of reasonable length.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.metadata().unwrap().len() < 1 << 24 {
                found.push(entry.path());
            }
        }
    }
    found
}

/// Every command that reads a tree, in all its forms.
const EVERY_COMMAND: [&[&str]; 29] = [
    &["audit"],
    &["audit", "--no-ignore"],
    &["audit", "--format", "json"],
    &["audit", "--format", "sarif"],
    &["audit", "--format", "github"],
    &["audit", "--format", "junit"],
    &["audit", "--write-baseline", "../../baseline.json"],
    &["audit", "--baseline", "../../baseline.json"],
    &["audit", "--fix"],
    &["audit", "--fix", "--allow-dirty"],
    &["audit", "--confirm"],
    &["render", "--check"],
    &["render"],
    &["lock", "--check"],
    &["lock"],
    &["build-images", "--dry-run"],
    &["build-images", "--unlocked"],
    &["images", "ls"],
    &["images", "why", "vision", "main_pc_code/stolen.py"],
    &["images", "diff", "vision"],
    &["doctor"],
    &["up", "vision"],
    &["status"],
    &["logs", "vision"],
    &["restart", "vision"],
    &["stop", "vision"],
    &["start", "vision"],
    &["smoke", "--phase", "1"],
    &["down"],
];

/// Those that read what the stack names.
const READERS: [&[&str]; 7] = [
    &["audit"],
    &["audit", "--format", "sarif"],
    &["render", "--check"],
    &["lock"],
    &["build-images", "--dry-run", "--unlocked"],
    &[
        "images",
        "why",
        "vision",
        "main_pc_code/agents/face_recognition_agent.py",
    ],
    &["up", "vision"],
];

/// Links out of the tree in the place of everything that is read besides what the stack names; pipes, sockets, files without end, names
/// that are none; a repository whose configuration names programs.
#[test]
fn a_hostile_tree_goes_through_every_command() {
    let hostile = Hostile::new();
    let up = "../".repeat(40) + hostile.outside.path().to_str().unwrap().trim_start_matches('/');
    hostile.link("main_pc_code/stolen.py", hostile.outside("secret.py"));
    hostile.link("main_pc_code/agents/up.py", format!("{up}/secret.py"));
    hostile.link("main_pc_code/chain.py", "agents/up.py");
    hostile.link("pc2_code/stolen.yaml", hostile.outside("startup.yaml"));
    hostile.link("run.sh", hostile.outside("x.sh"));
    hostile.link("Dockerfile", hostile.outside("Dockerfile"));
    hostile.link("docker-compose.yml", hostile.outside("startup.yaml"));
    hostile.link("requirements.more.txt", hostile.outside("requirements.txt"));
    hostile.link("main_pc_code/outside", hostile.outside.path());
    hostile.link("main_pc_code/agents/.gitignore", hostile.outside(".gitignore"));
    hostile.link("main_pc_code/loop", ".");
    hostile.link("main_pc_code/memory.py", "/proc/self/mem");
    hostile.link("main_pc_code/zero.py", "/dev/zero");
    hostile.link("main_pc_code/environ.yaml", "/proc/self/environ");
    for path in [
        "pipe.py",
        "main_pc_code/pipe.yaml",
        "main_pc_code/pipe.bin",
        "pc2_code/.gitignore",
    ] {
        hostile.pipe(path);
    }
    let _socket = std::os::unix::net::UnixListener::bind(hostile.tree("main_pc_code/socket.py")).unwrap();
    hostile.endless("main_pc_code/endless.py");
    hostile.endless("main_pc_code/endless.bin");
    hostile.endless("requirements.endless.txt");
    for name in [
        &b"main_pc_code/bad\xff.py"[..],
        b"main_pc_code/new\nline\x1b[2J.py",
        b"main_pc_code/.wh.agents",
    ] {
        std::fs::write(hostile.tree("").join(OsStr::from_bytes(name)), "x = 1\n").unwrap();
    }
    let deep = hostile.tree("main_pc_code").join("d/".repeat(900));
    std::fs::create_dir_all(&deep).unwrap();
    // What would be run where a tool is looked for, or a module imported, in the working folder.
    for name in ["git", "podman", "ip", "uv", "sh"] {
        std::fs::copy(hostile.canary(), hostile.tree(name)).unwrap();
        std::fs::set_permissions(hostile.tree(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    for name in ["venv", "pip", "json", "base64", "sitecustomize"] {
        let text = format!("open({:?}, 'a').write(__name__)\n", hostile.mark());
        std::fs::write(hostile.tree(&format!("{name}.py")), text).unwrap();
    }
    hostile.git(&["init", "--quiet"]);
    std::fs::write(hostile.tree(".gitattributes"), "* filter=evil diff=evil\n").unwrap();
    hostile.git(&["add", "main_pc_code/config", ".gitattributes"]);
    hostile.git(&["commit", "--quiet", "--message=x"]);
    let canary = hostile.canary().display().to_string();
    let config = format!(
        "[core]\n fsmonitor = {canary}\n hooksPath = {0}\n pager = {canary}\n editor = {canary}\n[filter \"evil\"]\n clean = {canary}\n \
         process = {canary}\n[diff]\n external = {canary}\n[diff \"evil\"]\n textconv = {canary}\n[gpg]\n program = {canary}\n\
         [include]\n path = {0}/secret\n",
        hostile.outside.path().display()
    );
    let own = hostile.tree(".git/config");
    std::fs::write(&own, std::fs::read_to_string(&own).unwrap() + &config).unwrap();
    for arguments in EVERY_COMMAND {
        hostile.run(arguments);
    }
    hostile.nothing_happened();

    let audit = hostile.run(&["audit", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&audit.stdout).unwrap();
    let rules: Vec<(&str, &str)> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["rule"].as_str().unwrap(), finding["path"].as_str().unwrap()))
        .collect();
    for (rule, path) in [
        ("files/link-leaves-tree", "main_pc_code/stolen.py"),
        ("files/link-leaves-tree", "main_pc_code/agents/up.py"),
        ("files/link-leaves-tree", "main_pc_code/chain.py"),
        ("files/link-leaves-tree", "main_pc_code/outside"),
        ("files/link-leaves-tree", "main_pc_code/memory.py"),
        ("files/link-leaves-tree", "requirements.more.txt"),
        ("files/link-cycle", "main_pc_code/loop"),
        ("files/special", "pipe.py"),
        ("files/special", "main_pc_code/pipe.bin"),
        ("files/special", "main_pc_code/socket.py"),
        ("files/unreadable", "main_pc_code/endless.py"),
        ("files/name-not-utf8", "main_pc_code/bad\u{fffd}.py"),
    ] {
        let path = format!("{TREE}/{path}");
        assert!(rules.contains(&(rule, &path)), "{rule} of {path} is not in {rules:#?}");
    }
}

/// What the stack names is a link out of the tree, a pipe, a file without end.
#[test]
fn what_the_stack_names_is_a_regular_file_of_the_tree() {
    const STARTUP: &str = "main_pc_code/config/startup_config.yaml";
    const REQUIREMENTS: &str = "requirements.vision.txt";
    for path in [STARTUP, REQUIREMENTS] {
        for how in ["link", "relative link", "pipe", "link to a pipe", "endless", "device"] {
            let hostile = Hostile::new();
            match how {
                "link" => hostile.link(path, hostile.outside("startup.yaml")),
                "relative link" => {
                    let up = "../".repeat(40) + hostile.outside("secret").to_str().unwrap().trim_start_matches('/');
                    hostile.link(path, up);
                }
                "pipe" => hostile.pipe(path),
                "link to a pipe" => {
                    hostile.pipe("pipe");
                    hostile.link(path, format!("{}pipe", "../".repeat(path.matches('/').count())));
                }
                "device" => hostile.link(path, "/dev/zero"),
                _ => hostile.endless(path),
            }
            for arguments in READERS {
                let ran = hostile.run(arguments);
                // What an image holds is asked without reading its requirements.
                let reads = arguments[0] != "images" || path == STARTUP;
                assert!(ran.code != 0 || !reads, "{how} at {path}: {arguments:?} went well");
            }
            let audit = hostile.run(&["audit"]);
            assert!(
                format!("{}{}", audit.stdout, audit.stderr).contains(path),
                "{how} at {path} is not told: {audit:#?}"
            );
            hostile.nothing_happened();
        }
    }
}

#[test]
fn requirements_that_are_included_lie_in_the_tree() {
    for line in [
        "-r outside.txt",
        "-c outside.txt",
        "-r ../../../../../../../../etc/passwd",
        "-r pipe.txt",
    ] {
        let hostile = Hostile::new();
        hostile.link("outside.txt", hostile.outside("requirements.txt"));
        hostile.pipe("pipe.txt");
        std::fs::write(hostile.tree("requirements.vision.txt"), format!("{line}\n")).unwrap();
        for arguments in READERS {
            hostile.run(arguments);
        }
        let lock = hostile.run(&["lock"]);
        assert_ne!(lock.code, 0, "{line}: {lock:#?}");
        hostile.nothing_happened();
    }
}

/// A code folder that is a link out of the tree is as good as none.
#[test]
fn code_folders_lie_in_the_tree() {
    let hostile = Hostile::new();
    std::fs::rename(hostile.tree("pc2_code"), hostile.outside("pc2_code")).unwrap();
    std::fs::write(hostile.outside("pc2_code/secret.py"), format!("{SECRET} = (\n")).unwrap();
    hostile.link("pc2_code", hostile.outside("pc2_code"));
    for arguments in READERS {
        let ran = hostile.run(arguments);
        // What it says is about a machine whose code is there.
        let of_other = arguments.first() == Some(&"images");
        assert_eq!(ran.code == 0, of_other, "{arguments:?}: {ran:#?}");
        assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET), "{ran:#?}");
    }
    let audit = hostile.run(&["audit"]);
    assert!(
        audit
            .stdout
            .contains("a link leads out of the tree, and nothing outside it is opened"),
        "{audit:#?}"
    );
    // One that has no agents of its own is mounted all the same, or would be.
    let hostile = Hostile::new();
    hostile.link("lib", hostile.outside.path());
    hostile
        .sandbox
        .edit("config/stack.yaml", "code: [main_pc_code]", "code: [main_pc_code, lib]");
    let confirm = hostile.run(&["audit", "--confirm", "Executor"]);
    assert!(
        confirm
            .stderr
            .contains("cannot mount the code folder `lib`: a link leads out"),
        "{confirm:#?}"
    );
    let calls = hostile.sandbox.podman_calls();
    assert!(calls.iter().all(|call| !call.starts_with("run")), "{calls:#?}");
    hostile.nothing_happened();
}

/// `lock` builds and fetches nothing: such lines are named, and uv gets a file of ours.
#[test]
fn nothing_of_a_requirements_file_is_built_on_the_host() {
    let hostile = Hostile::new();
    let uv = format!("target/xtask-work/uv-{}/bin", xtask::images::uv::UV_VERSION);
    std::fs::create_dir_all(hostile.sandbox.path(&uv)).unwrap();
    std::fs::copy(hostile.canary(), hostile.sandbox.path(&format!("{uv}/uv"))).unwrap();
    std::fs::create_dir(hostile.tree("evil")).unwrap();
    std::fs::write(
        hostile.tree("evil/setup.py"),
        format!("open({:?}, 'w')\n", hostile.mark()),
    )
    .unwrap();
    for line in [
        "./evil",
        "-e ./evil",
        "evil @ file:///evil",
        "git+https://127.0.0.1:1/evil",
        "https://127.0.0.1:1/evil.tar.gz",
        "--index-url https://127.0.0.1:1/simple",
        "--find-links ./evil",
    ] {
        std::fs::write(hostile.tree("requirements.vision.txt"), format!("pyzmq\n{line}\n")).unwrap();
        let lock = hostile.run(&["lock"]);
        let place = "requirements.vision.txt:2: `";
        assert!(lock.code == 3 && lock.stderr.contains(place), "{line}: {lock:#?}");
    }
    hostile.nothing_happened();
}

/// A signal ends a command that waits for another, whose note is shown as one harmless line.
#[test]
fn every_wait_ends_on_a_signal() {
    let hostile = Hostile::new();
    // Whoever holds the lock, says of itself what it likes.
    let folder = hostile.sandbox.path("ai-system-xtask");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    let held = std::fs::File::create(folder.join("ai_system.lock")).unwrap();
    std::io::Write::write_all(&mut &held, b"\x1b]0;evil\x07 holder\nsecond").unwrap();
    held.lock().unwrap();
    let mut child = hostile
        .sandbox
        .command(&["down"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    while !said.contains("waiting for") {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it does not wait: {said}");
    }
    assert!(
        said.contains("holder") && !said.contains(['\u{1b}', '\u{7}']),
        "{said:?}"
    );
    child.stderr = Some(stderr.into_inner());
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
    let ran = hostile.sandbox.ran(&ends(child, "down"));
    assert_eq!(ran.code, 143, "{ran:#?}");
}
