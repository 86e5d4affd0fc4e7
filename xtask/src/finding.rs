//! A finding: one thing that the stack's validation or the audit has to say. It is data; every output format is a renderer
//! of it in `report`.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing stops.
    Note,
    /// Something is off, and is lived with.
    Warning,
    /// Something does not work.
    Error,
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A guess worth a look.
    Low,
    /// Holds unless the code does something unusual.
    Medium,
    /// Holds.
    High,
}

/// A place in a file, with the line itself, so that a finding can be shown without reading the file again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// Path relative to the repository or to the tree, with forward slashes.
    pub path: String,
    /// Line, from 1; 0 where the finding is about the file as a whole.
    pub line: u32,
    /// Column in characters, from 1; 0 where the finding is about the line as a whole.
    pub column: u32,
    /// Number of characters meant, from `column` on; at least 1 where `column` is.
    pub width: u32,
    /// The line, without its line break; empty where there is none.
    pub text: String,
}

impl Place {
    /// A file as a whole.
    #[must_use]
    pub fn file(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line: 0,
            column: 0,
            width: 0,
            text: String::new(),
        }
    }
}

/// A second place that explains the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// Where.
    pub place: Place,
    /// What is there, as in `first defined here`.
    pub label: String,
}

/// One thing to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable id, as in `stack/port-clash`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// What is wrong: a lowercase fragment without a full stop.
    pub message: String,
    /// Where.
    pub place: Place,
    /// Places that explain it.
    pub related: Vec<Related>,
    /// What mends it.
    pub help: Option<String>,
}

impl Finding {
    /// An error of high confidence.
    #[must_use]
    pub fn error(rule: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: Severity::Error,
            confidence: Confidence::High,
            message: message.into(),
            place,
            related: Vec::new(),
            help: None,
        }
    }

    /// A warning of high confidence.
    #[must_use]
    pub fn warning(rule: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(rule, place, message)
        }
    }

    /// The same, with what mends it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, with a place that explains it.
    #[must_use]
    pub fn with_related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related.push(Related {
            place,
            label: label.into(),
        });
        self
    }
}

/// Whether any finding is an error.
#[must_use]
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
