//! `audit:` of a stack: what the audit leaves out, and how bad what its rules find is.

use ignore::gitignore::Gitignore;

use super::selection::{matcher, pattern_of, wrong_pattern};
use super::spans::At;
use crate::finding::Severity;

/// What a stack says of its audit.
#[derive(Debug, Clone, Default)]
pub struct AuditSettings {
    /// Patterns of paths whose findings are left out, as `.gitignore` has them.
    pub exclude: Vec<String>,
    /// Levels of rules, in the order in which they are written.
    pub rules: Vec<RuleSetting>,
}

/// Files of a tree whose findings are left out. They are read all the same: what becomes of an agent does not depend on what is shown.
#[derive(Debug, Clone)]
pub struct Excluded(Gitignore);

impl Excluded {
    /// What these patterns name: those of `.gitignore`, the last one wins.
    ///
    /// # Errors
    /// The first that is not a valid pattern, and why.
    pub fn new(patterns: &[String]) -> Result<Self, (String, String)> {
        match patterns.iter().find_map(|one| Some((one.clone(), wrong_pattern(one)?))) {
            Some(wrong) => Err(wrong),
            None => Ok(Self(matcher(patterns))),
        }
    }

    /// Whether a path of the tree is left out, or a folder above it.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        // The matcher knows no paths from the root of a file system.
        !path.starts_with('/') && pattern_of(&self.0, path).is_some()
    }
}

impl Default for Excluded {
    fn default() -> Self {
        Self(Gitignore::empty())
    }
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
