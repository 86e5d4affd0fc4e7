//! Changes of a YAML file that leave its comments, its order and its layout as they are: a key is set, or items are added to a list. Each
//! change is proved by reading the result: it says what was there before, and the change, and nothing else.

use std::collections::BTreeMap;

use super::scalar::{one_line, scalar};
use super::spans::{Source, Span};
use super::yaml::{self, Node, Value};

/// How comments of ours begin. They are replaced with what they are about.
const OURS: &str = "# seen by `";

/// What is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Keys from the top of the file to the one that is set; mappings on the way are made.
    pub path: Vec<String>,
    /// Its value.
    pub value: New,
    /// The command that saw why, for a comment above it.
    pub seen_by: &'static str,
    /// What it saw.
    pub comment: String,
}

impl Change {
    /// The comment, as it stands in the file.
    fn line(&self) -> String {
        one_line(&format!("{OURS}{}`: {}", self.seen_by, self.comment))
    }
}

/// A value that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum New {
    /// This one, on one line of YAML.
    Value(String),
    /// These, behind what the list has.
    Items(Vec<String>),
}

/// The text with a change made; the same text where it says that already.
///
/// # Errors
/// Why it cannot be made there.
pub fn change(text: &str, change: &Change) -> Result<String, &'static str> {
    let document = parse(text).ok_or("the file cannot be read as YAML")?;
    let mut expected = plain(&document);
    let value = match &change.value {
        New::Value(value) => value.clone(),
        New::Items(items) => {
            let mut all = match at(&expected, &change.path) {
                Some(Plain::List(known)) => known.clone(),
                Some(Plain::Text(text)) if text.is_empty() => Vec::new(),
                Some(_) => return Err("it is not a list there"),
                None => Vec::new(),
            };
            let new: Vec<&String> = items
                .iter()
                .filter(|item| !all.contains(&Plain::Text((*item).clone())))
                .collect();
            if new.is_empty() {
                return Ok(text.to_owned());
            }
            all.extend(new.into_iter().map(|item| Plain::Text(item.clone())));
            let words: Vec<String> = all.iter().map(|item| item.quoted()).collect();
            format!("[{}]", words.join(", "))
        }
    };
    let wanted = parse(&value).map(|node| plain(&node)).ok_or("the value is not YAML")?;
    if at(&expected, &change.path) == Some(&wanted) {
        return Ok(text.to_owned());
    }
    put(&mut expected, &change.path, wanted.clone()).ok_or("something else than a mapping stands on the way")?;
    let lines = Lines::of(text);
    let comment = change.line();
    let new = match found(&document, &change.path) {
        Some((key, node)) => match &change.value {
            New::Items(items) => lines.extend(node, &missing(node, items), &comment),
            New::Value(_) => None,
        }
        .or_else(|| lines.replace(key, node, &value, &comment)),
        None => lines.insert(&document, &change.path, &value, &comment),
    };
    let new = new.ok_or("its form is not one that can be changed without changing more")?;
    let read = parse(&new).map(|node| plain(&node));
    if read.as_ref() == Some(&expected) {
        Ok(new)
    } else {
        Err("its form is not one that can be changed without changing more")
    }
}

/// A document without its places.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Plain {
    Text(String),
    List(Vec<Plain>),
    Map(BTreeMap<String, Plain>),
}

impl Plain {
    fn quoted(&self) -> String {
        match self {
            Self::Text(text) => scalar(text),
            Self::List(_) | Self::Map(_) => String::new(),
        }
    }
}

fn parse(text: &str) -> Option<Node> {
    let (node, findings) = yaml::parse(&Source::new("stack.yaml", text));
    node.filter(|_| findings.is_empty())
}

fn plain(node: &Node) -> Plain {
    match &node.value {
        Value::Scalar { text, .. } => Plain::Text(text.clone()),
        Value::Sequence(items) => Plain::List(items.iter().map(plain).collect()),
        Value::Mapping(entries) => Plain::Map(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), plain(&entry.value)))
                .collect(),
        ),
    }
}

fn at<'a>(document: &'a Plain, path: &[String]) -> Option<&'a Plain> {
    path.iter().try_fold(document, |node, key| match node {
        Plain::Map(entries) => entries.get(key),
        _ => None,
    })
}

fn put(document: &mut Plain, path: &[String], value: Plain) -> Option<()> {
    let Some((first, rest)) = path.split_first() else {
        *document = value;
        return Some(());
    };
    if matches!(document, Plain::Text(text) if text.is_empty() || text == "~" || text == "null") {
        *document = Plain::Map(BTreeMap::new());
    }
    let Plain::Map(entries) = document else {
        return None;
    };
    let next = entries.entry(first.clone()).or_insert(Plain::Text(String::new()));
    put(next, rest, value)
}

/// The node behind these keys, with the place of the last key.
fn found<'a>(document: &'a Node, path: &[String]) -> Option<(Span, &'a Node)> {
    let (first, rest) = path.split_first()?;
    let Value::Mapping(entries) = &document.value else {
        return None;
    };
    let entry = entries.iter().find(|entry| entry.key == *first)?;
    if rest.is_empty() {
        return Some((entry.key_span, &entry.value));
    }
    found(&entry.value, rest)
}

fn missing(node: &Node, items: &[String]) -> Vec<String> {
    let known: Vec<&str> = match &node.value {
        Value::Sequence(items) => items
            .iter()
            .filter_map(|item| match &item.value {
                Value::Scalar { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    items
        .iter()
        .filter(|item| !known.contains(&item.as_str()))
        .cloned()
        .collect()
}

/// The comment in the rest of a line that has no quotes, with the spaces before it.
fn comment_in(text: &str) -> &str {
    let from = text.find(" #").and_then(|at| text.get(at..)).unwrap_or_default();
    let spaces = text.len() - from.len();
    let before = text.get(..spaces).unwrap_or_default();
    match from {
        "" => "",
        _ => text.get(before.trim_end().len()..).unwrap_or_default(),
    }
}

/// The lines of a file, without their ends.
struct Lines<'a> {
    lines: Vec<&'a str>,
    /// How they end.
    end: &'static str,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            lines: text.lines().collect(),
            end: if text.contains("\r\n") { "\r\n" } else { "\n" },
        }
    }

    fn joined(&self, lines: &[String]) -> String {
        lines.join(self.end) + self.end
    }

    fn owned(&self) -> Vec<String> {
        self.lines.iter().map(|line| (*line).to_owned()).collect()
    }

    /// Byte position of a column of a line.
    fn byte(&self, span: Span) -> Option<(usize, usize)> {
        let line = span.line.checked_sub(1)?;
        let text = self.lines.get(line)?;
        let column = span.column.checked_sub(1)?;
        let at = text.char_indices().nth(column).map_or(text.len(), |(at, _)| at);
        Some((line, at))
    }

    fn indent(line: &str) -> usize {
        line.len() - line.trim_start_matches(' ').len()
    }

    fn is_content(line: &str) -> bool {
        let text = line.trim();
        !text.is_empty() && !text.starts_with('#')
    }

    /// Behind the last line of a block that begins in a line, and whose lines are indented so far at least.
    fn end_of_block(&self, first: usize, indent: usize) -> usize {
        let mut end = first + 1;
        for (index, line) in self.lines.iter().enumerate().skip(first + 1) {
            if Self::is_content(line) {
                if Self::indent(line) < indent || *line == "---" || *line == "..." {
                    break;
                }
                end = index + 1;
            }
        }
        end
    }

    /// Where a bracket that opens at a place is closed: line and byte of the closing one.
    fn closing(&self, line: usize, byte: usize) -> Option<(usize, usize)> {
        let mut depth = 0_usize;
        let mut quote: Option<char> = None;
        for (index, text) in self.lines.iter().enumerate().skip(line) {
            let from = if index == line { byte } else { 0 };
            let mut before = ' ';
            for (at, c) in text.char_indices().filter(|(at, _)| *at >= from) {
                match (quote, c) {
                    (Some(open), c) if c == open => quote = None,
                    (Some(_), _) => {}
                    (None, '#') if before == ' ' => break,
                    (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
                    (None, '{' | '[') => depth += 1,
                    (None, '}' | ']') => {
                        depth = depth.checked_sub(1)?;
                        if depth == 0 {
                            return Some((index, at));
                        }
                    }
                    _ => {}
                }
                before = c;
            }
        }
        None
    }

    /// The comment behind a value that begins at a place, with the spaces before it.
    fn behind(&self, line: usize, byte: usize) -> &'a str {
        let rest = |line: usize, byte: usize| {
            self.lines
                .get(line)
                .and_then(|text| text.get(byte..))
                .unwrap_or_default()
        };
        let value = rest(line, byte);
        match value.chars().next() {
            Some('{' | '[') => self
                .closing(line, byte)
                .map_or("", |(line, end)| comment_in(rest(line, end))),
            Some(quote @ ('"' | '\'')) => {
                let end = value.get(1..).and_then(|value| value.find(quote)).unwrap_or_default();
                comment_in(value.get(end + 1..).unwrap_or_default())
            }
            _ => comment_in(value),
        }
    }

    /// Puts a comment above a line, in place of one of ours.
    fn comment(lines: &mut Vec<String>, line: usize, comment: &str) {
        let indent = lines.get(line).map_or(0, |text| Self::indent(text));
        let text = format!("{}{comment}", " ".repeat(indent));
        let above = line.checked_sub(1);
        match above.and_then(|above| lines.get_mut(above)) {
            Some(known) if known.trim_start().starts_with(OURS) => *known = text,
            _ => lines.insert(line, text),
        }
    }

    /// Another value for a key that is there.
    fn replace(&self, key: Span, node: &Node, value: &str, comment: &str) -> Option<String> {
        let (key_line, key_byte) = self.byte(key)?;
        let (line, byte) = self.byte(node.span)?;
        let mut lines = self.owned();
        let text = self.lines.get(key_line)?;
        let colon = key_byte + text.get(key_byte..)?.find(':')? + 1;
        if text.get(..key_byte)?.contains('{') || text.get(..key_byte)?.contains(',') {
            // Inside brackets, on one line.
            let opening = text.get(byte..)?.chars().next()?;
            let end = if matches!(opening, '{' | '[') {
                let (end_line, end) = self.closing(line, byte)?;
                (end_line == line).then_some(end + 1)?
            } else {
                byte + text.get(byte..)?.find([',', '}'])?
            };
            *lines.get_mut(key_line)? = format!("{}{value}{}", text.get(..byte)?, text.get(end..)?);
            Self::comment(&mut lines, key_line, comment);
            return Some(self.joined(&lines));
        }
        let indent = Self::indent(text);
        // A block behind the key, or what stands on its line alone.
        let end = match self.lines.get(line)?.get(byte..)?.chars().next() {
            Some('{' | '[') => self.closing(line, byte)?.0 + 1,
            _ => self.end_of_block(key_line, indent + 1),
        };
        let behind = if line == key_line {
            self.behind(line, byte)
        } else {
            comment_in(text.get(colon..)?)
        };
        let head = format!("{} {value}{behind}", text.get(..colon)?);
        lines.splice(key_line..end.max(key_line + 1), [head]);
        Self::comment(&mut lines, key_line, comment);
        Some(self.joined(&lines))
    }

    /// Further items of a list that is there.
    fn extend(&self, node: &Node, items: &[String], comment: &str) -> Option<String> {
        let Value::Sequence(known) = &node.value else {
            return None;
        };
        let (line, byte) = self.byte(node.span)?;
        let mut lines = self.owned();
        let words: Vec<String> = items.iter().map(|item| scalar(item)).collect();
        if self.lines.get(line)?.get(byte..)?.starts_with('[') {
            let (end_line, end) = self.closing(line, byte)?;
            let text = lines.get_mut(end_line)?;
            let comma = if known.is_empty() { "" } else { ", " };
            text.insert_str(end, &format!("{comma}{}", words.join(", ")));
            Self::comment(&mut lines, line, comment);
            return Some(self.joined(&lines));
        }
        let (last, dash) = self.byte(known.last()?.span)?;
        let indent = Self::indent(self.lines.get(last)?);
        let end = self.end_of_block(last, dash);
        let new = words.iter().map(|word| format!("{}- {word}", " ".repeat(indent)));
        lines.splice(end..end, new);
        Self::comment(&mut lines, end, comment);
        Some(self.joined(&lines))
    }

    /// A key that is not there, with the mappings on the way to it.
    fn insert(&self, document: &Node, path: &[String], value: &str, comment: &str) -> Option<String> {
        let (known, rest) = (0..path.len()).rev().find_map(|length| {
            let (known, rest) = path.split_at(length);
            (known.is_empty() || found(document, known).is_some()).then_some((known, rest))
        })?;
        let (key, node) = match found(document, known) {
            Some((key, node)) => (Some(key), node),
            None => (None, document),
        };
        let mut lines = self.owned();
        let flow = |rest: &[String]| {
            let mut text = value.to_owned();
            for (index, key) in rest.iter().enumerate().rev() {
                text = format!("{}: {text}", scalar(key));
                if index > 0 {
                    text = format!("{{{text}}}");
                }
            }
            text
        };
        let (first, byte) = self.byte(node.span)?;
        if self.lines.get(first)?.get(byte..)?.starts_with('{') {
            let (end_line, end) = self.closing(first, byte)?;
            let is_empty = matches!(&node.value, Value::Mapping(entries) if entries.is_empty());
            let comma = if is_empty { "" } else { ", " };
            lines
                .get_mut(end_line)?
                .insert_str(end, &format!("{comma}{}", flow(rest)));
            Self::comment(&mut lines, first, comment);
            return Some(self.joined(&lines));
        }
        let (indent, end) = match (&node.value, key) {
            (Value::Mapping(entries), _) if !entries.is_empty() => {
                let (line, indent) = self.byte(entries.first()?.key_span)?;
                (indent, self.end_of_block(line, indent))
            }
            (_, Some(key)) => {
                let (line, indent) = self.byte(key)?;
                // Nothing stands behind the key.
                let text = lines.get_mut(line)?;
                let colon = indent + text.get(indent..)?.find(':')?;
                let behind = text.get(colon + 1..)?.trim_start();
                if !behind.is_empty() && !behind.starts_with('#') {
                    let empty = behind
                        .strip_prefix("null")
                        .or_else(|| behind.strip_prefix('~'))?
                        .to_owned();
                    text.truncate(colon + 1);
                    text.push_str(&empty);
                }
                (indent + 2, line + 1)
            }
            _ => return None,
        };
        let mut new: Vec<String> = Vec::new();
        for (depth, key) in rest.iter().enumerate() {
            let space = " ".repeat(indent + 2 * depth);
            if depth + 1 == rest.len() {
                new.push(format!("{space}{comment}"));
                new.push(format!("{space}{}: {value}", scalar(key)));
            } else {
                new.push(format!("{space}{}:", scalar(key)));
            }
        }
        lines.splice(end..end, new);
        Some(self.joined(&lines))
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, New, change};

    fn set(text: &str, path: &[&str], value: &str) -> String {
        let wanted = Change {
            path: path.iter().map(|key| (*key).to_owned()).collect(),
            value: New::Value(value.to_owned()),
            seen_by: "audit --confirm",
            comment: "it was so".to_owned(),
        };
        let new = change(text, &wanted).unwrap_or_else(|error| panic!("{error}: {text}"));
        // It says so already: nothing is changed again.
        assert_eq!(change(&new, &wanted).unwrap(), new);
        new
    }

    fn add(text: &str, path: &[&str], items: &[&str]) -> String {
        let wanted = Change {
            path: path.iter().map(|key| (*key).to_owned()).collect(),
            value: New::Items(items.iter().map(|item| (*item).to_owned()).collect()),
            seen_by: "audit --confirm",
            comment: "it was so".to_owned(),
        };
        let new = change(text, &wanted).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(change(&new, &wanted).unwrap(), new);
        new
    }

    const STACK: &str = "# of mine\nmachines:\n  m:\n    startup_config: a.yaml\n\ngroups:\n  # the first\n  core:  # core\n    machine: m\n    agents:\n    - A\n    - B  # last\n\n  # the other\n  side: {agents: [C]}\nfallbacks: {X: y.py}\n";

    #[test]
    fn keys_are_added_where_they_belong_and_nothing_else_is_touched() {
        let new = set(
            STACK,
            &["groups", "core", "overrides", "A", "health"],
            "{kind: tcp, port: 5}",
        );
        let added = "    - B  # last\n    overrides:\n      A:\n        # seen by `audit --confirm`: it was so\n        health: {kind: tcp, port: 5}\n\n  # the other\n";
        assert!(new.contains(added), "{new}");
        let again = set(&new, &["groups", "core", "overrides", "B", "health"], "process");
        assert!(
            again.contains(
                "port: 5}\n      B:\n        # seen by `audit --confirm`: it was so\n        health: process\n\n"
            ),
            "{again}"
        );
        let flow = set(&again, &["groups", "side", "overrides", "C", "health"], "tcp");
        assert!(
            flow.contains(
                "\n  # seen by `audit --confirm`: it was so\n  side: {agents: [C], overrides: {C: {health: tcp}}}\n"
            ),
            "{flow}"
        );
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let kept: Vec<String> = lines(STACK)
            .into_iter()
            .filter(|line| !line.contains("side:"))
            .collect();
        assert!(kept.iter().all(|line| lines(&flow).contains(line)), "{flow}");
    }

    #[test]
    fn values_are_replaced_in_every_form() {
        let path = &["g", "health"];
        for (before, after) in [
            (
                "g:\n  health: zmq\n  x: 1\n",
                "g:\n  # seen by `audit --confirm`: it was so\n  health: tcp\n  x: 1\n",
            ),
            (
                "g:\n  health:\n    kind: http\n    # why\n    port: 5\n  x: 1\n",
                "g:\n  # seen by `audit --confirm`: it was so\n  health: tcp\n  x: 1\n",
            ),
            (
                "g:\n  health: {kind: http,\n    port: 5}\n  x: 1\n",
                "g:\n  # seen by `audit --confirm`: it was so\n  health: tcp\n  x: 1\n",
            ),
            (
                "g: {health: {kind: http}, x: 1}\n",
                "# seen by `audit --confirm`: it was so\ng: {health: tcp, x: 1}\n",
            ),
            (
                "g: {x: 'a,}', health: zmq}\n",
                "# seen by `audit --confirm`: it was so\ng: {x: 'a,}', health: tcp}\n",
            ),
            (
                "g:\n  health: zmq  # mine\n",
                "g:\n  # seen by `audit --confirm`: it was so\n  health: tcp  # mine\n",
            ),
            (
                "g:\n  health: 'z #m'  # 'mine'\n",
                "g:\n  # seen by `audit --confirm`: it was so\n  health: tcp  # 'mine'\n",
            ),
            (
                "g:\n  health: # mine\n    kind: http\n",
                "g:\n  # seen by `audit --confirm`: it was so\n  health: tcp # mine\n",
            ),
            (
                "g:\r\n  health: {kind: zmq} # mine\r\n",
                "g:\r\n  # seen by `audit --confirm`: it was so\r\n  health: tcp # mine\r\n",
            ),
            ("g:\n", "g:\n  # seen by `audit --confirm`: it was so\n  health: tcp\n"),
            ("g: {}\n", "# seen by `audit --confirm`: it was so\ng: {health: tcp}\n"),
        ] {
            assert_eq!(set(before, path, "tcp"), after, "{before}");
        }
        // A comment of ours is about the value that was there.
        let new = set("g:\n  health: zmq\n", path, "tcp");
        assert_eq!(set(&new, path, "process").matches("# seen").count(), 1);
    }

    #[test]
    fn items_go_behind_those_that_are_there() {
        let path = &["writable"];
        assert_eq!(
            add("writable: [a.log]  # mine\nx: 1\n", path, &["a.log", "*.db"]),
            "# seen by `audit --confirm`: it was so\nwritable: [a.log, \"*.db\"]  # mine\nx: 1\n"
        );
        assert_eq!(
            add("writable:\n- a.log # one\nx: 1\n", path, &["logs/"]),
            "writable:\n- a.log # one\n# seen by `audit --confirm`: it was so\n- logs/\nx: 1\n"
        );
        assert_eq!(
            add("x: 1\n", path, &["b"]),
            "x: 1\n# seen by `audit --confirm`: it was so\nwritable: [b]\n"
        );
    }

    #[test]
    fn what_would_change_more_is_refused() {
        let wanted = |path: &[&str]| Change {
            path: path.iter().map(|key| (*key).to_owned()).collect(),
            value: New::Value("tcp".to_owned()),
            seen_by: "smoke",
            comment: String::new(),
        };
        for (text, path) in [
            ("a: &x {k: 1}\nb: *x\n", &["b", "health"][..]),
            ("a: [1]\n", &["a", "health"]),
            ("a: 1\na: 2\n", &["b"]),
            ("a: {k: 1\n", &["a", "k"]),
        ] {
            assert!(change(text, &wanted(path)).is_err(), "{text}");
        }
    }
}
