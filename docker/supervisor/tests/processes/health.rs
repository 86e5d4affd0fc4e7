//! Health ports that misbehave.

use contract::status::{AgentState, GroupState};

use crate::harness::{Setup, saw, wait_for};

/// Boots an agent whose health port does this; it must be reported mute with that reason, and restarted.
#[track_caller]
fn mute(script: &str, reason: &str) {
    let mut setup = Setup::new();
    setup.set("start_period_ms", 800.into());
    setup.set("health_interval_ms", 200.into());
    setup.agent("A", script, &[]);
    setup.agent("B", "answer", &["A"]);
    let group = setup.start();
    // One document, so that the states in it belong together.
    let status = wait_for(&format!("a mute agent because of `{reason}`"), || {
        group.status().filter(|status| {
            let agent = &status.agents[0];
            let seen = agent.reason.as_deref().unwrap_or_default();
            agent.state == AgentState::Mute && seen.contains(reason)
        })
    });
    assert_eq!(status.agents[1].state, AgentState::Waiting);
    assert_eq!(status.agents[1].waits_for, ["A"]);
    assert_eq!(status.state, GroupState::Unhealthy);
    let (_, _, body) = group.get("/readyz").unwrap();
    assert!(body.contains("B is waiting: waits for A"), "{body}");
    group.wait_agent("A", |agent| agent.restarts >= 1);
    let failed = group.wait_state("A", AgentState::Failed);
    assert!(failed.reason.unwrap().contains(reason));
    saw(
        &format!("health port: {script}"),
        "mute, with the reason; what depends on it waits; restarted, then given up",
        &format!("\"{reason}\""),
    );
}

#[test]
fn nothing_listens() {
    mute("mute", "nothing listens on port");
}

#[test]
fn rubbish() {
    mute("rubbish", "not a ZeroMQ socket");
}

#[test]
fn http_on_the_health_port() {
    mute("http", "not a ZeroMQ socket: it sent `HTTP/1.1 400");
}

#[test]
fn half_a_frame() {
    mute("half-frame", "no reply within 500 ms");
}

#[test]
fn a_held_connection() {
    mute("hold", "no reply within 500 ms");
}

#[test]
fn frames_without_end() {
    mute("endless", "reply longer than 65536 bytes");
}

#[test]
fn an_unhealthy_status() {
    mute("answer starting", "unhealthy reply: status is \"starting\"");
}

#[test]
fn an_agent_that_falls_silent_is_restarted() {
    let mut setup = Setup::new();
    setup.agent("A", "answer-for 1500", &[]);
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    group.wait_agent("A", |agent| agent.restarts >= 1);
    group.wait_said("A: health check failed (1 of 2): port ");
    group.wait_said("A stopped answering: port ");
    saw(
        "agent falls silent",
        "it is restarted after the retries",
        "\"stopped answering\", then 1 restart",
    );
}
