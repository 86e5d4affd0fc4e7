//! Collects what is not as expected, and makes an outcome of it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::matcher::{Matcher, Mismatch};
use super::outcome::{Evidence, Outcome};

/// Characters of a text shown as evidence.
const SHOWN: usize = 4000;

/// Collects what is not as expected.
#[derive(Debug, Default)]
pub struct Verdict {
    expected: Vec<String>,
    got: Vec<String>,
    evidence: Vec<Evidence>,
    /// What is worth saying in a few words although nothing is wrong.
    pub note: String,
    saved: BTreeMap<String, Value>,
    details: Vec<Evidence>,
}

impl Verdict {
    /// Notes what is not as expected.
    pub fn wrong(&mut self, expected: impl Into<String>, got: impl Into<String>) {
        self.expected.push(expected.into());
        self.got.push(got.into());
    }

    /// Notes where a value does not match.
    pub fn compare(&mut self, what: &str, matcher: &Value, value: &Value) {
        match Matcher::compile(matcher) {
            Ok(matcher) => {
                for mismatch in matcher.mismatches(value) {
                    self.mismatch(what, &mismatch);
                }
            }
            // Only a value that was saved can bring this about: the file itself was checked.
            Err(error) => self.wrong("an expectation that can be read", error.to_string()),
        }
    }

    fn mismatch(&mut self, what: &str, mismatch: &Mismatch) {
        let subject = match (what.is_empty(), mismatch.path.is_empty()) {
            (true, true) => String::new(),
            (true, false) => format!("`{}`: ", mismatch.path),
            (false, true) => format!("{what}: "),
            (false, false) => format!("{what} `{}`: ", mismatch.path),
        };
        self.wrong(
            format!("{subject}{}", mismatch.expected),
            format!("{subject}{}", mismatch.got),
        );
    }

    /// What helps to understand a failure.
    pub fn evidence(&mut self, label: impl Into<String>, text: impl Into<String>) {
        self.evidence.push(Evidence {
            label: label.into(),
            text: cut(text.into()),
        });
    }

    /// What is worth reporting although nothing is wrong.
    pub fn detail(&mut self, label: impl Into<String>, text: impl Into<String>) {
        self.details.push(Evidence {
            label: label.into(),
            text: cut(text.into()),
        });
    }

    /// A value for later checks.
    pub fn save(&mut self, name: &str, value: &Value) {
        self.saved.insert(name.to_owned(), value.clone());
    }

    /// How many things are not as expected so far.
    #[must_use]
    pub fn count_wrong(&self) -> usize {
        self.expected.len()
    }

    /// Whether nothing would be wrong.
    pub fn passes(judge: impl FnOnce(&mut Self)) -> bool {
        let mut verdict = Self::default();
        judge(&mut verdict);
        verdict.expected.is_empty()
    }

    /// How the check ended.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        if self.expected.is_empty() {
            Outcome::Passed {
                note: self.note,
                saved: self.saved,
                details: self.details,
            }
        } else {
            Outcome::Failed {
                expected: self.expected,
                got: self.got,
                evidence: self.evidence.into_iter().chain(self.details).collect(),
            }
        }
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Megabytes, for people.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}
