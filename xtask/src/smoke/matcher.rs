//! Expectations over JSON: what must be in a reply.
//!
//! A plain value must be equal; of an object only the named fields are looked at; a list must have as many items, each
//! matching. An object made only of operators (see [`OPERATORS`]) is a condition instead.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

/// The operators, with what each asks for.
pub const OPERATORS: [(&str, &str); 13] = [
    ("equals", "exactly this value, all fields of an object included"),
    ("not", "anything that the matcher does not match"),
    (
        "type",
        "a value of that type: string, number, integer, boolean, list, object, null",
    ),
    ("min", "a number not below this"),
    ("max", "a number not above this"),
    ("length", "a text, list or object whose length matches"),
    ("matches", "a text in which the regular expression is found"),
    (
        "contains",
        "a text with this part, a list with an item that matches, an object with this key",
    ),
    ("starts_with", "a text or a list that begins so"),
    ("one_of", "a value that matches one of these"),
    ("each", "a list or object whose every item matches"),
    ("keys", "an object with at least these keys"),
    ("present", "true: any value; false: no such field"),
];

/// A compiled expectation.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// Equal to this.
    Equals(Value),
    /// An object with these fields, among others.
    Fields(Vec<(String, Matcher)>),
    /// A list with exactly these items.
    Items(Vec<Matcher>),
    /// All of these conditions.
    All(Vec<Condition>),
}

/// One operator.
#[derive(Debug, Clone)]
pub enum Condition {
    /// `equals`
    Equals(Value),
    /// `not`
    Not(Box<Matcher>, Value),
    /// `type`
    Type(Kind),
    /// `min`
    Min(f64),
    /// `max`
    Max(f64),
    /// `length`
    Length(Box<Matcher>),
    /// `matches`
    Regex(Regex),
    /// `contains`
    Contains(Box<Matcher>, Value),
    /// `starts_with`
    StartsWith(Value),
    /// `one_of`
    OneOf(Vec<Matcher>, Value),
    /// `each`
    Each(Box<Matcher>),
    /// `keys`
    Keys(Vec<String>),
    /// `present`
    Present(bool),
}

/// A type that a value can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    String,
    /// Any number.
    Number,
    /// A number without a fraction.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list.
    List,
    /// An object.
    Object,
    /// `null`.
    Null,
}

/// A pattern, compiled. One that would grow very large takes seconds to do so, and is an error.
fn regex(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(256 * 1024).build()
}

/// A place in a reply that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Where in the reply, as in `steps.0.agent`; empty for the reply as a whole.
    pub path: String,
    /// What was expected there.
    pub expected: String,
    /// What was there.
    pub got: String,
}

/// Why an expectation cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", at(.path))]
pub struct MatcherError {
    /// Where in the expectation.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

fn at(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!("at `{path}`: ")
    }
}

fn join(path: &str, part: &str) -> String {
    if path.is_empty() {
        part.to_owned()
    } else {
        format!("{path}.{part}")
    }
}

/// Characters of a value shown in a message.
const SHOWN: usize = 400;

/// A value as one line, cut where it is long.
#[must_use]
pub fn show(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Matcher {
    /// Reads an expectation.
    ///
    /// # Errors
    /// When an operator has an argument that it cannot use.
    pub fn compile(value: &Value) -> Result<Self, MatcherError> {
        Self::compile_at(value, "")
    }

    fn compile_at(value: &Value, path: &str) -> Result<Self, MatcherError> {
        match value {
            Value::Object(fields) if is_condition(fields) => fields
                .iter()
                .map(|(name, argument)| Condition::compile(name, argument, &join(path, name)))
                .collect::<Result<_, _>>()
                .map(Self::All),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, field)| Ok((key.clone(), Self::compile_at(field, &join(path, key))?)))
                .collect::<Result<_, _>>()
                .map(Self::Fields),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| Self::compile_at(item, &join(path, &index.to_string())))
                .collect::<Result<_, _>>()
                .map(Self::Items),
            scalar => Ok(Self::Equals(scalar.clone())),
        }
    }

    /// Every place where the value is not as expected; none when it matches.
    #[must_use]
    pub fn mismatches(&self, value: &Value) -> Vec<Mismatch> {
        let mut found = Vec::new();
        self.look(Some(value), "", &mut found);
        found
    }

    /// Whether the value is as expected.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        self.mismatches(value).is_empty()
    }

    fn look(&self, value: Option<&Value>, path: &str, found: &mut Vec<Mismatch>) {
        match self {
            Self::All(conditions) => {
                for condition in conditions {
                    condition.look(value, path, found);
                }
            }
            _ => {
                let Some(value) = value else {
                    found.push(absent(path, &self.describe()));
                    return;
                };
                self.look_inside(value, path, found);
            }
        }
    }

    fn look_inside(&self, value: &Value, path: &str, found: &mut Vec<Mismatch>) {
        let mut wrong = |expected: String| {
            found.push(Mismatch {
                path: path.to_owned(),
                expected,
                got: show(value),
            });
        };
        match self {
            Self::Equals(expected) => {
                if !same(expected, value) {
                    wrong(show(expected));
                }
            }
            Self::Fields(expected) => {
                let Value::Object(fields) = value else {
                    wrong("an object".to_owned());
                    return;
                };
                for (key, matcher) in expected {
                    matcher.look(fields.get(key), &join(path, key), found);
                }
            }
            Self::Items(expected) => match value {
                Value::Array(items) if items.len() == expected.len() => {
                    for (index, (matcher, item)) in expected.iter().zip(items).enumerate() {
                        matcher.look(Some(item), &join(path, &index.to_string()), found);
                    }
                }
                Value::Array(items) => wrong(format!("a list of {} items, not of {}", expected.len(), items.len())),
                _ => wrong("a list".to_owned()),
            },
            Self::All(_) => {}
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Equals(value) => show(value),
            Self::Fields(fields) => format!(
                "an object with {}",
                fields
                    .iter()
                    .map(|(key, _)| format!("`{key}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            Self::Items(items) => format!("a list of {} items", items.len()),
            Self::All(conditions) => conditions
                .iter()
                .map(Condition::describe)
                .collect::<Vec<_>>()
                .join(" and "),
        }
    }
}

fn absent(path: &str, expected: &str) -> Mismatch {
    Mismatch {
        path: path.to_owned(),
        expected: expected.to_owned(),
        got: "nothing".to_owned(),
    }
}

fn is_condition(fields: &serde_json::Map<String, Value>) -> bool {
    !fields.is_empty() && fields.keys().all(|key| OPERATORS.iter().any(|(name, _)| name == key))
}

/// Equal, with `1` and `1.0` the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

impl Condition {
    fn compile(name: &str, argument: &Value, path: &str) -> Result<Self, MatcherError> {
        let wrong = |message: String| MatcherError {
            path: path.to_owned(),
            message,
        };
        let number = || {
            argument
                .as_f64()
                .ok_or_else(|| wrong(format!("`{name}` takes a number, not {argument}")))
        };
        let boxed = || Matcher::compile_at(argument, path).map(Box::new);
        Ok(match name {
            "equals" => Self::Equals(argument.clone()),
            "not" => Self::Not(boxed()?, argument.clone()),
            "type" => Self::Type(argument.as_str().and_then(Kind::parse).ok_or_else(|| {
                wrong(format!(
                    "`type` takes string, number, integer, boolean, list, object or null, not {argument}; \
                     a field of that name is expected by `equals: {{type: …}}` or beside another field"
                ))
            })?),
            "min" => Self::Min(number()?),
            "max" => Self::Max(number()?),
            "length" => Self::Length(boxed()?),
            "matches" => {
                let pattern = argument
                    .as_str()
                    .ok_or_else(|| wrong(format!("`matches` takes a text, not {argument}")))?;
                Self::Regex(regex(pattern).map_err(|error| wrong(first_reason(&error)))?)
            }
            "contains" => Self::Contains(boxed()?, argument.clone()),
            "starts_with" => match argument {
                Value::String(_) | Value::Array(_) => Self::StartsWith(argument.clone()),
                _ => return Err(wrong("`starts_with` takes a text or a list".to_owned())),
            },
            "one_of" => {
                let Value::Array(items) = argument else {
                    return Err(wrong("`one_of` takes a list".to_owned()));
                };
                let matchers = items
                    .iter()
                    .map(|item| Matcher::compile_at(item, path))
                    .collect::<Result<_, _>>()?;
                Self::OneOf(matchers, argument.clone())
            }
            "each" => Self::Each(boxed()?),
            "keys" => {
                let keys = argument
                    .as_array()
                    .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect())
                    .ok_or_else(|| wrong("`keys` takes a list of texts".to_owned()))?;
                Self::Keys(keys)
            }
            _ => Self::Present(
                argument
                    .as_bool()
                    .ok_or_else(|| wrong("`present` takes true or false".to_owned()))?,
            ),
        })
    }

    fn look(&self, value: Option<&Value>, path: &str, found: &mut Vec<Mismatch>) {
        let Some(value) = value else {
            if !matches!(self, Self::Present(false)) {
                found.push(absent(path, &self.describe()));
            }
            return;
        };
        match self {
            Self::Length(matcher) => {
                if let Some(length) = length(value) {
                    let mut inner = Vec::new();
                    matcher.look(Some(&Value::from(length)), "", &mut inner);
                    found.extend(inner.into_iter().map(|mismatch| Mismatch {
                        path: path.to_owned(),
                        expected: format!("length {}", mismatch.expected),
                        got: format!("length {} of {}", mismatch.got, show(value)),
                    }));
                    return;
                }
            }
            Self::Each(matcher) => match value {
                Value::Array(items) => {
                    for (index, item) in items.iter().enumerate() {
                        matcher.look(Some(item), &join(path, &index.to_string()), found);
                    }
                    return;
                }
                Value::Object(fields) => {
                    for (key, item) in fields {
                        matcher.look(Some(item), &join(path, key), found);
                    }
                    return;
                }
                _ => {}
            },
            _ if self.holds(value) => return,
            _ => {}
        }
        found.push(Mismatch {
            path: path.to_owned(),
            expected: self.describe(),
            got: show(value),
        });
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Equals(expected) => same(expected, value),
            Self::Not(matcher, _) => !matcher.accepts(value),
            Self::Type(kind) => kind.fits(value),
            Self::Min(bound) => value.as_f64().is_some_and(|number| number >= *bound),
            Self::Max(bound) => value.as_f64().is_some_and(|number| number <= *bound),
            Self::Regex(regex) => value.as_str().is_some_and(|text| regex.is_match(text)),
            Self::Contains(matcher, argument) => match value {
                Value::String(text) => argument.as_str().is_some_and(|part| text.contains(part)),
                Value::Array(items) => items.iter().any(|item| matcher.accepts(item)),
                Value::Object(fields) => argument.as_str().is_some_and(|key| fields.contains_key(key)),
                _ => false,
            },
            Self::StartsWith(Value::Array(first)) => value
                .as_array()
                .is_some_and(|items| items.len() >= first.len() && first.iter().zip(items).all(|(a, b)| same(a, b))),
            Self::StartsWith(first) => first
                .as_str()
                .zip(value.as_str())
                .is_some_and(|(first, text)| text.starts_with(first)),
            Self::OneOf(matchers, _) => matchers.iter().any(|matcher| matcher.accepts(value)),
            Self::Keys(keys) => value
                .as_object()
                .is_some_and(|fields| keys.iter().all(|key| fields.contains_key(key))),
            Self::Present(wanted) => *wanted,
            Self::Length(_) | Self::Each(_) => false,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Equals(value) => format!("exactly {}", show(value)),
            Self::Not(_, value) => format!("anything but {}", show(value)),
            Self::Type(kind) => kind.name().to_owned(),
            Self::Min(bound) => format!("at least {bound}"),
            Self::Max(bound) => format!("at most {bound}"),
            Self::Length(matcher) => format!("length {}", matcher.describe()),
            Self::Regex(regex) => format!("a text that matches /{regex}/"),
            Self::Contains(_, value) => format!("something with {} in it", show(value)),
            Self::StartsWith(value) => format!("something that starts with {}", show(value)),
            Self::OneOf(_, value) => format!("one of {}", show(value)),
            Self::Each(matcher) => format!("items that are each {}", matcher.describe()),
            Self::Keys(keys) => format!("an object with the keys {}", keys.join(", ")),
            Self::Present(true) => "any value".to_owned(),
            Self::Present(false) => "no such field".to_owned(),
        }
    }
}

fn first_reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default();
    format!("not a regular expression: {}", reason.trim_start_matches("error: "))
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        _ => None,
    }
}

impl Kind {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "number" => Self::Number,
            "integer" => Self::Integer,
            "boolean" => Self::Boolean,
            "list" => Self::List,
            "object" => Self::Object,
            "null" => Self::Null,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Number => "a number",
            Self::Integer => "an integer",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Null => "null",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::Null => value.is_null(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Matcher, Mismatch};

    fn mismatches(expected: &Value, got: &Value) -> Vec<Mismatch> {
        Matcher::compile(expected).unwrap().mismatches(got)
    }

    fn accepts(expected: &Value, got: &Value) -> bool {
        mismatches(expected, got).is_empty()
    }

    #[test]
    fn an_object_needs_the_named_fields_only() {
        assert!(accepts(&json!({"status": "ok"}), &json!({"status": "ok", "more": 1})));
        assert_eq!(
            mismatches(&json!({"a": {"b": 1}, "c": 2}), &json!({"a": {"b": 3}})),
            [
                Mismatch {
                    path: "a.b".to_owned(),
                    expected: "1".to_owned(),
                    got: "3".to_owned()
                },
                Mismatch {
                    path: "c".to_owned(),
                    expected: "2".to_owned(),
                    got: "nothing".to_owned()
                },
            ]
        );
    }

    #[test]
    fn a_list_is_whole_unless_an_operator_says_otherwise() {
        assert!(!accepts(&json!(["a"]), &json!(["a", "b"])));
        assert!(accepts(&json!({"starts_with": ["a"]}), &json!(["a", "b"])));
        assert!(accepts(&json!({"contains": "b"}), &json!(["a", "b"])));
        assert!(accepts(&json!({"contains": {"x": 1}}), &json!([{"x": 1, "y": 2}])));
        assert!(accepts(&json!({"each": {"type": "string"}}), &json!(["a", "b"])));
        assert_eq!(mismatches(&json!({"each": {"min": 2}}), &json!([3, 1]))[0].path, "1");
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert!(accepts(&json!(1), &json!(1.0)));
        assert!(accepts(&json!({"min": 2, "max": 3}), &json!(2.5)));
        assert!(!accepts(&json!({"min": 2}), &json!("3")));
        assert!(accepts(&json!({"length": {"min": 2}}), &json!([1, 2])));
        let length = mismatches(&json!({"steps": {"length": {"min": 2}}}), &json!({"steps": [1]}));
        assert_eq!(length[0].path, "steps");
        assert_eq!(length[0].expected, "length at least 2");
        assert_eq!(length[0].got, "length 1 of [1]");
    }

    #[test]
    fn texts_match_by_part_start_or_pattern() {
        assert!(accepts(&json!({"matches": "^a+$"}), &json!("aaa")));
        assert!(accepts(&json!({"contains": "b", "starts_with": "a"}), &json!("abc")));
        assert!(accepts(&json!({"one_of": ["x", {"matches": "^y"}]}), &json!("yes")));
        assert!(accepts(&json!({"not": "root"}), &json!("agent")));
        assert!(!accepts(&json!({"not": "root"}), &json!("root")));
    }

    #[test]
    fn absence_can_be_asked_for() {
        assert!(accepts(&json!({"error": {"present": false}}), &json!({})));
        assert!(!accepts(&json!({"error": {"present": false}}), &json!({"error": 1})));
        assert!(!accepts(&json!({"error": {"present": true}}), &json!({})));
    }

    #[test]
    fn a_field_named_as_an_operator_can_be_meant() {
        assert!(accepts(&json!({"equals": {"type": "task"}}), &json!({"type": "task"})));
        assert!(accepts(
            &json!({"status": "ok", "type": "task"}),
            &json!({"status": "ok", "type": "task"})
        ));
        let error = Matcher::compile(&json!({"a": {"type": "task"}})).unwrap_err();
        assert!(
            error.to_string().starts_with("at `a.type`: `type` takes string"),
            "{error}"
        );
    }

    #[test]
    fn a_broken_pattern_is_refused() {
        let error = Matcher::compile(&json!({"matches": "(a"})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "at `matches`: not a regular expression: unclosed group"
        );
    }
}
