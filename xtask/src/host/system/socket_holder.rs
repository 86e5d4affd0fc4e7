//! Which process holds a TCP port, from `/proc`.

use std::fmt;
use std::path::Path;

/// A process that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its short name.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` (process {})", self.name, self.pid)
    }
}

/// The process that listens on that port, where `/proc` shows it to us.
#[must_use]
pub fn of_port(port: u16) -> Option<Holder> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| holds_one_of(*pid, &inodes))
        .map(|pid| Holder {
            pid,
            name: std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .map_or_else(|_| "?".to_owned(), |name| name.trim().to_owned()),
        })
}

/// Inodes of sockets in state LISTEN (`0A`) on that port; columns as proc(5) has them.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
            let listens = *fields.get(3)? == "0A";
            let same = u16::from_str_radix(local_port, 16).ok()? == port;
            (listens && same).then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
        })
        .collect()
}

fn holds_one_of(pid: u32, inodes: &[String]) -> bool {
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors.flatten().any(|descriptor| {
        std::fs::read_link(descriptor.path())
            .ok()
            .as_deref()
            .and_then(Path::to_str)
            .and_then(|target| target.strip_prefix("socket:[")?.strip_suffix(']'))
            .is_some_and(|inode| inodes.iter().any(|wanted| wanted == inode))
    })
}

#[cfg(test)]
mod tests {
    use super::of_port;

    #[test]
    fn our_own_listener_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(of_port(port).map(|holder| holder.pid), Some(std::process::id()));
        drop(listener);
        assert_eq!(of_port(port), None);
    }
}
