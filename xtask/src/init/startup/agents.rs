//! Agents in a YAML file of any shape: mappings that have a script, wherever they stand.

use super::programs::Also;
use crate::stack::spans::Source;
use crate::stack::yaml::{self, Entry, Node, Value};

/// Keys whose mappings are settings, never agents.
const SETTINGS: [&str; 8] = [
    "environment",
    "env",
    "env_vars",
    "resource_limits",
    "health_checks",
    "params",
    "config",
    "volumes",
];

/// An agent as a file lists it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its script as written, below the root that it is absolute to, if it is; of a module, the file that it would be.
    pub script: String,
    /// Whether it is a module, which may be a package.
    pub is_module: bool,
    /// The server of a package that is given it, and the folder that it is imported from.
    pub served: Option<(String, String)>,
    /// Its port, where it can be known.
    pub port: Option<u16>,
    /// Its health port, where it can be known.
    pub health_port: Option<u16>,
    /// Names of what it depends on.
    pub dependencies: Vec<String>,
    /// The keys that lead to it, without its own.
    pub under: Vec<String>,
    /// Line of its name.
    pub line: usize,
    /// The heading in the comments above it: text and line.
    pub heading: Option<(String, usize)>,
    /// What else is said of it.
    pub also: Also,
}

/// All agents of a file, and the names of those that it switches off.
pub fn read(source: &Source, root: &Node) -> (Vec<Listed>, Vec<String>) {
    let mut walk = Walk {
        source,
        agents: Vec::new(),
        disabled: Vec::new(),
    };
    walk.node(root, &mut Vec::new(), None);
    (walk.agents, walk.disabled)
}

struct Walk<'a> {
    source: &'a Source,
    agents: Vec<Listed>,
    disabled: Vec<String>,
}

impl Walk<'_> {
    /// `key` is the key that the node is the value of, with its line.
    fn node(&mut self, node: &Node, under: &mut Vec<String>, key: Option<(&str, usize)>) {
        match &node.value {
            Value::Scalar { .. } => {}
            Value::Sequence(items) => {
                under.extend(key.map(|(key, _)| key.to_owned()));
                for item in items {
                    self.node(item, under, None);
                }
                if key.is_some() {
                    under.pop();
                }
            }
            Value::Mapping(fields) => {
                if self.agent(fields, under, key) {
                    return;
                }
                under.extend(key.map(|(key, _)| key.to_owned()));
                for field in fields.iter().filter(|field| !SETTINGS.contains(&field.key.as_str())) {
                    self.node(&field.value, under, Some((&field.key, field.key_span.line)));
                }
                if key.is_some() {
                    under.pop();
                }
            }
        }
    }

    /// Takes a mapping that is an agent.
    fn agent(&mut self, fields: &[Entry], under: &[String], key: Option<(&str, usize)>) -> bool {
        let Some((script, is_module)) = script(fields) else {
            return false;
        };
        let name = text(fields, &["name", "agent_name", "id"]);
        let Some((name, line)) = name.or_else(|| key.map(|(key, line)| (key.to_owned(), line))) else {
            return false;
        };
        let port = field(fields, &["port", "zmq_port", "agent_port"]);
        let health = field(fields, &["health_check_port", "health_port", "healthcheck_port"]);
        let named = text(fields, &["name", "agent_name", "id"]).is_some();
        // A mapping of something else may have a script, too.
        if port.is_none() && health.is_none() && !named {
            return false;
        }
        if is_off(fields) {
            self.disabled.push(name);
            return true;
        }
        self.agents.push(Listed {
            script,
            is_module,
            served: None,
            port: port.and_then(|entry| number(&entry.value)),
            health_port: health.and_then(|entry| number(&entry.value)),
            dependencies: dependencies(fields),
            under: under.to_vec(),
            heading: heading(self.source, line),
            line,
            name,
            also: Also::default(),
        });
        true
    }
}

/// The text of a scalar that is not nothing.
pub fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar { text, .. } if !node.is_null() => Some(text.clone()),
        _ => None,
    }
}

fn field<'a>(fields: &'a [Entry], keys: &[&str]) -> Option<&'a Entry> {
    keys.iter()
        .find_map(|key| fields.iter().find(|field| field.key == **key))
}

fn text(fields: &[Entry], keys: &[&str]) -> Option<(String, usize)> {
    let entry = field(fields, keys)?;
    Some((scalar(&entry.value)?, entry.value.span.line))
}

/// The script: a path that ends in `.py`, a module, or the first such word of a command; and whether it is a module.
fn script(fields: &[Entry]) -> Option<(String, bool)> {
    let path = field(
        fields,
        &[
            "script_path",
            "script",
            "file_path",
            "file",
            "path",
            "entrypoint",
            "command",
            "cmd",
        ],
    );
    if let Some(entry) = path {
        let words: Vec<String> = match &entry.value.value {
            Value::Sequence(items) => items.iter().filter_map(scalar).collect(),
            _ => scalar(&entry.value)?.split_whitespace().map(str::to_owned).collect(),
        };
        if let Some(word) = words.iter().find(|word| word.ends_with(".py")) {
            return Some((below_root(word), false));
        }
    }
    let module = text(fields, &["module"])?.0;
    // `pkg.agent:main` names what the launcher calls.
    let module = module.split(':').next().unwrap_or_default();
    let good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    (!module.is_empty() && module.chars().all(good)).then(|| {
        let path = module.trim_end_matches(".py").replace('.', "/");
        (format!("{path}.py"), true)
    })
}

impl Listed {
    /// The files that it may be.
    pub fn files(&self) -> impl Iterator<Item = String> {
        let stem = self.script.strip_suffix(".py").filter(|_| self.is_module);
        let package = stem.map(|stem| format!("{stem}/__main__.py"));
        std::iter::once(self.script.clone()).chain(package)
    }
}

/// A path without what makes it absolute: where trees are mounted in containers.
fn below_root(path: &str) -> String {
    let path = path.trim_start_matches("${PROJECT_ROOT}/").trim_start_matches("./");
    let path = ["/app/", "/workspace/", "/opt/app/", "/usr/src/app/", "/code/"]
        .iter()
        .find_map(|root| path.strip_prefix(root))
        .unwrap_or(path);
    path.trim_start_matches('/').to_owned()
}

fn is_off(fields: &[Entry]) -> bool {
    let off = |keys: &[&str], wanted: bool| {
        field(fields, keys)
            .and_then(|entry| scalar(&entry.value))
            .and_then(|text| yaml::boolean(&default_of(&text)))
            == Some(wanted)
    };
    off(&["enabled", "autostart"], false) || off(&["disabled"], true)
}

/// What a text comes to where nobody sets its variables: `${NAME:-default}` is `default`, `${OFFSET}+7211` is `7211`.
pub fn default_of(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let Some(end) = inside.find('}') else {
            out.push_str(&rest[at..]);
            return out;
        };
        if let Some((_, default)) = inside[..end].split_once(":-").or_else(|| inside[..end].split_once('-')) {
            out.push_str(default);
        }
        rest = &inside[end + 1..];
    }
    out.push_str(rest);
    out
}

/// A port: a number, a text of one, or a sum of such with variables' defaults.
pub fn number(node: &Node) -> Option<u16> {
    let text = default_of(&scalar(node)?);
    let mut sum = 0_u32;
    let mut any = false;
    for part in text.split('+').map(str::trim).filter(|part| !part.is_empty()) {
        sum = sum.checked_add(part.parse().ok()?)?;
        any = true;
    }
    u16::try_from(sum).ok().filter(|port| any && *port > 0)
}

fn dependencies(fields: &[Entry]) -> Vec<String> {
    let Some(entry) = field(fields, &["dependencies", "depends_on", "requires"]) else {
        return Vec::new();
    };
    match &entry.value.value {
        Value::Sequence(items) => items.iter().filter_map(scalar).collect(),
        Value::Mapping(entries) => entries.iter().map(|entry| entry.key.clone()).collect(),
        Value::Scalar { .. } => scalar(&entry.value).into_iter().collect(),
    }
}

/// The nearest comment above an entry that reads like a heading, in the lines directly above it.
fn heading(source: &Source, line: usize) -> Option<(String, usize)> {
    let mut at = line;
    while at > 1 {
        at -= 1;
        let text = source.line(at).trim();
        if text.is_empty() {
            continue;
        }
        let comment = text.strip_prefix('#')?;
        let words = comment.trim_matches(|c: char| !c.is_alphanumeric()).trim();
        if !words.is_empty()
            && !words.contains(": ")
            && words.chars().count() <= 50
            && words.split_whitespace().count() <= 5
        {
            return Some((words.to_owned(), at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Vec<Listed>, Vec<String>) {
        let source = Source::new("x.yaml", text);
        let root = yaml::parse(&source).0.unwrap();
        read(&source, &root)
    }

    #[test]
    fn agents_are_found_in_every_shape() {
        let lists = "core:\n  - {name: A, script_path: a.py, port: 1000}\nrest:\n  - name: B\n    script_path: x/b.py\n    port: 1001\n    health_check_port: 2001\n    dependencies: [A]\n";
        let nested = "agent_groups:\n  core:\n    A:\n      script_path: a.py\n      port: 1000\n  empty:\n  rest:\n    B:\n      script_path: x/b.py\n      port: \"1001\"\n      health_check_port: \"${PORT_OFFSET}+2001\"\n      dependencies: [A]\n";
        for (text, first) in [(lists, "core"), (nested, "agent_groups")] {
            let (agents, _) = read_text(text);
            let names: Vec<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
            assert_eq!(names, ["A", "B"], "{text}");
            assert_eq!(agents[0].under[0], first);
            assert_eq!((agents[1].port, agents[1].health_port), (Some(1001), Some(2001)));
            assert_eq!(agents[1].dependencies, ["A"]);
        }
        let others = "services:\n  - {name: A, module: pkg.a, port: 1}\n  - {name: B, file_path: /app/b.py, port: 2, enabled: \"${B:-false}\"}\n  - {name: C, command: python -u c.py --x, port: 3}\nsettings: {script: setup.py}\n";
        let (agents, off) = read_text(others);
        let scripts: Vec<&str> = agents.iter().map(|agent| agent.script.as_str()).collect();
        assert_eq!(scripts, ["pkg/a.py", "c.py"]);
        assert_eq!(off, ["B"]);
    }

    #[test]
    fn headings_are_comments_right_above() {
        let text = "agents:\n  # --- Core services ---\n  - {name: A, script_path: a.py, port: 1}\n  - {name: B, script_path: b.py, port: 2}\n\n  # ==========\n  # Memory\n  # ==========\n  - {name: C, script_path: c.py, port: 3}\n";
        let (agents, _) = read_text(text);
        let headings: Vec<Option<&str>> = agents
            .iter()
            .map(|agent| agent.heading.as_ref().map(|(text, _)| text.as_str()))
            .collect();
        assert_eq!(headings, [Some("Core services"), None, Some("Memory")]);
    }
}
