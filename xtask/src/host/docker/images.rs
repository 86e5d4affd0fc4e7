//! Images for Docker: which of them it has as Podman has them, and how it gets the others.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::{Docker, DockerError};
use crate::host::images::delivery::{self, SaveError};
use crate::host::podman::Podman;
use crate::host::system::files::FileError;
use crate::host::system::repository::Repository;
use crate::host::system::scratch::Scratch;
use crate::images::oci::Lower;

/// How long Docker may take to read an archive of all images.
const LIMIT: Duration = Duration::from_secs(3600);

/// Why Docker does not get its images.
#[derive(Debug, thiserror::Error)]
pub enum ImagesError {
    /// Docker failed.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// Podman failed, or the archive cannot be written.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// The archive's folder cannot be made.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nobody has them, and this host could make them.
    #[error("missing images: {}\n  hint: run `cargo xtask build-images`", .0.join(", "))]
    NotBuilt(Vec<String>),
    /// Docker has not got them, and there is no Podman here that could have made them.
    #[error(
        "Docker has no images {}, and there is no Podman here that could build them\n  hint: `cargo xtask build-images --save images.tar` on a host \
         with Podman, and here `docker load --input images.tar`", .0.join(", ")
    )]
    NotLoaded(Vec<String>),
}

/// The images of some groups.
#[derive(Debug, Default)]
pub struct Images {
    /// Ids of those that Docker has as they are to be, by name.
    pub there: BTreeMap<String, String>,
    /// Names of those that Podman has, and Docker has not, or in another version.
    pub lacking: Vec<String>,
    /// Ids of those that Docker has in another version.
    pub older: Vec<String>,
}

/// Compares what Docker has of these images with what Podman has of them. What Podman has not, Docker may have from elsewhere.
///
/// # Errors
/// When one is nowhere, or one of the two cannot be asked.
pub fn look(docker: &Docker, podman: Option<&Podman>, wanted: &[String]) -> Result<Images, ImagesError> {
    let there = docker.images(wanted)?;
    let built = match podman {
        Some(podman) => podman.lower_images(wanted).map_err(SaveError::from)?,
        None => Vec::new(),
    };
    let named = |name: &String| built.iter().find(|image: &&Lower| image.repo_tags.contains(name));
    let mut images = Images::default();
    let mut missing = Vec::new();
    for name in wanted {
        let has = there.iter().find(|image| image.names().any(|own| own == name));
        match (has, named(name)) {
            (Some(image), built) if built.is_none_or(|built| image.is_the_same(built)) => {
                images.there.insert(name.clone(), image.id.clone());
            }
            (older, Some(_)) => {
                images.lacking.push(name.clone());
                images.older.extend(older.map(|image| image.id.clone()));
            }
            (_, None) => missing.push(name.clone()),
        }
    }
    match podman {
        _ if missing.is_empty() => Ok(images),
        Some(_) => Err(ImagesError::NotBuilt(missing)),
        None => Err(ImagesError::NotLoaded(missing)),
    }
}

/// Hands images over, by way of an archive in the work folder, which goes afterwards; returns their ids in Docker, by name.
///
/// # Errors
/// When Podman, Docker or the archive fails.
pub fn hand_over(
    docker: &Docker,
    podman: &Podman,
    repository: &Repository,
    names: &[String],
) -> Result<BTreeMap<String, String>, ImagesError> {
    let work = repository.make_work()?;
    let place = Scratch::make(&work, "docker-images-")?;
    let archive = place.path().join("images.tar");
    delivery::save(podman, repository, names, &archive, &mut || {})?;
    load(docker, repository, &archive)?;
    let there = docker.images(names)?;
    let named = |name: &String| {
        let image = there.iter().find(|image| image.names().any(|own| own == name))?;
        Some((name.clone(), image.id.clone()))
    };
    Ok(names.iter().filter_map(named).collect())
}

/// Removes those of these images of a stack that nothing names and no container has any more; returns how many.
///
/// # Errors
/// When Docker cannot be asked. That it keeps one is no failure.
pub fn remove_replaced(docker: &Docker, stack: &str, ids: &[String]) -> Result<usize, DockerError> {
    let mut removed = 0;
    for image in docker.images(ids)?.iter().filter(|image| image.is_replaced(stack)) {
        let remove = docker.command().args(["image", "rm", &image.id]).limit(LIMIT).whole();
        removed += usize::from(remove.run()?.status.success());
    }
    Ok(removed)
}

fn load(docker: &Docker, repository: &Repository, archive: &Path) -> Result<(), DockerError> {
    docker
        .command()
        .args(["load", "--quiet", "--input"])
        .arg(archive)
        .log(repository.log("docker-load"))
        .limit(LIMIT)
        .read()
        .map(drop)
        .map_err(DockerError::from)
}
