//! The two kinds of placeholders. `{group}` is known before anything runs and is replaced when checks are expanded;
//! `${token}` was saved from an earlier reply and is replaced just before its check runs.

use std::collections::BTreeMap;

use serde_json::Value;

/// Every `{name}` that an expansion may bind.
pub const NAMES: [&str; 20] = [
    "stack",
    "namespace",
    "python_version",
    "user",
    "uid",
    "machine",
    "network",
    "subnet",
    "lan_address",
    "group",
    "address",
    "agent",
    "port",
    "health_check_port",
    "volume",
    "path",
    "target",
    "to",
    "groups",
    "bridges",
];

/// What the names stand for in one concrete check.
pub type Bindings = BTreeMap<&'static str, String>;

/// Replaces bound names. Anything else in braces stays as it is: Python code has braces too.
#[must_use]
pub fn fill(text: &str, bindings: &Bindings) -> String {
    let mut filled = text.to_owned();
    for (name, value) in bindings {
        let pattern = format!("{{{name}}}");
        if filled.contains(&pattern) {
            // `${name}` is a saved value, never a binding.
            filled = replace_unless_dollar(&filled, &pattern, value);
        }
    }
    filled
}

/// Known names in a text that the bindings lack.
#[must_use]
pub fn unbound(text: &str, bindings: &Bindings) -> Vec<&'static str> {
    NAMES
        .into_iter()
        .filter(|name| !bindings.contains_key(name))
        .filter(|name| {
            let pattern = format!("{{{name}}}");
            replace_unless_dollar(text, &pattern, "") != text
        })
        .collect()
}

fn replace_unless_dollar(text: &str, pattern: &str, value: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(pattern) {
        let (before, after) = rest.split_at(at);
        result.push_str(before);
        if before.ends_with('$') {
            result.push_str(pattern);
        } else {
            result.push_str(value);
        }
        rest = &after[pattern.len()..];
    }
    result.push_str(rest);
    result
}

/// Names of the saved values that a value asks for, each once.
#[must_use]
pub fn saved_names(value: &Value) -> Vec<String> {
    let mut names = Vec::new();
    collect(value, &mut names);
    names.sort();
    names.dedup();
    names
}

fn collect(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let mut rest = text.as_str();
            while let Some((_, after)) = rest.split_once("${") {
                let Some((name, following)) = after.split_once('}') else {
                    return;
                };
                names.push(name.to_owned());
                rest = following;
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Puts saved values in. A text that is nothing but `${name}` becomes the value itself, whatever its type.
#[must_use]
pub fn insert_saved(value: &Value, saved: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::String(text) => {
            let whole = text
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'))
                .and_then(|name| saved.get(name));
            match whole {
                Some(value) => value.clone(),
                None => Value::String(insert_saved_text(text, saved)),
            }
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| insert_saved(item, saved)).collect()),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, field)| (key.clone(), insert_saved(field, saved)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// Puts saved values into a text.
#[must_use]
pub fn insert_saved_text(text: &str, saved: &BTreeMap<String, Value>) -> String {
    let mut filled = text.to_owned();
    for (name, value) in saved {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        filled = filled.replace(&format!("${{{name}}}"), &shown);
    }
    filled
}

/// The value at a path such as `agents.0.name`; an empty path is the value itself.
#[must_use]
pub fn lookup<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.')
        .filter(|part| !part.is_empty())
        .try_fold(value, |value, part| match value {
            Value::Object(fields) => fields.get(part),
            Value::Array(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::{fill, insert_saved, lookup, saved_names, unbound};

    #[test]
    fn only_bound_names_are_replaced() {
        let bindings = BTreeMap::from([("group", "vision".to_owned())]);
        assert_eq!(
            fill("{group}: f'{x}' {{}} ${group}", &bindings),
            "vision: f'{x}' {{}} ${group}"
        );
        assert_eq!(unbound("{group} {agent} ${port}", &bindings), ["agent"]);
    }

    #[test]
    fn saved_values_keep_their_type_where_they_stand_alone() {
        let saved = BTreeMap::from([("n".to_owned(), json!(7)), ("t".to_owned(), json!("abc"))]);
        let value = json!({"id": "${n}", "text": "no ${n} of ${t}", "list": ["${t}"]});
        assert_eq!(saved_names(&value), ["n", "t"]);
        assert_eq!(
            insert_saved(&value, &saved),
            json!({"id": 7, "text": "no 7 of abc", "list": ["abc"]})
        );
    }

    #[test]
    fn a_path_leads_through_objects_and_lists() {
        let value = json!({"agents": [{"name": "a"}]});
        assert_eq!(lookup(&value, "agents.0.name"), Some(&json!("a")));
        assert_eq!(lookup(&value, "agents.1.name"), None);
        assert_eq!(lookup(&value, ""), Some(&value));
    }
}
