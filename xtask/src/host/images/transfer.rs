//! Images to another host, layer by layer: what its Podman has already is left out of the archives that `podman load` sends.
//!
//! `podman save` writes images into one OCI layout, where each layer is once, under the digest of what it holds, and a layer whose
//! file is there is not written again. So an empty file stands for each layer that the other side has. An archive names it by its
//! digest alone, and the other Podman takes its own.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::host::podman::{Podman, PodmanError};
use crate::host::system::files::{self, FileError};
use crate::host::system::scratch::Scratch;
use crate::images::layer::{self, Blob};
use crate::images::oci::{self, LayoutError, SavedManifest};

/// How long saving or loading may take: gigabytes over a slow network.
const LIMIT: Duration = Duration::from_secs(3600);

/// Why images did not get there.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// One of the two Podmans failed.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// The archive cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Podman saved something else than an OCI layout of uncompressed layers.
    #[error("`podman save` wrote what cannot be sent: {0}")]
    Layout(#[from] LayoutError),
    /// They are not here either.
    #[error("missing images: {}\n  hint: run `cargo xtask build-images`", .0.join(", "))]
    Missing(Vec<String>),
}

/// What happens meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferEvent<'a> {
    /// These images are looked at, and what is missing of them is written to a folder.
    Saving(&'a [String]),
    /// An image is sent.
    Sending {
        /// Its name.
        image: &'a str,
        /// How many of its layers the other side has not.
        layers: usize,
        /// How many it has in all.
        of: usize,
        /// Length of the archive in bytes.
        bytes: u64,
    },
}

/// Which of these images another host has not, or has in another version.
///
/// # Errors
/// When an image is not here, or a Podman fails.
pub fn lacking(here: &Podman, there: &Podman, wanted: &[String]) -> Result<Vec<String>, TransferError> {
    let own = here.image_ids(wanted)?;
    let missing: Vec<String> = wanted.iter().filter(|name| !own.contains_key(*name)).cloned().collect();
    if !missing.is_empty() {
        return Err(TransferError::Missing(missing));
    }
    let theirs = there.image_ids(wanted)?;
    Ok(wanted
        .iter()
        .filter(|name| own.get(*name) != theirs.get(*name))
        .cloned()
        .collect())
}

/// Sends images, by way of archives in that folder, of which each goes as soon as it is sent. What one image brought is not sent
/// with the next.
///
/// # Errors
/// When an archive cannot be written, or a Podman fails.
pub fn send(
    here: &Podman,
    there: &Podman,
    images: &[String],
    folder: &Path,
    emit: &dyn Fn(TransferEvent<'_>),
) -> Result<(), TransferError> {
    std::fs::create_dir_all(folder).map_err(FileError::on("create", folder))?;
    let place = Scratch::make(folder, "images-")?;
    let layout = place.path().join("layout");
    let mut known = there.all_layers()?;
    stand_for(&layout, &known)?;
    emit(TransferEvent::Saving(images));
    for image in images {
        here.command()
            .args(["save", "--quiet", "--format=oci-dir", "--uncompressed", "--output"])
            .arg(&layout)
            .arg(image)
            .limit(LIMIT)
            .read()
            .map_err(PodmanError::from)?;
    }
    let manifests = oci::saved(&read(&layout, "index.json")?)?;
    let archive = place.path().join("image.tar");
    for image in images {
        let digest = manifests
            .get(image)
            .ok_or_else(|| LayoutError::Missing(image.clone()))?;
        let saved = oci::saved_image(image, digest, &read(&layout, &oci::blob(digest))?)?;
        let missing: BTreeSet<&str> = saved
            .layers
            .iter()
            .map(String::as_str)
            .filter(|layer| !known.contains(*layer))
            .collect();
        let bytes = write(&layout, &saved, &missing, &archive)?;
        emit(TransferEvent::Sending {
            image,
            layers: missing.len(),
            of: saved.layers.len(),
            bytes,
        });
        there
            .command()
            .args(["load", "--quiet", "--input"])
            .arg(&archive)
            .limit(LIMIT)
            .read()
            .map_err(PodmanError::from)?;
        known.extend(saved.layers);
    }
    Ok(())
}

/// Lets an empty file stand for each of these layers.
fn stand_for(layout: &Path, layers: &BTreeSet<String>) -> Result<(), FileError> {
    for layer in layers {
        files::write(&layout.join(oci::blob(layer)), b"", false)?;
    }
    Ok(())
}

fn read(layout: &Path, relative: &str) -> Result<Vec<u8>, FileError> {
    files::read(&layout.join(relative))
}

/// Writes an image with these of its layers; returns the length of the archive.
fn write(layout: &Path, saved: &SavedManifest, layers: &BTreeSet<&str>, archive: &Path) -> Result<u64, TransferError> {
    let mut documents = saved.documents.clone();
    documents.push((oci::blob(&saved.config), read(layout, &oci::blob(&saved.config))?));
    let mut blobs = Vec::new();
    for layer in layers {
        let path = layout.join(oci::blob(layer));
        let content = std::fs::File::open(&path).map_err(FileError::on("read", &path))?;
        let size = content.metadata().map_err(FileError::on("read", &path))?.len();
        blobs.push(Blob {
            path: oci::blob(layer),
            size,
            content,
        });
    }
    let file = std::fs::File::create(archive).map_err(FileError::on("write", archive))?;
    layer::write_archive(&documents, blobs, std::io::BufWriter::new(file))
        .and_then(|mut written| written.flush())
        .map_err(FileError::on("write", archive))?;
    Ok(archive.metadata().map_err(FileError::on("read", archive))?.len())
}
