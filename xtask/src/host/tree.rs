//! The files of the tree that images get: digesting them, copying them into a build context.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rayon::prelude::*;

use super::files::{self, FileError};
use crate::images::digest;
use crate::images::files::{Entries, Entry};

/// Files of the tree as read once.
#[derive(Debug, Default)]
pub struct Read {
    /// What is at each path.
    pub entries: Entries,
    /// Contents of Python files, links to files among them.
    pub python: Vec<(String, Vec<u8>)>,
}

/// Reads and digests the files below `folders`, those that match a pattern of `exclude` left out.
///
/// # Errors
/// When a folder cannot be listed or a file not read.
pub fn read(tree: &Path, folders: &[String], exclude: &[glob::Pattern]) -> Result<Read, FileError> {
    let mut found = Vec::new();
    for folder in folders {
        let root = tree.join(folder);
        for entry in walkdir::WalkDir::new(&root).sort_by_file_name() {
            let entry = entry.map_err(|error| walk_error(&root, error))?;
            if entry.file_type().is_dir() {
                continue;
            }
            let path = relative(tree, entry.path());
            if !exclude.iter().any(|pattern| pattern.matches(&path)) {
                found.push((path, entry.path_is_symlink()));
            }
        }
    }
    let all: Vec<(String, Entry, Option<Vec<u8>>)> = found
        .into_par_iter()
        .map(|(path, link)| {
            let full = tree.join(&path);
            let python = path.ends_with(".py");
            if link {
                let target = std::fs::read_link(&full).map_err(FileError::on("read", &full))?;
                // One that leads to nothing is the audit's to report.
                let content = if python { std::fs::read(&full).ok() } else { None };
                return Ok((path, Entry::Link(target), content));
            }
            let content = files::read(&full)?;
            let metadata = full.metadata().map_err(FileError::on("read", &full))?;
            let entry = Entry::File {
                executable: metadata.permissions().mode() & 0o100 != 0,
                digest: digest::of(&content),
            };
            Ok((path, entry, python.then_some(content)))
        })
        .collect::<Result<_, FileError>>()?;
    let mut read = Read::default();
    for (path, entry, content) in all {
        if let Some(content) = content {
            read.python.push((path.clone(), content));
        }
        read.entries.insert(path, entry);
    }
    Ok(read)
}

/// Copies the entries into `target`, and makes sure that what is copied is what was digested.
///
/// # Errors
/// When a file cannot be copied, or was changed since it was digested.
pub fn copy(tree: &Path, entries: &Entries, target: &Path) -> Result<(), FileError> {
    entries.par_iter().try_for_each(|(path, entry)| {
        let (from, to) = (tree.join(path), target.join(path));
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(FileError::on("create", parent))?;
        }
        match entry {
            Entry::Link(link) => std::os::unix::fs::symlink(link, &to).map_err(FileError::on("create", &to)),
            Entry::File { executable, digest } => {
                let content = unchanged(&from, digest)?;
                std::fs::write(&to, content).map_err(FileError::on("write", &to))?;
                let mode = if *executable { 0o755 } else { 0o644 };
                std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode))
                    .map_err(FileError::on("write", &to))
            }
        }
    })
}

/// The content of a file, if it is still what was digested.
///
/// # Errors
/// When the file cannot be read, or was changed since it was digested.
pub fn unchanged(path: &Path, digest: &str) -> Result<Vec<u8>, FileError> {
    let content = files::read(path)?;
    if digest::of(&content) == digest {
        return Ok(content);
    }
    Err(FileError {
        verb: "use",
        path: path.to_owned(),
        source: std::io::Error::other("it was changed while the build began; run it again"),
    })
}

fn relative(tree: &Path, path: &Path) -> String {
    path.strip_prefix(tree).unwrap_or(path).to_string_lossy().into_owned()
}

fn walk_error(root: &Path, error: walkdir::Error) -> FileError {
    FileError {
        verb: "list",
        path: error.path().unwrap_or(root).to_owned(),
        source: error
            .into_io_error()
            .unwrap_or_else(|| std::io::Error::other("a loop of links")),
    }
}
