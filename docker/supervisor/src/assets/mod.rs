//! Assets: made and described in an image build ([`make`]), and copied to volumes when a container starts ([`place`]).

pub mod make;
pub mod place;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Files of a folder and links below it, by path relative to it, sorted; of a file, it alone, with an empty path. Folders are not listed.
///
/// # Errors
/// When something cannot be read, or is neither a file, a folder nor a link.
fn files(at: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let kind = fs::symlink_metadata(join(at, &below))?.file_type();
        if !kind.is_dir() {
            if !kind.is_file() && !kind.is_symlink() {
                let what = format!("`{}` is neither a file nor a folder", join(at, &below).display());
                return Err(io::Error::other(what));
            }
            found.push(below);
            continue;
        }
        for entry in fs::read_dir(join(at, &below))? {
            folders.push(below.join(entry?.file_name()));
        }
    }
    found.sort();
    Ok(found)
}

/// `at`, or what is below it: an empty path adds no slash.
fn join(at: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() {
        at.to_owned()
    } else {
        at.join(below)
    }
}
