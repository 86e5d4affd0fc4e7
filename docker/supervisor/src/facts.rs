//! Facts about this container that say why a process ended: shared memory, and what the kernel killed for want of memory.

use std::path::Path;

use contract::exit::{Facts, Memory};
use nix::sys::statvfs::statvfs;

/// The kernel's count of processes that it killed for want of memory, and the limit: cgroup version 2, then version 1.
const COUNTS: [(&str, &str); 2] = [
    ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory.max"),
    (
        "/sys/fs/cgroup/memory/memory.oom_control",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ),
];
/// What version 1 calls unlimited.
const UNLIMITED: u64 = 1 << 60;

/// Watches the kernel's count.
#[derive(Debug)]
pub struct Observer {
    seen: Option<u64>,
}

impl Observer {
    /// Counts from now on.
    #[must_use]
    pub fn new() -> Self {
        Self { seen: count() }
    }

    /// Looks again, so that an older count says nothing about what ends next.
    pub fn look(&mut self) {
        self.seen = count();
    }

    /// The facts about what has just ended.
    pub fn facts(&mut self) -> Facts {
        let before = self.seen;
        self.look();
        let memory = match (before, self.seen) {
            (Some(before), Some(now)) if now > before => Memory::Out(limit()),
            (Some(_), Some(_)) => Memory::Enough,
            _ => Memory::Unknown,
        };
        Facts {
            shared_memory: shared_memory(),
            memory,
        }
    }
}

fn count() -> Option<u64> {
    COUNTS
        .iter()
        .find_map(|(file, _)| parse_count(&std::fs::read_to_string(file).ok()?))
}

fn parse_count(text: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix("oom_kill "))
        .and_then(|number| number.trim().parse().ok())
}

fn limit() -> Option<u64> {
    COUNTS
        .iter()
        .find_map(|(_, file)| std::fs::read_to_string(file).ok()?.trim().parse().ok())
        .filter(|limit| *limit < UNLIMITED)
}

fn shared_memory() -> Option<(u64, u64)> {
    let folder = Path::new("/dev/shm");
    let stat = statvfs(folder).ok()?;
    let all = stat.blocks() as u64;
    let free = stat.blocks_free() as u64;
    let size = stat.fragment_size() as u64;
    Some((all.checked_mul(size)?, all.checked_sub(free)?.checked_mul(size)?))
}

#[cfg(test)]
mod tests {
    use super::parse_count;

    #[test]
    fn the_count_of_either_version_is_read() {
        assert_eq!(
            parse_count("low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n"),
            Some(1)
        );
        assert_eq!(parse_count("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), Some(3));
        assert_eq!(parse_count("oom_kill_disable 0\nunder_oom 0\n"), None);
        assert_eq!(parse_count("oom_kill -1\n"), None);
    }
}
