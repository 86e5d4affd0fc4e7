//! The documents: `config/README.md`, the configuration of every group, and `scripts/README.md`, the way from bare hosts to
//! a running stack.

use std::collections::BTreeSet;

use minijinja::Value;

use super::markdown;
use super::template::fill;
use crate::container::ports::{Interface, published};
use crate::rendered_file::RenderedFile;
use crate::stack::model::{Agent, Dependency, Group, Machine};
use crate::stack::{AgentId, GroupId, MachineId, Stack, graph};
use crate::template::values;

/// Configuration of every group.
#[must_use]
pub fn configuration(stack: &Stack) -> RenderedFile {
    let edges = graph::group_edges(stack);
    let values = values! {
        header => stack.output.header(),
        program => stack.output.program(),
        stack_file => stack_link(stack),
        agents => stack.agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(),
        machines => stack.machines.iter().map(|machine| values! {
            name => machine.name,
            lan_address => machine.lan_address.to_string(),
            network => machine.network,
            subnet => machine.subnet.to_string(),
            startup_config => tree_file(stack, &machine.startup_config),
        }).collect::<Vec<_>>(),
        status_port => stack.status_port,
        groups => stack.groups().map(|(id, group)| group_values(stack, &edges, id, group)).collect::<Vec<_>>(),
        absent => stack.absent.iter().map(|absent| values! {
            name => absent.name,
            wanted_by => names(stack, &absent.wanted_by),
            fallback => absent.fallback.as_deref().map_or_else(|| "nothing".to_owned(), |path| tree_file(stack, path)),
        }).collect::<Vec<_>>(),
    };
    RenderedFile {
        path: stack.output.at("config/README.md"),
        text: fill(include_str!("../../../docker/templates/config.md.j2"), &values),
        executable: false,
    }
}

/// From the folder of the configuration to the stack's file.
fn stack_link(stack: &Stack) -> String {
    match stack.output.folder() {
        None => "stack.yaml".to_owned(),
        Some(_) => format!("..{}/{}", stack.output.up(), stack.output.stack_file()),
    }
}

/// A link to a file of the tree, where the tree is in the repository.
fn tree_file(stack: &Stack, path: &str) -> String {
    let tree = stack.written_tree.trim_start_matches("./").trim_end_matches('/');
    if tree.starts_with('/') || tree.starts_with("..") {
        markdown::code(path, true)
    } else {
        markdown::link(path, &format!("..{}/{tree}/{path}", stack.output.up()))
    }
}

fn names(stack: &Stack, ids: &[AgentId]) -> Vec<String> {
    ids.iter().map(|id| stack.agent(*id).name.clone()).collect()
}

fn group_values(stack: &Stack, edges: &BTreeSet<(GroupId, GroupId)>, id: GroupId, group: &Group) -> Value {
    let machine = stack.machine(group.machine);
    let needs = edges.range((id, GroupId(0))..).take_while(|(from, _)| *from == id);
    let megabytes = |bytes: u64| format!("{} MiB", bytes.div_ceil(1024 * 1024));
    let mut environment = machine.environment.clone();
    environment.extend(group.environment.clone());
    values! {
        name => group.name,
        machine => machine.name,
        phase => group.phase,
        address => group.address.to_string(),
        memory => stack.group_memory_bytes(id).map_or_else(|| "none".to_owned(), megabytes),
        cpus => stack.group_milli_cpus(id).map_or_else(|| "none".to_owned(), crate::stack::limits::cpus_text),
        pids => stack.group_pids(id).map_or_else(|| "none".to_owned(), |pids| pids.to_string()),
        published_status_port => group.published_status_port,
        needs => needs.map(|(_, to)| stack.group(*to).name.clone()).collect::<Vec<_>>(),
        image => stack.group_image(id),
        files => vec![
            markdown::link(&group.config_file, &group.config_file),
            markdown::link(
                &format!("Dockerfile.{}", group.dockerfile()),
                &format!("../docker/Dockerfile.{}", group.dockerfile()),
            ),
            tree_file(stack, &group.requirements),
        ],
        environment => environment.iter().map(|(name, value)| markdown::variable(name, value)).collect::<Vec<_>>(),
        packages => group.packages,
        variants => variants(stack, group),
        reaches => reaches(stack, group),
        agents => group.agents.iter().map(|id| agent_values(stack, *id)).collect::<Vec<_>>(),
    }
}

/// The variants of a group, each with what it is built from.
fn variants(stack: &Stack, group: &Group) -> Vec<Value> {
    let all = group.variants.all.iter();
    all.enumerate()
        .map(|(index, variant)| {
            let dockerfile = if index == 0 {
                format!("Dockerfile.{}", group.name)
            } else {
                format!("Dockerfile.{}.{}", group.name, variant.name)
            };
            let devices: Vec<String> = variant
                .devices
                .iter()
                .map(|device| markdown::code(&device.host, true))
                .collect();
            values! {
                name => variant.name,
                here => group.variant().is_some_and(|own| own.name == variant.name),
                devices,
                files => vec![
                    markdown::link(&variant.config_file, &variant.config_file),
                    markdown::link(&dockerfile, &format!("../docker/{dockerfile}")),
                    tree_file(stack, &variant.requirements),
                ],
            }
        })
        .collect()
}

/// The agents that a group talks to without depending on them, a list of half a machine cut short.
fn reaches(stack: &Stack, group: &Group) -> String {
    if group.reaches.is_empty() {
        return String::new();
    }
    let others = |agent: &&Agent| agent.machine == group.machine && stack.group(agent.group).name != group.name;
    let all_others = stack.agents.iter().filter(others).count();
    let of_this_machine = group.reaches.iter().filter(|id| others(&stack.agent(**id))).count();
    let every = of_this_machine == all_others && all_others > 0;
    every
        .then(|| format!("every agent of {}", stack.machine(group.machine).name))
        .into_iter()
        .chain(
            group
                .reaches
                .iter()
                .filter(|id| !(every && others(&stack.agent(**id))))
                .map(|id| place(stack, group.machine, *id)),
        )
        .collect::<Vec<_>>()
        .join(", ")
}

/// An agent as seen from a machine.
fn place(stack: &Stack, from: MachineId, id: AgentId) -> String {
    let agent = stack.agent(id);
    if agent.machine == from {
        agent.name.clone()
    } else {
        format!("{} on {}", agent.name, stack.machine(agent.machine).name)
    }
}

fn agent_values(stack: &Stack, id: AgentId) -> Value {
    let agent = stack.agent(id);
    let mut published = Vec::new();
    if stack.group(agent.group).published.contains(&id) {
        published.push("127.0.0.1".to_owned());
    }
    if stack.reached_from_other_machines().contains(&id) {
        published.push(stack.machine(agent.machine).lan_address.to_string());
    }
    let absent = agent.dependencies.iter().filter_map(|dependency| match dependency {
        Dependency::Agent(_) => None,
        Dependency::Absent(index) => Some(format!("~~{}~~", markdown::text(&stack.absent[*index].name))),
    });
    let waits = agent
        .waits_for
        .iter()
        .map(|id| markdown::text(&place(stack, agent.machine, *id)));
    values! {
        name => agent.name,
        required => agent.required,
        port => agent.port,
        health_check_port => agent.health_check_port,
        waits_for => waits.chain(absent).collect::<Vec<_>>(),
        published,
        script => tree_file(stack, &crate::stack::resolve_alias(&agent.script_path, &stack.machine(agent.machine).path_aliases)),
    }
}

/// The way from bare hosts to a running stack.
#[must_use]
pub fn deployment(stack: &Stack) -> RenderedFile {
    let machines: Vec<Value> = (0..stack.machines.len())
        .map(|index| machine_values(stack, MachineId(index)))
        .collect();
    let variables = stack
        .machines
        .iter()
        .map(|machine| format!("{}={}", machine.address_variable, machine.lan_address));
    let values = values! {
        header => stack.output.header(),
        output => stack.output.prefix(),
        up => stack.output.up(),
        program => stack.output.program(),
        builder => stack.output.builder(),
        stack_file => stack.output.stack_file(),
        stack => stack.name,
        machines,
        subnets => stack.machines.iter().map(|machine| machine.subnet.to_string()).collect::<Vec<_>>(),
        variables => variables.collect::<Vec<_>>(),
        ports => ports(stack),
        waits => waits(stack),
        probes => probes(stack),
        volumes => stack.volumes.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(),
    };
    RenderedFile {
        path: stack.output.at("scripts/README.md"),
        text: fill(include_str!("../../../docker/templates/deployment.md.j2"), &values),
        executable: false,
    }
}

fn machine_values(stack: &Stack, id: MachineId) -> Value {
    let machine = stack.machine(id);
    values! {
        name => machine.name,
        lan_address => machine.lan_address.to_string(),
        network => machine.network,
        subnet => machine.subnet.to_string(),
        groups => stack.groups_of(id).map(|(_, group)| group.name.as_str()).collect::<Vec<_>>(),
        agents => stack.agents.iter().filter(|agent| agent.machine == id).count(),
        images => std::iter::once(stack.image("base"))
            .chain(stack.groups_of(id).map(|(id, _)| stack.group_image(id)))
            .collect::<Vec<_>>(),
    }
}

/// Names of the agents elsewhere that talk to an agent, with their machines.
fn users(stack: &Stack, id: AgentId) -> Vec<String> {
    let machine = stack.agent(id).machine;
    let others = || stack.groups().filter(move |(_, group)| group.machine != machine);
    let dependents = others().flat_map(|(_, group)| &group.agents).filter(|other| {
        let dependencies = &stack.agent(**other).dependencies;
        dependencies.contains(&Dependency::Agent(id))
    });
    let reaching = others().filter(|(_, group)| group.reaches.contains(&id));
    dependents
        .map(|other| place(stack, machine, *other))
        .chain(reaching.map(|(_, group)| format!("{} on {}", group.name, stack.machine(group.machine).name)))
        .collect()
}

/// The ports that are open to other machines, as the compose files publish them.
fn ports(stack: &Stack) -> Vec<Value> {
    let mut ports = Vec::new();
    for (id, group) in stack.groups() {
        let machine: &Machine = stack.machine(group.machine);
        for port in published(stack, id) {
            if port.on != Interface::Lan {
                continue;
            }
            let agents = || group.agents.iter().map(|id| (*id, stack.agent(*id)));
            let owner = agents().find(|(_, agent)| agent.ports().any(|own| own == port.container_port));
            let Some((owner_id, owner)) = owner else { continue };
            let purpose = if owner.port == port.container_port {
                "requests"
            } else {
                "health"
            };
            ports.push(values! {
                machine => machine.name,
                address => machine.lan_address.to_string(),
                number => port.host_port,
                agent => owner.name,
                purpose,
                needed_by => users(stack, owner_id),
            });
        }
    }
    ports
}

/// Agents that wait for one of another machine.
fn waits(stack: &Stack) -> Vec<Value> {
    let pairs = stack.agents().flat_map(|(_, agent)| {
        let elsewhere = agent.waits_for.iter().map(|id| stack.agent(*id));
        elsewhere
            .filter(|other| other.machine != agent.machine)
            .map(move |other| (agent, other))
    });
    pairs
        .map(|(agent, other)| {
            values! {
                agent => agent.name,
                machine => stack.machine(agent.machine).name,
                for_agent => other.name,
                for_machine => stack.machine(other.machine).name,
            }
        })
        .collect()
}

/// One connection to each agent that other machines use, from each of the others.
fn probes(stack: &Stack) -> Vec<Value> {
    let mut probes = Vec::new();
    for agent in stack.reached_from_other_machines().iter().map(|id| stack.agent(*id)) {
        for (index, other) in stack.machines.iter().enumerate() {
            if MachineId(index) != agent.machine {
                probes.push(values! {
                    agent => agent.name,
                    address => stack.machine(agent.machine).lan_address.to_string(),
                    port => agent.health_port().unwrap_or(agent.port),
                    from => other.name,
                });
            }
        }
    }
    probes
}
