//! Which part of the system an audit is about: `--machine`, `--group`, `--select`, `--ignore`.

use std::collections::{BTreeMap, BTreeSet};

use super::focus::Focus;
use super::outcome::AgentReport;
use super::rule::matches;
use crate::finding::{Finding, Subject};
use crate::stack::{AgentId, GroupId, MachineId, Stack};

/// The part.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Only this machine.
    pub machine: Option<MachineId>,
    /// Only these groups, where any is named.
    pub groups: Vec<GroupId>,
    /// Only rules that one of these patterns means, where there is any.
    pub select: Vec<String>,
    /// No rule that one of these patterns means.
    pub ignore: Vec<String>,
    /// Only what these agents and files have to do with.
    pub focus: Option<Focus>,
}

impl Scope {
    /// Whether a rule is wanted.
    #[must_use]
    pub fn wants_rule(&self, id: &str) -> bool {
        (self.select.is_empty() || self.select.iter().any(|pattern| matches(pattern, id)))
            && !self.ignore.iter().any(|pattern| matches(pattern, id))
    }

    /// Whether an agent is in it.
    #[must_use]
    pub fn has_agent(&self, stack: &Stack, id: AgentId) -> bool {
        let agent = stack.agent(id);
        self.machine.is_none_or(|machine| machine == agent.machine)
            && (self.groups.is_empty() || self.groups.contains(&agent.group))
    }

    /// Keeps the findings that have to do with the part: they are about one of its agents, groups or machines, or in a file that its
    /// agents run, or in a file that no agent runs in a folder of its machines' code.
    pub fn keep(
        &self,
        stack: &Stack,
        prefix: &str,
        users: &BTreeMap<String, BTreeSet<AgentId>>,
        agents: &[AgentReport],
        findings: &mut Vec<Finding>,
    ) {
        if self.machine.is_none() && self.groups.is_empty() {
            return;
        }
        let machines: BTreeSet<MachineId> = match self.machine {
            Some(machine) => BTreeSet::from([machine]),
            None => self.groups.iter().map(|id| stack.group(*id).machine).collect(),
        };
        let part = Part::new(stack, agents, &machines);
        let whole_machine = self.groups.is_empty();
        let chains: BTreeSet<(&str, u32)> = agents
            .iter()
            .flat_map(|agent| agent.chain.iter().map(|step| (step.path.as_str(), step.line)))
            .collect();
        findings.retain(|finding| {
            let path = finding.place.path.strip_prefix(prefix).unwrap_or(&finding.place.path);
            if chains.contains(&(finding.place.path.as_str(), finding.place.line)) {
                return true;
            }
            if let Some(users) = users.get(path) {
                return users.iter().any(|id| self.has_agent(stack, *id));
            }
            if finding.subjects.iter().any(|subject| part.has(subject)) {
                return true;
            }
            whole_machine
                && machines.iter().any(|id| {
                    stack.machine(*id).code.iter().any(|code| {
                        path.strip_prefix(code.as_str())
                            .is_some_and(|rest| rest.starts_with('/'))
                    })
                })
        });
    }
}

/// Agents, groups and machines of a part.
struct Part<'a> {
    agents: BTreeSet<(&'a str, &'a str)>,
    names: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
    machines: BTreeSet<&'a str>,
}

impl<'a> Part<'a> {
    fn new(stack: &'a Stack, agents: &'a [AgentReport], machines: &BTreeSet<MachineId>) -> Self {
        Self {
            agents: agents
                .iter()
                .map(|agent| (agent.machine.as_str(), agent.name.as_str()))
                .collect(),
            names: agents.iter().map(|agent| agent.name.as_str()).collect(),
            groups: agents.iter().map(|agent| agent.group.as_str()).collect(),
            machines: machines.iter().map(|id| stack.machine(*id).name.as_str()).collect(),
        }
    }

    fn has(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Agent {
                machine: Some(machine),
                name,
            } => self.agents.contains(&(machine.as_str(), name.as_str())),
            Subject::Agent { machine: None, name } => self.names.contains(name.as_str()),
            Subject::Group(name) => self.groups.contains(name.as_str()),
            Subject::Machine(name) => self.machines.contains(name.as_str()),
            // A compose file of somebody's own has a service for a group, or for an agent.
            Subject::Service(name) => self.groups.contains(name.as_str()) || self.names.contains(name.as_str()),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Place;
    use crate::stack::fixture::Fixture;

    /// Of findings about these, in files that nobody runs, those that stay with the machine `pc2`, or with the group `core`.
    fn kept(scope: &Scope, stack: &Stack, subjects: &[Subject]) -> Vec<Subject> {
        let agents: Vec<AgentReport> = stack
            .agents()
            .filter(|(id, _)| scope.has_agent(stack, *id))
            .map(|(id, _)| AgentReport::new(stack, id))
            .collect();
        let mut findings: Vec<Finding> = subjects
            .iter()
            .map(|subject| {
                // What a message names means nothing.
                let message = "`Alpha` of `core` on `main`, `Delta` of `far` on `pc2`";
                Finding::warning("a/b", Place::file("elsewhere"), message).about(subject.clone())
            })
            .collect();
        scope.keep(stack, "", &BTreeMap::new(), &agents, &mut findings);
        findings.into_iter().flat_map(|finding| finding.subjects).collect()
    }

    #[test]
    fn what_a_finding_is_about_decides_not_its_message() {
        let stack = Fixture::small().model();
        let pc2 = Scope {
            machine: stack.find_machine("pc2"),
            ..Scope::default()
        };
        let core = Scope {
            groups: vec![stack.agent(stack.agents().next().unwrap().0).group],
            ..Scope::default()
        };
        let subjects = [
            Subject::agent("main", "Alpha"),
            Subject::agent("pc2", "Alpha"),
            Subject::agent("pc2", "Delta"),
            Subject::any_agent("Alpha"),
            Subject::any_agent("Delta"),
            Subject::group("core"),
            Subject::group("far"),
            Subject::machine("main"),
            Subject::machine("pc2"),
            Subject::Service("core".to_owned()),
            Subject::Service("far".to_owned()),
            Subject::Name("Delta".to_owned()),
            Subject::Module("core".to_owned()),
        ];
        assert_eq!(
            kept(&pc2, &stack, &subjects),
            [
                Subject::agent("pc2", "Delta"),
                Subject::any_agent("Delta"),
                Subject::group("far"),
                Subject::machine("pc2"),
                Subject::Service("far".to_owned()),
            ]
        );
        assert_eq!(
            kept(&core, &stack, &subjects),
            [
                Subject::agent("main", "Alpha"),
                Subject::any_agent("Alpha"),
                Subject::group("core"),
                Subject::machine("main"),
                Subject::Service("core".to_owned()),
            ]
        );
    }
}
