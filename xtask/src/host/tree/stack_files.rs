//! Reads what the stack model is made of: the stack's own file, the tree's file list, both startup configs.

use std::path::{Path, PathBuf};

use super::rendered_files::is_output;
use super::root::{TreeError, TreeRoot};
use super::secret_files;
use super::walk::{self, NOT_SOURCES, What};
use crate::finding::{Finding, Severity};
use crate::host::system::files::{self, FileError};
use crate::host::system::repository::{Repository, STACK_FILES, has_machines};
use crate::stack::{Files, FilesError, Stack, TreeFiles, Written};

/// Longest startup config that is read; one that is far shorter is too long already, and is told with its length.
const LONGEST_STARTUP: u64 = 64 * 1024 * 1024;

/// Loads the stack, from the tree that `tree` names (relative to the current folder) or the stack's own.
///
/// # Errors
/// When the stack's own file cannot be read; everything else is a finding.
pub fn load(repository: &Repository, tree: Option<&Path>) -> Result<(Option<Stack>, Vec<Finding>), FileError> {
    Ok(finish(repository, read(repository, tree)?))
}

/// Reads the stack's own file alone, which says which tree it is.
///
/// # Errors
/// When it cannot be read.
pub fn read(repository: &Repository, tree: Option<&Path>) -> Result<Written, FileError> {
    let text = files::read(&repository.path(repository.stack_file()))?;
    let tree = tree.map(|path| relative_to_root(repository, path));
    Ok(Written::read(repository.stack_file(), &text, tree.as_deref()))
}

/// Fails where the tree that is named on the command line cannot be opened.
///
/// # Errors
/// Why it cannot.
pub fn require_tree(repository: &Repository, tree: &Path) -> Result<(), FilesError> {
    let files = OnDisk { repository, made: &[] };
    files.root(&relative_to_root(repository, tree)).map(|_| ())
}

/// Reads the text of a stack of a tree, which that tree has or which was inferred from it.
#[must_use]
pub fn written(repository: &Repository, file: &str, text: &[u8], tree: &Path) -> Written {
    Written::read(file, text, Some(&relative_to_root(repository, tree)))
}

/// The stack's file that a tree has itself, relative to it.
#[must_use]
pub fn in_tree(root: &TreeRoot) -> Option<&'static str> {
    let is_stack =
        |file: &str| file.contains('/') || root.read(file, LONGEST_STARTUP).is_ok_and(|text| has_machines(&text));
    STACK_FILES
        .into_iter()
        .find(|file| root.has_file(file) && is_stack(file))
}

/// Reads what else the stack is made of.
#[must_use]
pub fn finish(repository: &Repository, written: Written) -> (Option<Stack>, Vec<Finding>) {
    finish_with(repository, written, &[])
}

/// The same, as if the tree had these files, too: path relative to it, and text.
#[must_use]
pub fn finish_with(
    repository: &Repository,
    written: Written,
    made: &[(String, String)],
) -> (Option<Stack>, Vec<Finding>) {
    let (mut stack, mut findings) = written.load(&OnDisk { repository, made });
    if let Some(stack) = &mut stack {
        stack.checkout = repository.identity();
        stack.output = repository.output().clone();
        secret_files::look(repository, stack);
        findings.extend(stack.secret_problems(None, Severity::Note));
    }
    (stack, findings)
}

/// The tree as the stack would write it: relative to the repository where it lies inside, absolute otherwise.
fn relative_to_root(repository: &Repository, tree: &Path) -> String {
    let absolute = std::path::absolute(tree).unwrap_or_else(|_| tree.to_owned());
    let absolute: PathBuf = absolute.components().collect();
    match absolute.strip_prefix(repository.root()).unwrap_or(&absolute) {
        own if own.as_os_str().is_empty() => ".".to_owned(),
        path => path.to_string_lossy().into_owned(),
    }
}

/// What the folder of a tree says.
fn other_error(error: TreeError) -> FilesError {
    FilesError::Other(Box::new(error))
}

struct OnDisk<'a> {
    repository: &'a Repository,
    /// Files that the tree gets besides those that it has.
    made: &'a [(String, String)],
}

impl OnDisk<'_> {
    fn root(&self, source_tree: &str) -> Result<TreeRoot, FilesError> {
        let path = self.repository.path(source_tree);
        match TreeRoot::open(&path) {
            Err(TreeError::Missing) if path.exists() => Err(FilesError::NotAFolder),
            other => other.map_err(other_error),
        }
    }
}

impl Files for OnDisk<'_> {
    fn list(&self, source_tree: &str) -> Result<TreeFiles, FilesError> {
        let root = self.root(source_tree)?;
        let sources = |path: &str| !NOT_SOURCES.contains(&path.rsplit('/').next().unwrap_or(path));
        let mut tree = TreeFiles::new(self.made.iter().map(|(path, _)| path.as_str()));
        let enter = |path: &str| sources(path) && !is_output(&root, path);
        for entry in walk::walk(&root, &enter, &sources) {
            match entry.what {
                What::File => {
                    tree.files.insert(entry.path);
                }
                What::Link => {
                    let target = root.real(&entry.path).ok();
                    let target = target.map(|path| path.to_string_lossy().into_owned());
                    // A link to a file can be opened like one; a link to nothing, or out of the tree, cannot.
                    if target.is_some() && root.has_file(&entry.path) {
                        tree.files.insert(entry.path.clone());
                    }
                    tree.links.insert(entry.path, target);
                }
                // What nobody can read is not there; the audit says why.
                What::Special(_) | What::NotUtf8 | What::Unreadable(_) => {}
            }
        }
        Ok(tree)
    }

    fn read(&self, source_tree: &str, path: &str) -> Result<Vec<u8>, FilesError> {
        // No startup config is among what is made.
        self.root(source_tree)?.read(path, LONGEST_STARTUP).map_err(other_error)
    }
}
