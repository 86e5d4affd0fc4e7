//! The Deployment of a group: one pod with one container, as `up` and the compose files make it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use contract::group_config::Supervision;
use serde::Serialize;

use super::config::{self, ConfigMap};
use super::names::{Names, label};
use super::object::{Labels, Metadata, Object, group_labels, group_selector, machine_selector};
use super::{claim, service};
use crate::container::command::{command, health_command, stop_ms};
use crate::container::environment;
use crate::container::layout::{CONFIG_FOLDER, SUPERVISOR, temporary};
use crate::stack::{GroupId, MachineId, Stack};

/// Seconds between two looks whether a group is ready, at the most: a rollout is seen to be done that late.
const READY_SECONDS: u64 = 10;

/// Mode of a group's secret files: a cluster gives them to root and to the group that the pod's user is in.
const SECRET_MODE: u32 = 0o440;

/// The variable that holds the address of the node that a pod is on.
pub const NODE_VARIABLE: &str = "NODE_ADDRESS";

/// What is deployed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    replicas: u8,
    strategy: Strategy,
    selector: Selector,
    template: Template,
}

#[derive(Serialize)]
struct Strategy {
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Selector {
    match_labels: Labels,
}

#[derive(Serialize)]
struct Template {
    metadata: TemplateMetadata,
    spec: Pod,
}

#[derive(Serialize)]
struct TemplateMetadata {
    labels: Labels,
    annotations: Labels,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    hostname: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    host_aliases: Vec<HostAlias>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_config: Option<DnsConfig>,
    affinity: Affinity,
    automount_service_account_token: bool,
    enable_service_links: bool,
    termination_grace_period_seconds: u64,
    security_context: PodSecurity,
    containers: [Container; 1],
    volumes: Vec<Volume>,
}

#[derive(Serialize)]
struct DnsConfig {
    nameservers: Vec<IpAddr>,
}

#[derive(Serialize)]
struct HostAlias {
    ip: IpAddr,
    hostnames: [String; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Affinity {
    pod_affinity: PodAffinity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_anti_affinity: Option<PodAntiAffinity>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodAffinity {
    required_during_scheduling_ignored_during_execution: [Together; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Together {
    topology_key: &'static str,
    label_selector: Selector,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodAntiAffinity {
    preferred_during_scheduling_ignored_during_execution: Vec<Apart>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Apart {
    weight: u8,
    pod_affinity_term: Together,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodSecurity {
    run_as_non_root: bool,
    run_as_user: u32,
    run_as_group: u32,
    fs_group: u32,
    fs_group_change_policy: &'static str,
    seccomp_profile: Seccomp,
}

#[derive(Serialize)]
struct Seccomp {
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: &'static str,
    image: String,
    image_pull_policy: &'static str,
    command: Vec<String>,
    env: Vec<Variable>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<Port>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Resources>,
    security_context: ContainerSecurity,
    readiness_probe: Probe,
    liveness_probe: Probe,
    volume_mounts: Vec<Mount>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Variable {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_from: Option<ValueFrom>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ValueFrom {
    #[serde(skip_serializing_if = "Option::is_none")]
    config_map_key_ref: Option<KeyOf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_ref: Option<FieldOf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FieldOf {
    field_path: &'static str,
}

#[derive(Serialize)]
struct KeyOf {
    name: String,
    key: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    name: String,
    container_port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_port: Option<u16>,
    #[serde(rename = "hostIP", skip_serializing_if = "Option::is_none")]
    host_ip: Option<String>,
}

#[derive(Serialize)]
struct Resources {
    requests: BTreeMap<String, String>,
    limits: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerSecurity {
    allow_privilege_escalation: bool,
    read_only_root_filesystem: bool,
    capabilities: Capabilities,
}

#[derive(Serialize)]
struct Capabilities {
    drop: [&'static str; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    add: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    exec: Exec,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_delay_seconds: Option<u64>,
    period_seconds: u64,
    timeout_seconds: u64,
    failure_threshold: u32,
}

#[derive(Serialize)]
struct Exec {
    command: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mount {
    name: String,
    mount_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_path: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    read_only: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_map: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    empty_dir: Option<EmptyDir>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_path: Option<HostPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    persistent_volume_claim: Option<Claim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<SecretVolume>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretVolume {
    secret_name: String,
    default_mode: u32,
}

#[derive(Serialize)]
struct HostPath {
    path: String,
}

#[derive(Serialize)]
struct Named {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EmptyDir {
    medium: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_limit: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claim {
    claim_name: String,
}

/// That of a group, with its config.
pub fn of_group(
    stack: &Stack,
    names: &Names,
    id: GroupId,
    config: &ConfigMap,
    variables: Option<&ConfigMap>,
) -> Object<Spec> {
    let labels = group_labels(stack, names, id);
    let match_labels = group_selector(names, id);
    let contents: Vec<&ConfigMap> = std::iter::once(config).chain(variables).collect();
    Object {
        api_version: "apps/v1",
        kind: "Deployment",
        metadata: Metadata {
            name: names.group(id).to_owned(),
            labels: labels.clone(),
        },
        spec: Spec {
            replicas: 1,
            // Never two of an agent: they would write to the same files.
            strategy: Strategy { r#type: "Recreate" },
            selector: Selector { match_labels },
            template: Template {
                metadata: TemplateMetadata {
                    labels,
                    // A changed config is read when the supervisor starts: the pod is replaced.
                    annotations: [(format!("{}/config", names.stack), ConfigMap::digest(&contents))].into(),
                },
                spec: pod(stack, names, id, config),
            },
        },
    }
}

fn pod(stack: &Stack, names: &Names, id: GroupId, config: &ConfigMap) -> Pod {
    let group = stack.group(id);
    let of_images = stack.images.uid;
    let user = if group.has_own_user { group.uid } else { of_images };
    let (volumes, mounts) = volumes(stack, names, id, config);
    Pod {
        hostname: names.group(id).to_owned(),
        host_aliases: group
            .extras
            .extra_hosts
            .iter()
            .map(|(name, ip)| HostAlias {
                ip: *ip,
                hostnames: [name.clone()],
            })
            .collect(),
        affinity: affinity(stack, names, group.machine),
        // Behind the cluster's own, by which supervisors find each other.
        dns_config: (!group.extras.dns.is_empty()).then(|| DnsConfig {
            nameservers: group.extras.dns.clone(),
        }),
        automount_service_account_token: false,
        // They would be variables of each Service, such as `VISION_PORT`, which agents may read as their own.
        enable_service_links: false,
        termination_grace_period_seconds: seconds(stop_ms(stack, id)),
        security_context: PodSecurity {
            run_as_non_root: user != 0,
            run_as_user: user,
            run_as_group: of_images,
            fs_group: of_images,
            // Models are many files: their owner is looked at once.
            fs_group_change_policy: "OnRootMismatch",
            seccomp_profile: Seccomp {
                r#type: "RuntimeDefault",
            },
        },
        containers: [container(stack, names, id, mounts)],
        volumes,
    }
}

/// A machine is one node, whichever: its groups share volumes. Another machine is another node, where there is one.
fn affinity(stack: &Stack, names: &Names, own: MachineId) -> Affinity {
    let term = |machine| Together {
        topology_key: "kubernetes.io/hostname",
        label_selector: Selector {
            match_labels: machine_selector(names, machine),
        },
    };
    let others = (0..stack.machines.len()).map(MachineId).filter(|id| *id != own);
    let apart: Vec<Apart> = others
        .map(|machine| Apart {
            weight: 100,
            pod_affinity_term: term(machine),
        })
        .collect();
    Affinity {
        pod_affinity: PodAffinity {
            required_during_scheduling_ignored_during_execution: [term(own)],
        },
        pod_anti_affinity: (!apart.is_empty()).then_some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: apart,
        }),
    }
}

fn container(stack: &Stack, names: &Names, id: GroupId, volume_mounts: Vec<Mount>) -> Container {
    let supervision = &stack.machine(stack.group(id).machine).supervision;
    Container {
        name: "agents",
        image: stack.group_image(id),
        image_pull_policy: "IfNotPresent",
        command: command(stack, id),
        env: variables(stack, names, id),
        ports: ports(stack, id),
        resources: resources(stack, id),
        security_context: ContainerSecurity {
            allow_privilege_escalation: false,
            read_only_root_filesystem: stack.group(id).has_read_only_root(),
            capabilities: Capabilities {
                drop: ["ALL"],
                add: stack.group(id).extras.rights.capabilities.iter().cloned().collect(),
            },
        },
        readiness_probe: probe(health_command(), supervision, READY_SECONDS),
        // A group that waits for another is alive: what is asked is only whether the supervisor answers. Podman takes this one for the
        // check of the container's health.
        liveness_probe: Probe {
            initial_delay_seconds: Some(seconds(stack.group_start_period_ms(id))),
            ..probe(vec![SUPERVISOR.to_owned(), "status".to_owned()], supervision, u64::MAX)
        },
        volume_mounts,
    }
}

fn probe(command: Vec<String>, supervision: &Supervision, longest_period: u64) -> Probe {
    Probe {
        exec: Exec { command },
        initial_delay_seconds: None,
        period_seconds: seconds(supervision.health_interval_ms).min(longest_period),
        timeout_seconds: seconds(supervision.health_timeout_ms),
        failure_threshold: supervision.health_retries.max(1),
    }
}

/// Whole seconds, at least one: a cluster takes no less.
fn seconds(milliseconds: u64) -> u64 {
    milliseconds.div_ceil(1_000).max(1)
}

/// The environment, with the Services of the other machines in the place of their addresses.
pub fn environment(stack: &Stack, names: &Names, id: GroupId) -> BTreeMap<String, String> {
    let service = |variable: &str, address: std::net::Ipv4Addr| {
        let machines = (0..stack.machines.len()).map(MachineId);
        let mut named = machines.filter(|id| stack.machine(*id).address_variable == variable);
        named
            .next()
            .map_or_else(|| address.to_string(), |id| names.machine_service(id).to_owned())
    };
    environment::environment(stack, id, &service)
}

/// Each variable with its value, or with where it is.
fn variables(stack: &Stack, names: &Names, id: GroupId) -> Vec<Variable> {
    let elsewhere = |key: &str| ValueFrom {
        config_map_key_ref: Some(KeyOf {
            name: config::environment_name(names, id),
            key: key.to_owned(),
        }),
        field_ref: None,
    };
    // Where the group config looks for ports of the node.
    let node = (!stack.group(id).extras.access.services.is_empty()).then(|| Variable {
        name: NODE_VARIABLE.to_owned(),
        value: None,
        value_from: Some(ValueFrom {
            config_map_key_ref: None,
            field_ref: Some(FieldOf {
                field_path: "status.hostIP",
            }),
        }),
    });
    environment(stack, names, id)
        .into_iter()
        .map(|(name, value)| {
            let is_elsewhere = config::is_expanded(&value);
            Variable {
                value_from: is_elsewhere.then(|| elsewhere(&name)),
                value: (!is_elsewhere).then_some(value),
                name,
            }
        })
        .chain(node)
        .collect()
}

/// The ports that the Service of the machine picks by name. No others are listed: a Service reaches them all the same, and Podman
/// publishes each on the host, at the address given here, which means nothing to a cluster. And the ports of the node that `publish:`
/// names.
fn ports(stack: &Stack, id: GroupId) -> Vec<Port> {
    let mut ports: Vec<Port> = stack
        .reached_from_other_machines_in(id)
        .flat_map(|agent| service::agent_ports(stack, agent))
        .map(|(name, container_port)| Port {
            name,
            container_port,
            host_port: None,
            host_ip: Some("127.0.0.1".to_owned()),
        })
        .collect();
    for publish in &stack.group(id).publish {
        // Of a node, only the loopback and all addresses together are known beforehand.
        let host_ip = (!publish.address.is_unspecified()).then(|| publish.address.to_string());
        match ports
            .iter_mut()
            .find(|port| port.container_port == publish.container_port)
        {
            // A container's port is in the list once.
            Some(known) if known.host_port.is_some() => {}
            Some(known) => {
                known.host_port = Some(publish.host_port);
                known.host_ip = host_ip;
            }
            None => ports.push(Port {
                name: format!("publish-{}", publish.host_port),
                container_port: publish.container_port,
                host_port: Some(publish.host_port),
                host_ip,
            }),
        }
    }
    ports
}

/// The limits, and as requests what the supervisor alone takes: without them, a cluster would keep the whole limits free.
fn resources(stack: &Stack, id: GroupId) -> Option<Resources> {
    let mebibytes = |bytes: u64| format!("{}Mi", bytes.div_ceil(1024 * 1024));
    let (mut requests, mut limits) = (BTreeMap::new(), BTreeMap::new());
    if let Some(bytes) = stack.group_memory_bytes(id) {
        requests.insert("memory".to_owned(), mebibytes(Stack::supervisor_bytes().min(bytes)));
        limits.insert("memory".to_owned(), mebibytes(bytes));
    }
    if let Some(milli_cpus) = stack.group_milli_cpus(id) {
        requests.insert("cpu".to_owned(), "10m".to_owned());
        limits.insert("cpu".to_owned(), format!("{milli_cpus}m"));
    }
    // What the node's device plugin counts: by the kind of a device, so many of it.
    for device in stack.group(id).extras.needed() {
        if let Some(kind) = device.kind() {
            let count: &mut String = limits.entry(kind.to_owned()).or_insert_with(|| "0".to_owned());
            *count = (count.parse::<u32>().unwrap_or(0) + 1).to_string();
        }
    }
    (!limits.is_empty()).then_some(Resources { requests, limits })
}

/// A volume that is nothing yet.
fn volume(name: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        config_map: None,
        empty_dir: None,
        host_path: None,
        persistent_volume_claim: None,
        secret: None,
    }
}

/// A whole volume at a path, where the container may write.
fn mount(name: &str, path: &str) -> Mount {
    Mount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        sub_path: None,
        read_only: false,
    }
}

/// The volumes of a pod, and where they are in its container.
fn volumes(stack: &Stack, names: &Names, id: GroupId, config: &ConfigMap) -> (Vec<Volume>, Vec<Mount>) {
    let both = std::iter::once(config_files(config))
        .chain(memory(stack, names, id))
        .chain(host_folders(stack, id))
        .chain(of_stack(stack, names, stack.group(id).machine));
    let (mut volumes, mut mounts): (Vec<Volume>, Vec<Mount>) = both.unzip();
    if let Some((volume, keys)) = secrets(stack, names, id) {
        volumes.push(volume);
        mounts.extend(keys);
    }
    (volumes, mounts)
}

/// The group's config.
fn config_files(config: &ConfigMap) -> (Volume, Mount) {
    let name = &config.metadata.name;
    (
        Volume {
            config_map: Some(Named { name: name.clone() }),
            ..volume(name)
        },
        Mount {
            read_only: true,
            ..mount(name, CONFIG_FOLDER)
        },
    )
}

/// Folders in memory.
fn memory(stack: &Stack, names: &Names, id: GroupId) -> impl Iterator<Item = (Volume, Mount)> {
    let shm = stack.group(id).extras.shm_bytes;
    let shm = shm.map(|bytes| ("/dev/shm", vec![format!("size={bytes}")]));
    temporary(stack, id).into_iter().chain(shm).map(move |(path, options)| {
        // Podman makes a volume of that name, for all pods of the host: the group's name makes it the group's own.
        let name = format!("{}{}", names.group(id), path.replace('/', "-"));
        let empty_dir = EmptyDir {
            medium: "Memory",
            size_limit: options
                .iter()
                .find_map(|option| option.strip_prefix("size="))
                .map(|size| match size.strip_suffix('m') {
                    Some(megabytes) => format!("{megabytes}Mi"),
                    None => size.to_owned(),
                }),
        };
        (
            Volume {
                empty_dir: Some(empty_dir),
                ..volume(&name)
            },
            mount(&name, path),
        )
    })
}

/// Folders and sockets of the node.
fn host_folders(stack: &Stack, id: GroupId) -> impl Iterator<Item = (Volume, Mount)> {
    stack.group(id).extras.all_mounts().enumerate().map(|(index, host)| {
        let name = format!("host-{index}");
        (
            Volume {
                host_path: Some(HostPath {
                    path: host.source.clone(),
                }),
                ..volume(&name)
            },
            Mount {
                read_only: host.read_only,
                ..mount(&name, &host.target)
            },
        )
    })
}

/// The volumes that all groups of a machine have.
fn of_stack(stack: &Stack, names: &Names, machine: MachineId) -> impl Iterator<Item = (Volume, Mount)> {
    stack.volumes.iter().map(move |of_stack| {
        let name = label(&of_stack.name);
        // A node has no folder that is relative to the checkout.
        let folder = of_stack.absolute_folder(&stack.machine(machine).name);
        let claim = Claim {
            claim_name: claim::name(names, machine, of_stack),
        };
        (
            Volume {
                persistent_volume_claim: folder.is_none().then_some(claim),
                host_path: folder.map(|path| HostPath { path }),
                ..volume(&name)
            },
            Mount {
                read_only: of_stack.read_only,
                ..mount(&name, &of_stack.path)
            },
        )
    })
}

/// The group's secrets, if it has any: one object, which whoever deploys it makes of the files, with a key for each.
fn secrets(stack: &Stack, names: &Names, id: GroupId) -> Option<(Volume, Vec<Mount>)> {
    let files = &stack.group(id).secrets;
    if files.is_empty() {
        return None;
    }
    let of_group = Volume {
        secret: Some(SecretVolume {
            secret_name: names.secret(id),
            default_mode: SECRET_MODE,
        }),
        ..volume(&names.secret(id))
    };
    let keys = files.iter().map(|file| Mount {
        sub_path: Some(file.name.clone()),
        read_only: true,
        ..mount(&names.secret(id), &file.target)
    });
    Some((of_group, keys.collect()))
}
