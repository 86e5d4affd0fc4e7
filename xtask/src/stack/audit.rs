//! `audit:` of a stack: what the audit leaves out, and how bad what its rules find is.

use super::spans::At;
use crate::finding::Severity;

/// What a stack says of its audit.
#[derive(Debug, Clone, Default)]
pub struct AuditSettings {
    /// Patterns of paths that are not looked at.
    pub exclude: Vec<String>,
    /// Levels of rules, in the order in which they are written.
    pub rules: Vec<RuleSetting>,
}

/// The level of a rule.
#[derive(Debug, Clone)]
pub struct RuleSetting {
    /// Its id as written, which may be that of no rule.
    pub rule: At<String>,
    /// The level.
    pub level: RuleLevel,
}

/// How bad all findings of a rule are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleLevel {
    /// They are neither shown nor do they fail the audit.
    Off,
    /// They have that severity.
    As(Severity),
}

impl RuleLevel {
    /// The level of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "off" => Self::Off,
            "note" => Self::As(Severity::Note),
            "warning" => Self::As(Severity::Warning),
            "error" => Self::As(Severity::Error),
            _ => return None,
        })
    }
}
