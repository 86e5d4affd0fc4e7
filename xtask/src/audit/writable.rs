//! What the agents of a tree write into the container's root, as far as their start paths tell: what `writable:` would have to name.

use std::collections::{BTreeMap, BTreeSet};

use super::start_path;
use crate::container::layout::ROOT;
use crate::finding::Subject;
use crate::python::disk::Disk;
use crate::python::facts::TreeFacts;
use crate::stack::{GroupId, Stack, Writable};

/// Further writes come to light behind each that succeeds; agents that write more than this into the root are given up.
const ROUNDS: usize = 12;

/// Files and folders by group that its agents write and that their stack does not let them write yet.
#[must_use]
pub fn written(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>) -> BTreeMap<GroupId, BTreeSet<Writable>> {
    let mut stack = stack.clone();
    let mut all: BTreeMap<GroupId, BTreeSet<Writable>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let (followed, _) = start_path::predict(&stack, tree, disk);
        let mut news = false;
        for (agent, failure) in followed
            .iter()
            .flat_map(|one| one.failures.iter().map(|failure| (one.report.id, failure)))
        {
            // A folder that is not there at all is the tree's own mistake, and another exception.
            let (true, Some(Subject::Path(path))) = (
                failure.rule == "start/missing-folder" && failure.exception == "OSError",
                &failure.subject,
            ) else {
                continue;
            };
            let Some(below) = path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/')) else {
                continue;
            };
            let writable = match below.strip_suffix('/') {
                Some(folder) => Writable::Folder(folder.to_owned()),
                None => Writable::File(below.to_owned()),
            };
            let group = stack.agent(agent).group;
            if all.entry(group).or_default().insert(writable.clone()) {
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

#[cfg(test)]
mod tests {
    use pysrc::PythonVersion;

    use super::written;
    use crate::python::disk::Disk;
    use crate::python::facts;
    use crate::python::tree::{Content, Entry, take_python};
    use crate::stack::Writable;
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
        let tree = facts::of_agents(files, PythonVersion { major: 3, minor: 11 }, &stack)
            .with_paths(entries.into_iter().map(|entry| entry.path));
        let found = written(&stack, &tree, Disk::new(&|_| false, &|_| None));
        let core = stack.find_group("core").unwrap();
        found.get(&core).into_iter().flatten().map(Writable::written).collect()
    }

    const SCRIPT: &str = "import logging, os, time\n\
        logging.basicConfig(filename='alpha.log')\n\
        os.makedirs('main/cache', exist_ok=True)\n\
        with open('main/state.json', 'w') as file:\n    file.write('{}')\n\
        with open('/app/main/cache/x', 'w') as file:\n    file.write('{}')\n\
        while True:\n    time.sleep(1)\n";

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
