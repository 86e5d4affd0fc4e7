//! What a script can import, directly or not: its closure, with the way to each file.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};

use super::resolve::{Missing, Search, Target, absolute_name, never_runs, package_of};
use crate::finding::Place;

/// The closure of a script.
#[derive(Debug, Default)]
pub struct Closure {
    /// Files, nearest first, each once; the script is the first.
    pub files: Vec<usize>,
    /// Per file but the script: the file that imports it, and where.
    pub from: FxHashMap<usize, (usize, pysrc::Span)>,
    /// Top-level modules that are neither first-party nor of the standard library, wherever they are imported.
    pub outside: BTreeSet<String>,
    /// Those that no requirement brings although a distribution does, with the import that is least guarded.
    pub missing: BTreeMap<String, MissingImport>,
}

/// An import of a package that is not there.
#[derive(Debug, Clone, Copy)]
pub struct MissingImport {
    /// Its file.
    pub file: usize,
    /// Where.
    pub span: pysrc::Span,
    /// It is in a function, a branch or a `try`: it may never run, or is expected to fail.
    pub guarded: bool,
    /// The distributions that have it.
    pub providers: &'static [&'static str],
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
        let mut resolved: FxHashSet<String> = FxHashSet::default();
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
                    name.push('.');
                    name.push_str(last);
                }
                // It leads where it led before.
                if resolved.contains(&name) {
                    continue;
                }
                let mut is_missing = false;
                for loaded in search.absolute(&name).iter() {
                    match &loaded.target {
                        Target::File {
                            file: next, package, ..
                        } => {
                            let next = *next;
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
                            if let Target::Missing(Missing::Package(providers)) = loaded.target {
                                is_missing = true;
                                closure.miss(top, file, import, providers);
                            }
                        }
                        Target::Namespace(_) | Target::Standard => {}
                    }
                }
                // The next import of what is missing may be guarded less.
                if !is_missing {
                    resolved.insert(name);
                }
            }
        }
        closure
    }

    fn miss(&mut self, top: &str, file: usize, import: &pysrc::Import, providers: &'static [&'static str]) {
        let guard = import.guard;
        let found = MissingImport {
            file,
            span: import.span,
            guarded: guard.function || guard.conditional || guard.catches_import_error,
            providers,
        };
        let known = self.missing.entry(top.to_owned()).or_insert(found);
        if known.guarded && !found.guarded {
            *known = found;
        }
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
