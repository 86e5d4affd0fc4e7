//! Containers, their first process and their images are taken away under a running stack.

use serde_json::json;

use super::sandbox::Sandbox;
use super::saw;
use crate::harness::wait_for;

const STORE: u16 = 15575;

/// Kills a process of this host.
fn kill(pid: &str) {
    let pid = nix::unistd::Pid::from_raw(pid.trim().parse().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

fn store(sandbox: &Sandbox, key: &str) {
    let reply = sandbox.ask(STORE, &json!({"action": "store", "key": key, "value": key}));
    assert_eq!(reply["status"], "ok", "{reply}");
}

fn is_kept(sandbox: &Sandbox, key: &str) {
    let reply = sandbox.ask(STORE, &json!({"action": "get", "key": key}));
    assert_eq!(reply["value"], key, "{reply}");
}

#[test]
fn a_container_is_killed() {
    let sandbox = Sandbox::new();
    sandbox.run(&["up"]).succeeds();
    store(&sandbox, "before the kill");
    sandbox.podman(&["kill", "--signal", "KILL", "faults-store"]);
    sandbox.run(&["up"]).succeeds();
    is_kept(&sandbox, "before the kill");
    assert_eq!(sandbox.agent("LearningAdjusterAgent"), ("healthy".to_owned(), 0));
    saw(
        "container killed",
        "`up` starts it again; an acknowledged record is still there; dependents run on",
        "healthy; record read back; dependent healthy with 0 restarts",
    );
}

#[test]
fn a_supervisor_is_killed() {
    let sandbox = Sandbox::new();
    sandbox.run(&["up"]).succeeds();
    store(&sandbox, "before the end of the supervisor");
    let pid = || {
        sandbox
            .podman(&["inspect", "--format", "{{.State.Pid}}", "faults-store"])
            .join("")
    };
    let before = pid();
    kill(&before);
    // Podman's own restart policy, nobody's command.
    wait_for("the container to be started again", || {
        pid() != before && sandbox.agent("MemoryOrchestrator").0 == "healthy"
    });
    is_kept(&sandbox, "before the end of the supervisor");
    saw(
        "supervisor killed",
        "its container is started again without anybody's doing; nothing acknowledged is lost",
        "healthy again; record read back",
    );
}

#[test]
fn an_image_is_removed_under_a_running_stack() {
    let sandbox = Sandbox::new();
    sandbox.run(&["up"]).succeeds();
    sandbox.podman(&["untag", "localhost/ai_system/faults-work"]);
    sandbox.run(&["status", "--quiet"]).succeeds();
    let up = sandbox.run(&["up"]);
    assert_eq!(up.code, 3, "{up:#?}");
    assert!(
        up.stderr
            .contains("missing images: localhost/ai_system/faults-work:latest"),
        "{}",
        up.stderr
    );
    assert!(up.stderr.contains("cargo xtask build-images"), "{}", up.stderr);
    sandbox.run(&["build-images"]).succeeds();
    sandbox.run(&["up"]).succeeds();
    saw(
        "image removed under a running stack",
        "what runs goes on; `up` names the image and the mend; the mend works",
        "healthy all the while; \"missing images: …\"; healthy after `build-images` and `up`",
    );
}
