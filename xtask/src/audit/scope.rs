//! Which part of the system an audit is about: `--machine`, `--group`, `--select`, `--ignore`.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::AgentReport;
use super::rule::matches;
use crate::finding::Finding;
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

    /// Keeps the findings that have to do with the part: they name one of its agents, groups or machines, or are about a file
    /// that its agents run, or about a file that no agent runs in a folder of its machines' code.
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
        let mut names: BTreeSet<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
        names.extend(agents.iter().map(|agent| agent.group.as_str()));
        names.extend(machines.iter().map(|id| stack.machine(*id).name.as_str()));
        let whole_machine = self.groups.is_empty();
        let chains: BTreeSet<(&str, u32)> = agents
            .iter()
            .flat_map(|agent| agent.chain.iter().map(|step| (step.path.as_str(), step.line)))
            .collect();
        findings.retain(|finding| {
            let path = finding.place.path.strip_prefix(prefix).unwrap_or(&finding.place.path);
            let quoted = finding.message.split('`').skip(1).step_by(2);
            if chains.contains(&(finding.place.path.as_str(), finding.place.line)) {
                return true;
            }
            if let Some(users) = users.get(path) {
                return users.iter().any(|id| self.has_agent(stack, *id));
            }
            if quoted.clone().any(|name| names.contains(name))
                || quoted.clone().any(|text| text.split(", ").any(|n| names.contains(n)))
            {
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
