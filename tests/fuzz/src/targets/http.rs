//! HTTP: requests to the status endpoint, and answers as the supervisor's own client and the host read them.

use std::net::{Ipv4Addr, SocketAddr};

use agent_supervisor::parsers::{reply, request};
use xtask::host::boot::supervisor_status;

use crate::invariants;

/// Reads the bytes all three ways.
pub fn run(bytes: &[u8]) {
    if let Some(seen) = request(bytes) {
        invariants::printable(&seen, false, "the request");
        assert!(bytes.windows(6).any(|window| window == b"HTTP/1"), "{seen}");
    }
    let text = String::from_utf8_lossy(bytes);
    if let Some((code, body)) = reply(&text) {
        assert!(code < 1000 && text.ends_with(&body), "{code}");
    }
    if let Err(error) = supervisor_status::read(bytes, SocketAddr::from((Ipv4Addr::LOCALHOST, 9000))) {
        invariants::printable(&error.to_string(), false, "the error");
    }
}
