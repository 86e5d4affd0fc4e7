//! The files of checks, as texts.

use std::path::{Path, PathBuf};

use crate::host::tree::root::{TreeError, TreeRoot};

/// A file or the folder of checks that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`: {source}", path.display())]
pub struct CheckFileError {
    path: PathBuf,
    source: TreeError,
}

/// Reads all files of checks in a folder, sorted by name: pairs of path (relative to the repository) and text.
///
/// # Errors
/// When the folder or a file cannot be read; the path is named.
pub fn read_files(repository: &Path, folder: &str) -> Result<Vec<(String, String)>, CheckFileError> {
    let path = repository.join(folder);
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| CheckFileError { path, source }
    };
    let root = TreeRoot::open(repository).map_err(at(repository))?;
    let listed = root.below(folder).and_then(|folder| folder.list(""));
    listed
        .map_err(at(&path))?
        .into_iter()
        .map(|entry| entry.name.to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
        .map(|name| {
            let text = root
                .read_text(Path::new(folder).join(&name))
                .map_err(at(&path.join(&name)))?;
            Ok((format!("{folder}/{name}"), text))
        })
        .collect()
}
