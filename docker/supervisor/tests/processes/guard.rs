//! What agents, which run as the supervisor's own user, cannot do to those who judge them. Everything here runs as an ordinary user:
//! root may do anything to anybody.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use contract::status::AgentState;
use nix::sys::signal::Signal;

use crate::harness::{Setup, fake_agent, saw, wait_for};

/// A group that runs as an ordinary user, whoever runs the tests.
fn ordinary() -> Setup {
    let mut setup = Setup::new();
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        setup.wrapper = ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups"]
            .map(str::to_owned)
            .to_vec();
        let folder = setup.dir.path().to_owned();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
        // Whatever lies above the build's folder may be closed to that user.
        let copy = folder.join("fake_agent");
        std::fs::copy(fake_agent(), &copy).unwrap();
        setup.config["python"] = serde_json::json!(copy);
        let program = folder.join("agent-supervisor");
        std::fs::copy(env!("CARGO_BIN_EXE_agent-supervisor"), &program).unwrap();
        setup.program = Some(program);
    }
    setup
}

#[test]
fn agents_cannot_look_into_or_write_to_their_supervisor() {
    let mut setup = ordinary();
    let supervisor = "keeper=$(awk '{print $4}' /proc/$PPID/stat); pid1=$(awk '{print $4}' /proc/$keeper/stat)";
    let tries: String = ["keeper", "pid1"]
        .iter()
        .flat_map(|who| ["mem", "environ", "fd/1", "fd/2", "maps", "root/"].map(|file| format!("/proc/${who}/{file}")))
        .map(|file| format!("cat {file} </dev/null >/dev/null 2>&1 && echo read {file} >>found; (echo forged >>{file}) 2>/dev/null && echo wrote {file} >>found; "))
        .collect();
    // What it may look into is its own: the test would see nothing if nothing could be read at all.
    let own = "cat /proc/$PPID/environ >/dev/null && echo own >>found;";
    setup.agent("A", &format!("shell {supervisor}; {own} {tries}\nanswer"), &[]);
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    let found = std::fs::read_to_string(group.setup.dir.path().join("found")).unwrap_or_default();
    assert_eq!(found, "own\n");
    assert!(!group.said().contains("forged"));
    saw(
        "agent opens memory, environment and output of its supervisor",
        "the kernel refuses: PID 1 and the keepers are not dumpable",
        "nothing could be opened",
    );
}

#[test]
fn what_a_stack_gives_its_agents_never_reaches_the_supervisor() {
    let mut setup = Setup::new();
    for (name, value) in [
        ("LD_PRELOAD", "/nowhere/evil.so"),
        ("GLIBC_TUNABLES", "glibc.malloc.check=3"),
        ("MODE", "theirs"),
    ] {
        setup.environment.push((format!("AGENT_ENV_{name}"), value.to_owned()));
    }
    setup.environment.push(("MODE".to_owned(), "ours".to_owned()));
    setup.agent(
        "A",
        "environment LD_PRELOAD\nenvironment MODE\nenvironment AGENT_ENV_MODE\nanswer",
        &[],
    );
    let group = setup.start();
    group.wait_said("[A] LD_PRELOAD=/nowhere/evil.so\n");
    group.wait_said("[A] MODE=theirs\n");
    group.wait_said("[A] AGENT_ENV_MODE=\n");
    let agent = group.wait_state("A", AgentState::Healthy).pid.unwrap();
    let keeper = crate::harness::parent(agent).unwrap();
    assert_eq!(
        std::fs::read(format!("/proc/{keeper}/environ")).unwrap_or_default(),
        b""
    );
    // The dynamic loader complains to stderr where it sees that variable.
    assert!(
        !group.said().lines().any(|line| line.starts_with("ERROR: ld.so")),
        "{}",
        group.said()
    );
}

#[test]
fn an_agent_cannot_restart_stop_or_start_others() {
    let mut setup = Setup::new();
    let program = env!("CARGO_BIN_EXE_agent-supervisor");
    let port = setup.status_port;
    let ask = |word: &str| format!("{program} {word} B --port {port} >>restart.out 2>&1; echo code $? >>restart.out");
    let line = format!("shell {}; {}; {}", ask("restart"), ask("stop"), ask("start"));
    setup.agent(
        "A",
        &format!(
            "{line}\nshell {}\nanswer",
            line.replacen("shell", "setsid --fork sh -c '", 1) + "'"
        ),
        &["B"],
    );
    setup.agent("B", "answer", &[]);
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    let read = || std::fs::read_to_string(group.setup.dir.path().join("restart.out")).unwrap_or_default();
    // Asked by the agent, and by a process that it left to the supervisor: each three times.
    let said = wait_for("the answers", || {
        Some(read()).filter(|said| said.matches("code").count() == 6)
    });
    assert_eq!(said.matches("code 1").count(), 6, "{said}");
    assert_eq!(said.matches("only from outside the container").count(), 6, "{said}");
    let other = group.wait_state("B", AgentState::Healthy);
    assert_eq!(other.restarts, 0);
    // It may still ask.
    assert_eq!(group.restart("B").0, Some(0));
    group.wait_agent("B", |agent| agent.restarts == 1 && agent.state == AgentState::Healthy);
    saw(
        "agent asks for the restart, the stop or the start of another",
        "it is refused; an operator is not",
        "exit code 1, nothing done",
    );
}

/// As PID 1 of a namespace, with the signals that what runs in it may send.
#[test]
fn only_the_outside_stops_pid_1() {
    let mut setup = Setup::new();
    setup.wrapper = [
        "unshare",
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--kill-child=KILL",
        "--mount-proc",
    ]
    .map(str::to_owned)
    .to_vec();
    let line = "for signal in TERM INT QUIT HUP USR1 KILL STOP ABRT SEGV; do kill -$signal 1; done";
    // `sigqueue` says what it likes about its sender.
    std::fs::write(
        setup.dir.path().join("queue.py"),
        "import ctypes, signal, struct\nlibc = ctypes.CDLL(None)\n\
         signal.pthread_sigmask(signal.SIG_BLOCK, [40])\n\
         for _ in range(20000): libc.sigqueue(__import__('os').getpid(), 40, None)\n\
         info = ctypes.create_string_buffer(struct.pack('<iii4xii', 15, 0, -1, 0, 0), 128)\n\
         libc.syscall(129, 1, 15, info)\n",
    )
    .unwrap();
    setup.agent("A", &format!("shell {line}\nshell python3 queue.py\nanswer"), &[]);
    let mut group = setup.start();
    let agent = group.wait_state("A", AgentState::Healthy);
    group.wait_said("ignored an order to stop from process");
    assert!(!group.said().contains("stopping 1 agent"), "{}", group.said());
    assert_eq!(agent.restarts, 0);
    // From outside: the process that `unshare` forked.
    let inside = crate::harness::children_of(group.child.id())[0].0;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(inside as i32), Signal::SIGTERM).unwrap();
    assert_eq!(group.wait_exit().code(), Some(0));
    group.wait_said("stopping 1 agent");
    saw(
        "agent sends its container's PID 1 every signal",
        "nothing happens; an order from outside is obeyed",
        "\"ignored an order to stop\", then a clean stop",
    );
}
