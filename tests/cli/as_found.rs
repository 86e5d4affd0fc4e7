//! A tree as people have it, which no line was written for: what `init` and `audit` say of it.

use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::truth::{AGENTS, BEHIND_THEM, CANNOT_START, DEGRADED};

/// Every agent that cannot start is named, with the line that is the cause; and no other.
#[test]
fn the_audit_names_what_cannot_start_and_nothing_else() {
    let sandbox = Sandbox::as_found();
    for arguments in [&["audit", "--format", "json"][..], &["init"]] {
        let ran = sandbox.run(arguments);
        if arguments == ["init"] {
            assert_eq!(ran.code, 0, "{ran:#?}");
        } else {
            check(&ran.stdout);
        }
    }
    check(&sandbox.run(&["audit", "--format", "json"]).stdout);
}

/// Without a stack, and with the one that `init` wrote.
fn check(report: &str) {
    let report: Value = serde_json::from_str(report).unwrap();
    let agents = report["agents"].as_array().unwrap();
    assert_eq!(agents.len(), AGENTS);
    let named = |prediction: &str| -> Vec<&str> {
        let of_it = agents.iter().filter(|agent| agent["prediction"] == prediction);
        of_it.map(|agent| agent["name"].as_str().unwrap()).collect()
    };
    let mut cannot = named("cannot_start");
    cannot.sort_unstable();
    let mut wanted: Vec<&str> = CANNOT_START.iter().map(|agent| agent.1).collect();
    wanted.sort_unstable();
    assert_eq!(cannot, wanted);
    let mut degraded = named("degraded");
    degraded.sort_unstable();
    // What depends on a degraded one is none itself.
    assert_eq!(degraded, DEGRADED);
    assert!(named("starts").contains(&BEHIND_THEM));
    assert_eq!(named("blocked"), Vec::<&str>::new());
    for (machine, name, file, line, words) in CANNOT_START {
        let agent = agents
            .iter()
            .find(|agent| agent["machine"] == machine && agent["name"] == name)
            .unwrap();
        let reason = agent["reason"].as_str().unwrap();
        assert!(reason.contains(words), "{name}: {reason}");
        let findings = report["findings"].as_array().unwrap();
        let is_there = findings
            .iter()
            .any(|finding| finding["path"] == file && finding["line"] == line);
        assert!(is_there, "{name}: nothing is said of {file}:{line}");
    }
}

/// The page is short, and causes that others feel come before those that nobody else does.
#[test]
fn the_page_is_short() {
    let sandbox = Sandbox::as_found();
    let ran = sandbox.run(&["audit"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stdout.lines().count() <= 60, "{}", ran.stdout);
    let place = |agent: &str| ran.stdout.find(&format!(" {agent}: "));
    let (felt, alone) = (place("DreamLoop"), place("AuthGate"));
    assert!(felt.is_some() && felt < alone, "{}", ran.stdout);
}
