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

#[test]
fn a_program_runs_as_an_agent_does() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    setup.agent("B", "answer", &[]);
    let root = setup.dir.path().to_owned();
    std::fs::write(root.join("token"), "of A\n").unwrap();
    setup.config["agents"][0]["environment"] = json!({"MODE": "fast"});
    setup.config["agents"][0]["secrets"] = json!({"variables": {"TOKEN": root.join("token")}});
    setup.config["python_path"] = json!(["/one", "/two"]);
    let file = setup.write();
    let exec = |agent: &[&str], program: &[&str]| {
        let mut command = supervisor();
        command
            .args(["exec", "--config", file.to_str().unwrap()])
            .args(agent)
            .arg("--")
            .args(program);
        command.env("AGENT_ENV_MODE", "slow").env("AGENT_ENV_LEVEL", "7");
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code(), text(stdout), text(stderr))
    };
    let show = [
        "sh",
        "-c",
        "echo $MODE $LEVEL $TOKEN $PYTHONPATH $AGENT_ENV_MODE; pwd; exit 7",
    ];
    let root = root.canonicalize().unwrap().display().to_string();
    let seen = |first: &str| (Some(7), format!("{first} /one:/two\n{root}\n"), String::new());
    assert_eq!(exec(&["--agent", "A"], &show), seen("fast 7 of A"));
    assert_eq!(exec(&["--agent", "B"], &show), seen("slow 7"));
    assert_eq!(exec(&[], &show), seen("slow 7"));
    let (code, _, err) = exec(&["--agent", "C"], &show);
    assert!(code == Some(2) && err.contains("no agent `C`"), "{code:?} {err}");
    let (code, _, err) = exec(&[], &["no-such-program"]);
    assert!(
        code == Some(127) && err.starts_with("cannot run `no-such-program`: "),
        "{code:?} {err}"
    );
    let (code, _, err) = exec(&[], &["/"]);
    assert!(code == Some(126) && err.contains("cannot run `/`"), "{code:?} {err}");
}
