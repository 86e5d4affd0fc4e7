//! Texts that others wrote, in Markdown: a reader sees what was written, and nothing of it becomes a table's column, a heading, a link or
//! an element of HTML.

use std::fmt::Write as _;

/// A text in a sentence, a table's cell or a link. What cannot be seen is shown by its number.
#[must_use]
pub fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before: Option<char> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        match c {
            c if is_odd(c) => {
                let _ = write!(escaped, "\\\\u{{{:x}}}", u32::from(c));
            }
            // Between letters it is one of them.
            '_' if is_word(before) && is_word(rest.peek().copied()) => escaped.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '#' | '+' | '-' | '!' if before.is_none() => {
                escaped.push('\\');
                escaped.push(c);
            }
            // What would be a link, where links are made of addresses.
            ':' if rest.peek() == Some(&'/') => escaped.push_str("&#58;"),
            '@' => escaped.push_str("&#64;"),
            c => escaped.push(c),
        }
        before = Some(c);
    }
    escaped
}

/// Code outside of a table, or in a cell of one.
#[must_use]
pub fn code(text: &str, in_cell: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_odd(c) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else if c == '|' && in_cell {
            shown.push_str("\\|");
        } else {
            shown.push(c);
        }
    }
    let mut longest = 0;
    for run in shown.split(|c| c != '`') {
        longest = longest.max(run.len());
    }
    let fence = "`".repeat(longest + 1);
    let touches = |edge: Option<char>| edge.is_none() || edge == Some('`');
    let both_spaces = shown.starts_with(' ') && shown.ends_with(' ');
    // A reader takes one space off at both ends.
    let room = if touches(shown.chars().next()) || touches(shown.chars().next_back()) || both_spaces {
        " "
    } else {
        ""
    };
    format!("{fence}{room}{shown}{room}{fence}")
}

/// A variable and its value, as code. A value that could not be seen as it is stands in double quotes, as JSON has it.
#[must_use]
pub fn variable(name: &str, value: &str) -> String {
    let plain = !value.contains(is_odd) && !value.starts_with([' ', '"']) && !value.ends_with(' ');
    let value = if plain { value.to_owned() } else { quoted(value) };
    code(&format!("{name}={value}"), false)
}

/// A text as JSON, nothing in it that cannot be seen.
fn quoted(text: &str) -> String {
    let mut escaped = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if is_odd(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
            c => escaped.push(c),
        }
    }
    escaped.push('"');
    escaped
}

/// A link to a path relative to the document.
#[must_use]
pub fn link(shown: &str, path: &str) -> String {
    let mut to = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            to.push(char::from(byte));
        } else {
            let _ = write!(to, "%{byte:02X}");
        }
    }
    format!("[{}]({to})", text(shown))
}

/// Whether a character is not seen, or does something else than be seen: ends a line, turns its direction, has no width.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::{code, link, text, variable};

    #[test]
    fn plain_names_stay_as_they_are() {
        for plain in [
            "VisionCaptureAgent",
            "main_pc_code/agents/face_recognition.py",
            "pc2-core",
            "libgl1 (x)",
        ] {
            assert_eq!(text(plain), plain);
        }
        assert_eq!(variable("A", "b c"), "`A=b c`");
        assert_eq!(link("a_b.py", "../t/a_b.py"), "[a_b.py](../t/a_b.py)");
        assert_eq!(link("a b", "../a b|c)"), "[a b](../a%20b%7Cc%29)");
    }

    #[test]
    fn nothing_becomes_markup() {
        assert_eq!(text("a|b<c>`d`"), "a\\|b\\<c\\>\\`d\\`");
        assert_eq!(text("_x_ *y* [z]"), "\\_x\\_ \\*y\\* \\[z\\]");
        assert_eq!(text("a\nb\u{202e}"), "a\\\\u{a}b\\\\u{202e}");
        assert_eq!(text("# x"), "\\# x");
        assert_eq!(code("a|b", true), "`a\\|b`");
        assert_eq!(code("a``b`", false), "``` a``b` ```");
        assert_eq!(variable("A", "x\ny \"z\""), "`A=\"x\\ny \\\"z\\\"\"`");
    }
}
