//! An audit for people: a page if there is much to say, everything if that fits, and other ways to look at it that are asked for.

use std::fmt::Write as _;

use owo_colors::Style;

use super::conclusion::{counted, ending, looked_at};
use super::layout::{Look, pad, width};
use super::{COLUMNS, about, chain, lists, page, step, table};
use crate::audit::{Cause, Prediction, Report};
use crate::report::escape;
use crate::report::findings::single;

/// Names of agents that are listed before the rest is only counted.
const MOST_NAMES: usize = 6;
/// Places that are listed before the rest is only counted.
const MOST_PLACES: usize = 20;
/// Findings that may still fit on a page with their code.
const FEW_FINDINGS: usize = 20;
/// Findings that are shown with their code in any case if all agents start: there is nothing else to say.
const FEWEST_FINDINGS: usize = 5;

/// How much an audit says, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// All if that fits on a page, a page if not.
    #[default]
    Auto,
    /// A page.
    Summary,
    /// Findings by file.
    Grouped,
    /// A line for each finding.
    Concise,
    /// Everything, findings with their code.
    Full,
    /// Every cause, with all agents that it stops.
    Causes,
    /// Findings counted by rule and by folder.
    Statistics,
}

/// The report.
#[must_use]
pub fn render(report: &Report, output: Output, look: &Look) -> String {
    match output {
        Output::Auto | Output::Summary | Output::Full if report.about.is_some() => report
            .about
            .as_ref()
            .map_or_else(String::new, |about| about::render(report, about, look)),
        Output::Auto => {
            if report.findings.len() > FEW_FINDINGS {
                return page::render(report, look);
            }
            let text = full(report, look);
            let is_short = report.findings.len() <= FEWEST_FINDINGS && report.count(Prediction::CannotStart) == 0;
            if text.lines().count() > page::MOST_LINES && !is_short {
                page::render(report, look)
            } else {
                text
            }
        }
        Output::Summary => page::render(report, look),
        Output::Full => full(report, look),
        Output::Causes => framed(report, look, &causes(report, look, usize::MAX)),
        Output::Grouped => framed(report, look, &lists::grouped(report, look)),
        Output::Concise => lists::concise(report, look),
        Output::Statistics => framed(report, look, &lists::statistics(report, look)),
    }
}

/// A text between what was looked at and what came of it.
fn framed(report: &Report, look: &Look, text: &str) -> String {
    let mut all = format!("{}\n", look.bold(&looked_at(report, look.elapsed())));
    if !text.is_empty() {
        let _ = write!(all, "\n{text}");
    }
    let _ = writeln!(all, "\n{}", ending(report, look).lines(look));
    all
}

fn full(report: &Report, look: &Look) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}", look.bold(&looked_at(report, look.elapsed())));
    for line in page::left_out(report)
        .iter()
        .take(usize::from(report.silenced + report.known > 0))
    {
        let _ = writeln!(text, "{line}");
    }
    if !report.stale.is_empty() {
        let title = format!(
            "Entries of the baseline that match nothing any more: {}",
            report.stale.len()
        );
        let _ = writeln!(text, "\n{}", look.bold(&title));
        for entry in &report.stale {
            let _ = writeln!(
                text,
                "  {} {}: {}",
                escape::line(&entry.rule),
                escape::line(&entry.path),
                escape::line(&entry.message)
            );
        }
    }
    let causes = causes(report, look, MOST_NAMES);
    if !causes.is_empty() {
        let _ = write!(text, "\n{causes}");
    }
    // Rows that all say the same say nothing.
    if report.count(Prediction::Starts) < report.agents.len() {
        groups(report, &mut text, look);
    }
    agents(report, &mut text, look);
    findings(report, &mut text, look);
    let _ = writeln!(text, "\n{}", ending(report, look).lines(look));
    text
}

/// Every cause, with so many names of agents.
fn causes(report: &Report, look: &Look, names: usize) -> String {
    let mut text = String::new();
    if report.causes.is_empty() {
        return text;
    }
    let _ = writeln!(text, "{}", look.bold("What to fix first"));
    for (index, cause) in report.causes.iter().enumerate() {
        let _ = writeln!(text, "{:>4}  {}", index + 1, escape::line(&cause.message));
        let mut line = |label: &str, what: &str| {
            let _ = writeln!(text, "      {label}{what}");
        };
        for place in cause.places.iter().take(MOST_PLACES) {
            line("at ", &escape::line(&step(place)));
        }
        if cause.places.len() > MOST_PLACES {
            line("at ", &counted(cause.places.len() - MOST_PLACES, "more place"));
        }
        line("stops ", &listed(&cause.stops, names));
        if !cause.blocks.is_empty() {
            line("hampers ", &waiting(cause, names));
        }
        if let Some(help) = &cause.help {
            line("help: ", &escape::line(help));
        }
    }
    text
}

/// Agents that wait for those of a cause or start without them: their number, or their names.
fn waiting(cause: &Cause, names: usize) -> String {
    let verbs = if cause.blocks.len() == 1 {
        "starts without these, or waits"
    } else {
        "start without these, or wait"
    };
    let count = format!("{}, which {verbs} for them", counted(cause.blocks.len(), "agent"));
    if names == usize::MAX {
        format!("{count}: {}", listed(&cause.blocks, names))
    } else {
        count
    }
}

fn groups(report: &Report, text: &mut String, look: &Look) {
    let rows = table(report);
    if rows.is_empty() {
        return;
    }
    let wide = |name: &dyn Fn(&super::Row) -> usize, least: usize| rows.iter().map(name).max().unwrap_or(0).max(least);
    let machine = wide(&|row| width(&escape::line(&row.machine)), 7);
    let group = wide(&|row| width(&escape::line(&row.group)), 5);
    let line = |machine_name: &str, group_name: &str, all: &str, counts: [String; COLUMNS.len()]| {
        let [start, degraded, at_risk, waiting, cannot] = counts;
        format!(
            "{}  {}  {all:>6}  {start:>6}  {degraded:>8}  {at_risk:>7}  {waiting:>7}  {cannot:>12}",
            pad(&escape::line(machine_name), machine),
            pad(&escape::line(group_name), group),
        )
    };
    let head = ["start", "degraded", "at risk", "waiting", "cannot start"].map(str::to_owned);
    let _ = writeln!(text, "\n{}", look.bold(&line("machine", "group", "agents", head)));
    let mut total = [0; COLUMNS.len()];
    for row in &rows {
        let [_, degraded, at_risk, waiting, cannot] = row.counts;
        let style = if cannot > 0 {
            Style::new().red()
        } else if degraded + at_risk + waiting > 0 {
            Style::new().yellow()
        } else {
            Style::new()
        };
        let all = row.counts.iter().sum::<usize>().to_string();
        let shown = line(
            &row.machine,
            &row.group,
            &all,
            row.counts.map(|count| count.to_string()),
        );
        let _ = writeln!(text, "{}", look.paint(&shown, style));
        for (sum, count) in total.iter_mut().zip(row.counts) {
            *sum += count;
        }
    }
    let all = total.iter().sum::<usize>().to_string();
    let _ = writeln!(text, "{}", line("all", "", &all, total.map(|count| count.to_string())));
}

fn agents(report: &Report, text: &mut String, look: &Look) {
    let columns = [
        Prediction::CannotStart,
        Prediction::Blocked,
        Prediction::MayNot,
        Prediction::Degraded,
    ];
    for column in columns {
        let mut first = true;
        for agent in report.agents.iter().filter(|agent| agent.prediction == column) {
            if first {
                let title = match column {
                    Prediction::CannotStart => "Agents that cannot start",
                    Prediction::Blocked => "Agents that are waiting for one that cannot start",
                    Prediction::Degraded => "Agents that start without one that cannot start",
                    _ => "Agents at risk",
                };
                let _ = writeln!(text, "\n{}", look.bold(title));
                first = false;
            }
            let _ = writeln!(
                text,
                "  {}: {}",
                escape::line(&agent.full_name()),
                escape::line(agent.reason.as_deref().unwrap_or("no reason is known"))
            );
            if !agent.chain.is_empty() {
                let _ = writeln!(text, "      {}", escape::line(&chain(agent)));
            }
        }
    }
}

/// Findings with their code, those that stop agents first.
pub fn findings(report: &Report, text: &mut String, look: &Look) {
    let mut part = "";
    for (index, finding) in report.findings.iter().enumerate() {
        let stops = report.stops.get(index).map(Vec::as_slice).unwrap_or_default();
        let own = if stops.is_empty() {
            "Other findings"
        } else {
            "Findings that stop agents"
        };
        if own != part {
            part = own;
            let _ = writeln!(text, "\n{}", look.bold(own));
        }
        let _ = writeln!(text, "\n{}", single(finding, look.color(), look.frames()));
        if !stops.is_empty() {
            let _ = writeln!(
                text,
                "  = stops {}: {}",
                counted(stops.len(), "agent"),
                listed(stops, MOST_NAMES)
            );
        }
    }
}

fn listed(all: &[String], most: usize) -> String {
    let shown: Vec<String> = all
        .iter()
        .take(most)
        .map(|name| escape::line(name).into_owned())
        .collect();
    let mut text = shown.join(", ");
    if all.len() > most {
        let _ = write!(text, " and {} more", all.len() - most);
    }
    text
}
