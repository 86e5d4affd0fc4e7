//! An audit in two lines: what was looked at, and what came of it. The last line of every output is the second, with the command to go
//! on with if there is room for it.

use std::fmt::Write as _;

use super::COLUMNS;
use super::layout::{Look, number, width};
use super::page::quoted;
use crate::audit::{Prediction, Report};
use crate::finding::Severity;

/// What was looked at, and what becomes of the agents.
#[must_use]
pub fn looked_at(report: &Report, elapsed: Option<std::time::Duration>) -> String {
    let mut line = counted(report.python_files, "Python file");
    if let Some(elapsed) = elapsed {
        let _ = write!(line, " in {:.1} s", elapsed.as_secs_f64());
    }
    if !report.agents.is_empty() {
        let parts: Vec<String> = COLUMNS
            .iter()
            .map(|column| (report.count(*column), *column))
            .filter(|(count, _)| *count > 0)
            .map(|(count, column)| format!("{} {}", number(count), state(column, count)))
            .collect();
        let _ = write!(
            line,
            "; {}: {}",
            counted(report.agents.len(), "agent"),
            parts.join(", ")
        );
    }
    line
}

/// What becomes of that many agents.
#[must_use]
pub fn state(prediction: Prediction, count: usize) -> &'static str {
    match prediction {
        Prediction::Starts if count == 1 => "starts",
        Prediction::Starts => "start",
        Prediction::Degraded => "degraded",
        Prediction::MayNot => "at risk",
        Prediction::Blocked => "waiting",
        Prediction::CannotStart => "cannot start",
    }
}

/// What came of it: agents that cannot start, and findings. `no findings` never stands beside agents that cannot start.
#[must_use]
pub fn conclusion(report: &Report) -> String {
    let (all, broken) = (report.agents.len(), report.count(Prediction::CannotStart));
    let at_risk = report.count(Prediction::MayNot);
    let known = format!("{} known", number(report.known));
    let found = match (report.findings.is_empty(), report.known) {
        (true, 0) if broken > 0 => "the findings behind that are left out".to_owned(),
        (true, 0) => "no findings".to_owned(),
        (true, _) => format!("nothing new ({known})"),
        (false, 0) => severities(report),
        (false, _) => format!("{} new ({known})", severities(report)),
    };
    let of_all = |count: usize| match all {
        1 => "the agent".to_owned(),
        _ => format!("{} of {} agents", number(count), number(all)),
    };
    let verb = if all == 1 || at_risk == 1 { "is" } else { "are" };
    match (all, broken, at_risk) {
        (0, ..) => found,
        (_, 1.., _) => format!("{} cannot start: {found}", of_all(broken)),
        (_, 0, 1..) => format!("{} {verb} at risk: {found}", of_all(at_risk)),
        (1, 0, 0) => format!("the agent starts: {found}"),
        _ => format!("all {} agents start: {found}", number(all)),
    }
}

/// How an output for people ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The last line: the count, and the next command if there is room for it.
    pub line: String,
    /// The next command, if it has to be told elsewhere.
    pub next: Option<String>,
    /// Findings by severity, if there was no room for them.
    pub counts: Option<String>,
}

impl Ending {
    /// How an output ends that says nothing of commands: with its last line, below the next command if that has no room in it.
    #[must_use]
    pub fn lines(&self, look: &Look) -> String {
        let next = self.next.as_ref().map(|next| format!("Next: {next}"));
        let before = self.counts.iter().chain(&next);
        let before: String = before.map(|line| format!("{line}\n")).collect();
        format!("{before}{}", look.bold(&self.line))
    }
}

/// The last line of every output: what came of it, and what to do next.
#[must_use]
pub fn ending(report: &Report, look: &Look) -> Ending {
    let line = conclusion(report);
    let Some(next) = next(report, look) else {
        return Ending {
            line,
            next: None,
            counts: None,
        };
    };
    let beside = |count: &str| Some(format!("{count}; next: {next}")).filter(|line| width(line) <= look.width());
    if let Some(line) = beside(&line) {
        return Ending {
            line,
            next: None,
            counts: None,
        };
    }
    match shorter(report).and_then(|count| beside(&count)) {
        Some(line) => Ending {
            line,
            next: None,
            counts: Some(severities(report)),
        },
        None => Ending {
            line,
            next: Some(next),
            counts: None,
        },
    }
}

/// What becomes of the agents, for lines in which the next command has no room beside the whole count.
fn shorter(report: &Report) -> Option<String> {
    // What is known or left out is part of the count.
    if report.findings.is_empty() || report.known > 0 {
        return None;
    }
    let (broken, at_risk) = (report.count(Prediction::CannotStart), report.count(Prediction::MayNot));
    match (report.agents.len(), broken, at_risk) {
        (0, ..) => None,
        (1, 1, _) => Some("the agent cannot start".to_owned()),
        (1, 0, 1) => Some("the agent is at risk".to_owned()),
        (all, 1.., _) => Some(format!("{} of {} cannot start", number(broken), counted(all, "agent"))),
        (all, 0, 1..) => Some(format!("{} of {} at risk", number(at_risk), counted(all, "agent"))),
        (1, 0, 0) => Some("the agent starts".to_owned()),
        (all, 0, 0) => Some(format!("{} start", counted(all, "agent"))),
    }
}

/// The command that says most of what is to be fixed first; nothing if nothing is.
#[must_use]
pub fn next(report: &Report, look: &Look) -> Option<String> {
    let explain = |rule: &str| format!("cargo xtask audit --explain {rule}");
    if let Some(about) = &report.about {
        let broken = about
            .agents
            .iter()
            .find(|agent| agent.report.prediction != Prediction::Starts);
        if let Some(rule) = broken.and_then(|agent| agent.report.rule) {
            return Some(explain(rule));
        }
    } else if let Some(agent) = report.causes.first().and_then(|cause| cause.stops.first()) {
        let name = agent.split_once('/').map_or(agent.as_str(), |(_, name)| name);
        let same = report.agents.iter().filter(|other| other.name == name).count();
        let name = if same > 1 { agent } else { name };
        return Some(format!("{} {}", look.command(), quoted(name)));
    }
    let worst = report
        .findings
        .iter()
        .min_by_key(|finding| std::cmp::Reverse(finding.severity))?;
    Some(explain(worst.rule))
}

/// Findings by severity, as in `2 errors, 1 warning`.
fn severities(report: &Report) -> String {
    let parts: Vec<String> = [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Note, "note"),
    ]
    .into_iter()
    .map(|(severity, noun)| {
        let of = report.findings.iter().filter(|finding| finding.severity == severity);
        (of.count(), noun)
    })
    .filter(|(count, _)| *count > 0)
    .map(|(count, noun)| counted(count, noun))
    .collect();
    parts.join(", ")
}

/// A count with its noun in agreement.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", number(count))
}
