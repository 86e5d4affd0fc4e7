//! Whatever an agent leaves running goes with it: children in its group, in sessions of their own, daemons, those that hide who they
//! are, and those of an agent that fights its keeper.

use contract::status::AgentState;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Group, Setup, children_of, lives, parent, running, saw, wait_for};

/// Ways to leave a process that holds the agent's port.
const DAEMONS: [&str; 5] = [
    "shell $FAKE_AGENT --hold $PORT &",
    "shell setsid --fork $FAKE_AGENT --hold $PORT",
    "shell setsid --fork env -i $FAKE_AGENT --hold $PORT",
    "shell (setsid sh -c 'trap \"\" TERM HUP; ($FAKE_AGENT --hold $PORT & exit 0) & exit 0' & exit 0)",
    "shell setsid --fork sh -c 'cd /; umask 0; exec </dev/null >/dev/null 2>&1; setsid --fork $FAKE_AGENT --hold $PORT'",
];

fn kill_agent(pid: Option<u32>) {
    kill(Pid::from_raw(pid.unwrap() as i32), Signal::SIGKILL).unwrap();
}

/// A group whose agent leaves something, with the id of what it left.
#[track_caller]
fn group(lines: &str) -> (Group, u32) {
    let mut setup = Setup::new();
    setup.agent("A", &format!("need-port\n{lines}\nanswer"), &[]);
    let port = setup.config["agents"][0]["port"].to_string();
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    let left = wait_for("the daemon", || running(&["--hold", &port]).first().copied());
    (group, left)
}

#[test]
fn a_crashed_agent_s_daemons_die_whatever_they_do_and_it_gets_its_port_again() {
    for daemon in DAEMONS {
        let (group, left) = group(daemon);
        let first = group.wait_state("A", AgentState::Healthy);
        kill_agent(first.pid);
        let second = group.wait_agent("A", |agent| agent.restarts >= 1 && agent.state == AgentState::Healthy);
        assert_eq!(second.restarts, 1, "{daemon}: the port was still held");
        assert!(!lives(left), "{daemon}");
    }
    saw(
        "agent leaves a daemon in a session of its own",
        "it is killed with the agent, which gets its port again",
        "healthy after one restart, no process left",
    );
}

#[test]
fn a_restart_and_a_stop_end_them_too() {
    let (mut group, left) = group(DAEMONS[2]);
    assert_eq!(group.restart("A").0, Some(0));
    let agent = group.wait_agent("A", |agent| agent.restarts == 1 && agent.state == AgentState::Healthy);
    assert!(!lives(left));
    let port = agent.port.to_string();
    let left = wait_for("the next daemon", || running(&["--hold", &port]).first().copied());
    group.signal(Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
    assert!(!lives(left));
}

#[test]
fn a_daemon_is_not_taken_for_the_agent() {
    let mut setup = Setup::new();
    setup.set("crash_limit", 2.into());
    // The daemon answers health checks for ever; the agent's own process ends.
    std::fs::write(setup.dir.path().join("daemon"), "answer").unwrap();
    let line = "shell setsid --fork $FAKE_AGENT -u daemon --name D --port 1 --health_check_port $HEALTH; sleep 0.3";
    setup.agent("A", &format!("{line}\nexit-after 200 0"), &[]);
    let health = setup.config["agents"][0]["health_check_port"].to_string();
    let group = setup.start();
    let failed = group.wait_state("A", AgentState::Failed);
    assert_eq!(failed.last_exit.unwrap().code, Some(0));
    assert!(running(&["daemon", &health]).is_empty());
}

#[test]
fn other_agents_and_their_children_are_left_alone() {
    let mut setup = Setup::new();
    setup.agent("A", &format!("{}\nanswer", DAEMONS[1]), &[]);
    setup.agent("B", &format!("{}\nanswer", DAEMONS[2]), &[]);
    let port = setup.config["agents"][1]["port"].to_string();
    let group = setup.start();
    let first = group.wait_state("A", AgentState::Healthy);
    let other = group.wait_state("B", AgentState::Healthy);
    let kept = wait_for("the daemon", || running(&["--hold", &port]).first().copied());
    kill_agent(first.pid);
    group.wait_agent("A", |agent| agent.restarts == 1 && agent.state == AgentState::Healthy);
    assert!(lives(kept) && lives(other.pid.unwrap()));
    assert_eq!(group.wait_state("B", AgentState::Healthy).pid, other.pid);
}

#[test]
fn orphans_are_reaped_while_the_agent_runs() {
    let mut setup = Setup::new();
    setup.agent("A", "fork-orphans\nanswer", &[]);
    let group = setup.start();
    let agent = group.wait_state("A", AgentState::Healthy).pid.unwrap();
    let keeper = parent(agent).unwrap();
    assert_eq!(parent(keeper), Some(group.pid()));
    // The five short orphans end; the one `sleep` stays, and is the keeper's by adoption.
    wait_for("reaped orphans", || {
        let children = children_of(keeper);
        (children.len() == 2 && children.iter().all(|child| child.1 != 'Z')).then_some(())
    });
    let leftover = children_of(keeper).into_iter().find(|child| child.0 != agent).unwrap();
    kill_agent(Some(agent));
    wait_for("the leftover's end", || (!lives(leftover.0)).then_some(()));
    wait_for("one keeper", || (group.children().len() == 1).then_some(()));
    saw(
        "agent forks orphans",
        "they are reaped; what a crashed agent leaves running is killed",
        "no zombie, no leftover process",
    );
}

#[test]
fn an_agent_that_kills_its_keeper_goes_with_all_that_is_its() {
    let (group, left) = group(DAEMONS[2]);
    let first = group.wait_state("A", AgentState::Healthy).pid.unwrap();
    kill(Pid::from_raw(parent(first).unwrap() as i32), Signal::SIGKILL).unwrap();
    let second = group.wait_agent("A", |agent| agent.restarts >= 1 && agent.state == AgentState::Healthy);
    assert_ne!(second.pid, Some(first));
    wait_for("the end of both", || (!lives(first) && !lives(left)).then_some(()));
    wait_for("one keeper", || (group.children().len() == 1).then_some(()));
}

#[test]
fn an_agent_that_stops_its_keeper_is_restarted_all_the_same() {
    let mut setup = Setup::new();
    setup.set("stop_grace_ms", 200.into());
    setup.agent("A", "answer", &[]);
    let group = setup.start();
    let first = group.wait_state("A", AgentState::Healthy).pid.unwrap();
    kill(Pid::from_raw(parent(first).unwrap() as i32), Signal::SIGSTOP).unwrap();
    assert_eq!(group.restart("A").0, Some(0));
    group.wait_agent("A", |agent| agent.restarts == 1 && agent.state == AgentState::Healthy);
    assert!(!lives(first));
}

#[test]
fn signals_to_a_keeper_change_nothing() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    let group = setup.start();
    let first = group.wait_state("A", AgentState::Healthy).pid.unwrap();
    let keeper = Pid::from_raw(parent(first).unwrap() as i32);
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGCHLD,
    ] {
        kill(keeper, signal).unwrap();
    }
    let again = group.wait_agent("A", |agent| agent.state == AgentState::Healthy);
    assert_eq!((again.pid, again.restarts), (Some(first), 0));
}

#[test]
fn nothing_outlives_a_killed_supervisor() {
    let (mut group, left) = group(DAEMONS[1]);
    let agent = group.wait_state("A", AgentState::Healthy).pid.unwrap();
    group.child.kill().unwrap();
    group.child.wait().unwrap();
    wait_for("the end of all", || (!lives(agent) && !lives(left)).then_some(()));
}

#[test]
fn a_program_that_cannot_be_started_is_said() {
    let mut setup = Setup::new();
    let broken = setup.dir.path().join("broken");
    std::fs::write(&broken, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&broken, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    setup.set("crash_limit", 1.into());
    setup.agent("A", "answer", &[]);
    setup.config["python"] = serde_json::json!(broken);
    let group = setup.start();
    let failed = group.wait_state("A", AgentState::Failed);
    assert!(
        failed.reason.unwrap().contains("could not be started: No such file"),
        "{}",
        group.said()
    );
}
