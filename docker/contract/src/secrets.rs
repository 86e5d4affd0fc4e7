//! Files that hold what agents are given and nobody else may see: where they are in a container, and how a file of variables is
//! written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The files of a group, or of one agent. All paths are absolute in the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Files of variables, in order: a later one wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_files: Vec<String>,
    /// Environment variables, each with the file that holds its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Further files, which agents open themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

impl Secrets {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.env_files.is_empty() && self.variables.is_empty() && self.files.is_empty()
    }
}

/// What a line of a file of variables is that is none; its number, from 1. Never what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongLine(pub usize);

/// The variables of a file of lines `NAME=VALUE`, as Compose's `env_file` has them: empty lines and lines that begin with `#` are
/// passed over, `export` may stand in front, a value may stand in quotes, also over several lines. `${NAME}` stays as it is.
///
/// # Errors
/// The first line that is not of that form.
pub fn variables(text: &str) -> Result<Vec<(String, String)>, WrongLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate();
    let mut found = Vec::new();
    while let Some((number, line)) = lines.next() {
        let wrong = WrongLine(number + 1);
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = match line.strip_prefix("export") {
            Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
            _ => line,
        };
        let (name, value) = line.split_once('=').ok_or(wrong)?;
        let name = name.trim_end();
        if !is_name(name) {
            return Err(wrong);
        }
        let value = value.trim_start();
        let value = match value.chars().next().filter(|first| matches!(first, '"' | '\'')) {
            None => plain(value),
            Some(quote) => {
                let mut quoted = value[1..].to_owned();
                loop {
                    if let Some((value, rest)) = closed(&quoted, quote) {
                        let rest = rest.trim_start();
                        if !rest.is_empty() && !rest.starts_with('#') {
                            return Err(wrong);
                        }
                        break value;
                    }
                    let (_, more) = lines.next().ok_or(wrong)?;
                    quoted.push('\n');
                    quoted.push_str(more);
                }
            }
        };
        if value.contains('\0') {
            return Err(wrong);
        }
        found.push((name.to_owned(), value));
    }
    Ok(found)
}

/// Whether a text can be the name of an environment variable.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A value without quotes: up to a comment, which stands behind a blank.
fn plain(value: &str) -> String {
    let comment = value
        .char_indices()
        .find(|(at, c)| *c == '#' && (*at == 0 || value[..*at].ends_with([' ', '\t'])));
    value[..comment.map_or(value.len(), |(at, _)| at)].trim_end().to_owned()
}

/// What stands before the closing quote, and what stands behind it.
fn closed(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == quote => return Some((value, &text[at + 1..])),
            '\\' if quote == '"' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, other @ ('"' | '\\' | '$'))) => value.push(other),
                Some((_, other)) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{WrongLine, variables};

    #[test]
    fn files_of_variables_are_read_as_people_write_them() {
        let text = "\u{feff}# comment\n\nA=1\r\nexport B = two words # not this\nC=\"x\\n\\\"y\\\" # z\" # comment\nD='it\\n $E'\nE=\n\
                    F=a#b\n  G=\"one\ntwo\"\nURL=postgres://u:p@h/x?a=b\nH=#\n";
        let all = variables(text).unwrap();
        let seen: Vec<(&str, &str)> = all
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("A", "1"),
                ("B", "two words"),
                ("C", "x\n\"y\" # z"),
                ("D", "it\\n $E"),
                ("E", ""),
                ("F", "a#b"),
                ("G", "one\ntwo"),
                ("URL", "postgres://u:p@h/x?a=b"),
                ("H", ""),
            ]
        );
    }

    #[test]
    fn a_wrong_line_is_told_by_its_number_alone() {
        for (text, line) in [
            ("A=1\nhunter2\n", 2),
            ("1A=x", 1),
            ("\nA-B=x", 2),
            ("A=\"open\nB=2\n", 1),
            ("A='x' y", 1),
            ("A=x\0y", 1),
            ("=x", 1),
        ] {
            assert_eq!(variables(text), Err(WrongLine(line)), "{text:?}");
        }
    }
}
