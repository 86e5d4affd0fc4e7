//! Words of a text that may be a path, an address or an endpoint, with their places. The same shape for Python's string
//! literals and for words of YAML, shell and deployment files, so that a rule need not know where one came from.

use std::borrow::Cow;

use pysrc::{Module, Span};

use crate::python::tree::{Language, Text};

/// A word.
#[derive(Debug, Clone)]
pub struct Word<'a> {
    /// Path of its file relative to the tree.
    pub path: &'a str,
    /// What the file is written in.
    pub language: Language,
    /// Where it stands.
    pub seat: Seat<'a>,
    /// The word.
    pub text: Cow<'a, str>,
}

/// Where a word stands. Few words are ever spoken about, so those of Python are not counted lines for until then.
#[derive(Debug, Clone, Copy)]
pub enum Seat<'a> {
    /// In a Python file.
    Span(&'a Module, Span),
    /// Line and column from 1, and width, all in characters.
    Place(usize, usize, usize),
}

impl Word<'_> {
    /// Line and column from 1, and width, in characters in the file.
    #[must_use]
    pub fn place(&self) -> (usize, usize, usize) {
        match self.seat {
            Seat::Span(module, span) => {
                let position = module.position(span);
                (
                    position.line as usize,
                    position.column as usize,
                    position.width as usize,
                )
            }
            Seat::Place(line, column, width) => (line, column, width),
        }
    }
}

/// Whether a word of that text is worth keeping.
#[must_use]
pub fn is_interesting(text: &str) -> bool {
    text.len() >= 4 && text.len() <= 400 && text.bytes().any(|b| matches!(b, b'/' | b'\\' | b'.' | b':'))
}

/// The words of a text that is no Python. Comments are left out.
#[must_use]
pub fn of_text(text: &Text) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    for (index, line) in text.source.text.lines().enumerate() {
        let code = without_comment(line);
        if !is_interesting(code) {
            continue;
        }
        for (start, part) in split(code) {
            if is_interesting(part) {
                words.push(Word {
                    path: &text.path,
                    language: text.language,
                    seat: Seat::Place(index + 1, code[..start].chars().count() + 1, part.chars().count()),
                    text: Cow::Borrowed(part),
                });
            }
        }
    }
    words
}

/// A line up to its comment: `#` at its start or after a blank, outside quotes.
#[must_use]
pub fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return &line[..at],
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            _ => {}
        }
        before = c;
    }
    // An apostrophe in plain text opens no quotes.
    if quote.is_some()
        && let Some(at) = line.find(" #")
    {
        return &line[..at];
    }
    line
}

/// Splits at blanks, quotes, brackets, `,`, `;`, `=` and at a colon that is no part of a word (`key:`), with offsets.
fn split(line: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let mut start = 0;
    let ends = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '"' | '\'' | '`' | '[' | ']' | '(' | ')' | ',' | ';' | '=' | '<' | '>' | '|' | '&'
            )
    };
    let bytes = line.char_indices().chain([(line.len(), ' ')]);
    for (at, c) in bytes {
        if ends(c) {
            let part = line[start..at].trim_matches(|c| matches!(c, ':' | '!'));
            if !part.is_empty() {
                let offset = line[start..at].find(part).unwrap_or(0);
                parts.push((start + offset, part));
            }
            start = at + c.len_utf8();
            if start > line.len() {
                break;
            }
        }
    }
    parts
}

/// A word's parts at colons that separate paths (`/app:/app/main`, `./logs:/app/logs`), with their offsets in characters.
/// A Windows drive and an endpoint stay whole.
#[must_use]
pub fn paths(text: &str) -> Vec<(usize, &str)> {
    if text.contains("://") || windows_drive(text).is_some() {
        return vec![(0, text)];
    }
    let mut offset = 0;
    text.split(':')
        .map(|part| {
            let at = offset;
            offset += part.chars().count() + 1;
            (at, part)
        })
        .filter(|(_, part)| !part.is_empty())
        .collect()
}

/// The drive of a path like `C:\x` or `C:/x`.
#[must_use]
pub fn windows_drive(text: &str) -> Option<char> {
    let mut chars = text.chars();
    let (drive, colon, slash) = (chars.next()?, chars.next()?, chars.next()?);
    let rest = chars.next()?;
    (drive.is_ascii_alphabetic()
        && colon == ':'
        && (slash == '\\' || (slash == '/' && rest != '/'))
        && !rest.is_whitespace())
    .then_some(drive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_comments_left_out() {
        let words: Vec<&str> = split("  script_path: FORMAINPC/a.py, x=/app:/b \"tcp://h:1\"")
            .into_iter()
            .map(|(_, word)| word)
            .collect();
        assert_eq!(words, ["script_path", "FORMAINPC/a.py", "x", "/app:/b", "tcp://h:1"]);
        assert_eq!(without_comment("a: b # c/d.py"), "a: b ");
        assert_eq!(without_comment("a: 'b # c'"), "a: 'b # c'");
        assert_eq!(without_comment("a: it's # c"), "a: it's");
    }

    #[test]
    fn paths_are_split_at_colons_but_drives_and_endpoints_are_not() {
        assert_eq!(paths("./logs:/app/logs"), [(0, "./logs"), (7, "/app/logs")]);
        assert_eq!(paths("tcp://localhost:5"), [(0, "tcp://localhost:5")]);
        assert_eq!(paths(r"C:\ai\x.py"), [(0, r"C:\ai\x.py")]);
        assert_eq!(windows_drive("D:/x"), Some('D'));
        assert_eq!(windows_drive("a://b"), None);
    }
}
