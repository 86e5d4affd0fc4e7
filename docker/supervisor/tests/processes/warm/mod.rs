//! Warm starts: an agent must not be able to tell that it was forked, and whatever is wrong with the warm interpreter, the
//! agents start. Scripts are run plainly and warm, and compared byte for byte.

mod failing;
mod same;

use std::path::Path;

use contract::group_config::Start;
use contract::status::{AgentState, AgentStatus, Exit};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{Group, Setup, wait_for};

/// Real Python, warm starts, these modules.
fn warm(preload: &[&str]) -> Setup {
    let mut setup = Setup::new();
    setup.config["python"] = json!("python3");
    setup.config["start"] = json!("warm");
    setup.config["preload"] = json!(preload);
    setup.config["python_path"] = json!([setup.dir.path(), setup.dir.path().join("lib")]);
    setup
}

/// A module of its own for the preload.
fn module(setup: &Setup, name: &str, text: &str) {
    let folder = setup.dir.path().join("lib");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.py")), text).unwrap();
}

/// What a script came to.
#[derive(Debug, PartialEq)]
struct Ran {
    /// What it printed, with the temporary folder's name taken out.
    printed: String,
    code: Option<i32>,
    signal: Option<i32>,
}

/// Runs a script once, plainly or warm, until it ends. The group's other settings come from `change`.
#[track_caller]
fn run(script: &str, start: Start, ports: (u16, u16), preload: &[&str], change: &dyn Fn(&mut Setup)) -> Ran {
    let mut setup = warm(preload);
    setup.set("crash_limit", 1.into());
    setup.config["start"] = json!(start);
    setup.agent("A", script, &[]);
    setup.config["agents"][0]["port"] = json!(ports.0);
    setup.config["agents"][0]["health_check_port"] = json!(ports.1);
    setup.config["agents"][0]["params"] = json!({"mode": "a b", "empty": ""});
    change(&mut setup);
    let folder = setup.dir.path().display().to_string();
    let mut group = setup.start();
    let agent = group.wait_state("A", AgentState::Failed);
    assert_eq!(agent.start, Some(start), "{:?}\n{}", agent.plain_because, group.said());
    let Exit { code, signal, .. } = agent.last_exit.unwrap();
    // Ended, it has written its log files.
    group.signal(Signal::SIGTERM);
    group.wait_exit();
    let printed = group.log("A.log").replace(&folder, "FOLDER");
    Ran { printed, code, signal }
}

/// Runs a script both ways; it must come to the same. Returns what.
#[track_caller]
fn same_with(script: &str, preload: &[&str], change: &dyn Fn(&mut Setup)) -> Ran {
    let ports = (crate::harness::free_port(), crate::harness::free_port());
    let plain = run(script, Start::Plain, ports, preload, change);
    let warm = run(script, Start::Warm, ports, preload, change);
    for (plain, warm) in plain.printed.lines().zip(warm.printed.lines()) {
        assert_eq!(warm, plain, "{script}");
    }
    assert_eq!(warm, plain);
    warm
}

#[track_caller]
fn same(script: &str, preload: &[&str]) -> Ran {
    same_with(script, preload, &|_| {})
}

/// The warm interpreter's process.
fn warm_pid(group: &Group) -> Option<u32> {
    group.children().into_iter().map(|child| child.0).find(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("\0-c\0exec(")
    })
}

/// An agent that answers health checks, with further lines before it does.
fn answering(lines: &str) -> String {
    format!(
        "import sys, zmq\n{lines}\n\
         port = int(sys.argv[sys.argv.index('--health_check_port') + 1])\n\
         socket = zmq.Context.instance().socket(zmq.REP)\n\
         socket.bind(f'tcp://*:{{port}}')\n\
         while True:\n    socket.recv()\n    socket.send_json({{'status': 'ok'}})\n"
    )
}

#[track_caller]
fn started(group: &Group, name: &str, start: Start) -> AgentStatus {
    group.wait_agent(name, |agent| {
        agent.state == AgentState::Healthy && agent.start == Some(start)
    })
}
