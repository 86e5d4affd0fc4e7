//! What an audit ends with: findings, a prediction for every agent, the causes behind those that do not start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::finding::{Finding, Place, Severity, Subject};
use crate::python::facts::TreeFacts;
use crate::stack::{AgentId, Stack, graph};

/// What will happen when an agent is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// It starts.
    Starts,
    /// It may not: a package outside its requirements, a failure behind a guard.
    MayNot,
    /// It starts, but something that it depends on does not.
    Blocked,
    /// It does not.
    CannotStart,
}

impl Prediction {
    /// As the JSON document writes it.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Starts => "starts",
            Self::MayNot => "may_not",
            Self::Blocked => "blocked",
            Self::CannotStart => "cannot_start",
        }
    }
}

/// A place on the way to a failure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Step {
    /// Path as findings name it.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
}

impl Step {
    /// A place as a step.
    #[must_use]
    pub fn at(place: &Place) -> Self {
        Self {
            path: place.path.clone(),
            line: place.line,
        }
    }
}

/// What is predicted for one agent.
#[derive(Debug, Clone)]
pub struct AgentReport {
    /// The agent.
    pub id: AgentId,
    /// Name of its machine.
    pub machine: String,
    /// Name of its group.
    pub group: String,
    /// Its name.
    pub name: String,
    /// Its script as the startup config writes it.
    pub script_path: String,
    /// What will happen.
    pub prediction: Prediction,
    /// The rule behind it.
    pub rule: Option<&'static str>,
    /// Why.
    pub reason: Option<String>,
    /// The same without what differs between agents that fail alike, where there is such.
    pub brief: Option<String>,
    /// What the failure is about, where it is more than a place in the code.
    pub subject: Option<Subject>,
    /// The way from its script to the failure.
    pub chain: Vec<Step>,
    /// Agents that cannot start and that it depends on, directly or not.
    pub blocked_by: Vec<String>,
}

impl AgentReport {
    /// The report of an agent of which nothing is known.
    #[must_use]
    pub fn new(stack: &Stack, id: AgentId) -> Self {
        let agent = stack.agent(id);
        Self {
            id,
            machine: stack.machine(agent.machine).name.clone(),
            group: stack.group(agent.group).name.clone(),
            name: agent.name.clone(),
            script_path: agent.script_path.clone(),
            prediction: Prediction::Starts,
            rule: None,
            reason: None,
            brief: None,
            subject: None,
            chain: Vec::new(),
            blocked_by: Vec::new(),
        }
    }

    /// The same with a prediction, the rule behind it, why, and the way from the script to the failure.
    #[must_use]
    pub fn with(
        mut self,
        prediction: Prediction,
        rule: Option<&'static str>,
        reason: Option<String>,
        chain: &[Place],
    ) -> Self {
        self.prediction = prediction;
        self.rule = rule;
        self.reason = reason;
        self.chain = chain.iter().map(Step::at).collect();
        self
    }
}

/// One thing that stops agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The rule behind it.
    pub rule: Option<&'static str>,
    /// What is wrong, in a line.
    pub message: String,
    /// Where.
    pub place: Option<Step>,
    /// What mends it.
    pub help: Option<String>,
    /// Agents that do not start by it, as `machine/name`.
    pub stops: Vec<String>,
    /// Agents that start, but wait for one of these.
    pub blocks: Vec<String>,
}

/// The whole.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The tree, as the stack or `--tree` gives it.
    pub tree: String,
    /// Python files read.
    pub python_files: usize,
    /// Findings that are shown, in order: those that stop most agents first, then by severity and place.
    pub findings: Vec<Finding>,
    /// Agents, in the order of the stack.
    pub agents: Vec<AgentReport>,
    /// The same by themselves, whatever becomes of what they depend on: none is [`Prediction::Blocked`].
    pub by_itself: Vec<AgentReport>,
    /// Causes, those that stop most agents first.
    pub causes: Vec<Cause>,
    /// Agents that each finding stops, in step with `findings`.
    pub stops: Vec<Vec<String>>,
    /// Findings that a comment in the source silences.
    pub silenced: usize,
    /// Findings that the baseline knows.
    pub known: usize,
    /// Entries of the baseline that match nothing any more.
    pub stale: Vec<super::baseline::Entry>,
    /// Facts of the Python files, which the report was made from. They are most of what an audit holds: whoever ends soon after need
    /// not take them apart.
    pub python: Arc<TreeFacts>,
}

impl Report {
    /// Whether a finding has that severity or a worse one.
    #[must_use]
    pub fn has(&self, severity: Severity) -> bool {
        self.findings.iter().any(|finding| finding.severity >= severity)
    }

    /// Number of agents with that prediction.
    #[must_use]
    pub fn count(&self, prediction: Prediction) -> usize {
        self.agents
            .iter()
            .filter(|agent| agent.prediction == prediction)
            .count()
    }
}

/// Marks agents that depend, directly or not, on one that cannot start.
pub fn propagate(stack: &Stack, agents: &mut [AgentReport]) {
    let broken: BTreeSet<AgentId> = agents
        .iter()
        .filter(|agent| agent.prediction == Prediction::CannotStart)
        .map(|agent| agent.id)
        .collect();
    let names: BTreeMap<AgentId, String> = agents.iter().map(|agent| (agent.id, agent.name.clone())).collect();
    for report in agents {
        let mut seen = BTreeSet::new();
        let mut level: Vec<AgentId> = graph::dependencies(stack.agent(report.id)).collect();
        // Nearest first: that is the one to look at.
        let mut blockers = Vec::new();
        while !level.is_empty() {
            let mut next = Vec::new();
            for id in level {
                if id == report.id || !seen.insert(id) {
                    continue;
                }
                if broken.contains(&id) {
                    blockers.extend(names.get(&id).cloned());
                }
                next.extend(graph::dependencies(stack.agent(id)));
            }
            level = next;
        }
        if blockers.is_empty() {
            continue;
        }
        if report.prediction != Prediction::CannotStart {
            let also = match (&report.reason, report.prediction) {
                (Some(reason), Prediction::MayNot) => format!("; by itself it may not start: {reason}"),
                _ => String::new(),
            };
            report.reason = Some(format!(
                "depends on {}, which cannot start{also}",
                blockers.first().map_or_else(String::new, |name| format!("`{name}`"))
            ));
            report.prediction = Prediction::Blocked;
        }
        report.blocked_by = blockers;
    }
}

/// What makes two failures one: the rule, and what it is about where that is the same thing wherever it is met, or else the place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum CauseKey {
    Shared(Option<&'static str>, Subject),
    At(Option<&'static str>, Step),
    /// Nothing is known of it but the agent.
    Alone(AgentId),
}

impl CauseKey {
    fn of(agent: &AgentReport) -> Self {
        match (&agent.subject, agent.chain.last()) {
            (Some(subject), _) if subject.is_shared() => Self::Shared(agent.rule, subject.clone()),
            (_, Some(step)) => Self::At(agent.rule, step.clone()),
            (Some(subject), None) => Self::Shared(agent.rule, subject.clone()),
            (None, None) => Self::Alone(agent.id),
        }
    }
}

/// The causes behind agents that cannot start, those that stop most first. Agents with the same failure at the same place
/// have one cause; so have agents that miss the same package.
#[must_use]
pub fn causes(agents: &[AgentReport], findings: &[Finding]) -> Vec<Cause> {
    let mut causes: BTreeMap<CauseKey, Cause> = BTreeMap::new();
    let mut cause_of: BTreeMap<&str, Vec<CauseKey>> = BTreeMap::new();
    for agent in agents {
        if agent.prediction != Prediction::CannotStart {
            continue;
        }
        let place = agent.chain.last().cloned();
        let words = agent.brief.as_ref().or(agent.reason.as_ref());
        let message = words.map_or_else(|| "it cannot start".to_owned(), Clone::clone);
        let key = CauseKey::of(agent);
        let help = findings
            .iter()
            .find(|finding| {
                Some(finding.rule) == agent.rule
                    && place
                        .as_ref()
                        .is_some_and(|step| step.path == finding.place.path && step.line == finding.place.line)
            })
            .and_then(|finding| finding.help.clone());
        let cause = causes.entry(key.clone()).or_insert_with(|| Cause {
            rule: agent.rule,
            message,
            place,
            help,
            stops: Vec::new(),
            blocks: Vec::new(),
        });
        cause.stops.push(format!("{}/{}", agent.machine, agent.name));
        cause_of.entry(&agent.name).or_default().push(key);
    }
    for agent in agents.iter().filter(|agent| agent.prediction == Prediction::Blocked) {
        let keys: BTreeSet<_> = agent
            .blocked_by
            .iter()
            .filter_map(|name| cause_of.get(name.as_str()))
            .flatten()
            .collect();
        for key in keys {
            if let Some(cause) = causes.get_mut(key) {
                cause.blocks.push(format!("{}/{}", agent.machine, agent.name));
            }
        }
    }
    let mut causes: Vec<Cause> = causes.into_values().collect();
    causes.sort_by(|a, b| {
        (b.stops.len(), b.blocks.len())
            .cmp(&(a.stops.len(), a.blocks.len()))
            .then_with(|| a.message.cmp(&b.message))
    });
    causes
}

/// Orders findings by how many agents they stop, then by severity and place; gives, in step, the agents that each stops.
pub fn order(findings: &mut Vec<Finding>, agents: &[AgentReport]) -> Vec<Vec<String>> {
    let mut at: BTreeMap<(&str, u32), Vec<&AgentReport>> = BTreeMap::new();
    for agent in agents
        .iter()
        .filter(|agent| agent.prediction == Prediction::CannotStart)
    {
        if let Some(step) = agent.chain.last() {
            at.entry((&step.path, step.line)).or_default().push(agent);
        }
    }
    let stops = |finding: &Finding| -> Vec<String> {
        let place: &Place = &finding.place;
        at.get(&(place.path.as_str(), place.line))
            .into_iter()
            .flatten()
            .filter(|agent| agent.rule.is_none_or(|rule| rule == finding.rule))
            .map(|agent| format!("{}/{}", agent.machine, agent.name))
            .collect()
    };
    let mut both: Vec<(Vec<String>, Finding)> = findings.drain(..).map(|finding| (stops(&finding), finding)).collect();
    both.sort_by(|(a_stops, a), (b_stops, b)| {
        b_stops
            .len()
            .cmp(&a_stops.len())
            .then_with(|| b.severity.cmp(&a.severity))
            .then_with(|| a.place.cmp(&b.place))
            .then_with(|| a.rule.cmp(b.rule))
            .then_with(|| a.text().cmp(&b.text()))
    });
    both.dedup_by(|(_, a), (_, b)| a.identity() == b.identity());
    let (stops, sorted): (Vec<_>, Vec<_>) = both.into_iter().unzip();
    *findings = sorted;
    stops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::fixture::Fixture;

    #[test]
    fn a_missing_module_is_one_cause_wherever_it_is_imported_and_however_it_is_put() {
        let stack = Fixture::small().model();
        let rule = Some("start/module-not-found");
        let broken: Vec<AgentReport> = stack
            .agents()
            .zip([
                ("a.py", "x", "no x"),
                ("b.py", "x", "x is nowhere"),
                ("c.py", "y", "no x"),
            ])
            .map(|((id, _), (path, module, reason))| {
                let place = Place {
                    line: 1,
                    ..Place::file(path)
                };
                let report = AgentReport::new(&stack, id);
                AgentReport {
                    subject: Some(Subject::Module(module.to_owned())),
                    ..report.with(Prediction::CannotStart, rule, Some(reason.to_owned()), &[place])
                }
            })
            .collect();
        let causes = causes(&broken, &[]);
        let stops: Vec<usize> = causes.iter().map(|cause| cause.stops.len()).collect();
        assert_eq!(stops, [2, 1]);
    }

    #[test]
    fn findings_that_differ_in_details_alone_are_one() {
        let place = Place::file("a.py");
        let finding = |message: &str, detail: &str| Finding {
            detail: Some(detail.to_owned()),
            ..Finding::error("start/module-not-found", place.clone(), message).about(Subject::Module("x".to_owned()))
        };
        let mut findings = vec![
            finding("no x", "in a"),
            finding("no x", "in b"),
            finding("no y", "in a"),
        ];
        let stops = order(&mut findings, &[]);
        let texts: Vec<String> = findings.iter().map(|finding| finding.text().into_owned()).collect();
        assert_eq!(texts, ["no x (in a)", "no y (in a)"]);
        assert_eq!(stops.len(), 2);
    }
}
