//! Files that were rendered once and are no more: what is left of a group or machine that the stack does not have any longer.

use std::collections::BTreeSet;
use std::io::Read as _;

use crate::host::system::files::FileError;
use crate::host::system::repository::Repository;
use crate::rendered_file::HEADER;

/// Folders of the repository with rendered files.
const FOLDERS: [&str; 3] = ["config", "docker", "scripts"];
/// Bytes at the beginning of a file within which the header is.
const HEAD: u64 = 512;

/// Paths of files that carry the header of rendered ones and are none of those, sorted.
///
/// # Errors
/// When a folder or a file cannot be read.
pub fn left_over(repository: &Repository, rendered: &BTreeSet<&str>) -> Result<Vec<String>, FileError> {
    let mut found = Vec::new();
    // In a new repository they are not there yet.
    let folders = FOLDERS.map(|folder| repository.path(folder));
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.map_err(|error| FileError {
                verb: "read",
                path: error.path().unwrap_or(folder).to_owned(),
                source: error.into(),
            })?;
            let path = entry.path().strip_prefix(repository.root()).unwrap_or(entry.path());
            let path = path.to_string_lossy();
            if entry.file_type().is_file() && !rendered.contains(path.as_ref()) && has_header(entry.path())? {
                found.push(path.into_owned());
            }
        }
    }
    Ok(found)
}

fn has_header(path: &std::path::Path) -> Result<bool, FileError> {
    let mut head = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(HEAD).read_to_end(&mut head))
        .map_err(FileError::on("read", path))?;
    Ok(memchr::memmem::find(&head, HEADER.as_bytes()).is_some())
}

/// Removes one.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(repository: &Repository, path: &str) -> Result<(), FileError> {
    let path = repository.path(path);
    std::fs::remove_file(&path).map_err(FileError::on("remove", &path))
}
