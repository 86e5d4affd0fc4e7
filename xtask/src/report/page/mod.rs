//! The page of `smoke --report`: one HTML file that needs nothing but itself. What it shows is the run's document; how it
//! looks is `page.html.j2`, `page.css` and `page.js` beside this file.

mod axis;
mod history;

use chrono::{DateTime, SecondsFormat};
use minijinja::{AutoEscape, Environment, Value, escape_formatter};
use serde::Serialize;

use self::axis::Axis;
use super::escape;
use super::findings::counted;
use crate::smoke::document::{CheckRecord, Document, Word};
use crate::smoke::resources::{Resources, Usage};
use crate::template::{environment, values};

/// The page of a run.
///
/// # Errors
/// When the template cannot be filled in, which is an error of this program.
pub fn html(document: &Document) -> Result<String, minijinja::Error> {
    let mut environment = html_environment()?;
    environment.add_filter("duration", duration);
    environment.add_filter("moment", moment);
    environment.add_filter("bytes", bytes);
    environment.add_filter("share", share);
    environment.add_filter("instant", instant);
    environment.add_filter("date", date);
    environment.add_filter("anchor", |name: &str, kind: &str| anchor(kind, name));
    environment.render_str(
        include_str!("page.html.j2"),
        values! {
            style => include_str!("page.css"),
            script => include_str!("page.js"),
            run => document,
            phases => phases(&document.checks),
            axis => document.boot.as_ref().map(Axis::of),
            totals => document.resources.as_ref().map(totals),
            slowest => slowest(&document.checks),
            history => history::columns(&document.history),
        },
    )
}

/// An engine for pages: what others wrote is text in them, and nothing in it is hidden.
///
/// # Errors
/// As [`environment`].
pub(in crate::report) fn html_environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = environment()?;
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => escape_formatter(out, state, &Value::from(escape::block(text).into_owned())),
        _ => escape_formatter(out, state, value),
    });
    environment.add_filter("counted", |count: usize, noun: &str| counted(count, noun));
    Ok(environment)
}

/// The checks of one phase.
#[derive(Debug, Serialize)]
struct Phase<'a> {
    number: u8,
    passed: usize,
    failed: usize,
    skipped: usize,
    checks: Vec<&'a CheckRecord>,
}

/// The phases, ascending; what failed comes first, then what was not run.
fn phases(checks: &[CheckRecord]) -> Vec<Phase<'_>> {
    let mut sorted: Vec<&CheckRecord> = checks.iter().collect();
    let rank = |word| match word {
        Word::Failed => 0,
        Word::Skipped => 1,
        Word::Passed => 2,
    };
    sorted.sort_by_key(|check| (check.phase, rank(check.outcome)));
    sorted
        .chunk_by(|a, b| a.phase == b.phase)
        .map(|checks| {
            let count = |word| checks.iter().filter(|check| check.outcome == word).count();
            Phase {
                number: checks[0].phase,
                passed: count(Word::Passed),
                failed: count(Word::Failed),
                skipped: count(Word::Skipped),
                checks: checks.to_vec(),
            }
        })
        .collect()
}

/// The checks that took longest, first the slowest.
fn slowest(checks: &[CheckRecord]) -> Vec<&CheckRecord> {
    let mut made: Vec<&CheckRecord> = checks.iter().filter(|check| check.outcome != Word::Skipped).collect();
    made.sort_by_key(|check| std::cmp::Reverse(check.duration_ms));
    made.truncate(SLOWEST);
    made
}

/// Checks that are shown as the slowest.
const SLOWEST: usize = 10;

/// What a check is called in an address. It stays the same from run to run, so that somebody may keep it.
fn anchor(kind: &str, name: &str) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    format!("{kind}-{}", name.chars().map(plain).collect::<String>())
}

/// What all groups take together; and the scale of the bars of groups without a limit.
#[derive(Debug, Serialize)]
struct Totals {
    usage: Usage,
    most_bytes: u64,
}

fn totals(resources: &Resources) -> Totals {
    let groups = || resources.groups.iter().map(|group| group.usage);
    Totals {
        usage: Usage {
            memory_bytes: groups().map(|usage| usage.memory_bytes).sum(),
            cpu_ms: groups().map(|usage| usage.cpu_ms).sum(),
        },
        most_bytes: groups().map(|usage| usage.memory_bytes).max().unwrap_or(0),
    }
}

/// `12 ms`, `3.4 s`, `2 min 5 s`.
fn duration(millis: u64) -> String {
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1000),
    }
}

/// A moment on an axis, in seconds with two places, so that columns line up.
fn moment(millis: u64) -> String {
    format!("{}.{:02} s", millis / 1000, millis % 1000 / 10)
}

/// `2.6 MB`.
pub(in crate::report) fn bytes(count: u64) -> String {
    match count {
        0..1000 => format!("{count} B"),
        1000..1_000_000 => format!("{} kB", count / 1000),
        1_000_000..1_000_000_000 => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
        _ => format!("{}.{} GB", count / 1_000_000_000, count % 1_000_000_000 / 100_000_000),
    }
}

/// Part of a whole, as a percentage for a style.
fn share(part: u64, whole: u64) -> String {
    let basis_points = part.saturating_mul(10_000) / whole.max(1);
    format!("{}.{:02}%", basis_points / 100, basis_points % 100)
}

/// Unix milliseconds as RFC 3339.
fn instant(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// Unix milliseconds as people read them.
fn date(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis)
        .map_or_else(String::new, |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

#[cfg(test)]
pub(in crate::report) mod browser_tests;
#[cfg(test)]
mod tests;
