//! All about some agents or files, for people: what becomes of each and why, what it needs and what needs it, and its findings with their
//! code, first the one that ends the start.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::conclusion::{counted, ending, state};
use super::layout::{Look, number};
use super::{chain, severity};
use crate::audit::focus::{About, AboutAgent, AboutFile, Neighbour};
use crate::audit::{Prediction, Report};
use crate::finding::Severity;
use crate::report::escape;
use crate::report::findings::single;

/// Agents that are named before the rest is only counted.
const MOST_NAMES: usize = 12;

/// The text.
#[must_use]
pub fn render(report: &Report, about: &About, look: &Look) -> String {
    let mut text = String::new();
    let mut told = BTreeSet::new();
    for (index, agent) in about.agents.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        of_agent(agent, &mut text, look);
        for (position, reason) in agent.reasons.iter().enumerate() {
            let Some(finding) = report.findings.get(*reason) else {
                continue;
            };
            if !told.insert(*reason) {
                continue;
            }
            if position == 0 {
                let _ = writeln!(text, "\n{}", look.bold("What its start meets, in this order"));
            }
            let _ = writeln!(text, "\n{}", single(finding, look.color(), look.frames()));
        }
    }
    for (index, file) in about.files.iter().enumerate() {
        if index + about.agents.len() > 0 {
            text.push('\n');
        }
        of_file(file, &mut text, look);
    }
    let mut others: Vec<usize> = (0..report.findings.len())
        .filter(|index| !told.contains(index))
        .collect();
    if !others.is_empty() {
        // What concerns agents comes before what concerns only their files.
        others.sort_by_key(|index| {
            let severity = report
                .findings
                .get(*index)
                .map_or(Severity::Note, |finding| finding.severity);
            std::cmp::Reverse(severity)
        });
        let title = match (about.agents.is_empty(), told.is_empty()) {
            (true, _) => "Findings",
            (false, true) => "Findings in its code and configuration",
            (false, false) => "Other findings in its code and configuration",
        };
        let _ = writeln!(text, "\n{}", look.bold(title));
        for index in others {
            if let Some(finding) = report.findings.get(index) {
                let _ = writeln!(text, "\n{}", single(finding, look.color(), look.frames()));
            }
        }
    }
    let _ = writeln!(text, "\n{}", ending(report, look).lines(look));
    text
}

fn of_agent(agent: &AboutAgent, text: &mut String, look: &Look) {
    let report = &agent.report;
    let style = match report.prediction {
        Prediction::CannotStart => severity(Severity::Error).1,
        Prediction::Degraded | Prediction::MayNot | Prediction::Blocked => severity(Severity::Warning).1,
        Prediction::Starts => severity(Severity::Note).1,
    };
    let verdict = match report.prediction {
        Prediction::Starts | Prediction::CannotStart => state(report.prediction, 1).to_owned(),
        Prediction::Degraded | Prediction::MayNot | Prediction::Blocked => {
            format!("is {}", state(report.prediction, 1))
        }
    };
    let _ = writeln!(
        text,
        "{} {}",
        look.bold(&escape::line(&report.full_name())),
        look.paint(&verdict, style)
    );
    let mut line = |label: &str, what: &str| {
        if !what.is_empty() {
            let _ = writeln!(text, "  {label:<10} {what}");
        }
    };
    if let Some(reason) = &report.reason {
        line("why", &escape::line(reason));
    }
    line("way", &escape::line(&chain(report)));
    line("script", &escape::line(&report.script_path));
    line("group", &escape::line(&report.group));
    line("needs", &listed(&agent.needs));
    line("blocked by", &escape::line(&report.blocked_by.join(", ")));
    line("needed by", &listed(&agent.needed_by));
}

fn of_file(file: &AboutFile, text: &mut String, look: &Look) {
    let _ = writeln!(text, "{}", look.bold(&escape::line(&file.path)));
    let run_by = match file.run_by.as_slice() {
        [] => "no agent".to_owned(),
        several => format!("{}: {}", counted(several.len(), "agent"), listed(several)),
    };
    let _ = writeln!(text, "  run by     {run_by}");
}

/// Agents, those that do not start with what becomes of them.
fn listed(agents: &[Neighbour]) -> String {
    let mut sorted: Vec<&Neighbour> = agents.iter().collect();
    sorted.sort_by_key(|agent| std::cmp::Reverse(agent.prediction));
    let mut names: Vec<String> = sorted
        .iter()
        .take(MOST_NAMES)
        .map(|agent| {
            let name = escape::line(&agent.name).into_owned();
            match agent.prediction {
                Prediction::Starts => name,
                other => format!("{name} ({})", state(other, 1)),
            }
        })
        .collect();
    if sorted.len() > MOST_NAMES {
        names.push(format!("{} more", number(sorted.len() - MOST_NAMES)));
    }
    names.join(", ")
}
