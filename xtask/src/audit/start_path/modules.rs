//! The modules that have been imported, by their numbers: those of one name and file have the same number in all walks.

use std::cell::RefCell;
use std::sync::Arc;

use pysrc::Atom;
use rustc_hash::FxHashMap;

use super::tracked::{Log, Part, Same};
use super::value::{ModuleId, Variable};
use crate::python::imports::resolve::Target;

/// A module that has been imported.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    pub name: String,
    pub target: Target,
    globals: FxHashMap<Atom, Variable>,
    /// Modules that it imports everything of.
    pub stars: Vec<ModuleId>,
    /// Any name may be there.
    pub dynamic: bool,
    /// Its body has run to its end.
    pub done: bool,
    /// It was imported on a way that may not be taken.
    pub conditional: bool,
}

impl Imported {
    /// One whose body has not run.
    pub fn new(name: &str, target: Target, conditional: bool) -> Self {
        Self {
            name: name.to_owned(),
            target,
            globals: FxHashMap::default(),
            stars: Vec::new(),
            dynamic: false,
            done: false,
            conditional,
        }
    }
}

/// What of a module changes besides its names.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    stars: Vec<ModuleId>,
    dynamic: bool,
    done: bool,
    conditional: bool,
}

impl State {
    fn of(module: &Imported) -> Self {
        Self {
            stars: module.stars.clone(),
            dynamic: module.dynamic,
            done: module.done,
            conditional: module.conditional,
        }
    }
}

impl Same for State {
    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Same for Variable {
    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

/// What a recording did with modules.
#[derive(Debug)]
pub struct ModulesPart {
    /// Modules that were not there, in order of import.
    pub new: Vec<(ModuleId, Arc<Imported>)>,
    states: Part<ModuleId, State>,
    globals: Part<(ModuleId, Atom), Variable>,
    /// The first module of a file, for those files that something asked for.
    files: Vec<(usize, Option<ModuleId>)>,
}

impl ModulesPart {
    /// The files of new modules, from one number to another.
    pub fn files_of_new(&self, from: usize, till: usize) -> impl Iterator<Item = usize> {
        let some = self.new.get(from..till).unwrap_or_default().iter();
        some.filter_map(|(_, module)| file(&module.target))
    }
}

#[derive(Debug)]
struct Slot {
    module: Arc<Imported>,
    /// How many modules there were before it.
    born: usize,
}

/// All modules of a walk.
#[derive(Debug, Default)]
pub struct Modules {
    slots: Vec<Option<Slot>>,
    order: Vec<ModuleId>,
    of_file: FxHashMap<usize, Vec<ModuleId>>,
    states: RefCell<Log<ModuleId, State>>,
    globals: RefCell<Log<(ModuleId, Atom), Variable>>,
    files: RefCell<Log<usize, ModuleId>>,
    /// How many modules there were before each recording.
    marks: Vec<usize>,
}

fn file(target: &Target) -> Option<usize> {
    match target {
        Target::File { file, .. } => Some(*file),
        _ => None,
    }
}

impl Modules {
    fn slot(&self, id: ModuleId) -> Option<&Slot> {
        self.slots.get(id)?.as_ref()
    }

    /// Whether no module has that number yet.
    pub fn is_free(&self, id: ModuleId) -> bool {
        self.slot(id).is_none()
    }

    /// A new module.
    pub fn add(&mut self, id: ModuleId, module: Arc<Imported>) {
        if self.slots.len() <= id {
            self.slots.resize_with(id + 1, || None);
        }
        if let Some(file) = file(&module.target) {
            self.of_file.entry(file).or_default().push(id);
        }
        if let Some(slot) = self.slots.get_mut(id) {
            *slot = Some(Slot {
                module,
                born: self.order.len(),
            });
            self.order.push(id);
        }
    }

    /// All of them, in order of import.
    pub fn order(&self) -> &[ModuleId] {
        &self.order
    }

    /// How many there were when a module was imported.
    pub fn born(&self, id: ModuleId) -> Option<usize> {
        self.slot(id).map(|slot| slot.born)
    }

    /// The modules of a file, in order of import.
    pub fn of_file(&self, file: usize) -> &[ModuleId] {
        self.of_file.get(&file).map_or(&[], Vec::as_slice)
    }

    /// The first module of a file.
    pub fn first_of_file(&self, file: usize) -> Option<ModuleId> {
        let first = self.of_file(file).first().copied();
        self.files.borrow_mut().read(&file, || first);
        first
    }

    /// Where a module is, which never changes.
    pub fn target(&self, id: ModuleId) -> Option<&Target> {
        self.slot(id).map(|slot| &slot.module.target)
    }

    /// Whether the innermost recording, if any, has seen the module's beginning.
    fn is_own(&self, slot: &Slot) -> bool {
        self.marks.last().is_none_or(|mark| slot.born >= *mark)
    }

    /// Whether a module has no body that has not run to its end; unseen by recordings.
    pub fn is_done(&self, id: ModuleId) -> bool {
        self.slot(id)
            .is_some_and(|slot| slot.module.done || file(&slot.module.target).is_none())
    }

    /// How many modules there were before the innermost recording.
    pub fn mark(&self) -> usize {
        self.marks.last().copied().unwrap_or_default()
    }

    /// A module.
    pub fn get(&self, id: ModuleId) -> Option<&Imported> {
        let slot = self.slot(id)?;
        if !self.is_own(slot) {
            self.states.borrow_mut().read(&id, || Some(State::of(&slot.module)));
        }
        Some(&slot.module)
    }

    /// A module, to be changed.
    pub fn get_mut(&mut self, id: ModuleId) -> Option<&mut Imported> {
        self.get(id)?;
        let own = self.slot(id).is_some_and(|slot| self.is_own(slot));
        if !own {
            self.states.get_mut().write(&id);
        }
        let slot = self.slots.get_mut(id)?.as_mut()?;
        Some(Arc::make_mut(&mut slot.module))
    }

    /// A name of a module.
    pub fn global(&self, id: ModuleId, name: Atom) -> Option<&Variable> {
        let slot = self.slot(id)?;
        let found = slot.module.globals.get(&name);
        if !self.is_own(slot) {
            self.globals.borrow_mut().read(&(id, name), || found.cloned());
        }
        found
    }

    /// Binds a name of a module; gives what it was.
    pub fn set_global(&mut self, id: ModuleId, name: Atom, variable: Variable) -> Option<Variable> {
        self.write_global(id, name)?.insert(name, variable)
    }

    /// Unbinds a name of a module; gives what it was.
    pub fn unset_global(&mut self, id: ModuleId, name: Atom) -> Option<Variable> {
        self.global(id, name)?;
        self.write_global(id, name)?.remove(&name)
    }

    fn write_global(&mut self, id: ModuleId, name: Atom) -> Option<&mut FxHashMap<Atom, Variable>> {
        let slot = self.slot(id)?;
        if !self.is_own(slot) {
            self.globals.get_mut().write(&(id, name));
        }
        let slot = self.slots.get_mut(id)?.as_mut()?;
        Some(&mut Arc::make_mut(&mut slot.module).globals)
    }

    /// Unbinds all names of a module; whether a recording, if any, has seen its beginning.
    pub fn clear_globals(&mut self, id: ModuleId) -> bool {
        let own = self.slot(id).is_none_or(|slot| self.is_own(slot));
        if let Some(slot) = self.slots.get_mut(id).and_then(Option::as_mut) {
            Arc::make_mut(&mut slot.module).globals.clear();
        }
        own
    }

    /// All names of all modules. Recordings do not see that they are read: what asks for all must not be recorded.
    pub fn all_globals(&self) -> impl Iterator<Item = &Variable> {
        let slots = self.order.iter().filter_map(|id| self.slot(*id));
        slots.flat_map(|slot| slot.module.globals.values())
    }

    /// A recording begins.
    pub fn begin(&mut self) {
        self.marks.push(self.order.len());
        self.states.get_mut().begin();
        self.globals.get_mut().begin();
        self.files.get_mut().begin();
    }

    /// The innermost recording ends, and nobody wants to know of what.
    pub fn close(&mut self) {
        self.marks.pop();
        self.states.get_mut().close();
        self.globals.get_mut().close();
        self.files.get_mut().close();
    }

    /// The innermost recording ends.
    pub fn finish(&mut self) -> ModulesPart {
        let mark = self.marks.pop().unwrap_or_default();
        let states = self.states.get_mut().end();
        let globals = self.globals.get_mut().end();
        let files = self.files.get_mut().end().0;
        let new = self.order.get(mark..).unwrap_or_default().iter();
        let new = new.filter_map(|id| Some((*id, Arc::clone(&self.slot(*id)?.module))));
        // What began inside is part of what it made.
        let before = |id: ModuleId| self.born(id).is_some_and(|born| born < mark);
        let state = |id: ModuleId| (id, self.slot(id).map(|slot| State::of(&slot.module)));
        let global = |at: (ModuleId, Atom)| {
            let found = self.slot(at.0).and_then(|slot| slot.module.globals.get(&at.1));
            (at, found.cloned())
        };
        ModulesPart {
            new: new.collect(),
            states: Part {
                reads: states.0.into_iter().filter(|(id, _)| before(*id)).collect(),
                writes: states.1.into_iter().filter(|id| before(*id)).map(state).collect(),
            },
            globals: Part {
                reads: globals.0.into_iter().filter(|((id, _), _)| before(*id)).collect(),
                writes: globals
                    .1
                    .into_iter()
                    .filter(|(id, _)| before(*id))
                    .map(global)
                    .collect(),
            },
            files: files
                .into_iter()
                .map(|(file, first)| (file, first.filter(|id| before(*id))))
                .collect(),
        }
    }

    /// Whether all that a recording read is what it was.
    pub fn agrees(&self, part: &ModulesPart) -> bool {
        part.new.iter().all(|(id, _)| self.is_free(*id))
            && part.states.reads.iter().all(|(id, state)| {
                let here = self.slot(*id).map(|slot| State::of(&slot.module));
                here == *state
            })
            && part.globals.reads.iter().all(|((id, name), value)| {
                let here = self.slot(*id).map(|slot| slot.module.globals.get(name));
                here == Some(value.as_ref())
            })
            && part
                .files
                .iter()
                .all(|(file, first)| self.of_file(*file).first() == first.as_ref())
    }

    /// Does what a recording did; what is recorded around here has read and written the same.
    pub fn replay(&mut self, part: &ModulesPart) {
        let reads = part.states.reads.iter();
        for (id, _) in reads {
            let _ = self.get(*id);
        }
        let reads = part.globals.reads.iter();
        for ((id, name), _) in reads {
            let _ = self.global(*id, *name);
        }
        for (file, first) in &part.files {
            self.files.get_mut().read(file, || *first);
        }
        for (id, module) in &part.new {
            self.add(*id, Arc::clone(module));
        }
        for (id, state) in &part.states.writes {
            if let (Some(module), Some(state)) = (self.get_mut(*id), state) {
                module.stars.clone_from(&state.stars);
                module.dynamic = state.dynamic;
                module.done = state.done;
                module.conditional = state.conditional;
            }
        }
        for ((id, name), value) in &part.globals.writes {
            if let Some(names) = self.write_global(*id, *name) {
                match value {
                    Some(value) => names.insert(*name, value.clone()),
                    None => names.remove(name),
                };
            }
        }
    }
}
