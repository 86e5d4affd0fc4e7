//! Which findings cost one agent alone. One thing wrong with an agent stops neither another agent nor a command.

use super::resolve::Read;
use crate::finding::{Finding, Subject};

/// Rules of which every finding is about single agents: nobody else has to do without anything.
const RULES: [&str; 9] = [
    "stack/agent-in-two-groups",
    "stack/duplicate-agent",
    "stack/missing-dependency",
    "stack/missing-fallback",
    "stack/missing-script",
    "stack/path-case",
    "stack/privileged-port",
    "stack/ungrouped-agent",
    "stack/unknown-agent",
];

/// Marks them: what is wrong in a startup config that could be read, and what the rules above say of agents.
pub fn mark(findings: &mut [Finding], reads: &[Read]) {
    let configs: Vec<&str> = reads
        .iter()
        .filter_map(|read| read.startup.as_ref())
        .filter(|startup| !startup.agents.is_empty())
        .map(|startup| startup.path.as_str())
        .collect();
    for finding in findings {
        let of_agent = finding
            .subjects
            .iter()
            .any(|subject| matches!(subject, Subject::Agent { .. }));
        let in_config = configs.contains(&finding.place.path.as_str());
        finding.alone |= (of_agent && RULES.contains(&finding.rule)) || (in_config && !is_shared(finding.rule));
    }
}

/// Rules that place their findings in a startup config although they are about what several have in common.
fn is_shared(rule: &str) -> bool {
    matches!(
        rule,
        "stack/port-clash" | "stack/bridge-port-clash" | "stack/status-port-clash" | "stack/writable-import"
    )
}

#[cfg(test)]
mod tests {
    use crate::finding::stops;
    use crate::stack::fixture::{Fixture, MAIN, PC2};

    /// Whether a stack with that in place of an agent's entry can be worked with, and the agents that are left.
    fn with(entry: &str) -> (bool, Vec<String>) {
        let list = format!(
            "core:\n- {{name: Alpha, script_path: main/alpha.py, port: 5000}}\n{entry}\nside:\n\
             - {{name: Gamma, script_path: main/gamma.py, port: 5002, dependencies: [Alpha]}}\n"
        );
        let (stack, findings) = Fixture::small().text(MAIN, &list).load();
        let stack = stack.expect("a stack");
        let names = stack.agents.iter().map(|agent| agent.name.clone()).collect();
        (stops(&findings), names)
    }

    #[test]
    fn whatever_is_wrong_with_an_agent_leaves_the_others() {
        for entry in [
            "- {name: Beta, port: 5001}",
            "- {name: Beta, script_path: main/gone.py, port: 5001}",
            "- {name: Beta, script_path: /etc/gone.py, port: 5001}",
            "- {name: Beta, script_path: 7, port: 5001}",
            "- {name: Beta, script_path: [x], port: 5001}",
            "- {name: Beta, script_path: main/gamma.py, port: 99999}",
            "- {name: Beta, script_path: main/gamma.py, port: here}",
            "- {name: Beta, script_path: main/gamma.py, port: \"${NOWHERE}+1\"}",
            "- {name: Beta, script_path: main/gamma.py, port: {}}",
            "- {name: Beta, script_path: main/gamma.py, port: 80}",
            "- {name: Beta, script_path: main/gamma.py, port: 64000}",
            "- {name: Beta, script_path: main/gamma.py, port: 5001, dependencies: [Nobody]}",
            "- {name: Beta, script_path: main/gamma.py, port: 5001, dependencies: {a: [b]}}",
            "- {name: Beta, script_path: main/gamma.py, port: 5001, dependencies: 7}",
            "- {name: Beta, script_path: main/gamma.py, port: 5001, required: maybe}",
            "- {name: Beta, script_path: main/gamma.py, port: 5001, params: {a: null, b c: d}}",
            "- {name: Beta, script_path: main/gamma.py, port: 5001, params: 7, env_vars: 7}",
            "- {name: Beta, script_path: main/gamma.py, port: 5001, port: 5003}",
            "- {name: Beta, module: nowhere.at.all, port: 5001}",
            "- {name: Be/ta, script_path: main/gamma.py, port: 5001}",
            "- {script_path: main/gamma.py, port: 5001}",
            "- Beta",
            "- [Beta]",
            "-",
            "- {name: Alpha, script_path: main/gamma.py, port: 5001}",
            "- {name: Loose, script_path: main/gamma.py, port: 5001}",
        ] {
            let (stops, names) = with(entry);
            assert!(!stops, "{entry}");
            for name in ["Alpha", "Gamma", "Delta"] {
                assert!(names.iter().any(|known| known == name), "{entry}: {names:?}");
            }
        }
    }

    #[test]
    fn what_concerns_all_stops_all() {
        for (from, to) in [
            ("subnet: 172.21.0.0/16", "subnet: 172.20.0.0/16"),
            ("version: 1", "version: 7"),
            ("address: 172.20.0.20", "address: 10.0.0.1"),
        ] {
            assert!(stops(&Fixture::small().stack(from, to).load().1), "{to}");
        }
        let none = Fixture::small()
            .text(MAIN, "core: [\n")
            .text(PC2, "environment: {A: b}\n");
        assert!(stops(&none.load().1));
    }

    #[test]
    fn a_startup_config_that_cannot_be_read_costs_its_machine_alone() {
        for text in ["core: [\n", "environment: {A: b}\n", "", "7\n"] {
            let fixture = Fixture::small().text(MAIN, text);
            let (whole, (stack, findings)) = (Fixture::small().model(), fixture.load());
            assert!(!findings.is_empty() && !stops(&findings), "{text:?}: {findings:?}");
            let stack = stack.expect("a stack");
            let names: Vec<&str> = stack.agents.iter().map(|agent| agent.name.as_str()).collect();
            assert_eq!(names, ["Delta"], "{text:?}");
            let unread = &stack.unread[0];
            assert_eq!((unread.machine.as_str(), unread.groups.len()), ("main", 2));
            // What is chosen by place does not move.
            let of = |stack: &crate::stack::Stack| {
                let group = stack.group(stack.find_group("far").unwrap()).clone();
                (
                    group.address,
                    group.published_status_port,
                    stack.machine(group.machine).subnet,
                )
            };
            assert_eq!(of(&stack), of(&whole));
            // That what it depends on is there is not known.
            let says = |finding: &crate::finding::Finding| finding.rule == "stack/missing-dependency";
            assert!(!findings.iter().any(says), "{findings:?}");
        }
        let mut gone = Fixture::small();
        gone.texts.remove(PC2);
        let (stack, findings) = gone.load();
        assert!(!stops(&findings), "{findings:?}");
        assert_eq!(stack.expect("a stack").unread[0].machine, "pc2");
    }

    #[test]
    fn each_finding_names_its_agent_its_line_and_what_to_do() {
        let list = "core:\n- {name: Alpha, script_path: main/alpha.py, port: 5000}\n- {name: Beta, port: 5001}\n";
        let (_, findings) = Fixture::small().text(MAIN, list).load();
        let beta = findings
            .iter()
            .find(|finding| finding.message.contains("`Beta`"))
            .expect("a finding");
        assert_eq!(
            (beta.place.path.as_str(), beta.place.line),
            ("tree/main/startup.yaml", 3)
        );
        assert_eq!(beta.message, "agent `Beta` has no `script_path`");
        assert_eq!(beta.help.as_deref(), Some("add `script_path:`"));
        assert!(beta.alone);
    }
}
