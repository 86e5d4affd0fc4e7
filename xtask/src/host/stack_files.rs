//! Reads what the stack model is made of: `config/stack.yaml`, the tree's file list, both startup configs.

use std::path::{Path, PathBuf};

use super::files::{self, FileError};
use super::repository::Repository;
use crate::finding::Finding;
use crate::stack::{Files, Stack, TreeFiles, Written};

/// Path of the stack's own file.
const STACK_PATH: &str = "config/stack.yaml";

/// Loads the stack, from the tree that `tree` names (relative to the current folder) or the stack's own.
///
/// # Errors
/// When `config/stack.yaml` itself cannot be read; everything else is a finding.
pub fn load(repository: &Repository, tree: Option<&Path>) -> Result<(Option<Stack>, Vec<Finding>), FileError> {
    Ok(finish(repository, read(repository, tree)?))
}

/// Reads `config/stack.yaml` alone, which says which tree it is.
///
/// # Errors
/// When it cannot be read.
pub fn read(repository: &Repository, tree: Option<&Path>) -> Result<Written, FileError> {
    let text = files::read(&repository.path(STACK_PATH))?;
    let tree = tree.map(|path| relative_to_root(repository, path));
    Ok(Written::read(STACK_PATH, &text, tree.as_deref()))
}

/// Reads what else the stack is made of.
#[must_use]
pub fn finish(repository: &Repository, written: Written) -> (Option<Stack>, Vec<Finding>) {
    written.load(&OnDisk { repository })
}

/// The tree as the stack would write it: relative to the repository where it lies inside, absolute otherwise.
fn relative_to_root(repository: &Repository, tree: &Path) -> String {
    let absolute = std::path::absolute(tree).unwrap_or_else(|_| tree.to_owned());
    let absolute: PathBuf = absolute.components().collect();
    absolute
        .strip_prefix(repository.root())
        .unwrap_or(&absolute)
        .to_string_lossy()
        .into_owned()
}

struct OnDisk<'a> {
    repository: &'a Repository,
}

impl Files for OnDisk<'_> {
    fn list(&self, source_tree: &str) -> Result<TreeFiles, String> {
        let root = self.repository.path(source_tree);
        match root.metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err("it is not a folder".to_owned()),
            Err(error) => return Err(files::reason(&error)),
        }
        let mut tree = TreeFiles::default();
        let walk = walkdir::WalkDir::new(&root)
            .min_depth(1)
            .into_iter()
            .filter_entry(|entry| !matches!(entry.file_name().to_str(), Some(".git" | "__pycache__")));
        for entry in walk {
            let entry = entry.map_err(|error| error.to_string())?;
            let path = relative(&root, entry.path());
            if entry.path_is_symlink() {
                tree.links.insert(path.clone(), link_target(&root, entry.path()));
            }
            // A link to a file can be opened like one; a link to nothing cannot.
            if entry.file_type().is_file() || (entry.path_is_symlink() && entry.path().is_file()) {
                tree.files.insert(path);
            }
        }
        Ok(tree)
    }

    fn read(&self, source_tree: &str, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.repository.path(source_tree).join(path)).map_err(|error| files::reason(&error))
    }
}

/// What a link leads to, relative to the tree; none where that is nothing, or out of the tree.
fn link_target(root: &Path, link: &Path) -> Option<String> {
    let target = link.canonicalize().ok()?;
    let root = root.canonicalize().ok()?;
    target
        .strip_prefix(root)
        .ok()
        .map(|path| path.to_string_lossy().into_owned())
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}
