//! Files of checks and the stack → concrete checks: expanded, names resolved, in an order that has no cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value;

use super::decode;
use super::event::CheckInfo;
use super::spec::{CheckFile, CheckSpec, CommandExpect, ForEach, Kind, Payload, Restart, SoakSpec, Text};
use super::template::{self, Bindings};
use super::yaml::{Reader, nearest};
use crate::finding::{Finding, Place};
use crate::stack::model::{AgentId, GroupId, MachineId, Stack};

/// A name that nothing carries: a machine, group, agent, volume, network or check.
pub const UNKNOWN_NAME: &str = "smoke/unknown-name";
/// Checks that wait for each other.
pub const CYCLE: &str = "smoke/cycle";
/// A placeholder that nothing fills.
pub const UNKNOWN_VALUE: &str = "smoke/unknown-value";
/// A check that expands to nothing.
pub const EMPTY: &str = "smoke/no-subject";

/// Index of a check in [`Plan::checks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(pub usize);

/// What of the files is wanted.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Phases; all when empty.
    pub phases: BTreeSet<u8>,
    /// One machine; checks about none are kept.
    pub machine: Option<MachineId>,
    /// Seconds of every soak, instead of its own.
    pub soak_seconds: Option<u64>,
}

/// Concrete checks.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The checks, in the order of the files.
    pub checks: Vec<Check>,
}

/// One concrete check.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its id.
    pub id: CheckId,
    /// Its name, with what it was expanded for in brackets.
    pub name: String,
    /// Its phase.
    pub phase: u8,
    /// Its machine, where it is about one.
    pub machine: Option<MachineId>,
    /// Its machine's name.
    pub machine_name: Option<String>,
    /// Name of its kind.
    pub kind: &'static str,
    /// Where it is defined.
    pub place: Place,
    /// Time limit.
    pub timeout: Duration,
    /// Checks that must have passed before.
    pub after: Vec<CheckId>,
    /// Whether nothing else may run meanwhile.
    pub exclusive: bool,
    /// Saved values that it uses, and the checks that save them.
    pub reads: BTreeMap<String, CheckId>,
    /// What is looked at, and what is expected.
    pub action: Action,
}

/// What is looked at, and what is expected.
#[derive(Debug, Clone)]
pub enum Action {
    /// One request to an agent.
    Request {
        /// The agent.
        agent: AgentId,
        /// What is sent.
        send: Payload,
        /// Matcher of the reply.
        expect: Value,
        /// Names for values of the reply, by path.
        save: BTreeMap<String, String>,
    },
    /// A command in the container of a group.
    Exec {
        /// The group.
        group: GroupId,
        /// Program and arguments.
        command: Vec<String>,
        /// What it must do.
        expect: CommandExpect,
    },
    /// Properties of an image.
    Image {
        /// Its fully qualified name.
        image: String,
        /// Matcher of its labels.
        labels: Option<Value>,
        /// Matcher of its user.
        user: Option<Value>,
        /// Matcher of its environment.
        env: Option<Value>,
        /// Size limit in MB.
        max_size_mb: Option<f64>,
        /// A command to run in it; empty for none.
        run: Vec<String>,
        /// What the command must do.
        expect: Box<CommandExpect>,
    },
    /// Properties of a network.
    Network {
        /// Its machine.
        machine: MachineId,
        /// Its name.
        name: String,
        /// Its subnet.
        subnet: Option<String>,
        /// Whether names resolve on it.
        dns: Option<bool>,
    },
    /// Properties of a volume.
    Volume {
        /// Its machine.
        machine: MachineId,
        /// Its name on the host.
        name: String,
        /// Where it is mounted.
        path: String,
        /// Groups whose containers must have it.
        mounted_in: Vec<GroupId>,
        /// A group whose container must be able to write to it.
        writable_in: Option<GroupId>,
        /// How a marker is proved to be kept.
        persists: Option<(GroupId, Restart)>,
    },
    /// State of a group, or of one agent of it.
    Status {
        /// The group.
        group: GroupId,
        /// The agent, when it is about one.
        agent: Option<AgentId>,
        /// Matcher of the state.
        state: Value,
        /// Matcher of restarts.
        restarts: Option<Value>,
    },
    /// Two names of one path in an image.
    PathAlias {
        /// The group whose image is looked into.
        group: GroupId,
        /// Its fully qualified image.
        image: String,
        /// The second name, relative to the tree.
        alias: String,
        /// The first name, relative to the tree.
        target: String,
        /// Files that there must be at least.
        min_files: u64,
    },
    /// Observation for a while.
    Soak {
        /// The group.
        group: GroupId,
        /// For how long.
        seconds: u64,
        /// Growth of resident memory that is allowed, per agent.
        max_growth_mb: f64,
        /// Restarts that are allowed, per agent.
        max_restarts: u64,
        /// Requests sent over and over meanwhile.
        load: Vec<Load>,
    },
}

/// One request of a soak's load.
#[derive(Debug, Clone)]
pub struct Load {
    /// The agent.
    pub agent: AgentId,
    /// What is sent.
    pub send: Payload,
    /// Matcher of each reply.
    pub expect: Value,
}

impl Check {
    /// What reports need to know.
    #[must_use]
    pub fn info(&self) -> CheckInfo {
        CheckInfo {
            id: self.id,
            name: self.name.clone(),
            phase: self.phase,
            machine: self.machine_name.clone(),
            kind: self.kind,
            source: format!("{}:{}", self.place.path, self.place.line),
        }
    }
}

impl Plan {
    /// The check behind an id.
    #[must_use]
    pub fn check(&self, id: CheckId) -> &Check {
        &self.checks[id.0]
    }

    /// Phases that it has checks of.
    #[must_use]
    pub fn phases(&self) -> Vec<u8> {
        let phases: BTreeSet<u8> = self.checks.iter().map(|check| check.phase).collect();
        phases.into_iter().collect()
    }
}

/// One subject of an expansion.
#[derive(Debug, Clone)]
struct Subject {
    label: String,
    machine: Option<MachineId>,
    bindings: Bindings,
}

/// A concrete check before its `after` is resolved.
struct Draft<'s> {
    spec: &'s CheckSpec,
    bindings: Bindings,
    saves: Vec<String>,
    uses: Vec<String>,
    check: Check,
}

/// Expands what is selected. With any error among the findings the plan is not whole and must not be run.
#[must_use]
pub fn expand(stack: &Stack, files: &[CheckFile], selection: &Selection) -> (Plan, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for file in files {
        let wanted = selection.phases.is_empty() || selection.phases.contains(&file.phase);
        for spec in &file.checks {
            // A check that is not wanted is resolved all the same: a wrong name in it is a mistake today.
            for draft in expand_one(stack, file, spec, &mut findings) {
                let here = match (selection.machine, draft.check.machine) {
                    (Some(wanted), Some(machine)) => wanted == machine,
                    _ => true,
                };
                if wanted && here {
                    drafts.push(draft);
                }
            }
        }
    }
    for (index, draft) in drafts.iter_mut().enumerate() {
        draft.check.id = CheckId(index);
        if let Action::Soak { seconds, .. } = &mut draft.check.action {
            *seconds = selection.soak_seconds.unwrap_or(*seconds);
            draft.check.timeout += Duration::from_secs(*seconds);
        }
    }
    resolve_after(files, &mut drafts, &mut findings);
    find_cycles(&drafts, &mut findings);
    if findings.is_empty() {
        resolve_saved(&mut drafts, &mut findings);
    }
    let checks = drafts.into_iter().map(|draft| draft.check).collect();
    (Plan { checks }, findings)
}

fn expand_one<'s>(stack: &Stack, file: &CheckFile, spec: &'s CheckSpec, findings: &mut Vec<Finding>) -> Vec<Draft<'s>> {
    let before = findings.len();
    let machines = resolve_all(
        &spec.machines,
        "machine",
        findings,
        |name| stack.find_machine(name),
        || stack.machines.iter().map(|machine| machine.name.as_str()).collect(),
    );
    let groups = resolve_all(
        &spec.groups,
        "group",
        findings,
        |name| stack.find_group(name),
        || group_names(stack),
    );
    if findings.len() > before {
        return Vec::new();
    }
    let subjects = subjects(stack, spec.for_each, &machines, &groups);
    if subjects.is_empty() {
        findings.push(
            Finding::error(
                EMPTY,
                spec.name.place.clone(),
                format!("check `{}` expands to nothing", spec.name.text),
            )
            .with_help("nothing of the stack is in its `machine`, `groups` and `for_each`"),
        );
    }
    let mut drafts = Vec::new();
    for subject in subjects {
        let before = findings.len();
        if let Some(draft) = draft(stack, file, spec, subject, findings) {
            drafts.push(draft);
        }
        if findings.len() > before {
            // The same mistake would come once for each subject.
            break;
        }
    }
    drafts
}

fn draft<'s>(
    stack: &Stack,
    file: &CheckFile,
    spec: &'s CheckSpec,
    subject: Subject,
    findings: &mut Vec<Finding>,
) -> Option<Draft<'s>> {
    let mut reader = Reader::new(&file.path, &file.text);
    spec.kind.each_text(&mut |text, mark| {
        for name in template::unbound(text, &subject.bindings) {
            let place = reader.place(mark);
            reader.findings.push(
                Finding::error(UNKNOWN_VALUE, place, format!("nothing fills `{{{name}}}` here")).with_help(format!(
                    "known here: {}; a `for_each` binds more",
                    subject
                        .bindings
                        .keys()
                        .map(|key| format!("{{{key}}}"))
                        .collect::<Vec<_>>()
                        .join(" ")
                )),
            );
        }
    });
    let filled = spec.kind.map_text(&|text| template::fill(text, &subject.bindings));
    let kind = decode::kind(&mut reader, spec.kind_name, &filled);
    findings.append(&mut reader.findings);
    let kind = kind?;
    let uses = match &kind {
        Kind::Request(request) => {
            let mut names = payload_names(&request.send);
            names.extend(template::saved_names(&request.expect));
            names
        }
        Kind::Exec(exec) => {
            let words = exec.command.iter().cloned().map(Value::String).collect();
            let mut names = template::saved_names(&Value::Array(words));
            for value in [&exec.expect.stdout, &exec.expect.stderr].into_iter().flatten() {
                names.extend(template::saved_names(value));
            }
            names
        }
        _ => Vec::new(),
    };
    let saves = match &kind {
        Kind::Request(request) => request.save.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let default_timeout = default_timeout(&kind);
    let mut resolver = Resolver {
        stack,
        machine: subject.machine,
        findings,
    };
    let exclusive = spec.exclusive
        || matches!(&kind, Kind::Volume(volume) if volume.persists.as_ref().is_some_and(|persists| persists.restart == Restart::Group));
    let (action, machine) = resolver.action(kind)?;
    let machine = machine.or(subject.machine);
    let name = if subject.label.is_empty() {
        spec.name.text.clone()
    } else {
        format!("{} [{}]", spec.name.text, subject.label)
    };
    Some(Draft {
        spec,
        bindings: subject.bindings,
        saves,
        uses,
        check: Check {
            id: CheckId(0),
            name,
            phase: file.phase,
            machine,
            machine_name: machine.map(|machine| stack.machine(machine).name.clone()),
            kind: spec.kind_name,
            place: spec.name.place.clone(),
            timeout: spec.timeout.unwrap_or(default_timeout),
            after: Vec::new(),
            exclusive,
            reads: BTreeMap::new(),
            action,
        },
    })
}

fn payload_names(payload: &Payload) -> Vec<String> {
    match payload {
        Payload::Json(value) => template::saved_names(value),
        Payload::Raw(text) => template::saved_names(&Value::String(text.clone())),
    }
}

/// Time limit of a check that gives none.
fn default_timeout(kind: &Kind) -> Duration {
    Duration::from_secs(match kind {
        Kind::Request(_) => 10,
        Kind::Status(_) => 30,
        Kind::Exec(_) | Kind::Network(_) => 60,
        Kind::Image(_) | Kind::PathAlias(_) | Kind::Volume(_) => 120,
        // Beside the time of the soak itself.
        Kind::Soak(_) => 60,
    })
}

fn subjects(stack: &Stack, for_each: Option<ForEach>, machines: &[MachineId], groups: &[GroupId]) -> Vec<Subject> {
    let machine_wanted = |machine: MachineId| machines.is_empty() || machines.contains(&machine);
    let group_wanted =
        |group: GroupId| machine_wanted(stack.group(group).machine) && (groups.is_empty() || groups.contains(&group));
    let all_machines = || {
        (0..stack.machines.len())
            .map(MachineId)
            .filter(|machine| machine_wanted(*machine))
    };
    let all_groups = || {
        stack
            .groups()
            .map(|(group, _)| group)
            .filter(|group| group_wanted(*group))
            .collect::<Vec<_>>()
    };
    match for_each {
        None => {
            let machine = match (machines, groups) {
                ([machine], []) => Some(*machine),
                (_, [group]) => Some(stack.group(*group).machine),
                _ => None,
            };
            let mut bindings =
                machine.map_or_else(|| stack_bindings(stack), |machine| machine_bindings(stack, machine));
            if let [group] = groups {
                bindings = group_bindings(stack, *group);
            }
            vec![Subject {
                label: String::new(),
                machine,
                bindings,
            }]
        }
        Some(ForEach::Machine) => all_machines()
            .map(|machine| Subject {
                label: stack.machine(machine).name.clone(),
                machine: Some(machine),
                bindings: machine_bindings(stack, machine),
            })
            .collect(),
        Some(ForEach::Group) => all_groups()
            .into_iter()
            .map(|group| Subject {
                label: stack.group(group).name.clone(),
                machine: Some(stack.group(group).machine),
                bindings: group_bindings(stack, group),
            })
            .collect(),
        Some(ForEach::Agent) => stack
            .agents()
            .filter(|(_, agent)| group_wanted(agent.group))
            .map(|(_, agent)| {
                let mut bindings = group_bindings(stack, agent.group);
                bindings.insert("agent", agent.name.clone());
                bindings.insert("port", agent.port.to_string());
                bindings.insert("health_check_port", agent.health_check_port.to_string());
                Subject {
                    label: format!("{}/{}", stack.machine(agent.machine).name, agent.name),
                    machine: Some(agent.machine),
                    bindings,
                }
            })
            .collect(),
        Some(ForEach::Volume) => all_machines()
            .flat_map(|machine| {
                stack.volumes.iter().map(move |volume| {
                    let mut bindings = machine_bindings(stack, machine);
                    bindings.insert("volume", volume.name.clone());
                    bindings.insert("path", volume.path.clone());
                    // Something of the machine that can hold it.
                    if let Some((_, group)) = stack.groups_of(machine).next() {
                        bindings.insert("group", group.name.clone());
                    }
                    Subject {
                        label: format!("{}/{}", stack.machine(machine).name, volume.name),
                        machine: Some(machine),
                        bindings,
                    }
                })
            })
            .collect(),
        Some(ForEach::PathAlias) => all_groups()
            .into_iter()
            .flat_map(|group| {
                let machine = stack.group(group).machine;
                stack.machine(machine).path_aliases.iter().map(move |(alias, target)| {
                    let mut bindings = group_bindings(stack, group);
                    bindings.insert("path", alias.clone());
                    bindings.insert("target", target.clone());
                    Subject {
                        label: format!("{}: {alias}", stack.group(group).name),
                        machine: Some(machine),
                        bindings,
                    }
                })
            })
            .collect(),
    }
}

fn stack_bindings(stack: &Stack) -> Bindings {
    BTreeMap::from([
        ("stack", stack.name.clone()),
        ("namespace", stack.images.namespace.clone()),
        ("python_version", stack.python_version.clone()),
        ("user", stack.images.user.clone()),
        ("uid", stack.images.uid.to_string()),
    ])
}

fn machine_bindings(stack: &Stack, machine: MachineId) -> Bindings {
    let machine = stack.machine(machine);
    let mut bindings = stack_bindings(stack);
    bindings.insert("machine", machine.name.clone());
    bindings.insert("network", machine.network.clone());
    bindings.insert("subnet", machine.subnet.to_string());
    bindings.insert("lan_address", machine.lan_address.to_string());
    bindings
}

fn group_bindings(stack: &Stack, group: GroupId) -> Bindings {
    let mut bindings = machine_bindings(stack, stack.group(group).machine);
    bindings.insert("group", stack.group(group).name.clone());
    bindings.insert("address", stack.group(group).address.to_string());
    bindings
}

fn group_names(stack: &Stack) -> Vec<&str> {
    stack.groups.iter().map(|group| group.name.as_str()).collect()
}

fn resolve_all<'k, T>(
    names: &[Text],
    noun: &str,
    findings: &mut Vec<Finding>,
    find: impl Fn(&str) -> Option<T>,
    known: impl Fn() -> Vec<&'k str>,
) -> Vec<T> {
    names
        .iter()
        .filter_map(|name| {
            let found = find(&name.text);
            if found.is_none() {
                findings.push(unknown(noun, name, &known()));
            }
            found
        })
        .collect()
}

fn unknown(noun: &str, name: &Text, known: &[&str]) -> Finding {
    let help = nearest(&name.text, known).map_or_else(
        || format!("known: {}", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    Finding::error(
        UNKNOWN_NAME,
        name.place.clone(),
        format!("there is no {noun} `{}`", name.text),
    )
    .with_help(help)
}

struct Resolver<'a> {
    stack: &'a Stack,
    machine: Option<MachineId>,
    findings: &'a mut Vec<Finding>,
}

impl Resolver<'_> {
    fn group(&mut self, name: &Text) -> Option<GroupId> {
        let found = self.stack.find_group(&name.text);
        if found.is_none() {
            self.findings.push(unknown("group", name, &group_names(self.stack)));
        }
        found
    }

    fn agent(&mut self, name: &Text) -> Option<AgentId> {
        let (machine, short) = match name.text.split_once('/') {
            Some((machine, short)) => {
                let Some(id) = self.stack.find_machine(machine) else {
                    let known: Vec<&str> = self
                        .stack
                        .machines
                        .iter()
                        .map(|machine| machine.name.as_str())
                        .collect();
                    self.findings.push(unknown(
                        "machine",
                        &Text {
                            text: machine.to_owned(),
                            place: name.place.clone(),
                        },
                        &known,
                    ));
                    return None;
                };
                (Some(id), short)
            }
            None => (self.machine, name.text.as_str()),
        };
        let mut found: Vec<AgentId> = self
            .stack
            .agents()
            .filter(|(_, agent)| agent.name == short)
            .map(|(id, _)| id)
            .collect();
        if found.len() > 1 || name.text.contains('/') {
            found.retain(|id| machine.is_none_or(|machine| self.stack.agent(*id).machine == machine));
        }
        match found.as_slice() {
            [one] => Some(*one),
            [] => {
                let known: Vec<&str> = self.stack.agents.iter().map(|agent| agent.name.as_str()).collect();
                let mut finding = unknown("agent", name, &known);
                if nearest(short, &known).is_none() {
                    finding.help = None;
                }
                self.findings.push(finding);
                None
            }
            several => {
                let choices: Vec<String> = several
                    .iter()
                    .map(|id| format!("`{}/{short}`", self.stack.machine(self.stack.agent(*id).machine).name))
                    .collect();
                self.findings.push(
                    Finding::error(
                        UNKNOWN_NAME,
                        name.place.clone(),
                        format!("there is more than one agent `{short}`"),
                    )
                    .with_help(format!("write {}", choices.join(" or "))),
                );
                None
            }
        }
    }

    fn action(&mut self, kind: Kind) -> Option<(Action, Option<MachineId>)> {
        let stack = self.stack;
        Some(match kind {
            Kind::Request(request) => {
                let agent = self.agent(&request.agent)?;
                let action = Action::Request {
                    agent,
                    send: request.send,
                    expect: request.expect,
                    save: request.save,
                };
                (action, Some(stack.agent(agent).machine))
            }
            Kind::Exec(exec) => {
                let group = self.group(&exec.group)?;
                let action = Action::Exec {
                    group,
                    command: exec.command,
                    expect: exec.expect,
                };
                (action, Some(stack.group(group).machine))
            }
            Kind::Image(image) => {
                let name = &image.image;
                let (full, machine) = match stack.find_group(&name.text) {
                    Some(group) => (stack.group_image(group), Some(stack.group(group).machine)),
                    None if name.text == "base" => (stack.image("base"), None),
                    None if name.text.contains('/') => (name.text.clone(), None),
                    None => {
                        let mut known = group_names(stack);
                        known.push("base");
                        self.findings.push(unknown("image", name, &known));
                        return None;
                    }
                };
                let action = Action::Image {
                    image: full,
                    labels: image.labels,
                    user: image.user,
                    env: image.env,
                    max_size_mb: image.max_size_mb,
                    run: image.run,
                    expect: Box::new(image.expect),
                };
                (action, machine)
            }
            Kind::Network(network) => {
                let machine = stack
                    .machines
                    .iter()
                    .position(|machine| machine.network == network.name.text)
                    .map(MachineId);
                let Some(machine) = machine else {
                    let known: Vec<&str> = stack.machines.iter().map(|machine| machine.network.as_str()).collect();
                    self.findings.push(unknown("network", &network.name, &known));
                    return None;
                };
                let action = Action::Network {
                    machine,
                    name: network.name.text,
                    subnet: network.subnet,
                    dns: network.dns,
                };
                (action, Some(machine))
            }
            Kind::Volume(volume) => self.volume(volume)?,
            Kind::Status(status) => {
                let agent = match &status.agent {
                    Some(name) => Some(self.agent(name)?),
                    None => None,
                };
                let group = match (&status.group, agent) {
                    (_, Some(agent)) => stack.agent(agent).group,
                    (Some(name), None) => self.group(name)?,
                    (None, None) => return None,
                };
                let action = Action::Status {
                    group,
                    agent,
                    state: status.state,
                    restarts: status.restarts,
                };
                (action, Some(stack.group(group).machine))
            }
            Kind::PathAlias(alias) => {
                let group = self.group(&alias.group)?;
                let action = Action::PathAlias {
                    group,
                    image: stack.group_image(group),
                    alias: alias.alias,
                    target: alias.target,
                    min_files: alias.min_files,
                };
                (action, Some(stack.group(group).machine))
            }
            Kind::Soak(soak) => self.soak(soak)?,
        })
    }

    fn volume(&mut self, spec: super::spec::VolumeSpec) -> Option<(Action, Option<MachineId>)> {
        let stack = self.stack;
        let Some(volume) = stack.volumes.iter().find(|volume| volume.name == spec.name.text) else {
            let known: Vec<&str> = stack.volumes.iter().map(|volume| volume.name.as_str()).collect();
            self.findings.push(unknown("volume", &spec.name, &known));
            return None;
        };
        let Some(machine) = self.machine else {
            self.findings.push(
                Finding::error(
                    UNKNOWN_NAME,
                    spec.name.place.clone(),
                    format!("volume `{}` of which machine?", volume.name),
                )
                .with_help("give the check a `machine`, or `for_each: volume`"),
            );
            return None;
        };
        let mut optional_group = |name: &Option<Text>| match name {
            Some(name) => self.group(name).map(Some),
            None => Some(None),
        };
        let writable_in = optional_group(&spec.writable_in)?;
        let persists = match &spec.persists {
            Some(persists) => Some((self.group(&persists.group)?, persists.restart)),
            None => None,
        };
        let mounted_in = match &spec.mounted_in {
            Some(names) => names.iter().filter_map(|name| self.group(name)).collect(),
            None => stack.groups_of(machine).map(|(group, _)| group).collect(),
        };
        let action = Action::Volume {
            machine,
            name: stack.volume(machine, volume),
            path: volume.path.clone(),
            mounted_in,
            writable_in,
            persists,
        };
        Some((action, Some(machine)))
    }

    fn soak(&mut self, soak: SoakSpec) -> Option<(Action, Option<MachineId>)> {
        let group = self.group(&soak.group)?;
        let machine = self.stack.group(group).machine;
        // A load names agents as seen from the group.
        let before = self.machine.replace(machine);
        let load = soak
            .load
            .into_iter()
            .map(|load| {
                Some(Load {
                    agent: self.agent(&load.agent)?,
                    send: load.send,
                    expect: load.expect,
                })
            })
            .collect::<Option<Vec<_>>>();
        self.machine = before;
        let action = Action::Soak {
            group,
            seconds: soak.seconds,
            max_growth_mb: soak.max_growth_mb,
            max_restarts: soak.max_restarts,
            load: load?,
        };
        Some((action, Some(machine)))
    }
}

/// An instance waits for those instances of the named check that agree with it on everything that both were expanded for.
fn resolve_after(files: &[CheckFile], drafts: &mut [Draft<'_>], findings: &mut Vec<Finding>) {
    let known: Vec<&str> = files
        .iter()
        .flat_map(|file| &file.checks)
        .map(|check| check.name.text.as_str())
        .collect();
    for check in files.iter().flat_map(|file| &file.checks) {
        for name in &check.after {
            if !known.contains(&name.text.as_str()) {
                findings.push(unknown("check", name, &known));
            }
        }
    }
    let subjects: Vec<(String, Bindings)> = drafts
        .iter()
        .map(|draft| (draft.spec.name.text.clone(), draft.bindings.clone()))
        .collect();
    for draft in drafts {
        let mut after = Vec::new();
        for name in &draft.spec.after {
            for (index, (other, bindings)) in subjects.iter().enumerate() {
                let agree = bindings
                    .iter()
                    .all(|(key, value)| draft.bindings.get(key).is_none_or(|mine| mine == value));
                if *other == name.text && agree {
                    after.push(CheckId(index));
                }
            }
        }
        draft.check.after = after;
    }
}

fn graph(drafts: &[Draft<'_>]) -> DiGraph<usize, ()> {
    let mut graph = DiGraph::new();
    for index in 0..drafts.len() {
        graph.add_node(index);
    }
    for (index, draft) in drafts.iter().enumerate() {
        for before in &draft.check.after {
            graph.add_edge(NodeIndex::new(before.0), NodeIndex::new(index), ());
        }
    }
    graph
}

fn find_cycles(drafts: &[Draft<'_>], findings: &mut Vec<Finding>) {
    let graph = graph(drafts);
    for component in tarjan_scc(&graph) {
        let alone = component.len() == 1 && !graph.contains_edge(component[0], component[0]);
        if alone {
            continue;
        }
        let mut members: Vec<&Draft<'_>> = component.iter().map(|node| &drafts[graph[*node]]).collect();
        members.sort_by_key(|draft| draft.check.id);
        let names: Vec<String> = members.iter().map(|draft| format!("`{}`", draft.check.name)).collect();
        let place = members[0]
            .spec
            .after
            .first()
            .map_or_else(|| members[0].check.place.clone(), |after| after.place.clone());
        findings.push(Finding::error(
            CYCLE,
            place,
            format!("checks wait for each other: {}", names.join(", ")),
        ));
    }
}

/// Finds for each `${name}` the one check before that saves it.
fn resolve_saved(drafts: &mut [Draft<'_>], findings: &mut Vec<Finding>) {
    let after: Vec<Vec<CheckId>> = drafts.iter().map(|draft| draft.check.after.clone()).collect();
    let saves: Vec<Vec<String>> = drafts.iter().map(|draft| draft.saves.clone()).collect();
    for draft in drafts {
        let mut before = BTreeSet::new();
        let mut open = draft.check.after.clone();
        while let Some(id) = open.pop() {
            if before.insert(id) {
                open.extend(&after[id.0]);
            }
        }
        for name in &draft.uses {
            let from: Vec<CheckId> = before.iter().filter(|id| saves[id.0].contains(name)).copied().collect();
            match from.as_slice() {
                [one] => {
                    draft.check.reads.insert(name.clone(), *one);
                }
                [] => findings.push(
                    Finding::error(
                        UNKNOWN_VALUE,
                        draft.check.place.clone(),
                        format!(
                            "check `{}` uses `${{{name}}}`, which no check before it saves",
                            draft.check.name
                        ),
                    )
                    .with_help("name the check that saves it in `after`"),
                ),
                _ => findings.push(Finding::error(
                    UNKNOWN_VALUE,
                    draft.check.place.clone(),
                    format!(
                        "check `{}` uses `${{{name}}}`, which several checks before it save",
                        draft.check.name
                    ),
                )),
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use contract::group_config::Supervision;

    use super::super::load::parse;
    use super::{Action, CheckFile, Plan, Selection, expand};
    use crate::finding::{Finding, Place};
    use crate::stack::model::{Agent, AgentId, Group, GroupId, Images, Machine, MachineId, Stack, Subnet, Volume};

    fn machine(name: &str, second: u8) -> Machine {
        Machine {
            name: name.to_owned(),
            startup_config: format!("{name}/startup_config.yaml"),
            code: vec![name.to_owned()],
            python_path: vec![".".to_owned()],
            lan_address: Ipv4Addr::new(192, 168, 1, second),
            address_variable: format!("{}_IP", name.to_uppercase()),
            network: format!("ai_system_{name}"),
            subnet: Subnet {
                address: Ipv4Addr::new(172, second, 0, 0),
                prefix: 16,
            },
            environment: BTreeMap::new(),
            path_aliases: BTreeMap::new(),
            agent_memory_bytes: None,
            agent_pids: None,
            supervision: Supervision::default(),
        }
    }

    fn group(name: &str, machine: usize, agents: &[usize]) -> Group {
        Group {
            name: name.to_owned(),
            machine: MachineId(machine),
            address: Ipv4Addr::new(172, 20, 0, 10),
            phase: 2,
            agents: agents.iter().map(|index| AgentId(*index)).collect(),
            config_file: format!("{name}.yaml"),
            requirements: "requirements.txt".to_owned(),
            packages: Vec::new(),
            build_packages: Vec::new(),
            required_modules: Vec::new(),
            environment: BTreeMap::new(),
            published_status_port: 19000,
            published: Vec::new(),
            reaches: Vec::new(),
            place: Place::file("config/stack.yaml"),
        }
    }

    fn agent(name: &str, machine: usize, group: usize, port: u16) -> Agent {
        Agent {
            name: name.to_owned(),
            machine: MachineId(machine),
            group: GroupId(group),
            script_path: format!("{name}.py"),
            host: "0.0.0.0".to_owned(),
            port,
            health_check_port: port + 2000,
            required: true,
            dependencies: Vec::new(),
            waits_for: Vec::new(),
            params: BTreeMap::new(),
            argument_style: None,
            place: Place::file("startup_config.yaml"),
        }
    }

    /// Two machines; `MemoryManager` is on both.
    pub fn small_stack() -> Stack {
        let mut mainpc = machine("mainpc", 20);
        mainpc
            .path_aliases
            .insert("FORMAINPC".to_owned(), "main_pc_code/FORMAINPC".to_owned());
        Stack {
            name: "ai_system".to_owned(),
            source_tree: "tests/ai_system".to_owned(),
            written_tree: "tests/ai_system".to_owned(),
            python_version: "3.11".to_owned(),
            images: Images {
                namespace: "localhost/ai_system".to_owned(),
                tag: "latest".to_owned(),
                base_image: "docker.io/library/python:3.11-slim".to_owned(),
                debian_suite: "bookworm".to_owned(),
                debian_packages: Vec::new(),
                packages: Vec::new(),
                required_modules: Vec::new(),
                user: "agent".to_owned(),
                uid: 10001,
                exclude: Vec::new(),
            },
            volumes: vec![
                Volume {
                    name: "logs".to_owned(),
                    path: "/app/logs".to_owned(),
                },
                Volume {
                    name: "data".to_owned(),
                    path: "/app/data".to_owned(),
                },
            ],
            status_port: 9000,
            supervision: supervision(),
            machines: vec![mainpc, machine("pc2", 21)],
            groups: vec![
                group("core-services", 0, &[0, 1]),
                group("memory-system", 0, &[2]),
                group("pc2-memory", 1, &[3]),
            ],
            agents: vec![
                agent("CoordinatorAgent", 0, 0, 26002),
                agent("ModelManagerAgent", 0, 0, 5570),
                agent("MemoryManager", 0, 1, 5712),
                agent("MemoryManager", 1, 2, 7111),
            ],
            absent: Vec::new(),
            ungrouped: Vec::new(),
            audit_exclude: Vec::new(),
        }
    }

    fn supervision() -> Supervision {
        Supervision::default()
    }

    fn files(text: &str) -> Vec<CheckFile> {
        let (files, findings) = parse(&[("tests/smoke/x.yaml".to_owned(), text.to_owned())]);
        assert_eq!(findings, []);
        files
    }

    fn expanded(text: &str, selection: &Selection) -> (Plan, Vec<Finding>) {
        expand(&small_stack(), &files(text), selection)
    }

    pub fn plan_of(text: &str) -> Plan {
        let (plan, findings) = expanded(text, &Selection::default());
        assert_eq!(findings, []);
        plan
    }

    fn names(plan: &Plan) -> Vec<&str> {
        plan.checks.iter().map(|check| check.name.as_str()).collect()
    }

    #[test]
    fn a_check_is_made_once_for_each_thing_of_the_selection() {
        let text = "phase: 2
checks:
  - name: describes itself
    for_each: agent
    groups: core-services
    request: {agent: '{agent}', send: {action: describe}, expect: {name: '{agent}'}}
  - name: answers
    for_each: agent
    after: describes itself
    request: {agent: '{agent}', send: {action: health_check}, expect: {status: ok}}
  - name: mounted
    for_each: volume
    volume: {name: '{volume}'}
  - name: aliases
    for_each: path_alias
    path_alias: {group: '{group}', alias: '{path}', target: '{target}'}
";
        let plan = plan_of(text);
        assert_eq!(
            names(&plan),
            [
                "describes itself [mainpc/CoordinatorAgent]",
                "describes itself [mainpc/ModelManagerAgent]",
                "answers [mainpc/CoordinatorAgent]",
                "answers [mainpc/ModelManagerAgent]",
                "answers [mainpc/MemoryManager]",
                "answers [pc2/MemoryManager]",
                "mounted [mainpc/logs]",
                "mounted [mainpc/data]",
                "mounted [pc2/logs]",
                "mounted [pc2/data]",
                "aliases [core-services: FORMAINPC]",
                "aliases [memory-system: FORMAINPC]",
            ]
        );
        // Each instance waits for the one of its own agent.
        assert_eq!(plan.checks[2].after, [plan.checks[0].id]);
        assert_eq!(plan.checks[4].after, []);
        assert!(matches!(&plan.checks[5].action, Action::Request { agent, .. } if agent.0 == 3));
        assert!(matches!(&plan.checks[8].action, Action::Volume { name, .. } if name == "ai_system_pc2_logs"));
        let one_machine = Selection {
            machine: Some(MachineId(1)),
            ..Selection::default()
        };
        let (plan, _) = expanded(text, &one_machine);
        assert_eq!(
            names(&plan),
            [
                "answers [pc2/MemoryManager]",
                "mounted [pc2/logs]",
                "mounted [pc2/data]"
            ]
        );
        let other_phase = Selection {
            phases: [1].into(),
            ..Selection::default()
        };
        assert!(expanded(text, &other_phase).0.checks.is_empty());
    }

    #[test]
    fn unknown_names_are_findings_with_their_place() {
        let text = "phase: 2
checks:
  - name: a
    after: bb
    request: {agent: CoordinatorAgnet, send: {}, expect: {}}
  - name: b
    exec: {group: core-servces, command: [ls]}
  - name: c
    request: {agent: MemoryManager, send: {}, expect: {}}
  - name: d
    machine: pc3
    network: {name: ai_system_pc2}
  - name: e
    volume: {name: logs}
  - name: f
    exec: {group: '{group}', command: [ls]}
  - name: g
    image: {image: vision}
";
        let (_, findings) = expanded(text, &Selection::default());
        let found: Vec<(u32, &str)> = findings
            .iter()
            .map(|finding| (finding.place.line, finding.message.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (5, "there is no agent `CoordinatorAgnet`"),
                (7, "there is no group `core-servces`"),
                (9, "there is more than one agent `MemoryManager`"),
                (11, "there is no machine `pc3`"),
                (14, "volume `logs` of which machine?"),
                (16, "nothing fills `{group}` here"),
                (16, "there is no group `{group}`"),
                (18, "there is no image `vision`"),
                (4, "there is no check `bb`"),
            ]
        );
        assert_eq!(findings[0].help.as_deref(), Some("did you mean `CoordinatorAgent`?"));
        assert_eq!(
            findings[2].help.as_deref(),
            Some("write `mainpc/MemoryManager` or `pc2/MemoryManager`")
        );
    }

    #[test]
    fn checks_that_wait_for_each_other_are_a_finding() {
        let text = "phase: 1
checks:
  - {name: a, after: c, image: {image: base}}
  - {name: b, after: a, image: {image: base}}
  - {name: c, after: b, image: {image: base}}
  - {name: d, image: {image: base}}
";
        let (_, findings) = expanded(text, &Selection::default());
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].message, "checks wait for each other: `a`, `b`, `c`");
    }

    #[test]
    fn saved_values_come_from_exactly_one_check_before() {
        let saved = "phase: 2
checks:
  - name: save
    request: {agent: CoordinatorAgent, send: {}, expect: {}, save: {id: x.y}}
  - name: use
    after: save
    request: {agent: CoordinatorAgent, send: {id: '${id}'}, expect: {}}
";
        let plan = plan_of(saved);
        assert_eq!(plan.checks[1].reads["id"], plan.checks[0].id);
        let (_, findings) = expanded(&saved.replace("    after: save\n", ""), &Selection::default());
        assert_eq!(
            findings[0].message,
            "check `use` uses `${id}`, which no check before it saves"
        );
    }

    #[test]
    fn a_soak_takes_the_time_that_is_asked_for() {
        let selection = Selection {
            soak_seconds: Some(90),
            ..Selection::default()
        };
        let (plan, findings) = expanded(
            "phase: 2\nchecks:\n  - {name: a, soak: {group: core-services}}\n",
            &selection,
        );
        assert_eq!(findings, []);
        assert!(matches!(plan.checks[0].action, Action::Soak { seconds: 90, .. }));
        assert_eq!(plan.checks[0].timeout.as_secs(), 150);
    }
}
