//! What a rule is: an id, how bad and how sure its findings are as a rule, and the text that `--explain` prints, which is
//! the rule's own doc comment.

use crate::finding::{Confidence, Finding, Place, Severity};

/// What a failure that a rule finds is owed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// To the agent's own code, its files or the stack.
    Own,
    /// To a package that is not installed: what the agent would do with it is another question.
    Package,
}

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable id: family and name, as in `paths/style`.
    pub id: &'static str,
    /// How bad its findings are at the worst, where `audit: rules:` of the stack says nothing else.
    pub severity: Severity,
    /// How sure they are.
    pub confidence: Confidence,
    /// What its findings are owed to.
    pub class: Class,
    /// Where `--fix` mends what it finds, as in `in shell scripts`; nothing where it does not.
    pub fix: Option<&'static str>,
    /// What it finds, in a line.
    pub summary: &'static str,
    /// What it does, why that is bad, an example, what to do.
    pub explanation: &'static str,
}

impl Rule {
    /// A finding of this rule.
    #[must_use]
    pub fn finding(&self, place: Place, message: impl Into<String>) -> Finding {
        Finding {
            rule: self.id,
            severity: self.severity,
            confidence: self.confidence,
            subjects: Vec::new(),
            message: message.into(),
            detail: None,
            place,
            related: Vec::new(),
            help: None,
            fix: None,
            alone: false,
        }
    }

    /// Whether a pattern of `--select`, `--ignore` or `ignore[…]` means it: the id, or a prefix that ends with `/`.
    #[must_use]
    pub fn matches(&self, pattern: &str) -> bool {
        matches(pattern, self.id)
    }
}

/// Whether a pattern means a rule: the id, its family (`paths` or `paths/`), or `all`.
#[must_use]
pub fn matches(pattern: &str, id: &str) -> bool {
    let family = pattern.strip_suffix('/').unwrap_or(pattern);
    pattern == "all"
        || id == pattern
        || id
            .strip_prefix(family)
            .is_some_and(|rest| rest.starts_with('/') && !family.is_empty())
}

/// Where `--fix` mends what a rule finds.
macro_rules! fix {
    () => {
        None
    };
    ($fix:literal) => {
        Some($fix)
    };
}
pub(crate) use fix;

/// What the findings of a rule are owed to.
macro_rules! class {
    () => {
        $crate::audit::rule::Class::Own
    };
    ($class:ident) => {
        $crate::audit::rule::Class::$class
    };
}
pub(crate) use class;

/// Rules with their documentation as doc comments: id, severity, confidence, summary, where `--fix` mends what they find, and what that is
/// owed to.
macro_rules! rules {
    ($($(#[doc = $line:literal])+ $name:ident = $id:literal, $severity:ident, $confidence:ident, $summary:literal $(, fix $fix:literal)? $(, class $class:ident)?;)+) => {
        $(
            $(#[doc = $line])+
            pub const $name: $crate::audit::rule::Rule = $crate::audit::rule::Rule {
                id: $id,
                severity: $crate::finding::Severity::$severity,
                confidence: $crate::finding::Confidence::$confidence,
                class: $crate::audit::rule::class!($($class)?),
                fix: $crate::audit::rule::fix!($($fix)?),
                summary: $summary,
                explanation: concat!($($line, "\n"),+),
            };
        )+
        /// Every rule of this file.
        pub const RULES: &[$crate::audit::rule::Rule] = &[$($name),+];
    };
}
pub(crate) use rules;

#[cfg(test)]
mod tests {
    use super::{Class, matches};

    #[test]
    fn a_missing_package_is_not_owed_to_the_agent() {
        use crate::audit::rules::{find, requirements, start};
        assert_eq!(requirements::MISSING.class, Class::Package);
        assert_eq!(requirements::INVALID.class, Class::Own);
        assert_eq!(start::EXITS.class, Class::Own);
        assert!(find("requirements/missing").is_some_and(|rule| rule.class == Class::Package));
    }

    #[test]
    fn a_pattern_is_an_id_or_a_family() {
        assert!(matches("paths/style", "paths/style"));
        assert!(matches("paths/", "paths/style") && matches("paths", "paths/style") && matches("all", "paths/style"));
        assert!(!matches("path", "paths/style") && !matches("paths/sty", "paths/style") && !matches("", "paths/style"));
    }
}
