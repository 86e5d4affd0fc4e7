//! The TCP ports that an agent's processes listen on: what a mute agent does instead of answering where it is asked.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::processes;

/// The kernel's word for a socket that waits for connections.
const LISTEN: &str = "0A";

/// The ports of a process and of all that descends from it, in order. What cannot be read is nothing.
#[must_use]
pub fn ports(pid: u32) -> Vec<u16> {
    let mut sockets = HashMap::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(Path::new("/proc/net").join(table)).unwrap_or_default();
        sockets.extend(text.lines().filter_map(line));
    }
    if sockets.is_empty() {
        return Vec::new();
    }
    let mut all = processes::descendants(pid, &processes::all());
    all.push(pid);
    let found: BTreeSet<u16> = all
        .into_iter()
        .flat_map(inodes)
        .filter_map(|inode| sockets.get(&inode).copied())
        .collect();
    found.into_iter().collect()
}

/// Inode and port of a line of `/proc/net/tcp` about a socket that listens.
fn line(text: &str) -> Option<(u64, u16)> {
    let mut fields = text.split_ascii_whitespace().skip(1);
    let (_, port) = fields.next()?.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok()?;
    (state == LISTEN).then_some((inode, port))
}

/// Inodes of the sockets that a process has.
fn inodes(pid: u32) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let target = std::fs::read_link(entry.path()).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            inode.parse().ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{line, ports};

    #[test]
    fn only_sockets_that_listen_have_a_port() {
        let listens = "   0: 00000000:1BCB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0";
        assert_eq!(line(listens), Some((4711, 7115)));
        assert_eq!(line(&listens.replace(" 0A ", " 01 ")), None);
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
        assert_eq!(line(head), None);
    }

    #[test]
    fn the_ports_of_a_process_are_found() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(ports(std::process::id()).contains(&port));
        drop(listener);
        assert!(!ports(std::process::id()).contains(&port));
    }
}
