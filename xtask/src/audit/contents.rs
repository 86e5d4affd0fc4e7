//! What images lack of the tree's files: those that agents read, and that lie beside their machine's code.

use std::collections::{BTreeMap, BTreeSet};

use super::start_path::{self, Walks};
use crate::container::layout::ROOT;
use crate::finding::{Place, Subject};
use crate::python::disk::Disk;
use crate::python::facts::TreeFacts;
use crate::stack::Stack;

/// The rule of a file that is read and is not there.
const RULE: &str = "start/missing-file";

/// Files among `paths`, relative to the tree, that agents read on their start paths and do not find in their images, with where that is
/// done first.
pub fn lacking(
    stack: &Stack,
    tree: &TreeFacts,
    disk: Disk<'_>,
    walks: &Walks,
    paths: &BTreeSet<&str>,
) -> BTreeMap<String, Place> {
    let mut found = BTreeMap::new();
    for (followed, _) in start_path::listening(stack, tree, disk, walks) {
        for failure in followed.failures.iter().filter(|failure| failure.rule == RULE) {
            let Some(Subject::Path(path)) = &failure.subject else {
                continue;
            };
            let below = path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/'));
            if let Some(below) = below.filter(|below| paths.contains(below)) {
                found.entry(below.to_owned()).or_insert_with(|| failure.place.clone());
            }
        }
    }
    found
}
