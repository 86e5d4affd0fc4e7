//! Files that change, as the kernel tells of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use notify::event::EventKind;
use notify::{Config, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::host::system::process;

/// How often an interrupt is looked for while nothing else happens.
const GLANCE: Duration = Duration::from_millis(100);
/// A burst of changes is over when nothing changed for this long: editors and version control write many files at once.
const QUIET: Duration = Duration::from_millis(50);
/// A burst that does not end is handed on in pieces.
const MOST_IN_A_BURST: usize = 10_000;

/// Why changes cannot be followed.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch `{}`: {source}{}", .path.display(), hint(.source))]
pub struct ChangesError {
    /// What was to be watched.
    path: PathBuf,
    /// What the system said.
    source: notify::Error,
}

fn hint(error: &notify::Error) -> &'static str {
    if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) {
        "\n  hint: raise the limit, as in `sysctl fs.inotify.max_user_watches=524288`"
    } else {
        ""
    }
}

/// Folders that are watched.
#[derive(Debug)]
pub struct Changes {
    watcher: RecommendedWatcher,
    changed: Receiver<PathBuf>,
    folders: BTreeSet<(PathBuf, bool)>,
}

impl Changes {
    /// Nothing is watched yet.
    ///
    /// # Errors
    /// When the system has no watch left to give.
    pub fn new() -> Result<Self, ChangesError> {
        let (sender, changed) = mpsc::channel();
        let told = move |event: notify::Result<notify::Event>| {
            // What was lost is found by the next look, which reads everything.
            let Ok(event) = event else { return };
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            for path in event.paths {
                // Nobody waits any more.
                let _ = sender.send(path);
            }
        };
        // Whoever names a folder, names those that its links lead to as well, as far as they are to be watched.
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(told, config).map_err(|source| ChangesError {
            path: PathBuf::new(),
            source,
        })?;
        Ok(Self {
            watcher,
            changed,
            folders: BTreeSet::new(),
        })
    }

    /// Watches these folders and no others; with `true`, all that is below one, too. One that is not there is left out.
    ///
    /// # Errors
    /// When one cannot be watched.
    pub fn watch(&mut self, folders: impl IntoIterator<Item = (PathBuf, bool)>) -> Result<(), ChangesError> {
        let wanted: BTreeSet<(PathBuf, bool)> = folders.into_iter().filter(|(path, _)| path.is_dir()).collect();
        for (path, _) in self.folders.difference(&wanted) {
            // It may be gone already.
            let _ = self.watcher.unwatch(path);
        }
        for (path, below) in wanted.difference(&self.folders) {
            let mode = if *below {
                RecursiveMode::Recursive
            } else {
                RecursiveMode::NonRecursive
            };
            self.watcher.watch(path, mode).map_err(|source| ChangesError {
                path: path.clone(),
                source,
            })?;
        }
        self.folders = wanted;
        Ok(())
    }

    /// Waits for changes and returns what changed in one burst, of what `matters`; nothing when this program was told to stop, or
    /// after `limit`.
    #[must_use]
    pub fn next(&self, matters: &dyn Fn(&Path) -> bool, limit: Option<Duration>) -> BTreeSet<PathBuf> {
        let begun = std::time::Instant::now();
        let mut burst = BTreeSet::new();
        loop {
            let wait = if burst.is_empty() { GLANCE } else { QUIET };
            match self.changed.recv_timeout(wait) {
                Ok(path) => {
                    if matters(&path) {
                        burst.insert(path);
                    }
                    if burst.len() >= MOST_IN_A_BURST {
                        return burst;
                    }
                }
                Err(RecvTimeoutError::Timeout) if burst.is_empty() => {
                    if process::interrupted() || limit.is_some_and(|limit| begun.elapsed() >= limit) {
                        return burst;
                    }
                }
                Err(_) => return burst,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::Changes;

    const LIMIT: Option<Duration> = Some(Duration::from_secs(30));

    #[test]
    fn one_burst_has_all_that_was_written_and_reading_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("below")).unwrap();
        std::fs::write(root.join("below/read.py"), "").unwrap();
        let mut changes = Changes::new().unwrap();
        changes
            .watch([(root.clone(), true), (root.join("not there"), true)])
            .unwrap();
        std::fs::read(root.join("below/read.py")).unwrap();
        std::fs::write(root.join("below/a.py"), "1").unwrap();
        std::fs::write(root.join("b.tmp"), "2").unwrap();
        std::fs::rename(root.join("b.tmp"), root.join("b.py")).unwrap();
        let python = |path: &Path| path.extension().is_some_and(|extension| extension == "py");
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 2 {
            let burst = changes.next(&python, LIMIT);
            assert!(!burst.is_empty(), "only {seen:?}");
            seen.extend(burst);
        }
        assert_eq!(seen, [root.join("b.py"), root.join("below/a.py")].into());
    }

    #[test]
    fn what_is_not_watched_any_more_is_not_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (one, other) = (root.join("one"), root.join("other"));
        std::fs::create_dir(&one).unwrap();
        std::fs::create_dir(&other).unwrap();
        let mut changes = Changes::new().unwrap();
        changes.watch([(one.clone(), false), (other.clone(), false)]).unwrap();
        changes.watch([(other.clone(), false)]).unwrap();
        std::fs::write(one.join("x"), "").unwrap();
        std::fs::write(other.join("y"), "").unwrap();
        assert_eq!(changes.next(&|_| true, LIMIT), [other.join("y")].into());
    }
}
