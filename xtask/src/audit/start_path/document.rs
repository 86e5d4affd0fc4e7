//! What a JSON or YAML file holds, as Python's readers give it.

use std::sync::LazyLock;

use regex::Regex;

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
        Some(root) => Some(of_yaml(root, &text.lines().collect::<Vec<_>>())),
    }
}

/// `lines`: those of the file, where a key says whether it has quotes.
fn of_yaml(node: Node, lines: &[&str]) -> Document {
    match node.value {
        Value::Scalar { text, plain: false } => Document::Scalar(V::Str(text)),
        Value::Scalar { text, plain: true } => Document::Scalar(plain(text)),
        Value::Sequence(items) => Document::Sequence(items.into_iter().map(|item| of_yaml(item, lines)).collect()),
        Value::Mapping(entries) => Document::Mapping(
            entries
                .into_iter()
                .map(|entry| {
                    let line = lines
                        .get(entry.key_span.line.saturating_sub(1))
                        .copied()
                        .unwrap_or_default();
                    let mut letters = line.chars();
                    letters
                        .by_ref()
                        .take(entry.key_span.column.saturating_sub(1))
                        .for_each(drop);
                    let written = letters.as_str();
                    let key = if written.starts_with(['"', '\'']) {
                        V::Str(entry.key)
                    } else {
                        let bare = written.starts_with(&entry.key) && !entry.key.is_empty();
                        match plain(entry.key) {
                            key @ V::Str(_) => key,
                            key if bare => key,
                            // Whether it had quotes is not known.
                            _ => V::Unknown,
                        }
                    };
                    (key, of_yaml(entry.value, lines))
                })
                .collect(),
        ),
    }
}

/// Whole numbers, as PyYAML's resolver of YAML 1.1 takes them.
static WHOLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let forms = [
        "[-+]?0b[01_]+",
        "[-+]?0[0-7_]+",
        "[-+]?(?:0|[1-9][0-9_]*)",
        "[-+]?0x[0-9a-fA-F_]+",
        "[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+",
    ];
    Regex::new(&format!("^(?:{})$", forms.join("|"))).ok()
});
/// Other numbers, points in time, and what stands for something else.
static OTHER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let forms = [
        r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?",
        r"\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?",
        r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*",
        r"[-+]?\.(?:inf|Inf|INF)",
        r"\.(?:nan|NaN|NAN)",
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
        r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?",
        "<<",
        "=",
    ];
    Regex::new(&format!("^(?:{})$", forms.join("|"))).ok()
});

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
    let is = |form: &LazyLock<Option<Regex>>| form.as_ref().is_none_or(|form| form.is_match(&text));
    if is(&WHOLE) {
        return whole(&text).map_or(V::Unknown, V::Int);
    }
    if !is(&OTHER) {
        return V::Str(text);
    }
    let number = |letter: char| letter.is_ascii_digit() || "+-.".contains(letter);
    match text.chars().all(number) && text.matches('-').count() < 2 {
        true => text.parse().map_or(V::Unknown, V::Float),
        false => V::Unknown,
    }
}

/// The number that a text of one of those forms is; nothing where it is larger than most are.
fn whole(text: &str) -> Option<i64> {
    let digits: String = text.chars().filter(|letter| *letter != '_').collect();
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let number = if let Some(binary) = digits.strip_prefix("0b") {
        i64::from_str_radix(binary, 2).ok()?
    } else if let Some(hexadecimal) = digits.strip_prefix("0x") {
        i64::from_str_radix(hexadecimal, 16).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        i64::from_str_radix(digits, 8).ok()?
    } else {
        digits
            .split(':')
            .try_fold(0_i64, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?))?
    };
    Some(if negative { -number } else { number })
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
            ("017", V::Int(15)),
            ("1_000", V::Int(1000)),
            ("0x1F", V::Int(31)),
            ("0b11", V::Int(3)),
            ("1:30", V::Int(90)),
            ("-1:30", V::Int(-90)),
            ("24GB", text("24GB")),
            ("2e-4", text("2e-4")),
            ("09", text("09")),
            ("8_", V::Int(8)),
            ("1.5e+3", V::Unknown),
            ("2024-01-02", V::Unknown),
            ("2024-1-2", text("2024-1-2")),
            (".inf", V::Unknown),
            ("<<", V::Unknown),
            ("=x", text("=x")),
            ("-", text("-")),
            ("1.5", V::Float(1.5)),
            ("1e3", text("1e3")),
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
                    V::Int(5),
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
