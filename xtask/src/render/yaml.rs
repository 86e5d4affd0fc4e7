//! YAML that every reader takes for the same: those of version 1.1 (PyYAML, and so podman-compose; Go's, and so Kubernetes and Podman)
//! and those of version 1.2.
//!
//! A text stands bare only where no reader can take it for anything else; otherwise it stands in double quotes, with escapes that both
//! versions have. That is decided by what a text is made of, not by a list of what readers are known to mistake.

use std::fmt::Write as _;

use serde_yaml::{Mapping, Value};

/// Longest bare or quoted text that stands as a key in front of its colon: readers look no further ahead than 128 characters, some, and
/// 1,024, others.
const LONGEST_KEY: usize = 120;

/// Words that some reader takes for a boolean, for nothing, or for a number. All others begin with something else than a letter.
const WORDS: [&str; 13] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf", "infinity",
];

/// A value as a YAML document in block style.
///
/// # Errors
/// When the value cannot be YAML at all, as a map with maps as its keys.
pub fn document(value: &impl serde::Serialize) -> Result<String, serde_yaml::Error> {
    let value = serde_yaml::to_value(value)?;
    let mut text = String::new();
    match &value {
        Value::Mapping(entries) if !entries.is_empty() => mapping(entries, 0, &mut text),
        Value::Sequence(items) if !items.is_empty() => sequence(items, 0, &mut text),
        other => {
            scalar(other, 0, &mut text);
            text.push('\n');
        }
    }
    Ok(text)
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

/// Entries, each on lines of its own; where the first one is to stand, the indentation is written already.
fn mapping(entries: &Mapping, depth: usize, text: &mut String) {
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            indent(depth, text);
        }
        let mut name = String::new();
        scalar(key, 0, &mut name);
        if name.chars().count() > LONGEST_KEY {
            let _ = writeln!(text, "? {name}");
            indent(depth, text);
        } else {
            text.push_str(&name);
        }
        text.push(':');
        below(value, depth, text);
    }
}

/// Items, each on lines of its own, as for a mapping.
fn sequence(items: &[Value], depth: usize, text: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            indent(depth, text);
        }
        text.push('-');
        match item {
            Value::Mapping(entries) if !entries.is_empty() => {
                text.push(' ');
                mapping(entries, depth + 1, text);
            }
            Value::Sequence(items) if !items.is_empty() => {
                text.push(' ');
                sequence(items, depth + 1, text);
            }
            other => below(other, depth, text),
        }
    }
}

/// What stands behind a colon.
fn below(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Mapping(entries) if !entries.is_empty() => {
            text.push('\n');
            indent(depth + 1, text);
            mapping(entries, depth + 1, text);
        }
        // A list stands as deep as the key that it belongs to.
        Value::Sequence(items) if !items.is_empty() => {
            text.push('\n');
            indent(depth, text);
            sequence(items, depth, text);
        }
        other => {
            text.push(' ');
            scalar(other, depth + 1, text);
            text.push('\n');
        }
    }
}

/// A value that stands in its line, or a text of several lines, which is indented that deep.
fn scalar(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => {
            let _ = write!(text, "{number}");
        }
        Value::String(value) if depth > 0 && is_literal(value) => literal(value, depth, text),
        Value::String(value) => text.push_str(&string(value)),
        Value::Sequence(_) => text.push_str("[]"),
        Value::Mapping(_) => text.push_str("{}"),
        // Types of ours have no tags.
        Value::Tagged(tagged) => scalar(&tagged.value, depth, text),
    }
}

/// A text in one line, bare where that is safe.
fn string(value: &str) -> String {
    if is_plain(value) {
        value.to_owned()
    } else {
        quoted(value)
    }
}

/// Whether no reader can take a text for anything else than itself: it begins with what no number, date, mark or indicator begins with,
/// is no word with a meaning, and has nothing in it that ends it.
fn is_plain(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_' | '$'));
    let inside = |c: char| c.is_ascii_alphanumeric() || "_./-+:=,$@(){} ".contains(c);
    let ends = |text: &str| text.ends_with([' ', ':']) || text.contains(": ") || text.contains("  ");
    let word = || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    // An address, with ports. No number or date of any version has more than one point.
    let address = text.starts_with(|c: char| c.is_ascii_digit()) && text.matches('.').count() > 1;
    (starts || address) && text.len() < 1_000 && text.chars().all(inside) && !ends(text) && !word()
}

/// A text in double quotes.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            ' '..='~' => quoted.push(c),
            // Letters are read by people. All else might be a line break to one version and none to the other, or not seen at all.
            c if c.is_alphanumeric() => quoted.push(c),
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xff => write!(quoted, "\\x{code:02x}"),
                    0x100..=0xffff => write!(quoted, "\\u{code:04x}"),
                    _ => write!(quoted, "\\U{code:08x}"),
                };
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a text can stand as it is, line by line: a file in a `ConfigMap`.
fn is_literal(text: &str) -> bool {
    let lines = || text.split_terminator('\n');
    text.ends_with('\n')
        && lines().count() > 1
        && text.chars().all(|c| c == '\n' || matches!(c, ' '..='~'))
        && !text.starts_with([' ', '\n'])
        && lines().all(|line| line.is_empty() || !line.trim().is_empty())
        && !text.ends_with("\n\n")
}

fn literal(value: &str, depth: usize, text: &mut String) {
    text.push('|');
    for line in value.split_terminator('\n') {
        text.push('\n');
        if !line.is_empty() {
            indent(depth, text);
            text.push_str(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_surely_a_text_stands_bare() {
        for text in [
            "core-services",
            "/app/logs",
            "localhost/x/base:latest",
            "CMD",
            "${PC2_IP:-192.168.1.102}:5:5",
            "a b",
            "172.20.0.10",
            "127.0.0.1:5570:5570",
            "python3",
        ] {
            assert_eq!(string(text), text);
        }
    }

    #[test]
    fn what_a_reader_may_take_for_something_else_is_quoted() {
        for text in [
            "",
            "y",
            "Y",
            "yes",
            "Yes",
            "YES",
            "on",
            "oN",
            "Off",
            "n",
            "No",
            "NO",
            "true",
            "False",
            "null",
            "Null",
            "~",
            "=",
            "<<",
            "22:30",
            "1:20:30.5",
            "012",
            "0o14",
            "0x1F",
            "0b1",
            "1_000",
            "1e3",
            ".5",
            "1.",
            ".inf",
            "-.INF",
            ".NaN",
            "+1",
            "2001-12-14",
            "2001-12-14t21:59:43.10-05:00",
            " a",
            "a ",
            "a: b",
            "a #b",
            "#a",
            "- a",
            "-",
            "---",
            "...",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "@a",
            "`a",
            "%a",
            "{a}",
            "[a]",
            "?",
            "? a",
            ":",
            "a:",
            ",",
            "'a",
            "\"a",
            "inf",
            "NaN",
        ] {
            assert!(string(text).starts_with('"'), "{text}");
        }
    }

    #[test]
    fn escapes_are_those_of_both_versions() {
        assert_eq!(
            quoted("a\"\\\n\t\r\u{7}\u{1b}\u{7f}\u{85}\u{a0}\u{2028}\u{feff}\u{202e}😀ü漢"),
            r#""a\"\\\n\t\r\x07\x1b\x7f\x85\xa0\u2028\ufeff\u202e\U0001f600ü漢""#
        );
    }

    #[test]
    fn nested_values_are_laid_out_as_people_write_them() {
        let value: Value =
            serde_yaml::from_str("{a: [1, {b: x, c: [y]}, []], d: {e: 'on', no: {}}, f: null, g: [[p, q], true]}")
                .unwrap();
        let text = document(&value).unwrap();
        assert_eq!(
            text,
            "a:\n- 1\n- b: x\n  c:\n  - \"y\"\n- []\nd:\n  e: \"on\"\n  \"no\": {}\nf: null\ng:\n- - p\n  - q\n- true\n"
        );
        assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn files_stand_as_they_are_and_other_lines_are_quoted() {
        let texts = [
            "a: 1\n\n  b: \"x\"\n",
            "a\nb",
            " a\nb\n",
            "a\n\n",
            "a\n \nb\n",
            "a\tb\nc\n",
            "ü\nb\n",
        ];
        for (index, text) in texts.into_iter().enumerate() {
            let written = document(&BTreeMap::from([("file", text)])).unwrap();
            assert_eq!(written.starts_with("file: |\n"), index == 0, "{written}");
            let read: BTreeMap<String, String> = serde_yaml::from_str(&written).unwrap();
            assert_eq!(read["file"], text);
        }
    }

    #[test]
    fn a_long_key_is_marked_as_one() {
        let long = "x".repeat(2_000);
        let written = document(&BTreeMap::from([(&long, "v")])).unwrap();
        assert!(written.starts_with("? ") && written.contains("\n: v\n"), "{written}");
        let read: BTreeMap<String, String> = serde_yaml::from_str(&written).unwrap();
        assert_eq!(read[&long], "v");
    }
}
