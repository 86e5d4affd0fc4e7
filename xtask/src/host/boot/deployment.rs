//! Brings the units of machines on this host to what the stack wants: files, networks and services.

use std::collections::{BTreeMap, BTreeSet};

use super::session::Emit;
use super::systemd::{OfSystemd, Systemd};
use super::{BootError, Created, remove_made_networks};
use crate::boot::event::{Action, BootEvent};
use crate::boot::limits;
use crate::boot::units::{self, Change, Installed, Kind, Refusal, ServiceState};
use crate::host::podman::Podman;
use crate::stack::{GroupId, MachineId, Stack};

/// What a deployment is of.
pub struct Wanted<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// The machines that are on this host.
    pub machines: &'a BTreeSet<MachineId>,
    /// Their groups.
    pub groups: &'a [GroupId],
    /// Their files, by name.
    pub files: BTreeMap<String, String>,
    /// Groups whose container is of an image that was replaced.
    pub older: BTreeSet<GroupId>,
}

/// What is to be done.
#[derive(Debug)]
pub struct Deployment {
    change: Change,
    /// Files that are there.
    installed: BTreeMap<String, Installed>,
    /// Groups that are to be started anew where they run.
    anew: BTreeSet<GroupId>,
    /// Groups that run, or are about to.
    running: BTreeSet<GroupId>,
}

impl Deployment {
    /// Compares what is wanted with what there is.
    ///
    /// # Errors
    /// When files of others are in the way, or systemd does not answer.
    pub fn plan(wanted: &Wanted<'_>, containers: &OfSystemd<'_>, take_over: bool) -> Result<Self, BootError> {
        let Wanted { stack, groups, .. } = wanted;
        let systemd = containers.systemd;
        let installed = systemd.installed();
        let machines = wanted
            .machines
            .iter()
            .map(|id| stack.machine(*id).name.as_str())
            .collect();
        let change = units::change(
            &stack.name,
            &stack.checkout,
            &machines,
            &wanted.files,
            &installed,
            take_over,
        )
        .map_err(|refusal| refused(refusal, systemd))?;
        let states = systemd.states(&containers.services(&groups.iter().copied().collect()))?;
        let is_up = |group: &&GroupId| {
            let state = containers.services.get(*group).and_then(|service| states.get(service));
            state.is_some_and(ServiceState::is_up)
        };
        let is_changed = |group: &GroupId| {
            let service = containers.services.get(group);
            let mut changed = change.write.keys().map(|file| units::service(file));
            wanted.older.contains(group) || changed.any(|changed| Some(&changed) == service)
        };
        // Whatever is on a network that is made anew is, too.
        let on_new_network = |group: &GroupId| {
            let machine = &stack.machine(stack.group(*group).machine).name;
            changed_networks(&change, &installed).any(|file| file.machine() == Some(machine))
        };
        Ok(Self {
            anew: groups
                .iter()
                .filter(|group| is_changed(group) || on_new_network(group))
                .copied()
                .collect(),
            running: groups.iter().filter(is_up).copied().collect(),
            change,
            installed,
        })
    }

    /// Groups that run, or are about to.
    #[must_use]
    pub fn running(&self) -> &BTreeSet<GroupId> {
        &self.running
    }

    /// What would be done, a word and what it is done to each.
    #[must_use]
    pub fn steps(&self, wanted: &Wanted<'_>) -> Vec<(&'static str, String)> {
        let mut steps = Vec::new();
        for name in &self.change.remove {
            steps.push(("remove", format!("unit {name}")));
        }
        for name in self.change.write.keys() {
            let verb = if self.installed.contains_key(name) {
                "change"
            } else {
                "install"
            };
            steps.push((verb, format!("unit {name}")));
        }
        for group in wanted.groups {
            let name = wanted.stack.group(*group).name.clone();
            if !self.running.contains(group) {
                steps.push(("start", name));
            } else if self.anew.contains(group) {
                steps.push(("restart", name));
            }
        }
        steps
    }

    /// Does it; agents are not waited for.
    ///
    /// # Errors
    /// When a file cannot be written, or systemd or Podman fails.
    pub fn carry_out(
        &self,
        wanted: &Wanted<'_>,
        containers: &OfSystemd<'_>,
        podman: &Podman,
        emit: &Emit<'_>,
    ) -> Result<Created, BootError> {
        let systemd = containers.systemd;
        let stopped = self.stop(wanted, containers, podman, emit)?;
        for (name, text) in &self.change.write {
            systemd.install(name, text)?;
            emit(BootEvent::Installed(name.clone()));
        }
        for name in &self.change.remove {
            systemd.remove(name)?;
            emit(BootEvent::Removed("unit", name.clone()));
        }
        systemd.reload()?;
        let all = containers.services(&wanted.groups.iter().copied().collect());
        let unknown: Vec<String> = systemd
            .states(&all)?
            .into_iter()
            .filter(|(_, state)| !state.loaded)
            .map(|(service, _)| service)
            .collect();
        if !unknown.is_empty() {
            return Err(BootError::NoService(unknown));
        }
        let runs = |group: &GroupId| self.running.contains(group) && !stopped.contains(group);
        let (there, due): (BTreeSet<GroupId>, BTreeSet<GroupId>) = wanted.groups.iter().copied().partition(runs);
        let (changed, same): (BTreeSet<GroupId>, BTreeSet<GroupId>) =
            there.into_iter().partition(|group| self.anew.contains(group));
        // Until they have stopped, the old ones answer, and would be taken for the new ones.
        systemd.stop(&containers.services(&changed), limits::removal(wanted.stack))?;
        systemd.start(&containers.services(&due.union(&changed).copied().collect()))?;
        let replaced = |group: &GroupId| self.running.contains(group);
        for group in due.iter().chain(&changed) {
            let action = if replaced(group) {
                Action::Replaced
            } else {
                Action::Created
            };
            emit(BootEvent::Group(*group, action));
        }
        for group in same {
            emit(BootEvent::Group(group, Action::Unchanged));
        }
        Ok(Created {
            groups: due.into_iter().chain(changed).collect(),
            ..Created::default()
        })
    }

    /// Stops what has no unit any more, and all that is on a network which is made anew; returns the groups that were stopped.
    fn stop(
        &self,
        wanted: &Wanted<'_>,
        containers: &OfSystemd<'_>,
        podman: &Podman,
        emit: &Emit<'_>,
    ) -> Result<BTreeSet<GroupId>, BootError> {
        let stack = wanted.stack;
        let mut services: Vec<String> = self.change.remove.iter().map(|name| units::service(name)).collect();
        let mut stopped = BTreeSet::new();
        let mut networks = Vec::new();
        for file in changed_networks(&self.change, &self.installed) {
            let of = |id: &&MachineId| file.machine() == Some(&stack.machine(**id).name);
            for machine in wanted.machines.iter().filter(of) {
                stopped.extend(stack.groups_of(*machine).map(|(group, _)| group));
                networks.push(stack.machine(*machine).network.clone());
            }
        }
        services.extend(containers.services(&stopped));
        let of_networks = self
            .change
            .write
            .keys()
            .filter(|name| Kind::of(name) == Some(Kind::Network));
        services.extend(
            of_networks
                .filter(|name| self.installed.contains_key(*name))
                .map(|name| units::service(name)),
        );
        containers.systemd.stop(&services, limits::removal(stack))?;
        for name in remove_made_networks(podman, &stack.name, &networks)? {
            emit(BootEvent::Removed("network", name));
        }
        Ok(stopped)
    }
}

/// Files of networks that are there and become others.
fn changed_networks<'a>(
    change: &'a Change,
    installed: &'a BTreeMap<String, Installed>,
) -> impl Iterator<Item = &'a Installed> {
    let names = change.write.keys().filter(|name| Kind::of(name) == Some(Kind::Network));
    names.filter_map(|name| installed.get(name))
}

fn refused(refusal: Refusal, systemd: &Systemd) -> BootError {
    let folder = systemd.folder().to_owned();
    match refusal {
        Refusal::Foreign(names) => BootError::Files(names, folder),
        Refusal::Others(others) => BootError::OthersUnits(told(others), folder),
    }
}

/// Whose units are that are not of this checkout.
pub(super) fn told(others: BTreeMap<Option<String>, usize>) -> Vec<String> {
    let text = |(checkout, count): (Option<String>, usize)| match checkout {
        Some(path) => format!("{count} of `{}`", path.escape_debug()),
        None => format!("{count} that somebody copied by hand"),
    };
    others.into_iter().map(text).collect()
}
