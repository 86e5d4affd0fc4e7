//! A status document: as the host reads it, and what is shown of it.

use std::net::{Ipv4Addr, SocketAddr};

use contract::status::GroupStatus;
use xtask::host::boot::supervisor_status;

use crate::invariants;

/// Reads it with its head; what is read is written the same.
pub fn run(bytes: &[u8]) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nX-Status-Version: 1\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    let answer = [head.as_bytes(), bytes].concat();
    match supervisor_status::read(&answer, SocketAddr::from((Ipv4Addr::LOCALHOST, 9000))) {
        Err(error) => invariants::printable(&error.to_string(), false, "the error"),
        Ok(snapshot) => {
            assert_eq!(snapshot.version, "1");
            let written = serde_json::to_vec(&snapshot.status);
            let again = written.and_then(|bytes| serde_json::from_slice::<GroupStatus>(&bytes));
            assert!(again.is_ok_and(|again| again == snapshot.status), "another document");
        }
    }
}
