//! The ports of a container that its host has, too.

use std::net::Ipv4Addr;

use crate::stack::{GroupId, MachineId, Stack};

/// A port of a container that is published on its host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// Where it is published.
    pub on: Interface,
    /// Port on the host.
    pub host_port: u16,
    /// Port in the container.
    pub container_port: u16,
}

/// An address of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interface {
    /// 127.0.0.1.
    Loopback,
    /// The address on the network that the machines share.
    Lan,
    /// Another one; 0.0.0.0 is all that there are.
    At(Ipv4Addr),
}

impl Interface {
    /// That of an address.
    #[must_use]
    pub fn of(stack: &Stack, machine: MachineId, address: Ipv4Addr) -> Self {
        match address {
            Ipv4Addr::LOCALHOST => Self::Loopback,
            address if address == stack.machine(machine).lan_address => Self::Lan,
            address => Self::At(address),
        }
    }
}

/// The ports that a group publishes: its agents' and the status endpoint's on the loopback; on the LAN address the port and
/// the health port of what other machines use, and the status endpoint where agents of theirs wait for one of the group; and what
/// `publish:` says.
#[must_use]
pub fn published(stack: &Stack, id: GroupId) -> Vec<Published> {
    let group = stack.group(id);
    let port = |on, host_port, container_port| Published {
        on,
        host_port,
        container_port,
    };
    let mut ports = vec![port(
        Interface::Loopback,
        group.published_status_port,
        stack.status_port,
    )];
    for agent in group.published.iter().map(|id| stack.agent(*id)) {
        ports.push(port(Interface::Loopback, agent.port, agent.port));
    }
    for agent in group.agents.iter().map(|id| stack.agent(*id)) {
        let further = agent.further.iter().filter(|further| further.publish);
        for number in further.map(|further| further.port) {
            let own = port(Interface::Loopback, number, number);
            if !ports.contains(&own) {
                ports.push(own);
            }
        }
    }
    if stack.is_awaited_from_other_machines(id) {
        ports.push(port(Interface::Lan, group.published_status_port, stack.status_port));
    }
    for agent in stack.reached_from_other_machines_in(id).map(|id| stack.agent(id)) {
        for number in agent.ports() {
            ports.push(port(Interface::Lan, number, number));
        }
    }
    for publish in &group.publish {
        let on = Interface::of(stack, group.machine, publish.address);
        let own = port(on, publish.host_port, publish.container_port);
        if !ports.contains(&own) {
            ports.push(own);
        }
    }
    ports
}
