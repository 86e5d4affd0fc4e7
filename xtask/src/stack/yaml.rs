//! YAML text to one tree of nodes with spans, so that a file can be checked as a whole and every problem in it reported.
//!
//! What a node means is not known here. Duplicate keys are found, aliases and merge keys (`<<`) resolved, and texts that
//! would unfold to something huge refused.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput};

use super::spans::{Source, Span};
use crate::finding::{Finding, Subject};

/// Bytes that a config may have.
const LONGEST_TEXT: usize = 4 * 1024 * 1024;
/// Nodes that a config may unfold to.
const MOST_NODES: usize = 200_000;
/// How deep nodes may be nested.
const DEEPEST: usize = 64;

/// A node and where it starts.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where.
    pub span: Span,
    /// What.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone)]
pub enum Value {
    /// A scalar as written, unquoted.
    Scalar {
        /// Its text.
        text: String,
        /// Whether it had no quotes, and so may be a number, a boolean or nothing at all.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in order; no key twice.
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// Whether this is YAML's nothing: an empty value, `~` or `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What kind of value this is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { text, plain: true } => {
                if text.parse::<f64>().is_ok() {
                    "a number"
                } else if boolean(text).is_some() {
                    "a boolean"
                } else {
                    "text"
                }
            }
            Value::Scalar { .. } => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// A boolean as YAML 1.1 and 1.2 write it: Python reads startup configs with a 1.1 parser.
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Bytes to a text, or the finding that says where they are none.
///
/// # Errors
///
/// Where the bytes are not UTF-8.
pub fn decode(path: &str, bytes: &[u8]) -> Result<Source, Box<Finding>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path, text.strip_prefix('\u{feff}').unwrap_or(text))),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let source = Source::new(path, String::from_utf8_lossy(bytes));
            let span = Span {
                line: before.matches('\n').count() + 1,
                column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1,
                width: 1,
            };
            Err(Box::new(
                Finding::error("stack/encoding", source.place(span), "this byte is not UTF-8")
                    .with_help("save the file as UTF-8"),
            ))
        }
    }
}

/// The tree of a text, and what is wrong with it. There is no tree where the text is empty or no YAML.
#[must_use]
pub fn parse(source: &Source) -> (Option<Node>, Vec<Finding>) {
    if source.text.len() > LONGEST_TEXT {
        let message = format!(
            "`{}` has {} bytes; a config has at most {LONGEST_TEXT}",
            source.path,
            source.text.len()
        );
        let place = crate::finding::Place::file(&source.path);
        return (None, vec![Finding::error("stack/too-large", place, message)]);
    }
    let mut builder = Builder {
        source,
        parser: Parser::new_from_str(&source.text),
        anchors: BTreeMap::new(),
        nodes: 0,
        findings: Vec::new(),
    };
    let node = match builder.document() {
        Ok(node) => node,
        Err(finding) => {
            builder.findings.push(*finding);
            None
        }
    };
    (node, builder.findings)
}

/// A node with how many nodes it unfolds to.
struct Sized {
    node: Node,
    nodes: usize,
}

type Built<T> = Result<T, Box<Finding>>;

struct Builder<'a> {
    source: &'a Source,
    parser: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Sized>,
    nodes: usize,
    findings: Vec<Finding>,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Built<(Event<'a>, Span)> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Ok((event, span))) => Ok((event, to_span(span.start, span.end))),
            Some(Err(error)) => {
                let mark = *error.marker();
                // The end of the text is where the parser noticed; the line it names may not exist.
                let last = self.source.text.lines().count().max(1);
                let span = if mark.line() > last {
                    Span {
                        line: last,
                        column: self.source.line(last).chars().count().max(1),
                        width: 1,
                    }
                } else {
                    Span {
                        width: 1,
                        ..to_span(mark, mark)
                    }
                };
                Err(Box::new(Finding::error(
                    "stack/syntax",
                    self.source.place(span),
                    format!("this is not YAML: {}", error.info()),
                )))
            }
        }
    }

    fn document(&mut self) -> Built<Option<Node>> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                event if root.is_none() => root = Some(self.node(event, span, 0)?.node),
                _ => {
                    return Err(Box::new(
                        Finding::error(
                            "stack/syntax",
                            self.source.place(span),
                            "a second YAML document starts here",
                        )
                        .with_help("a config is one document: remove the `---` before this line"),
                    ));
                }
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Built<Sized> {
        if depth > DEEPEST {
            return Err(self.too_large(span, "nested too deep"));
        }
        self.count(1, span)?;
        let (value, nodes, anchor) = match event {
            Event::Alias(anchor) => {
                let Some(target) = self.anchors.get(&anchor) else {
                    return Err(Box::new(Finding::error(
                        "stack/syntax",
                        self.source.place(span),
                        "this alias stands inside the value that it names",
                    )));
                };
                let (value, nodes) = (target.node.value.clone(), target.nodes);
                self.count(nodes, span)?;
                (value, nodes, 0)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let forced = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let plain = style == ScalarStyle::Plain && !forced;
                let text = text.into_owned();
                (Value::Scalar { text, plain }, 1, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let (items, nodes) = self.sequence(depth)?;
                (Value::Sequence(items), nodes, anchor)
            }
            Event::MappingStart(anchor, _) => {
                let (entries, nodes) = self.mapping(depth)?;
                (Value::Mapping(entries), nodes, anchor)
            }
            _ => {
                return Err(Box::new(Finding::error(
                    "stack/syntax",
                    self.source.place(span),
                    "a value is missing here",
                )));
            }
        };
        let node = Node { span, value };
        if anchor != 0 {
            self.count(nodes, span)?;
            let copy = node.clone();
            self.anchors.insert(anchor, Sized { node: copy, nodes });
        }
        Ok(Sized { node, nodes })
    }

    fn sequence(&mut self, depth: usize) -> Built<(Vec<Node>, usize)> {
        let (mut items, mut nodes) = (Vec::new(), 1);
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((items, nodes));
            }
            let item = self.node(event, span, depth + 1)?;
            nodes += item.nodes;
            items.push(item.node);
        }
    }

    fn mapping(&mut self, depth: usize) -> Built<(Vec<Entry>, usize)> {
        let (mut entries, mut nodes) = (Vec::<Entry>::new(), 1);
        let mut merged = Vec::new();
        let mut seen = BTreeMap::<String, Span>::new();
        loop {
            let (event, key_span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, key_span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            nodes += key.nodes + value.nodes;
            let Value::Scalar { text: key, plain } = key.node.value else {
                self.findings.push(Finding::error(
                    "stack/wrong-type",
                    self.source.place(key_span),
                    format!("a key must be text, not {}", key.node.kind()),
                ));
                continue;
            };
            if key == "<<" && plain {
                merged.push(value.node);
                continue;
            }
            if let Some(first) = seen.get(&key) {
                self.findings.push(
                    Finding::error(
                        "stack/duplicate-key",
                        self.source.place(key_span),
                        format!("the key `{key}` stands here a second time"),
                    )
                    .about(Subject::Key(key.clone()))
                    .with_related(self.source.place(*first), "first written here")
                    .with_help(format!("remove one of the two `{key}:`")),
                );
                continue;
            }
            seen.insert(key.clone(), key_span);
            entries.push(Entry {
                key,
                key_span,
                value: value.node,
            });
        }
        for node in merged {
            self.merge(&mut entries, node);
        }
        Ok((entries, nodes))
    }

    /// Adds what a `<<` brings: a mapping, or a list of mappings; what is written out wins.
    fn merge(&mut self, entries: &mut Vec<Entry>, node: Node) {
        match node.value {
            Value::Mapping(more) => {
                for entry in more {
                    if !entries.iter().any(|known| known.key == entry.key) {
                        entries.push(entry);
                    }
                }
            }
            Value::Sequence(items) if items.iter().all(|item| matches!(item.value, Value::Mapping(_))) => {
                for item in items {
                    self.merge(entries, item);
                }
            }
            value => {
                let node = Node { value, ..node };
                self.findings.push(Finding::error(
                    "stack/wrong-type",
                    self.source.place(node.span),
                    format!("`<<` takes a mapping, not {}", node.kind()),
                ));
            }
        }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Built<()> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            return Err(self.too_large(span, "its aliases unfold to too much"));
        }
        Ok(())
    }

    fn too_large(&self, span: Span, why: &str) -> Box<Finding> {
        let message = format!("`{}` is refused here: {why}", self.source.path);
        let limits =
            format!("a config has at most {MOST_NODES} values, aliases unfolded, nested at most {DEEPEST} deep");
        Box::new(Finding::error("stack/too-large", self.source.place(span), message).with_help(limits))
    }
}

fn to_span(start: Marker, end: Marker) -> Span {
    Span {
        line: start.line(),
        column: start.col() + 1,
        width: if end.line() == start.line() {
            end.col().saturating_sub(start.col())
        } else {
            0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let (_, findings) = parse(&Source::new("f.yaml", text));
        findings
            .iter()
            .map(|f| {
                format!(
                    "{}:{}:{} {} {}",
                    f.place.path, f.place.line, f.place.column, f.rule, f.message
                )
            })
            .collect()
    }

    #[test]
    fn reads_block_and_flow_style_with_spans() {
        let source = Source::new("f.yaml", "a: {b: [1, 'two']}\nc:\n  - d: 7\n");
        let (node, findings) = parse(&source);
        assert_eq!(findings, []);
        let Some(Node {
            value: Value::Mapping(entries),
            ..
        }) = node
        else {
            panic!("no mapping")
        };
        assert_eq!(entries.len(), 2);
        let Value::Sequence(items) = &entries[1].value.value else {
            panic!("no list")
        };
        let Value::Mapping(inner) = &items[0].value else {
            panic!("no mapping")
        };
        assert_eq!((items[0].span.line, items[0].span.column), (3, 5));
        assert_eq!(
            (
                inner[0].key_span.line,
                inner[0].key_span.column,
                inner[0].key_span.width
            ),
            (3, 5, 1)
        );
        assert_eq!((inner[0].value.span.column, inner[0].value.span.width), (8, 1));
    }

    #[test]
    fn duplicate_keys_are_found_all_at_once_and_in_any_depth() {
        assert_eq!(
            findings("a: 1\nb: {x: 1, x: 2}\na: 2\n"),
            [
                "f.yaml:2:11 stack/duplicate-key the key `x` stands here a second time",
                "f.yaml:3:1 stack/duplicate-key the key `a` stands here a second time",
            ]
        );
    }

    #[test]
    fn malformed_text_is_a_finding_with_its_place() {
        let found = findings("a: [1, 2\nb: 3\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("stack/syntax this is not YAML: "), "{found:?}");
        assert!(found[0].starts_with("f.yaml:2:"), "{found:?}");
    }

    #[test]
    fn two_documents_are_one_too_many() {
        assert_eq!(
            findings("a: 1\n---\nb: 1\n"),
            ["f.yaml:3:1 stack/syntax a second YAML document starts here"]
        );
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        let source = Source::new("f.yaml", "base: &base {a: 1, b: 2}\nover: {<<: *base, b: 3}\n");
        let (node, findings) = parse(&source);
        assert_eq!(findings, []);
        let Some(Node {
            value: Value::Mapping(entries),
            ..
        }) = node
        else {
            panic!("no mapping")
        };
        let Value::Mapping(over) = &entries[1].value.value else {
            panic!("no mapping")
        };
        let keys: Vec<_> = over.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["b", "a"]);
    }

    #[test]
    fn bombs_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            let items = vec![alias; 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        let found = findings(&text);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("stack/too-large"), "{found:?}");
        let deep = "[".repeat(5_000);
        let found = findings(&deep);
        assert_eq!(found.len(), 1);
        let refused = |why: &str| found[0].contains(why);
        assert!(refused("nested too deep") || refused("recursion limit"), "{found:?}");
    }

    #[test]
    fn bytes_that_are_no_text_are_a_finding() {
        let Err(finding) = decode("f.yaml", b"a: 1\nb: caf\xe9 x\n") else {
            panic!("decoded")
        };
        assert_eq!((finding.place.line, finding.place.column), (2, 7));
        assert_eq!(finding.place.text, "b: caf\u{fffd} x");
        assert_eq!(finding.rule, "stack/encoding");
    }
}
