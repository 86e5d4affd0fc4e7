//! Folders for a while: gone when dropped; what a killed process left of them goes when the next one is made.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::files::FileError;

/// A folder that is removed with all that is in it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    // Tells others that the folder is in use, until the kernel closes it, however we end.
    _lock: Option<File>,
}

impl Scratch {
    /// Makes one in `parent`. Its name begins with `prefix`, which nothing else in there has: folders of that name that nobody uses
    /// any more are removed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(parent: &Path, prefix: &str) -> Result<Self, FileError> {
        remove_unused(parent, prefix);
        Self::make_locked(parent, prefix).map_err(FileError::on("write", parent))
    }

    fn make_locked(parent: &Path, prefix: &str) -> io::Result<Self> {
        // Under a name that nobody looks for until it is locked.
        let unnamed = tempfile::Builder::new().prefix(".").tempdir_in(parent)?;
        let lock = File::open(unnamed.path())?;
        // Some file systems have no locks; there, what is left behind is not known to be unused either.
        let locked = lock.lock();
        let random = unnamed.path().file_name().unwrap_or_default().to_string_lossy();
        let path = parent.join(format!("{prefix}{}", random.trim_start_matches('.')));
        std::fs::rename(unnamed.path(), &path)?;
        let _ = unnamed.keep();
        Ok(Self {
            path,
            _lock: locked.is_ok().then_some(lock),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Removes what it can; what it cannot is in nobody's way.
fn remove_unused(parent: &Path, prefix: &str) {
    for entry in parent.read_dir().into_iter().flatten().flatten() {
        let is_one = entry.file_name().to_string_lossy().starts_with(prefix);
        if !is_one || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let Ok(folder) = File::open(entry.path()) else {
            continue;
        };
        if folder.try_lock().is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scratch;

    #[test]
    fn what_nobody_holds_goes_when_the_next_is_made() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join("work-left");
        std::fs::create_dir_all(left.join("inner")).unwrap();
        std::fs::create_dir(parent.path().join("other")).unwrap();
        std::fs::write(parent.path().join("work-file"), "kept").unwrap();
        let first = Scratch::make(parent.path(), "work-").unwrap();
        assert!(!left.exists(), "nobody holds it");
        let second = Scratch::make(parent.path(), "work-").unwrap();
        assert!(first.path().exists() && second.path().exists(), "both are held");
        assert_ne!(first.path(), second.path());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
        drop(second);
        let names = parent.path().read_dir().unwrap().count();
        assert_eq!(names, 2, "what is no folder of that name stays");
    }
}
