//! Places that a user names on the command line, for something to be written. Elsewhere their links are followed, as every program does;
//! below a folder whose files others wrote, a link of theirs must not lead out of it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use super::root::TreeRoot;
use crate::host::system::files::FileError;

/// Fails where a path lies below one of these folders, and a link on the way, or in its own place, leads out of that folder.
///
/// # Errors
/// When a link leads out, which the error names.
pub fn require<'a>(path: &Path, folders: impl IntoIterator<Item = &'a Path>) -> Result<(), FileError> {
    let path = normal(&std::path::absolute(path).map_err(FileError::on("find", path))?);
    for folder in folders {
        let Ok(root) = TreeRoot::open(folder) else { continue };
        let Ok(identity) = root.identity() else { continue };
        // By what they are, not by their names: the folder may be reached in more ways than one.
        let is_root = |above: &&Path| {
            above
                .metadata()
                .is_ok_and(|found| (found.dev(), found.ino()) == identity)
        };
        for above in path.ancestors().skip(1).filter(is_root) {
            if let Ok(rest) = path.strip_prefix(above) {
                root.require_inside(rest)?;
            }
        }
    }
    Ok(())
}

/// A file is to be written into a folder that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot write `{}`: there is no folder `{}`\n  hint: create it, or correct the path",
    .path.display(),
    .folder.display()
)]
pub struct NoFolder {
    path: PathBuf,
    folder: PathBuf,
}

/// Fails where a file is to be written into a folder that is not there: a name that is mistyped makes no folder.
///
/// # Errors
/// When it is not there.
pub fn require_folder(path: &Path) -> Result<(), NoFolder> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(NoFolder {
            path: path.to_owned(),
            folder: folder.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The path without `..`, each of which takes back the name before it.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::require;

    #[test]
    fn only_links_below_the_folders_are_looked_at() {
        let outside = tempfile::tempdir().unwrap();
        let tree = outside.path().join("repository/tree");
        std::fs::create_dir_all(&tree).unwrap();
        symlink("/etc", tree.join("out")).unwrap();
        symlink("..", tree.join("up")).unwrap();
        symlink("/etc/passwd", tree.join("file")).unwrap();
        symlink("repository", outside.path().join("by_link")).unwrap();
        symlink("/etc", outside.path().join("mine")).unwrap();
        let repository = outside.path().join("repository");
        let refused = |path: &str| require(&outside.path().join(path), [repository.as_path(), tree.as_path()]).is_err();
        for path in [
            "repository/tree/out/x",
            "repository/tree/file",
            "repository/tree/up/x",
            "by_link/tree/out/x/y",
            "repository/tree/deep/../out/x",
        ] {
            assert!(refused(path), "{path}");
        }
        for path in [
            "repository/tree/x",
            "repository/tree/not/there/x",
            "repository/x",
            "repository/tree/out/../x",
            "mine/x",
            "x",
        ] {
            assert!(!refused(path), "{path}");
        }
        assert!(require(Path::new("x"), [repository.as_path()]).is_ok());
    }
}
