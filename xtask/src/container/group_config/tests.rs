//! Group configs of stacks of every kind, held to what a supervisor runs.

use contract::health::Check;
use contract::validity::validate;

use super::config;
use crate::container::preload::Preload;
use crate::finding::stops;
use crate::stack::fixture::{Fixture, MAIN};

#[test]
fn of_two_with_one_number_the_port_is_forwarded_and_the_health_port_is_not() {
    // Alpha's health port is Beta's port.
    let stack = Fixture::small()
        .stack("health_port_offset: 2000", "health_port_offset: 1")
        .file(
            MAIN,
            "port: 5002, dependencies: [Beta]",
            "port: 5010, dependencies: [Alpha, Beta]",
        )
        .stack(
            "agents: [Alpha, Beta]",
            "agents: [Alpha]\n  more:\n    machine: main\n    address: 172.20.0.30\n    phase: 3\n    \
             published_status_port: 19103\n    requirements: requirements.core.txt\n    agents: [Beta]",
        )
        .model();
    let side = stack.find_group("side").unwrap();
    let bridges = config(&stack, side, &Preload::default()).loopback_bridges;
    let ports: Vec<(&str, &[u16])> = bridges.iter().map(|b| (b.agent.as_str(), b.ports.as_slice())).collect();
    assert_eq!(ports, [("Alpha", &[5000][..]), ("Beta", &[5001, 5002][..])]);
}

/// What a supervisor would refuse of what is rendered, group by group; and the agents that are left.
fn refused(fixture: &Fixture) -> (Vec<String>, Vec<String>) {
    let (stack, findings) = fixture.load();
    assert!(!stops(&findings), "{findings:#?}");
    let stack = stack.expect("a stack");
    let mut refused = Vec::new();
    let mut names = Vec::new();
    for (id, _) in stack.groups() {
        let config = config(&stack, id, &Preload::default());
        refused.extend(validate(&config).0.into_iter().map(|(_, message)| message));
        names.extend(config.agents.into_iter().map(|agent| agent.name));
    }
    (refused, names)
}

#[test]
fn one_port_for_both_is_asked_there_as_by_hand() {
    let written = "port: 5001\n    health_check_port: 5001";
    let of = |fixture: Fixture| {
        assert_eq!(fixture.says(), Vec::<String>::new());
        let stack = fixture.model();
        let core = stack.find_group("core").unwrap();
        config(&stack, core, &Preload::default())
    };
    let config = of(Fixture::small().file(MAIN, "port: 5001", written));
    let beta = &config.agents[1];
    let asked = Check {
        port: Some(5001),
        ..Check::default()
    };
    assert_eq!((&beta.health, beta.health_check_port), (&asked, Some(5001)));
    assert_eq!(beta.asked_port(), Some(5001));
    assert_eq!(validate(&config), (Vec::new(), Vec::new()));
    let by_hand = |by: &str| {
        Fixture::small().file(MAIN, "port: 5001", written).stack(
            "    agents: [Alpha, Beta]",
            &format!("    agents: [Alpha, Beta]\n    overrides: {{Beta: {{{by}}}}}"),
        )
    };
    assert_eq!(of(by_hand("health: {port: 5001}")), config);
    // It may be a server of another kind, and an override may say it as well.
    let http = of(by_hand("health: http"));
    assert_eq!(http.agents[1].asked_port(), Some(5001));
    assert_eq!(validate(&http), (Vec::new(), Vec::new()));
    let overridden = Fixture::small().stack(
        "    agents: [Alpha, Beta]",
        "    agents: [Alpha, Beta]\n    overrides: {Beta: {health_check_port: 5001}}",
    );
    assert_eq!(of(overridden), config);
}

#[test]
fn no_entry_of_a_startup_config_makes_a_group_that_is_refused() {
    for (entry, lost) in [
        ("port: 5001, health_check_port: 5001", false),
        ("port: 5001, health_check_port: 5000", true),
        ("port: 5000", true),
        ("port: 7000, health_check_port: 7009", false),
        ("port: 9000", true),
        ("port: 5001, health_check_port: 9000", true),
        ("port: 0", true),
        ("port: 5001, health_check_port: 0", false),
        ("health_check_port: 5001", false),
        ("health_check_port: 5000", true),
    ] {
        let fixture = Fixture::small().text(
            MAIN,
            &format!(
                "core:\n- {{name: Alpha, script_path: main/alpha.py, port: 5000}}\n- {{name: Beta, script_path: main/gamma.py, {entry}}}\n\
                 side:\n- {{name: Gamma, script_path: main/gamma.py, port: 5002}}\n"
            ),
        );
        let (refused, names) = refused(&fixture);
        assert_eq!(refused, Vec::<String>::new(), "{entry}");
        assert_eq!(!names.contains(&"Beta".to_owned()), lost, "{entry}: {names:?}");
        // The others go on; whose health port is a guess gives way to what is written.
        let kept = if entry.starts_with("port: 7000") { 1 } else { 2 };
        let others = ["Alpha", "Gamma"]
            .iter()
            .filter(|name| names.iter().any(|known| known == *name));
        assert_eq!(others.count(), kept, "{entry}: {names:?}");
    }
}

#[test]
fn no_override_makes_a_group_that_is_refused() {
    for (beta, lost) in [
        ("ports: ['6000:5555', '6001:5555']", false),
        ("ports: ['6000:5555', 5555]", false),
        ("ports: ['6000:5555', '5555:6000']", true),
        ("ports: ['6000:5555', '5555:5556']", true),
        ("ports: ['6000:5001']", true),
        ("ports: ['6000:5000']", true),
        ("ports: [5000]", true),
        ("ports: [7000]", true),
        ("ports: [7001]", false),
        ("ports: [9000]", true),
        ("ports: ['5001:5555'], health: {port: 5555}", false),
        ("health: {port: 5000}", true),
        ("health: {port: +0}", false),
        ("health: {kind: tcp, port: 7000}", true),
        ("health_check_port: 5000", true),
        ("health_check_port: 5001, health: tcp", false),
    ] {
        let fixture = Fixture::small().stack(
            "    agents: [Alpha, Beta]",
            &format!("    agents: [Alpha, Beta]\n    overrides: {{Beta: {{{beta}}}}}"),
        );
        let (refused, names) = refused(&fixture);
        assert_eq!(refused, Vec::<String>::new(), "{beta}");
        let expected: &[&str] = match lost {
            false => &["Alpha", "Beta", "Gamma", "Delta"],
            true => &["Alpha", "Gamma", "Delta"],
        };
        // A guess gives way to what is written.
        if beta.contains("7000") {
            assert!(
                !names.contains(&"Alpha".to_owned()) || !names.contains(&"Beta".to_owned()),
                "{names:?}"
            );
        } else {
            assert_eq!(names, expected, "{beta}");
        }
    }
}

#[test]
fn times_that_are_none_are_told_and_rendered_as_without_them() {
    for key in ["interval_seconds: 10", "timeout_seconds: 2.5"] {
        let none = format!("{}: 0", key.split_once(':').unwrap().0);
        let fixture = Fixture::small().file(MAIN, key, &none);
        assert_eq!(refused(&fixture).0, Vec::<String>::new(), "{none}");
        let says = fixture.says().join("\n");
        assert!(says.contains("cannot be 0 s; help: use 0.001 or more"), "{says}");
    }
}
