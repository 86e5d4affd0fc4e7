//! `bench` from outside, on a tree as small as its agents allow, beside a `ruff` that is there for the test.

use serde_json::Value;

use crate::sandbox::Sandbox;

/// Puts a binary named `ruff` on PATH: a script would be passed over. It takes every argument and ends well.
fn with_ruff() -> Sandbox {
    let sandbox = Sandbox::new();
    std::fs::copy("/bin/echo", sandbox.path("bin/ruff")).unwrap();
    sandbox
}

fn trees_left(sandbox: &Sandbox) -> usize {
    std::fs::read_dir(sandbox.path("tmp")).unwrap().count()
}

fn run(sandbox: &Sandbox, arguments: &[&str]) -> crate::sandbox::Ran {
    std::fs::create_dir_all(sandbox.path("tmp")).unwrap();
    let output = sandbox
        .command(arguments)
        .env("TMPDIR", sandbox.path("tmp"))
        .output()
        .unwrap();
    sandbox.ran(&output)
}

#[test]
fn the_audit_is_measured_in_pairs_and_nothing_is_left() {
    let sandbox = with_ruff();
    let ran = run(
        &sandbox,
        &["bench", "audit", "--files", "90,110", "--runs", "2", "--format", "json"],
    );
    assert_eq!(ran.code, 0, "{ran:#?}");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(document["runs"], 2);
    assert!(document["machine"]["cores"].as_u64().unwrap() > 0);
    let files: Vec<_> = document["trees"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tree| &tree["files"])
        .collect();
    assert_eq!(files, [90, 110]);
    for tree in document["trees"].as_array().unwrap() {
        for figure in ["wall", "cpu", "memory"] {
            assert!(tree["ratio"][figure].as_f64().is_some(), "{figure} of {tree:#}");
        }
        assert!(tree["audit"]["peak_bytes"].as_u64().unwrap() > 1_000_000, "{tree:#}");
    }
    assert_eq!(trees_left(&sandbox), 0);

    let table = run(&sandbox, &["bench", "audit", "--files", "90", "--runs", "1"]);
    assert_eq!(table.code, 0, "{table:#?}");
    assert!(table.stdout.contains("1 pair of runs"), "{table:#?}");
}

#[test]
fn agents_that_share_code_are_measured_beside_ruff_and_beside_one_agent() {
    let sandbox = with_ruff();
    let arguments = [
        "bench",
        "audit",
        "--agents",
        "4",
        "--share",
        "5",
        "--library-lines",
        "2000",
        "--runs",
        "1",
        "--format",
        "json",
    ];
    let ran = run(&sandbox, &arguments);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let trees = document["trees"].as_array().unwrap();
    assert_eq!(trees.len(), 1, "{document:#}");
    assert_eq!(trees[0]["agents"], 4);
    let shared = document["shared"].as_array().unwrap();
    assert_eq!(shared.len(), 1, "{document:#}");
    assert_eq!(shared[0]["agents"], 5);
    assert!(shared[0]["ratio"].as_f64().unwrap() > 0.0, "{document:#}");
    assert_eq!(trees_left(&sandbox), 0);

    let table = run(
        &sandbox,
        &[
            "bench",
            "audit",
            "--share",
            "2",
            "--library-lines",
            "1000",
            "--runs",
            "1",
        ],
    );
    assert_eq!(table.code, 0, "{table:#?}");
    assert!(table.stdout.contains("A library that all agents import"), "{table:#?}");
}

#[test]
fn an_interrupt_leaves_no_tree() {
    let sandbox = with_ruff();
    std::fs::create_dir_all(sandbox.path("tmp")).unwrap();
    let child = sandbox
        .command(&["bench", "audit", "--files", "100", "--runs", "60000"])
        .env("TMPDIR", sandbox.path("tmp"))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    while trees_left(&sandbox) == 0 {
        std::thread::yield_now();
    }
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let ran = sandbox.ran(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{ran:#?}");
    assert_eq!(trees_left(&sandbox), 0);
}
