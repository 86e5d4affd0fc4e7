//! An audit for people: counts first, then what stops most agents, then a table, then the findings.

use std::fmt::Write as _;

use owo_colors::{OwoColorize as _, Style};

use super::{COLUMNS, chain, table};
use crate::audit::{Prediction, Report};
use crate::report::escape;
use crate::report::findings::{counted, single, summary};

/// Names of agents that are listed before the rest is only counted.
const MOST_NAMES: usize = 6;

/// The report.
#[must_use]
pub fn render(report: &Report, color: bool) -> String {
    let mut text = String::new();
    let bold = |part: &str| paint(part, Style::new().bold(), color);
    let _ = writeln!(text, "{}", bold(&headline(report)));
    if report.silenced + report.known > 0 {
        let _ = writeln!(
            text,
            "not shown: {} silenced in the source, {} in the baseline",
            report.silenced, report.known
        );
    }
    if !report.stale.is_empty() {
        let _ = writeln!(
            text,
            "\n{}",
            bold(&format!(
                "Entries of the baseline that match nothing any more: {}",
                report.stale.len()
            ))
        );
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
    causes(report, &mut text, color);
    groups(report, &mut text, color);
    agents(report, &mut text, color);
    findings(report, &mut text, color);
    text
}

/// Counts of findings and of agents.
#[must_use]
pub fn headline(report: &Report) -> String {
    let mut line = format!(
        "{} in {}",
        summary(&report.findings),
        counted(report.python_files, "Python file")
    );
    if !report.agents.is_empty() {
        let parts: Vec<String> = COLUMNS
            .iter()
            .map(|column| (report.count(*column), words(*column)))
            .filter(|(count, _)| *count > 0)
            .map(|(count, words)| format!("{count} {words}"))
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

fn words(prediction: Prediction) -> &'static str {
    match prediction {
        Prediction::Starts => "should start",
        Prediction::MayNot => "may not start",
        Prediction::Blocked => "blocked by another",
        Prediction::CannotStart => "cannot start",
    }
}

fn causes(report: &Report, text: &mut String, color: bool) {
    if report.causes.is_empty() {
        return;
    }
    let title = paint("Root causes, by agents that each stops", Style::new().bold(), color);
    let _ = writeln!(text, "\n{title}");
    for cause in &report.causes {
        let mut line = format!("{:>4}  {}", cause.stops.len(), escape::line(&cause.message));
        if let Some(place) = &cause.place {
            let _ = write!(line, " ({}:{})", escape::line(&place.path), place.line);
        }
        if !cause.blocks.is_empty() {
            let _ = write!(line, "; {} wait for these", counted(cause.blocks.len(), "more agent"));
        }
        let _ = writeln!(text, "{line}");
        let _ = writeln!(text, "      stops {}", names(&cause.stops));
        if let Some(help) = &cause.help {
            let _ = writeln!(text, "      help: {}", escape::line(help));
        }
    }
}

fn groups(report: &Report, text: &mut String, color: bool) {
    let rows = table(report);
    if rows.is_empty() {
        return;
    }
    let wide = |name: &dyn Fn(&super::Row) -> usize, least: usize| rows.iter().map(name).max().unwrap_or(0).max(least);
    let (machine, group) = (wide(&|row| row.machine.len(), 7), wide(&|row| row.group.len(), 5));
    let head = format!(
        "{:machine$}  {:group$}  {:>6}  {:>6}  {:>7}  {:>7}  {:>12}",
        "machine", "group", "agents", "starts", "may not", "blocked", "cannot start"
    );
    let _ = writeln!(text, "\n{}", paint(&head, Style::new().bold(), color));
    let mut total = [0; 4];
    for row in &rows {
        let [starts, may_not, blocked, cannot] = row.counts;
        let line = format!(
            "{:machine$}  {:group$}  {:>6}  {starts:>6}  {may_not:>7}  {blocked:>7}  {cannot:>12}",
            row.machine,
            row.group,
            row.counts.iter().sum::<usize>(),
        );
        let style = if cannot > 0 {
            Style::new().red()
        } else if may_not + blocked > 0 {
            Style::new().yellow()
        } else {
            Style::new()
        };
        let _ = writeln!(text, "{}", paint(&line, style, color));
        for (sum, count) in total.iter_mut().zip(row.counts) {
            *sum += count;
        }
    }
    let [starts, may_not, blocked, cannot] = total;
    let _ = writeln!(
        text,
        "{:machine$}  {:group$}  {:>6}  {starts:>6}  {may_not:>7}  {blocked:>7}  {cannot:>12}",
        "all",
        "",
        total.iter().sum::<usize>()
    );
}

fn agents(report: &Report, text: &mut String, color: bool) {
    for column in [Prediction::CannotStart, Prediction::Blocked, Prediction::MayNot] {
        let mut first = true;
        for agent in report.agents.iter().filter(|agent| agent.prediction == column) {
            if first {
                let title = match column {
                    Prediction::CannotStart => "Agents that cannot start",
                    Prediction::Blocked => "Agents that wait for one that cannot start",
                    _ => "Agents that may not start",
                };
                let _ = writeln!(text, "\n{}", paint(title, Style::new().bold(), color));
                first = false;
            }
            let _ = writeln!(
                text,
                "  {}/{}: {}",
                agent.machine,
                agent.name,
                escape::line(agent.reason.as_deref().unwrap_or("no reason is known"))
            );
            if !agent.chain.is_empty() {
                let _ = writeln!(text, "      {}", escape::line(&chain(agent)));
            }
        }
    }
}

fn findings(report: &Report, text: &mut String, color: bool) {
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
            let _ = writeln!(text, "\n{}\n", paint(own, Style::new().bold(), color));
        }
        let _ = writeln!(text, "{}", single(finding, color));
        if !stops.is_empty() {
            let _ = writeln!(text, "  = stops {}: {}", counted(stops.len(), "agent"), names(stops));
        }
        text.push('\n');
    }
}

fn names(all: &[String]) -> String {
    let shown: Vec<&str> = all.iter().take(MOST_NAMES).map(String::as_str).collect();
    let mut text = shown.join(", ");
    if all.len() > MOST_NAMES {
        let _ = write!(text, " and {} more", all.len() - MOST_NAMES);
    }
    text
}

fn paint(text: &str, style: Style, color: bool) -> String {
    if color {
        text.style(style).to_string()
    } else {
        text.to_owned()
    }
}
