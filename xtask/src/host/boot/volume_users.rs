//! Volumes of groups that run as users of their own: whether each group can make files there that no other can touch.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ownership::{MOST_ENTRIES, is_new, mapped};
use crate::host::podman::{Podman, Volume};
use crate::host::system::process::{ProcessError, Program};
use crate::host::tree::root::TreeRoot;
use crate::host::tree::walk;

/// How long a change of the files of a volume may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Permissions of a folder in which everybody makes files, and nobody touches another's.
const MEETING: u32 = 0o1777;

/// Who may own what, as this host counts users.
#[derive(Debug, Clone)]
pub struct Users {
    base: u32,
    group: u32,
    own: BTreeSet<u32>,
}

impl Users {
    /// `base` is the user of the images, and the group of all; `own` are the users of the groups.
    ///
    /// # Errors
    /// When Podman does not say how it maps users.
    pub fn on_host(podman: &Podman, base: u32, own: impl IntoIterator<Item = u32>) -> Result<Self, ProcessError> {
        if nix::unistd::geteuid().is_root() {
            let own = own.into_iter().collect();
            return Ok(Self { base, group: base, own });
        }
        let map = |file| podman.command().args(["unshare", "cat", file]).read();
        let (users, groups) = (map("/proc/self/uid_map")?, map("/proc/self/gid_map")?);
        let user = |uid| mapped(&users, uid).unwrap_or(uid);
        Ok(Self {
            base: user(base),
            group: mapped(&groups, base).unwrap_or(base),
            own: own.into_iter().map(user).collect(),
        })
    }

    /// Whether a file may stay as it is: a group's, root's, or one that all groups may write.
    fn fits(&self, file: &Metadata) -> bool {
        let for_all =
            file.uid() == self.base && file.gid() == self.group && (file.is_symlink() || file.mode() & 0o020 != 0);
        file.uid() == 0 || self.own.contains(&file.uid()) || for_all
    }
}

/// A volume that groups with users of their own cannot have as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The volume.
    pub volume: String,
    /// Its folder on this host.
    pub folder: PathBuf,
    /// Folders below it in which all groups meet.
    pub shared: Vec<String>,
    /// What is wrong first, in words.
    pub why: String,
    /// Whether something stands where groups are to meet that is no folder, and that somebody has to look at.
    pub by_hand: bool,
    /// Whether it is as Podman makes one, and nothing is in it.
    pub is_new: bool,
}

/// What keeps a volume from groups with users of their own. `shared` are folders below it in which they meet. One that no container
/// had yet is made by Podman as the image has it.
#[must_use]
pub fn unfit(volume: &Volume, shared: &[String], users: &Users) -> Option<Unfit> {
    let folder = volume.mountpoint.clone().filter(|folder| folder.is_dir())?;
    let root = TreeRoot::open(&folder).ok()?;
    if volume.needs_chown && root.list("").is_ok_and(|entries| entries.is_empty()) {
        return None;
    }
    let obstacle = shared.iter().find_map(|path| obstacle(&folder, path));
    let by_hand = obstacle.is_some();
    let obstacle = obstacle.map(|path| format!("{} is no folder", quoted(&path)));
    let why = obstacle
        .or_else(|| {
            let places = meeting_places(&folder, shared);
            places.iter().find_map(|place| unfit_place(place, users))
        })
        .or_else(|| {
            let (path, file) = contents(&folder, &root, shared)
                .into_iter()
                .find(|(_, file)| !users.fits(file))?;
            Some(format!(
                "{} belongs to user {}, which is no group's",
                quoted(&path),
                file.uid()
            ))
        })?;
    Some(Unfit {
        volume: volume.name.clone(),
        is_new: is_new(&folder, &root),
        folder,
        shared: shared.to_vec(),
        why,
        by_hand,
    })
}

/// What stands on the way to a folder and is none, such as a link, which may lead out of the volume.
fn obstacle(folder: &Path, path: &str) -> Option<PathBuf> {
    let mut place = folder.to_owned();
    path.split('/').find_map(|name| {
        place.push(name);
        let found = place.symlink_metadata().ok()?;
        (!found.is_dir()).then(|| place.clone())
    })
}

fn meeting_places(folder: &Path, shared: &[String]) -> Vec<PathBuf> {
    let below = shared.iter().map(|path| folder.join(path));
    std::iter::once(folder.to_owned()).chain(below).collect()
}

fn unfit_place(place: &Path, users: &Users) -> Option<String> {
    let Ok(found) = place.symlink_metadata() else {
        return Some(format!("{} is not there", quoted(place)));
    };
    let mode = found.mode() & 0o7777;
    if mode & MEETING != MEETING {
        Some(format!("{} has mode {mode:04o}, and not {MEETING:04o}", quoted(place)))
    } else if ![0, users.base].contains(&found.uid()) {
        Some(format!(
            "{} belongs to user {}, and not to {}",
            quoted(place),
            found.uid(),
            users.base
        ))
    } else {
        None
    }
}

/// What is in a volume, but for the folders in which groups meet.
fn contents(folder: &Path, root: &TreeRoot, shared: &[String]) -> Vec<(PathBuf, Metadata)> {
    let paths = RefCell::new(Vec::new());
    let note = |path: &str| {
        let mut paths = paths.borrow_mut();
        paths.push(path.to_owned());
        paths.len() < MOST_ENTRIES
    };
    walk::walk(root, &note, &note);
    let found = paths.into_inner().into_iter();
    found
        // Also what is above such a folder.
        .filter(|path| {
            !shared
                .iter()
                .any(|meeting| format!("{meeting}/").starts_with(&format!("{path}/")))
        })
        .filter_map(|path| {
            let path = folder.join(path);
            path.symlink_metadata().ok().map(|file| (path, file))
        })
        .collect()
}

fn quoted(path: &Path) -> String {
    format!("`{}`", path.display().to_string().escape_debug())
}

/// Makes a volume fit, while nothing runs that has it. What is called as one of `names` goes to the user behind it, and what else is no
/// group's to all groups: it belongs to `base`, as before, and its group may write it. Nothing is removed.
///
/// # Errors
/// When it cannot be done.
pub fn fit(
    podman: &Podman,
    unfit: &Unfit,
    base: u32,
    names: &BTreeMap<String, u32>,
    users: &Users,
) -> Result<(), ProcessError> {
    let run = |program: &str, arguments: &[&str], path: &Path| {
        let command = if nix::unistd::geteuid().is_root() {
            Program::new(program)
        } else {
            podman.command().args(["unshare", program])
        };
        let command = command.args(arguments.iter().copied()).arg("--").arg(path);
        command.limit(LIMIT).read().map(drop)
    };
    let owner = format!("{base}:{base}");
    let give = |owner: &str, path: &Path| run("chown", &["--recursive", "--no-dereference", owner], path);
    let places = meeting_places(&unfit.folder, &unfit.shared);
    for place in &places {
        if !place.is_dir() {
            run("mkdir", &["--parents"], place)?;
        }
    }
    for place in &places {
        for entry in entries(place) {
            if places.iter().any(|meeting| meeting.starts_with(&entry)) {
                continue;
            }
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let named = names.get(&name).or_else(|| names.get(name.split('.').next()?));
            if !has_misfits(&entry, users) {
                continue;
            }
            match named {
                Some(user) => give(&format!("{user}:{base}"), &entry)?,
                None => {
                    give(&owner, &entry)?;
                    if !entry.is_symlink() {
                        run("chmod", &["--recursive", "g+rwX"], &entry)?;
                    }
                }
            }
        }
    }
    for place in &places {
        run("chown", &["--no-dereference", &owner], place)?;
        run("chmod", &["1777"], place)?;
    }
    Ok(())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = TreeRoot::open(folder)
        .and_then(|root| root.list(""))
        .unwrap_or_default();
    found.into_iter().map(|entry| folder.join(entry.name)).collect()
}

/// Whether an entry, or what is in it, cannot stay as it is.
fn has_misfits(entry: &Path, users: &Users) -> bool {
    let fits = |path: &Path| path.symlink_metadata().map_or(true, |file| users.fits(&file));
    if !fits(entry) {
        return true;
    }
    let folder = entry.symlink_metadata().is_ok_and(|file| file.is_dir());
    let Some(root) = TreeRoot::open(entry).ok().filter(|_| folder) else {
        return false;
    };
    contents(entry, &root, &[]).iter().any(|(_, file)| !users.fits(file))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::{Users, unfit};
    use crate::host::podman::Volume;

    #[test]
    fn a_volume_is_looked_at_before_groups_with_users_of_their_own_get_it() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &str, mode: u32| {
            let to = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.path().join(path), to).unwrap();
        };
        let top = folder.path().metadata().unwrap();
        let (own, group) = (top.uid(), top.gid());
        let volume = |needs_chown| Volume {
            name: "v".to_owned(),
            labels: None,
            mountpoint: Some(folder.path().to_owned()),
            needs_chown,
        };
        let users = Users {
            base: own,
            group,
            own: BTreeSet::from([own + 1]),
        };
        let why = |users: &Users| unfit(&volume(false), &["main".to_owned()], users).map(|found| found.why);
        mode("", 0o755);
        // One that no container had yet is Podman's to make.
        assert!(unfit(&volume(true), &[], &users).is_none());
        assert!(why(&users).unwrap().contains("has mode 0755, and not 1777"));
        mode("", 0o1777);
        assert!(why(&users).unwrap().contains("main` is not there"));
        std::fs::create_dir(folder.path().join("main")).unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
        let led = unfit(&volume(false), &["link/x".to_owned()], &users).unwrap();
        assert!(led.by_hand && led.why.contains("link` is no folder"), "{led:?}");
        std::fs::remove_file(folder.path().join("link")).unwrap();
        mode("main", 0o777);
        assert!(why(&users).unwrap().contains("has mode 0777"));
        mode("main", 0o1777);
        assert_eq!(why(&users), None);
        // Of the user that all groups had before: nobody could write it.
        std::fs::write(folder.path().join("main/old"), "").unwrap();
        mode("main/old", 0o644);
        let text = why(&users);
        assert_eq!(text.is_none(), own == 0, "{text:?}");
        mode("main/old", 0o664);
        assert_eq!(why(&users), None);
        // A group that has the top could remove what is in it.
        let group_owns = Users {
            base: own + 7,
            group,
            own: BTreeSet::from([own]),
        };
        let text = why(&group_owns);
        assert_eq!(text.is_none(), own == 0, "{text:?}");
    }
}
