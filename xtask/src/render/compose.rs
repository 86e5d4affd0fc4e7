//! `docker/podman-compose.<machine>.yml`, for those who use podman-compose, and the settings of a container that `up` shares
//! with it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use contract::group_config::AGENT_ENVIRONMENT;
use serde::Serialize;

use super::dockerfile::duration;
use super::{RenderedFile, command, health_command, stop_ms, yaml};
use crate::stack::model::Group;
use crate::stack::{GroupId, MachineId, Stack};

const COMMENT: &str = "\
#
# There is no `depends_on`: the groups depend on each other in rings, so no order of containers is right. Every supervisor
# starts an agent as soon as the agents that it depends on answer, wherever they run.
";

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
}

/// The ports that a group publishes: its agents' and the status endpoint's on the loopback; on the LAN address the port and
/// the health port of what other machines use.
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
    for agent in stack.reached_from_other_machines_in(id).map(|id| stack.agent(id)) {
        for number in [agent.port, agent.health_check_port] {
            ports.push(port(Interface::Lan, number, number));
        }
    }
    ports
}

/// The port that `agent-supervisor check` and `status` ask where nothing else is said.
const STATUS_PORT: u16 = 9000;

/// Environment of a group's container. `address` gives the value of each other machine's address variable. What the stack gives its
/// agents has names with a prefix: the supervisor hands it on without, and neither it nor its health check sees it.
#[must_use]
pub fn environment(stack: &Stack, id: GroupId, address: &dyn Fn(&str, Ipv4Addr) -> String) -> BTreeMap<String, String> {
    let group = stack.group(id);
    let machine = stack.machine(group.machine);
    let mut environment = own_environment(stack, id);
    let addresses = addresses(stack, id, address);
    // An address is the host's to say, unless the group itself says another.
    let of_machine = machine
        .environment
        .iter()
        .filter(|(name, _)| !addresses.contains_key(*name));
    let theirs: BTreeMap<&String, &String> = of_machine.chain(&group.environment).collect();
    let theirs: Vec<(String, String)> = theirs
        .into_iter()
        // Agents get the supervisor's, too.
        .filter(|(name, value)| environment.get(*name) != Some(*value))
        .map(|(name, value)| (format!("{AGENT_ENVIRONMENT}{name}"), value.clone()))
        .collect();
    environment.extend(theirs);
    environment.extend(addresses);
    environment
}

/// What the supervisor itself is told.
fn own_environment(stack: &Stack, id: GroupId) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([
        (
            "MACHINE_TYPE".to_owned(),
            stack.machine(stack.group(id).machine).name.clone(),
        ),
        ("LOG_LEVEL".to_owned(), "INFO".to_owned()),
        ("ENABLE_METRICS".to_owned(), "true".to_owned()),
    ]);
    if stack.status_port != STATUS_PORT {
        environment.insert("SUPERVISOR_STATUS_PORT".to_owned(), stack.status_port.to_string());
    }
    environment
}

/// The addresses of the other machines, by their variables.
fn addresses(stack: &Stack, id: GroupId, address: &dyn Fn(&str, Ipv4Addr) -> String) -> BTreeMap<String, String> {
    let own = &stack.machine(stack.group(id).machine).name;
    let others = stack.machines.iter().filter(|other| other.name != *own);
    others
        .map(|other| {
            let value = address(&other.address_variable, other.lan_address);
            (other.address_variable.clone(), value)
        })
        .collect()
}

/// The environment that a group's agents get from their container.
#[must_use]
pub fn agent_environment(
    stack: &Stack,
    id: GroupId,
    address: &dyn Fn(&str, Ipv4Addr) -> String,
) -> BTreeMap<String, String> {
    let group = stack.group(id);
    let machine = stack.machine(group.machine);
    let mut environment = own_environment(stack, id);
    environment.extend(machine.environment.clone());
    environment.extend(addresses(stack, id, address));
    environment.extend(group.environment.clone());
    environment
}

#[derive(Serialize)]
struct Compose {
    name: String,
    networks: BTreeMap<String, Network>,
    volumes: BTreeMap<String, Named>,
    services: Services,
}

/// Services in the order of the stack.
struct Services(Vec<(String, Service)>);

impl Serialize for Services {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, service)| (name, service)))
    }
}

#[derive(Serialize)]
struct Network {
    name: String,
    external: bool,
}

#[derive(Serialize)]
struct Named {
    name: String,
}

#[derive(Serialize)]
struct Service {
    image: String,
    container_name: String,
    hostname: String,
    command: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    environment: BTreeMap<String, String>,
    ports: Vec<String>,
    networks: BTreeMap<String, Address>,
    volumes: Vec<String>,
    healthcheck: Healthcheck,
    restart: &'static str,
    stop_grace_period: String,
    read_only: bool,
    tmpfs: Vec<&'static str>,
    cap_drop: Vec<&'static str>,
    security_opt: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mem_limit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pids_limit: Option<u32>,
}

#[derive(Serialize)]
struct Address {
    ipv4_address: Ipv4Addr,
}

#[derive(Serialize)]
struct Healthcheck {
    test: Vec<String>,
    interval: String,
    timeout: String,
    retries: u32,
    start_period: String,
}

/// The file of one machine.
#[must_use]
pub fn file(stack: &Stack, id: MachineId) -> RenderedFile {
    let machine = stack.machine(id);
    let network = Network {
        name: machine.network.clone(),
        external: true,
    };
    let volumes = stack.volumes.iter().map(|volume| {
        let name = stack.volume(id, volume);
        (volume.name.clone(), Named { name })
    });
    let compose = Compose {
        name: format!("{}_{}", stack.name, machine.name),
        networks: BTreeMap::from([(machine.network.clone(), network)]),
        volumes: volumes.collect(),
        services: Services(
            stack
                .groups_of(id)
                .map(|(id, group)| (group.name.clone(), service(stack, id, group)))
                .collect(),
        ),
    };
    RenderedFile {
        path: path(&machine.name),
        text: yaml(&compose, COMMENT),
        executable: false,
    }
}

/// Path of a machine's compose file.
pub fn path(machine: &str) -> String {
    format!("docker/podman-compose.{machine}.yml")
}

/// An address that the shell's environment may replace.
fn variable(name: &str, address: Ipv4Addr) -> String {
    format!("${{{name}:-{address}}}")
}

/// The environment as Compose reads it: addresses as variables, and `$$` for every other `$`.
fn interpolated(stack: &Stack, id: GroupId) -> BTreeMap<String, String> {
    let mut values = environment(stack, id, &variable);
    for (name, value) in &mut values {
        let ours = stack
            .machines
            .iter()
            .any(|machine| machine.address_variable == *name && *value == variable(name, machine.lan_address));
        if !ours {
            *value = value.replace('$', "$$");
        }
    }
    values
}

fn service(stack: &Stack, id: GroupId, group: &Group) -> Service {
    let machine = stack.machine(group.machine);
    let supervision = &machine.supervision;
    let lan = variable(&machine.address_variable, machine.lan_address);
    let ports = published(stack, id).into_iter().map(|port| {
        let on = match port.on {
            Interface::Loopback => "127.0.0.1",
            Interface::Lan => &lan,
        };
        format!("{on}:{}:{}", port.host_port, port.container_port)
    });
    let address = Address {
        ipv4_address: group.address,
    };
    Service {
        image: stack.group_image(id),
        container_name: group.name.clone(),
        hostname: group.name.clone(),
        command: command(stack, id),
        user: stack.group_user(id).map(|(user, group)| format!("{user}:{group}")),
        environment: interpolated(stack, id),
        ports: ports.collect(),
        networks: BTreeMap::from([(machine.network.clone(), address)]),
        volumes: stack
            .volumes
            .iter()
            .map(|volume| format!("{}:{}", volume.name, volume.mount()))
            .collect(),
        healthcheck: Healthcheck {
            test: std::iter::once("CMD".to_owned()).chain(health_command()).collect(),
            interval: duration(supervision.health_interval_ms),
            timeout: duration(supervision.health_timeout_ms),
            retries: supervision.health_retries,
            start_period: duration(supervision.start_period_ms),
        },
        restart: "unless-stopped",
        stop_grace_period: duration(stop_ms(supervision)),
        read_only: true,
        tmpfs: vec!["/tmp"],
        cap_drop: vec!["ALL"],
        security_opt: vec!["no-new-privileges"],
        mem_limit: stack
            .group_memory_bytes(id)
            .map(|bytes| format!("{}m", bytes.div_ceil(1024 * 1024))),
        pids_limit: stack.group_pids(id),
    }
}
