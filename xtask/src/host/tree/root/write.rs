//! Writing below a folder: whatever links others put there, nothing outside it is written, replaced or removed.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::{Kind, TreeError, TreeRoot};
use crate::host::system::files::{self, FileError, Manner};

/// What a link says to be that leads to a name that nothing has.
const DANGLING: TreeError = TreeError::Special("a link to nothing");

impl TreeRoot {
    /// Writes a file, as [`files::write`] does: whole or not at all, with the folders above it. A link on the way, or in its own place, is
    /// followed inside the folder, and stays a link.
    ///
    /// # Errors
    /// When a link leads out of the folder, which the error names; when something else than a regular file is there; when it cannot be
    /// written.
    pub fn write(&self, path: impl AsRef<Path>, bytes: &[u8], executable: bool) -> Result<(), FileError> {
        let path = path.as_ref();
        let manner = Manner::new(executable);
        self.place(path, |_| Ok(manner), bytes)
            .map_err(|error| self.failed("write", path, error))
    }

    /// Writes a file that is there already, which keeps its mode and its owner.
    ///
    /// # Errors
    /// As [`TreeRoot::write`], and when it is not there.
    pub fn rewrite(&self, path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), FileError> {
        let path = path.as_ref();
        let manner = |root: &Self| {
            let there = root.open_file(path)?.file.metadata().map_err(TreeError::System)?;
            Ok(Manner {
                mode: there.mode() & 0o777,
                owner: Some((there.uid(), there.gid())),
                synced: true,
            })
        };
        self.place(path, manner, bytes)
            .map_err(|error| self.failed("write", path, error))
    }

    /// Removes a file, or a link instead of what it leads to.
    ///
    /// # Errors
    /// When a link on the way leads out of the folder, which the error names; when it cannot be removed.
    pub fn remove(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        let remove = || -> Result<(), TreeError> {
            let (parent, name) = split(path)?;
            let folder = self.resolve(parent, OFlags::PATH | OFlags::DIRECTORY)?;
            Ok(rustix::fs::unlinkat(&folder, name, AtFlags::empty())?)
        };
        remove().map_err(|error| self.failed("remove", path, error))
    }

    /// Fails where what is written to that path would get out of the folder. What is not there yet is as good as written.
    ///
    /// # Errors
    /// When a link leads out, which the error names.
    pub fn require_inside(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        match self.leaving_link(path) {
            None => Ok(()),
            Some(_) => Err(self.failed("write", path, TreeError::Leaves)),
        }
    }

    /// An error about a path of the folder. Where a link leads out, it names the link.
    #[must_use]
    pub fn failed(&self, verb: &'static str, path: &Path, error: TreeError) -> FileError {
        let link = matches!(error, TreeError::Leaves)
            .then(|| self.leaving_link(path))
            .flatten();
        let source = match link {
            None => error.into_io(),
            Some(link) => io::Error::other(format!(
                "the link `{}` leads out of `{}`, and nothing outside is touched\n  hint: put the file or folder itself in its place",
                link.display(),
                self.path.display()
            )),
        };
        FileError {
            verb,
            path: self.path.join(path),
            source,
        }
    }

    /// The first link on the way to a path that leads out of the folder.
    fn leaving_link(&self, path: &Path) -> Option<PathBuf> {
        let mut on_the_way = PathBuf::new();
        for component in path.components() {
            on_the_way.push(component);
            if matches!(self.resolve(&on_the_way, OFlags::PATH), Err(Errno::XDEV)) {
                return Some(on_the_way);
            }
        }
        None
    }

    fn place(
        &self,
        path: &Path,
        manner: impl FnOnce(&Self) -> Result<Manner, TreeError>,
        bytes: &[u8],
    ) -> Result<(), TreeError> {
        let manner = manner(self)?;
        let real = match self.real(path) {
            Ok(real) => real,
            Err(TreeError::Missing) if self.link(path).is_ok() => return Err(DANGLING),
            Err(TreeError::Missing) => path.to_owned(),
            Err(error) => return Err(error),
        };
        match self.kind(&real) {
            Ok(Kind::File) | Err(TreeError::Missing) => {}
            Ok(Kind::Folder) => return Err(TreeError::Special("a folder")),
            Ok(Kind::Link) => return Err(TreeError::Special("a link")),
            Ok(Kind::Special(what)) => return Err(TreeError::Special(what)),
            Err(error) => return Err(error),
        }
        let (parent, name) = split(&real)?;
        let folder = self.make_folders(parent)?;
        // The folder itself, wherever its path leads by now; what is renamed there takes the place of a link, and does not follow it.
        let place = Path::new("/proc/self/fd")
            .join(folder.as_raw_fd().to_string())
            .join(name);
        files::place(&place, bytes, &manner).map_err(TreeError::System)
    }

    /// A folder, made where it is missing.
    fn make_folders(&self, path: &Path) -> Result<OwnedFd, TreeError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let mut folder = self.resolve(Path::new("."), flags)?;
        let mut on_the_way = PathBuf::new();
        for component in path.components() {
            on_the_way.push(component);
            folder = match self.resolve(&on_the_way, flags) {
                Err(Errno::NOENT) => {
                    match rustix::fs::mkdirat(&folder, component.as_os_str(), Mode::from_raw_mode(0o777)) {
                        Ok(()) => {}
                        Err(Errno::EXIST) if self.link(&on_the_way).is_ok() => return Err(DANGLING),
                        Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    self.resolve(&on_the_way, flags)?
                }
                found => found?,
            };
        }
        Ok(folder)
    }
}

/// The folder and the name of a path.
fn split(path: &Path) -> Result<(&Path, &std::ffi::OsStr), TreeError> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(TreeError::Missing),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// A folder with links of all kinds beside a folder that is none of its business.
    fn folders() -> (tempfile::TempDir, TreeRoot) {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(outside.path().join("precious"), "precious").unwrap();
        std::fs::write(root.join("a/file"), "old").unwrap();
        let absolute = outside.path().join("precious").display().to_string();
        for (link, target) in [
            ("up", "../precious"),
            ("absolute", &absolute),
            ("new_out", "../new"),
            ("folder_out", ".."),
            ("deep", "a/b/out"),
            ("a/b/out", "../../.."),
            ("in", "a/file"),
            ("folder", "a"),
            ("gone", "a/nothing"),
            ("folder_gone", "nowhere"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        let root = TreeRoot::open(&root).unwrap();
        (outside, root)
    }

    /// Names and texts of all that is outside.
    fn beside(outside: &tempfile::TempDir) -> Vec<(String, String)> {
        let mut all: Vec<_> = std::fs::read_dir(outside.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_name() != "root")
            .map(|entry| {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().to_string_lossy().into_owned(), text)
            })
            .collect();
        all.sort();
        all
    }

    #[test]
    fn nothing_outside_is_written_or_removed_and_the_link_is_named() {
        let (outside, root) = folders();
        let before = beside(&outside);
        for (path, link) in [
            ("up", "up"),
            ("absolute", "absolute"),
            ("new_out", "new_out"),
            ("folder_out/precious", "folder_out"),
            ("folder_out/new", "folder_out"),
            ("folder_out/x/y/z", "folder_out"),
            ("deep/precious", "deep"),
            ("folder/b/out/precious", "folder/b/out"),
        ] {
            let said = root.write(path, b"evil", false).unwrap_err().to_string();
            assert!(
                said.contains(&format!("the link `{link}` leads out of `")),
                "{path}: {said}"
            );
            assert!(root.require_inside(path).is_err(), "{path}");
            assert!(root.rewrite(path, b"evil").is_err(), "{path}");
            if path != link {
                let said = root.remove(path).unwrap_err().to_string();
                assert!(said.contains(&format!("the link `{link}`")), "{path}: {said}");
            }
            assert_eq!(beside(&outside), before, "{path}");
        }
        // What is removed is the link.
        root.remove("up").unwrap();
        assert_eq!(beside(&outside), before);
        assert!(!root.path().join("up").is_symlink());
        assert!(root.write("../precious", b"evil", false).is_err());
        assert!(root.write(outside.path().join("precious"), b"evil", false).is_err());
        assert_eq!(beside(&outside), before);
    }

    #[test]
    fn links_inside_are_written_through_and_stay() {
        let (_outside, root) = folders();
        let at = |path: &str| root.path().join(path);
        root.write("in", b"new", true).unwrap();
        assert!(at("in").is_symlink());
        assert_eq!(std::fs::read(at("a/file")).unwrap(), b"new");
        assert_eq!(at("a/file").metadata().unwrap().permissions().mode() & 0o777, 0o755);
        root.write("folder/new/deep", b"1", false).unwrap();
        assert_eq!(std::fs::read(at("a/new/deep")).unwrap(), b"1");
        root.require_inside("folder/not/there/yet").unwrap();
        let names: Vec<_> = root.list("a").unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["b", "file", "new"], "nothing is left beside");
        root.remove("folder/new/deep").unwrap();
        assert!(!at("a/new/deep").exists());
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let (_outside, root) = folders();
        for path in ["a", "folder", "gone", "folder_gone/x", "a/file/x"] {
            let said = root.write(path, b"x", false).unwrap_err().to_string();
            assert!(said.starts_with("cannot write `"), "{said}");
        }
        assert!(
            root.write("gone", b"x", false)
                .unwrap_err()
                .to_string()
                .contains("a link to nothing")
        );
    }

    #[test]
    fn what_is_rewritten_keeps_its_mode() {
        let (_outside, root) = folders();
        let path = root.path().join("a/file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        root.rewrite("in", b"new").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert!(root.rewrite("not there", b"x").is_err());
    }
}
