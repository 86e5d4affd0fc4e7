//! `aardvark-dns`, Podman's name server for containers: a Podman that was killed while it took a network away leaves the names of
//! that network, and the server runs on for them.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Signal, pidfd_send_signal};

use super::records::NetworkRecord;
use crate::host::system::files::{self, FileError};
use crate::host::system::orphans;

/// One file for each network, and the server's process id.
const FOLDER: &str = "/run/containers/networks/aardvark-dns";
const PID_FILE: &str = "aardvark.pid";
/// What the kernel calls it.
const COMM: &str = "aardvark-dns";

/// How long the server may take to end once no network has names.
const PATIENCE: Duration = Duration::from_secs(5);

/// Removes the names of a network that Podman does not know any more, and lets the server read what is left: it ends where
/// nothing is. Returns what was removed, in words. A file of that name that serves another gateway is another network's.
///
/// # Errors
/// When a file is there and cannot be removed.
pub fn forget(gone: &NetworkRecord) -> Result<Vec<String>, FileError> {
    if !nix::unistd::geteuid().is_root() {
        // Rootless Podman has a server in its own namespace, which ends with it.
        return Ok(Vec::new());
    }
    forget_in(Path::new(FOLDER), gone)
}

fn forget_in(folder: &Path, gone: &NetworkRecord) -> Result<Vec<String>, FileError> {
    let mut removed = Vec::new();
    let path = folder.join(&gone.name);
    let Ok(text) = files::read(&path) else {
        return Ok(removed);
    };
    if !serves(&String::from_utf8_lossy(&text), gone.subnet.gateway()) {
        return Ok(removed);
    }
    match std::fs::remove_file(&path) {
        Ok(()) => removed.push(format!("names of network {}", gone.name)),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(removed),
        Err(error) => return Err(FileError::on("remove", &path)(error)),
    }
    let Some((server, process)) = server(folder) else {
        return Ok(removed);
    };
    // It reads its files again, and ends by itself where none is left. SIGTERM would end it, too, and leave its own file.
    let idle = serves_nothing(folder);
    let _ = pidfd_send_signal(&process, Signal::HUP);
    if idle && orphans::ends_within(&process, PATIENCE) {
        removed.push(format!("name server {COMM}, process {server}"));
    }
    Ok(removed)
}

/// Whether the first line, which lists the addresses that are listened on, has the gateway and no other.
fn serves(text: &str, gateway: Ipv4Addr) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let listening = first.split(' ').next().unwrap_or_default();
    listening == gateway.to_string()
}

/// Whether no network has names.
fn serves_nothing(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().all(|entry| entry.file_name() == PID_FILE))
}

/// The server's process; none where it has ended, and its id may be somebody else's.
fn server(folder: &Path) -> Option<(i32, std::os::fd::OwnedFd)> {
    let pid = std::fs::read_to_string(folder.join(PID_FILE))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    // Opened before it is looked at: what is seen is what the descriptor stands for.
    let process = orphans::open(pid)?;
    let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let reads_this = command_line
        .split(|byte| *byte == 0)
        .any(|word| word == folder.as_os_str().as_encoded_bytes());
    (comm.trim_end() == COMM && reads_this).then_some((pid, process))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::records::NetworkRecord;
    use super::{PID_FILE, forget_in, serves_nothing};
    use crate::stack::model::Subnet;

    fn gone(name: &str) -> NetworkRecord {
        NetworkRecord {
            name: name.to_owned(),
            id: "1".to_owned(),
            interface: "podman1".to_owned(),
            subnet: Subnet {
                address: Ipv4Addr::new(172, 20, 0, 0),
                prefix: 16,
            },
        }
    }

    #[test]
    fn only_the_networks_own_names_are_forgotten_and_a_foreign_process_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("ours"),
            "172.20.0.1\n3f 172.20.0.10  core-services\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("theirs"), "10.88.0.1\n").unwrap();
        // The id of this test: no name server, or the signal would end it.
        std::fs::write(folder.path().join(PID_FILE), std::process::id().to_string()).unwrap();
        assert_eq!(
            forget_in(folder.path(), &gone("ours")).unwrap(),
            ["names of network ours"]
        );
        assert!(forget_in(folder.path(), &gone("theirs")).unwrap().is_empty());
        assert!(forget_in(folder.path(), &gone("nobody")).unwrap().is_empty());
        assert!(folder.path().join("theirs").exists());
        assert!(!serves_nothing(folder.path()));
        std::fs::remove_file(folder.path().join("theirs")).unwrap();
        assert!(serves_nothing(folder.path()));
        assert!(!serves_nothing(&folder.path().join("no-such-folder")));
    }
}
