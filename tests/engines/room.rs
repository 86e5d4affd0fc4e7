//! Namespaces, a cgroup and a folder in which an engine runs, all of which end with the test, whatever way it ends.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What stands in for every image.
const STAND_IN: &str = include_str!("stand_in.sh");
/// What names of our folders and cgroups begin with; the process follows to which they belong.
const PREFIX: &str = "ai-system-test-";
/// How many rooms this process has made.
static ROOMS: AtomicU32 = AtomicU32::new(0);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "programs are run as a user runs them")]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

/// Waits until something is so.
#[track_caller]
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The one process that another one has started, as soon as it is there.
pub fn child_of(process: u32) -> Option<u32> {
    let parent = |id: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let mut processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.find(|id| parent(*id) == Some(process))
}

/// Where an engine runs.
pub struct Room {
    /// Of its cgroup and its folder.
    name: String,
    script: &'static str,
    /// What is kept in it.
    pub folder: PathBuf,
    child: Child,
    /// Its first process.
    pub init: u32,
}

impl Room {
    /// Runs a script that says `ready` when it is, and ends with its standard input. It gets the room's folder behind the first arguments.
    pub fn new(script: &'static str, before: &[&str], after: &[&str]) -> Self {
        let work = root().join("target/xtask-work");
        remove_what_killed_ones_left(&work);
        let number = ROOMS.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let folder = work.join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut arguments = before.to_vec();
        arguments.push(folder.to_str().unwrap());
        arguments.extend(after);
        let mut child = run(script, command("env"), &arguments, &name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        assert_eq!(said, "ready\n", "it says above what is missing: root, for a start");
        let init = child_of(child_of(child.id()).unwrap()).unwrap();
        Self {
            name,
            script,
            folder,
            child,
            init,
        }
    }

    /// Its script, run in it with these arguments.
    pub fn inside(&self, arguments: &[&str]) -> Command {
        run(self.script, self.enter(), arguments, &self.name)
    }

    /// What runs a program in it.
    pub fn enter(&self) -> Command {
        let mut enter = command("nsenter");
        enter.args([&format!("--target={}", self.init), "--mount", "--net", "--pid"]);
        enter
    }

    /// The folders of its cgroups, one in each hierarchy.
    pub fn cgroups(&self) -> Vec<PathBuf> {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let folders = mounts.lines().filter_map(|line| {
            let mut words = line.split(' ');
            let folder = words.nth(1)?;
            words
                .next()?
                .starts_with("cgroup")
                .then(|| Path::new(folder).join(&self.name))
        });
        folders.filter(|folder| folder.is_dir()).collect()
    }

    /// Kills its first process.
    pub fn kill(mut self) {
        command("kill")
            .args(["-KILL", &self.init.to_string()])
            .status()
            .unwrap();
        self.is_gone();
    }

    /// Ends it, and looks whether anything is left.
    pub fn end(mut self) {
        drop(self.child.stdin.take());
        self.is_gone();
    }

    fn is_gone(&mut self) {
        assert!(self.child.wait().unwrap().success());
        assert!(!Path::new(&format!("/proc/{}", self.init)).exists());
        assert_eq!(self.cgroups(), Vec::<PathBuf>::new());
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&self.name), "{mounts}");
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It has ended, or does so now.
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A script behind what runs it.
fn run(script: &str, mut by: Command, arguments: &[&str], room: &str) -> Command {
    by.args(["sh", "-c", script, "sh"])
        .args(arguments)
        // Nothing that is set for this machine's Podman or Docker is for another one.
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("SCRIPT", script)
        .env("STAND_IN", STAND_IN)
        .env("CGROUP", room);
    by
}

/// Folders and cgroups of tests that were killed: their processes are gone.
fn remove_what_killed_ones_left(work: &Path) {
    for folder in [
        work.to_owned(),
        PathBuf::from("/sys/fs/cgroup"),
        PathBuf::from("/sys/fs/cgroup/unified"),
    ] {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
            if owner.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
                let path = entry.path();
                // Cgroups hold files that cannot be removed, and need not be.
                let _ = command("find")
                    .arg(&path)
                    .args(["-depth", "-type", "d", "-exec", "rmdir", "{}", "+"])
                    .output();
                let _ = std::fs::remove_dir_all(path);
            }
        }
    }
}
