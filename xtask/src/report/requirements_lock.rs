//! What is wrong with locks, and what a new one changes.

use std::collections::BTreeSet;

use crate::stack::normal;
use crate::stack::requirements_lock::Locked;
use crate::stack::requirements_lock::{Stale, versions};

/// One message per requirements file whose lock is missing or stale. `tree` is the tree as the stack writes it.
#[must_use]
pub fn stale(all: &[Locked], tree: &str) -> Vec<String> {
    all.iter()
        .filter(|file| !file.stale.is_empty())
        .map(|file| message(file, tree))
        .collect()
}

fn message(file: &Locked, tree: &str) -> String {
    let lock = &file.path;
    let shown = |file: &str| match tree {
        _ if tree.starts_with('/') => format!("{}/{file}", tree.trim_end_matches('/')),
        _ => normal(&format!("{tree}/{file}")),
    };
    let requirements = shown(&file.requirements);
    if file.stale == [Stale::Missing] {
        return format!("`{requirements}` has no lock");
    }
    let reasons = file.stale.iter().map(|reason| match reason {
        Stale::Missing => format!("\n  `{lock}` is not there"),
        Stale::NotALock => format!("\n  {lock}:1: `cargo xtask lock` did not write this"),
        Stale::Python { locked } => format!("\n  {lock}:1: it is for Python {locked}, which is not the stack's"),
        Stale::Added(line) if line.line == 0 => format!("\n  the stack says `{}`, which was not locked", line.text),
        Stale::Added(line) => format!(
            "\n  {}:{}: `{}` was not locked",
            shown(&line.file),
            line.line,
            line.text
        ),
        Stale::Removed(text) => format!("\n  {requirements}: `{text}` was locked, and is not asked for any more"),
        Stale::Edited(text) => format!("\n  {lock}: `{text}` is not there with a version and hashes"),
    });
    format!("`{lock}` is stale{}", reasons.collect::<String>())
}

/// What differs between two locks, in a line.
#[must_use]
pub fn changes(before: &str, after: &str) -> String {
    let (before, after) = (versions(before), versions(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let version = |text: &str| text.split_once("==").map_or(text, |(_, version)| version).to_owned();
    let changes: Vec<String> = names
        .into_iter()
        .filter_map(|name| match (before.get(name), after.get(name)) {
            (None, Some(new)) => Some(format!("+ {}", new.text)),
            (Some(old), None) => Some(format!("- {}", old.text)),
            (Some(old), Some(new)) if old.text != new.text => {
                Some(format!("{name} {} to {}", version(&old.text), version(&new.text)))
            }
            _ => None,
        })
        .collect();
    if changes.is_empty() {
        "the same versions".to_owned()
    } else {
        changes.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::{changes, stale};
    use crate::stack::requirements_lock::Locked;
    use crate::stack::requirements_lock::{Stale, Wanted};

    #[test]
    fn a_stale_lock_is_named_with_the_line_that_it_lacks() {
        let line = Wanted {
            written: String::new(),
            constraint: false,
            text: "pyzmq>=27".to_owned(),
            file: "more.txt".to_owned(),
            line: 3,
        };
        let mut file = Locked {
            path: "config/locks/r.txt".to_owned(),
            requirements: "r.txt".to_owned(),
            wanted: vec![line.clone()],
            lock: Some(String::new()),
            stale: vec![Stale::Added(line), Stale::Removed("pyzmq>=25".to_owned())],
        };
        let expected = "`config/locks/r.txt` is stale\n  tests/tree/more.txt:3: `pyzmq>=27` was not locked\n  \
                        tests/tree/r.txt: `pyzmq>=25` was locked, and is not asked for any more";
        assert_eq!(stale(&[file.clone()], "tests/tree"), [expected]);
        file.stale = vec![Stale::Missing];
        assert_eq!(stale(&[file.clone()], "/srv/tree/"), ["`/srv/tree/r.txt` has no lock"]);
        file.stale.clear();
        assert!(stale(&[file], "tests/tree").is_empty());
    }

    #[test]
    fn changes_are_told_by_version() {
        let changed = changes("a==1 \\\nb==2\nc==3\n", "b==2.1\nc==3\nd==4\n");
        assert_eq!(changed, "- a==1, b 2 to 2.1, + d==4");
        assert_eq!(changes("a==1\n", "a==1 \\\n  --hash=x\n"), "the same versions");
    }
}
