//! Decorators: what a function or class is once those around it have been called.

use std::sync::Arc;

use pysrc::{Atom, Class, Function, LAMBDA, Span, Step, Value};

use super::arguments::Arguments;
use super::call::made_for;
use super::failure::Flow;
use super::steps::any_step;
use super::value::{Captured, Closure, ModuleId, V};
use super::walk::Walker;
use crate::python::imports::stdlib;

/// Decorators that leave a function as it is when it is called.
const LEAVES_AS_IS: &[&str] = &[
    "staticmethod",
    "classmethod",
    "abstractmethod",
    "lru_cache",
    "cache",
    "wraps",
    "override",
    "final",
    "no_type_check",
];
/// Decorators of methods that make something else of them than another function.
const DESCRIPTORS: &[&str] = &[
    "staticmethod",
    "classmethod",
    "property",
    "cached_property",
    "setter",
    "getter",
    "deleter",
    "abstractmethod",
];

impl Walker<'_> {
    /// What a `def` binds its name to.
    pub fn defined(&mut self, here: ModuleId, function: u32, facts: &Function) -> (V, Flow) {
        let mut value = self.with_names_around(here, function, facts);
        for default in facts
            .parameters
            .all
            .iter()
            .filter_map(|parameter| parameter.default.as_ref())
        {
            if let Value::Name(name) = default
                && let Some(given @ (V::Instance(_) | V::Method(..) | V::Closure(_) | V::List(_))) =
                    self.variable(*name)
            {
                self.open_object(&given);
            }
        }
        let names = facts.decorators.iter().map(|name| last(name));
        let mut changed = false;
        for (name, wrapper) in names.zip(&facts.wrappers).rev() {
            if LEAVES_AS_IS.contains(&name) || (facts.generator && self.is_manager_maker(wrapper)) {
                continue;
            }
            changed = true;
            let flow = self.refused_decorator(here, wrapper, facts.span);
            if flow != Flow::Next {
                return (V::Unknown, flow);
            }
            let (made, flow) = self.wrapped(here, wrapper, facts.span, value);
            if flow != Flow::Next {
                return (V::Unknown, flow);
            }
            value = made;
        }
        let plain = !facts.decorators.iter().any(|name| DESCRIPTORS.contains(&last(name)));
        if changed && plain && facts.class.is_some() {
            self.decorated.insert((here, function), value.clone());
        }
        (value, Flow::Next)
    }

    /// What the name of a class whose body has run is bound to.
    pub fn decorated_class(&mut self, here: ModuleId, class: u32, facts: &Class) -> (V, Flow) {
        let own = V::Class(here, class);
        let mut value = own.clone();
        let mut of_the_tree = !facts.decorators.is_empty() && !facts.keywords && facts.metaclass.is_none();
        for wrapper in facts.wrappers.iter().rev() {
            let callee = self.evaluate(wrapper);
            if callee.closure().is_none() {
                // The standard library's leave the class where it is.
                of_the_tree = false;
                continue;
            }
            // What it may do to the class is seen only in part.
            let (made, flow) = self.wrapped(here, wrapper, facts.span, value);
            if flow != Flow::Next {
                return (V::Unknown, flow);
            }
            value = made;
        }
        if value != own {
            return (V::Unknown, Flow::Next);
        }
        if of_the_tree {
            self.usual.insert((here, class));
        }
        (own, Flow::Next)
    }

    /// Whether a decorator is the standard library's `contextmanager`.
    fn is_manager_maker(&self, wrapper: &Value) -> bool {
        matches!(self.evaluate(wrapper), V::Outside(name) if name == "contextlib.contextmanager")
    }

    /// What a decorator makes of something.
    fn wrapped(&mut self, here: ModuleId, wrapper: &Value, span: Span, value: V) -> (V, Flow) {
        let callee = self.evaluate(wrapper);
        if callee.closure().is_none() {
            // One of a library may register what it gets: `@channel.on("open")`.
            let is_standard = matches!(&callee, V::Outside(name)
                if name.split('.').next().is_some_and(|top| top == "builtins" || stdlib::has(top, self.version())));
            let accessor = matches!(wrapper, Value::Attribute(_, name)
                if self.source(here).is_some_and(|source| matches!(source.name(*name), "setter" | "getter" | "deleter")));
            if !is_standard && !accessor {
                self.open_object(&value);
            }
            return (V::Unknown, Flow::Next);
        }
        let call = made_for(span);
        let arguments = Arguments {
            positional: vec![value],
            named: Vec::new(),
            open: false,
            sure: true,
            doubtful: Default::default(),
        };
        self.apply(here, &call, callee, &arguments)
    }

    /// A `lambda` is made.
    pub fn make_lambda(&mut self, function: u32) {
        self.keep_calls();
        self.keep_names();
        let here = self.here();
        let source = self.source(here);
        let Some(facts) = source.and_then(|source| source.functions.get(function as usize)) else {
            return;
        };
        let made = self.with_names_around(here, function, facts);
        if let Some(frame) = self.frames.last_mut() {
            frame.lambdas.insert(function, made);
        }
    }

    /// What a `lambda` gives here.
    pub fn lambda(&self, function: u32) -> V {
        let made = self.frames.last().and_then(|frame| frame.lambdas.get(&function));
        made.cloned().unwrap_or(V::Unknown)
    }

    /// What the lambdas of this module call may be called at any time.
    fn keep_calls(&mut self) {
        let here = self.here();
        let Some(source) = self.source(here).filter(|_| self.lambdas.insert(here)) else {
            return;
        };
        for call in source.calls.iter().filter(|call| call.function == Some(LAMBDA)) {
            let (Value::Name(name) | Value::Attribute(_, name)) = call.callee else {
                continue;
            };
            self.called_unseen.insert(source.name(name).to_owned());
        }
    }

    /// Something keeps the names around it, and may change what they stand for whenever it is called.
    pub fn keep_names(&mut self) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let kept = frame.locals.values().map(|variable| &variable.value);
        let objects: Vec<usize> = kept.filter_map(object).collect();
        for object in objects {
            self.is_found_by_all(object);
        }
    }

    /// A function with the names of those around it that have got their only value.
    fn with_names_around(&mut self, here: ModuleId, function: u32, facts: &Function) -> V {
        let plain = V::Function(here, function);
        if facts.outer.is_none() {
            return plain;
        }
        self.keep_names();
        let Some(frame) = self.frames.last().filter(|frame| !frame.in_class) else {
            return plain;
        };
        let source = self.source(here);
        let around = facts.outer.and_then(|outer| source?.functions.get(outer as usize));
        let own = frame.locals.iter().filter(|(name, _)| {
            self.is_bound_once(**name) && around.is_some_and(|around| !is_bound_by_loop(&around.body, **name))
        });
        let mut captured: Captured = (*frame.captured).clone();
        captured.extend(own.map(|(name, variable)| (*name, variable.clone())));
        if captured.is_empty() {
            return plain;
        }
        V::Closure(Arc::new(Closure {
            module: here,
            function,
            captured: Arc::new(captured),
            of: None,
        }))
    }
}

/// Whether a loop may give a name one value after another.
fn is_bound_by_loop(body: &[Step], name: Atom) -> bool {
    any_step(body, &mut |step| match step {
        Step::Loop(round) => any_step(
            &round.body,
            &mut |step| matches!(step, Step::Store { name: stored, .. } if *stored == name),
        ),
        _ => false,
    })
}

/// The object that a value is, or is bound to.
fn object(value: &V) -> Option<usize> {
    match value {
        V::Instance(id) => Some(*id),
        V::Method(_, _, of) => object(of),
        _ => None,
    }
}

/// The last part of a dotted name.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
