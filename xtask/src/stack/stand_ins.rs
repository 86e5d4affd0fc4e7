//! Fallbacks that are started: an agent that no startup config defines, and that others depend on, is another script of the tree.

use std::collections::BTreeMap;

use super::near::nearest;
use super::raw::RawStack;
use super::read::Reader;
use super::resolve::Read;
use super::spans::At;
use super::startup::StartupAgent;
use super::yaml::{Node, Value};
use crate::finding::{Finding, Severity, Subject};

/// How a fallback is started.
#[derive(Debug, Clone)]
pub struct StandIn {
    /// The agent that it stands in for, where that is written.
    pub name: At<String>,
    /// `script`, relative to the tree.
    pub script: At<String>,
    /// `port`.
    pub port: At<u16>,
    /// `health_check_port`.
    pub health_check_port: Option<At<u16>>,
    /// `group`; that of the first agent which depends on it where none is written.
    pub group: Option<At<String>>,
}

/// Reads `fallbacks:`: what stands in for each name, and which of them are started: those with a port.
pub fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> (BTreeMap<String, At<String>>, Vec<StandIn>) {
    let place = reader.place(node.span);
    let (mut scripts, mut stand_ins) = (BTreeMap::new(), Vec::new());
    let entries = reader.fields(node, "`fallbacks`", place).map(|fields| fields.entries());
    for entry in entries.unwrap_or_default() {
        let (before, what) = (reader.findings.len(), format!("the fallback of `{}`", entry.key));
        if let Value::Mapping(_) = &entry.value.value {
            let name = At {
                value: entry.key.clone(),
                place: reader.place(entry.key_span),
            };
            if let Some(stand_in) = of_mapping(reader, &entry.value, name, &what) {
                scripts.insert(entry.key.clone(), stand_in.script.clone());
                stand_ins.push(stand_in);
            }
        } else if let Some(script) = reader.path(&entry.value, &what) {
            scripts.insert(entry.key.clone(), script);
        }
        reader.mark(before, &Subject::any_agent(&entry.key));
    }
    (scripts, stand_ins)
}

fn of_mapping<'a>(reader: &mut Reader<'a>, node: &'a Node, name: At<String>, what: &str) -> Option<StandIn> {
    let mut fields = reader.fields(node, what, name.place.clone())?;
    let script = reader.required(&mut fields, "script");
    let script = script.and_then(|node| reader.path(node, "`script`"));
    let port = reader.required(&mut fields, "port");
    let port = port.and_then(|node| reader.port(node, "`port`"));
    let health_check_port = fields.get("health_check_port");
    let health_check_port = health_check_port.and_then(|node| reader.port(node, "`health_check_port`"));
    let group = fields.get("group").and_then(|node| reader.name(node, "`group`"));
    reader.finish(fields, Severity::Error);
    Some(StandIn {
        name,
        script: script?,
        port: port?,
        health_check_port,
        group,
    })
}

/// Adds those that something depends on and that no startup config defines, as agents of their groups.
pub fn start(raw: &mut RawStack, reads: &mut [Read]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut started = Vec::new();
    for (at, stand_in) in raw.stand_ins.iter().enumerate() {
        let name = &stand_in.name.value;
        let Some(seeker) = seeker(raw, reads, name).filter(|_| !is_defined(reads, name)) else {
            continue;
        };
        let group = match &stand_in.group {
            None => Some(seeker),
            Some(written) => {
                let found = raw.groups.iter().position(|group| group.name.value == written.value);
                findings.extend(found.is_none().then(|| unknown(raw, name, written)));
                found
            }
        };
        let machine = |group: usize| {
            let wanted = &raw.groups[group].machine.value;
            raw.machines.iter().position(|machine| machine.name.value == *wanted)
        };
        if let Some((group, machine)) = group.and_then(|group| Some((group, machine(group)?))) {
            started.push((at, group, machine));
        }
    }
    for (at, group, machine) in started {
        let stand_in = &raw.stand_ins[at];
        let (agent, name) = (stand_in.agent(), stand_in.name.clone());
        let Some(read) = reads.get_mut(machine) else {
            continue;
        };
        if let Some(startup) = &mut read.startup {
            startup.agents.push(agent);
            read.names.push(name.value.clone());
            raw.started.insert(name.value.clone());
            raw.groups[group].agents.push(name);
        }
    }
    findings
}

impl StandIn {
    fn agent(&self) -> StartupAgent {
        let mut agent = StartupAgent::new(self.name.place.clone());
        agent.name = self.name.clone();
        agent.script_path = self.script.clone();
        agent.port = self.port.clone();
        agent.health_check_port = self.health_check_port.clone();
        agent
    }
}

fn is_defined(reads: &[Read], name: &str) -> bool {
    reads.iter().any(|read| read.names.iter().any(|known| known == name))
}

/// The group of the first agent that depends on a name.
fn seeker(raw: &RawStack, reads: &[Read], name: &str) -> Option<usize> {
    raw.groups.iter().position(|group| {
        let read = raw
            .machines
            .iter()
            .zip(reads)
            .find(|(machine, _)| machine.name.value == group.machine.value);
        let agents = read
            .and_then(|(_, read)| read.startup.as_ref())
            .map(|startup| &startup.agents);
        let mut of_group = agents.into_iter().flatten().filter(|agent| {
            let is_it = |member: &At<String>| member.value == agent.name.value;
            group.agents.iter().any(is_it)
        });
        of_group.any(|agent| agent.dependencies.iter().any(|wanted| wanted.value == name))
    })
}

fn unknown(raw: &RawStack, name: &str, written: &At<String>) -> Finding {
    let groups = raw.groups.iter().map(|group| group.name.value.as_str());
    let help = match nearest(&written.value, groups) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "name a group of the stack, or leave `group:` out: it is that of the agent which depends on it".to_owned()
        }
    };
    let message = format!(
        "the fallback of `{name}` is of group `{}`, which the stack does not have",
        written.value
    );
    Finding::error("stack/bad-value", written.place.clone(), message)
        .about(Subject::any_agent(name))
        .with_help(help)
}

#[cfg(test)]
mod tests {
    use crate::finding::stops;
    use crate::stack::fixture::Fixture;
    use crate::stack::model::Dependency;

    fn with(entry: &str) -> Fixture {
        Fixture::small().stack(
            "fallbacks:\n  Ghost: main/ghost.py\n",
            &format!("fallbacks:\n  Ghost: {entry}\n"),
        )
    }

    #[test]
    fn a_fallback_with_a_port_is_an_agent_that_others_wait_for() {
        let (stack, findings) = with("{script: main/ghost.py, port: 5900}").load();
        assert!(!stops(&findings), "{findings:#?}");
        let stack = stack.unwrap();
        let (id, ghost) = stack.agents().find(|(_, agent)| agent.name == "Ghost").unwrap();
        assert_eq!(
            (ghost.script_path.as_str(), ghost.port, ghost.health_check_port),
            ("main/ghost.py", 5900, 7900)
        );
        let (_, seeker) = stack
            .agents()
            .find(|(_, agent)| agent.dependencies.contains(&Dependency::Agent(id)))
            .unwrap();
        assert_eq!(seeker.group, ghost.group);
        assert!(stack.absent.iter().all(|absent| absent.name != "Ghost"));
        assert!(
            findings.iter().all(|finding| !finding.message.contains("Ghost")),
            "{findings:#?}"
        );
    }

    #[test]
    fn it_is_of_the_group_that_is_written() {
        let (stack, _) = with("{script: main/ghost.py, port: 5900, health_check_port: 5999, group: side}").load();
        let stack = stack.unwrap();
        let (_, ghost) = stack.agents().find(|(_, agent)| agent.name == "Ghost").unwrap();
        assert_eq!(
            (stack.group(ghost.group).name.as_str(), ghost.health_check_port),
            ("side", 5999)
        );
        let (_, findings) = with("{script: main/ghost.py, port: 5900, group: sid}").load();
        let near = |finding: &crate::finding::Finding| finding.help.as_deref() == Some("did you mean `side`?");
        assert!(findings.iter().any(near), "{findings:#?}");
        let (_, findings) = with("{script: main/ghost.py}").load();
        assert!(stops(&findings), "{findings:#?}");
    }
}
