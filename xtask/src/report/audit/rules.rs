//! `--list-rules` and `--explain`.

use std::fmt::Write as _;

use crate::audit::rule::Rule;
use crate::audit::rules;
use crate::finding::{Confidence, Severity};

/// A line for each rule.
#[must_use]
pub fn list() -> String {
    let wide = rules::all().map(|rule| rule.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in rules::all() {
        let _ = writeln!(
            text,
            "{:wide$}  {:7}  {}",
            rule.id,
            severity(rule.severity),
            rule.summary
        );
    }
    text
}

/// All about one rule.
#[must_use]
pub fn explain(rule: &Rule) -> String {
    let mut text = format!(
        "{}: {}\nseverity: {}; confidence: {}{}\n\n",
        rule.id,
        rule.summary,
        severity(rule.severity),
        match rule.confidence {
            Confidence::High => "high",
            Confidence::Medium => "medium",
            Confidence::Low => "low",
        },
        rule.fix
            .map_or_else(String::new, |place| format!("; `--fix` fixes it {place}"))
    );
    for line in rule.explanation.lines() {
        text.push_str(line.strip_prefix(' ').unwrap_or(line));
        text.push('\n');
    }
    text
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}
