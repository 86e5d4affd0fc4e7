//! Starting: chains, environment, arguments, start-up check, real Python.

use contract::status::{AgentState, GroupState};
use serde_json::json;

use crate::harness::{Setup, command, wait_for};

#[test]
fn a_chain_boots_and_becomes_healthy() {
    let mut setup = Setup::new();
    setup.agent("C", "answer", &["B"]);
    setup.agent("B", "answer-after 100", &["A"]);
    setup.agent("A", "answer READY", &[]);
    let group = setup.start();
    wait_for("a healthy group", || (group.code("/healthz") == 200).then_some(()));
    let order: Vec<String> = group.events("start").into_iter().map(|(name, _)| name).collect();
    assert_eq!(order, ["A", "B", "C"]);
    let status = group.status().unwrap();
    assert_eq!(status.state, GroupState::Healthy);
    assert_eq!(status.agents[0].released_by.as_deref(), Some("B"));
    assert_eq!(status.agents[0].restarts, 0);
    assert!(
        status
            .agents
            .iter()
            .all(|agent| agent.pid.is_some() && agent.reason.is_none())
    );
    assert!(status.checks.iter().all(|check| check.ok), "{:?}", status.checks);
    // An agent is noticed soon after it answers, and its dependents are started at once.
    for agent in &status.agents {
        let events = group.events("ready");
        let (_, bound) = events.iter().find(|(name, _)| *name == agent.name).unwrap();
        let late = agent.ready_at_ms.unwrap().saturating_sub(*bound);
        assert!(late < 1000, "{} was noticed {late} ms late", agent.name);
    }
    group.wait_said("[supervisor] C waits for B");
    group.wait_said("answered");
}

#[test]
fn agents_get_their_arguments_environment_and_folder() {
    let mut setup = Setup::new();
    setup.agent(
        "A",
        "answer\nenvironment PYTHONPATH\nenvironment MODE\nenvironment OWN\nsay hello",
        &[],
    );
    setup.config["python_path"] = json!(["/app", "/app/main_pc_code"]);
    setup.config["agents"][0]["environment"] = json!({"MODE": "fast"});
    setup.environment.push(("MODE".to_owned(), "slow".to_owned()));
    setup.environment.push(("OWN".to_owned(), "kept".to_owned()));
    setup
        .environment
        .push(("PYTHONPATH".to_owned(), "/inherited".to_owned()));
    let group = setup.start();
    group.wait_said("[A] hello");
    let said = group.said();
    assert!(said.contains("[A] PYTHONPATH=/app:/app/main_pc_code\n"), "{said}");
    assert!(said.contains("[A] MODE=fast\n"));
    assert!(said.contains("[A] OWN=kept\n"));
}

#[test]
fn a_missing_script_fails_at_once_and_the_others_start() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    setup.agent("B", "answer", &[]);
    setup.agent("C", "answer", &["A", "Ghost"]);
    std::fs::remove_file(setup.dir.path().join("B.py")).unwrap();
    let group = setup.start();
    let failed = group.wait_state("B", AgentState::Failed);
    assert!(failed.reason.unwrap().contains("does not exist"));
    assert_eq!(failed.started_after_ms, None);
    group.wait_state("A", AgentState::Healthy);
    group.wait_state("C", AgentState::Healthy);
    let (code, _, body) = group.get("/healthz").unwrap();
    assert_eq!(code, 503);
    assert!(body.starts_with("B is failed: "), "{body}");
    group.wait_said("[supervisor] check FAIL script B.py: ");
    group.wait_said("[supervisor] check FAIL dependency Ghost: nothing defines it");
}

#[test]
fn an_absent_dependency_with_a_fallback_is_no_problem() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &["Ghost"]);
    setup.config["absent_dependencies"] = json!([{"name": "Ghost", "fallback": "A.py"}]);
    let group = setup.start();
    wait_for("a healthy group", || (group.code("/healthz") == 200).then_some(()));
    group.wait_said("[supervisor] check ok   dependency Ghost: not defined; its fallback is A.py");
}

#[test]
fn a_cycle_starts_together() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &["B"]);
    setup.agent("B", "answer", &["A"]);
    let group = setup.start();
    wait_for("a healthy group", || (group.code("/healthz") == 200).then_some(()));
    group.wait_said("A, B wait for each other: they start together");
}

/// The probe and the command line against the real thing: CPython, argparse and pyzmq.
#[test]
fn real_python_agents_answer() {
    let found = command("python3").args(["-c", "import zmq"]).status();
    assert!(
        found.is_ok_and(|status| status.success()),
        "pyzmq is missing; hint: `python3 -m pip install pyzmq`"
    );
    let script = "import argparse, json, signal, sys, zmq\n\
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n\
        p = argparse.ArgumentParser()\n\
        for flag in ('--port', '--health_check_port'): p.add_argument(flag, type=int)\n\
        p.add_argument('--name'); p.add_argument('--mode')\n\
        a = p.parse_args()\n\
        s = zmq.Context().socket(zmq.REP)\n\
        s.bind(f'tcp://*:{a.health_check_port}')\n\
        print('mode', a.mode)\n\
        while True:\n\
        \x20   assert s.recv_json() == {'action': 'health_check'}\n\
        \x20   s.send_json({'status': 'healthy', 'pad': 'x' * 1000})\n";
    let mut setup = Setup::new();
    setup.agent("A", script, &[]);
    setup.agent("B", script, &["A"]);
    setup.config["python"] = json!("python3");
    setup.config["required_modules"] = json!(["json", "sys", "zmq", "no_such_module"]);
    setup.config["agents"][0]["params"] = json!({"mode": 7});
    let mut group = setup.start();
    group.wait_state("B", AgentState::Healthy);
    // Several checks on, still healthy.
    group.wait_said("[A] mode 7");
    group.wait_said("check ok   module sys");
    group.wait_said("check ok   module zmq");
    group.wait_said("check FAIL module no_such_module: not importable");
    let status = group.status().unwrap();
    assert_eq!(status.state, GroupState::Unhealthy);
    group.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
    group.wait_said("A ended (exited with code 0)");
}
