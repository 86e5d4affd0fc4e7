//! What is said of and done to agents that run: `exec`, `status --watch`, `logs --failed`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::signal;
use crate::stack::{Stack, agent, document, exists, healthy};

#[test]
fn a_program_gets_what_its_agent_gets_and_its_exit_code_is_the_end() {
    let stack = Stack::new(151, 10);
    stack.containers(&[("one", "running"), ("two", "exited")]);
    stack.podman(r#"  "exec --interactive") echo "in the container"; cat; exit 9 ;;"#);
    let ran = stack.sandbox.run(&["exec", "Hub", "--", "env", "--null", "-x"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (9, "in the container\n"), "{ran:#?}");
    let call = stack.sandbox.podman_calls().pop().unwrap();
    let config = "--config /etc/ai_system/one.yaml";
    assert_eq!(
        call,
        format!("exec --interactive one /usr/local/bin/agent-supervisor exec {config} --agent Hub -- env --null -x")
    );
    assert_eq!(stack.sandbox.run(&["exec", "one", "--", "sh"]).code, 9);
    let call = stack.sandbox.podman_calls().pop().unwrap();
    assert!(call.ends_with(&format!("exec {config} -- sh")), "{call}");
    stack.sandbox.run(&["exec", "Ear", "--", "sh"]).fails_with(
        1,
        &[
            "group `two` does not run: its container exited with code 3",
            "hint: `cargo xtask up two`",
        ],
    );
    stack
        .sandbox
        .run(&["exec", "Hup", "--", "sh"])
        .fails_with(2, &["did you mean `Hub`?"]);
    stack.sandbox.run(&["exec", "Hub"]).fails_with(2, &["<COMMAND>"]);
}

#[test]
fn status_is_shown_again_when_something_changes_and_ctrl_c_ends_it() {
    let stack = Stack::new(152, 10);
    stack.containers(&[("one", "running")]);
    let broken = stack.sandbox.path("broken");
    let seen = broken.clone();
    stack.supervisor("one", move || {
        let mut hub = agent("Hub", if exists(&seen) { "mute" } else { "healthy" });
        hub["reason"] = json!("nothing listens on port 6101");
        Some(document("one", "healthy", hub))
    });
    let mut command = stack.sandbox.command(&["status", "Hub", "--watch", "--format", "json"]);
    let mut running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["agents"][0]["state"], "healthy");
    std::fs::write(&broken, "").unwrap();
    assert_eq!(next()["agents"][0]["state"], "mute");
    std::fs::remove_file(&broken).unwrap();
    assert_eq!(
        next()["agents"][0]["state"],
        "healthy",
        "what is the same is not shown twice"
    );
    signal(running.id(), Signal::SIGINT);
    let mut said = String::new();
    running.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn logs_are_those_of_what_has_failed() {
    let stack = Stack::new(153, 10);
    stack.podman(
        r#"  "logs "*) for group; do :; done; printf '[Hub] of one\n[supervisor] of %s\n[Ear] no microphone\n' "$group" ;;"#,
    );
    stack.containers(&[("one", "running"), ("two", "running")]);
    stack.supervisor("one", || Some(healthy("one")));
    let failed = stack.sandbox.path("failed");
    let seen = failed.clone();
    stack.supervisor("two", move || {
        let state = if exists(&seen) { "failed" } else { "healthy" };
        Some(document("two", "healthy", agent("Ear", state)))
    });
    let ran = stack.sandbox.run(&["logs", "--failed"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:#?}");
    assert!(ran.stderr.contains("no agent has failed"), "{}", ran.stderr);
    std::fs::write(&failed, "").unwrap();
    let ran = stack.sandbox.run(&["logs", "--failed"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "[Ear] no microphone\n"),
        "{ran:#?}"
    );
    let none = stack.sandbox.run(&["logs", "one", "--failed"]);
    assert!(
        none.code == 0 && none.stderr.contains("no agent has failed"),
        "{none:#?}"
    );
    // Of a container that stopped, everything.
    stack.containers(&[("one", "running"), ("two", "running"), ("three", "exited")]);
    let ran = stack.sandbox.run(&["logs", "--failed"]);
    assert!(
        ran.stdout.contains("[supervisor] of three\n") && !ran.stdout.contains("[supervisor] of one"),
        "{ran:#?}"
    );
}
