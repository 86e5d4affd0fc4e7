//! `docker/podman-compose.<machine>.yml`, for those who use podman-compose.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use super::dockerfile::duration;
use super::yaml;
use crate::container::command::{command, health_command, stop_ms};
use crate::container::environment::environment;
use crate::container::ports::{Interface, published};
use crate::rendered_file::RenderedFile;
use crate::stack::extras::Device;
use crate::stack::limits::cpus_text;
use crate::stack::model::{Group, Volume};
use crate::stack::rights::Ulimit;
use crate::stack::{GroupId, MachineId, Stack};

const COMMENT: &str = "\
#
# There is no `depends_on`: the groups depend on each other in rings, so no order of containers is right. Every supervisor
# starts an agent as soon as the agents that it depends on answer, wherever they run.
";

#[derive(Serialize)]
struct Compose {
    name: String,
    networks: BTreeMap<String, Network>,
    volumes: BTreeMap<String, Named>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    secrets: BTreeMap<String, SecretSource>,
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
struct SecretSource {
    file: String,
}

#[derive(Serialize)]
struct SecretUse {
    source: String,
    target: String,
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<SecretUse>,
    healthcheck: Healthcheck,
    restart: &'static str,
    stop_grace_period: String,
    read_only: bool,
    tmpfs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shm_size: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extra_hosts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns: Vec<IpAddr>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    ulimits: BTreeMap<String, SoftHard>,
    cap_drop: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cap_add: Vec<String>,
    security_opt: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mem_limit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pids_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus: Option<String>,
}

#[derive(Serialize)]
struct SoftHard {
    soft: i64,
    hard: i64,
}

impl From<&Ulimit> for SoftHard {
    fn from(limit: &Ulimit) -> Self {
        let number = |limit: Option<u64>| limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        Self {
            soft: number(limit.soft),
            hard: number(limit.hard),
        }
    }
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
    // A folder of the host is mounted by its path.
    let named = stack.volumes.iter().filter(|volume| volume.host.is_none());
    let volumes = named.map(|volume| {
        let name = stack.volume(id, volume);
        (volume.name.clone(), Named { name })
    });
    let compose = Compose {
        name: format!("{}_{}", stack.name, machine.name),
        networks: BTreeMap::from([(machine.network.clone(), network)]),
        volumes: volumes.collect(),
        secrets: secrets(stack, id),
        services: Services(
            stack
                .groups_of(id)
                .map(|(id, group)| (group.name.clone(), service(stack, id, group)))
                .collect(),
        ),
    };
    RenderedFile {
        path: path(stack, &machine.name),
        text: yaml(&stack.output.header(), &compose, COMMENT),
        executable: false,
    }
}

/// Path of a machine's compose file.
pub fn path(stack: &Stack, machine: &str) -> String {
    stack.output.at(&format!("docker/podman-compose.{machine}.yml"))
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

/// A volume's name, or its folder: a relative one from where the file stands.
fn source(stack: &Stack, machine: &str, volume: &Volume) -> String {
    match volume.written_folder(machine) {
        None => volume.name.clone(),
        Some(folder) if folder.starts_with('/') => folder,
        Some(folder) => {
            let up = "../".repeat(path(stack, machine).matches('/').count());
            format!("{up}{}", folder.strip_prefix("./").unwrap_or(&folder))
        }
    }
}

/// The files that a machine's groups are given: Compose takes relative paths from the folder of its own file.
fn secrets(stack: &Stack, machine: MachineId) -> BTreeMap<String, SecretSource> {
    let up = path(stack, "").matches('/').count();
    let mut sources = BTreeMap::new();
    for (id, group) in stack.groups_of(machine) {
        for file in &group.secrets {
            let from_here = match file.file.starts_with('/') {
                true => file.file.clone(),
                false => format!("{}{}", "../".repeat(up), file.file),
            };
            // Compose expands variables, and no path has one.
            sources.insert(stack.secret_name(id, file), SecretSource { file: from_here });
        }
    }
    sources
}

fn service(stack: &Stack, id: GroupId, group: &Group) -> Service {
    let machine = stack.machine(group.machine);
    let supervision = &machine.supervision;
    let extras = &group.extras;
    let lan = variable(&machine.address_variable, machine.lan_address);
    let ports = published(stack, id).into_iter().map(|port| {
        let on = match port.on {
            Interface::Loopback => "127.0.0.1".to_owned(),
            Interface::Lan => lan.clone(),
            Interface::At(address) => address.to_string(),
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
            .map(|volume| format!("{}:{}", source(stack, &machine.name, volume), volume.mount()))
            .chain(extras.all_mounts().map(|mount| mount.text()))
            .collect(),
        secrets: group
            .secrets
            .iter()
            .map(|file| SecretUse {
                source: stack.secret_name(id, file),
                target: file.target.clone(),
            })
            .collect(),
        healthcheck: Healthcheck {
            test: std::iter::once("CMD".to_owned()).chain(health_command()).collect(),
            interval: duration(supervision.health_interval_ms),
            timeout: duration(supervision.health_timeout_ms),
            retries: supervision.health_retries,
            start_period: duration(stack.group_start_period_ms(id)),
        },
        restart: "unless-stopped",
        stop_grace_period: duration(stop_ms(stack, id)),
        read_only: group.has_read_only_root(),
        tmpfs: vec![match extras.tmp_bytes {
            Some(bytes) => format!("/tmp:size={bytes}"),
            None => "/tmp".to_owned(),
        }],
        shm_size: extras.shm_bytes,
        // Compose has no word for one that may be missing.
        devices: extras.needed().map(Device::text).collect(),
        extra_hosts: extras
            .extra_hosts
            .iter()
            .map(|(name, address)| format!("{name}:{address}"))
            .collect(),
        dns: extras.dns.clone(),
        ulimits: extras
            .rights
            .ulimits
            .iter()
            .map(|(name, limit)| (name.clone(), limit.into()))
            .collect(),
        cap_drop: vec!["ALL"],
        cap_add: extras.rights.capabilities.iter().cloned().collect(),
        security_opt: vec!["no-new-privileges"],
        mem_limit: stack
            .group_memory_bytes(id)
            .map(|bytes| format!("{}m", bytes.div_ceil(1024 * 1024))),
        pids_limit: stack.group_pids(id),
        cpus: stack.group_milli_cpus(id).map(cpus_text),
    }
}
