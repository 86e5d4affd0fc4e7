//! The request: one line is all that matters. Pure, and with hard limits.

use contract::order::Order;

/// Bytes of a request, at most.
pub const LONGEST: usize = 8 * 1024;

/// The first line of a request; headers say nothing that is needed here.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    query: Vec<(String, String)>,
}

impl Request {
    /// Reads the head of a request.
    pub fn parse(head: &[u8]) -> Option<Self> {
        let line = head
            .get(..head.len().min(LONGEST))?
            .split(|&byte| byte == b'\r')
            .next()?;
        let line = std::str::from_utf8(line).ok()?;
        let mut words = line.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let method_is_good = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        let target_is_good = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
        if words.next().is_some() || !matches!(version, "HTTP/1.0" | "HTTP/1.1") || !method_is_good || !target_is_good {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query,
        })
    }

    /// A number of the query.
    pub fn number(&self, key: &str) -> Option<u64> {
        let found = self.query.iter().find(|(name, _)| name == key);
        found.and_then(|(_, value)| value.parse().ok())
    }

    /// The agent that is asked about.
    pub fn agent(&self) -> Option<&str> {
        let name = self.path.strip_prefix("/agents/")?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }

    /// What is to be done with which agent, where that is asked for.
    pub fn order(&self) -> Option<(Order, &str)> {
        let (name, word) = self.path.strip_prefix("/agents/")?.rsplit_once('/')?;
        Some((Order::of(word)?, name))
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, Request};

    #[test]
    fn reads_a_request_line() {
        let request = Request::parse(b"GET /status?wait_change=7&timeout_ms=x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/status"));
        assert_eq!(request.number("wait_change"), Some(7));
        assert_eq!(request.number("timeout_ms"), None);
        for order in Order::ALL {
            let head = format!("POST /agents/A/{} HTTP/1.1\r\n\r\n", order.word());
            let request = Request::parse(head.as_bytes()).unwrap();
            assert_eq!((request.order(), request.agent()), (Some((order, "A")), None));
        }
        let request = Request::parse(b"POST /agents/A/kill HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(request.order(), None);
        let request = Request::parse(b"GET /agents/A HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!((request.order(), request.agent()), (None, Some("A")));
    }

    #[test]
    fn refuses_what_is_not_a_request() {
        for bad in [
            &b"\xff\0\0"[..],
            b"",
            b"GET / HTTP/2\r\n",
            b"GET / HTTP/1.9\r\n",
            b"GET status HTTP/1.1\r\n",
            b"GET / a HTTP/1.1\r\n",
            b"GET /\x1b[2J HTTP/1.1\r\n",
            b"GET /\n HTTP/1.1\r\n",
            b"G\x07T / HTTP/1.1\r\n",
            b" / HTTP/1.1\r\n",
        ] {
            assert_eq!(Request::parse(bad), None);
        }
    }
}
