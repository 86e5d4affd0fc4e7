//! What a peer sends to a supervisor that asks for its health.

use agent_supervisor::parsers::zmtp;
use contract::health::{Verdict, judge};

use crate::invariants;

/// More is never read.
const MOST: usize = 64 * 1024;

/// The same reply comes out however the bytes are cut, or none, and the reason can be shown.
pub fn run(bytes: &[u8]) {
    let whole = zmtp(bytes, usize::MAX);
    // What is shown of another protocol is what came first.
    for piece in [1, 7] {
        assert_eq!(
            whole.as_ref().ok(),
            zmtp(bytes, piece).as_ref().ok(),
            "it depends on how the bytes are cut"
        );
    }
    match &whole {
        Ok(reply) => assert!(reply.len() <= MOST),
        Err(reason) => invariants::printable(&reason.to_string(), false, "the reason"),
    }
    for reply in [whole.as_deref().unwrap_or_default(), bytes] {
        match judge(reply) {
            Verdict::Healthy => {}
            Verdict::Unhealthy(said) | Verdict::Malformed(said) => {
                invariants::printable(&said, false, "the verdict");
                assert!(said.len() <= 16 * 1024, "{} bytes of a reply are shown", said.len());
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = agent_supervisor::parsers::warm(text);
    }
}
