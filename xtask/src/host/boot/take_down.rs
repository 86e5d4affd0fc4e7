//! Removes what carries a stack's label: pods, containers, networks, volumes. What does not go is named, and the rest goes all the
//! same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::BootError;
use crate::boot::event::BootEvent;
use crate::host::boot;
use crate::host::podman::make::LIMIT;
use crate::host::podman::removal;
use crate::host::podman::{Container, GROUP_LABEL, MACHINE_LABEL, Pod, Podman, PodmanError, belongs_to};
use crate::host::system::parallel;
use crate::host::system::process::{self, ProcessError, Program};

/// What to remove.
#[derive(Debug, Clone)]
pub struct Removal {
    /// Only what belongs to these groups; all of the stack's otherwise.
    pub groups: Option<BTreeSet<String>>,
    /// Only what belongs to these machines; all otherwise.
    pub machines: Option<BTreeSet<String>>,
    /// The volumes too, with all data.
    pub volumes: bool,
}

impl Removal {
    /// Whether something with these labels is to go.
    #[must_use]
    pub fn is_about(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        let has = |label: &str, wanted: Option<&BTreeSet<String>>| {
            wanted.is_none_or(|names| {
                labels
                    .and_then(|labels| labels.get(label))
                    .is_some_and(|name| names.contains(name))
            })
        };
        has(GROUP_LABEL, self.groups.as_ref()) && has(MACHINE_LABEL, self.machines.as_ref())
    }
}

/// Something that is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What it is and its name: `pod vision-pod`.
    pub what: String,
    /// Why it could not be removed; none where it was not come to.
    pub why: Option<String>,
}

/// What became of a removal.
#[derive(Debug, Default)]
pub struct Removed {
    /// How much is gone.
    pub count: usize,
    /// What is still there.
    pub left: Vec<Left>,
    /// Volumes that stay because nobody wanted them removed.
    pub kept_volumes: usize,
}

impl Removed {
    /// Adds what became of it on another host.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.left.extend(other.left);
        self.kept_volumes += other.kept_volumes;
    }
}

/// One removal under way.
struct Job<'a> {
    podman: &'a Podman,
    stack: &'a str,
    /// How long one container may take to stop and go.
    limit: Duration,
    removal: &'a Removal,
    emit: &'a (dyn Fn(BootEvent) + Sync),
}

/// Stops and removes what carries the stack's label: pods, then containers that are in none, then networks and volumes. A container
/// has the time to stop that it was made with; `limit` is for that and for Podman. An interrupt ends it between two steps, and what
/// was not come to is among what is left.
///
/// # Errors
/// When Podman cannot say what there is, or it cannot be written down.
pub fn down(
    podman: &Podman,
    stack: &str,
    limit: Duration,
    removal: &Removal,
    emit: &(dyn Fn(BootEvent) + Sync),
) -> Result<Removed, BootError> {
    let job = Job {
        podman,
        stack,
        limit,
        removal,
        emit,
    };
    let mut removed = job.pods()?;
    if process::interrupted() {
        return Ok(removed);
    }
    removed.add(job.stray_containers()?);
    if removal.groups.is_none() {
        if podman.is_of_this_host() {
            boot::note_own_networks(podman, stack)?;
        }
        removed.add(job.networks()?);
        removed.add(job.volumes()?);
    }
    Ok(removed)
}

/// Containers in a pod of the stack that somebody else put there, as a person would call them.
#[must_use]
pub fn others_in(pod: &Pod, containers: &[Container], stack: &str) -> Vec<String> {
    containers
        .iter()
        .filter(|container| {
            container.pod == pod.id && !container.is_infra && !belongs_to(container.labels.as_ref(), stack)
        })
        .map(|container| format!("container `{}`", container.name()))
        .collect()
}

impl Job<'_> {
    /// Pods, each after the containers in it have stopped: a pod that is removed at once has its network taken away meanwhile.
    fn pods(&self) -> Result<Removed, PodmanError> {
        let pods = self.podman.pods(self.stack)?;
        let all = self.podman.all_containers()?;
        let own = |container: &&Container| {
            !container.is_infra && !container.is_stored() && belongs_to(container.labels.as_ref(), self.stack)
        };
        let group_of =
            |labels: Option<&BTreeMap<String, String>>| labels.and_then(|labels| labels.get(GROUP_LABEL)).cloned();
        let pods: Vec<(Pod, Vec<&Container>)> = pods
            .into_iter()
            .filter(|pod| self.removal.is_about(pod.labels.as_ref()))
            .map(|pod| {
                let group = group_of(pod.labels.as_ref());
                let of_pod = |container: &&Container| group.is_some() && group_of(container.labels.as_ref()) == group;
                (pod, all.iter().filter(own).filter(of_pod).collect())
            })
            .collect();
        // With such a pod somebody else's container would go.
        let (pods, used): (Vec<_>, Vec<_>) = pods
            .into_iter()
            .partition(|(pod, _)| others_in(pod, &all, self.stack).is_empty());
        let results = parallel::map(pods.len(), &pods, |(pod, containers)| {
            for container in containers {
                removal::stop(self.podman, &container.id, &container.state, self.limit)?;
            }
            // By its id: its name may be another's by now.
            self.remove(&["pod", "rm", "--force", "--ignore"], &pod.id, self.limit)
        });
        let names: Vec<String> = pods.iter().map(|(pod, _)| pod.name.clone()).collect();
        let mut removed = self.gather("pod", names.into_iter().zip(results));
        removed.left.extend(used.iter().map(|(pod, _)| Left {
            what: format!("pod {}", pod.name),
            why: Some(format!(
                "{} in it, not of this stack\n  hint: whoever made that has to remove it first",
                others_in(pod, &all, self.stack).join(", ")
            )),
        }));
        Ok(removed)
    }

    fn stray_containers(&self) -> Result<Removed, PodmanError> {
        let containers: Vec<Container> = self
            .podman
            .containers(self.stack)?
            .into_iter()
            .filter(|container| self.removal.is_about(container.labels.as_ref()))
            .collect();
        let results = parallel::map(containers.len(), &containers, |container| {
            removal::stop(self.podman, &container.id, &container.state, self.limit)?;
            self.remove(&["rm", "--force", "--ignore"], &container.id, self.limit)
        });
        let names: Vec<String> = containers.iter().map(|container| container.name().to_owned()).collect();
        Ok(self.gather("container", names.into_iter().zip(results)))
    }

    fn networks(&self) -> Result<Removed, PodmanError> {
        let names: Vec<String> = self
            .podman
            .networks()?
            .into_iter()
            .filter(|network| {
                let labels = network.labels.as_ref();
                belongs_to(labels, self.stack) && self.removal.is_about(labels)
            })
            .map(|network| network.name)
            .collect();
        Ok(self.one_by_one("network", &["network", "rm"], names))
    }

    fn volumes(&self) -> Result<Removed, PodmanError> {
        let names: Vec<String> = self
            .podman
            .volumes()?
            .into_iter()
            .filter(|volume| {
                let labels = volume.labels.as_ref();
                belongs_to(labels, self.stack) && self.removal.is_about(labels)
            })
            .map(|volume| volume.name)
            .collect();
        if !self.removal.volumes {
            return Ok(Removed {
                kept_volumes: names.len(),
                ..Removed::default()
            });
        }
        // Without `--force`, which would remove the containers of others that use one.
        Ok(self.one_by_one("volume", &["volume", "rm"], names))
    }

    fn one_by_one(&self, kind: &'static str, command: &[&str], names: Vec<String>) -> Removed {
        let results: Vec<_> = names.iter().map(|name| self.remove(command, name, LIMIT)).collect();
        self.gather(kind, names.into_iter().zip(results))
    }

    fn remove(&self, command: &[&str], name: &str, limit: Duration) -> Result<(), ProcessError> {
        let program: Program = self.podman.command().args(command).arg(name).limit(limit).whole();
        removal::remove(&program)
    }

    /// Says what is gone, and keeps what is not.
    fn gather(
        &self,
        kind: &'static str,
        results: impl IntoIterator<Item = (String, Result<(), ProcessError>)>,
    ) -> Removed {
        let mut removed = Removed::default();
        for (name, result) in results {
            match result {
                Ok(()) => {
                    removed.count += 1;
                    (self.emit)(BootEvent::Removed(kind, name));
                }
                Err(error) => removed.left.push(Left {
                    what: format!("{kind} {name}"),
                    why: (!matches!(error, ProcessError::Interrupted { .. })).then(|| error.to_string()),
                }),
            }
        }
        removed
    }
}
