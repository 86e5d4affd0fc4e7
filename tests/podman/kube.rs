//! The manifests of `docker/kube/`, played by Podman: a machine whose groups wait for each other in a ring, and a group of the other one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use xtask::host::images::supervisor_binary;
use xtask::host::system::repository::Repository;
use xtask::stack::output::Output;

use crate::hard_values::corpus;
use crate::harness::{Harness, copy, json, wait_for};

/// The network of what is played here.
const NETWORK: &str = "ai_system_test_kube";
/// Label of all pods of the stack.
const OURS: &str = "label=app.kubernetes.io/part-of=ai-system";
/// Machine and name of each group that is played.
const GROUPS: [(&str, &str); 6] = [
    ("pc2", "pc2-core"),
    ("pc2", "pc2-integration"),
    ("pc2", "pc2-learning"),
    ("pc2", "pc2-memory"),
    ("pc2", "pc2-utility"),
    ("mainpc", "core-services"),
];

#[test]
fn a_machine_runs_from_its_manifests() {
    let harness = &Harness::new();
    harness.run(&["down"]).succeeds();
    harness.run(&["build-images"]).succeeds();
    harness.run(&["render", "--check"]).succeeds();
    let undo = Undo(harness);
    // Names that are not there yet are asked for again and again: of nobody outside.
    harness.podman(&["network", "create", "--internal", "--subnet=10.97.0.0/24", NETWORK]);
    for (machine, group) in GROUPS {
        let network = format!("--network={NETWORK}:alias={group}");
        harness.podman(&["kube", "play", &network, &manifest(harness, machine, group)]);
        keep_the_address_of_the_bridge(harness);
    }
    every_group_becomes_ready(harness);
    agents_of_other_groups_and_machines_are_found_by_name(harness);
    containers_may_do_no_more_than_those_of_up(harness);
    kube_down_leaves_the_volumes_alone(harness);
    drop(undo);
    assert_eq!(volumes(harness), Vec::<String>::new());
    assert_eq!(harness.leftovers(), Vec::<String>::new());
}

/// A bridge has the lowest hardware address of its ports, until it gets one of its own: each new pod may change it, and who knows the
/// old one, which may be for a minute, asks the network's name server in vain.
fn keep_the_address_of_the_bridge(harness: &Harness) {
    let bridge = harness.podman(&["network", "inspect", "--format", "{{.NetworkInterface}}", NETWORK]);
    let link = ["link", "set", "dev", bridge.trim(), "address", "0a:58:0a:61:00:01"];
    let status = harness.start_program("ip", &link).unwrap().wait().unwrap();
    assert!(status.success(), "ip {link:?}: {status}");
}

fn manifest(harness: &Harness, machine: &str, group: &str) -> String {
    let path = harness.path(&format!("docker/kube/{machine}/{group}.yaml"));
    path.to_str().unwrap().to_owned()
}

/// Name of a group's container, which Podman makes up.
fn container(harness: &Harness, group: &str) -> String {
    let filter = format!("label=app.kubernetes.io/name={group}");
    let names = harness.podman(&["ps", "--filter", OURS, "--filter", &filter, "--format", "{{.Names}}"]);
    let name = names.lines().find(|name| name.ends_with("-agents"));
    name.unwrap_or_else(|| panic!("no container of {group}: {names}"))
        .to_owned()
}

/// What a group's supervisor says.
fn status(harness: &Harness, group: &str) -> Value {
    json(&harness.podman(&[
        "exec",
        &container(harness, group),
        "agent-supervisor",
        "status",
        "--json",
    ]))
}

fn every_group_becomes_ready(harness: &Harness) {
    for (_, group) in GROUPS {
        let container = container(harness, group);
        // As the readiness probe asks.
        let check = ["exec", &container, "agent-supervisor", "check"];
        wait_for(&format!("{group} to be ready"), || harness.try_podman(&check).code == 0);
        for agent in status(harness, group)["agents"].as_array().unwrap() {
            assert_eq!(agent["state"], "healthy", "{agent:#}");
            assert_eq!(agent["restarts"], 0, "{agent:#}");
        }
    }
}

fn agents_of_other_groups_and_machines_are_found_by_name(harness: &Harness) {
    let peer = || status(harness, "pc2-utility")["peers"][0].clone();
    assert_eq!(peer()["agent"], "CoordinatorAgent");
    assert_eq!(peer()["address"], "core-services:26002");
    wait_for("CoordinatorAgent to be reached", || peer()["reachable"] == true);
}

fn containers_may_do_no_more_than_those_of_up(harness: &Harness) {
    let core = container(harness, "pc2-core");
    let process = harness.podman(&["exec", &core, "cat", "/proc/1/status"]);
    for line in [
        "Uid:\t10001\t10001\t10001\t10001",
        "CapPrm:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
    ] {
        assert!(process.contains(line), "`{line}` is not in\n{process}");
    }
    let write = |path: &str| harness.try_podman(&["exec", &core, "touch", path]).code == 0;
    assert!(!write("/app/written") && !write("/etc/ai_system/written"));
    assert!(write("/tmp/written") && write("/var/tmp/written") && write("/app/data/written"));
    let inspected = json(&harness.podman(&["inspect", &core]));
    assert_eq!(inspected[0]["HostConfig"]["Memory"], 6208_u64 << 20);
    // What is published at all is what the other machine uses, and nobody outside this host gets at it.
    let published = harness.podman(&["port", &core]);
    let published: BTreeSet<&str> = published.lines().collect();
    let expected = ["7116/tcp -> 127.0.0.1:7116", "8116/tcp -> 127.0.0.1:8116"];
    assert_eq!(published, expected.into());
    assert_eq!(harness.podman(&["port", &container(harness, "pc2-memory")]), "");
}

fn kube_down_leaves_the_volumes_alone(harness: &Harness) {
    std::thread::scope(|scope| {
        for (machine, group) in GROUPS {
            scope.spawn(move || harness.podman(&["kube", "down", &manifest(harness, machine, group)]));
        }
    });
    assert_eq!(pods(harness), Vec::<String>::new());
    let mut expected: Vec<String> = GROUPS.iter().map(|(_, group)| format!("{group}-config")).collect();
    for machine in ["mainpc", "pc2"] {
        expected.extend(["config", "data", "logs", "models"].map(|volume| format!("ai-system-{machine}-{volume}")));
    }
    expected.sort();
    assert_eq!(
        volumes(harness),
        expected,
        "claims and configs outlive it, what was in memory does not"
    );
}

fn pods(harness: &Harness) -> Vec<String> {
    let names = harness.podman(&["pod", "ps", "--filter", OURS, "--format", "{{.Name}}"]);
    names.lines().map(str::to_owned).collect()
}

/// Volumes that Podman made for claims, configs and folders in memory.
fn volumes(harness: &Harness) -> Vec<String> {
    let names = harness.podman(&["volume", "ls", "--format", "{{.Name}}"]);
    let of_a_group = |name: &str| {
        let mut rests = GROUPS.iter().filter_map(|(_, group)| name.strip_prefix(group));
        rests.any(|rest| ["-config", "-tmp", "-run", "-var-tmp"].contains(&rest))
    };
    let ours = |name: &&str| name.starts_with("ai-system-") || of_a_group(name);
    let mut names: Vec<String> = names.lines().filter(ours).map(str::to_owned).collect();
    names.sort();
    names
}

/// Nothing of it stays, whatever happened.
struct Undo<'a>(&'a Harness);

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        for pod in pods(self.0) {
            self.0.podman(&["pod", "rm", "--force", "--time=0", &pod]);
        }
        self.0.podman(&["network", "rm", "--force", NETWORK]);
        for volume in volumes(self.0) {
            self.0.podman(&["volume", "rm", "--force", &volume]);
        }
    }
}

/// The same for what is played of hard values.
const VALUES_NETWORK: &str = "ai_system_test_values";
const VALUES_IMAGE: &str = "localhost/hard_values/hard-values:latest";
const VALUES: &str = "label=app.kubernetes.io/part-of=hardvalues";

type Values = BTreeMap<String, String>;

/// A stack of one machine and one group, which has these values in its environment; what `render` says of it.
fn write_values_repository(harness: &Harness, folder: &Path, values: &Values) -> String {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let variables: Vec<String> = values
        .iter()
        .map(|(name, value)| format!("      {}: {}\n", escaped(name), escaped(value)))
        .collect();
    let stack = format!(
        "version: 1\nname: hardvalues\nsource_tree: tree\npython: {{version: \"3.11\"}}\nimages:\n  namespace: localhost/hard_values\n  \
         tag: latest\n  base_image: docker.io/library/python:3.11-slim\n  user: {{name: agent, uid: 10001}}\n  requirements: \
         requirements.txt\nvolumes: {{logs: /app/logs}}\nstatus_port: 9000\nmachines:\n  home:\n    startup_config: config/home.yaml\n    \
         code: [src]\n    lan_address: 192.168.77.1\n    address_variable: HOME_IP\n    network: {{name: hard_values_home}}\ngroups:\n  \
         hard-values:\n    machine: home\n    phase: 2\n    published_status_port: 29881\n    agents: [Hub]\n    environment:\n{}",
        variables.concat()
    );
    write("config/stack.yaml", &stack);
    write(
        "tree/config/home.yaml",
        "agents:\n  - {name: Hub, script_path: src/agent.py, port: 28001, health_check_port: 29001}\n",
    );
    write("tree/src/agent.py", "print('hello')\n");
    write("tree/requirements.txt", "");
    copy(&harness.path("docker/templates"), &folder.join("docker/templates"));
    harness.run_at(folder, &["render"]).succeeds().stderr
}

/// A text in double quotes, as YAML has it, of nothing but ASCII.
fn escaped(text: &str) -> String {
    let mut escaped = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            ' '..='~' => escaped.push(c),
            c => escaped.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    escaped.push('"');
    escaped
}

/// An image of a supervisor and nothing else.
fn make_values_image(harness: &Harness, folder: &Path) {
    supervisor_binary::make(&Repository::at(harness.root()), &Output::default()).unwrap();
    let root = folder.join("root");
    for (from, to) in [
        (harness.path(supervisor_binary::PATH), "usr/local/bin/agent-supervisor"),
        (folder.join("config/hard_values.yaml"), "etc/ai_system/hard_values.yaml"),
    ] {
        let to = root.join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
    std::fs::create_dir_all(root.join("app/logs")).unwrap();
    let archive = folder.join("root.tar");
    let (root, archive) = (root.to_str().unwrap(), archive.to_str().unwrap());
    let tar = ["--owner=10001", "--group=10001", "-C", root, "-cf", archive, "."];
    let status = harness.start_program("tar", &tar).unwrap().wait().unwrap();
    assert!(status.success(), "tar: {status}");
    harness.podman(&["import", "--quiet", archive, VALUES_IMAGE]);
}

/// Whether Podman 4.3 refuses a manifest with such a value, or changes it: it has several lines, and begins with what a block of lines would be
/// indented by.
fn is_not_for_podman(value: &str) -> bool {
    value.contains('\n') && value.starts_with([' ', '\t', '\n'])
}

#[test]
fn every_hard_value_arrives_in_a_container() {
    let harness = &Harness::new();
    let folder = tempfile::tempdir().unwrap();
    let _undo = UndoValues(harness);
    harness.podman(&[
        "network",
        "create",
        "--internal",
        "--subnet=10.97.1.0/24",
        VALUES_NETWORK,
    ]);
    let (odd, values): (Values, Values) = corpus().into_iter().partition(|(_, value)| is_not_for_podman(value));
    let wrong = played(harness, folder.path(), &values);
    assert!(wrong.is_empty(), "podman kube play:\n{}", wrong.join("\n"));
    // Those are named before anything is played.
    assert!(odd.len() > 2);
    let said = write_values_repository(harness, folder.path(), &odd);
    for name in odd.keys() {
        assert!(
            said.contains(&format!("the value of `{name}` has a line break")),
            "{said}"
        );
    }
    assert_eq!(said.matches("refuses or changes").count(), odd.len(), "{said}");
}

/// Plays the manifest of a group with these values, and says what did not arrive in its container.
fn played(harness: &Harness, folder: &Path, values: &Values) -> Vec<String> {
    write_values_repository(harness, folder, values);
    make_values_image(harness, folder);
    let manifest = folder.join("docker/kube/home/hard-values.yaml");
    let network = format!("--network={VALUES_NETWORK}");
    harness.podman(&["kube", "play", &network, manifest.to_str().unwrap()]);
    // What the kernel gave to the first process in there, byte for byte.
    let environment = wait_for_some("the container to run", || {
        let names = harness.podman(&["ps", "--filter", VALUES, "--format", "{{.Names}}"]);
        let name = names.lines().find(|name| name.ends_with("-agents"))?;
        let pid = harness.try_podman(&["inspect", "--format", "{{.State.Pid}}", name]);
        let environment = std::fs::read(format!("/proc/{}/environ", pid.stdout.trim())).ok()?;
        (!environment.is_empty()).then_some(environment)
    });
    let arrived: BTreeMap<&[u8], &[u8]> = environment
        .split(|byte| *byte == 0)
        .filter_map(|variable| {
            let at = variable.iter().position(|byte| *byte == b'=')?;
            Some((&variable[..at], &variable[at + 1..]))
        })
        .collect();
    let wrong = values.iter().filter_map(|(name, value)| {
        let prefixed = format!("{}{name}", contract::group_config::AGENT_ENVIRONMENT);
        let got = arrived
            .get(prefixed.as_bytes())
            .or_else(|| arrived.get(name.as_bytes()));
        let is_so = got.is_some_and(|got| *got == value.as_bytes());
        let got = got.map(|got| String::from_utf8_lossy(got));
        (!is_so).then(|| format!("{name}: {value:?} arrives as {got:?}"))
    });
    wrong.collect()
}

/// Waits until there is something.
fn wait_for_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    wait_for(what, || {
        found = look();
        found.is_some()
    });
    found.unwrap()
}

/// Nothing of the hard values stays, whatever happened.
struct UndoValues<'a>(&'a Harness);

impl Drop for UndoValues<'_> {
    fn drop(&mut self) {
        let pods = self.0.podman(&["pod", "ps", "--quiet", "--filter", VALUES]);
        for pod in pods.lines() {
            self.0.podman(&["pod", "rm", "--force", "--time=0", pod]);
        }
        self.0.podman(&["network", "rm", "--force", VALUES_NETWORK]);
        let volumes = self.0.podman(&["volume", "ls", "--format", "{{.Name}}"]);
        let ours = |name: &&str| name.starts_with("hardvalues-") || name.starts_with("hard-values-");
        for volume in volumes.lines().filter(ours) {
            self.0.podman(&["volume", "rm", "--force", volume]);
        }
        self.0.try_podman(&["rmi", "--force", VALUES_IMAGE]);
    }
}
