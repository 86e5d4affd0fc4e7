//! What of the tree a built image holds: read from the layer that its build put on top.

use std::collections::BTreeSet;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::files::{self, FileError};
use super::podman::{Podman, PodmanError};
use super::process::ProcessError;
use super::tree::{self, Read};
use crate::images::files::Entries;
use crate::images::sbom::{self, Package};
use crate::render::{CONFIG_FOLDER, ROOT};

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
    let root = inside(&layer, ROOT);
    let there: Vec<String> = code
        .iter()
        .filter(|folder| root.join(folder).is_dir())
        .cloned()
        .collect();
    let Read { mut entries, .. } = tree::read(&root, &there, &[])?;
    entries.retain(|path, _| !path.contains("__pycache__/"));
    let config = inside(&layer, CONFIG_FOLDER).join(config_file);
    let config = if config.is_file() {
        Some(files::read(&config)?)
    } else {
        None
    };
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
        let status = inside(layer, "var/lib/dpkg/status");
        if !dpkg && status.is_file() {
            dpkg = true;
            found.extend(sbom::debian(&String::from_utf8_lossy(&files::read(&status)?)));
        }
        let mut seen = BTreeSet::new();
        for entry in walkdir::WalkDir::new(layer).into_iter().flatten() {
            let Ok(path) = entry.path().strip_prefix(layer) else {
                continue;
            };
            // A device numbered 0 in a layer hides what lower ones have at its path.
            let hides = entry.file_type().is_char_device();
            if hides {
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
                let text = files::read(entry.path())?;
                found.extend(sbom::python(&String::from_utf8_lossy(&text)));
                seen.insert(path.to_owned());
            }
        }
        gone.extend(seen);
    }
    Ok(Some(found))
}

fn inside(layer: &Path, path: &str) -> PathBuf {
    layer.join(path.trim_start_matches('/'))
}
