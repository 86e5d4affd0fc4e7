//! The command line: exit codes and what is printed.

use std::net::TcpListener;
use std::process::Output;

use contract::status::AgentState;
use serde_json::json;

use crate::harness::{Setup, free_port, supervisor, wait_for};

fn run(words: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = supervisor().args(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn check_says_healthy_unhealthy_and_nobody() {
    let mut setup = Setup::new();
    setup.agent("A", "answer-after 2000", &[]);
    let group = setup.start();
    let port = group.setup.status_port.to_string();
    wait_for("the endpoint", || (group.code("/healthz") == 503).then_some(()));
    let (code, out, err) = run(&["check", "--port", &port]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.starts_with("A is starting"), "{err}");
    assert_eq!(err.lines().count(), 1);
    group.wait_state("A", AgentState::Healthy);
    assert_eq!(
        run(&["check", "--port", &port]),
        (Some(0), String::new(), String::new())
    );
    let asked = supervisor().arg("check").env("SUPERVISOR_STATUS_PORT", &port).status();
    assert!(asked.unwrap().success());

    let (code, out, _) = run(&["status", "--port", &port]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("A  healthy    pid "), "{out}");
    let (_, out, _) = run(&["status", "--json", "--port", &port]);
    assert!(serde_json::from_str::<contract::status::GroupStatus>(&out).is_ok());

    let (code, _, err) = run(&["check", "--port", &free_port().to_string()]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("no supervisor answers on 127.0.0.1:"), "{err}");
}

#[test]
fn wrong_configs_end_with_2_and_every_error() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    setup.agent("A", "answer", &[]);
    setup.config["version"] = json!(7);
    let file = setup.write();
    let (code, out, err) = run(&["--config", file.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("version 7 is unknown"), "{err}");
    assert!(err.contains("agent `A` is defined twice"), "{err}");

    std::fs::write(
        &file,
        "agents:\n- name: A\n  script_path: a\n  port: 5\n  colour: red\n",
    )
    .unwrap();
    let (code, _, err) = run(&["--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(err.contains("group.yaml:5:3: unknown field `colour`"), "{err}");
    let (code, _, err) = run(&["--config", "/no/such.yaml"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("cannot read `/no/such.yaml`"));
    assert_eq!(run(&["--nonsense"]).0, Some(2));
    assert_eq!(run(&[]).0, Some(2));
}

#[test]
fn validate_makes_the_check_and_starts_nothing() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    let file = setup.write();
    let (code, out, err) = run(&["validate", "--config", file.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("check ok   script A.py\n"));
    assert!(!setup.dir.path().join("events.log").exists());
    std::fs::remove_file(setup.dir.path().join("A.py")).unwrap();
    let (code, _, err) = run(&["validate", "--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(err.contains("check FAIL script A.py"));
}

#[test]
fn a_taken_status_port_is_a_clear_error() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    let _holder = TcpListener::bind(("0.0.0.0", setup.status_port)).unwrap();
    let file = setup.write();
    let (code, _, err) = run(&["--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains(&format!("cannot listen on the status port {}", setup.status_port)),
        "{err}"
    );
    assert!(!setup.dir.path().join("events.log").exists());
}
