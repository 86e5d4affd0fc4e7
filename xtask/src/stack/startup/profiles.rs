//! One file for several machines: `machine_profiles: {mainpc: {agents: […]}, pc2: {…}}`, keys called like a machine, and agents with a
//! `machine:` of their own. What belongs to another machine is left out.

use std::collections::BTreeSet;

use super::find;
use crate::stack::yaml::{Entry, Node, Value};

/// Keys below which machines stand by name.
const PROFILES: [&str; 4] = ["machine_profiles", "machines", "profiles", "hosts"];
/// Keys of a profile with names of agents or groups that run there.
const WANTED: [&str; 9] = [
    "agents",
    "enabled_agents",
    "include",
    "include_agents",
    "groups",
    "agent_groups",
    "enabled_groups",
    "docker_groups",
    "services",
];
/// Keys of a profile with names that do not.
const UNWANTED: [&str; 5] = [
    "exclude",
    "exclude_agents",
    "disabled",
    "disabled_agents",
    "disabled_groups",
];

/// The machines of the stack, as this config is read for one of them.
#[derive(Debug, Clone, Copy)]
pub struct Machines<'a> {
    /// The one that it is read for.
    pub own: &'a str,
    /// All of them.
    pub all: &'a [&'a str],
}

impl Machines<'_> {
    /// Whether a name is that of another machine.
    #[must_use]
    pub fn is_other(&self, name: &str) -> bool {
        !same(name, self.own) && self.all.iter().any(|known| same(name, known))
    }

    /// Whether a name is that of this machine.
    #[must_use]
    pub fn is_own(&self, name: &str) -> bool {
        same(name, self.own)
    }
}

/// `main_pc` is `MainPC`.
fn same(left: &str, right: &str) -> bool {
    let letters = |text: &str| -> String {
        let text = text.chars().filter(char::is_ascii_alphanumeric);
        text.map(|c| c.to_ascii_lowercase()).collect()
    };
    !left.is_empty() && letters(left) == letters(right)
}

/// The profile of a machine, where a config has one.
#[must_use]
pub fn of<'a>(top: &'a [Entry], machines: &Machines<'_>) -> Option<&'a Node> {
    let below = top
        .iter()
        .filter(|entry| PROFILES.contains(&entry.key.as_str()))
        .filter_map(|entry| match &entry.value.value {
            Value::Mapping(inner) => Some(inner),
            _ => None,
        });
    below
        .flatten()
        .find(|entry| machines.is_own(&entry.key))
        .map(|entry| &entry.value)
}

/// Which agents and groups a profile names.
#[derive(Debug, Default)]
pub struct Choice {
    wanted: Option<BTreeSet<String>>,
    unwanted: BTreeSet<String>,
}

impl Choice {
    /// That of a profile.
    #[must_use]
    pub fn of(profile: &Node) -> Self {
        let mut choice = Self::default();
        let Value::Mapping(entries) = &profile.value else {
            // `pc2: [A, B]`
            choice.wanted = names(profile);
            return choice;
        };
        for entry in entries {
            if let Some(names) = names(&entry.value) {
                if WANTED.contains(&entry.key.as_str()) {
                    choice.wanted.get_or_insert_default().extend(names);
                } else if UNWANTED.contains(&entry.key.as_str()) {
                    choice.unwanted.extend(names);
                }
            }
        }
        choice
    }

    /// Whether an agent of these groups runs on the machine.
    #[must_use]
    pub fn takes(&self, name: &str, groups: &[&str]) -> bool {
        let named = |names: &BTreeSet<String>| {
            names.contains("*") || names.contains(name) || groups.iter().any(|group| names.contains(*group))
        };
        self.wanted.as_ref().is_none_or(named) && !named(&self.unwanted)
    }
}

/// The texts of a list that holds texts alone; `all` is `*`.
fn names(node: &Node) -> Option<BTreeSet<String>> {
    let Value::Sequence(items) = &node.value else {
        return None;
    };
    let texts = items.iter().map(|item| match &item.value {
        Value::Scalar { text, .. } => Some(if text == "all" { "*".to_owned() } else { text.clone() }),
        Value::Mapping(entries) => match find::text(entries, "name") {
            // `[{name: A}]` names an agent; with a script it defines one, which is found where it stands.
            Some(name) if entries.len() == 1 => Some(name.to_owned()),
            _ => None,
        },
        Value::Sequence(_) => None,
    });
    texts
        .collect::<Option<BTreeSet<String>>>()
        .filter(|names| !names.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::stack::fixture::{Fixture, MAIN, PC2};

    /// One file for both machines; the agents of each.
    fn split(text: &str) -> [Vec<String>; 2] {
        let fixture = Fixture::small().text(MAIN, text).text(PC2, text);
        let (stack, _) = fixture.load();
        let stack = stack.expect("a stack").with_ungrouped();
        let of = |machine: usize| {
            let agents = stack.agents.iter().filter(|agent| agent.machine.0 == machine);
            agents.map(|agent| agent.name.clone()).collect()
        };
        [of(0), of(1)]
    }

    fn agent(name: &str) -> String {
        format!(
            "{{name: {name}, script_path: main/alpha.py, port: {}}}",
            5000 + name.len()
        )
    }

    #[test]
    fn profiles_name_agents_or_groups() {
        let agents = format!(
            "core: [{}, {}]\nfar: [{}]\n",
            agent("Alpha"),
            agent("Beta7"),
            agent("Delta77")
        );
        assert_eq!(
            split(&format!(
                "{agents}machine_profiles:\n  main: {{agents: [Alpha, Beta7]}}\n  pc2: {{groups: [far]}}\n"
            )),
            [vec!["Alpha", "Beta7"], vec!["Delta77"]]
        );
        assert_eq!(
            split(&format!(
                "{agents}machines:\n  MAIN: {{exclude: [far]}}\n  PC-2: [Delta77]\n"
            )),
            [vec!["Alpha", "Beta7"], vec!["Delta77"]]
        );
        assert_eq!(
            split(&format!(
                "{agents}machine_profiles:\n  main: {{agents: all}}\n  pc2: {{agents: [all]}}\n"
            )),
            [vec!["Alpha", "Beta7", "Delta77"], vec!["Alpha", "Beta7", "Delta77"]]
        );
    }

    #[test]
    fn agents_stand_below_their_machine_or_name_it() {
        assert_eq!(
            split(&format!(
                "main: {{core: [{}]}}\npc2:\n- {}\n",
                agent("Alpha"),
                agent("Delta77")
            )),
            [vec!["Alpha"], vec!["Delta77"]]
        );
        assert_eq!(
            split(&format!(
                "machine_profiles:\n  main: {{agents: [{}]}}\n  pc2: {{agents: [{}]}}\n",
                agent("Alpha"),
                agent("Delta77")
            )),
            [vec!["Alpha"], vec!["Delta77"]]
        );
        assert_eq!(
            split(
                "agents:\n- {name: Alpha, script_path: main/alpha.py, port: 5000, machine: main}\n\
                 - {name: Delta, script_path: pc2/delta.py, port: 5010, machine: PC2}\n\
                 - {name: Beta, script_path: main/alpha.py, port: 5020, machine: elsewhere}\n"
            ),
            [vec!["Alpha", "Beta"], vec!["Delta", "Beta"]]
        );
    }
}
