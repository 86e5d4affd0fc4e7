//! What code that is not followed may run: functions that were given away, and all that these may call, by their names.
//!
//! What may run depends on all modules that are there, and on all names that were given away: a recording of an import keeps what was asked,
//! and after how many modules and names of its own, so that the same can be asked where other modules were there before.

use std::cell::RefCell;

use pysrc::{Atom, BindingKind, LAMBDA, Module, Step, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use super::modules::ModulesPart;
use super::mutation::{NameId, Names};
use super::steps::{any_step, visit};
use super::tracked::{Part, TrackedSet};
use super::value::ModuleId;
use super::walk::Walker;

/// What the functions of a file call: the same for all agents.
#[derive(Debug, Default)]
pub struct FileCalls {
    functions: FxHashMap<NameId, Calls>,
    /// What its lambdas call: they may run whenever somebody likes.
    lambdas: Vec<NameId>,
    /// A lambda calls what has no name.
    anything: bool,
}

/// What the functions of one name call.
#[derive(Debug, Default)]
struct Calls {
    names: Vec<NameId>,
    /// One calls what it was given, or what it looked up.
    anything: bool,
}

impl FileCalls {
    /// Of a file.
    pub fn new(source: &Module, id: impl Fn(&str) -> Option<NameId>) -> Self {
        let mut found = Self::default();
        for function in &source.functions {
            if let Some(name) = id(&function.name) {
                found.functions.entry(name).or_default();
            }
        }
        for call in &source.calls {
            let Some(index) = call.function else {
                continue;
            };
            let called = match &call.callee {
                Value::Name(name) => Some((*name, true)),
                Value::Attribute(_, name) => Some((*name, false)),
                _ => None,
            };
            if index == LAMBDA {
                match called {
                    Some((name, _)) => found.lambdas.extend(id(source.name(name))),
                    None => found.anything = true,
                }
                continue;
            }
            let facts = source.functions.get(index as usize);
            let Some(own) = facts.and_then(|facts| id(&facts.name)) else {
                continue;
            };
            let calls = found.functions.entry(own).or_default();
            match called {
                Some((name, plain)) => {
                    let local = plain && is_local(source, index, name);
                    let stored = !plain && source.set_attributes.binary_search(&name).is_ok();
                    calls.anything |= local || stored;
                    calls.names.extend(id(source.name(name)));
                }
                None => calls.anything = true,
            }
        }
        for calls in found.functions.values_mut() {
            calls.names.sort_unstable();
            calls.names.dedup();
        }
        found
    }
}

/// Whether a name is one of a function, or of one around it, and no function that is defined there.
fn is_local(source: &Module, function: u32, name: Atom) -> bool {
    let defined = source
        .functions
        .iter()
        .any(|inner| inner.outer.is_some() && inner.atom == name);
    let mut at = Some(function);
    while let Some(facts) = at.and_then(|at| source.functions.get(at as usize)) {
        if facts.locals.binary_search(&name).is_ok() {
            return !defined;
        }
        at = facts.outer;
    }
    false
}

/// Names of functions that may run unseen. It only grows, and is the same in whatever order modules and names came.
#[derive(Debug, Default)]
pub struct Unseen(RefCell<Reach>);

#[derive(Debug, Default, Clone)]
struct Reach {
    names: FxHashSet<NameId>,
    /// Something is called of which not even the name is known.
    anything: bool,
    /// Files of the modules that were looked through.
    files: FxHashSet<usize>,
    /// Names that were given away.
    given: FxHashSet<NameId>,
    /// How many modules were looked through.
    looked: usize,
    /// How many of the names that were given away.
    taken: usize,
}

impl Reach {
    fn add_file(&mut self, file: usize, names: &Names<'_>) {
        if !self.files.insert(file) {
            return;
        }
        let calls = names.calls_in(file);
        self.anything |= calls.anything;
        for lambda in &calls.lambdas {
            self.reach(*lambda, names);
        }
        for (function, of_function) in &calls.functions {
            if self.names.contains(function) {
                self.follow(of_function, names);
            } else if self.given.contains(function) {
                self.reach(*function, names);
            }
        }
    }

    fn give(&mut self, name: &str, names: &Names<'_>) {
        let Some(id) = names.id(name) else {
            return;
        };
        if self.given.insert(id) && names.defining(id).iter().any(|file| self.files.contains(file)) {
            self.reach(id, names);
        }
    }

    fn reach(&mut self, name: NameId, names: &Names<'_>) {
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            if !self.names.insert(name) {
                continue;
            }
            for file in names.defining(name).iter().filter(|file| self.files.contains(file)) {
                if let Some(calls) = names.calls_in(*file).functions.get(&name) {
                    self.anything |= calls.anything;
                    open.extend(&calls.names);
                }
            }
        }
    }

    fn follow(&mut self, calls: &Calls, names: &Names<'_>) {
        self.anything |= calls.anything;
        for called in &calls.names {
            self.reach(*called, names);
        }
    }

    fn may_run(&self, name: &str, names: &Names<'_>) -> bool {
        self.anything || names.id(name).is_some_and(|id| self.names.contains(&id))
    }
}

/// Names of functions that may have been called where that is not followed.
#[derive(Debug, Default)]
pub struct Called {
    names: TrackedSet<String>,
    /// The same, in order.
    order: Vec<String>,
    /// Those that recordings have added, whether they were there before or not.
    added: Vec<String>,
    added_at: FxHashMap<String, usize>,
    questions: RefCell<Questions>,
    /// Names that were added, and questions, before each recording.
    marks: Vec<(usize, usize)>,
}

/// Whether a function may run unseen was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    name: String,
    /// How many modules there were; in a recording that has ended: of its own.
    modules: usize,
    /// How many names recordings had added; in one that has ended: itself.
    added: usize,
    answer: bool,
}

#[derive(Debug, Default)]
struct Questions {
    all: Vec<Question>,
    /// The last one about each name.
    last: FxHashMap<String, usize>,
}

/// What a recording gave away, and asked.
#[derive(Debug)]
pub struct CalledPart {
    names: Part<String, ()>,
    added: Vec<String>,
    /// By modules and names that were there.
    questions: Vec<Question>,
}

/// Special methods that operators and built-in functions call, wherever an object is used.
const SPECIAL: &[&str] = &[
    "__len__",
    "__bool__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__hash__",
    "__contains__",
    "__iter__",
    "__next__",
    "__getitem__",
    "__setitem__",
    "__delitem__",
    "__missing__",
    "__getattr__",
    "__getattribute__",
    "__setattr__",
    "__delattr__",
    "__repr__",
    "__str__",
    "__format__",
    "__int__",
    "__float__",
    "__index__",
    "__neg__",
    "__add__",
    "__radd__",
    "__iadd__",
    "__sub__",
    "__isub__",
    "__mul__",
    "__or__",
    "__ior__",
    "__and__",
    "__del__",
    "__copy__",
    "__deepcopy__",
    "__reversed__",
    "__fspath__",
];

impl Called {
    /// Those that are called by no name.
    pub fn of_special_methods() -> Self {
        let mut called = Self::default();
        called.extend(SPECIAL.iter().map(|name| (*name).to_owned()));
        called
    }

    /// Whether a name is among them.
    pub fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// A function of that name may be called.
    pub fn insert(&mut self, name: String) {
        if let Some((added, _)) = self.marks.last()
            && self.added_at.get(&name).is_none_or(|at| at < added)
        {
            self.added_at.insert(name.clone(), self.added.len());
            self.added.push(name.clone());
        }
        if !self.names.has(&name) {
            self.order.push(name.clone());
        }
        self.names.add(name);
    }

    /// The same of several.
    pub fn extend(&mut self, names: impl IntoIterator<Item = String>) {
        names.into_iter().for_each(|name| self.insert(name));
    }

    fn asked(&self, name: &str, modules: usize, answer: bool) {
        let Some((_, first)) = self.marks.last() else {
            return;
        };
        let added = self.added.len();
        let mut questions = self.questions.borrow_mut();
        let questions = &mut *questions;
        let last = questions.last.get(name).filter(|last| *last >= first);
        if let Some(known) = last.and_then(|last| questions.all.get_mut(*last)) {
            // Once it may, it always may; as long as it may not, it could not before.
            if known.answer {
                return;
            }
            if !answer {
                (known.modules, known.added) = (modules, added);
                return;
            }
        }
        questions.last.insert(name.to_owned(), questions.all.len());
        questions.all.push(Question {
            name: name.to_owned(),
            modules,
            added,
            answer,
        });
    }

    /// A recording begins.
    pub fn begin(&mut self) {
        self.names.begin();
        self.marks.push((self.added.len(), self.questions.get_mut().all.len()));
    }

    /// The innermost recording ends, and nobody wants to know of what.
    pub fn close(&mut self) {
        self.names.close();
        self.end();
    }

    fn end(&mut self) {
        self.marks.pop();
        if self.marks.is_empty() {
            self.added.clear();
            self.added_at.clear();
            *self.questions.get_mut() = Questions::default();
        }
    }

    /// The innermost recording ends. How many modules there were before it is taken off by whoever knows.
    pub fn finish(&mut self) -> CalledPart {
        let (added, first) = self.marks.last().copied().unwrap_or_default();
        let questions = self.questions.get_mut().all.get(first..).unwrap_or_default().iter();
        let part = CalledPart {
            names: self.names.finish(),
            added: self.added.get(added..).unwrap_or_default().to_vec(),
            questions: questions
                .map(|question| Question {
                    added: question.added - added,
                    ..question.clone()
                })
                .collect(),
        };
        self.end();
        part
    }

    /// Whether all that a recording read of the names is what it was.
    pub fn agrees(&self, part: &CalledPart) -> bool {
        self.names.agrees(&part.names)
    }

    /// Does what a recording did. What it asked is told by [`Walker::ask_again`], before.
    pub fn replay(&mut self, part: &CalledPart) {
        self.names.read_again(&part.names);
        for name in &part.added {
            self.insert(name.clone());
        }
    }
}

impl CalledPart {
    /// Takes off how many modules there were before the recording.
    pub fn count_own_modules(&mut self, before: usize) {
        for question in &mut self.questions {
            question.modules = question.modules.saturating_sub(before);
        }
        self.questions
            .sort_by_key(|question| (question.modules, question.added));
    }
}

impl Walker<'_> {
    /// Whether a function of that name may be called where that is not followed.
    pub fn may_run_unseen(&self, name: &str) -> bool {
        let mut reach = self.unseen.0.borrow_mut();
        self.look_through(&mut reach);
        let answer = reach.may_run(name, self.names);
        self.called_unseen.asked(name, self.modules.order().len(), answer);
        answer
    }

    fn look_through(&self, reach: &mut Reach) {
        let order = self.modules.order();
        for module in order.get(reach.looked..).unwrap_or_default() {
            if let Some(file) = self.file_of(*module) {
                reach.add_file(file, self.names);
            }
        }
        reach.looked = order.len();
        let given = &self.called_unseen.order;
        for name in given.get(reach.taken..).unwrap_or_default() {
            reach.give(name, self.names);
        }
        reach.taken = given.len();
    }

    /// Whether what a recording asked has the same answers here.
    pub fn unseen_agrees(&self, part: &CalledPart, modules: &ModulesPart) -> bool {
        if part.questions.is_empty() {
            return true;
        }
        let mut reach = self.unseen.0.borrow_mut();
        self.look_through(&mut reach);
        let mut reach = reach.clone();
        let (mut looked, mut added) = (0, 0);
        part.questions.iter().all(|question| {
            for file in modules.files_of_new(looked, question.modules) {
                reach.add_file(file, self.names);
            }
            looked = looked.max(question.modules);
            for name in part.added.get(added..question.added).unwrap_or_default() {
                reach.give(name, self.names);
            }
            added = added.max(question.added);
            reach.may_run(&question.name, self.names) == question.answer
        })
    }

    /// What is recorded around here gives away and asks, in the same order, what a recording did that is about to be done again.
    pub fn ask_again(&mut self, part: &CalledPart) {
        let before = self.modules.order().len();
        let mut added = 0;
        for question in &part.questions {
            for name in part.added.get(added..question.added).unwrap_or_default() {
                self.called_unseen.insert(name.clone());
            }
            added = added.max(question.added);
            self.called_unseen
                .asked(&question.name, before + question.modules, question.answer);
        }
    }

    /// Whether code that is not followed may bind a name of a module: functions that declare it `global` do.
    pub fn is_bound_unseen(&self, module: ModuleId, name: Atom) -> bool {
        let Some(source) = self.source(module) else {
            return true;
        };
        let declared = source
            .bindings
            .iter()
            .any(|binding| binding.name == name && binding.kind == BindingKind::Global);
        declared
            && source.functions.iter().any(|function| {
                let binds = function.locals.binary_search(&name).is_err()
                    && any_step(
                        &function.body,
                        &mut |step| matches!(step, Step::Store { name: stored, .. } | Step::Delete { name: stored, .. } if *stored == name),
                    );
                let plain = function.decorators.is_empty() && function.outer.is_none() && !function.name.starts_with("__");
                binds && (!plain || self.may_run_unseen(&function.name))
            })
    }

    /// Whether a function other than a constructor that gives an attribute of that name a value may have run where that is not followed.
    pub fn may_be_given_unseen(&self, name: &str) -> bool {
        self.mentions(name).iter().any(|mention| {
            let source = mention.source;
            let own = source.attributes.iter().filter(|attribute| &*attribute.name == name);
            let functions = own.filter_map(|attribute| source.functions.get(attribute.function? as usize));
            functions
                .filter(|facts| &*facts.name != "__init__")
                .any(|facts| self.may_run_unseen(&facts.name))
        })
    }

    /// Whether code that is not followed may give an attribute of that name a value, of an object that there is already.
    pub fn is_given_unseen(&self, name: &str) -> bool {
        self.mentions(name).iter().any(|mention| {
            let source = mention.source;
            let own = source.attributes.iter().filter(|attribute| &*attribute.name == name);
            let functions: Vec<u32> = own.filter_map(|attribute| attribute.function).collect();
            // What makes objects is about a new one.
            let makers = source.functions.iter().filter(|function| &*function.name == "__new__");
            let mut by_makers = 0;
            for maker in makers {
                visit(&maker.body, &mut |step| {
                    let told = matches!(step, Step::StoreAttribute { object, attribute, .. }
                        if *object == Atom::TOLD && *attribute == mention.atom);
                    by_makers += usize::from(told);
                });
            }
            source.times_set(mention.atom) > functions.len() + by_makers
                || functions.into_iter().any(|function| {
                    let Some(facts) = source.functions.get(function as usize) else {
                        return true;
                    };
                    // A constructor is about a new object.
                    if &*facts.name == "__init__" {
                        return false;
                    }
                    let plain = facts.decorators.is_empty() && facts.outer.is_none() && !facts.name.starts_with("__");
                    // What a library's class calls of an object is the library's to say.
                    let own = facts
                        .class
                        .is_some_and(|class| self.order(mention.module, class).iter().all(Option::is_some));
                    !plain || !own || self.may_run_unseen(&facts.name)
                })
        })
    }
}
