//! The file that remembers which checks did not pass, in our own folder.

use crate::host::system::files::{self, FileError};
use crate::host::system::repository::Repository;
use crate::smoke::last_run::LastRun;

/// Its name.
const FILE: &str = "smoke-last-run.json";

/// What is remembered; nothing where no run was yet.
#[must_use]
pub fn read(repository: &Repository) -> Option<LastRun> {
    let text = files::read(&repository.work().join(FILE)).ok()?;
    LastRun::parse(&text)
}

/// Remembers it.
///
/// # Errors
/// When it cannot be written.
pub fn write(repository: &Repository, run: &LastRun) -> Result<(), FileError> {
    files::write_unsynced(&repository.make_work()?.join(FILE), run.text().as_bytes())
}
