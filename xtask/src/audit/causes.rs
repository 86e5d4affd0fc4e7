//! The causes behind agents that cannot start. Two failures have one cause if one change would fix both: the same rule about the same
//! thing (a module, a name, a folder, a variable), wherever it is met and however it is put.

use std::collections::{BTreeMap, BTreeSet};

use pysrc::PythonVersion;

use super::outcome::{AgentReport, Prediction, Step};
use super::rules::start as rules;
use crate::finding::{Finding, Subject};
use crate::python::imports::stdlib;
use crate::stack::AgentId;

/// One thing that stops agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The rule behind it.
    pub rule: Option<&'static str>,
    /// What is wrong, in a line.
    pub message: String,
    /// Where it is met, in the order of the agents; each place once.
    pub places: Vec<Step>,
    /// What fixes it.
    pub help: Option<String>,
    /// Agents that do not start by it, as `machine/name`.
    pub stops: Vec<String>,
    /// Agents that wait for one of these, or start without it.
    pub blocks: Vec<String>,
}

impl Cause {
    /// Agents that run less well for it, or not at all: those that it stops, and those that wait for them or start without them.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.stops.len() + self.blocks.len()
    }
}

/// Names shorter than this are the beginning of too many others to say that they were cut short.
const SHORTEST_STUMP: usize = 3;

/// What makes two failures one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The same thing, wherever it is met.
    Thing(Option<&'static str>, Subject),
    /// A folder, whichever file is opened in it.
    Folder(&'static str, String),
    /// Lines that were cut in the middle of a module's name.
    CutShort,
    /// One slip in many scripts, each with a number or flag of its own.
    Slip(&'static str),
    /// Nothing is known of it but the place.
    At(Option<&'static str>, Step),
    /// Nothing is known of it but the agent.
    Alone(AgentId),
}

impl Key {
    fn of(agent: &AgentReport) -> Self {
        let rule = agent.rule.unwrap_or_default();
        match (&agent.subject, agent.chain.last()) {
            (None, _) if rule == rules::FLAGS.id => Self::Slip(rules::FLAGS.id),
            (Some(Subject::Port(_)), _) if rule == rules::BOUND_TWICE.id => Self::Slip(rules::BOUND_TWICE.id),
            (Some(Subject::Path(path)), _) if rule == rules::FOLDER.id => {
                Self::Folder(rules::FOLDER.id, folder_of(path).to_owned())
            }
            (Some(Subject::Module(module)), _) if rule == rules::MODULE.id && whole(module).is_some() => Self::CutShort,
            (Some(subject), _) => Self::Thing(agent.rule, subject.clone()),
            (None, Some(step)) => Self::At(agent.rule, step.clone()),
            (None, None) => Self::Alone(agent.id),
        }
    }

    /// What is wrong, where what is said of the agents differs.
    fn message(&self, agents: &[&AgentReport]) -> Option<String> {
        let subjects: BTreeSet<&Subject> = agents.iter().filter_map(|agent| agent.subject.as_ref()).collect();
        match self {
            Self::Folder(_, folder) => {
                let files = subjects
                    .iter()
                    .any(|subject| matches!(subject, Subject::Path(path) if path != folder));
                Some(if files {
                    format!("files are written into `{folder}`, which is read-only")
                } else {
                    format!("files are opened in `{folder}`, which neither image nor volumes have")
                })
            }
            Self::CutShort => {
                let names: Vec<String> = subjects
                    .iter()
                    .filter_map(|subject| match subject {
                        Subject::Module(name) => Some(format!("`{name}` ({})", whole(name)?)),
                        _ => None,
                    })
                    .collect();
                Some(match names.as_slice() {
                    [one] => format!("a module's name is cut short: {one}"),
                    several => format!(
                        "{} names of modules are cut short: {}",
                        several.len(),
                        several.join(", ")
                    ),
                })
            }
            Self::Slip(rule) if *rule == rules::FLAGS.id => {
                Some("scripts reject arguments that the supervisor passes".to_owned())
            }
            Self::Slip(_) => Some("a port is bound twice: by the agent and by what it builds on".to_owned()),
            Self::Thing(Some(rule), Subject::Name(name)) if *rule == rules::UNDEFINED.id => {
                Some(format!("name `{name}` is not defined where it is used"))
            }
            Self::Thing(Some(rule), Subject::Name(name)) if *rule == rules::ATTRIBUTE.id => {
                Some(format!("objects lack the attribute `{name}`"))
            }
            Self::Thing(Some(rule), Subject::Name(name)) if *rule == rules::CANNOT_IMPORT.id => {
                Some(format!("cannot import name `{name}`: its module does not have it"))
            }
            Self::Thing(..) | Self::At(..) | Self::Alone(_) => None,
        }
    }
}

/// The folder that a path names or lies in. What has an extension is a file.
fn folder_of(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((folder, name)) if name.trim_start_matches('.').contains('.') => {
            if folder.is_empty() {
                "/"
            } else {
                folder
            }
        }
        _ => path,
    }
}

/// The module of the standard library of which a name is only the beginning.
fn whole(name: &str) -> Option<&'static str> {
    let version = PythonVersion::USUAL;
    let is_stump = name.len() >= SHORTEST_STUMP && !name.contains('.');
    is_stump.then(|| {
        stdlib::modules(version)
            .filter(|known| known.len() > name.len() && known.starts_with(name) && !known.contains('.'))
            .min_by_key(|known| known.len())
    })?
}

/// The causes behind agents that cannot start: first the one that keeps most agents from running.
#[must_use]
pub fn causes(agents: &[AgentReport], findings: &[Finding]) -> Vec<Cause> {
    let mut clusters: BTreeMap<Key, Vec<&AgentReport>> = BTreeMap::new();
    for agent in agents
        .iter()
        .filter(|agent| agent.prediction == Prediction::CannotStart)
    {
        clusters.entry(Key::of(agent)).or_default().push(agent);
    }
    let mut waiting: BTreeMap<AgentId, BTreeSet<usize>> = BTreeMap::new();
    for (index, agent) in agents.iter().enumerate() {
        if matches!(agent.prediction, Prediction::Blocked | Prediction::Degraded) {
            for blocker in &agent.blockers {
                waiting.entry(*blocker).or_default().insert(index);
            }
        }
    }
    let mut causes: Vec<Cause> = clusters
        .iter()
        .map(|(key, stopped)| {
            let waiting: BTreeSet<usize> = stopped
                .iter()
                .filter_map(|agent| waiting.get(&agent.id))
                .flatten()
                .copied()
                .collect();
            Cause {
                rule: stopped.first().and_then(|agent| agent.rule),
                message: message(key, stopped),
                places: places(stopped),
                help: help(stopped, findings),
                stops: stopped.iter().map(|agent| agent.full_name()).collect(),
                blocks: waiting
                    .iter()
                    .filter_map(|index| agents.get(*index).map(AgentReport::full_name))
                    .collect(),
            }
        })
        .collect();
    causes.sort_by(|a, b| {
        (b.weight(), b.stops.len())
            .cmp(&(a.weight(), a.stops.len()))
            .then_with(|| a.message.cmp(&b.message))
            .then_with(|| a.places.cmp(&b.places))
    });
    causes
}

/// What is said of all, or what they have in common.
fn message(key: &Key, agents: &[&AgentReport]) -> String {
    let said: BTreeSet<&str> = agents
        .iter()
        .filter_map(|agent| agent.brief.as_deref().or(agent.reason.as_deref()))
        .collect();
    let mut said = said.into_iter();
    match (said.next(), said.next()) {
        (None, _) => "it cannot start".to_owned(),
        (Some(one), None) => one.to_owned(),
        (Some(first), Some(_)) => key.message(agents).unwrap_or_else(|| first.to_owned()),
    }
}

fn places(agents: &[&AgentReport]) -> Vec<Step> {
    let mut seen = BTreeSet::new();
    agents
        .iter()
        .filter_map(|agent| agent.chain.last())
        .filter(|step| seen.insert(*step))
        .cloned()
        .collect()
}

/// What fixes it, if that is the same for all of them.
fn help(agents: &[&AgentReport], findings: &[Finding]) -> Option<String> {
    let mut helps = agents.iter().map(|agent| {
        let step = agent.chain.last()?;
        findings
            .iter()
            .find(|finding| {
                Some(finding.rule) == agent.rule
                    && step.path == finding.place.path
                    && step.line == finding.place.line
                    && (agent.subject.is_none() || finding.subjects.first() == agent.subject.as_ref())
            })
            .and_then(|finding| finding.help.as_deref())
    });
    let first = helps.next()??;
    helps.all(|help| help == Some(first)).then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Place;
    use crate::stack::Stack;
    use crate::stack::fixture::Fixture;

    type Failure<'a> = (&'static str, &'a str, Option<Subject>, &'a str);

    fn broken(stack: &Stack, failures: &[Failure<'_>]) -> Vec<AgentReport> {
        stack
            .agents()
            .zip(failures)
            .map(|((id, _), (rule, path, subject, reason))| {
                let place = Place {
                    line: 1,
                    ..Place::file(*path)
                };
                let report = AgentReport::new(stack, id);
                AgentReport {
                    subject: subject.clone(),
                    ..report.with(
                        Prediction::CannotStart,
                        Some(rule),
                        Some((*reason).to_owned()),
                        &[place],
                    )
                }
            })
            .collect()
    }

    fn stops(failures: &[Failure<'_>]) -> Vec<(usize, String)> {
        let stack = Fixture::small().model();
        causes(&broken(&stack, failures), &[])
            .into_iter()
            .map(|cause| (cause.stops.len(), cause.message))
            .collect()
    }

    #[test]
    fn what_one_change_would_fix_is_one_cause_wherever_it_is_and_however_it_is_put() {
        let module = |name: &str| Some(Subject::Module(name.to_owned()));
        let name = |name: &str| Some(Subject::Name(name.to_owned()));
        let path = |path: &str| Some(Subject::Path(path.to_owned()));
        let rule = "start/module-not-found";
        assert_eq!(
            stops(&[
                (rule, "a.py", module("own.x"), "no x"),
                (rule, "b.py", module("own.x"), "x is nowhere"),
                (rule, "c.py", module("own.y"), "no x"),
            ])
            .iter()
            .map(|(count, _)| *count)
            .collect::<Vec<_>>(),
            [2, 1]
        );
        assert_eq!(
            stops(&[
                ("start/undefined-name", "a.py", name("sys"), "not defined"),
                ("start/undefined-name", "b.py", name("sys"), "assigned later, in line 9"),
                ("start/no-attribute", "b.py", name("sys"), "no attribute"),
            ]),
            [
                (2, "name `sys` is not defined where it is used".to_owned()),
                (1, "no attribute".to_owned())
            ]
        );
        assert_eq!(
            stops(&[
                ("start/missing-folder", "a.py", path("/app/a.log"), "writes a"),
                ("start/missing-folder", "b.py", path("/app/b.log"), "writes b"),
                ("start/missing-folder", "b.py", path("/app/lost"), "makes a folder"),
            ]),
            [
                (2, "files are written into `/app`, which is read-only".to_owned()),
                (1, "makes a folder".to_owned())
            ]
        );
        assert_eq!(
            stops(&[
                (rule, "a.py", module("threa"), "a"),
                (rule, "b.py", module("sqlit"), "b"),
                (rule, "c.py", module("thread_pool"), "c"),
            ]),
            [
                (
                    2,
                    "2 names of modules are cut short: `sqlit` (sqlite3), `threa` (threading)".to_owned()
                ),
                (1, "c".to_owned())
            ]
        );
    }

    #[test]
    fn slips_that_each_have_a_number_of_their_own_are_one() {
        let port = |port| Some(Subject::Port(port));
        assert_eq!(
            stops(&[
                ("start/port-bound-twice", "a.py", port(5000), "port 5000"),
                ("start/port-bound-twice", "b.py", port(5001), "port 5001"),
                ("start/flags-rejected", "c.py", None, "rejects --port"),
                ("start/flags-rejected", "d.py", None, "rejects --name"),
            ])
            .iter()
            .map(|(count, _)| *count)
            .collect::<Vec<_>>(),
            [2, 2]
        );
    }

    #[test]
    fn the_cause_that_keeps_most_agents_from_running_comes_first() {
        let stack = Fixture::small().model();
        let mut agents = broken(
            &stack,
            &[
                ("start/raises", "a.py", None, "raises"),
                ("start/raises", "b.py", None, "raises, too"),
                ("start/raises", "b.py", None, "raises, too"),
                ("start/raises", "c.py", None, "waits"),
            ],
        );
        assert!(agents.len() >= 4, "{} agents", agents.len());
        agents[3].prediction = Prediction::Blocked;
        agents[3].blockers = vec![agents[0].id];
        let found = causes(&agents, &[]);
        let weights: Vec<(usize, usize)> = found
            .iter()
            .map(|cause| (cause.stops.len(), cause.blocks.len()))
            .collect();
        assert_eq!(weights, [(2, 0), (1, 1)]);
        let mut more = agents.clone();
        more[2].prediction = Prediction::Starts;
        let found = causes(&more, &[]);
        assert_eq!(found[0].message, "raises");
    }
}
