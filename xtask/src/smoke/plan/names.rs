//! Names in check files → things of the stack; and what is said of those that nothing carries.

use contract::group_config::Restart;

use crate::finding::{Finding, Subject};
use crate::smoke::fields::Text;
use crate::stack::model::{AgentId, GroupId, MachineId, Stack};
use crate::stack::near::nearest;

/// A name that nothing carries: a machine, group, agent, volume, network or check.
pub const UNKNOWN_NAME: &str = "smoke/unknown-name";

/// A subject that a check of this kind can say nothing of.
pub const UNFIT: &str = "smoke/unfit-subject";

/// Names of all groups.
pub fn group_names(stack: &Stack) -> Vec<&str> {
    stack.groups.iter().map(|group| group.name.as_str()).collect()
}

pub(super) fn resolve_all<'k, T>(
    names: &[Text],
    noun: &str,
    findings: &mut Vec<Finding>,
    find: impl Fn(&str) -> Option<T>,
    known: impl Fn() -> Vec<&'k str>,
) -> Vec<T> {
    names
        .iter()
        .filter_map(|name| {
            let found = find(&name.text);
            if found.is_none() {
                findings.push(unknown(noun, name, &known()));
            }
            found
        })
        .collect()
}

/// What is said of a name that nothing carries.
pub fn unknown(noun: &str, name: &Text, known: &[&str]) -> Finding {
    let help = nearest(&name.text, known.iter().copied()).map_or_else(
        || format!("known: {}", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    Finding::error(
        UNKNOWN_NAME,
        name.place.clone(),
        format!("there is no {noun} `{}`", name.text),
    )
    .about(Subject::Name(name.text.clone()))
    .with_help(help)
}

/// Looks names up; what it does not find becomes a finding.
pub struct Names<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// The machine that a name of several agents is of.
    pub machine: Option<MachineId>,
    /// Seconds of every soak, instead of its own.
    pub soak_seconds: Option<u64>,
    /// Where to put what is wrong.
    pub findings: &'a mut Vec<Finding>,
}

impl Names<'_> {
    /// A machine.
    pub fn machine(&mut self, name: &Text) -> Option<MachineId> {
        let found = self.stack.find_machine(&name.text);
        if found.is_none() {
            let machines = self.stack.machines.iter();
            let known: Vec<&str> = machines.map(|machine| machine.name.as_str()).collect();
            self.findings.push(unknown("machine", name, &known));
        }
        found
    }

    /// A group.
    pub fn group(&mut self, name: &Text) -> Option<GroupId> {
        let found = self.stack.find_group(&name.text);
        if found.is_none() {
            self.findings.push(unknown("group", name, &group_names(self.stack)));
        }
        found
    }

    /// An agent that stays, as [`Names::agent`] finds it: nothing can be asked of one that runs once, which is done by then. `what` is
    /// the kind of the check.
    pub fn lasting_agent(&mut self, name: &Text, what: &str) -> Option<AgentId> {
        let found = self.agent(name)?;
        let agent = self.stack.agent(found);
        if agent.runtime.lifecycle.restart == Restart::Always {
            return Some(found);
        }
        let text = format!(
            "`{}` runs once (`restart: no`): it is done before {what} could ask it",
            agent.name
        );
        let help = format!(
            "`status: {{agent: {}, state: done}}` checks that it is done; `groups:` keeps a check for each agent to the groups of others",
            name.text
        );
        let finding = Finding::error(UNFIT, name.place.clone(), text);
        let finding = finding.about(Subject::any_agent(&agent.name)).with_help(help);
        self.findings.push(finding);
        None
    }

    /// An agent: `MACHINE/NAME`, or its name alone where one agent has it, or one of the machine that the check is about.
    pub fn agent(&mut self, name: &Text) -> Option<AgentId> {
        let (machine, short) = match name.text.split_once('/') {
            Some((machine, short)) => {
                let Some(id) = self.stack.find_machine(machine) else {
                    let known: Vec<&str> = self
                        .stack
                        .machines
                        .iter()
                        .map(|machine| machine.name.as_str())
                        .collect();
                    self.findings.push(unknown(
                        "machine",
                        &Text {
                            text: machine.to_owned(),
                            place: name.place.clone(),
                        },
                        &known,
                    ));
                    return None;
                };
                (Some(id), short)
            }
            None => (self.machine, name.text.as_str()),
        };
        let mut found: Vec<AgentId> = self
            .stack
            .agents()
            .filter(|(_, agent)| agent.name == short)
            .map(|(id, _)| id)
            .collect();
        if found.len() > 1 || name.text.contains('/') {
            found.retain(|id| machine.is_none_or(|machine| self.stack.agent(*id).machine == machine));
        }
        match found.as_slice() {
            [one] => Some(*one),
            [] => {
                let known: Vec<&str> = self.stack.agents.iter().map(|agent| agent.name.as_str()).collect();
                let mut finding = unknown("agent", name, &known);
                if nearest(short, known.iter().copied()).is_none() {
                    finding.help = None;
                }
                self.findings.push(finding);
                None
            }
            several => {
                let choices: Vec<String> = several
                    .iter()
                    .map(|id| format!("`{}/{short}`", self.stack.machine(self.stack.agent(*id).machine).name))
                    .collect();
                self.findings.push(
                    Finding::error(
                        UNKNOWN_NAME,
                        name.place.clone(),
                        format!("there is more than one agent `{short}`"),
                    )
                    .about(Subject::any_agent(short))
                    .with_help(format!("write {}", choices.join(" or "))),
                );
                None
            }
        }
    }
}
