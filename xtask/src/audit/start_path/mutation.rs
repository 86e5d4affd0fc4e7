//! An index of the modules that have been imported: which of them have a name, and who sets, fills or changes something by it. What a
//! file does by a name is the same for all agents, and looked up once.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, PoisonError, RwLock};

use pysrc::{Atom, Module, Uses, Value};
use rustc_hash::FxHashMap;

use super::condition::{ADDERS, REMOVERS};
use super::value::ModuleId;
use super::walk::Walker;
use crate::python::facts::TreeFacts;

/// Which files of a tree have a name: the same for all agents.
#[derive(Debug)]
pub struct TreeNames<'a> {
    tree: &'a TreeFacts,
    /// In order of the files.
    files: FxHashMap<&'a str, Vec<Named>>,
    /// As far as somebody asked.
    changes: RwLock<FxHashMap<(usize, Atom), Arc<FileChanges>>>,
}

/// A file that has a name.
#[derive(Debug, Clone, Copy)]
struct Named {
    file: usize,
    atom: Atom,
    /// It gives something an attribute of that name.
    sets: bool,
}

/// What a file does to the items of what has a name.
#[derive(Debug, Default)]
struct FileChanges {
    filled: bool,
    added: bool,
    removed: bool,
    /// Functions that do one of these, and whether by a plain name.
    within: Vec<(u32, bool)>,
}

impl<'a> TreeNames<'a> {
    /// Of all files of a tree.
    pub fn new(tree: &'a TreeFacts) -> Self {
        let mut files: FxHashMap<&'a str, Vec<Named>> = FxHashMap::default();
        for (file, facts) in tree.files.iter().enumerate() {
            let module: &'a Module = &facts.module;
            for (atom, name) in module.names() {
                let named = Named {
                    file,
                    atom,
                    sets: module.set_attributes.binary_search(&atom).is_ok(),
                };
                files.entry(name).or_default().push(named);
            }
        }
        Self {
            tree,
            files,
            changes: RwLock::default(),
        }
    }

    fn of(&self, name: &str) -> &[Named] {
        self.files.get(name).map_or(&[], Vec::as_slice)
    }

    fn changes(&self, file: usize, atom: Atom) -> Arc<FileChanges> {
        let key = (file, atom);
        if let Some(known) = self.changes.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let source = self.tree.files.get(file).map(|facts| &*facts.module);
        let changes = source.map_or_else(FileChanges::default, |source| FileChanges::of(source, atom));
        let mut known = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(key).or_insert_with(|| Arc::new(changes)))
    }
}

/// What is known of names, as far as somebody asked.
#[derive(Debug)]
pub struct Names<'a> {
    of_tree: &'a TreeNames<'a>,
    known: RefCell<FxHashMap<String, Known<'a>>>,
    /// How many modules were looked through for items of what has no name, and whether one assigns such an item.
    fills_others: RefCell<(usize, bool)>,
}

impl<'a> Names<'a> {
    /// Nothing yet.
    pub fn new(of_tree: &'a TreeNames<'a>) -> Self {
        Self {
            of_tree,
            known: RefCell::default(),
            fills_others: RefCell::default(),
        }
    }
}

/// Modules with a name.
#[derive(Debug, Default)]
struct Known<'a> {
    /// How many modules were looked through.
    looked: usize,
    found: Rc<Vec<Mention<'a>>>,
    /// One gives something an attribute of that name.
    set: bool,
    /// How many of those found were looked through for changes.
    searched: usize,
    changes: Rc<Changes>,
}

/// A module that has a name.
#[derive(Debug, Clone, Copy)]
pub struct Mention<'a> {
    /// Which one.
    pub module: ModuleId,
    /// Its facts.
    pub source: &'a Module,
    /// The name there.
    pub atom: Atom,
}

/// What modules do to the items of what has a name.
#[derive(Debug, Default, Clone)]
pub struct Changes {
    /// An item is assigned or deleted.
    pub filled: bool,
    /// A method is called that adds items.
    pub added: bool,
    /// A method is called that takes items away.
    pub removed: bool,
    /// Functions that do one of these.
    pub within: Vec<Change>,
}

/// A function that changes the items of what has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Its module.
    pub module: ModuleId,
    /// The function.
    pub function: u32,
    /// It is a plain name, not an attribute.
    pub plain: bool,
}

impl<'a> Walker<'a> {
    /// The imported modules that have a name, whatever they do with it.
    pub fn mentions(&self, name: &str) -> Rc<Vec<Mention<'a>>> {
        self.of_name(name, |known| Rc::clone(&known.found))
    }

    /// Whether any of them has one of these.
    pub fn is_mentioned(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| self.of_name(name, |known| !known.found.is_empty()))
    }

    /// Whether a module that has run gives anything an attribute of that name: it may be this one.
    pub fn set_from_outside(&self, name: &str) -> bool {
        // Most names are set nowhere.
        self.names.of_tree.of(name).iter().any(|named| named.sets) && self.of_name(name, |known| known.set)
    }

    /// Whether a module that has run assigns an item of something that has no name.
    pub fn fills_others(&self) -> bool {
        let mut known = self.names.fills_others.borrow_mut();
        let (looked, fills) = *known;
        let fills =
            fills || (looked..self.modules.len()).any(|id| self.source(id).is_some_and(|source| source.fills_others));
        *known = (self.modules.len(), fills);
        fills
    }

    /// What modules do to the items of what has that name.
    pub fn changes_of(&self, name: &str) -> Rc<Changes> {
        self.of_name(name, |known| {
            let found = Rc::clone(&known.found);
            let new = found.get(known.searched..).unwrap_or_default();
            if !new.is_empty() {
                let changes = Rc::make_mut(&mut known.changes);
                for mention in new {
                    if let Some(file) = self.file_of(mention.module) {
                        changes.add(mention.module, &self.names.of_tree.changes(file, mention.atom));
                    }
                }
                known.searched = found.len();
            }
            Rc::clone(&known.changes)
        })
    }

    fn of_name<R>(&self, name: &str, asked: impl FnOnce(&mut Known<'a>) -> R) -> R {
        let mut known = self.names.known.borrow_mut();
        let all = self.modules.len();
        if !known.contains_key(name) {
            known.insert(name.to_owned(), Known::default());
        }
        let Some(known) = known.get_mut(name) else {
            return asked(&mut Known::default());
        };
        let files = self.names.of_tree.of(name);
        // No file that was not looked through has what none has.
        let new = if files.is_empty() { all } else { known.looked };
        for module in new..all {
            let Some((file, source)) = self.file_of(module).zip(self.source(module)) else {
                continue;
            };
            if let Some(Named { atom, sets, .. }) = found(files, file) {
                known.set |= sets;
                Rc::make_mut(&mut known.found).push(Mention { module, source, atom });
            }
        }
        known.looked = all;
        asked(known)
    }

    /// How a module uses a name.
    pub fn uses(&self, module: ModuleId, name: &str) -> Uses {
        match self.file_of(module) {
            Some(file) => self.search.view.tree.uses(file, name),
            None => Uses::default(),
        }
    }
}

/// What is known of a file among those that have a name.
fn found(files: &[Named], file: usize) -> Option<Named> {
    let at = files.binary_search_by_key(&file, |named| named.file).ok()?;
    files.get(at).copied()
}

impl FileChanges {
    fn of(source: &Module, atom: Atom) -> Self {
        let mut changes = Self::default();
        let from = source.filled.partition_point(|fill| fill.name < atom);
        let fills = source.filled.get(from..).unwrap_or_default();
        for fill in fills.iter().take_while(|fill| fill.name == atom) {
            changes.filled = true;
            changes.change(fill.function, fill.plain);
        }
        for call in &source.calls {
            let Value::Attribute(of, method) = &call.callee else {
                continue;
            };
            let plain = match **of {
                Value::Name(last) if last == atom => true,
                Value::Attribute(_, last) if last == atom => false,
                _ => continue,
            };
            let method = source.name(*method);
            let (adds, removes) = (ADDERS.contains(&method), REMOVERS.contains(&method));
            changes.added |= adds;
            changes.removed |= removes;
            if adds || removes {
                changes.change(call.function, plain);
            }
        }
        changes
    }

    /// What a module does while it is imported is followed.
    fn change(&mut self, function: Option<u32>, plain: bool) {
        if let Some(function) = function
            && !self.within.contains(&(function, plain))
        {
            self.within.push((function, plain));
        }
    }
}

impl Changes {
    fn add(&mut self, module: ModuleId, file: &FileChanges) {
        self.filled |= file.filled;
        self.added |= file.added;
        self.removed |= file.removed;
        for (function, plain) in &file.within {
            let change = Change {
                module,
                function: *function,
                plain: *plain,
            };
            self.within.push(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use pysrc::PythonVersion;

    use super::TreeNames;
    use crate::python::facts::facts;

    #[test]
    fn names_of_a_tree_are_known_by_file() {
        let version = PythonVersion { major: 3, minor: 11 };
        let files = [
            (
                "a.py".to_owned(),
                b"x.port = 1\nitems = []\ndef f():\n    items.append(1)\n".to_vec(),
            ),
            (
                "b.py".to_owned(),
                b"print(x.port)\nitems = {}\nitems['a'] = 1\n".to_vec(),
            ),
        ];
        let tree = facts(&files, version);
        let names = TreeNames::new(&tree);
        let port: Vec<(usize, bool)> = names.of("port").iter().map(|named| (named.file, named.sets)).collect();
        assert_eq!(port, [(0, true), (1, false)]);
        assert!(names.of("nowhere").is_empty());
        let changes: Vec<(bool, bool, usize)> = names
            .of("items")
            .iter()
            .map(|named| names.changes(named.file, named.atom))
            .map(|changes| (changes.added, changes.filled, changes.within.len()))
            .collect();
        assert_eq!(changes, [(true, false, 1), (false, true, 0)]);
        // Whoever asks again gets what was found.
        let again = |named: &super::Named| names.changes(named.file, named.atom);
        assert!(
            names
                .of("items")
                .iter()
                .all(|named| std::sync::Arc::ptr_eq(&again(named), &again(named)))
        );
    }
}
