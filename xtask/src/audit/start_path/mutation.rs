//! An index of the modules that have been imported: which of them have a name, and who sets, fills or changes something by it.

use std::cell::RefCell;
use std::rc::Rc;

use pysrc::{Atom, Module, Uses, Value};
use rustc_hash::FxHashMap;

use super::condition::{ADDERS, REMOVERS};
use super::value::ModuleId;
use super::walk::Walker;

/// What is known of names, as far as somebody asked.
#[derive(Debug, Default)]
pub struct Names<'a> {
    known: RefCell<FxHashMap<String, Known<'a>>>,
    /// How many modules were looked through for items of what has no name, and whether one assigns such an item.
    fills_others: RefCell<(usize, bool)>,
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
        self.of_name(name, |known| known.set)
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
                new.iter().for_each(|mention| changes.add(mention));
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
        for module in known.looked..all {
            let Some(source) = self.source(module) else {
                continue;
            };
            if let Some(atom) = source.atom(name) {
                known.set |= source.set_attributes.binary_search(&atom).is_ok();
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

impl Changes {
    fn add(&mut self, mention: &Mention<'_>) {
        let Mention { module, source, atom } = *mention;
        let from = source.filled.partition_point(|fill| fill.name < atom);
        let fills = source.filled.get(from..).unwrap_or_default();
        for fill in fills.iter().take_while(|fill| fill.name == atom) {
            self.filled = true;
            self.change(module, fill.function, fill.plain);
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
            self.added |= adds;
            self.removed |= removes;
            if adds || removes {
                self.change(module, call.function, plain);
            }
        }
    }

    /// What a module does while it is imported is followed.
    fn change(&mut self, module: ModuleId, function: Option<u32>, plain: bool) {
        let Some(function) = function else {
            return;
        };
        let change = Change {
            module,
            function,
            plain,
        };
        if !self.within.contains(&change) {
            self.within.push(change);
        }
    }
}
