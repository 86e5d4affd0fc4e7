//! `params:` of any type. A text or number is a flag with a word, a list a flag with several words, a mapping a flag with JSON text. A
//! list or a text in place of the whole mapping are words as they stand.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value as Json};

use super::command;
use super::values::Values;
use crate::stack::environment;
use crate::stack::read::Reader;
use crate::stack::spans::At;
use crate::stack::yaml::{Node, Value, boolean};

/// What an agent is given on its command line besides its ports and its name.
#[derive(Debug, Clone, Default)]
pub struct Params {
    /// Flags with one word each.
    pub flags: BTreeMap<String, At<String>>,
    /// Flags with several words, or none.
    pub lists: BTreeMap<String, Vec<String>>,
    /// Words that stand for themselves.
    pub words: Vec<String>,
}

/// Reads them.
pub fn read<'a>(reader: &mut Reader<'a>, node: &'a Node, values: &Values<'_>, what: &str) -> Params {
    let mut params = Params::default();
    match &node.value {
        Value::Sequence(items) => {
            let item = format!("an item of {what}");
            let words = items.iter().filter_map(|node| values.text(reader, node, &item));
            params.words = words.map(|at| at.value).collect();
        }
        Value::Scalar { .. } => {
            let text = values.text(reader, node, what);
            params.words = text.map(|at| command::words(&at.value)).unwrap_or_default();
        }
        Value::Mapping(entries) => {
            // What is not a scalar, first: the rest is read as ever.
            for entry in entries {
                let name = entry.key.trim_start_matches('-').to_owned();
                match &entry.value.value {
                    Value::Sequence(items) => {
                        let words = items.iter().map(|item| word(item, values)).collect();
                        params.lists.insert(name, words);
                    }
                    Value::Mapping(_) => {
                        let place = reader.place(entry.value.span);
                        let value = json(&entry.value, values).to_string();
                        params.flags.insert(name, At { value, place });
                    }
                    Value::Scalar { .. } => {}
                }
            }
            let scalars = Node {
                span: node.span,
                value: Value::Mapping(
                    entries
                        .iter()
                        .filter(|entry| is_scalar(&entry.value))
                        .cloned()
                        .collect(),
                ),
            };
            for (name, mut at) in environment::parameters(reader, &scalars) {
                at.value = values.fill(&at.value);
                params.flags.insert(name.trim_start_matches('-').to_owned(), at);
            }
        }
    }
    params
}

fn is_scalar(node: &Node) -> bool {
    matches!(node.value, Value::Scalar { .. })
}

/// An item of a list as one word.
fn word(node: &Node, values: &Values<'_>) -> String {
    match &node.value {
        Value::Scalar { text, .. } => values.fill(text),
        _ => json(node, values).to_string(),
    }
}

/// A value as JSON, types as YAML has them.
fn json(node: &Node, values: &Values<'_>) -> Json {
    match &node.value {
        _ if node.is_null() => Json::Null,
        Value::Scalar { text, plain } => {
            let filled = values.fill(text);
            let number = || filled.parse::<Number>().ok().map(Json::Number);
            let typed = plain
                .then(|| boolean(&filled).map(Json::Bool).or_else(number))
                .flatten();
            typed.unwrap_or(Json::String(filled))
        }
        Value::Sequence(items) => items.iter().map(|item| json(item, values)).collect(),
        Value::Mapping(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), json(&entry.value, values)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::spans::Source;
    use crate::stack::yaml;

    fn params(text: &str) -> (Params, Vec<String>) {
        let source = Source::new("f.yaml", text);
        let (node, _) = yaml::parse(&source);
        let variables = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        let node = node.unwrap();
        let values = Values {
            variables: &variables,
            environment: &BTreeMap::new(),
        };
        let mut reader = Reader::new(&source);
        let params = read(&mut reader, &node, &values, "`params`");
        (
            params,
            reader.findings.into_iter().map(|finding| finding.message).collect(),
        )
    }

    #[test]
    fn values_of_every_type() {
        let (params, said) = params(
            "{text: a b, number: 0.5, flag: true, --dashed: x, filled: '${A}', quoted: '7', list: [a, 2, {b: c}], none: [], \
             map: {a: 1, b: [true, ~], c: '1', d: 1.5}}",
        );
        assert_eq!(said, Vec::<String>::new());
        let flags: Vec<(&str, &str)> = params
            .flags
            .iter()
            .map(|(key, at)| (key.as_str(), at.value.as_str()))
            .collect();
        assert_eq!(
            flags,
            [
                ("dashed", "x"),
                ("filled", "1"),
                ("flag", "true"),
                ("map", r#"{"a":1,"b":[true,null],"c":"1","d":1.5}"#),
                ("number", "0.5"),
                ("quoted", "7"),
                ("text", "a b"),
            ]
        );
        assert_eq!(params.lists["list"], ["a", "2", r#"{"b":"c"}"#]);
        assert!(params.lists["none"].is_empty() && params.words.is_empty());
    }

    #[test]
    fn lists_and_texts_stand_for_themselves() {
        assert_eq!(params("[--mode, fast, 3]").0.words, ["--mode", "fast", "3"]);
        assert_eq!(params("--mode 'very fast'").0.words, ["--mode", "very fast"]);
    }

    #[test]
    fn what_no_command_line_can_carry_is_told_and_the_rest_is_kept() {
        let (params, said) = params("{good: x, a b: y, void: null}");
        assert_eq!(params.flags["good"].value, "x");
        assert_eq!(
            said,
            [
                "`a b` is not a valid name of a parameter",
                "`void` has YAML's `null` as its value"
            ]
        );
    }
}
