//! How a group's pod and container are created: the arguments of `podman pod create` and `podman run`.
//!
//! Network, address and published ports belong to the pod, so that a container can be replaced under a running address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::images::digest::Parts;
use crate::render::{self, compose};
use crate::stack::{AgentId, GroupId, MachineId, Stack};

/// What the host decides about how containers are made.
#[derive(Debug, Clone)]
pub struct Host {
    /// How what runs in a container is reached from where this program is.
    pub reach: Reach,
    /// Limits of memory and processes can be set.
    pub limits: bool,
    /// Per machine: the address on which it publishes what the other machine uses, and by which the other knows it.
    pub lan_addresses: BTreeMap<MachineId, Ipv4Addr>,
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

/// Labels that mark what is ours.
#[derive(Debug, Clone, Copy)]
pub struct Labels {
    /// Label with the stack's name.
    pub stack: &'static str,
    /// Label with the machine's name.
    pub machine: &'static str,
    /// Label with the group's name.
    pub group: &'static str,
    /// Label with the digest of all arguments.
    pub digest: &'static str,
    /// Label of containers that are no part of the running stack.
    pub role: &'static str,
}

/// What runs in a group's container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Runs {
    /// The supervisor, which starts agents as the group config says.
    #[default]
    Supervisor,
    /// The supervisor, which gives every agent an interpreter of its own.
    Plainly,
    /// Another program in the supervisor's place.
    Other {
        /// Further options of `podman run`.
        options: Vec<String>,
        /// Its command line, to which the path of the group config is added.
        command: Vec<String>,
    },
}

/// How a group is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// Arguments behind `podman pod create`.
    pub pod_arguments: Vec<String>,
    /// Arguments behind `podman run`.
    pub container_arguments: Vec<String>,
    /// Digest of both and of the image's id: a pod that carries it needs nothing.
    pub digest: String,
}

/// Bytes of a container's log that Podman keeps.
const LOG_SIZE: &str = "10mb";

/// How one group is created on a host, from the image of that id.
#[must_use]
pub fn creation(stack: &Stack, group: GroupId, host: &Host, image_id: &str, runs: &Runs, labels: Labels) -> Creation {
    let pod = stack.pod(group);
    let container = stack.group(group).name.clone();
    let mut pod_arguments = pod_arguments(stack, group, host);
    let container_arguments = container_arguments(stack, group, host, runs, labels);
    let mut parts = Parts::new();
    for argument in pod_arguments.iter().chain(&container_arguments) {
        parts.add("argument", argument);
    }
    let digest = parts.add("image", image_id).finish();
    for (label, value) in group_labels(stack, group, labels) {
        pod_arguments.push(format!("--label={label}={value}"));
    }
    pod_arguments.push(format!("--label={}={digest}", labels.digest));
    Creation {
        pod,
        container,
        pod_arguments,
        container_arguments,
        digest,
    }
}

fn group_labels(stack: &Stack, group: GroupId, labels: Labels) -> [(&'static str, String); 3] {
    let group = stack.group(group);
    [
        (labels.stack, stack.name.clone()),
        (labels.machine, stack.machine(group.machine).name.clone()),
        (labels.group, group.name.clone()),
    ]
}

fn pod_arguments(stack: &Stack, id: GroupId, host: &Host) -> Vec<String> {
    let group = stack.group(id);
    let mut arguments = vec![
        format!("--name={}", stack.pod(id)),
        // A name that says whose it is, where all else about it is lost.
        format!("--infra-name={}", stack.infra(id)),
        format!("--hostname={}", group.name),
        format!("--network={}", stack.machine(group.machine).network),
        format!("--ip={}", group.address),
        format!("--mac-address={}", hardware_address(group.address)),
    ];
    arguments.extend(
        published_ports(stack, id, host)
            .into_iter()
            .map(|port| format!("--publish={}:{}", port.host, port.container)),
    );
    arguments
}

/// A hardware address that goes with an address. Where a container is replaced, its neighbours know the old one for up to half a minute,
/// and what they send goes nowhere until then: so the new one has the same.
fn hardware_address(address: Ipv4Addr) -> String {
    // Administered locally, for one station.
    let [a, b, c, d] = address.octets();
    format!("0a:58:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// One published port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedPort {
    /// Where it is on the host.
    pub host: SocketAddr,
    /// Which port of the container it leads to.
    pub container: u16,
    /// The agent it belongs to; none for the supervisor's status endpoint.
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
    let on_loopback = if host.reach == Reach::Loopback {
        &group.agents
    } else {
        &group.published
    };
    for agent_id in on_loopback {
        let port = stack.agent(*agent_id).port;
        ports.push(on(Ipv4Addr::LOCALHOST, port, port, Some(*agent_id)));
    }
    if let Some(address) = host.lan_addresses.get(&group.machine) {
        for agent_id in stack.reached_from_other_machines() {
            let agent = stack.agent(*agent_id);
            if agent.group == id {
                ports.push(on(*address, agent.port, agent.port, Some(*agent_id)));
                ports.push(on(
                    *address,
                    agent.health_check_port,
                    agent.health_check_port,
                    Some(*agent_id),
                ));
            }
        }
    }
    ports
}

fn container_arguments(stack: &Stack, id: GroupId, host: &Host, runs: &Runs, labels: Labels) -> Vec<String> {
    let group = stack.group(id);
    let machine = stack.machine(group.machine);
    // The supervisor bounds its own stop by this grace and a second.
    let grace = machine.supervision.stop_grace_ms.div_ceil(1000) + 3;
    let mut arguments = vec![
        format!("--name={}", group.name),
        format!("--pod={}", stack.pod(id)),
        "--pull=never".to_owned(),
        "--read-only".to_owned(),
        "--tmpfs=/tmp:rw,nosuid,nodev,size=256m,mode=1777".to_owned(),
        "--cap-drop=all".to_owned(),
        "--security-opt=no-new-privileges".to_owned(),
        "--restart=unless-stopped".to_owned(),
        format!("--stop-timeout={grace}"),
        "--log-driver=k8s-file".to_owned(),
        format!("--log-opt=max-size={LOG_SIZE}"),
        "--health-cmd=/usr/local/bin/agent-supervisor check".to_owned(),
        format!(
            "--health-interval={}s",
            machine.supervision.health_interval_ms.div_ceil(1000)
        ),
    ];
    for (label, value) in group_labels(stack, id, labels) {
        arguments.push(format!("--label={label}={value}"));
    }
    for volume in &stack.volumes {
        arguments.push(format!(
            "--volume={}:{}",
            stack.volume(group.machine, volume),
            volume.path
        ));
    }
    if host.limits {
        if let Some(bytes) = stack.group_memory_bytes(id) {
            arguments.push(format!("--memory={bytes}b"));
        }
        if let Some(pids) = stack.group_pids(id) {
            arguments.push(format!("--pids-limit={pids}"));
        }
    }
    for (name, value) in environment(stack, id, host) {
        arguments.push(format!("--env={name}={value}"));
    }
    if let Runs::Other { options, .. } = runs {
        arguments.extend(options.iter().cloned());
    }
    arguments.push(stack.group_image(id));
    match runs {
        // The image's own command.
        Runs::Supervisor => {}
        Runs::Plainly => {
            arguments.extend(render::command(stack, id));
            arguments.push("--plain".to_owned());
        }
        Runs::Other { command, .. } => {
            arguments.extend(command.iter().cloned());
            arguments.push(render::config_path(stack, id));
        }
    }
    arguments
}

/// Environment of a group's container, as the compose files have it, with this host's addresses of the other machines.
#[must_use]
pub fn environment(stack: &Stack, id: GroupId, host: &Host) -> BTreeMap<String, String> {
    compose::environment(stack, id, &|variable, configured| {
        let machine = stack
            .machines
            .iter()
            .position(|machine| machine.address_variable == variable);
        machine
            .and_then(|index| host.lan_addresses.get(&MachineId(index)))
            .unwrap_or(&configured)
            .to_string()
    })
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
        Reach::Loopback => Ipv4Addr::LOCALHOST,
        Reach::Lan if stack.reached_from_other_machines().contains(&id) => lan_address(stack, agent.machine, host),
        Reach::Lan => return None,
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
mod tests {
    use std::collections::BTreeMap;

    use std::net::Ipv4Addr;

    use super::{
        Host, Labels, MachineId, Reach, Runs, agent_address, creation, hardware_address, published_ports,
        status_address,
    };
    use crate::stack::Stack;
    use crate::stack::fixture::Fixture;

    fn host(stack: &Stack, reach: Reach) -> Host {
        Host {
            reach,
            limits: true,
            lan_addresses: stack
                .machines
                .iter()
                .enumerate()
                .map(|(index, machine)| (MachineId(index), machine.lan_address))
                .collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn a_status_endpoint_is_published_where_the_container_cannot_be_reached() {
        let stack = Fixture::small().model();
        let (id, group) = stack.groups().next().unwrap();
        let at = |reach| status_address(&stack, id, &host(&stack, reach)).to_string();
        assert_eq!(at(Reach::Container), "172.20.0.10:9000");
        assert_eq!(at(Reach::Loopback), "127.0.0.1:19101");
        assert_eq!(at(Reach::Lan), "192.168.1.101:19101");
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
    fn a_group_keeps_its_hardware_address() {
        assert_eq!(hardware_address(Ipv4Addr::new(172, 20, 0, 110)), "0a:58:ac:14:00:6e");
    }

    #[test]
    fn what_runs_is_part_of_the_digest_and_stands_behind_the_image() {
        let stack = Fixture::small().model();
        let (id, _) = stack.groups().next().unwrap();
        let labels = Labels {
            stack: "s",
            machine: "m",
            group: "g",
            digest: "d",
            role: "r",
        };
        let with = |runs: &Runs| creation(&stack, id, &host(&stack, Reach::Container), "1", runs, labels);
        let behind = |runs: &Runs| {
            let arguments = with(runs).container_arguments;
            let image = arguments.iter().position(|word| *word == stack.group_image(id));
            arguments[image.unwrap() + 1..].join(" ")
        };
        assert_eq!(behind(&Runs::Supervisor), "");
        let plainly = "/usr/local/bin/agent-supervisor --config /etc/ai_system/core.yaml --plain";
        assert_eq!(behind(&Runs::Plainly), plainly);
        let other = Runs::Other {
            options: vec!["--volume=/a:/b".to_owned()],
            command: ["python3", "/b/x.py"].map(str::to_owned).to_vec(),
        };
        assert_eq!(behind(&other), "python3 /b/x.py /etc/ai_system/core.yaml");
        assert_ne!(with(&Runs::Supervisor).digest, with(&Runs::Plainly).digest);
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
