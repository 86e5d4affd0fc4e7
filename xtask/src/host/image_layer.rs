//! What of the tree a built image holds: read from the layer that its build put on top.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::files::FileError;
use super::podman::{Podman, PodmanError};
use super::process::ProcessError;
use super::tree;
use super::tree_root::LONGEST_TEXT;
use super::tree_walk::{self, What};
use crate::images::files::Entries;
use crate::images::sbom::{self, Package};
use crate::render::{CONFIG_FOLDER, ROOT};

/// Longest list of packages that is read.
const LONGEST_DATABASE: u64 = 256 * 1024 * 1024;

/// What is in the layer.
#[derive(Debug, Default)]
pub struct Held {
    /// Files of the tree, without bytecode.
    pub entries: Entries,
    /// The group config, where there is one.
    pub config: Option<Vec<u8>>,
}

/// Why a layer cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// Podman could not be asked.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// Podman could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file of the layer.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What an image holds below the code folders of its machine; nothing where there is no such image.
///
/// # Errors
/// When Podman cannot be run, or its storage not be read.
pub fn held(podman: &Podman, image: &str, code: &[String], config_file: &str) -> Result<Option<Held>, LayerError> {
    let Some(layer) = podman.layers(image)?.into_iter().next() else {
        return Ok(None);
    };
    // An image is made from a tree: its links are as foreign.
    let layer = tree::open(&layer)?;
    let mut entries = Entries::new();
    if let Ok(root) = layer.below(relative(ROOT)) {
        let there: Vec<String> = code.iter().filter(|folder| root.has_folder(folder)).cloned().collect();
        entries = tree::read(&root, &there, &[])?.entries;
        entries.retain(|path, _| !path.contains("__pycache__/"));
    }
    let config = layer
        .read(Path::new(relative(CONFIG_FOLDER)).join(config_file), LONGEST_TEXT)
        .ok();
    Ok(Some(Held { entries, config }))
}

/// What is installed in an image: what dpkg knows of, and the Python distributions wherever they lie. Nothing where there is no
/// such image.
///
/// # Errors
/// When Podman cannot be run, or its storage not be read.
pub fn packages(podman: &Podman, image: &str) -> Result<Option<BTreeSet<Package>>, LayerError> {
    let layers = podman.layers(image)?;
    if layers.is_empty() {
        return Ok(None);
    }
    let mut found = BTreeSet::new();
    let mut dpkg = false;
    let mut gone: BTreeSet<PathBuf> = BTreeSet::new();
    for layer in &layers {
        let root = tree::open(layer)?;
        if !dpkg && let Ok(status) = root.read("var/lib/dpkg/status", LONGEST_DATABASE) {
            dpkg = true;
            found.extend(sbom::debian(&String::from_utf8_lossy(&status)));
        }
        let mut seen = BTreeSet::new();
        for entry in tree_walk::walk(&root, &|_| true, &|_| true) {
            let path = Path::new(&entry.path);
            // A device numbered 0 in a layer hides what lower ones have at its path.
            if matches!(entry.what, What::Special(_)) {
                seen.insert(path.to_owned());
            }
            let is_metadata = path
                .file_name()
                .is_some_and(|name| name == "METADATA" || name == "PKG-INFO")
                && path
                    .parent()
                    .and_then(Path::extension)
                    .is_some_and(|extension| extension == "dist-info" || extension == "egg-info");
            if is_metadata && !path.ancestors().any(|above| gone.contains(above)) {
                let Ok(text) = root.read(path, LONGEST_TEXT) else {
                    continue;
                };
                found.extend(sbom::python(&String::from_utf8_lossy(&text)));
                seen.insert(path.to_owned());
            }
        }
        gone.extend(seen);
    }
    Ok(Some(found))
}

/// A path of the container, relative to its root.
fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}
