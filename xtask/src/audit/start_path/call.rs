//! Calls of the tree's own functions and classes.

use rustc_hash::FxHashMap as HashMap;

use pysrc::{Atom, Call, Function, Guard, Span, Step, Taken, Value};

use super::arguments::Arguments;
use super::assigned::SetElsewhere;
use super::class::Lookup;
use super::condition::{ADDERS, REMOVERS};
use super::evaluate::keeps_results;
use super::failure::Flow;
use super::library::OF_LOGGER;
use super::memoized;
use super::object::object_member;
use super::outside::OF_LOOP;
use super::pending::Body;
use super::signature::Signature;
use super::steps::any_step;
use super::trail::Kind;
use super::value::{Closure, ModuleId, V, Variable};
use super::walk::{Doubt, Object, Walker};
use crate::python::imports::stdlib;

/// Calls of a function inside itself after which it is asked whether these ever end.
const TURNS: usize = 2;
/// Calls of a function inside itself that are followed, if all that it is given is known.
const MOST_KNOWN: usize = 8;

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
        let mut callee = self.evaluate(&call.callee);
        if self.is_replaced(&callee) {
            callee = V::Unknown;
        }
        let flow = self.loop_in_loop(here, call, &callee);
        if flow != Flow::Next {
            return flow;
        }
        self.sure = arguments.sure;
        let of_the_tree = callee.closure().is_some() || matches!(callee, V::Class(..) | V::Partial(_));
        let run = if of_the_tree {
            None
        } else {
            let run = self.runs_given(call, &callee, &arguments);
            run.or_else(|| self.takes_all(&callee, &arguments))
        };
        self.decisions += usize::from(self.is_looked_up(&call.callee));
        let shown = self.trail.is_some().then(|| callee.clone());
        let (value, flow) = match run {
            Some(run) => run,
            None => self.apply(here, call, callee, &arguments),
        };
        if let Some(callee) = shown {
            self.notes_call(call, &callee, &value, flow);
        }
        let sure = self.sure;
        if call.taken == Taken::Dropped && !self.binds.is_empty() {
            self.dropped(&value);
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.results.insert(index, Variable { value, sure });
        }
        flow
    }

    /// Whether a function of a library may have been replaced: `os.getcwd = …`.
    fn is_replaced(&self, callee: &V) -> bool {
        match callee {
            V::Outside(name) => match name.rsplit_once('.') {
                Some((module, last)) if stdlib::names(module).is_some() => {
                    self.set_from_outside(last) && self.is_set_on_others(last)
                }
                _ => false,
            },
            _ => false,
        }
    }

    pub fn apply(&mut self, here: ModuleId, call: &Call, callee: V, arguments: &Arguments) -> (V, Flow) {
        match callee {
            V::Function(..) | V::Method(..) | V::Closure(_) => match callee.closure() {
                Some(closure) => self.call_function(here, call, closure, arguments),
                None => (V::Unknown, Flow::Next),
            },
            V::Class(module, class) => self.construct(here, call, module, class, arguments),
            V::Outside(name) if !name.contains('.') && self.is_called_module(call, &name) => {
                (V::Unknown, self.module_called(here, call, &name))
            }
            V::Outside(ref name) if let Some(method) = name.strip_prefix(OF_LOGGER) => {
                if method == "setLevel" {
                    let flow = self.sets_level(here, call);
                    if flow != Flow::Next {
                        return (V::Unknown, flow);
                    }
                }
                self.method_of_unknown(here, call, V::Unknown, method, arguments)
            }
            V::Outside(ref name) if let Some((_, method)) = object_member(name) => {
                self.method_of_unknown(here, call, V::Unknown, method, arguments)
            }
            V::Outside(name) => match name.strip_prefix(OF_LOOP) {
                None | Some("create_task") => self.outside(here, call, &name, arguments),
                Some(method) => self.method_of_unknown(here, call, V::Unknown, method, arguments),
            },
            V::Callable(signature) => self.call_signature(here, call, &signature, arguments),
            V::Partial(partial) => self.call_partial(here, call, &partial, arguments),
            V::Bound(object, method) if *object == V::Unknown => {
                self.called_unseen.insert(method.clone());
                self.gives_to_any_module(arguments);
                if let Value::Attribute(of, _) = &call.callee {
                    self.lose(of);
                }
                self.method_of_unknown(here, call, *object, &method, arguments)
            }
            V::Bound(object, method) => self.method_of_unknown(here, call, *object, &method, arguments),
            V::None | V::Bool(_) | V::Int(_) | V::Float(_) | V::Str(_) | V::Concat(_) | V::List(_) | V::Dict(_) => {
                self.escape(arguments);
                let flow = self.not_callable(here, call, &callee);
                if flow != Flow::Next {
                    return (V::Unknown, flow);
                }
                (V::Unknown, self.called_property(here, call))
            }
            V::Unknown if let Some(flow) = self.starts_thread(here, call) => (V::None, flow),
            _ => {
                let flow = self.command_called(here, call);
                if flow != Flow::Next {
                    return (V::Unknown, flow);
                }
                self.escape(arguments);
                self.gives_to_any_module(arguments);
                self.lose(&call.callee);
                // Its `__call__` may do anything with it.
                if matches!(callee, V::Instance(_)) {
                    self.open_object(&callee);
                }
                self.alive = true;
                // Whatever it is a method of.
                if let Value::Attribute(_, name) = &call.callee
                    && let Some(source) = self.source(here)
                {
                    self.called_unseen.insert(source.name(*name).to_owned());
                }
                // What a library's class does with the object is the library's to say.
                if let Value::Attribute(of, _) = &call.callee {
                    match self.evaluate(of) {
                        V::Super(_, _, of) => {
                            let items = self.as_dictionary(*of);
                            self.open_data(&items);
                        }
                        V::Instance(id) => {
                            self.reach(id);
                            self.may_call_methods(id);
                        }
                        _ => {}
                    }
                }
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
            _ => false,
        };
        let changed = || self.set_from_outside("__new__") || self.set_from_outside("__defaults__");
        let flow = match arguments.refused_by(signature).filter(|_| surely && !changed()) {
            Some(message) => self.fail_at(here, call.span, "start/argument-count", "TypeError", message, None),
            None => Flow::Next,
        };
        (V::Unknown, flow)
    }

    /// What is given to a function of a module that is not known may be changed as the tree's own modules change it.
    fn gives_to_any_module(&mut self, arguments: &Arguments) {
        if !self.runs_any_module {
            return;
        }
        let named = arguments.named.iter().map(|(_, value)| value);
        for value in arguments.positional.iter().chain(named) {
            self.any_attribute(value);
            let held: Vec<V> = match value {
                V::Instance(id) => self.objects.get(*id).map_or_else(Vec::new, |object| {
                    let values = object.attributes.values();
                    values.map(|variable| variable.value.clone()).collect()
                }),
                _ => Vec::new(),
            };
            held.iter().for_each(|held| self.open_data(held));
        }
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
            self.search_path.rearranged |= super::data::is_search_path(value);
            self.open_object(value);
        }
    }

    /// An object that is given away may get attributes that are not seen.
    pub fn open_object(&mut self, value: &V) {
        if let Some(closure) = value.closure()
            && let Some(source) = self.source(closure.module)
            && let Some(facts) = source.functions.get(closure.function as usize)
        {
            self.called_unseen.insert(facts.name.to_string());
        }
        match value {
            V::Coroutine(_) | V::Future(_) => self.release(value),
            V::Socket(socket) => self.share_socket(*socket),
            V::Instance(id) => {
                if let Some(items) = self.dictionary_of(*id) {
                    self.open_data(&items);
                }
                if let Some(object) = self.objects.get_mut(*id) {
                    object.opened = true;
                    self.reach(*id);
                    self.may_call_methods(*id);
                }
            }
            V::Method(_, _, of) => self.open_method_of(of),
            V::Super(_, _, of) | V::Bound(of, _) => self.open_object(of),
            V::List(values) => {
                self.changes(values);
                values.iter().for_each(|value| self.open_object(value));
            }
            V::Closure(closure) => {
                // It calls what its body names, as a method does.
                let held = closure.captured.values().map(|variable| &variable.value);
                held.for_each(|value| self.open_method_of(value));
                closure.of.iter().for_each(|of| self.open_method_of(of));
            }
            V::Dict(items) => items.iter().for_each(|(_, value)| self.open_object(value)),
            V::Mapping(_) | V::Sequence(_) => self.open_data(value),
            V::Partial(partial) => partial.held().for_each(|value| self.open_object(value)),
            V::Class(module, class) => self.may_call_methods_of((*module, *class)),
            _ => {}
        }
    }

    /// Whoever has an object may call any of its methods.
    pub fn may_call_methods(&mut self, id: usize) {
        if let Some(class) = self.objects.get(id).map(|object| (object.module, object.class)) {
            self.may_call_methods_of(class);
        }
    }

    /// Whoever has a class may make an object of it.
    fn may_call_methods_of(&mut self, class: (ModuleId, u32)) {
        let mut names = Vec::new();
        for (module, class) in self.order(class.0, class.1).into_iter().flatten() {
            let Some(source) = self.source(module) else {
                continue;
            };
            let methods = source
                .classes
                .get(class as usize)
                .map_or(&[][..], |class| &class.methods);
            let methods = methods
                .iter()
                .filter_map(|method| source.functions.get(*method as usize));
            names.extend(
                methods
                    .map(|method| method.name.to_string())
                    .filter(|name| name != "__init__"),
            );
        }
        self.called_unseen.extend(names);
    }

    /// An object of which one method is given away, whose name is kept: no other is called but by that one.
    fn open_method_of(&mut self, value: &V) {
        match value {
            V::Instance(id) => {
                if let Some(object) = self.objects.get_mut(*id) {
                    object.opened = true;
                    self.reach_by_method(*id);
                }
            }
            value => self.open_object(value),
        }
    }

    /// An object may be changed by any of its methods, and what it holds along with it.
    pub fn reach(&mut self, id: usize) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if let Some(object) = self.objects.get_mut(id).filter(|object| !object.whole) {
                object.whole = true;
                open.extend(self.held_by(id));
            }
        }
        self.reach_by_method(id);
    }

    /// Objects that are attributes of an object.
    pub fn held_by(&self, id: usize) -> Vec<usize> {
        let attributes = self.objects.get(id).map(|object| &object.attributes);
        attributes
            .into_iter()
            .flat_map(HashMap::values)
            .flat_map(|variable| match &variable.value {
                V::List(values) => values.as_slice(),
                value => std::slice::from_ref(value),
            })
            .filter_map(|value| match value {
                V::Instance(held) => Some(*held),
                _ => None,
            })
            .collect()
    }

    /// Others may use the sockets that an object has.
    pub fn share_sockets_of(&mut self, id: usize) {
        let attributes = self.objects.get(id).map(|object| &object.attributes);
        let sockets = attributes.into_iter().flat_map(HashMap::values);
        let sockets = sockets.filter_map(|variable| match variable.value {
            V::Socket(socket) => Some(socket),
            _ => None,
        });
        let sockets: Vec<usize> = sockets.collect();
        sockets.into_iter().for_each(|socket| self.share_socket(socket));
    }

    /// What an object holds may be changed along with it.
    pub fn reach_by_method(&mut self, id: usize) {
        let Some(object) = self.objects.get_mut(id).filter(|object| !object.reached) else {
            return;
        };
        object.reached = true;
        self.share_sockets_of(id);
        for held in self.held_by(id) {
            self.reach_by_method(held);
        }
    }

    pub fn call_function(&mut self, here: ModuleId, call: &Call, closure: Closure, arguments: &Arguments) -> (V, Flow) {
        let Closure {
            module,
            function,
            captured,
            of,
        } = closure;
        let Some(source) = self.source(module) else {
            return (V::Unknown, Flow::Next);
        };
        let Some(facts) = source.functions.get(function as usize) else {
            return (V::Unknown, Flow::Next);
        };
        let owner_object = of.clone();
        let keeps = facts.decorators.iter().any(|decorator| keeps_results(decorator));
        // What was kept may be forgotten.
        let known = keeps && !self.is_mentioned(&["cache_clear"]);
        let key = known.then(|| memoized::key(of.as_ref(), arguments)).flatten();
        let locals = match self.bind_arguments(module, facts, of, arguments) {
            Ok(locals) => self.with_own_keywords(facts, locals),
            Err(problem) => return (V::Unknown, self.does_not_fit(here, call, (source, facts), problem)),
        };
        if keeps && let Some(kept) = self.kept_result((module, function), &key) {
            return (kept, Flow::Next);
        }
        if keeps && self.may_give_what_it_kept(source, (module, function), facts, &key) {
            self.escape(arguments);
            return (V::Unknown, Flow::Next);
        }
        let again = self
            .frames
            .iter()
            .filter(|frame| frame.module == module && frame.function == Some(function))
            .count();
        if facts.generator {
            let body = Body {
                here,
                span: call.span,
                module,
                function,
                locals,
                captured,
            };
            let made = self.generator(call, facts, body, owner_object.as_ref(), arguments);
            return (made, Flow::Next);
        }
        if again >= TURNS
            && let Some(flow) = self.fails_to_end(here, call, (module, function), facts, &locals)
        {
            return (V::Unknown, flow);
        }
        if again > MOST_KNOWN || (again > 1 && !self.may_turn(&locals)) || !self.may_go_deeper() {
            self.escape(arguments);
            self.called_unseen.insert(facts.name.to_string());
            if let Some(object) = &owner_object {
                self.open_object(object);
            }
            self.note(Kind::Budget, Some(call.span), |_| {
                let why = if again > 1 {
                    "it calls itself"
                } else {
                    "calls are too deep, or too much was followed"
                };
                format!("`{}()` is not entered: {why}", facts.name)
            });
            return (V::Unknown, Flow::Next);
        }
        let body = Body {
            here,
            span: call.span,
            module,
            function,
            locals,
            captured,
        };
        if keeps && !facts.is_async {
            return self.body_that_is_kept(body, &facts.name, key);
        }
        if !facts.is_async {
            return self.body(body);
        }
        match call.taken {
            Taken::Awaited => self.body(body),
            Taken::Dropped => (V::Unknown, Flow::Next),
            Taken::Kept | Taken::GoneThrough => {
                self.sure = true;
                (self.coroutine(body), Flow::Next)
            }
            // What becomes of it is not known.
            Taken::Otherwise => {
                self.maybe += 1;
                self.body(body);
                self.maybe -= 1;
                self.sure = false;
                (V::Unknown, Flow::Next)
            }
        }
    }

    /// What a function is given does not fit it.
    fn does_not_fit(
        &mut self,
        here: ModuleId,
        call: &Call,
        (source, facts): (&pysrc::Module, &Function),
        problem: impl std::fmt::Display,
    ) -> Flow {
        let owner = facts
            .class
            .and_then(|class| source.classes.get(class as usize))
            .map_or_else(String::new, |class| format!("{}.", class.name));
        let message = format!("{owner}{}() {problem}", facts.name);
        let flow = self.fail_at(here, call.span, "start/argument-count", "TypeError", message, None);
        if let Some(failure) = self.failures.last_mut().filter(|_| flow != Flow::Next) {
            failure.help = None;
        }
        flow
    }

    /// Whether a function may be followed once more inside itself: what it is given says how that ends. On a way that may not be taken,
    /// both ends of each turn are followed, and their number doubles with every turn.
    fn may_turn(&self, locals: &HashMap<Atom, Variable>) -> bool {
        let known = |variable: &Variable| variable.sure && variable.value != V::Unknown;
        self.maybe == 0 && locals.values().all(known)
    }

    /// Whether what is called is taken from where another turn may find something else.
    fn is_looked_up(&self, callee: &Value) -> bool {
        match callee {
            Value::Name(name) => self.frames.last().is_some_and(|frame| frame.locals.contains_key(name)),
            Value::Attribute(of, _) => match &**of {
                Value::Name(_) => false,
                Value::Call(_) => !matches!(self.evaluate(of), V::Super(..)),
                _ => true,
            },
            _ => true,
        }
    }

    /// A function calls itself: fails if it surely does so for ever.
    fn fails_to_end(
        &mut self,
        here: ModuleId,
        call: &Call,
        function: (ModuleId, u32),
        facts: &Function,
        locals: &HashMap<Atom, Variable>,
    ) -> Option<Flow> {
        if !self.never_ends(function, facts, locals) {
            return None;
        }
        let message = "maximum recursion depth exceeded: nothing ever keeps this from calling itself again".to_owned();
        let (at, span) = self.end_of_recursion(function).unwrap_or((here, call.span));
        Some(self.fail_at(at, span, "start/raises", "RecursionError", message, None))
    }

    /// The call that is one too many, of those that follow each other for ever.
    fn end_of_recursion(&self, function: (ModuleId, u32)) -> Option<(ModuleId, Span)> {
        /// Scopes that Python lets run inside each other.
        const MOST: usize = 1000;
        let depth = self.frames.len();
        let turn = self
            .frames
            .iter()
            .rev()
            .position(|frame| (frame.module, frame.function) == (function.0, Some(function.1)))?
            + 1;
        let modules = self.frames.iter().filter(|frame| frame.function.is_none()).count();
        if modules != 1 || self.chain.len() + 1 != depth || turn > depth {
            return None;
        }
        let last = (depth + 1 - turn..=depth).find(|at| at % turn == MOST % turn)?;
        let (_, span) = self.chain.get(last - 1)?;
        let frame = self.frames.get(last - 1)?;
        Some((frame.module, *span))
    }

    /// Whether a function that calls itself surely does so for ever: for two turns nothing was asked, nothing waited, and what it
    /// may call is the same.
    fn never_ends(&self, function: (ModuleId, u32), facts: &Function, locals: &HashMap<Atom, Variable>) -> bool {
        let classes = super::failure::classes("RecursionError");
        let other = |around: &super::walk::Around<'_>| !around.handlers.is_empty() && !self.catch(around, classes);
        if !self.is_certain()
            || self.doubt > Doubt::None
            || self.paused
            || facts.is_async
            || self.tries().iter().any(other)
            || self.set_from_outside("setrecursionlimit")
        {
            return false;
        }
        let mut before = self
            .frames
            .iter()
            .rev()
            .filter(|frame| (frame.module, frame.function) == (function.0, Some(function.1)))
            .take(TURNS);
        let own = facts.class.and(facts.parameters.all.first()).map(|own| own.name);
        before.all(|frame| {
            frame.decisions == self.decisions
                && locals.iter().all(|(name, variable)| {
                    let same = || {
                        frame
                            .locals
                            .get(name)
                            .is_some_and(|before| before.value == variable.value)
                    };
                    let calls = matches!(
                        variable.value,
                        V::Function(..)
                            | V::Method(..)
                            | V::Closure(_)
                            | V::Class(..)
                            | V::Instance(_)
                            | V::Outside(_)
                            | V::Bound(..)
                    );
                    !(calls || own == Some(*name)) || same()
                })
        })
    }

    /// The `**kwargs` of a function is a dictionary of its own, which it may change.
    fn with_own_keywords(&mut self, facts: &Function, mut locals: HashMap<Atom, Variable>) -> HashMap<Atom, Variable> {
        let variable = facts.parameters.double_star.and_then(|name| locals.get_mut(&name));
        if let Some(variable) = variable.filter(|variable| variable.sure)
            && let V::Dict(items) = &variable.value
        {
            variable.value = self.named(&items.clone());
        }
        locals
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
        if self.makes_classes((module, class)) {
            self.escape(arguments);
            self.called_unseen
                .extend(["__init__", "__new__", "__call__"].map(str::to_owned));
            self.alive = true;
            return (V::Unknown, Flow::Next);
        }
        if self.is_enumeration(&V::Class(module, class)) {
            if self.makes_members_its_own_way((module, class)) {
                self.escape(arguments);
                self.alive = true;
            }
            return (V::Unknown, self.member_by_value(here, call, (module, class), arguments));
        }
        if let Some(made) = self.construct_by_new(here, call, (module, class), arguments) {
            return made;
        }
        let before = !self.instantiated.insert((module, class));
        let instance = V::Instance(self.new_object((module, class)));
        // A metaclass of a class above decides what a call does, too.
        let by_metaclass = self.order(module, class).into_iter().flatten().any(|entry| {
            self.source(entry.0)
                .and_then(|source| source.classes.get(entry.1 as usize))
                .is_some_and(|facts| self.is_unusual(facts, entry) && facts.decorators.is_empty())
        });
        let (makes, has_new) = match self.find_method(module, class, "__new__") {
            Lookup::Found(owner, function) => {
                // Its body is not followed.
                self.called_unseen.insert("__new__".to_owned());
                (self.makes(&instance, owner, function), true)
            }
            Lookup::NotThere | Lookup::Unknown => (true, false),
        };
        // A constructor is made for it that takes what is not known.
        let makes = makes && (facts.fields.is_none() || has_new || self.has_own_constructor(module, facts));
        // The one that was made before may be given again.
        let again = before && self.may_give_again(module, class);
        if self.is_unusual(facts, (module, class)) || by_metaclass || !makes || again {
            self.note(Kind::NotFollowed, Some(call.span), |_| {
                let why = if again {
                    "the object that there is already may be given again"
                } else {
                    "a metaclass, decorator or `__new__` decides what that makes"
                };
                format!("calls class `{}`: {why}", facts.name)
            });
            self.called_unseen.insert(facts.name.to_string());
            if has_new {
                self.is_set_again((module, class));
            }
            self.called_unseen.extend(["__init__", "__new__"].map(str::to_owned));
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
        let mut made_of = self.order(module, class).into_iter().flatten();
        if let Some((maker, span)) = made_of.find_map(|class| self.called_by.get(&class).copied()) {
            // What the metaclass does besides is not followed.
            self.any_attribute(&instance);
            let made = Call {
                span,
                callee_span: span,
                ..call.clone()
            };
            if let Some(file) = self.file_of(here) {
                self.chain.push((file, call.span));
            }
            let flow = self.initialise(maker, &made, &instance, (module, class), has_new, arguments);
            self.chain.pop();
            return (instance, flow);
        }
        let flow = self.initialise(here, call, &instance, (module, class), has_new, arguments);
        (instance, flow)
    }

    /// Whether code of the tree runs when a member of an enumeration is asked for.
    fn makes_members_its_own_way(&self, class: (ModuleId, u32)) -> bool {
        self.order(class.0, class.1)
            .into_iter()
            .flatten()
            .any(|(module, class)| {
                let source = self.source(module);
                let facts = source.and_then(|source| source.classes.get(class as usize));
                let own = |function: &u32| {
                    let function = source.and_then(|source| source.functions.get(*function as usize));
                    function.is_none_or(|function| matches!(&*function.name, "__new__" | "__init__" | "_missing_"))
                };
                facts.is_none_or(|facts| facts.methods.iter().any(own))
            })
    }

    /// The constructor of a class may run again for an object that there is: what it sets is set of any.
    fn is_set_again(&mut self, class: (ModuleId, u32)) {
        let mut names = Vec::new();
        for (module, class) in self.order(class.0, class.1).into_iter().flatten() {
            let attributes = self.source(module).into_iter().flat_map(|source| &source.attributes);
            let own = attributes.filter(|attribute| attribute.class == class && attribute.function.is_some());
            names.extend(own.map(|attribute| attribute.name.to_string()));
        }
        for name in names {
            self.set_elsewhere.insert(SetElsewhere::Attribute(name));
        }
    }

    /// A new object, without attributes.
    pub fn new_object(&mut self, (module, class): (ModuleId, u32)) -> usize {
        let object = self.shared.number();
        let made = Object {
            module,
            class,
            attributes: HashMap::default(),
            opened: false,
            reached: false,
            global: false,
            whole: false,
            dynamic: false,
        };
        self.objects.insert(object, made);
        object
    }

    /// Calls a class whose `__new__` is one of the tree and surely gives an object of it, which may be one that there is already. Nothing
    /// where that is not known.
    fn construct_by_new(
        &mut self,
        here: ModuleId,
        call: &Call,
        class: (ModuleId, u32),
        arguments: &Arguments,
    ) -> Option<(V, Flow)> {
        let Lookup::Found(owner, function) = self.find_method(class.0, class.1, "__new__") else {
            return None;
        };
        let order = self.order(class.0, class.1);
        let plain = order.iter().all(|entry| {
            let facts = entry.and_then(|(module, class)| self.source(module)?.classes.get(class as usize));
            facts
                .is_some_and(|facts| facts.metaclass.is_none() && facts.decorators.is_empty() && facts.fields.is_none())
        });
        let above = order
            .iter()
            .flatten()
            .filter_map(|class| self.bases.get(class))
            .flatten();
        let own = above.into_iter().all(|base| matches!(base, V::Class(..)));
        if !plain
            || !own
            || !self.decorators(owner, function).is_empty()
            || !self.is_sure_way()
            || self.doubt > Doubt::None
        {
            return None;
        }
        let new = V::Method(owner, function, Box::new(V::Class(class.0, class.1))).closure()?;
        let before = self.shared.number();
        let (made, flow) = self.call_function(here, call, new, arguments);
        if flow != Flow::Next {
            return Some((V::Unknown, flow));
        }
        let V::Instance(id) = made else {
            return None;
        };
        let object = self.objects.get(id)?;
        if (object.module, object.class) != class || !self.sure {
            return None;
        }
        self.instantiated.insert(class);
        // One that there was before may be told by its constructor: what that sets may stay as it was.
        let again = id < before;
        let failures = self.failures.len();
        self.maybe += usize::from(again);
        let flow = self.initialise(here, call, &made, class, true, arguments);
        self.maybe -= usize::from(again);
        self.sure = true;
        if again {
            // Whoever writes such a class asks whether that has been done.
            self.failures.truncate(failures);
            return Some((made, Flow::Next));
        }
        Some((made, flow))
    }

    /// The constructor of a new object; `has_new`: its class has a `__new__`, which takes the arguments, too.
    fn initialise(
        &mut self,
        here: ModuleId,
        call: &Call,
        instance: &V,
        (module, class): (ModuleId, u32),
        has_new: bool,
        arguments: &Arguments,
    ) -> Flow {
        match self.find_method(module, class, "__init__") {
            Lookup::Found(owner, function) => {
                match self
                    .method(owner, function, instance.clone(), (module, class))
                    .closure()
                {
                    Some(closure) => self.call_function(here, call, closure, arguments).1,
                    // What stands around it may take other arguments, and set more.
                    None => {
                        self.escape(arguments);
                        self.any_attribute(instance);
                        self.alive = true;
                        Flow::Next
                    }
                }
            }
            Lookup::NotThere if arguments.are_some() && !has_new => {
                let message = format!("{}() takes no arguments", self.class_name((module, class)));
                self.fail_at(here, call.span, "start/argument-count", "TypeError", message, None)
            }
            Lookup::NotThere => Flow::Next,
            Lookup::Unknown if self.fills_dictionary(instance, (module, class), arguments) => Flow::Next,
            Lookup::Unknown => {
                if let Some(server) = self.server_above((module, class)) {
                    self.serves(here, call, &server, arguments);
                }
                self.escape(arguments);
                self.any_attribute(instance);
                if let V::Instance(id) = instance {
                    self.may_call_methods(*id);
                    if self.is_thread_class((module, class)) {
                        self.gives_daemon(*id, arguments);
                        return Flow::Next;
                    }
                }
                self.alive = true;
                Flow::Next
            }
        }
    }
}

/// Whether a function does more than give something, as far as its own body says.
pub fn changes_something(source: &pysrc::Module, facts: &Function) -> bool {
    any_step(&facts.body, &mut |step| match step {
        Step::StoreAttribute { .. } | Step::StoreItem(_) => true,
        Step::Store { name, .. } => facts.locals.binary_search(name).is_err(),
        Step::Call(call) => source.calls.get(*call as usize).is_some_and(|call| match &call.callee {
            Value::Attribute(_, method) => {
                let method = source.name(*method);
                ADDERS.contains(&method) || REMOVERS.contains(&method)
            }
            _ => false,
        }),
        _ => false,
    })
}

/// A call that is not written: Python makes it on its own where this stands.
pub fn made_for(span: Span) -> Call {
    Call {
        callee: Value::Other,
        arguments: Box::default(),
        keywords: Box::default(),
        spread: None,
        span,
        callee_span: span,
        function: None,
        guard: Guard::default(),
        taken: Taken::Otherwise,
    }
}
