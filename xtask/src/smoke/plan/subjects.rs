//! What a check is made once for, and what its placeholders stand for there.

use std::collections::BTreeMap;

use crate::container::group_config;
use crate::container::preload::Preload;
use crate::smoke::spec::ForEach;
use crate::smoke::template::Bindings;
use crate::stack::graph;
use crate::stack::model::{Agent, GroupId, MachineId, Stack, Volume};

/// One subject of an expansion.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) label: String,
    pub(super) machine: Option<MachineId>,
    pub(super) bindings: Bindings,
}

pub(super) fn subjects(
    stack: &Stack,
    for_each: Option<ForEach>,
    machines: &[MachineId],
    groups: &[GroupId],
) -> Vec<Subject> {
    let machine_wanted = |machine: MachineId| machines.is_empty() || machines.contains(&machine);
    let group_wanted =
        |group: GroupId| machine_wanted(stack.group(group).machine) && (groups.is_empty() || groups.contains(&group));
    let all_machines = || {
        (0..stack.machines.len())
            .map(MachineId)
            .filter(|machine| machine_wanted(*machine))
    };
    let all_groups = || {
        stack
            .groups()
            .map(|(group, _)| group)
            .filter(|group| group_wanted(*group))
            .collect::<Vec<_>>()
    };
    match for_each {
        None => {
            let machine = match (machines, groups) {
                ([machine], []) => Some(*machine),
                (_, [group]) => Some(stack.group(*group).machine),
                _ => None,
            };
            let mut bindings =
                machine.map_or_else(|| stack_bindings(stack), |machine| machine_bindings(stack, machine));
            if let [group] = groups {
                bindings = group_bindings(stack, *group);
            }
            vec![Subject {
                label: String::new(),
                machine,
                bindings,
            }]
        }
        Some(ForEach::Machine) => all_machines()
            .map(|machine| Subject {
                label: stack.machine(machine).name.clone(),
                machine: Some(machine),
                bindings: machine_bindings(stack, machine),
            })
            .collect(),
        Some(ForEach::Group) => all_groups()
            .into_iter()
            .map(|group| Subject {
                label: stack.group(group).name.clone(),
                machine: Some(stack.group(group).machine),
                bindings: group_bindings(stack, group),
            })
            .collect(),
        Some(ForEach::Agent) => stack
            .agents()
            .filter(|(_, agent)| group_wanted(agent.group))
            .map(|(_, agent)| agent_subject(stack, agent))
            .collect(),
        Some(ForEach::Volume) => all_machines()
            .flat_map(|machine| {
                let volumes = stack.volumes.iter();
                volumes.map(move |volume| volume_subject(stack, machine, volume))
            })
            .collect(),
        Some(ForEach::PathAlias) => all_groups()
            .into_iter()
            .flat_map(|group| {
                let aliases = &stack.machine(stack.group(group).machine).path_aliases;
                aliases
                    .iter()
                    .map(move |(alias, target)| alias_subject(stack, group, alias, target))
            })
            .collect(),
        Some(ForEach::Link) => graph::group_edges(stack)
            .into_iter()
            .filter(|(from, _)| group_wanted(*from))
            .map(|(from, to)| link_subject(stack, from, to))
            .collect(),
    }
}

fn agent_subject(stack: &Stack, agent: &Agent) -> Subject {
    let mut bindings = group_bindings(stack, agent.group);
    bindings.insert("agent", agent.name.clone());
    bindings.insert("port", agent.port.to_string());
    bindings.insert("health_check_port", agent.health_check_port.to_string());
    Subject {
        label: format!("{}/{}", stack.machine(agent.machine).name, agent.name),
        machine: Some(agent.machine),
        bindings,
    }
}

fn volume_subject(stack: &Stack, machine: MachineId, volume: &Volume) -> Subject {
    let mut bindings = machine_bindings(stack, machine);
    bindings.insert("volume", volume.name.clone());
    bindings.insert("path", volume.path.clone());
    // Something of the machine that can hold it.
    if let Some((_, group)) = stack.groups_of(machine).next() {
        bindings.insert("group", group.name.clone());
    }
    Subject {
        label: format!("{}/{}", stack.machine(machine).name, volume.name),
        machine: Some(machine),
        bindings,
    }
}

fn alias_subject(stack: &Stack, group: GroupId, alias: &str, target: &str) -> Subject {
    let mut bindings = group_bindings(stack, group);
    bindings.insert("path", alias.to_owned());
    bindings.insert("target", target.to_owned());
    Subject {
        label: format!("{}: {alias}", stack.group(group).name),
        machine: Some(stack.group(group).machine),
        bindings,
    }
}

fn link_subject(stack: &Stack, from: GroupId, to: GroupId) -> Subject {
    let mut bindings = group_bindings(stack, from);
    bindings.insert("to", stack.group(to).name.clone());
    Subject {
        label: format!("{} → {}", stack.group(from).name, stack.group(to).name),
        machine: Some(stack.group(from).machine),
        bindings,
    }
}

fn stack_bindings(stack: &Stack) -> Bindings {
    BTreeMap::from([
        ("stack", stack.name.clone()),
        ("namespace", stack.images.namespace.clone()),
        ("python_version", stack.python_version.to_string()),
        ("user", stack.images.user.clone()),
        ("uid", stack.images.uid.to_string()),
    ])
}

fn machine_bindings(stack: &Stack, machine: MachineId) -> Bindings {
    let machine = stack.machine(machine);
    let mut bindings = stack_bindings(stack);
    bindings.insert("machine", machine.name.clone());
    bindings.insert("network", machine.network.clone());
    bindings.insert("subnet", machine.subnet.to_string());
    bindings.insert("lan_address", machine.lan_address.to_string());
    bindings
}

fn group_bindings(stack: &Stack, group: GroupId) -> Bindings {
    let mut bindings = machine_bindings(stack, stack.group(group).machine);
    bindings.insert("group", stack.group(group).name.clone());
    bindings.insert("address", stack.group(group).address.to_string());
    bindings.insert("groups", neighbours(stack, group));
    bindings.insert("bridges", bridges(stack, group));
    bindings
}

/// The groups of a group's machine with their addresses: `core-services=172.20.0.10 …`.
fn neighbours(stack: &Stack, group: GroupId) -> String {
    let groups = stack.groups_of(stack.group(group).machine);
    let words: Vec<String> = groups
        .map(|(_, group)| format!("{}={}", group.name, group.address))
        .collect();
    words.join(" ")
}

/// The ports of a group's loopback that lead to agents of other containers, all of them: `TaskRouter=5571 …`.
fn bridges(stack: &Stack, group: GroupId) -> String {
    let bridges = group_config::config(stack, group, &Preload::default()).loopback_bridges;
    let words: Vec<String> = bridges
        .into_iter()
        .flat_map(|bridge| {
            let agent = bridge.agent;
            bridge.ports.into_iter().map(move |port| format!("{agent}={port}"))
        })
        .collect();
    words.join(" ")
}
