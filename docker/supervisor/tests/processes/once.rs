//! Agents that run once.

use contract::status::{AgentState, GroupState};
use serde_json::json;

use crate::harness::{Setup, wait_for};

#[test]
fn an_agent_that_exits_with_0_is_done_and_who_waits_for_it_starts() {
    let mut setup = Setup::new();
    setup.agent("Once", "exit-after 400 0", &[]);
    setup.change("Once", "restart", "no".into());
    setup.change("Once", "health", json!({"kind": "process"}));
    setup.agent("After", "answer", &["Once"]);
    let group = setup.start();
    group.wait_agent("Once", |agent| {
        agent.state == AgentState::Starting
            && agent.reason.as_deref() == Some("runs once: it is done when it exits with code 0")
    });
    group.wait_state("After", AgentState::Healthy);
    let once = group.wait_state("Once", AgentState::Done);
    assert_eq!((once.restarts, once.pid, once.failure), (0, None, None));
    // It was not let go while the other one ran.
    let after = group.wait_state("After", AgentState::Healthy);
    assert_eq!(after.released_by.as_deref(), Some("Once"));
    group.wait_said("Once is done: exited with code 0 after");
    assert_eq!(group.status().unwrap().state, GroupState::Healthy);
    assert_eq!((group.code("/healthz"), group.code("/readyz")), (200, 200));
    assert_eq!(
        group.events("start").iter().filter(|(name, _)| name == "Once").count(),
        1
    );
}

#[test]
fn an_agent_that_exits_with_another_code_has_failed_and_is_not_started_again() {
    let mut setup = Setup::new();
    setup.agent("Once", "complain no table\nexit-after 50 3", &[]);
    setup.change("Once", "restart", "no".into());
    setup.agent("After", "answer", &["Once"]);
    let group = setup.start();
    let once = group.wait_state("Once", AgentState::Failed);
    let reason = once.reason.unwrap();
    assert!(
        reason.starts_with("given up (it runs once): exited with code 3 after"),
        "{reason}"
    );
    assert!(reason.ends_with("no table"), "{reason}");
    assert_eq!(once.restarts, 0);
    let after = group.wait_state("After", AgentState::Healthy);
    assert_eq!(after.without[0].to_string(), "Once (given up)");
    assert_eq!(group.status().unwrap().state, GroupState::Unhealthy);
    assert_eq!(
        group.events("start").iter().filter(|(name, _)| name == "Once").count(),
        1
    );
}

#[test]
fn an_agent_that_is_done_runs_again_where_an_operator_asks() {
    let mut setup = Setup::new();
    setup.agent("Once", "exit-after 50 0", &[]);
    setup.change("Once", "restart", "no".into());
    let group = setup.start();
    group.wait_state("Once", AgentState::Done);
    let (code, said, _) = group.restart("Once");
    assert!(code == Some(0) && said.contains("starting Once"), "{said}");
    let again = group.wait_agent("Once", |agent| agent.state == AgentState::Done && agent.restarts == 1);
    assert_eq!(again.last_exit.unwrap().code, Some(0));
    wait_for("two starts", || (group.events("start").len() == 2).then_some(()));
}
