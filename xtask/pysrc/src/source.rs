//! Bytes to text: byte order mark, coding cookie, NUL bytes, line starts.

use std::borrow::Cow;

use crate::facts::{Encoding, Span, SyntaxError};

/// A file's text, and what was odd about its bytes.
pub struct Source {
    pub text: String,
    pub encoding: Vec<Encoding>,
    pub errors: Vec<SyntaxError>,
    /// The first byte that is not UTF-8, in a file that declares nothing else. In a comment, CPython minds it in the script
    /// that it is started with, and not in what that imports.
    pub wrong_byte: Option<SyntaxError>,
}

/// Reads the text as CPython would.
pub fn decode(given: Cow<'_, [u8]>) -> Source {
    let mut encoding = Vec::new();
    let mut problems: Vec<(usize, String)> = Vec::new();
    let mut bytes = &*given;
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        encoding.push(Encoding::Bom);
        bytes = rest;
    }
    let has_bom = !encoding.is_empty();
    let codec = cookie(bytes).map_or(Codec::Utf8, |name| {
        let codec = codec(&name);
        if matches!(codec, Codec::Unknown) {
            problems.push((0, format!("unknown encoding: {name}")));
            encoding.push(Encoding::UnknownCookie(name.into()));
        } else {
            let plain = name.to_ascii_lowercase().replace('_', "-");
            if has_bom && plain != "utf-8" && !plain.starts_with("utf-8-") {
                problems.push((0, format!("encoding problem: {name} with BOM")));
            }
            encoding.push(Encoding::Cookie(name.into()));
        }
        codec
    });
    let mut wrong_byte: Option<SyntaxError> = None;
    let mut text = match (std::str::from_utf8(bytes), codec) {
        // Nearly every file: what was read is the text.
        (Ok(_), Codec::Utf8) if !has_bom => into_text(given),
        (Ok(text), Codec::Utf8 | Codec::Ascii | Codec::Unknown) => {
            if matches!(codec, Codec::Ascii)
                && let Some(at) = text.bytes().position(|byte| byte > 127)
            {
                problems.push((
                    at,
                    "a byte that is not ASCII, in a file declared to be ASCII".to_owned(),
                ));
            }
            text.to_owned()
        }
        (Err(error), Codec::Utf8 | Codec::Ascii | Codec::Unknown) => {
            let at = error.valid_up_to();
            let byte = bytes.get(at).copied().unwrap_or_default();
            wrong_byte = Some(error_at(
                at,
                format!("the byte 0x{byte:02x} is not UTF-8, and no encoding is declared"),
            ));
            let line = 1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count();
            encoding.push(Encoding::NotUtf8 {
                byte,
                line: u32::try_from(line).unwrap_or(u32::MAX),
            });
            String::from_utf8_lossy(bytes).into_owned()
        }
        (_, Codec::OneByte) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        // Not decoded here: what is ASCII in it is read all the same.
        (Ok(text), Codec::Other) => text.to_owned(),
        (Err(_), Codec::Other) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    if let Some(at) = memchr::memchr(0, text.as_bytes()) {
        problems.push((at, "source code cannot contain null bytes".to_owned()));
        let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        encoding.push(Encoding::Nul {
            line: u32::try_from(line).unwrap_or(u32::MAX),
        });
        text = text.replace('\0', " ");
    }
    if memchr::memchr_iter(b'\r', text.as_bytes()).any(|at| text.as_bytes().get(at + 1) == Some(&b'\n')) {
        encoding.push(Encoding::Crlf);
    }
    let errors = problems
        .into_iter()
        .map(|(at, message)| {
            let mut start = at.min(text.len());
            while !text.is_char_boundary(start) {
                start -= 1;
            }
            error_at(start, message)
        })
        .map(|error| of_a_character(error, &text))
        .collect();
    let wrong_byte = wrong_byte.map(|error| of_a_character(error, &text));
    Source {
        text,
        encoding,
        errors,
        wrong_byte,
    }
}

fn error_at(start: usize, message: String) -> SyntaxError {
    let start = u32::try_from(start).unwrap_or(u32::MAX);
    SyntaxError {
        message: message.into(),
        span: Span {
            start,
            end: start.saturating_add(1),
        },
    }
}

/// The same about the whole character that stands there, or about the end of the text.
fn of_a_character(mut error: SyntaxError, text: &str) -> SyntaxError {
    let start = error.span.start as usize;
    let length = text
        .get(start..)
        .and_then(|rest| rest.chars().next())
        .map_or(0, char::len_utf8);
    error.span.end = error
        .span
        .start
        .saturating_add(u32::try_from(length).unwrap_or_default());
    error
}

/// Text that is known to be UTF-8, without a copy where the bytes are ours.
fn into_text(bytes: Cow<'_, [u8]>) -> String {
    String::from_utf8(bytes.into_owned()).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[derive(Clone, Copy)]
enum Codec {
    Utf8,
    Ascii,
    /// Latin-1, and its relatives that differ from it in letters only.
    OneByte,
    /// Known to Python, not decoded here.
    Other,
    Unknown,
}

fn codec(name: &str) -> Codec {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let squeezed: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    match squeezed.as_str() {
        "utf8" | "u8" | "utf" | "cp65001" | "utf8sig" => Codec::Utf8,
        _ if name.starts_with("utf-8-") => Codec::Utf8,
        "ascii" | "usascii" | "646" | "ansix341968" => Codec::Ascii,
        "latin" | "latin1" | "l1" | "cp819" | "8859" => Codec::OneByte,
        "koi8r" | "koi8u" | "koi8t" | "macroman" | "macintosh" | "mbcs" | "cp437" | "cp850" | "cp852" | "cp855"
        | "cp858" | "cp860" | "cp861" | "cp862" | "cp863" | "cp864" | "cp865" | "cp866" | "cp869" | "cp874" => {
            Codec::OneByte
        }
        other if other.starts_with("iso8859") || other.starts_with("windows125") || other.starts_with("cp125") => {
            Codec::OneByte
        }
        other if other.starts_with("latin") || other.starts_with("isolatin") => Codec::OneByte,
        "gbk" | "gb2312" | "gb18030" | "big5" | "big5hkscs" | "shiftjis" | "sjis" | "eucjp" | "euckr" | "cp932"
        | "cp936" | "cp949" | "cp950" | "johab" | "hz" | "utf7" | "iso2022jp" | "iso2022kr" | "rot13" => Codec::Other,
        _ => Codec::Unknown,
    }
}

/// The encoding that one of the first two lines declares (PEP 263).
fn cookie(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    for _ in 0..2 {
        let end = rest.iter().position(|byte| *byte == b'\n' || *byte == b'\r');
        let line = &rest[..end.unwrap_or(rest.len())];
        let blank = line.iter().position(|byte| !matches!(byte, b' ' | b'\t' | 0x0c));
        match blank.and_then(|at| line.get(at)) {
            Some(b'#') => {
                if let Some(name) = cookie_of(line) {
                    return Some(name);
                }
            }
            Some(_) => return None,
            None => {}
        }
        let end = end?;
        let two = rest.get(end) == Some(&b'\r') && rest.get(end + 1) == Some(&b'\n');
        rest = &rest[end + 1 + usize::from(two)..];
    }
    None
}

fn cookie_of(line: &[u8]) -> Option<String> {
    let at = line.windows(6).enumerate().find_map(|(index, window)| {
        (window == b"coding" && matches!(line.get(index + 6), Some(b':' | b'='))).then_some(index + 7)
    })?;
    let name: String = line[at..]
        .iter()
        .skip_while(|byte| matches!(byte, b' ' | b'\t'))
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        .map(|byte| char::from(*byte))
        .collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cookies() {
        assert_eq!(cookie(b"# -*- coding: latin-1 -*-\n").as_deref(), Some("latin-1"));
        assert_eq!(
            cookie(b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n").as_deref(),
            Some("cp1252")
        );
        assert_eq!(cookie(b"x = 1\n# coding: latin-1\n"), None);
        assert_eq!(cookie(b"\n\n# coding: latin-1\n"), None);
    }

    #[test]
    fn latin_1_with_a_cookie_is_fine_and_without_is_not() {
        assert!(
            decode(Cow::Borrowed(b"# coding: latin-1\nx = '\xe9'\n"))
                .errors
                .is_empty()
        );
        let source = decode(Cow::Borrowed(b"x = '\xe9'\n"));
        assert!(source.wrong_byte.is_some());
        assert_eq!(source.encoding, [Encoding::NotUtf8 { byte: 0xe9, line: 1 }]);
    }

    #[test]
    fn bom_nul_and_unknown_cookies() {
        assert_eq!(
            decode(Cow::Borrowed(b"\xef\xbb\xbfx = 1\r\n")).encoding,
            [Encoding::Bom, Encoding::Crlf]
        );
        assert_eq!(decode(Cow::Borrowed(b"x = 1\0\n")).errors.len(), 1);
        assert_eq!(decode(Cow::Borrowed(b"# coding: klingon\n")).errors.len(), 1);
        assert_eq!(decode(Cow::Borrowed(b"\xef\xbb\xbf# coding: utf8\n")).errors.len(), 1);
        assert_eq!(decode(Cow::Borrowed(b"\xef\xbb\xbf# coding: UTF_8\n")).errors.len(), 0);
    }
}
