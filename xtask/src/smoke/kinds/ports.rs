//! `ports`: of a machine's ports, exactly those take a connection from another machine that its agents are used by.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use contract::group_config::Restart;
use schemars::JsonSchema;

use super::{Action, Kind, Resolved, Saved, Spec};
use crate::boot::reach::{lan_address, published_ports};
use crate::smoke::fields::{Text, needed};
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{Agent, MachineId, Stack};
use crate::stack::written::Scalar;

/// The kind.
pub const KIND: Kind = Kind {
    name: "ports",
    about: "Every port of a machine, tried from another.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

/// Tries TCP ports and prints those that take a connection. Arguments: host; then ports, or none for all. Many at once: a port
/// that drops what comes costs the whole time limit.
const SCRIPT: &str = "\
import selectors, socket, sys, time
host = sys.argv[1]
todo = [int(word) for word in sys.argv[2:]] or list(range(1, 65536))
todo.reverse()
chosen, opened = selectors.DefaultSelector(), []
while todo or chosen.get_map():
    while todo and len(chosen.get_map()) < 200:
        port = todo.pop()
        s = socket.socket()
        s.setblocking(False)
        if s.connect_ex((host, port)) == 0:
            opened.append(port)
            s.close()
        else:
            chosen.register(s, selectors.EVENT_WRITE, (port, time.monotonic() + 1))
    for key, _ in chosen.select(0.05):
        chosen.unregister(key.fileobj)
        if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            opened.append(key.data[0])
        key.fileobj.close()
    now = time.monotonic()
    for key in [key for key in chosen.get_map().values() if key.data[1] < now]:
        chosen.unregister(key.fileobj)
        key.fileobj.close()
print(*sorted(opened))
";

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Ports")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    /// The machine from which they are tried.
    from: Scalar,
    /// The machine whose they are.
    to: Scalar,
}

#[derive(Debug)]
struct PortsSpec {
    from: Text,
    to: Text,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let from = needed(reader, fields, "from", "`ports`");
    let to = needed(reader, fields, "to", "`ports`");
    Some(Box::new(PortsSpec { from: from?, to: to? }))
}

impl Spec for PortsSpec {
    fn seconds(&self) -> u64 {
        30
    }

    /// It is about no one machine.
    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let action = Ports {
            from: names.machine(&self.from)?,
            to: names.machine(&self.to)?,
        };
        Some((Arc::new(action), None))
    }
}

/// Every port of a machine, tried from another.
#[derive(Debug, Clone)]
pub struct Ports {
    from: MachineId,
    to: MachineId,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct PortsSeen {
    /// How many were tried.
    tried: usize,
    /// Those that took a connection.
    open: BTreeSet<u16>,
    /// Those that are for whoever looks after the stack: status endpoints of a host that is not this one.
    ours: BTreeSet<u16>,
}

impl Action for Ports {
    fn subject(&self, stack: &Stack) -> String {
        let name = |machine| &stack.machine(machine).name;
        format!("the ports of {}, from {}", name(self.to), name(self.from))
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let seen = self.look(observer)?;
        for (expected, got) in judge(observer.stack(), self.to, &seen) {
            verdict.wrong(expected, got);
        }
        verdict.note = format!("{} open of {}", seen.open.len(), seen.tried);
        Ok(())
    }
}

impl Ports {
    /// In the lab every port there is is tried. A real host has ports that are none of ours: there, those of the model are.
    fn look(&self, observer: &dyn Observer) -> Result<PortsSeen, Blind> {
        let stack = observer.stack();
        let host = observer.host_of(self.to)?;
        let (inside, _) = stack.groups_of(self.from).next().ok_or("the machine has no group")?;
        let ours = stack
            .groups_of(self.to)
            .flat_map(|(group, _)| published_ports(stack, group, host))
            .filter(|port| port.agent.is_none() && !matches!(port.host.ip(), IpAddr::V4(ip) if ip.is_loopback()))
            .map(|port| port.host.port())
            .collect();
        let mut wanted: BTreeSet<u16> = BTreeSet::new();
        if !observer.is_lab() {
            let agents = stack.agents().map(|(_, agent)| agent);
            let agents = agents.filter(|agent| agent.machine == self.to);
            wanted.extend(agents.flat_map(Agent::ports));
            wanted.extend(stack.groups_of(self.to).map(|(_, group)| group.published_status_port));
            wanted.insert(stack.status_port);
        }
        let mut words = ["python3", "-c", SCRIPT].map(str::to_owned).to_vec();
        words.push(lan_address(stack, self.to, host).to_string());
        words.extend(wanted.iter().map(u16::to_string));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let printed = observer.exec(inside, &words, &[])?.succeeded()?;
        Ok(PortsSeen {
            tried: if wanted.is_empty() { 65_535 } else { wanted.len() },
            open: printed
                .split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect(),
            ours,
        })
    }
}

/// Ports of a machine that others must reach, with whose they are: those of agents that another machine uses. One that runs once is
/// done, and listens on none.
fn used_ports(stack: &Stack, machine: MachineId) -> BTreeMap<u16, String> {
    stack
        .reached_from_other_machines()
        .iter()
        .map(|id| stack.agent(*id))
        .filter(|agent| agent.machine == machine && agent.runtime.lifecycle.restart == Restart::Always)
        .flat_map(|agent| {
            agent.ports().map(|port| {
                let health = if port == agent.port { "" } else { "'s health" };
                (port, format!("{}{health}", agent.name))
            })
        })
        .collect()
}

/// What is not as expected of a machine's ports: pairs of what was expected and what was there.
fn judge(stack: &Stack, machine: MachineId, seen: &PortsSeen) -> Vec<(String, String)> {
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

    use super::{PortsSeen, judge, used_ports};
    use crate::smoke::load::parse;
    use crate::smoke::plan::{Selection, expand};
    use crate::stack::fixture::Fixture;
    use crate::stack::model::MachineId;

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
        assert_eq!(judge(&stack, pc2, &seen), []);
        seen.open.remove(&7124);
        seen.open.extend([7100, 22]);
        let got: Vec<String> = judge(&stack, pc2, &seen).into_iter().map(|(_, got)| got).collect();
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
