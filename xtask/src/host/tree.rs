//! The files of the tree that images get: digesting them, copying them into a build context.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::files::{self, FileError};
use crate::images::digest::{self, Digest, Parts};

/// What a path of the tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A regular file.
    File {
        /// Whether its owner may execute it.
        executable: bool,
        /// Digest of its content.
        digest: Digest,
    },
    /// A symbolic link with its target.
    Link(PathBuf),
}

/// The files below some folders of the tree, by path relative to the tree, with forward slashes.
pub type Entries = BTreeMap<String, Entry>;

/// Reads and digests the files below `folders`, those that match a pattern of `exclude` left out.
///
/// # Errors
/// When a folder cannot be listed or a file not read.
pub fn digest_folders(tree: &Path, folders: &[String], exclude: &[glob::Pattern]) -> Result<Entries, FileError> {
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
    found
        .into_par_iter()
        .map(|(path, link)| {
            let full = tree.join(&path);
            let entry = if link {
                Entry::Link(std::fs::read_link(&full).map_err(FileError::on("read", &full))?)
            } else {
                let content = files::read(&full)?;
                let mode = full
                    .metadata()
                    .map_err(FileError::on("read", &full))?
                    .permissions()
                    .mode();
                Entry::File {
                    executable: mode & 0o100 != 0,
                    digest: digest::of(content),
                }
            };
            Ok((path, entry))
        })
        .collect()
}

/// One digest for paths, modes and contents of all entries.
#[must_use]
pub fn digest_of(entries: &Entries) -> Digest {
    let mut parts = Parts::new();
    for (path, entry) in entries {
        match entry {
            Entry::File { executable, digest } => {
                parts.add(path, if *executable { "x" } else { "-" });
                parts.add("content", digest);
            }
            Entry::Link(target) => {
                parts.add(path, "link");
                parts.add("target", target.to_string_lossy().as_bytes());
            }
        }
    }
    parts.finish()
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
                let content = files::read(&from)?;
                if digest::of(&content) != *digest {
                    return Err(FileError {
                        verb: "use",
                        path: from,
                        source: std::io::Error::other("it was changed while the build began; run it again"),
                    });
                }
                std::fs::write(&to, content).map_err(FileError::on("write", &to))?;
                let mode = if *executable { 0o755 } else { 0o644 };
                std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode))
                    .map_err(FileError::on("write", &to))
            }
        }
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
