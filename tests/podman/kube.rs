//! The manifests of `docker/kube/`, played by Podman: a machine whose groups wait for each other in a ring, and a group of the other one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Harness, json, wait_for};

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
