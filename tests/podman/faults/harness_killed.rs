//! The harness is killed in the middle of its work, and two of them run at once.

use std::io::Read as _;

use super::sandbox::Sandbox;
use super::saw;
use crate::harness::{is_built_on_ours, wait_for};

/// Starts a command, kills it as soon as something holds, and returns whether it was still running then.
#[track_caller]
fn kill_when(sandbox: &Sandbox, arguments: &[&str], what: &str, mut condition: impl FnMut() -> bool) {
    let mut running = sandbox.start(arguments);
    wait_for(what, || {
        assert_eq!(running.try_wait().unwrap(), None, "it ended before it was killed");
        condition()
    });
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn in_the_middle_of_a_build() {
    let sandbox = Sandbox::new();
    let working = || {
        let all = sandbox.podman(&["ps", "--all", "--external", "--format", "{{.Names}} {{.Image}}"]);
        all.iter()
            .any(|line| line.contains("working-container") && is_built_on_ours(line))
    };
    std::fs::write(sandbox.path("tree/main_pc_code/new.py"), "NEW = True\n").unwrap();
    sandbox.holds_the_whole_package();
    kill_when(&sandbox, &["build-images", "--builder", "podman"], "a build", working);
    sandbox.run(&["build-images"]).succeeds();
    assert!(!working(), "a container of the killed build is left");
    sandbox.run(&["up"]).succeeds();
    saw(
        "harness killed while it builds",
        "the next build carries on; nothing of the killed one is left",
        "built, booted, no working container",
    );
}

#[test]
fn in_the_middle_of_a_boot() {
    let sandbox = Sandbox::new();
    kill_when(&sandbox, &["up"], "a pod", || !sandbox.pods().is_empty());
    sandbox.run(&["up"]).succeeds();
    sandbox.run(&["status", "--quiet"]).succeeds();
    sandbox.is_clean_after_down();
    saw(
        "harness killed while it boots",
        "the next `up` carries on; `down` leaves nothing",
        "all healthy after the second `up`; nothing left",
    );
}

#[test]
fn in_the_middle_of_smoke() {
    let sandbox = Sandbox::new();
    sandbox.run(&["up"]).succeeds();
    let probe = || sandbox.containers().iter().any(|name| name.starts_with("smoke-"));
    kill_when(&sandbox, &["smoke"], "a container of a check", probe);
    sandbox.run(&["smoke"]).succeeds();
    sandbox.is_clean_after_down();
    saw(
        "harness killed while it proves a phase",
        "the next `smoke` passes; `down` removes the container of the killed check",
        "all checks passed; nothing left",
    );
}

#[test]
fn with_the_podman_of_a_check() {
    let sandbox = Sandbox::new();
    let check = "phase: 3\nchecks:\n  - name: an image runs\n    image: {image: faults-work, run: [sleep, \"1\"]}\n";
    std::fs::write(sandbox.path("tests/smoke/phase3.yaml"), check).unwrap();
    let root = sandbox.podman(&["info", "--format", "{{.Store.GraphRoot}}"]).join("");
    let probes = || {
        let mut all = sandbox.podman(&["ps", "--all", "--external", "--format", "{{.Names}}"]);
        all.retain(|name| name.starts_with("smoke-"));
        all
    };
    for next in ["smoke", "down"] {
        sandbox.run(&["up", "--wait", "nothing"]).succeeds();
        let killed = sandbox.path(&format!("killed-before-{next}"));
        // Storage has the container, and Podman is about to take it into its own books.
        sandbox.podman_does(&format!(
            "case \"$*\" in *'--name smoke-'*) \
             (until grep -q '\"smoke-' '{root}'/*-containers/containers.json; do :; done; \
             kill -9 $PPID $$; : > '{}') < /dev/null > /dev/null 2>&1 & ;; esac",
            killed.display()
        ));
        sandbox.start(&["smoke"]).wait().unwrap();
        wait_for("Podman to be killed", || killed.exists());
        sandbox.podman_does("");
        assert_eq!(probes().len(), 1, "a container is left");
        sandbox.run(&[next]).succeeds();
        assert_eq!(probes(), Vec::<String>::new(), "after `{next}`");
    }
    saw(
        "harness and Podman killed over a container of a check",
        "the next `smoke` or `down` removes it, also where Podman knows nothing of it",
        "nothing left after either",
    );
}

#[test]
fn in_the_middle_of_down() {
    let sandbox = Sandbox::new();
    sandbox.run(&["up"]).succeeds();
    kill_when(&sandbox, &["down"], "a pod to be gone", || sandbox.pods().len() < 2);
    sandbox.is_clean_after_down();
    saw(
        "harness killed while it takes the stack down",
        "the next `down` carries on",
        "nothing left",
    );
}

#[test]
fn two_at_once() {
    let sandbox = Sandbox::new();
    sandbox.run(&["up"]).succeeds();
    // The first is held in the middle of its work until the second has said that it waits.
    let gate = sandbox.path("gate");
    sandbox.podman_does(&format!(
        "case \"$*\" in *'pod rm'*) while [ ! -e '{}' ]; do sleep 0.05; done;; esac",
        gate.display()
    ));
    let mut first = sandbox.start(&["down"]);
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").unwrap_or_else(|| "/run".into());
    let lock = std::path::Path::new(&runtime).join("ai-system-xtask/faults.lock");
    let holds = || {
        let lock = std::fs::read_to_string(&lock).unwrap_or_default();
        lock.contains(&format!("`cargo xtask down`, process {}", first.id()))
    };
    wait_for("the first to hold the lock", holds);
    let mut second = sandbox.start(&["down"]);
    let mut said = vec![0; 200];
    let read = second.stderr.as_mut().unwrap().read(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said[..read]).into_owned();
    let expected = format!("waiting for `cargo xtask down`, process {}", first.id());
    std::fs::write(&gate, "").unwrap();
    assert!(first.wait().unwrap().success());
    assert!(second.wait().unwrap().success());
    assert!(said.contains(&expected), "{said}");
    saw(
        "two harnesses at once",
        "the second waits and says for whom",
        "\"waiting for `cargo xtask down`, process …\"; both ended well",
    );
}
