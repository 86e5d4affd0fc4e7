//! Regular expressions: which Python refuses to compile, and what a plain one finds in a text that is known.

use std::cell::RefCell;
use std::sync::Arc;

use regex::{Captures, Regex};
use rustc_hash::FxHashMap;

use super::arguments::Arguments;
use super::operator::Problem;
use super::value::V;

/// Why Python refuses a pattern that is compiled without flags.
pub fn refused(pattern: &str) -> Option<Problem> {
    let wrong = |message: String| Some(("error", message));
    // What stands in there may be a comment, or be counted otherwise.
    if pattern.contains("(?#") || pattern.contains("(?(") || pattern.contains("(?x") || pattern.contains('\n') {
        return None;
    }
    let letters: Vec<char> = pattern.chars().collect();
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    let mut nothing = true;
    while let Some(letter) = letters.get(at) {
        let start = at;
        at += 1;
        match letter {
            '\\' => {
                if letters.get(at).is_none() {
                    return wrong(format!("bad escape (end of pattern) at position {start}"));
                }
                at += 1;
                nothing = false;
            }
            '[' => {
                at += usize::from(letters.get(at) == Some(&'^'));
                at += usize::from(letters.get(at) == Some(&']'));
                loop {
                    match letters.get(at) {
                        None => return wrong(format!("unterminated character set at position {start}")),
                        Some('\\') => at += 2,
                        Some(']') => break,
                        Some(_) => at += 1,
                    }
                }
                at += 1;
                nothing = false;
            }
            '(' => {
                open.push(start);
                nothing = true;
                if letters.get(at) == Some(&'?') {
                    // A group with a name, or one that is looked at in another way: up to what it holds.
                    let end = letters
                        .iter()
                        .skip(at)
                        .position(|letter| matches!(letter, ':' | '=' | '!' | '>' | ')'));
                    at += end.unwrap_or(0);
                    at += usize::from(letters.get(at).is_some_and(|letter| *letter != ')'));
                }
            }
            ')' => {
                if open.pop().is_none() {
                    return wrong(format!("unbalanced parenthesis at position {start}"));
                }
                nothing = false;
            }
            '*' | '+' | '?' if nothing => return wrong(format!("nothing to repeat at position {start}")),
            '|' | '^' => nothing = true,
            _ => nothing = false,
        }
    }
    let first = open.first()?;
    wrong(format!("missing ), unterminated subpattern at position {first}"))
}

/// What a pattern has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What each group has, the whole first; nothing where it took no part.
    groups: Vec<Option<String>>,
    /// Names of groups, where they have one.
    names: Vec<Option<String>>,
}

impl Found {
    /// `found[key]`; nothing where that is not known, or raises.
    pub fn group(&self, key: &V) -> V {
        let at = match key {
            V::Int(at) => usize::try_from(*at).ok(),
            V::Str(name) => self.names.iter().position(|known| known.as_ref() == Some(name)),
            _ => None,
        };
        at.and_then(|at| self.groups.get(at)).map_or(V::Unknown, of_group)
    }

    /// What `found.method(…)` gives.
    pub fn method(&self, method: &str, arguments: &Arguments) -> V {
        if arguments.are_named() {
            return V::Unknown;
        }
        match (method, arguments.positional.as_slice()) {
            ("group", []) => self.group(&V::Int(0)),
            ("group" | "__getitem__", [key]) => self.group(key),
            ("groups", []) => V::List(self.groups.iter().skip(1).map(of_group).collect()),
            ("groupdict", []) => {
                let named = self.names.iter().zip(&self.groups);
                let named = named.filter_map(|(name, group)| Some((V::Str(name.clone()?), of_group(group))));
                V::Dict(named.collect())
            }
            _ => V::Unknown,
        }
    }
}

fn of_group(group: &Option<String>) -> V {
    group.clone().map_or(V::None, V::Str)
}

/// What `re.match`, `re.search` or `re.fullmatch` gives, for patterns that mean the same everywhere.
pub fn found(function: &str, pattern: &str, text: &str) -> V {
    let Some(regex) = plain(function, pattern, text) else {
        return V::Unknown;
    };
    match regex.captures(text) {
        Some(captures) => V::Found(found_by(&regex, &captures)),
        None => V::None,
    }
}

fn found_by(regex: &Regex, captures: &Captures<'_>) -> Arc<Found> {
    let groups = captures
        .iter()
        .map(|group| group.map(|group| group.as_str().to_owned()));
    let names = regex.capture_names().map(|name| name.map(str::to_owned));
    Arc::new(Found {
        groups: groups.collect(),
        names: names.collect(),
    })
}

/// A text that is taken apart by what a pattern finds.
pub enum Split {
    /// It is found nowhere.
    Nowhere,
    /// What stands before each place, what was found there, and what stands behind the last one.
    Places(Vec<(String, Arc<Found>)>, String),
}

/// Takes a text apart as `re.sub` does; nothing where that is not the same everywhere, or has too many places.
pub fn split(pattern: &str, text: &str) -> Option<Split> {
    const MOST: usize = 256;
    let regex = plain("search", pattern, text)?;
    if !regex.is_match(text) {
        return Some(Split::Nowhere);
    }
    // Which places are empty matches is not the same everywhere.
    if regex.is_match("") {
        return None;
    }
    let (mut places, mut behind) = (Vec::new(), 0);
    for captures in regex.captures_iter(text) {
        let whole = captures.get(0)?;
        if whole.is_empty() || places.len() >= MOST {
            return None;
        }
        places.push((text.get(behind..whole.start())?.to_owned(), found_by(&regex, &captures)));
        behind = whole.end();
    }
    Some(Split::Places(places, text.get(behind..)?.to_owned()))
}

/// A pattern that means the same everywhere, for a function that looks for it in a text.
fn plain(function: &str, pattern: &str, text: &str) -> Option<Regex> {
    const LONGEST: usize = 1024;
    const LONGEST_TEXT: usize = 64 * 1024;
    const OTHERWISE: &[&str] = &[
        "[[", "&&", "--", "~~", "\\Z", "\\A", "{,", "\\z", "\\G", "*+", "++", "?+",
    ];
    /// Classes of letters, of which there are more in the one than in the other.
    const LETTERS: &[&str] = &["\\w", "\\W", "\\d", "\\D", "\\s", "\\S", "\\b", "\\B"];
    let special = pattern.match_indices("(?").any(|(at, _)| {
        let rest = pattern.get(at + 2..).unwrap_or_default();
        !(rest.starts_with(':') || rest.starts_with("P<"))
    });
    let bytes = pattern.as_bytes();
    let back = bytes
        .windows(2)
        .any(|pair| pair[0] == b'\\' && pair[1].is_ascii_digit());
    let has = |parts: &[&str]| parts.iter().any(|part| pattern.contains(part));
    // In Python, `$` is the place before the last end of a line, too.
    let lines = text.contains('\n') && has_end(pattern) || text.contains('\r');
    // Spaces that only Python takes for such.
    let spaces = text.bytes().any(|byte| matches!(byte, 0x1c..=0x1f)) && has(LETTERS);
    if special || back || !pattern.is_ascii() || lines || spaces || has(OTHERWISE) {
        return None;
    }
    if pattern.len() > LONGEST || text.len() > LONGEST_TEXT {
        return None;
    }
    let whole = |pattern: &str| match function {
        "match" => Some(format!("^(?:{pattern})")),
        "fullmatch" => Some(format!("^(?:{pattern})$")),
        "search" => Some(pattern.to_owned()),
        _ => None,
    };
    let regex = compiled(whole(pattern)?)?;
    if !text.is_ascii() && has(LETTERS) {
        // Which letters of other alphabets are among them is not the same: what is found has to be the same with none of them.
        let few = compiled(whole(&with_few_letters(pattern)?)?)?;
        let places = |regex: &Regex| -> Vec<_> { regex.find_iter(text).map(|found| found.range()).collect() };
        if places(&regex) != places(&few) {
            return None;
        }
    }
    Some(regex)
}

/// A pattern of which the classes have the letters of ASCII alone; nothing where it has their opposites.
fn with_few_letters(pattern: &str) -> Option<String> {
    let mut few = String::with_capacity(pattern.len() * 2);
    let mut letters = pattern.chars();
    let mut inside = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let class = match letters.next()? {
                    'w' => "0-9A-Za-z_",
                    'd' => "0-9",
                    's' => " \\t\\n\\r\\x0b\\x0c",
                    'W' | 'D' | 'S' | 'b' | 'B' => return None,
                    other => {
                        few.extend(['\\', other]);
                        continue;
                    }
                };
                match inside {
                    true => few.push_str(class),
                    false => few.extend(["[", class, "]"]),
                }
            }
            '[' | ']' => {
                inside = letter == '[';
                few.push(letter);
            }
            letter => few.push(letter),
        }
    }
    Some(few)
}

/// Whether a pattern has a `$` that is no letter.
fn has_end(pattern: &str) -> bool {
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '$' => return true,
            '\\' => _ = letters.next(),
            _ => {}
        }
    }
    false
}

/// A compiled pattern. To compile one takes far longer than to look for it, and what expands a configuration asks for the same one again
/// and again.
fn compiled(pattern: String) -> Option<Regex> {
    const MOST: usize = 64;
    thread_local! {
        static KNOWN: RefCell<FxHashMap<String, Option<Regex>>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(regex) = known.get(&pattern) {
            return regex.clone();
        }
        if known.len() >= MOST {
            known.clear();
        }
        let regex = Regex::new(&pattern).ok();
        known.insert(pattern, regex.clone());
        regex
    })
}

#[cfg(test)]
mod tests {
    use super::{Split, found, refused, split};
    use crate::audit::start_path::arguments::Arguments;
    use crate::audit::start_path::value::V;

    #[test]
    fn patterns_are_refused_as_python_does() {
        for (pattern, said) in [
            ("([a-z]+", "missing ), unterminated subpattern at position 0"),
            ("a)", "unbalanced parenthesis at position 1"),
            ("[a-z", "unterminated character set at position 0"),
            ("*.txt", "nothing to repeat at position 0"),
            ("a|*", "nothing to repeat at position 2"),
            ("a\\", "bad escape (end of pattern) at position 1"),
        ] {
            assert_eq!(
                refused(pattern).map(|(_, text)| text),
                Some(said.to_owned()),
                "{pattern}"
            );
        }
        for pattern in [
            "[]a(]",
            "[^]]*",
            "(?P<x>a+)*",
            "(?:a|b)?",
            "\\(",
            "(?<=a)b",
            "a??",
            "(?=a)*",
            "[[]",
            "a{2}?",
            "\\b+",
        ] {
            assert_eq!(refused(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn patterns_find_what_python_finds() {
        let finds = |function, pattern, text| match found(function, pattern, text) {
            V::None => Some(false),
            V::Found(_) => Some(true),
            _ => None,
        };
        assert_eq!(finds("match", r"v(\d+)", "release-1"), Some(false));
        assert_eq!(finds("search", r"(\d+)", "release-1"), Some(true));
        assert_eq!(finds("fullmatch", "a|ab", "ab"), Some(true));
        assert_eq!(finds("match", r"(a)\1", "aa"), None);
        assert_eq!(finds("match", "(?i)a", "A"), None);
    }

    #[test]
    fn groups_of_what_is_found() {
        let text = |text: &str| V::Str(text.to_owned());
        let V::Found(found) = found(
            "fullmatch",
            r"\$\{(?P<name>[A-Z]+)(?::-(?P<default>[^}]*))?\}",
            "${PORT}",
        ) else {
            panic!("it is found");
        };
        assert_eq!(found.group(&text("name")), text("PORT"));
        assert_eq!(found.group(&text("default")), V::None);
        assert_eq!(found.group(&V::Int(0)), text("${PORT}"));
        assert_eq!(found.group(&V::Int(3)), V::Unknown);
        let groups = V::List(vec![text("PORT"), V::None]);
        assert_eq!(found.method("groups", &Arguments::none(false)), groups);
    }

    #[test]
    fn texts_of_several_lines_and_other_letters() {
        let places = |pattern, text| match split(pattern, text) {
            None => None,
            Some(Split::Nowhere) => Some(0),
            Some(Split::Places(places, _)) => Some(places.len()),
        };
        assert_eq!(places("b+", "abbc\nb"), Some(2));
        assert_eq!(places("x+", "abc"), Some(0));
        assert_eq!(places("b*", "abbc"), None);
        assert_eq!(places(r"\$\{([^}]+)\}", "a: ${B}\nc: \u{2014} ${D}\n"), Some(2));
        assert_eq!(places(r"\$\{(\w+)\}", "a: ${B}\nc: ${D}\n"), Some(2));
        assert_eq!(places(r"\$\{(\w+)\}", "\u{fc}: ${B}\n"), Some(1));
        assert_eq!(places(r"\$\{([\w.]+)\}", "\u{fc}: ${B}\n"), Some(1));
        assert_eq!(places(r"(\w+)", "\u{fc}: ${B}\n"), None);
        assert_eq!(places(r"(\S+)", "\u{fc}: ${B}\n"), None);
        assert_eq!(places("b$", "b\n"), None);
    }
}
