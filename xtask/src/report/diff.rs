//! Differences between two texts.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use similar::{ChangeTag, TextDiff};

/// A unified diff of one file: what is there against what should be.
#[must_use]
pub fn unified(path: &str, there: &str, wanted: &str, color: bool) -> String {
    labelled(path, "rendered", there, wanted, color)
}

/// The same, with a word for what should be.
#[must_use]
pub fn labelled(path: &str, label: &str, there: &str, wanted: &str, color: bool) -> String {
    let diff = TextDiff::from_lines(there, wanted);
    let mut text = format!("--- {path}\n+++ {path} ({label})\n");
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        let _ = writeln!(text, "{}", hunk.header());
        for change in hunk.iter_changes() {
            let line = change.value().trim_end_matches('\n');
            let _ = match (change.tag(), color) {
                (ChangeTag::Delete, true) => writeln!(text, "{}", format!("-{line}").red()),
                (ChangeTag::Insert, true) => writeln!(text, "{}", format!("+{line}").green()),
                (tag, _) => writeln!(text, "{tag}{line}"),
            };
        }
    }
    text
}
