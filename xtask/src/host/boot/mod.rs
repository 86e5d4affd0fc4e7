//! Creates what a stack needs on a host: networks, volumes, pods, containers. Every step can be repeated. [`self::take_down`]
//! removes it.

pub mod deployment;
pub mod folders;
pub mod group_containers;
pub mod memory;
pub mod occupied;
pub mod on_docker;
pub mod orders;
pub mod ownership;
pub mod session;
pub mod supervisor_status;
pub mod systemd;
pub mod take_down;
pub mod volume_users;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use super::docker::DockerError;
use super::leftovers::{self, leases, records::NetworkRecord};
use super::podman::bridge::Bridge;
use super::podman::make::{self, LIMIT};
use super::podman::removal;
use super::podman::{
    CHECKOUT_LABEL, Container, DIGEST_LABEL, GROUP_LABEL, MACHINE_LABEL, Network, Pod, Podman, PodmanError, ROLE_LABEL,
    STACK_LABEL, Volume, belongs_to,
};
use super::system::files::{self, FileError};
use super::system::parallel;
use super::system::process::{self, ProcessError};
use crate::boot::creation::{Creation, Labels, Runs, creation};
use crate::boot::event::{Action, BootEvent};
use crate::boot::limits;
use crate::boot::reach::{Granted, Host};
use crate::stack::model::{Machine, Subnet};
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
    /// Names of ours are taken by what does not carry our label.
    #[error(
        "what is not of stack `{stack}` has names that it needs; nothing was changed:\n  {}\n  hint: change `name:` in config/stack.yaml{}, or rename or remove them yourself", .taken.join("\n  "), .or
    )]
    Names {
        /// The stack.
        stack: String,
        /// What has which name, one line each.
        taken: Vec<String>,
        /// Further settings that change such a name.
        or: &'static str,
    },
    /// What is not ours uses something that is to be removed.
    #[error(
        "{what} is used by what is not of this stack, and was left: {}\n  hint: remove that first, if it is yours", .users.join(", ")
    )]
    Used {
        /// What was to be removed.
        what: String,
        /// Who uses it.
        users: Vec<String>,
    },
    /// What is to be made cannot be written down first.
    #[error(transparent)]
    File(#[from] FileError),
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
    /// Groups run in pods, by `up`.
    #[error("`cargo xtask up` runs {}\n  hint: `cargo xtask down` first: what it made has the names that are needed; volumes stay", .0.join(", "))]
    ByUp(Vec<String>),
    /// Groups have units.
    #[error(
        "units of systemd run {}: files in `{}`\n  hint: `cargo xtask deploy` changes them, `cargo xtask down` removes them; volumes stay", .0.join(", "), .1.display()
    )]
    ByUnits(Vec<String>, PathBuf),
    /// Files with names that units of the stack need are somebody else's.
    #[error(
        "files in `{}` are not of this stack and have names that it needs; nothing was changed: {}\n  hint: change `name:` in \
         config/stack.yaml, or move them away", .1.display(), .0.join(", ")
    )]
    Files(Vec<String>, PathBuf),
    /// Quadlet makes nothing of files that were installed.
    #[error(
        "Quadlet makes no service of the units: {}\n  hint: `/usr/libexec/podman/quadlet --dryrun` (with `-user` for those of a user) says why; \
         Podman 5.0 or newer reads them", .0.join(", ")
    )]
    NoService(Vec<String>),
    /// Nothing proves that this checkout installed units of the stack.
    #[error(
        "units of the stack in `{}` are not of this checkout: {}\n  hint: work in the checkout that they are of; or give this one a `name:`, \
         networks, subnets and ports of its own in config/stack.yaml; or take all of them over: `--take-over`", .1.display(), .0.join(", ")
    )]
    OthersUnits(Vec<String>, PathBuf),
    /// Docker failed.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// Groups run in Docker.
    #[error(
        "Docker runs {}\n  hint: `cargo xtask deploy --engine docker` changes them, `cargo xtask down` removes them; their volumes stay in Docker", .0.join(", ")
    )]
    ByDocker(Vec<String>),
    /// Another checkout has had Docker make things of the stack.
    #[error(
        "what Docker has of the stack is not of this checkout: {}\n  hint: work in the checkout that it is of; or give this one a `name:`, networks, \
         subnets and ports of its own in config/stack.yaml; or take all of it over: `--take-over`", .0.join(", ")
    )]
    OthersOnDocker(Vec<String>),
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
    there.require_own_names(stack, &to_start, &machines)?;
    created.networks = make_networks(podman, stack, &machines, &there.networks, emit)?;
    make_volumes(podman, stack, &machines, &there.volumes, emit)?;
    // Whoever finds them after this process and its Podman were killed knows by it whose they are.
    let records = podman.records(&stack.name);
    let networks = if created.networks.is_empty() {
        there.networks
    } else {
        podman.networks()?
    };
    records.note_networks(&own_networks(&networks, &stack.name))?;
    let names: Vec<String> = to_start
        .iter()
        .flat_map(|(_, creation)| [creation.container.name.clone(), creation.pod.infra_name.clone()])
        .collect();
    records.note_names(&names)?;

    let turns: BTreeMap<MachineId, Turn> = machines
        .iter()
        .map(|machine| (*machine, Turn::new(stack.machine(*machine), &networks)))
        .collect();
    let outcome = Mutex::new(&mut created);
    parallel::map(parallel::default_jobs(), &to_start, |(group, creation)| {
        let container = there.containers.get(&creation.container.name);
        let state = container.map(|container| container.state.as_str());
        let state = state.or_else(|| there.pods.contains_key(&creation.pod.name).then_some("no container"));
        let replaced = state.is_some();
        let turn = &turns[&stack.group(*group).machine];
        let started = start(podman, stack, creation, state, turn, limits::removal(stack));
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
    for (interface, why) in turns.values().filter_map(|turn| turn.bridge.failure()) {
        emit(BootEvent::BridgeFailed(interface.to_owned(), why));
    }
    Ok(created)
}

/// What the groups of a machine wait for in each other.
struct Turn {
    /// The creation of containers, which share volumes.
    creation: Mutex<()>,
    /// The bridge of their network.
    bridge: Bridge,
}

impl Turn {
    fn new(machine: &Machine, networks: &[Network]) -> Self {
        let network = networks.iter().find(|network| network.name == machine.network);
        Self {
            creation: Mutex::default(),
            bridge: Bridge::new(
                network.and_then(|network| network.interface.clone()),
                machine.subnet.gateway(),
            ),
        }
    }
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
fn explained(error: &BootError) -> String {
    let said = error.to_string();
    if wants_a_kept_address(&said) {
        return format!(
            "{said}\n  hint: where `podman ps --all` has that container, remove it; where not, a Podman that was killed kept the address, \
             and the next `cargo xtask up` gives it back"
        );
    }
    said
}

/// The networks of the stack among those that Podman has, as they are written down.
#[must_use]
pub fn own_networks(networks: &[Network], stack: &str) -> Vec<NetworkRecord> {
    networks
        .iter()
        .filter(|network| belongs_to(network.labels.as_ref(), stack))
        .filter_map(NetworkRecord::of)
        .collect()
}

/// What is on the host already.
struct There {
    /// Ids of images by name.
    images: BTreeMap<String, String>,
    /// The stack's pods, by name.
    pods: BTreeMap<String, Pod>,
    /// The stack's containers, by name.
    containers: BTreeMap<String, Container>,
    /// Pods and containers that are not the stack's, as a person would call them, by name.
    foreign: BTreeMap<String, String>,
    networks: Vec<Network>,
    volumes: Vec<Volume>,
}

impl There {
    /// Asks Podman for all of it, at once: each question costs it more to start than to answer.
    fn look(podman: &Podman, stack: &Stack, wanted: &[String]) -> Result<Self, PodmanError> {
        std::thread::scope(|scope| {
            let images = scope.spawn(|| podman.image_ids(wanted));
            let pods = scope.spawn(|| podman.all_pods());
            let containers = scope.spawn(|| podman.all_containers());
            let volumes = scope.spawn(|| podman.volumes());
            let networks = podman.networks()?;
            let images = join(images)?;
            let (pods, other_pods): (Vec<Pod>, Vec<Pod>) = join(pods)?
                .into_iter()
                .partition(|pod| belongs_to(pod.labels.as_ref(), &stack.name));
            let (containers, others): (Vec<Container>, Vec<Container>) = join(containers)?
                .into_iter()
                // A pod's own goes with its pod.
                .filter(|container| !(container.is_infra && pods.iter().any(|pod| pod.id == container.pod)))
                .partition(|container| !container.is_stored() && belongs_to(container.labels.as_ref(), &stack.name));
            let foreign = other_pods
                .into_iter()
                .map(|pod| (pod.name.clone(), format!("pod `{}`", pod.name)))
                .chain(others.into_iter().map(|container| {
                    let place = if container.is_stored() {
                        " in Podman's storage"
                    } else {
                        ""
                    };
                    let text = format!("container `{}` of image {}{place}", container.name(), container.image);
                    (container.name().to_owned(), text)
                }))
                .collect();
            Ok(Self {
                images,
                pods: pods.into_iter().map(|pod| (pod.name.clone(), pod)).collect(),
                containers: containers
                    .into_iter()
                    .map(|container| (container.name().to_owned(), container))
                    .collect(),
                foreign,
                networks,
                volumes: join(volumes)?,
            })
        })
    }

    /// Fails where a name that is needed is taken by what is not the stack's.
    fn require_own_names(
        &self,
        stack: &Stack,
        to_start: &[&(GroupId, Creation)],
        machines: &BTreeSet<MachineId>,
    ) -> Result<(), BootError> {
        let names = to_start
            .iter()
            .flat_map(|(_, creation)| [&creation.pod.name, &creation.container.name, &creation.pod.infra_name]);
        self.require_own(stack, names, machines)
    }

    /// The same for these names of containers and pods.
    fn require_own<'n>(
        &self,
        stack: &Stack,
        names: impl Iterator<Item = &'n String>,
        machines: &BTreeSet<MachineId>,
    ) -> Result<(), BootError> {
        let is_ours = |labels: Option<&BTreeMap<String, String>>| belongs_to(labels, &stack.name);
        let mut taken: Vec<String> = names
            .filter_map(|name| self.foreign.get(name))
            .map(|what| format!("the name is already in use by {what}"))
            .collect();
        let mut or = "";
        for machine in machines {
            let name = &stack.machine(*machine).network;
            let network = self.networks.iter().find(|network| network.name == *name);
            if network.is_some_and(|network| !is_ours(network.labels.as_ref())) {
                taken.push(format!("the name is already in use by network `{name}`"));
                or = " (a network's is `machines.<name>.network.name`)";
            }
            for volume in stack.volumes.iter().filter(|volume| volume.host.is_none()) {
                let name = stack.volume(*machine, volume);
                let found = self.volumes.iter().find(|found| found.name == name);
                if found.is_some_and(|found| !is_own_volume(found, stack)) {
                    taken.push(format!("the name is already in use by volume `{name}`"));
                }
            }
        }
        if taken.is_empty() {
            return Ok(());
        }
        Err(BootError::Names {
            stack: stack.name.clone(),
            taken,
            or,
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

/// Whether a volume is the stack's: by its label, or by that of the rendered compose file, whose volumes hold the same data and are
/// used as they are.
#[must_use]
pub fn is_own_volume(volume: &Volume, stack: &Stack) -> bool {
    let mut machines = stack.machines.iter();
    belongs_to(volume.labels.as_ref(), &stack.name)
        || machines.any(|machine| is_of_project(volume, &format!("{}_{}", stack.name, machine.name)))
}

fn is_of_project(volume: &Volume, project: &str) -> bool {
    ["io.podman.compose.project", "com.docker.compose.project"]
        .iter()
        .any(|label| {
            let labels = volume.labels.as_ref();
            labels
                .and_then(|labels| labels.get(*label))
                .is_some_and(|name| name == project)
        })
}

/// The result of a thread; its panic is ours.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn start(
    podman: &Podman,
    stack: &Stack,
    creation: &Creation,
    there: Option<&str>,
    turn: &Turn,
    stop_limit: Duration,
) -> Result<(), BootError> {
    if let Some(state) = there {
        // It has the time that it was made with, and whoever is told to stop meanwhile does not wait for it.
        if let Some(container) = own_container(podman, stack, creation)? {
            removal::stop(podman, &container.id, state, stop_limit)?;
        }
        remove_group(podman, stack, creation, stop_limit)?;
    }
    let make = || {
        let made = make::group(podman, creation, &turn.creation, &turn.bridge);
        if made.is_err() {
            // Half a pod would look like a running one to the next boot. Its own failure says less than the first.
            let _ = remove_group(podman, stack, creation, stop_limit);
        }
        made
    };
    let made = match make() {
        // A Podman was killed over the address, of a container that is gone by now.
        Err(error) if wants_a_kept_address(&error.to_string()) && !leases::give_back(podman, stack)?.is_empty() => {
            make()
        }
        made => made,
    };
    Ok(made?)
}

fn wants_a_kept_address(said: &str) -> bool {
    said.contains("is already allocated to container ID")
}

/// The group's container, where it carries the stack's label.
fn own_container(podman: &Podman, stack: &Stack, creation: &Creation) -> Result<Option<Container>, PodmanError> {
    let mut all = podman.containers(&stack.name)?;
    all.retain(|container| container.name() == creation.container.name);
    Ok(all.pop())
}

/// Removes a group's pod and container where they carry the stack's label: what has their names without it is somebody else's.
fn remove_group(podman: &Podman, stack: &Stack, creation: &Creation, limit: Duration) -> Result<(), BootError> {
    let containers = podman.all_containers()?;
    for pod in podman.pods(&stack.name)? {
        if pod.name != creation.pod.name {
            continue;
        }
        let users = take_down::others_in(&pod, &containers, &stack.name);
        if !users.is_empty() {
            let what = format!("pod `{}`", pod.name);
            return Err(BootError::Used { what, users });
        }
        removal::remove(
            &podman
                .command()
                .args(["pod", "rm", "--force", "--ignore", &pod.id])
                .limit(limit)
                .whole(),
        )?;
    }
    if let Some(container) = own_container(podman, stack, creation)? {
        removal::remove(
            &podman
                .command()
                .args(["rm", "--force", "--ignore", "--time=0", &container.id])
                .limit(limit)
                .whole(),
        )?;
    }
    Ok(())
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
            require_subnet(network, machine)?;
            continue;
        }
        match make::network(podman, &machine.network, &wanted, &labels(stack, *id)) {
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

/// Fails where a machine's network has other subnets than the machine.
fn require_subnet(network: &Network, machine: &Machine) -> Result<(), BootError> {
    let subnets = network.subnets.iter().flatten();
    let subnets: Vec<&str> = subnets.map(|subnet| subnet.subnet.as_str()).collect();
    let is_its = |subnet: &&str| Subnet::parse(subnet) == Some(machine.subnet);
    if subnets.iter().any(is_its) {
        return Ok(());
    }
    Err(BootError::Subnet {
        name: machine.network.clone(),
        found: subnets.join(", "),
        wanted: machine.subnet.to_string(),
    })
}

fn make_volumes(
    podman: &Podman,
    stack: &Stack,
    machines: &BTreeSet<MachineId>,
    there: &[Volume],
    emit: &(dyn Fn(BootEvent) + Sync),
) -> Result<(), BootError> {
    let missing: Vec<(String, MachineId)> = machines
        .iter()
        .flat_map(|machine| {
            stack
                .volumes
                .iter()
                .filter(|volume| volume.host.is_none())
                .map(move |volume| (stack.volume(*machine, volume), *machine))
        })
        .filter(|(name, _)| there.iter().all(|volume| volume.name != *name))
        .collect();
    for made in parallel::map(parallel::default_jobs(), &missing, |(name, machine)| {
        make::volume(podman, name, &labels(stack, *machine)).map(|()| emit(BootEvent::Volume(name.clone())))
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

/// Writes down what Podman knows of the stack's networks, and what is plugged into their bridges: before they are removed, since
/// nothing says it afterwards.
///
/// # Errors
/// When Podman or `ip` fails, or it cannot be written.
pub fn note_own_networks(podman: &Podman, stack: &str) -> Result<(), BootError> {
    let own = own_networks(&podman.networks()?, stack);
    let records = podman.records(stack);
    records.note_networks(&own)?;
    if !podman.is_of_this_host() || !nix::unistd::geteuid().is_root() || process::on_path("ip").is_none() {
        return Ok(());
    }
    for network in &own {
        records.note_namespaces(leftovers::plugged(network)?)?;
    }
    Ok(())
}

/// Removes networks of the stack, which must have no container. The next boot makes them again.
///
/// # Errors
/// When Podman cannot list them.
pub fn remove_unused_networks(podman: &Podman, stack: &str) -> Result<(), BootError> {
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

/// Removes those of the networks that carry the stack's label and that nothing uses: another group of the machine may, or a name
/// may be of another host. Returns the names of those that are gone.
///
/// # Errors
/// When Podman cannot list them.
pub fn remove_made_networks(podman: &Podman, stack: &str, names: &[String]) -> Result<Vec<String>, PodmanError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut removed = Vec::new();
    for network in podman.networks()? {
        if belongs_to(network.labels.as_ref(), stack) && names.contains(&network.name) {
            let output = podman.command().args(["network", "rm", &network.name]).run();
            if output.is_ok_and(|output| output.status.success()) {
                removed.push(network.name);
            }
        }
    }
    Ok(removed)
}

/// The limits that this host's Podman can set. What root is granted is what the kernel has; for anybody else it is what is delegated to
/// them, which stands where their session's cgroup is. `podman info` knows too, and takes 0.2 s to say so.
#[must_use]
pub fn granted() -> Granted {
    let uid = nix::unistd::geteuid();
    let v2 = if uid.is_root() {
        "/sys/fs/cgroup/cgroup.controllers".to_owned()
    } else {
        format!("/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers")
    };
    if let Ok(controllers) = files::read_text(Path::new(&v2)) {
        return Granted::of(controllers.split_whitespace());
    }
    let there = ["memory", "cpu", "pids"].into_iter();
    // On cgroups v1, each controller is a folder, and root's alone.
    Granted::of(there.filter(|name| uid.is_root() && Path::new("/sys/fs/cgroup").join(name).is_dir()))
}
