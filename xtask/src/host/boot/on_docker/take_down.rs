//! Stops and removes what Docker was told to run for a stack. What does not go is named, and the rest goes all the same.

use super::{LIMIT, remove_container, require_own};
use crate::boot::docker::{Labels, belongs_to};
use crate::boot::event::BootEvent;
use crate::boot::limits;
use crate::host::boot::BootError;
use crate::host::boot::take_down::{Left, Removal, Removed};
use crate::host::docker::Docker;
use crate::host::system::parallel;
use crate::host::system::process::ProcessError;
use crate::stack::Stack;

/// Stops and removes what the removal is about: containers, then networks and volumes. An interrupt ends it between two steps, and what was not
/// come to is among what is left.
///
/// # Errors
/// When another checkout has had some of it made, unless that is taken over; when Docker cannot say what there is.
pub fn down(
    docker: &Docker,
    stack: &Stack,
    removal: &Removal,
    take_over: bool,
    emit: &(dyn Fn(BootEvent) + Sync),
) -> Result<Removed, BootError> {
    let is_about = |labels: &Labels| belongs_to(labels, &stack.name) && removal.is_about(labels.as_ref());
    let mut containers = docker.containers(&stack.name)?;
    containers.retain(|container| is_about(container.labels()));
    let (mut networks, mut volumes) = (Vec::new(), Vec::new());
    if removal.groups.is_none() {
        networks = docker.networks(&stack.name, &[])?;
        networks.retain(|network| is_about(&network.labels));
        volumes = docker.volumes(&stack.name, &[])?;
        volumes.retain(|volume| is_about(&volume.labels));
    }
    let of_containers = containers.iter().map(|container| container.labels());
    let labels = of_containers.chain(networks.iter().map(|network| &network.labels));
    let of_volumes = volumes.iter().filter(|_| removal.volumes).map(|volume| &volume.labels);
    require_own(stack, labels.chain(of_volumes), take_over)?;

    let limit = limits::removal(stack);
    let results = parallel::map(containers.len(), &containers, |container| {
        remove_container(docker, &container.id, limit)
    });
    let names = containers.iter().map(|container| container.name().to_owned());
    let mut removed = gathered("container", names.zip(results), emit);
    let remove = |kind: &str, name: &str| {
        let command = docker.command().args([kind, "rm", name]).limit(LIMIT).whole();
        command.read().map(drop)
    };
    let results: Vec<_> = networks.iter().map(|network| remove("network", &network.id)).collect();
    let names = networks.iter().map(|network| network.name.clone());
    removed.add(gathered("network", names.zip(results), emit));
    if !removal.volumes {
        removed.kept_volumes += volumes.len();
        return Ok(removed);
    }
    let results: Vec<_> = volumes.iter().map(|volume| remove("volume", &volume.name)).collect();
    let names = volumes.iter().map(|volume| volume.name.clone());
    removed.add(gathered("volume", names.zip(results), emit));
    Ok(removed)
}

/// Says what is gone, and keeps what is not.
fn gathered(
    kind: &'static str,
    results: impl Iterator<Item = (String, Result<(), ProcessError>)>,
    emit: &(dyn Fn(BootEvent) + Sync),
) -> Removed {
    let mut removed = Removed::default();
    for (name, result) in results {
        match result {
            Ok(()) => {
                removed.count += 1;
                emit(BootEvent::Removed(kind, name));
            }
            Err(error) => removed.left.push(Left {
                what: format!("{kind} {name}"),
                why: (!matches!(error, ProcessError::Interrupted { .. })).then(|| error.to_string()),
            }),
        }
    }
    removed
}
