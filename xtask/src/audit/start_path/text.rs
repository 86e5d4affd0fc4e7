//! Methods of strings: what they give.

use super::arguments::Arguments;
use super::value::V;

/// What `text.method(…)` gives, for the methods that say most of what names, addresses and modes are.
pub fn method(text: &str, method: &str, arguments: &Arguments) -> V {
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
        ("replace", [from, to]) if !from.is_empty() => V::Str(text.replace(from, to)),
        ("split", [separator]) if !separator.is_empty() => {
            V::List(text.split(separator).map(|part| V::Str(part.to_owned())).collect())
        }
        _ => V::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
