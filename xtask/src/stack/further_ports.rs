//! `ports:` of an override: ports of one agent besides the one that it is given and the one on which its health is asked.

use super::read::{Fields, Reader};
use super::spans::At;
use super::yaml::{Node, Value};
use crate::finding::Severity;

/// A port where others look for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FurtherPort {
    /// Its number for others.
    pub port: u16,
    /// The port that the agent really binds: the supervisor leads there where it is another.
    pub target: u16,
    /// Whether it is published on the host's loopback.
    pub publish: bool,
}

/// Reads the key.
pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Vec<At<FurtherPort>> {
    let Some(node) = fields.get("ports") else {
        return Vec::new();
    };
    let mut all: Vec<At<FurtherPort>> = Vec::new();
    for item in reader.items(node, "`ports`") {
        let Some(value) = one(reader, item) else { continue };
        let place = reader.place(item.span);
        if all.iter().any(|known| known.value.port == value.port) {
            let message = format!("`ports` has {} twice", value.port);
            reader.bad_value(place, message, "a port leads to one other: remove one of them");
            continue;
        }
        all.push(At { value, place });
    }
    all
}

fn one<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<FurtherPort> {
    match &node.value {
        Value::Mapping(_) => {
            let place = reader.place(node.span);
            let mut fields = reader.fields(node, "an item of `ports`", place)?;
            let port = reader
                .required(&mut fields, "port")
                .and_then(|node| reader.port(node, "`port`"));
            let target = fields.get("target").map(|node| reader.port(node, "`target`"));
            let publish = fields.get("publish").and_then(|node| reader.boolean(node, "`publish`"));
            reader.finish(fields, Severity::Error);
            let port = port?.value;
            Some(FurtherPort {
                port,
                // One that is written and wrong is not one that is left out.
                target: target.map_or(Some(port), |target| target.map(|at| at.value))?,
                publish: publish.unwrap_or(false),
            })
        }
        _ => {
            let text = reader.scalar(node, "an item of `ports`")?;
            let (port, target) = text.value.split_once(':').unwrap_or((&text.value, &text.value));
            let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
            let (Some(port), Some(target)) = (number(port), number(target)) else {
                let message = format!("`ports` cannot have `{}`", text.value);
                let help = "write a port, or the port where others look and the one that the agent binds, as in `\"7120:5555\"`";
                reader.bad_value(text.place, message, help);
                return None;
            };
            Some(FurtherPort {
                port,
                target,
                publish: false,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FurtherPort;
    use crate::container::group_config;
    use crate::container::ports::{Interface, published};
    use crate::container::preload::Preload;
    use crate::finding::stops;
    use crate::stack::fixture::{Fixture, MAIN};

    fn with(overrides: &str) -> Fixture {
        Fixture::small().stack(
            "    agents: [Alpha, Beta]",
            &format!("    agents: [Alpha, Beta]\n    overrides: {{{overrides}}}"),
        )
    }

    #[test]
    fn ports_are_led_to_where_they_are_bound_and_bridged_to_who_looks_for_them() {
        let stack = with("Beta: {ports: ['5001:5555', 6001, {port: 6002, target: 5556, publish: true}]}").model();
        let beta = stack.agents.iter().find(|agent| agent.name == "Beta").unwrap();
        assert_eq!(
            beta.further,
            [(5001, 5555, false), (6001, 6001, false), (6002, 5556, true)].map(|(port, target, publish)| FurtherPort {
                port,
                target,
                publish
            })
        );
        assert_eq!(beta.ports().collect::<Vec<_>>(), [5001, 7001, 6001, 6002]);
        let core = stack.find_group("core").unwrap();
        let config = group_config::config(&stack, core, &Preload::default());
        let led: Vec<(u16, u16)> = config.agents[1]
            .ports
            .iter()
            .map(|port| (port.port, port.target))
            .collect();
        assert_eq!(led, [(5001, 5555), (6002, 5556)]);
        let on_loopback: Vec<u16> = published(&stack, core)
            .into_iter()
            .filter(|port| port.on == Interface::Loopback)
            .map(|port| port.host_port)
            .collect();
        assert_eq!(on_loopback, [19101, 5000, 5001, 6002]);
        // Gamma depends on Beta.
        let side = stack.find_group("side").unwrap();
        let config = group_config::config(&stack, side, &Preload::default());
        let bridge = config
            .loopback_bridges
            .iter()
            .find(|bridge| bridge.agent == "Beta")
            .unwrap();
        assert_eq!(bridge.ports, [5001, 6001, 6002, 7001]);
    }

    #[test]
    fn health_may_be_asked_where_it_is_bound() {
        let said = with("Beta: {ports: ['5001:5555'], health: {port: 5555}}").says();
        assert!(!said.iter().any(|line| line.contains("Beta")), "{said:#?}");
    }

    #[test]
    fn what_is_no_port_or_somebody_elses_is_told() {
        let said = with("Beta: {ports: [x, '5:y', 0, {target: 5}, '7000:1:2', 6001, '6001:5']}")
            .says()
            .join("\n");
        for text in [
            "`ports` cannot have `x`",
            "cannot have `5:y`",
            "cannot have `0`",
            "has no `port`",
            "`7000:1:2`",
            "has 6001 twice",
        ] {
            assert!(said.contains(text), "{text}: {said}");
        }
        let (stack, findings) = with("Beta: {ports: ['5001:5000']}").load();
        assert!(!stops(&findings), "{findings:#?}");
        assert!(
            findings
                .iter()
                .any(|finding| finding.message == "a port that `Beta` binds is 5000, like the port of `Alpha`")
        );
        assert!(stack.unwrap().agents.iter().all(|agent| agent.name != "Beta"));
    }

    #[test]
    fn a_port_used_twice_costs_the_second_agent_and_nobody_else() {
        for (first, second, lost) in [
            ("port: 5001", "port: 5000", "Beta"),
            ("port: 5001", "port: 9000", "Beta"),
            ("port: 5001", "port: 5001\n    health_check_port: 5000", "Beta"),
            // A health port that nobody writes is a guess.
            ("port: 5001", "port: 7000\n    health_check_port: 7009", "Alpha"),
        ] {
            let (stack, findings) = Fixture::small().file(MAIN, first, second).load();
            assert!(!stops(&findings), "{second}: {findings:#?}");
            let clash: Vec<_> = findings
                .iter()
                .filter(|finding| finding.rule == "stack/port-clash")
                .collect();
            assert!(
                !clash.is_empty() && clash.iter().all(|finding| finding.alone),
                "{second}: {findings:#?}"
            );
            let names: Vec<String> = stack.unwrap().agents.iter().map(|agent| agent.name.clone()).collect();
            let mut expected = vec!["Alpha", "Beta", "Gamma", "Delta"];
            expected.retain(|name| *name != lost);
            assert_eq!(names, expected, "{second}");
        }
    }
}
