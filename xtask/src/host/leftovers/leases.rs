//! Addresses that a killed Podman keeps: it writes down who has which before it makes a container's network, and an address that
//! it was killed over stays that container's for good, even when the container and the network are gone. The next container that
//! wants it is refused.
//!
//! Podman (`libnetwork/netavark/ipam.go` of containers/common) keeps them in a bbolt database below `/run`: in a bucket of the
//! network's name, one bucket per subnet with a container's id for each address, and one, `ids`, with the addresses of each
//! container as JSON. It opens the file for each change, under an exclusive `flock`, so whoever holds that lock may change it.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::podman::{Podman, PodmanError, belongs_to};
use super::bolt::{Damaged, Database};
use crate::host::system::process;
use crate::stack::Stack;

/// The bucket of a network that has the addresses of each container.
const BY_CONTAINER: &[u8] = b"ids";
/// A file of more bytes is not read: one with an address for each host of a `/16` is shorter.
const LONGEST: u64 = 64 * 1024 * 1024;
/// How long to wait for a Podman that has the file, which takes it for milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the file is asked for again.
const GLANCE: Duration = Duration::from_millis(10);
/// Digits of a container's id.
const ID: usize = 64;

/// An address that Podman has given away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// The network.
    pub network: String,
    /// The address.
    pub address: Ipv4Addr,
    /// Id of the container that has it.
    pub container: String,
}

impl Lease {
    /// What is said of it.
    #[must_use]
    pub fn describe(&self) -> String {
        let id = self.container.get(..12).unwrap_or(&self.container);
        format!(
            "address {} of the network {}, kept for the container {id}, which is gone",
            self.address, self.network
        )
    }
}

/// Gives back what containers have in a stack's networks that Podman does not know any more, and returns what it was. A
/// container is known before it has an address, so one that has an address and is not known is gone. A network of that name that is
/// not the stack's keeps all. Where the file cannot be read nothing is given back, and the next boot says which address is missing.
///
/// # Errors
/// When Podman cannot list its containers or networks.
pub fn give_back(podman: &Podman, stack: &Stack) -> Result<Vec<Lease>, PodmanError> {
    if !podman.is_of_this_host() {
        return Ok(Vec::new());
    }
    let networks: Vec<&str> = stack.machines.iter().map(|machine| machine.network.as_str()).collect();
    let mut leases = change(|database| read(database, &networks)).unwrap_or_default();
    if leases.is_empty() {
        return Ok(leases);
    }
    let known: BTreeSet<String> = podman
        .dated_containers()?
        .into_iter()
        .map(|container| container.id)
        .collect();
    leases.retain(|lease| !known.contains(&lease.container));
    if leases.is_empty() {
        return Ok(leases);
    }
    for network in podman.networks()? {
        if !belongs_to(network.labels.as_ref(), &stack.name) {
            leases.retain(|lease| lease.network != network.name);
        }
    }
    Ok(change(|database| remove(database, &leases)).unwrap_or_default())
}

/// All that containers have in these networks.
///
/// # Errors
/// Where the file is damaged.
pub fn read(database: &mut Database<'_>, networks: &[&str]) -> Result<Vec<Lease>, Damaged> {
    let mut leases = Vec::new();
    for network in networks {
        for subnet in database.buckets(&[network.as_bytes()])? {
            if subnet == BY_CONTAINER {
                continue;
            }
            for (address, container) in database.entries(&[network.as_bytes(), &subnet])? {
                let address: Result<[u8; 4], _> = address.try_into();
                let container = String::from_utf8(container).ok().filter(|id| is_id(id));
                // Another key is the address that was given away last.
                if let (Ok(address), Some(container)) = (address, container) {
                    leases.push(Lease {
                        network: (*network).to_owned(),
                        address: address.into(),
                        container,
                    });
                }
            }
        }
    }
    Ok(leases)
}

/// Takes leases out, and returns those that were still there.
///
/// # Errors
/// Where the file is damaged.
pub fn remove(database: &mut Database<'_>, leases: &[Lease]) -> Result<Vec<Lease>, Damaged> {
    let mut removed = Vec::new();
    for lease in leases {
        let network = lease.network.as_bytes();
        let mut was_there = false;
        for subnet in database.buckets(&[network])? {
            let path = [network, &subnet];
            if subnet == BY_CONTAINER {
                for (container, addresses) in database.entries(&path)? {
                    if container == lease.container.as_bytes() {
                        database.remove(&path, &container, &addresses)?;
                    }
                }
            } else {
                was_there |= database.remove(&path, &lease.address.octets(), lease.container.as_bytes())?;
            }
        }
        if was_there {
            removed.push(lease.clone());
        }
    }
    Ok(removed)
}

fn is_id(text: &str) -> bool {
    text.len() == ID && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Does something with the database while nobody else has it, and writes the pages that it changed. None where there is no
/// database, or it is not ours to change.
fn change<T>(with: impl FnOnce(&mut Database<'_>) -> Result<T, Damaged>) -> Option<T> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK).bits())
        .open(path()?)
        .ok()?;
    let there = file.metadata().ok()?;
    if !there.is_file() || there.uid() != nix::unistd::geteuid().as_raw() || !locked(&file) {
        return None;
    }
    let mut before = Vec::new();
    (&file).take(LONGEST).read_to_end(&mut before).ok()?;
    let mut after = before.clone();
    let result = with(&mut Database::of(&mut after).ok()?).ok()?;
    write_changes(&file, &before, &after).ok()?;
    Some(result)
}

/// Writes from the first byte that differs to the last.
fn write_changes(file: &File, before: &[u8], after: &[u8]) -> io::Result<()> {
    let differs = |at: &usize| before[*at] != after[*at];
    let Some(first) = (0..after.len()).find(differs) else {
        return Ok(());
    };
    let last = (first..after.len()).rev().find(differs).unwrap_or(first);
    file.write_all_at(&after[first..=last], first as u64)
}

fn locked(file: &File) -> bool {
    let end = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return true,
            Err(TryLockError::WouldBlock) if Instant::now() < end && !process::interrupted() => {
                std::thread::sleep(GLANCE);
            }
            Err(_) => return false,
        }
    }
}

/// Where this user's Podman keeps it.
fn path() -> Option<PathBuf> {
    let run = if nix::unistd::geteuid().is_root() {
        PathBuf::from("/run")
    } else {
        PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?)
    };
    Some(run.join("containers/networks/ipam.db"))
}

#[cfg(test)]
mod tests {
    use super::super::bolt::Database;
    use super::super::bolt::written::{bucket, database, inline, value};
    use super::{Lease, read, remove};

    fn id(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    fn lease(network: &str, last: u8, digit: char) -> Lease {
        Lease {
            network: network.to_owned(),
            address: [172, 20, 0, last].into(),
            container: id(digit),
        }
    }

    fn sample() -> Vec<u8> {
        let (one, two) = (id('1'), id('2'));
        let subnet = inline(
            b"172.20.0.0/16",
            &[
                value(&[172, 20, 0, 10], one.as_bytes()),
                value(&[172, 20, 0, 11], two.as_bytes()),
                value(b"lastIP", &[172, 20, 0, 9]),
            ],
        );
        let ids = inline(
            b"ids",
            &[
                value(one.as_bytes(), br#"["172.20.0.10"]"#),
                value(two.as_bytes(), br#"["172.20.0.11"]"#),
            ],
        );
        let theirs = inline(
            b"172.20.0.0/16",
            &[
                value(&[172, 20, 0, 10], one.as_bytes()),
                value(&[172, 20, 0, 12], b"buildah-1"),
            ],
        );
        database(
            &[&[bucket(b"ours", 5), inline(b"theirs", &[theirs])]],
            &[&[subnet, ids]],
        )
    }

    #[test]
    fn what_containers_have_is_read_for_each_network() {
        let mut bytes = sample();
        let mut database = Database::of(&mut bytes).unwrap();
        assert_eq!(
            read(&mut database, &["ours", "none"]).unwrap(),
            [lease("ours", 10, '1'), lease("ours", 11, '2')]
        );
        assert_eq!(read(&mut database, &["theirs"]).unwrap(), [lease("theirs", 10, '1')]);
    }

    #[test]
    fn one_container_loses_what_it_has_in_one_network() {
        let mut bytes = sample();
        let mut database = Database::of(&mut bytes).unwrap();
        let stale = [lease("ours", 10, '1')];
        assert_eq!(remove(&mut database, &stale).unwrap(), stale);
        assert_eq!(
            read(&mut database, &["ours", "theirs"]).unwrap(),
            [lease("ours", 11, '2'), lease("theirs", 10, '1')]
        );
        let left = database.entries(&[b"ours", b"ids"]).unwrap();
        assert_eq!(left, [(id('2').into_bytes(), br#"["172.20.0.11"]"#.to_vec())]);
        assert_eq!(remove(&mut database, &stale).unwrap(), []);
        // Another container has the address by now.
        assert_eq!(remove(&mut database, &[lease("ours", 11, '3')]).unwrap(), []);
    }
}
