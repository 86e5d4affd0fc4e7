//! The state of a walk that follows a script as CPython would run it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap as HashMap;

use pysrc::{Atom, Handler, Module, Span};

use super::assigned::{Given, SetElsewhere};
use super::class::Entry;
use super::content::{Data, Gathering};
use super::failure::{Failure, Flow};
use super::generator::Generators;
use super::listening::Met;
use super::lists::ChangedLists;
use super::memoized::Results;
use super::modules::{Imported, Modules};
use super::mutation::{Changes, Names};
use super::pending::Pending;
use super::reuse::{Recorder, Shared, using};
use super::shadowed::Shadows;
use super::tracked::{Arena, Tracked, TrackedSet};
use super::trail::Trail;
use super::unseen::{Called, Unseen};
use super::value::{Captured, ModuleId, V, Variable};
use crate::finding::Place;
use crate::python::disk::Disk;
use crate::python::imports::resolve::{Search, Target};
use crate::stack::model::Subnet;

/// Steps after which nothing more is looked at.
pub const MOST_STEPS: usize = 400_000;
/// Calls inside calls after which no deeper one is followed.
pub const DEEPEST: usize = 40;

/// What the body of a class bound.
pub type ClassNames = HashMap<Atom, Variable>;

/// What a `return` behind a branch leaves open for what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// There was none.
    None,
    /// It was one of a procedure, as from a guard: what follows is the usual way, but what it raises may be for the other one.
    Raises,
    /// It gave a value: what follows is run as likely as not.
    All,
}

/// A scope that is running.
#[derive(Debug)]
pub struct Frame {
    pub module: ModuleId,
    pub function: Option<u32>,
    /// Set in the body of a class.
    pub in_class: bool,
    pub locals: HashMap<Atom, Variable>,
    /// Names of the functions around the one that runs.
    pub captured: Arc<Captured>,
    pub results: HashMap<u32, Variable>,
    /// What comprehensions made, by number.
    pub collections: HashMap<u32, Variable>,
    /// The last one that each `lambda` made.
    pub lambdas: HashMap<u32, V>,
    pub returned: Option<Variable>,
    /// A `return` with a value was met.
    pub gave_value: bool,
    /// What a `return` behind a branch leaves open.
    pub doubt: Doubt,
    /// The branch behind which that stands.
    pub left_by: Option<Span>,
    /// Ways that had been taken when it began.
    pub decisions: usize,
}

impl Frame {
    /// One that begins.
    pub fn new(module: ModuleId, function: Option<u32>) -> Self {
        Self {
            module,
            function,
            in_class: false,
            locals: HashMap::default(),
            captured: Arc::default(),
            results: HashMap::default(),
            collections: HashMap::default(),
            lambdas: HashMap::default(),
            returned: None,
            gave_value: false,
            doubt: Doubt::None,
            left_by: None,
            decisions: 0,
        }
    }
}

/// An option of an argument parser.
#[derive(Debug, Clone)]
pub struct ParserOption {
    pub names: Vec<String>,
    pub takes_value: bool,
    pub required: bool,
    pub positional: bool,
    pub is_int: bool,
    /// What the attribute is where the flag is not passed.
    pub default: V,
    /// Values that it takes, where it takes only some.
    pub choices: Option<Vec<String>>,
    /// The attribute that it sets, where that is written.
    pub dest: Option<String>,
}

/// An argument parser.
#[derive(Debug, Clone, Default)]
pub struct ParserFacts {
    pub options: Vec<ParserOption>,
    /// It may have options that were not seen.
    pub unknown: bool,
    /// It is one of `optparse`.
    pub of_optparse: bool,
    /// It makes `-h` and `--help` itself.
    pub helps: bool,
    /// An option takes the place of others of its name.
    pub resolves: bool,
    /// It takes no beginning of an option's name for the option.
    pub exact: bool,
    /// It refuses options by other means, or sets attributes by other means.
    pub sets_more: bool,
}

/// An object of a class of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    pub module: ModuleId,
    pub class: u32,
    pub attributes: HashMap<String, Variable>,
    /// It was given to something that is not followed, and may have got further attributes.
    pub opened: bool,
    /// Something that it is an attribute of was.
    pub reached: bool,
    /// Itself was, or is kept where that is not followed: any of its methods may be called. Otherwise those alone that were given.
    pub whole: bool,
    /// It got attributes of any name.
    pub dynamic: bool,
    /// It is a global of a module: functions of that have it without being given it.
    pub global: bool,
}

/// What was done to `sys.path` besides putting folders of the tree on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SearchPath {
    /// A folder that is not known was put on it.
    pub anywhere: bool,
    /// It was changed in another way: folders may be gone, or stand in another order.
    pub rearranged: bool,
    /// Something that no search of folders of the tree looks into was put on it: an archive, a folder of the base image.
    pub beyond: bool,
}

/// A `threading.Thread`.
#[derive(Debug, Clone)]
pub struct Thread {
    /// What it runs, where that gets no arguments.
    pub target: Option<V>,
    /// That may go on for ever.
    pub goes_on: bool,
    pub daemon: bool,
}

/// A `try` or `with` that is running.
#[derive(Debug)]
pub struct Around<'a> {
    pub handlers: &'a [Handler],
    /// What each of them catches, as far as its names had values when the `try` began.
    pub caught: Vec<Caught>,
    /// What a `with` manages, and the name that is called for it.
    pub manager: Option<(V, &'a str)>,
    /// Something that it catches may have been raised before: the rest of its body may not run.
    pub left: bool,
    /// So it may where values are refused that are not known.
    pub interrupted: bool,
    /// How many scopes ran when it began.
    pub depth: usize,
}

/// What an `except` catches.
#[derive(Debug, Clone, Default)]
pub struct Caught {
    /// Names of classes, without what stands before the last dot.
    pub names: Vec<String>,
    /// All that is raised.
    pub everything: bool,
    /// It may catch others, too.
    pub unknown: bool,
}

impl Caught {
    /// Whether an exception whose class and classes above are these, nearest first, is caught or may be.
    pub fn may_catch(&self, classes: &[&str]) -> bool {
        self.unknown || self.catches(classes)
    }

    /// Whether it surely is.
    pub fn catches(&self, classes: &[&str]) -> bool {
        self.everything || self.names.iter().any(|caught| classes.contains(&caught.as_str()))
    }
}

/// A socket of pyzmq.
#[derive(Debug, Clone)]
pub struct Socket {
    /// `REP`, `SUB`, …: nothing where that is not known, or where what it does is awaited.
    pub kind: Option<String>,
    /// The same, awaited or not.
    pub made_as: Option<String>,
    /// What of it was seen last: everything, where nothing else has got it.
    pub state: SocketState,
}

/// How a socket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketState {
    /// Nothing was sent or received.
    New,
    /// A message was sent.
    Sent,
    /// A message was received.
    Received,
    /// It was closed.
    Closed,
    /// Something may have been done with it that was not seen.
    Unknown,
}

/// A socket bound.
#[derive(Debug, Clone)]
pub struct Bind {
    /// The address, where it is written.
    pub host: Option<String>,
    /// The port, where it is known.
    pub port: Option<u16>,
    /// The attribute that the port is, where its value is not known.
    pub of: Option<PortOf>,
    pub place: Place,
    pub conditional: bool,
    /// It is bound whenever the agent starts, in the main thread or beside it.
    pub always: bool,
    /// The port may be free again.
    pub released: bool,
    /// It may have been before the agent began to serve.
    pub given_up: bool,
    /// The socket, where that is one of pyzmq.
    pub socket: Option<usize>,
    /// What kind of socket it is, as the file has it where the walk does not know.
    pub written: Option<&'static str>,
    /// How many scopes run, where a name of the innermost one is all that is seen to hold the socket.
    pub held_at: Option<usize>,
}

/// `self.port + 1`: an attribute of an object, and what is added to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortOf {
    pub object: usize,
    pub attribute: String,
    pub plus: i64,
}

/// The walk of one agent's script.
pub struct Walker<'a> {
    /// Where modules are searched: by way of [`super::reuse`], which says who has used it.
    pub raw_search: Search<'a>,
    /// The script.
    pub main: ModuleId,
    /// The package of `__main__`: that of the module that is run with `-m`, empty for a script.
    pub main_package: String,
    /// What the supervisor passes.
    pub flags_of_agent: &'a BTreeMap<String, String>,
    /// Environment of the container, where that is known.
    pub environment: Option<&'a BTreeMap<String, String>>,
    /// Names of variables that it gets from files which nobody else sees: set, to what nobody knows.
    pub secret_variables: &'a BTreeSet<String>,
    /// It gets further variables of such a file, which is not there to look at.
    pub has_unknown_variables: bool,
    /// Whether a file such as `.env` was put into the image by name: no image has one otherwise.
    pub has_env_file: bool,
    /// Networks that containers have addresses of.
    pub networks: &'a [Subnet],
    pub equals: bool,
    pub modules: Modules,
    /// Which files have a name.
    pub names: &'a Names<'a>,
    /// What modules do to the items of what has a name, and how many were looked through.
    pub changes: RefCell<HashMap<String, (usize, Arc<Changes>)>>,
    /// What all agents share.
    pub shared: &'a Shared,
    /// What is recorded of imports.
    pub recorder: Recorder,
    /// Which of the tree's files stand in front of the standard library's.
    pub shadows: Shadows,
    pub by_name: Tracked<String, ModuleId>,
    pub frames: Vec<Frame>,
    pub chain: Vec<(usize, Span)>,
    /// Whether what the last call gave is surely that.
    pub sure: bool,
    pub failures: Vec<Failure>,
    /// The first exception that is always raised, and that something keeps to itself.
    pub swallowed: Option<Failure>,
    /// What is open around here: [`Walker::tries`] says who has used it.
    pub open_tries: Vec<Around<'a>>,
    pub maybe: usize,
    /// Branches around here of which it is not known which way is taken, and the module of each.
    pub undecided: Vec<(ModuleId, Option<Span>)>,
    /// What a `return`, `break` or `continue` behind a branch leaves open here.
    pub doubt: Doubt,
    pub silent: usize,
    /// Something that may go on for ever was reached.
    pub alive: bool,
    /// Something that takes its time was reached: a loop around it may be the one that serves.
    pub paused: bool,
    /// Something that waits for others was reached: what follows is no start-up any more.
    pub waiting: bool,
    pub objects: Arena<Object>,
    /// Classes of which one was made.
    pub instantiated: TrackedSet<(ModuleId, u32)>,
    /// Coroutines that were made; none any more where something has awaited it, or may have.
    pub pending: Vec<Option<Pending>>,
    /// Generators that have not run, and what goes through those that do.
    pub generators: Generators<'a>,
    /// Ways that were taken where there is another: of branches, loops and handlers.
    pub decisions: usize,
    /// Lists and dictionaries that were read from files.
    pub data: Arena<Data>,
    /// Lists that may have been changed, as they were.
    pub changed_lists: ChangedLists,
    /// What objects give when a `with` statement enters them.
    pub entered: Tracked<usize, Variable>,
    /// Threads that were made.
    pub threads: Vec<Thread>,
    /// Handlers around here.
    pub handling: usize,
    /// Files of the tree that were not listed, and what those hold that are no Python.
    pub disk: Disk<'a>,
    pub bases: Tracked<(ModuleId, u32), Vec<V>>,
    /// Classes with those above them, as far as somebody asked.
    pub orders: RefCell<HashMap<(ModuleId, u32), Vec<Entry>>>,
    /// Bytes that large values have taken.
    pub large: Cell<usize>,
    /// How deep an expression is being looked at for what it surely is, and how many have been since the outermost.
    pub asked: Cell<(u32, u32)>,
    /// Classes that a decorator or metaclass of the tree leaves as they are written.
    pub usual: TrackedSet<(ModuleId, u32)>,
    /// Classes whose metaclass is called when they are: where it makes the object.
    pub called_by: Tracked<(ModuleId, u32), (ModuleId, Span)>,
    /// The metaclasses of classes.
    pub metaclasses: Tracked<(ModuleId, u32), V>,
    /// What decorators made of functions.
    pub decorated: Tracked<(ModuleId, u32), V>,
    /// What functions keep that keep their results.
    pub kept_results: Tracked<(ModuleId, u32), Results>,
    /// What the bodies of classes bound.
    pub class_names: Tracked<(ModuleId, u32), Arc<ClassNames>>,
    /// Attributes that were set of objects of which it is not known which they are: any may have got another value.
    pub set_elsewhere: TrackedSet<SetElsewhere>,
    /// Attributes that classes were given after they were made.
    pub given: TrackedSet<(ModuleId, u32, Given)>,
    /// Loops around here of which only one turn is followed.
    pub loops: usize,
    /// What the loops around here give at this turn, where each turn is followed.
    pub each: Vec<Option<V>>,
    /// Names of functions that may have been called where that is not followed.
    pub called_unseen: Called,
    /// Those, and what they may call.
    pub unseen: Unseen,
    /// What comprehensions around here are making.
    pub gatherings: Vec<Gathering>,
    /// Modules that have made a `lambda`.
    pub lambdas: TrackedSet<ModuleId>,
    /// Something behind a branch may have left this turn of a loop.
    pub skipping: bool,
    /// Functions that were followed.
    pub followed: TrackedSet<(ModuleId, u32)>,
    /// Folders were made that are not known.
    pub makes_folders: bool,
    /// The working directory is no longer the tree's root.
    pub moved: bool,
    /// A thread was started that may keep the process running, whatever happens to the main one.
    pub kept: bool,
    /// What was done to `sys.path`.
    pub search_path: SearchPath,
    /// Modules were run of which it is not known which they are.
    pub runs_any_module: bool,
    /// The root logger may have a handler.
    pub logs: bool,
    /// It surely has one.
    pub surely_logs: bool,
    pub parsers: Vec<ParserFacts>,
    pub binds: Vec<Bind>,
    /// Servers that are no bare sockets, and whom the agent connects to.
    pub met: Met,
    /// Sockets that were made.
    pub sockets: Vec<Socket>,
    /// What properties gave when they were read last, and, as `[key]`, what `__getitem__` did.
    pub given_by_properties: Tracked<(usize, String), Variable>,
    /// What descriptors gave when they were read of their class.
    pub given_by_classes: Tracked<(ModuleId, u32, String), Variable>,
    pub made: TrackedSet<String>,
    pub steps: usize,
    /// The way that was gone, if somebody asked for it.
    pub trail: Option<Trail>,
}

impl<'a> Walker<'a> {
    /// Follows the script under the name that it has then, `__main__` mostly; says how it ends.
    pub fn run(&mut self, file: usize, path: &str, name: &str) -> Flow {
        let target = Target::File {
            file,
            path: path.to_owned(),
            package: None,
        };
        let id = self.number_of_module(name, &target);
        self.main = id;
        self.add_module(id, name, target);
        self.execute_module(id)
    }

    /// The number of a module that is to be imported: another one each time that it failed before.
    pub fn number_of_module(&self, name: &str, target: &Target) -> ModuleId {
        let mut numbers = (0..).map(|time| self.shared.module(name, target, time));
        numbers.find(|id| self.modules.is_free(*id)).unwrap_or_default()
    }

    /// A module begins to be imported.
    pub fn add_module(&mut self, id: ModuleId, name: &str, target: Target) {
        let module = Imported::new(name, target, self.maybe > 0);
        self.modules.add(id, Arc::new(module));
        self.by_name.insert(name.to_owned(), id);
    }

    /// What is open around here.
    pub fn tries(&self) -> &[Around<'a>] {
        self.uses_own(using::TRIES);
        &self.open_tries
    }

    /// What the supervisor passes.
    pub fn flags_given(&self) -> &'a BTreeMap<String, String> {
        self.uses_own(using::OWN);
        self.flags_of_agent
    }

    /// Whether that is `--key=value`.
    pub fn equals_style(&self) -> bool {
        self.uses_own(using::OWN);
        self.equals
    }

    pub fn file_of(&self, id: ModuleId) -> Option<usize> {
        match self.modules.target(id)? {
            Target::File { file, .. } => Some(*file),
            _ => None,
        }
    }

    pub fn source(&self, id: ModuleId) -> Option<&'a Module> {
        let file = self.file_of(id)?;
        self.tree().files.get(file).map(|facts| &*facts.module)
    }

    pub fn place(&self, module: ModuleId, span: Span) -> Place {
        self.file_of(module)
            .map_or_else(|| Place::file(""), |file| self.tree().place(file, span))
    }

    pub fn here(&self) -> ModuleId {
        self.frames.last().map_or(self.main, |frame| frame.module)
    }

    /// The innermost frame, and the facts of the module whose code runs in it.
    pub fn innermost(&self) -> Option<(&Frame, &'a Module)> {
        let frame = self.frames.last()?;
        Some((frame, self.source(frame.module)?))
    }

    /// Whether deeper calls are still followed.
    pub fn may_go_deeper(&self) -> bool {
        let depth = self.frames.len();
        self.is_so_deep(depth);
        depth < DEEPEST && self.silent == 0 && self.steps < MOST_STEPS
    }
}
