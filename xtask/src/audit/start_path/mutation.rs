//! Which of the modules that have been imported have a name, and who sets, fills or changes something by it.

use std::sync::{Arc, LazyLock, OnceLock};

use pysrc::{Atom, Module, Step, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use super::computed::Computed;
use super::condition::{ADDERS, REMOVERS};
use super::environment::SetVariables;
use super::steps::visit;
use super::talk::FileTalk;
use super::unseen::FileCalls;
use super::value::ModuleId;
use super::walk::Walker;
use crate::python::facts::{FileFacts, TreeFacts};

/// Names of what imports a module by a name that is computed.
const IMPORTERS: &[&str] = &["import_module", "__import__"];

/// Which files of a tree have a name: the same for all agents.
#[derive(Debug)]
pub struct Names<'a> {
    tree: &'a TreeFacts,
    ids: FxHashMap<&'a str, NameId>,
    named: Vec<OfName>,
    /// What the functions of each file call, as far as somebody asked.
    calls: Vec<OnceLock<FileCalls>>,
    /// What each file says of its ports, likewise.
    talks: Vec<OnceLock<FileTalk>>,
    /// What each file does to the items of what has a name, by that name, likewise.
    changes: Vec<OnceLock<FxHashMap<Atom, FileChanges>>>,
    /// Which variables of the environment each file may set, as far as somebody asked, where that is not none.
    sets_variables: OnceLock<Vec<(usize, SetVariables)>>,
    /// Files that may set any by other means, likewise.
    sets_any_variable: OnceLock<Vec<usize>>,
    /// What each file may import by names that are computed, likewise.
    computed: Vec<OnceLock<Computed>>,
    /// The files that may come to be imported by that, likewise; nothing where any may.
    brought: Vec<OnceLock<Option<FxHashSet<usize>>>>,
    /// Whether each file calls a constructor by its name in anything but a constructor, likewise.
    calls_constructor: Vec<OnceLock<bool>>,
    /// Modules and packages by the last part of their names, likewise.
    called: OnceLock<FxHashMap<Box<str>, Vec<usize>>>,
    /// Files that define a function, by its name.
    defining: OnceLock<FxHashMap<NameId, Vec<usize>>>,
}

/// The number of a name that files of the tree have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(u32);

/// All that have a name.
#[derive(Debug, Default)]
struct OfName {
    /// In order of the files.
    files: Vec<Named>,
    /// One of them gives something an attribute of that name.
    sets: bool,
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
    /// Functions that may by another name.
    beside: Vec<Way>,
}

/// What was asked of a name. The answers are put together of those about each module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum About {
    /// Which modules have it.
    Which,
    /// Whether one has it.
    Has,
    /// Whether one gives anything an attribute of that name.
    Sets,
    /// Whether one gives anything but the `self` of a method an attribute of that name.
    SetsOnOthers,
    /// Whether one may set the variable of the environment of that name by `environ`.
    SetsVariable {
        /// It has a value already.
        there: bool,
    },
    /// Whether one may set variables of the environment by it, a function of python-dotenv.
    SetsVariables,
    /// Whether one may import a file that sets the variable of the environment of that name, by a name that is computed.
    BringsSetter {
        /// It has a value already.
        there: bool,
    },
    /// Whether one calls what has it, a constructor, in anything but a constructor.
    CallsConstructor,
    /// What modules do to the items of what has it.
    Changes,
    /// Whether one assigns an item of something that has no name, whatever it is.
    FillsOthers,
}

/// An answer of all modules that were there before a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Whether one does.
    Any(bool),
    /// Those that do.
    Which(Vec<ModuleId>),
    /// What they do.
    Changes(Changes),
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
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// An item is assigned or deleted.
    pub filled: bool,
    /// A method is called that adds items.
    pub added: bool,
    /// A method is called that takes items away.
    pub removed: bool,
    /// Functions that do one of these.
    pub within: Vec<Change>,
    /// Functions that may by another name.
    pub beside: Vec<(ModuleId, u32, How)>,
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

impl<'a> Names<'a> {
    /// Of all files of a tree.
    pub fn new(tree: &'a TreeFacts) -> Self {
        let mut ids: FxHashMap<&'a str, NameId> = FxHashMap::default();
        let mut all: Vec<OfName> = Vec::new();
        for (file, facts) in tree.files.iter().enumerate() {
            let module: &'a Module = &facts.module;
            for (atom, name) in module.names() {
                let named = Named {
                    file,
                    atom,
                    sets: module.set_attributes.binary_search(&atom).is_ok(),
                };
                let next = NameId(u32::try_from(all.len()).unwrap_or(u32::MAX));
                let id = *ids.entry(name).or_insert(next);
                if id == next {
                    all.push(OfName::default());
                }
                if let Some(of_name) = all.get_mut(id.0 as usize) {
                    of_name.files.push(named);
                    of_name.sets |= named.sets;
                }
            }
        }
        Self {
            tree,
            ids,
            named: all,
            calls: std::iter::repeat_with(OnceLock::new).take(tree.files.len()).collect(),
            talks: std::iter::repeat_with(OnceLock::new).take(tree.files.len()).collect(),
            changes: std::iter::repeat_with(OnceLock::new).take(tree.files.len()).collect(),
            sets_variables: OnceLock::new(),
            sets_any_variable: OnceLock::new(),
            computed: std::iter::repeat_with(OnceLock::new).take(tree.files.len()).collect(),
            brought: std::iter::repeat_with(OnceLock::new).take(tree.files.len()).collect(),
            calls_constructor: std::iter::repeat_with(OnceLock::new).take(tree.files.len()).collect(),
            called: OnceLock::new(),
            defining: OnceLock::new(),
        }
    }

    fn of(&self, name: &str) -> &[Named] {
        self.all_of(name).map_or(&[], |of_name| &of_name.files)
    }

    fn all_of(&self, name: &str) -> Option<&OfName> {
        self.id(name).and_then(|id| self.named.get(id.0 as usize))
    }

    /// Whether a file gives something an attribute of that name.
    fn is_set(&self, name: &str) -> bool {
        self.all_of(name).is_some_and(|of_name| of_name.sets)
    }

    /// The number of a name that a file of the tree has.
    pub fn id(&self, name: &str) -> Option<NameId> {
        self.ids.get(name).copied()
    }

    /// What the functions of a file call.
    pub fn calls_in(&self, file: usize) -> &FileCalls {
        static NONE: LazyLock<FileCalls> = LazyLock::new(FileCalls::default);
        match (self.calls.get(file), self.source(file)) {
            (Some(calls), Some(source)) => calls.get_or_init(|| FileCalls::new(source, |name| self.id(name))),
            _ => &NONE,
        }
    }

    /// What a file says of the ports that it may open.
    pub fn talk_of(&self, file: usize) -> &FileTalk {
        static NONE: LazyLock<FileTalk> = LazyLock::new(|| FileTalk::new(&Module::default()));
        match (self.talks.get(file), self.source(file)) {
            (Some(talk), Some(source)) => talk.get_or_init(|| FileTalk::new(source)),
            _ => &NONE,
        }
    }

    /// Files that may set variables of the environment, with the variables. Of files that no agent reaches only the text is known.
    fn setting_variables(&self) -> &[(usize, SetVariables)] {
        self.sets_variables.get_or_init(|| {
            let sets = |(file, facts): (usize, &'a FileFacts)| {
                let (module, text) = (&facts.module, &facts.module.text);
                let only_reads = || {
                    let uses = module.uses(module.atom("environ")?);
                    Some(!uses.escapes && !uses.bound_otherwise)
                };
                let asks = text.contains("environ") && only_reads() != Some(true);
                let sets = asks.then(|| SetVariables::of(text))?;
                (sets != SetVariables::default()).then_some((file, sets))
            };
            self.tree.files.iter().enumerate().filter_map(sets).collect()
        })
    }

    /// All variables of the environment that files set by name.
    pub fn variables_set_by_name(&self) -> impl Iterator<Item = &str> {
        let sets = self.setting_variables().iter();
        sets.flat_map(|(_, sets)| sets.named())
    }

    /// Files that may set any variable by other means.
    fn setting_any_variable(&self) -> &[usize] {
        self.sets_any_variable.get_or_init(|| {
            let sets = |(_, facts): &(usize, &'a FileFacts)| {
                let text = &facts.module.text;
                ["putenv", "environb"].iter().any(|name| text.contains(name))
                    || text.contains("dotenv") && super::environment::may_load_a_file(text)
            };
            let files = self.tree.files.iter().enumerate();
            files.filter(sets).map(|(file, _)| file).collect()
        })
    }

    /// Whether a file may bring one that sets a variable of the environment by importing modules whose names it computes; `there`: it has
    /// a value already.
    pub fn may_bring_setter(&self, file: usize, variable: &str, there: bool) -> bool {
        let setting = self.setting_variables().iter();
        let setting = setting
            .filter(|(_, sets)| sets.has(variable, there))
            .map(|(file, _)| *file);
        let mut setting = setting.chain(self.setting_any_variable().iter().copied()).peekable();
        if setting.peek().is_none() {
            return false;
        }
        match self.brought(file) {
            Some(files) => setting.any(|setting| files.contains(&setting)),
            None => true,
        }
    }

    /// The files that may come to be imported where a file imports modules whose names it computes, those that they import in turn
    /// included; nothing where any may.
    fn brought(&self, file: usize) -> Option<&FxHashSet<usize>> {
        self.brought.get(file)?.get_or_init(|| self.bring(file)).as_ref()
    }

    fn bring(&self, file: usize) -> Option<FxHashSet<usize>> {
        let (mut all, mut open) = (FxHashSet::default(), Vec::new());
        self.bring_computed(file, &mut open)?;
        while let Some(next) = open.pop() {
            if !all.insert(next) {
                continue;
            }
            self.bring_computed(next, &mut open)?;
            let facts = self.tree.files.get(next)?;
            // With a module come the packages that it is in.
            let folders = facts.path.split('/');
            let imports = facts.module.imports.iter();
            let named = imports.flat_map(|import| import.module.split('.').chain(import.name.as_deref()));
            for name in folders.chain(named) {
                open.extend(self.files_called(name));
            }
        }
        Some(all)
    }

    /// Adds the files that one may import by names that it computes; nothing where these may be any.
    fn bring_computed(&self, file: usize, into: &mut Vec<usize>) -> Option<()> {
        let cell = self.computed.get(file)?;
        let computed = cell.get_or_init(|| self.source(file).map(Computed::of).unwrap_or_default());
        if computed.is_any() {
            return None;
        }
        if !computed.is_empty() {
            let files = self.tree.files.iter().enumerate();
            let files = files.filter(|(_, facts)| computed.may_bring(&facts.path));
            into.extend(files.map(|(file, _)| file));
        }
        Some(())
    }

    /// Whether a file calls a constructor by its name in anything but a constructor.
    fn calls_constructor(&self, file: usize) -> bool {
        let Some((known, source)) = self.calls_constructor.get(file).zip(self.source(file)) else {
            return true;
        };
        *known.get_or_init(|| {
            let atom = source.atom(CONSTRUCTOR);
            let mut calls = source.calls.iter();
            calls.any(|call| {
                matches!(&call.callee, Value::Attribute(_, name) if Some(*name) == atom)
                    && !is_constructor(source, call.function)
            })
        })
    }

    /// Files that are modules or packages of a name, wherever they lie.
    fn files_called(&self, name: &str) -> &[usize] {
        let all = self.called.get_or_init(|| {
            let mut all: FxHashMap<Box<str>, Vec<usize>> = FxHashMap::default();
            for (file, facts) in self.tree.files.iter().enumerate() {
                let stem = facts.path.trim_end_matches(".py").trim_end_matches("/__init__");
                let stem = stem.rsplit('/').next().unwrap_or_default();
                all.entry(stem.into()).or_default().push(file);
            }
            all
        });
        all.get(name).map_or(&[], Vec::as_slice)
    }

    /// The files that define functions of a name.
    pub fn defining(&self, name: NameId) -> &[usize] {
        let all = self.defining.get_or_init(|| {
            let mut all: FxHashMap<NameId, Vec<usize>> = FxHashMap::default();
            for (file, facts) in self.tree.files.iter().enumerate() {
                for function in &facts.module.functions {
                    if let Some(id) = self.id(&function.name) {
                        let files = all.entry(id).or_default();
                        if files.last() != Some(&file) {
                            files.push(file);
                        }
                    }
                }
            }
            all
        });
        all.get(&name).map_or(&[], Vec::as_slice)
    }

    fn source(&self, file: usize) -> Option<&'a Module> {
        self.tree.files.get(file).map(|facts| &*facts.module)
    }

    /// What a file does to the items of what has that name, if anything.
    fn changes(&self, file: usize, atom: Atom) -> Option<&FileChanges> {
        let (known, source) = (self.changes.get(file)?, self.source(file)?);
        known.get_or_init(|| changes_of(source)).get(&atom)
    }
}

impl<'a> Walker<'a> {
    /// The imported modules that have a name, whatever they do with it.
    pub fn mentions(&self, name: &str) -> Vec<Mention<'a>> {
        self.asks(name, About::Which);
        self.mentions_before(name, usize::MAX)
    }

    /// Whether any of them has one of these.
    pub fn is_mentioned(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.any(name, About::Has))
    }

    /// Whether a module that has run gives anything an attribute of that name: it may be this one.
    pub fn set_from_outside(&self, name: &str) -> bool {
        self.any(name, About::Sets)
    }

    /// Whether a module that has run assigns an item of something that has no name.
    pub fn fills_others(&self) -> bool {
        self.any("", About::FillsOthers)
    }

    /// Whether something holds for one of the modules that have run.
    pub fn any(&self, name: &str, about: About) -> bool {
        // Most names are set nowhere.
        if matches!(about, About::Sets | About::SetsOnOthers) && !self.names.is_set(name) {
            return false;
        }
        self.asks(name, about);
        matches!(self.answer(name, about, usize::MAX), Answer::Any(true))
    }

    /// The answer of the first so many modules.
    pub fn answer(&self, name: &str, about: About, first: usize) -> Answer {
        let any = |holds: &dyn Fn(&Named) -> bool| Answer::Any(self.any_named(name, first, holds));
        let source = |named: &Named| self.names.source(named.file);
        match about {
            About::Which => {
                let mentions = self.mentions_before(name, first);
                Answer::Which(mentions.into_iter().map(|mention| mention.module).collect())
            }
            About::Changes => Answer::Changes(self.changes_between(name, 0, first)),
            About::Has => any(&|_| true),
            About::Sets => any(&|named| named.sets),
            About::SetsOnOthers => {
                any(&|named| named.sets && source(named).is_some_and(|it| sets_on_others(it, named.atom, name)))
            }
            About::SetsVariable { there } => {
                let mut setting = self.names.setting_variables().iter();
                Answer::Any(setting.any(|(file, sets)| sets.has(name, there) && self.has_run(*file, first)))
            }
            About::CallsConstructor => any(&|named| self.names.calls_constructor(named.file)),
            About::SetsVariables => any(&|named| source(named).is_some_and(|it| self.may_set_variables(it))),
            About::BringsSetter { there } => Answer::Any(IMPORTERS.iter().any(|importer| {
                self.any_named(importer, first, &|named| {
                    self.names.may_bring_setter(named.file, name, there)
                })
            })),
            About::FillsOthers => {
                let mut modules = self.first_modules(first).iter();
                Answer::Any(modules.any(|id| self.source(*id).is_some_and(|source| source.fills_others)))
            }
        }
    }

    /// The first so many modules, in order of import.
    fn first_modules(&self, first: usize) -> &[ModuleId] {
        let order = self.modules.order();
        order.get(..first).unwrap_or(order)
    }

    /// Whether a file is among the first so many modules.
    fn has_run(&self, file: usize, first: usize) -> bool {
        let before = |id: &ModuleId| self.modules.born(*id).is_some_and(|born| born < first);
        self.modules.of_file(file).iter().any(before)
    }

    /// Whether something holds for a file of the first so many modules that has a name.
    fn any_named(&self, name: &str, first: usize, holds: &dyn Fn(&Named) -> bool) -> bool {
        let (named, modules) = (self.names.of(name), self.first_modules(first));
        // Whichever are fewer.
        if modules.len() < named.len() {
            let mut files = modules.iter().filter_map(|id| self.file_of(*id));
            return files.any(|file| named_in(named, file).is_some_and(holds));
        }
        named
            .iter()
            .any(|named| holds(named) && self.has_run(named.file, first))
    }

    fn mentions_before(&self, name: &str, first: usize) -> Vec<Mention<'a>> {
        let (all, modules) = (self.names.of(name), self.first_modules(first));
        let mention = |module: ModuleId, named: &Named| {
            let source = self.names.source(named.file)?;
            let atom = named.atom;
            Some(Mention { module, source, atom })
        };
        // Whichever are fewer.
        if modules.len() < all.len() {
            let found = modules
                .iter()
                .filter_map(|id| mention(*id, named_in(all, self.file_of(*id)?)?));
            return found.collect();
        }
        let mut found: Vec<(usize, Mention<'a>)> = Vec::new();
        for named in all {
            for module in self.modules.of_file(named.file) {
                let born = self.modules.born(*module).unwrap_or_default();
                if born < first {
                    found.extend(mention(*module, named).map(|mention| (born, mention)));
                }
            }
        }
        found.sort_unstable_by_key(|(born, _)| *born);
        found.into_iter().map(|(_, mention)| mention).collect()
    }

    /// What modules do to the items of what has that name.
    pub fn changes_of(&self, name: &str) -> Arc<Changes> {
        self.asks(name, About::Changes);
        let all = self.modules.order().len();
        let mut known = self.changes.borrow_mut();
        if let Some((looked, changes)) = known.get_mut(name) {
            if *looked < all {
                let more = self.changes_between(name, *looked, all);
                if more != Changes::default() {
                    Arc::make_mut(changes).add(more);
                }
                *looked = all;
            }
            return Arc::clone(changes);
        }
        let changes = Arc::new(self.changes_between(name, 0, all));
        known.insert(name.to_owned(), (all, Arc::clone(&changes)));
        changes
    }

    /// What the modules from one number to another do.
    fn changes_between(&self, name: &str, from: usize, till: usize) -> Changes {
        let mut changes = Changes::default();
        let order = self.modules.order();
        let some = order.get(from..till.min(order.len())).unwrap_or_default();
        let named = self.names.of(name);
        // Whichever are fewer.
        if some.len() < named.len() {
            for id in some {
                if let Some(named) = self.file_of(*id).and_then(|file| named_in(named, file)) {
                    changes.add_file(*id, self.names.changes(named.file, named.atom));
                }
            }
            return changes;
        }
        let mut found: Vec<(usize, ModuleId, &Named)> = Vec::new();
        for named in named {
            for id in self.modules.of_file(named.file) {
                let born = self.modules.born(*id).unwrap_or_default();
                if (from..till).contains(&born) {
                    found.push((born, *id, named));
                }
            }
        }
        found.sort_unstable_by_key(|(born, ..)| *born);
        for (_, id, named) in found {
            changes.add_file(id, self.names.changes(named.file, named.atom));
        }
        changes
    }
}

/// The method that gives a new object what it has.
pub const CONSTRUCTOR: &str = "__init__";

/// Whether a function is a constructor.
pub fn is_constructor(source: &Module, function: Option<u32>) -> bool {
    let facts = function.and_then(|function| source.functions.get(function as usize));
    facts.is_some_and(|facts| &*facts.name == CONSTRUCTOR)
}

/// The file among those that have a name.
fn named_in(named: &[Named], file: usize) -> Option<&Named> {
    let at = named.binary_search_by_key(&file, |named| named.file).ok()?;
    named.get(at)
}

/// Whether a module gives anything but the `self` of a method an attribute of that name. What a method calls otherwise may be anything:
/// it may be called by its class.
fn sets_on_others(source: &Module, atom: Atom, name: &str) -> bool {
    let of_itself = |function: u32| {
        let facts = source.functions.get(function as usize);
        let own = facts.and_then(|facts| facts.parameters.all.first());
        own.is_some_and(|own| source.name(own.name) == "self")
            && facts.is_some_and(|facts| !facts.decorators.iter().any(|decorator| &**decorator == "staticmethod"))
    };
    let own = source.attributes.iter().filter(|attribute| &*attribute.name == name);
    let own = own.filter(|attribute| attribute.function.is_some_and(of_itself));
    source.times_set(atom) > own.count()
}

/// A function that may change what has a name, but by another one.
#[derive(Debug, Clone, Copy)]
struct Way {
    function: u32,
    how: How,
}

/// How it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It gives another name to what has this plain one, or to an item of it.
    Named,
    /// The same of an attribute.
    Attribute,
    /// It gives something that is not the `self` of its own an attribute of that name.
    Sets,
}

/// What a file does to the items of what has a name, by that name.
fn changes_of(source: &Module) -> FxHashMap<Atom, FileChanges> {
    let mut all: FxHashMap<Atom, FileChanges> = FxHashMap::default();
    for fill in &source.filled {
        let changes = all.entry(fill.name).or_default();
        changes.filled = true;
        changes.change(fill.function, fill.plain);
    }
    for call in &source.calls {
        let Value::Attribute(of, method) = &call.callee else {
            continue;
        };
        let (holder, inside) = holder(source, of);
        let (name, plain) = match holder {
            Value::Name(name) => (*name, true),
            Value::Attribute(_, name) => (*name, false),
            _ => continue,
        };
        let method = source.name(*method);
        let (adds, removes) = (ADDERS.contains(&method), REMOVERS.contains(&method));
        if adds || removes {
            let changes = all.entry(name).or_default();
            changes.filled |= inside;
            changes.added |= adds;
            changes.removed |= removes;
            changes.change(call.function, plain);
        }
    }
    ways_of(source, &mut |of, way| all.entry(of).or_default().beside.push(way));
    all
}

/// What holds the list or dictionary that a value is, and whether it is a part of that: `d` of `d["a"]["b"]` and of `d.get("a")`.
fn holder<'s>(source: &'s Module, mut value: &'s Value) -> (&'s Value, bool) {
    let mut inside = false;
    loop {
        value = match value {
            Value::Subscript(of, _) => of,
            Value::Call(call) => match source.calls.get(*call as usize).map(|call| &call.callee) {
                Some(Value::Attribute(of, method)) if matches!(source.name(*method), "get" | "setdefault") => of,
                _ => return (value, inside),
            },
            _ => return (value, inside),
        };
        inside = true;
    }
}

/// Calls with each name and each way in which a function may change what has it by another one.
fn ways_of(source: &Module, with: &mut dyn FnMut(Atom, Way)) {
    // Names that a function gives to what has another one, and those of items of what has a plain name.
    let mut given: Vec<(Atom, Way, Atom)> = Vec::new();
    let mut items: FxHashMap<Atom, Vec<Atom>> = FxHashMap::default();
    for (function, facts) in (0_u32..).zip(&source.functions) {
        let own = facts.parameters.all.first().filter(|_| facts.class.is_some());
        visit(&facts.body, &mut |step| {
            if let Step::StoreAttribute { object, attribute, .. } = step
                && own.is_none_or(|own| own.name != *object)
            {
                let how = How::Sets;
                with(*attribute, Way { function, how });
            }
            let (value, target) = match step {
                Step::Store {
                    name,
                    value: Some(value),
                    ..
                } => (value, Some(*name)),
                Step::StoreAttribute { value: Some(value), .. } => (value, None),
                _ => return,
            };
            let mut of = &**value;
            while let Value::Subscript(inner, _) = of {
                of = inner;
            }
            let (name, how) = match of {
                Value::Name(name) => (*name, How::Named),
                Value::Attribute(_, name) => (*name, How::Attribute),
                _ => return,
            };
            match target {
                None => with(name, Way { function, how }),
                Some(target) => {
                    given.push((name, Way { function, how }, target));
                    if how == How::Named && !std::ptr::eq(of, &raw const **value) {
                        items.entry(name).or_default().push(target);
                    }
                }
            }
        });
    }
    for (name, way, target) in given {
        if may_change(source, &items, target, 0) {
            with(name, way);
        }
    }
}

/// Whether a call changes what is in something that has a plain name: `name["a"].append(1)`.
fn adds_inside(source: &Module, callee: &Value, name: Atom) -> bool {
    let Value::Attribute(of, method) = callee else {
        return false;
    };
    let method = source.name(*method);
    (ADDERS.contains(&method) || REMOVERS.contains(&method)) && *holder(source, of).0 == Value::Name(name)
}

/// Whether a file may change what it gave a name, or something in it, by that name.
fn may_change(source: &Module, items: &FxHashMap<Atom, Vec<Atom>>, name: Atom, depth: usize) -> bool {
    const DEEPEST: usize = 4;
    depth > DEEPEST
        || source.uses(name).escapes
        || source.filled.iter().any(|fill| fill.plain && fill.name == name)
        || source.calls.iter().any(|call| adds_inside(source, &call.callee, name))
        || items
            .get(&name)
            .is_some_and(|names| names.iter().any(|inner| may_change(source, items, *inner, depth + 1)))
}

impl FileChanges {
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
    fn add_file(&mut self, module: ModuleId, file: Option<&FileChanges>) {
        let Some(file) = file else { return };
        self.filled |= file.filled;
        self.added |= file.added;
        self.removed |= file.removed;
        let within = file.within.iter();
        self.within.extend(within.map(|(function, plain)| Change {
            module,
            function: *function,
            plain: *plain,
        }));
        let beside = file.beside.iter();
        self.beside.extend(beside.map(|way| (module, way.function, way.how)));
    }

    fn add(&mut self, more: Self) {
        self.filled |= more.filled;
        self.added |= more.added;
        self.removed |= more.removed;
        self.within.extend(more.within);
        self.beside.extend(more.beside);
    }
}

#[cfg(test)]
mod tests {
    use pysrc::PythonVersion;

    use super::Names;
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
        let names = Names::new(&tree);
        let port: Vec<(usize, bool)> = names.of("port").iter().map(|named| (named.file, named.sets)).collect();
        assert_eq!(port, [(0, true), (1, false)]);
        assert!(names.of("nowhere").is_empty());
        let defining = |name| names.id(name).map(|id| names.defining(id).to_vec());
        assert_eq!(defining("f"), Some(vec![0]));
        assert_eq!(defining("append"), Some(vec![]));
        let changes: Vec<(bool, bool, usize)> = names
            .of("items")
            .iter()
            .filter_map(|named| names.changes(named.file, named.atom))
            .map(|changes| (changes.added, changes.filled, changes.within.len()))
            .collect();
        assert_eq!(changes, [(true, false, 1), (false, true, 0)]);
    }
}
