//! The one way to the files of a tree that somebody else wrote. Every path is resolved below the tree's folder by the kernel,
//! so that no link, however and whenever it is put there, leads out of it; only regular files are opened, without waiting for
//! anybody; and nothing is read beyond a bound.

mod write;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// Longest file that is read whole: nobody writes such sources or configs.
pub const LONGEST_TEXT: u64 = 16 * 1024 * 1024;

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;

/// Longest name of a path that the kernel takes, as Linux has it.
const LONGEST_PATH: usize = 4096;

/// Why nothing of a file was read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// There is nothing.
    #[error("no such file or directory")]
    Missing,
    /// A link on the way leads out of the tree.
    #[error("a link leads out of the tree, and nothing outside it is opened")]
    Leaves,
    /// Links lead back to themselves.
    #[error("its links lead back to themselves")]
    Loop,
    /// It is not a regular file.
    #[error("it is {0}, not a regular file")]
    Special(&'static str),
    /// It is longer than what is read.
    #[error("it has {length} bytes, and at most {most} are read")]
    TooLong {
        /// Its length in bytes.
        length: u64,
        /// Bytes that are read at most.
        most: u64,
    },
    /// It has more parts than can be handled.
    #[error("it has more than {0} parts")]
    TooMany(usize),
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// The system does not let us.
    #[error("{}", crate::system_error::reason(.0))]
    System(io::Error),
}

impl From<Errno> for TreeError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT | Errno::NOTDIR => Self::Missing,
            Errno::XDEV => Self::Leaves,
            Errno::LOOP => Self::Loop,
            other => Self::System(other.into()),
        }
    }
}

impl TreeError {
    /// The same as an error of the system, for a message about a path.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        match self {
            Self::System(error) => error,
            Self::Missing => io::Error::new(io::ErrorKind::NotFound, self.to_string()),
            other => io::Error::other(other.to_string()),
        }
    }
}

/// What a path of the tree leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A link, where links are not followed.
    Link,
    /// A pipe, a socket, a device: what it is, in words.
    Special(&'static str),
}

impl Kind {
    fn of(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::Link,
            FileType::Fifo => Self::Special("a pipe"),
            FileType::Socket => Self::Special("a socket"),
            FileType::CharacterDevice | FileType::BlockDevice => Self::Special("a device"),
            FileType::Unknown => Self::Special("of an unknown kind"),
        }
    }
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: OsString,
    /// What it is; links are not followed.
    pub kind: Kind,
}

/// A regular file of a tree, open.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// Its length in bytes when it was opened.
    pub length: u64,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// A tree's folder. It stays the same folder, whatever is renamed above it meanwhile.
#[derive(Debug)]
pub struct TreeRoot {
    folder: OwnedFd,
    path: PathBuf,
}

impl TreeRoot {
    /// The tree at that path. The path itself is ours: links in it are followed.
    ///
    /// # Errors
    /// When it is not a folder, or cannot be opened.
    pub fn open(path: &Path) -> Result<Self, TreeError> {
        let folder = rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self {
            folder,
            path: path.to_owned(),
        })
    }

    /// The path that it was opened with.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder of the tree as a tree of its own; links inside the tree are followed on the way.
    ///
    /// # Errors
    /// When it is not a folder, or a link leads out of the tree.
    pub fn below(&self, path: impl AsRef<Path>) -> Result<Self, TreeError> {
        let path = path.as_ref();
        let folder = self.resolve(path, OFlags::PATH | OFlags::DIRECTORY)?;
        Ok(Self {
            folder,
            path: self.path.join(path),
        })
    }

    /// Device and inode of the folder: no other has both.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn identity(&self) -> Result<(u64, u64), TreeError> {
        let stat = rustix::fs::fstat(&self.folder)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// Device and inode of what a path without links is.
    ///
    /// # Errors
    /// When it leads to nothing, or has links.
    pub fn identity_of(&self, path: &Path) -> Result<(u64, u64), TreeError> {
        let found = self.resolve_with(path, OFlags::PATH, ResolveFlags::NO_SYMLINKS)?;
        let stat = rustix::fs::fstat(&found)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// The folder's descriptor.
    #[must_use]
    pub fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// What a path leads to, links inside the tree followed.
    ///
    /// # Errors
    /// When it leads to nothing, or out of the tree.
    pub fn kind(&self, path: impl AsRef<Path>) -> Result<Kind, TreeError> {
        let found = self.resolve(path.as_ref(), OFlags::PATH)?;
        Ok(Kind::of(kind_of(&rustix::fs::fstat(&found)?)))
    }

    /// Whether a path leads to anything in the tree.
    #[must_use]
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        self.kind(path).is_ok()
    }

    /// Whether a path leads to a regular file of the tree.
    #[must_use]
    pub fn has_file(&self, path: impl AsRef<Path>) -> bool {
        matches!(self.kind(path), Ok(Kind::File))
    }

    /// Whether a path leads to a folder of the tree.
    #[must_use]
    pub fn has_folder(&self, path: impl AsRef<Path>) -> bool {
        matches!(self.kind(path), Ok(Kind::Folder))
    }

    /// The path without links that a path leads to, relative to the tree.
    ///
    /// # Errors
    /// As [`TreeRoot::kind`].
    pub fn real(&self, path: impl AsRef<Path>) -> Result<PathBuf, TreeError> {
        let found = self.resolve(path.as_ref(), OFlags::PATH)?;
        let (found, root) = (path_of(found.as_fd())?, path_of(self.folder.as_fd())?);
        // Moved out of the tree since it was opened.
        found
            .strip_prefix(&root)
            .map(Path::to_owned)
            .map_err(|_| TreeError::Leaves)
    }

    /// What a link says.
    ///
    /// # Errors
    /// When it is not a link.
    pub fn link(&self, path: impl AsRef<Path>) -> Result<PathBuf, TreeError> {
        let path = path.as_ref();
        let (parent, name) = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) if !parent.as_os_str().is_empty() => (parent, name),
            (_, Some(name)) => (Path::new("."), name),
            (_, None) => return Err(TreeError::Missing),
        };
        let folder = self.resolve(parent, OFlags::PATH | OFlags::DIRECTORY)?;
        let target = rustix::fs::readlinkat(&folder, name, Vec::new())?;
        Ok(PathBuf::from(OsStr::from_bytes(target.to_bytes())))
    }

    /// Opens a regular file. What it is is looked at before it is opened, since opening is enough to set off a device.
    ///
    /// # Errors
    /// When it is something else, or a link leads out of the tree.
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<Opened, TreeError> {
        let path = path.as_ref();
        if let Kind::Special(what) = self.kind(path)? {
            return Err(TreeError::Special(what));
        }
        self.open_listed(path)
    }

    /// The same for what has just been listed as a regular file: one call to the system less.
    ///
    /// # Errors
    /// As [`TreeRoot::open_file`].
    pub fn open_listed(&self, path: impl AsRef<Path>) -> Result<Opened, TreeError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match self.resolve(path.as_ref(), flags) {
            // What opening a socket says.
            Err(Errno::NXIO) => return Err(TreeError::Special("a socket")),
            other => other?,
        };
        regular(file)
    }

    /// The content of a regular file of at most that many bytes.
    ///
    /// # Errors
    /// When it is longer, something else, or a link leads out of the tree.
    pub fn read(&self, path: impl AsRef<Path>, most: u64) -> Result<Vec<u8>, TreeError> {
        self.open_file(path)?.read(most)
    }

    /// The text of a regular file of at most [`LONGEST_TEXT`] bytes.
    ///
    /// # Errors
    /// As [`TreeRoot::read`], and when it is not UTF-8.
    pub fn read_text(&self, path: impl AsRef<Path>) -> Result<String, TreeError> {
        String::from_utf8(self.read(path, LONGEST_TEXT)?).map_err(|_| TreeError::Encoding)
    }

    /// What is in a folder, sorted by name. No link is followed, not even on the way.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn list(&self, path: impl AsRef<Path>) -> Result<Vec<Listed>, TreeError> {
        let path = path.as_ref();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let folder = self.resolve_with(path, flags, ResolveFlags::NO_SYMLINKS)?;
        let mut found = Vec::new();
        let mut entries = rustix::fs::Dir::new(folder)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say.
                FileType::Unknown => {
                    let stat = rustix::fs::statat(entries.fd()?, name, AtFlags::SYMLINK_NOFOLLOW);
                    stat.map_or(FileType::Unknown, |stat| kind_of(&stat))
                }
                known => known,
            };
            found.push(Listed {
                name: name.to_owned(),
                kind: Kind::of(kind),
            });
        }
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.resolve_with(path, flags, ResolveFlags::empty())
    }

    fn resolve_with(&self, path: &Path, flags: OFlags, also: ResolveFlags) -> Result<OwnedFd, Errno> {
        /// Whether this kernel has the call, or a filter around us lets it through.
        static HAS_OPENAT2: AtomicBool = AtomicBool::new(true);
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        if path.as_os_str().len() >= LONGEST_PATH {
            return Err(Errno::NAMETOOLONG);
        }
        let flags = flags | OFlags::CLOEXEC;
        if HAS_OPENAT2.load(Ordering::Relaxed) {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | also;
            match rustix::fs::openat2(&self.folder, path, flags, Mode::empty(), resolve) {
                // Somebody renames on the way; the slow way does not mind.
                Err(Errno::AGAIN) => {}
                Err(Errno::NOSYS | Errno::PERM) => {
                    // Files that may not be opened say the same: only where the tree's own folder cannot be opened so, it is the call.
                    let own = rustix::fs::openat2(&self.folder, ".", OFlags::PATH, Mode::empty(), resolve);
                    if matches!(own, Err(Errno::NOSYS | Errno::PERM)) {
                        HAS_OPENAT2.store(false, Ordering::Relaxed);
                    } else {
                        return Err(Errno::PERM);
                    }
                }
                other => return other,
            }
        }
        step_by_step(
            self.folder.as_fd(),
            path,
            flags,
            also.contains(ResolveFlags::NO_SYMLINKS),
        )
    }
}

impl Opened {
    /// Its content, of at most that many bytes.
    ///
    /// # Errors
    /// When it is longer, or cannot be read.
    pub fn read(self, most: u64) -> Result<Vec<u8>, TreeError> {
        let length = self.length;
        if length > most {
            return Err(TreeError::TooLong { length, most });
        }
        let length = usize::try_from(length).unwrap_or_default();
        let mut bytes = Vec::with_capacity(length);
        // Not until nothing comes: to see that a file has no more is another call for each. What is added meanwhile is not read.
        while bytes.len() < length {
            match rustix::io::read(&self.file, spare_capacity(&mut bytes)) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(length);
        // Files of /proc and the like have no length and something in them.
        if length == 0 {
            let read = (&self.file).take(most.saturating_add(1)).read_to_end(&mut bytes);
            read.map_err(TreeError::System)?;
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if length > most {
                return Err(TreeError::TooLong { length, most });
            }
        }
        Ok(bytes)
    }
}

/// A file of ours at a path of ours, whose links are followed: regular, and opened without waiting for anybody.
///
/// # Errors
/// When it is not a regular file, or cannot be opened.
pub fn open_own(path: &Path) -> Result<Opened, TreeError> {
    let stat = rustix::fs::stat(path)?;
    if let Kind::Special(what) = Kind::of(kind_of(&stat)) {
        return Err(TreeError::Special(what));
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    regular(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

fn regular(file: OwnedFd) -> Result<Opened, TreeError> {
    let stat = rustix::fs::fstat(&file)?;
    match Kind::of(kind_of(&stat)) {
        Kind::File => {}
        Kind::Folder => return Err(TreeError::Special("a folder")),
        Kind::Link => return Err(TreeError::Special("a link")),
        Kind::Special(what) => return Err(TreeError::Special(what)),
    }
    Ok(Opened {
        length: u64::try_from(stat.st_size).unwrap_or_default(),
        executable: stat.st_mode & 0o100 != 0,
        file: file.into(),
    })
}

fn kind_of(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Where an open file is now.
fn path_of(file: BorrowedFd<'_>) -> Result<PathBuf, TreeError> {
    use std::os::fd::AsRawFd as _;
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let path = rustix::fs::readlink(link, Vec::new())?;
    Ok(PathBuf::from(OsStr::from_bytes(path.to_bytes())))
}

/// What the kernel does with `RESOLVE_BENEATH`, for kernels before 5.6: one component after the other, no link followed but by hand.
fn step_by_step(root: BorrowedFd<'_>, path: &Path, flags: OFlags, no_links: bool) -> Result<OwnedFd, Errno> {
    let entry = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folders: Vec<OwnedFd> = Vec::new();
    let mut left: Vec<OsString> = Vec::new();
    push_components(&mut left, path)?;
    let mut links = 0;
    while let Some(name) = left.pop() {
        let here = folders.last().map_or(root, AsFd::as_fd);
        if name == ".." {
            if folders.pop().is_none() {
                return Err(Errno::XDEV);
            }
            continue;
        }
        let found = rustix::fs::openat(here, &name, entry, Mode::empty())?;
        match kind_of(&rustix::fs::fstat(&found)?) {
            FileType::Symlink => {
                links += 1;
                if links > MOST_LINKS || no_links {
                    return Err(Errno::LOOP);
                }
                let target = rustix::fs::readlinkat(&found, "", Vec::new())?;
                push_components(&mut left, Path::new(OsStr::from_bytes(target.to_bytes())))?;
            }
            FileType::Directory => folders.push(found),
            _ if !left.is_empty() || flags.contains(OFlags::DIRECTORY) => return Err(Errno::NOTDIR),
            _ if flags.contains(OFlags::PATH) => return Ok(found),
            // The same name again: if it is a link by now, it is not followed.
            _ => return rustix::fs::openat(here, &name, flags | OFlags::NOFOLLOW, Mode::empty()),
        }
    }
    let here = folders.last().map_or(root, AsFd::as_fd);
    rustix::fs::openat(here, ".", flags, Mode::empty())
}

/// Puts the components of a path on the pile, the first on top.
fn push_components(left: &mut Vec<OsString>, path: &Path) -> Result<(), Errno> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::Prefix(_) => return Err(Errno::XDEV),
            Component::CurDir => {}
            Component::ParentDir => names.push(OsString::from("..")),
            Component::Normal(name) => names.push(name.to_owned()),
        }
    }
    left.extend(names.into_iter().rev());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> (tempfile::TempDir, TreeRoot) {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("tree");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(outside.path().join("secret"), "SECRET").unwrap();
        std::fs::write(root.join("a/file"), "inside").unwrap();
        for (link, target) in [
            ("absolute", "/etc/passwd".to_owned()),
            ("up", "../secret".to_owned()),
            ("folder_out", "..".to_owned()),
            ("self", outside.path().join("tree/a/file").display().to_string()),
            ("chain", "chain2".to_owned()),
            ("chain2", "a/../up".to_owned()),
            ("in", "a/b/../file".to_owned()),
            ("folder", "a".to_owned()),
            ("ring", "ring".to_owned()),
            ("gone", "a/nothing".to_owned()),
            ("magic", "/proc/self/root/etc/passwd".to_owned()),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        rustix::fs::mknodat(CWD, root.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        let root = TreeRoot::open(&root).unwrap();
        (outside, root)
    }

    /// What each path says, by both ways to resolve it.
    #[test]
    fn nothing_is_opened_outside_the_tree_by_either_way() {
        let (_outside, root) = tree();
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        for (path, expected) in [
            ("a/file", Ok(())),
            ("in", Ok(())),
            ("folder/file", Ok(())),
            ("a/../a/file", Ok(())),
            ("pipe", Ok(())),
            ("absolute", Err(Errno::XDEV)),
            ("up", Err(Errno::XDEV)),
            ("self", Err(Errno::XDEV)),
            ("chain", Err(Errno::XDEV)),
            ("folder_out/secret", Err(Errno::XDEV)),
            ("magic", Err(Errno::XDEV)),
            ("../secret", Err(Errno::XDEV)),
            ("a/../../secret", Err(Errno::XDEV)),
            ("/etc/passwd", Err(Errno::XDEV)),
            ("ring", Err(Errno::LOOP)),
            ("gone", Err(Errno::NOENT)),
            ("a/file/x", Err(Errno::NOTDIR)),
        ] {
            let kernel = root.resolve(Path::new(path), flags).map(drop);
            assert_eq!(kernel, expected, "{path}");
            let by_hand = step_by_step(root.folder(), Path::new(path), flags, false).map(drop);
            assert_eq!(by_hand, expected, "{path}, step by step");
        }
        assert_eq!(
            step_by_step(root.folder(), Path::new("folder/file"), flags, true).map(drop),
            Err(Errno::LOOP)
        );
    }

    #[test]
    fn only_regular_files_are_read_and_only_to_a_bound() {
        let (_outside, root) = tree();
        assert_eq!(root.read("in", 100).unwrap(), b"inside");
        assert!(matches!(
            root.read("in", 3),
            Err(TreeError::TooLong { length: 6, most: 3 })
        ));
        assert!(matches!(root.read("pipe", 3), Err(TreeError::Special("a pipe"))));
        assert!(matches!(root.open_listed("pipe"), Err(TreeError::Special("a pipe"))));
        assert!(matches!(root.read("socket", 3), Err(TreeError::Special("a socket"))));
        assert!(matches!(
            root.open_listed("socket"),
            Err(TreeError::Special("a socket"))
        ));
        assert!(matches!(root.read("a", 3), Err(TreeError::Special("a folder"))));
        assert!(matches!(root.read("up", 3), Err(TreeError::Leaves)));
        assert!(matches!(root.read("", 3), Err(TreeError::Special("a folder"))));
        assert_eq!(root.real("folder/file").unwrap(), Path::new("a/file"));
        assert_eq!(root.link("up").unwrap(), Path::new("../secret"));
    }

    #[test]
    fn folders_are_listed_without_following_links() {
        let (_outside, root) = tree();
        let names: Vec<OsString> = root.list("a").unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["b", "file"]);
        assert!(matches!(root.list("folder"), Err(TreeError::Loop)));
        assert!(matches!(root.below("folder_out"), Err(TreeError::Leaves)));
        assert_eq!(root.below("folder").unwrap().read("file", 9).unwrap(), b"inside");
    }
}
