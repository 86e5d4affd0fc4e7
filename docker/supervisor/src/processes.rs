//! Processes as `/proc` shows them: who is whose child, and who descends from whom.

use std::collections::{HashMap, HashSet};

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's id; 0 where the parent is outside this namespace.
    pub parent: u32,
    /// Its state, as in `/proc/PID/stat`: `Z` for one that ended and was not reaped.
    pub state: char,
}

/// Every process that can be seen.
#[must_use]
pub fn all() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(one)
        .collect()
}

/// One process, while it is there.
#[must_use]
pub fn one(pid: u32) -> Option<Process> {
    parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads `/proc/PID/stat`; what it made of it, as text.
#[must_use]
pub fn read(stat: &[u8]) -> Option<String> {
    parse(stat).map(|process| format!("{process:?}"))
}

/// Reads `/proc/PID/stat`. The name in it may hold anything, parentheses and newlines too.
fn parse(stat: &[u8]) -> Option<Process> {
    let text = String::from_utf8_lossy(stat);
    let (head, rest) = (text.split_once(' ')?.0, text.rsplit_once(')')?.1);
    let mut fields = rest.split_ascii_whitespace();
    Some(Process {
        pid: head.parse().ok()?,
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
    })
}

/// Those that descend from `root`, which is none of them, without those that have ended.
#[must_use]
pub fn descendants(root: u32, all: &[Process]) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<&Process>> = HashMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut seen = HashSet::from([root]);
    let mut open = vec![root];
    while let Some(at) = open.pop() {
        for child in children.get(&at).into_iter().flatten() {
            if seen.insert(child.pid) {
                open.push(child.pid);
                if child.state != 'Z' {
                    found.push(child.pid);
                }
            }
        }
    }
    found
}

/// Whether `pid` descends from `root` or is it. `None`: it is gone, or cannot be told.
#[must_use]
pub fn descends(pid: u32, root: u32, look: impl Fn(u32) -> Option<Process>) -> Option<bool> {
    let mut at = pid;
    for _ in 0..4096 {
        if at == root {
            return Some(true);
        }
        at = look(at)?.parent;
        if at == 0 {
            return Some(false);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Process, descendants, descends, parse};

    fn process(pid: u32, parent: u32) -> Process {
        Process {
            pid,
            parent,
            state: 'S',
        }
    }

    #[test]
    fn names_of_processes_may_hold_anything() {
        let seen = parse(b"17 (a) R 9 (b)\n) S 4 17 17 0 -1").unwrap();
        assert_eq!(seen, process(17, 4));
        for bad in [
            &b""[..],
            b"17",
            b"17 (a",
            b"x (a) S 1",
            b"17 (a) S",
            b"17 (a) S -1",
            b"\xff\xff) \xff",
        ] {
            assert_eq!(parse(bad), None);
        }
    }

    #[test]
    fn descendants_are_found_through_the_dead() {
        let dead = Process {
            state: 'Z',
            ..process(3, 2)
        };
        let all = [process(2, 1), dead, process(4, 3), process(5, 1), process(6, 4)];
        let mut found = descendants(2, &all);
        found.sort_unstable();
        assert_eq!(found, [4, 6]);
        let look = |pid| all.iter().copied().find(|process| process.pid == pid);
        assert_eq!(descends(6, 2, look), Some(true));
        assert_eq!(descends(2, 2, look), Some(true));
        assert_eq!(descends(5, 2, look), None, "process 1 is not to be seen");
        assert_eq!(descends(9, 2, |_| Some(process(9, 0))), Some(false));
        // A circle, which the kernel never makes.
        assert_eq!(descends(9, 2, |_| Some(process(9, 9))), None);
    }
}
