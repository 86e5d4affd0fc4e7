//! Startup configs: the tree's own lists of agents, in any of the shapes that they have.
//!
//! A shape is a module: [`find`] knows lists and mappings of agents, [`groups`] the groups that a config names, [`profiles`] one file
//! for several machines, [`settings`] what is said of all agents, [`compose`], [`supervisord`] and [`procfile`] configs of other
//! programs. [`entry`] reads one agent, [`values`] what is written as text, [`scripts`] finds its file. An agent that cannot be read
//! costs that agent alone.

use std::collections::{BTreeMap, BTreeSet};

use contract::own_flags::OwnFlags;

use super::health::Own;
use super::read::Reader;
use super::spans::{At, Source};
use super::supervision::Settings;
use super::yaml::{self, Node, Value};
use crate::finding::{Finding, Place, Subject};

mod command;
mod compose;
mod entry;
mod find;
mod groups;
mod params;
mod procfile;
mod profiles;
mod scripts;
mod settings;
mod supervisord;
mod values;

pub use command::{application, is_server};
pub use groups::{NamedGroup, slug};
pub use profiles::Machines;
pub use scripts::{Around, settle};
pub use supervisord::{ProgramKeys, program_keys};
use values::Values;

/// One startup config.
#[derive(Debug, Clone)]
pub struct Startup {
    /// Its path, as findings name it.
    pub path: String,
    /// The folder of the tree that it is in; empty for the root.
    folder: String,
    /// Its agents, in order.
    pub agents: Vec<StartupAgent>,
    /// The groups that it names.
    pub groups: Vec<NamedGroup>,
    /// Environment of every agent; without PYTHONPATH, which the stack decides.
    pub environment: BTreeMap<String, At<String>>,
    /// Memory limit per agent in bytes.
    pub agent_memory_bytes: Option<u64>,
    /// Processor time of an agent in thousandths of a processor.
    pub agent_milli_cpus: Option<u64>,
    /// Limit of threads per agent.
    pub agent_pids: Option<u32>,
    /// Health check settings.
    pub health_checks: Settings,
}

impl Startup {
    fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            folder: String::new(),
            agents: Vec::new(),
            groups: Vec::new(),
            environment: BTreeMap::new(),
            agent_memory_bytes: None,
            agent_milli_cpus: None,
            agent_pids: None,
            health_checks: Settings::default(),
        }
    }
}

/// An agent as its startup config defines it.
#[derive(Debug, Clone)]
pub struct StartupAgent {
    /// Name.
    pub name: At<String>,
    /// Script, relative to the tree once [`settle`] has found it; the module's file with `module`.
    pub script_path: At<String>,
    /// Module that is run with `-m` in place of the script.
    pub module: Option<String>,
    /// Folders of the tree that the script may be relative to, besides those of the machine.
    pub folders: Vec<String>,
    /// Address it binds.
    pub host: String,
    /// Port of its REP socket; one that nobody else has where none is written.
    pub port: At<u16>,
    /// Whether that port is written.
    pub port_is_written: bool,
    /// Whether a port is written that cannot be one.
    port_is_wrong: bool,
    /// Port of its health socket, where it is written.
    pub health_check_port: Option<At<u16>>,
    /// Names of its dependencies.
    pub dependencies: Vec<At<String>>,
    /// Whether its group is unhealthy without it.
    pub required: bool,
    /// Further flags with a word each.
    pub params: BTreeMap<String, At<String>>,
    /// Further flags with several words.
    pub lists: BTreeMap<String, Vec<String>>,
    /// Further words, as they stand.
    pub arguments: Vec<String>,
    /// Environment of this agent alone.
    pub environment: BTreeMap<String, At<String>>,
    /// Which of `--port`, `--health_check_port` and `--name` it is given.
    pub own_flags: OwnFlags,
    /// The group that the config has it in.
    pub group: Option<String>,
}

impl StartupAgent {
    /// One of which nothing is known yet.
    pub fn new(place: Place) -> Self {
        let nothing = At {
            value: String::new(),
            place: place.clone(),
        };
        Self {
            name: nothing.clone(),
            script_path: nothing,
            module: None,
            folders: Vec::new(),
            host: "0.0.0.0".to_owned(),
            port: At { value: 0, place },
            port_is_written: true,
            port_is_wrong: false,
            health_check_port: None,
            dependencies: Vec::new(),
            required: true,
            params: BTreeMap::new(),
            lists: BTreeMap::new(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            own_flags: OwnFlags::ALL,
            group: None,
        }
    }

    /// An agent that is a program of a config which knows nothing of agents: it gets its own words alone.
    fn of_program(name: &str, place: &Place) -> Self {
        let mut agent = Self::new(place.clone());
        name.clone_into(&mut agent.name.value);
        agent.own_flags = OwnFlags::NONE;
        agent
    }

    /// Takes the port that its words or variables name, where none is known.
    fn take_port(&mut self) {
        if !self.has_port()
            && let Some(port) = self.port_elsewhere(&entry::PORT_VARIABLES, &self.name.place.clone())
        {
            self.port = port;
        }
    }

    /// Whether it is known what is started, and on which port if one is written.
    fn has_target(&self) -> bool {
        !self.port_is_wrong && (self.module.is_some() || !self.script_path.value.is_empty())
    }

    /// Takes what a command line starts; says whether it starts Python.
    fn take_command(&mut self, words: &[String], place: &Place) -> bool {
        let Some(command) = command::parse(words).map(|command| command.expanded(&self.environment)) else {
            return false;
        };
        let at = |value: String| At {
            value,
            place: place.clone(),
        };
        match command.target {
            command::Target::Script(path) => self.script_path = at(path),
            command::Target::Module(module) => {
                self.module = Some(module);
                self.script_path.place = place.clone();
            }
        }
        self.folders.extend(command.folder);
        self.arguments = command.arguments;
        for (name, value) in command.environment {
            self.environment.entry(name).or_insert_with(|| at(value));
        }
        true
    }

    /// What is known of its ports.
    #[must_use]
    pub fn own_ports(&self) -> Own {
        Own {
            port: self.port.value,
            has_port: self.port_is_written,
            health_port: self.health_check_port.as_ref().map(|port| port.value),
            is_told: self.own_flags.any(),
        }
    }

    /// Whether its port is known.
    fn has_port(&self) -> bool {
        self.port.value != 0
    }

    /// A port that its words, parameters or variables name.
    fn port_elsewhere(&self, variables: &[&str], place: &Place) -> Option<At<u16>> {
        let known = |value: &str| value.parse::<u16>().ok().filter(|port| *port > 0);
        let by_flag = || command::flag(&self.arguments, &["port", "p"]).and_then(known);
        let by_param = || self.params.get("port").and_then(|at| known(&at.value));
        let by_variable = || {
            let mut values = variables.iter().filter_map(|name| self.environment.get(*name));
            values.find_map(|at| known(&at.value))
        };
        let value = by_param().or_else(by_flag).or_else(by_variable)?;
        Some(At {
            value,
            place: place.clone(),
        })
    }
}

/// A program whose configs start agents among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// Compose: its services.
    Compose,
    /// supervisord: its programs.
    Supervisord,
    /// What starts the processes of a Procfile.
    Procfile,
}

/// Whose config a file is; nothing where it is a startup config of agents, or none.
#[must_use]
pub fn program(source: &Source) -> Option<Program> {
    if procfile::is_one(&source.path) {
        return Some(Program::Procfile);
    }
    if supervisord::is_one(&source.path, &source.text) {
        return Some(Program::Supervisord);
    }
    if !source.path.ends_with("yml") && !source.path.ends_with("yaml") {
        return None;
    }
    match yaml::parse(source).0?.value {
        Value::Mapping(top) => compose::services(&top).map(|_| Program::Compose),
        _ => None,
    }
}

/// What a startup config is read with.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Its path in the tree.
    pub path: &'a str,
    /// The machine that it is read for, among the others.
    pub machines: Machines<'a>,
    /// The stack's `variables:`.
    pub variables: &'a BTreeMap<String, String>,
    /// The text of another file of the tree.
    pub file: &'a dyn Fn(&str) -> Option<String>,
}

/// Reads a startup config for one of the machines. Nothing comes back where it cannot be read at all; `names` gets the name of every
/// agent that it mentions, those that cannot be used among them.
#[must_use]
pub fn read(source: &Source, reading: &Reading<'_>, names: &mut Vec<String>) -> (Option<Startup>, Vec<Finding>) {
    let other = if procfile::is_one(reading.path) {
        Some(procfile::read(source, names))
    } else if supervisord::is_one(reading.path, &source.text) {
        Some(supervisord::read(source, names))
    } else {
        None
    };
    if let Some((mut startup, mut findings)) = other {
        let mut reader = Reader::new(source);
        if startup.agents.is_empty() {
            reader.findings.push(no_agents(source, Place::file(&source.path)));
        }
        if startup.groups.is_empty() && !startup.agents.is_empty() {
            startup.groups = vec![NamedGroup {
                name: slug("agents"),
                agents: startup.agents.iter().map(|agent| agent.name.clone()).collect(),
            }];
        }
        choose_ports(&mut reader, &mut startup.agents);
        findings.append(&mut reader.findings);
        return (Some(startup), findings);
    }
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
    let startup = config(&mut reader, &root, reading, names);
    findings.append(&mut reader.findings);
    (startup, findings)
}

const AGENTS_HELP: &str = "agents are a list of mappings under any key, each with a `name`";

fn no_agents(source: &Source, place: Place) -> Finding {
    Finding::error("stack/missing-key", place, format!("`{}` lists no agents", source.path))
        .about(Subject::Path(source.path.clone()))
        .with_help(AGENTS_HELP)
}

fn config<'a>(
    reader: &mut Reader<'a>,
    root: &'a Node,
    reading: &Reading<'_>,
    names: &mut Vec<String>,
) -> Option<Startup> {
    let (machines, variables) = (&reading.machines, reading.variables);
    let place = reader.place(root.span);
    let mut startup = Startup::new(&reader.source.path);
    startup.folder = reading
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder)
        .to_owned();
    let services = match &root.value {
        Value::Mapping(entries) => compose::services(entries),
        _ => None,
    };
    let mut choice = profiles::Choice::default();
    match &root.value {
        Value::Mapping(entries) => {
            // What stands at the top wins over what all machines share, and a machine's profile over both.
            let profile = profiles::of(entries, machines);
            let shared = entries
                .iter()
                .filter(|entry| settings::GLOBAL.contains(&entry.key.as_str()))
                .map(|entry| &entry.value);
            for node in shared.chain([root]).chain(profile) {
                if let Value::Mapping(_) = &node.value
                    && let Some(mut fields) = reader.fields(node, "a startup config", place.clone())
                {
                    settings::read(reader, &mut fields, variables, &mut startup);
                }
            }
            choice = profile.map(profiles::Choice::of).unwrap_or_default();
        }
        Value::Sequence(_) => {}
        Value::Scalar { .. } => {
            reader.fields(root, "a startup config", place)?;
            return None;
        }
    }
    let environment = startup.environment.clone();
    let values = Values {
        variables,
        environment: &environment,
    };
    let found = match services {
        Some(services) => {
            compose::read(reader, services, &values, reading.file, names, &mut startup);
            Vec::new()
        }
        None => find::agents(root, &|key| machines.is_other(key)),
    };
    if found.is_empty() && startup.agents.is_empty() {
        let finding = no_agents(reader.source, place);
        reader.findings.push(finding);
    }
    for found in &found {
        let (before, known) = (reader.findings.len(), names.len());
        startup
            .agents
            .extend(entry::read(reader, found, &values, machines, names));
        if let Some(name) = names.get(known) {
            reader.mark(before, &Subject::any_agent(name));
        }
    }
    let listed = groups::of(reader, root, &startup.agents);
    startup.agents.retain(|agent| {
        let of_it = listed
            .iter()
            .filter(|group| group.agents.iter().any(|name| name.value == agent.name.value));
        let mut groups: Vec<&str> = of_it.map(|group| group.name.as_str()).collect();
        groups.extend(agent.group.as_deref());
        choice.takes(&agent.name.value, &groups)
    });
    startup.groups = groups::of(reader, root, &startup.agents);
    choose_ports(reader, &mut startup.agents);
    Some(startup)
}

/// Gives agents without a port one that nobody else of the config has, and says so.
fn choose_ports(reader: &mut Reader<'_>, agents: &mut [StartupAgent]) {
    // Far from what systems of this kind use, and from the ports that a kernel hands out.
    const FIRST: u16 = 21_000;
    let written = agents
        .iter()
        .flat_map(|agent| [Some(&agent.port), agent.health_check_port.as_ref()]);
    let taken: BTreeSet<u16> = written.flatten().map(|at| at.value).collect();
    // The health port is often the next one.
    let mut free = (FIRST..32_000)
        .step_by(2)
        .filter(|port| !taken.contains(port) && !taken.contains(&(port + 1)));
    for agent in agents.iter_mut().filter(|agent| !agent.has_port()) {
        let Some(value) = free.next() else {
            return;
        };
        let place = agent.name.place.clone();
        if agent.own_flags.any() {
            reader.findings.push(
                Finding::warning(
                    "stack/missing-key",
                    place.clone(),
                    format!("agent `{}` has no `port`", agent.name.value),
                )
                .about(Subject::Key("port".to_owned()))
                .about(Subject::any_agent(&agent.name.value))
                .with_help(format!(
                    "add `port:`; until then it is told to use {value}, and is healthy while its process runs (`health: process`)"
                )),
            );
        }
        agent.port = At { value, place };
        agent.port_is_written = false;
    }
}
