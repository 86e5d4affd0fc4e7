//! Regular expressions: which Python refuses to compile, and what a plain one finds in a text that is known.

use regex::Regex;

use super::operator::Problem;

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

/// Whether `re.match`, `re.search` or `re.fullmatch` finds something, for patterns that mean the same everywhere.
pub fn finds(function: &str, pattern: &str, text: &str) -> Option<bool> {
    const LONGEST: usize = 1024;
    const OTHERWISE: &[&str] = &[
        "[[", "&&", "--", "~~", "\\Z", "\\A", "{,", "\\z", "\\G", "*+", "++", "?+",
    ];
    let special = pattern.match_indices("(?").any(|(at, _)| {
        let rest = pattern.get(at + 2..).unwrap_or_default();
        !(rest.starts_with(':') || rest.starts_with("P<"))
    });
    let bytes = pattern.as_bytes();
    let back = bytes
        .windows(2)
        .any(|pair| pair[0] == b'\\' && pair[1].is_ascii_digit());
    let plain = pattern.is_ascii() && text.is_ascii() && !text.contains(['\n', '\r']);
    if special || back || !plain || OTHERWISE.iter().any(|part| pattern.contains(part)) {
        return None;
    }
    if pattern.len() > LONGEST || text.len() > LONGEST {
        return None;
    }
    let whole = match function {
        "match" => format!("^(?:{pattern})"),
        "fullmatch" => format!("^(?:{pattern})$"),
        "search" => pattern.to_owned(),
        _ => return None,
    };
    Some(Regex::new(&whole).ok()?.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::{finds, refused};

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
        assert_eq!(finds("match", r"v(\d+)", "release-1"), Some(false));
        assert_eq!(finds("search", r"(\d+)", "release-1"), Some(true));
        assert_eq!(finds("fullmatch", "a|ab", "ab"), Some(true));
        assert_eq!(finds("match", r"(a)\1", "aa"), None);
        assert_eq!(finds("match", "(?i)a", "A"), None);
    }
}
