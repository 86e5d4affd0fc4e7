//! Code folders as mounts. A volume below a code folder needs a mount point there, which no container can make in a folder that is mounted
//! read-only: where the tree has none, the folder is put together of its parts instead.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::root::{Kind, TreeError, TreeRoot};

/// Most parts of all folders: each is an argument of Podman and a mount of the kernel.
const MOST: usize = 4096;

/// What is mounted for the code of a machine. Folders of the container are relative to its root folder, which is `""`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Folders and files of the container, each with what it is in the tree, without links.
    pub mounts: BTreeMap<String, PathBuf>,
    /// Folders that are put together: nothing of the tree is mounted there itself.
    pub frames: BTreeSet<String>,
}

/// Takes code folders, each with its path in the tree without links, apart as far as volumes make it necessary, and files in which agents
/// write: of those that a folder holds, something else is put in their place.
///
/// # Errors
/// When a folder cannot be listed, or has too many parts.
pub fn parts(
    tree: &TreeRoot,
    code: BTreeMap<String, PathBuf>,
    volumes: &[String],
    files: &[String],
) -> Result<Parts, TreeError> {
    let mut parts = Parts::default();
    let mut left: Vec<(String, PathBuf)> = code.into_iter().collect();
    while let Some((target, source)) = left.pop() {
        let lacks_a_place = |volume: &String| {
            below(volume, &target).is_some_and(|below| !tree.has_folder(source.join(below)) && tree.has_folder(&source))
        };
        // A file whose folder the tree lacks has no place in it.
        let holds = |file: &String| {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let inside = if folder == target {
                Some("")
            } else {
                below(folder, &target)
            };
            inside.is_some_and(|inside| tree.has_folder(source.join(inside)))
        };
        if !volumes.iter().any(lacks_a_place) && !files.iter().any(holds) {
            parts.mounts.insert(target, source);
            continue;
        }
        for entry in tree.list(&source)? {
            // Podman separates the two paths of a mount, and its options, by colons. No module is called so.
            let Some(name) = entry.name.to_str().filter(|name| !name.contains(':')) else {
                continue;
            };
            let Some(real) = real(tree, &source.join(name), entry.kind) else {
                continue;
            };
            let place = match target.as_str() {
                "" => name.to_owned(),
                target => format!("{target}/{name}"),
            };
            if !volumes.contains(&place) && !files.contains(&place) {
                left.push((place, real));
            }
            if left.len() + parts.mounts.len() > MOST {
                return Err(TreeError::TooMany(MOST));
            }
        }
        parts.frames.insert(target);
    }
    Ok(parts)
}

/// What is left of a path below a folder.
fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    match folder {
        "" => Some(path),
        folder => path.strip_prefix(folder)?.strip_prefix('/'),
    }
}

/// The path without links of an entry that can be mounted: a file or a folder, or a link to one in the tree.
fn real(tree: &TreeRoot, path: &Path, kind: Kind) -> Option<PathBuf> {
    let (real, kind) = match kind {
        Kind::File | Kind::Folder => (path.to_owned(), kind),
        Kind::Link => (tree.real(path).ok()?, tree.kind(path).ok()?),
        Kind::Special(_) => return None,
    };
    let can_be = real.to_str().is_some_and(|path| !path.contains(':'));
    (can_be && matches!(kind, Kind::File | Kind::Folder)).then_some(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &[&str], volumes: &[&str]) -> (Vec<String>, Vec<String>) {
        with(code, volumes, &[])
    }

    fn with(code: &[&str], volumes: &[&str], files: &[&str]) -> (Vec<String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for file in [
            "main/a.py",
            "main/deep/b.py",
            "main/deep/more/c.py",
            "other/d.py",
            "main/logs/x",
        ] {
            std::fs::create_dir_all(path.join(file).parent().unwrap()).unwrap();
            std::fs::write(path.join(file), "").unwrap();
        }
        std::os::unix::fs::symlink("../other", path.join("main/linked")).unwrap();
        std::os::unix::fs::symlink("/etc", path.join("main/out")).unwrap();
        let tree = TreeRoot::open(path).unwrap();
        let code = code
            .iter()
            .map(|code| ((*code).to_owned(), PathBuf::from(code)))
            .collect();
        let volumes: Vec<String> = volumes.iter().map(|volume| (*volume).to_owned()).collect();
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let parts = parts(&tree, code, &volumes, &files).unwrap();
        let mounts = parts.mounts.iter();
        let mounts = mounts.map(|(target, source)| format!("{target}={}", source.display()));
        (mounts.collect(), parts.frames.into_iter().collect())
    }

    #[test]
    fn a_folder_is_mounted_whole_where_every_volume_has_a_place() {
        let (mounts, frames) = of(&["main", "other"], &["logs", "main/logs", "data/x"]);
        assert_eq!(mounts, ["main=main", "other=other"]);
        assert_eq!(frames, [""; 0]);
    }

    #[test]
    fn a_folder_is_put_together_as_deep_as_a_volume_lies() {
        let (mounts, frames) = of(&["main", "other"], &["main/deep/cache", "main/logs"]);
        assert_eq!(
            mounts,
            [
                "main/a.py=main/a.py",
                "main/deep/b.py=main/deep/b.py",
                "main/deep/more=main/deep/more",
                "main/linked=other",
                "other=other"
            ]
        );
        assert_eq!(frames, ["main", "main/deep"]);
    }

    #[test]
    fn a_file_that_agents_write_makes_room_in_its_folder() {
        let (mounts, frames) = with(
            &["main", "other"],
            &[],
            &["main/deep/.lock", "main/deep/b.py", "main/none/x"],
        );
        assert_eq!(
            mounts,
            [
                "main/a.py=main/a.py",
                "main/deep/more=main/deep/more",
                "main/linked=other",
                "main/logs=main/logs",
                "other=other"
            ]
        );
        assert_eq!(frames, ["main", "main/deep"]);
        let (mounts, frames) = with(&["main"], &[], &["x.db", "other/y"]);
        assert_eq!((mounts, frames.len()), (vec!["main=main".to_owned()], 0));
        let (_, frames) = with(&[""], &[], &["x.db"]);
        assert_eq!(frames, [""]);
    }

    #[test]
    fn the_root_itself_can_be_put_together() {
        let (mounts, frames) = of(&[""], &["logs"]);
        assert_eq!(mounts, ["main=main", "other=other"]);
        assert_eq!(frames, [""]);
    }
}
