//! The dashboard on a terminal: keys, what is shown, and how the terminal is left.

use std::io::Read as _;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::pty::OnTerminal;
use crate::signal;
use crate::stack::{Stack, agent, document, exists, waiting};

/// Group `one`, whose supervisor obeys `stop` and answers while there is a file `up`; its log goes on without end.
fn obedient(block: u8) -> Stack {
    let stack = Stack::new(block, 10);
    let (stop, up) = (stack.sandbox.path("stopped"), stack.sandbox.path("up"));
    stack.podman(&format!(
        r#"  "exec one") case "$*" in *" stop Hub") : > '{stop}' ;; esac ;;
  "logs "*) echo $$ >> '{pids}'; printf '[Hub] ready \033[2J\033]0;x\007\n[supervisor] other\n[Hub] 漢字\n'; exec sleep 1000 ;;"#,
        stop = stop.display(),
        pids = stack.sandbox.path("pids").display()
    ));
    stack.supervisor("one", move || {
        if !exists(&up) {
            return None;
        }
        let mut hub = agent("Hub", if exists(&stop) { "stopped" } else { "healthy" });
        if exists(&stop) {
            hub["pid"] = Value::Null;
            hub["failure"] = json!("stopped");
        } else {
            // The test itself stands for an agent.
            hub["pid"] = json!(std::process::id());
        }
        Some(document("one", "healthy", hub))
    });
    stack
}

fn start(stack: &Stack, arguments: &[&str], columns: u16, rows: u16) -> OnTerminal {
    let mut all = vec!["ui"];
    all.extend(arguments);
    OnTerminal::start(stack.sandbox.command(&all), columns, rows)
}

/// What the fake Podman says of containers, with this process for their first one.
fn containers_with_a_process(stack: &Stack, all: &[(&str, &str)]) {
    stack.containers(all);
    let path = stack.sandbox.path("containers.json");
    let mut list: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for container in list.as_array_mut().unwrap() {
        container["Pid"] = json!(std::process::id());
    }
    let new = path.with_extension("new");
    std::fs::write(&new, list.to_string()).unwrap();
    std::fs::rename(new, path).unwrap();
}

#[test]
fn it_shows_what_runs_obeys_its_keys_and_gives_the_terminal_back() {
    let stack = obedient(181);
    let mut ui = start(&stack, &["--color", "always"], 80, 24);
    ui.wait_for(&[
        "small181",
        "nothing runs: `",
        " up` starts it",
        "no container, so no log",
    ]);

    // `up`, in another terminal.
    containers_with_a_process(&stack, &[("one", "running"), ("two", "running")]);
    stack.supervisor("two", || Some(waiting("two", "Ear", "Hub")));
    std::fs::write(stack.sandbox.path("up"), "").unwrap();
    let screen = ui.wait_for(&[
        "1 healthy, 1 waiting",
        "home/one",
        "ready \\u{1b}[2J\\u{1b}]0;x\\u{7}",
        "漢字",
        " MB",
        "healthy, port",
    ]);
    assert!(!screen.contains("supervisor] other"), "{screen}");
    let ear = screen.lines().find(|line| line.contains("  Ear")).unwrap();
    assert!(ear.contains("waiting") && ear.contains("Hub"), "{screen}");

    // Moved to the next, and back by the filter.
    ui.type_keys("\u{1b}[B\u{1b}[B");
    ui.wait_for(&["Ear: log", "Ear (waiting): waits for Hub (home)"]);
    ui.type_keys("/hub\r");
    ui.wait_until("Hub alone", |screen| {
        screen.contains("Hub: log") && !screen.contains("Ear")
    });
    ui.type_keys("?");
    ui.wait_for(&["restart the agent, or the group's container"]);
    ui.type_keys(" s");
    ui.wait_for(&["Stop agent Hub?"]);
    ui.type_keys("n");
    ui.wait_until("no question", |screen| !screen.contains("Stop agent Hub?"));
    ui.type_keys("sy");
    ui.wait_for(&["stopped agent Hub", "1 stopped"]);
    let orders: Vec<String> = stack.sandbox.podman_calls();
    let orders: Vec<&String> = orders.iter().filter(|call| call.starts_with("exec")).collect();
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert!(orders[0].ends_with("agent-supervisor stop Hub"), "{orders:?}");

    // `down`, and `up` once more.
    ui.type_keys("\u{1b}");
    std::fs::remove_file(stack.sandbox.path("up")).unwrap();
    stack.containers(&[("two", "running")]);
    ui.wait_for(&["home/one   has no container"]);
    std::fs::remove_file(stack.sandbox.path("stopped")).unwrap();
    std::fs::write(stack.sandbox.path("up"), "").unwrap();
    containers_with_a_process(&stack, &[("one", "running"), ("two", "running")]);
    ui.wait_for(&["1 healthy", "healthy, port"]);

    ui.type_keys("q");
    let (status, text) = ui.end();
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(text.contains("\u{1b}[?25h"), "the cursor is seen again");
    // Nothing that an agent printed was obeyed.
    let (_, drawn) = text.split_once("\u{1b}[2J").unwrap();
    assert!(!drawn.contains("\u{1b}[2J") && !text.contains("\u{1b}]0;"), "{text}");
    let pids = std::fs::read_to_string(stack.sandbox.path("pids")).unwrap();
    for pid in pids.lines() {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!line.starts_with("sleep"), "process {pid} still shows a log");
    }
}

#[test]
fn every_ending_gives_the_terminal_back() {
    let stack = obedient(182);
    std::fs::write(stack.sandbox.path("up"), "").unwrap();
    stack.containers(&[("one", "running")]);
    let endings: [(Option<Signal>, i32); 4] = [
        (None, 130),
        (Some(Signal::SIGINT), 130),
        (Some(Signal::SIGTERM), 143),
        (Some(Signal::SIGHUP), 130),
    ];
    for (by, code) in endings {
        let mut ui = start(&stack, &["one"], 120, 40);
        ui.wait_for(&["1 healthy", "ready"]);
        match by {
            Some(by) => signal(ui.id(), by),
            None => ui.type_keys("\u{3}"),
        }
        let (status, text) = ui.end();
        assert_eq!(status.code(), Some(code), "{by:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[test]
fn without_colour_there_is_none_and_without_a_terminal_it_says_what_to_use() {
    let stack = obedient(183);
    let mut command = stack.sandbox.command(&["ui"]);
    command.env("NO_COLOR", "1");
    let mut ui = OnTerminal::start(command, 80, 24);
    ui.wait_for(&["nothing runs"]);
    ui.type_keys("q");
    let (_, text) = ui.end();
    let sequences = text.split("\u{1b}[").skip(1).filter_map(|rest| rest.split_once('m'));
    let numbers = sequences.flat_map(|(inner, _)| inner.split(';'));
    let colors: Vec<&str> = numbers
        .filter(|number| matches!(number.parse(), Ok(30..=38 | 40..=48 | 90..=107)))
        .collect();
    assert_eq!(colors, [""; 0], "{text:?}");
    stack
        .sandbox
        .run(&["ui"])
        .fails_with(2, &["needs a terminal", "status --watch", "logs --follow"]);
    stack.sandbox.run(&["ui", "Hup"]).fails_with(2, &["needs a terminal"]);
    let ui = start(&stack, &["Hup"], 80, 24);
    let (status, text) = ui.end();
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(!text.contains("\u{1b}[?1049h"), "{text}");
}

#[test]
fn a_terminal_that_is_gone_ends_it() {
    let stack = obedient(184);
    let pty = openpty(None, None).unwrap();
    for side in [&pty.master, &pty.slave] {
        fcntl(side, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    }
    let side = || pty.slave.try_clone().unwrap();
    let mut command = stack.sandbox.command(&["ui"]);
    command.env("TERM", "xterm").stdin(side()).stdout(side()).stderr(side());
    let mut ui = command.spawn().unwrap();
    drop(command);
    drop(pty.slave);
    let mut screen = std::fs::File::from(pty.master);
    let mut bytes = [0; 4096];
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("?1049h") {
        let count = screen.read(&mut bytes).unwrap();
        seen.extend_from_slice(&bytes[..count]);
    }
    // Nobody sends it a signal: it sees for itself.
    drop(screen);
    let began = Instant::now();
    let status = loop {
        if let Some(status) = ui.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > Duration::from_secs(20) {
            ui.kill().unwrap();
            panic!("it still runs");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(130));
}
