//! How what runs in containers is reached: the ports that a group publishes, and the addresses of its agents.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::container::ports::Interface;
use crate::stack::{AgentId, GroupId, MachineId, Stack};

/// What the host decides about how containers are made.
#[derive(Debug, Clone)]
pub struct Host {
    /// How what runs in a container is reached from where this program is.
    pub reach: Reach,
    /// The limits that can be set.
    pub limits: Granted,
    /// Per machine: the address on which it publishes what the other machine uses, and by which the other knows it.
    pub lan_addresses: BTreeMap<MachineId, Ipv4Addr>,
    /// File with the system calls that containers may make; Podman's own list otherwise.
    pub seccomp_profile: Option<PathBuf>,
}

/// The limits that a host's Podman can set: those whose controllers it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Granted {
    /// Of memory.
    pub memory: bool,
    /// Of processor time.
    pub cpus: bool,
    /// Of processes and threads.
    pub processes: bool,
}

impl Granted {
    /// All of them.
    pub const ALL: Self = Self {
        memory: true,
        cpus: true,
        processes: true,
    };

    /// By the names of the kernel's controllers, in any order.
    #[must_use]
    pub fn of<'a>(controllers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut granted = Self::default();
        for controller in controllers {
            match controller {
                "memory" => granted.memory = true,
                "cpu" => granted.cpus = true,
                "pids" => granted.processes = true,
                _ => {}
            }
        }
        granted
    }

    /// What cannot be limited, in words; nothing where all can.
    #[must_use]
    pub fn missing(self) -> Vec<&'static str> {
        let all = [
            (self.memory, "memory"),
            (self.cpus, "processor time"),
            (self.processes, "processes"),
        ];
        all.iter()
            .filter(|(granted, _)| !granted)
            .map(|(_, what)| *what)
            .collect()
    }
}

/// How what runs in a container is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// By the container's own address.
    Container,
    /// By ports published on the loopback: Podman runs as an ordinary user, and containers have no address.
    Loopback,
    /// By ports published on the machine's LAN address: the machine is another host.
    Lan,
}

/// One published port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedPort {
    /// Where it is on the host.
    pub host: SocketAddr,
    /// Which port of the container it leads to.
    pub container: u16,
    /// The agent it belongs to; none for the supervisor's status endpoint, and for what `publish:` names.
    pub agent: Option<AgentId>,
}

/// Ports that a group publishes: on the host's loopback, and on the machine's own address only what the other machine uses.
///
/// Where the host reaches containers by their own address, a port more than needed costs every stop 60 ms: netavark takes its
/// rules away one by one.
#[must_use]
pub fn published_ports(stack: &Stack, id: GroupId, host: &Host) -> Vec<PublishedPort> {
    let group = stack.group(id);
    let on = |address: Ipv4Addr, outside: u16, inside: u16, agent| PublishedPort {
        host: SocketAddr::new(IpAddr::V4(address), outside),
        container: inside,
        agent,
    };
    let mut ports = Vec::new();
    let status_on = match host.reach {
        Reach::Container => None,
        Reach::Loopback => Some(Ipv4Addr::LOCALHOST),
        Reach::Lan => host.lan_addresses.get(&group.machine).copied(),
    };
    if let Some(address) = status_on {
        ports.push(on(address, group.published_status_port, stack.status_port, None));
    }
    let on_loopback: Vec<AgentId> = if host.reach == Reach::Loopback {
        let mut agents = group.agents.clone();
        agents.retain(|agent| stack.has_loopback_port(*agent));
        agents
    } else {
        group.published.clone()
    };
    for agent_id in on_loopback {
        let port = stack.agent(agent_id).port;
        ports.push(on(Ipv4Addr::LOCALHOST, port, port, Some(agent_id)));
    }
    if let Some(address) = host.lan_addresses.get(&group.machine) {
        // Supervisors of other machines ask whether an agent has failed that theirs wait for.
        if host.reach != Reach::Lan && stack.is_awaited_from_other_machines(id) {
            ports.push(on(*address, group.published_status_port, stack.status_port, None));
        }
        for agent_id in stack.reached_from_other_machines_in(id) {
            let agent = stack.agent(agent_id);
            for port in agent.ports() {
                ports.push(on(*address, port, port, Some(agent_id)));
            }
        }
    }
    for publish in &group.publish {
        let address = match Interface::of(stack, group.machine, publish.address) {
            Interface::Lan => lan_address(stack, group.machine, host),
            Interface::Loopback | Interface::At(_) => publish.address,
        };
        let port = on(address, publish.host_port, publish.container_port, None);
        if !ports
            .iter()
            .any(|known| (known.host, known.container) == (port.host, port.container))
        {
            ports.push(port);
        }
    }
    ports
}

/// Where a group's status endpoint is reached.
#[must_use]
pub fn status_address(stack: &Stack, id: GroupId, host: &Host) -> SocketAddr {
    let group = stack.group(id);
    match host.reach {
        Reach::Container => SocketAddr::from((group.address, stack.status_port)),
        Reach::Loopback => SocketAddr::from((Ipv4Addr::LOCALHOST, group.published_status_port)),
        Reach::Lan => SocketAddr::from((lan_address(stack, group.machine, host), group.published_status_port)),
    }
}

/// Where an agent's REP socket is reached; none where it is not published to where this program is.
#[must_use]
pub fn agent_address(stack: &Stack, id: AgentId, host: &Host) -> Option<SocketAddr> {
    let agent = stack.agent(id);
    let address = match host.reach {
        Reach::Container => stack.group(agent.group).address,
        Reach::Loopback if stack.has_loopback_port(id) => Ipv4Addr::LOCALHOST,
        Reach::Lan if stack.reached_from_other_machines().contains(&id) => lan_address(stack, agent.machine, host),
        Reach::Loopback | Reach::Lan => return None,
    };
    Some(SocketAddr::from((address, agent.port)))
}

/// The address by which others know a machine.
#[must_use]
pub fn lan_address(stack: &Stack, id: MachineId, host: &Host) -> Ipv4Addr {
    host.lan_addresses
        .get(&id)
        .copied()
        .unwrap_or_else(|| stack.machine(id).lan_address)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::{Granted, Host, MachineId, Reach, agent_address, published_ports, status_address};
    use crate::stack::Stack;
    use crate::stack::fixture::{Fixture, MAIN};

    pub(crate) fn host(stack: &Stack, reach: Reach) -> Host {
        Host {
            reach,
            limits: Granted::ALL,
            lan_addresses: stack
                .machines
                .iter()
                .enumerate()
                .map(|(index, machine)| (MachineId(index), machine.lan_address))
                .collect::<BTreeMap<_, _>>(),
            seccomp_profile: None,
        }
    }

    #[test]
    fn a_status_endpoint_is_published_where_the_container_cannot_be_reached() {
        let stack = Fixture::small().model();
        // No agent of another machine waits for one of these.
        let id = stack.find_group("side").unwrap();
        let group = stack.group(id);
        assert!(!stack.is_awaited_from_other_machines(id));
        let at = |reach| status_address(&stack, id, &host(&stack, reach)).to_string();
        assert_eq!(at(Reach::Container), "172.20.0.20:9000");
        assert_eq!(at(Reach::Loopback), "127.0.0.1:19102");
        assert_eq!(at(Reach::Lan), "192.168.1.101:19102");
        let published = |reach| {
            let host = host(&stack, reach);
            let ports = published_ports(&stack, id, &host);
            ports.iter().find(|port| port.agent.is_none()).map(|port| port.host)
        };
        assert_eq!(published(Reach::Container), None);
        for reach in [Reach::Loopback, Reach::Lan] {
            let wanted = status_address(&stack, id, &host(&stack, reach));
            assert_eq!(published(reach), Some(wanted), "{}", group.name);
        }
    }

    #[test]
    fn the_other_machine_reaches_the_status_endpoint_of_what_its_agents_wait_for() {
        let stack = Fixture::small().model();
        let id = stack.find_group("core").unwrap();
        assert!(stack.is_awaited_from_other_machines(id));
        for reach in [Reach::Container, Reach::Loopback, Reach::Lan] {
            let ports = published_ports(&stack, id, &host(&stack, reach));
            let on_lan = ports
                .iter()
                .filter(|port| port.agent.is_none() && port.host.to_string() == "192.168.1.101:19101");
            assert_eq!(on_lan.count(), 1, "{reach:?}");
        }
    }

    #[test]
    fn a_port_that_two_agents_have_leads_to_one_of_them() {
        let stack = Fixture::small().file(MAIN, "port: 5002", "port: 5000").model();
        let host = host(&stack, Reach::Loopback);
        let ports: Vec<u16> = stack
            .groups()
            .flat_map(|(id, _)| published_ports(&stack, id, &host))
            .filter(|port| port.host.ip().is_loopback())
            .map(|port| port.host.port())
            .collect();
        assert_eq!(ports.iter().filter(|port| **port == 5000).count(), 1, "{ports:?}");
        let address = |name: &str| {
            let (id, _) = stack.agents().find(|(_, agent)| agent.name == name).unwrap();
            agent_address(&stack, id, &host).map(|address| address.to_string())
        };
        assert_eq!(address("Alpha").as_deref(), Some("127.0.0.1:5000"));
        assert_eq!(address("Gamma"), None, "another would answer");
    }

    #[test]
    fn of_another_host_only_what_it_publishes_is_reached() {
        let stack = Fixture::small().model();
        let reached = stack.reached_from_other_machines();
        let host = host(&stack, Reach::Lan);
        for (id, agent) in stack.agents() {
            let address = agent_address(&stack, id, &host);
            assert_eq!(address.is_some(), reached.contains(&id), "{}", agent.name);
        }
    }
}
