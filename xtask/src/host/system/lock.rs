//! One harness at a time per stack and host: what changes Podman's state holds an advisory lock, which the kernel lets go
//! of however the holder ends.
//!
//! The lock files lie in a folder of this user's that nobody else can write to: in one that all can write to, another user could hold
//! the lock for ever, or put a link there.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::files::FileError;
use super::{orphans, process};

/// Name of the folder, where its parent is for all programs.
const FOLDER: &str = "ai-system-xtask";

/// How often a lock that somebody holds is asked for again, and an interrupt looked for.
const GLANCE: Duration = Duration::from_millis(50);

/// Longest note of a holder that is read.
const LONGEST_NOTE: u64 = 200;

/// The lock; held until dropped.
#[derive(Debug)]
pub struct Lock {
    // Closing the file lets go of the lock.
    _file: File,
    _busy: process::Busy,
}

/// Takes the lock, waiting for it if need be, and then for what a killed holder had started and still runs; `waiting` is told
/// whom it waits for.
///
/// # Errors
/// When the lock file cannot be made, or this program is told to stop while it waits.
pub fn take(stack: &str, what: &str, mut waiting: impl FnMut(&str)) -> Result<Lock, FileError> {
    // From here on an interrupt is for the command to handle.
    let busy = process::Busy::new();
    let (folder, path) = folder()?;
    let path = path.join(format!("{stack}.lock"));
    let mut file = open(&folder, stack).map_err(FileError::on("open", &path))?;
    let try_lock = |file: &File| match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(FileError::on("lock", &path)(error)),
    };
    if !try_lock(&file)? {
        waiting(&holder(&mut file));
        while !try_lock(&file)? {
            if process::interrupted() {
                return Err(FileError::on("lock", &path)(io::ErrorKind::Interrupted.into()));
            }
            std::thread::sleep(GLANCE);
        }
    }
    // Only for the eyes of whoever waits; the lock holds without it.
    let _ = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "`cargo xtask {what}`, process {}", std::process::id()));
    orphans::wait(waiting);
    Ok(Lock {
        _file: file,
        _busy: busy,
    })
}

/// What the holder says of itself, on one line that a terminal can show.
fn holder(file: &mut File) -> String {
    let mut bytes = Vec::new();
    // It is only a note.
    let _ = file.take(LONGEST_NOTE).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let shown: String = text.trim().chars().filter(|letter| !letter.is_control()).collect();
    if shown.is_empty() {
        "another command".to_owned()
    } else {
        shown
    }
}

/// The lock file of a stack: a regular file of ours with one name, made where it is missing.
fn open(folder: &OwnedFd, stack: &str) -> io::Result<File> {
    // The name of a stack has no slash; here it is what keeps the file in its folder.
    let name = format!("{}.lock", stack.replace('/', "_"));
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?;
    let stat = rustix::fs::fstat(&file)?;
    let ours = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_uid == nix::unistd::geteuid().as_raw()
        && stat.st_nlink == 1;
    if !ours {
        return Err(io::Error::other("it is not a file of this user alone; remove it"));
    }
    Ok(file.into())
}

/// The folder of this user's lock files, and its path. Users have a Podman each, and so a lock each.
fn folder() -> Result<(OwnedFd, PathBuf), FileError> {
    let user = nix::unistd::geteuid();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    // What `sudo` keeps of the environment is another user's.
    let runtime = runtime.filter(|path| path.is_absolute() && own_folder(path).is_ok());
    if let Some(runtime) = &runtime {
        return make(&runtime.join(FOLDER));
    }
    if user.is_root() && Path::new("/run").is_dir() {
        return make(&Path::new("/run").join(FOLDER));
    }
    make(&std::env::temp_dir().join(format!("{FOLDER}-{user}")))
}

/// Makes the folder where it is missing. One that somebody else made, or can write to, is refused.
fn make(path: &Path) -> Result<(OwnedFd, PathBuf), FileError> {
    let made = match rustix::fs::mkdirat(CWD, path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => own_folder(path),
        Err(error) => Err(error.into()),
    };
    made.map(|folder| (folder, path.to_owned()))
        .map_err(FileError::on("use", path))
}

/// A folder, if it is this user's alone to write to.
fn own_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(folder.as_fd())?;
    if stat.st_uid != nix::unistd::geteuid().as_raw() || stat.st_mode & 0o022 != 0 {
        return Err(io::Error::other(
            "it belongs to another user, or others can write to it; remove it, or set XDG_RUNTIME_DIR",
        ));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// What somebody else could have put where a lock file belongs is neither followed nor emptied.
    #[test]
    fn a_lock_file_is_a_file_of_ours_and_nothing_else() {
        let temporary = tempfile::tempdir().unwrap();
        let (folder, path) = make(&temporary.path().join("locks")).unwrap();
        assert!(open(&folder, "good").is_ok() && open(&folder, "a/../b").is_ok());
        let victim = temporary.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        symlink(&victim, path.join("link.lock")).unwrap();
        std::fs::hard_link(&victim, path.join("hard.lock")).unwrap();
        std::fs::create_dir(path.join("folder.lock")).unwrap();
        rustix::fs::mknodat(CWD, path.join("pipe.lock"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        for name in ["link", "hard", "folder", "pipe"] {
            assert!(open(&folder, name).is_err(), "{name}");
        }
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("locks");
        make(&path).unwrap();
        assert!(make(&path).is_ok(), "it is there");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(make(&path).unwrap_err().to_string().contains("others can write to it"));
        let link = temporary.path().join("link");
        symlink(temporary.path(), &link).unwrap();
        assert!(make(&link).is_err());
    }

    #[test]
    fn the_holder_is_one_short_line_without_control_characters() {
        let mut file = tempfile::tempfile().unwrap();
        write!(file, "\u{1b}[2J`x`\n\u{7}{}", "y".repeat(10_000)).unwrap();
        file.rewind().unwrap();
        let shown = holder(&mut file);
        assert!(shown.starts_with("[2J`x`yyy") && shown.len() <= 200, "{shown:?}");
        assert_eq!(holder(&mut tempfile::tempfile().unwrap()), "another command");
    }
}
