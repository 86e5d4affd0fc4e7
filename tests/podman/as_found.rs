//! A tree as people have it, which no line was written for, from nothing to a running stack: with no edit of the tree and none of
//! the stack that `init` writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::harness::{Harness, copy, json};
use crate::truth::{AGENTS, BEHIND_THEM, CANNOT_START, DEGRADED};

/// Everything that it leaves on the host is taken away, however it ends.
struct Hearth<'a> {
    harness: &'a Harness,
    folder: tempfile::TempDir,
}

impl Hearth<'_> {
    fn root(&self) -> PathBuf {
        self.folder.path().join("hearth")
    }
}

impl Drop for Hearth<'_> {
    fn drop(&mut self) {
        let ran = self.harness.run_at(&self.root(), &["down", "--volumes", "--take-over"]);
        let images = self
            .harness
            .try_podman(&["images", "--quiet", "--filter", "reference=localhost/hearth/*"]);
        let mut remove = vec!["rmi", "--force"];
        remove.extend(images.stdout.lines());
        if remove.len() > 2 {
            self.harness.try_podman(&remove);
        }
        if !std::thread::panicking() {
            assert_eq!(ran.code, 0, "{ran:#?}");
        }
    }
}

#[test]
fn a_tree_comes_up_as_it_is() {
    let harness = &Harness::new();
    let hearth = Hearth {
        harness,
        folder: tempfile::tempdir().unwrap(),
    };
    let root = hearth.root();
    copy(&harness.path("tests/as_found"), &root);
    let before = contents(&root);
    let run = |arguments: &[&str]| harness.run_at(&root, arguments);

    run(&["init"]).succeeds();
    // Two agents have ports of their own, and two answer over HTTP: their code says so.
    let place = root.join("config/stack.yaml");
    let stack = std::fs::read_to_string(&place).unwrap();
    let seen = "health: {kind: zmq, port: 7799}";
    for (line, times) in [
        ("health: {kind: http, path: /health}", 2),
        ("health: {kind: zmq, port: 5596}", 1),
        ("ports: [\"8120:7799\"]", 1),
        (seen, 1),
    ] {
        assert_eq!(stack.matches(line).count(), times, "`{line}` in\n{stack}");
    }
    // What the stack does not say, a trial sees and writes: here that it answers on the port that is led to its own.
    let without: Vec<&str> = stack.lines().filter(|line| !line.contains(seen)).collect();
    std::fs::write(&place, without.join("\n")).unwrap();
    run(&["build-images"]).succeeds();
    let adopted = run(&["audit", "--confirm", "--adopt"]);
    assert!(
        adopted.stderr.contains("adopted 1 change in `config/stack.yaml`"),
        "{adopted:#?}"
    );
    let stack = std::fs::read_to_string(&place).unwrap();
    assert!(stack.contains("health: {kind: zmq, port: 8120}"), "{stack}");
    run(&["render"]).succeeds();
    run(&["build-images"]).succeeds();
    let again = run(&["audit", "--confirm", "EpisodeLog", "WebFetcher", "--adopt"]);
    assert!(again.stderr.contains("adopted nothing"), "{again:#?}");
    // What cannot start is no reason not to start the others.
    let up = run(&["up"]).succeeds();
    let (_, name, ..) = CANNOT_START[0];
    assert!(up.stderr.contains(name), "{}", up.stderr);

    let status = json(&run(&["status", "--format", "json"]).stdout);
    let states: BTreeMap<&str, &str> = status["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| (agent["name"].as_str().unwrap(), agent["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states.len(), AGENTS);
    for (agent, state) in &states {
        let cannot = CANNOT_START.iter().any(|(_, name, ..)| name == agent);
        let healthy = ["healthy", "degraded"].contains(state);
        assert_ne!(cannot, healthy, "{agent} is {state}\n{}", up.stderr);
    }
    for agent in DEGRADED {
        assert!(up.stderr.contains(agent), "{agent} is not named\n{}", up.stderr);
    }

    // What it depends on is healthy.
    assert_eq!(states[BEHIND_THEM], "healthy");
    for agent in DEGRADED {
        assert_eq!(states[agent], "degraded");
    }

    let smoke = run(&["smoke"]);
    assert_eq!(smoke.code, 1, "{smoke:#?}");
    assert!(
        smoke.stdout.contains(" 0 skipped") || !smoke.stdout.contains("skip"),
        "{}",
        smoke.stdout
    );
    let failed = smoke.stdout.split("failed:").nth(1).unwrap_or_default();
    assert_eq!(
        failed.matches("becomes healthy").count(),
        CANNOT_START.len(),
        "{failed}"
    );
    for (_, name, ..) in CANNOT_START {
        assert!(failed.contains(name), "{name} is not named\n{failed}");
    }

    let mut after = contents(&root);
    after.retain(|path, _| !path.starts_with("deploy/") && !path.starts_with("config/"));
    assert_eq!(after, before, "the tree was changed");
}

/// Regular files of a folder, and what they hold.
fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}
