//! The audit as a whole: all rules over all facts, what silences them, predictions, causes, order.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::baseline::{self, Baseline};
use super::outcome::{self, AgentReport, Prediction, Report};
use super::rules::{self, Facts, comments, dynamic, files, images};
use super::scope::Scope;
use super::start_path::{self, AgentPrediction};
use super::{python, words};
use crate::finding::Finding;
use crate::python::facts::TreeFacts;
use crate::python::tree::{Entry, Tree};
use crate::stack::{AgentId, Stack};

/// What an audit looks at.
pub struct Input<'a> {
    /// The stack, agents without a group among it.
    pub stack: &'a Stack,
    /// What the stack's validation said.
    pub said: Vec<Finding>,
    /// What findings put in front of paths of the tree.
    pub prefix: &'a str,
    /// The tree's entries.
    pub entries: &'a [Entry],
    /// Facts of Python files.
    pub facts: &'a TreeFacts,
    /// What the start path says: a prediction for each agent, and findings.
    pub predictions: Vec<AgentReport>,
    /// The findings of that.
    pub start: Vec<Finding>,
    /// Agents by the files that they run.
    pub users: &'a BTreeMap<String, BTreeSet<AgentId>>,
    /// Whether a path of the tree is there although it was not listed.
    pub on_disk: &'a (dyn Fn(&str) -> bool + Sync),
    /// Further texts whose comments may silence a finding: path as findings name it, and text.
    pub texts: &'a [(String, String)],
    /// Which part is wanted.
    pub scope: &'a Scope,
    /// What is accepted.
    pub baseline: Option<Baseline>,
}

/// Runs it.
#[must_use]
pub fn run(input: Input<'_>) -> Report {
    let tree = Tree::new(input.prefix, input.entries);
    let (mut findings, (odd, computed, left_out, (comments, wrong))) = rayon::join(
        || with_facts(&input, &tree, rules::check),
        || {
            (
                files::check(&tree, input.entries),
                dynamic::check(input.facts, input.users),
                images::check(input.stack, input.facts),
                silencing(&tree, input.facts, input.texts),
            )
        },
    );
    findings.extend(odd);
    findings.extend(computed);
    findings.extend(left_out);
    findings.extend(input.said.iter().cloned());
    findings.extend(input.start);
    findings.extend(wrong);
    let silenced = comments::apply(&mut findings, comments);
    findings.retain(|finding| input.scope.wants_rule(finding.rule));

    let mut agents = input.predictions;
    outcome::propagate(input.stack, &mut agents);
    agents.retain(|agent| input.scope.has_agent(input.stack, agent.id));
    input
        .scope
        .keep(input.stack, input.prefix, input.users, &agents, &mut findings);

    let causes = outcome::causes(&agents, &findings);
    let (known, stale) = match input.baseline {
        Some(baseline) => {
            let (known, mut stale) = baseline::apply(&mut findings, &baseline);
            stale.retain(|entry| input.scope.wants_rule(&entry.rule));
            (known, stale)
        }
        None => (0, Vec::new()),
    };
    let stops = outcome::order(&mut findings, &agents);
    Report {
        tree: input.stack.source_tree.clone(),
        python_files: input.facts.files.len(),
        findings,
        agents,
        causes,
        stops,
        silenced,
        known,
        stale,
    }
}

/// Calls with the facts that rules look at.
pub fn with_facts<T>(input: &Input<'_>, tree: &Tree, look: impl FnOnce(&Facts<'_>) -> T) -> T {
    let files = &input.facts.files;
    let all: Vec<words::Word<'_>> = files
        .par_iter()
        .flat_map_iter(|file| python::words(&file.path, &file.module))
        .chain(tree.texts.par_iter().flat_map_iter(words::of_text))
        .collect();
    let endpoints: Vec<rules::Endpoint<'_>> = files
        .par_iter()
        .flat_map_iter(|file| python::endpoints(&file.path, &file.module))
        .collect();
    let line = |path: &str, number: usize| {
        input.facts.find(path).map_or_else(String::new, |file| {
            files[file]
                .module
                .shown_line(u32::try_from(number).unwrap_or(0))
                .to_owned()
        })
    };
    look(&Facts {
        stack: input.stack,
        tree,
        words: &all,
        endpoints: &endpoints,
        users: input.users,
        line: &line,
        on_disk: input.on_disk,
        said: &input.said,
        aliases: input
            .stack
            .machines
            .iter()
            .flat_map(|machine| machine.path_aliases.clone())
            .collect(),
    })
}

/// Comments that silence findings, in any file that has findings.
fn silencing(tree: &Tree, facts: &TreeFacts, texts: &[(String, String)]) -> (Vec<comments::Comment>, Vec<Finding>) {
    let mark = memchr::memmem::Finder::new("audit: ignore[");
    let python = facts
        .files
        .par_iter()
        .filter(|file| mark.find(file.module.text.as_bytes()).is_some())
        .map(|file| comments::read(&tree.shown(&file.path), &file.module.text));
    let (mut comments, mut findings) = (Vec::new(), Vec::new());
    let mut take = |(more, wrong): (Vec<comments::Comment>, Vec<Finding>)| {
        comments.extend(more);
        findings.extend(wrong);
    };
    python.collect::<Vec<_>>().into_iter().for_each(&mut take);
    for text in &tree.texts {
        take(comments::read(&text.source.path, &text.source.text));
    }
    for (path, text) in texts {
        take(comments::read(path, text));
    }
    (comments, findings)
}

/// Predictions where nothing is known about start-up: an agent cannot start without its script.
#[must_use]
pub fn by_script_alone(stack: &Stack, said: &[Finding]) -> Vec<AgentReport> {
    stack
        .agents()
        .map(|(id, _)| {
            let subject = stack.subject(id);
            let missing = said.iter().find(|finding| {
                matches!(finding.rule, "stack/missing-script" | "stack/path-case")
                    && finding.subjects.contains(&subject)
            });
            let report = AgentReport::new(stack, id);
            match missing {
                None => report,
                Some(finding) => AgentReport {
                    subject: finding.subjects.first().cloned(),
                    ..report.with(
                        Prediction::CannotStart,
                        Some(finding.rule),
                        Some(finding.text().into_owned()),
                        std::slice::from_ref(&finding.place),
                    )
                },
            }
        })
        .collect()
}

/// Predictions of the start path, together with what the stack knows about scripts: that comes first.
#[must_use]
pub fn by_start_path(stack: &Stack, said: &[Finding], predicted: Vec<AgentPrediction>) -> Vec<AgentReport> {
    let mut reports = by_script_alone(stack, said);
    for one in predicted {
        let Some(report) = reports.iter_mut().find(|report| report.id == one.agent) else {
            continue;
        };
        if report.prediction == Prediction::CannotStart {
            continue;
        }
        let prediction = match one.prediction {
            start_path::Prediction::Starts => Prediction::Starts,
            start_path::Prediction::MayNot => Prediction::MayNot,
            start_path::Prediction::CannotStart => Prediction::CannotStart,
        };
        *report = AgentReport {
            brief: one.brief,
            subject: one.subject,
            ..AgentReport::new(stack, one.agent).with(prediction, one.rule, one.reason, &one.chain)
        };
    }
    reports
}
