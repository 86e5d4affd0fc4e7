//! Reading the reply to a health check over HTTP, piece by piece: as much as is needed to judge it, from a peer that may send anything.

/// What the bytes so far come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// More must come.
    More,
    /// Status code and body.
    Whole(u16, String),
    /// It is not HTTP; the text shows its start.
    Other(String),
    /// Nothing came, and nothing will.
    Nothing,
}

/// Reads what came; `last`: nothing more will.
#[must_use]
pub fn read(bytes: &[u8], last: bool) -> Read {
    const START: &[u8] = b"HTTP/1.";
    if bytes.is_empty() {
        return if last { Read::Nothing } else { Read::More };
    }
    let other = || {
        let shown = String::from_utf8_lossy(bytes.get(..24).unwrap_or(bytes));
        Read::Other(shown.escape_debug().to_string())
    };
    let both = bytes.len().min(START.len());
    if bytes.get(..both) != START.get(..both) {
        return other();
    }
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if last { other() } else { Read::More };
    };
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
    let body = bytes.get(end + 4..).unwrap_or_default();
    let mut lines = head.split("\r\n");
    let code = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let Some(code) = code.filter(|code| (100..1000).contains(code)) else {
        return other();
    };
    // `100 Continue` and its like come before the reply.
    if (100..200).contains(&code) {
        return read(body, last);
    }
    let header = |name: &str| {
        head.split("\r\n").skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    if header("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().contains("chunked")) {
        let (whole, body) = chunks(body);
        return if whole || last {
            Read::Whole(code, text(&body))
        } else {
            Read::More
        };
    }
    let length = header("content-length").and_then(|value| value.parse::<usize>().ok());
    let length = if code == 204 || code == 304 { Some(0) } else { length };
    match length {
        Some(length) if body.len() >= length => Read::Whole(code, text(body.get(..length).unwrap_or(body))),
        _ if last => Read::Whole(code, text(body)),
        _ => Read::More,
    }
}

/// The content of a chunked body as far as it came, and whether that is all.
fn chunks(mut bytes: &[u8]) -> (bool, Vec<u8>) {
    let mut content = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else {
            return (false, content);
        };
        let size = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
        let size = size.split(';').next().unwrap_or_default().trim().to_owned();
        let Ok(size) = usize::from_str_radix(&size, 16) else {
            // Not chunks after all.
            return (true, content);
        };
        if size == 0 {
            return (true, content);
        }
        let chunk = bytes.get(end + 2..).unwrap_or_default();
        content.extend_from_slice(chunk.get(..size).unwrap_or(chunk));
        let Some(rest) = size.checked_add(2).and_then(|next| chunk.get(next..)) else {
            return (false, content);
        };
        bytes = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::{Read, read};

    fn whole(code: u16, body: &str) -> Read {
        Read::Whole(code, body.to_owned())
    }

    #[test]
    fn a_reply_is_whole_when_its_length_or_its_end_says_so() {
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for length in 0..reply.len() {
            assert_eq!(read(&reply[..length], false), Read::More, "{length}");
        }
        assert_eq!(read(reply, false), whole(200, "ok"));
        let open = b"HTTP/1.0 503 Busy\r\n\r\nnot yet";
        assert_eq!(read(open, false), Read::More);
        assert_eq!(read(open, true), whole(503, "not yet"));
        assert_eq!(read(b"HTTP/1.1 204 No Content\r\n\r\n", false), whole(204, ""));
        let early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(read(early, false), whole(200, ""));
    }

    #[test]
    fn chunks_are_joined() {
        let reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhea\r\n4;x=y\r\nlthy\r\n0\r\n\r\n";
        assert_eq!(read(reply.as_bytes(), false), whole(200, "healthy"));
        let cut = &reply.as_bytes()[..reply.len() - 14];
        assert_eq!(read(cut, false), Read::More);
        assert_eq!(read(cut, true), whole(200, "hea"));
        let huge = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx";
        assert_eq!(read(huge, true), whole(200, "x"));
    }

    #[test]
    fn what_is_not_http_is_shown() {
        assert_eq!(read(b"", true), Read::Nothing);
        assert_eq!(read(b"\xff\0\0", false), Read::Other("\u{fffd}\\0\\0".to_owned()));
        assert_eq!(read(b"SSH-2.0-x", false), Read::Other("SSH-2.0-x".to_owned()));
        assert!(matches!(read(b"HTTP/1.1 ok\r\n\r\n", false), Read::Other(_)));
    }
}
