//! Names: which are bound here and now, and to what. Rule `start/undefined-name`.

use std::sync::Arc;

use pysrc::{Atom, Span};

use super::assigned::{Given, SetElsewhere};
use super::class::Lookup;
use super::content::Holder;
use super::failure::{Flow, Words, classes};
use super::value::{ModuleId, V, Variable};
use super::walk::{Doubt, Frame, Object, Walker};
use crate::finding::Subject;
use crate::python::imports::stdlib;
use crate::stack::near::only;

impl Walker<'_> {
    /// Whether this is the body of a class that a metaclass may have given names before it began.
    fn is_prepared(&self) -> bool {
        let in_class = self.frames.last().is_some_and(|frame| frame.in_class);
        in_class && self.is_mentioned(&["__prepare__"])
    }

    /// A name is read; `past`: by something that does not see the names of the class body around it.
    pub fn load(&mut self, name: Atom, span: Span, past: bool) -> Flow {
        let here = self.here();
        if self.is_bound(name, past) || self.silent > 0 {
            self.taken_as_value(name, span);
            return Flow::Next;
        }
        let Some(source) = self.source(here) else {
            return Flow::Next;
        };
        let text = source.name(name);
        if self.is_prepared() {
            return Flow::Next;
        }
        if self.is_installed(text) {
            // If it is not there after all, what follows is not run.
            let expected = classes("NameError");
            if self.tries().iter().any(|around| self.catch(around, expected)) {
                self.doubt = Doubt::All;
            }
            return Flow::Next;
        }
        let later = source.bindings.iter().find(|binding| binding.name == name);
        let message = match later {
            _ if past && self.frames.last().is_some_and(|frame| frame.locals.contains_key(&name)) => {
                format!(
                    "name '{text}' is not defined here: a comprehension does not see the names of the class around it"
                )
            }
            Some(binding) if binding.span.start < span.start => format!(
                "name '{text}' is not defined here: line {} assigns it, but does not run before this line",
                source.position(binding.span).line
            ),
            Some(binding) => format!(
                "name '{text}' is not defined here: it is assigned only later, in line {}",
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
        // One that is assigned only later is spelt well.
        let names = source.bindings.iter().map(|binding| source.name(binding.name));
        let only = only(text, names).filter(|_| later.is_none()).map(str::to_owned);
        self.fail_at(
            here,
            span,
            "start/undefined-name",
            "NameError",
            Words::about(Subject::Name(text.to_owned()), message).with_meant(text, only),
            help,
        )
    }

    /// Functions of the tree have an object without being given it, and what it has along with it.
    pub fn is_found_by_all(&mut self, id: usize) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let Some(object) = self.objects.get_mut(id).filter(|object| !object.global) else {
                continue;
            };
            object.global = true;
            self.share_sockets_of(id);
            open.extend(self.held_by(id));
        }
    }

    /// An object becomes an attribute of one: whoever has that has it, too.
    fn is_held_by(&mut self, held: usize, holder: usize) {
        let Some(holder) = self.objects.get(holder) else {
            return;
        };
        let (global, reached, whole) = (holder.global, holder.reached, holder.whole);
        if whole {
            self.reach(held);
        } else if reached {
            self.reach_by_method(held);
        }
        if global {
            self.is_found_by_all(held);
        }
    }

    /// A value becomes a part of a list or dictionary of the tree: whoever has that has it, too.
    pub fn put_in(&mut self, value: &V) {
        match value {
            V::Instance(id) => self.is_found_by_all(*id),
            V::List(parts) => parts.iter().for_each(|part| self.put_in(part)),
            V::Dict(items) => items.iter().for_each(|(_, value)| self.put_in(value)),
            function if function.closure().is_some() => self.open_object(function),
            _ => {}
        }
    }

    /// A value becomes a part of something. What is not followed may have that by now.
    pub fn put_into(&mut self, object: &V, value: &V) {
        let own = match object {
            V::Mapping(id) | V::Sequence(id) => self.data.get(*id).is_some_and(|data| !data.opened),
            _ => false,
        };
        match own {
            true => self.put_in(value),
            false => self.put_away(value),
        }
    }

    /// What the functions that are running have may be used by what was computed.
    pub fn lose_names(&mut self) {
        let frames = self.frames.iter();
        let values = frames.flat_map(|frame| frame.locals.values().map(|variable| variable.value.clone()));
        let values: Vec<V> = values.collect();
        values.iter().for_each(|value| self.open_object(value));
    }

    /// An object that is read for another reason than for one of its attributes may be changed from elsewhere.
    fn taken_as_value(&mut self, name: Atom, span: Span) {
        if let Some(id) = self.instance(name)
            && !self.is_followed_by(span, '.')
            && self.is_put_away(span)
        {
            self.reach(id);
        }
    }

    /// An object becomes an attribute of something that is not followed.
    pub fn put_away(&mut self, value: &V) {
        match value {
            V::Instance(id) => self.reach(*id),
            function if function.closure().is_some() => self.open_object(function),
            _ => {}
        }
    }

    /// Whether what is read here becomes an item of a list or dictionary.
    fn is_put_away(&self, span: Span) -> bool {
        let before = self
            .source(self.here())
            .and_then(|source| source.text.get(..span.start as usize))
            .map_or("", str::trim_end);
        before.ends_with([':', '[', '{']) || before.ends_with("yield")
    }

    /// Whether this stands behind a place in the file that runs.
    pub fn is_followed_by(&self, span: Span, next: char) -> bool {
        self.source(self.here())
            .and_then(|source| source.text.get(span.end as usize..))
            .is_some_and(|rest| rest.trim_start().starts_with(next))
    }

    fn is_bound(&self, name: Atom, past: bool) -> bool {
        let Some(frame) = self.frames.last() else {
            return true;
        };
        if frame.locals.contains_key(&name) && !(past && frame.in_class) {
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
        if self.modules.global(frame.module, name).is_some() || module.dynamic {
            return true;
        }
        let text = source.name(name);
        stdlib::is_builtin(text) || self.global(frame.module, text).is_some()
    }

    /// Whether a module that has run may have put the name where every module sees it, or into a module from outside.
    fn is_installed(&self, name: &str) -> bool {
        let reaches = self.is_mentioned(&["builtins", "__builtins__", "modules"]);
        (reaches && (self.is_mentioned(&["setattr"]) || self.is_set_on_others(name)))
            || (name == "_" && self.is_mentioned(&["install"]))
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

    pub fn is_local(&self, frame: &Frame, name: Atom) -> bool {
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

    /// Binds a name; `sure`: the value is what the name surely gets.
    pub fn store(&mut self, name: Atom, value: V, sure: bool) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let local = self.is_local(frame, name);
        let module = frame.module;
        let (maybe, sure) = (
            self.maybe > 0 || self.skipping,
            sure && self.loops == 0 && !self.skipping,
        );
        let lost;
        let before = if local {
            let Some(frame) = self.frames.last_mut() else {
                return;
            };
            let variable = merged(frame.locals.get(&name), value.clone(), sure, maybe);
            lost = variable.value == V::Unknown;
            frame.locals.insert(name, variable)
        } else {
            let variable = merged(self.modules.global(module, name), value.clone(), sure, maybe);
            lost = variable.value == V::Unknown;
            // Every function of the module has it, too.
            if let V::Instance(id) = value {
                self.is_found_by_all(id);
            }
            self.modules.set_global(module, name, variable)
        };
        if let Some(before) = &before {
            self.replaced(&before.value, &value);
        }
        if lost {
            self.either_is_lost(before.as_ref().map(|before| &before.value), &value);
        }
        self.held_by_name(name, &value, local);
    }

    /// Of two values it is not known which one is meant from now on: what is done with it is done to either, and is not followed.
    pub fn either_is_lost(&mut self, before: Option<&V>, after: &V) {
        for value in before.into_iter().chain([after]) {
            self.open_object(value);
        }
    }

    fn held_by_name(&mut self, name: Atom, value: &V, local: bool) {
        let Some(frame) = self.frames.last().filter(|_| !self.data.is_empty()) else {
            return;
        };
        let holder = match frame.function {
            Some(function) if local && !frame.in_class => Holder::Local(frame.module, function, name),
            _ => match self.source(frame.module) {
                Some(source) => Holder::Global(source.name(name).to_owned()),
                None => return,
            },
        };
        self.hold(value, &holder);
    }

    /// Whether the innermost scope has a name by now.
    pub fn has_value(&self, name: Atom) -> bool {
        self.frames.last().is_some_and(|frame| {
            frame.locals.contains_key(&name)
                || (!self.is_local(frame, name) && self.modules.global(frame.module, name).is_some())
        })
    }

    pub fn unbind(&mut self, name: Atom) {
        let module = self.here();
        let local = self.frames.last_mut().and_then(|frame| frame.locals.remove(&name));
        let global = || self.modules.unset_global(module, name);
        match local.or_else(global) {
            Some(before) => self.replaced(&before.value, &V::Unknown),
            // What all of another module brought is no longer there under that name.
            None if self.variable(name).is_some() => {
                let value = V::Unknown;
                self.modules.set_global(module, name, Variable { value, sure: false });
            }
            None => {}
        }
    }

    pub fn store_attribute(&mut self, object: Atom, attribute: Atom, value: V, sure: bool) {
        let here = self.here();
        let Some(source) = self.source(here) else {
            return;
        };
        let (maybe, sure) = (
            self.maybe > 0 || self.skipping,
            sure && self.loops == 0 && !self.skipping,
        );
        if !self.data.is_empty() {
            self.hold(&value, &Holder::Attribute(source.name(attribute).to_owned()));
        }
        if matches!(source.name(attribute), "__dict__" | "__class__") {
            let object = self.variable(object).unwrap_or(V::Unknown);
            self.becomes_another(&object);
            return;
        }
        self.search_path.rearranged |= source.name(attribute) == "path"
            && matches!(self.variable(object), Some(V::Outside(module)) if module == "sys");
        // Another object may be meant, whose name stands for this one here.
        let sure_object = || source.name(object) == "self" || self.certain(&pysrc::Value::Name(object)).is_some();
        let (mut maybe, mut sure) = (maybe, sure);
        match self.variable(object) {
            Some(V::Instance(id)) => {
                if !sure_object() {
                    (maybe, sure) = (true, false);
                    self.set_elsewhere
                        .insert(SetElsewhere::Attribute(source.name(attribute).to_owned()));
                }
                self.forget_port(id, source.name(attribute));
                let name = source.name(attribute).to_owned();
                let replaced = self
                    .objects
                    .get(id)
                    .and_then(|object| object.attributes.get(&name))
                    .map(|variable| variable.value.clone());
                let class = self.objects.get(id).map(|object| (object.module, object.class));
                let above = class
                    .and_then(|class| self.class_variable(class.0, class.1, &name))
                    .cloned();
                let mut lost = false;
                if let Some(Object { attributes, .. }) = self.objects.get_mut(id) {
                    // What the class has is seen until the object gets its own.
                    let before = attributes.get(&name).or(above.as_ref());
                    let variable = merged(before, value.clone(), sure, maybe);
                    lost = variable.value == V::Unknown;
                    attributes.insert(name, variable);
                }
                if let V::Instance(held) = value {
                    self.is_held_by(held, id);
                }
                if let Some(before) = &replaced {
                    self.replaced(before, &value);
                }
                if lost {
                    self.either_is_lost(replaced.as_ref(), &value);
                }
            }
            Some(V::Thread(id)) => {
                if let Some(thread) = self.threads.get_mut(id).filter(|_| source.name(attribute) == "daemon") {
                    thread.daemon = value == V::Bool(true);
                }
            }
            Some(V::Module(id)) => {
                self.put_away(&value);
                if let Some(module) = self.modules.get_mut(id) {
                    module.dynamic = true;
                }
            }
            Some(V::Class(module, class)) => {
                let name = source.name(attribute).to_owned();
                match value {
                    // Whoever has the class has it, too.
                    V::Instance(id) => self.reach_by_method(id),
                    _ => self.put_away(&value),
                }
                self.give((module, class), name, Variable { value, sure });
            }
            None | Some(V::Unknown | V::Record(..) | V::Bound(..)) => {
                self.put_away(&value);
                // It may be any.
                self.set_elsewhere
                    .insert(SetElsewhere::Attribute(source.name(attribute).to_owned()));
            }
            _ => self.put_away(&value),
        }
    }

    /// A class gets an attribute after it was made.
    fn give(&mut self, class: (ModuleId, u32), name: String, variable: Variable) {
        let atom = self.source(class.0).and_then(|source| source.atom(&name));
        let plain = matches!(self.find_method(class.0, class.1, &name), Lookup::NotThere);
        match atom {
            Some(atom) if plain && variable.sure && self.is_sure_way() => {
                let mut names = self.class_names.get(&class).cloned().unwrap_or_default();
                Arc::make_mut(&mut names).insert(atom, variable);
                self.class_names.insert(class, names);
            }
            _ => {
                self.given.insert((class.0, class.1, Given::Named(name)));
            }
        }
    }

    /// What a name stands for here and now.
    pub fn variable(&self, name: Atom) -> Option<V> {
        self.with_variable(name, V::clone)
    }

    /// The object that a name stands for.
    pub fn instance(&self, name: Atom) -> Option<usize> {
        let of = |value: &V| match value {
            V::Instance(id) => Some(*id),
            _ => None,
        };
        self.with_variable(name, of)?
    }

    /// Calls with what a name stands for.
    fn with_variable<T>(&self, name: Atom, with: impl FnOnce(&V) -> T) -> Option<T> {
        let frame = self.frames.last()?;
        if let Some(variable) = frame.locals.get(&name) {
            return Some(with(&variable.value));
        }
        if let Some(variable) = frame.captured.get(&name).filter(|_| !self.is_local(frame, name)) {
            return Some(with(&variable.value));
        }
        if let Some(variable) = self.modules.global(frame.module, name) {
            return Some(with(&variable.value));
        }
        let module = self.modules.get(frame.module)?;
        if module.stars.is_empty() {
            return None;
        }
        let text = self.source(frame.module)?.name(name);
        self.global(frame.module, text).as_ref().map(with)
    }
}

/// What a variable is once it got a value on a way that `maybe` is not taken: one of two values.
fn merged(before: Option<&Variable>, value: V, sure: bool, maybe: bool) -> Variable {
    match before {
        _ if !maybe => Variable { value, sure },
        Some(before) => Variable::either(before, Variable { value, sure }),
        None => Variable { value, sure: false },
    }
}
