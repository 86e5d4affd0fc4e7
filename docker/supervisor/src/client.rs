//! The client side: `check`, `status`, `restart`, `stop` and `start` ask the supervisor of this container, over the socket that is for processes from
//! outside; from inside, over the port, which only tells. Plain blocking sockets: a health check must cost a few milliseconds, start
//! to end.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::control;

const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST: u64 = 4 * 1024 * 1024;

/// What the supervisor said.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status code.
    pub code: u16,
    /// The body.
    pub body: String,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Nobody answers.
    #[error("no supervisor answers on {address}: {source}")]
    Connection {
        /// Where one should.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody else does.
    #[error("what answers on {0} is no supervisor")]
    Stranger(SocketAddr),
}

/// Sends one request.
pub fn request(method: &str, path: &str, port: u16) -> Result<Reply, RequestError> {
    match by_socket(method, path, port) {
        Ok(Some(reply)) if reply.code != 403 || method != "GET" => Ok(reply),
        Err(source) if method != "GET" => {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            Err(RequestError::Connection { address, source })
        }
        _ => by_port(method, path, port),
    }
}

/// `None`: what answers is no supervisor.
fn by_socket(method: &str, path: &str, port: u16) -> std::io::Result<Option<Reply>> {
    let stream = control::connect(port)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    exchange(stream, method, path)
}

fn by_port(method: &str, path: &str, port: u16) -> Result<Reply, RequestError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ask = || {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        exchange(stream, method, path)
    };
    ask()
        .map_err(|source| RequestError::Connection { address, source })?
        .ok_or(RequestError::Stranger(address))
}

fn exchange(mut stream: impl Read + Write, method: &str, path: &str) -> std::io::Result<Option<Reply>> {
    let text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    // A refusal may come before the request is read.
    let sent = stream.write_all(text.as_bytes());
    let mut reply = Vec::new();
    let read = stream.take(LONGEST).read_to_end(&mut reply);
    if reply.is_empty() {
        sent?;
        read?;
    }
    Ok(parse(&String::from_utf8_lossy(&reply)))
}

/// Reads a whole reply.
pub fn parse(reply: &str) -> Option<Reply> {
    let (head, body) = reply.split_once("\r\n\r\n")?;
    let code = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Reply {
        code,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Reply, parse};

    #[test]
    fn reads_replies() {
        let reply = parse("HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\nwhy\n").unwrap();
        let expected = Reply {
            code: 503,
            body: "why\n".to_owned(),
        };
        assert_eq!(reply, expected);
        assert_eq!(parse("SSH-2.0-x\r\n\r\n"), None);
        assert_eq!(parse("HTTP/1.1 2"), None);
    }
}
