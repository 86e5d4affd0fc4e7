//! Files: whole or not at all.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::process;
use crate::host::tree::root::{TreeError, open_own};

/// What names of files begin with that are written just now, and renamed when they are whole.
pub const WRITING: &str = ".writing-";

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} `{}`: {}", .path.display(), crate::system_error::reason(.source))]
pub struct FileError {
    /// `read`, `write`, `create`.
    pub verb: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

impl FileError {
    /// An error about a path, for `map_err`.
    pub fn on(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { verb, path, source }
    }
}

/// Longest file of ours that is read whole: an image's blob, a program.
const LONGEST: u64 = 1024 * 1024 * 1024;

/// Reads a file of ours. It is not for files of a tree, which [`TreeRoot`](crate::host::tree::root::TreeRoot) reads.
///
/// # Errors
/// When it cannot be read, or is not a regular file.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    open_own(path)
        .and_then(|file| file.read(LONGEST))
        .map_err(|error| FileError::on("read", path)(error.into_io()))
}

/// Reads a file of ours that is text.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    String::from_utf8(read(path)?).map_err(|_| FileError::on("read", path)(TreeError::Encoding.into_io()))
}

/// Writes a file beside its place and renames it there, so that a reader sees the old text or the new one, never half of
/// one. Missing folders are made.
///
/// # Errors
/// When the folder or the file cannot be written; the old file is then still whole.
pub fn write(path: &Path, bytes: &[u8], executable: bool) -> Result<(), FileError> {
    place(path, bytes, &Manner::new(executable)).map_err(FileError::on("write", path))
}

/// The same for a file that a user names. What is there and is not a regular file is written to and not replaced: a pipe, and what
/// `/dev/stdout` or `/dev/fd/3` lead to.
///
/// # Errors
/// As [`write`].
pub fn write_there(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let is_descriptor = (path.starts_with("/dev") || path.starts_with("/proc")) && path.is_symlink();
    if is_descriptor || path.metadata().is_ok_and(|found| !found.is_file()) {
        let file = std::fs::OpenOptions::new().append(true).open(path);
        return file
            .and_then(|mut file| file.write_all(bytes))
            .map_err(FileError::on("write", path));
    }
    write(path, bytes, false)
}

/// The same for what can be made again: it is whole or not there for every reader, and may be lost with the power.
///
/// # Errors
/// As [`write`].
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let manner = Manner {
        synced: false,
        ..Manner::new(false)
    };
    place(path, bytes, &manner).map_err(FileError::on("write", path))
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(in crate::host) struct Manner {
    /// Its mode.
    pub mode: u32,
    /// User and group that it is given to, as far as that is allowed; those of this process otherwise.
    pub owner: Option<(u32, u32)>,
    /// Whether it is on the disk before it is at its place.
    pub synced: bool,
}

impl Manner {
    /// That of a file of ours.
    pub fn new(executable: bool) -> Self {
        Self {
            mode: if executable { 0o755 } else { 0o644 },
            owner: None,
            synced: true,
        }
    }
}

/// Writes a file beside its place and renames it there.
pub(in crate::host) fn place(path: &Path, bytes: &[u8], manner: &Manner) -> std::io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let _busy = process::Busy::new();
    std::fs::create_dir_all(parent)?;
    let mut beside = tempfile::Builder::new().prefix(WRITING).tempfile_in(parent)?;
    beside.write_all(bytes)?;
    let file = beside.as_file();
    if let Some((user, group)) = manner.owner {
        // Others than root keep what they write.
        let _ = std::os::unix::fs::fchown(file, Some(user), Some(group));
    }
    file.set_permissions(std::fs::Permissions::from_mode(manner.mode))?;
    if manner.synced {
        file.sync_data()?;
    }
    beside.persist(path).map_err(|error| error.error)?;
    Ok(())
}
