//! Calls of the tree's own functions and classes.

use rustc_hash::FxHashMap as HashMap;

use pysrc::{Call, Span, Value, lambda_parameters};

use super::arguments::Arguments;
use super::class::Lookup;
use super::failure::Flow;
use super::signature::{Parameter, Signature};
use super::value::{ModuleId, V};
use super::walk::{Doubt, Frame, Object, Walker};
use crate::audit::imports::stdlib;

impl Walker<'_> {
    /// One call step.
    pub fn call(&mut self, index: u32) -> Flow {
        let here = self.here();
        let Some(call) = self.source(here).and_then(|source| source.calls.get(index as usize)) else {
            return Flow::Next;
        };
        let flow = self.nested_attribute(&call.callee, call.callee_span);
        if flow != Flow::Next {
            return flow;
        }
        let arguments = self.arguments(here, call);
        let callee = self.evaluate(&call.callee);
        let (value, flow) = self.apply(here, call, callee, &arguments);
        if let Some(frame) = self.frames.last_mut() {
            frame.results.insert(index, value);
        }
        flow
    }

    fn apply(&mut self, here: ModuleId, call: &Call, callee: V, arguments: &Arguments) -> (V, Flow) {
        match callee {
            V::Function(module, function) => self.call_function(here, call, module, function, None, arguments),
            V::Method(module, function, of) => self.call_function(here, call, module, function, Some(*of), arguments),
            V::Class(module, class) => self.construct(here, call, module, class, arguments),
            V::Outside(name) if !name.contains('.') && self.is_called_module(call, &name) => {
                (V::Unknown, self.module_called(here, call, &name))
            }
            V::Outside(name) => self.outside(here, call, &name, arguments),
            V::Callable(signature) => self.call_signature(here, call, &signature, arguments),
            V::Lambda(module, place) => self.call_lambda(here, call, module, place, arguments),
            V::Bound(object, method) => self.method_of_unknown(here, call, *object, &method, arguments),
            V::None | V::Bool(_) | V::Int(_) | V::Float(_) | V::Str(_) | V::Concat(_) | V::List(_) | V::Dict(_) => {
                self.escape(arguments);
                (V::Unknown, self.not_callable(here, call, &callee))
            }
            _ => {
                self.escape(arguments);
                self.alive = true;
                (V::Unknown, self.called_property(here, call))
            }
        }
    }

    /// Whether what is called is a module of the standard library: `import glob`, and `glob("*")`.
    fn is_called_module(&self, call: &Call, name: &str) -> bool {
        let Value::Name(bound) = call.callee else {
            return false;
        };
        stdlib::names(name).is_some() && self.is_certain() && self.is_bound_once(bound)
    }

    fn module_called(&mut self, here: ModuleId, call: &Call, name: &str) -> Flow {
        let message = "'module' object is not callable".to_owned();
        let has = stdlib::has_name(name, name) == Some(true);
        let help = has.then(|| format!("call `{name}.{name}`, or write `from {name} import {name}`"));
        self.fail_at(here, call.span, "start/bad-operation", "TypeError", message, help)
    }

    /// Something of which only is known what it takes, and that is not followed.
    fn call_signature(
        &mut self,
        here: ModuleId,
        call: &Call,
        signature: &Signature,
        arguments: &Arguments,
    ) -> (V, Flow) {
        self.escape(arguments);
        self.alive = true;
        let surely = match &call.callee {
            Value::Name(name) => self.is_bound_once(*name),
            Value::Lambda(_) => true,
            _ => false,
        };
        let changed = || self.set_from_outside("__new__") || self.set_from_outside("__defaults__");
        let flow = match arguments.refused_by(signature).filter(|_| surely && !changed()) {
            Some(message) => self.fail_at(here, call.span, "start/argument-count", "TypeError", message, None),
            None => Flow::Next,
        };
        (V::Unknown, flow)
    }

    fn call_lambda(
        &mut self,
        here: ModuleId,
        call: &Call,
        module: ModuleId,
        place: Span,
        arguments: &Arguments,
    ) -> (V, Flow) {
        let read = self.source(module).and_then(|source| {
            let text = source.text.get(place.start as usize..place.end as usize)?;
            // One that was imported may get another value where it comes from.
            let once = match &call.callee {
                Value::Name(name) if module != here => {
                    let name = self.source(here)?.name(*name);
                    let bindings = source
                        .bindings
                        .iter()
                        .filter(|binding| source.name(binding.name) == name);
                    bindings.count() == 1
                }
                _ => true,
            };
            once.then(|| lambda_parameters(text)).flatten()
        });
        let signature = read.map_or_else(
            || Signature {
                star: true,
                double_star: true,
                ..Signature::default()
            },
            |read| Signature {
                name: "<lambda>".to_owned(),
                parameters: read
                    .all
                    .into_iter()
                    .map(|(name, has_default)| Parameter { name, has_default })
                    .collect(),
                positional_only: read.positional_only,
                positional: read.positional,
                star: read.star,
                double_star: read.double_star,
                method: false,
            },
        );
        self.call_signature(here, call, &signature, arguments)
    }

    /// A parser that is given away may get options that are not seen.
    pub fn escape(&mut self, arguments: &Arguments) {
        for value in arguments
            .positional
            .iter()
            .chain(arguments.named.iter().map(|(_, value)| value))
        {
            if let V::Parser(parser) = value
                && let Some(parser) = self.parsers.get_mut(*parser)
            {
                parser.unknown = true;
            }
            self.open_object(value);
        }
    }

    /// An object that is given away may get attributes that are not seen.
    fn open_object(&mut self, value: &V) {
        match value {
            V::Instance(id) => {
                if let Some(object) = self.objects.get_mut(*id) {
                    object.opened = true;
                }
            }
            V::Method(_, _, of) | V::Super(_, _, of) | V::Bound(of, _) => self.open_object(of),
            V::List(values) => values.iter().for_each(|value| self.open_object(value)),
            V::Dict(items) => items.iter().for_each(|(_, value)| self.open_object(value)),
            _ => {}
        }
    }

    pub fn call_function(
        &mut self,
        here: ModuleId,
        call: &Call,
        module: ModuleId,
        function: u32,
        of: Option<V>,
        arguments: &Arguments,
    ) -> (V, Flow) {
        let Some(source) = self.source(module) else {
            return (V::Unknown, Flow::Next);
        };
        let Some(facts) = source.functions.get(function as usize) else {
            return (V::Unknown, Flow::Next);
        };
        let owner_object = of.clone();
        let locals = match self.bind_arguments(module, facts, of, arguments) {
            Ok(locals) => locals,
            Err(problem) => {
                let owner = facts
                    .class
                    .and_then(|class| source.classes.get(class as usize))
                    .map_or_else(String::new, |class| format!("{}.", class.name));
                let message = format!("{owner}{}() {problem}", facts.name);
                let flow = self.fail_at(here, call.span, "start/argument-count", "TypeError", message, None);
                if let Some(failure) = self.failures.last_mut().filter(|_| flow != Flow::Next) {
                    failure.help = None;
                }
                return (V::Unknown, flow);
            }
        };
        let again = self
            .frames
            .iter()
            .filter(|frame| frame.module == module && frame.function == Some(function))
            .count();
        if facts.generator || again > 1 || !self.may_go_deeper() {
            self.escape(arguments);
            if let Some(object) = &owner_object {
                self.open_object(object);
            }
            return (V::Unknown, Flow::Next);
        }
        // What a coroutine does is done when something awaits it, if ever.
        let later = facts.is_async && !self.is_awaited(here, call.span);
        self.maybe += usize::from(later);
        if let Some(file) = self.file_of(here) {
            self.chain.push((file, call.span));
        }
        self.frames.push(Frame {
            module,
            function: Some(function),
            in_class: false,
            locals,
            results: HashMap::default(),
            returned: None,
            gave_value: false,
            doubt: Doubt::None,
        });
        let doubt = self.doubt;
        let flow = self.steps(&facts.body);
        self.doubt = doubt;
        let frame = self.frames.pop();
        self.chain.pop();
        self.maybe -= usize::from(later);
        match flow {
            _ if later => (V::Unknown, Flow::Next),
            Flow::Raised(_) | Flow::Exit | Flow::Endless => (V::Unknown, flow),
            Flow::Return => (frame.and_then(|frame| frame.returned).unwrap_or(V::Unknown), Flow::Next),
            Flow::Next | Flow::Loop => {
                let value = match frame.and_then(|frame| frame.returned) {
                    None => V::None,
                    Some(_) => V::Unknown,
                };
                (value, Flow::Next)
            }
        }
    }

    /// Whether what a call gives is awaited where it stands, or given to another call: `await f()`, `asyncio.run(f())`.
    fn is_awaited(&self, here: ModuleId, span: Span) -> bool {
        let before = self
            .source(here)
            .and_then(|source| source.text.get(..span.start as usize))
            .map_or("", str::trim_end);
        before.ends_with("await") || before.ends_with(['(', ','])
    }

    fn construct(
        &mut self,
        here: ModuleId,
        call: &Call,
        module: ModuleId,
        class: u32,
        arguments: &Arguments,
    ) -> (V, Flow) {
        let Some(facts) = self
            .source(module)
            .and_then(|source| source.classes.get(class as usize))
        else {
            return (V::Unknown, Flow::Next);
        };
        if let Some(made) = self.construct_record(here, call, (module, class), arguments) {
            return made;
        }
        if self.is_enumeration(&V::Class(module, class)) {
            self.escape(arguments);
            self.alive = true;
            return (V::Unknown, self.member_by_value(here, call, (module, class), arguments));
        }
        let object = self.objects.len();
        self.objects.push(Object {
            module,
            class,
            attributes: HashMap::default(),
            opened: false,
            dynamic: false,
        });
        let instance = V::Instance(object);
        // A metaclass of a class above decides what a call does, too.
        let by_metaclass = self.order(module, class).into_iter().flatten().any(|(module, class)| {
            self.source(module)
                .and_then(|source| source.classes.get(class as usize))
                .is_some_and(|facts| facts.unusual && facts.decorators.is_empty())
        });
        if facts.unusual
            || by_metaclass
            || !matches!(
                self.find_method(module, class, "__new__"),
                Lookup::NotThere | Lookup::Unknown
            )
        {
            self.escape(arguments);
            self.alive = true;
            return (V::Unknown, Flow::Next);
        }
        if let Some(message) = self.abstract_methods(module, class)
            && !self.set_from_outside("__abstractmethods__")
        {
            let flow = self.fail_at(here, call.span, "start/class-error", "TypeError", message, None);
            return (V::Unknown, flow);
        }
        let flow = match self.find_method(module, class, "__init__") {
            // What stands around it may take other arguments, and set more.
            Lookup::Found(owner, function) if !self.decorators(owner, function).is_empty() => {
                self.escape(arguments);
                self.any_attribute(&instance);
                self.alive = true;
                Flow::Next
            }
            Lookup::Found(owner, function) => {
                self.call_function(here, call, owner, function, Some(instance.clone()), arguments)
                    .1
            }
            Lookup::NotThere if arguments.are_some() => {
                let message = format!("{}() takes no arguments", facts.name);
                self.fail_at(here, call.span, "start/argument-count", "TypeError", message, None)
            }
            Lookup::NotThere => Flow::Next,
            Lookup::Unknown => {
                self.escape(arguments);
                self.alive = true;
                Flow::Next
            }
        };
        (instance, flow)
    }
}
