//! Asks Podman whose things on a host are, remembers what was taken over, and looks at who owns the files of volumes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::boot::ownership::{Kind, Ownership, Thing, sort};
use crate::host::podman::{CHECKOUT_LABEL, Podman, PodmanError, STACK_LABEL, Volume};
use crate::host::system::files::{self, FileError};
use crate::host::system::process::{ProcessError, Program};
use crate::host::system::repository::Repository;
use crate::host::tree::root::TreeRoot;
use crate::host::tree::walk;
use crate::stack::Stack;

/// Entries of a volume that are looked at: a volume with models may have millions.
pub(super) const MOST_ENTRIES: usize = 20_000;

/// How long changing the owner of a volume's files may take.
const CHOWN_LIMIT: Duration = Duration::from_secs(600);

/// What a host has that carries the label with a stack's name, sorted by whose it is.
///
/// # Errors
/// When Podman cannot be asked.
pub fn look(podman: &Podman, stack: &Stack, repository: &Repository) -> Result<Ownership, PodmanError> {
    let things = std::thread::scope(|scope| {
        let pods = scope.spawn(|| podman.labelled_pods());
        let containers = scope.spawn(|| podman.labelled_containers());
        let volumes = scope.spawn(|| podman.volumes());
        let networks = scope.spawn(|| podman.networks());
        let mut things: Vec<Thing> = Vec::new();
        let mut in_pods = BTreeSet::new();
        for pod in join(pods)? {
            in_pods.insert(pod.name.clone());
            things.extend(thing(Kind::Pod, &pod.name, pod.labels.as_ref()));
        }
        for container in join(containers)? {
            // A pod speaks for its containers, whose name is that of the group.
            if in_pods.contains(&format!("{}-pod", container.name())) {
                continue;
            }
            things.extend(thing(Kind::Container, container.name(), container.labels.as_ref()));
        }
        for network in join(networks)? {
            things.extend(thing(Kind::Network, &network.name, network.labels.as_ref()));
        }
        for volume in join(volumes)? {
            things.extend(thing(Kind::Volume, &volume.name, volume.labels.as_ref()));
        }
        Ok::<_, PodmanError>(things)
    })?;
    let taken = taken_over(repository);
    let ownership = sort(stack, things.iter().cloned(), &taken);
    if ownership.stranded.iter().all(|thing| thing.stack == stack.name) {
        return Ok(ownership);
    }
    // Podman takes long to list images, and only those of a former name are wanted.
    let mut things = things;
    for image in podman.images()? {
        for name in image.names.iter().flatten() {
            things.extend(thing(Kind::Image, name, image.labels.as_ref()));
        }
    }
    Ok(sort(stack, things, &taken))
}

/// The result of a thread; its panic is ours.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn thing(kind: Kind, name: &str, labels: Option<&BTreeMap<String, String>>) -> Option<Thing> {
    let labels = labels?;
    // Containers of checks and of builds come and go.
    if labels.contains_key(crate::host::podman::ROLE_LABEL) {
        return None;
    }
    Some(Thing {
        kind,
        name: name.to_owned(),
        stack: labels.get(STACK_LABEL)?.clone(),
        checkout: labels.get(CHECKOUT_LABEL).cloned(),
    })
}

/// The file with the checkouts whose networks and volumes this one took over.
fn record(repository: &Repository) -> PathBuf {
    repository.work().join("taken-over")
}

fn taken_over(repository: &Repository) -> BTreeSet<String> {
    let text = files::read_text(&record(repository)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Remembers that the networks and volumes of these checkouts are this one's from now on.
///
/// # Errors
/// When that cannot be written.
pub fn take_over(repository: &Repository, ownership: &Ownership) -> Result<(), FileError> {
    let mut taken = taken_over(repository);
    taken.extend(ownership.others.keys().cloned());
    let lines: String = taken.iter().flat_map(|checkout| [checkout.as_str(), "\n"]).collect();
    repository.make_work()?;
    files::write(&record(repository), lines.as_bytes(), false)
}

/// A volume whose files belong to another user than the agents will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misowned {
    /// The volume.
    pub volume: String,
    /// Its folder on this host.
    pub folder: PathBuf,
    /// The first that belongs to somebody else.
    pub path: PathBuf,
    /// Whom, as this host counts users.
    pub owner: u32,
    /// Who it is to be, as this host counts them.
    pub wanted: u32,
    /// Whether it is as Podman makes one, and nothing is in it.
    pub is_new: bool,
}

/// Whether nothing is in a volume's folder and it belongs to who runs Podman: made, and given to nobody yet. Podman forgets to do that
/// when it is interrupted between writing down that it did and doing it.
pub(super) fn is_new(folder: &Path, root: &TreeRoot) -> bool {
    let own = |file: std::fs::Metadata| file.uid() == nix::unistd::geteuid().as_raw();
    folder.metadata().is_ok_and(own) && root.list("").is_ok_and(|entries| entries.is_empty())
}

/// Volumes of these whose files agents cannot write. One that no container had yet is given to them by Podman. Files of root among
/// those of the agents were put there on purpose. `former` are users that agents had before: what they wrote counts in a volume that
/// everybody may write, too.
#[must_use]
pub fn misowned(volumes: &[&Volume], wanted: u32, former: &BTreeSet<u32>) -> Vec<Misowned> {
    volumes
        .iter()
        .filter_map(|volume| misowned_one(volume, wanted, former))
        .collect()
}

fn misowned_one(volume: &Volume, wanted: u32, former: &BTreeSet<u32>) -> Option<Misowned> {
    let folder = volume.mountpoint.clone().filter(|folder| folder.is_dir())?;
    let top = folder.metadata().ok()?;
    // What is in it was written by agents.
    let root = TreeRoot::open(&folder).ok()?;
    let of = |path: &Path, owner: u32| Misowned {
        volume: volume.name.clone(),
        folder: folder.clone(),
        path: path.to_owned(),
        owner,
        wanted,
        is_new: is_new(&folder, &root),
    };
    if volume.needs_chown && root.list("").is_ok_and(|entries| entries.is_empty()) {
        return None;
    }
    let everybody = top.mode() & 0o002 != 0;
    if top.uid() != wanted && !everybody {
        return Some(of(&folder, top.uid()));
    }
    let paths = RefCell::new(Vec::new());
    let note = |path: &str| {
        let mut paths = paths.borrow_mut();
        paths.push(folder.join(path));
        paths.len() < MOST_ENTRIES
    };
    walk::walk(&root, &note, &note);
    paths.into_inner().into_iter().find_map(|path| {
        let owner = path.symlink_metadata().ok()?.uid();
        (owner != wanted && owner != 0 && (!everybody || former.contains(&owner))).then(|| of(&path, owner))
    })
}

/// The number that a user of a container has on this host: the same for root's Podman, one of the user's range for another's.
///
/// # Errors
/// When Podman does not say how it maps users.
pub fn on_host(podman: &Podman, uid: u32) -> Result<u32, ProcessError> {
    if nix::unistd::geteuid().is_root() {
        return Ok(uid);
    }
    let map = podman.command().args(["unshare", "cat", "/proc/self/uid_map"]).read()?;
    Ok(mapped(&map, uid).unwrap_or(uid))
}

/// The host's number of a user by a `uid_map`: inside, outside, how many.
pub(super) fn mapped(map: &str, uid: u32) -> Option<u32> {
    map.lines().find_map(|line| {
        let numbers: Vec<u32> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [inside, outside, count] = numbers[..] else {
            return None;
        };
        let offset = uid.checked_sub(inside).filter(|offset| *offset < count)?;
        outside.checked_add(offset)
    })
}

/// Gives the files of a volume to the agents.
///
/// # Errors
/// When it cannot be done.
pub fn give(podman: &Podman, volume: &Misowned, uid: u32) -> Result<(), ProcessError> {
    let arguments = ["--recursive", "--no-dereference"];
    let chown = if nix::unistd::geteuid().is_root() {
        Program::new("chown").args(arguments)
    } else {
        podman.command().args(["unshare", "chown"]).args(arguments)
    };
    let chown = chown.arg(format!("{uid}:{uid}")).arg("--").arg(&volume.folder);
    chown.limit(CHOWN_LIMIT).read().map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{mapped, misowned};
    use crate::host::podman::Volume;

    fn volume(folder: &std::path::Path, needs_chown: bool) -> Volume {
        Volume {
            name: "v".to_owned(),
            labels: None,
            mountpoint: Some(folder.to_owned()),
            needs_chown,
        }
    }

    #[test]
    fn files_of_another_user_are_found() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().metadata().unwrap().uid();
        // One that no container had yet is Podman's to give away.
        let none = BTreeSet::new();
        assert!(misowned(&[&volume(folder.path(), true)], own + 7, &none).is_empty());
        // Podman was interrupted over it.
        let forgotten = &misowned(&[&volume(folder.path(), false)], own + 7, &none)[0];
        assert!(forgotten.owner == own && forgotten.is_new);
        std::fs::write(folder.path().join("x"), "").unwrap();
        assert_eq!(
            misowned(&[&volume(folder.path(), true)], own + 7, &none)[0].wanted,
            own + 7
        );
        assert!(!misowned(&[&volume(folder.path(), false)], own + 7, &none)[0].is_new);
        assert!(misowned(&[&volume(folder.path(), false)], own, &none).is_empty());
    }

    #[test]
    fn users_are_mapped() {
        let map = "         0       1000          1\n         1     100000      65536\n";
        assert_eq!(mapped(map, 0), Some(1000));
        assert_eq!(mapped(map, 10001), Some(110_000));
        assert_eq!(mapped(map, 99_999), None);
    }
}
