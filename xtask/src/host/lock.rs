//! One harness at a time per stack and host: what changes Podman's state holds an advisory lock, which the kernel lets go
//! of however the holder ends.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::PathBuf;

use fs4::fs_std::FileExt as _;

use super::files::FileError;
use super::orphans;

/// The lock; held until dropped.
#[derive(Debug)]
pub struct Lock {
    // Closing the file lets go of the lock.
    _file: File,
}

/// Takes the lock, waiting for it if need be, and then for what a killed holder had started and still runs; `waiting` is told
/// whom it waits for.
///
/// # Errors
/// When the lock file cannot be made.
pub fn take(stack: &str, what: &str, mut waiting: impl FnMut(&str)) -> Result<Lock, FileError> {
    let path = path_of(stack);
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(FileError::on("open", &path))?;
    let taken = file.try_lock_exclusive().map_err(FileError::on("lock", &path))?;
    if !taken {
        let mut holder = String::new();
        let _ = file.read_to_string(&mut holder);
        waiting(holder.trim());
        file.lock_exclusive().map_err(FileError::on("lock", &path))?;
    }
    // Only for the eyes of whoever waits; the lock holds without it.
    let _ = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "`cargo xtask {what}`, process {}", std::process::id()));
    orphans::wait(waiting);
    Ok(Lock { _file: file })
}

/// Users have a Podman each, and so a lock each; only the folder for temporary files is everybody's.
fn path_of(stack: &str) -> PathBuf {
    let user = nix::unistd::geteuid();
    let own = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_dir())
        .or_else(|| {
            let run = PathBuf::from("/run/lock");
            (user.is_root() && run.is_dir()).then_some(run)
        });
    match own {
        Some(folder) => folder.join(format!("{stack}.lock")),
        None => std::env::temp_dir().join(format!("{stack}.{user}.lock")),
    }
}
