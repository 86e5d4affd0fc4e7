//! Two hosts on one, with the real Podman: made, booted with a cut link, healed, killed in the middle, and nothing left behind.

use std::path::Path;

use crate::harness::{Harness, json, wait_for};

/// Everything in one order. Needs root, as the lab does.
pub fn two_hosts_on_one(harness: &Harness) {
    a_killed_lab_up_is_cleaned_up(harness);
    the_lab_is_made_once_and_leads_nowhere(harness);
    a_boot_with_a_cut_link_waits_and_ends_when_it_is_healed(harness);
    down_leaves_nothing_of_what_runs(harness);
}

fn a_killed_lab_up_is_cleaned_up(harness: &Harness) {
    harness.run(&["lab", "down"]).succeeds();
    for sign in [
        "/run/ai_system-lab",
        "/run/netns/ai_system-pc2",
        "/run/ai_system-lab/pc2.mounts",
    ] {
        let mut running = harness.start(&["lab", "up"]);
        wait_for(sign, || Path::new(sign).exists());
        running.kill().unwrap();
        running.wait().unwrap();
        harness.run(&["lab", "down"]).succeeds();
        assert_eq!(left(harness), Vec::<String>::new(), "killed when {sign} was there");
    }
}

fn the_lab_is_made_once_and_leads_nowhere(harness: &Harness) {
    let first = harness.run(&["lab", "up"]).succeeds();
    assert!(first.stderr.contains("made pc2 at 192.168.1.102"), "{}", first.stderr);
    let second = harness.run(&["lab", "up"]).succeeds();
    assert!(
        second.stderr.contains("there pc2 at 192.168.1.102"),
        "{}",
        second.stderr
    );
    for machine in ["mainpc", "pc2"] {
        let on = |words: &[&str]| {
            let mut all = vec!["lab", "exec", machine, "--"];
            all.extend(words);
            harness.run(&all).succeeds().stdout
        };
        let routes = on(&["ip", "-4", "route"]);
        assert_eq!(routes.lines().count(), 1, "one route, to the other machine: {routes}");
        assert!(routes.contains("dev lan"), "{routes}");
        assert!(
            on(&["podman", "images"]).contains("localhost/ai_system/vision"),
            "images are shared"
        );
        assert_eq!(on(&["podman", "ps", "--all", "--quiet"]), "", "containers are not");
    }
    let unknown = harness.run(&["lab", "exec", "pc3", "--", "true"]);
    assert_eq!(unknown.code, 2, "{unknown:#?}");
}

/// An agent of PC2 that depends on one of MainPC is held back by a cut link alone, and let go when it is healed.
fn a_boot_with_a_cut_link_waits_and_ends_when_it_is_healed(harness: &Harness) {
    let config = config_with_a_dependency_on_the_other_machine(harness);
    // In the lab's own storage, where it hides the host's image of that name.
    let built = harness.run(&[
        "lab",
        "exec",
        "pc2",
        "--",
        "podman",
        "build",
        "--tag=localhost/ai_system/pc2-utility:latest",
        config.path().to_str().unwrap(),
    ]);
    built.succeeds();
    harness.run(&["lab", "cut"]).succeeds();
    let again = harness.run(&["lab", "cut"]).succeeds();
    assert!(again.stderr.contains("cut already"), "{}", again.stderr);
    harness.run(&["up", "--lab", "--wait", "nothing"]).succeeds();
    let status = || json(&harness.run(&["status", "--lab", "--format", "json"]).stdout);
    let healthy = |status: &serde_json::Value| {
        let agents = status["agents"].as_array().unwrap().iter();
        agents.filter(|agent| agent["state"] == "healthy").count()
    };
    wait_for("all but one to be healthy", || healthy(&status()) == 88);
    let held = harness.run(&["status", "--lab", "--format", "json", "RemoteConnectorAgent"]);
    let held = json(&held.stdout);
    assert_eq!(held["agents"][0]["state"], "waiting", "{held:#}");
    let reason = held["agents"][0]["reason"].as_str().unwrap();
    let expected = "CoordinatorAgent (mainpc core-services: 192.168.1.101:28002";
    assert!(reason.contains(expected), "{reason}");
    let peers = status()["peers"].clone();
    let mut peers = peers.as_array().unwrap().iter();
    assert!(
        peers.len() >= 3 && peers.all(|peer| peer["reachable"] == false),
        "{peers:#?}"
    );

    harness.run(&["lab", "heal"]).succeeds();
    harness.run(&["up", "--lab"]).succeeds();
    let after = status();
    assert_eq!(healthy(&after), 89);
    let mut agents = after["agents"].as_array().unwrap().iter();
    assert!(agents.all(|agent| agent["restarts"] == 0), "{after:#}");
}

/// A folder to build pc2-utility from, as it is but for one dependency more.
fn config_with_a_dependency_on_the_other_machine(harness: &Harness) -> tempfile::TempDir {
    let text = std::fs::read_to_string(harness.path("config/pc2_utility.yaml")).unwrap();
    let (own, elsewhere) = ("  dependencies:\n  - AdvancedRouter\n", "dependencies_elsewhere:\n");
    assert_eq!(
        (text.matches(own).count(), text.matches(elsewhere).count()),
        (1, 1),
        "{text}"
    );
    let text = text.replace(own, &format!("{own}  - CoordinatorAgent\n")).replace(
        elsewhere,
        &format!(
            "{elsewhere}- name: CoordinatorAgent\n  machine: mainpc\n  group: core-services\n  host: ${{MAINPC_IP}}\n  \
             health_check_port: 28002\n"
        ),
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pc2_utility.yaml"), text).unwrap();
    let containerfile =
        "FROM localhost/ai_system/pc2-utility:latest\nCOPY pc2_utility.yaml /etc/ai_system/pc2_utility.yaml\n";
    std::fs::write(folder.path().join("Containerfile"), containerfile).unwrap();
    folder
}

fn down_leaves_nothing_of_what_runs(harness: &Harness) {
    harness.run(&["lab", "down"]).succeeds();
    assert_eq!(left(harness), Vec::<String>::new());
    let again = harness.run(&["lab", "down"]).succeeds();
    assert!(again.stderr.contains("nothing to remove"), "{}", again.stderr);
    let without = harness.run(&["up", "--lab"]);
    assert_eq!(without.code, 2, "{without:#?}");
    assert!(
        without.stderr.contains("run `cargo xtask lab up`"),
        "{}",
        without.stderr
    );
}

/// What there is of the lab: namespaces, links, mounts, storage; and whatever of ours runs.
fn left(harness: &Harness) -> Vec<String> {
    let mut found = harness.leftovers();
    for path in [
        "/run/netns/ai_system-mainpc",
        "/run/netns/ai_system-pc2",
        "/run/ai_system-lab",
    ] {
        if Path::new(path).exists() {
            found.push(path.to_owned());
        }
    }
    let storage = harness.path("target/xtask-work/lab");
    if storage.exists() {
        found.push(storage.display().to_string());
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    found.extend(
        mounts
            .lines()
            .filter(|line| line.contains("ai_system-"))
            .map(str::to_owned),
    );
    if Path::new("/sys/class/net/lan").exists() {
        found.push("link lan".to_owned());
    }
    found
}
