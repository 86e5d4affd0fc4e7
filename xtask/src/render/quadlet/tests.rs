//! The units: read strictly, and the same containers as the compose files'.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::files;
use crate::render::compose;
use crate::rendered_file::RenderedFile;
use crate::stack::fixture::Fixture;
use crate::stack::{MachineId, Stack};

/// Keys that `podman-systemd.unit(5)` of Podman 5.0 has for a `[Container]`.
const CONTAINER: &str = "AddCapability AddDevice Annotation AutoUpdate ContainerName ContainersConfModule DNS DNSOption DNSSearch \
    DropCapability Entrypoint Environment EnvironmentFile EnvironmentHost Exec ExposeHostPort GIDMap GlobalArgs Group HealthCmd \
    HealthInterval HealthOnFailure HealthRetries HealthStartPeriod HealthStartupCmd HealthStartupInterval HealthStartupRetries \
    HealthStartupSuccess HealthStartupTimeout HealthTimeout HostName IP IP6 Image Label LogDriver Mask Mount Network \
    NoNewPrivileges Notify PidsLimit Pod PodmanArgs PublishPort Pull ReadOnly ReadOnlyTmpfs Rootfs RunInit SeccompProfile Secret \
    SecurityLabelDisable SecurityLabelFileType SecurityLabelLevel SecurityLabelNested SecurityLabelType ShmSize StopTimeout \
    SubGIDMap SubUIDMap Sysctl Timezone Tmpfs UIDMap Ulimit Unmask User UserNS Volume WorkingDir";
/// The same for a `[Network]`.
const NETWORK: &str = "ContainersConfModule DNS DisableDNS Driver Gateway GlobalArgs IPAMDriver IPRange IPv6 Internal Label NetworkName \
    Options PodmanArgs Subnet";
/// The same for a `[Volume]`.
const VOLUME: &str =
    "ContainersConfModule Copy Device Driver GlobalArgs Group Image Label Options PodmanArgs Type User VolumeName";
/// Keys that may stand more than once.
const LISTS: [&str; 6] = ["AddDevice", "Environment", "Label", "PublishPort", "Tmpfs", "Volume"];

/// A unit: the values of each key of each section.
type Unit = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Reads a unit, and fails on all that Quadlet or systemd would ignore.
fn read(file: &RenderedFile) -> Unit {
    let (_, extension) = file.path.rsplit_once('.').expect("an extension");
    let (own, keys, others): (_, _, &[&str]) = match extension {
        "container" => ("Container", CONTAINER, &["Service", "Install"]),
        "network" => ("Network", NETWORK, &[]),
        "volume" => ("Volume", VOLUME, &[]),
        _ => panic!("{}", file.path),
    };
    let mut unit = Unit::new();
    let mut section = None;
    for line in file
        .text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            assert!(
                name == "Unit" || name == own || others.contains(&name),
                "{}: {line}",
                file.path
            );
            assert!(
                unit.insert(name.to_owned(), BTreeMap::new()).is_none(),
                "{}: {line}",
                file.path
            );
            section = Some(name);
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{}: {line}", file.path));
        assert!(
            !value.is_empty() && value.trim() == value && !value.ends_with('\\'),
            "{line}"
        );
        let allowed = match section.expect("a section") {
            "Unit" => "Description",
            "Service" => "ExecStartPre Restart RestartSec TimeoutStopSec",
            "Install" => "WantedBy",
            _ => keys,
        };
        assert!(
            allowed.split_whitespace().any(|known| known == key),
            "{}: {line}",
            file.path
        );
        let values = unit.get_mut(section.expect("a section")).expect("a section");
        let values = values.entry(key.to_owned()).or_default();
        values.push(value.to_owned());
        assert!(
            values.len() == 1 || LISTS.contains(&key),
            "{}: {key} stands twice",
            file.path
        );
    }
    assert!(unit.contains_key(own), "{}", file.path);
    unit
}

/// The units of a machine by their file names.
fn units(stack: &Stack, machine: MachineId) -> BTreeMap<String, Unit> {
    let folder = format!("docker/quadlet/{}/", stack.machine(machine).name);
    files(stack, machine)
        .iter()
        .map(|file| {
            let name = file.path.strip_prefix(&folder).expect("the machine's folder");
            (name.to_owned(), read(file))
        })
        .collect()
}

fn machines(stack: &Stack) -> impl Iterator<Item = MachineId> {
    (0..stack.machines.len()).map(MachineId)
}

/// The value of a key that stands once.
fn one<'u>(unit: &'u Unit, section: &str, key: &str) -> &'u str {
    &unit[section][key][0]
}

fn texts(value: &Value) -> BTreeSet<String> {
    let items = value.as_sequence().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn every_unit_that_is_named_is_there() {
    let stack = Fixture::real().model();
    for machine in machines(&stack) {
        let units = units(&stack, machine);
        let count = |extension: &str| units.keys().filter(|name| name.ends_with(extension)).count();
        assert_eq!(count(".container"), stack.groups_of(machine).count());
        assert_eq!((count(".network"), count(".volume")), (1, 4));
        let mut used = BTreeSet::new();
        for (name, unit) in units.iter().filter(|(name, _)| name.ends_with(".container")) {
            used.insert(one(unit, "Container", "Network").to_owned());
            for volume in &unit["Container"]["Volume"] {
                let (volume, path) = volume.split_once(':').expect("a path");
                assert!(path.starts_with("/app/"), "{name}");
                used.insert(volume.to_owned());
            }
            // Whoever publishes on the machine's address waits for it.
            let address = stack.machine(machine).lan_address.to_string();
            let ports = &unit["Container"]["PublishPort"];
            let publishes = ports.iter().any(|port| port.starts_with(&format!("{address}:")));
            let waits = unit["Service"].get("ExecStartPre");
            assert_eq!(
                waits.is_some_and(|script| script[0].contains(&address)),
                publishes,
                "{name}"
            );
        }
        let others: BTreeSet<String> = units
            .keys()
            .filter(|name| !name.ends_with(".container"))
            .cloned()
            .collect();
        assert_eq!(used, others, "each network and volume is there and used");
    }
}

#[test]
fn networks_and_volumes_are_those_of_up() {
    let stack = Fixture::real().model();
    for machine in machines(&stack) {
        let units = units(&stack, machine);
        let own = stack.machine(machine);
        let network = &units[&format!("{}.network", own.network)];
        assert_eq!(one(network, "Network", "NetworkName"), own.network);
        assert_eq!(one(network, "Network", "Subnet"), own.subnet.to_string());
        for volume in &stack.volumes {
            let name = stack.volume(machine, volume);
            assert_eq!(one(&units[&format!("{name}.volume")], "Volume", "VolumeName"), name);
        }
    }
}

#[test]
fn everything_says_whose_it_is() {
    let stack = Fixture::real().model();
    for machine in machines(&stack) {
        let name = &stack.machine(machine).name;
        let of = |name: &str| {
            [
                "ai-system.stack=ai_system".to_owned(),
                format!("ai-system.machine={name}"),
            ]
        };
        for (file, unit) in units(&stack, machine) {
            let own = ["Container", "Network", "Volume"];
            let own = own
                .into_iter()
                .find(|own| unit.contains_key(*own))
                .expect("what it makes");
            let labels = &unit[own]["Label"];
            assert_eq!(labels[..2], of(name), "{file}");
            let group = file
                .strip_prefix("ai_system-")
                .and_then(|file| file.strip_suffix(".container"));
            let group = group.map(|group| format!("ai-system.group={group}"));
            assert_eq!(labels.get(2), group.as_ref(), "{file}");
        }
        let installed = super::units(&stack, machine, Some("/home/ann/my 5% \"stack\""));
        for (file, text) in installed {
            assert!(
                text.contains("\nLabel=\"ai-system.checkout=/home/ann/my 5%% \\\"stack\\\"\"\n"),
                "{file}: {text}"
            );
            let labels = crate::boot::units::labels(&text);
            assert_eq!(labels["ai-system.checkout"], "/home/ann/my 5% \"stack\"");
        }
    }
}

#[test]
fn containers_are_those_of_the_compose_files() {
    let mut stack = Fixture::real().model();
    compare_with_compose(&stack);
    stack.images.per_group = true;
    for (position, group) in (20_000..).zip(&mut stack.groups) {
        group.uid = position;
    }
    compare_with_compose(&stack);
}

fn compare_with_compose(stack: &Stack) {
    let mut seen = 0;
    for machine in machines(stack) {
        let units = units(stack, machine);
        // Addresses are variables there, with what stands here as their defaults.
        let text = compose::file(stack, machine).text;
        let text = text.replace("${MAINPC_IP:-192.168.1.101}", "192.168.1.101");
        let text = text.replace("${PC2_IP:-192.168.1.102}", "192.168.1.102");
        let compose: Value = serde_yaml::from_str(&text).expect("YAML");
        for (name, service) in compose["services"].as_mapping().expect("services") {
            let name = name.as_str().expect("a name");
            let unit = &units[&format!("ai_system-{name}.container")];
            let value = |key: &str| Value::from(one(unit, "Container", key));
            let user = unit["Container"]
                .get("User")
                .map(|user| format!("{}:{}", user[0], one(unit, "Container", "Group")));
            assert_eq!(user.as_deref(), service.get("user").and_then(Value::as_str));
            let values = |key: &str| -> BTreeSet<String> { unit["Container"][key].iter().cloned().collect() };
            assert_eq!(value("Image"), service["image"]);
            assert_eq!(value("ContainerName"), service["container_name"]);
            assert_eq!(value("HostName"), service["hostname"]);
            let words = one(unit, "Container", "Exec")
                .split(' ')
                .map(Value::from)
                .collect::<Vec<_>>();
            assert_eq!(Value::from(words), service["command"]);
            let environment: BTreeSet<String> = service["environment"]
                .as_mapping()
                .expect("variables")
                .iter()
                .map(|(name, value)| {
                    format!(
                        "{}={}",
                        name.as_str().unwrap_or_default(),
                        value.as_str().unwrap_or_default()
                    )
                })
                .collect();
            assert_eq!(values("Environment"), environment);
            assert_eq!(values("PublishPort"), texts(&service["ports"]));
            let network = &service["networks"][stack.machine(machine).network.as_str()];
            assert_eq!(value("IP"), network["ipv4_address"]);
            let volumes: BTreeSet<String> = values("Volume")
                .iter()
                .map(|volume| {
                    volume
                        .replace(&format!("{}_", stack.machine(machine).network), "")
                        .replace(".volume", "")
                })
                .collect();
            assert_eq!(volumes, texts(&service["volumes"]));
            assert_eq!(value("ReadOnly"), Value::from("true"));
            assert_eq!(value("DropCapability"), Value::from("all"));
            assert_eq!(value("NoNewPrivileges"), Value::from("true"));
            assert!(values("Tmpfs").contains("/tmp:rw,nosuid,nodev,size=256m,mode=1777"));
            assert_eq!(
                one(unit, "Container", "PidsLimit").parse().ok(),
                service["pids_limit"].as_u64()
            );
            let memory = service["mem_limit"].as_str().expect("a limit");
            assert_eq!(value("PodmanArgs"), Value::from(format!("--memory={memory}")));
            let health = &service["healthcheck"];
            assert_eq!(
                format!("CMD {}", one(unit, "Container", "HealthCmd")),
                texts_in_order(&health["test"]).join(" ")
            );
            for (key, other) in [
                ("Interval", "interval"),
                ("Timeout", "timeout"),
                ("StartPeriod", "start_period"),
            ] {
                assert_eq!(value(&format!("Health{key}")), health[other]);
            }
            assert_eq!(
                one(unit, "Container", "HealthRetries").parse().ok(),
                health["retries"].as_u64()
            );
            let grace = format!("{}s", one(unit, "Container", "StopTimeout"));
            assert_eq!(Value::from(grace), service["stop_grace_period"]);
            let seconds = |section: &str, key: &str| one(unit, section, key).parse::<u64>().expect("seconds");
            assert!(seconds("Service", "TimeoutStopSec") > seconds("Container", "StopTimeout"));
            assert_eq!(one(unit, "Service", "Restart"), "always");
            // systemd gives up what is started more than five times in ten seconds.
            assert!(seconds("Service", "RestartSec") * 5 > 10);
            seen += 1;
        }
    }
    assert_eq!(seen, 16);
}

fn texts_in_order(value: &Value) -> Vec<&str> {
    value
        .as_sequence()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[test]
fn an_environment_is_not_replaced_by_systemd() {
    let stack = Fixture::small()
        .stack(
            "    phase: 2\n",
            "    phase: 2\n    environment: {PRICE: $5 a day, SHARE: 5%}\n",
        )
        .model();
    let units = units(&stack, MachineId(0));
    let environment = &units["sys-core.container"]["Container"]["Environment"];
    assert!(
        environment.contains(&"\"AGENT_ENV_PRICE=$$5 a day\"".to_owned()),
        "{environment:?}"
    );
    assert!(
        environment.contains(&"AGENT_ENV_SHARE=5%%".to_owned()),
        "{environment:?}"
    );
}
