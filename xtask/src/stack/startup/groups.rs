//! The groups that a startup config itself names: `docker_groups: {group: {agents: [Name, …]}}`, or the keys that its agents stand below.

use std::collections::{BTreeMap, BTreeSet};

use super::StartupAgent;
use crate::stack::read::Reader;
use crate::stack::spans::At;
use crate::stack::yaml::{Node, Value};

/// Keys below which groups list their agents by name.
const KEYS: [&str; 6] = [
    "docker_groups",
    "container_groups",
    "containers",
    "deployment_groups",
    "groups",
    "agent_groups",
];
/// Keys of such a group with the names.
const AGENTS: [&str; 5] = ["agents", "members", "services", "names", "list"];

/// A group of a startup config.
#[derive(Debug, Clone)]
pub struct NamedGroup {
    /// Its name, as containers can be called.
    pub name: String,
    /// Its agents, in order.
    pub agents: Vec<At<String>>,
}

/// The groups of a config. Each agent is in one; names are those of `known` agents alone.
#[must_use]
pub fn of(reader: &Reader<'_>, top: &Node, known: &[StartupAgent]) -> Vec<NamedGroup> {
    let mut groups: Vec<NamedGroup> = Vec::new();
    let mut taken = BTreeSet::new();
    let mut add = |group: &str, name: &At<String>| {
        if !taken.insert(name.value.clone()) {
            return;
        }
        let group = slug(group);
        match groups.iter_mut().find(|known| known.name == group) {
            Some(known) => known.agents.push(name.clone()),
            None => groups.push(NamedGroup {
                name: group,
                agents: vec![name.clone()],
            }),
        }
    };
    let defined: BTreeMap<&str, &StartupAgent> = known
        .iter()
        .rev()
        .map(|agent| (agent.name.value.as_str(), agent))
        .collect();
    for (group, names) in listed(reader, top) {
        for name in names.iter().filter(|name| defined.contains_key(name.value.as_str())) {
            add(&group, name);
        }
    }
    for agent in known {
        add(agent.group.as_deref().unwrap_or("agents"), &agent.name);
    }
    groups
}

/// Groups that list names.
fn listed(reader: &Reader<'_>, top: &Node) -> Vec<(String, Vec<At<String>>)> {
    let Value::Mapping(entries) = &top.value else {
        return Vec::new();
    };
    let below = entries
        .iter()
        .filter(|entry| KEYS.contains(&entry.key.as_str()))
        .filter_map(|entry| match &entry.value.value {
            Value::Mapping(groups) => Some(groups),
            _ => None,
        });
    let mut all = Vec::new();
    for group in below.flatten() {
        let lists: Vec<&Node> = match &group.value.value {
            Value::Sequence(_) => vec![&group.value],
            Value::Mapping(inner) => inner
                .iter()
                .filter(|entry| AGENTS.contains(&entry.key.as_str()))
                .map(|entry| &entry.value)
                .collect(),
            Value::Scalar { .. } => Vec::new(),
        };
        let names = lists.into_iter().flat_map(|list| match &list.value {
            Value::Sequence(items) => items.as_slice(),
            _ => &[],
        });
        let names = names.filter_map(|item| match &item.value {
            Value::Scalar { text, .. } => Some(At {
                value: text.clone(),
                place: reader.place(item.span),
            }),
            _ => None,
        });
        all.push((group.key.clone(), names.collect()));
    }
    all
}

/// A name that images, containers and hosts can have.
#[must_use]
pub fn slug(name: &str) -> String {
    // What a container is called has more behind it; a host's name has 63 characters.
    const LONGEST: usize = 40;
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(LONGEST);
    let slug = slug.trim_end_matches('-');
    match slug {
        "" => "agents".to_owned(),
        // The base image's name, and the stack's own file.
        "base" | "stack" => format!("{slug}-agents"),
        slug => slug.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::slug;
    use crate::stack::fixture::{Fixture, MAIN};

    #[test]
    fn names_become_those_of_containers() {
        for (name, expected) in [
            ("core_services", "core-services"),
            ("GPU Services!", "gpu-services"),
            ("__x__", "x"),
            ("base", "base-agents"),
            ("stack", "stack-agents"),
            ("ü", "agents"),
        ] {
            assert_eq!(slug(name), expected);
        }
        assert!(slug(&"long".repeat(40)).len() <= 40);
    }

    /// The groups of a stack of one machine that writes none.
    fn groups(text: &str) -> Vec<String> {
        let mut fixture = Fixture::small().text(MAIN, text);
        fixture.stack = format!("machines:\n  main:\n    startup_config: {MAIN}\n").into_bytes();
        let stack = fixture.model();
        stack
            .groups()
            .map(|(_, group)| {
                let names: Vec<&str> = group.agents.iter().map(|id| stack.agent(*id).name.as_str()).collect();
                format!("{}: {}", group.name, names.join(" "))
            })
            .collect()
    }

    fn agent(name: &str, port: u16) -> String {
        format!("{{name: {name}, script_path: main/alpha.py, port: {port}}}")
    }

    #[test]
    fn groups_are_the_keys_of_the_lists() {
        let (a, b, c) = (agent("A", 1), agent("B", 3), agent("C", 5));
        assert_eq!(
            groups(&format!("core_services: [{a}, {b}]\nempty:\nside: [{c}]\n")),
            ["core-services: A B", "side: C"]
        );
        assert_eq!(groups(&format!("agents: [{a}, {b}]\n")), ["agents: A B"]);
        assert_eq!(groups(&format!("[{a}, {b}]\n")), ["agents: A B"]);
    }

    #[test]
    fn groups_are_those_of_agent_groups_and_docker_groups() {
        let inner = "{script_path: main/alpha.py, port: 7000}";
        assert_eq!(
            groups(&format!(
                "agent_groups:\n  core: {{A: {inner}}}\n  void: {{}}\n  none:\n  side: {{B: {inner}}}\n"
            )),
            ["core: A", "side: B"]
        );
        let (a, b, c) = (agent("A", 1), agent("B", 3), agent("C", 5));
        assert_eq!(
            groups(&format!(
                "all: [{a}, {b}, {c}]\ndocker_groups:\n  one: {{description: x, agents: [B, A, Ghost]}}\n  two: [A]\n  three: []\n"
            )),
            ["one: B A", "agents: C"]
        );
    }
}
