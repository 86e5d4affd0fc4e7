//! Text that others wrote: names, sources, logs, what programs say. It may hold anything: sequences that a terminal obeys, characters
//! that nobody sees or that turn a line around, lines that a CI service takes for a command. Here it becomes harmless, for each output in
//! the way that this output has; [`Printer`](super::printer::Printer) puts all that it prints through here once more.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters of one line of others that are shown.
const LONGEST_LINE: usize = 2_000;
/// Lines of others that are shown at once.
const MOST_LINES: usize = 1_000;
/// Characters of a line of source that are shown around what is meant.
const SOURCE_BEFORE: usize = 120;
/// The same from there on.
const SOURCE_FROM: usize = 400;

/// Whether a character does something else than be seen: it moves the cursor, begins a sequence, ends a line for some and not for
/// others, has no width, or turns the direction of what follows.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Adds a character as people can see it.
fn show(c: char, text: &mut String) {
    match c {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        c if is_hidden(c) => {
            let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
        }
        c => text.push(c),
    }
}

/// A text in one line, not without end.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_LINE && !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for c in text.chars().take(LONGEST_LINE) {
        show(c, &mut shown);
    }
    let rest = text.chars().skip(LONGEST_LINE).count();
    if rest > 0 {
        let _ = write!(shown, "… ({rest} more characters)");
    }
    Cow::Owned(shown)
}

/// The beginning of a text, for a document that keeps what is in it.
#[must_use]
pub fn beginning(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST_LINE * 5) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// A text of several lines, none of them and not the whole without end.
#[must_use]
pub fn block(text: &str) -> Cow<'_, str> {
    let odd = |c: char| is_hidden(c) && c != '\n';
    if text.len() <= LONGEST_LINE && !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let all = text.split('\n').count();
    let mut lines: Vec<String> = text
        .split('\n')
        .take(MOST_LINES)
        .map(|each| line(each.strip_suffix('\r').unwrap_or(each)).into_owned())
        .collect();
    if all > MOST_LINES {
        lines.push(format!("… ({} more lines)", all - MOST_LINES));
    }
    Cow::Owned(lines.join("\n"))
}

/// What goes out in the end, of any length: line breaks and tabs stay, and with `color` what sets colours (SGR) does. Everything else
/// that a terminal would obey is shown.
#[must_use]
pub fn output(text: &str, color: bool) -> Cow<'_, str> {
    let odd = |c: char| is_hidden(c) && !matches!(c, '\n' | '\t');
    if !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(odd) {
        let (before, from) = rest.split_at(at);
        shown.push_str(before);
        if let Some(colour) = sgr(from).filter(|_| color) {
            shown.push_str(colour);
            rest = &from[colour.len()..];
            continue;
        }
        let mut characters = from.chars();
        if let Some(c) = characters.next() {
            show(c, &mut shown);
        }
        rest = characters.as_str();
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// A line that an agent printed. Colours are the agent's own way to say something: they stay where output has colour, and are left out
/// where it has none.
#[must_use]
pub fn log_line(text: &str, color: bool) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        match sgr(from).filter(|_| !color) {
            Some(colour) => rest = &from[colour.len()..],
            None => {
                kept.push('\u{1b}');
                rest = &from[1..];
            }
        }
    }
    kept.push_str(rest);
    let shown = output(&kept, color).replace('\n', "\\n");
    // What was not set back would colour all that follows.
    if color && shown.contains('\u{1b}') {
        shown + "\u{1b}[0m"
    } else {
        shown
    }
}

/// The sequence that sets colours which a text begins with.
fn sgr(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':'))?;
    (end <= 64 && parameters[end..].starts_with('m')).then(|| &text[..end + 3])
}

/// The same text without lines that GitHub's runner takes for commands: `::` at the beginning of a line, `##[` anywhere.
#[must_use]
pub fn without_commands(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let begins = line.trim_start().starts_with("::") || colourless(line).trim_start().starts_with("::");
        let line = if begins {
            line.replacen("::", "\\u{3a}:", 1)
        } else {
            line.to_owned()
        };
        lines.push(line.replace("##[", "#\\u{23}["));
    }
    Cow::Owned(lines.join("\n"))
}

fn colourless(text: &str) -> String {
    log_line(text, false)
}

/// JSON, with everything that a terminal would obey escaped: it can stand only inside of texts, so the document stays the same.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    let odd = |c: char| is_hidden(c) && c != '\n';
    if !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if odd(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// XML, with character references for the same, and for what a CI service takes for a command at the beginning of a line.
#[must_use]
pub fn xml(text: &str) -> Cow<'_, str> {
    let odd = |c: char| is_hidden(c) && !matches!(c, '\n' | '\t');
    if !text.contains(odd) && !text.contains("::") && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    let mut at_start = true;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let command =
            (at_start && c == ':' && rest.as_str().starts_with(':')) || (c == '#' && rest.as_str().starts_with("#["));
        at_start = c == '\n' || (at_start && c.is_whitespace());
        if odd(c) || command {
            let _ = write!(escaped, "&#x{:x};", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// A line of source around what is meant in it, and where that is, in bytes; `column` and `width` are in characters.
#[must_use]
pub fn source(text: &str, column: usize, width: usize) -> (String, std::ops::Range<usize>) {
    let first = if text.len() > SOURCE_BEFORE + SOURCE_FROM {
        column.saturating_sub(SOURCE_BEFORE)
    } else {
        0
    };
    let mut shown = String::new();
    if first > 0 {
        shown.push('…');
    }
    let (mut start, mut end) = (None, None);
    let mut rest = text.chars().skip(first);
    for (index, c) in (first..).zip(rest.by_ref().take(column - first + SOURCE_FROM)) {
        if index == column {
            start = Some(shown.len());
        }
        if index == column.saturating_add(width) {
            end = Some(shown.len());
        }
        // Tabs are laid out by who draws the frame.
        if c == '\t' {
            shown.push(c);
        } else {
            show(c, &mut shown);
        }
    }
    let last = shown.len();
    if rest.next().is_some() {
        shown.push('…');
    }
    let start = start.unwrap_or(last);
    (shown, start..end.unwrap_or(last).max(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind.
    const HIDDEN: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\r\u{8}\u{b}\u{7f}\u{85}\u{9b}31m\u{202e}\u{2066}\u{200b}\u{200f}\u{feff}\u{2028}\u{ad}\u{e0041}";

    fn is_clean(text: &str) -> bool {
        !text.contains(|c: char| is_hidden(c) && c != '\n')
    }

    #[test]
    fn what_people_read_stays() {
        for text in ["", "a b", "ü 漢字 😀", "::x", "100%", "\\n"] {
            assert_eq!(line(text), text);
            assert_eq!(block(text), text);
            assert_eq!(output(text, false), text);
            assert_eq!(json(text), text);
        }
        assert_eq!(block("a\nb"), "a\nb");
        assert_eq!(output("a\n\tb", false), "a\n\tb");
    }

    #[test]
    fn nothing_hidden_stays_hidden() {
        assert_eq!(line("a\nb\r\tc\u{1b}[31m\u{202e}"), "a\\nb\\r\\tc\\u{1b}[31m\\u{202e}");
        for shown in [
            line(HIDDEN),
            block(HIDDEN),
            output(HIDDEN, false),
            output(HIDDEN, true),
            json(HIDDEN),
            xml(HIDDEN),
        ] {
            assert!(is_clean(&shown) && shown.contains("31m"), "{shown:?}");
        }
        let text = format!("{{\"a\": \"{}\"}}", HIDDEN.replace(|c: char| u32::from(c) < 32, ""));
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&json(&text)), read(&text));
    }

    #[test]
    fn colours_stay_where_there_is_colour() {
        let text = "\u{1b}[1;31mred\u{1b}[0m \u{1b}[2Jx\u{1b}[38:5:1my\u{1b}";
        assert_eq!(
            output(text, true),
            "\u{1b}[1;31mred\u{1b}[0m \\u{1b}[2Jx\u{1b}[38:5:1my\\u{1b}"
        );
        assert_eq!(
            output(text, false),
            "\\u{1b}[1;31mred\\u{1b}[0m \\u{1b}[2Jx\\u{1b}[38:5:1my\\u{1b}"
        );
        assert_eq!(log_line(text, false), "red \\u{1b}[2Jxy\\u{1b}");
        assert_eq!(log_line("\u{1b}[31mx", true), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(log_line("a\rb", true), "a\\rb");
    }

    #[test]
    fn lengths_have_bounds() {
        let long = "x".repeat(5_000_000);
        assert!(line(&long).len() < 3_000 && line(&long).ends_with("(4998000 more characters)"));
        assert!(block(&"x\n".repeat(100_000)).lines().count() < 1_100);
        let (shown, span) = source(&format!("{long}oops{long}"), 5_000_000, 4);
        assert!(shown.len() < 1_000 && &shown[span] == "oops", "{shown}");
    }

    #[test]
    fn a_span_stays_at_what_it_means() {
        for (text, column, width, meant) in [
            ("ab\u{1b}cd", 3, 2, "cd"),
            ("ab\u{1b}cd", 1, 2, "b\\u{1b}"),
            ("ü\tx", 2, 1, "x"),
            ("abc", 2, 9, "c"),
            ("abc", 9, 1, ""),
            ("", 0, 1, ""),
        ] {
            let (shown, span) = source(text, column, width);
            assert_eq!(&shown[span], meant, "{text:?}");
        }
    }

    #[test]
    fn no_line_is_a_command() {
        assert_eq!(
            without_commands("::error::x\n  ::set-env\n\u{1b}[1m::x\na ::x\n##[group]\n[A] ::y"),
            "\\u{3a}:error::x\n  \\u{3a}:set-env\n\u{1b}[1m\\u{3a}:x\na ::x\n#\\u{23}[group]\n[A] ::y"
        );
        assert_eq!(xml("<a>\n  ::x ::y ##[z]"), "<a>\n  &#x3a;:x ::y &#x23;#[z]");
    }
}
