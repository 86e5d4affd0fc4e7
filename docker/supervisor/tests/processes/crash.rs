//! Crashes, restarts, giving up, orphans.

use contract::status::AgentState;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Setup, http, saw, supervisor, wait_for};

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
fn orphans_are_reaped_and_leftovers_of_a_crash_are_killed() {
    let mut setup = Setup::new();
    setup.agent("A", "fork-orphans\nanswer", &[]);
    let group = setup.start();
    let agent = group.wait_state("A", AgentState::Healthy);
    // The five short orphans end; the one `sleep` stays, and is ours by adoption.
    wait_for("reaped orphans", || {
        let children = group.children();
        (children.len() == 2 && children.iter().all(|child| child.1 != 'Z')).then_some(())
    });
    let leftover = group.children().into_iter().find(|c| Some(c.0) != agent.pid).unwrap();
    kill(Pid::from_raw(agent.pid.unwrap() as i32), Signal::SIGKILL).unwrap();
    wait_for("the leftover's end", || {
        group.children().iter().all(|child| child.0 != leftover.0).then_some(())
    });
    saw(
        "agent forks orphans",
        "they are reaped; what a crashed agent leaves running is killed",
        "no zombie, no leftover process",
    );
}

#[test]
fn restart_is_for_loopback_and_known_agents() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    let port = group.setup.status_port;
    assert_eq!(http(port, "POST", "/agents/Nobody/restart").unwrap().0, 404);
    assert_eq!(http(port, "GET", "/agents/A/restart").unwrap().0, 405);
    assert_eq!(http(port, "POST", "/agents/A/restart").unwrap().0, 202);
    let agent = group.wait_agent("A", |a| a.restarts == 1 && a.state == AgentState::Healthy);
    assert_eq!(agent.last_exit.unwrap().code, Some(0));
    assert!(!group.said().contains("crash"), "{}", group.said());
}
