//! Findings as lists: a line for each, grouped by file, or only counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use owo_colors::Style;

use super::conclusion::ending;
use super::layout::{Look, cut_front, number, pad, width};
use crate::audit::{Report, rules};
use crate::finding::{Finding, Severity};
use crate::report::escape;

/// Folders that statistics name.
const MOST_FOLDERS: usize = 30;
/// Parts of a path that make a folder of the statistics.
const FOLDER_DEPTH: usize = 3;

/// A line for each finding, as `path:line:column: severity[rule] message`, then what came of it.
#[must_use]
pub fn concise(report: &Report, look: &Look) -> String {
    let mut text = String::new();
    for finding in by_place(report) {
        let (word, style) = super::severity(finding.severity);
        let _ = writeln!(
            text,
            "{}: {}[{}] {}",
            escape::line(&at(finding)),
            look.paint(word, style),
            finding.rule,
            escape::line(&finding.text())
        );
    }
    let _ = writeln!(text, "{}", look.bold(&ending(report, look).line));
    text
}

/// The findings of each file below its path.
#[must_use]
pub fn grouped(report: &Report, look: &Look) -> String {
    let mut text = String::new();
    let findings = by_place(report);
    for (index, file) in findings.chunk_by(|a, b| a.place.path == b.place.path).enumerate() {
        let Some(path) = file.first().map(|finding| escape::line(&finding.place.path)) else {
            continue;
        };
        if index > 0 {
            text.push('\n');
        }
        let _ = writeln!(text, "{}", look.bold(&path));
        let places: Vec<String> = file
            .iter()
            .map(|finding| match (finding.place.line, finding.place.column) {
                (0, _) => String::new(),
                (line, 0) => line.to_string(),
                (line, column) => format!("{line}:{column}"),
            })
            .collect();
        let wide = places.iter().map(String::len).max().unwrap_or(0);
        for (finding, place) in file.iter().zip(&places) {
            let (word, style) = super::severity(finding.severity);
            let _ = writeln!(
                text,
                "  {place:>wide$}  {}  {}  {}",
                look.paint(&pad(word, 7), style),
                escape::line(&finding.text()),
                look.dim(finding.rule)
            );
        }
    }
    text
}

fn by_place(report: &Report) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by(|a, b| (&a.place, a.rule, a.text()).cmp(&(&b.place, b.rule, b.text())));
    findings
}

fn at(finding: &Finding) -> String {
    let place = &finding.place;
    match (place.line, place.column) {
        (0, _) => place.path.clone(),
        (line, 0) => format!("{}:{line}", place.path),
        (line, column) => format!("{}:{line}:{column}", place.path),
    }
}

/// Findings of one rule or folder.
#[derive(Debug, Default)]
struct Count {
    errors: usize,
    warnings: usize,
    notes: usize,
    in_use: usize,
    stops: usize,
}

impl Count {
    fn add(&mut self, report: &Report, index: usize, finding: &Finding) {
        match finding.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Note => self.notes += 1,
        }
        self.in_use += usize::from(report.in_use.get(index).copied().unwrap_or(false));
        self.stops += report.stops.get(index).map_or(0, Vec::len);
    }

    fn all(&self) -> usize {
        self.errors + self.warnings + self.notes
    }
}

/// Findings counted by rule and by folder: how many there are, how many of them in files that agents run, how many agents they stop.
#[must_use]
pub fn statistics(report: &Report, look: &Look) -> String {
    let (mut by_rule, mut by_folder): (BTreeMap<&str, Count>, BTreeMap<String, Count>) = Default::default();
    for (index, finding) in report.findings.iter().enumerate() {
        by_rule.entry(finding.rule).or_default().add(report, index, finding);
        by_folder
            .entry(folder(&finding.place.path))
            .or_default()
            .add(report, index, finding);
    }
    if by_rule.is_empty() {
        return String::new();
    }
    let fixable = |rule: &str| rules::find(rule).is_some_and(|rule| rule.fix.is_some());
    let rules: Vec<(String, Count)> = by_rule
        .into_iter()
        .map(|(rule, count)| {
            let mark = if fixable(rule) { " [*]" } else { "" };
            (format!("{rule}{mark}"), count)
        })
        .collect();
    let some_fixable = rules.iter().any(|(rule, _)| rule.ends_with(" [*]"));
    let mut text = counted_table("rule", rules, usize::MAX, look);
    if some_fixable {
        let _ = writeln!(
            text,
            "{}",
            look.dim(&format!("[*] `{} --fix` fixes some of it", look.command()))
        );
    }
    let folders = counted_table("folder", by_folder.into_iter().collect(), MOST_FOLDERS, look);
    let _ = write!(text, "\n{folders}");
    text
}

/// The first folders of a path.
fn folder(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let folders = parts.len().saturating_sub(1).min(FOLDER_DEPTH);
    match parts.get(..folders) {
        Some([]) | None => "./".to_owned(),
        Some(folders) => format!("{}/", folders.join("/")),
    }
}

fn counted_table(title: &str, mut rows: Vec<(String, Count)>, most: usize, look: &Look) -> String {
    rows.sort_by(|(a_name, a), (b_name, b)| {
        (b.stops, b.errors, b.all())
            .cmp(&(a.stops, a.errors, a.all()))
            .then_with(|| a_name.cmp(b_name))
    });
    let numbers = |cells: [&str; 5]| {
        let [stops, errors, warnings, notes, in_use] = cells;
        format!("{stops:>7}{errors:>8}{warnings:>10}{notes:>7}{in_use:>8}")
    };
    let head = numbers(["stops", "errors", "warnings", "notes", "in use"]);
    let wide = look.width().saturating_sub(width(&head));
    let mut text = format!("{}{}\n", look.bold(&pad(title, wide)), look.bold(&head));
    for (name, count) in rows.iter().take(most) {
        let cells = [count.stops, count.errors, count.warnings, count.notes, count.in_use];
        let cells = cells.map(|count| if count == 0 { "-".to_owned() } else { number(count) });
        let style = if count.stops > 0 {
            Style::new().red()
        } else {
            Style::new()
        };
        let name = pad(&cut_front(&escape::line(name), wide), wide);
        let _ = writeln!(
            text,
            "{}{}",
            look.paint(&name, style),
            numbers(cells.each_ref().map(String::as_str))
        );
    }
    if rows.len() > most {
        let _ = writeln!(text, "… {} more", number(rows.len() - most));
    }
    text
}
