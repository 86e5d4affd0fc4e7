//! Which part of the stack a command is about: `--machine`, and names of groups or agents.

use std::collections::BTreeSet;

use super::{Failure, Outcome};
use crate::stack::near::nearest;
use crate::stack::{AgentId, GroupId, MachineId, Stack, Unread};

/// The arguments.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Selection {
    /// Only this machine
    #[arg(short, long, value_name = "MACHINE")]
    pub machine: Option<String>,
    /// In the lab, which `cargo xtask lab up` makes
    #[arg(long)]
    pub lab: bool,
    /// Groups, or agents (`MemoryManager`, `pc2/MemoryManager`); where none is named, all (`stop`, `start` and `restart` want a name or
    /// `--machine`)
    #[arg(value_name = "GROUP|AGENT")]
    pub names: Vec<String>,
}

/// What one name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A group.
    Group(GroupId),
    /// An agent.
    Agent(AgentId),
}

impl Selection {
    /// The machine, if one was named.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn machine(&self, stack: &Stack) -> Outcome<Option<MachineId>> {
        let Some(name) = &self.machine else {
            return Ok(None);
        };
        if let Some(lost) = stack.unread.iter().find(|lost| lost.machine == *name) {
            return Err(unread(lost, &format!("machine `{name}`")));
        }
        stack.find_machine(name).map(Some).ok_or_else(|| {
            let known: Vec<&str> = stack.machines.iter().map(|machine| machine.name.as_str()).collect();
            Failure::wrong_use(format!(
                "no machine is called `{name}`\n  hint: machines are {}",
                known.join(", ")
            ))
        })
    }

    /// What each name stands for.
    ///
    /// # Errors
    /// When a name stands for nothing, or for agents of both machines.
    pub fn named(&self, stack: &Stack) -> Outcome<Vec<Named>> {
        let machine = self.machine(stack)?;
        self.names.iter().map(|name| resolve(name, machine, stack)).collect()
    }

    /// The groups meant: those named, those of named agents, or all of the machine.
    ///
    /// # Errors
    /// As [`Selection::named`].
    pub fn groups(&self, stack: &Stack) -> Outcome<Vec<GroupId>> {
        let machine = self.machine(stack)?;
        let named: BTreeSet<GroupId> = self
            .named(stack)?
            .into_iter()
            .map(|named| match named {
                Named::Group(group) => group,
                Named::Agent(agent) => stack.agent(agent).group,
            })
            .collect();
        Ok(stack
            .groups()
            .filter(|(id, group)| {
                machine.is_none_or(|machine| group.machine == machine) && (named.is_empty() || named.contains(id))
            })
            .map(|(id, _)| id)
            .collect())
    }

    /// The agents meant: those named, those of named groups, or all of the machine.
    ///
    /// # Errors
    /// As [`Selection::named`].
    pub fn agents(&self, stack: &Stack) -> Outcome<BTreeSet<AgentId>> {
        let machine = self.machine(stack)?;
        let named = self.named(stack)?;
        Ok(stack
            .agents()
            .filter(|(id, agent)| {
                machine.is_none_or(|machine| agent.machine == machine)
                    && (named.is_empty()
                        || named.contains(&Named::Agent(*id))
                        || named.contains(&Named::Group(agent.group)))
            })
            .map(|(id, _)| id)
            .collect())
    }

    /// Names of the groups, where any name was given.
    ///
    /// # Errors
    /// As [`Selection::named`].
    pub fn group_names(&self, stack: &Stack) -> Outcome<Option<BTreeSet<String>>> {
        if self.names.is_empty() {
            return Ok(None);
        }
        let groups = self.groups(stack)?;
        Ok(Some(
            groups
                .into_iter()
                .map(|group| stack.group(group).name.clone())
                .collect(),
        ))
    }

    /// Name of the machine, where one was given.
    ///
    /// # Errors
    /// As [`Selection::machine`].
    pub fn machine_names(&self, stack: &Stack) -> Outcome<Option<BTreeSet<String>>> {
        Ok(self
            .machine(stack)?
            .map(|machine| BTreeSet::from([stack.machine(machine).name.clone()])))
    }
}

/// The group of that name.
///
/// # Errors
/// When there is none; the hint names the group of the agent that is called so, or what is spelt nearly so, or all.
pub fn find_group(name: &str, stack: &Stack) -> Outcome<GroupId> {
    if let Some(group) = stack.find_group(name) {
        return Ok(group);
    }
    let agent = name.rsplit('/').next().unwrap_or(name);
    let of_agent = stack.agents().find(|(_, known)| known.name == agent);
    let known = stack.groups.iter().map(|group| group.name.as_str());
    let hint = if let Some((_, agent)) = of_agent {
        format!(
            "`{}` is an agent of group `{}`",
            agent.name,
            stack.group(agent.group).name
        )
    } else if let Some(near) = nearest(name, known.clone()) {
        format!("did you mean `{near}`?")
    } else {
        format!("groups are {}", known.collect::<Vec<_>>().join(", "))
    };
    Err(Failure::wrong_use(format!(
        "no group is called `{name}`\n  hint: {hint}"
    )))
}

fn resolve(name: &str, machine: Option<MachineId>, stack: &Stack) -> Outcome<Named> {
    let of_machine = |found: MachineId| machine.is_none_or(|machine| machine == found);
    if let Some(group) = stack.find_group(name) {
        let own = stack.group(group).machine;
        return if of_machine(own) {
            Ok(Named::Group(group))
        } else {
            Err(elsewhere(stack, &format!("group `{name}`"), own))
        };
    }
    let (wanted_machine, agent_name) = match name.split_once('/') {
        Some((written, agent)) => match stack.find_machine(written) {
            Some(found) if of_machine(found) => (Some(found), agent),
            Some(found) => return Err(elsewhere(stack, &format!("agent `{agent}`"), found)),
            None => return Err(unknown(name, stack)),
        },
        None => (machine, name),
    };
    let named = || stack.agents().filter(|(_, agent)| agent.name == agent_name);
    let found: Vec<AgentId> = named()
        .filter(|(_, agent)| wanted_machine.is_none_or(|machine| agent.machine == machine))
        .map(|(id, _)| id)
        .collect();
    match found.as_slice() {
        [one] => Ok(Named::Agent(*one)),
        [] => match named().next() {
            Some((_, agent)) => Err(elsewhere(stack, &format!("agent `{agent_name}`"), agent.machine)),
            None => Err(unknown(name, stack)),
        },
        _ => Err(Failure::wrong_use(format!(
            "`{name}` is an agent of both machines\n  hint: write {}",
            found
                .iter()
                .map(|id| format!("`{}/{name}`", stack.machine(stack.agent(*id).machine).name))
                .collect::<Vec<_>>()
                .join(" or ")
        ))),
    }
}

/// Something that is not where it was looked for: a command about nothing would find all of it well.
fn elsewhere(stack: &Stack, what: &str, machine: MachineId) -> Failure {
    Failure::wrong_use(format!("{what} belongs to machine `{}`", stack.machine(machine).name))
}

/// Something of a machine of which nothing is known.
fn unread(lost: &Unread, what: &str) -> Failure {
    Failure::wrong_use(format!(
        "nothing is known of {what}: `{}` cannot be read\n  hint: `cargo xtask audit` says why",
        lost.config
    ))
}

fn unknown(name: &str, stack: &Stack) -> Failure {
    let of_name = |lost: &&Unread| lost.groups.iter().any(|group| group == name);
    if let Some(lost) = stack.unread.iter().find(of_name) {
        return unread(lost, &format!("group `{name}` of machine `{}`", lost.machine));
    }
    let with_machine = |id: AgentId| {
        let agent = stack.agent(id);
        format!("{}/{}", stack.machine(agent.machine).name, agent.name)
    };
    let agents: Vec<String> = if name.contains('/') {
        stack.agents().map(|(id, _)| with_machine(id)).collect()
    } else {
        stack.agents().map(|(_, agent)| agent.name.clone()).collect()
    };
    let groups = stack.groups.iter().map(|group| group.name.as_str());
    let hint = match nearest(name, groups.chain(agents.iter().map(String::as_str))) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`cargo xtask status` lists them".to_owned(),
    };
    Failure::wrong_use(format!("no group or agent is called `{name}`\n  hint: {hint}"))
}

#[cfg(test)]
mod tests {
    use super::Selection;
    use crate::stack::fixture::Fixture;

    fn said(names: &[&str], machine: Option<&str>) -> String {
        let stack = Fixture::small().model();
        let selection = Selection {
            machine: machine.map(str::to_owned),
            lab: false,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        match selection.groups(&stack) {
            Ok(groups) => groups
                .iter()
                .map(|group| stack.group(*group).name.clone())
                .collect::<Vec<_>>()
                .join(" "),
            Err(failure) => failure.message.unwrap_or_default(),
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest_one() {
        assert!(said(&["Alhpa"], None).contains("did you mean `Alpha`?"));
        assert!(said(&["coer"], None).contains("did you mean `core`?"));
        assert!(said(&["main/Btea"], None).contains("did you mean `main/Beta`?"));
        assert!(said(&["nothing-like-it"], None).contains("`cargo xtask status` lists them"));
    }

    #[test]
    fn of_a_machine_whose_config_cannot_be_read_nothing_is_known() {
        let stack = Fixture::small()
            .text(crate::stack::fixture::MAIN, "core: [")
            .load()
            .0
            .unwrap();
        let said = |machine: Option<&str>, names: &[&str]| {
            let selection = Selection {
                machine: machine.map(str::to_owned),
                lab: false,
                names: names.iter().map(|name| (*name).to_owned()).collect(),
            };
            let groups = selection.groups(&stack);
            groups.map_err(|failure| failure.message.unwrap_or_default())
        };
        assert!(
            said(Some("main"), &[])
                .unwrap_err()
                .contains("nothing is known of machine `main`: `main/startup.yaml`")
        );
        assert!(
            said(None, &["core"])
                .unwrap_err()
                .contains("group `core` of machine `main`")
        );
        assert_eq!(said(Some("pc2"), &[]).unwrap().len(), 1);
        assert_eq!(said(None, &["far"]).unwrap().len(), 1);
    }

    #[test]
    fn what_belongs_to_another_machine_is_not_nothing() {
        assert_eq!(said(&["core"], Some("pc2")), "group `core` belongs to machine `main`");
        assert_eq!(said(&["Alpha"], Some("pc2")), "agent `Alpha` belongs to machine `main`");
        assert_eq!(
            said(&["main/Alpha"], Some("pc2")),
            "agent `Alpha` belongs to machine `main`"
        );
        assert!(said(&["pc9/Alpha"], None).contains("no group or agent is called `pc9/Alpha`"));
        assert_eq!(said(&["core", "Gamma"], Some("main")), "core side");
        assert_eq!(said(&[], Some("pc2")), "far");
    }
}
