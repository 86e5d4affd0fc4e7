//! What of the tree a built image holds: read from the layer that its build put on top.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::path::{Path, PathBuf};

use contract::asset::{self, Manifest};

use crate::container::layout::{CONFIG_FOLDER, ROOT};
use crate::host::podman::{Podman, PodmanError};
use crate::host::system::files::FileError;
use crate::host::system::process::ProcessError;
use crate::host::tree;
use crate::host::tree::odd_files;
use crate::host::tree::root::{LONGEST_TEXT, TreeError};
use crate::host::tree::walk::{self, What};
use crate::images::files::Entries;
use crate::images::sbom::{self, Package};
use crate::images::secret::Secret;
use crate::stack::secret;

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
    /// Podman does not say where the layers are, or has no such image.
    #[error("cannot look into `{0}`: Podman names no layers of it")]
    Unseen(String),
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
        entries = tree::read_all(&root, &there)?;
        entries.retain(|path, _| !path.contains("__pycache__/"));
    }
    let config = layer
        .read(Path::new(relative(CONFIG_FOLDER)).join(config_file), LONGEST_TEXT)
        .ok();
    Ok(Some(Held { entries, config }))
}

/// What looks like a secret in the trees that these images hold, in whichever layer, whoever built them; but for what is `named`.
///
/// # Errors
/// When Podman cannot be run, an image is not there, or its storage cannot be read.
pub fn secrets(podman: &Podman, images: &[String], named: &BTreeSet<String>) -> Result<BTreeSet<Secret>, LayerError> {
    let mut seen: BTreeMap<PathBuf, Vec<(String, String)>> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for image in images {
        let layers = podman.layers(image)?;
        if layers.is_empty() {
            return Err(LayerError::Unseen(image.clone()));
        }
        for layer in layers {
            let inside = match seen.entry(layer) {
                btree_map::Entry::Occupied(known) => known.into_mut(),
                btree_map::Entry::Vacant(new) => {
                    let inside = secrets_of_layer(new.key())?;
                    new.insert(inside)
                }
            };
            let unnamed = inside.iter().filter(|(path, _)| !named.contains(path));
            found.extend(unnamed.map(|(path, why)| Secret {
                image: image.clone(),
                path: path.clone(),
                why: why.clone(),
            }));
        }
    }
    Ok(found)
}

fn secrets_of_layer(layer: &Path) -> Result<Vec<(String, String)>, LayerError> {
    let mut found = Vec::new();
    let layer = tree::open(layer)?;
    if !layer.has_folder(relative(ROOT)) {
        return Ok(found);
    }
    let full = layer.path().join(relative(ROOT));
    let root = layer
        .below(relative(ROOT))
        .map_err(|error| tree::on("list", &full, error))?;
    for entry in walk::walk(&root, &|_| true, &|_| true) {
        let path = entry.path;
        let failed = |verb, error| tree::on(verb, &full.join(&path), error);
        match entry.what {
            What::File => {}
            // Devices stand for what a layer removes; links lead to what is looked at itself.
            What::Link | What::Special(_) | What::NotUtf8 => continue,
            What::Unreadable(why) => {
                let error = std::io::Error::other(why);
                return Err(failed("list", TreeError::System(error)).into());
            }
        }
        if let Some(pattern) = secret::by_name(&path) {
            found.push((path, format!("its path matches `{pattern}`")));
            continue;
        }
        let opened = root.open_listed(&path).map_err(|error| failed("read", error))?;
        let begins = odd_files::begins_like(&path, &opened.file);
        if let Some(why) = begins.map_err(FileError::on("read", &full.join(&path)))? {
            found.push((path, format!("it holds {why}")));
        }
    }
    Ok(found)
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
        for entry in walk::walk(&root, &|_| true, &|_| true) {
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

/// The assets that an image holds, as its build described them.
///
/// # Errors
/// When Podman cannot be run, or its storage not be read.
pub fn assets(podman: &Podman, image: &str) -> Result<BTreeSet<Manifest>, LayerError> {
    let mut found = BTreeSet::new();
    for layer in podman.layers(image)? {
        let root = tree::open(&layer)?;
        for entry in root.list(relative(asset::FOLDER)).unwrap_or_default() {
            let path = Path::new(relative(asset::FOLDER))
                .join(entry.name)
                .join(asset::MANIFEST);
            let text = root.read(&path, LONGEST_TEXT).unwrap_or_default();
            found.extend(serde_json::from_slice::<Manifest>(&text).ok());
        }
    }
    Ok(found)
}

/// A path of the container, relative to its root.
fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::secrets;
    use crate::host::podman::Podman;
    use crate::host::system::process::Program;

    /// A Podman whose images have these layers.
    fn podman(layers: &str) -> Podman {
        Podman::run_by(Program::new("sh").args(["-c", &format!("echo '{layers}'")]))
    }

    #[test]
    fn a_secret_is_found_in_any_layer_whoever_built_it() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("upper/app/src/x.py", "x = 1\n"),
            ("upper/app/src/robot", "-----BEGIN EC PRIVATE KEY-----\n"),
            ("lower/app/src/.env", "PASSWORD=1\n"),
            (
                "lower/usr/lib/python3/certifi/cacert.pem",
                "-----BEGIN CERTIFICATE-----\n",
            ),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let layers = format!("{0}/upper:{0}/lower", folder.path().display());
        let images = ["localhost/x/one:latest".to_owned(), "localhost/x/two:latest".to_owned()];
        let found = secrets(&podman(&layers), &images, &BTreeSet::new()).unwrap();
        let found: Vec<(&str, &str)> = found.iter().map(|s| (s.image.as_str(), s.path.as_str())).collect();
        let one = [
            ("localhost/x/one:latest", "src/.env"),
            ("localhost/x/one:latest", "src/robot"),
        ];
        assert_eq!((&found[..2], found.len()), (&one[..], 4));
        let named = BTreeSet::from(["src/.env".to_owned(), "src/robot".to_owned()]);
        assert!(secrets(&podman(&layers), &images, &named).unwrap().is_empty());
        assert!(
            secrets(&podman(""), &images, &named).is_err(),
            "what cannot be seen is not clean"
        );
    }
}
