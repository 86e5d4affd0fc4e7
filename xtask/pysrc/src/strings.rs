//! What a string literal looks like.

use std::net::Ipv4Addr;

use crate::facts::StringKind;

/// Endings by which a bare name is taken for a file's.
const ENDINGS: &[&str] = &[
    "py",
    "yaml",
    "yml",
    "json",
    "jsonl",
    "txt",
    "log",
    "db",
    "sqlite",
    "sqlite3",
    "csv",
    "tsv",
    "pt",
    "pth",
    "bin",
    "onnx",
    "gguf",
    "ggml",
    "wav",
    "mp3",
    "flac",
    "toml",
    "ini",
    "cfg",
    "conf",
    "pkl",
    "pickle",
    "npy",
    "npz",
    "h5",
    "sh",
    "bat",
    "ps1",
    "md",
    "html",
    "xml",
    "env",
    "pid",
    "lock",
    "sock",
    "safetensors",
    "model",
    "dat",
    "jpg",
    "png",
];

/// What bytes say about the text that they are in, as bits.
mod byte {
    /// Ends a line.
    pub const LINE: u8 = 1;
    /// May begin a placeholder.
    pub const TEMPLATE: u8 = 2;
    /// A colon.
    pub const COLON: u8 = 4;
    /// A dot or a slash: what neither has is no path.
    pub const PATH: u8 = 8;
    /// In no path.
    pub const NO_PATH: u8 = 16;
    /// A capital letter, of which a placeholder has some.
    pub const CAPITAL: u8 = 32;

    /// Bits of each byte.
    pub static CLASS: [u8; 256] = classes();

    const fn classes() -> [u8; 256] {
        let mut classes = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            #[expect(clippy::cast_possible_truncation, reason = "below 256")]
            let character = byte as u8;
            let mut class = match character {
                b'\n' => LINE,
                b'<' | b'$' | b'%' | b'{' => TEMPLATE,
                b':' => COLON,
                b'.' | b'/' => PATH,
                b'A'..=b'Z' => CAPITAL,
                _ => 0,
            };
            let of_path = character.is_ascii_alphanumeric()
                || character >= 0x80
                || matches!(character, b'_' | b'-' | b'.' | b'/' | b'{' | b'}' | b'\\' | b'@' | b'+');
            if !of_path {
                class |= NO_PATH;
            }
            classes[byte] = class;
            byte += 1;
        }
        classes
    }
}

/// What the text looks like, if like anything.
pub fn classify(text: &str) -> Option<StringKind> {
    if text.len() < 2 || text.len() > 1024 {
        return None;
    }
    // Of long ones, most have several lines.
    if text.len() > 64 && memchr::memchr(b'\n', text.as_bytes()).is_some() {
        return None;
    }
    // One look at each byte decides about nearly all strings: they look like nothing.
    let class = text
        .bytes()
        .fold(0, |class, byte| class | byte::CLASS[usize::from(byte)]);
    if class & (byte::TEMPLATE | byte::COLON | byte::PATH) == 0 {
        return (text == "localhost").then_some(StringKind::Host);
    }
    if class & byte::LINE != 0 {
        return None;
    }
    const LOUD: u8 = byte::TEMPLATE | byte::CAPITAL;
    if class & LOUD == LOUD && placeholder(text).is_some() {
        return Some(StringKind::Placeholder);
    }
    if class & byte::COLON != 0
        && let Some(at) =
            memchr::memchr_iter(b':', text.as_bytes()).find(|at| text.as_bytes()[at + 1..].starts_with(b"//"))
    {
        let scheme = &text[..at];
        return match scheme {
            "tcp" | "ipc" | "inproc" | "udp" | "pgm" | "epgm" | "ws+tcp" => Some(StringKind::Endpoint),
            _ if !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+') => {
                Some(StringKind::Url)
            }
            _ => None,
        };
    }
    let port = (class & byte::COLON != 0).then(|| text.rsplit_once(':')).flatten();
    let host = match port {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => text,
    };
    let digit = host.as_bytes().first().is_some_and(u8::is_ascii_digit);
    if host == "localhost" || (digit && host.parse::<Ipv4Addr>().is_ok()) {
        return Some(StringKind::Host);
    }
    is_path(text, class).then_some(StringKind::Path)
}

/// The part of a text that a template left unfilled.
pub fn placeholder(text: &str) -> Option<&str> {
    for (open, close) in [("<", ">"), ("${", "}"), ("{{", "}}"), ("%%", "%%")] {
        let mut from = 0;
        while let Some(start) = text[from..].find(open).map(|at| at + from) {
            let inner = start + open.len();
            let Some(end) = text[inner..].find(close).map(|at| at + inner) else {
                break;
            };
            let name = text[inner..end].trim();
            let loud = name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
                && name.bytes().filter(u8::is_ascii_uppercase).count() >= 2;
            if loud {
                return Some(&text[start..end + close.len()]);
            }
            from = inner;
        }
    }
    None
}

fn is_path(text: &str, class: u8) -> bool {
    let bytes = text.as_bytes();
    let drive = bytes.len() > 3
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && (bytes[2] == b'\\' || bytes[2] == b'/')
        && bytes[3] != b'/';
    if drive || text.starts_with("~/") {
        return true;
    }
    if class & byte::NO_PATH != 0 || class & byte::PATH == 0 {
        return false;
    }
    let last = text.rsplit(['/', '\\']).next().unwrap_or(text);
    let known_ending = last
        .rsplit_once('.')
        .is_some_and(|(stem, ending)| !stem.is_empty() && ENDINGS.contains(&ending));
    let separators = bytes.iter().filter(|byte| **byte == b'/').count();
    if separators == 0 {
        return known_ending;
    }
    known_ending
        || (bytes.len() > 2 && (bytes[0] == b'/' || text.starts_with("./") || text.starts_with("../")))
        || separators >= 2
        || (bytes.len() > 2 && bytes[bytes.len() - 1] == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_a_string_looks_like() {
        for (text, kind) in [
            ("tcp://localhost:5555", Some(StringKind::Endpoint)),
            ("tcp://<BIND_ADDR>:5555", Some(StringKind::Placeholder)),
            ("http://localhost:11434/api", Some(StringKind::Url)),
            ("192.168.1.101", Some(StringKind::Host)),
            ("127.0.0.1:80", Some(StringKind::Host)),
            ("localhost", Some(StringKind::Host)),
            ("logs/agent.log", Some(StringKind::Path)),
            ("agent.log", Some(StringKind::Path)),
            (r"C:\Users\me\x", Some(StringKind::Path)),
            ("/home/me/project", Some(StringKind::Path)),
            ("application/json", None),
            ("hello world", None),
            ("1.2.3", None),
            ("and/or", None),
            ("<b>", None),
        ] {
            assert_eq!(classify(text), kind, "{text}");
        }
    }

    #[test]
    fn finds_placeholders() {
        assert_eq!(placeholder("tcp://<BIND_ADDR>:1"), Some("<BIND_ADDR>"));
        assert_eq!(placeholder("{{ HOST }}"), Some("{{ HOST }}"));
        assert_eq!(placeholder("a < b > c"), None);
    }
}
