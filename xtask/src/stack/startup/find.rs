//! Where the agents of a YAML file are: lists of mappings under one key or several (`core: [{name, script_path, port}]`), and mappings
//! by name (`agent_groups: {core: {Name: {script_path, port}}}`), at any depth. Groups that are empty are passed over.

use crate::stack::yaml::{Entry, Node, Value};

/// An agent that was found, not read yet.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// What is said of it.
    pub node: &'a Node,
    /// Its key, where it has one for its name.
    pub key: Option<&'a Entry>,
    /// The key that it is grouped under.
    pub group: Option<String>,
}

/// Keys that name a script or a module, whatever their value.
pub const SCRIPT: [&str; 9] = [
    "script_path",
    "file_path",
    "script",
    "script_file",
    "script_name",
    "module",
    "module_path",
    "python_module",
    "python_file",
];

/// Keys that do if their value is a Python file or a command line that starts Python.
pub const COMMAND: [&str; 10] = [
    "path",
    "file",
    "main",
    "entry_point",
    "entrypoint",
    "command",
    "cmd",
    "exec",
    "run",
    "start_command",
];

/// Keys of a name beside what is said of an agent.
pub const NAME: [&str; 4] = ["name", "agent_name", "agent", "id"];

/// Keys of a port.
pub const PORT: [&str; 8] = [
    "port",
    "ports",
    "zmq_port",
    "rep_port",
    "service_port",
    "main_port",
    "listen_port",
    "bind_port",
];

/// Keys that agents alone have.
const TELLING: [&str; 5] = ["health_check_port", "dependencies", "depends_on", "required", "params"];

/// Top-level keys with settings, not agents.
const SETTINGS: [&str; 16] = [
    "environment",
    "env",
    "env_vars",
    "resource_limits",
    "health_checks",
    "global_settings",
    "global",
    "globals",
    "defaults",
    "settings",
    "variables",
    "volumes",
    "networks",
    "logging",
    "docker_groups",
    "container_groups",
];

/// Keys that say nothing of what is below them.
const GENERIC: [&str; 20] = [
    "agents",
    "agent",
    "services",
    "groups",
    "agent_groups",
    "machines",
    "machine_profiles",
    "profiles",
    "items",
    "list",
    "all",
    "startup",
    "startup_config",
    "config",
    "system",
    "components",
    "processes",
    "programs",
    "members",
    "entries",
];

/// How deep agents are looked for.
const DEEPEST: usize = 6;

/// The agents below a node, in order. `skips` says which keys belong to somebody else.
#[must_use]
pub fn agents<'a>(root: &'a Node, skips: &dyn Fn(&str) -> bool) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    let walk = Walk { skips, bare: false };
    walk.value(root, None, 0, &mut found);
    if found.is_empty() {
        // Lists of which nothing but names is known: what they lack is told of each.
        let walk = Walk { skips, bare: true };
        walk.value(root, None, 0, &mut found);
    }
    found
}

struct Walk<'w> {
    skips: &'w dyn Fn(&str) -> bool,
    /// Whether a name alone makes an agent of an item.
    bare: bool,
}

impl Walk<'_> {
    fn value<'a>(&self, node: &'a Node, group: Option<&str>, depth: usize, found: &mut Vec<Found<'a>>) {
        if depth > DEEPEST {
            return;
        }
        match &node.value {
            Value::Sequence(items) => self.list(items, group, depth, found),
            Value::Mapping(entries) => self.mapping(entries, group, depth, found),
            Value::Scalar { .. } => {}
        }
    }

    fn list<'a>(&self, items: &'a [Node], group: Option<&str>, depth: usize, found: &mut Vec<Found<'a>>) {
        let is_agent = |item: &Node| match &item.value {
            Value::Mapping(entries) => {
                let named = has_any(entries, &NAME);
                is_agent(entries) || (named && (self.bare || has_any(entries, &PORT) || has_any(entries, &TELLING)))
            }
            _ => false,
        };
        if items.iter().any(is_agent) {
            found.extend(items.iter().filter(|item| !item.is_null()).map(|node| Found {
                node,
                key: None,
                group: group.map(str::to_owned),
            }));
            return;
        }
        for item in items {
            let Value::Mapping(entries) = &item.value else {
                continue;
            };
            // `[{AgentName: {…}}]`, or `[{group: core, agents: […]}]`.
            let named = ["name", "group", "id"].iter().find_map(|key| text(entries, key));
            self.mapping(entries, named.or(group), depth + 1, found);
        }
    }

    fn mapping<'a>(&self, entries: &'a [Entry], group: Option<&str>, depth: usize, found: &mut Vec<Found<'a>>) {
        let siblings = entries
            .iter()
            .any(|entry| matches!(&entry.value.value, Value::Mapping(inner) if is_agent(inner)));
        for entry in entries {
            if (self.skips)(&entry.key) || (depth == 0 && SETTINGS.contains(&entry.key.as_str())) {
                continue;
            }
            let own = match GENERIC.contains(&entry.key.to_lowercase().as_str()) {
                true => group,
                false => Some(entry.key.as_str()),
            };
            let is_agent = match &entry.value.value {
                Value::Mapping(inner) => {
                    is_agent(inner) || (siblings && (has_any(inner, &PORT) || has_any(inner, &TELLING)))
                }
                // One of several agents, of which nothing is written.
                Value::Scalar { .. } => siblings && depth > 0 && entry.value.is_null(),
                Value::Sequence(_) => false,
            };
            if is_agent {
                found.push(Found {
                    node: &entry.value,
                    key: Some(entry),
                    group: group.map(str::to_owned),
                });
            } else {
                self.value(&entry.value, own, depth + 1, found);
            }
        }
    }
}

/// Whether a mapping says what an agent's script is.
fn is_agent(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| {
        let key = entry.key.as_str();
        match &entry.value.value {
            Value::Scalar { text, .. } => {
                (SCRIPT.contains(&key) && !entry.value.is_null()) || (COMMAND.contains(&key) && is_python(text))
            }
            Value::Sequence(words) => {
                COMMAND.contains(&key)
                    && words
                        .iter()
                        .any(|word| matches!(&word.value, Value::Scalar { text, .. } if is_python(text)))
            }
            Value::Mapping(_) => false,
        }
    })
}

/// Whether a text names a Python file, or a command line that starts Python.
fn is_python(text: &str) -> bool {
    text.split_whitespace()
        .any(|word| word.ends_with(".py") || super::command::is_interpreter(word))
}

fn has_any(entries: &[Entry], keys: &[&str]) -> bool {
    entries
        .iter()
        .any(|entry| keys.contains(&entry.key.as_str()) && !entry.value.is_null())
}

/// The text of a key of a mapping.
#[must_use]
pub fn text<'a>(entries: &'a [Entry], key: &str) -> Option<&'a str> {
    entries
        .iter()
        .find(|entry| entry.key == key)
        .and_then(|entry| match &entry.value.value {
            Value::Scalar { text, .. } if !entry.value.is_null() => Some(text.as_str()),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::spans::Source;
    use crate::stack::yaml;

    /// What is found, as `group/name`.
    fn found(yaml: &str) -> Vec<String> {
        let source = Source::new("f.yaml", yaml);
        let (root, findings) = yaml::parse(&source);
        assert_eq!(findings, []);
        let root = root.unwrap();
        agents(&root, &|key| key == "elsewhere")
            .iter()
            .map(|found| {
                let inside = match &found.node.value {
                    Value::Mapping(entries) => NAME.iter().find_map(|key| text(entries, key)),
                    _ => None,
                };
                let name = found.key.map(|entry| entry.key.as_str()).or(inside);
                format!("{}/{}", found.group.as_deref().unwrap_or("-"), name.unwrap_or("?"))
            })
            .collect()
    }

    #[test]
    fn lists_under_several_keys() {
        let text = "core:\n- {name: A, script_path: a.py, port: 1}\nside:\n- {name: B, script_path: b.py, port: 2}\n\
                    empty:\nalso_empty: []\nenvironment: {A: b}\nvolumes: [{name: v, path: /data}]\nelsewhere: [{name: C, port: 3}]\n\
                    models: [{name: phi, file: phi.gguf}]\n";
        assert_eq!(found(text), ["core/A", "side/B"]);
    }

    #[test]
    fn one_list_with_a_key_or_without() {
        assert_eq!(
            found("- {name: A, script: a.py}\n-\n- {name: B, port: 1}\n- text\n"),
            ["-/A", "-/B", "-/?"]
        );
        assert_eq!(found("agents:\n- {name: A, module: a.b}\n"), ["-/A"]);
        assert_eq!(found("services:\n- {name: A}\n"), ["-/A"]);
    }

    #[test]
    fn mappings_by_name_in_groups_and_without() {
        let text = "agent_groups:\n  core:\n    A: {script_path: a.py, port: 1}\n    B: {port: 2}\n    C:\n    description: x\n\
                    \x20 none: {}\n  void:\n  more: {D: {script_path: d.py}}\n";
        assert_eq!(found(text), ["core/A", "core/B", "core/C", "more/D"]);
        assert_eq!(
            found("A: {script_path: a.py}\nB: {command: python3 b.py}\nredis: {host: x}\n"),
            ["-/A", "-/B"]
        );
        assert_eq!(found("agents: {A: {path: a.py}, B: {main: b.py}}\n"), ["-/A", "-/B"]);
    }

    #[test]
    fn groups_that_hold_a_list() {
        let text = "groups:\n  core: {description: x, agents: [{name: A, script_path: a.py}]}\n";
        assert_eq!(found(text), ["core/A"]);
        let text = "groups:\n- {name: core, agents: [{name: A, script_path: a.py}]}\n- {group: side, agents: []}\n";
        assert_eq!(found(text), ["core/A"]);
        assert_eq!(
            found("- A: {script_path: a.py}\n- B: {script_path: b.py}\n"),
            ["-/A", "-/B"]
        );
    }

    #[test]
    fn what_is_not_an_agent_is_left_alone() {
        assert_eq!(
            found("databases: {redis: {host: x, port: 6379}}\nversion: 1\n"),
            Vec::<String>::new()
        );
        let deep = format!("{}[{{name: A, script: a.py}}]{}", "{a: ".repeat(9), "}".repeat(9));
        assert_eq!(found(&deep), Vec::<String>::new());
    }
}
