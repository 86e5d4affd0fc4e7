//! What happens during a run, as a stream of values; every report is made of it.

use std::time::Duration;

use super::outcome::Outcome;
use super::plan::CheckInfo;
use super::resources::Resources;
use crate::boot::timeline::Timeline;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum SmokeEvent {
    /// The stack was looked at before the checks, where a report wants it.
    Looked {
        /// When, Unix milliseconds.
        at_ms: u64,
        /// How it had come up; none where it is not up.
        boot: Option<Timeline>,
    },
    /// What the stack takes was measured after the checks, where a report wants it.
    Measured(Resources),
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
        /// Tries before, all of which failed.
        earlier: Vec<Try>,
    },
    /// The run ended.
    Summary(Summary),
}

/// A try of a check that failed, and was followed by another.
#[derive(Debug, Clone, PartialEq)]
pub struct Try {
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// Whether a check passed, and not at once.
#[must_use]
pub fn is_flaky(outcome: &Outcome, earlier: &[Try]) -> bool {
    matches!(outcome, Outcome::Passed { .. }) && !earlier.is_empty()
}

/// Counts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Checks that passed.
    pub passed: usize,
    /// Those of them that failed before they passed.
    pub flaky: usize,
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
