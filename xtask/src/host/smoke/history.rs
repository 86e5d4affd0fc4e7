//! The file that remembers the last runs with a report, in our own folder.

use crate::host::system::files::{self, FileError};
use crate::host::system::repository::Repository;
use crate::smoke::history::History;

/// Its name.
const FILE: &str = "smoke-history.json";

/// What is remembered; nothing where no run was yet.
#[must_use]
pub fn read(repository: &Repository) -> History {
    let text = files::read(&repository.work().join(FILE));
    text.ok().and_then(|text| History::parse(&text)).unwrap_or_default()
}

/// Remembers it.
///
/// # Errors
/// When it cannot be written.
pub fn write(repository: &Repository, history: &History) -> Result<(), FileError> {
    files::write_unsynced(&repository.make_work()?.join(FILE), history.text().as_bytes())
}
