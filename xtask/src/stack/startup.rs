//! Startup configs: the tree's own lists of agents, in any of the shapes that they have.
//!
//! A top-level key is a list of agents where its value is a list of mappings of which one has a `name` (MainPC: a key per
//! category; PC2: one key for all). `environment`, `resource_limits` and `health_checks` are read too; every other key
//! belongs to the tree and is left alone.

use std::collections::BTreeMap;

use super::environment;
use super::read::Reader;
use super::spans::{At, Source};
use super::supervision::Settings;
use super::yaml::{self, Entry, Node, Value};
use crate::finding::{Finding, Place, Severity, Subject};

/// One startup config.
#[derive(Debug, Clone)]
pub struct Startup {
    /// Its path, as findings name it.
    pub path: String,
    /// Its agents, in order.
    pub agents: Vec<StartupAgent>,
    /// Environment of every agent; without PYTHONPATH, which the stack decides.
    pub environment: BTreeMap<String, At<String>>,
    /// Memory limit per agent in bytes.
    pub agent_memory_bytes: Option<u64>,
    /// Limit of threads per agent.
    pub agent_pids: Option<u32>,
    /// Health check settings.
    pub health_checks: Settings,
}

/// An agent as its startup config defines it.
#[derive(Debug, Clone)]
pub struct StartupAgent {
    /// Name.
    pub name: At<String>,
    /// Script, relative to the tree.
    pub script_path: At<String>,
    /// Address it binds.
    pub host: String,
    /// Port of its REP socket.
    pub port: At<u16>,
    /// Port of its health socket, where it is written.
    pub health_check_port: Option<At<u16>>,
    /// Names of its dependencies.
    pub dependencies: Vec<At<String>>,
    /// Whether its group is unhealthy without it.
    pub required: bool,
    /// Further flags.
    pub params: BTreeMap<String, At<String>>,
}

/// Reads a startup config. Nothing comes back where it is no YAML at all; `names` gets the name of every agent that it
/// mentions, those that cannot be used among them.
#[must_use]
pub fn read(source: &Source, names: &mut Vec<String>) -> (Option<Startup>, Vec<Finding>) {
    let (root, mut findings) = yaml::parse(source);
    let Some(root) = root else {
        if findings.is_empty() {
            findings.push(
                Finding::error(
                    "stack/missing-key",
                    Place::file(&source.path),
                    format!("`{}` is empty", source.path),
                )
                .about(Subject::Path(source.path.clone()))
                .with_help(AGENTS_HELP),
            );
        }
        return (None, findings);
    };
    let mut reader = Reader::new(source);
    let startup = config(&mut reader, &root, names);
    findings.append(&mut reader.findings);
    (startup, findings)
}

const AGENTS_HELP: &str = "agents are a list of mappings under any key, each with a `name`";

fn config<'a>(reader: &mut Reader<'a>, root: &'a Node, names: &mut Vec<String>) -> Option<Startup> {
    let place = reader.place(root.span);
    let mut top = reader.fields(root, "a startup config", place.clone())?;
    let mut startup = Startup {
        path: reader.source.path.clone(),
        agents: Vec::new(),
        environment: BTreeMap::new(),
        agent_memory_bytes: None,
        agent_pids: None,
        health_checks: Settings::default(),
    };
    if let Some(node) = top.get("environment") {
        startup.environment = environment::variables(reader, node);
        startup.environment.remove("PYTHONPATH");
    }
    if let Some(node) = top.get("resource_limits") {
        limits(reader, node, &mut startup);
    }
    if let Some(node) = top.get("health_checks") {
        let place = reader.place(node.span);
        if let Some(mut fields) = reader.fields(node, "`health_checks`", place) {
            startup.health_checks = Settings::health_checks(reader, &mut fields);
        }
    }
    let lists: Vec<&[Node]> = top.entries().iter().filter_map(agent_list).collect();
    if lists.is_empty() {
        reader.findings.push(
            Finding::error(
                "stack/missing-key",
                place,
                format!("`{}` lists no agents", reader.source.path),
            )
            .about(Subject::Path(reader.source.path.clone()))
            .with_help(AGENTS_HELP),
        );
    }
    for list in lists {
        for node in list {
            let (before, known) = (reader.findings.len(), names.len());
            startup.agents.extend(agent(reader, node, names));
            if let Some(name) = names.get(known) {
                reader.mark(before, &Subject::any_agent(name));
            }
        }
    }
    Some(startup)
}

fn agent_list(entry: &Entry) -> Option<&[Node]> {
    if matches!(entry.key.as_str(), "environment" | "resource_limits" | "health_checks") {
        return None;
    }
    let Value::Sequence(items) = &entry.value.value else {
        return None;
    };
    let named = items
        .iter()
        .any(|item| matches!(&item.value, Value::Mapping(fields) if fields.iter().any(|f| f.key == "name")));
    named.then_some(items)
}

fn limits<'a>(reader: &mut Reader<'a>, node: &'a Node, startup: &mut Startup) {
    let place = reader.place(node.span);
    let Some(mut fields) = reader.fields(node, "`resource_limits`", place) else {
        return;
    };
    startup.agent_memory_bytes = fields
        .get("memory_mb")
        .and_then(|node| reader.integer(node, "`memory_mb`", 1, 1 << 30))
        .map(|at| at.value * 1024 * 1024);
    startup.agent_pids = fields
        .get("max_threads")
        .and_then(|node| reader.integer(node, "`max_threads`", 1, 1 << 20))
        .and_then(|at| u32::try_from(at.value).ok());
}

fn agent<'a>(reader: &mut Reader<'a>, node: &'a Node, names: &mut Vec<String>) -> Option<StartupAgent> {
    let place = reader.place(node.span);
    let mut fields = reader.fields(node, "an agent", place.clone())?;
    let name = reader
        .required(&mut fields, "name")
        .and_then(|node| reader.name(node, "an agent"));
    if let Some(name) = &name {
        fields.what = format!("agent `{}`", name.value);
        fields.place = name.place.clone();
        names.push(name.value.clone());
    }
    let script_path = script(reader, &mut fields);
    let port = reader
        .required(&mut fields, "port")
        .and_then(|node| reader.port(node, "`port`"));
    let health_check_port = fields
        .get("health_check_port")
        .map(|node| reader.port(node, "`health_check_port`"));
    let host = fields
        .get("host")
        .and_then(|node| reader.scalar(node, "`host`"))
        .map_or_else(|| "0.0.0.0".to_owned(), |at| at.value);
    let dependencies = fields
        .get("dependencies")
        .map(|node| reader.texts(node, "`dependencies`"))
        .unwrap_or_default();
    let required = fields
        .get("required")
        .and_then(|node| reader.boolean(node, "`required`"))
        .unwrap_or(true);
    let params = fields
        .get("params")
        .map(|node| environment::parameters(reader, node))
        .unwrap_or_default();
    reader.finish(fields, Severity::Warning);
    Some(StartupAgent {
        name: name?,
        script_path: script_path?,
        host,
        port: port?,
        // A wrong port has been reported; the agent still takes part in every other check.
        health_check_port: health_check_port.flatten(),
        dependencies,
        required,
        params,
    })
}

/// `script_path`; `file_path` has a message of its own, since an older supervisor read that.
fn script<'a>(reader: &mut Reader<'a>, fields: &mut super::read::Fields<'a>) -> Option<At<String>> {
    if fields.entries().iter().any(|e| e.key == "script_path") {
        let node = reader.required(fields, "script_path")?;
        return reader.path(node, "`script_path`");
    }
    let Some(entry) = fields.entries().iter().find(|e| e.key == "file_path") else {
        reader.required(fields, "script_path");
        return None;
    };
    fields.get("script_path");
    fields.get("file_path");
    reader.findings.push(
        Finding::warning(
            "stack/file-path",
            reader.place(entry.key_span),
            format!("{} writes `file_path` where `script_path` is meant", fields.what),
        )
        .about(Subject::Key("file_path".to_owned()))
        .with_help("rename the key to `script_path`; it is read as that meanwhile"),
    );
    reader.path(&entry.value, "`file_path`")
}
