//! What agents are given as text: variables of the environment and command-line parameters. Each is to arrive byte for byte, by
//! whatever starts the container, so what one of these ways cannot carry is said here, before anything is rendered.
//!
//! `${NAME}` in a value is filled in by nobody: a value with it is an error, and `$${NAME}` is the text `${NAME}`.

use std::collections::BTreeMap;

use super::read::Reader;
use super::spans::At;
use super::yaml::{Node, Value};
use crate::finding::{Finding, Place, Subject};

/// Bytes that the kernel takes for one variable with its name, or for one word of a command line, less its end.
const LONGEST: usize = 131_071;

/// Variables as written, with their places, in order of their names; what cannot be one is reported and left out. What `${` leads to is
/// left to [`literal`].
pub fn variables(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, At<String>> {
    let mut good = BTreeMap::new();
    for (name, at) in table(reader, node, "`environment`") {
        if at.value.len() + name.len() + 1 > LONGEST {
            let message = format!("the value of `{name}` has {} bytes", at.value.len());
            let help = "the kernel takes at most 131072 bytes for a variable with its name: put it into a file";
            reader.bad_value(at.place, message, help);
        } else if at.value.contains('\u{80}') {
            let message = format!("the value of `{name}` has the control character U+0080");
            reader.bad_value(at.place, message, "Quadlet makes another byte of it: remove it");
        } else if is_name(&name) {
            if at.value.contains(['\n', '\r']) {
                let message = format!("the value of `{name}` has a line break");
                let help = if begins_with_a_margin(&at.value) {
                    "Podman 4.3 refuses or changes it in a Kubernetes manifest (`podman kube play`), as every value of several lines that begins \
                     with a space, a tab or a line break: put it into a file, or begin it with something else"
                } else {
                    "it arrives as it is, but whoever reads an environment line by line takes the rest for another variable"
                };
                reader.findings.push(
                    Finding::warning("stack/line-break", at.place.clone(), message)
                        .about(Subject::Variable(name.clone()))
                        .with_help(help),
                );
            }
            good.insert(name, at);
        }
    }
    good
}

/// Whether a value has several lines and begins with what a block of lines would be indented by: Podman 4.3 writes such a block into its own
/// copy of a manifest, and cannot read it back, or not all of it.
fn begins_with_a_margin(value: &str) -> bool {
    value.contains('\n') && value.starts_with([' ', '\t', '\n'])
}

/// Parameters as written, with their places.
pub fn parameters(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, At<String>> {
    let mut good = BTreeMap::new();
    for (name, at) in table(reader, node, "`params`") {
        if at.value.len() + name.len() + 3 > LONGEST {
            let message = format!("the value of `{name}` has {} bytes", at.value.len());
            let help = "the kernel takes at most 131072 bytes for a word of a command line: put it into a file";
            reader.bad_value(at.place, message, help);
        } else if !name.is_empty() && !name.contains(|c: char| c.is_control() || c.is_whitespace()) {
            good.insert(name, at);
        }
    }
    good
}

/// Values with nothing to fill in, as they arrive; the others are reported.
pub fn literals(table: BTreeMap<String, At<String>>, findings: &mut Vec<Finding>) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for (name, at) in table {
        match literal(&at.value) {
            Ok(value) => {
                values.insert(name, value);
            }
            Err(reference) => {
                findings.push(not_filled_in(&name, &reference, at.place.clone()));
                values.insert(name, at.value);
            }
        }
    }
    values
}

/// A table whose names and values are told of where they are not text at all.
pub fn table(reader: &mut Reader<'_>, node: &Node, what: &str) -> BTreeMap<String, At<String>> {
    if let Value::Mapping(entries) = &node.value {
        for entry in entries {
            let place = reader.place(entry.key_span);
            if what == "`environment`" && !is_name(&entry.key) {
                let message = format!("`{}` is not a valid name of an environment variable", entry.key);
                let help = "use letters, digits and `_`, not a digit first, as in `LOG_LEVEL`";
                reader.bad_value(place, message, help);
            } else if entry.key.is_empty() || entry.key.contains(|c: char| c.is_control() || c.is_whitespace()) {
                let message = format!("`{}` is not a valid name of a parameter", entry.key);
                reader.bad_value(
                    place,
                    message,
                    "write it as in `model_path`, which agents get as `--model_path`",
                );
            } else if matches!(&entry.value.value, Value::Scalar { text, plain: true } if !text.is_empty())
                && entry.value.is_null()
            {
                let message = format!("`{}` has YAML's `null` as its value", entry.key);
                let place = reader.place(entry.value.span);
                reader.bad_value(place, message, "write `\"\"` for an empty text, or the word in quotes");
            }
        }
    }
    reader.table(node, what)
}

/// Whether a variable can be called so: what a cluster takes, which is more than a shell does.
pub fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(good) && name.len() <= 253
}

/// The text of a value, where it has nothing to fill in: `$${NAME}` is `${NAME}`.
///
/// # Errors
/// The first `${NAME}`, or `${NAME:-x}`, of it.
fn literal(value: &str) -> Result<String, String> {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let dollars = from.len() - from.trim_start_matches('$').len();
        let reference = from.get(dollars..).and_then(reference);
        match reference {
            Some(reference) if dollars == 1 => return Err(format!("${reference}")),
            // One less: what stands in front of it keeps it from being one.
            Some(_) => text.extend(std::iter::repeat_n('$', dollars - 1)),
            None => text.extend(std::iter::repeat_n('$', dollars)),
        }
        rest = &from[dollars..];
    }
    text.push_str(rest);
    Ok(text)
}

/// `{NAME}`, `{NAME:-x}` and the like, where a text begins with it.
fn reference(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('{')?;
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !inside.starts_with(|c: char| name(c) && !c.is_ascii_digit()) {
        return None;
    }
    let behind = inside.trim_start_matches(name);
    let end = behind.find('}')?;
    let marks = ["", ":-", "-", ":?", "?", ":+", "+"];
    let known = end == 0 || marks[1..].iter().any(|mark| behind.starts_with(mark));
    known.then(|| &text[..text.len() - behind.len() + end + 1])
}

/// Says that a value would arrive with a reference in it.
pub fn not_filled_in(name: &str, reference: &str, place: Place) -> Finding {
    let message = format!("`{name}` would get the text `{reference}`: nothing fills it in");
    let default = reference.split_once(":-").or_else(|| reference.split_once('-'));
    let instead = default.map_or_else(
        || "write the value itself".to_owned(),
        |(_, default)| format!("write the value itself, as `{}`", default.trim_end_matches('}')),
    );
    Finding::error("stack/interpolation", place, message)
        .about(Subject::Variable(name.to_owned()))
        .with_help(format!("{instead}, or `${reference}` for that very text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_and_escaped_ones_are_text() {
        for reference in [
            "${A}",
            "${A:-x}",
            "${A-x}",
            "${A:?why}",
            "${A?}",
            "${A:+x}",
            "${_a1}",
            "${A:-}",
        ] {
            assert_eq!(literal(&format!("a {reference} b")), Err(reference.to_owned()));
            assert_eq!(literal(&format!("a ${reference}")), Ok(format!("a {reference}")));
            assert_eq!(literal(&format!("$${reference}")), Ok(format!("${reference}")));
        }
        for text in [
            "", "$", "$$", "pa$$word", "$5", "$A", "${", "${}", "${1}", "${A", "$(A)", "{A}", "%(A)s", "${a b}", "ü$",
        ] {
            assert_eq!(literal(text), Ok(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn names_are_those_that_every_engine_takes() {
        for name in ["A", "_", "y", "NO", "on", "null", "a.b-c", "LOG_LEVEL2"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "A=B",
            "A B",
            "A\nB",
            "A\0",
            "1A",
            "=",
            "<<",
            "ü",
            "A:",
            "$A",
            ".",
            "..",
            "-a",
            "\u{feff}A",
            "A\u{202e}",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}
