//! What is remembered from run to run: the checks that did not pass when they were made last.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::event::SmokeEvent;
use super::outcome::Outcome;

/// The newest version of a [`LastRun`] on disk.
const VERSION: u32 = 1;

/// Checks that did not pass when they were made last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastRun {
    version: u32,
    not_passed: BTreeSet<String>,
}

impl Default for LastRun {
    fn default() -> Self {
        Self {
            version: VERSION,
            not_passed: BTreeSet::new(),
        }
    }
}

impl LastRun {
    /// Reads its text; nothing where it is of another version, or none.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text)
            .ok()
            .filter(|run: &Self| run.version == VERSION)
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Takes in an event. What is not made again stays as it is known.
    pub fn event(&mut self, event: &SmokeEvent) {
        if let SmokeEvent::Finished { check, outcome, .. } = event {
            match outcome {
                Outcome::Passed { .. } => self.not_passed.remove(&check.name),
                Outcome::Failed { .. } | Outcome::Skipped { .. } => self.not_passed.insert(check.name.clone()),
            };
        }
    }

    /// Names of the checks, as reports have them.
    #[must_use]
    pub fn not_passed(&self) -> &BTreeSet<String> {
        &self.not_passed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::smoke::plan::fixture::plan_of;

    #[test]
    fn a_check_is_remembered_until_it_passes() {
        let plan =
            plan_of("phase: 1\nchecks:\n  - {name: a, image: {image: base}}\n  - {name: b, image: {image: base}}\n");
        let mut run = LastRun::default();
        let mut tell = |check: usize, outcome: Outcome| {
            run.event(&SmokeEvent::Finished {
                check: plan.checks[check].info(),
                duration: Duration::ZERO,
                outcome,
                earlier: Vec::new(),
            });
            run = LastRun::parse(run.text().as_bytes()).unwrap();
            run.not_passed().iter().cloned().collect::<Vec<_>>()
        };
        assert_eq!(tell(0, Outcome::failed("x", "y")), ["a"]);
        let because = "`a` failed".to_owned();
        assert_eq!(tell(1, Outcome::Skipped { because }), ["a", "b"]);
        assert_eq!(tell(0, Outcome::passed()), ["b"]);
        assert_eq!(LastRun::parse(b"{\"version\":2,\"not_passed\":[]}"), None);
        assert_eq!(LastRun::parse(b""), None);
    }
}
