//! What happens during a run, as a stream of values; every report is made of it.

use std::time::Duration;

use super::plan::CheckId;
use super::run::Outcome;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum SmokeEvent {
    /// The run begins.
    RunStarted {
        /// Number of checks.
        checks: usize,
        /// Phases they belong to, ascending.
        phases: Vec<u8>,
    },
    /// A check begins.
    Started {
        /// Which.
        check: CheckInfo,
    },
    /// A check ended, or was skipped.
    Finished {
        /// Which.
        check: CheckInfo,
        /// How long it took; zero when skipped.
        duration: Duration,
        /// How it ended.
        outcome: Outcome,
    },
    /// The run ended.
    Summary(Summary),
}

/// What reports need to know of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInfo {
    /// Its id in the plan.
    pub id: CheckId,
    /// Its name, with what it was expanded for in brackets.
    pub name: String,
    /// Its phase.
    pub phase: u8,
    /// Its machine, where it is about one.
    pub machine: Option<String>,
    /// Its kind: `request`.
    pub kind: &'static str,
    /// File and line that define it.
    pub source: String,
}

/// Counts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Checks that passed.
    pub passed: usize,
    /// Checks that failed.
    pub failed: usize,
    /// Checks that were not run, because one before them failed or the run was stopped.
    pub skipped: usize,
    /// How long the run took.
    pub duration: Duration,
    /// Whether it was stopped by the user.
    pub interrupted: bool,
}

impl Summary {
    /// Whether every check passed.
    #[must_use]
    pub fn success(&self) -> bool {
        self.failed == 0 && self.skipped == 0 && !self.interrupted
    }
}
