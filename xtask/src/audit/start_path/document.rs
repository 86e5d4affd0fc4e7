//! What a JSON or YAML file holds, as Python's readers give it.

use super::operator::is_no_number;
use super::value::V;
use crate::stack::spans::Source;
use crate::stack::yaml::{self, Node, Value};

/// Bytes of the longest file that is read for what it holds.
const LONGEST: usize = 256 * 1024;

/// A value of a file; of a scalar that readers may see differently nothing is known.
#[derive(Debug, PartialEq)]
pub enum Document {
    /// A text, number, truth value or `None`.
    Scalar(V),
    /// A list.
    Sequence(Vec<Document>),
    /// A dictionary.
    Mapping(Vec<(V, Document)>),
}

/// What `json.load` gives.
pub fn json(text: &[u8]) -> Option<Document> {
    (text.len() <= LONGEST).then(|| serde_json::from_slice(text).ok().map(of_json))?
}

fn of_json(value: serde_json::Value) -> Document {
    use serde_json::Value;
    match value {
        Value::Null => Document::Scalar(V::None),
        Value::Bool(known) => Document::Scalar(V::Bool(known)),
        Value::Number(number) => Document::Scalar(match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => V::Int(number),
            (None, Some(number)) if number.fract() != 0.0 => V::Float(number),
            _ => V::Unknown,
        }),
        Value::String(text) => Document::Scalar(V::Str(text)),
        Value::Array(items) => Document::Sequence(items.into_iter().map(of_json).collect()),
        Value::Object(items) => Document::Mapping(
            items
                .into_iter()
                .map(|(key, value)| (V::Str(key), of_json(value)))
                .collect(),
        ),
    }
}

/// What `yaml.safe_load` gives.
pub fn yaml(text: &[u8]) -> Option<Document> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST)?;
    // A tag makes something else of what follows.
    let mut before = '\n';
    for next in text.chars() {
        if next == '!' && (before.is_whitespace() || "[{,:-".contains(before)) {
            return None;
        }
        before = next;
    }
    let (root, findings) = yaml::parse(&Source::new("", text));
    match root {
        _ if !findings.is_empty() => None,
        None => Some(Document::Scalar(V::None)),
        Some(root) => Some(of_yaml(root)),
    }
}

fn of_yaml(node: Node) -> Document {
    match node.value {
        Value::Scalar { text, plain: false } => Document::Scalar(V::Str(text)),
        Value::Scalar { text, plain: true } => Document::Scalar(plain(text)),
        Value::Sequence(items) => Document::Sequence(items.into_iter().map(of_yaml).collect()),
        Value::Mapping(entries) => Document::Mapping(
            entries
                .into_iter()
                .map(|entry| {
                    // Whether a key had quotes is not known.
                    let key = match plain(entry.key) {
                        key @ V::Str(_) => key,
                        _ => V::Unknown,
                    };
                    (key, of_yaml(entry.value))
                })
                .collect(),
        ),
    }
}

/// A scalar without quotes, as the resolver of YAML 1.1 in PyYAML takes it.
fn plain(text: String) -> V {
    let one_case = |words: &[&str]| {
        words.iter().any(|word| {
            let title = word[..1].to_uppercase() + &word[1..];
            text == *word || text == title || text == word.to_uppercase()
        })
    };
    if text.is_empty() || text == "~" || one_case(&["null"]) {
        return V::None;
    }
    if one_case(&["true", "yes", "on"]) {
        return V::Bool(true);
    }
    if one_case(&["false", "no", "off"]) {
        return V::Bool(false);
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.=<".contains(first)) {
        return V::Str(text);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole && (digits == "0" || !digits.starts_with('0')) {
        return text.trim_start_matches('+').parse().map_or(V::Unknown, V::Int);
    }
    let fraction = digits.split_once('.').filter(|(whole, rest)| {
        let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        number(whole) && number(rest)
    });
    if fraction.is_some() {
        return text.parse().map_or(V::Unknown, V::Float);
    }
    // Addresses; numbers have at most one point, and colons where they are of base 60.
    let address = text.matches('.').count() > 1 && !text.contains(':') && is_no_number(&text, true);
    match address || text.contains("://") {
        true => V::Str(text),
        false => V::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> V {
        V::Str(text.to_owned())
    }

    #[test]
    fn scalars_without_quotes() {
        for (written, value) in [
            ("", V::None),
            ("~", V::None),
            ("Null", V::None),
            ("nULL", text("nULL")),
            ("on", V::Bool(true)),
            ("No", V::Bool(false)),
            ("7100", V::Int(7100)),
            ("-3", V::Int(-3)),
            ("+3", V::Int(3)),
            ("0", V::Int(0)),
            ("017", V::Unknown),
            ("1_000", V::Unknown),
            ("0x1F", V::Unknown),
            ("10:30", V::Unknown),
            ("2024-01-01", V::Unknown),
            ("1.5", V::Float(1.5)),
            ("1e3", V::Unknown),
            (".inf", V::Unknown),
            ("127.0.0.1", text("127.0.0.1")),
            ("tcp://*:5555", text("tcp://*:5555")),
            ("debug", text("debug")),
        ] {
            assert_eq!(plain(written.to_owned()), value, "{written}");
        }
    }

    #[test]
    fn documents() {
        let scalar = Document::Scalar;
        assert_eq!(yaml(b""), Some(scalar(V::None)));
        assert_eq!(yaml(b"a: !env X\n"), None);
        assert_eq!(yaml(b"a: 1\na: 2\n"), None);
        assert_eq!(
            yaml(b"port: '7100'\n5: [a, b]\n"),
            Some(Document::Mapping(vec![
                (text("port"), scalar(text("7100"))),
                (
                    V::Unknown,
                    Document::Sequence(vec![scalar(text("a")), scalar(text("b"))])
                ),
            ]))
        );
        assert_eq!(
            json(b"{\"a\": {\"b\": null}, \"c\": 1.0}"),
            Some(Document::Mapping(vec![
                (text("a"), Document::Mapping(vec![(text("b"), scalar(V::None))])),
                (text("c"), scalar(V::Unknown)),
            ]))
        );
        assert_eq!(json(b"{"), None);
    }
}
