//! The text of a unit: sections of keys, as `systemd.syntax(7)` has them.

use std::fmt::{Display, Write};

/// A unit that is being written.
pub struct Unit(String);

impl Unit {
    /// One with the header alone.
    pub fn new(header: &str) -> Self {
        Self(format!("# {header}\n"))
    }

    /// Begins a section.
    pub fn section(&mut self, name: &str) -> &mut Self {
        self.line(format_args!("\n[{name}]"))
    }

    /// Adds a key. The value stands as it is.
    pub fn key(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.line(format_args!("{key}={value}"))
    }

    /// The whole.
    pub fn text(self) -> String {
        self.0
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) -> &mut Self {
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "{line}");
        self
    }
}

/// A text in which nothing is replaced.
pub fn literal(text: &str) -> String {
    text.replace('%', "%%")
}

/// A text as one word of a command line, in which nothing is replaced.
pub fn word(text: &str) -> String {
    let text = literal(text).replace('$', "$$");
    let plain = |c: char| c.is_alphanumeric() || (c.is_ascii_graphic() && !"\"'\\".contains(c));
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            // Letters are read by people. All else might be taken for white space or the end of a line.
            ' '..='~' => quoted.push(c),
            c if c.is_alphanumeric() => quoted.push(c),
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0x7f => write!(quoted, "\\x{code:02x}"),
                    0x80..=0xffff => write!(quoted, "\\u{code:04x}"),
                    _ => write!(quoted, "\\U{code:08x}"),
                };
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn words_stay_what_they_are() {
        for (text, written) in [
            ("LOG_LEVEL=INFO", "LOG_LEVEL=INFO"),
            ("PRICE=$5 a day", "\"PRICE=$$5 a day\""),
            ("SHARE=5%", "SHARE=5%%"),
            ("SAID=\"no\\yes\"", "\"SAID=\\\"no\\\\yes\\\"\""),
            ("LINES=a\nb", "\"LINES=a\\nb\""),
            ("", "\"\""),
        ] {
            assert_eq!(word(text), written);
        }
    }
}
