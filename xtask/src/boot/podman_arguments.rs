//! A group's pod and container as arguments of `podman pod create` and `podman create`.

use std::collections::BTreeMap;
use std::path::Path;

use super::pod::{Container, HEALTH_COMMAND, LOG_BYTES, Pod};
use crate::stack::limits::cpus_text;

/// Arguments behind `podman pod create`.
#[must_use]
pub fn pod(pod: &Pod) -> Vec<String> {
    let mut arguments = vec![
        format!("--name={}", pod.name),
        format!("--infra-name={}", pod.infra_name),
        format!("--hostname={}", pod.hostname),
        format!("--network={}", pod.network),
        format!("--ip={}", pod.address),
        format!("--mac-address={}", pod.hardware_address),
        // Names of pods resolve by themselves; those of their containers, which are the groups', do not.
        format!("--network-alias={}", pod.hostname),
    ];
    arguments.extend(
        pod.ports
            .iter()
            .map(|port| format!("--publish={}:{}", port.host, port.container)),
    );
    arguments.extend(
        pod.hosts
            .iter()
            .map(|(name, address)| format!("--add-host={name}:{address}")),
    );
    arguments.extend(pod.dns.iter().map(|server| format!("--dns={server}")));
    arguments.extend(pod.shm_bytes.map(|bytes| format!("--shm-size={bytes}b")));
    arguments.extend(labels(&pod.labels));
    arguments.extend(seccomp(pod.seccomp_profile.as_deref()));
    arguments
}

/// Arguments behind `podman create`.
#[must_use]
pub fn container(container: &Container) -> Vec<String> {
    let mut arguments = vec![
        format!("--name={}", container.name),
        format!("--pod={}", container.pod),
        "--pull=never".to_owned(),
        "--cap-drop=all".to_owned(),
        "--security-opt=no-new-privileges".to_owned(),
        "--restart=unless-stopped".to_owned(),
        format!("--stop-timeout={}", container.stop_seconds),
        "--log-driver=k8s-file".to_owned(),
        format!("--log-opt=max-size={LOG_BYTES}"),
        format!("--health-cmd={HEALTH_COMMAND}"),
        format!("--health-interval={}s", container.health.interval),
        format!("--health-timeout={}s", container.health.timeout),
        format!("--health-retries={}", container.health.retries),
        format!("--health-start-period={}s", container.health.start_period),
    ];
    arguments.extend(container.read_only.then(|| "--read-only".to_owned()));
    arguments.extend(container.user.map(|(user, group)| format!("--user={user}:{group}")));
    arguments.extend(
        container
            .temporary
            .iter()
            .map(|(path, options)| format!("--tmpfs={path}:{}", options.join(","))),
    );
    arguments.extend(
        container
            .mounts
            .iter()
            .map(|mount| format!("--volume={}", mount.text())),
    );
    arguments.extend(
        container
            .devices
            .iter()
            .map(|device| format!("--device={}", device.text())),
    );
    arguments.extend(container.secrets.iter().map(|secret| {
        let (user, group) = secret.owner;
        format!(
            "--secret={},type=mount,uid={user},gid={group},mode=0400,target={}",
            secret.name, secret.target
        )
    }));
    arguments.extend(labels(&container.labels));
    arguments.extend(
        container
            .volumes
            .iter()
            .map(|(name, path, read_only)| format!("--volume={name}:{path}{}", if *read_only { ":ro" } else { "" })),
    );
    arguments.extend(container.memory_bytes.map(|bytes| format!("--memory={bytes}b")));
    let cpus = container.milli_cpus.map(cpus_text);
    arguments.extend(cpus.map(|cpus| format!("--cpus={cpus}")));
    arguments.extend(container.processes.map(|count| format!("--pids-limit={count}")));
    arguments.extend(
        container
            .ulimits
            .iter()
            .map(|(name, limit)| format!("--ulimit={name}={}", limit.text())),
    );
    arguments.extend(
        container
            .capabilities
            .iter()
            .map(|name| format!("--cap-add=CAP_{name}")),
    );
    arguments.extend(
        container
            .environment
            .iter()
            .map(|(name, value)| format!("--env={name}={value}")),
    );
    arguments.extend(
        container
            .folders
            .iter()
            .map(|(folder, path)| format!("--volume={}:{path}", folder.display())),
    );
    arguments.extend(seccomp(container.seccomp_profile.as_deref()));
    arguments.push(container.image.clone());
    arguments.extend(container.command.iter().cloned());
    arguments
}

fn labels(labels: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    labels.iter().map(|(label, value)| format!("--label={label}={value}"))
}

fn seccomp(profile: Option<&Path>) -> Option<String> {
    profile.map(|path| format!("--security-opt=seccomp={}", path.display()))
}
