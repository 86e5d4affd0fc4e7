//! What a stack says of single agents, and of whom their groups reach: how their health is asked, which ports they have besides.

use std::collections::BTreeSet;

use super::Machine;
use super::document::{Item, Shown};
use super::evidence::{Evidence, Known};
use super::machine_words::VARIABLE;
use crate::stack::publish::Publish;

/// A key of a group, or of an agent's override.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The agent's group.
    pub group: String,
    /// The agent; none where the key is the group's own.
    pub agent: Option<String>,
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub shown: Shown,
    /// What speaks for it.
    pub evidence: Vec<Evidence>,
    /// Why it may not be so.
    pub doubt: Option<String>,
    /// It is written in the tree.
    pub written: bool,
}

impl Setting {
    /// Whether two are about one key.
    pub fn is_for_key_of(&self, other: &Self) -> bool {
        (&self.group, &self.agent, self.key) == (&other.group, &other.agent, other.key)
    }

    fn item(&self) -> Item {
        let known = match self.evidence.first().filter(|_| self.written) {
            Some(evidence) => Known::written((), evidence.clone()),
            None => Known::agreed((), self.evidence.clone()),
        };
        let known = match &self.doubt {
            Some(why) => known.but(why.clone()),
            None => known,
        };
        match &self.agent {
            Some(agent) => {
                let key = ["groups", &self.group, "overrides", agent, self.key];
                Item::new(&key, &known, self.shown.clone())
            }
            None => Item::new(&["groups", &self.group, self.key], &known, self.shown.clone()),
        }
    }
}

/// What the tree says of agents: what they are told of their machine, and what configs of other programs have.
pub fn of_machines(machines: &[Machine]) -> Vec<Setting> {
    let mut found = Vec::new();
    for machine in machines {
        let Some(told) = &machine.told else {
            continue;
        };
        for group in &machine.groups {
            found.push(Setting {
                group: group.group.value.name.clone(),
                agent: None,
                key: "environment",
                shown: Shown::Mapping(vec![(VARIABLE.to_owned(), Shown::Scalar(told.value.clone()))]),
                evidence: told.evidence.clone(),
                doubt: None,
                written: false,
            });
        }
    }
    found.extend(of_programs(machines));
    found
}

/// What configs of other programs say of their agents.
fn of_programs(machines: &[Machine]) -> Vec<Setting> {
    let mut found = Vec::new();
    let mut taken = ports(machines);
    for machine in machines {
        let config = &machine.config.value;
        for group in &machine.groups {
            let group = &group.group.value;
            for agent in config.agents.iter().filter(|agent| group.agents.contains(&agent.name)) {
                let setting = |key, shown, line, says: &str| Setting {
                    group: group.name.clone(),
                    agent: Some(agent.name.clone()),
                    key,
                    shown,
                    evidence: vec![Evidence::new(config.path.as_str(), line, says)],
                    doubt: None,
                    written: true,
                };
                if let Some((shown, line)) = &agent.also.health {
                    found.push(setting("health", shown.clone(), *line, "its health check asks there"));
                }
                if let Some((files, line)) = &agent.also.env_files {
                    let shown = Shown::List(files.clone());
                    found.push(setting("env_file", shown, *line, "its variables come from there"));
                }
                for word in &agent.also.words {
                    let Some(shown) = free(&word.shown, word.key, &mut taken) else {
                        continue;
                    };
                    let mut setting = setting(word.key, shown, word.line, &word.says);
                    if word.is_of_group {
                        setting.agent = None;
                    }
                    setting.doubt = (word.shown == Shown::Note).then(|| word.says.clone());
                    found.push(setting);
                }
            }
        }
    }
    found
}

/// Ports that agents have at their host without being published.
fn ports(machines: &[Machine]) -> BTreeSet<u16> {
    let agents = machines.iter().flat_map(|machine| &machine.config.value.agents);
    agents
        .flat_map(|agent| [agent.port, agent.health_port])
        .flatten()
        .collect()
}

/// What is said, without ports of the host that it has already; nothing where nothing is left.
fn free(shown: &Shown, key: &str, taken: &mut BTreeSet<u16>) -> Option<Shown> {
    match shown {
        Shown::List(items) if key == "publish" => {
            let mut is_free = |item: &&String| {
                let publish = Publish::parse(item);
                publish.is_ok_and(|publish| taken.insert(publish.host_port))
            };
            let left: Vec<String> = items.iter().filter(|item| is_free(item)).cloned().collect();
            (!left.is_empty()).then_some(Shown::List(left))
        }
        other => Some(other.clone()),
    }
}

/// Keys of a group and of its overrides, agent by agent. What has no value stands in the group: a section of notes alone would be empty.
pub fn items(settings: &[Setting], group: &str) -> Vec<Item> {
    let mut all: Vec<&Setting> = settings.iter().filter(|setting| setting.group == group).collect();
    let is_note = |setting: &Setting| setting.shown == Shown::Note;
    all.sort_by_key(|setting| (setting.agent.is_some() && !is_note(setting), &setting.agent));
    let items = all.into_iter().map(|setting| match (&setting.agent, is_note(setting)) {
        (Some(agent), true) => {
            let mut item = setting.item();
            item.key = vec![
                "groups".to_owned(),
                setting.group.clone(),
                format!("{} of {agent}", setting.key),
            ];
            item.doubts = item.doubts.iter().map(|why| format!("`{agent}`: {why}")).collect();
            item
        }
        _ => setting.item(),
    });
    items.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_stand_before_the_overrides_and_keys_of_the_group_too() {
        let setting = |agent: Option<&str>, key, shown, doubt: Option<&str>| Setting {
            group: "core".to_owned(),
            agent: agent.map(str::to_owned),
            key,
            shown,
            evidence: vec![Evidence::new("a.py", 3, "says so")],
            doubt: doubt.map(str::to_owned),
            written: false,
        };
        let process = || Shown::Scalar("process".to_owned());
        let http = Shown::Mapping(vec![
            ("kind".to_owned(), Shown::Scalar("http".to_owned())),
            ("port".to_owned(), Shown::Number(80)),
            ("ask".to_owned(), Shown::Scalar("{\"a\": 1}".to_owned())),
        ]);
        let settings = [
            setting(Some("B"), "health", process(), None),
            setting(Some("C"), "ports", Shown::Note, Some("two of them")),
            setting(Some("A"), "health", http, None),
            setting(None, "reaches", Shown::List(vec!["X".to_owned()]), None),
        ];
        let text = super::super::document::text(&items(&settings, "core"));
        let body = text.split_once("\n\n").unwrap().1;
        assert_eq!(
            body,
            "groups:\n  core:\n    reaches: [X]  # ~ a.py:3: says so\n    # ? `C`: two of them\n    overrides:\n      A:\n        \
             health: {kind: http, port: 80, ask: \"{\\\"a\\\": 1}\"}  # ~ a.py:3: says so\n      B:\n        health: process  # ~ a.py:3: says so\n"
        );
        assert!(items(&settings, "other").is_empty());
    }
}
