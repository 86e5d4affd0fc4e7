//! Files that were rendered once and are no more: what is left of a group or machine that the stack does not have any longer.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use super::root::{TreeError, TreeRoot};
use super::walk::{self, What};
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
/// When a folder or a file cannot be read, or a folder is a link that leads out of the repository.
pub fn left_over(repository: &Repository, rendered: &BTreeSet<&str>) -> Result<Vec<String>, FileError> {
    let root = repository.folder()?;
    let mut found = Vec::new();
    for folder in FOLDERS {
        let below = match root.below(folder) {
            Ok(below) => below,
            // In a new repository they are not there yet.
            Err(TreeError::Missing) => continue,
            Err(error) => return Err(root.failed("read", Path::new(folder), error)),
        };
        for entry in walk::walk(&below, &|_| true, &|_| true) {
            let path = format!("{folder}/{}", entry.path);
            match entry.what {
                What::File if !rendered.contains(path.as_str()) => {}
                What::Unreadable(why) => {
                    let source = std::io::Error::other(why);
                    return Err(FileError::on("read", &repository.path(&path))(source));
                }
                What::File | What::Link | What::Special(_) | What::NotUtf8 => continue,
            }
            let headed = has_header(&below, &entry.path);
            if headed.map_err(|error| root.failed("read", Path::new(&path), error))? {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn has_header(folder: &TreeRoot, path: &str) -> Result<bool, TreeError> {
    let mut head = Vec::new();
    let opened = folder.open_listed(path)?;
    let read = opened.file.take(HEAD).read_to_end(&mut head);
    read.map_err(TreeError::System)?;
    Ok(memchr::memmem::find(&head, HEADER.as_bytes()).is_some())
}
