//! The ordered end.

use std::time::{Duration, Instant};

use contract::status::{AgentState, Failure, GroupState};
use nix::sys::signal::Signal;

use crate::harness::{Setup, lives, running, saw, wait_for};

#[test]
fn sigterm_goes_against_the_dependencies() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let mut setup = Setup::new();
        setup.agent("A", "answer", &[]);
        setup.agent("B", "answer", &["A"]);
        setup.agent("C", "answer", &["B"]);
        let mut group = setup.start();
        group.wait_state("C", AgentState::Healthy);
        group.signal(signal);
        assert_eq!(group.wait_exit().code(), Some(0));
        let order: Vec<String> = group.events("end").into_iter().map(|(name, _)| name).collect();
        assert_eq!(order, ["C", "B", "A"]);
        group.wait_said("all agents ended");
    }
}

/// Any process of the container may send signals whose handlers interrupt what a thread waits in; the one that hears orders is hit here.
#[test]
fn what_interrupts_the_listener_does_not_end_it() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    let mut group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    let listener = thread_of(group.pid(), "signals");
    let script = format!(
        "import ctypes, signal; assert ctypes.CDLL(None).tgkill({}, {listener}, signal.SIGSEGV) == 0",
        group.pid()
    );
    let sent = crate::harness::command("python3")
        .args(["-c", &script])
        .status()
        .unwrap();
    assert!(sent.success());
    group.signal(Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
    group.wait_said("all agents ended");
}

/// The id of the thread of this name.
fn thread_of(pid: u32, name: &str) -> u32 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    threads
        .map(|thread| thread.path())
        // One that ends meanwhile has no name any more.
        .find(|thread| std::fs::read_to_string(thread.join("comm")).is_ok_and(|comm| comm.trim_end() == name))
        .and_then(|thread| thread.file_name()?.to_str()?.parse().ok())
        .unwrap()
}

#[test]
fn what_ignores_sigterm_is_killed_within_the_grace() {
    let mut setup = Setup::new();
    setup.set("stop_grace_ms", 300.into());
    setup.agent("A", "answer\nignore-sigterm\nfork-orphans", &[]);
    let mut group = setup.start();
    let pid = group.wait_state("A", AgentState::Healthy).pid.unwrap();
    let start = Instant::now();
    group.signal(Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    group.wait_said("A did not end within 0.3 s of SIGTERM: killed");
    saw(
        "agent ignores SIGTERM",
        "it is killed within the grace",
        "the supervisor ended in time",
    );
}

#[test]
fn the_second_sigterm_does_not_wait() {
    let mut setup = Setup::new();
    setup.set("stop_grace_ms", 600_000.into());
    setup.agent("A", "answer\nignore-sigterm", &[]);
    let mut group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    group.signal(Signal::SIGTERM);
    wait_for("the first SIGTERM", || {
        (!group.events("sigterm").is_empty()).then_some(())
    });
    group.wait_state("A", AgentState::Stopping);
    group.signal(Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
}

#[test]
fn a_group_that_waits_for_something_stops_at_once() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &["Far"]);
    let port = crate::harness::free_port();
    setup.config["dependencies_elsewhere"] = serde_json::json!([
        {"name": "Far", "machine": "pc2", "group": "memory", "host": "127.0.0.1", "health_check_port": port}
    ]);
    let mut group = setup.start();
    group.wait_state("A", AgentState::Waiting);
    group.signal(Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
}

#[test]
fn an_agent_is_told_to_end_by_its_own_signal_and_waited_for_as_long_as_it_may_take() {
    let mut setup = Setup::new();
    setup.set("stop_grace_ms", 300.into());
    // Neither is ended by what ends the other.
    setup.agent("A", "answer\nend-after SIGINT 900", &[]);
    setup.agent("B", "answer\nend-after SIGUSR1 0", &[]);
    setup.change("A", "stop_signal", "SIGINT".into());
    setup.change("A", "stop_grace_ms", 20_000.into());
    setup.change("B", "stop_signal", "SIGUSR1".into());
    setup.change("B", "stop_grace_ms", 20_000.into());
    let mut group = setup.start();
    for name in ["A", "B"] {
        group.wait_state(name, AgentState::Healthy);
    }
    let start = Instant::now();
    group.signal(Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
    // Longer than the group's grace, and nowhere near its own: it ended by itself.
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    for (name, signal) in [("A", "SIGINT"), ("B", "SIGUSR1")] {
        assert!(group.events("end").iter().any(|(who, _)| who == name), "{name}");
        group.wait_said(&format!("{name} was told to end by {signal}"));
    }
}

#[test]
fn an_agent_that_ignores_its_own_signal_is_killed_after_its_own_grace() {
    let mut setup = Setup::new();
    setup.set("stop_grace_ms", 600_000.into());
    setup.agent("A", "answer", &[]);
    setup.change("A", "stop_signal", "SIGHUP".into());
    setup.change("A", "stop_grace_ms", 300.into());
    setup.agent("I", "answer\nignore SIGHUP", &[]);
    setup.change("I", "stop_signal", "SIGHUP".into());
    setup.change("I", "stop_grace_ms", 300.into());
    let mut group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    group.wait_state("I", AgentState::Healthy);
    group.signal(Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
    group.wait_said("I did not end within 0.3 s of SIGHUP: killed");
    // Nobody handles SIGHUP there: the kernel ends it.
    group.wait_said("A ended (killed by signal 1)");
}

/// An operator's order is about one agent, with all that it started.
#[test]
fn one_agent_is_stopped_and_started_while_its_group_runs_on() {
    let mut setup = Setup::new();
    setup.agent("A", "shell setsid --fork $FAKE_AGENT --hold $PORT\nanswer", &[]);
    let port = setup.config["agents"][0]["port"].to_string();
    setup.agent("B", "answer", &["A"]);
    let group = setup.start();
    group.wait_state("B", AgentState::Healthy);
    let left = wait_for("the daemon", || running(&["--hold", &port]).first().copied());
    let before = group.wait_state("A", AgentState::Healthy);
    assert_eq!(
        group.order("stop", "A"),
        (Some(0), "stopping A\n".to_owned(), String::new())
    );
    let stopped = group.wait_state("A", AgentState::Stopped);
    assert_eq!(
        (stopped.failure, stopped.pid, stopped.restarts),
        (Some(Failure::Stopped), None, 0)
    );
    assert_eq!(group.events("sigterm").len(), 1, "by its stop signal");
    assert!(!lives(left) && !lives(before.pid.unwrap()), "something of it is left");
    let other = group.wait_agent("B", |agent| !agent.without.is_empty());
    assert_eq!((other.state, other.restarts), (AgentState::Healthy, 0));
    let status = group.status().unwrap();
    assert_eq!(status.state, GroupState::Degraded);
    assert_eq!((group.code("/healthz"), group.code("/readyz")), (200, 200));
    assert_eq!(
        group.order("stop", "A"),
        (Some(0), "A is stopped already\n".to_owned(), String::new())
    );
    assert_eq!(
        group.order("start", "A"),
        (Some(0), "starting A\n".to_owned(), String::new())
    );
    let after = group.wait_state("A", AgentState::Healthy);
    assert_ne!(after.pid, before.pid);
    group.wait_agent("B", |agent| agent.without.is_empty());
    assert_eq!(group.status().unwrap().state, GroupState::Healthy);
    let (code, out, err) = group.order("stop", "Nobody");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("no agent `Nobody` in this group"), "{err}");
    saw(
        "an operator stops an agent",
        "it ends with all that it started, and is not started again; its group is not unhealthy",
        "stopped; nothing left of it; 200 from `/healthz`; healthy after its start",
    );
}
