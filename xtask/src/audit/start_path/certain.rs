//! What an expression surely is, whatever code that is not followed does.

use pysrc::{Atom, Value};

use super::arguments::is_same_always;
use super::assigned::SetElsewhere;
use super::class::Lookup;
use super::constants::constant;
use super::operator::kind;
use super::paths;
use super::steps::binds_from_within;
use super::value::{ModuleId, V};
use super::walk::Walker;

/// Most expressions that are looked at to say what one surely is: nested ones would double the work with every level.
const MOST_ASKED: u32 = 1_000;

impl Walker<'_> {
    /// What an expression surely is here. A list or dictionary may have been changed since it was made.
    pub fn certain(&self, value: &Value) -> Option<V> {
        let (depth, asked) = self.asked.get();
        if asked >= MOST_ASKED {
            return None;
        }
        self.asked.set((depth + 1, asked + 1));
        let known = self.certain_value(value);
        let asked = if depth == 0 { 0 } else { self.asked.get().1 };
        self.asked.set((depth, asked));
        known
    }

    fn certain_value(&self, value: &Value) -> Option<V> {
        let known = match value {
            literal if literal.is_literal() => self.evaluate(literal),
            // It is a text, whatever is in it.
            Value::Concat(parts) => {
                let part = |part| self.certain(part).unwrap_or(V::Unknown);
                V::concat(parts.iter().map(part).collect())
            }
            Value::Name(name) => self.certain_name(*name)?,
            Value::Attribute(object, name) => {
                let name = self.source(self.here())?.name(*name);
                match self.certain(object)? {
                    V::Instance(id) if name == "__class__" => self.class_of(id),
                    V::Instance(id) => self.certain_attribute(id, name)?,
                    V::Module(id) => self.certain_global(id, name)?,
                    V::Class(module, class) if name == "__name__" => V::Str(self.class_name((module, class))),
                    V::Class(module, class) => self.certain_of_class((module, class), name)?,
                    V::Path(path) if name == "parent" => V::Path(paths::parent(&path)),
                    V::Path(path) if name == "parts" => V::List(paths::parts(&path)),
                    V::Path(path) => V::Str(paths::part(&path, name)?),
                    V::Parsed(parser) if !self.is_set_on_others(name) => self.parsed(parser, name),
                    V::Outside(module) if !self.is_set_on_others(name) => {
                        let full = format!("{module}.{name}");
                        let part_of_known = full == "sys.version_info" || full == "sys.implementation";
                        let known = constant(&full, self.version());
                        known.or_else(|| part_of_known.then_some(V::Outside(full)))?
                    }
                    _ => return None,
                }
            }
            Value::Call(call) => {
                let (frame, _) = self.innermost()?;
                let result = frame.results.get(call).filter(|result| result.sure)?;
                result.value.clone()
            }
            Value::Collected(number) => {
                let (frame, _) = self.innermost()?;
                let made = frame.collections.get(number).filter(|made| made.sure)?;
                made.value.clone()
            }
            Value::Each => self.each.last().cloned().flatten()?,
            Value::Lambda(function) => self.lambda(*function),
            Value::Subscript(object, key) => self.certain_part(value, object, key)?,
            Value::Entered(managed) => match self.certain(managed)? {
                V::Manager(id) | V::Instance(id) => {
                    let entered = self.entered.get(&id).filter(|entered| entered.sure)?;
                    entered.value.clone()
                }
                V::Zmq(of) => V::Zmq(of),
                V::Socket(socket) => V::Socket(socket),
                V::File(path) => V::File(path),
                _ => return None,
            },
            Value::Binary(_, left, right) if self.certain(left).is_some() && self.certain(right).is_some() => {
                self.evaluate(value)
            }
            Value::Or(values) => {
                let (last, rest) = values.split_last()?;
                for value in rest {
                    let value = self.certain(value)?;
                    if self.truth(&value)? {
                        return Some(value);
                    }
                }
                self.certain(last)?
            }
            Value::Test(condition) => V::Bool(self.holds(condition)?),
            Value::Choice(choice) => match self.holds(&choice.condition)? {
                true => self.certain(&choice.yes)?,
                false => self.certain(&choice.no)?,
            },
            _ => return None,
        };
        (known != V::Unknown && known.size().is_some()).then_some(known)
    }

    /// What an object has at a key.
    fn certain_part(&self, value: &Value, object: &Value, key: &Value) -> Option<V> {
        if *object == Value::Each || self.is_new_list(object) || self.is_word(value) {
            return Some(self.evaluate(value));
        }
        if let Some(words) = self.all_words(object, key) {
            return Some(words);
        }
        let sure = || match key {
            Value::From(_) => true,
            Value::Slice(bounds) => self.certain(&bounds.0).is_some() && self.certain(&bounds.1).is_some(),
            key => self.certain(key).is_some(),
        };
        match self.evaluate(object) {
            V::Outside(name) if name == "os.environ" && sure() => Some(self.evaluate(value)),
            V::Mapping(_) | V::Sequence(_) => self.part(&self.certain(object)?, &self.certain(key)?),
            V::Instance(id) => {
                self.certain(object)?;
                let key = self.certain(key)?;
                match self.dictionary_of(id) {
                    Some(items) => self.part(&items, &key),
                    // Its method has run where this was read, just now.
                    None => {
                        let given = self.given_item(id, &key);
                        let given = given.filter(|given| given.sure && self.decides_here())?;
                        Some(given.value.clone()).filter(|value| *value != V::Unknown)
                    }
                }
            }
            V::Dict(_) if sure() => Some(self.evaluate(value)).filter(is_same_always),
            V::List(parts)
                if self.decides_here()
                    && sure()
                    && self.certain(object).is_some()
                    && self.keeps_its_parts(object, &parts) =>
            {
                Some(self.evaluate(value))
            }
            V::Str(_) | V::Found(_) if sure() && self.certain(object).is_some() => Some(self.evaluate(value)),
            _ if self.is_of_path(object) && sure() => Some(self.evaluate(value)),
            _ => match self.certain(object)? {
                V::Outside(name) if name == "sys.version_info" => Some(self.evaluate(value)),
                _ => None,
            },
        }
    }

    /// Whether this is `path.parents`, of a path that is sure.
    fn is_of_path(&self, value: &Value) -> bool {
        let named = |name| {
            self.source(self.here())
                .is_some_and(|source| source.name(name) == "parents")
        };
        match value {
            Value::Attribute(path, name) => named(*name) && matches!(self.certain(path), Some(V::Path(_))),
            _ => false,
        }
    }

    /// Whether a call surely gives a list or tuple that nothing else has.
    fn is_new_list(&self, value: &Value) -> bool {
        let Value::Call(call) = value else {
            return false;
        };
        let callee = self
            .source(self.here())
            .and_then(|source| source.calls.get(*call as usize))
            .map_or(V::Unknown, |call| self.evaluate(&call.callee));
        let made = |name: &str| matches!(name, "builtins.sorted" | "builtins.list" | "os.path.splitext");
        let new = match &callee {
            V::Bound(..) => true,
            V::Outside(name) => made(name),
            callee => self.returned_length(callee).is_some(),
        };
        new && matches!(self.certain(value), Some(V::List(_)))
    }

    fn certain_name(&self, name: Atom) -> Option<V> {
        let (frame, source) = self.innermost()?;
        if let Some(variable) = frame.locals.get(&name) {
            if !variable.sure || variable.value == V::Unknown {
                return None;
            }
            let inner = frame
                .function
                .is_some_and(|function| binds_from_within(source, function, name));
            return (!inner).then(|| variable.value.clone());
        }
        if let Some(variable) = frame.captured.get(&name).filter(|_| !self.is_local(frame, name)) {
            return variable.sure.then(|| variable.value.clone());
        }
        let text = source.name(name);
        match text {
            "__file__" => Some(self.evaluate(&Value::Name(name))),
            _ => self
                .certain_variable(frame.module, name)
                .or_else(|| self.certain_builtin(frame.module, name)),
        }
    }

    /// A name that no statement of the module binds, and that the language gives a meaning.
    fn certain_builtin(&self, module: ModuleId, name: Atom) -> Option<V> {
        let (source, imported) = (self.source(module)?, self.modules.get(module)?);
        let bound = source.bindings.iter().any(|binding| binding.name == name);
        let open = bound || imported.dynamic || self.is_set_on_others(source.name(name));
        let known = Some(self.evaluate(&Value::Name(name))).filter(|_| !open)?;
        matches!(&known, V::Outside(outside) if outside.starts_with("builtins.")).then_some(known)
    }

    /// A name of a module.
    pub fn certain_global(&self, module: ModuleId, name: &str) -> Option<V> {
        self.certain_variable(module, self.source(module)?.atom(name)?)
    }

    fn certain_variable(&self, module: ModuleId, name: Atom) -> Option<V> {
        let (source, imported) = (self.source(module)?, self.modules.get(module)?);
        let variable = self
            .modules
            .global(module, name)
            .filter(|variable| variable.sure && variable.value != V::Unknown)?;
        let open = imported.dynamic || self.is_set_on_others(source.name(name)) || self.is_bound_unseen(module, name);
        (!open).then(|| variable.value.clone())
    }

    /// An attribute of an object.
    pub fn certain_attribute(&self, id: usize, name: &str) -> Option<V> {
        if self.is_set_elsewhere(name) {
            return None;
        }
        let object = self.objects.get(id)?;
        if let Lookup::Found(owner, function) = self.find_method(object.module, object.class, name)
            && self.is_property(owner, function)
        {
            // It has run where it was read, just now.
            let given = self.given_by_properties.get(&(id, name.to_owned()));
            return given
                .filter(|given| given.sure && self.decides_here())
                .map(|given| given.value.clone());
        }
        if !object.attributes.contains_key(name) {
            let shared = (object.opened || object.reached) && (object.whole || self.is_given_unseen(name))
                || object.global && self.may_be_given_unseen(name);
            let own = !object.dynamic && !shared && !self.is_set_beside(name);
            // `__getattr__` has run where it was read, just now.
            let given = self.given_by_properties.get(&(id, name.to_owned()));
            if let Some(given) = given.filter(|given| own && given.sure && self.decides_here())
                && self.class_variable(object.module, object.class, name).is_none()
            {
                return Some(given.value.clone());
            }
            let written = self.written_in_class((object.module, object.class), name);
            return written.filter(|written| own && !self.is_descriptor(written));
        }
        let variable = object.attributes.get(name).filter(|variable| variable.sure)?;
        let class = (object.module, object.class);
        let given = (object.opened || object.reached) && (object.whole || self.is_given_unseen(name))
            || object.global && self.may_be_given_unseen(name);
        let open = given && !self.is_set_once(class, name) && !self.is_only_constructed(class, name);
        if open || object.dynamic || variable.value == V::Unknown || self.is_set_beside(name) {
            return None;
        }
        let own = matches!(self.find_method(object.module, object.class, name), Lookup::NotThere);
        // What the class has of that name may be a descriptor.
        let plain = self
            .class_variable(object.module, object.class, name)
            .is_none_or(|variable| kind(&variable.value).is_some())
            || self.is_field((object.module, object.class), name);
        (own && plain).then(|| variable.value.clone())
    }

    /// Whether one statement, of a constructor or with a literal, is all that ever gives an attribute of that name a value.
    fn is_set_once(&self, class: (ModuleId, u32), name: &str) -> bool {
        let (mut sets, mut always) = (0, false);
        for mention in self.mentions(name).iter() {
            let source = mention.source;
            sets += source.times_set(mention.atom);
            always |= source.attributes.iter().any(|attribute| {
                let function = attribute.function.and_then(|at| source.functions.get(at as usize));
                let constant =
                    attribute.value.is_literal() && !matches!(attribute.value, Value::List(_) | Value::Dict(_));
                let constructor = function.is_some_and(|function| &*function.name == "__init__");
                &*attribute.name == name && attribute.function.is_some() && (constructor || constant)
            });
        }
        sets == 1 && always && self.names_of_class(class).is_some()
    }

    /// Whether an attribute of that name was set of something that is not known.
    fn is_set_elsewhere(&self, name: &str) -> bool {
        self.set_elsewhere.contains(&SetElsewhere::Attribute(name.to_owned()))
    }

    /// An attribute of a class that nothing but its body gives it.
    fn certain_of_class(&self, class: (ModuleId, u32), name: &str) -> Option<V> {
        self.written_in_class(class, name)
            .filter(|written| !self.is_set_unseen(name) && !self.is_descriptor(written))
            .filter(|_| !self.is_set_elsewhere(name))
    }

    /// Whether something that is not followed may give an attribute of that name a value.
    fn is_set_unseen(&self, name: &str) -> bool {
        self.mentions(name).iter().any(|mention| {
            let source = mention.source;
            let functions = source.attributes.iter().filter(|attribute| &*attribute.name == name);
            let functions: Vec<u32> = functions.filter_map(|attribute| attribute.function).collect();
            source.times_set(mention.atom) > functions.len()
                || functions.into_iter().any(|function| {
                    let called = source.functions.get(function as usize);
                    called.is_none_or(|facts| self.called_unseen.contains(&facts.name))
                })
        })
    }

    /// What the body of a class gives an attribute, as far as nothing else was seen to.
    fn written_in_class(&self, class: (ModuleId, u32), name: &str) -> Option<V> {
        let known = self.order(class.0, class.1).iter().all(Option::is_some);
        let variable = self
            .class_variable(class.0, class.1, name)
            .filter(|variable| variable.sure)?;
        let given = self.is_given(class.0, class.1, name);
        let open = !known || given || variable.value == V::Unknown || variable.value.closure().is_some();
        (!open).then(|| variable.value.clone())
    }
}
