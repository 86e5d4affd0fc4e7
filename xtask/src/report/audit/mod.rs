//! An audit in every format: for people, and for what reads JSON, SARIF, JUnit, Markdown and the like. All are made of the same report.

pub mod about;
pub mod conclusion;
pub mod confirm;
pub mod editor;
pub mod explain;
pub mod github;
pub mod gitlab;
pub mod html;
pub mod human;
pub mod json;
pub mod junit;
pub mod layout;
pub mod links;
pub mod lists;
pub mod markdown;
pub mod page;
pub mod rdjson;
pub mod rules;
pub mod sarif;

use owo_colors::Style;

use crate::audit::{AgentReport, Prediction, Report, Step};
use crate::finding::Severity;

/// Numbers of agents by prediction, in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Machine.
    pub machine: String,
    /// Group.
    pub group: String,
    /// Agents by prediction: starts, degraded, may not, blocked, cannot start.
    pub counts: [usize; COLUMNS.len()],
}

/// Predictions in the order of a table's columns.
pub const COLUMNS: [Prediction; 5] = [
    Prediction::Starts,
    Prediction::Degraded,
    Prediction::MayNot,
    Prediction::Blocked,
    Prediction::CannotStart,
];

/// A row for each group, in the order of the stack.
#[must_use]
pub fn table(report: &Report) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for agent in &report.agents {
        let same = |row: &&mut Row| row.machine == agent.machine && row.group == agent.group;
        let index = COLUMNS
            .iter()
            .position(|column| *column == agent.prediction)
            .unwrap_or(0);
        match rows.iter_mut().find(same) {
            Some(row) => row.counts[index] += 1,
            None => {
                let mut counts = [0; COLUMNS.len()];
                counts[index] += 1;
                rows.push(Row {
                    machine: agent.machine.clone(),
                    group: agent.group.clone(),
                    counts,
                });
            }
        }
    }
    rows
}

/// The way to a failure, as in `a.py:1 → b.py:4`.
fn chain(agent: &AgentReport) -> String {
    let steps: Vec<String> = agent.chain.iter().map(step).collect();
    steps.join(" → ")
}

/// A place, as in `b.py:4`; a file as a whole has no line.
fn step(step: &Step) -> String {
    match step.line {
        0 => step.path.clone(),
        line => format!("{}:{line}", step.path),
    }
}

/// Where a rule is described, on the page of the rules: its heading's anchor, as GitHub and GitLab make it.
#[must_use]
pub fn address(pages: &str, rule: &str) -> String {
    let anchor: String = rule
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    format!("{pages}#{anchor}")
}

/// A severity's word and colour.
fn severity(severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Error => ("error", Style::new().red().bold()),
        Severity::Warning => ("warning", Style::new().yellow().bold()),
        Severity::Note => ("note", Style::new().green().bold()),
    }
}

#[cfg(test)]
mod tests;
