//! A group's pod and container as what Podman's service is asked for: `PodSpecGenerator` and `SpecGenerator` of its API
//! (<https://docs.podman.io/en/v4.3/_static/api.html>), which say in JSON what `podman_arguments` says to its command line.

use serde_json::{Map, Value, json};

use super::pod::{Container, HEALTH_COMMAND, LOG_BYTES, Pod};

/// Nanoseconds of a second: Podman counts times in them.
const NANOSECONDS: u64 = 1_000_000_000;
/// Microseconds of a period in which the kernel counts processor time.
const CPU_PERIOD: u64 = 100_000;

/// Only the owner may read a secret.
const SECRET_MODE: u32 = 0o400;

/// Body of `POST /libpod/pods/create`.
#[must_use]
pub fn pod(pod: &Pod) -> Value {
    let ports: Vec<Value> = pod
        .ports
        .iter()
        .map(|port| {
            json!({
                "host_ip": port.host.ip(),
                "host_port": port.host.port(),
                "container_port": port.container,
                "protocol": "tcp",
            })
        })
        .collect();
    let mut networks = Map::new();
    networks.insert(
        pod.network.clone(),
        json!({
            "static_ips": [pod.address],
            "static_mac": pod.hardware_address,
            "aliases": [pod.hostname],
        }),
    );
    let mut body = json!({
        "name": pod.name,
        "infra_name": pod.infra_name,
        "hostname": pod.hostname,
        "labels": pod.labels,
        "netns": { "nsmode": "bridge" },
        "Networks": networks,
        "portmappings": ports,
    });
    if !pod.hosts.is_empty() {
        let hosts: Vec<String> = pod
            .hosts
            .iter()
            .map(|(name, address)| format!("{name}:{address}"))
            .collect();
        body["hostadd"] = json!(hosts);
    }
    if !pod.dns.is_empty() {
        body["dns_server"] = json!(pod.dns);
    }
    if let Some(bytes) = pod.shm_bytes {
        body["shm_size"] = json!(bytes);
    }
    if let Some(path) = &pod.seccomp_profile {
        body["security_opt"] = json!([format!("seccomp={}", path.display())]);
    }
    body
}

/// Body of `POST /libpod/containers/create`.
#[must_use]
pub fn container(container: &Container) -> Value {
    let (mounts, volumes) = storage(container);
    let mut body = json!({
        "name": container.name,
        "pod": container.pod,
        "image": container.image,
        "env": container.environment,
        "labels": container.labels,
        "read_only_filesystem": container.read_only,
        "cap_drop": ["all"],
        "no_new_privileges": true,
        "restart_policy": "unless-stopped",
        "stop_timeout": container.stop_seconds,
        "log_configuration": { "driver": "k8s-file", "size": LOG_BYTES },
        "healthconfig": {
            "Test": ["CMD-SHELL", HEALTH_COMMAND],
            "Interval": container.health.interval.saturating_mul(NANOSECONDS),
            "Timeout": container.health.timeout.saturating_mul(NANOSECONDS),
            "Retries": container.health.retries,
            "StartPeriod": container.health.start_period.saturating_mul(NANOSECONDS),
        },
        "sdnotifyMode": "container",
        "mounts": mounts,
        "volumes": volumes,
        "resource_limits": resource_limits(container),
    });
    if !container.command.is_empty() {
        body["command"] = json!(container.command);
    }
    if !container.devices.is_empty() {
        let devices = container.devices.iter().map(|device| json!({ "path": device.text() }));
        body["devices"] = Value::Array(devices.collect());
    }
    if !container.secrets.is_empty() {
        let secrets = container.secrets.iter().map(|secret| {
            let (user, group) = secret.owner;
            json!({ "Source": secret.name, "Target": secret.target, "UID": user, "GID": group, "Mode": SECRET_MODE })
        });
        body["secrets"] = Value::Array(secrets.collect());
    }
    rights(container, &mut body);
    if let Some((user, group)) = container.user {
        body["user"] = json!(format!("{user}:{group}"));
    }
    if let Some(path) = &container.seccomp_profile {
        body["seccomp_profile_path"] = json!(path);
    }
    body
}

/// What is mounted: folders of the host and memory, and Podman's named volumes, which it is asked for apart.
fn storage(container: &Container) -> (Vec<Value>, Vec<Value>) {
    let mut mounts: Vec<Value> = container
        .temporary
        .iter()
        .map(|(path, options)| json!({ "type": "tmpfs", "source": "tmpfs", "destination": path, "options": options }))
        .collect();
    mounts.extend(container.mounts.iter().map(|mount| {
        let how = if mount.read_only { "ro" } else { "rw" };
        json!({
            "type": "bind",
            "source": mount.source,
            "destination": mount.target,
            "options": [how, "rprivate", "rbind"],
        })
    }));
    mounts.extend(container.folders.iter().map(|(folder, path)| {
        json!({
            "type": "bind",
            "source": folder,
            "destination": path,
            "options": ["rw", "rprivate", "rbind"],
        })
    }));
    let (folders, named): (Vec<_>, Vec<_>) = container.volumes.iter().partition(|(name, ..)| name.starts_with('/'));
    mounts.extend(folders.into_iter().map(|(folder, path, read_only)| {
        let how = if *read_only { "ro" } else { "rw" };
        json!({
            "type": "bind",
            "source": folder,
            "destination": path,
            "options": [how, "rprivate", "rbind"],
        })
    }));
    let volumes: Vec<Value> = named
        .into_iter()
        .map(|(name, path, read_only)| {
            let options: &[&str] = if *read_only { &["ro"] } else { &[] };
            json!({ "Name": name, "Dest": path, "Options": options })
        })
        .collect();
    (mounts, volumes)
}

/// How much memory, processor time and how many processes it may take.
fn resource_limits(container: &Container) -> Map<String, Value> {
    let mut limits = Map::new();
    if let Some(bytes) = container.memory_bytes {
        limits.insert(
            "memory".to_owned(),
            json!({ "limit": bytes, "swap": bytes.saturating_mul(2) }),
        );
    }
    if let Some(milli_cpus) = container.milli_cpus {
        // As `--cpus` says it: so many microseconds of each period.
        let quota = milli_cpus.saturating_mul(CPU_PERIOD) / 1_000;
        limits.insert("cpu".to_owned(), json!({ "period": CPU_PERIOD, "quota": quota }));
    }
    if let Some(count) = container.processes {
        limits.insert("pids".to_owned(), json!({ "limit": count }));
    }
    limits
}

/// What the kernel allows it.
fn rights(container: &Container, body: &mut Value) {
    if !container.ulimits.is_empty() {
        // No limit is the largest number there.
        let limits = container.ulimits.iter().map(|(name, limit)| {
            let [soft, hard] = [limit.soft, limit.hard].map(|limit| limit.unwrap_or(u64::MAX));
            json!({ "type": name, "soft": soft, "hard": hard })
        });
        body["r_limits"] = Value::Array(limits.collect());
    }
    if !container.capabilities.is_empty() {
        let names = container.capabilities.iter().map(|name| format!("CAP_{name}"));
        body["cap_add"] = names.collect();
    }
}
