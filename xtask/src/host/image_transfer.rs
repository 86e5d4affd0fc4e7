//! Images to another host: `podman save` here, `podman load` there, one archive in which every layer is once.

use std::path::Path;
use std::time::Duration;

use super::files::FileError;
use super::podman::{Podman, PodmanError};

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
    /// They are not here either.
    #[error("missing images: {}\n  hint: run `cargo xtask build-images`", .0.join(", "))]
    Missing(Vec<String>),
}

/// What happens meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferEvent<'a> {
    /// These images are written to an archive.
    Saving(&'a [String]),
    /// The archive of so many bytes is sent.
    Sending(u64),
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

/// Sends images, by way of an archive in that folder.
///
/// # Errors
/// When the archive cannot be written, or a Podman fails.
pub fn send(
    here: &Podman,
    there: &Podman,
    images: &[String],
    folder: &Path,
    emit: &dyn Fn(TransferEvent<'_>),
) -> Result<(), TransferError> {
    std::fs::create_dir_all(folder).map_err(FileError::on("create", folder))?;
    let place = tempfile::Builder::new()
        .prefix("images-")
        .tempdir_in(folder)
        .map_err(FileError::on("create", folder))?;
    let archive = place.path().join("images.tar");
    emit(TransferEvent::Saving(images));
    here.command()
        .args(["save", "--quiet", "--multi-image-archive", "--output"])
        .arg(&archive)
        .args(images)
        .limit(LIMIT)
        .read()
        .map_err(PodmanError::from)?;
    emit(TransferEvent::Sending(
        archive.metadata().map_or(0, |metadata| metadata.len()),
    ));
    there
        .command()
        .args(["load", "--quiet", "--input"])
        .arg(&archive)
        .limit(LIMIT)
        .read()
        .map_err(PodmanError::from)?;
    Ok(())
}
