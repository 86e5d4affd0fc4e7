//! What methods of texts, lists and dictionaries give, and functions that Python has for them.

use pysrc::{Call, Module, Value};

use super::calls::Given;
use super::known::{Dict, Known, Text};

/// Names of methods that dictionaries have and texts do not.
const OF_DICTS: [&str; 6] = ["get", "items", "keys", "pop", "setdefault", "values"];

/// Names of methods that texts have and dictionaries do not.
const OF_TEXTS: [&str; 8] = [
    "encode",
    "lower",
    "lstrip",
    "rstrip",
    "split",
    "startswith",
    "strip",
    "upper",
];

/// Whether a value has no method of that name.
pub fn lacks(object: &Known, name: &str) -> bool {
    match object {
        Known::Text(text) => {
            OF_DICTS.contains(&name) || (text.is_bytes && name == "encode") || (!text.is_bytes && name == "decode")
        }
        Known::Dict(_) => OF_TEXTS.contains(&name) || name == "decode",
        Known::List(_) => OF_TEXTS.contains(&name) || OF_DICTS.contains(&name) && name != "pop",
        Known::None | Known::Missing | Known::Int(_) => OF_DICTS.contains(&name) || OF_TEXTS.contains(&name),
        _ => false,
    }
}

/// What a dictionary is after a method that changes it; nothing for other methods.
pub fn changes(object: &Known, name: &str, given: &Given) -> Option<Known> {
    let Known::Dict(dict) = object else {
        return None;
    };
    let mut dict = dict.clone();
    match name {
        "update" => {
            if let Some(other) = given.positional.first() {
                dict.update(other);
            }
            if given.open {
                dict.blur();
            }
            given.named.iter().for_each(|(key, value)| dict.set(key, value.clone()));
        }
        "setdefault" => match given.first().whole() {
            Some(key) if dict.get(&key).is_none() => dict.set(&key, given.at(1)),
            Some(_) => {}
            None => dict.blur(),
        },
        "pop" => match given.first().whole() {
            Some(key) => dict.entries.retain(|(known, _)| *known != key),
            None => dict.blur(),
        },
        "clear" => dict = Dict::default(),
        "popitem" => dict.blur(),
        _ => return None,
    }
    Some(Known::Dict(dict))
}

/// What a method gives that changes nothing.
pub fn of(object: &Known, name: &str, given: &Given) -> Known {
    match (object, name) {
        (Known::Encoded(_), "encode" | "decode" | "strip") => object.clone(),
        (Known::Text(text), _) => of_text(text, name, given),
        (Known::Dict(_), "copy") => object.clone(),
        (Known::Dict(dict), "keys") if !dict.open => {
            Known::List(dict.entries.iter().map(|(key, _)| Known::text(key)).collect())
        }
        (Known::List(_), "copy") => object.clone(),
        (Known::Unknown, "deepcopy") => given.first(),
        (Known::Unknown, "wait_for" | "shield") => given.first(),
        _ => Known::Unknown,
    }
}

fn of_text(text: &Text, name: &str, given: &Given) -> Known {
    let same = |text: &Text, is_bytes| match text.whole() {
        Some(whole) if is_bytes => Known::bytes(&whole),
        Some(whole) => Known::text(&whole),
        None => {
            let mut text = text.clone();
            text.is_bytes = is_bytes;
            Known::Text(text)
        }
    };
    match name {
        "encode" => return same(text, true),
        "decode" => return same(text, false),
        _ => {}
    }
    let Some(whole) = text.whole() else {
        return Known::Unknown;
    };
    let like = |whole: &str| Known::like(whole, text);
    let first = given.first().whole();
    match (name, first) {
        ("strip", None) if given.positional.is_empty() => like(whole.trim()),
        ("lstrip", None) if given.positional.is_empty() => like(whole.trim_start()),
        ("rstrip", None) if given.positional.is_empty() => like(whole.trim_end()),
        ("lower" | "casefold", _) => like(&whole.to_lowercase()),
        ("upper", _) => like(&whole.to_uppercase()),
        ("tobytes", _) => like(&whole),
        ("join", None) => match given.first() {
            Known::List(parts) => {
                let parts: Option<Vec<String>> = parts.iter().map(Known::whole).collect();
                parts.map_or(Known::Unknown, |parts| like(&parts.join(&whole)))
            }
            _ => Known::Unknown,
        },
        ("replace", Some(from)) => match given.at(1).whole() {
            Some(to) if given.positional.len() == 2 => like(&whole.replace(&from, &to)),
            _ => Known::Unknown,
        },
        ("removeprefix", Some(before)) => like(whole.strip_prefix(&before).unwrap_or(&whole)),
        ("startswith", Some(start)) => Known::Bool(whole.starts_with(&start)),
        ("endswith", Some(end)) => Known::Bool(whole.ends_with(&end)),
        ("startswith", None) => match given.first() {
            Known::List(starts) => {
                let starts: Option<Vec<String>> = starts.iter().map(Known::whole).collect();
                starts.map_or(Known::Unknown, |starts| {
                    Known::Bool(starts.iter().any(|start| whole.starts_with(start)))
                })
            }
            _ => Known::Unknown,
        },
        ("split", None) if given.positional.is_empty() || given.first() == Known::None => {
            Known::List(whole.split_whitespace().map(like).collect())
        }
        ("split", Some(by)) if !by.is_empty() => match given.positional.get(1) {
            None => Known::List(whole.split(&by).map(like).collect()),
            Some(Known::Int(most)) => match usize::try_from(*most) {
                Ok(most) => Known::List(whole.splitn(most + 1, &by).map(like).collect()),
                Err(_) => Known::Unknown,
            },
            Some(_) => Known::Unknown,
        },
        ("partition", Some(by)) if !by.is_empty() => match whole.split_once(&by) {
            Some((before, after)) => Known::List(vec![like(before), like(&by), like(after)]),
            None => Known::List(vec![like(&whole), like(""), like("")]),
        },
        _ => Known::Unknown,
    }
}

/// What a function of Python gives.
pub fn builtin(name: &str, call: &Call, module: &Module, given: &Given) -> Known {
    let first = given.first();
    match name {
        "dict" => {
            let mut dict = match given.positional.first() {
                None => Dict::default(),
                Some(Known::Dict(dict)) => dict.clone(),
                Some(_) => Dict {
                    open: true,
                    ..Dict::default()
                },
            };
            if given.open {
                dict.blur();
            }
            given.named.iter().for_each(|(key, value)| dict.set(key, value.clone()));
            Known::Dict(dict)
        }
        "len" => match &first {
            Known::List(parts) => i64::try_from(parts.len()).map_or(Known::Unknown, Known::Int),
            Known::Dict(dict) if !dict.open => i64::try_from(dict.entries.len()).map_or(Known::Unknown, Known::Int),
            Known::Text(text) => {
                let length = text.whole().and_then(|whole| i64::try_from(whole.chars().count()).ok());
                length.map_or(Known::Unknown, Known::Int)
            }
            _ => Known::Unknown,
        },
        "isinstance" => call
            .arguments
            .get(1)
            .and_then(|kind| is_of(&first, kind, module))
            .map_or(Known::Unknown, Known::Bool),
        "callable" => match &first {
            Known::Function(..) | Known::Class(_) => Known::Bool(true),
            Known::None | Known::Missing | Known::Text(_) => Known::Bool(false),
            _ => Known::Unknown,
        },
        "str" if given.positional.len() == 1 => match &first {
            Known::Text(text) if !text.is_bytes => first,
            Known::Asked(_) | Known::Encoded(_) => first,
            Known::Int(number) => Known::text(&number.to_string()),
            _ => Known::Unknown,
        },
        // Of bytes in an encoding.
        "str" if given.positional.len() == 2 => match &first {
            Known::Text(text) => of_text(text, "decode", given),
            Known::Asked(_) => first,
            _ => Known::Unknown,
        },
        "bytes" if given.positional.len() == 2 => match &first {
            Known::Text(text) => of_text(text, "encode", given),
            Known::Encoded(_) => first,
            _ => Known::Unknown,
        },
        "bool" => first.truth().map_or(Known::Unknown, Known::Bool),
        "list" | "tuple" if matches!(first, Known::List(_)) => first,
        "deepcopy" | "copy" | "wait_for" => first,
        _ => Known::Unknown,
    }
}

/// Whether a value is of a type of Python, or of one of several.
fn is_of(value: &Known, kind: &Value, module: &Module) -> Option<bool> {
    match kind {
        Value::List(kinds) => {
            let all: Option<Vec<bool>> = kinds.iter().map(|kind| is_of(value, kind, module)).collect();
            all.map(|all| all.contains(&true))
        }
        Value::Name(name) => {
            let kind = match value {
                Known::Dict(_) => "dict",
                Known::List(_) => "list",
                Known::Int(_) => "int",
                Known::Bool(_) => "bool",
                Known::None | Known::Missing => "NoneType",
                Known::Text(text) if text.is_bytes => "bytes",
                Known::Text(_) => "str",
                _ => return None,
            };
            let name = module.name(*name);
            [
                "dict",
                "list",
                "tuple",
                "int",
                "bool",
                "str",
                "bytes",
                "float",
                "set",
                "bytearray",
            ]
            .contains(&name)
            .then_some(name == kind)
        }
        _ => None,
    }
}
