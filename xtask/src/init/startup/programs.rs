//! Configs of other programs as lists of agents: Compose files, programs of supervisord, Procfiles. What they say of one agent, the
//! reader of startup configs reads; what else a stack would say of it is read here.

use std::collections::{BTreeMap, BTreeSet};

use super::agents::{default_of, scalar};
use super::words::{self, Word};
use super::{Config, Listed};
use crate::init::document::Shown;
use crate::init::texts::{Kind, Texts, is_put_aside};
use crate::stack::spans::Source;
use crate::stack::startup::{self, Around, Machines, Program, Reading, StartupAgent};
use crate::stack::yaml::{self, Entry, Node, Value};
use crate::stack::{TreeFiles, normal};

/// Longest file that is read, in bytes.
const LONGEST: usize = 1024 * 1024;

/// What a config says besides what its agent is.
#[derive(Debug, Clone, Default)]
pub struct Also {
    /// How its health is asked, with the line.
    pub health: Option<(Shown, usize)>,
    /// Files of variables, relative to the tree, with the line.
    pub env_files: Option<(Vec<String>, usize)>,
    /// What it says in words that a stack has, too.
    pub words: Vec<Word>,
}

/// The configs of the kind of program that starts most of a tree's agents, and those of other kinds.
pub fn find(texts: &Texts, tree: &TreeFiles) -> (Vec<Config>, Vec<String>) {
    let mut by_kind: BTreeMap<Program, Vec<Config>> = BTreeMap::new();
    for (path, text) in texts.of(Kind::Yaml).chain(texts.of(Kind::Launcher)) {
        if text.len() > LONGEST || path.chars().any(char::is_control) || is_put_aside(path) {
            continue;
        }
        if let Some((program, config)) = read(path, text, texts, tree) {
            by_kind.entry(program).or_default().push(config);
        }
    }
    let agents = |configs: &Vec<Config>| configs.iter().map(|config| config.agents.len()).sum::<usize>();
    // Of equals, the first: Compose before the others.
    let Some(most) = by_kind.iter().rev().max_by_key(|(_, configs)| agents(configs)) else {
        return (Vec::new(), Vec::new());
    };
    let most = *most.0;
    let chosen = by_kind.remove(&most).unwrap_or_default();
    let known: BTreeSet<&str> = chosen
        .iter()
        .flat_map(|config| &config.agents)
        .map(|agent| agent.script.as_str())
        .collect();
    let others = by_kind.into_values().flatten();
    let others = others.filter(|config| config.agents.iter().any(|agent| !known.contains(agent.script.as_str())));
    let others = others.map(|config| config.path).collect();
    (chosen, others)
}

fn read(path: &str, text: &str, texts: &Texts, tree: &TreeFiles) -> Option<(Program, Config)> {
    let source = Source::new(path, text);
    let program = startup::program(&source)?;
    let reading = Reading {
        path,
        machines: Machines {
            own: "main",
            all: &["main"],
        },
        variables: &BTreeMap::new(),
        file: &|path| texts.get(path).map(str::to_owned),
    };
    let (read, _) = startup::read(&source, &reading, &mut Vec::new());
    let mut read = read?;
    let around = Around {
        config: path,
        code: &[],
        python_path: &[".".to_owned()],
        aliases: &BTreeMap::new(),
        tree,
    };
    // What is wrong with one of them is told when the stack is read.
    let _ = startup::settle(&mut read, &around);
    let root = (program == Program::Compose).then(|| yaml::parse(&source).0).flatten();
    let services = root.as_ref().map_or(&[] as &[Entry], services);
    let programs = startup::program_keys(&source);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut agents = Vec::new();
    for agent in &read.agents {
        let script = normal(&agent.script_path.value);
        if !tree.files.contains(&script) {
            continue;
        }
        let service = services.iter().find(|service| service.key == agent.name.value);
        agents.push(Listed {
            name: agent.name.value.clone(),
            served: served(agent, &script),
            script,
            is_module: false,
            port: agent.port_is_written.then_some(agent.port.value),
            health_port: agent.health_check_port.as_ref().map(|port| port.value),
            dependencies: agent.dependencies.iter().map(|at| at.value.clone()).collect(),
            under: Vec::new(),
            line: agent.name.place.line as usize,
            heading: None,
            also: match service {
                Some(service) => also(service, folder, tree),
                None => Also {
                    words: programs
                        .get(&(agent.name.place.line as usize))
                        .map(words::of_program)
                        .unwrap_or_default(),
                    ..Also::default()
                },
            },
        });
    }
    if agents.is_empty() {
        return None;
    }
    let line = |name: &str| {
        agents
            .iter()
            .find(|agent| agent.name == name)
            .map_or(0, |agent| agent.line)
    };
    let groups = read.groups.iter().filter(|_| read.groups.len() > 1).map(|group| {
        let names: Vec<String> = group.agents.iter().map(|at| at.value.clone()).collect();
        let line = names.first().map_or(0, |name| line(name));
        (group.name.clone(), line, names)
    });
    let config = Config {
        path: path.to_owned(),
        named_groups: groups.collect(),
        environment: BTreeMap::new(),
        volumes: services.iter().flat_map(volumes).collect(),
        disabled: Vec::new(),
        is_of_program: true,
        agents,
    };
    Some((program, config))
}

/// The server that an agent's script is given to, and the folder that the script is imported from as the words behind the server say.
fn served(agent: &StartupAgent, script: &str) -> Option<(String, String)> {
    let server = agent.module.as_deref().filter(|module| startup::is_server(module))?;
    let stem = startup::application(&agent.arguments)?.replace('.', "/");
    let root = [format!("{stem}.py"), format!("{stem}/__init__.py")]
        .iter()
        .find_map(|file| script.strip_suffix(file.as_str()))?;
    Some((server.to_owned(), root.trim_end_matches('/').to_owned()))
}

/// The services of a Compose file.
fn services(root: &Node) -> &[Entry] {
    match field(root, "services").map(|entry| &entry.value.value) {
        Some(Value::Mapping(services)) => services,
        _ => &[],
    }
}

fn field<'a>(node: &'a Node, key: &str) -> Option<&'a Entry> {
    match &node.value {
        Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
        _ => None,
    }
}

/// A scalar, or the scalars of a list, with the defaults of variables.
pub fn texts_of(node: &Node) -> Vec<String> {
    match &node.value {
        Value::Sequence(items) => items.iter().filter_map(scalar).map(|text| default_of(&text)).collect(),
        _ => scalar(node).map(|text| default_of(&text)).into_iter().collect(),
    }
}

fn also(service: &Entry, folder: &str, tree: &TreeFiles) -> Also {
    let health = field(&service.value, "healthcheck").and_then(|check| {
        let test = field(&check.value, "test")?;
        let start = field(&check.value, "start_period").and_then(|entry| scalar(&entry.value));
        let shown = health(&texts_of(&test.value).join(" "), start.as_deref().and_then(seconds))?;
        Some((shown, test.key_span.line))
    });
    let env_files = field(&service.value, "env_file").and_then(|entry| {
        let files = texts_of(&entry.value).into_iter();
        let files = files.map(|path| normal(&format!("{folder}/{path}")));
        let files: Vec<String> = files.filter(|path| tree.files.contains(path)).collect();
        (!files.is_empty()).then_some((files, entry.key_span.line))
    });
    Also {
        health,
        env_files,
        words: words::of_service(service),
    }
}

/// What a command asks that tells whether a container is well: an address of HTTP on its own host, or a port.
fn health(test: &str, start_period: Option<u64>) -> Option<Shown> {
    let mut fields = match asked_over_http(test) {
        Some((port, path)) => vec![
            ("kind".to_owned(), Shown::Scalar("http".to_owned())),
            ("port".to_owned(), Shown::Number(u64::from(port))),
            ("path".to_owned(), Shown::Scalar(path)),
        ],
        None => {
            let words: Vec<&str> = test.split_whitespace().collect();
            let at = words
                .iter()
                .position(|word| matches!(*word, "nc" | "ncat" | "netcat"))?;
            let port = words[at..].iter().find_map(|word| word.parse::<u16>().ok())?;
            vec![
                ("kind".to_owned(), Shown::Scalar("tcp".to_owned())),
                ("port".to_owned(), Shown::Number(u64::from(port))),
            ]
        }
    };
    fields.extend(start_period.map(|seconds| ("start_period".to_owned(), Shown::Number(seconds))));
    Some(Shown::Mapping(fields))
}

fn asked_over_http(test: &str) -> Option<(u16, String)> {
    let (_, rest) = test.split_once("http://")?;
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | ')' | '`' | ';' | '|'))
        .unwrap_or(rest.len());
    let address = &rest[..end];
    let (host, path) = match address.find('/') {
        Some(at) => address.split_at(at),
        None => (address, "/"),
    };
    let (host, port) = match host.split_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
        None => (host, 80),
    };
    matches!(host, "localhost" | "127.0.0.1" | "0.0.0.0").then(|| (port, path.to_owned()))
}

/// `1m30s` in seconds, rounded up.
pub fn seconds(text: &str) -> Option<u64> {
    let mut total = 0.0;
    let mut number = String::new();
    let mut rest = text.trim();
    while let Some(c) = rest.chars().next() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            rest = &rest[1..];
            continue;
        }
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let factor = match &rest[..end] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        number.clear();
        rest = &rest[end..];
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded here")]
    ((0.001..=86_400.0).contains(&total) && number.is_empty()).then(|| total.ceil() as u64)
}

/// Folders that a service keeps outside of its container, relative to the tree, or absolute where they are not of it; with the line.
fn volumes(service: &Entry) -> Vec<(String, usize)> {
    let Some(entry) = field(&service.value, "volumes") else {
        return Vec::new();
    };
    let Value::Sequence(items) = &entry.value.value else {
        return Vec::new();
    };
    let folder = |node: &Node| {
        let (source, target) = match &node.value {
            Value::Mapping(_) => {
                let text = |key: &str| field(node, key).and_then(|entry| scalar(&entry.value));
                if text("type").as_deref() == Some("tmpfs") || text("read_only").as_deref() == Some("true") {
                    return None;
                }
                (text("source")?, text("target")?)
            }
            _ => {
                let text = default_of(&scalar(node)?);
                let mut parts = text.split(':');
                let (source, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
                if parts.next().is_some_and(|how| how.split(',').any(|word| word == "ro")) {
                    return None;
                }
                (source, target)
            }
        };
        // The code itself, or a socket of the host, is nothing that agents keep.
        if matches!(source.as_str(), "." | "./" | "..") || source.ends_with(".sock") {
            return None;
        }
        let below = ["/app/", "/workspace/", "/opt/app/", "/usr/src/app/", "/code/"]
            .iter()
            .find_map(|root| target.strip_prefix(root));
        let kept = match below {
            Some(below) => normal(below),
            // Where it is of use is for who takes it to say.
            None => target,
        };
        (!kept.is_empty() && !kept.starts_with("..")).then_some((kept, node.span.line))
    };
    items.iter().filter_map(folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_checks_are_read_as_they_are_written() {
        let shown = |test: &str| match health(test, None) {
            Some(Shown::Mapping(fields)) => fields
                .iter()
                .map(|(_, value)| match value {
                    Shown::Scalar(text) => text.clone(),
                    Shown::Number(number) => number.to_string(),
                    _ => String::new(),
                })
                .collect::<Vec<_>>()
                .join(" "),
            _ => String::new(),
        };
        for (test, wanted) in [
            ("CMD curl -f http://localhost:8000/health", "http 8000 /health"),
            (
                "CMD-SHELL curl -fsS 'http://127.0.0.1:80/a/b?c=1' || exit 1",
                "http 80 /a/b?c=1",
            ),
            ("wget -qO- http://localhost/ready", "http 80 /ready"),
            (
                "CMD python -c import urllib.request as u; u.urlopen('http://localhost:5000')",
                "http 5000 /",
            ),
            ("CMD-SHELL nc -z localhost 5555", "tcp 5555"),
            ("CMD curl -f http://elsewhere:8000/health", ""),
            ("CMD curl -f http://localhost:x/health", ""),
            ("CMD true", ""),
        ] {
            assert_eq!(shown(test), wanted, "{test}");
        }
        assert_eq!(
            ["30s", "1m30s", "500ms", "2h", "x", "3", ""].map(seconds),
            [Some(30), Some(90), Some(1), Some(7200), None, None, None]
        );
    }
}
