//! What runs in the lab, whoever started it, and its cgroups.
//!
//! A process is in the lab when it is in one of the namespaces that the lab pins, or when a process of the lab is its parent or
//! shares its network: a container has namespaces of its own, but conmon, its parent, has the lab's.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Signal, pidfd_send_signal};

use crate::host::system::orphans;

/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(20);

/// Namespaces of the lab, by the inodes that the kernel knows them by.
#[derive(Debug, Clone, Default)]
pub struct Insides {
    pinned: BTreeSet<u64>,
}

/// One process, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    parent: i32,
    mounts: u64,
    network: u64,
}

impl Insides {
    /// The namespaces that these files pin.
    #[must_use]
    pub fn of(pins: &[&PathBuf]) -> Self {
        Self {
            pinned: pins.iter().filter_map(|pin| inode(pin)).collect(),
        }
    }

    /// The processes in them, children before their parents: a stop in the middle leaves those by which the rest is found.
    fn processes(&self) -> Vec<i32> {
        if self.pinned.is_empty() {
            return Vec::new();
        }
        let here = ["/proc/self/ns/net", "/proc/1/ns/net"].map(|path| inode(Path::new(path)));
        let own = i32::try_from(std::process::id()).unwrap_or_default();
        select(&running(), &self.pinned, &here.into_iter().flatten().collect(), own)
    }
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| metadata.ino())
}

/// Which of these are in the lab. `outside` are networks that are certainly not the lab's: this program's own and the host's.
fn select(all: &BTreeMap<i32, Process>, pinned: &BTreeSet<u64>, outside: &BTreeSet<u64>, own: i32) -> Vec<i32> {
    let mut networks: BTreeSet<u64> = pinned.difference(outside).copied().collect();
    let mut inside: Vec<i32> = Vec::new();
    loop {
        let more: Vec<i32> = all
            .iter()
            .filter(|(pid, process)| {
                **pid != own
                    && **pid != 1
                    && !inside.contains(pid)
                    && (pinned.contains(&process.mounts)
                        || networks.contains(&process.network)
                        || inside.contains(&process.parent))
            })
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            inside.reverse();
            return inside;
        }
        networks.extend(
            more.iter()
                .map(|pid| all[pid].network)
                .filter(|network| !outside.contains(network)),
        );
        inside.extend(more);
    }
}

fn running() -> BTreeMap<i32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // Behind the name, which can hold anything: state, parent.
            let parent = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()?;
            let process = Process {
                parent,
                mounts: inode(&entry.path().join("ns/mnt"))?,
                network: inode(&entry.path().join("ns/net"))?,
            };
            Some((pid, process))
        })
        .collect()
}

/// Processes of the lab that do not go away, by their ids; the words stand in front of "still there".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("processes {0:?} of the lab are")]
pub struct Remaining(Vec<i32>);

/// Kills them all, and waits until they are gone; returns how many there were.
///
/// # Errors
/// With what is still there.
pub fn kill(insides: &Insides) -> Result<usize, Remaining> {
    let until = Instant::now() + PATIENCE;
    let mut killed = BTreeSet::new();
    loop {
        let processes = insides.processes();
        if processes.is_empty() {
            return Ok(killed.len());
        }
        if Instant::now() >= until {
            return Err(Remaining(processes));
        }
        let open: Vec<(i32, OwnedFd)> = processes
            .iter()
            .filter_map(|pid| Some((*pid, orphans::open(*pid)?)))
            .collect();
        // A process id may have become another's before it was opened.
        let still = insides.processes();
        for (pid, process) in open.iter().filter(|(pid, _)| still.contains(pid)) {
            // It may have ended meanwhile.
            let _ = pidfd_send_signal(process, Signal::KILL);
            killed.insert(*pid);
        }
        for (_, process) in open.iter().filter(|(pid, _)| still.contains(pid)) {
            orphans::ends_within(process, until.saturating_duration_since(Instant::now()));
        }
    }
}

/// Removes the cgroups of containers that a storage knows: who was killed cannot do it. Only empty ones can be removed at all.
pub fn remove_cgroups(storages: &[PathBuf]) {
    let ids: Vec<String> = storages
        .iter()
        .filter_map(|storage| std::fs::read_dir(storage.join("overlay-containers")).ok())
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.len() == 64)
        .collect();
    if ids.is_empty() {
        return;
    }
    for root in folders(Path::new("/sys/fs/cgroup")) {
        for pod in folders(&root.join("libpod_parent")) {
            let ours = |path: &Path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                ids.iter().any(|id| name.contains(id.as_str()))
            };
            let containers = folders(&pod);
            if ours(&pod) || containers.iter().any(|path| ours(path)) {
                for path in containers.iter().chain([&pod]) {
                    let _ = std::fs::remove_dir(path);
                }
            }
        }
    }
}

fn folders(path: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Process, select};

    fn process(parent: i32, mounts: u64, network: u64) -> Process {
        Process {
            parent,
            mounts,
            network,
        }
    }

    // The host has mounts 1 and network 2, the lab mounts 11 and network 12, a pod network 13.
    const PINNED: [u64; 2] = [11, 12];
    const OUTSIDE: [u64; 1] = [2];

    #[test]
    fn containers_are_found_by_their_parents_and_their_network() {
        let all = [
            (1, process(0, 1, 2)),
            (50, process(1, 1, 2)),
            (100, process(1, 11, 12)),
            (101, process(100, 21, 13)),
            (102, process(101, 22, 13)),
            // Its conmon was killed before it.
            (103, process(1, 23, 13)),
            (200, process(1, 31, 32)),
        ];
        let found = select(&all.into(), &PINNED.into(), &OUTSIDE.into(), 50);
        assert_eq!(found.len(), 4);
        assert_eq!(found.last(), Some(&100), "conmon goes last");
        for pid in [100, 101, 102, 103] {
            assert!(found.contains(&pid), "{pid}");
        }
    }

    #[test]
    fn what_only_shares_the_hosts_network_is_left_alone() {
        // `unshare` has the lab's mounts already, and the host's network still.
        let all = [
            (1, process(0, 1, 2)),
            (60, process(1, 1, 2)),
            (61, process(60, 11, 2)),
            (62, process(1, 1, 2)),
        ];
        assert_eq!(select(&all.into(), &PINNED.into(), &OUTSIDE.into(), 60), [61]);
    }
}
