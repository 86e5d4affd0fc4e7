//! What one container's supervisor needs to know. A cluster has the same with names in the place of addresses.

use std::collections::{BTreeMap, BTreeSet};

use contract::asset::Asset;
use contract::group_config::{
    Absent, Agent, Bridge, Elsewhere, Gpu, GroupConfig, HostService, Kept, Led, Restart, Start, VERSION,
    WhenDependencyFails,
};

use contract::health::{Check, Kind};

use super::layout::{FIRST, ROOT, python_path};
use super::preload::Preload;
use crate::stack::model::{AgentId, Dependency};
use crate::stack::{self, GroupId, Stack, graph};

/// The config as a value.
#[must_use]
pub fn config(stack: &Stack, id: GroupId, preload: &Preload) -> GroupConfig {
    let own = stack.group(id).machine;
    let found = |to| Found {
        host: address(stack, id, to),
        status_port: if stack.agent(to).machine == own {
            stack.status_port
        } else {
            stack.group(stack.agent(to).group).published_status_port
        },
    };
    config_with_hosts(stack, id, preload, &found)
}

/// How an agent of another container is found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its name or address.
    pub host: String,
    /// Port of its supervisor's status endpoint there.
    pub status_port: u16,
}

/// The same where `host` says how agents of other containers are found.
#[must_use]
pub fn config_with_hosts(
    stack: &Stack,
    id: GroupId,
    preload: &Preload,
    host: &dyn Fn(AgentId) -> Found,
) -> GroupConfig {
    let group = stack.group(id);
    let machine = stack.machine(group.machine);
    let mut modules = stack.images.required_modules.clone();
    for module in &group.required_modules {
        if !modules.contains(module) {
            modules.push(module.clone());
        }
    }
    let policy = |agent: &AgentId| stack.agent(*agent).runtime.when_dependency_fails;
    let all_wait = !group.agents.is_empty()
        && group
            .agents
            .iter()
            .all(|agent| policy(agent) == WhenDependencyFails::Wait);
    let when_dependency_fails = if all_wait {
        WhenDependencyFails::Wait
    } else {
        WhenDependencyFails::Start
    };
    GroupConfig {
        version: VERSION,
        machine: machine.name.clone(),
        group: group.name.clone(),
        variant: group.variant().map(|variant| variant.name.clone()),
        status_port: stack.status_port,
        disclosure: stack.disclosure,
        working_directory: ROOT.to_owned(),
        python: "python3".to_owned(),
        python_path: python_path(stack, id),
        log_directory: stack
            .volumes
            .iter()
            .find(|volume| volume.name == "logs")
            .map_or_else(|| format!("{ROOT}/logs"), |volume| volume.path.clone()),
        kept: kept(stack, id),
        assets: assets(stack, id),
        secrets: stack.secrets_in_container(id, None),
        required_modules: modules,
        gpu: gpu(stack, id),
        start: stack.group_start(id),
        preload: preload.of(stack, id),
        when_dependency_fails,
        supervision: machine.supervision.clone(),
        agents: group
            .agents
            .iter()
            .map(|id| Agent {
                when_dependency_fails: Some(policy(id)).filter(|own| *own != when_dependency_fails),
                ..agent(stack, *id, preload)
            })
            .collect(),
        dependencies_elsewhere: elsewhere(stack, id, host),
        absent_dependencies: absent(stack, id),
        loopback_bridges: bridges(stack, id, host),
        host_services: group
            .extras
            .access
            .services
            .iter()
            .map(|service| HostService {
                port: service.port,
                // Where the network's bridge has its address, the host listens.
                host: machine.subnet.gateway().to_string(),
                target: service.target,
            })
            .collect(),
    }
}

/// The GPU that a group was given, as its devices say.
fn gpu(stack: &Stack, id: GroupId) -> Option<Gpu> {
    let group = stack.group(id);
    let given = group.extras.needed().any(|device| match device.kind() {
        Some(kind) => kind.ends_with("/gpu"),
        None => ["/dev/nvidia", "/dev/dri", "/dev/kfd", "/dev/dxg"]
            .iter()
            .any(|gpu| device.container.starts_with(gpu)),
    });
    given.then_some(Gpu {
        required: group.variant().is_some_and(|variant| variant.requires_gpu),
    })
}

fn kept(stack: &Stack, id: GroupId) -> Vec<Kept> {
    let kept = stack.kept(id).into_iter();
    kept.map(|kept| Kept {
        path: kept.target,
        folder: kept.is_folder,
        first: Some(format!("{FIRST}/{}", kept.path)),
    })
    .collect()
}

/// Assets that lie on volumes, which an image cannot hold at their place.
fn assets(stack: &Stack, id: GroupId) -> Vec<Asset> {
    let assets = stack.assets_on_volumes(id);
    assets
        .map(|asset| Asset {
            name: asset.name.clone(),
            path: asset.to.clone(),
            from: format!("{}/{}", contract::asset::FOLDER, asset.name),
        })
        .collect()
}

fn name(stack: &Stack, id: AgentId) -> String {
    stack.agent(id).name.clone()
}

fn agent(stack: &Stack, id: AgentId, preload: &Preload) -> Agent {
    let agent = stack.agent(id);
    let declared: BTreeSet<AgentId> = graph::dependencies(agent).collect();
    let waits: BTreeSet<AgentId> = agent.waits_for.iter().copied().collect();
    Agent {
        name: agent.name.clone(),
        script_path: agent.script_path.clone(),
        host: agent.host.clone(),
        port: agent.port,
        health_check_port: Some(agent.health_check_port),
        health: agent.runtime.health.clone(),
        required: agent.required,
        dependencies: agent
            .dependencies
            .iter()
            .map(|dependency| match dependency {
                Dependency::Agent(id) => name(stack, *id),
                Dependency::Absent(index) => stack.absent[*index].name.clone(),
            })
            .collect(),
        waits_for: (declared != waits).then(|| agent.waits_for.iter().map(|id| name(stack, *id)).collect()),
        when_dependency_fails: None,
        left_out: false,
        params: agent.params.clone(),
        arguments: agent.arguments.clone(),
        module: agent.module.clone(),
        own_flags: agent.own_flags,
        environment: agent.environment.clone(),
        // One that no group holds has no container.
        secrets: stack.secrets_in_container(agent.group, Some(&agent.name)),
        ports: agent
            .further
            .iter()
            .filter(|further| further.port != further.target)
            .map(|further| Led {
                port: further.port,
                target: further.target,
            })
            .collect(),
        start_period_ms: agent.runtime.start_period_ms,
        argument_style: agent.argument_style,
        start: if preload.plain.contains(&id) {
            Some(Start::Plain)
        } else {
            agent.start
        },
        stop_signal: agent.runtime.lifecycle.stop_signal,
        stop_grace_ms: agent.runtime.lifecycle.stop_grace_ms,
        restart: agent.runtime.lifecycle.restart,
    }
}

/// Where a group finds an agent of another container: its address, or the variable that holds the other machine's.
fn address(stack: &Stack, from: GroupId, to: AgentId) -> String {
    let agent = stack.agent(to);
    if agent.machine == stack.group(from).machine {
        stack.group(agent.group).address.to_string()
    } else {
        format!("${{{}}}", stack.machine(agent.machine).address_variable)
    }
}

fn elsewhere(stack: &Stack, id: GroupId, host: &dyn Fn(AgentId) -> Found) -> Vec<Elsewhere> {
    let own = stack.group(id);
    let wanted: BTreeSet<AgentId> = own
        .agents
        .iter()
        .map(|agent| stack.agent(*agent))
        .flat_map(|agent| graph::dependencies(agent).chain(agent.waits_for.iter().copied()))
        .filter(|agent| stack.agent(*agent).group != id)
        .collect();
    wanted
        .into_iter()
        .map(|wanted| {
            let agent = stack.agent(wanted);
            let found = host(wanted);
            Elsewhere {
                name: agent.name.clone(),
                machine: stack.machine(agent.machine).name.clone(),
                group: stack.group(agent.group).name.clone(),
                host: found.host,
                health_check_port: agent.health_port().unwrap_or(agent.health_check_port),
                health: asked_elsewhere(agent),
                status_port: Some(found.status_port),
            }
        })
        .collect()
}

/// What an agent of another container is asked. Only its supervisor knows when one that runs once is done.
fn asked_elsewhere(agent: &stack::Agent) -> Check {
    match agent.runtime.lifecycle.restart {
        Restart::No => Check {
            kind: Kind::Process,
            ..Check::default()
        },
        Restart::Always => Check {
            port: None,
            start_period_ms: None,
            ..agent.runtime.health.clone()
        },
    }
}

fn absent(stack: &Stack, id: GroupId) -> Vec<Absent> {
    stack
        .absent
        .iter()
        .filter(|absent| absent.wanted_by.iter().any(|a| stack.agent(*a).group == id))
        .map(|absent| Absent {
            name: absent.name.clone(),
            fallback: absent.fallback.clone(),
        })
        .collect()
}

/// A bridge for every peer in another container. A port that is in use inside the container is left out; validation has
/// said so. Health ports come last: supervisors ask them where the agent lives, so that a number is worth more to the socket that
/// other agents connect to.
fn bridges(stack: &Stack, id: GroupId, host: &dyn Fn(AgentId) -> Found) -> Vec<Bridge> {
    let mut taken: BTreeSet<u16> = BTreeSet::from([stack.status_port]);
    for agent in stack.group(id).agents.iter().map(|id| stack.agent(*id)) {
        taken.extend(agent.ports().chain(agent.targets()));
    }
    taken.extend(
        stack
            .group(id)
            .extras
            .access
            .services
            .iter()
            .map(|service| service.port),
    );
    let peers = stack.peers_elsewhere(id);
    let mut forwarded: BTreeMap<AgentId, Vec<u16>> = BTreeMap::new();
    let of_kinds = [
        |agent: &stack::Agent| vec![agent.port],
        |agent: &stack::Agent| {
            let health = agent.health_port();
            agent.ports().skip(1).filter(|port| Some(*port) != health).collect()
        },
        |agent: &stack::Agent| agent.health_port().into_iter().collect(),
    ];
    for ports_of in of_kinds {
        for peer in &peers {
            let ports: Vec<u16> = ports_of(stack.agent(*peer));
            for port in ports.into_iter().filter(|port| taken.insert(*port)) {
                forwarded.entry(*peer).or_default().push(port);
            }
        }
    }
    peers
        .into_iter()
        .filter_map(|peer| {
            let agent = stack.agent(peer);
            let ports = forwarded.remove(&peer).unwrap_or_default();
            (!ports.is_empty()).then(|| Bridge {
                agent: agent.name.clone(),
                machine: (agent.machine != stack.group(id).machine).then(|| stack.machine(agent.machine).name.clone()),
                host: host(peer).host,
                ports,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
