//! What an audit ends with: findings, a prediction for every agent, the causes behind those that do not start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::group_config::WhenDependencyFails;
use schemars::JsonSchema;
use serde::Serialize;

use super::causes::Cause;
use super::focus::About;
use super::rule::Class;
use super::rules;
use crate::finding::{Finding, Place, Severity, Subject};
use crate::python::facts::TreeFacts;
use crate::stack::{AgentId, Stack, graph};

/// What will happen when an agent is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// It starts.
    Starts,
    /// It starts without something that it depends on, which does not.
    Degraded,
    /// It may not: a package outside its requirements, a failure behind a guard.
    MayNot,
    /// It waits for something that it depends on, which does not start: its stack says `when_dependency_fails: wait`.
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
            Self::Degraded => "degraded",
            Self::MayNot => "may_not",
            Self::Blocked => "blocked",
            Self::CannotStart => "cannot_start",
        }
    }
}

/// A place on the way to a failure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
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
    /// Agents that cannot start and that it starts without, or waits for, by itself or by others that wait: nearest first.
    pub blocked_by: Vec<String>,
    /// The same agents.
    pub blockers: Vec<AgentId>,
}

impl AgentReport {
    /// Whether all that is said against it is that a package is missing.
    #[must_use]
    pub fn only_lacks_package(&self) -> bool {
        let rule = self.rule.and_then(rules::find);
        rule.is_some_and(|rule| rule.class == Class::Package)
    }

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
            blockers: Vec::new(),
        }
    }

    /// Its machine and name, as in `mainpc/TaskRouter`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.machine, self.name)
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

/// The whole.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The part of the system that was looked at: the tree, and the machine and groups if only some were.
    pub part: String,
    /// The tree, as the stack or `--tree` gives it.
    pub tree: String,
    /// Python files read.
    pub python_files: usize,
    /// Findings that are shown, in order: those that stop most agents first, then by severity and place.
    pub findings: Vec<Finding>,
    /// Agents, in the order of the stack.
    pub agents: Vec<AgentReport>,
    /// The same by themselves, whatever becomes of what they depend on: none is [`Prediction::Blocked`] or [`Prediction::Degraded`].
    pub by_itself: Vec<AgentReport>,
    /// Causes, those that stop most agents first.
    pub causes: Vec<Cause>,
    /// Agents that each finding stops, in step with `findings`.
    pub stops: Vec<Vec<String>>,
    /// Whether an agent runs the file of each finding, in step with `findings`.
    pub in_use: Vec<bool>,
    /// What is known of the agents and files that the report is about, where it is about some.
    pub about: Option<About>,
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

    /// The same, with places of findings in a folder of a larger repository.
    #[must_use]
    pub fn below(&self, folder: &str) -> Self {
        let folder = folder.trim_start_matches("./").trim_end_matches('/');
        let mut report = self.clone();
        if folder.is_empty() || folder == "." {
            return report;
        }
        for finding in &mut report.findings {
            let related = finding.related.iter_mut().map(|related| &mut related.place);
            for place in related.chain([&mut finding.place]) {
                place.path = format!("{folder}/{}", place.path);
            }
        }
        report
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

/// Marks agents that depend on one that does not start. As `up` does it: an agent starts without dependencies that fail, and is degraded;
/// where its stack says so, it waits for them, and those that depend on it find that it does not start.
pub fn propagate(stack: &Stack, agents: &mut [AgentReport]) {
    let waits = |id: AgentId| stack.agent(id).runtime.when_dependency_fails == WhenDependencyFails::Wait;
    let broken: BTreeSet<AgentId> = agents
        .iter()
        .filter(|agent| agent.prediction == Prediction::CannotStart)
        .map(|agent| agent.id)
        .collect();
    let mut held: BTreeSet<AgentId> = broken.clone();
    loop {
        let more: Vec<AgentId> = stack
            .agents()
            .map(|(id, _)| id)
            .filter(|id| !held.contains(id) && waits(*id))
            .filter(|id| graph::dependencies(stack.agent(*id)).any(|other| held.contains(&other)))
            .collect();
        if more.is_empty() {
            break;
        }
        held.extend(more);
    }
    let names: BTreeMap<AgentId, String> = agents.iter().map(|agent| (agent.id, agent.name.clone())).collect();
    for report in agents {
        let blockers = blockers(stack, report.id, &broken, &held);
        let Some(first) = blockers.first() else { continue };
        report.blocked_by = blockers.iter().filter_map(|id| names.get(id).cloned()).collect();
        let first = names.get(first).map_or_else(String::new, |name| format!("`{name}`"));
        match (report.prediction, waits(report.id)) {
            (Prediction::CannotStart, _) => {}
            (Prediction::MayNot, false) => {
                let own = report.reason.take().unwrap_or_default();
                report.reason = Some(format!("{own}; it starts without {first}, which cannot start"));
            }
            (_, false) => {
                report.prediction = Prediction::Degraded;
                report.reason = Some(format!("starts without {first}, which cannot start"));
            }
            (own, true) => {
                let also = match (&report.reason, own) {
                    (Some(reason), Prediction::MayNot) => format!("; by itself it is at risk: {reason}"),
                    _ => String::new(),
                };
                report.reason = Some(format!("depends on {first}, which cannot start{also}"));
                report.prediction = Prediction::Blocked;
            }
        }
        report.blockers = blockers;
    }
}

/// Agents that cannot start and that one depends on, by itself or by others that wait for them: nearest first, which is the one to look at.
fn blockers(stack: &Stack, id: AgentId, broken: &BTreeSet<AgentId>, held: &BTreeSet<AgentId>) -> Vec<AgentId> {
    let mut seen = BTreeSet::new();
    let mut level: Vec<AgentId> = graph::dependencies(stack.agent(id)).collect();
    let mut blockers = Vec::new();
    while !level.is_empty() {
        let mut next = Vec::new();
        for other in level {
            if other == id || !held.contains(&other) || !seen.insert(other) {
                continue;
            }
            if broken.contains(&other) {
                blockers.push(other);
            } else {
                next.extend(graph::dependencies(stack.agent(other)));
            }
        }
        level = next;
    }
    blockers
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
