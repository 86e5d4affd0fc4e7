//! How wide things are on a terminal: texts that are cut, wrapped and padded by the cells that they take, not by their characters.

use owo_colors::{OwoColorize as _, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Columns of a terminal that nothing is known of.
pub const USUAL_WIDTH: usize = 80;
/// Narrower than this, nothing is laid out any more.
const LEAST_WIDTH: usize = 40;
/// Wider than this, lines are hard to read.
const MOST_WIDTH: usize = 120;

/// What decides how a report looks.
#[derive(Debug, Clone)]
pub struct Look {
    color: bool,
    width: usize,
    frames: Option<usize>,
    command: String,
    elapsed: Option<std::time::Duration>,
}

impl Look {
    /// Without colours, 80 columns wide.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            color: false,
            width: USUAL_WIDTH,
            frames: None,
            command: "cargo xtask audit".to_owned(),
            elapsed: None,
        }
    }

    /// The same, with colours or without.
    #[must_use]
    pub fn with_color(mut self, color: bool) -> Self {
        self.color = color;
        self
    }

    /// The same, for a terminal of that many columns, or for a pipe.
    #[must_use]
    pub fn with_terminal(mut self, columns: Option<usize>) -> Self {
        if let Some(columns) = columns {
            self.width = columns.clamp(LEAST_WIDTH, MOST_WIDTH);
            self.frames = Some(columns.max(LEAST_WIDTH));
        }
        self
    }

    /// The same, with the command that audits the same tree again, to which options are appended.
    #[must_use]
    pub fn with_command(mut self, command: String) -> Self {
        self.command = command;
        self
    }

    /// The same, with the time that the audit took.
    #[must_use]
    pub fn with_elapsed(mut self, elapsed: Option<std::time::Duration>) -> Self {
        self.elapsed = elapsed;
        self
    }

    /// Whether there are colours.
    #[must_use]
    pub fn color(&self) -> bool {
        self.color
    }

    /// Columns of tables.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Columns of frames around code; nothing where they may be as wide as they like.
    #[must_use]
    pub fn frames(&self) -> Option<usize> {
        self.frames
    }

    /// The command that audits the same tree again.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.command
    }

    /// How long the audit took, where that is to be shown.
    #[must_use]
    pub fn elapsed(&self) -> Option<std::time::Duration> {
        self.elapsed
    }

    /// A text in a style.
    #[must_use]
    pub fn paint(&self, text: &str, style: Style) -> String {
        if self.color {
            text.style(style).to_string()
        } else {
            text.to_owned()
        }
    }

    /// A heading.
    #[must_use]
    pub fn bold(&self, text: &str) -> String {
        self.paint(text, Style::new().bold())
    }

    /// What matters less.
    #[must_use]
    pub fn dim(&self, text: &str) -> String {
        self.paint(text, Style::new().dimmed())
    }
}

/// Cells that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// Rows that a line takes on a terminal of that many columns, which goes on in the next row where it has to; colours take none.
#[must_use]
pub fn rows(line: &str, columns: usize) -> usize {
    let mut parts = line.split('\u{1b}');
    let plain = parts.next().unwrap_or_default().width();
    let coloured = parts.map(|part| part.split_once('m').map_or(0, |(_, text)| text.width()));
    (plain + coloured.sum::<usize>()).div_ceil(columns.max(1)).max(1)
}

/// The text, or its beginning with `…` if it takes more cells.
#[must_use]
pub fn cut(text: &str, cells: usize) -> String {
    if text.width() <= cells {
        return text.to_owned();
    }
    let mut kept = beginning(text, cells.saturating_sub(1)).to_owned();
    kept.push('…');
    kept
}

/// The text, or its end behind `…` if it takes more cells: of a path, the end says most.
#[must_use]
pub fn cut_front(text: &str, cells: usize) -> String {
    if text.width() <= cells {
        return text.to_owned();
    }
    let mut taken = 1;
    let kept: Vec<char> = text
        .chars()
        .rev()
        .take_while(|c| {
            taken += c.width().unwrap_or(0);
            taken <= cells
        })
        .collect();
    std::iter::once('…').chain(kept.into_iter().rev()).collect()
}

/// The text with blanks behind it, up to that many cells.
#[must_use]
pub fn pad(text: &str, cells: usize) -> String {
    let mut padded = text.to_owned();
    padded.extend(std::iter::repeat_n(' ', cells.saturating_sub(text.width())));
    padded
}

fn beginning(text: &str, cells: usize) -> &str {
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        taken += c.width().unwrap_or(0);
        if taken > cells {
            return &text[..at];
        }
    }
    text
}

/// The text in lines of at most that many cells, broken at blanks; the last of `most` lines ends with `…` if there is more.
#[must_use]
pub fn wrap(text: &str, cells: usize, most: usize) -> Vec<String> {
    let cells = cells.max(2);
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if lines.len() + 1 >= most {
            lines.push(cut(rest, cells));
            break;
        }
        if rest.width() <= cells {
            lines.push(rest.to_owned());
            break;
        }
        let fits = beginning(rest, cells);
        let next_is_blank = rest[fits.len()..].starts_with(' ');
        let end = match fits.rfind(' ') {
            _ if next_is_blank => fits.len(),
            Some(blank) if blank > 0 => blank,
            _ => fits.len(),
        };
        lines.push(rest[..end].trim_end().to_owned());
        rest = rest[end..].trim_start();
    }
    lines
}

/// A number with commas, as in `1,188`.
#[must_use]
pub fn number(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_padded_by_the_cells_that_they_take() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(cut_front("a/b/c.py:12", 8), "…c.py:12");
        assert_eq!(cut_front("漢字.py", 6), "…字.py");
        assert_eq!(pad("漢", 4), "漢  ");
        assert_eq!(width(&pad("é漢x", 9)), 9);
    }

    #[test]
    fn lines_are_broken_at_blanks_and_never_too_wide() {
        assert_eq!(wrap("one two three", 7, 3), ["one two", "three"]);
        assert_eq!(wrap("one two three four", 7, 2), ["one two", "three …"]);
        assert_eq!(wrap("abcdefghij", 4, 9), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4, 9), Vec::<String>::new());
        for line in wrap(&"漢字 x ".repeat(40), 11, 50) {
            assert!(width(&line) <= 11, "{line}");
        }
    }

    #[test]
    fn long_lines_go_on_in_the_next_row() {
        assert_eq!(["", "abc", "abcd", "abcde"].map(|line| rows(line, 4)), [1, 1, 1, 2]);
        assert_eq!(rows("\u{1b}[31mabc\u{1b}[0md", 4), 1);
        assert_eq!(rows("漢字漢", 4), 2);
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(number),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
