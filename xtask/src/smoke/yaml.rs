//! YAML with places: a tree in which every key and every value knows its line and column, and a reader over it that
//! notes every mistake instead of stopping at the first.

use serde_json::{Map, Number, Value as Json};

use crate::finding::{Finding, Place};
use crate::stack::near::nearest;
use crate::stack::spans::{Source, Span};
use crate::stack::yaml::{self as tree, Value};

/// Where something stands in its text, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Line.
    pub line: u32,
    /// Column in characters.
    pub column: u32,
    /// Characters meant.
    pub width: u32,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub mark: Mark,
    /// What it is.
    pub data: Data,
}

/// What a value can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// `null`, `~`, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the text.
    Map(Vec<(Key, Node)>),
}

/// A key with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Where it stands.
    pub mark: Mark,
}

impl Node {
    /// The same as JSON, without places.
    #[must_use]
    pub fn value(&self) -> Json {
        match &self.data {
            Data::Null => Json::Null,
            Data::Bool(value) => Json::Bool(*value),
            Data::Number(value) => Json::Number(value.clone()),
            Data::Text(value) => Json::String(value.clone()),
            Data::List(items) => Json::Array(items.iter().map(Self::value).collect()),
            Data::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.text.clone(), node.value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// The same with every text (keys too) put through a function.
    #[must_use]
    pub fn map_text(&self, change: &dyn Fn(&str) -> String) -> Self {
        let data = match &self.data {
            Data::Text(text) => Data::Text(change(text)),
            Data::List(items) => Data::List(items.iter().map(|item| item.map_text(change)).collect()),
            Data::Map(entries) => Data::Map(
                entries
                    .iter()
                    .map(|(key, node)| {
                        let key = Key {
                            text: change(&key.text),
                            mark: key.mark,
                        };
                        (key, node.map_text(change))
                    })
                    .collect(),
            ),
            other => other.clone(),
        };
        Self { mark: self.mark, data }
    }

    /// Every text in it, keys too, with its place.
    pub fn each_text(&self, see: &mut dyn FnMut(&str, Mark)) {
        match &self.data {
            Data::Text(text) => see(text, self.mark),
            Data::List(items) => items.iter().for_each(|item| item.each_text(see)),
            Data::Map(entries) => {
                for (key, node) in entries {
                    see(&key.text, key.mark);
                    node.each_text(see);
                }
            }
            Data::Null | Data::Bool(_) | Data::Number(_) => {}
        }
    }

    fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "true or false",
            Data::Number(_) => "a number",
            Data::Text(_) => "a text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        }
    }
}

impl From<tree::Node> for Node {
    fn from(node: tree::Node) -> Self {
        let data = match node.value {
            _ if node.is_null() => Data::Null,
            Value::Scalar { text, plain } if plain => scalar(text),
            Value::Scalar { text, .. } => Data::Text(text),
            Value::Sequence(items) => Data::List(items.into_iter().map(Self::from).collect()),
            Value::Mapping(entries) => Data::Map(
                entries
                    .into_iter()
                    .map(|entry| {
                        let key = Key {
                            text: entry.key,
                            mark: entry.key_span.into(),
                        };
                        (key, entry.value.into())
                    })
                    .collect(),
            ),
        };
        Self {
            mark: node.span.into(),
            data,
        }
    }
}

impl From<Span> for Mark {
    fn from(span: Span) -> Self {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            line: small(span.line),
            column: small(span.column),
            width: small(span.width).max(1),
        }
    }
}

/// What a scalar without quotes is; `yes` and `on` are texts, as in YAML 1.2.
fn scalar(text: String) -> Data {
    match text.as_str() {
        "true" | "True" | "TRUE" => Data::Bool(true),
        "false" | "False" | "FALSE" => Data::Bool(false),
        plain => plain
            .parse::<i64>()
            .map(Number::from)
            .ok()
            .or_else(|| plain.parse::<u64>().map(Number::from).ok())
            .or_else(|| {
                // Rust reads `inf` and `nan` as numbers, YAML does not.
                let number = plain.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
                number
                    .then(|| plain.parse::<f64>().ok().and_then(Number::from_f64))
                    .flatten()
            })
            .map_or(Data::Text(text), Data::Number),
    }
}

/// Reads values out of a tree and notes what is wrong with them.
#[derive(Debug)]
pub struct Reader<'a> {
    path: &'a str,
    lines: Vec<&'a str>,
    /// What was wrong so far.
    pub findings: Vec<Finding>,
}

/// The fields of a mapping, and which of them were asked for.
#[derive(Debug)]
pub struct Fields<'n> {
    /// Where the mapping begins.
    pub mark: Mark,
    entries: &'n [(Key, Node)],
    known: Vec<&'static str>,
}

/// A mistake in what a person wrote: not YAML, an unknown key, a value of the wrong kind.
pub const RULE: &str = "smoke/spec";

impl<'a> Reader<'a> {
    /// A reader for one file.
    #[must_use]
    pub fn new(path: &'a str, text: &'a str) -> Self {
        Self {
            path,
            lines: text.lines().collect(),
            findings: Vec::new(),
        }
    }

    /// Parses the text; a syntax error becomes a finding.
    pub fn tree(&mut self, text: &str) -> Option<Node> {
        let (node, findings) = tree::parse(&Source::new(self.path, text));
        self.findings
            .extend(findings.into_iter().map(|finding| Finding { rule: RULE, ..finding }));
        node.map(Node::from)
    }

    /// A place of this file.
    #[must_use]
    pub fn place(&self, mark: Mark) -> Place {
        let index = usize::try_from(mark.line).unwrap_or(0).wrapping_sub(1);
        let text = self.lines.get(index).map_or("", |line| *line).to_owned();
        let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        // One behind the end: where something is missing.
        let column = mark.column.min(length.saturating_add(1));
        let left = length.saturating_sub(column.saturating_sub(1));
        Place {
            path: self.path.to_owned(),
            line: mark.line,
            column,
            // A mapping's own span may run over several lines; the first one is enough to show.
            width: mark.width.min(left).max(u32::from(column > 0)),
            text,
        }
    }

    /// Notes an error.
    pub fn note(&mut self, mark: Mark, message: impl Into<String>) {
        let place = self.place(mark);
        self.findings.push(Finding::error(RULE, place, message));
    }

    /// Notes an error with what mends it.
    pub fn note_with_help(&mut self, mark: Mark, message: impl Into<String>, help: impl Into<String>) {
        let place = self.place(mark);
        self.findings.push(Finding::error(RULE, place, message).with_help(help));
    }

    /// The fields of a mapping.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &str) -> Option<Fields<'n>> {
        if let Data::Map(entries) = &node.data {
            return Some(Fields {
                mark: node.mark,
                entries,
                known: Vec::new(),
            });
        }
        self.note(node.mark, format!("{what} must be a mapping, not {}", node.kind()));
        None
    }

    /// A text; numbers and booleans count as what was written.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.data {
            Data::Text(text) => Some(text.clone()),
            Data::Number(number) => Some(number.to_string()),
            Data::Bool(value) => Some(value.to_string()),
            Data::Null | Data::List(_) | Data::Map(_) => {
                self.note(node.mark, format!("`{what}` must be a text, not {}", node.kind()));
                None
            }
        }
    }

    /// A list of texts; a single text is a list of one.
    pub fn texts(&mut self, node: &Node, what: &str) -> Vec<(String, Mark)> {
        match &node.data {
            Data::List(items) => items
                .iter()
                .filter_map(|item| self.text(item, what).map(|text| (text, item.mark)))
                .collect(),
            _ => self
                .text(node, what)
                .map(|text| (text, node.mark))
                .into_iter()
                .collect(),
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        if let Data::Bool(value) = node.data {
            return Some(value);
        }
        self.note(
            node.mark,
            format!("`{what}` must be true or false, not {}", node.kind()),
        );
        None
    }

    /// A number that is not negative.
    pub fn number(&mut self, node: &Node, what: &str) -> Option<f64> {
        let number = match &node.data {
            Data::Number(number) => number.as_f64().filter(|number| *number >= 0.0),
            _ => None,
        };
        if number.is_none() {
            self.note(node.mark, format!("`{what}` must be a number from 0"));
        }
        number
    }

    /// A whole number that is not negative.
    pub fn whole(&mut self, node: &Node, what: &str) -> Option<u64> {
        let number = match &node.data {
            Data::Number(number) => number.as_u64(),
            _ => None,
        };
        if number.is_none() {
            self.note(node.mark, format!("`{what}` must be a whole number from 0"));
        }
        number
    }

    /// Ends a mapping: every key that nobody asked for is an error.
    pub fn finish(&mut self, fields: &Fields<'_>, what: &str) {
        #[cfg(test)]
        crate::stack::asked::note(&fields.known);
        for (key, _) in fields.entries {
            if fields.known.contains(&key.text.as_str()) {
                continue;
            }
            let help = match nearest(&key.text, fields.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys: {}", fields.known.join(", ")),
            };
            self.note_with_help(key.mark, format!("unknown key `{}` in {what}", key.text), help);
        }
    }
}

impl<'n> Fields<'n> {
    /// The value of a key, if it is there.
    pub fn get(&mut self, name: &'static str) -> Option<&'n Node> {
        self.known.push(name);
        self.entries
            .iter()
            .find(|(key, _)| key.text == name)
            .map(|(_, node)| node)
    }

    /// The value of a key that must be there.
    pub fn need(&mut self, reader: &mut Reader<'_>, name: &'static str, what: &str) -> Option<&'n Node> {
        let node = self.get(name);
        if node.is_none() {
            let mark = Mark { width: 1, ..self.mark };
            reader.note(mark, format!("{what} has no `{name}`"));
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use super::{Data, Mark, Reader};

    const TEXT: &str = "name: first\nlist:\n  - 1\n  - {deep: yes}\nnot: 2.5\n";

    #[test]
    fn every_key_and_value_knows_its_place() {
        let mut reader = Reader::new("a.yaml", TEXT);
        let node = reader.tree(TEXT).unwrap();
        let Data::Map(entries) = &node.data else {
            panic!("a mapping is expected: {node:?}");
        };
        assert_eq!(
            entries[0].0.mark,
            Mark {
                line: 1,
                column: 1,
                width: 4
            }
        );
        assert_eq!(
            entries[0].1.mark,
            Mark {
                line: 1,
                column: 7,
                width: 5
            }
        );
        let Data::List(items) = &entries[1].1.data else {
            panic!("a list is expected");
        };
        assert_eq!((items[0].mark.line, items[0].mark.column), (3, 5));
        assert_eq!(
            node.value().to_string(),
            r#"{"name":"first","list":[1,{"deep":"yes"}],"not":2.5}"#
        );
    }

    #[test]
    fn a_syntax_error_is_a_finding_with_its_line() {
        let text = "a: 1\nb: [1, 2\nc: 3\n";
        let mut reader = Reader::new("a.yaml", text);
        assert!(reader.tree(text).is_none());
        assert_eq!(reader.findings.len(), 1);
        assert!(reader.findings[0].place.line >= 2, "{:?}", reader.findings);
    }

    #[test]
    fn a_duplicate_key_is_a_finding() {
        let text = "a: 1\nb: 2\na: 3\n";
        let mut reader = Reader::new("a.yaml", text);
        reader.tree(text);
        assert_eq!(reader.findings[0].place.line, 3, "{:?}", reader.findings);
        assert_eq!(reader.findings[0].place.text, "a: 3");
    }

    #[test]
    fn unknown_keys_are_all_reported_with_what_was_meant() {
        let text = "nmae: x\nother: y\n";
        let mut reader = Reader::new("a.yaml", text);
        let node = reader.tree(text).unwrap();
        let mut fields = reader.fields(&node, "a check").unwrap();
        let _ = fields.get("name");
        reader.finish(&fields, "a check");
        assert_eq!(reader.findings.len(), 2);
        assert_eq!(reader.findings[0].message, "unknown key `nmae` in a check");
        assert_eq!(reader.findings[0].help.as_deref(), Some("did you mean `name`?"));
        assert_eq!(reader.findings[1].help.as_deref(), Some("known keys: name"));
    }
}
