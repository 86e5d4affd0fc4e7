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
    let given: Option<Vec<&str>> = arguments.positional.iter().map(V::text).collect();
    let (Some(given), true, false) = (given, arguments.named.is_empty(), arguments.open) else {
        return V::Unknown;
    };
    match (method, given.as_slice()) {
        // Other letters may have other rules.
        ("upper", []) if text.is_ascii() => V::Str(text.to_ascii_uppercase()),
        ("lower", []) if text.is_ascii() => V::Str(text.to_ascii_lowercase()),
        ("strip", []) if text.is_ascii() => V::Str(text.trim_ascii().to_owned()),
        ("startswith", [start]) => V::Bool(text.starts_with(start)),
        ("endswith", [end]) => V::Bool(text.ends_with(end)),
        ("replace", [from, to]) if !from.is_empty() => {
            let grown = text.matches(from).count().saturating_mul(to.len());
            if grown.saturating_add(text.len()) > LARGEST {
                return V::Unknown;
            }
            V::Str(text.replace(from, to))
        }
        ("split", [separator]) if !separator.is_empty() => {
            V::List(text.split(separator).map(|part| V::Str(part.to_owned())).collect())
        }
        _ => V::Unknown,
    }
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
        let endings = Arguments {
            positional: vec![V::List([".yaml", ".yml"].map(text).to_vec())],
            ..Arguments::none(false)
        };
        assert_eq!(method("a.yml", "endswith", &endings), V::Bool(true));
        assert_eq!(method("a.json", "endswith", &endings), V::Bool(false));
    }
}
