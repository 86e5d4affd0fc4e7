//! What scripts can import, directly or not: their closures.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use pysrc::{Import, Span};
use rustc_hash::{FxHashMap, FxHashSet};

use super::resolve::{Missing, Search, Target, absolute_name, never_runs, package_of};

/// The closure of a script.
#[derive(Debug, Default)]
pub struct Closure {
    /// Files, nearest first, each once; the script is the first.
    pub files: Vec<usize>,
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
    pub span: Span,
    /// It is in a function, a branch or a `try`: it may never run, or is expected to fail.
    pub guarded: bool,
    /// The distributions that have it.
    pub providers: &'static [&'static str],
}

/// Closures of scripts that search modules in the same folders: what a file imports is looked up once for all of them.
#[derive(Debug)]
pub struct Closures<'a> {
    search: Search<'a>,
    /// By file and the package that it is imported in.
    imported: FxHashMap<InPackage, Rc<Imported>>,
}

/// A file, and the dotted name of the package that it is imported in; that of a script is empty.
type InPackage = (usize, Rc<str>);

/// What one file imports.
#[derive(Debug, Default)]
struct Imported {
    files: Vec<InPackage>,
    outside: FxHashSet<String>,
    missing: Vec<(String, MissingImport)>,
}

impl<'a> Closures<'a> {
    /// No closure yet.
    #[must_use]
    pub fn new(search: Search<'a>) -> Self {
        Self {
            search,
            imported: FxHashMap::default(),
        }
    }

    /// The closure of a script, an index in the tree's files.
    #[must_use]
    pub fn of(&mut self, script: usize) -> Closure {
        let mut closure = Closure {
            files: vec![script],
            ..Closure::default()
        };
        let mut seen = FxHashSet::from_iter([script]);
        let mut queue = VecDeque::from([(script, Rc::from(""))]);
        while let Some(file) = queue.pop_front() {
            let imported = self.imported(&file);
            for next in &imported.files {
                if seen.insert(next.0) {
                    closure.files.push(next.0);
                    queue.push_back(next.clone());
                }
            }
            for module in &imported.outside {
                if !closure.outside.contains(module) {
                    closure.outside.insert(module.clone());
                }
            }
            for (module, import) in &imported.missing {
                closure.miss(module, import);
            }
        }
        closure
    }

    fn imported(&mut self, file: &InPackage) -> Rc<Imported> {
        if let Some(known) = self.imported.get(file) {
            return Rc::clone(known);
        }
        let imported = Rc::new(self.look_up(file));
        self.imported.insert(file.clone(), Rc::clone(&imported));
        imported
    }

    fn look_up(&self, (file, package): &InPackage) -> Imported {
        let mut imported = Imported::default();
        let Some(facts) = self.search.view.tree.files.get(*file) else {
            return imported;
        };
        for import in facts.module.imports.iter().filter(|import| !never_runs(import)) {
            let Ok(mut name) = absolute_name(import, package) else {
                continue;
            };
            if let Some(last) = import.name.as_deref().filter(|last| *last != "*") {
                name.push('.');
                name.push_str(last);
            }
            for loaded in self.search.absolute(&name).iter() {
                match &loaded.target {
                    Target::File { file, package, .. } => {
                        if imported.files.iter().all(|(known, _)| known != file) {
                            let own = package_of(&loaded.name, package.is_some());
                            imported.files.push((*file, own.into()));
                        }
                    }
                    Target::Installed | Target::Missing(_) => {
                        let top = loaded.name.split('.').next().unwrap_or_default();
                        imported.outside.insert(top.to_owned());
                        if let Target::Missing(Missing::Package(providers)) = loaded.target {
                            let missing = MissingImport::new(*file, import, providers);
                            imported.missing.push((top.to_owned(), missing));
                        }
                    }
                    Target::Namespace(_) | Target::Standard => {}
                }
            }
        }
        imported
    }
}

impl MissingImport {
    fn new(file: usize, import: &Import, providers: &'static [&'static str]) -> Self {
        let guard = import.guard;
        Self {
            file,
            span: import.span,
            guarded: guard.function || guard.conditional || guard.catches_import_error,
            providers,
        }
    }
}

impl Closure {
    fn miss(&mut self, module: &str, import: &MissingImport) {
        match self.missing.get_mut(module) {
            Some(known) if known.guarded && !import.guarded => *known = *import,
            Some(_) => {}
            None => {
                self.missing.insert(module.to_owned(), *import);
            }
        }
    }
}
