//! Programs that a harness started, and that still run although it was killed: a `podman pod create` that comes to its end
//! after the next `down` has looked for pods would leave one behind.
//!
//! Every program that the wrapper starts carries a [`MARK`] in its environment, and whoever takes the lock looks for those whose
//! parent is gone. What was not to be cut is waited for; the rest is asked to end, as Ctrl-C would have done. A helper of a Podman
//! that was killed is such a step, too: it goes on making what that Podman wanted, and nobody will know of it.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use super::process;

/// Variable of the environment of every program that is started: process id of the harness, `whole` or `cut`, and the program's
/// name, which tells it from the daemons that it leaves behind (conmon, aardvark-dns).
pub const MARK: &str = "AI_SYSTEM_STEP";

/// Variable with the stack that a program works for, where that is known: what another stack's harness left is not ours to end.
pub const STACK: &str = "AI_SYSTEM_STEP_OF";

/// The stack that this process works for.
static OWN_STACK: OnceLock<String> = OnceLock::new();

/// Says which stack this process works for from now on.
pub fn work_for(stack: &str) {
    let _ = OWN_STACK.set(stack.to_owned());
}

/// That stack, where one is known.
#[must_use]
pub fn stack() -> Option<&'static str> {
    OWN_STACK.get().map(String::as_str)
}

/// How long a step is waited for before it is asked to end, and again before it is killed: longer than any short step takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often an interrupt is looked for.
const GLANCE: Duration = Duration::from_millis(200);

/// What Podman runs for a moment and waits for; they inherit the mark.
const HELPERS: [&str; 1] = ["netavark"];

/// Value of the [`MARK`] for a program that this process starts.
#[must_use]
pub fn mark(name: &str, whole: bool) -> String {
    let kind = if whole { "whole" } else { "cut" };
    format!("{} {kind} {name}", std::process::id())
}

/// A step whose harness is gone.
#[derive(Debug, PartialEq, Eq)]
struct Orphan {
    pid: i32,
    group: i32,
    name: String,
    whole: bool,
}

impl Orphan {
    fn is_helper(&self) -> bool {
        HELPERS.contains(&self.name.as_str())
    }
}

/// Waits until no step of a killed harness runs any more; `waiting` is told of each that it has to wait for.
pub fn wait(mut waiting: impl FnMut(&str)) {
    for orphan in running() {
        if process::interrupted() {
            return;
        }
        let Some(process) = open(orphan.pid) else {
            continue;
        };
        // Only now is it certain that the process id is still the same process's.
        if self::orphan(orphan.pid).as_ref() != Some(&orphan) {
            continue;
        }
        waiting(&format!(
            "`{}`, process {}, of {} that was killed",
            orphan.name,
            orphan.pid,
            if orphan.is_helper() { "a Podman" } else { "a harness" }
        ));
        let group = Pid::from_raw(orphan.group);
        if orphan.whole && ends_in_patience(&process) {
            continue;
        }
        // It may end between the look and the signal.
        let _ = killpg(group, Signal::SIGTERM);
        if !ends_in_patience(&process) {
            let _ = killpg(group, Signal::SIGKILL);
            ends_in_patience(&process);
        }
    }
}

/// Whether the process ends before our patience does, or this program is told to stop.
fn ends_in_patience(process: &OwnedFd) -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && !process::interrupted() {
        if ends_within(process, GLANCE) {
            return true;
        }
    }
    false
}

/// A descriptor of the process, where it is there.
pub fn open(pid: i32) -> Option<OwnedFd> {
    pidfd_open(rustix::process::Pid::from_raw(pid)?, PidfdFlags::empty()).ok()
}

/// Whether the process ends in time. Its descriptor becomes readable when it does.
pub fn ends_within(process: &OwnedFd, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

fn running() -> Vec<Orphan> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(orphan)
        .collect()
}

/// The process, if it is one. A process that ends meanwhile, or that is another user's, is none.
fn orphan(pid: i32) -> Option<Orphan> {
    // Anybody can give a process of theirs the mark: root would wait for it.
    let owner = std::fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    if owner != nix::unistd::geteuid().as_raw() {
        return None;
    }
    // In another namespace of processes the ids of its mark mean other processes.
    let namespace = |of: &str| {
        std::fs::metadata(format!("/proc/{of}/ns/pid"))
            .ok()
            .map(|found| found.ino())
    };
    if namespace(&pid.to_string())? != namespace("self")? {
        return None;
    }
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let works_for = stack().map(|stack| format!("{STACK}={stack}"))?;
    if !environment
        .split(|byte| *byte == 0)
        .any(|variable| variable == works_for.as_bytes())
    {
        return None;
    }
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let named = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    judge(pid, &environment, &stat, |parent| named(parent).trim_end() == "podman")
}

fn judge(pid: i32, environment: &[u8], stat: &str, is_podman: impl Fn(&str) -> bool) -> Option<Orphan> {
    let prefix = format!("{MARK}=");
    let mark = environment
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(prefix.as_bytes()))?;
    let mark = std::str::from_utf8(mark).ok()?;
    let mut words = mark.splitn(3, ' ');
    let (harness, kind, name) = (words.next()?, words.next()?, words.next()?);
    // `pid (comm) state ppid pgrp …`; the name in the middle can hold anything, also blanks and parentheses.
    let (head, tail) = stat.rsplit_once(')')?;
    let comm = head.split_once('(')?.1;
    let mut fields = tail.split_ascii_whitespace().skip(1);
    let (parent, group) = (fields.next()?, fields.next()?.parse().ok()?);
    if HELPERS.contains(&comm) {
        return (!is_podman(parent)).then(|| Orphan {
            pid,
            group,
            name: comm.to_owned(),
            whole: true,
        });
    }
    // The kernel keeps 15 bytes of a name.
    let started_as = name.get(..15).unwrap_or(name);
    let is_the_step = comm == started_as && group == pid;
    (is_the_step && parent != harness).then(|| Orphan {
        pid,
        group,
        name: name.to_owned(),
        whole: kind == "whole",
    })
}

#[cfg(test)]
mod tests {
    use super::{Orphan, judge};

    const ENVIRONMENT: &[u8] = b"PATH=/bin\0AI_SYSTEM_STEP=100 whole podman\0HOME=/root\0";

    fn judged(environment: &[u8], stat: &str) -> Option<Orphan> {
        judge(7, environment, stat, |parent| parent == "6")
    }

    fn orphan(name: &str, group: i32) -> Option<Orphan> {
        Some(Orphan {
            pid: 7,
            group,
            name: name.to_owned(),
            whole: true,
        })
    }

    #[test]
    fn a_step_whose_harness_is_gone_is_an_orphan() {
        assert_eq!(judged(ENVIRONMENT, "7 (podman) S 1 7 7 0"), orphan("podman", 7));
    }

    #[test]
    fn a_helper_whose_podman_is_gone_is_one() {
        assert_eq!(judged(ENVIRONMENT, "7 (netavark) S 1 6 6 0"), orphan("netavark", 6));
        assert_eq!(judged(ENVIRONMENT, "7 (netavark) S 6 6 6 0"), None);
    }

    #[test]
    fn a_step_of_a_harness_that_runs_is_none() {
        assert_eq!(judged(ENVIRONMENT, "7 (podman) S 100 7 7 0"), None);
    }

    #[test]
    fn a_daemon_that_a_step_left_behind_is_none() {
        assert_eq!(judged(ENVIRONMENT, "7 (conmon) S 1 7 7 0"), None);
        assert_eq!(judged(ENVIRONMENT, "7 (podman) S 6 6 6 0"), None);
    }

    #[test]
    fn anything_else_is_none() {
        assert_eq!(judged(b"PATH=/bin\0", "7 (podman) S 1 7 7 0"), None);
        assert_eq!(judged(b"AI_SYSTEM_STEP=\0", "7 (podman) S 1 7 7 0"), None);
        assert_eq!(judged(ENVIRONMENT, "7 (a) b) (podman"), None);
        assert_eq!(judged(ENVIRONMENT, ""), None);
    }
}
