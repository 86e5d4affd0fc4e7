//! Crashes, restarts, giving up, orphans.

use contract::status::AgentState;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::harness::{Setup, http, saw, supervisor, wait_for};

/// `--without`: neither the agent nor its start-up check.
#[test]
fn an_agent_that_is_left_out_is_not_started_and_holds_nobody_up() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    setup.agent("B", "answer", &["A"]);
    std::fs::remove_file(setup.dir.path().join("A.py")).unwrap();
    setup.arguments = vec!["--without".to_owned(), "A".to_owned()];
    let group = setup.start();
    assert_eq!(
        group.wait_state("B", AgentState::Healthy).without[0].to_string(),
        "A (left out)"
    );
    group.wait_said("group test is degraded");
    let status = group.status().unwrap();
    assert!(status.checks.iter().all(|check| check.ok), "{:?}", status.checks);
    assert_eq!(group.code("/healthz"), 200);
    let config = group.setup.write();
    let wrong = supervisor()
        .arg("--config")
        .arg(config)
        .args(["--without", "Nobody"])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("no agent `Nobody`"));
}

/// What waited for an agent that was given up is started; with `wait` it waits.
#[test]
fn what_waits_for_an_agent_that_was_given_up_is_started() {
    let mut setup = Setup::new();
    setup.agent("A", "exit-after 1 1", &[]);
    setup.config["agents"][0]["required"] = json!(false);
    setup.agent("B", "answer", &["A"]);
    setup.agent("C", "answer", &["B"]);
    let group = setup.start();
    let degraded = group.wait_state("B", AgentState::Healthy);
    assert_eq!(degraded.word(), "degraded");
    assert_eq!(degraded.without[0].to_string(), "A (given up)");
    group.wait_state("C", AgentState::Healthy);
    group.wait_said("group test is degraded");
    assert_eq!(group.code("/healthz"), 200);
    let mut setup = Setup::new();
    setup.config["when_dependency_fails"] = json!("wait");
    setup.agent("A", "exit-after 1 1", &[]);
    setup.agent("B", "answer", &["A"]);
    let group = setup.start();
    group.wait_state("A", AgentState::Failed);
    let waiting = group.wait_state("B", AgentState::Waiting);
    assert_eq!(
        (waiting.reason.as_deref(), waiting.started_after_ms),
        (Some("waits for A (failed)"), None)
    );
}

#[test]
fn a_killed_agent_is_started_again() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    let group = setup.start();
    let first = group.wait_state("A", AgentState::Healthy);
    kill(Pid::from_raw(first.pid.unwrap() as i32), Signal::SIGKILL).unwrap();
    let second = group.wait_agent("A", |a| a.restarts == 1 && a.state == AgentState::Healthy);
    assert_ne!(first.pid, second.pid);
    assert_eq!(second.last_exit.unwrap().signal, Some(9));
    group.wait_said("A killed by signal 9 after ");
    saw(
        "agent killed",
        "it is started again, and the signal is shown",
        "healthy with 1 restart",
    );
}

#[test]
fn a_crash_loop_is_given_up_with_its_last_words_even_with_code_0() {
    let mut setup = Setup::new();
    setup.agent(
        "A",
        "complain Traceback\ncomplain NameError: undefined\nexit-after 10 0",
        &[],
    );
    setup.agent("B", "answer", &[]);
    let group = setup.start();
    let failed = group.wait_state("A", AgentState::Failed);
    let reason = failed.reason.unwrap();
    assert!(reason.contains("3 crashes within"), "{reason}");
    assert!(reason.contains("exited with code 0"), "{reason}");
    assert!(reason.ends_with("last stderr line: NameError: undefined"), "{reason}");
    assert_eq!(failed.last_stderr, ["Traceback", "NameError: undefined"]);
    assert_eq!(failed.restarts, 2);
    group.wait_said("A is given up");
    assert_eq!(group.code("/healthz"), 503);
    group.wait_state("B", AgentState::Healthy);
    // An operator may still have it started.
    let restart = supervisor()
        .args(["restart", "A", "--port", &group.setup.status_port.to_string()])
        .output()
        .unwrap();
    assert!(restart.status.success(), "{restart:?}");
    group.wait_agent("A", |agent| agent.restarts >= 3);
    saw(
        "agent in a crash loop",
        "it is given up, with its last words",
        "failed, with the last lines of stderr",
    );
}

#[test]
fn an_optional_agent_that_fails_only_degrades() {
    let mut setup = Setup::new();
    setup.agent("A", "exit-after 1 1", &[]);
    setup.agent("B", "answer", &[]);
    setup.config["agents"][0]["required"] = false.into();
    let group = setup.start();
    group.wait_state("A", AgentState::Failed);
    wait_for("200", || (group.code("/healthz") == 200).then_some(()));
    let state = group.status().unwrap().state;
    assert_eq!(state, contract::status::GroupState::Degraded);
}

#[test]
fn an_agent_that_dies_while_settling_is_not_healthy() {
    let mut setup = Setup::new();
    setup.set("settle_ms", 60_000.into());
    setup.agent("A", "answer\nexit-after 1500 0", &[]);
    let group = setup.start();
    group.wait_agent("A", |agent| agent.state == AgentState::Answering);
    assert_eq!(group.code("/readyz"), 200);
    assert_eq!(group.code("/healthz"), 503);
    group.wait_agent("A", |agent| agent.restarts >= 1);
}

#[test]
fn restart_is_for_operators_and_known_agents() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    setup.agent("B", "answer", &["Never"]);
    let port = crate::harness::free_port();
    setup.config["dependencies_elsewhere"] = serde_json::json!([
        {"name": "Never", "machine": "pc2", "group": "memory", "host": "127.0.0.1", "health_check_port": port}
    ]);
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    let port = group.setup.status_port;
    // The port changes nothing, whoever asks.
    assert_eq!(http(port, "POST", "/agents/A/restart").unwrap().0, 403);
    assert_eq!(http(port, "GET", "/agents/A/restart").unwrap().0, 405);
    let (code, _, err) = group.restart("Nobody");
    assert_eq!((code, err.trim_end()), (Some(1), "no agent `Nobody` in this group"));
    // What waits is not restarted, and that is not said.
    let (code, out, err) = group.restart("B");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        err.starts_with("B was not restarted: it has not been started yet, it waits for Never"),
        "{err}"
    );
    assert_eq!(
        group.restart("A"),
        (Some(0), "restarting A\n".to_owned(), String::new())
    );
    let agent = group.wait_agent("A", |a| a.restarts == 1 && a.state == AgentState::Healthy);
    assert_eq!(agent.last_exit.unwrap().code, Some(0));
    assert!(!group.said().contains("crash"), "{}", group.said());
}
