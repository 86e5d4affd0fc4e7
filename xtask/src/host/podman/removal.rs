//! Stops containers, and removes containers and pods, also those whose mounts another Podman is still taking away.

use std::time::Duration;

use super::Podman;
use crate::host::system::process::{ProcessError, Program};

/// Attempts at removing what is still in use.
const ATTEMPTS: usize = 5;

/// Stops a container that is in this state, within the time that it was created with, after which Podman kills it. Nothing where it
/// does not run. Who is told to stop meanwhile does not wait: the container goes on stopping by itself, and nothing of it is lost.
///
/// For containers that are removed next, by force. So it is not an error that Podman cannot stop one, such as one whose restart fails
/// just then: the removal says what stays.
///
/// # Errors
/// When Podman cannot be run or takes longer than that, or this program was told to stop.
pub fn stop(podman: &Podman, container: &str, state: &str, limit: Duration) -> Result<(), ProcessError> {
    let command = match state {
        // A second SIGTERM would mean "at once" to a supervisor that is stopping already.
        "stopping" => podman.command().args(["wait", container]),
        "running" => podman.command().args(["stop", "--ignore", container]),
        _ => return Ok(()),
    };
    unless_refused(&command.limit(limit))
}

fn unless_refused(stop: &Program) -> Result<(), ProcessError> {
    match stop.read() {
        Ok(_) | Err(ProcessError::Failed { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Runs a `podman … rm` that ignores what is not there, and again while mounts are in use: the Podman that cleans up after a
/// container, and one that was killed, unmount what this one removes. Every attempt takes Podman a few hundred milliseconds, so
/// nothing needs to be waited for in between.
///
/// # Errors
/// When Podman fails otherwise, or over and over.
pub fn remove(command: &Program) -> Result<(), ProcessError> {
    let mut attempt = 1;
    loop {
        match command.read() {
            Err(ProcessError::Failed { tail, .. }) if attempt < ATTEMPTS && is_busy(&tail) => attempt += 1,
            ended => return ended.map(drop),
        }
    }
}

fn is_busy(tail: &[String]) -> bool {
    tail.iter().any(|line| line.contains("device or resource busy"))
}

#[cfg(test)]
mod tests {
    use super::{remove, unless_refused};
    use crate::host::system::process::{ProcessError, Program};

    /// A Podman whose first calls, as many, fail with that text; and the file that counts them.
    fn failing(calls: usize, text: &str, folder: &tempfile::TempDir) -> (Program, std::path::PathBuf) {
        let count = folder.path().join("count");
        let script = format!(
            "echo >> {0}; [ $(wc -l < {0}) -gt {calls} ] || {{ echo '{text}' >&2; exit 125; }}",
            count.display()
        );
        (Program::new("sh").args(["-c", &script]), count)
    }

    fn runs(count: &std::path::Path) -> usize {
        std::fs::read_to_string(count).unwrap().lines().count()
    }

    #[test]
    fn what_is_busy_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let (podman, count) = failing(2, "unlinkat userdata/shm: device or resource busy", &folder);
        remove(&podman).unwrap();
        assert_eq!(runs(&count), 3);
    }

    #[test]
    fn what_stays_busy_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (podman, count) = failing(99, "unlinkat userdata/shm: device or resource busy", &folder);
        assert!(matches!(remove(&podman), Err(ProcessError::Failed { .. })));
        assert_eq!(runs(&count), super::ATTEMPTS);
    }

    #[test]
    fn what_cannot_be_stopped_is_for_the_removal_to_say() {
        let folder = tempfile::tempdir().unwrap();
        let (podman, count) = failing(1, "runc create failed", &folder);
        unless_refused(&podman).unwrap();
        assert_eq!(runs(&count), 1);
        assert!(unless_refused(&Program::new("/no/such/podman")).is_err());
    }

    #[test]
    fn another_failure_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (podman, count) = failing(1, "no such storage", &folder);
        assert!(matches!(remove(&podman), Err(ProcessError::Failed { .. })));
        assert_eq!(runs(&count), 1);
    }
}
