//! Output: prefixes, log files, floods, blocked and closed stdout, disks that are full.

use contract::status::AgentState;
use serde_json::json;

use crate::harness::{Setup, saw, wait_for};

#[test]
fn lines_are_prefixed_and_logged_and_partial_ones_flushed() {
    let mut setup = Setup::new();
    setup.agent("A", "say one\ncomplain two\npartial three\nexit-after 50 3", &[]);
    setup.set("crash_limit", 1.into());
    let group = setup.start();
    let agent = group.wait_state("A", AgentState::Failed);
    assert_eq!(agent.last_stderr, ["two"]);
    group.wait_said("[A] one\n");
    group.wait_said("[A] two\n");
    group.wait_said("[A] three\n");
    wait_for("the log file", || group.log("A.log").contains("three\n").then_some(()));
    assert!(!group.log("A.log").contains("[A]"));
}

#[test]
fn a_flood_costs_neither_memory_nor_disk() {
    let mut setup = Setup::new();
    setup.set("log_max_bytes", 100_000.into()).set("log_keep", 2.into());
    setup.agent("A", "answer\nflood 50000000", &[]);
    setup.agent("B", "answer", &[]);
    let group = setup.start();
    let mut most = 0;
    wait_for("the flood's end", || {
        most = most.max(group.own_memory_kib());
        group.log("A.log").contains("flood over").then_some(())
    });
    assert!(most < 3 * 1024, "resident memory reached {most} KiB");
    for file in ["A.log", "A.log.1", "A.log.2"] {
        let length = group.log(file).len();
        assert!(length > 0 && length <= 100_000, "{file} has {length} bytes");
    }
    assert_eq!(group.log("A.log.3"), "");
    group.wait_state("A", AgentState::Healthy);
    group.wait_state("B", AgentState::Healthy);
    assert_eq!(group.said().matches("ffff\n").count(), 500_000);
    saw(
        "agent floods its output",
        "logs are rotated, memory stays bounded, nobody waits",
        "log files and memory within their bounds",
    );
}

#[test]
fn a_blocked_stdout_blocks_no_agent() {
    let mut setup = Setup::new();
    setup.set("log_max_bytes", 1_000_000.into());
    setup.agent("A", "answer\nflood 3000000", &[]);
    let mut group = setup.start_with(false);
    wait_for("the flood's end", || {
        group.log("A.log").contains("flood over").then_some(())
    });
    group.wait_state("A", AgentState::Healthy);
    group.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
}

#[test]
fn a_closed_stdout_kills_nobody() {
    let mut setup = Setup::new();
    setup.agent("A", "answer\nsay x", &[]);
    let mut group = setup.start_with(false);
    drop(group.child.stdout.take());
    let first = group.wait_state("A", AgentState::Healthy);
    group.wait_agent("A", |agent| agent.pid == first.pid);
    group.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
}

#[test]
fn log_files_that_cannot_be_written_are_said_once() {
    let mut setup = Setup::new();
    setup.agent("A", "answer\nsay one\nflood 100000", &[]);
    setup.agent("B", "answer\nsay two", &[]);
    // A folder below a file cannot be made, not even by root.
    setup.config["log_directory"] = json!(setup.dir.path().join("A.py/logs"));
    let group = setup.start();
    group.wait_said("[A] flood over");
    group.wait_said("[B] two");
    group.wait_state("A", AgentState::Healthy);
    group.wait_said("cannot write log file");
    assert_eq!(group.said().matches("cannot write log file").count(), 1);
}

#[test]
fn a_full_disk_stops_no_agent() {
    let mut setup = Setup::new();
    setup.agent("A", "answer\nsay one\nflood 100000", &[]);
    let logs = setup.dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    // A file system of one page, in a mount namespace of the test's own.
    let script = format!("mount -t tmpfs -o size=4k tmpfs '{}' && exec \"$@\"", logs.display());
    setup.wrapper = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        &script,
        "sh",
    ]
    .map(str::to_owned)
    .to_vec();
    let group = setup.start();
    group.wait_said("[A] flood over");
    group.wait_state("A", AgentState::Healthy);
    group.wait_said("No space left on device");
    saw(
        "disk of the logs is full",
        "it is said, and no agent stops",
        "\"No space left on device\"; healthy",
    );
}

/// What agents find in the folder of their log files is theirs to make; nothing is written through it.
#[test]
fn a_log_file_that_leads_elsewhere_is_not_followed() {
    let mut setup = Setup::new();
    setup.agent("A", "answer\nsay forged", &[]);
    setup.agent("B", "answer\nsay two", &[]);
    let logs = setup.dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    std::os::unix::fs::symlink("/proc/self/fd/1", logs.join("A.log")).unwrap();
    nix::unistd::mkfifo(&logs.join("B.log"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let group = setup.start();
    group.wait_said("[A] forged\n");
    group.wait_said("[B] two\n");
    group.wait_said("cannot write log file");
    group.wait_state("A", AgentState::Healthy);
    group.wait_state("B", AgentState::Healthy);
    assert_eq!(group.said().matches("forged\n").count(), 1, "{}", group.said());
}

#[test]
fn a_progress_bar_has_lines_and_the_error_behind_it_is_the_reason() {
    let mut setup = Setup::new();
    setup.set("crash_limit", 1.into());
    let bar: String = (0..400).map(|step| format!("\\r {step}/400 loading")).collect();
    let script = format!("bytes {bar}\nbytes \\nOSError: the model is broken\\n\nexit-after 50 1");
    setup.agent("A", &script, &[]);
    let group = setup.start();
    let agent = group.wait_state("A", AgentState::Failed);
    let reason = agent.reason.unwrap();
    assert!(
        reason.ends_with("last stderr line: OSError: the model is broken"),
        "{reason}"
    );
    assert_eq!(agent.last_stderr, [" 399/400 loading", "OSError: the model is broken"]);
    wait_for("the log file", || {
        group.log("A.log").contains("\n 7/400 loading\n").then_some(())
    });
    assert!(!group.log("A.log").contains('\r'));
    saw(
        "agent draws a progress bar and fails",
        "each step is a line, and the reason is the error behind it",
        "last stderr line: OSError: the model is broken",
    );
}

#[test]
fn the_end_of_a_process_is_explained() {
    for (script, reason) in [
        ("raise BUS\nraise BUS", "killed by signal 7 after"),
        ("raise BUS\nraise BUS", "SIGBUS"),
        ("raise BUS\nraise BUS", "/dev/shm"),
        ("raise SEGV\nraise SEGV", "SIGSEGV: a native library"),
        ("raise ILL", "SIGILL: an instruction that this CPU does not have"),
        ("raise KILL", "SIGKILL: "),
        (
            "shell kill -9 $$\nexit-after 1 137",
            "128 + 9: a process that it ran was ended by SIGKILL",
        ),
        ("exit-after 1 127", "a shell's code for a command that it did not find"),
        ("exit-after 1 126", "may not execute"),
        ("exit-after 1 139", "SIGSEGV"),
        ("raise 40", "killed by signal 40"),
    ] {
        let mut setup = Setup::new();
        setup.set("crash_limit", 1.into());
        setup.agent("A", script, &[]);
        let group = setup.start();
        let said = group.wait_state("A", AgentState::Failed).reason.unwrap();
        assert!(said.contains(reason), "{said}");
        assert!(!said.contains("out of memory: "), "{said}");
    }
}
