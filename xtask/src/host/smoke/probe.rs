//! The program that asks an agent from inside its container, and names of what checks make.

use std::sync::atomic::{AtomicU32, Ordering};

/// Sends standard input to a REP port of this container and prints the reply. Arguments: port, time limit in ms.
pub(super) const REQUEST_SCRIPT: &str = "\
import sys, zmq
port, limit = sys.argv[1], int(sys.argv[2])
s = zmq.Context().socket(zmq.REQ)
s.setsockopt(zmq.LINGER, 0)
s.setsockopt(zmq.RCVTIMEO, limit)
s.setsockopt(zmq.SNDTIMEO, limit)
s.connect('tcp://127.0.0.1:' + port)
s.send(sys.stdin.buffer.read())
try:
    sys.stdout.buffer.write(b''.join(s.recv_multipart()))
except zmq.Again:
    sys.exit('no answer on port %s within %.1f s' % (port, limit / 1000))
";

/// A name that no other check, run or user has: for a marker, and for a container that is made for a check of that stack.
pub(super) fn marker(stack: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{MARKER}{}-{number}-{stack}", std::process::id())
}

const MARKER: &str = "smoke-";

/// The process of the harness that gave this name, if it is one for a check of that stack.
pub fn maker(name: &str, stack: &str) -> Option<u32> {
    let mut parts = name.strip_prefix(MARKER)?.splitn(3, '-');
    let process = parts.next()?.parse().ok()?;
    let _: u32 = parts.next()?.parse().ok()?;
    (parts.next() == Some(stack)).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::{maker, marker};

    #[test]
    fn markers_differ_and_say_whose_they_are() {
        let name = marker("a-stack");
        assert_ne!(name, marker("a-stack"));
        assert_eq!(maker(&name, "a-stack"), Some(std::process::id()));
        for (name, stack) in [
            (name.as_str(), "stack"),
            ("smoke-7-a-stack", "stack"),
            ("a-stack", "a-stack"),
        ] {
            assert_eq!(maker(name, stack), None, "{name}");
        }
    }
}
