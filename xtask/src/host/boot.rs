//! Creates what a stack needs on a host: networks, volumes, pods, containers. Every step can be repeated. [`super::take_down`]
//! removes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::parallel;
use super::podman::{
    CHECKOUT_LABEL, Container, DIGEST_LABEL, GROUP_LABEL, MACHINE_LABEL, Network, Pod, Podman, PodmanError, ROLE_LABEL,
    STACK_LABEL, belongs_to,
};
use super::podman_make::{self, LIMIT};
use super::process::{self, ProcessError};
use super::removal;
use crate::boot::creation::{Creation, Labels, Runs, creation};
use crate::boot::limits;
use crate::boot::reach::Host;
use crate::stack::{GroupId, MachineId, Stack};

/// Labels of everything that is created here.
pub const LABELS: Labels = Labels {
    stack: STACK_LABEL,
    checkout: CHECKOUT_LABEL,
    machine: MACHINE_LABEL,
    group: GROUP_LABEL,
    digest: DIGEST_LABEL,
    role: ROLE_LABEL,
};

/// What happens to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It runs as it should.
    Unchanged,
    /// It was created and started.
    Created,
    /// It was there in another form, or had stopped, and was created anew.
    Replaced,
}

/// What happens while a stack is booted or removed.
#[derive(Debug)]
pub enum BootEvent {
    /// A network was created.
    Network(String),
    /// A volume was created.
    Volume(String),
    /// A group's containers run.
    Group(GroupId, Action),
    /// A group could not be started.
    GroupFailed(GroupId, String),
    /// Something was removed: `pod`, `network`, `volume`, with its name.
    Removed(&'static str, String),
}

/// Why a stack cannot be booted.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// Podman failed.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// A network of that name has other subnets.
    #[error(
        "network `{name}` has the subnet {found}, and the stack wants {wanted}\n  hint: `cargo xtask down`, then `cargo xtask up`, makes it anew where this stack made it; otherwise write another `network: {{name: …}}` of the machine, or its subnet, in config/stack.yaml"
    )]
    Subnet {
        /// The network.
        name: String,
        /// Its subnets.
        found: String,
        /// The stack's.
        wanted: String,
    },
    /// A folder of the tree cannot be mounted.
    #[error("cannot mount the code folder `{0}`: {1}")]
    Mount(String, String),
    /// Something else on the host has the network's subnet.
    #[error(
        "network `{name}` cannot have the subnet {subnet}: another network or route of this host uses it\n  hint: `cargo xtask doctor` names it; the subnet is one setting of config/stack.yaml"
    )]
    SubnetTaken {
        /// The network.
        name: String,
        /// The subnet.
        subnet: String,
    },
    /// Images are missing.
    #[error("missing images: {}\n  hint: run `cargo xtask build-images`", .0.join(", "))]
    Images(Vec<String>),
}

impl From<ProcessError> for BootError {
    fn from(error: ProcessError) -> Self {
        Self::Podman(error.into())
    }
}

/// What was created, so that an interrupted boot can take it back.
#[derive(Debug, Default)]
pub struct Created {
    /// Groups that run now and did not before.
    pub groups: BTreeSet<GroupId>,
    /// Networks.
    pub networks: Vec<String>,
    /// Groups that could not be started.
    pub failed: BTreeSet<GroupId>,
}

impl Created {
    /// Adds what was created on another host.
    pub fn add(&mut self, other: Self) {
        self.groups.extend(other.groups);
        self.networks.extend(other.networks);
        self.failed.extend(other.failed);
    }
}

/// Starts the groups, all at once. Those that run already, from the same image and in the same way, are left alone.
///
/// # Errors
/// When an image is missing, a network has another subnet, or Podman fails for more than one group.
pub fn up(
    podman: &Podman,
    stack: &Stack,
    groups: &[GroupId],
    host: &Host,
    runs: &Runs,
    emit: &(dyn Fn(BootEvent) + Sync),
) -> Result<Created, BootError> {
    let (there, creations) = look(podman, stack, groups, host, runs)?;
    let mut created = Created::default();
    let to_start: Vec<&(GroupId, Creation)> = creations
        .iter()
        .filter(|(group, creation)| {
            let same = there.runs_as_it_should(creation);
            if same {
                emit(BootEvent::Group(*group, Action::Unchanged));
            }
            !same
        })
        .collect();
    if to_start.is_empty() {
        return Ok(created);
    }

    let machines: BTreeSet<MachineId> = groups.iter().map(|group| stack.group(*group).machine).collect();
    created.networks = make_networks(podman, stack, &machines, &there.networks, emit)?;
    make_volumes(podman, stack, &machines, &there.volumes, emit)?;

    let turns: BTreeMap<MachineId, Mutex<()>> = machines.iter().map(|machine| (*machine, Mutex::default())).collect();
    let outcome = Mutex::new(&mut created);
    parallel::map(parallel::default_jobs(), &to_start, |(group, creation)| {
        let container = there.containers.get(&creation.container.name);
        let state = container.map(|container| container.state.as_str());
        let state = state.or_else(|| there.pods.contains_key(&creation.pod.name).then_some("no container"));
        let replaced = state.is_some();
        let turn = &turns[&stack.group(*group).machine];
        let started = start(podman, creation, state, turn, limits::removal(stack));
        let mut created = outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match started {
            Ok(()) => {
                created.groups.insert(*group);
                let action = if replaced { Action::Replaced } else { Action::Created };
                emit(BootEvent::Group(*group, action));
            }
            Err(error) => {
                created.failed.insert(*group);
                if !process::interrupted() {
                    emit(BootEvent::GroupFailed(*group, explained(&error)));
                }
            }
        }
    });
    Ok(created)
}

/// Those of the groups that do not run as they should: from another image, in another way, or not at all.
///
/// # Errors
/// When an image is missing or Podman fails.
pub fn outdated(
    podman: &Podman,
    stack: &Stack,
    groups: &[GroupId],
    host: &Host,
    runs: &Runs,
) -> Result<Vec<GroupId>, BootError> {
    let (there, creations) = look(podman, stack, groups, host, runs)?;
    let outdated = creations
        .iter()
        .filter(|(_, creation)| !there.runs_as_it_should(creation));
    Ok(outdated.map(|(group, _)| *group).collect())
}

/// What is on the host, and how the groups are to be created there.
fn look(
    podman: &Podman,
    stack: &Stack,
    groups: &[GroupId],
    host: &Host,
    runs: &Runs,
) -> Result<(There, Vec<(GroupId, Creation)>), BootError> {
    let wanted: Vec<String> = groups.iter().map(|group| stack.group_image(*group)).collect();
    let there = There::look(podman, stack, &wanted)?;
    let images = &there.images;
    let missing: Vec<String> = wanted.into_iter().filter(|image| !images.contains_key(image)).collect();
    if !missing.is_empty() {
        return Err(BootError::Images(missing));
    }
    let creations = groups
        .iter()
        .map(|group| {
            let image = &images[&stack.group_image(*group)];
            (*group, creation(stack, *group, host, image, runs, LABELS))
        })
        .collect();
    Ok((there, creations))
}

/// Podman's failure, with what mends it where Podman's own words do not say.
fn explained(error: &PodmanError) -> String {
    let said = error.to_string();
    if said.contains("is already allocated to container ID") {
        return format!(
            "{said}\n  hint: a Podman that was killed kept the address, and only a network without containers gives it back: \
             `cargo xtask down`, then `cargo xtask up`"
        );
    }
    said
}

/// What is on the host already.
struct There {
    /// Ids of images by name.
    images: BTreeMap<String, String>,
    pods: BTreeMap<String, Pod>,
    containers: BTreeMap<String, Container>,
    networks: Vec<Network>,
    volumes: BTreeSet<String>,
}

impl There {
    /// Asks Podman for all of it, at once: each question costs it more to start than to answer.
    fn look(podman: &Podman, stack: &Stack, wanted: &[String]) -> Result<Self, PodmanError> {
        std::thread::scope(|scope| {
            let images = scope.spawn(|| podman.image_ids(wanted));
            let pods = scope.spawn(|| podman.pods(&stack.name));
            let containers = scope.spawn(|| podman.containers(&stack.name));
            let volumes = scope.spawn(|| podman.volumes());
            let networks = podman.networks()?;
            Ok(Self {
                images: join(images)?,
                pods: join(pods)?.into_iter().map(|pod| (pod.name.clone(), pod)).collect(),
                containers: join(containers)?
                    .into_iter()
                    .map(|container| (container.name().to_owned(), container))
                    .collect(),
                networks,
                volumes: join(volumes)?.into_iter().map(|volume| volume.name).collect(),
            })
        })
    }

    fn runs_as_it_should(&self, creation: &Creation) -> bool {
        let pod = self.pods.get(&creation.pod.name).is_some_and(|pod| {
            pod.status == "Running"
                && pod
                    .labels
                    .as_ref()
                    .is_some_and(|labels| labels.get(DIGEST_LABEL) == Some(&creation.digest))
        });
        pod && self
            .containers
            .get(&creation.container.name)
            .is_some_and(|container| container.state == "running")
    }
}

/// The result of a thread; its panic is ours.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn start(
    podman: &Podman,
    creation: &Creation,
    there: Option<&str>,
    turn: &Mutex<()>,
    stop_limit: Duration,
) -> Result<(), PodmanError> {
    let remove = || {
        removal::remove(
            &podman
                .command()
                .args(["pod", "rm", "--force", "--ignore", &creation.pod.name])
                .limit(stop_limit)
                .whole(),
        )
    };
    if let Some(state) = there {
        // It has the time that it was made with, and whoever is told to stop meanwhile does not wait for it.
        removal::stop(podman, &creation.container.name, state, stop_limit)?;
        remove()?;
    }
    let started = podman_make::group(podman, creation, turn);
    if started.is_err() {
        // Half a pod would look like a running one to the next boot. Its own failure says less than the first.
        let _ = remove();
    }
    started
}

fn make_networks(
    podman: &Podman,
    stack: &Stack,
    machines: &BTreeSet<MachineId>,
    there: &[Network],
    emit: &(dyn Fn(BootEvent) + Sync),
) -> Result<Vec<String>, BootError> {
    let mut created = Vec::new();
    for id in machines {
        let machine = stack.machine(*id);
        let wanted = machine.subnet.to_string();
        if let Some(network) = there.iter().find(|network| network.name == machine.network) {
            let subnets: Vec<&str> = network
                .subnets
                .iter()
                .flatten()
                .map(|subnet| subnet.subnet.as_str())
                .collect();
            if !subnets.contains(&wanted.as_str()) {
                return Err(BootError::Subnet {
                    name: machine.network.clone(),
                    found: subnets.join(", "),
                    wanted,
                });
            }
            continue;
        }
        match podman_make::network(podman, &machine.network, &wanted, &labels(stack, *id)) {
            // Podman's own words, the same in every 4.x and 5.x.
            Err(error) if error.to_string().contains("is already used on the host") => {
                return Err(BootError::SubnetTaken {
                    name: machine.network.clone(),
                    subnet: wanted,
                });
            }
            other => other?,
        }
        created.push(machine.network.clone());
        emit(BootEvent::Network(machine.network.clone()));
    }
    Ok(created)
}

fn make_volumes(
    podman: &Podman,
    stack: &Stack,
    machines: &BTreeSet<MachineId>,
    there: &BTreeSet<String>,
    emit: &(dyn Fn(BootEvent) + Sync),
) -> Result<(), BootError> {
    // Those that `podman-compose` made under the same names hold the same data, so they are used as they are.
    let missing: Vec<(String, MachineId)> = machines
        .iter()
        .flat_map(|machine| {
            stack
                .volumes
                .iter()
                .map(move |volume| (stack.volume(*machine, volume), *machine))
        })
        .filter(|(name, _)| !there.contains(name))
        .collect();
    for made in parallel::map(parallel::default_jobs(), &missing, |(name, machine)| {
        podman_make::volume(podman, name, &labels(stack, *machine)).map(|()| emit(BootEvent::Volume(name.clone())))
    }) {
        made?;
    }
    Ok(())
}

/// Labels of what a machine's groups share.
fn labels(stack: &Stack, machine: MachineId) -> BTreeMap<&'static str, &str> {
    [
        (STACK_LABEL, stack.name.as_str()),
        (CHECKOUT_LABEL, stack.checkout.as_str()),
        (MACHINE_LABEL, stack.machine(machine).name.as_str()),
    ]
    .into()
}

/// Removes networks of the stack, which must have no container: with one go the addresses that a killed Podman kept on it. The next
/// boot makes them again.
///
/// # Errors
/// When Podman cannot list them.
pub fn remove_unused_networks(podman: &Podman, stack: &str) -> Result<(), PodmanError> {
    let networks = podman.networks()?;
    for network in networks
        .iter()
        .filter(|network| belongs_to(network.labels.as_ref(), stack))
    {
        // Somebody else's container on it keeps it.
        podman
            .command()
            .args(["network", "rm", &network.name])
            .limit(LIMIT)
            .whole()
            .run()?;
    }
    Ok(())
}

/// Whether Podman is rootless here, and whether it can set limits. `podman info` knows too, and takes 0.2 s to say so.
#[must_use]
pub fn abilities() -> (bool, bool) {
    let rootless = !nix::unistd::geteuid().is_root();
    // An ordinary user is granted limits on cgroups v2 only.
    let limits = !rootless || Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    (rootless, limits)
}
