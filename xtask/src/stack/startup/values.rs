//! Values of startup configs that are written as text: numbers and booleans in quotes, `${NAME}`, `${NAME:-default}` and
//! `${NAME:default}`, sums as `${OFFSET}+7211`. What fills a reference in: the stack's `variables:`, then the config's own environment, then the default.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::stack::read::Reader;
use crate::stack::spans::At;
use crate::stack::yaml::{Node, Value, boolean};

/// What references of a startup config are filled in with.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The stack's `variables:`.
    pub variables: &'a BTreeMap<String, String>,
    /// The config's own environment.
    pub environment: &'a BTreeMap<String, At<String>>,
}

impl Values<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let own = || self.environment.get(name).map(|at| at.value.as_str());
        self.variables.get(name).map(String::as_str).or_else(own)
    }

    /// A text with all that is known filled in. References that nothing fills in stay as they are, and so does `$${NAME}`.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        self.filled(text, 0)
    }

    fn filled(&self, text: &str, depth: usize) -> String {
        // A default may hold references, too; nobody means more than a few.
        const DEEPEST: usize = 8;
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let dollars = rest.len() - rest.trim_start_matches('$').len();
            let reference = (dollars == 1).then(|| Reference::at(rest)).flatten();
            let Some(reference) = reference.filter(|_| depth < DEEPEST) else {
                out.push_str(&rest[..dollars]);
                rest = &rest[dollars..];
                continue;
            };
            match self.value_of(&reference, depth) {
                Some(value) => out.push_str(&value),
                None => out.push_str(reference.whole),
            }
            rest = &rest[reference.whole.len()..];
        }
        out.push_str(rest);
        out
    }

    fn value_of(&self, reference: &Reference<'_>, depth: usize) -> Option<String> {
        let known = self.get(reference.name);
        // A variable that is defined by itself, as in `PORT: ${PORT}`.
        let known = known.filter(|value| *value != reference.whole);
        let instead = || self.filled(reference.argument, depth + 1);
        match (reference.operator, known) {
            // `${NAME:default}` is what loaders of many trees take.
            (":-", Some("")) | (":-" | "-" | ":", None) => Some(instead()),
            (":+", Some("")) | (":+" | "+", None) => Some(String::new()),
            (":+" | "+", Some(_)) => Some(instead()),
            (_, known) => known.map(|value| self.filled(value, depth + 1)),
        }
    }

    /// A scalar as text, filled in.
    pub fn text(&self, reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<At<String>> {
        let text = reader.scalar(node, what)?;
        Some(At {
            value: self.fill(&text.value).trim().to_owned(),
            place: text.place,
        })
    }

    /// A TCP port: a number, or a text that is one once it is filled in; sums and differences are worked out.
    pub fn port(&self, reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<At<u16>> {
        let Value::Scalar { text, .. } = &node.value else {
            return reader.port(node, what);
        };
        let filled = self.fill(text);
        if let Some(reference) = unfilled(&filled) {
            let place = reader.place(node.span);
            let name = reference.name;
            reader.findings.push(
                Finding::error(
                    "stack/interpolation",
                    place,
                    format!("{what} is `{text}`, and nothing fills in `{name}`"),
                )
                .with_help(format!(
                    "add `variables: {{{name}: NUMBER}}` to the stack, or write the number itself"
                )),
            );
            return None;
        }
        let plain = Node {
            span: node.span,
            value: Value::Scalar {
                text: sum(&filled).map_or_else(|| filled.clone(), |number| number.to_string()),
                plain: sum(&filled).is_some() || node.kind() != "text",
            },
        };
        reader.port(&plain, what)
    }

    /// A boolean, in quotes or not, with what has to be filled in.
    pub fn boolean(&self, reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<bool> {
        let Value::Scalar { text, .. } = &node.value else {
            return reader.boolean(node, what);
        };
        let filled = self.fill(text);
        let known = match filled.trim() {
            "1" => Some(true),
            "0" => Some(false),
            text => boolean(text),
        };
        known.or_else(|| reader.boolean(node, what))
    }
}

/// `${NAME}`, `$NAME`, or one with an operator and what stands behind it.
struct Reference<'a> {
    whole: &'a str,
    name: &'a str,
    /// `:-`, `:`, `-`, `:?`, `?`, `:+`, `+` or nothing.
    operator: &'a str,
    argument: &'a str,
}

impl<'a> Reference<'a> {
    /// The one in braces that a text begins with.
    fn at(text: &'a str) -> Option<Self> {
        let inside = text.strip_prefix("${")?;
        let name = &inside[..inside.len() - inside.trim_start_matches(is_of_name).len()];
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let mut open = 1_usize;
        let end = text[2..].char_indices().find_map(|(at, c)| {
            match c {
                '{' => open += 1,
                '}' => open -= 1,
                _ => {}
            }
            (open == 0).then_some(at)
        })?;
        let behind = inside.get(name.len()..end)?;
        let operator = [":-", ":?", ":+", ":", "-", "?", "+"]
            .into_iter()
            .find(|operator| behind.starts_with(operator));
        if operator.is_none() && !behind.is_empty() {
            return None;
        }
        let length = operator.map_or(0, str::len);
        Some(Self {
            whole: &text[..end + 3],
            name,
            operator: &behind[..length],
            argument: &behind[length..],
        })
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The first reference that is left in a text.
fn unfilled(text: &str) -> Option<Reference<'_>> {
    text.match_indices('$').find_map(|(at, _)| Reference::at(&text[at..]))
}

/// The value of `7000+211`, `$((7000 + 211))` or a number alone.
fn sum(text: &str) -> Option<i64> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let inside = compact
        .strip_prefix("$((")
        .and_then(|rest| rest.strip_suffix("))"))
        .unwrap_or(&compact);
    let mut total = 0_i64;
    let mut rest = inside;
    let mut sign = 1;
    loop {
        let end = rest.find(['+', '-']).unwrap_or(rest.len());
        let number = rest.get(..end)?;
        let digits: String = number.chars().filter(|c| *c != '_').collect();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        total = total.checked_add(sign * digits.parse::<i64>().ok()?)?;
        if end == rest.len() {
            return Some(total);
        }
        sign = if rest[end..].starts_with('-') { -1 } else { 1 };
        rest = &rest[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::spans::Source;
    use crate::stack::yaml;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn references_are_filled_in_from_variables_and_defaults() {
        let variables = values(&[("A", "1"), ("E", ""), ("R", "${A}2"), ("S", "${S}")]);
        let environment = BTreeMap::new();
        let values = Values {
            variables: &variables,
            environment: &environment,
        };
        for (text, filled) in [
            ("${A}", "1"),
            ("x${A}y${A}", "x1y1"),
            ("${B:-7}", "7"),
            ("${B-7}", "7"),
            ("${B:7}", "7"),
            ("${A:7}", "1"),
            ("${B:127.0.0.1:80}", "127.0.0.1:80"),
            ("${E:-7}", "7"),
            ("${E-7}", ""),
            ("${B:-${C:-${A}}}", "1"),
            ("${A:+yes}", "yes"),
            ("${B:+yes}", ""),
            ("${R}", "12"),
            ("${B}", "${B}"),
            ("${S}", "${S}"),
            ("${B:?why}", "${B:?why}"),
            ("$${A}", "$${A}"),
            ("$A ${", "$A ${"),
            ("${a b}", "${a b}"),
            ("ü${A}ü", "ü1ü"),
        ] {
            assert_eq!(values.fill(text), filled, "{text}");
        }
    }

    #[test]
    fn sums_are_worked_out() {
        for (text, value) in [
            ("7211", Some(7211)),
            ("0+7211", Some(7211)),
            (" 100 + 7211 ", Some(7311)),
            ("7211-11", Some(7200)),
            ("$((1000 + 5))", Some(1005)),
            ("7_211", Some(7211)),
            ("", None),
            ("+7211", None),
            ("7211+", None),
            ("72x", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(sum(text), value, "{text}");
        }
    }

    fn port(text: &str, variables: &[(&str, &str)]) -> Result<u16, String> {
        let source = Source::new("f.yaml", text);
        let (node, _) = yaml::parse(&source);
        let (variables, environment) = (values(variables), BTreeMap::new());
        let values = Values {
            variables: &variables,
            environment: &environment,
        };
        let mut reader = Reader::new(&source);
        let port = values.port(&mut reader, &node.unwrap(), "`port`");
        port.map(|at| at.value)
            .ok_or_else(|| reader.findings[0].message.clone())
    }

    #[test]
    fn ports_are_numbers_texts_and_sums() {
        for text in [
            "7211",
            "\"7211\"",
            "' 7211 '",
            "${OFFSET}+7211",
            "\"${OFFSET:-5} + 7211\"",
            "${P:-7211}",
        ] {
            assert_eq!(port(text, &[("OFFSET", "0")]), Ok(7211), "{text}");
        }
        assert_eq!(port("${OFFSET}+7211", &[("OFFSET", "100")]), Ok(7311));
        assert_eq!(
            port("${OFFSET}+7211", &[]),
            Err("`port` is `${OFFSET}+7211`, and nothing fills in `OFFSET`".to_owned())
        );
        assert_eq!(port("70000", &[]), Err("`port` cannot be 70000".to_owned()));
        assert_eq!(
            port("\"here\"", &[]),
            Err("`port` must be a whole number, not text".to_owned())
        );
        assert_eq!(
            port("[1]", &[]),
            Err("`port` must be a whole number, not a list".to_owned())
        );
    }

    #[test]
    fn booleans_may_be_texts() {
        let read = |text: &str| {
            let source = Source::new("f.yaml", text);
            let (node, _) = yaml::parse(&source);
            let (variables, environment) = (values(&[("ON", "yes")]), BTreeMap::new());
            let values = Values {
                variables: &variables,
                environment: &environment,
            };
            values.boolean(&mut Reader::new(&source), &node.unwrap(), "`x`")
        };
        for (text, value) in [
            ("true", Some(true)),
            ("\"true\"", Some(true)),
            ("${X:-true}", Some(true)),
            ("\"${X:-False}\"", Some(false)),
            ("${ON}", Some(true)),
            ("1", Some(true)),
            ("\"0\"", Some(false)),
            ("${X}", None),
            ("maybe", None),
        ] {
            assert_eq!(read(text), value, "{text}");
        }
    }
}
