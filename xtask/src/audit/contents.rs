//! What images lack of the tree's files: those that agents read, and that lie beside their machine's code.

use std::collections::BTreeMap;

use super::start_path::{self, Walks};
use crate::container::layout::ROOT;
use crate::finding::{Place, Subject};
use crate::python::disk::Disk;
use crate::python::facts::TreeFacts;
use crate::stack::selection::{Out, Selection};
use crate::stack::{Stack, secret};

/// The rule of a file that is read and is not there.
const RULE: &str = "start/missing-file";

/// Files, relative to the tree, that agents read on their start paths and that only lie beside what their images hold, with where
/// that is done first. A secret is none, by its name or its content; nor is a link, or what one leads to.
pub fn lacking(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>, walks: &Walks) -> BTreeMap<String, Place> {
    let is_plain = |path: &str| {
        let links = &tree.odd.links;
        secret::by_name(path).is_none()
            && !tree.odd.keys.contains_key(path)
            && !links.contains_key(path)
            && links.values().all(|target| target != path)
    };
    let mut found = BTreeMap::new();
    for (followed, _) in start_path::listening(stack, tree, disk, walks) {
        let selection = Selection::of_group(stack, stack.agent(followed.report.id).group);
        for failure in followed.failures.iter().filter(|failure| failure.rule == RULE) {
            let Some(Subject::Path(path)) = &failure.subject else {
                continue;
            };
            let below = path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/'));
            let beside = |below: &&str| selection.look(below) == Err(Out::Beside);
            if let Some(below) = below
                .filter(|below| tree.paths.contains(*below) && is_plain(below))
                .filter(beside)
            {
                found.entry(below.to_owned()).or_insert_with(|| failure.place.clone());
            }
        }
    }
    found
}
