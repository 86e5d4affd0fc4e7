//! What code that is not followed may run: functions that were given away, and all that these may call, by their names.

use std::cell::RefCell;

use pysrc::{Atom, BindingKind, LAMBDA, Module, Step, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use super::steps::any_step;
use super::value::ModuleId;
use super::walk::Walker;

/// Names of functions that may run unseen. It only grows.
#[derive(Debug, Default)]
pub struct Unseen<'a>(RefCell<Reach<'a>>);

#[derive(Debug, Default)]
struct Reach<'a> {
    names: FxHashSet<&'a str>,
    /// Something is called of which not even the name is known.
    anything: bool,
    /// Functions of the modules that were looked through.
    modules: Vec<FxHashMap<&'a str, Calls<'a>>>,
    /// How many names had been given away.
    given: usize,
}

/// What the functions of one name call.
#[derive(Debug, Default)]
struct Calls<'a> {
    names: Vec<&'a str>,
    /// One calls what it was given, or what it looked up.
    anything: bool,
}

impl<'a> Reach<'a> {
    fn add_module(&mut self, source: &'a Module) {
        let mut made: FxHashMap<&'a str, Calls<'a>> = FxHashMap::default();
        for function in &source.functions {
            made.entry(&*function.name).or_default();
        }
        let mut roots = Vec::new();
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
                // It may be called whenever somebody likes.
                match called {
                    Some((name, _)) => roots.push(source.name(name)),
                    None => self.anything = true,
                }
                continue;
            }
            let Some(function) = source.functions.get(index as usize) else {
                continue;
            };
            let calls = made.entry(&*function.name).or_default();
            match called {
                Some((name, plain)) => {
                    let local = plain && is_local(source, index, name);
                    let stored = !plain && source.set_attributes.binary_search(&name).is_ok();
                    calls.anything |= local || stored;
                    calls.names.push(source.name(name));
                }
                None => calls.anything = true,
            }
        }
        let known: Vec<&'a str> = self
            .names
            .iter()
            .copied()
            .filter(|name| made.contains_key(name))
            .collect();
        self.modules.push(made);
        let last = self.modules.len() - 1;
        for name in known {
            self.follow(name, last);
        }
        for root in roots {
            self.reach(root);
        }
    }

    fn reach(&mut self, name: &'a str) {
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            if self.names.insert(name) {
                for module in 0..self.modules.len() {
                    open.extend(self.calls(name, module));
                }
            }
        }
    }

    fn follow(&mut self, name: &'a str, module: usize) {
        for called in self.calls(name, module) {
            self.reach(called);
        }
    }

    fn calls(&mut self, name: &str, module: usize) -> Vec<&'a str> {
        let Some(calls) = self.modules.get(module).and_then(|module| module.get(name)) else {
            return Vec::new();
        };
        self.anything |= calls.anything;
        calls.names.clone()
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

impl<'a> Walker<'a> {
    /// Whether a function of that name may be called where that is not followed.
    pub fn may_run_unseen(&self, name: &str) -> bool {
        let mut reach = self.unseen.0.borrow_mut();
        for module in reach.modules.len()..self.modules.len() {
            match self.source(module) {
                Some(source) => reach.add_module(source),
                None => reach.modules.push(FxHashMap::default()),
            }
            // What was given away before may be a function of this one.
            reach.given = 0;
        }
        if reach.given < self.called_unseen.len() {
            let known: Vec<&'a str> = reach
                .modules
                .iter()
                .flat_map(|module| module.keys().copied())
                .filter(|name| self.called_unseen.contains(*name))
                .collect();
            known.into_iter().for_each(|name| reach.reach(name));
            reach.given = self.called_unseen.len();
        }
        reach.anything || reach.names.contains(name)
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

    /// Whether code that is not followed may give an attribute of that name a value, of an object that there is already.
    pub fn is_given_unseen(&self, name: &str) -> bool {
        self.mentions(name).iter().any(|mention| {
            let source = mention.source;
            let own = source.attributes.iter().filter(|attribute| &*attribute.name == name);
            let functions: Vec<u32> = own.filter_map(|attribute| attribute.function).collect();
            source.times_set(mention.atom) > functions.len()
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
