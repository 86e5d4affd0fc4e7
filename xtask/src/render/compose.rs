//! `docker/podman-compose.<machine>.yml`, for those who use podman-compose; and the same file as `deploy` gives it to Docker's Compose.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use super::dockerfile::duration;
use super::yaml;
use crate::container::command::{command, health_command, stop_ms};
use crate::container::environment::environment;
use crate::container::ports::{Interface, published};
use crate::images::{labels, oci};
use crate::rendered_file::RenderedFile;
use crate::stack::extras::Device;
use crate::stack::labels::{DOCKER, ENGINE, GROUP, MACHINE};
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    external: bool,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_policy: Option<&'static str>,
    container_name: String,
    hostname: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
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

/// Whom a file is for.
#[derive(Clone, Copy)]
enum For<'a> {
    /// Whoever takes it, wherever that is: paths from where the file stands, addresses that the environment may replace.
    Anybody,
    /// This host: nothing in the file depends on where it stands or on the environment.
    Host(&'a Site),
}

/// What is known of a host whose Docker gets a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Each machine's address, as this host knows it; the configured one otherwise.
    pub addresses: BTreeMap<MachineId, Ipv4Addr>,
    /// Its processors. Docker refuses to limit a container to more.
    pub processors: u32,
}

/// A machine's file as `deploy` gives it to Docker's Compose. Networks and volumes are there before: Compose makes nothing but containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// The project's name.
    pub project: String,
    /// The file.
    pub text: String,
    /// Of each group, a digest of all that its container is made with but its image.
    pub digests: BTreeMap<GroupId, String>,
}

/// The file of one machine.
#[must_use]
pub fn file(stack: &Stack, id: MachineId) -> RenderedFile {
    let machine = stack.machine(id);
    let services = stack
        .groups_of(id)
        .map(|(group, of)| (of.name.clone(), service(stack, group, of, For::Anybody)));
    RenderedFile {
        path: path(stack, &machine.name),
        text: document(stack, id, For::Anybody, services.collect()),
        executable: false,
    }
}

/// The same for this host's Docker, with labels that say whose each container is.
#[must_use]
pub fn deployed(stack: &Stack, id: MachineId, site: &Site) -> Deployed {
    let whom = For::Host(site);
    let mut digests = BTreeMap::new();
    let mut services = Vec::new();
    for (group, of) in stack.groups_of(id) {
        let mut service = service(stack, group, of, whom);
        let mut made_with = yaml("", &service, "");
        for file in &of.secrets {
            made_with.push_str(file.seen.digest.as_deref().unwrap_or_default());
        }
        let digest = oci::sha256(made_with.as_bytes());
        service.labels.insert(labels::DIGEST.to_owned(), digest.clone());
        digests.insert(group, digest);
        services.push((of.name.clone(), service));
    }
    Deployed {
        project: project(stack, id),
        text: document(stack, id, whom, services),
        digests,
    }
}

/// What Compose calls a machine's containers together.
fn project(stack: &Stack, id: MachineId) -> String {
    format!("{}_{}", stack.name, stack.machine(id).name)
}

fn document(stack: &Stack, id: MachineId, whom: For<'_>, services: Vec<(String, Service)>) -> String {
    let machine = stack.machine(id);
    let network = Network {
        name: machine.network.clone(),
        external: true,
    };
    // A folder of the host is mounted by its path.
    let named = stack.volumes.iter().filter(|volume| volume.host.is_none());
    let volumes = named.map(|volume| {
        let name = stack.volume(id, volume);
        let external = matches!(whom, For::Host(_));
        (volume.name.clone(), Named { name, external })
    });
    let compose = Compose {
        name: project(stack, id),
        networks: BTreeMap::from([(machine.network.clone(), network)]),
        volumes: volumes.collect(),
        secrets: secrets(stack, id, whom),
        services: Services(services),
    };
    yaml(&stack.output.header(), &compose, COMMENT)
}

/// Path of a machine's compose file.
pub fn path(stack: &Stack, machine: &str) -> String {
    stack.output.at(&format!("docker/podman-compose.{machine}.yml"))
}

impl For<'_> {
    /// A machine's address; one that the shell's environment may replace, where anybody may take the file.
    fn address(self, stack: &Stack, variable: &str, configured: Ipv4Addr) -> String {
        match self {
            Self::Anybody => format!("${{{variable}:-{configured}}}"),
            Self::Host(site) => {
                let machine = stack
                    .machines
                    .iter()
                    .position(|machine| machine.address_variable == variable);
                let known = machine.and_then(|index| site.addresses.get(&MachineId(index)));
                known.unwrap_or(&configured).to_string()
            }
        }
    }
}

/// The environment as Compose reads it: addresses as variables, and `$$` for every other `$`.
fn interpolated(stack: &Stack, id: GroupId, whom: For<'_>) -> BTreeMap<String, String> {
    let address = |name: &str, configured| whom.address(stack, name, configured);
    let mut values = environment(stack, id, &address);
    for (name, value) in &mut values {
        let ours = stack
            .machines
            .iter()
            .any(|machine| machine.address_variable == *name && *value == address(name, machine.lan_address));
        if !ours {
            *value = value.replace('$', "$$");
        }
    }
    values
}

/// A volume's name, or its folder: for anybody, a relative one from where the file stands.
fn source(stack: &Stack, id: MachineId, volume: &Volume, whom: For<'_>) -> String {
    let machine = &stack.machine(id).name;
    let folder = match whom {
        For::Anybody => volume.written_folder(machine),
        For::Host(_) => stack.volume_folder(id, volume),
    };
    match folder {
        None => volume.name.clone(),
        Some(folder) if folder.starts_with('/') => folder,
        Some(folder) => {
            let up = "../".repeat(path(stack, machine).matches('/').count());
            format!("{up}{}", folder.strip_prefix("./").unwrap_or(&folder))
        }
    }
}

/// The files that a machine's groups are given: Compose takes relative paths from the folder of its own file.
fn secrets(stack: &Stack, machine: MachineId, whom: For<'_>) -> BTreeMap<String, SecretSource> {
    let up = path(stack, "").matches('/').count();
    let mut sources = BTreeMap::new();
    for (id, group) in stack.groups_of(machine) {
        for file in &group.secrets {
            let from_here = match whom {
                _ if file.file.starts_with('/') => file.file.clone(),
                For::Anybody => format!("{}{}", "../".repeat(up), file.file),
                For::Host(_) => format!("{}/{}", stack.checkout, file.file),
            };
            // Compose expands variables, and no path has one.
            sources.insert(stack.secret_name(id, file), SecretSource { file: from_here });
        }
    }
    sources
}

/// Labels of a group's container that say whose it is; none where anybody may start it.
fn own_labels(stack: &Stack, group: &Group, whom: For<'_>) -> BTreeMap<String, String> {
    let For::Host(_) = whom else {
        return BTreeMap::new();
    };
    let machine = &stack.machine(group.machine).name;
    [
        (labels::STACK, &stack.name),
        (labels::CHECKOUT, &stack.checkout),
        (MACHINE, machine),
        (GROUP, &group.name),
        (ENGINE, &DOCKER.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value.replace('$', "$$")))
    .into()
}

fn service(stack: &Stack, id: GroupId, group: &Group, whom: For<'_>) -> Service {
    let machine = stack.machine(group.machine);
    let supervision = &machine.supervision;
    let extras = &group.extras;
    let lan = whom.address(stack, &machine.address_variable, machine.lan_address);
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
        pull_policy: matches!(whom, For::Host(_)).then_some("never"),
        container_name: group.name.clone(),
        hostname: group.name.clone(),
        labels: own_labels(stack, group, whom),
        command: command(stack, id),
        user: stack.group_user(id).map(|(user, group)| format!("{user}:{group}")),
        environment: interpolated(stack, id, whom),
        ports: ports.collect(),
        networks: BTreeMap::from([(machine.network.clone(), address)]),
        volumes: stack
            .volumes
            .iter()
            .map(|volume| format!("{}:{}", source(stack, group.machine, volume, whom), volume.mount()))
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
        // Compose has no word for one that may be missing; this host has it or not.
        devices: match whom {
            For::Anybody => extras.needed().map(Device::text).collect(),
            For::Host(_) => extras.present().map(Device::text).collect(),
        },
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
        cpus: stack
            .group_milli_cpus(id)
            .filter(|milli| match whom {
                For::Anybody => true,
                For::Host(site) => *milli <= u64::from(site.processors) * 1000,
            })
            .map(cpus_text),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use super::{Site, deployed, file};
    use crate::stack::fixture::Fixture;
    use crate::stack::{MachineId, Stack};

    static SITE: Site = Site {
        addresses: BTreeMap::new(),
        processors: 1,
    };

    #[test]
    fn a_deployed_file_says_whose_it_is_and_depends_on_nothing_around_it() {
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nvolumes: {logs: \"./logs:/app/logs\", data: /app/data}\ncpus: 1.5",
            )
            .model();
        let id = MachineId(0);
        let anybodys = file(&stack, id).text;
        assert!(anybodys.contains("${") && anybodys.contains("../logs:") && anybodys.contains("cpus"));
        assert!(!anybodys.contains("ai-system.") && !anybodys.contains("pull_policy"));
        let deployed = deployed(&stack, id, &SITE).text;
        assert!(!deployed.replace("$$", "").contains('$'), "{deployed}");
        assert!(deployed.contains(&format!("{}/logs:", stack.checkout)), "{deployed}");
        assert!(
            !deployed.contains("cpus"),
            "the host has fewer, so that nothing is limited: {deployed}"
        );
        let document: serde_yaml::Value = serde_yaml::from_str(&deployed).unwrap();
        let core = &document["services"]["core"];
        assert_eq!(core["labels"]["ai-system.stack"].as_str(), Some(stack.name.as_str()));
        assert_eq!(core["labels"]["ai-system.engine"].as_str(), Some("docker"));
        assert_eq!(core["labels"]["ai-system.group"].as_str(), Some("core"));
        assert_eq!(core["pull_policy"].as_str(), Some("never"));
        assert_eq!(document["volumes"]["data"]["external"].as_bool(), Some(true));
    }

    #[test]
    fn digests_are_of_all_that_a_group_is_made_with_and_of_nothing_else() {
        let stack = Fixture::small().model();
        let id = MachineId(0);
        let digests = |stack: &Stack, site: &Site| deployed(stack, id, site).digests;
        let first = digests(&stack, &SITE);
        assert_eq!(first, digests(&stack, &SITE));
        let mut changed = Fixture::small().model();
        let core = changed.find_group("core").unwrap();
        changed.groups[core.0].extras.shm_bytes = Some(1);
        let second = digests(&changed, &SITE);
        let others: Vec<_> = first
            .iter()
            .filter(|(group, digest)| second[group] != **digest)
            .collect();
        assert_eq!(others.len(), 1);
        assert_ne!(first[&core], second[&core]);
        let moved = Site {
            addresses: BTreeMap::from([(id, Ipv4Addr::new(10, 0, 0, 9))]),
            ..SITE.clone()
        };
        assert_ne!(first, digests(&stack, &moved), "what is published on it");
    }
}
