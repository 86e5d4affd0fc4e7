//! Nodes to typed values. Every wrong value becomes a finding at its place, and reading goes on with the next one.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::near::nearest;
use super::spans::{At, Source, Span};
use super::yaml::{Entry, Node, Value, boolean};
use crate::finding::{Finding, Place, Severity, Subject};

/// Reads one file.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The file.
    pub source: &'a Source,
    /// What was wrong so far.
    pub findings: Vec<Finding>,
}

/// The entries of a mapping, with the keys that somebody asked for.
#[derive(Debug)]
pub struct Fields<'a> {
    entries: &'a [Entry],
    known: Vec<&'static str>,
    /// What the mapping is, as in ``group `vision` ``.
    pub what: String,
    /// Where it stands, or the key that it belongs to.
    pub place: Place,
}

impl<'a> Fields<'a> {
    /// Those of a mapping that is not there: no key is.
    #[must_use]
    pub fn none(what: &str, place: Place) -> Self {
        Self {
            entries: &[],
            known: Vec::new(),
            what: what.to_owned(),
            place,
        }
    }

    /// The value of a key, if it is there and not nothing.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
            .filter(|node| !node.is_null())
    }

    /// The first of several keys that is there and not nothing, with its value.
    pub fn any(&mut self, keys: &[&'static str]) -> Option<(&'static str, &'a Node)> {
        let found: Vec<_> = keys.iter().filter_map(|key| Some((*key, self.get(key)?))).collect();
        found.first().copied()
    }

    /// Whether somebody asked for a key.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.known.contains(&key)
    }

    /// The entries themselves.
    #[must_use]
    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }
}

impl<'a> Reader<'a> {
    /// A reader of that file.
    #[must_use]
    pub fn new(source: &'a Source) -> Self {
        Self {
            source,
            findings: Vec::new(),
        }
    }

    /// The place of a span.
    #[must_use]
    pub fn place(&self, span: Span) -> Place {
        self.source.place(span)
    }

    fn error(&mut self, rule: &'static str, node: &Node, message: String) {
        let place = self.place(node.span);
        self.findings.push(Finding::error(rule, place, message));
    }

    fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} must be {wanted}, not {}", node.kind());
        self.error("stack/wrong-type", node, message);
    }

    /// Says that a value is of the right kind and still wrong.
    pub fn bad_value(&mut self, place: Place, message: impl Into<String>, help: &str) {
        self.findings
            .push(Finding::error("stack/bad-value", place, message).with_help(help));
    }

    /// Says of the findings from that one on what they are about, too.
    pub fn mark(&mut self, from: usize, subject: &Subject) {
        for finding in self.findings.iter_mut().skip(from) {
            finding.subjects.push(subject.clone());
        }
    }

    /// The entries of a mapping.
    pub fn fields(&mut self, node: &'a Node, what: &str, place: Place) -> Option<Fields<'a>> {
        match &node.value {
            Value::Mapping(entries) => Some(Fields {
                entries,
                known: Vec::new(),
                what: what.to_owned(),
                place,
            }),
            _ => {
                self.wrong_type(node, what, "a mapping");
                None
            }
        }
    }

    /// The value of a key that must be there.
    pub fn required(&mut self, fields: &mut Fields<'a>, key: &'static str) -> Option<&'a Node> {
        let node = fields.get(key);
        if node.is_none() {
            self.findings.push(
                Finding::error(
                    "stack/missing-key",
                    fields.place.clone(),
                    format!("{} has no `{key}`", fields.what),
                )
                .about(Subject::Key(key.to_owned()))
                .with_help(format!("add `{key}:`")),
            );
        }
        node
    }

    /// Says which keys nobody asked for.
    pub fn finish(&mut self, fields: Fields<'a>, severity: Severity) {
        #[cfg(test)]
        super::asked::note(&fields.known);
        for entry in fields.entries {
            if fields.known.contains(&entry.key.as_str()) {
                continue;
            }
            let finding = Finding {
                severity,
                ..Finding::error(
                    "stack/unknown-key",
                    self.place(entry.key_span),
                    format!("{} has no key `{}`", fields.what, entry.key),
                )
            };
            let help = match nearest(&entry.key, fields.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys: {}", fields.known.join(", ")),
            };
            self.findings
                .push(finding.about(Subject::Key(entry.key.clone())).with_help(help));
        }
    }

    /// The items of a list.
    pub fn items(&mut self, node: &'a Node, what: &str) -> &'a [Node] {
        match &node.value {
            Value::Sequence(items) => items,
            _ => {
                self.wrong_type(node, what, "a list");
                &[]
            }
        }
    }

    /// A scalar as written, whatever its kind.
    pub fn scalar(&mut self, node: &Node, what: &str) -> Option<At<String>> {
        match &node.value {
            // No argument, variable or path of a system has it.
            Value::Scalar { text, .. } if text.contains('\0') => {
                let place = self.place(node.span);
                self.bad_value(
                    place,
                    format!("{what} has a NUL character"),
                    "no program can be given one: remove it",
                );
                None
            }
            Value::Scalar { text, .. } if !node.is_null() => Some(At {
                value: text.clone(),
                place: self.place(node.span),
            }),
            _ => {
                self.wrong_type(node, what, "text");
                None
            }
        }
    }

    /// A text: quoted, or nothing that YAML reads as a number or a boolean.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<At<String>> {
        if matches!(node.kind(), "a number" | "a boolean") {
            self.wrong_type(node, what, "text");
            return None;
        }
        let text = self.scalar(node, what)?;
        if text.value.is_empty() {
            self.bad_value(text.place, format!("{what} is empty"), "write a value");
            return None;
        }
        if text.value.chars().any(char::is_control) {
            let message = format!("{what} has a line break or another control character");
            self.bad_value(text.place, message, "write it on one line");
            return None;
        }
        Some(text)
    }

    /// A text that is one word to a shell and to a Dockerfile, as in the name of an image.
    pub fn word(&mut self, node: &Node, what: &str) -> Option<At<String>> {
        let text = self.text(node, what)?;
        let good = |c: char| c.is_ascii_alphanumeric() || "_.-/:@".contains(c);
        if !text.value.chars().all(good) {
            let message = format!("{what} cannot be `{}`", text.value);
            let help = "use letters, digits, `_`, `.`, `-`, `/`, `:` and `@`";
            self.bad_value(text.place, message, help);
            return None;
        }
        Some(text)
    }

    /// A name: letters, digits, `_`, `.` and `-`, the first a letter or a digit.
    pub fn name(&mut self, node: &Node, what: &str) -> Option<At<String>> {
        let name = self.text(node, what)?;
        self.check_name(&name.value, &name.place, what);
        Some(name)
    }

    /// Says where a name has characters that the name of a container cannot have.
    pub fn check_name(&mut self, name: &str, place: &Place, what: &str) {
        let mut characters = name.chars();
        let starts = characters.next().is_some_and(|c| c.is_ascii_alphanumeric());
        if !starts || !characters.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
            self.findings.push(
                Finding::error(
                    "stack/bad-name",
                    place.clone(),
                    format!("{what} cannot be called `{name}`"),
                )
                .with_help("use letters, digits, `_`, `.` and `-`, a letter or a digit first"),
            );
        }
    }

    /// A path inside the tree: relative, not leading out of it.
    pub fn path(&mut self, node: &Node, what: &str) -> Option<At<String>> {
        let path = self.text(node, what)?;
        let value = path.value.as_str();
        if value.starts_with('/') || value.split('/').any(|part| part == "..") {
            self.bad_value(
                path.place,
                format!("{what} `{value}` leads out of the tree"),
                "write a path relative to the tree's root, without `..`",
            );
            return None;
        }
        Some(path)
    }

    /// A list of texts.
    pub fn texts(&mut self, node: &'a Node, what: &str) -> Vec<At<String>> {
        let item = format!("an item of {what}");
        self.items(node, what)
            .iter()
            .filter_map(|node| self.text(node, &item))
            .collect()
    }

    /// A whole number between two bounds.
    pub fn integer(&mut self, node: &Node, what: &str, low: u64, high: u64) -> Option<At<u64>> {
        let place = self.place(node.span);
        let Value::Scalar { text, plain: true } = &node.value else {
            self.wrong_type(node, what, "a whole number");
            return None;
        };
        let Ok(value) = text.parse::<i128>() else {
            self.wrong_type(node, what, "a whole number");
            return None;
        };
        match u64::try_from(value) {
            Ok(value) if (low..=high).contains(&value) => Some(At { value, place }),
            _ => {
                let help = format!("use a whole number from {low} to {high}");
                self.bad_value(place, format!("{what} cannot be {text}"), &help);
                None
            }
        }
    }

    /// A TCP port.
    pub fn port(&mut self, node: &Node, what: &str) -> Option<At<u16>> {
        let port = self.integer(node, what, 1, u64::from(u16::MAX))?;
        Some(At {
            value: u16::try_from(port.value).ok()?,
            place: port.place,
        })
    }

    /// A time in seconds, fractions allowed, as milliseconds.
    pub fn seconds(&mut self, node: &Node, what: &str) -> Option<u64> {
        let number = match &node.value {
            Value::Scalar { text, plain: true } => text.parse::<f64>().ok(),
            _ => None,
        };
        let Some(number) = number else {
            self.wrong_type(node, what, "a number of seconds");
            return None;
        };
        if !(0.0..=86_400.0).contains(&number) {
            let place = self.place(node.span);
            let message = format!("{what} cannot be {number} s");
            self.bad_value(place, message, "use a number of seconds from 0 to 86400");
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded above")]
        Some((number * 1_000.0).round() as u64)
    }

    /// A boolean.
    pub fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        let value = match &node.value {
            Value::Scalar { text, plain: true } => boolean(text),
            _ => None,
        };
        if value.is_none() {
            self.wrong_type(node, what, "`true` or `false`");
        }
        value
    }

    /// An IPv4 address.
    pub fn address(&mut self, node: &Node, what: &str) -> Option<At<Ipv4Addr>> {
        let text = self.scalar(node, what)?;
        if let Ok(value) = text.value.parse() {
            return Some(At {
                value,
                place: text.place,
            });
        }
        let message = format!("{what} `{}` is not a valid IPv4 address", text.value);
        self.bad_value(text.place, message, "write it as in `172.20.0.10`");
        None
    }

    /// A mapping of names to scalars, which become texts as written.
    pub fn table(&mut self, node: &Node, what: &str) -> BTreeMap<String, At<String>> {
        let Value::Mapping(entries) = &node.value else {
            self.wrong_type(node, what, "a mapping");
            return BTreeMap::new();
        };
        let mut table = BTreeMap::new();
        for entry in entries {
            if entry.value.is_null() {
                let place = self.place(entry.key_span);
                table.insert(
                    entry.key.clone(),
                    At {
                        value: String::new(),
                        place,
                    },
                );
            } else if let Some(value) = self.scalar(&entry.value, &format!("`{}`", entry.key)) {
                table.insert(entry.key.clone(), value);
            }
        }
        table
    }
}

/// The values of a list without their places.
#[must_use]
pub fn plain(list: &[At<String>]) -> Vec<String> {
    list.iter().map(|at| at.value.clone()).collect()
}
