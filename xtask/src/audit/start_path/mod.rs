//! What runs when an agent's script is started, and the first failure that CPython would hit.
//!
//! [`walk`] follows the script: module bodies in order of import, the `__main__` block, and the functions, constructors and
//! methods that can be resolved. What is unconditional is told apart from what a branch or a `try` may keep from happening.

mod arguments;
mod assigned;
mod attribute;
mod broken;
mod call;
mod certain;
mod class;
mod collection;
mod command_line;
mod computed;
mod condition;
mod constants;
mod content;
mod copies;
mod coroutine;
mod data;
mod dataclass;
mod decorator;
mod definition;
mod descriptor;
mod document;
mod enumeration;
mod environment;
mod evaluate;
mod failure;
mod files;
pub mod flags;
mod fold;
mod generator;
mod groups;
mod import;
mod interrupted;
mod library;
pub mod listening;
mod lists;
mod logging_config;
mod manager;
mod memoized;
mod metaclass;
mod modules;
mod mutation;
mod name;
mod object;
mod operation;
mod operator;
mod optional;
mod other_port;
mod outside;
mod parser;
mod partial;
mod paths;
mod pending;
mod process;
mod property;
mod raise;
mod regular;
mod removed;
mod reuse;
mod run;
mod served;
mod settled;
mod shadowed;
mod signature;
mod slots;
mod socket;
mod standard;
mod steps;
mod subclass;
mod substitution;
mod talk;
mod text;
mod thread;
mod tracked;
pub mod trail;
mod unseen;
mod value;
mod walk;
mod walks;
mod written;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::group_config::{ArgumentStyle, Restart};
use contract::own_flags::OwnFlag;
use pysrc::PythonVersion;
use rayon::prelude::*;
use rustc_hash::FxHashSet as HashSet;

pub use failure::Failure;
pub use talk::{ASKING, KEYS};
pub use walks::Walks;

use self::failure::Flow;
use self::listening::Listening;
use self::lists::ChangedLists;
use self::modules::Modules;
use self::mutation::Names;
use self::reuse::{Recorder, Shared};
use self::tracked::{Arena, Tracked, TrackedSet};
use self::trail::Trail;
use self::walk::{Doubt, Walker};
use self::walks::{GroupKey, Walked};
use super::outcome::{AgentReport, Prediction, Step};
use crate::container::environment::agent_environment as environment;
use crate::container::layout::python_path;
use crate::finding::{Confidence, Finding, Place, Severity, Subject, text};
use crate::python::disk::Disk;
use crate::python::facts::{FileFacts, TreeFacts};
use crate::python::imports::requirements::{self, Requirements};
use crate::python::imports::resolve::{Memo, Search, roots};
use crate::python::imports::view::View;
use crate::python::preload::modules_of_the_base;
use crate::stack::model::{Agent, AgentId, GroupId, MachineId, Stack, Subnet, UNGROUPED};

/// What is predicted for an agent, and all that was met on the way.
#[derive(Debug, Clone)]
pub struct Followed {
    /// The prediction: of the agent by itself.
    pub report: AgentReport,
    /// All that was found on the way, in order.
    pub failures: Vec<Failure>,
}

/// What walks are made with, besides the stack and the tree.
#[derive(Clone, Copy)]
struct With<'a> {
    disk: Disk<'a>,
    shared: &'a Shared,
    /// Scripts that were followed before, if the tree is looked at again.
    walks: Option<&'a Walks>,
}

/// Predicts every agent of a stack, and says what is wrong: rules `start/…` and `requirements/…`. What `walks` has is not followed again.
#[must_use]
pub fn predict(
    stack: &Stack,
    tree: &TreeFacts,
    disk: Disk<'_>,
    walks: Option<&Walks>,
) -> (Vec<Followed>, Vec<Finding>) {
    let shared = shared_by(stack);
    predict_with(
        stack,
        tree,
        With {
            disk,
            shared: &shared,
            walks,
        },
    )
}

/// What the agents of a stack share; a single agent has nobody to share with.
fn shared_by(stack: &Stack) -> Shared {
    Shared::new(stack.agents().nth(1).is_some())
}

fn predict_with(stack: &Stack, tree: &TreeFacts, with: With<'_>) -> (Vec<Followed>, Vec<Finding>) {
    with_groups(stack, tree, with, |groups| predict_in(stack, tree, with, groups))
}

/// Follows one agent's script; the way, too.
#[must_use]
pub fn explain(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>, id: AgentId) -> (Followed, Trail) {
    // The way leads through everything: nothing is done again without being followed.
    let shared = Shared::new(false);
    let with = With {
        disk,
        shared: &shared,
        walks: None,
    };
    with_groups(stack, tree, with, |groups| {
        let (followed, also) = follow(stack, &groups[stack.agent(id).group.0], id, with, Asked::Way);
        (followed, also.trail)
    })
}

/// Follows the script of every agent; what each listens on, too. What `walks` has is not followed again.
#[must_use]
pub fn listening(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>, walks: &Walks) -> Vec<(Followed, Listening)> {
    let agents: Vec<AgentId> = stack.agents().map(|(id, _)| id).collect();
    let shared = shared_by(stack);
    let with = With {
        disk,
        shared: &shared,
        walks: Some(walks),
    };
    with_groups(stack, tree, with, |groups| {
        let of_agent = |id: &AgentId| {
            let group = &groups[stack.agent(*id).group.0];
            let (followed, also) = follow(stack, group, *id, with, Asked::Sockets);
            (followed, also.listening)
        };
        agents.par_iter().map(of_agent).collect()
    })
}

/// What is wanted besides a prediction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Nothing.
    Nothing,
    /// The way that was gone.
    Way,
    /// What the agent listens on.
    Sockets,
}

/// What was wanted besides a prediction, empty otherwise.
#[derive(Default)]
struct Also {
    trail: Trail,
    listening: Listening,
}

/// Calls with what the agents of each group share.
fn with_groups<T>(stack: &Stack, tree: &TreeFacts, with: With<'_>, then: impl FnOnce(&[GroupContext<'_>]) -> T) -> T {
    let version = tree.version;
    let views: Vec<View<'_>> = (0..stack.machines.len())
        .map(|machine| View::new(stack, MachineId(machine), tree))
        .collect();
    // A group that names files of its own has what the others of its machine have not, or may write what they may not.
    let own: Vec<Option<View<'_>>> = stack
        .groups()
        .map(|(id, group)| {
            let own = !group.include.is_empty() || !group.writable.is_empty();
            own.then(|| View::of_group(stack, id, tree))
        })
        .collect();
    let names = Names::new(tree);
    let also = modules_of_the_base(stack);
    // What every image is checked for, an agent without a group has, too.
    let everywhere: Vec<String> = also.iter().chain(&stack.images.required_modules).cloned().collect();
    let mut groups: Vec<GroupContext<'_>> = stack
        .groups()
        .map(|(id, group)| GroupContext {
            id,
            names: &names,
            view: own[id.0].as_ref().unwrap_or(&views[group.machine.0]),
            requirements: requirements::read(tree, &group.requirements, version, Some(with.disk)),
            also: if group.name == UNGROUPED { &everywhere } else { &also },
            environment: (group.name != UNGROUPED).then(|| environment(stack, id, &|_, address| address.to_string())),
            version,
            key: None,
        })
        .collect();
    if with.walks.is_some() {
        for group in &mut groups {
            group.key = Some(GroupKey::of(stack, group));
        }
    }
    then(&groups)
}

fn predict_in(
    stack: &Stack,
    tree: &TreeFacts,
    with: With<'_>,
    groups: &[GroupContext<'_>],
) -> (Vec<Followed>, Vec<Finding>) {
    let agents: Vec<AgentId> = stack.agents().map(|(id, _)| id).collect();
    let predictions: Vec<Followed> = agents
        .par_iter()
        .map(|id| follow(stack, &groups[stack.agent(*id).group.0], *id, with, Asked::Nothing).0)
        .collect();
    let mut findings = merged(&predictions);
    findings.extend(broken::elsewhere(tree, &findings));
    let about_groups: Vec<Vec<Finding>> = groups
        .par_iter()
        .map(|group| {
            // What the start path has met is told there.
            let met: HashSet<&str> = predictions
                .iter()
                .filter(|prediction| stack.agent(prediction.report.id).group == group.id)
                .flat_map(|prediction| &prediction.failures)
                .filter(|failure| failure.rule == "requirements/missing")
                .filter_map(|failure| match &failure.subject {
                    Some(Subject::Module(name)) => name.split('.').next(),
                    _ => None,
                })
                .collect();
            groups::check(stack, group, &|module| met.contains(module))
        })
        .collect();
    findings.extend(about_groups.into_iter().flatten());
    findings.sort_by(|a, b| (&a.place, a.rule, a.text()).cmp(&(&b.place, b.rule, b.text())));
    let mut seen = HashSet::default();
    let first: Vec<bool> = findings.iter().map(|finding| seen.insert(finding.identity())).collect();
    let mut first = first.into_iter();
    findings.retain(|_| first.next() == Some(true));
    (predictions, findings)
}

/// What the agents of a group share.
struct GroupContext<'a> {
    id: GroupId,
    view: &'a View<'a>,
    /// Names of the tree's files.
    names: &'a Names<'a>,
    requirements: Requirements,
    also: &'a [String],
    /// Environment of its container, where it has one.
    environment: Option<BTreeMap<String, String>>,
    version: PythonVersion,
    /// What all of this is known by again, where walks are kept.
    key: Option<GroupKey>,
}

impl GroupContext<'_> {
    /// The environment of one agent, where that differs from the container's.
    fn environment_of(&self, agent: &Agent) -> Option<BTreeMap<String, String>> {
        let own = self.environment.as_ref().filter(|_| !agent.environment.is_empty());
        let mut environment = own?.clone();
        environment.extend(agent.environment.clone());
        Some(environment)
    }

    /// Where the modules of a script are searched.
    fn search(&self, stack: &Stack, script: &str) -> Search<'_> {
        Search {
            view: self.view,
            roots: roots(&self.view.real(script), &python_path(stack, self.id)),
            requirements: &self.requirements,
            also: self.also,
            version: self.version,
            memo: Memo::default(),
        }
    }
}

/// Follows an agent's script, unless that was done before.
fn follow(stack: &Stack, group: &GroupContext<'_>, id: AgentId, with: With<'_>, asked: Asked) -> (Followed, Also) {
    let agent = stack.agent(id);
    let mut report = AgentReport::new(stack, id);
    let script = crate::python::imports::view::normal(&agent.script_path);
    let Some(file) = group.view.file(&script) else {
        report.prediction = Prediction::CannotStart;
        report.reason = Some(format!("`{}` is not in its image", agent.script_path));
        report.subject = Some(Subject::Path(agent.script_path.clone()));
        report.chain = vec![Step::at(&agent.place)];
        let failures = Vec::new();
        return (Followed { report, failures }, Also::default());
    };
    let given = Given::of(stack, group, agent);
    let key = with.walks.and_then(|_| given.key(group, &script));
    let known = with.walks.zip(key).and_then(|(walks, key)| walks.find(key, asked));
    let (walked, trail) = match known {
        Some(walked) => (walked, Trail::default()),
        None => {
            let (walked, trail) = walk(stack, group, (file, &script), &given, with, asked);
            let walked = Arc::new(walked);
            if let Some((walks, key)) = with.walks.zip(key) {
                walks.keep(key, Arc::clone(&walked));
            }
            (walked, trail)
        }
    };
    let followed = judged(&walked, group.view.tree, agent, report, file);
    let listening = walked.listening.clone().filter(|_| asked == Asked::Sockets);
    let listening = listening.unwrap_or_default();
    (followed, Also { trail, listening })
}

/// What an agent is given, besides what the agents of its group share.
#[derive(Debug)]
struct Given {
    flags: BTreeMap<String, String>,
    equals: bool,
    module: Option<String>,
    /// Its name where a server imports it.
    served: Option<String>,
    /// Its environment, where that differs from the container's.
    environment: Option<BTreeMap<String, String>>,
    secret_variables: BTreeSet<String>,
    has_unknown_variables: bool,
    has_env_file: bool,
    /// Networks that containers have addresses of.
    networks: Vec<Subnet>,
}

impl Given {
    fn of(stack: &Stack, group: &GroupContext<'_>, agent: &Agent) -> Self {
        let has_container = group.environment.is_some();
        let secret_variables = match has_container {
            true => stack
                .secret_variables(group.id, &agent.name)
                .map(str::to_owned)
                .collect(),
            false => BTreeSet::new(),
        };
        let style = agent
            .argument_style
            .unwrap_or(stack.machine(agent.machine).supervision.argument_style);
        Self {
            flags: flags(agent),
            equals: style == ArgumentStyle::Equals,
            module: agent.module.clone(),
            served: agent.served().map(str::to_owned),
            environment: group.environment_of(agent),
            secret_variables,
            has_unknown_variables: has_container && stack.has_unknown_variables(group.id, &agent.name),
            has_env_file: environment::names_env_file(&stack.images.include)
                || environment::names_env_file(&stack.group(group.id).include),
            networks: stack.machines.iter().map(|machine| machine.subnet).collect(),
        }
    }
}

/// Follows a script; the way, too, if that is asked for.
fn walk(
    stack: &Stack,
    group: &GroupContext<'_>,
    (file, script): (usize, &str),
    given: &Given,
    with: With<'_>,
    asked: Asked,
) -> (Walked, Trail) {
    let mut walker = Walker {
        // With `-m`, what is imported first lies in the working directory, not beside the module.
        raw_search: group.search(stack, if given.module.is_some() { "" } else { script }),
        main_package: given
            .module
            .as_deref()
            .map(|module| main_package(module, script))
            .unwrap_or_default(),
        flags_of_agent: &given.flags,
        main: 0,
        environment: given.environment.as_ref().or(group.environment.as_ref()),
        secret_variables: &given.secret_variables,
        has_unknown_variables: given.has_unknown_variables,
        has_env_file: given.has_env_file,
        networks: &given.networks,
        equals: given.equals,
        modules: Modules::default(),
        names: group.names,
        changes: RefCell::default(),
        shared: with.shared,
        recorder: Recorder::default(),
        shadows: shadowed::Shadows::default(),
        by_name: Tracked::default(),
        frames: Vec::new(),
        chain: Vec::new(),
        sure: true,
        failures: Vec::new(),
        swallowed: None,
        open_tries: Vec::new(),
        maybe: 0,
        undecided: Vec::new(),
        doubt: Doubt::None,
        silent: 0,
        alive: false,
        paused: false,
        waiting: false,
        objects: Arena::default(),
        instantiated: TrackedSet::default(),
        data: Arena::default(),
        each: Vec::new(),
        skipping: false,
        called_unseen: unseen::Called::of_special_methods(),
        unseen: unseen::Unseen::default(),
        changed_lists: ChangedLists::default(),
        gatherings: Vec::new(),
        lambdas: TrackedSet::default(),
        pending: Vec::new(),
        generators: generator::Generators::default(),
        decisions: 0,
        followed: TrackedSet::default(),
        entered: Tracked::default(),
        threads: Vec::new(),
        handling: 0,
        disk: with.disk,
        bases: Tracked::default(),
        orders: RefCell::default(),
        large: Cell::default(),
        asked: Cell::default(),
        usual: TrackedSet::default(),
        called_by: Tracked::default(),
        class_names: Tracked::default(),
        metaclasses: Tracked::default(),
        decorated: Tracked::default(),
        kept_results: Tracked::default(),
        given: TrackedSet::default(),
        loops: 0,
        makes_folders: false,
        moved: false,
        kept: false,
        search_path: walk::SearchPath::default(),
        runs_any_module: false,
        logs: false,
        surely_logs: false,
        parsers: Vec::new(),
        binds: Vec::new(),
        met: listening::Met::default(),
        sockets: Vec::new(),
        given_by_properties: Tracked::default(),
        given_by_classes: Tracked::default(),
        made: TrackedSet::default(),
        set_elsewhere: TrackedSet::default(),
        steps: 0,
        trail: (asked == Asked::Way).then(Trail::default),
    };
    let flow = walker.run(file, script, given.served.as_deref().unwrap_or("__main__"));
    // What a server is given need not go on by itself.
    walker.alive |= given.served.is_some() && matches!(flow, Flow::Next);
    walker.note(trail::Kind::End, None, |_| {
        format!("the script {}", trail::ending(flow))
    });
    walked(walker, flow, asked)
}

/// What a walk has come to.
fn walked(walker: Walker<'_>, flow: Flow, asked: Asked) -> (Walked, Trail) {
    let opened = walker.opened_ports().filter(|opened| !opened.is_empty());
    // Asked only where more than the agent's own port is open.
    let sees_all = opened.as_ref().is_some_and(|opened| opened.len() > 1) && walker.opens_all_seen();
    let walked = Walked {
        flow,
        alive: walker.alive || walker.leaves_pending(),
        listening: (asked == Asked::Sockets).then(|| walker.listening()),
        failures: walker.failures,
        swallowed: walker.swallowed,
        opened,
        sees_all,
    };
    (walked, walker.trail.unwrap_or_default())
}

/// What is predicted of the agent whose script has come to its end.
fn judged(walked: &Walked, tree: &TreeFacts, agent: &Agent, report: AgentReport, file: usize) -> Followed {
    // One that runs once is meant to come to its end.
    let once = agent.runtime.lifecycle.restart == Restart::No;
    let mut failures = walked.failures.clone();
    if !once {
        if let Some(opened) = &walked.opened {
            failures.extend(other_port::other_port(opened, walked.sees_all, agent));
        }
        let ends = !walked.alive && matches!(walked.flow, Flow::Next | Flow::Return);
        // What was handled kept nothing from running where there is nothing to run.
        let answered = || failures.iter().all(|failure| failure.handled || failure.optional);
        let defines = || tree.files.get(file).is_some_and(|facts| begins_at(facts).is_none());
        if ends && (failures.is_empty() || answered() && defines()) {
            failures.extend(does_nothing(walked, tree, file));
        }
    }
    let fatal = match walked.flow {
        Flow::Raised(exception) => exception.failure,
        _ => None,
    };
    let (fatal, failures) = match once {
        true => without_exits(fatal, failures),
        false => (fatal, failures),
    };
    // Where only a failure that may not happen ends it, what stands behind that was not looked at.
    let goes_on = fatal
        .and_then(|index| failures.get(index))
        .is_some_and(|failure| failure.conditional);
    let mut followed = Followed { report, failures };
    judge(&mut followed, fatal, once || walked.alive || goes_on);
    followed
}

/// What was found, less the ends that a script makes itself: with which exit code, nobody can tell.
fn without_exits(fatal: Option<usize>, mut failures: Vec<Failure>) -> (Option<usize>, Vec<Failure>) {
    let exits = |failure: &Failure| failure.rule == "start/exits";
    let fatal = fatal
        .filter(|index| failures.get(*index).is_some_and(|failure| !exits(failure)))
        .map(|index| index - failures.iter().take(index).filter(|failure| exits(failure)).count());
    failures.retain(|failure| !exits(failure));
    (fatal, failures)
}

/// The package of `__main__` where a module is run with `-m`: a package's own is the package itself.
fn main_package(module: &str, script: &str) -> String {
    if script.ends_with("/__main__.py") {
        return module.to_owned();
    }
    module.rsplit_once('.').map_or("", |(package, _)| package).to_owned()
}

/// What an agent is given, by flag; of several words, one after the other.
fn flags(agent: &Agent) -> BTreeMap<String, String> {
    let mut flags = agent.params.clone();
    for own in agent.own_flags.iter() {
        let value = match own {
            OwnFlag::Port => agent.port.to_string(),
            OwnFlag::HealthCheckPort => agent.health_check_port.to_string(),
            OwnFlag::Name => agent.name.clone(),
        };
        flags.insert(own.name().to_owned(), value);
    }
    let mut flag: Option<String> = None;
    for word in &agent.arguments {
        match (word.strip_prefix("--"), &flag) {
            (Some(name), _) => {
                let (name, value) = name.split_once('=').unwrap_or((name, ""));
                flags.insert(name.to_owned(), value.to_owned());
                flag = Some(name.to_owned());
            }
            (None, Some(flag)) => {
                let value = flags.entry(flag.clone()).or_default();
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(word);
            }
            (None, None) => {}
        }
    }
    flags
}

/// Where a script begins to do what it is for: its main block, or the call that it ends with.
fn begins_at(facts: &FileFacts) -> Option<pysrc::Span> {
    let last = match facts.module.body.last() {
        Some(pysrc::Step::Call(call)) => facts.module.calls.get(*call as usize).map(|call| call.span),
        _ => None,
    };
    facts.module.main_block.or(last)
}

/// The script has run to its end, and nothing that it did can go on.
fn does_nothing(walked: &Walked, tree: &TreeFacts, file: usize) -> Option<Failure> {
    let facts = tree.files.get(file)?;
    if walked.swallowed.is_some() {
        return walked.swallowed.clone();
    }
    let main = begins_at(facts);
    let message = if facts.module.body.is_empty() {
        "the script is empty".to_owned()
    } else if main.is_none() {
        "the script only defines things: it has no `if __name__ == \"__main__\":` and starts nothing".to_owned()
    } else {
        "the script exits at once: it starts nothing that keeps running".to_owned()
    };
    let place = main.map_or_else(|| Place::file(tree.shown(&facts.path)), |span| tree.place(file, span));
    Some(Failure {
        rule: "start/does-nothing",
        exception: "",
        subject: Some(Subject::Path(facts.path.clone())),
        detail: None,
        message,
        help: Some("call what serves from an `if __name__ == \"__main__\":` block".to_owned()),
        place,
        chain: Vec::new(),
        caught: false,
        handled: false,
        conditional: false,
        fix: None,
        optional: false,
        told: None,
        confidence: if main.is_none() {
            Confidence::High
        } else {
            Confidence::Medium
        },
    })
}

/// The prediction that follows from what was found.
fn judge(followed: &mut Followed, fatal: Option<usize>, alive: bool) {
    let Followed { report, failures } = followed;
    let stops = |failure: &Failure| !failure.conditional && failure.rule != "requirements/missing";
    // What ends the process after a failure was swallowed only passes it on: `return 1`, and `sys.exit(main())`.
    let led_to = |index: usize| {
        let exits = failures.get(index).is_some_and(|failure| failure.rule == "start/exits");
        let before = failures.iter().take(index);
        exits.then(|| before.into_iter().position(|failure| stops(failure) && failure.caught))?
    };
    let fatal = fatal
        .filter(|index| failures.get(*index).is_some_and(stops))
        .map(|index| led_to(index).unwrap_or(index))
        .or_else(|| failures.iter().position(|failure| failure.rule == "start/does-nothing"))
        // Swallowed, and then there is nothing left to do: the process ends.
        .or_else(|| {
            let swallowed = failures.iter().position(|failure| stops(failure) && failure.caught);
            swallowed.filter(|_| !alive)
        });
    let (kind, index) = match fatal {
        Some(index) => (Prediction::CannotStart, Some(index)),
        None => {
            // What is caught, and then goes on, puts nothing at risk; nor does a package that only some ways need.
            let first = failures
                .iter()
                .position(|failure| !failure.conditional && !failure.caught)
                .or_else(|| {
                    failures
                        .iter()
                        .position(|failure| !failure.handled && !failure.optional)
                });
            match first {
                Some(index) => (Prediction::MayNot, Some(index)),
                None => (Prediction::Starts, None),
            }
        }
    };
    report.prediction = kind;
    if let Some(failure) = index.and_then(|index| failures.get_mut(index)) {
        if kind == Prediction::CannotStart {
            failure.caught = false;
            failure.handled = false;
        }
        report.rule = Some(failure.rule);
        report.reason = Some(text(&failure.message, failure.detail.as_deref()).into_owned());
        report.brief = failure.detail.is_some().then(|| failure.message.clone());
        report.subject.clone_from(&failure.subject);
        report.chain = failure.chain.iter().chain([&failure.place]).map(Step::at).collect();
    }
}

/// Findings of all agents: one for what says one thing; the worst where they differ.
fn merged(predictions: &[Followed]) -> Vec<Finding> {
    let mut by_place: BTreeMap<_, (Finding, bool)> = BTreeMap::new();
    for failure in predictions.iter().flat_map(|prediction| &prediction.failures) {
        let severity = if failure.handled || failure.optional {
            Severity::Note
        } else if failure.caught || failure.conditional {
            Severity::Warning
        } else {
            Severity::Error
        };
        let key = (
            failure.rule,
            &failure.place,
            failure.subject.as_ref(),
            failure.message.as_str(),
        );
        // Of two that differ in details alone, the one that would be listed first.
        let better = |known: &Finding| (severity, &known.detail) > (known.severity, &failure.detail);
        if by_place.get(&key).is_some_and(|(known, _)| !better(known)) {
            continue;
        }
        let mut finding = Finding::error(failure.rule, failure.place.clone(), failure.message.clone());
        finding.subjects.extend(failure.subject.clone());
        finding.detail.clone_from(&failure.detail);
        finding.severity = severity;
        finding.confidence = failure.confidence;
        finding.help.clone_from(&failure.help);
        finding.fix.clone_from(&failure.fix);
        for place in &failure.chain {
            finding = finding.with_related(place.clone(), "on the way from the script");
        }
        by_place.insert(key, (finding, failure.optional));
    }
    optional::once_for_each_package(by_place.into_values().collect())
}
