//! One agent of a YAML config: its script or module, ports, dependencies, parameters and environment, under the names that such
//! configs have for them. `config:` may hold any of these.

use super::find::{self, Found};
use super::profiles::Machines;
use super::values::Values;
use super::{StartupAgent, command, params, settings};
use crate::finding::{Finding, Severity, Subject};
use crate::stack::near::nearest;
use crate::stack::read::{Fields, Reader};
use crate::stack::spans::At;
use crate::stack::yaml::{Entry, Node, Value};

/// Keys with an agent's dependencies.
const DEPENDENCIES: [&str; 5] = ["dependencies", "depends_on", "requires", "deps", "depends"];
/// Keys with a port of health checks.
const HEALTH_PORT: [&str; 4] = ["health_check_port", "health_port", "healthcheck_port", "healthcheck"];
/// Keys with variables of an agent alone.
const ENVIRONMENT: [&str; 4] = ["env_vars", "environment", "env", "environment_variables"];
/// Keys with what an agent gets on its command line.
const PARAMS: [&str; 5] = ["params", "parameters", "args", "arguments", "kwargs"];
/// Keys of the machine that an agent runs on.
const MACHINE: [&str; 5] = ["machine", "machine_type", "runs_on", "target_machine", "node"];
/// Keys of the group that an agent belongs to.
const GROUP: [&str; 4] = ["group", "docker_group", "container_group", "agent_group"];
/// Variables that say which port a program serves.
pub const PORT_VARIABLES: [&str; 4] = ["AGENT_PORT", "ZMQ_PORT", "SERVICE_PORT", "PORT"];
/// Keys that are known and say nothing that is needed here; a key near one of them is no slip of the pen.
const ELSEWHERE: [&str; 9] = [
    "description",
    "class",
    "class_name",
    "startup_priority",
    "priority",
    "category",
    "type",
    "config",
    "volumes",
];

/// Reads an agent. Nothing comes back where too little is known to start it, which is told, or where it is not to be started here.
/// `names` gets its name in any case.
pub fn read<'a>(
    reader: &mut Reader<'a>,
    found: &Found<'a>,
    values: &Values<'_>,
    machines: &Machines<'_>,
    names: &mut Vec<String>,
) -> Option<StartupAgent> {
    let mut fields = match found.key {
        Some(entry) if found.node.is_null() => {
            Fields::none(&format!("agent `{}`", entry.key), reader.place(entry.key_span))
        }
        _ => {
            let place = reader.place(found.node.span);
            reader.fields(found.node, "an agent", place)?
        }
    };
    let before = reader.findings.len();
    let name = name(reader, &mut fields, found.key);
    let unusable = reader.findings.len() > before;
    if let Some(name) = &name {
        fields.what = format!("agent `{}`", name.value);
        fields.place = name.place.clone();
        names.push(name.value.clone());
    }
    let own = fields
        .any(&MACHINE)
        .and_then(|(_, node)| values.text(reader, node, "`machine`"));
    if own.is_some_and(|machine| machines.is_other(&machine.value)) {
        return None;
    }
    if !is_enabled(reader, &mut fields, values) {
        return None;
    }
    let mut agent = body(reader, &mut fields, values);
    tell_slips(reader, &fields);
    agent.name = name.filter(|_| !unusable)?;
    agent.group = agent.group.or_else(|| found.group.clone());
    agent.has_target().then_some(agent)
}

/// The name: written inside, or the key.
fn name<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>, key: Option<&'a Entry>) -> Option<At<String>> {
    let inside = fields.any(&find::NAME);
    if let Some(key) = key {
        let place = reader.place(key.key_span);
        reader.check_name(&key.key, &place, "an agent");
        return Some(At {
            value: key.key.clone(),
            place,
        });
    }
    match inside {
        Some((_, node)) => reader.name(node, "an agent"),
        None => {
            reader.required(fields, "name");
            None
        }
    }
}

/// Whether it is to be started at all: `enabled: false`, `disabled: true`.
fn is_enabled<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>, values: &Values<'_>) -> bool {
    let mut is = |keys: &[&'static str]| {
        let (key, node) = fields.any(keys)?;
        values.boolean(reader, node, &format!("`{key}`"))
    };
    is(&["enabled", "enable", "active"]) != Some(false) && is(&["disabled", "skip"]) != Some(true)
}

/// All but the name.
fn body<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>, values: &Values<'_>) -> StartupAgent {
    let mut agent = StartupAgent::new(fields.place.clone());
    // What `config:` holds is as good as what stands beside it.
    let mut inner = fields
        .get("config")
        .filter(|node| matches!(node.value, Value::Mapping(_)))
        .and_then(|node| reader.fields(node, "`config`", fields.place.clone()));
    target(reader, fields, inner.as_mut(), values, &mut agent);
    if let Some((key, node)) = any(fields, inner.as_mut(), &PARAMS) {
        let read = params::read(reader, node, values, &format!("`{key}`"));
        agent.params = read.flags;
        agent.lists = read.lists;
        agent.arguments.extend(read.words);
    }
    if let Some((_, node)) = any(fields, inner.as_mut(), &ENVIRONMENT) {
        for (name, mut at) in settings::of_environment(reader, node) {
            at.value = values.fill(&at.value);
            agent.environment.insert(name, at);
        }
        // The stack decides it.
        agent.environment.remove("PYTHONPATH");
    }
    ports(reader, fields, inner.as_mut(), values, &mut agent);
    if let Some(host) = any(fields, inner.as_mut(), &["host", "bind_address", "bind_host"])
        .and_then(|(_, node)| values.text(reader, node, "`host`"))
    {
        agent.host = host.value;
    }
    if let Some((key, node)) = any(fields, inner.as_mut(), &DEPENDENCIES) {
        agent.dependencies = dependencies(reader, node, &format!("`{key}`"));
    }
    let required = any(fields, inner.as_mut(), &["required"]);
    agent.required = required
        .and_then(|(_, node)| values.boolean(reader, node, "`required`"))
        .unwrap_or(true);
    agent.group = fields
        .any(&GROUP)
        .filter(|(_, node)| matches!(node.value, Value::Scalar { .. }))
        .and_then(|(_, node)| reader.scalar(node, "`group`"))
        .map(|group| group.value);
    agent
}

fn any<'a>(
    fields: &mut Fields<'a>,
    inner: Option<&mut Fields<'a>>,
    keys: &[&'static str],
) -> Option<(&'static str, &'a Node)> {
    let outside = fields.any(keys);
    outside.or_else(|| inner?.any(keys))
}

/// The script or the module.
fn target<'a>(
    reader: &mut Reader<'a>,
    fields: &mut Fields<'a>,
    mut inner: Option<&mut Fields<'a>>,
    values: &Values<'_>,
    agent: &mut StartupAgent,
) {
    let script = any(
        fields,
        inner.as_deref_mut(),
        &["script_path", "script", "script_file", "script_name", "python_file"],
    );
    if let Some((key, node)) = script {
        set_script(reader, node, key, values, agent);
        return;
    }
    if let Some((_, node)) = any(fields, inner.as_deref_mut(), &["file_path"]) {
        let key = fields.entries().iter().find(|entry| entry.key == "file_path");
        reader.findings.push(
            Finding::warning(
                "stack/file-path",
                reader.place(key.map_or(node.span, |entry| entry.key_span)),
                format!("{} writes `file_path` where `script_path` is meant", fields.what),
            )
            .about(Subject::Key("file_path".to_owned()))
            .with_help("rename the key to `script_path`; it is read as that meanwhile"),
        );
        set_script(reader, node, "file_path", values, agent);
        return;
    }
    if let Some((key, node)) = any(
        fields,
        inner.as_deref_mut(),
        &["module", "module_path", "python_module"],
    ) {
        let Some(text) = reader.text(node, &format!("`{key}`")) else {
            return;
        };
        let value = values.fill(&text.value);
        if value.ends_with(".py") || value.contains('/') {
            agent.script_path = At { value, ..text };
        } else {
            // `package.module:function` names what is called; `-m` runs the module.
            let module = value.split(':').next().unwrap_or(&value).trim();
            agent.module = Some(module.to_owned());
            agent.script_path.place = text.place;
        }
        return;
    }
    let Some((key, node)) = any(fields, inner, &find::COMMAND) else {
        reader.required(fields, "script_path");
        return;
    };
    let words = match &node.value {
        Value::Sequence(_) => {
            let texts = reader.texts(node, &format!("`{key}`"));
            texts.into_iter().map(|at| values.fill(&at.value)).collect()
        }
        _ => reader
            .text(node, &format!("`{key}`"))
            .map(|at| command::words(&values.fill(&at.value)))
            .unwrap_or_default(),
    };
    let place = reader.place(node.span);
    if !agent.take_command(&words, &place) {
        reader.required(fields, "script_path");
    }
}

fn set_script<'a>(reader: &mut Reader<'a>, node: &'a Node, key: &str, values: &Values<'_>, agent: &mut StartupAgent) {
    let Some(text) = reader.text(node, &format!("`{key}`")) else {
        return;
    };
    let value = values.fill(&text.value);
    let words = command::words(&value);
    // `agent.py --fast`: a command line where a path is expected.
    if words.len() > 1 && !value.ends_with(".py") && agent.take_command(&words, &text.place) {
        return;
    }
    agent.script_path = At { value, ..text };
}

/// The ports: written, in `ports:`, among the parameters, or in a variable that names one.
fn ports<'a>(
    reader: &mut Reader<'a>,
    fields: &mut Fields<'a>,
    mut inner: Option<&mut Fields<'a>>,
    values: &Values<'_>,
    agent: &mut StartupAgent,
) {
    if let Some((key, node)) = any(fields, inner.as_deref_mut(), &HEALTH_PORT) {
        // `healthcheck:` may be a mapping, with a port or without.
        let node = match &node.value {
            Value::Mapping(entries) => inside(entries, &["port"]),
            _ => Some(node),
        };
        agent.health_check_port = node.and_then(|node| values.port(reader, node, &format!("`{key}`")));
    }
    match any(fields, inner, &find::PORT) {
        Some((key, node)) => {
            let what = format!("`{key}`");
            let one = match &node.value {
                Value::Scalar { .. } => Some(node),
                Value::Sequence(items) => items.first(),
                Value::Mapping(entries) => {
                    if agent.health_check_port.is_none() {
                        let health = inside(entries, &["health", "health_check", "health_check_port", "health_port"]);
                        agent.health_check_port = health.and_then(|node| values.port(reader, node, &what));
                    }
                    inside(entries, &["main", "port", "rep", "req", "service", "api", "zmq"])
                        .or_else(|| entries.first().map(|entry| &entry.value))
                }
            };
            let before = reader.findings.len();
            let port = one.and_then(|node| values.port(reader, node, &what));
            agent.port_is_wrong = port.is_none() && (one.is_none() || reader.findings.len() > before);
            if one.is_none() {
                reader.required(fields, "port");
            }
            if let Some(port) = port {
                agent.port = port;
            }
        }
        None => {
            let place = fields.place.clone();
            if let Some(port) = agent.port_elsewhere(&PORT_VARIABLES, &place) {
                agent.port = port;
            }
        }
    }
    // The supervisor passes it itself.
    let own = agent.port.value.to_string();
    agent.params.retain(|name, at| name != "port" || at.value != own);
}

fn inside<'a>(entries: &'a [Entry], keys: &[&str]) -> Option<&'a Node> {
    keys.iter()
        .find_map(|key| entries.iter().find(|entry| entry.key == *key))
        .map(|entry| &entry.value)
}

/// Dependencies: a list of names or of mappings with one, a mapping of names, or one name.
pub fn dependencies(reader: &mut Reader<'_>, node: &Node, what: &str) -> Vec<At<String>> {
    let item = format!("an item of {what}");
    match &node.value {
        Value::Sequence(items) => items
            .iter()
            .filter(|node| !node.is_null())
            .filter_map(|node| match &node.value {
                Value::Mapping(entries) => {
                    let node = inside(entries, &["name", "agent", "service"]).unwrap_or(node);
                    reader.text(node, &item)
                }
                _ => reader.text(node, &item),
            })
            .collect(),
        Value::Mapping(entries) => entries
            .iter()
            .map(|entry| At {
                value: entry.key.clone(),
                place: reader.place(entry.key_span),
            })
            .collect(),
        Value::Scalar { .. } => {
            let Some(text) = reader.text(node, what) else {
                return Vec::new();
            };
            let names = text
                .value
                .split([',', ' '])
                .map(str::trim)
                .filter(|name| !name.is_empty());
            names
                .map(|name| At {
                    value: name.to_owned(),
                    place: text.place.clone(),
                })
                .collect()
        }
    }
}

/// Keys that are probably meant to be another. What else a tree writes about its agents is its own business.
fn tell_slips(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    let known = [
        "name",
        "script_path",
        "port",
        "health_check_port",
        "host",
        "dependencies",
        "required",
        "params",
        "enabled",
    ];
    for entry in fields.entries() {
        let key = entry.key.as_str();
        if fields.knows(key) || ELSEWHERE.contains(&key) || key.len() < 4 {
            continue;
        }
        let Some(near) =
            nearest(key, known).filter(|near| !fields.entries().iter().any(|e| e.key == *near) || *near == "port")
        else {
            continue;
        };
        let mut finding = Finding::error(
            "stack/unknown-key",
            reader.place(entry.key_span),
            format!("{} has no key `{key}`", fields.what),
        );
        finding.severity = Severity::Warning;
        reader.findings.push(
            finding
                .about(Subject::Key(key.to_owned()))
                .with_help(format!("did you mean `{near}`?")),
        );
    }
}
