//! What a script can import, directly or not: its closure, with the way to each file.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::resolve::{Search, Target, absolute_name, never_runs, package_of};
use crate::finding::Place;

/// The closure of a script.
#[derive(Debug, Default)]
pub struct Closure {
    /// Files, nearest first, each once; the script is the first.
    pub files: Vec<usize>,
    /// Per file but the script: the file that imports it, and where.
    pub from: HashMap<usize, (usize, pysrc::Span)>,
    /// Top-level modules that are neither first-party nor of the standard library, wherever they are imported.
    pub outside: BTreeSet<String>,
}

impl Closure {
    /// The closure of a script, an index in the tree's files.
    #[must_use]
    pub fn of(search: &Search<'_>, script: usize) -> Self {
        let tree = search.view.tree;
        let mut closure = Self {
            files: vec![script],
            ..Self::default()
        };
        let mut queue = VecDeque::from([(script, String::new())]);
        while let Some((file, package)) = queue.pop_front() {
            let Some(facts) = tree.files.get(file) else {
                continue;
            };
            for import in facts.module.imports.iter().filter(|import| !never_runs(import)) {
                let Ok(mut name) = absolute_name(import, &package) else {
                    continue;
                };
                if let Some(last) = import.name.as_deref().filter(|last| *last != "*") {
                    name = format!("{name}.{last}");
                }
                for loaded in search.absolute(&name) {
                    match loaded.target {
                        Target::File {
                            file: next, package, ..
                        } => {
                            if next != script && !closure.from.contains_key(&next) {
                                closure.from.insert(next, (file, import.span));
                                closure.files.push(next);
                                let own = package_of(&loaded.name, package.is_some()).to_owned();
                                queue.push_back((next, own));
                            }
                        }
                        Target::Installed | Target::Missing(_) => {
                            let top = loaded.name.split('.').next().unwrap_or_default();
                            closure.outside.insert(top.to_owned());
                        }
                        Target::Namespace(_) | Target::Standard => {}
                    }
                }
            }
        }
        closure
    }

    /// The imports that lead from the script to a file, first one first.
    #[must_use]
    pub fn chain(&self, search: &Search<'_>, file: usize) -> Vec<Place> {
        let mut chain = Vec::new();
        let mut at = file;
        while let Some((from, span)) = self.from.get(&at) {
            chain.push(search.view.tree.place(*from, *span));
            at = *from;
        }
        chain.reverse();
        chain
    }
}
