//! What the agents of a tree write into the container's root, as far as their start paths tell: what `writable:` would have to name.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::start_path;
use super::start_path::{Failure, Walks};
use crate::container::layout::ROOT;
use crate::finding::{Place, Subject};
use crate::python::disk::Disk;
use crate::python::facts::TreeFacts;
use crate::stack::{GroupId, Stack, Writable};

/// Further writes come to light behind each that succeeds; agents that write more than this into the root are given up.
const ROUNDS: usize = 12;

/// Files and folders that the agents of a group write and that their stack does not let them write yet, with where that is done first.
#[must_use]
pub fn written(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>, walks: &Walks) -> BTreeMap<(GroupId, Writable), Place> {
    let mut stack = stack.clone();
    let mut all: BTreeMap<(GroupId, Writable), Place> = BTreeMap::new();
    for _ in 0..ROUNDS {
        // What they listen on is asked next, of those that write nothing more.
        let followed = start_path::listening(&stack, tree, disk, walks);
        let mut news = false;
        for (agent, failure) in followed
            .iter()
            .flat_map(|(one, _)| one.failures.iter().map(|failure| (one.report.id, failure)))
        {
            let Some(writable) = refused(failure) else {
                continue;
            };
            let group = stack.agent(agent).group;
            if let Entry::Vacant(new) = all.entry((group, writable.clone())) {
                new.insert(failure.place.clone());
                stack.groups[group.0].writable.push(writable);
                news = true;
            }
        }
        if !news {
            break;
        }
    }
    all
}

/// What a failure is about, where it is a write that the container refuses.
fn refused(failure: &Failure) -> Option<Writable> {
    let Some(Subject::Path(path)) = &failure.subject else {
        return None;
    };
    let is_refused = match failure.exception {
        "OSError" => true,
        // A folder that is not there at all is the tree's own mistake.
        "OperationalError" => path.ends_with('*'),
        _ => false,
    };
    if failure.rule != "start/missing-folder" || !is_refused {
        return None;
    }
    let below = path.strip_prefix(ROOT)?.strip_prefix('/')?;
    match below.strip_suffix('/') {
        Some(folder) => Some(Writable::Folder(folder.to_owned())),
        None if below.ends_with('*') => Writable::parse(below).ok(),
        None => Some(Writable::File(below.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use pysrc::PythonVersion;

    use super::written;
    use crate::audit::start_path::Walks;
    use crate::python::disk::Disk;
    use crate::python::facts;
    use crate::python::tree::{Content, Entry, take_python};
    use crate::stack::fixture::Fixture;

    /// What `writable:` would have to name for this script of `Alpha`.
    fn of(script: &str, more: &str) -> Vec<String> {
        let fixture = Fixture::small().stack("status_port: 9000", &format!("status_port: 9000\n{more}"));
        let stack = fixture.model();
        let mut entries: Vec<Entry> = fixture
            .tree
            .files
            .iter()
            .map(|path| Entry {
                path: path.clone(),
                content: Content::Bytes(match path.as_str() {
                    "main/alpha.py" => script.as_bytes().to_vec(),
                    _ => Vec::new(),
                }),
            })
            .collect();
        let files = take_python(&mut entries);
        let tree = facts::of_agents(files, PythonVersion::USUAL, &stack)
            .with_paths(entries.into_iter().map(|entry| entry.path));
        let found = written(&stack, &tree, Disk::new(&|_| false, &|_| None), &Walks::default());
        let core = stack.find_group("core").unwrap();
        let of_core = found.keys().filter(|(group, _)| *group == core);
        of_core.map(|(_, writable)| writable.written()).collect()
    }

    const SCRIPT: &str = "import logging, os, time\n\
        logging.basicConfig(filename='alpha.log')\n\
        os.makedirs('main/cache', exist_ok=True)\n\
        with open('main/state.json', 'w') as file:\n    file.write('{}')\n\
        with open('/app/main/cache/x', 'w') as file:\n    file.write('{}')\n\
        while True:\n    time.sleep(1)\n";

    #[test]
    fn a_database_is_made_with_its_journal() {
        let script = "import sqlite3, time\nbase = sqlite3.connect('memory.db')\nwhile True:\n    time.sleep(1)\n";
        assert_eq!(of(script, ""), ["memory.db*"]);
        assert!(of(script, "writable: ['memory.db*']").is_empty());
        assert!(of(&script.replace("memory.db", ":memory:"), "").is_empty());
    }

    #[test]
    fn all_writes_behind_each_other_are_found() {
        assert_eq!(of(SCRIPT, ""), ["main/cache/", "alpha.log", "main/state.json"]);
    }

    #[test]
    fn what_may_be_written_is_no_failure() {
        let named = of(SCRIPT, "writable: [main/cache/, alpha.log, main/state.json]");
        assert_eq!(named, Vec::<String>::new());
        let by_pattern = of(SCRIPT, "writable: ['*.log', 'main/*']");
        assert_eq!(by_pattern, Vec::<String>::new());
        assert_eq!(of(SCRIPT, "writable: ['*.db']").len(), 3);
    }

    #[test]
    fn a_folder_that_the_tree_lacks_is_its_own_mistake() {
        assert_eq!(of("open('nowhere/x.log', 'w')\n", ""), Vec::<String>::new());
    }
}
