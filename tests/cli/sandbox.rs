//! One builder for black-box tests: a copy of the repository's files in a temporary folder, a clean environment, a fake
//! `podman` on PATH that records its arguments and replays answers.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The program under test.
const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

/// A temporary repository.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

/// The repository that this test is part of.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Sandbox {
    /// A copy of what `xtask` reads: `config`, `docker`, `scripts`, the reference tree, and the page of the rules.
    pub fn new() -> Self {
        let sandbox = Self::empty();
        let folder = &sandbox.folder;
        for part in [
            "config",
            "docker",
            "scripts",
            "tests/ai_system",
            "tests/smoke",
            "xtask/src/audit/rules",
            "xtask/src/audit/schemas",
        ] {
            copy(&repository().join(part), &folder.path().join(part));
        }
        std::fs::copy(
            repository().join(".containerignore"),
            folder.path().join(".containerignore"),
        )
        .unwrap();
        sandbox
    }

    /// A folder with nothing in it but programs.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        let sandbox = Self { folder };
        // What the fake Podman says must not be acted upon in the host's real network.
        sandbox.program("ip", "#!/bin/sh\necho '[]'\n");
        sandbox
    }

    /// A copy of one of `tests/fixtures`, which is a repository of its own.
    pub fn fixture(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&repository().join("tests/fixtures").join(name), folder.path());
        Self { folder }
    }

    /// A copy of the tree that is as people have them.
    pub fn as_found() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&repository().join("tests/as_found"), folder.path());
        Self { folder }
    }

    /// A copy of another sandbox.
    pub fn clone_of(other: &Self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(other.folder.path(), folder.path());
        Self { folder }
    }

    /// Runs another program of this host.
    #[expect(clippy::disallowed_methods, reason = "a rendered program is run as a build runs it")]
    pub fn run_program(&self, program: &str, arguments: &[&str]) -> Ran {
        let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
        self.ran(&output.unwrap_or_else(|error| panic!("{program}: {error}\n  hint: install it")))
    }

    fn program(&self, name: &str, script: &str) {
        self.program_at(&self.path("bin").join(name), script);
    }

    /// Puts a program at a path.
    pub fn program_at(&self, path: &Path, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(path, script).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A path in it.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Replaces a text in one of its files; the text must be there.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "`{from}` is not in {file}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// Puts a program on PATH: a shell script that writes its arguments to `podman.calls`, one call a line, and then does
    /// what `body` says.
    pub fn fake_podman(&self, body: &str) {
        let calls = self.path("podman.calls");
        let script = format!("#!/bin/sh\necho \"$*\" >> '{}'\n{body}\n", calls.display());
        self.program("podman", &script);
    }

    /// The calls that the fake `podman` got.
    pub fn podman_calls(&self) -> Vec<String> {
        std::fs::read_to_string(self.path("podman.calls"))
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// The program, ready to run in the sandbox.
    #[expect(
        clippy::disallowed_methods,
        reason = "the program under test is run as a user runs it"
    )]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(XTASK);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .env("HOME", self.folder.path())
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it: exit code, then both outputs with the sandbox's path replaced.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        self.ran(&output)
    }

    /// Runs it on a terminal of its own, on which somebody types that; both outputs come as one.
    #[expect(clippy::disallowed_methods, reason = "Python makes the terminal")]
    pub fn on_terminal(&self, arguments: &[&str], typed: &str) -> Ran {
        const SPAWN: &str = "import os, pty, sys\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
        let typed_at = self.path("typed");
        std::fs::write(&typed_at, typed).unwrap();
        let output = Command::new("python3")
            .args(["-c", SPAWN, XTASK])
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("NO_COLOR", "1")
            .stdin(std::fs::File::open(&typed_at).unwrap())
            .output();
        self.ran(&output.unwrap_or_else(|error| panic!("python3: {error}\n  hint: install it")))
    }

    /// Starts it in the background.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What a finished run printed.
    pub fn ran(&self, output: &Output) -> Ran {
        let clean = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).replace(&self.folder.path().display().to_string(), "[REPOSITORY]")
        };
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: clean(&output.stdout),
            stderr: clean(&output.stderr),
        }
    }
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
    /// Asserts the exit code and that every text is in stderr.
    #[track_caller]
    pub fn fails_with(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is not in\n{}", self.stderr);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            let skipped = ["bin", "src", "target", "__pycache__"];
            let code_of_ours = from.ends_with("supervisor") || from.ends_with("contract");
            if !(code_of_ours && skipped.iter().any(|name| entry.file_name() == *name)) {
                copy(&entry.path(), &target);
            }
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
