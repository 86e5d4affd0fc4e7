//! Follows a script as CPython would run it.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use pysrc::{Atom, Handler, Leave, Module, Span, Step, Test, Value};

use super::value::{ModuleId, V, join};
use crate::audit::imports::resolve::{Search, Target};
use crate::audit::imports::stdlib;
use crate::finding::{Confidence, Place};
use crate::render::ROOT;

/// Steps after which nothing more is looked at.
const MOST_STEPS: usize = 400_000;
/// Calls inside calls after which no deeper one is followed.
const DEEPEST: usize = 40;

/// Exceptions that whoever names just that one expects.
const EXPECTED: &[&str] = &[
    "FileNotFoundError",
    "FileExistsError",
    "AttributeError",
    "KeyError",
    "IndexError",
    "ValueError",
    "ZeroDivisionError",
];

/// Something that fails on the way.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The rule.
    pub rule: &'static str,
    /// The exception's class.
    pub exception: &'static str,
    /// What is wrong.
    pub message: String,
    /// What mends it.
    pub help: Option<String>,
    /// Where.
    pub place: Place,
    /// How the script gets there: imports and calls, first one first.
    pub chain: Vec<Place>,
    /// A `try` around it catches it.
    pub caught: bool,
    /// It may not be reached, or depends on something unknown.
    pub conditional: bool,
    /// How sure it is.
    pub confidence: Confidence,
}

/// An exception on its way up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    pub class: &'static str,
    pub failure: Option<usize>,
}

/// How a piece of code ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Next,
    Raised(Exception),
    Return,
    Exit,
    Endless,
    Loop,
}

/// A variable.
#[derive(Debug, Clone)]
pub struct Variable {
    pub value: V,
}

/// A module that has been imported.
#[derive(Debug)]
pub struct Imported {
    pub name: String,
    pub target: Target,
    pub globals: HashMap<Atom, Variable>,
    /// Modules that it imports everything of.
    pub stars: Vec<ModuleId>,
    /// Any name may be there.
    pub dynamic: bool,
    /// Its body has run to its end.
    pub done: bool,
    /// It was imported on a way that may not be taken.
    pub conditional: bool,
}

/// A scope that is running.
#[derive(Debug)]
pub struct Frame {
    pub module: ModuleId,
    pub function: Option<u32>,
    /// Set in the body of a class.
    pub in_class: bool,
    pub locals: HashMap<Atom, Variable>,
    pub results: HashMap<u32, V>,
    pub returned: Option<V>,
}

/// An option of an argument parser.
#[derive(Debug, Clone)]
pub struct ParserOption {
    pub names: Vec<String>,
    pub takes_value: bool,
    pub required: bool,
    pub positional: bool,
    pub is_int: bool,
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
    /// It refuses options by other means, or sets attributes by other means.
    pub sets_more: bool,
}

/// An object of a class of the tree.
#[derive(Debug, Clone)]
pub struct Object {
    pub module: ModuleId,
    pub class: u32,
    pub attributes: HashMap<String, V>,
    /// It was given to something that is not followed, and may have got further attributes.
    pub opened: bool,
}

/// A `threading.Thread`.
#[derive(Debug, Clone)]
pub struct Thread {
    pub target: Option<V>,
    pub daemon: bool,
}

/// A `try` or `with` that is running.
#[derive(Debug)]
pub struct Around<'a> {
    pub handlers: &'a [Handler],
    /// What a `with` manages, and the name that is called for it.
    pub manager: Option<(V, &'a str)>,
}

/// A socket bound.
#[derive(Debug, Clone)]
pub struct Bind {
    pub port: Option<u16>,
    pub place: Place,
    pub conditional: bool,
}

/// The walk of one agent's script.
pub struct Walker<'a> {
    pub search: Search<'a>,
    /// What the supervisor passes.
    pub flags: &'a BTreeMap<String, String>,
    /// Environment of the container, where that is known.
    pub environment: Option<&'a BTreeMap<String, String>>,
    pub equals_style: bool,
    pub modules: Vec<Imported>,
    pub by_name: HashMap<String, ModuleId>,
    pub frames: Vec<Frame>,
    pub chain: Vec<(usize, Span)>,
    pub failures: Vec<Failure>,
    pub tries: Vec<Around<'a>>,
    pub maybe: usize,
    pub silent: usize,
    /// Something that may go on for ever was reached.
    pub alive: bool,
    /// Something that waits for others was reached: what follows is no start-up any more.
    pub waiting: bool,
    pub objects: Vec<Object>,
    /// Threads that were made.
    pub threads: Vec<Thread>,
    /// Handlers around here.
    pub handling: usize,
    /// Whether a path of the tree is there although it was not listed.
    pub on_disk: &'a (dyn Fn(&str) -> bool + Sync),
    pub bases: HashMap<(ModuleId, u32), Vec<V>>,
    pub parsers: Vec<ParserFacts>,
    pub binds: Vec<Bind>,
    pub made: HashSet<String>,
    pub steps: usize,
}

impl<'a> Walker<'a> {
    /// Follows the script; says how it ends.
    pub fn run(&mut self, file: usize, path: &str) -> Flow {
        let target = Target::File {
            file,
            path: path.to_owned(),
            package: None,
        };
        let id = self.add_module("__main__", target);
        self.execute_module(id)
    }

    pub fn add_module(&mut self, name: &str, target: Target) -> ModuleId {
        let id = self.modules.len();
        self.modules.push(Imported {
            name: name.to_owned(),
            target,
            globals: HashMap::default(),
            stars: Vec::new(),
            dynamic: false,
            done: false,
            conditional: self.maybe > 0,
        });
        self.by_name.insert(name.to_owned(), id);
        id
    }

    pub fn file_of(&self, id: ModuleId) -> Option<usize> {
        match self.modules.get(id)?.target {
            Target::File { file, .. } => Some(file),
            _ => None,
        }
    }

    pub fn source(&self, id: ModuleId) -> Option<&'a Module> {
        let file = self.file_of(id)?;
        self.search.view.tree.files.get(file).map(|facts| &*facts.module)
    }

    pub fn place(&self, module: ModuleId, span: Span) -> Place {
        self.file_of(module)
            .map_or_else(|| Place::file(""), |file| self.search.view.tree.place(file, span))
    }

    pub fn here(&self) -> ModuleId {
        self.frames.last().map_or(0, |frame| frame.module)
    }

    /// Runs a module's body.
    pub fn execute_module(&mut self, id: ModuleId) -> Flow {
        let Some(source) = self.source(id) else {
            return Flow::Next;
        };
        let script = self
            .modules
            .get(id)
            .is_some_and(|module| module.name == "__main__" && id == 0);
        if let Some((rule, error)) = super::broken::why(source, script) {
            let message = format!("syntax error: {}", error.message);
            return self.fail_at(id, error.span, rule, "SyntaxError", message, None);
        }
        if source.dynamic_names
            && let Some(module) = self.modules.get_mut(id)
        {
            module.dynamic = true;
        }
        self.frames.push(Frame {
            module: id,
            function: None,
            in_class: false,
            locals: HashMap::default(),
            results: HashMap::default(),
            returned: None,
        });
        let flow = self.steps(&source.body);
        self.frames.pop();
        if let Some(module) = self.modules.get_mut(id) {
            module.done = true;
        }
        flow
    }

    pub fn fail_at(
        &mut self,
        module: ModuleId,
        span: Span,
        rule: &'static str,
        exception: &'static str,
        message: String,
        help: Option<String>,
    ) -> Flow {
        if self.silent > 0 {
            return Flow::Next;
        }
        let classes = classes(exception);
        let caught = self.tries.iter().any(|around| self.catch(around, classes));
        // Whoever names just that exception expects it.
        let expected = EXPECTED.contains(&exception)
            && self.tries.iter().flat_map(|around| around.handlers).any(|handler| {
                !handler.raises
                    && handler.catches.iter().any(|name| {
                        classes
                            .iter()
                            .rev()
                            .skip(2)
                            .any(|class| name.rsplit('.').next() == Some(*class))
                    })
            });
        if expected {
            return Flow::Raised(Exception {
                class: exception,
                failure: None,
            });
        }
        let chain = self
            .chain
            .iter()
            .map(|(file, span)| self.search.view.tree.place(*file, *span))
            .collect();
        let place = self.place(module, span);
        let conditional = self.maybe > 0 || self.waiting;
        let failure = self.failures.len();
        self.failures.push(Failure {
            rule,
            exception,
            message,
            help,
            place,
            chain,
            caught,
            conditional,
            confidence: if conditional {
                Confidence::Medium
            } else {
                Confidence::High
            },
        });
        Flow::Raised(Exception {
            class: exception,
            failure: Some(failure),
        })
    }

    /// Runs steps in order; on a new piece of stack where this one ends, since modules import modules that import modules.
    pub fn steps(&mut self, steps: &'a [Step]) -> Flow {
        const RED_ZONE: usize = 256 * 1024;
        const PIECE: usize = 4 * 1024 * 1024;
        stacker::maybe_grow(RED_ZONE, PIECE, || self.steps_here(steps))
    }

    fn steps_here(&mut self, steps: &'a [Step]) -> Flow {
        for step in steps {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                self.alive = true;
                return Flow::Endless;
            }
            let flow = self.step(step);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn step(&mut self, step: &'a Step) -> Flow {
        match step {
            Step::Load { name, span } => self.load(*name, *span),
            Step::Store { name, value, .. } => {
                let value = value.as_ref().map_or(V::Unknown, |value| self.evaluate(value));
                self.store(*name, value);
                Flow::Next
            }
            Step::StoreAttribute {
                object,
                attribute,
                value,
            } => {
                let value = value.as_ref().map_or(V::Unknown, |value| self.evaluate(value));
                self.store_attribute(*object, *attribute, value);
                Flow::Next
            }
            Step::LoadAttribute {
                object,
                attribute,
                span,
            } => self.load_attribute(*object, *attribute, *span),
            Step::Item { object, key } => self.item(*object, *key),
            Step::Operation(operation) => self.operation(*operation),
            Step::Environment(read) => self.environment_read(*read),
            Step::Delete { name, .. } => {
                if self.maybe == 0 {
                    self.unbind(*name);
                }
                Flow::Next
            }
            Step::Import(import) => self.import(*import),
            Step::Function(function) => {
                let here = self.here();
                if let Some(source) = self.source(here)
                    && let Some(facts) = source.functions.get(*function as usize)
                {
                    let plain = facts.decorators.iter().all(|decorator| {
                        matches!(&**decorator, "staticmethod" | "classmethod") || decorator.ends_with("lru_cache")
                    });
                    let value = if plain {
                        V::Function(here, *function)
                    } else {
                        V::Unknown
                    };
                    self.store(facts.atom, value);
                }
                Flow::Next
            }
            Step::Class(class) => self.class(*class),
            Step::Call(call) => self.call(*call),
            Step::Branch(branch) => self.branch(branch.test, &branch.arms, branch.exhaustive),
            Step::Loop(round) => self.repeat(&round.body, &round.orelse, round.endless, round.at_least_once),
            Step::Try(attempt) => self.attempt(&attempt.body, &attempt.handlers, &attempt.orelse, &attempt.finally),
            Step::Leave { how, value, span } => match how {
                Leave::Return => {
                    let value = value.as_ref().map_or(V::None, |value| self.evaluate(value));
                    if let Some(frame) = self.frames.last_mut() {
                        frame.returned = Some(match frame.returned.take() {
                            None => value,
                            Some(before) if before == value => before,
                            Some(_) => V::Unknown,
                        });
                    }
                    Flow::Return
                }
                Leave::Raise => self.raise(value.as_deref(), *span),
                Leave::Exit => self.exit(*span),
                Leave::Loop => Flow::Loop,
            },
        }
    }

    fn class(&mut self, class: u32) -> Flow {
        let here = self.here();
        let Some(source) = self.source(here) else {
            return Flow::Next;
        };
        let Some(facts) = source.classes.get(class as usize) else {
            return Flow::Next;
        };
        let bases: Vec<V> = facts.bases.iter().map(|base| self.evaluate(base)).collect();
        self.bases.insert((here, class), bases);
        if let Some(message) = self.order_conflict(here, class) {
            return self.fail_at(here, facts.span, "start/class-error", "TypeError", message, None);
        }
        let outer = self.frames.last().and_then(|frame| frame.function);
        self.frames.push(Frame {
            module: here,
            function: outer,
            in_class: true,
            locals: HashMap::default(),
            results: HashMap::default(),
            returned: None,
        });
        let flow = self.steps(&facts.body);
        self.frames.pop();
        if flow == Flow::Next
            && let Some((span, exception, message, help)) = self.refused(here, class)
        {
            return self.fail_at(here, span, "start/class-error", exception, message, help);
        }
        self.store(facts.atom, V::Class(here, class));
        flow
    }

    fn branch(&mut self, test: Test, arms: &'a [pysrc::Body], exhaustive: bool) -> Flow {
        match test {
            Test::Main => {
                let main = self
                    .modules
                    .get(self.here())
                    .is_some_and(|module| module.name == "__main__");
                let arm = if main { arms.first() } else { arms.get(1) };
                return arm.map_or(Flow::Next, |arm| self.steps(arm));
            }
            Test::TypeChecking => return arms.get(1).map_or(Flow::Next, |arm| self.steps(arm)),
            Test::Known(arm) => return arms.get(arm).map_or(Flow::Next, |arm| self.steps(arm)),
            Test::Unknown => {}
        }
        self.maybe += 1;
        let flows: Vec<Flow> = arms.iter().map(|arm| self.steps(arm)).collect();
        self.maybe -= 1;
        // All ways leave, and in the same manner.
        match flows.split_first() {
            Some((first, rest)) if exhaustive && rest.iter().all(|flow| same_kind(*flow, *first)) => match first {
                // Which of the failures it is depends on the way; each was noted as one that may happen.
                Flow::Raised(_) => Flow::Next,
                flow => *flow,
            },
            _ => Flow::Next,
        }
    }

    fn repeat(&mut self, body: &'a [Step], orelse: &'a [Step], endless: bool, at_least_once: bool) -> Flow {
        if !at_least_once {
            self.maybe += 1;
        }
        let flow = self.steps(body);
        if !at_least_once {
            self.maybe -= 1;
            self.maybe += 1;
            let _ = self.steps(orelse);
            self.maybe -= 1;
        }
        match flow {
            Flow::Raised(_) | Flow::Return | Flow::Exit | Flow::Endless if at_least_once => flow,
            _ if endless => {
                self.alive = true;
                Flow::Endless
            }
            _ => Flow::Next,
        }
    }

    fn attempt(&mut self, body: &'a [Step], handlers: &'a [Handler], orelse: &'a [Step], finally: &'a [Step]) -> Flow {
        let manager = handlers.first().and_then(|handler| handler.manager.as_deref());
        self.tries.push(Around {
            handlers,
            manager: manager.map(|manager| self.manager(manager)),
        });
        let mut flow = self.steps(body);
        let around = self.tries.pop();
        if manager.is_some() && !around.is_some_and(|around| self.swallows(&around)) {
            return flow;
        }
        if let Flow::Raised(exception) = flow {
            let classes = classes(exception.class);
            let any = exception.class == ANY && !handlers.is_empty();
            let handler = handlers.iter().find(|handler| any || handler.catches(classes));
            // An exception that nothing is known of may be any.
            let certain = exception.failure.is_some();
            if let Some(handler) = handler {
                if !certain {
                    self.maybe += 1;
                }
                self.handling += 1;
                let handled = self.steps(&handler.body);
                self.handling -= 1;
                if let Some(name) = handler.name.filter(|_| certain && self.maybe == 0) {
                    self.unbind(name);
                }
                if !certain {
                    self.maybe -= 1;
                }
                flow = match handled {
                    // Raised again, or the process ends: the first failure is what stopped it.
                    Flow::Raised(Exception { failure: None, .. }) | Flow::Exit => {
                        if let Some(failure) = exception.failure.and_then(|index| self.failures.get_mut(index)) {
                            failure.caught = false;
                        }
                        Flow::Raised(exception)
                    }
                    other => other,
                };
            }
        } else {
            if flow == Flow::Next {
                flow = self.steps(orelse);
            }
            // What a handler would bind may be bound.
            self.silent += 1;
            self.maybe += 1;
            for handler in handlers {
                let _ = self.steps(&handler.body);
            }
            self.maybe -= 1;
            self.silent -= 1;
        }
        match self.steps(finally) {
            Flow::Next => flow,
            left => left,
        }
    }

    /// `raise`.
    fn raise(&mut self, value: Option<&Value>, span: Span) -> Flow {
        let here = self.here();
        let callee = match value {
            Some(Value::Call(call)) => self
                .source(here)
                .and_then(|source| source.calls.get(*call as usize))
                .map(|call| self.evaluate(&call.callee)),
            Some(value) => Some(self.evaluate(value)),
            None => None,
        };
        let class = match callee {
            Some(V::Outside(name)) => name.strip_prefix("builtins.").and_then(known_class).unwrap_or(ANY),
            _ => ANY,
        };
        let unseen = Flow::Raised(Exception { class, failure: None });
        let expected = class != ANY && self.tries.iter().any(|around| self.catch(around, classes(class)));
        // What a handler raises is the failure that led to it, told by another name.
        let told = self.handling > 0 || self.maybe > 0 || self.waiting || value.is_none() || expected;
        if told || (class == ANY && !self.tries.is_empty()) {
            return unseen;
        }
        let what = self
            .source(here)
            .and_then(|source| source.text.get(span.start as usize..span.end as usize))
            .and_then(|text| text.lines().next())
            .unwrap_or("raise");
        let message = format!("`{}` is always reached", shortened(what));
        let help = Some("finish what is not written yet, or catch the exception where it may happen".to_owned());
        self.fail_at(here, span, "start/raises", class, message, help)
    }

    fn catch(&self, around: &Around<'_>, classes: &[&str]) -> bool {
        let mut handlers = around.handlers.iter();
        handlers.any(|handler| !handler.raises && handler.catches(classes))
            && (around.manager.is_none() || self.swallows(around))
    }

    /// `sys.exit()` and its like.
    fn exit(&mut self, span: Span) -> Flow {
        if self.handling > 0 || self.maybe > 0 || self.waiting || self.alive || self.silent > 0 {
            return Flow::Exit;
        }
        let here = self.here();
        let message = "the process is ended here before anything that goes on was started".to_owned();
        let help = Some("start what serves first".to_owned());
        self.fail_at(here, span, "start/exits", "SystemExit", message, help)
    }

    fn load(&mut self, name: Atom, span: Span) -> Flow {
        let here = self.here();
        if self.is_bound(name) || self.silent > 0 {
            return Flow::Next;
        }
        let Some(source) = self.source(here) else {
            return Flow::Next;
        };
        let text = source.name(name);
        if self.is_installed(text) {
            return Flow::Next;
        }
        let later = source.bindings.iter().find(|binding| binding.name == name);
        let message = match later {
            Some(binding) => format!(
                "name '{text}' is not defined here: it is bound in line {}, which has not run by then",
                source.position(binding.span).line
            ),
            None => format!("name '{text}' is not defined"),
        };
        let near = source
            .bindings
            .iter()
            .map(|binding| source.name(binding.name))
            .filter(|known| known.ends_with(text) || known.starts_with(text))
            .find(|known| *known != text);
        let help = near.map(|near| format!("did you mean `{near}`?"));
        self.fail_at(here, span, "start/undefined-name", "NameError", message, help)
    }

    fn is_bound(&self, name: Atom) -> bool {
        let Some(frame) = self.frames.last() else {
            return true;
        };
        if frame.locals.contains_key(&name) {
            return true;
        }
        let Some(module) = self.modules.get(frame.module) else {
            return true;
        };
        let Some(source) = self.source(frame.module) else {
            return true;
        };
        let mut at = frame.function;
        let mut first = !frame.in_class;
        while let Some(function) = at {
            let Some(facts) = source.functions.get(function as usize) else {
                return true;
            };
            if facts.locals.binary_search(&name).is_ok() {
                // Unbound for sure only where no function in it can bind it.
                return super::steps::binds_from_within(source, function, name)
                    || (!first && self.is_bound_around(frame.module, function, name));
            }
            first = false;
            at = facts.outer;
        }
        if module.globals.contains_key(&name) || module.dynamic {
            return true;
        }
        let text = source.name(name);
        stdlib::is_builtin(text) || self.global(frame.module, text).is_some()
    }

    /// Whether a module that has run may have put the name where every module sees it, or into a module from outside.
    fn is_installed(&self, name: &str) -> bool {
        let uses = |wanted: &str| {
            (0..self.modules.len())
                .filter_map(|id| self.source(id))
                .any(|source| source.atom(wanted).is_some())
        };
        let reaches = uses("builtins") || uses("__builtins__") || uses("modules");
        (reaches && (uses("setattr") || self.set_from_outside(name))) || (name == "_" && uses("install"))
    }

    /// Whether a function around this one may have bound the name by now.
    fn is_bound_around(&self, module: ModuleId, function: u32, name: Atom) -> bool {
        let mut running = self
            .frames
            .iter()
            .filter(|frame| frame.module == module && frame.function == Some(function) && !frame.in_class);
        match (running.next(), running.next()) {
            (Some(frame), None) => frame.locals.contains_key(&name),
            // It has ended, and its names stay; or nobody knows which one it is.
            _ => true,
        }
    }

    fn is_local(&self, frame: &Frame, name: Atom) -> bool {
        if frame.in_class {
            return true;
        }
        let Some(function) = frame.function else {
            return false;
        };
        self.source(frame.module)
            .and_then(|source| source.functions.get(function as usize))
            .is_some_and(|facts| facts.locals.binary_search(&name).is_ok())
    }

    pub fn store(&mut self, name: Atom, value: V) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let local = self.is_local(frame, name);
        let module = frame.module;
        let maybe = self.maybe > 0;
        let slot = if local {
            self.frames.last_mut().map(|frame| &mut frame.locals)
        } else {
            self.modules.get_mut(module).map(|module| &mut module.globals)
        };
        let Some(variables) = slot else {
            return;
        };
        let value = match variables.get(&name) {
            // One of two values.
            Some(before) if maybe && before.value != value => V::Unknown,
            _ => value,
        };
        variables.insert(name, Variable { value });
    }

    fn unbind(&mut self, name: Atom) {
        let module = self.here();
        if let Some(frame) = self.frames.last_mut()
            && frame.locals.remove(&name).is_some()
        {
            return;
        }
        if let Some(module) = self.modules.get_mut(module) {
            module.globals.remove(&name);
        }
    }

    fn store_attribute(&mut self, object: Atom, attribute: Atom, value: V) {
        let here = self.here();
        let Some(source) = self.source(here) else {
            return;
        };
        let maybe = self.maybe > 0;
        match self.variable(object) {
            Some(V::Instance(id)) => {
                if let Some(Object { attributes, .. }) = self.objects.get_mut(id) {
                    let name = source.name(attribute).to_owned();
                    let value = match attributes.get(&name) {
                        Some(before) if maybe && *before != value => V::Unknown,
                        _ => value,
                    };
                    attributes.insert(name, value);
                }
            }
            Some(V::Thread(id)) => {
                if let Some(thread) = self.threads.get_mut(id).filter(|_| source.name(attribute) == "daemon") {
                    thread.daemon = value == V::Bool(true);
                }
            }
            Some(V::Module(id)) => {
                if let Some(module) = self.modules.get_mut(id) {
                    module.dynamic = true;
                }
            }
            _ => {}
        }
    }

    pub fn variable(&self, name: Atom) -> Option<V> {
        let frame = self.frames.last()?;
        if let Some(variable) = frame.locals.get(&name) {
            return Some(variable.value.clone());
        }
        let module = self.modules.get(frame.module)?;
        if let Some(variable) = module.globals.get(&name) {
            return Some(variable.value.clone());
        }
        if module.stars.is_empty() {
            return None;
        }
        let text = self.source(frame.module)?.name(name);
        self.global(frame.module, text)
    }

    /// What a value is, here and now.
    pub fn evaluate(&self, value: &Value) -> V {
        let here = self.here();
        match value {
            Value::None => V::None,
            Value::Bool(known) => V::Bool(*known),
            Value::Int(number) => V::Int(*number),
            Value::Float(number) => V::Float(*number),
            Value::Dict(items) => V::Dict(
                items
                    .iter()
                    .map(|(key, value)| (self.evaluate(key), self.evaluate(value)))
                    .collect(),
            ),
            Value::Str(text) => V::Str(text.to_string()),
            Value::Concat(pieces) => V::concat(pieces.iter().map(|piece| self.evaluate(piece)).collect()),
            Value::Name(name) => self.variable(*name).unwrap_or_else(|| {
                let text = self.source(here).map_or("", |source| source.name(*name));
                match text {
                    "__file__" => self.file_path(here).map_or(V::Unknown, V::Str),
                    _ if stdlib::is_builtin(text) => V::Outside(format!("builtins.{text}")),
                    _ => V::Unknown,
                }
            }),
            Value::Attribute(object, attribute) => {
                let object = self.evaluate(object);
                let name = self.source(here).map_or("", |source| source.name(*attribute));
                self.attribute(object, name)
            }
            Value::Call(call) => self
                .frames
                .last()
                .and_then(|frame| frame.results.get(call))
                .cloned()
                .unwrap_or(V::Unknown),
            Value::Subscript(object, key) => match (self.evaluate(object), self.evaluate(key)) {
                (V::Bound(object, name), V::Int(level)) if name == "parents" => {
                    let mut path = object.text().unwrap_or_default().to_owned();
                    for _ in 0..=level {
                        path = super::value::parent(&path);
                    }
                    V::Path(path)
                }
                (V::List(values), V::Int(at)) => usize::try_from(at)
                    .ok()
                    .and_then(|at| values.get(at).cloned())
                    .unwrap_or(V::Unknown),
                _ => V::Unknown,
            },
            Value::Binary(operator, left, right) => {
                let (left, right) = (self.evaluate(left), self.evaluate(right));
                match (operator, &left, &right) {
                    (pysrc::Operator::Divide, V::Path(left), right) => match right.text() {
                        Some(right) => V::Path(join(left, right)),
                        None => V::Unknown,
                    },
                    (pysrc::Operator::Add, V::Int(a), V::Int(b)) => a.checked_add(*b).map_or(V::Unknown, V::Int),
                    (pysrc::Operator::Subtract, V::Int(a), V::Int(b)) => a.checked_sub(*b).map_or(V::Unknown, V::Int),
                    (pysrc::Operator::Add, V::Str(_) | V::Concat(_), _) | (pysrc::Operator::Add, _, V::Str(_)) => {
                        V::concat(vec![left, right])
                    }
                    _ => V::Unknown,
                }
            }
            Value::List(values)
                if values
                    .iter()
                    .any(|value| matches!(value, Value::Either(parts) if parts.is_empty())) =>
            {
                V::Unknown
            }
            Value::List(values) => V::List(values.iter().map(|value| self.evaluate(value)).collect()),
            // `a or b`: the first, where that is sure to be true.
            Value::Either(values) => match values.first().map(|first| self.evaluate(first)) {
                Some(V::Int(number)) if number != 0 && values.len() > 1 && !values.contains(&Value::None) => {
                    let rest: Vec<V> = values.iter().skip(1).map(|value| self.evaluate(value)).collect();
                    if rest.iter().all(|value| *value == V::Int(number)) {
                        V::Int(number)
                    } else {
                        V::Unknown
                    }
                }
                _ => V::Unknown,
            },
            Value::Other => V::Unknown,
        }
    }

    /// A module's file inside the container.
    fn file_path(&self, module: ModuleId) -> Option<String> {
        match &self.modules.get(module)?.target {
            Target::File { path, .. } => Some(format!("{ROOT}/{path}")),
            _ => None,
        }
    }

    /// Whether deeper calls are still followed.
    pub fn may_go_deeper(&self) -> bool {
        self.frames.len() < DEEPEST && self.silent == 0 && self.steps < MOST_STEPS
    }
}

fn same_kind(left: Flow, right: Flow) -> bool {
    std::mem::discriminant(&left) == std::mem::discriminant(&right)
}

/// A text that fits into a message.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The class of an exception that nothing is known of.
const ANY: &str = "?";

/// The builtin exception of that name.
fn known_class(name: &str) -> Option<&'static str> {
    classes(name).first().filter(|first| **first == name).copied()
}

/// An exception's class and those above it, nearest first.
pub fn classes(exception: &str) -> &'static [&'static str] {
    match exception {
        "ModuleNotFoundError" => &["ModuleNotFoundError", "ImportError", "Exception", "BaseException"],
        "ImportError" => &["ImportError", "Exception", "BaseException"],
        "NameError" => &["NameError", "Exception", "BaseException"],
        "TypeError" => &["TypeError", "Exception", "BaseException"],
        "SyntaxError" => &["SyntaxError", "Exception", "BaseException"],
        "SystemExit" => &["SystemExit", "BaseException"],
        "KeyboardInterrupt" => &["KeyboardInterrupt", "BaseException"],
        "AttributeError" => &["AttributeError", "Exception", "BaseException"],
        "ValueError" => &["ValueError", "Exception", "BaseException"],
        "AssertionError" => &["AssertionError", "Exception", "BaseException"],
        "RuntimeError" => &["RuntimeError", "Exception", "BaseException"],
        "NotImplementedError" => &["NotImplementedError", "RuntimeError", "Exception", "BaseException"],
        "ZeroDivisionError" => &["ZeroDivisionError", "ArithmeticError", "Exception", "BaseException"],
        "KeyError" => &["KeyError", "LookupError", "Exception", "BaseException"],
        "IndexError" => &["IndexError", "LookupError", "Exception", "BaseException"],
        "LookupError" => &["LookupError", "Exception", "BaseException"],
        "ArgumentError" => &["ArgumentError", "Exception", "BaseException"],
        "PermissionError" => &[
            "PermissionError",
            "OSError",
            "IOError",
            "EnvironmentError",
            "Exception",
            "BaseException",
        ],
        "TimeoutError" => &[
            "TimeoutError",
            "OSError",
            "IOError",
            "EnvironmentError",
            "Exception",
            "BaseException",
        ],
        "ConnectionError" => &[
            "ConnectionError",
            "OSError",
            "IOError",
            "EnvironmentError",
            "Exception",
            "BaseException",
        ],
        "FileExistsError" => &[
            "FileExistsError",
            "OSError",
            "IOError",
            "EnvironmentError",
            "Exception",
            "BaseException",
        ],
        "BaseException" => &["BaseException"],
        "ZMQError" => &["ZMQError", "ZMQBaseError", "Exception", "BaseException"],
        "FileNotFoundError" => &[
            "FileNotFoundError",
            "OSError",
            "IOError",
            "EnvironmentError",
            "Exception",
            "BaseException",
        ],
        "OSError" => &["OSError", "IOError", "EnvironmentError", "Exception", "BaseException"],
        _ => &["Exception", "BaseException"],
    }
}
