//! JSON documents as they go out: indented, nothing in them that a terminal obeys, and no text without end. A message may hold a line of
//! 100 MB that an agent printed, or that stands in a file; of such a text the beginning is kept.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter, Serializer};

use super::escape;

/// Characters of a text that are kept.
pub const LONGEST: usize = 10_000;

/// A document as text, without a line break at its end.
///
/// # Errors
/// When it cannot be one, as with keys that are not texts.
pub fn text(document: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    document.serialize(&mut Serializer::with_formatter(&mut bytes, Bounded::default()))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(escape::json(&text).into_owned())
}

/// The same in one line.
///
/// # Errors
/// As [`text`].
pub fn line(document: &impl Serialize) -> serde_json::Result<String> {
    let value: serde_json::Value = serde_json::from_str(&text(document)?)?;
    Ok(escape::json(&value.to_string()).into_owned())
}

/// Indents, and cuts off what is too long while it is written: nothing is copied to be cut.
#[derive(Debug, Default)]
struct Bounded<'a> {
    pretty: PrettyFormatter<'a>,
    /// Characters of the present text so far.
    written: usize,
}

impl Bounded<'_> {
    /// How many of so many characters may be written.
    fn admit(&mut self, characters: usize) -> usize {
        let room = LONGEST.saturating_sub(self.written);
        self.written += characters;
        room.min(characters)
    }
}

impl Formatter for Bounded<'_> {
    fn begin_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.written = 0;
        self.pretty.begin_string(writer)
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // As many bytes are at least as many characters.
        let fits = self.written + fragment.len() <= LONGEST;
        let characters = if fits { fragment.len() } else { fragment.chars().count() };
        let kept = self.admit(characters);
        if kept == characters {
            return self.pretty.write_string_fragment(writer, fragment);
        }
        let end = fragment.char_indices().nth(kept).map_or(fragment.len(), |(at, _)| at);
        self.pretty.write_string_fragment(writer, &fragment[..end])
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        if self.admit(1) == 0 {
            return Ok(());
        }
        self.pretty.write_char_escape(writer, escape)
    }

    fn end_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.written > LONGEST {
            self.pretty.write_string_fragment(writer, "…")?;
        }
        self.pretty.end_string(writer)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.pretty.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{LONGEST, text};

    #[test]
    fn a_document_with_short_texts_is_what_it_was() {
        let document = json!({
            "a": [1, 2.5, true, null, [], {}], "b": {"c": "x\n\"y\"\\ ü \u{1}"}, "d": "", "e": "ü".repeat(LONGEST),
        });
        let text = text(&document).unwrap();
        assert_eq!(text, serde_json::to_string_pretty(&document).unwrap());
    }

    #[test]
    fn a_text_without_end_is_cut() {
        for long in [
            "x".repeat(50_000_000),
            "ü".repeat(LONGEST + 1),
            "\n".repeat(LONGEST + 1),
            "a\"".repeat(LONGEST),
            format!("{}\u{1b}[2J😀", "y".repeat(LONGEST - 1)),
        ] {
            let text = text(&json!({"message": long, "key": "whole", long.as_str(): [long]})).unwrap();
            assert!(text.len() < 7 * 3 * LONGEST, "{}", text.len());
            let read: Value = serde_json::from_str(&text).unwrap();
            let mut expected: String = long.chars().take(LONGEST).collect();
            expected.push('…');
            assert_eq!(read["message"], expected);
            assert_eq!(read["key"], "whole");
            assert_eq!(read[&expected][0], expected);
        }
    }
}
