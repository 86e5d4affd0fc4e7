//! Checks of what is between the machines: requests from inside a container, ports that can be reached from another machine, the
//! link cut and whole, what each side says of the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fields::{Payload, Text, matcher, needed, payload};
use super::yaml::{Data, Fields, Reader};
use crate::stack::model::{AgentId, GroupId, MachineId, Stack};

/// The kinds, by their key.
pub const KINDS: [&str; 4] = ["call", "ports", "lan_link", "peers"];

/// What a check does; names not resolved yet.
#[derive(Debug, Clone)]
pub enum LanSpec {
    /// `call:`, a request from inside a container.
    Call(CallSpec),
    /// `ports:`, every port of a machine, tried from another.
    Ports {
        /// From which machine.
        from: Text,
        /// Of which machine.
        to: Text,
    },
    /// `lan_link:`, cut or whole.
    Link {
        /// Whether it is to be cut.
        cut: bool,
    },
    /// `peers:`, what a group says of the agents on other machines.
    Peers {
        /// The group.
        group: Text,
        /// Whether it must reach all of them, or none.
        reachable: bool,
    },
}

/// `call:`
#[derive(Debug, Clone)]
pub struct CallSpec {
    /// Group in whose container it starts.
    pub from: Text,
    /// The agent that it is for.
    pub agent: Text,
    /// By which address.
    pub by: Way,
    /// What is sent.
    pub send: Payload,
    /// What the reply must match.
    pub expect: Value,
    /// Whether it is repeated until the reply matches or the time is over.
    pub repeat: bool,
}

/// By which address an agent is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The LAN address of its machine.
    Lan,
    /// The loopback of the container that asks, as code does that was written for one machine.
    Loopback,
}

/// What is looked at, names resolved.
#[derive(Debug, Clone)]
pub enum LanAction {
    /// A request from inside a container.
    Call {
        /// Group in whose container it starts.
        from: GroupId,
        /// The agent that it is for.
        agent: AgentId,
        /// By which address.
        by: Way,
        /// What is sent.
        send: Payload,
        /// Matcher of the reply.
        expect: Value,
        /// Whether it is repeated until the reply matches or the time is over.
        repeat: bool,
    },
    /// Every port of a machine, tried from another.
    Ports {
        /// From which machine.
        from: MachineId,
        /// Of which machine.
        to: MachineId,
    },
    /// The link, cut or made whole.
    Link {
        /// Whether it is to be cut.
        cut: bool,
    },
    /// What a group says of the agents on other machines.
    Peers {
        /// The group.
        group: GroupId,
        /// Whether it must reach all of them, or none.
        reachable: bool,
    },
}

/// Ports of a machine, tried from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortsSeen {
    /// How many were tried.
    pub tried: usize,
    /// Those that took a connection.
    pub open: BTreeSet<u16>,
    /// Those that are for whoever looks after the stack: status endpoints of a host that is not this one.
    pub ours: BTreeSet<u16>,
}

/// Decodes the body of a check of that kind.
pub fn kind(reader: &mut Reader<'_>, fields: &mut Fields<'_>, name: &str) -> Option<LanSpec> {
    match name {
        "call" => call(reader, fields).map(LanSpec::Call),
        "ports" => {
            let from = needed(reader, fields, "from", "`ports`");
            let to = needed(reader, fields, "to", "`ports`");
            Some(LanSpec::Ports { from: from?, to: to? })
        }
        "lan_link" => {
            let node = fields.need(reader, "state", "`lan_link`")?;
            let word = reader.text(node, "state")?;
            let cut = word == "cut";
            if !cut && word != "whole" {
                reader.note(node.mark, format!("`state` must be cut or whole, not `{word}`"));
                return None;
            }
            Some(LanSpec::Link { cut })
        }
        _ => {
            let group = needed(reader, fields, "group", "`peers`");
            let node = fields.need(reader, "reachable", "`peers`")?;
            let reachable = reader.flag(node, "reachable")?;
            Some(LanSpec::Peers {
                group: group?,
                reachable,
            })
        }
    }
}

fn call(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<CallSpec> {
    let from = needed(reader, fields, "from", "`call`");
    let agent = needed(reader, fields, "agent", "`call`");
    let send = payload(reader, fields, "`call`");
    let expect = fields.need(reader, "expect", "`call`");
    let expect = matcher(reader, expect);
    let by = match fields.get("by") {
        None => Way::Lan,
        Some(node) => match &node.data {
            Data::Text(word) if word == "lan" => Way::Lan,
            Data::Text(word) if word == "loopback" => Way::Loopback,
            _ => {
                reader.note(node.mark, "`by` must be lan or loopback");
                return None;
            }
        },
    };
    let repeat = fields.get("repeat").and_then(|node| reader.flag(node, "repeat"));
    Some(CallSpec {
        from: from?,
        agent: agent?,
        by,
        send: send?,
        expect: expect?,
        repeat: repeat.unwrap_or(false),
    })
}

/// What a check wants, in a few words.
#[must_use]
pub fn subject(stack: &Stack, action: &LanAction) -> String {
    match action {
        LanAction::Call { from, agent, by, .. } => {
            let way = match by {
                Way::Lan => "the LAN address",
                Way::Loopback => "loopback",
            };
            let (from, agent) = (&stack.group(*from).name, &stack.agent(*agent).name);
            format!("a reply of {agent} to `{from}`, by {way}")
        }
        LanAction::Ports { from, to } => {
            format!(
                "the ports of {}, from {}",
                stack.machine(*to).name,
                stack.machine(*from).name
            )
        }
        LanAction::Link { cut: true } => "the link cut".to_owned(),
        LanAction::Link { cut: false } => "the link whole".to_owned(),
        LanAction::Peers { group, reachable } => {
            let group = &stack.group(*group).name;
            let peers = if *reachable {
                "reaches"
            } else {
                "reports as unreachable"
            };
            format!("`{group}` {peers} its agents on other machines")
        }
    }
}

/// Ports of a machine that others must reach, with whose they are: those of agents that another machine uses.
#[must_use]
pub fn used_ports(stack: &Stack, machine: MachineId) -> BTreeMap<u16, String> {
    stack
        .reached_from_other_machines()
        .iter()
        .map(|id| stack.agent(*id))
        .filter(|agent| agent.machine == machine)
        .flat_map(|agent| {
            agent.ports().map(|port| {
                let health = if port == agent.port { "" } else { "'s health" };
                (port, format!("{}{health}", agent.name))
            })
        })
        .collect()
}

/// What is not as expected of a machine's ports: pairs of what was expected and what was there.
#[must_use]
pub fn judge_ports(stack: &Stack, machine: MachineId, seen: &PortsSeen) -> Vec<(String, String)> {
    let used = used_ports(stack, machine);
    let closed = used
        .iter()
        .filter(|(port, _)| !seen.open.contains(port))
        .map(|(port, whose)| {
            (
                format!("port {port} of {whose} open"),
                "it takes no connection".to_owned(),
            )
        });
    let name = |port: u16| {
        let of = stack
            .agents()
            .map(|(_, agent)| agent)
            .filter(|agent| agent.machine == machine);
        of.filter(|agent| agent.ports().any(|own| own == port))
            .map(|agent| agent.name.as_str())
            .next()
            .unwrap_or("no agent")
    };
    let open = seen
        .open
        .iter()
        .filter(|port| !used.contains_key(port) && !seen.ours.contains(port))
        .map(|port| {
            (
                "no port open that the other machine does not use".to_owned(),
                format!("port {port} of {} takes connections", name(*port)),
            )
        });
    closed.chain(open).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{LanAction, PortsSeen, Way, judge_ports, used_ports};
    use crate::smoke::plan::Action;
    use crate::smoke::plan::fixture::plan_of;
    use crate::smoke::{load::parse, plan::Selection, plan::expand};
    use crate::stack::fixture::Fixture;
    use crate::stack::model::MachineId;

    #[test]
    fn every_kind_is_read() {
        let plan = plan_of(
            "phase: 4
checks:
  - name: call
    call: {from: core-services, agent: CoordinatorAgent, by: loopback, send: {a: 1}, expect: {status: ok}, repeat: true}
  - {name: ports, ports: {from: mainpc, to: mainpc}}
  - {name: link, lan_link: {state: cut}}
  - {name: peers, peers: {group: core-services, reachable: false}}
",
        );
        let actions: Vec<&Action> = plan.checks.iter().map(|check| &check.action).collect();
        assert!(matches!(
            actions[..],
            [
                Action::Lan(LanAction::Call {
                    by: Way::Loopback,
                    repeat: true,
                    ..
                }),
                Action::Lan(LanAction::Ports { .. }),
                Action::Lan(LanAction::Link { cut: true }),
                Action::Lan(LanAction::Peers { reachable: false, .. }),
            ]
        ));
        assert!(plan.checks[2].exclusive, "nothing else runs while the link changes");
    }

    #[test]
    fn mistakes_are_named_at_their_lines() {
        let text = "phase: 4
checks:
  - {name: a, lan_link: {state: broken}}
  - {name: b, call: {from: core, agent: Alpha, by: air, send: {}, expect: {}}}
  - {name: c, ports: {from: main}}
  - {name: d, peers: {group: core}}
";
        let (_, findings) = parse(&[("x.yaml".to_owned(), text.to_owned())]);
        let found: Vec<(u32, &str)> = findings.iter().map(|f| (f.place.line, f.message.as_str())).collect();
        assert_eq!(
            found,
            [
                (3, "`state` must be cut or whole, not `broken`"),
                (4, "`by` must be lan or loopback"),
                (5, "`ports` has no `to`"),
                (6, "`peers` has no `reachable`"),
            ]
        );
    }

    #[test]
    fn a_machine_that_there_is_not_is_a_mistake() {
        let stack = Fixture::small().model();
        let text = "phase: 4\nchecks:\n  - {name: a, ports: {from: main, to: pc3}}\n";
        let (files, _) = parse(&[("x.yaml".to_owned(), text.to_owned())]);
        let (_, findings) = expand(&stack, &files, &Selection::default());
        assert_eq!(findings[0].message, "there is no machine `pc3`");
    }

    #[test]
    fn exactly_the_ports_in_use_may_be_open() {
        let stack = Fixture::real().model();
        let pc2 = stack.find_machine("pc2").unwrap();
        let used: BTreeSet<u16> = used_ports(&stack, pc2).into_keys().collect();
        assert!(used.contains(&7124) && used.contains(&8124) && !used.contains(&7100));
        assert!(!used_ports(&stack, MachineId(0)).is_empty());
        let mut seen = PortsSeen {
            tried: 65_535,
            open: used,
            ours: BTreeSet::from([19_201]),
        };
        seen.open.insert(19_201);
        assert_eq!(judge_ports(&stack, pc2, &seen), []);
        seen.open.remove(&7124);
        seen.open.extend([7100, 22]);
        let got: Vec<String> = judge_ports(&stack, pc2, &seen)
            .into_iter()
            .map(|(_, got)| got)
            .collect();
        assert_eq!(
            got,
            [
                "it takes no connection",
                "port 22 of no agent takes connections",
                "port 7100 of TieredResponder takes connections",
            ]
        );
    }
}
