//! Whatever is wrong with the warm interpreter, the agents start, and it is said why they start plainly.

use super::*;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// A group whose preload has this module; its agents must come up plainly, for that reason.
#[track_caller]
fn plainly(text: &str, reason: &str) -> Group {
    let mut setup = warm(&["json", "wrong"]);
    module(&setup, "wrong", text);
    setup.set("preload_timeout_ms", 2000.into());
    setup.agent("A", &answering(""), &[]);
    setup.agent("B", &answering(""), &["A"]);
    let group = setup.start();
    for name in ["A", "B"] {
        let agent = started(&group, name, Start::Plain);
        let because = agent.plain_because.unwrap();
        assert!(because.contains(reason), "{because}");
        group.wait_said(&format!("{name} is started plainly: {because}"));
    }
    group.wait_said("agents are started plainly from now on: ");
    wait_for("the warm interpreter's end", || {
        warm_pid(&group).is_none().then_some(())
    });
    group
}

#[test]
fn a_module_that_cannot_be_imported() {
    plainly(
        "import no_such_module",
        "wrong cannot be imported: ModuleNotFoundError: No module named",
    );
    plainly("raise SystemExit(3)", "wrong cannot be imported: SystemExit: 3");
    plainly("def broken(:", "wrong cannot be imported: SyntaxError: ");
}

#[test]
fn a_module_that_hangs() {
    plainly(
        "import time; time.sleep(600)",
        "importing all modules took over 2 s; it was at wrong",
    );
}

#[test]
fn a_module_that_ends_the_interpreter() {
    plainly(
        "import os; os._exit(9)",
        "the warm interpreter exited with code 9 while it imported wrong",
    );
    plainly(
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "the warm interpreter killed by signal 9 while it imported wrong",
    );
}

#[test]
fn a_module_that_leaves_something_no_fork_may_share() {
    plainly(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "wrong starts a thread when it is imported",
    );
    plainly(
        "import socket; s = socket.socket()",
        "wrong keeps a file or socket open when it is imported",
    );
    plainly(
        "import logging; logging.basicConfig()",
        "wrong sets up logging when it is imported",
    );
    plainly(
        "import subprocess\nprocess = subprocess.Popen(['sleep', '600'])",
        "wrong starts a process when it is imported",
    );
    plainly(
        "import os; os.chdir('/')",
        "wrong changes the working directory when it is imported",
    );
    plainly(
        "import os; os.environ['X'] = '1'",
        "wrong changes the environment when it is imported",
    );
    plainly(
        "import sys; sys.path.append('/x')",
        "wrong changes sys.path when it is imported",
    );
    plainly(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "wrong changes how a signal is handled when it is imported",
    );
}

#[test]
fn a_module_that_prints() {
    plainly(
        "print('hello from wrong')",
        "a module prints when it is imported: hello from wrong",
    );
    plainly(
        "import sys; print('oh', file=sys.stderr)",
        "a module prints when it is imported: oh",
    );
}

#[test]
fn a_fork_that_the_system_refuses_is_tried_again() {
    let mut setup = warm(&["wrong"]);
    module(
        &setup,
        "wrong",
        "import os\nfork = os.fork\ndef first():\n    os.fork = fork\n    raise OSError(11, 'no more processes')\nos.fork = first\n",
    );
    setup.agent("A", &answering(""), &[]);
    let group = setup.start();
    let agent = started(&group, "A", Start::Warm);
    assert_eq!(agent.restarts, 1);
    group.wait_said("A could not be started: [Errno 11] no more processes");
}

#[test]
fn the_warm_interpreter_dies_and_its_agents_live() {
    let mut setup = warm(&["zmq"]);
    setup.agent("A", &answering(""), &[]);
    setup.agent("B", &answering(""), &[]);
    let group = setup.start();
    let first = started(&group, "A", Start::Warm);
    let other = started(&group, "B", Start::Warm);
    kill(Pid::from_raw(warm_pid(&group).unwrap() as i32), Signal::SIGKILL).unwrap();
    group.wait_said("agents are started plainly from now on: the warm interpreter killed by signal 9");
    kill(Pid::from_raw(first.pid.unwrap() as i32), Signal::SIGKILL).unwrap();
    let agent = group.wait_agent("A", |agent| agent.restarts == 1 && agent.state == AgentState::Healthy);
    assert_eq!(agent.start, Some(Start::Plain));
    assert_eq!(
        agent.plain_because.as_deref(),
        Some("the warm interpreter killed by signal 9")
    );
    let still = group.wait_agent("B", |agent| agent.state == AgentState::Healthy);
    assert_eq!(
        (still.pid, still.restarts, still.start),
        (other.pid, 0, Some(Start::Warm))
    );
    assert_eq!(group.children().len(), 2);
}

#[test]
fn it_dies_while_it_forks() {
    let mut setup = warm(&["wrong"]);
    // Dies with the agent's process there, before that may run.
    module(
        &setup,
        "wrong",
        "import os, signal\nwaitpid = os.waitpid\ndef die(*a):\n    waitpid(*a)\n    os.kill(os.getpid(), signal.SIGKILL)\nos.waitpid = die\n",
    );
    setup.agent("A", &answering("print('runs')"), &[]);
    let group = setup.start();
    let agent = started(&group, "A", Start::Plain);
    assert_eq!(agent.restarts, 0);
    assert_eq!(group.said().matches("[A] runs").count(), 1, "{}", group.said());
    wait_for("one child", || (group.children().len() == 1).then_some(()));
}

#[test]
fn a_stop_waits_for_no_import() {
    let mut setup = warm(&["wrong"]);
    module(&setup, "wrong", "import time; print; time.sleep(600)");
    setup.agent("A", &answering(""), &[]);
    let mut group = setup.start();
    wait_for("the warm interpreter", || warm_pid(&group));
    group.wait_state("A", AgentState::Starting);
    group.signal(Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
    assert!(!group.said().contains("started A"), "{}", group.said());
}

#[test]
fn an_agent_that_is_restarted_is_forked_again() {
    let mut setup = warm(&["zmq"]);
    setup.agent("A", &answering(""), &[]);
    let group = setup.start();
    for restarts in 0..3 {
        let agent = group.wait_agent("A", |agent| {
            agent.restarts == restarts && agent.state == AgentState::Healthy
        });
        assert_eq!(agent.start, Some(Start::Warm));
        kill(Pid::from_raw(agent.pid.unwrap() as i32), Signal::SIGKILL).unwrap();
    }
    group.wait_said("A killed by signal 9 after ");
}

#[test]
fn without_agents_that_wish_it_there_is_no_warm_interpreter() {
    let mut setup = warm(&["zmq"]);
    setup.config["start"] = json!("plain");
    setup.agent("A", &answering(""), &[]);
    let group = setup.start();
    started(&group, "A", Start::Plain);
    assert_eq!(warm_pid(&group), None);
}
