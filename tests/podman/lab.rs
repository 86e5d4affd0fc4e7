//! Two hosts on one, with the real Podman: made, booted with a cut link, healed, killed in the middle, and nothing left behind.

use std::path::Path;
use std::time::Instant;

use crate::faults::saw;
use crate::harness::{Harness, json, wait_for};

/// Kinds of checks whose subjects are broken here.
pub const BROKEN_KINDS: [&str; 4] = ["call", "ports", "lan_link", "peers"];

/// Everything in one order. Needs root, as the lab does.
#[test]
fn two_hosts_on_one() {
    let harness = &Harness::new();
    harness.run(&["down"]).succeeds();
    harness.run(&["build-images"]).succeeds();
    a_killed_lab_up_is_cleaned_up(harness);
    the_lab_is_made_once_and_leads_nowhere(harness);
    a_boot_with_a_cut_link_waits_and_ends_when_it_is_healed(harness);
    each_check_of_the_link_fails_when_its_subject_is_broken(harness);
    down_leaves_nothing_of_what_runs(harness);
}

/// The harness is killed while it boots, and while it proves phase 4.
#[test]
fn down_leaves_nothing_of_a_killed_harness() {
    let harness = &Harness::new();
    harness.run(&["down"]).succeeds();
    harness.run(&["build-images"]).succeeds();
    a_killed_boot_is_cleaned_up(harness);
    a_killed_smoke_is_cleaned_up(harness);
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
    let healed = Instant::now();
    harness.run(&["up", "--lab"]).succeeds();
    let took = healed.elapsed().as_secs_f64();
    let after = status();
    assert_eq!(healthy(&after), 89);
    let mut agents = after["agents"].as_array().unwrap().iter();
    assert!(agents.all(|agent| agent["restarts"] == 0), "{after:#}");
    saw(
        "link cut while the stack boots",
        "what needs the other machine waits, all else gets healthy; healed, the rest does without a restart",
        &format!("88 healthy, 1 waiting with the reason; all 89 healthy {took:.1} s after the heal, 0 restarts"),
    );
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

/// A file of checks beside the real configuration, one of each kind that is about what is between machines.
fn a_check_of_each_kind(harness: &Harness) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tests = folder.path().join("tests");
    std::fs::create_dir_all(tests.join("smoke")).unwrap();
    for name in ["config", "docker", "tests/ai_system", "target"] {
        std::os::unix::fs::symlink(harness.path(name), folder.path().join(name)).unwrap();
    }
    let bodies = [
        "{from: core-services, agent: AuthenticationAgent, send: {action: describe}, expect: {status: ok}}",
        "{from: mainpc, to: pc2}",
        "{state: whole}",
        "{group: core-services, reachable: true}",
    ];
    let checks: String = BROKEN_KINDS
        .iter()
        .zip(bodies)
        .map(|(kind, body)| format!("  - name: {kind}\n    timeout_seconds: 15\n    {kind}: {body}\n"))
        .collect();
    std::fs::write(tests.join("smoke/phase4.yaml"), format!("phase: 4\nchecks:\n{checks}")).unwrap();
    folder
}

fn each_check_of_the_link_fails_when_its_subject_is_broken(harness: &Harness) {
    let folder = a_check_of_each_kind(harness);
    // That folder is another checkout: it takes the stack over first.
    harness
        .run_at(folder.path(), &["up", "--lab", "--take-over", "--wait", "nothing"])
        .succeeds();
    // Kinds whose check failed, with what was got.
    let failed = || {
        let ran = harness.run_at(folder.path(), &["smoke", "--lab", "--format", "json"]);
        let document = json(&ran.stdout);
        let checks = document["checks"].as_array().unwrap().clone();
        assert_eq!(checks.len(), BROKEN_KINDS.len(), "{document:#}");
        let failed: Vec<(String, String)> = checks
            .iter()
            .filter(|check| check["outcome"] == "failed")
            .map(|check| (check["name"].as_str().unwrap().to_owned(), check["got"].to_string()))
            .collect();
        failed
    };
    assert_eq!(failed(), []);

    let listener = "import os, socket, sys, time\n\
        s = socket.socket()\ns.bind((\"192.168.1.102\", 7777))\ns.listen()\nopen(sys.argv[1], \"w\").close()\n\
        while os.path.exists(sys.argv[1]): time.sleep(0.05)";
    let sign = folder.path().join("listens");
    let sign_text = sign.to_str().unwrap();
    let mut listening = harness.start(&["lab", "exec", "pc2", "--", "python3", "-c", listener, sign_text]);
    wait_for("the listener", || sign.exists());
    let with_a_port_more = failed();
    std::fs::remove_file(&sign).unwrap();
    listening.wait().unwrap();
    let got = r#"["port 7777 of no agent takes connections"]"#;
    assert_eq!(with_a_port_more, [("ports".to_owned(), got.to_owned())]);

    let link = |state: &str| {
        let ran = harness.run(&["lab", "exec", "pc2", "--", "ip", "link", "set", "lan", state]);
        ran.succeeds();
    };
    link("down");
    wait_for("core-services to say that it cannot reach PC2", || {
        let status = json(
            &harness
                .run(&["status", "--lab", "--format", "json", "core-services"])
                .stdout,
        );
        let mut peers = status["peers"].as_array().unwrap().iter();
        peers.len() > 0 && peers.all(|peer| peer["reachable"] == false)
    });
    let mut without_a_link: Vec<String> = failed().into_iter().map(|(kind, _)| kind).collect();
    link("up");
    without_a_link.sort();
    let mut all = BROKEN_KINDS;
    all.sort_unstable();
    assert_eq!(without_a_link, all);
}

fn a_killed_boot_is_cleaned_up(harness: &Harness) {
    harness.run(&["lab", "up"]).succeeds();
    let mut running = harness.start(&["up", "--lab"]);
    let pods = || {
        let ran = harness.run(&["lab", "exec", "pc2", "--", "podman", "pod", "ps", "--quiet"]);
        !ran.stdout.is_empty()
    };
    wait_for("a pod", pods);
    running.kill().unwrap();
    running.wait().unwrap();
    harness.run(&["lab", "down"]).succeeds();
    assert_eq!(left(harness), Vec::<String>::new());
}

/// The harness makes the lab and boots the stack in it; it is killed while the link is cut.
fn a_killed_smoke_is_cleaned_up(harness: &Harness) {
    let mut running = harness.start(&["smoke", "--phase", "4"]);
    wait_for("the link to be cut", || {
        assert_eq!(running.try_wait().unwrap(), None, "it ended before it was killed");
        let ran = harness.run(&["lab", "exec", "pc2", "--", "nft", "list", "tables"]);
        ran.code == 0 && !ran.stdout.is_empty() && ran.stdout.contains("cut")
    });
    running.kill().unwrap();
    running.wait().unwrap();
    harness.run(&["lab", "down"]).succeeds();
    assert_eq!(left(harness), Vec::<String>::new());
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
pub fn left(harness: &Harness) -> Vec<String> {
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
