//! An audit as Markdown, for the summary of a CI job or a comment: what came of it, what to fix first, agents by group, other findings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::conclusion::{conclusion, looked_at};
use super::layout::number;
use super::{step, table};
use crate::audit::{Prediction, Report};
use crate::finding::Severity;
use crate::report::escape;

/// Causes that are listed before the rest is only counted: a summary of GitHub's takes a megabyte.
const MOST_CAUSES: usize = 50;
/// Names of agents in a cell.
const MOST_NAMES: usize = 8;

/// The document.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut text = format!(
        "## Audit\n\n**{}**\n\n{}\n",
        plain(&conclusion(report)),
        plain(&looked_at(report, None))
    );
    if !report.causes.is_empty() {
        text.push_str(
            "\n### What to fix first\n\n| | cause | where | stops | hampers |\n| ---: | --- | --- | ---: | ---: |\n",
        );
        for (index, cause) in report.causes.iter().take(MOST_CAUSES).enumerate() {
            let help = cause
                .help
                .as_ref()
                .map_or_else(String::new, |help| format!("<br>help: {}", plain(help)));
            let place = cause
                .places
                .first()
                .map_or_else(String::new, |place| plain(&step(place)));
            let more = match cause.places.len() {
                0 | 1 => String::new(),
                several => format!(" and {} more", number(several - 1)),
            };
            let _ = writeln!(
                text,
                "| {} | {}{help} | {place}{more} | {}: {} | {} |",
                index + 1,
                plain(&cause.message),
                number(cause.stops.len()),
                names(&cause.stops),
                number(cause.blocks.len())
            );
        }
        if report.causes.len() > MOST_CAUSES {
            let _ = writeln!(text, "\n… {} more", number(report.causes.len() - MOST_CAUSES));
        }
    }
    if report.count(Prediction::Starts) < report.agents.len() {
        text.push_str("\n### Agents\n\n| machine | group | start | degraded | at risk | waiting | cannot start |\n| --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
        for row in table(report) {
            let [starts, degraded, at_risk, waiting, cannot] = row.counts;
            let (machine, group) = (plain(&row.machine), plain(&row.group));
            let _ = writeln!(
                text,
                "| {machine} | {group} | {starts} | {degraded} | {at_risk} | {waiting} | {cannot} |"
            );
        }
    }
    let mut rules: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for finding in &report.findings {
        let index = match finding.severity {
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Note => 2,
        };
        if let Some(count) = rules.entry(finding.rule).or_default().get_mut(index) {
            *count += 1;
        }
    }
    if !rules.is_empty() {
        let mut rows: Vec<_> = rules.into_iter().collect();
        rows.sort_by(|(a_rule, a), (b_rule, b)| b.cmp(a).then_with(|| a_rule.cmp(b_rule)));
        text.push_str("\n<details><summary>Findings by rule</summary>\n\n| rule | errors | warnings | notes |\n| --- | ---: | ---: | ---: |\n");
        for (rule, [errors, warnings, notes]) in rows {
            let _ = writeln!(text, "| {rule} | {errors} | {warnings} | {notes} |");
        }
        text.push_str("\n</details>\n");
    }
    text
}

fn names(all: &[String]) -> String {
    let shown: Vec<String> = all.iter().take(MOST_NAMES).map(|name| plain(name)).collect();
    let more = match all.len().checked_sub(MOST_NAMES) {
        Some(more) if more > 0 => format!(" and {more} more"),
        _ => String::new(),
    };
    format!("{}{more}", shown.join(", "))
}

/// A text in one line, of which Markdown makes nothing.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in escape::line(text).chars() {
        match c {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '!' | '@' | ':' => {
                let _ = write!(plain, "&#{};", u32::from(c));
            }
            c => plain.push(c),
        }
    }
    plain
}
