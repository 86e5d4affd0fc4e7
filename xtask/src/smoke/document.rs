//! The document of a run: what `--format json` prints, and what the page of `--report` shows. Collected from the events.

use std::time::Duration;

use serde::Serialize;

use super::event::{SmokeEvent, Summary};
use super::history::PastRun;
use super::outcome::{Evidence, Outcome};
use super::plan::CheckInfo;
use super::resources::Resources;
use crate::boot::timeline::Timeline;

/// The newest version of [`Document`].
pub const VERSION: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// Format version.
    pub version: u32,
    /// When the run began, Unix milliseconds.
    pub began_at_ms: u64,
    /// Whether every check passed.
    pub success: bool,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Checks that passed.
    pub passed: usize,
    /// Those of them that failed before they passed.
    pub flaky: usize,
    /// Checks that failed.
    pub failed: usize,
    /// Checks that were not run.
    pub skipped: usize,
    /// How long it took.
    pub duration_ms: u64,
    /// The checks, in the order in which they ended.
    pub checks: Vec<CheckRecord>,
    /// How the stack had come up before the checks began; none where it was not up.
    pub boot: Option<Timeline>,
    /// What the stack took when the checks had ended; none where it was not measured.
    pub resources: Option<Resources>,
    /// What the run was made with; only in a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// The last runs, oldest first, this one among them; only in a report.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<PastRun>,
}

/// What a run was made with. What could not be told is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// The command line.
    pub command: String,
    /// The commit of the tree, with `-dirty` where files differ from it.
    pub revision: Option<String>,
    /// Name of the host.
    pub host: Option<String>,
    /// Version of its kernel.
    pub kernel: Option<String>,
    /// Version of Podman.
    pub podman: Option<String>,
}

/// One check, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckRecord {
    /// Its name.
    pub name: String,
    /// Its phase.
    pub phase: u8,
    /// Its machine, where it is about one.
    pub machine: Option<String>,
    /// Its kind.
    pub kind: &'static str,
    /// File and line that define it.
    pub source: String,
    /// How long it took.
    pub duration_ms: u64,
    /// Tries that failed before the one that counts.
    #[serde(skip_serializing_if = "is_none")]
    pub failed_tries: usize,
    /// How it ended.
    pub outcome: Word,
    /// What was seen, of one that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Figures of one that passed: worth reporting, and nothing wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Evidence>,
    /// What was expected, point by point, of one that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Vec<String>>,
    /// What was there instead, of one that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<Vec<String>>,
    /// What helps to see why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Vec<Evidence>>,
    /// Why it was not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// How a check ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// As expected.
    Passed,
    /// Not as expected.
    Failed,
    /// Not run.
    Skipped,
}

/// Collects a document from the events of a run.
#[derive(Debug, Default)]
pub struct Collector {
    began_at_ms: u64,
    checks: Vec<CheckRecord>,
    boot: Option<Timeline>,
    resources: Option<Resources>,
}

impl Collector {
    /// Takes in one event; the last one of a run gives the document.
    pub fn event(&mut self, event: &SmokeEvent) -> Option<Document> {
        match event {
            SmokeEvent::Looked { at_ms, boot } => {
                self.began_at_ms = *at_ms;
                self.boot.clone_from(boot);
            }
            SmokeEvent::Measured(resources) => self.resources = Some(resources.clone()),
            SmokeEvent::RunStarted { .. } | SmokeEvent::Started { .. } => {}
            SmokeEvent::Finished {
                check,
                duration,
                outcome,
                earlier,
            } => self.checks.push(CheckRecord {
                failed_tries: earlier.len(),
                ..record(check, *duration, outcome)
            }),
            SmokeEvent::Summary(summary) => return Some(std::mem::take(self).document(summary)),
        }
        None
    }

    fn document(self, summary: &Summary) -> Document {
        Document {
            version: VERSION,
            began_at_ms: self.began_at_ms,
            success: summary.success(),
            interrupted: summary.interrupted,
            passed: summary.passed,
            flaky: summary.flaky,
            failed: summary.failed,
            skipped: summary.skipped,
            duration_ms: millis(summary.duration),
            checks: self.checks,
            boot: self.boot,
            resources: self.resources,
            about: None,
            history: Vec::new(),
        }
    }
}

fn record(check: &CheckInfo, duration: Duration, outcome: &Outcome) -> CheckRecord {
    let record = CheckRecord {
        name: check.name.clone(),
        phase: check.phase,
        machine: check.machine.clone(),
        kind: check.kind,
        source: check.source.clone(),
        duration_ms: millis(duration),
        failed_tries: 0,
        outcome: Word::Passed,
        note: None,
        details: Vec::new(),
        expected: None,
        got: None,
        evidence: None,
        because: None,
    };
    match outcome {
        Outcome::Passed { note, details, .. } => CheckRecord {
            note: Some(note.clone()),
            details: details.clone(),
            ..record
        },
        Outcome::Failed {
            expected,
            got,
            evidence,
        } => CheckRecord {
            outcome: Word::Failed,
            expected: Some(expected.clone()),
            got: Some(got.clone()),
            evidence: Some(evidence.clone()),
            ..record
        },
        Outcome::Skipped { because } => CheckRecord {
            outcome: Word::Skipped,
            because: Some(because.clone()),
            ..record
        },
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
