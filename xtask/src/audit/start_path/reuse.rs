//! What importing a module does, kept with all that it depended on, and done again for the next agent that finds the same.
//!
//! An agent that imports a module for the first time is recorded: [`super::tracked`] says what the module, and those that it imports,
//! have read of what was there before, and what they have left. The next agent that imports it does not follow it where all that was read
//! is what it was; it gets what was left. What neither is told in this way (the innermost loop, handlers around here, …) has to be at
//! rest before a recording begins. [`Walker::at_rest`] and [`Walker::switches`] name every part of the walk's state: one that is added does not
//! compile before somebody has said there what becomes of it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};

use pysrc::PythonVersion;

use super::assigned::{Given, SetElsewhere};
use super::class::Entry as ClassEntry;
use super::content::Data;
use super::failure::{Failure, Flow};
use super::files::Read;
use super::lists::{ChangedLists, ListsPart};
use super::memoized::Results;
use super::modules::ModulesPart;
use super::mutation::{About, Answer};
use super::tracked::{Log, Part, Same};
use super::unseen::CalledPart;
use super::value::{ModuleId, V, Variable};
use super::walk::{ClassNames, DEEPEST, Doubt, MOST_STEPS, Object, SearchPath, Walker};
use crate::container::environment::of_image;
use crate::python::facts::TreeFacts;
use crate::python::imports::resolve::{Loaded, Search, Target};
use crate::python::imports::view::View;

/// Recordings of one module that are kept: agents may find it in so many different worlds.
const MOST_KEPT: usize = 8;
/// Bytes that large values may take in a script.
pub const MOST_LARGE: usize = 128 * 1024 * 1024;

/// What a recording has used that only few other agents have, too; bits of [`Walker::used`].
pub mod using {
    /// Something that no other agent has, or that is not recorded.
    pub const OWN: u8 = 1;
    /// The handlers around the import.
    pub const TRIES: u8 = 2;
    /// What the container holds.
    pub const VIEW: u8 = 4;
    /// Anything else of where modules are searched.
    pub const CONTAINER: u8 = 8;
    /// Whether the requirements are those of a group, and known.
    pub const REQUIREMENTS: u8 = 16;
    /// How deep the calls around are: they were too deep.
    pub const DEPTH: u8 = 32;
    /// Which files and folders were made.
    pub const MADE: u8 = 64;
    /// Whether the image has a file such as `.env`.
    pub const ENV_FILE: u8 = 128;
}

/// What is recorded of the imports that have begun, besides what is tracked.
#[derive(Debug, Default)]
pub struct Recorder {
    begun: Vec<Begun>,
    /// What the innermost has used.
    used: Cell<u8>,
    /// How deep calls have become in it.
    deepest: Cell<usize>,
    /// What was asked of names.
    asked: RefCell<Log<(String, About), ()>>,
    /// What was looked up of modules.
    lookups: RefCell<Log<String, Vec<Loaded>>>,
    /// What was looked up below others.
    below: RefCell<Log<(Target, String, String), Target>>,
    /// What was told of the order of classes.
    orders: RefCell<Log<(ModuleId, u32), Vec<ClassEntry>>>,
    /// What was looked up in the environment.
    variables: RefCell<Log<String, EnvironmentVariable>>,
}

/// JSON (or YAML) files by their paths and by whether they are JSON.
type Documents = FxHashMap<(String, bool), Option<Arc<Read>>>;

/// What all walks share.
#[derive(Debug)]
pub struct Shared {
    /// Whether anything is done again: tests compare.
    reuses: bool,
    next: AtomicUsize,
    modules: Mutex<FxHashMap<(String, Target, usize), ModuleId>>,
    kept: Mutex<FxHashMap<ModuleId, Vec<Arc<Kept>>>>,
    reused: AtomicUsize,
    /// Modules whose import is recorded by an agent that records nothing else.
    claimed: Mutex<FxHashSet<ModuleId>>,
    released: Condvar,
    /// JSON (or YAML) files that were read; nothing for those that cannot be.
    documents: Mutex<Documents>,
}

impl Shared {
    /// Nothing yet; `reuses`: whether what was recorded is done again.
    pub fn new(reuses: bool) -> Self {
        Self {
            reuses,
            next: AtomicUsize::new(1),
            modules: Mutex::default(),
            kept: Mutex::default(),
            reused: AtomicUsize::new(0),
            claimed: Mutex::default(),
            released: Condvar::new(),
            documents: Mutex::default(),
        }
    }

    /// What a JSON (or YAML) file of the tree holds.
    pub fn document(&self, path: &str, json: bool, read: impl FnOnce() -> Option<Read>) -> Option<Arc<Read>> {
        let mut known = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known
            .entry((path.to_owned(), json))
            .or_insert_with(|| read().map(Arc::new));
        known.clone()
    }

    /// How often an import was done again.
    #[cfg(test)]
    pub fn times_reused(&self) -> usize {
        self.reused.load(Ordering::Relaxed)
    }

    /// A number that nothing else has.
    pub fn number(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The number of a module, for the so-manieth time that a walk begins to import it.
    pub fn module(&self, name: &str, target: &Target, time: usize) -> ModuleId {
        let mut known = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let next = known.len();
        *known.entry((name.to_owned(), target.clone(), time)).or_insert(next)
    }

    /// Takes a module to record its import, and says so; where another agent does that already, waits until it has come to its end.
    /// Who has taken one waits for no other: so nobody waits for ever.
    pub fn claim(&self, id: ModuleId) -> Option<Claim<'_>> {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.insert(id) {
            return Some(Claim { shared: self, id });
        }
        while claimed.contains(&id) {
            claimed = self.released.wait(claimed).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn of_module(&self, id: ModuleId) -> Vec<Arc<Kept>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&id).cloned().unwrap_or_default()
    }

    fn keep(&self, id: ModuleId, entry: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.entry(id).or_default();
        if kept.len() < MOST_KEPT {
            kept.push(Arc::new(entry));
        }
    }
}

/// A module whose import is recorded, until this is dropped, however that comes.
#[derive(Debug)]
pub struct Claim<'a> {
    shared: &'a Shared,
    id: ModuleId,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut claimed = self.shared.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.remove(&self.id);
        self.shared.released.notify_all();
    }
}

/// Switches of a walk that an import may read or set: a recording holds where they are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Switches {
    alive: bool,
    paused: bool,
    makes_folders: bool,
    moved: bool,
    search_path: SearchPath,
    runs_any_module: bool,
    logs: bool,
    surely_logs: bool,
    swallowed: bool,
    /// Whether there are any: asked before single ones are looked up.
    given: bool,
    data: bool,
}

/// Where modules are searched, by the addresses of what is the same for many agents.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Container {
    view: usize,
    requirements: usize,
    also: usize,
    roots: Vec<String>,
    version: PythonVersion,
}

impl Container {
    fn of(search: &Search<'_>) -> Self {
        Self {
            view: address(search),
            requirements: std::ptr::from_ref(search.requirements).addr(),
            also: search.also.as_ptr().addr(),
            roots: search.roots.clone(),
            version: search.version,
        }
    }
}

fn address(search: &Search<'_>) -> usize {
    std::ptr::from_ref::<View<'_>>(search.view).addr()
}

/// How things stood when a recording began.
#[derive(Debug)]
struct Begun {
    switches: Switches,
    tries: bool,
    made: bool,
    frames: usize,
    steps: usize,
    large: usize,
    failures: usize,
    chain: usize,
    roots: Vec<String>,
    used: u8,
    deepest: usize,
}

/// What is known of a variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentVariable {
    /// Its value.
    pub value: Option<String>,
    /// It is there, or may be all the same.
    pub may_be_there: bool,
    /// The agent gets it from a file that nobody else sees, or may.
    pub is_from_a_file: bool,
}

macro_rules! parts {
    ($($field:ident: $part:ty),* $(,)?) => {
        /// What a recording read and wrote, by field of the walk.
        #[derive(Debug)]
        struct Parts {
            $($field: $part),*
        }

        impl Walker<'_> {
            fn begin_parts(&mut self) {
                $(self.$field.begin();)*
            }

            fn close_parts(&mut self) {
                $(self.$field.close();)*
            }

            fn finish_parts(&mut self) -> Parts {
                Parts {
                    $($field: self.$field.finish()),*
                }
            }

            fn parts_agree(&self, parts: &Parts) -> bool {
                $(self.$field.agrees(&parts.$field))&&*
            }

            fn replay_parts(&mut self, parts: &Parts) {
                $(self.$field.replay(&parts.$field);)*
            }
        }
    };
}

parts! {
    by_name: Part<String, ModuleId>,
    modules: ModulesPart,
    objects: Part<usize, Arc<Object>>,
    data: Part<usize, Arc<Data>>,
    changed_lists: ListsPart,
    instantiated: Part<(ModuleId, u32), ()>,
    entered: Part<usize, Variable>,
    bases: Part<(ModuleId, u32), Vec<V>>,
    usual: Part<(ModuleId, u32), ()>,
    called_by: Part<(ModuleId, u32), (ModuleId, pysrc::Span)>,
    metaclasses: Part<(ModuleId, u32), V>,
    decorated: Part<(ModuleId, u32), V>,
    kept_results: Part<(ModuleId, u32), Results>,
    class_names: Part<(ModuleId, u32), Arc<ClassNames>>,
    given: Part<(ModuleId, u32, Given), ()>,
    called_unseen: CalledPart,
    lambdas: Part<ModuleId, ()>,
    followed: Part<(ModuleId, u32), ()>,
    given_by_properties: Part<(usize, String), Variable>,
    given_by_classes: Part<(ModuleId, u32, String), Variable>,
    made: Part<String, ()>,
    set_elsewhere: Part<SetElsewhere, ()>,
}

macro_rules! same_if_equal {
    ($($type:ty),*) => {
        $(impl Same for $type {
            fn same(&self, other: &Self) -> bool {
                self == other
            }
        })*
    };
}

same_if_equal!(usize, V, Vec<V>, (ModuleId, pysrc::Span), Results);

/// A class, and those above it, as somebody was told.
type OrderRead = ((ModuleId, u32), Option<Vec<ClassEntry>>);

/// What importing a module did.
#[derive(Debug)]
struct Kept {
    before: Switches,
    after: Switches,
    used: u8,
    frames: usize,
    deepest: usize,
    steps: usize,
    large: usize,
    view: usize,
    container: Container,
    /// Other places where modules were found that it looked up as they were.
    elsewhere: Mutex<Vec<Container>>,
    requirements: (bool, bool),
    has_env_file: bool,
    environment: bool,
    /// Where modules are searched afterwards, where that is elsewhere.
    roots: Option<Vec<String>>,
    parts: Parts,
    orders: Vec<OrderRead>,
    asked: Vec<(String, About, Answer)>,
    lookups: Vec<(String, Option<Vec<Loaded>>)>,
    below: Vec<((Target, String, String), Option<Target>)>,
    variables: Vec<(String, Option<EnvironmentVariable>)>,
    failures: Vec<Failure>,
    swallowed: Option<Failure>,
    /// How many places of a failure's chain are the way to the module.
    chain: usize,
    sure: bool,
}

/// What of a walk's state an import of a module neither reads nor leaves otherwise, or is at rest.
impl<'a> Walker<'a> {
    /// The tree.
    pub fn tree(&self) -> &'a TreeFacts {
        self.raw_search.view.tree
    }

    /// The version of Python.
    pub fn version(&self) -> PythonVersion {
        self.raw_search.version
    }

    /// What the container holds.
    pub fn view(&self) -> &'a View<'a> {
        self.uses_own(using::VIEW);
        self.raw_search.view
    }

    /// Where modules are searched, and what is there besides the tree.
    pub fn container(&self) -> &Search<'a> {
        self.uses_own(using::CONTAINER);
        &self.raw_search
    }

    /// The same, for what is told again of each agent by itself.
    pub fn container_to_tell_of(&self) -> &Search<'a> {
        &self.raw_search
    }

    /// The same, to be changed.
    pub fn container_mut(&mut self) -> &mut Search<'a> {
        self.uses_own(using::CONTAINER);
        &mut self.raw_search
    }

    /// Whether the requirements may lack what is there.
    pub fn requirements_are_open(&self) -> bool {
        self.uses_own(using::REQUIREMENTS);
        self.raw_search.requirements.open
    }

    /// Each module that importing a dotted name loads.
    pub fn lookup(&self, name: &str) -> Rc<[Loaded]> {
        let found = self.raw_search.absolute(name);
        if self.is_recording() {
            let mut lookups = self.recorder.lookups.borrow_mut();
            lookups.read(&name.to_owned(), || Some(found.to_vec()));
        }
        found
    }

    /// The submodule of something loaded.
    pub fn lookup_below(&self, parent: &Target, full: &str, part: &str) -> Target {
        let found = self.raw_search.below(parent, full, part);
        if self.is_recording() {
            let key = (parent.clone(), full.to_owned(), part.to_owned());
            self.recorder.below.borrow_mut().read(&key, || Some(found.clone()));
        }
        found
    }

    /// A variable of the container's environment; nothing where that is not known.
    pub fn environment_variable(&self, name: &str) -> Option<EnvironmentVariable> {
        let found = self.variable_unseen(name);
        if self.is_recording() {
            let mut variables = self.recorder.variables.borrow_mut();
            variables.read(&name.to_owned(), || found.clone());
        }
        found
    }

    /// The same, unseen by recordings.
    fn variable_unseen(&self, name: &str) -> Option<EnvironmentVariable> {
        let environment = self.environment?;
        Some(EnvironmentVariable {
            value: environment.get(name).cloned().or_else(|| of_image(name)),
            may_be_there: super::environment::may_have(environment, name),
            is_from_a_file: self.has_unknown_variables || self.secret_variables.contains(name),
        })
    }

    /// Whether an import is recorded.
    pub fn is_recording(&self) -> bool {
        !self.recorder.begun.is_empty()
    }

    /// Something is asked of a name.
    pub fn asks(&self, name: &str, about: About) {
        if self.is_recording() {
            let mut asked = self.recorder.asked.borrow_mut();
            asked.read(&(name.to_owned(), about), || Some(()));
        }
    }

    /// Somebody is told of the order of a class.
    pub fn tells_order(&self, class: (ModuleId, u32), order: &[ClassEntry]) {
        if self.is_recording() {
            let mut orders = self.recorder.orders.borrow_mut();
            orders.read(&class, || Some(order.to_vec()));
        }
    }

    /// Calls are so deep.
    pub fn is_so_deep(&self, depth: usize) {
        self.recorder.deepest.set(self.recorder.deepest.get().max(depth));
        if depth >= DEEPEST {
            self.uses_own(using::DEPTH);
        }
    }

    /// Something is used that may be different for others.
    pub fn uses_own(&self, what: u8) {
        self.recorder.used.set(self.recorder.used.get() | what);
    }

    /// The state besides what is tracked.
    fn switches(&self) -> Switches {
        self.name_all_state();
        Switches {
            alive: self.alive,
            paused: self.paused,
            makes_folders: self.makes_folders,
            moved: self.moved,
            search_path: self.search_path,
            runs_any_module: self.runs_any_module,
            logs: self.logs,
            surely_logs: self.surely_logs,
            swallowed: self.swallowed.is_some(),
            given: !self.given.is_empty(),
            data: !self.data.is_empty(),
        }
    }

    /// Names all of the state, so that nothing is forgotten: what is new does not compile before somebody says how recordings know of it.
    fn name_all_state(&self) {
        let Walker {
            // The same for all agents, or told of by those who use it.
            raw_search: _,
            main: _,
            main_package: _,
            flags_of_agent: _,
            environment: _,
            secret_variables: _,
            has_unknown_variables: _,
            has_env_file: _,
            // The stack's.
            networks: _,
            equals: _,
            disk: _,
            names: _,
            shared: _,
            // Whoever adds to it says so.
            met: _,
            // Tracked.
            modules: _,
            by_name: _,
            objects: _,
            data: _,
            changed_lists: _,
            instantiated: _,
            entered: _,
            bases: _,
            usual: _,
            called_by: _,
            metaclasses: _,
            decorated: _,
            kept_results: _,
            class_names: _,
            given_by_properties: _,
            given_by_classes: _,
            called_unseen: _,
            lambdas: _,
            followed: _,
            made: _,
            set_elsewhere: _,
            // Known again from what is tracked.
            orders: _,
            changes: _,
            unseen: _,
            // Of recordings.
            recorder: _,
            // Whoever asks for the way follows all of it.
            trail: _,
            // Grow: an import adds to them.
            failures: _,
            chain: _,
            steps: _,
            decisions: _,
            large: _,
            // At rest: nothing is imported while an expression is looked at.
            asked: _,
            // At rest, see below.
            shadows: _,
            frames: _,
            silent: _,
            maybe: _,
            undecided: _,
            doubt: _,
            waiting: _,
            handling: _,
            loops: _,
            each: _,
            gatherings: _,
            skipping: _,
            kept: _,
            pending: _,
            generators: _,
            threads: _,
            parsers: _,
            binds: _,
            sockets: _,
            // Used by who says so.
            open_tries: _,
            // Set before it is read.
            sure: _,
            // Switches.
            alive: _,
            paused: _,
            makes_folders: _,
            moved: _,
            search_path: _,
            runs_any_module: _,
            logs: _,
            surely_logs: _,
            swallowed: _,
            given: _,
        } = self;
    }

    /// Whether nothing is going on around here that an import could read and no recording tells of.
    fn at_rest(&self) -> bool {
        self.silent == 0
            && self.maybe == 0
            && self.loops == 0
            && self.handling == 0
            && self.doubt == Doubt::None
            && !self.skipping
            && !self.waiting
            && !self.kept
            && self.each.is_empty()
            && self.gatherings.is_empty()
            && self.has_no_numbers_of_its_own()
            && self
                .frames
                .iter()
                .all(|frame| frame.function.is_none() && !frame.in_class)
    }

    /// Whether there is nothing that other walks know by other numbers.
    fn has_no_numbers_of_its_own(&self) -> bool {
        self.pending.is_empty()
            && self.generators.are_at_rest()
            && self.threads.is_empty()
            && self.parsers.is_empty()
            && self.binds.is_empty()
            && self.sockets.is_empty()
            && self.met.is_at_rest()
    }

    /// Whether the import of a module may be recorded or done again here. What is imported while a package above it runs depends on how
    /// far that has come: another agent imports the package as a whole.
    pub fn may_reuse(&mut self, name: &str) -> bool {
        self.shared.reuses
            && self.at_rest()
            && name.match_indices('.').all(|(end, _)| {
                let above = name.get(..end).and_then(|above| self.by_name.peek(above));
                above.is_none_or(|id| self.modules.is_done(*id))
            })
            && self.is_shadowed_by_nothing()
    }

    /// The import of a module begins to be recorded.
    pub fn begin_recording(&mut self) {
        let begun = Begun {
            switches: self.switches(),
            tries: !self.open_tries.is_empty(),
            made: !self.made.is_empty(),
            frames: self.frames.len(),
            steps: self.steps,
            large: self.large.get(),
            failures: self.failures.len(),
            chain: self.chain.len(),
            roots: self.raw_search.roots.clone(),
            used: self.recorder.used.replace(0),
            deepest: self.recorder.deepest.replace(self.frames.len()),
        };
        self.recorder.begun.push(begun);
        self.begin_parts();
        self.recorder.asked.get_mut().begin();
        self.recorder.lookups.get_mut().begin();
        self.recorder.below.get_mut().begin();
        self.recorder.orders.get_mut().begin();
        self.recorder.variables.get_mut().begin();
    }

    /// It has come to its end: what it did is kept where it may be done again.
    pub fn end_recording(&mut self, id: ModuleId, flow: Flow) {
        let Some(begun) = self.recorder.begun.pop() else {
            return;
        };
        let used = self.recorder.used.replace(self.recorder.used.get() | begun.used);
        let deepest = self
            .recorder
            .deepest
            .replace(self.recorder.deepest.get().max(begun.deepest));
        let whole = matches!(flow, Flow::Next | Flow::Return)
            && self.at_rest()
            && self.steps < MOST_STEPS
            && self.large.get() < MOST_LARGE
            && used & using::OWN == 0
            && !(used & using::TRIES != 0 && begun.tries)
            && !(used & using::MADE != 0 && begun.made);
        if !whole {
            self.close_parts();
            self.recorder.asked.get_mut().close();
            self.recorder.lookups.get_mut().close();
            self.recorder.below.get_mut().close();
            self.recorder.orders.get_mut().close();
            self.recorder.variables.get_mut().close();
            return;
        }
        let mark = self.modules.mark();
        let mut parts = self.finish_parts();
        parts.called_unseen.count_own_modules(mark);
        parts.without_reads_of_what_is_new();
        let asked = self.recorder.asked.get_mut().end().0.into_iter().map(|(key, _)| key);
        let asked: Vec<(String, About)> = asked.collect();
        let orders = self.recorder.orders.get_mut().end().0;
        let kept = Kept {
            before: begun.switches,
            after: self.switches(),
            used,
            frames: begun.frames,
            deepest,
            steps: self.steps - begun.steps,
            large: self.large.get() - begun.large,
            view: address(&self.raw_search),
            container: Container {
                roots: begun.roots.clone(),
                ..Container::of(&self.raw_search)
            },
            elsewhere: Mutex::default(),
            requirements: (self.raw_search.requirements.pooled, self.raw_search.requirements.open),
            has_env_file: self.has_env_file,
            environment: self.environment.is_some(),
            roots: (begun.roots != self.raw_search.roots).then(|| self.raw_search.roots.clone()),
            orders: orders
                .into_iter()
                .filter(|((module, _), _)| self.modules.born(*module).is_some_and(|born| born < mark))
                .collect(),
            asked: asked
                .into_iter()
                .map(|(name, about)| {
                    let answer = self.answer(&name, about, mark);
                    (name, about, answer)
                })
                .collect(),
            lookups: self.recorder.lookups.get_mut().end().0,
            below: self.recorder.below.get_mut().end().0,
            variables: self.recorder.variables.get_mut().end().0,
            failures: self.failures.get(begun.failures..).unwrap_or_default().to_vec(),
            swallowed: self.swallowed.clone().filter(|_| !begun.switches.swallowed),
            chain: begun.chain,
            sure: self.sure,
            parts,
        };
        self.shared.keep(id, kept);
    }

    /// Does again what importing a module did for another agent that found the same; whether there was one.
    pub fn reuse(&mut self, id: ModuleId) -> bool {
        let kept = self.shared.of_module(id);
        match kept.iter().find(|kept| self.fits(kept)) {
            Some(kept) => {
                self.shared.reused.fetch_add(1, Ordering::Relaxed);
                self.replay(kept);
                true
            }
            None => false,
        }
    }

    /// Whether an import would do here what it did there.
    fn fits(&self, kept: &Kept) -> bool {
        let used = |what: u8| kept.used & what != 0;
        let frames = self.frames.len();
        let requirements = self.raw_search.requirements;
        kept.before == self.switches()
            && kept.environment == self.environment.is_some()
            && (!used(using::TRIES) || self.open_tries.is_empty())
            && (!used(using::MADE) || self.made.is_empty())
            && (!used(using::VIEW) || kept.view == address(&self.raw_search))
            && (!used(using::CONTAINER) || self.is_in(kept))
            && (!used(using::REQUIREMENTS) || kept.requirements == (requirements.pooled, requirements.open))
            && (!used(using::ENV_FILE) || kept.has_env_file == self.has_env_file)
            && (kept.frames == frames || (!used(using::DEPTH) && kept.deepest + frames < DEEPEST + kept.frames))
            && self.steps + kept.steps < MOST_STEPS
            && self.large.get() + kept.large < MOST_LARGE
            && self.parts_agree(&kept.parts)
            && self.finds_the_same(kept)
            && kept
                .variables
                .iter()
                .all(|(name, found)| self.variable_unseen(name) == *found)
            && self.unseen_agrees(&kept.parts.called_unseen, &kept.parts.modules)
            && kept
                .orders
                .iter()
                .all(|((module, class), order)| order.as_ref() == Some(&self.order_unseen(*module, *class)))
            && kept
                .asked
                .iter()
                .all(|(name, about, answer)| self.answer(name, *about, usize::MAX) == *answer)
    }

    /// Whether modules are searched where they were.
    fn is_in(&self, kept: &Kept) -> bool {
        kept.container == Container::of(&self.raw_search)
    }

    /// Whether modules that were looked up are found here as they were there.
    fn finds_the_same(&self, kept: &Kept) -> bool {
        if self.is_in(kept) {
            return true;
        }
        let container = Container::of(&self.raw_search);
        let known = || kept.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&container) {
            return true;
        }
        let same = kept.lookups.iter().all(|(name, found)| {
            let found = found.as_deref().unwrap_or_default();
            *self.raw_search.absolute(name) == *found
        }) && kept.below.iter().all(|((parent, full, part), found)| {
            let here = self.raw_search.below(parent, full, part);
            found.as_ref() == Some(&here)
        });
        if same {
            known().push(container);
        }
        same
    }

    fn replay(&mut self, kept: &Kept) {
        if self.is_recording() {
            self.uses_own(kept.used);
            let frames = self.frames.len();
            self.recorder
                .deepest
                .set(self.recorder.deepest.get().max(kept.deepest + frames - kept.frames));
            let asked = self.recorder.asked.get_mut();
            for (name, about, _) in &kept.asked {
                asked.read(&(name.clone(), *about), || Some(()));
            }
            for (key, found) in &kept.lookups {
                self.recorder.lookups.get_mut().read(key, || found.clone());
            }
            for (key, found) in &kept.below {
                self.recorder.below.get_mut().read(key, || found.clone());
            }
            for (key, order) in &kept.orders {
                self.recorder.orders.get_mut().read(key, || order.clone());
            }
            for (key, found) in &kept.variables {
                self.recorder.variables.get_mut().read(key, || found.clone());
            }
            self.ask_again(&kept.parts.called_unseen);
        }
        if !kept.parts.bases.writes.is_empty() {
            // Of classes that were there, none is made otherwise: of the others nothing is known yet.
            let again = |class: &(ModuleId, u32)| !self.modules.is_free(class.0);
            if kept.parts.bases.writes.iter().any(|(class, _)| again(class)) {
                self.orders.get_mut().clear();
            }
        }
        self.replay_parts(&kept.parts);
        self.steps += kept.steps;
        self.large.set(self.large.get() + kept.large);
        if let Some(roots) = &kept.roots {
            self.raw_search.roots.clone_from(roots);
        }
        let way = self.places_on_the_way();
        for failure in &kept.failures {
            let failure = self.told_here(failure, &way, kept.chain);
            self.failures.push(failure);
        }
        if let Some(failure) = &kept.swallowed {
            self.swallowed = Some(self.told_here(failure, &way, kept.chain));
        }
        self.sure = kept.sure;
        self.alive = kept.after.alive;
        self.paused = kept.after.paused;
        self.makes_folders = kept.after.makes_folders;
        self.moved = kept.after.moved;
        self.search_path = kept.after.search_path;
        self.runs_any_module = kept.after.runs_any_module;
        self.logs = kept.after.logs;
        self.surely_logs = kept.after.surely_logs;
    }

    /// A failure of another agent, as it is one of this agent.
    fn told_here(&self, failure: &Failure, way: &[crate::finding::Place], chain: usize) -> Failure {
        let behind = failure.chain.get(chain..).unwrap_or_default();
        let mut failure = Failure {
            chain: way.iter().chain(behind).cloned().collect(),
            ..failure.clone()
        };
        self.tell_of_requirements(&mut failure);
        failure
    }
}

impl Parts {
    /// Leaves out that a row of a module that is new was not there: it could not have been.
    fn without_reads_of_what_is_new(&mut self) {
        let new: FxHashSet<ModuleId> = self.modules.new.iter().map(|(id, _)| *id).collect();
        fn retain<K, V>(part: &mut Part<K, V>, is_new: impl Fn(&K) -> bool) {
            part.reads.retain(|(key, value)| value.is_some() || !is_new(key));
        }
        let of_new = |key: &(ModuleId, u32)| new.contains(&key.0);
        retain(&mut self.bases, of_new);
        retain(&mut self.usual, of_new);
        retain(&mut self.called_by, of_new);
        retain(&mut self.metaclasses, of_new);
        retain(&mut self.decorated, of_new);
        retain(&mut self.kept_results, of_new);
        retain(&mut self.class_names, of_new);
        retain(&mut self.followed, of_new);
        retain(&mut self.instantiated, of_new);
        retain(&mut self.given, |key| new.contains(&key.0));
        retain(&mut self.lambdas, |key| new.contains(key));
    }
}

/// Lists are compared by what is in them.
impl ChangedLists {
    /// Whether a recording's questions have the same answers.
    pub fn agrees(&self, part: &ListsPart) -> bool {
        part.asked.iter().all(|(list, there)| self.has(list) == *there)
    }
}
