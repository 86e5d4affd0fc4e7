//! A finding: one thing that the stack's validation or the audit has to say. It is data; every output format is a renderer
//! of it in `report`. What it is about is a [`Subject`]: whoever decides something about a finding asks that, never its message.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
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

/// How sure it is that a fix changes nothing but what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FixKind {
    /// What is written means the same afterwards.
    Safe,
    /// The program does something else afterwards: what was meant is a guess.
    Unsafe,
}

/// What would stand in a stretch of a finding's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// How sure it is.
    pub kind: FixKind,
    /// Where the stretch begins, in characters from 1.
    pub column: u32,
    /// How many characters it has.
    pub width: u32,
    /// What stands there instead.
    pub text: String,
}

impl Fix {
    /// An unsafe fix of the one place in what a finding means where that text stands as a word; nothing where there is none, or more.
    #[must_use]
    pub fn of_word(place: &Place, from: &str, to: &str) -> Option<Self> {
        let is_part = |c: &char| c.is_alphanumeric() || *c == '_';
        let line: Vec<char> = place.text.chars().collect();
        let word: Vec<char> = from.chars().collect();
        let start = usize::try_from(place.column).ok()?.checked_sub(1)?;
        let end = (start + usize::try_from(place.width).ok()?).min(line.len());
        let is_here = |at: &usize| {
            line.get(*at..at + word.len()) == Some(&word[..])
                && !at
                    .checked_sub(1)
                    .and_then(|before| line.get(before))
                    .is_some_and(is_part)
                && !line.get(at + word.len()).is_some_and(is_part)
        };
        let last = end.checked_sub(word.len()).filter(|_| !word.is_empty())?;
        let mut found = (start..=last).filter(is_here);
        let (at, None) = (found.next()?, found.next()) else {
            return None;
        };
        Some(Self {
            kind: FixKind::Unsafe,
            column: u32::try_from(at + 1).ok()?,
            width: u32::try_from(word.len()).ok()?,
            text: to.to_owned(),
        })
    }
}

/// What a finding is about, as a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A machine of the stack.
    Machine(String),
    /// A group of the stack.
    Group(String),
    /// An agent.
    Agent {
        /// Its machine; nothing where a name alone is written, which may be of any.
        machine: Option<String>,
        /// Its name.
        name: String,
    },
    /// A service of somebody's compose file.
    Service(String),
    /// An image, as a Dockerfile or a compose file names it.
    Image(String),
    /// A module of Python, with dots.
    Module(String),
    /// A distribution, as a requirements file names it.
    Distribution(String),
    /// A name of Python code: a variable, a function, a class, an attribute.
    Name(String),
    /// A file or folder: of the tree, relative to it, or in a container, absolute.
    Path(String),
    /// A port.
    Port(u16),
    /// An address.
    Address(Ipv4Addr),
    /// The name of a host.
    Host(String),
    /// A key of a config.
    Key(String),
    /// An environment variable.
    Variable(String),
    /// A flag of a command line.
    Flag(String),
    /// A user's number.
    User(u32),
    /// A rule of the audit, or a pattern of rules.
    Rule(String),
    /// A smoke check.
    Check(String),
}

impl Subject {
    /// An agent of a machine.
    #[must_use]
    pub fn agent(machine: &str, name: &str) -> Self {
        Self::Agent {
            machine: Some(machine.to_owned()),
            name: name.to_owned(),
        }
    }

    /// Whatever agent has that name.
    #[must_use]
    pub fn any_agent(name: &str) -> Self {
        Self::Agent {
            machine: None,
            name: name.to_owned(),
        }
    }

    /// A group.
    #[must_use]
    pub fn group(name: &str) -> Self {
        Self::Group(name.to_owned())
    }

    /// A machine.
    #[must_use]
    pub fn machine(name: &str) -> Self {
        Self::Machine(name.to_owned())
    }

    /// What kind of thing it is and which, as text that stays the same from version to version: digests are made of it.
    #[must_use]
    pub fn key(&self) -> String {
        let (kind, name): (&str, &dyn fmt::Display) = match self {
            Self::Machine(name) => ("machine", name),
            Self::Group(name) => ("group", name),
            Self::Agent {
                machine: Some(machine),
                name,
            } => return format!("agent {machine}/{name}"),
            Self::Agent { machine: None, name } => ("agent", name),
            Self::Service(name) => ("service", name),
            Self::Image(name) => ("image", name),
            Self::Module(name) => ("module", name),
            Self::Distribution(name) => ("distribution", name),
            Self::Name(name) => ("name", name),
            Self::Path(path) => ("path", path),
            Self::Port(port) => ("port", port),
            Self::Address(address) => ("address", address),
            Self::Host(name) => ("host", name),
            Self::Key(key) => ("key", key),
            Self::Variable(name) => ("variable", name),
            Self::Flag(flag) => ("flag", flag),
            Self::User(number) => ("user", number),
            Self::Rule(rule) => ("rule", rule),
            Self::Check(name) => ("check", name),
        };
        format!("{kind} {name}")
    }

    /// Whether it is the same thing wherever it is met: one missing module, imported in two files, is one module.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Module(_) | Self::Distribution(_))
    }
}

/// One thing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable id, as in `stack/port-clash`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// What it is about: first what has to be mended, then who else is concerned.
    pub subjects: Vec<Subject>,
    /// What is wrong: a lowercase fragment without a full stop.
    pub message: String,
    /// What differs between findings that are the same all the same, as the folders that were searched; shown in brackets.
    pub detail: Option<String>,
    /// Where.
    pub place: Place,
    /// Places that explain it.
    pub related: Vec<Related>,
    /// What mends it.
    pub help: Option<String>,
    /// What mends it, as an edit of its line.
    pub fix: Option<Fix>,
    /// Whether it costs the agent that it is about, and nothing else: whoever works with a stack goes on without that agent.
    pub alone: bool,
}

impl Finding {
    /// An error of high confidence.
    #[must_use]
    pub fn error(rule: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: Severity::Error,
            confidence: Confidence::High,
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

    /// The same, about that, too.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.subjects.push(subject);
        self
    }

    /// What is wrong, with what is shown in brackets.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        text(&self.message, self.detail.as_deref())
    }

    /// What makes two findings one: the rule, the place, what they are about, and what they say of it, details aside.
    #[must_use]
    pub fn identity(&self) -> (&'static str, &Place, &[Subject], &str) {
        (self.rule, &self.place, &self.subjects, &self.message)
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

/// A message with its details in brackets.
#[must_use]
pub fn text<'a>(message: &'a str, detail: Option<&str>) -> Cow<'a, str> {
    match detail {
        Some(detail) => Cow::Owned(format!("{message} ({detail})")),
        None => Cow::Borrowed(message),
    }
}

/// Whether any finding is an error that leaves nothing to work with: not one that costs a single agent.
#[must_use]
pub fn stops(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.severity == Severity::Error && !finding.alone)
}

/// Whether any finding is an error.
#[must_use]
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_fixed_where_it_stands_once_in_what_is_meant() {
        let fix = |text: &str, column, width, from: &str| {
            let place = Place {
                line: 1,
                column,
                width,
                text: text.to_owned(),
                ..Place::file("a.py")
            };
            Fix::of_word(&place, from, "x").map(|fix| (fix.column, fix.width))
        };
        assert_eq!(fix("import threa", 1, 12, "threa"), Some((8, 5)));
        assert_eq!(
            fix("é = threa.Lock(threa)", 5, 5, "threa"),
            Some((5, 5)),
            "the other is not meant"
        );
        assert_eq!(fix("threa.threa()", 1, 13, "threa"), None);
        assert_eq!(fix("import threads", 1, 14, "threa"), None);
        assert_eq!(fix("_threa", 1, 6, "threa"), None);
        assert_eq!(fix("from a import (", 1, 15, "threa"), None);
        assert_eq!(fix("a = p.parse_args()", 5, 14, "parse_args()"), Some((7, 12)));
        assert_eq!(fix("", 0, 0, "a"), None);
        assert_eq!(fix("a", 1, 900, "a"), Some((1, 1)));
    }
}
