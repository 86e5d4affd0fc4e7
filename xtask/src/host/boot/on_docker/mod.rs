//! Brings machines on this host to what the stack wants by Docker: networks and volumes of our own making, and containers that Compose makes.

pub mod take_down;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::deployment::told;
use super::session::{Containers, Emit};
use super::{BootError, Created};
use crate::boot::docker::{self, Container, Network, Volume, belongs_to, others};
use crate::boot::event::{Action, BootEvent};
use crate::boot::limits;
use crate::boot::standing::Standing;
use crate::host::docker::{Compose, Docker, DockerError};
use crate::host::system::files;
use crate::host::system::process::{self, ProcessError};
use crate::stack::labels::{CHECKOUT, DOCKER, ENGINE, MACHINE, STACK};
use crate::stack::model::Subnet;
use crate::stack::{GroupId, MachineId, Stack};

/// How long Docker may take to make or remove one thing that holds no program.
const LIMIT: Duration = Duration::from_secs(60);
/// How long Compose may take to make and start all containers of a machine.
const START: Duration = Duration::from_secs(600);

/// The containers of one machine, as Compose gets them.
#[derive(Debug)]
pub struct Project {
    /// The machine.
    pub machine: MachineId,
    /// What Compose calls them together.
    pub name: String,
    /// The file's text.
    pub text: String,
    /// Where it is written before Compose reads it.
    pub path: PathBuf,
}

/// What a deployment is of.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// Its machines that are on this host.
    pub projects: Vec<Project>,
    /// Their groups.
    pub groups: &'a [GroupId],
    /// Of each, the digest of how it is made.
    pub digests: BTreeMap<GroupId, String>,
    /// Ids of images that Docker has as they are to be, by name.
    pub images: &'a BTreeMap<String, String>,
    /// What another checkout has had made is replaced.
    pub take_over: bool,
}

/// What is to be done.
#[derive(Debug)]
pub struct Deployment {
    actions: BTreeMap<GroupId, Action>,
    /// The stack's own containers.
    own: Vec<Container>,
    /// Containers that are no group's any more: ids and names.
    gone: Vec<(String, String)>,
    /// Networks that are to be removed first: they have another subnet.
    old_networks: Vec<Network>,
    /// Networks that are to be made.
    new_networks: Vec<MachineId>,
    /// Volumes that are to be made.
    new_volumes: Vec<(String, MachineId)>,
}

impl Deployment {
    /// Compares what is wanted with what there is.
    ///
    /// # Errors
    /// When what is not the stack's has names that it needs, another checkout has had some of it made, or Docker cannot be asked.
    pub fn plan(docker: &Docker, wanted: &Wanted<'_>) -> Result<Self, BootError> {
        let stack = wanted.stack;
        let own = docker.containers(&stack.name)?;
        let machines: BTreeSet<MachineId> = wanted.projects.iter().map(|project| project.machine).collect();
        let networks: Vec<String> = machines.iter().map(|id| stack.machine(*id).network.clone()).collect();
        let networks = docker.networks(&stack.name, &networks)?;
        let volumes = volumes(stack, &machines);
        let known: Vec<String> = volumes.iter().map(|(name, _)| name.clone()).collect();
        let known = docker.volumes(&stack.name, &known)?;
        require_own_names(docker, wanted, &networks, &known, &volumes)?;
        let labels = own.iter().map(Container::labels);
        require_own(
            stack,
            labels.chain(networks.iter().map(|network| &network.labels)),
            wanted.take_over,
        )?;
        let mut plan = Self {
            actions: BTreeMap::new(),
            gone: Vec::new(),
            own,
            old_networks: Vec::new(),
            new_networks: Vec::new(),
            new_volumes: volumes
                .into_iter()
                .filter(|(name, _)| known.iter().all(|volume| volume.name != *name))
                .collect(),
        };
        let mut changed = BTreeSet::new();
        for id in machines.iter().copied() {
            let machine = stack.machine(id);
            let there = networks.iter().find(|network| network.name == machine.network);
            let is_its = |subnet: &&str| Subnet::parse(subnet) == Some(machine.subnet);
            if there.is_some_and(|network| network.subnets().iter().any(is_its)) {
                continue;
            }
            plan.new_networks.push(id);
            plan.old_networks.extend(there.cloned());
            changed.insert(machine.name.clone());
        }
        let names: BTreeSet<String> = machines.iter().map(|id| stack.machine(*id).name.clone()).collect();
        // A machine's network may have had another name.
        let wanted_networks: Vec<&String> = machines.iter().map(|id| &stack.machine(*id).network).collect();
        let is_former = |network: &&Network| {
            let machine = network.labels.as_ref().and_then(|labels| labels.get(MACHINE));
            !wanted_networks.contains(&&network.name) && machine.is_some_and(|machine| names.contains(machine))
        };
        plan.old_networks.extend(networks.iter().filter(is_former).cloned());
        let gone = docker::gone(stack, &names, &plan.own).into_iter();
        plan.gone = gone
            .map(|container| (container.id.clone(), container.name().to_owned()))
            .collect();
        let of_groups = docker::Wanted {
            stack,
            groups: wanted.groups,
            digests: &wanted.digests,
            images: wanted.images,
            new_networks: &changed,
        };
        plan.actions = docker::actions(&of_groups, &plan.own);
        Ok(plan)
    }

    /// Groups that run, and stay as they are.
    #[must_use]
    pub fn unchanged(&self) -> BTreeSet<GroupId> {
        let same = self.actions.iter().filter(|(_, action)| **action == Action::Unchanged);
        same.map(|(id, _)| *id).collect()
    }

    /// Groups that have a container by now, in whatever form.
    #[must_use]
    pub fn there(&self) -> BTreeSet<GroupId> {
        let there = self.actions.iter().filter(|(_, action)| **action != Action::Created);
        there.map(|(id, _)| *id).collect()
    }

    /// What would be done, a word and what it is done to each.
    #[must_use]
    pub fn steps(&self, stack: &Stack) -> Vec<(&'static str, String)> {
        let mut steps = Vec::new();
        let removed = self.gone.iter().map(|(_, name)| format!("container {name}"));
        let networks = self
            .old_networks
            .iter()
            .map(|network| format!("network {}", network.name));
        steps.extend(removed.chain(networks).map(|what| ("remove", what)));
        for id in &self.new_networks {
            steps.push(("create", format!("network {}", stack.machine(*id).network)));
        }
        for (name, _) in &self.new_volumes {
            steps.push(("create", format!("volume {name}")));
        }
        for (id, action) in &self.actions {
            let verb = match action {
                Action::Unchanged => continue,
                Action::Created => "start",
                Action::Replaced => "restart",
            };
            steps.push((verb, stack.group(*id).name.clone()));
        }
        steps
    }

    /// Does it; agents are not waited for.
    ///
    /// # Errors
    /// When Docker fails at what all groups need. A group that does not start is told, and the others start all the same.
    pub fn carry_out(
        &self,
        docker: &Docker,
        compose: &Compose,
        wanted: &Wanted<'_>,
        emit: &Emit<'_>,
    ) -> Result<Created, BootError> {
        let stack = wanted.stack;
        // By these it is known afterwards that Docker has something of the stack.
        for project in &wanted.projects {
            files::write(&project.path, project.text.as_bytes(), false)?;
        }
        for (id, name) in &self.gone {
            remove_container(docker, id, limits::removal(stack))?;
            emit(BootEvent::Removed("container", name.clone()));
        }
        // Until they have stopped, the old ones answer, and would be taken for the new ones.
        let replaced: Vec<String> = self.containers(stack, Action::Replaced);
        if !replaced.is_empty() {
            stop(docker, &replaced, limits::removal(stack))?;
        }
        for network in &self.old_networks {
            // None of its containers can go on: they have addresses of it.
            for container in self.own.iter().filter(|container| replaced.contains(&container.id)) {
                remove_container(docker, &container.id, limits::removal(stack))?;
            }
            docker
                .command()
                .args(["network", "rm", &network.id])
                .limit(LIMIT)
                .whole()
                .read()?;
            emit(BootEvent::Removed("network", network.name.clone()));
        }
        let mut created = Created::default();
        for id in &self.new_networks {
            make_network(docker, stack, *id)?;
            created.networks.push(stack.machine(*id).network.clone());
            emit(BootEvent::Network(stack.machine(*id).network.clone()));
        }
        for (name, machine) in &self.new_volumes {
            let make = docker
                .command()
                .args(["volume", "create"])
                .args(labels(stack, *machine));
            make.arg(name).limit(LIMIT).whole().read()?;
            emit(BootEvent::Volume(name.clone()));
        }
        for project in &wanted.projects {
            self.start(docker, compose, wanted, project, &mut created, emit)?;
        }
        for id in self.unchanged() {
            emit(BootEvent::Group(id, Action::Unchanged));
        }
        Ok(created)
    }

    /// Ids of the containers of groups of which that becomes.
    fn containers(&self, stack: &Stack, becomes: Action) -> Vec<String> {
        let names: BTreeSet<&str> = self
            .actions
            .iter()
            .filter(|(_, action)| **action == becomes)
            .map(|(id, _)| stack.group(*id).name.as_str())
            .collect();
        let own = self.own.iter().filter(|container| names.contains(container.name()));
        own.map(|container| container.id.clone()).collect()
    }

    /// Has Compose make and start a machine's groups, all at once; where that fails, those that do not run one by one, so that each says why.
    fn start(
        &self,
        docker: &Docker,
        compose: &Compose,
        wanted: &Wanted<'_>,
        project: &Project,
        created: &mut Created,
        emit: &Emit<'_>,
    ) -> Result<(), BootError> {
        let stack = wanted.stack;
        let due: Vec<(GroupId, Action)> = self
            .actions
            .iter()
            .filter(|(id, action)| stack.group(**id).machine == project.machine && **action != Action::Unchanged)
            .map(|(id, action)| (*id, *action))
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let up = |names: &[&str]| {
            let up = compose
                .command()
                .args(["--project-name", &project.name, "--file"])
                .arg(&project.path);
            up.args(["up", "--detach", "--no-build", "--no-deps", "--force-recreate"])
                .args(names)
                .limit(START)
                .read()
        };
        let name = |id: GroupId| stack.group(id).name.as_str();
        let names: Vec<&str> = due.iter().map(|(id, _)| name(*id)).collect();
        let all_at_once = up(&names);
        if let Err(error @ (ProcessError::Interrupted { .. } | ProcessError::Missing { .. })) = all_at_once {
            return Err(error.into());
        }
        let own = docker.containers(&stack.name)?;
        let is_one_of_many = due.len() > 1;
        for (id, action) in due {
            let mut failure = failure(&own, wanted, id, &all_at_once);
            // What another one failed at may have kept it from being started.
            if failure.is_some() && all_at_once.is_err() && is_one_of_many {
                let alone = up(&[name(id)]);
                failure = self::failure(&docker.containers(&stack.name)?, wanted, id, &alone);
            }
            match failure {
                None => {
                    created.groups.insert(id);
                    emit(BootEvent::Group(id, action));
                }
                Some(why) => {
                    created.failed.insert(id);
                    if !process::interrupted() {
                        emit(BootEvent::GroupFailed(id, why));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Why a group does not run as it is to be, after Compose has ended like that; nothing where it does. Not all that Docker does not start
/// is a failure of Compose.
fn failure(
    own: &[Container],
    wanted: &Wanted<'_>,
    id: GroupId,
    compose: &Result<String, ProcessError>,
) -> Option<String> {
    let stack = wanted.stack;
    let of_group = docker::Wanted {
        stack,
        groups: &[id],
        digests: &wanted.digests,
        images: wanted.images,
        new_networks: &BTreeSet::new(),
    };
    if docker::actions(&of_group, own).get(&id) == Some(&Action::Unchanged) {
        return None;
    }
    let container = own.iter().find(|container| container.name() == stack.group(id).name);
    let standing = container.map_or(Standing::Absent, Container::standing);
    let by_docker = container.and_then(Container::error).map(str::to_owned);
    let by_compose = || compose.as_ref().err().map(ToString::to_string);
    Some(by_docker.or_else(by_compose).unwrap_or_else(|| standing.text()))
}

/// The volumes that Docker keeps for machines.
fn volumes(stack: &Stack, machines: &BTreeSet<MachineId>) -> Vec<(String, MachineId)> {
    let of = |machine: &MachineId| {
        let kept = stack.volumes.iter().filter(|volume| volume.host.is_none());
        let machine = *machine;
        kept.map(move |volume| (stack.volume(machine, volume), machine))
    };
    machines.iter().flat_map(of).collect()
}

/// Labels of a machine's network and volumes, as arguments.
fn labels(stack: &Stack, machine: MachineId) -> Vec<String> {
    let labels = [
        (STACK, stack.name.as_str()),
        (CHECKOUT, &stack.checkout),
        (MACHINE, &stack.machine(machine).name),
        (ENGINE, DOCKER),
    ];
    labels.map(|(name, value)| format!("--label={name}={value}")).into()
}

fn make_network(docker: &Docker, stack: &Stack, id: MachineId) -> Result<(), BootError> {
    let machine = stack.machine(id);
    let subnet = machine.subnet.to_string();
    let make = docker
        .command()
        .args(["network", "create", "--driver=bridge", "--subnet", &subnet]);
    let made = make
        .args(labels(stack, id))
        .arg(&machine.network)
        .limit(LIMIT)
        .whole()
        .read();
    match made {
        // Docker's own words.
        Err(ProcessError::Failed { tail, .. })
            if tail.iter().any(|line| line.contains("ool overlaps with other one")) =>
        {
            Err(BootError::SubnetTaken {
                name: machine.network.clone(),
                subnet,
            })
        }
        other => Ok(other.map(drop)?),
    }
}

/// Fails where a name that is needed is taken by what is not the stack's.
fn require_own_names(
    docker: &Docker,
    wanted: &Wanted<'_>,
    networks: &[Network],
    there: &[Volume],
    volumes: &[(String, MachineId)],
) -> Result<(), BootError> {
    let stack = wanted.stack;
    let names: Vec<String> = wanted.groups.iter().map(|id| stack.group(*id).name.clone()).collect();
    let projects: Vec<String> = wanted.projects.iter().map(|project| project.name.clone()).collect();
    let mut taken = Vec::new();
    for container in docker.containers_in_the_way(&names, &projects)? {
        if belongs_to(container.labels(), &stack.name) {
            continue;
        }
        let what = format!("container `{}` of image {}", container.name(), container.image_name());
        taken.push(match container.project() {
            Some(project) => format!("the name is already in use by {what}, of Compose project `{project}`"),
            None => format!("the name is already in use by {what}"),
        });
    }
    let mut or = "";
    for network in networks
        .iter()
        .filter(|network| !belongs_to(&network.labels, &stack.name))
    {
        taken.push(format!("the name is already in use by network `{}`", network.name));
        or = " (a network's is `machines.<name>.network.name`)";
    }
    let is_own = |volume: &Volume| {
        let project = volume.labels.as_ref().and_then(|labels| labels.get(docker::PROJECT));
        belongs_to(&volume.labels, &stack.name) || project.is_some_and(|project| projects.contains(project))
    };
    for volume in there.iter().filter(|volume| !is_own(volume)) {
        if volumes.iter().any(|(name, _)| *name == volume.name) {
            taken.push(format!("the name is already in use by volume `{}`", volume.name));
        }
    }
    if taken.is_empty() {
        return Ok(());
    }
    let stack = stack.name.clone();
    Err(BootError::Names { stack, taken, or })
}

/// Fails where another checkout has had things of the stack made, unless they are to be taken over.
fn require_own<'a>(
    stack: &Stack,
    things: impl Iterator<Item = &'a docker::Labels>,
    take_over: bool,
) -> Result<(), BootError> {
    let others = others(things, &stack.checkout);
    if others.is_empty() || take_over {
        return Ok(());
    }
    Err(BootError::OthersOnDocker(told(others)))
}

/// Stops containers within the time that they were made with. What cannot be stopped, such as one that is gone, is for what comes next to say.
fn stop(docker: &Docker, ids: &[String], limit: Duration) -> Result<(), ProcessError> {
    match docker.command().arg("stop").args(ids).limit(limit).read() {
        Ok(_) | Err(ProcessError::Failed { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Stops a container and removes it; its anonymous volumes go with it. One that is gone is no failure.
fn remove_container(docker: &Docker, id: &str, limit: Duration) -> Result<(), ProcessError> {
    stop(docker, &[id.to_owned()], limit)?;
    let remove = docker.command().args(["rm", "--force", "--volumes", id]);
    match remove.limit(limit).whole().read() {
        Err(ProcessError::Failed { tail, .. }) if tail.iter().any(|line| line.contains("No such container")) => Ok(()),
        other => other.map(drop),
    }
}

/// Where a machine's Compose file is written. It stays for as long as Docker has something of the machine.
#[must_use]
pub fn compose_file(work: &Path, stack: &Stack, machine: MachineId) -> PathBuf {
    let name = format!("{}_{}.yml", stack.name, stack.machine(machine).name);
    work.join("compose").join(name)
}

/// The containers that Docker runs.
#[derive(Debug)]
pub struct OfDocker<'a> {
    /// It.
    pub docker: &'a Docker,
    /// The stack.
    pub stack: &'a Stack,
}

impl Containers for OfDocker<'_> {
    fn standing(&self, groups: &[GroupId]) -> BTreeMap<GroupId, Standing> {
        // Where Docker does not answer, nothing is known.
        standing(self.docker, self.stack, groups).unwrap_or_default()
    }

    fn last_lines(&self, group: GroupId, lines: usize) -> Vec<String> {
        let mut printed = Vec::new();
        let name = &self.stack.group(group).name;
        let shown = self.docker.command().args(["logs", &format!("--tail={lines}"), name]);
        match shown.limit(LIMIT).run_lines(&mut |line| printed.push(line.to_owned())) {
            Ok(output) if output.status.success() => printed,
            _ => Vec::new(),
        }
    }
}

/// How the container of each of these groups stands.
///
/// # Errors
/// When Docker cannot be asked.
pub fn standing(
    docker: &Docker,
    stack: &Stack,
    groups: &[GroupId],
) -> Result<BTreeMap<GroupId, Standing>, DockerError> {
    let own = docker.containers(&stack.name)?;
    let of = |id: &GroupId| {
        let container = own.iter().find(|container| container.name() == stack.group(*id).name);
        (*id, container.map_or(Standing::Absent, Container::standing))
    };
    Ok(groups.iter().map(of).collect())
}

/// The first process of each of these groups' containers that run.
///
/// # Errors
/// When Docker cannot be asked.
pub fn processes(docker: &Docker, stack: &Stack, groups: &[GroupId]) -> Result<BTreeMap<GroupId, u32>, DockerError> {
    let own = docker.containers(&stack.name)?;
    let of = |id: &GroupId| {
        let container = own.iter().find(|container| container.name() == stack.group(*id).name)?;
        Some((*id, container.pid()?))
    };
    Ok(groups.iter().filter_map(of).collect())
}

/// Fails where another checkout has had Docker run containers of the stack, unless they are to be taken over.
///
/// # Errors
/// When it has, or Docker cannot be asked.
pub fn require_checkout(docker: &Docker, stack: &Stack, take_over: bool) -> Result<(), BootError> {
    let own = docker.containers(&stack.name)?;
    require_own(stack, own.iter().map(Container::labels), take_over)
}
