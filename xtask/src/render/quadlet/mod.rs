//! `docker/quadlet/<machine>/`: units for hosts on which systemd runs the containers, by way of Podman's Quadlet (Podman 5.0 or newer).
//! The same network, volumes, addresses and names as `up` makes.
//!
//! No unit waits for another group's: every supervisor starts an agent as soon as the agents that it depends on answer. Network and
//! volumes are waited for by themselves, where a unit names theirs.

mod unit;

use std::collections::BTreeMap;

use self::unit::{Unit, literal, word};
use super::dockerfile::duration;
use crate::container::command::{command, health_command, stop_ms};
use crate::container::environment::environment;
use crate::container::layout::{secret_folder, temporary};
use crate::container::ports::{Interface, published};
use crate::rendered_file::RenderedFile;
use crate::stack::extras::Extras;
use crate::stack::labels;
use crate::stack::limits::cpus_text;
use crate::stack::model::Volume;
use crate::stack::{GroupId, MachineId, Stack};

/// Seconds between two starts of a container that does not stay: few enough in ten seconds for systemd never to give it up.
const RESTART_SECONDS: u64 = 5;

/// Seconds that a start waits for the machine's address: less than systemd gives a start by default.
const ADDRESS_SECONDS: u64 = 60;

/// The units of one machine, below `docker/quadlet/MACHINE/`.
#[must_use]
pub fn files(stack: &Stack, id: MachineId) -> Vec<RenderedFile> {
    let folder = format!("docker/quadlet/{}", stack.machine(id).name);
    let units = units(stack, id, None).into_iter();
    units
        .map(|(name, text)| RenderedFile {
            path: stack.output.at(&format!("{folder}/{name}")),
            text,
            executable: false,
        })
        .collect()
}

/// The units of one machine, by the name of their file. What a `checkout` installs says so in a label of everything that it makes.
#[must_use]
pub fn units(stack: &Stack, id: MachineId, checkout: Option<&str>) -> BTreeMap<String, String> {
    let of = Labelled { stack, id, checkout };
    let machine = &stack.machine(id).name;
    let named = stack
        .volumes
        .iter()
        .filter(|volume| volume.absolute_folder(machine).is_none());
    let volumes = named.map(|volume| (volume_file(stack, id, volume), of.volume(volume)));
    let containers = stack
        .groups_of(id)
        .map(|(group, _)| (container_file(stack, group), of.container(group)));
    let units = volumes.chain(containers);
    units
        .chain([(network_file(stack, id), of.network())])
        .map(|(name, unit)| (name, unit.text()))
        .collect()
}

/// The unit of a group, as a file for Quadlet. What systemd runs has the same name and ends in `.service`.
#[must_use]
pub fn container_file(stack: &Stack, id: GroupId) -> String {
    format!("{}-{}.container", stack.name, stack.group(id).name)
}

fn network_file(stack: &Stack, id: MachineId) -> String {
    format!("{}.network", stack.machine(id).network)
}

fn volume_file(stack: &Stack, id: MachineId, volume: &Volume) -> String {
    format!("{}.volume", stack.volume(id, volume))
}

/// What all units of a machine have in common.
struct Labelled<'a> {
    stack: &'a Stack,
    id: MachineId,
    checkout: Option<&'a str>,
}

impl Labelled<'_> {
    /// By which everybody knows whose it is, as what `up` makes.
    fn labels(&self, unit: &mut Unit) {
        let mut label = |name: &str, value: &str| {
            unit.key("Label", word(&format!("{name}={value}")));
        };
        label(labels::STACK, &self.stack.name);
        label(labels::MACHINE, &self.stack.machine(self.id).name);
        if let Some(checkout) = self.checkout {
            label(labels::CHECKOUT, checkout);
        }
    }

    fn network(&self) -> Unit {
        let mut unit = network(self.stack, self.id);
        self.labels(&mut unit);
        unit
    }

    fn volume(&self, volume: &Volume) -> Unit {
        let mut unit = self::volume(self.stack, self.id, volume);
        self.labels(&mut unit);
        unit
    }

    fn container(&self, group: GroupId) -> Unit {
        let mut unit = container(self.stack, group);
        self.labels(&mut unit);
        let name = &self.stack.group(group).name;
        unit.key("Label", word(&format!("{}={name}", labels::GROUP)));
        service(&mut unit, self.stack, group);
        unit
    }
}

fn network(stack: &Stack, id: MachineId) -> Unit {
    let machine = stack.machine(id);
    let mut unit = Unit::new(&stack.output.header());
    unit.section("Unit").key(
        "Description",
        literal(&format!("Network of {} on {}", stack.name, machine.name)),
    );
    unit.section("Network")
        .key("NetworkName", &machine.network)
        .key("Subnet", machine.subnet);
    unit
}

fn volume(stack: &Stack, id: MachineId, volume: &Volume) -> Unit {
    let machine = stack.machine(id);
    let description = format!("Volume {} of {} on {}", volume.name, stack.name, machine.name);
    let mut unit = Unit::new(&stack.output.header());
    unit.section("Unit").key("Description", literal(&description));
    unit.section("Volume").key("VolumeName", stack.volume(id, volume));
    unit
}

/// The devices of a container; one that is optional where the host has it.
fn devices(unit: &mut Unit, extras: &Extras) {
    for device in &extras.devices {
        let text = literal(&device.text());
        if !device.optional {
            unit.key("AddDevice", text);
        } else if device.kind().is_none() {
            // Of a name, nothing there can tell whether the host has it.
            unit.key("AddDevice", format!("-{text}"));
        }
    }
}

/// A group that publishes ports on the machine's address waits until the host has it. `network-online.target`, which newer Quadlets name in
/// each unit, says nothing of one address, and nothing at all where no network manager is. Podman says what is wrong if it does not come.
fn wait_for_address(unit: &mut Unit, stack: &Stack, id: GroupId) {
    let address = stack.machine(stack.group(id).machine).lan_address;
    if published(stack, id).iter().any(|port| port.on == Interface::Lan) {
        let script = format!(
            "command -v ip >/dev/null || exit 0; n=0; until ip -o address show to {address} | grep -q .; do \
             [ $n -lt {ADDRESS_SECONDS} ] || exit 0; [ $n -gt 0 ] || echo waiting until this host has the address {address}; \
             n=$((n + 1)); sleep 1; done"
        );
        unit.key("ExecStartPre", format!("/bin/sh -c {}", word(&script)));
    }
}

/// What the kernel allows a container besides, and the servers that it asks for names.
fn rights(unit: &mut Unit, extras: &Extras) {
    for name in &extras.rights.capabilities {
        unit.key("AddCapability", format!("CAP_{name}"));
    }
    for (name, limit) in &extras.rights.ulimits {
        unit.key("Ulimit", format!("{name}={}", limit.text()));
    }
    for server in &extras.dns {
        unit.key("DNS", server);
    }
}

/// The ports that a group publishes on its host.
fn ports(unit: &mut Unit, stack: &Stack, id: GroupId) {
    let lan_address = stack.machine(stack.group(id).machine).lan_address;
    for port in published(stack, id) {
        let on = match port.on {
            Interface::Loopback => std::net::Ipv4Addr::LOCALHOST,
            Interface::Lan => lan_address,
            Interface::At(address) => address,
        };
        unit.key(
            "PublishPort",
            format!("{on}:{}:{}", port.host_port, port.container_port),
        );
    }
}

/// The group's secret files.
fn secrets(unit: &mut Unit, stack: &Stack, id: GroupId) {
    for file in &stack.group(id).secrets {
        let (user, of_group) = stack.group_user(id).unwrap_or((stack.images.uid, stack.images.uid));
        // What `podman secret create` makes of the file: docker/README.md has the command.
        unit.key(
            "Secret",
            format!(
                "{},type=mount,uid={user},gid={of_group},mode=0400,target={}",
                stack.secret_name(id, file),
                literal(&file.target)
            ),
        );
    }
}

/// What only newer Podman has keys for.
fn podman_arguments(stack: &Stack, id: GroupId) -> Vec<String> {
    let memory = stack.group_memory_bytes(id);
    let memory = memory.map(|bytes| format!("--memory={}m", bytes.div_ceil(1024 * 1024)));
    let hosts = stack.group(id).extras.extra_hosts.iter();
    let hosts = hosts.map(|(name, address)| format!("--add-host={name}:{address}"));
    let cpus = stack
        .group_milli_cpus(id)
        .map(|cpus| format!("--cpus={}", cpus_text(cpus)));
    memory.into_iter().chain(cpus).chain(hosts).collect()
}

fn container(stack: &Stack, id: GroupId) -> Unit {
    let group = stack.group(id);
    let machine = stack.machine(group.machine);
    let supervision = &machine.supervision;
    let mut unit = Unit::new(&stack.output.header());
    unit.section("Unit").key(
        "Description",
        literal(&format!("Group {} of {} on {}", group.name, stack.name, machine.name)),
    );
    unit.section("Container")
        .key("Image", stack.group_image(id))
        .key("ContainerName", &group.name)
        .key("HostName", &group.name)
        .key(
            "Exec",
            command(stack, id)
                .iter()
                .map(|part| word(part))
                .collect::<Vec<_>>()
                .join(" "),
        );
    if let Some((user, group)) = stack.group_user(id) {
        unit.key("User", user).key("Group", group);
    }
    let addresses = |_: &str, address: std::net::Ipv4Addr| address.to_string();
    for (name, value) in environment(stack, id, &addresses) {
        unit.key("Environment", word(&format!("{name}={value}")));
    }
    unit.key("Network", network_file(stack, group.machine))
        .key("IP", group.address);
    ports(&mut unit, stack, id);
    for volume in &stack.volumes {
        // Units are copied to where a relative folder would be another.
        let folder = volume.absolute_folder(&machine.name);
        let file = folder.unwrap_or_else(|| volume_file(stack, group.machine, volume));
        unit.key("Volume", format!("{file}:{}", literal(&volume.mount())));
    }
    unit.key("ReadOnly", group.has_read_only_root());
    for mount in group.extras.all_mounts() {
        unit.key("Volume", literal(&mount.text()));
    }
    devices(&mut unit, &group.extras);
    secrets(&mut unit, stack, id);
    if let Some(bytes) = group.extras.shm_bytes {
        unit.key("ShmSize", bytes);
    }
    for (path, options) in temporary(stack, id).into_iter().chain(secret_folder(stack, id)) {
        unit.key("Tmpfs", format!("{path}:{}", options.join(",")));
    }
    unit.key("DropCapability", "all").key("NoNewPrivileges", true);
    rights(&mut unit, &group.extras);
    if let Some(pids) = stack.group_pids(id) {
        unit.key("PidsLimit", pids);
    }
    let arguments = podman_arguments(stack, id);
    if !arguments.is_empty() {
        unit.key("PodmanArgs", arguments.join(" "));
    }
    unit.key("HealthCmd", health_command().join(" "))
        .key("HealthInterval", duration(supervision.health_interval_ms))
        .key("HealthTimeout", duration(supervision.health_timeout_ms))
        .key("HealthRetries", supervision.health_retries)
        .key("HealthStartPeriod", duration(stack.group_start_period_ms(id)))
        .key("StopTimeout", stop_seconds(stack, id));
    unit
}

/// Seconds that a container has to stop.
fn stop_seconds(stack: &Stack, id: GroupId) -> u64 {
    stop_ms(stack, id).div_ceil(1_000)
}

/// How systemd runs a container.
fn service(unit: &mut Unit, stack: &Stack, id: GroupId) {
    unit.section("Service");
    wait_for_address(unit, stack, id);
    unit.key("Restart", "always")
        .key("RestartSec", RESTART_SECONDS)
        // Podman kills first.
        .key("TimeoutStopSec", stop_seconds(stack, id) + 10);
    // Of the system, and of a user.
    unit.section("Install")
        .key("WantedBy", "multi-user.target default.target");
}

#[cfg(test)]
mod tests;
