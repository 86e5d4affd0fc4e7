//! Health that is found out in another way than by the usual words.

use contract::explored::Explored;
use contract::health::Kind;
use contract::status::{AgentState, GroupState};
use serde_json::{Value, json};

use crate::harness::{Setup, wait_for};

/// A group of an agent whose health is found out like that, and of one that depends on it.
fn setup(script: &str, health: Value) -> Setup {
    let mut setup = Setup::new();
    setup.agent("A", script, &[]);
    setup.config["agents"][0]["health"] = health;
    setup.agent("B", "answer", &["A"]);
    setup
}

/// It becomes healthy, and so does what depends on it; the status says of which kind its health is.
#[track_caller]
fn healthy(script: &str, health: Value, kind: Kind) {
    let group = setup(script, health).start();
    let agent = group.wait_state("A", AgentState::Healthy);
    assert_eq!(agent.health, kind);
    group.wait_state("B", AgentState::Healthy);
    assert_eq!(group.code("/healthz"), 200);
}

/// It is mute for that reason, and what depends on it is started without it.
#[track_caller]
fn mute(script: &str, health: Value, reason: &str) {
    let mut setup = setup(script, health);
    setup.set("start_period_ms", 500.into());
    setup.set("health_interval_ms", 200.into());
    let group = setup.start();
    wait_for(&format!("a mute agent because of `{reason}`"), || {
        let status = group.status()?;
        let agent = status.agents.first()?;
        let seen = agent.reason.as_deref().unwrap_or_default();
        (agent.state == AgentState::Mute && seen.contains(reason)).then_some(())
    });
}

/// The main port of the first agent, as its config has it.
fn on_main_port(script: &str, health: Value) -> Setup {
    let mut setup = setup(script, health);
    let port = setup.config["agents"][0]["port"].clone();
    setup.config["agents"][0]["health"]["port"] = port;
    setup
}

#[test]
fn http_is_healthy_with_a_status_of_success() {
    let group = on_main_port("serve-http 200 fine", json!({"kind": "http", "path": "/health"})).start();
    let agent = group.wait_state("A", AgentState::Healthy);
    assert_eq!((agent.health, agent.health_check_port), (Kind::Http, agent.port));
    group.wait_state("B", AgentState::Healthy);
}

#[test]
fn http_is_healthy_with_what_is_expected() {
    let health = json!({"kind": "http", "path": "/health", "expect": ["503", "warming"]});
    let group = on_main_port("serve-http 503 still warming up", health).start();
    group.wait_state("A", AgentState::Healthy);
}

#[test]
fn http_of_another_status_is_mute_and_says_so() {
    let mut setup = on_main_port("serve-http 500 broken", json!({"kind": "http", "path": "/health"}));
    setup.set("start_period_ms", 300.into());
    let group = setup.start();
    let agent = group.wait_state("A", AgentState::Mute);
    let reason = agent.reason.unwrap();
    assert!(reason.contains("unhealthy reply: HTTP status 500"), "{reason}");
}

#[test]
fn zeromq_is_no_http() {
    mute("answer", json!({"kind": "http"}), "not an HTTP server: it sent");
}

#[test]
fn tcp_is_healthy_when_its_port_takes_a_connection() {
    let group = on_main_port("listen", json!({"kind": "tcp"})).start();
    assert_eq!(group.wait_state("A", AgentState::Healthy).health, Kind::Tcp);
    group.wait_state("B", AgentState::Healthy);
    mute("mute", json!({"kind": "tcp"}), "nothing listens on port");
}

#[test]
fn zeromq_with_words_of_its_own() {
    let health = json!({"ask": "ping", "expect": ["pong"]});
    healthy("words ping pong", health.clone(), Kind::Zmq);
    mute("words hello pong", health, "`what?` has no `pong`");
}

#[test]
fn a_process_is_healthy_while_it_runs_and_claims_nothing_more() {
    let mut setup = setup("mute", json!({"kind": "process", "start_period_ms": 2000}));
    // Nothing but the process counts: no start period, no interval.
    setup.set("start_period_ms", 60_000.into());
    let group = setup.start();
    group.wait_agent("A", |agent| {
        let reason = agent.reason.as_deref();
        agent.state == AgentState::Starting && reason == Some("runs; nothing is asked of it, it is healthy after 2.0 s")
    });
    let agent = group.wait_state("A", AgentState::Healthy);
    assert_eq!((agent.health, agent.reason), (Kind::Process, None));
    let held = agent.ready_after_ms.unwrap() - agent.started_after_ms.unwrap();
    assert!(held >= 2000, "healthy after {held} ms");
    let other = group.wait_state("B", AgentState::Healthy);
    assert!(other.started_after_ms >= agent.ready_after_ms, "B was started too soon");
    group.wait_said("it counts as healthy, nothing is asked of it");
    assert_eq!(group.status().unwrap().state, GroupState::Healthy);
}

#[test]
fn the_status_of_a_mute_agent_says_what_it_listens_on() {
    let mut setup = Setup::new();
    setup.set("start_period_ms", 300.into());
    setup.set("health_interval_ms", 200.into());
    setup.agent("A", "listen", &[]);
    let group = setup.start();
    let mute = group.wait_state("A", AgentState::Mute);
    assert_eq!(mute.listens_on, [mute.port]);
    // It is known still when it has been given up, and ended.
    let failed = group.wait_state("A", AgentState::Failed);
    assert_eq!(failed.listens_on, [failed.port]);
}

#[test]
fn a_process_that_ends_is_not_healthy_although_it_was() {
    let group = setup("exit-after 300 0", json!({"kind": "process", "start_period_ms": 100})).start();
    group.wait_state("A", AgentState::Healthy);
    let agent = group.wait_state("A", AgentState::Failed);
    assert_eq!(agent.last_exit.unwrap().code, Some(0));
    assert_eq!(group.code("/healthz"), 503);
}

#[test]
fn a_process_that_ends_before_its_time_was_never_healthy() {
    let group = setup("exit-after 50 3", json!({"kind": "process", "start_period_ms": 30_000})).start();
    let agent = group.wait_state("A", AgentState::Failed);
    assert_eq!((agent.ready_after_ms, agent.boot.healthy_after_ms), (None, None));
}

#[test]
fn of_a_process_elsewhere_its_supervisor_is_asked() {
    let there = setup("mute", json!({"kind": "process", "start_period_ms": 300}));
    let mut here = Setup::new();
    here.agent("C", "answer", &["A"]);
    here.config["dependencies_elsewhere"] = json!([{
        "name": "A", "machine": "pc2", "group": "far", "host": "127.0.0.1", "health_check_port": 1,
        "health": {"kind": "process"}, "status_port": there.status_port,
    }]);
    let here = here.start();
    here.wait_agent("C", |agent| {
        agent
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("does not say how it is"))
    });
    let there = there.start();
    here.wait_state("C", AgentState::Healthy);
    there.wait_state("A", AgentState::Healthy);
}

#[test]
fn ports_are_explored_in_every_way() {
    let mut setup = Setup::new();
    setup.set("start_period_ms", 60_000.into());
    let pinger = setup.agent("Pinger", "words ping pong", &[]);
    setup.agent("Web", "serve-http 200 fine", &[]);
    setup.agent("Raw", "listen", &[]);
    let usual = setup.agent("Usual", "answer", &[]);
    let port = |setup: &Setup, index: usize| setup.config["agents"][index]["port"].as_u64().unwrap() as u16;
    let (web, raw) = (port(&setup, 1), port(&setup, 2));
    let group = setup.start();
    group.wait_state("Usual", AgentState::Healthy);
    let expected = [
        (pinger, Kind::Zmq, "pong"),
        (web, Kind::Http, "200 fine"),
        (raw, Kind::Tcp, "it does not answer a ZeroMQ request"),
        (usual, Kind::Zmq, r#"{"status":"ok","name":"Usual"}"#),
    ];
    let explore = |ports: &[u16]| {
        let mut words: Vec<String> = ports.iter().map(u16::to_string).collect();
        words.insert(0, "explore".to_owned());
        // They may not all listen yet.
        wait_for("all ports to be found", || {
            let done = crate::harness::supervisor().args(&words).output().unwrap();
            let found: Vec<Explored> = serde_json::from_slice(&done.stdout).unwrap();
            (found.len() == ports.len()).then_some(found)
        })
    };
    // Plain words, at which a program may end, are said only where nothing else says how it is.
    let found = explore(&[pinger, usual]);
    assert_eq!(found[0].check.kind, Kind::Tcp, "{found:?}");
    let [first, raw, web, usual] = [pinger, raw, web, usual].map(|port| explore(&[port]).remove(0));
    let found = [first, web, raw, usual];
    for (explored, (port, kind, said)) in found.iter().zip(expected) {
        assert_eq!((explored.port, explored.check.kind), (port, kind), "{explored:?}");
        assert_eq!(explored.said, said);
    }
    assert_eq!(found[0].check.request(), "ping");
    assert_eq!(found[0].check.expect, ["pong"]);
    assert_eq!(found[1].check.path.as_deref(), Some("/health"));
    assert!(found[3].check.ask.is_none() && found[3].check.expect.is_empty());
}
