//! The stack as an ordinary user has it: Podman without root, no privilege, a store of its own.
//!
//! Run as root, the test makes that user and takes it away again. Run as an ordinary user, every other test of this target is
//! rootless already.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Harness, Ran, json, wait_for};

#[test]
fn an_ordinary_user_builds_boots_proves_and_takes_down() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let harness = Harness::new();
    harness.run(&["build-images"]).succeeds();
    let user = User::make(&harness);
    // The interpreter's image takes half of a build from nothing; all that stands on it is built by the user.
    user.take_image(&harness, "localhost/ai_system/python:3.11");

    let built = user.run(&["build-images"]).succeeds();
    assert!(built.stderr.contains("1 up to date"), "{}", built.stderr);
    let up = user.run(&["up"]).succeeds();
    let cgroups_v2 = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    assert_eq!(up.stderr.contains("no limits on memory"), !cgroups_v2, "{}", up.stderr);
    let status = json(&user.run(&["status", "--format", "json"]).succeeds().stdout);
    let agents = status["agents"].as_array().unwrap();
    assert_eq!(agents.len(), 89);
    for agent in agents {
        assert_eq!(agent["state"], "healthy", "{agent:#}");
    }
    // One that changed whenever a container came or went would leave names unanswered for up to a minute.
    let shown = user.podman(&[
        "unshare",
        "--rootless-netns",
        "ip",
        "-json",
        "link",
        "show",
        "type",
        "bridge",
    ]);
    let shown = json(&shown);
    let mut bridges: Vec<&str> = shown
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|bridge| bridge["address"].as_str())
        .collect();
    bridges.sort_unstable();
    assert_eq!(bridges, ["0a:58:ac:14:00:01", "0a:58:ac:15:00:01"]);
    let proved = user
        .run(&[
            "smoke", "--phase", "1", "--phase", "2", "--phase", "3", "--soak", "3", "--format", "json",
        ])
        .succeeds();
    for check in json(&proved.stdout)["checks"].as_array().unwrap() {
        assert_eq!(check["outcome"], "passed", "{check:#}");
    }
    user.run(&["down", "--volumes"]).succeeds();
    assert_eq!(user.leftovers(), Vec::<String>::new());
    // Podman's monitors clean up after their containers, and end after `down` has.
    wait_for("the user's processes to end", || user.processes().is_empty());
}

const NAME: &str = "ai-system-test";

/// What rootless Podman opens, and what may be closed to users.
const DEVICES: [&str; 2] = ["/dev/net/tun", "/dev/fuse"];

/// A user of the host with a copy of the repository; both are gone when it is dropped.
struct User {
    home: PathBuf,
    modes: Vec<(&'static str, u32)>,
}

impl User {
    fn make(harness: &Harness) -> Self {
        remove();
        succeed(&mut command("useradd", &["--create-home", "--shell", "/bin/sh", NAME]));
        let home = nix::unistd::User::from_name(NAME).unwrap().unwrap().dir;
        let mut modes = Vec::new();
        for device in DEVICES {
            let mode = std::fs::metadata(device).unwrap().permissions().mode();
            modes.push((device, mode));
            std::fs::set_permissions(device, PermissionsExt::from_mode(mode | 0o666)).unwrap();
        }
        let user = Self { home, modes };
        user.copy_repository(harness);
        user
    }

    fn repository(&self) -> PathBuf {
        self.home.join("repository")
    }

    /// All that Git would have, the supervisor's binary, and this program: the user has no Rust.
    fn copy_repository(&self, harness: &Harness) {
        let listed = command("git", &["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(harness.root())
            .output()
            .unwrap();
        let files = String::from_utf8(listed.stdout).unwrap();
        let supervisor = "docker/supervisor/bin/agent-supervisor";
        for file in files.split_terminator('\0').chain([supervisor]) {
            let target = self.repository().join(file);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            // A file that was removed and is still in the index.
            if harness.root().join(file).exists() {
                std::fs::copy(harness.root().join(file), target).unwrap();
            }
        }
        std::fs::copy(env!("CARGO_BIN_EXE_xtask"), self.repository().join("xtask-program")).unwrap();
        succeed(&mut command(
            "chown",
            &["--recursive", &format!("{NAME}:"), self.repository().to_str().unwrap()],
        ));
    }

    /// A program as that user, with nothing of root's environment but what downloads need.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = command(
            "setpriv",
            &[
                &format!("--reuid={NAME}"),
                &format!("--regid={NAME}"),
                "--init-groups",
                "--inh-caps=-all",
                "--",
                program,
            ],
        );
        command.args(arguments).current_dir(self.repository()).env_clear();
        command.env("HOME", &self.home).env("USER", NAME);
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        for (name, value) in std::env::vars() {
            let lower = name.to_lowercase();
            if name == "SSL_CERT_FILE" || lower.ends_with("_proxy") || name.starts_with("PIP_") {
                command.env(name, value);
            }
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command("./xtask-program", arguments).output().unwrap())
    }

    fn podman(&self, arguments: &[&str]) -> String {
        let mut command = self.command("podman", arguments);
        let output = command.env("STORAGE_DRIVER", "overlay").output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn take_image(&self, harness: &Harness, image: &str) {
        let archive = self.home.join("image.tar");
        harness.podman(&["save", "--quiet", "--output", archive.to_str().unwrap(), image]);
        std::fs::set_permissions(&archive, PermissionsExt::from_mode(0o644)).unwrap();
        let loaded = self.podman(&["load", "--quiet", "--input", archive.to_str().unwrap()]);
        assert!(loaded.contains(image), "{loaded}");
        std::fs::remove_file(archive).unwrap();
    }

    fn leftovers(&self) -> Vec<String> {
        let label = "label=ai-system.stack";
        [
            ["pod", "ps", "--filter", label, "--format", "{{.Name}}"].as_slice(),
            &["ps", "--all", "--filter", label, "--format", "{{.Names}}"],
            &["network", "ls", "--filter", label, "--format", "{{.Name}}"],
            &["volume", "ls", "--filter", label, "--format", "{{.Name}}"],
        ]
        .iter()
        .flat_map(|arguments| self.podman(arguments).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
    }

    /// Its processes, but for the one with which Podman holds the user's namespaces, whether anything runs or not.
    fn processes(&self) -> Vec<String> {
        let running = command("pgrep", &["--list-name", "--uid", NAME])
            .output()
            .unwrap()
            .stdout;
        String::from_utf8(running)
            .unwrap()
            .lines()
            .filter(|line| !line.ends_with(" catatonit") && !line.contains("podman pause"))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.podman(&["system", "reset", "--force"]);
        remove();
        for (device, mode) in &self.modes {
            let _ = std::fs::set_permissions(device, PermissionsExt::from_mode(*mode));
        }
    }
}

/// Takes the user away, also one that a killed run left: its processes, its folders, its entry.
fn remove() {
    let Some(user) = nix::unistd::User::from_name(NAME).unwrap() else {
        return;
    };
    // Nothing to end is no failure.
    let _ = command("pkill", &["--signal", "KILL", "--uid", NAME]).status();
    let ended = || {
        let listed = command("pgrep", &["--uid", NAME]).output().unwrap();
        listed.stdout.is_empty()
    };
    wait_for("the test user's processes to end", ended);
    succeed(&mut command("userdel", &["--remove", NAME]));
    for folder in ["podman-run", "containers-user", "runtime-user", "storage-run"] {
        let _ = std::fs::remove_dir_all(format!("/tmp/{folder}-{}", user.uid));
    }
}

#[expect(clippy::disallowed_methods, reason = "programs are run as a user runs them")]
fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
