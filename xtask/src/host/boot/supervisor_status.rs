//! Asks a supervisor for its status document: one HTTP/1.1 exchange, and a long poll that returns when something changed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use contract::status::GroupStatus;

use crate::host::system::addresses;
use crate::host::system::network::Endpoint;

/// Header with the version of the document, to be handed back by a long poll.
const VERSION_HEADER: &str = "x-status-version";
/// No document is longer.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A status document with the version that a later request waits behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Version of the document, as the supervisor numbers it.
    pub version: String,
    /// The document.
    pub status: GroupStatus,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Nobody answers, or not in time.
    #[error("the supervisor at {address} does not answer: {source}")]
    Connection {
        /// Where it should be.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody answers, but not a supervisor.
    #[error("what answers at {address} is no supervisor: {found}")]
    Answer {
        /// Where it is.
        address: SocketAddr,
        /// What is wrong with it.
        found: String,
    },
}

/// Time for an exchange beside the time that the supervisor may hold it.
const MARGIN: Duration = Duration::from_secs(2);

/// The document; if `seen` is given, as soon as there is a newer one than that, or after `hold` at the latest.
///
/// # Errors
/// When nobody answers in time, or it is not a supervisor that does.
pub fn fetch(at: impl Into<Endpoint>, seen: Option<&str>, hold: Duration) -> Result<Snapshot, StatusError> {
    let Endpoint { address, network } = at.into();
    let (path, limit) = match seen {
        None => ("/status".to_owned(), hold),
        Some(version) => (
            format!("/status?wait_change={version}&timeout_ms={}", hold.as_millis()),
            hold + MARGIN,
        ),
    };
    let exchanged = network.run(|| exchange(address, &path, limit)).and_then(|bytes| bytes);
    let bytes = exchanged.map_err(|source| StatusError::Connection { address, source })?;
    read(&bytes, address)
}

/// The document in what a supervisor at that address answered, head included.
///
/// # Errors
/// When it is not a supervisor that answered so.
pub fn read(bytes: &[u8], address: SocketAddr) -> Result<Snapshot, StatusError> {
    // Anybody may answer there.
    let answer = |found: String| StatusError::Answer {
        address,
        found: found
            .split_inclusive(char::is_control)
            .flat_map(|part| {
                part.strip_suffix(char::is_control)
                    .map_or([part, ""], |text| [text, "\u{fffd}"])
            })
            .collect(),
    };
    let (head, body) = split(bytes).ok_or_else(|| answer("not an HTTP answer".to_owned()))?;
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    if first.split(' ').nth(1) != Some("200") {
        return Err(answer(format!("`{first}`")));
    }
    let version = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(VERSION_HEADER))
        .map(|(_, value)| value.trim().to_owned())
        .ok_or_else(|| answer(format!("no `{VERSION_HEADER}` in the answer")))?;
    let status = serde_json::from_slice(body).map_err(|error| answer(error.to_string()))?;
    Ok(Snapshot { version, status })
}

fn exchange(at: SocketAddr, path: &str, limit: Duration) -> std::io::Result<Vec<u8>> {
    let started = Instant::now();
    let left = || {
        limit
            .checked_sub(started.elapsed())
            .filter(|left| !left.is_zero())
            .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::TimedOut))
    };
    addresses::require_on_link(at)?;
    let mut stream = TcpStream::connect_timeout(&at, left()?)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(left()?))?;
    // In one write: a server may answer and hang up before the second one.
    let request = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nAccept: application/json\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let mut part = [0; 16 * 1024];
    loop {
        stream.set_read_timeout(Some(left()?))?;
        let read = match stream.read(&mut part) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                return Err(std::io::ErrorKind::TimedOut.into());
            }
            read => read?,
        };
        bytes.extend_from_slice(&part[..read]);
        if read == 0 || is_whole(&bytes) {
            return Ok(bytes);
        }
        if bytes.len() as u64 > MAX_BYTES {
            return Err(std::io::Error::other("the answer does not end"));
        }
    }
}

fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..at]).ok()?;
    head.starts_with("HTTP/1.").then_some((head, &bytes[at + 4..]))
}

fn is_whole(bytes: &[u8]) -> bool {
    split(bytes).is_some_and(|(head, body)| {
        head.split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse::<usize>().ok())
            .is_some_and(|length| body.len() >= length)
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::time::{Duration, Instant};

    use super::{StatusError, fetch};

    const LIMIT: Duration = Duration::from_secs(5);

    const DOCUMENT: &str = r#"{"version":1,"machine":"mainpc","group":"core-services","state":"healthy",
        "started_at_ms":1,"now_ms":2,"checks":[],"agents":[]}"#;

    /// Answers each connection with the next text, and hands on the request lines.
    fn server(answers: Vec<String>) -> (SocketAddr, std::sync::mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for (answer, stream) in answers.into_iter().zip(listener.incoming()) {
                let mut stream = stream.unwrap();
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                sender.send(line.trim().to_owned()).unwrap();
                if answer.is_empty() {
                    // Says nothing until the other side gives up.
                    let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
                    let _ = std::io::Read::read(&mut stream, &mut [0; 1]);
                } else {
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        (address, receiver)
    }

    #[test]
    fn the_document_comes_with_its_version() {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Status-Version: 17\r\n\r\n{DOCUMENT}",
            DOCUMENT.len()
        );
        let (at, requests) = server(vec![answer.clone(), answer]);
        let first = fetch(at, None, LIMIT).unwrap();
        assert_eq!(first.version, "17");
        assert_eq!(first.status.group, "core-services");
        assert_eq!(fetch(at, Some("17"), LIMIT).unwrap(), first);
        assert_eq!(requests.recv().unwrap(), "GET /status HTTP/1.1");
        assert_eq!(
            requests.recv().unwrap(),
            "GET /status?wait_change=17&timeout_ms=5000 HTTP/1.1"
        );
    }

    #[test]
    fn an_answer_without_length_ends_with_the_connection() {
        let (at, _requests) = server(vec![format!("HTTP/1.0 200 OK\r\nx-status-version:3\r\n\r\n{DOCUMENT}")]);
        assert_eq!(fetch(at, None, LIMIT).unwrap().version, "3");
    }

    #[test]
    fn each_way_to_fail_says_which() {
        let (at, _requests) = server(vec![
            "HTTP/1.1 404 Not Found\r\n\r\n".to_owned(),
            "SSH-2.0\r\n\r\n".to_owned(),
            String::new(),
        ]);
        let error = fetch(at, None, LIMIT).unwrap_err().to_string();
        assert!(error.ends_with("`HTTP/1.1 404 Not Found`"), "{error}");
        let error = fetch(at, None, LIMIT).unwrap_err().to_string();
        assert!(error.ends_with("not an HTTP answer"), "{error}");
        let before = Instant::now();
        let error = fetch(at, None, Duration::from_millis(150)).unwrap_err();
        assert!(matches!(error, StatusError::Connection { .. }), "{error}");
        assert!(before.elapsed() < Duration::from_secs(3));
    }
}
