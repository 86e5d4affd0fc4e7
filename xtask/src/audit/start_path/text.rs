//! Methods of strings: what they give.

use super::arguments::Arguments;
use super::operator::Problem;
use super::value::{LARGEST, V};

/// What `text.method(…)` gives, for the methods that say most of what names, addresses and modes are.
pub fn method(text: &str, method: &str, arguments: &Arguments) -> V {
    // `text.endswith((".yaml", ".yml"))`.
    if let ([V::List(parts)], true, false) = (
        arguments.positional.as_slice(),
        arguments.named.is_empty(),
        arguments.open,
    ) && let Some(parts) = parts.iter().map(V::text).collect::<Option<Vec<&str>>>()
    {
        return match method {
            "startswith" => V::Bool(parts.iter().any(|part| text.starts_with(part))),
            "endswith" => V::Bool(parts.iter().any(|part| text.ends_with(part))),
            _ => V::Unknown,
        };
    }
    if !arguments.named.is_empty() || arguments.open {
        return V::Unknown;
    }
    if let [V::Str(separator), V::Int(most)] = arguments.positional.as_slice() {
        return cut(text, method, separator, *most);
    }
    let given: Option<Vec<&str>> = arguments.positional.iter().map(V::text).collect();
    let Some(given) = given else {
        return V::Unknown;
    };
    match (method, given.as_slice()) {
        // Other letters may have other rules.
        ("upper", []) if text.is_ascii() => V::Str(text.to_ascii_uppercase()),
        ("lower", []) if text.is_ascii() => V::Str(text.to_ascii_lowercase()),
        ("strip", []) if has_plain_spaces(text) => V::Str(text.trim_ascii().to_owned()),
        ("lstrip", []) if has_plain_spaces(text) => V::Str(text.trim_ascii_start().to_owned()),
        ("rstrip", []) if has_plain_spaces(text) => V::Str(text.trim_ascii_end().to_owned()),
        ("strip", [of]) => V::Str(text.trim_matches(|one| of.contains(one)).to_owned()),
        ("lstrip", [of]) => V::Str(text.trim_start_matches(|one| of.contains(one)).to_owned()),
        ("rstrip", [of]) => V::Str(text.trim_end_matches(|one| of.contains(one)).to_owned()),
        ("removeprefix", [start]) => V::Str(text.strip_prefix(start).unwrap_or(text).to_owned()),
        ("removesuffix", [end]) => V::Str(text.strip_suffix(end).unwrap_or(text).to_owned()),
        ("capitalize", []) if text.is_ascii() => {
            let (first, rest) = text.split_at(text.len().min(1));
            V::Str(first.to_ascii_uppercase() + &rest.to_ascii_lowercase())
        }
        ("isdigit" | "isdecimal" | "isnumeric", []) if text.is_ascii() => {
            V::Bool(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        }
        ("isalpha", []) if text.is_ascii() => {
            V::Bool(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic()))
        }
        ("isalnum", []) if text.is_ascii() => {
            V::Bool(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        }
        ("partition", [separator]) if !separator.is_empty() => match text.split_once(separator) {
            Some((before, after)) => texts([before, separator, after]),
            None => texts([text, "", ""]),
        },
        ("rpartition", [separator]) if !separator.is_empty() => match text.rsplit_once(separator) {
            Some((before, after)) => texts([before, separator, after]),
            None => texts(["", "", text]),
        },
        ("split", []) if has_plain_spaces(text) => texts(text.split_ascii_whitespace()),
        ("split" | "rsplit", [separator]) if !separator.is_empty() => texts(text.split(separator)),
        ("startswith", [start]) => V::Bool(text.starts_with(start)),
        ("endswith", [end]) => V::Bool(text.ends_with(end)),
        ("replace", [from, to]) if !from.is_empty() => {
            let grown = text.matches(from).count().saturating_mul(to.len());
            if grown.saturating_add(text.len()) > LARGEST {
                return V::Unknown;
            }
            V::Str(text.replace(from, to))
        }
        _ => V::Unknown,
    }
}

/// What `text.startswith(start)` gives of a text of which only the beginning is known.
pub fn begins(parts: &[V], start: &V) -> V {
    match (parts.first(), start) {
        (Some(V::Str(known)), V::Str(start)) if known.starts_with(start.as_str()) => V::Bool(true),
        (Some(V::Str(known)), V::Str(start)) if !start.starts_with(known.as_str()) => V::Bool(false),
        _ => V::Unknown,
    }
}

/// `text.split(separator, most)` and the same from the end.
fn cut(text: &str, method: &str, separator: &str, most: i64) -> V {
    let Some(parts) = usize::try_from(most).ok().and_then(|most| most.checked_add(1)) else {
        return V::Unknown;
    };
    match method {
        _ if separator.is_empty() => V::Unknown,
        "split" => texts(text.splitn(parts, separator)),
        "rsplit" => {
            let mut cut: Vec<&str> = text.rsplitn(parts, separator).collect();
            cut.reverse();
            texts(cut)
        }
        _ => V::Unknown,
    }
}

/// Whether what Rust and Python take for spaces in a text is the same.
fn has_plain_spaces(text: &str) -> bool {
    text.is_ascii() && !text.bytes().any(|byte| matches!(byte, 0x0b | 0x1c..=0x1f))
}

/// `separator.join(parts)`.
pub fn joined(separator: &str, parts: &[V]) -> V {
    let known = parts.iter().map(|part| match part {
        V::Str(text) => Some(text.as_str()),
        _ => None,
    });
    let Some(known) = known.collect::<Option<Vec<&str>>>() else {
        return V::Unknown;
    };
    let size = known
        .iter()
        .map(|part| part.len().saturating_add(separator.len()))
        .fold(0, usize::saturating_add);
    if size > LARGEST {
        return V::Unknown;
    }
    V::Str(known.join(separator))
}

fn texts<'t>(parts: impl IntoIterator<Item = &'t str>) -> V {
    V::List(parts.into_iter().map(|part| V::Str(part.to_owned())).collect())
}

/// What `text.format(…)` lacks: a name or place of the text that no argument is for.
pub fn unfilled(text: &str, arguments: &Arguments) -> Option<Problem> {
    let mut next = 0;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let twice = rest.get(at..at + 2).is_some_and(|pair| matches!(pair, "{{" | "}}"));
        rest = rest.get(at + if twice { 2 } else { 1 }..)?;
        if twice {
            continue;
        }
        // The end of what is shown in a way that is computed.
        if text.get(text.len() - rest.len() - 1..)?.starts_with('}') {
            return None;
        }
        let name = rest.get(..rest.find(['.', '[', '!', ':', '{', '}'])?)?;
        let place = match name {
            "" => {
                next += 1;
                Some(next - 1)
            }
            name => name.parse().ok(),
        };
        match place {
            Some(place) if place >= arguments.positional.len() => {
                let message = format!("Replacement index {place} out of range for positional args tuple");
                return Some(("IndexError", message));
            }
            None if arguments.named(name).is_none() => return Some(("KeyError", format!("KeyError: '{name}'"))),
            _ => {}
        }
        // A part of what is there, or how it is shown: who knows.
        rest = rest.get(rest.find('}')? + 1..)?;
    }
    None
}

/// Why an f-string refuses to write a value of a type in this way.
pub fn refused_format(kind: &str, specification: &str) -> Option<Problem> {
    let code = specification.chars().next_back().filter(char::is_ascii_alphabetic);
    let message = match (kind, code) {
        ("NoneType" | "dict" | "coroutine" | "generator", _) => {
            let message = format!("unsupported format string passed to {kind}.__format__");
            return Some(("TypeError", message));
        }
        ("str", Some(code)) if code != 's' => code,
        ("int", Some(code)) if !"bcdeEfFgGnoxX".contains(code) => code,
        ("float", Some(code)) if !"eEfFgGn".contains(code) => code,
        _ => return None,
    };
    // A last letter may be what fills up the rest.
    let plain = specification
        .chars()
        .rev()
        .skip(1)
        .all(|other| other.is_ascii_digit() || matches!(other, '.' | ',' | '_' | '+' | '-' | ' ' | '#'));
    let words = format!("Unknown format code '{message}' for object of type '{kind}'");
    plain.then_some(("ValueError", words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        let arguments = Arguments {
            named: vec![("side".to_owned(), V::Unknown)],
            positional: vec![V::Unknown],
            ..Arguments::none(false)
        };
        let said = |text: &str| unfilled(text, &arguments).map(|(class, _)| class);
        for text in [
            "{side}",
            "{} {side!r}",
            "{0} {0:>5}",
            "{side.value[x]:.2f}",
            "{{by}} {}",
            "plain",
            "%s",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
        assert_eq!(said("{side} by {trader}"), Some("KeyError"));
        assert_eq!(said("{} {}"), Some("IndexError"));
        assert_eq!(said("{1}"), Some("IndexError"));
        assert_eq!(said("{side:{width}} {trader}"), None);
    }

    #[test]
    fn methods_of_known_texts() {
        let said = |text: &str, name: &str, positional: &[&str]| {
            let arguments = Arguments {
                positional: positional.iter().map(|text| V::Str((*text).to_owned())).collect(),
                named: Vec::new(),
                open: false,
                sure: true,
                doubtful: Default::default(),
            };
            method(text, name, &arguments)
        };
        let text = |text: &str| V::Str(text.to_owned());
        assert_eq!(said("gpu", "upper", &[]), text("GPU"));
        assert_eq!(said("é", "upper", &[]), V::Unknown);
        assert_eq!(
            said("a:b:c", "split", &[":"]),
            V::List(["a", "b", "c"].map(text).to_vec())
        );
        assert_eq!(said("tcp://x", "startswith", &["tcp"]), V::Bool(true));
        assert_eq!(said("a-b", "replace", &["-", "_"]), text("a_b"));
        assert_eq!(said("a", "center", &["b"]), V::Unknown);
        assert_eq!(said("xaxx", "strip", &["x"]), text("a"));
        assert_eq!(said("-ab-", "lstrip", &["-"]), text("ab-"));
        assert_eq!(said(" a\u{1c}", "strip", &[]), V::Unknown);
        assert_eq!(said("fOO", "capitalize", &[]), text("Foo"));
        assert_eq!(said("", "capitalize", &[]), text(""));
        assert_eq!(said("55", "isdigit", &[]), V::Bool(true));
        assert_eq!(said("", "isdigit", &[]), V::Bool(false));
        assert_eq!(said("５", "isdigit", &[]), V::Unknown);
        assert_eq!(said("a=b=c", "rpartition", &["="]), texts(["a=b", "=", "c"]));
        assert_eq!(said("a", "partition", &["="]), texts(["a", "", ""]));
        assert_eq!(said(" a  b ", "split", &[]), texts(["a", "b"]));
        assert_eq!(said("a", "split", &[""]), V::Unknown);
        assert_eq!(cut("tcp://*:5", "rsplit", ":", 1), texts(["tcp://*", "5"]));
        assert_eq!(cut("a:b:c", "split", ":", 1), texts(["a", "b:c"]));
        assert_eq!(cut("a:b:c", "split", ":", -1), V::Unknown);
        assert_eq!(joined(",", &[text("a"), text("b")]), text("a,b"));
        assert_eq!(joined(",", &[V::Int(1)]), V::Unknown);
        let endings = Arguments {
            positional: vec![V::List([".yaml", ".yml"].map(text).to_vec())],
            ..Arguments::none(false)
        };
        assert_eq!(method("a.yml", "endswith", &endings), V::Bool(true));
        assert_eq!(method("a.json", "endswith", &endings), V::Bool(false));
    }
}
