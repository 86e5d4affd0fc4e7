//! Where a value stands in a text: spans while parsing, [`Place`]s in findings.

use crate::finding::Place;

/// Longest line that is carried along in a finding; a longer one is no help to anybody.
const LONGEST_LINE: usize = 1_000;

/// A stretch of one line of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Width in characters; 0: to the end of the line.
    pub width: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// A text with the path that findings name it by.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path.
    pub path: String,
    /// The text.
    pub text: String,
    lines: Vec<Line>,
}

/// One line of a text. Measured once: a document in one line has a place for each of its thousands of values.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// Where it begins and ends, in bytes, without its line break.
    start: usize,
    end: usize,
    /// Its length in characters, without white space at its end.
    length: usize,
}

impl Source {
    /// A text and its path.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let mut start = 0;
        let lines = text
            .split('\n')
            .map(|whole| {
                let line = whole.strip_suffix('\r').unwrap_or(whole);
                let measured = Line {
                    start,
                    end: start + line.len(),
                    length: line.trim_end().chars().count(),
                };
                start += whole.len() + 1;
                measured
            })
            .collect();
        Self {
            path: path.into(),
            text,
            lines,
        }
    }

    fn measured(&self, number: usize) -> Option<Line> {
        self.lines.get(number.checked_sub(1)?).copied()
    }

    /// A line by its number, without its line break.
    #[must_use]
    pub fn line(&self, number: usize) -> &str {
        self.measured(number)
            .and_then(|line| self.text.get(line.start..line.end))
            .unwrap_or_default()
    }

    /// The place of a span.
    #[must_use]
    pub fn place(&self, span: Span) -> Place {
        let length = self.measured(span.line).map_or(0, |line| line.length);
        // One behind the end: where something is missing. The parser counts some lines with wide characters too far.
        let column = span.column.clamp(1, length + 1);
        let rest = (length + 1).saturating_sub(column).max(1);
        let width = if span.width == 0 { rest } else { span.width.min(rest) };
        Place {
            path: self.path.clone(),
            line: number(span.line),
            column: number(column),
            width: number(width),
            text: if length > LONGEST_LINE {
                String::new()
            } else {
                self.line(span.line).to_owned()
            },
        }
    }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_carries_its_line_and_stays_inside_it() {
        let source = Source::new("a.yaml", "one\r\n  two: x\nthree");
        let place = source.place(Span {
            line: 2,
            column: 3,
            width: 0,
        });
        assert_eq!((place.line, place.column, place.width), (2, 3, 6));
        assert_eq!(place.text, "  two: x");
        assert_eq!(source.line(1), "one");
        assert_eq!(source.line(3), "three");
        assert_eq!(source.line(4), "");
        let wide = source.place(Span {
            line: 3,
            column: 4,
            width: 90,
        });
        assert_eq!(wide.width, 2);
    }

    #[test]
    fn an_endless_line_is_not_carried_along() {
        let source = Source::new("a.yaml", "x".repeat(5_000));
        let place = source.place(Span {
            line: 1,
            column: 1,
            width: 0,
        });
        assert_eq!(place.text, "");
    }
}
