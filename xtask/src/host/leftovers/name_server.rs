//! `aardvark-dns`, Podman's name server for containers: a Podman that was killed while it took a network away leaves the names of
//! that network, and the server runs on for them.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::files::FileError;
use super::super::orphans;

/// One file for each network, and the server's process id.
const FOLDER: &str = "/run/containers/networks/aardvark-dns";
const PID_FILE: &str = "aardvark.pid";
/// What the kernel calls it.
const COMM: &str = "aardvark-dns";

/// How long the server may take to end once no network has names.
const PATIENCE: Duration = Duration::from_secs(5);

/// Removes the names of these networks, which Podman must not know any more, and lets the server read what is left: it ends
/// where nothing is. Returns what was removed, in words.
///
/// # Errors
/// When a file is there and cannot be removed.
pub fn forget(networks: &[&str]) -> Result<Vec<String>, FileError> {
    if !nix::unistd::geteuid().is_root() {
        // Rootless Podman has a server in its own namespace, which ends with it.
        return Ok(Vec::new());
    }
    forget_in(Path::new(FOLDER), networks)
}

fn forget_in(folder: &Path, networks: &[&str]) -> Result<Vec<String>, FileError> {
    let mut removed = Vec::new();
    for network in networks {
        let path = folder.join(network);
        match std::fs::remove_file(&path) {
            Ok(()) => removed.push(format!("names of network {network}")),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::on("remove", &path)(error)),
        }
    }
    let idle = serves_nothing(folder);
    let Some(server) = (idle || !removed.is_empty()).then(|| server(folder)).flatten() else {
        return Ok(removed);
    };
    let process = orphans::open(server);
    // It reads its files again, and ends by itself where none is left. SIGTERM would end it, too, and leave its own file.
    let _ = kill(Pid::from_raw(server), Signal::SIGHUP);
    let ended = idle && process.is_some_and(|process| orphans::ends_within(&process, PATIENCE));
    if ended {
        removed.push(format!("name server {COMM}, process {server}"));
    }
    Ok(removed)
}

/// Whether no network has names.
fn serves_nothing(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().all(|entry| entry.file_name() == PID_FILE))
}

/// The server's process; none where it has ended, and its id may be somebody else's.
fn server(folder: &Path) -> Option<i32> {
    let pid = std::fs::read_to_string(folder.join(PID_FILE))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    (comm.trim_end() == COMM).then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::{PID_FILE, forget_in, serves_nothing};

    #[test]
    fn only_the_named_networks_are_forgotten_and_a_foreign_process_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ours"), "172.20.0.1\n").unwrap();
        std::fs::write(folder.path().join("other"), "10.88.0.1\n").unwrap();
        // The id of this test: no name server, or the signal would end it.
        std::fs::write(folder.path().join(PID_FILE), std::process::id().to_string()).unwrap();
        assert_eq!(
            forget_in(folder.path(), &["ours", "gone"]).unwrap(),
            ["names of network ours"]
        );
        assert!(folder.path().join("other").exists());
        assert!(!serves_nothing(folder.path()));
        assert!(forget_in(folder.path(), &["other"]).is_ok());
        assert!(serves_nothing(folder.path()));
        assert!(!serves_nothing(&folder.path().join("no-such-folder")));
    }
}
