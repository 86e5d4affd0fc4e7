//! Images to an archive or to a registry.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::host::podman::{Podman, PodmanError};
use crate::host::system::files::{self, FileError};
use crate::host::system::parallel;
use crate::host::system::process::ProcessError;
use crate::host::system::repository::Repository;
use crate::host::system::scratch::Scratch;
use crate::images::push::{Push, Pushed};

/// How long saving or pushing may take: gigabytes over a slow network.
const LIMIT: Duration = Duration::from_secs(3600);

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Podman failed.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// It cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Podman's line about an image that is in an archive by now.
const IMAGE_IS_WRITTEN: &str = "Writing manifest";

/// Writes images to an archive that `podman load` and `docker load` read. It is at its place when it is whole, and not before.
/// `written` is told of each image; returns the length in bytes.
///
/// # Errors
/// When the archive cannot be written, or Podman fails.
pub fn save(
    podman: &Podman,
    repository: &Repository,
    images: &[String],
    file: &Path,
    written: &mut dyn FnMut(),
) -> Result<u64, SaveError> {
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let beside = Scratch::make(folder, ".saving-")?;
    let archive = beside.path().join("images.tar");
    podman
        .command()
        .args(["save", "--format=docker-archive", "--multi-image-archive", "--output"])
        .arg(&archive)
        .args(images)
        .log(repository.log("save"))
        .limit(LIMIT)
        .succeed(&mut |line| {
            if line.starts_with(IMAGE_IS_WRITTEN) {
                written();
            }
        })
        .map_err(PodmanError::from)?;
    let place = || -> std::io::Result<u64> {
        let whole = std::fs::File::open(&archive)?;
        whole.sync_data()?;
        std::fs::rename(&archive, file)?;
        Ok(whole.metadata()?.len())
    };
    Ok(place().map_err(FileError::on("write", file))?)
}

/// Why an image is not at the registry.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Podman failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The digest, which Podman writes to a file of ours.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Pushes images, so many at a time; `done` is told how each came out. An image has its name there when all of it is there, and
/// not before.
pub fn push(
    podman: &Podman,
    repository: &Repository,
    jobs: usize,
    images: &[Push],
    done: &(dyn Fn(&Push, &Result<Pushed, PushError>) + Sync),
) -> Vec<Result<Pushed, PushError>> {
    parallel::map(jobs, images, |push| {
        let pushed = push_one(podman, repository, push);
        done(push, &pushed);
        pushed
    })
}

fn push_one(podman: &Podman, repository: &Repository, push: &Push) -> Result<Pushed, PushError> {
    let started = Instant::now();
    let temporary = repository.make_temporary()?;
    let digest = tempfile::NamedTempFile::new_in(&temporary).map_err(FileError::on("create", &temporary))?;
    podman
        .command()
        .args(["push", "--digestfile"])
        .arg(digest.path())
        .args([&push.image, &push.to])
        .log(repository.log(&format!("push-{}", push.name)))
        .limit(LIMIT)
        .read()?;
    Ok(Pushed {
        digest: files::read_text(digest.path())?.trim().to_owned(),
        elapsed: started.elapsed(),
    })
}
