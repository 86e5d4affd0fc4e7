//! An audit in two lines: what was looked at, and what came of it. The last line of every output is the second.

use std::fmt::Write as _;

use super::COLUMNS;
use super::layout::number;
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
