//! The inferred stack as a list of keys with their evidence, and that list as a commented stack file. The file, the JSON document
//! and the explanations are made from the same list.

use std::fmt::Write as _;

use super::evidence::{Evidence, Known, Mark};
use crate::stack::scalar::{one_line, scalar};

/// Longest list that stands on one line, in characters.
const LONGEST_FLOW: usize = 90;

/// What stands behind a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// One value; numbers are written as they are.
    Scalar(String),
    /// A number.
    Number(u64),
    /// A list.
    List(Vec<String>),
    /// A mapping on one line.
    Mapping(Vec<(String, Shown)>),
    /// Keys below it.
    Section,
    /// Nothing: what the stack has no key for, and people should know.
    Note,
}

/// A key of the stack, with what speaks for its value.
#[derive(Debug, Clone)]
pub struct Item {
    /// The keys that lead to it, its own last.
    pub key: Vec<String>,
    /// Its value.
    pub shown: Shown,
    /// How sure it is.
    pub mark: Mark,
    /// What speaks for it, strongest first.
    pub evidence: Vec<Evidence>,
    /// What is doubtful about it.
    pub doubts: Vec<String>,
}

impl Item {
    /// A key with an inferred value.
    #[must_use]
    pub fn new<T>(key: &[&str], known: &Known<T>, shown: Shown) -> Self {
        Self {
            key: key.iter().map(|part| (*part).to_owned()).collect(),
            shown,
            mark: known.mark,
            evidence: known.evidence.clone(),
            doubts: known.doubts.clone(),
        }
    }

    /// A key whose value nothing depends on.
    #[must_use]
    pub fn default(key: &[&str], shown: Shown) -> Self {
        Self::new(key, &Known::default(()), shown)
    }

    /// Its name as people ask for it: keys with dots between them.
    #[must_use]
    pub fn name(&self) -> String {
        self.key.join(".")
    }

    /// Its value on one line.
    #[must_use]
    pub fn value(&self) -> String {
        self.shown.text()
    }
}

impl Shown {
    /// It on one line.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Scalar(text) => scalar(text),
            Self::Number(number) => number.to_string(),
            Self::List(items) => flow(items),
            Self::Mapping(fields) => mapping(fields),
            Self::Section | Self::Note => String::new(),
        }
    }
}

fn mapping(fields: &[(String, Shown)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(key, value)| format!("{}: {}", scalar(key), value.text()))
        .collect();
    format!("{{{}}}", fields.join(", "))
}

fn flow(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| scalar(item)).collect();
    format!("[{}]", items.join(", "))
}

const HEADER: &str = "\
# The stack: machines, groups and settings, as `init` inferred them from the tree. Yours to change: `init` never overwrites it.
#
# Marks: `=` the tree says so, `~` all evidence agrees, `?` look at it: evidence disagrees or is missing. Keys without a mark are
# defaults. Delete a mark when you have looked.
";

/// The stack file.
#[must_use]
pub fn text(items: &[Item]) -> String {
    let mut out = HEADER.to_owned();
    let mut open: Vec<String> = Vec::new();
    for item in items {
        let Some((last, above)) = item.key.split_last() else {
            continue;
        };
        let common = open.iter().zip(above).take_while(|(a, b)| a == b).count();
        open.truncate(common);
        if common == 0 && !out.ends_with("\n\n") && item.shown != Shown::Note && item.key.len() > 1 {
            out.push('\n');
        }
        while open.len() < above.len() {
            let key = &above[open.len()];
            let _ = writeln!(out, "{}{}:", "  ".repeat(open.len()), scalar(key));
            open.push(key.clone());
        }
        let indent = "  ".repeat(above.len());
        for doubt in &item.doubts {
            let _ = writeln!(out, "{indent}# ? {}", one_line(doubt));
        }
        let comment = comment(item);
        let key = scalar(last);
        match &item.shown {
            Shown::Note => {}
            Shown::Section => {
                let _ = writeln!(out, "{indent}{key}:{comment}");
                open.push(last.clone());
            }
            Shown::List(items) if flow(items).chars().count() > LONGEST_FLOW => {
                let _ = writeln!(out, "{indent}{key}:{comment}");
                for entry in items {
                    let _ = writeln!(out, "{indent}  - {}", scalar(entry));
                }
            }
            _ => {
                let _ = writeln!(out, "{indent}{key}: {}{comment}", item.value());
            }
        }
    }
    out
}

/// The mark and the strongest evidence, as they stand behind a value.
fn comment(item: &Item) -> String {
    let Some(sign) = item.mark.sign() else {
        return String::new();
    };
    match item.evidence.first() {
        Some(evidence) => format!(
            "  # {sign} {}: {}",
            one_line(&evidence.place()),
            one_line(&evidence.says)
        ),
        None => format!("  # {sign}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_nest_and_carry_their_evidence() {
        let known = Known::written((), Evidence::new("a\n.yaml", 3, "says so"));
        let doubted = Known::doubtful((), Vec::new(), "two differ");
        let long: Vec<String> = (0..20).map(|number| format!("Agent{number}")).collect();
        let items = [
            Item::default(&["version"], Shown::Number(1)),
            Item::new(&["machines", "main"], &known, Shown::Section),
            Item::new(
                &["machines", "main", "code"],
                &doubted,
                Shown::List(vec!["a".to_owned(), "b c".to_owned()]),
            ),
            Item::default(&["groups", "core", "machine"], Shown::Scalar("main".to_owned())),
            Item::default(&["groups", "core", "agents"], Shown::List(long)),
        ];
        let text = text(&items);
        let body = text.strip_prefix(HEADER).unwrap();
        let begin = "version: 1\n\nmachines:\n  main:  # = a\u{fffd}.yaml:3: says so\n    # ? two differ\n    code: [a, \"b c\"]  # ?\n\ngroups:\n  core:\n    machine: main\n    agents:\n      - Agent0\n";
        assert!(body.starts_with(begin), "{body}");
    }
}
