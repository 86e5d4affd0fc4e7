//! What `stop` and `start` say, and what they ask a supervisor for: against supervisors and containers of the test's own.

use serde_json::{Value, json};

use crate::stack::{Stack, agent, document, exists, healthy, waiting};

/// The document of group `one`, whose agent an operator stopped.
fn stopped() -> Value {
    let mut hub = agent("Hub", "stopped");
    hub["pid"] = Value::Null;
    hub["started_at_ms"] = Value::Null;
    hub["failure"] = json!("stopped");
    hub["reason"] = json!("by an operator");
    hub["last_stderr"] = json!(["model loaded"]);
    document("one", "degraded", hub)
}

/// Group `one`, whose supervisor obeys.
fn obedient(block: u8) -> Stack {
    let stack = Stack::new(block, 10);
    stack.containers(&[("one", "running")]);
    let (stop, start) = (stack.sandbox.path("stop"), stack.sandbox.path("start"));
    stack.podman(&format!(
        r#"  "exec one") case "$*" in
       *" stop Hub") : > '{stop}'; rm -f '{start}' ;;
       *" start Hub") : > '{start}'; rm -f '{stop}' ;;
     esac ;;"#,
        stop = stop.display(),
        start = start.display()
    ));
    stack.supervisor("one", move || {
        if exists(&stop) {
            return Some(stopped());
        }
        let mut document = healthy("one");
        if exists(&start) {
            document["agents"][0]["pid"] = json!(8);
            document["agents"][0]["started_at_ms"] = json!(1_700_000_009_000_u64);
        }
        Some(document)
    });
    stack
}

fn orders(stack: &Stack) -> Vec<String> {
    let calls = stack.sandbox.podman_calls();
    let orders = calls.iter().filter(|call| call.starts_with("exec"));
    orders
        .map(|call| call.rsplit("agent-supervisor ").next().unwrap().to_owned())
        .collect()
}

#[test]
fn an_agent_is_stopped_and_started_and_a_second_time_nothing_is_asked_for() {
    let stack = obedient(171);
    let ran = stack.sandbox.run(&["stop", "Hub"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:#?}");
    assert!(ran.stderr.contains("stopped agent Hub"), "{}", ran.stderr);
    let ran = stack.sandbox.run(&["stop", "Hub"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stderr.contains("agent Hub is stopped already"), "{}", ran.stderr);
    assert_eq!(orders(&stack), ["stop Hub"]);

    let status = stack.sandbox.run(&["status", "one"]);
    assert_eq!(status.code, 0, "somebody wanted it: {status:#?}");
    assert!(
        status.stdout.contains("0 of 1 agent healthy; 1 stopped by an operator"),
        "{}",
        status.stdout
    );
    assert!(!status.stdout.contains("not healthy:"), "{}", status.stdout);
    let status = stack.sandbox.run(&["status", "one", "--format", "json"]);
    let document: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(
        (&document["agents"][0]["state"], &document["agents"][0]["reason"]),
        (&json!("stopped"), &json!("by an operator"))
    );

    // The group's name stands for its agents; its container runs on.
    let ran = stack.sandbox.run(&["start", "one"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        ran.stderr.contains("started agent Hub (pid 8, healthy)"),
        "{}",
        ran.stderr
    );
    let ran = stack.sandbox.run(&["start", "one"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        ran.stderr.contains("agent Hub runs already (pid 8, healthy)"),
        "{}",
        ran.stderr
    );
    assert_eq!(orders(&stack), ["stop Hub", "start Hub"]);
    stack.sandbox.run(&["stop", "Hub"]);
    let ran = stack.sandbox.run(&["restart", "Hub"]);
    assert_eq!(ran.code, 1, "this supervisor only knows two words: {ran:#?}");
    assert_eq!(orders(&stack)[2..], ["stop Hub", "restart Hub"]);
}

#[test]
fn what_waits_for_a_stopped_agent_is_told_with_the_command_that_starts_it() {
    let stack = obedient(172);
    stack.containers(&[("one", "running"), ("two", "running")]);
    stack.supervisor("two", || Some(waiting("two", "Ear", "Hub")));
    stack.sandbox.run(&["stop", "Hub"]);
    let status = stack.sandbox.run(&["status", "one", "two"]);
    assert_eq!(status.code, 1, "{status:#?}");
    let chain =
        "Ear (waiting) waits for Hub (stopped): by an operator\n      hint: `cargo xtask start Hub` starts it again";
    assert!(status.stdout.contains(chain), "{}", status.stdout);
    assert!(!status.stdout.contains("model loaded"), "{}", status.stdout);
    // A boot does not start it either, and says who waits in vain.
    stack.sandbox.run(&["up", "one", "two"]).fails_with(
        1,
        &[
            "waiting longer changes nothing",
            "1 agent stopped: by an operator: Hub; 1 agent waits for that: Ear",
        ],
    );
    stack
        .sandbox
        .run(&["start", "Ear"])
        .fails_with(1, &["agent Ear is not started: it has no process: it waits for Hub"]);
}

#[test]
fn a_boot_does_not_wait_for_what_an_operator_stopped() {
    let stack = obedient(173);
    stack.sandbox.run(&["stop", "Hub"]);
    for wait in ["answering", "healthy"] {
        let ran = stack.sandbox.run(&["up", "one", "--wait", wait]);
        assert_eq!(ran.code, 0, "{wait}: {ran:#?}");
    }
}

#[test]
fn what_cannot_be_stopped_is_told() {
    let stack = Stack::new(174, 10);
    stack.containers(&[("one", "running"), ("two", "exited")]);
    // Its supervisor takes the request, and nothing comes of it.
    stack.supervisor("one", || {
        let mut document = healthy("one");
        document["agents"][0]["state"] = json!("stopping");
        document["agents"][0]["failure"] = json!("stopped");
        Some(document)
    });
    stack
        .sandbox
        .run(&["stop", "Hub", "--timeout", "1"])
        .fails_with(1, &["agent Hub is not stopped yet: its process has not ended"]);
    stack.sandbox.run(&["stop", "two"]).fails_with(
        1,
        &["agent Ear is not stopped: group `two` does not run: its container exited with code 3"],
    );
    stack
        .sandbox
        .run(&["start", "three"])
        .fails_with(1, &["agent Mouth is not started: group `three` has no container"]);
    for word in ["stop", "start"] {
        stack.sandbox.run(&[word]).fails_with(
            2,
            &[
                &format!("name a group or an agent to {word}"),
                &format!("`cargo xtask {word} GROUP|AGENT`"),
            ],
        );
        stack
            .sandbox
            .run(&[word, "Mouht"])
            .fails_with(2, &["no group or agent is called `Mouht`", "did you mean `Mouth`?"]);
        stack
            .sandbox
            .run(&[word, "Hub", "--machine", "away"])
            .fails_with(2, &["no machine is called `away`"]);
    }
}

#[test]
fn the_status_goes_to_a_file_whole_and_nothing_to_standard_output() {
    let stack = obedient(175);
    let path = stack.sandbox.path("status.json");
    std::fs::write(&path, "old").unwrap();
    let ran = stack
        .sandbox
        .run(&["status", "one", "--format", "json", "--output-file", "status.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:#?}");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(document["agents"][0]["name"], "Hub");
    let ran = stack.sandbox.run(&["status", "one", "--output-file", "status.txt"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:#?}");
    let text = std::fs::read_to_string(stack.sandbox.path("status.txt")).unwrap();
    assert!(
        text.contains("1 of 1 agent healthy") && !text.contains('\x1b'),
        "{text}"
    );
    // Where nothing runs there is nothing to write for people.
    let ran = stack.sandbox.run(&["status", "three", "--output-file", "none.txt"]);
    assert_eq!(
        (ran.code, stack.sandbox.path("none.txt").exists()),
        (1, false),
        "{ran:#?}"
    );
    stack
        .sandbox
        .run(&["status", "one", "--output-file", "nowhere/status.json"])
        .fails_with(2, &["there is no folder `nowhere`"]);
    stack
        .sandbox
        .run(&["status", "--watch", "--output-file", "x"])
        .fails_with(2, &["cannot be used with"]);
    // A report of checks that were never made replaces none.
    std::fs::create_dir_all(stack.sandbox.path("tests/smoke")).unwrap();
    std::fs::write(
        stack.sandbox.path("tests/smoke/phase2.yaml"),
        "phase: 2\nchecks:\n  - {name: a, status: {agent: Mouth}}\n",
    )
    .unwrap();
    std::fs::write(&path, "old").unwrap();
    let ran = stack.sandbox.run(&[
        "smoke",
        "--machine",
        "none",
        "--format",
        "json",
        "--output-file",
        "status.json",
    ]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
}
