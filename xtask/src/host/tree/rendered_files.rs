//! Files that were rendered before: which of them are left of a group or machine that the stack does not have any longer, and which
//! files in their place are somebody else's.
//!
//! In a folder of their own, a record says which they are. In a repository that is laid out for this program, where people's files
//! stand beside them, the header of each does.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use super::root::{LONGEST_TEXT, TreeError, TreeRoot};
use super::walk::{self, What};
use crate::host::system::files::FileError;
use crate::host::system::repository::Repository;
use crate::rendered_file::{RECORD, Record, RenderedFile};
use crate::stack::output::HEADER;

/// Folders with rendered files of a repository that is laid out for this program.
const FOLDERS: [&str; 3] = ["config", "docker", "scripts"];
/// Bytes at the beginning of a file within which the header is.
const HEAD: u64 = 512;

/// What was rendered before and is not any longer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LeftOver {
    /// Paths of files that are as they were rendered; sorted.
    pub unchanged: Vec<String>,
    /// Paths of those that somebody has changed since; sorted. They are not removed.
    pub changed: Vec<String>,
}

/// Files that were rendered before and are not among these.
///
/// # Errors
/// When a folder or a file cannot be read, or a folder is a link that leads out of the repository.
pub fn left_over(repository: &Repository, rendered: &BTreeSet<&str>) -> Result<LeftOver, FileError> {
    let output = repository.output();
    if output.folder().is_none() {
        return Ok(LeftOver {
            unchanged: with_header(repository, rendered)?,
            changed: Vec::new(),
        });
    }
    let mut left = LeftOver::default();
    let record = record(repository)?.unwrap_or_default();
    for below in record.paths() {
        let path = output.at(below);
        if rendered.contains(path.as_str()) {
            continue;
        }
        match repository.read(&path)? {
            None => {}
            Some(content) if record.is_as_written(below, &content) => left.unchanged.push(path),
            Some(_) => left.changed.push(path),
        }
    }
    Ok(left)
}

/// Paths of files that carry the header of rendered ones and are none of those, sorted.
fn with_header(repository: &Repository, rendered: &BTreeSet<&str>) -> Result<Vec<String>, FileError> {
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

/// Paths, out of these, of files that are there and that this program has not rendered: they may not be written over.
///
/// # Errors
/// When the record cannot be read.
pub fn not_ours<'a>(
    repository: &Repository,
    there: impl Iterator<Item = &'a RenderedFile>,
) -> Result<Vec<&'a str>, FileError> {
    let Some(folder) = repository.output().folder() else {
        return Ok(Vec::new());
    };
    let record = record(repository)?.unwrap_or_default();
    let below = |path: &'a str| {
        path.strip_prefix(folder)
            .map_or(path, |rest| rest.trim_start_matches('/'))
    };
    let paths = there.map(|file| file.path.as_str());
    Ok(paths.filter(|path| !record.has(below(path))).collect())
}

/// Notes files that are written, and forgets others. Without a folder of their own there is nothing to note.
///
/// # Errors
/// When the record cannot be read or written.
pub fn note<'a>(
    repository: &Repository,
    written: impl Iterator<Item = &'a RenderedFile>,
    forgotten: &[String],
) -> Result<(), FileError> {
    let output = repository.output();
    if output.folder().is_none() {
        return Ok(());
    }
    let there = record(repository)?;
    let mut record = there.clone().unwrap_or_else(|| Record::new(&output.header()));
    for file in written {
        if let Some(below) = file.path.strip_prefix(output.prefix()) {
            record.add(below, &file.text);
        }
    }
    for path in forgotten {
        record.forget(path.strip_prefix(output.prefix()).unwrap_or(path));
    }
    if there.as_ref() == Some(&record) {
        return Ok(());
    }
    repository
        .folder()?
        .write(output.at(RECORD), record.text().as_bytes(), false)
}

/// The record of the repository's folder of rendered files; none where there is none.
fn record(repository: &Repository) -> Result<Option<Record>, FileError> {
    let path = repository.output().at(RECORD);
    let Some(bytes) = repository.read(&path)? else {
        return Ok(None);
    };
    Record::parse(&String::from_utf8_lossy(&bytes))
        .map(Some)
        .map_err(|why| FileError::on("read", &repository.path(&path))(std::io::Error::other(why)))
}

/// Whether a folder of a tree holds rendered files and nothing of the tree: it has a record of them.
#[must_use]
pub fn is_output(tree: &TreeRoot, folder: &str) -> bool {
    let record = tree.read(Path::new(folder).join(RECORD), LONGEST_TEXT);
    record.is_ok_and(|bytes| Record::parse(&String::from_utf8_lossy(&bytes)).is_ok())
}

fn has_header(folder: &TreeRoot, path: &str) -> Result<bool, TreeError> {
    let mut head = Vec::new();
    let opened = folder.open_listed(path)?;
    let read = opened.file.take(HEAD).read_to_end(&mut head);
    read.map_err(TreeError::System)?;
    Ok(memchr::memmem::find(&head, HEADER.as_bytes()).is_some())
}
