//! Pieces of YAML, safe whatever a tree's names hold: what is not plainly a word is quoted, and a comment stays on its line.

use super::yaml::boolean;

/// A scalar as a text in YAML's flow style.
#[must_use]
pub fn scalar(text: &str) -> String {
    let mut characters = text.chars();
    let starts = characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '/'));
    let plain = starts && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.'));
    let is_word = boolean(text).is_some() || matches!(text.to_ascii_lowercase().as_str(), "null" | "y" | "n");
    let is_version_or_path = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | ':'));
    // An image or an address is plain, too, as long as nothing takes it for a mapping or a number.
    let is_image = starts && is_version_or_path && text.contains('/') && !text.ends_with(':');
    if (plain && !is_word) || is_image || text == "." {
        return text.to_owned();
    }
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        return text.to_owned();
    }
    quoted(text)
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if is_odd(c) => out.push_str(&match u32::from(c) {
                code @ 0..=0xff => format!("\\x{code:02x}"),
                code @ 0x100..=0xffff => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A text that stays on the line of a comment, and does nothing to a terminal.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
}

/// Characters that end lines, or that are not shown as what they are.
fn is_odd(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::spans::Source;
    use crate::stack::yaml::{Value, parse};

    #[test]
    fn every_text_comes_back_as_it_was() {
        for text in [
            "core",
            ".",
            "a/b.py",
            "localhost/x",
            "docker.io/library/python:3.11-slim",
            "192.168.1.1",
            "3.11",
            "yes",
            "null",
            "",
            "a: b",
            "- x",
            "#x",
            "a\nb",
            "\"",
            "\\",
            "ü",
            "\u{202e}x",
            "{a}",
            "*.log",
            "!x",
            "'",
            "a #b",
            "1e3",
            "~",
        ] {
            let source = Source::new("x", format!("key: {}\n", scalar(text)));
            let (root, wrong) = parse(&source);
            assert!(wrong.is_empty(), "{text:?}: {wrong:?}");
            let Some(Value::Mapping(entries)) = root.map(|root| root.value) else {
                panic!("{text:?}");
            };
            let Value::Scalar { text: back, .. } = &entries[0].value.value else {
                panic!("{text:?}");
            };
            assert_eq!(back, text);
        }
        assert_eq!(one_line("a\nb\u{1b}[1m"), "a\u{fffd}b\u{fffd}[1m");
    }
}
