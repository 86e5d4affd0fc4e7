//! Names of pyzmq: of the package, of its contexts, and of its sockets.

use std::sync::LazyLock;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

static NAMES: LazyLock<HashMap<&str, HashSet<&str>>> = LazyLock::new(|| {
    include_str!("zmq_names.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.collect()))
        })
        .collect()
});

/// A context, as its names are listed.
pub const CONTEXT: &str = "zmq.Context";
/// A context of whose sockets everything is awaited.
pub const AWAITED_CONTEXT: &str = "zmq.asyncio.Context";
/// A socket, as its names are listed.
pub const SOCKET: &str = "zmq.Socket";

/// How addresses of sockets begin (`zmq_connect(3)`, and the manual page of each transport).
const TRANSPORTS: &[&str] = &[
    "tcp", "ipc", "inproc", "udp", "pgm", "epgm", "norm", "tipc", "vmci", "vsock", "hyperv", "ws", "wss",
];

/// What a name of `zmq`, `zmq.Context` or `zmq.Socket` may be; nothing for anything else.
#[must_use]
pub fn names(of: &str) -> Option<&'static HashSet<&'static str>> {
    NAMES.get(of)
}

/// Whether a context or socket has an attribute; nothing for anything else. Options are attributes, too, in either case.
#[must_use]
pub fn has_member(of: &str, name: &str) -> Option<bool> {
    let members = NAMES.get(of)?;
    let option = NAMES
        .get("zmq")
        .is_some_and(|names| names.contains(name.to_ascii_uppercase().as_str()));
    Some(members.contains(name) || option || name.starts_with('_'))
}

/// Why no socket takes an address to bind it, or to connect to it.
#[must_use]
pub fn refuses(address: &str, bind: bool) -> Option<&'static str> {
    match address.split_once("://") {
        None => Some("Invalid argument"),
        Some((transport, _)) if !TRANSPORTS.contains(&transport) => Some("Protocol not supported"),
        Some(("tcp", rest)) => {
            let port = rest.rsplit_once(':').map(|(_, port)| port);
            let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
            // To bind, a name is one of an interface, which is never one of the net.
            if bind && is_host_name(host) {
                return Some("No such device");
            }
            let known = |port: &str| match port.parse::<u32>() {
                // A number that is too large is cut off when it is bound.
                Ok(number) => bind || (1..=u32::from(u16::MAX)).contains(&number),
                Err(_) => port == "*" && bind,
            };
            (!port.is_some_and(known)).then_some("Invalid argument")
        }
        Some(_) => None,
    }
}

/// Whether a host is the name of one in the net: it has dots, and ends in a word.
fn is_host_name(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let word = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    labels.len() > 1
        && labels.iter().all(|label| word(label))
        && labels
            .last()
            .is_some_and(|last| last.len() > 1 && last.chars().all(|c| c.is_ascii_alphabetic()))
}

/// Why a socket of a kind does not do what a method wants, given that nothing was sent or received (`last`: nothing), or what was done
/// last: whether it sends.
#[must_use]
pub fn out_of_turn(kind: &str, sends: bool, last_sent: Option<bool>) -> Option<&'static str> {
    const STATE: &str = "Operation cannot be accomplished in current state";
    const NOT_SUPPORTED: &str = "Operation not supported";
    match (kind, sends, last_sent) {
        ("SUB" | "PULL", true, _) | ("PUB" | "PUSH", false, _) => Some(NOT_SUPPORTED),
        ("REP", true, None | Some(true)) | ("REP", false, Some(false)) => Some(STATE),
        ("REQ", false, None | Some(false)) | ("REQ", true, Some(true)) => Some(STATE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_package_and_of_its_objects() {
        assert!(names("zmq").is_some_and(|names| names.contains("REP") && !names.contains("REPP")));
        assert_eq!(has_member("zmq.Socket", "recv_json"), Some(true));
        assert_eq!(has_member("zmq.Socket", "recv_jsn"), Some(false));
        assert_eq!(has_member("zmq.Socket", "rcvtimeo"), Some(true));
        assert_eq!(has_member("zmq.Poller", "register"), None);
    }

    #[test]
    fn addresses_that_no_socket_takes() {
        for address in [
            "tcp://*:5000",
            "tcp://127.0.0.1:*",
            "tcp://*:70000",
            "ipc:///tmp/x",
            "inproc://x",
            "tcp://localhost:5000",
            "tcp://eth0:5000",
            "tcp://0.0.0.0:5000",
            "tcp://eth0.100:5000",
            "tcp://[::]:5000",
        ] {
            assert_eq!(refuses(address, true), None, "{address}");
        }
        for address in ["tcp:/*:5000", "*:5000", "tcp://*", "tcp://*:port", ""] {
            assert_eq!(refuses(address, true), Some("Invalid argument"), "{address}");
        }
        for address in ["tcp://a:70000", "tcp://a:0", "tcp://a:*", "tcp://a"] {
            assert_eq!(refuses(address, false), Some("Invalid argument"), "{address}");
        }
        assert_eq!(refuses("tcp://agents.example.com:5000", true), Some("No such device"));
        assert_eq!(refuses("tcp://agents.example.com:5000", false), None);
        assert_eq!(refuses("tcp://a:5000", false), None);
        assert_eq!(refuses("tpc://*:5000", true), Some("Protocol not supported"));
    }
}
