//! How a check ended, and what helps to see why.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// How a check ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// As expected; the text says what was seen, in a few words.
    Passed {
        /// As in `29 requests`; often empty.
        note: String,
        /// Values saved for later checks.
        saved: BTreeMap<String, Value>,
        /// What is worth reporting although nothing is wrong: figures, most often none.
        details: Vec<Evidence>,
    },
    /// Not as expected.
    Failed {
        /// What was expected, one line per point.
        expected: Vec<String>,
        /// What was there instead, line by line.
        got: Vec<String>,
        /// What helps to see why.
        evidence: Vec<Evidence>,
    },
    /// Not run.
    Skipped {
        /// Why.
        because: String,
    },
}

/// Something that helps to see why a check failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What it is: `request`, `reply`, `last lines of TaskRouter`.
    pub label: String,
    /// The text, of any number of lines.
    pub text: String,
}

impl Outcome {
    /// Passed, with nothing to say.
    #[must_use]
    pub fn passed() -> Self {
        Self::Passed {
            note: String::new(),
            saved: BTreeMap::new(),
            details: Vec::new(),
        }
    }

    /// Passed, with what was seen.
    #[must_use]
    pub fn passed_with(note: impl Into<String>) -> Self {
        Self::Passed {
            note: note.into(),
            saved: BTreeMap::new(),
            details: Vec::new(),
        }
    }

    /// Failed at one point.
    #[must_use]
    pub fn failed(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Failed {
            expected: vec![expected.into()],
            got: vec![got.into()],
            evidence: Vec::new(),
        }
    }

    /// The same with more evidence, where it failed.
    #[must_use]
    pub fn with_evidence(mut self, label: impl Into<String>, text: impl Into<String>) -> Self {
        if let Self::Failed { evidence, .. } = &mut self {
            evidence.push(Evidence {
                label: label.into(),
                text: text.into(),
            });
        }
        self
    }

    /// Whether it failed.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}
