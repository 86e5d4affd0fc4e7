//! How a group's pod and container are created: the arguments of `podman pod create` and `podman run`.
//!
//! Network, address and published ports belong to the pod, so that a container can be replaced under a running address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::images::digest::Parts;
use crate::render::compose;
use crate::stack::{AgentId, GroupId, MachineId, Stack};

/// What the host decides about how containers are made.
#[derive(Debug, Clone)]
pub struct Host {
    /// Podman runs as an ordinary user: containers have no address that the host can reach.
    pub rootless: bool,
    /// Limits of memory and processes can be set.
    pub limits: bool,
    /// Per machine: the address on which it publishes what the other machine uses, and by which the other knows it.
    pub lan_addresses: BTreeMap<MachineId, Ipv4Addr>,
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
pub fn creation(stack: &Stack, group: GroupId, host: &Host, image_id: &str, labels: Labels) -> Creation {
    let pod = stack.pod(group);
    let container = stack.group(group).name.clone();
    let mut pod_arguments = pod_arguments(stack, group, host);
    let container_arguments = container_arguments(stack, group, host, labels);
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
        format!("--hostname={}", group.name),
        format!("--network={}", stack.machine(group.machine).network),
        format!("--ip={}", group.address),
    ];
    arguments.extend(
        published_ports(stack, id, host)
            .into_iter()
            .map(|port| format!("--publish={}:{}", port.host, port.container)),
    );
    arguments
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
    let on_loopback = if host.rootless {
        ports.push(on(
            Ipv4Addr::LOCALHOST,
            group.published_status_port,
            stack.status_port,
            None,
        ));
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
            let agent = stack.agent(agent_id);
            if agent.group == id {
                ports.push(on(*address, agent.port, agent.port, Some(agent_id)));
                ports.push(on(
                    *address,
                    agent.health_check_port,
                    agent.health_check_port,
                    Some(agent_id),
                ));
            }
        }
    }
    ports
}

fn container_arguments(stack: &Stack, id: GroupId, host: &Host, labels: Labels) -> Vec<String> {
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
    arguments.push(stack.group_image(id));
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

/// Where this host reaches a group's status endpoint.
#[must_use]
pub fn status_address(stack: &Stack, id: GroupId, host: &Host) -> SocketAddr {
    let group = stack.group(id);
    if host.rootless {
        SocketAddr::from((Ipv4Addr::LOCALHOST, group.published_status_port))
    } else {
        SocketAddr::from((group.address, stack.status_port))
    }
}

/// Where this host reaches an agent's REP socket.
#[must_use]
pub fn agent_address(stack: &Stack, id: AgentId, host: &Host) -> SocketAddr {
    let agent = stack.agent(id);
    let address = if host.rootless {
        Ipv4Addr::LOCALHOST
    } else {
        stack.group(agent.group).address
    };
    SocketAddr::from((address, agent.port))
}
