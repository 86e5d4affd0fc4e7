//! What an expression is, here and now.

use std::sync::Arc;

use pysrc::{Atom, Value};

use super::class::Lookup;
use super::condition::equal;
use super::constants::constant;
use super::failure::known_class;
use super::fold;
use super::generator::is_contextmanager;
use super::paths;
use super::reuse::MOST_LARGE;
use super::value::{Closure, ModuleId, V, Variable};
use super::walk::{Object, Walker};
use crate::container::layout::ROOT;
use crate::python::imports::resolve::Target;
use crate::python::imports::stdlib;

impl Walker<'_> {
    /// What a value is, here and now. One that has grown too large is not known: a few lines can double it sixty times.
    pub fn evaluate(&self, value: &Value) -> V {
        const SMALL: usize = 1024;
        let made = self.whole_value(value);
        match made.size() {
            Some(size) if size <= SMALL => made,
            Some(size) if self.large.get() < MOST_LARGE => {
                self.large.set(self.large.get() + size);
                made
            }
            _ => V::Unknown,
        }
    }

    fn whole_value(&self, value: &Value) -> V {
        let here = self.here();
        match value {
            Value::None => V::None,
            Value::Bool(known) => V::Bool(*known),
            Value::Int(number) => V::Int(*number),
            Value::Float(number) => V::Float(*number),
            list if list.unpacks() => V::Unknown,
            Value::Dict(items) => V::Dict(
                items
                    .iter()
                    .map(|(key, value)| (self.part_written(key), self.part_written(value)))
                    .collect(),
            ),
            Value::Str(text) => V::Str(text.to_string()),
            Value::Concat(pieces) => V::concat(pieces.iter().map(|piece| self.evaluate(piece)).collect()),
            Value::Name(name) => self.variable(*name).unwrap_or_else(|| self.unbound(*name)),
            Value::Attribute(object, attribute) => {
                let name = self.source(here).map_or("", |source| source.name(*attribute));
                match (name, &**object) {
                    // What a member of an enumeration was given.
                    ("value", Value::Attribute(class, _)) if self.is_enumeration(&self.evaluate(class)) => {
                        self.evaluate(object)
                    }
                    _ => self.attribute(self.evaluate(object), name),
                }
            }
            Value::Call(call) => self
                .frames
                .last()
                .and_then(|frame| frame.results.get(call))
                .map_or(V::Unknown, |result| result.value.clone()),
            Value::Collected(number) => self
                .frames
                .last()
                .and_then(|frame| frame.collections.get(number))
                .map_or(V::Unknown, |made| made.value.clone()),
            Value::Subscript(object, key) => self.subscripted(object, key),
            Value::Binary(operator, left, right) => fold::binary(*operator, self.evaluate(left), self.evaluate(right)),
            Value::List(values) => V::List(values.iter().map(|value| self.part_written(value)).collect()),
            // The first, where that is sure to be true.
            Value::Or(_) | Value::Choice(_) | Value::Test(_) if let Some(known) = self.certain(value) => known,
            Value::Or(values) => match values.first().map(|first| self.evaluate(first)) {
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
            Value::Entered(managed) => match self.evaluate(managed) {
                V::Manager(id) | V::Instance(id) => self
                    .entered
                    .get(&id)
                    .map_or(V::Unknown, |entered| entered.value.clone()),
                other => other,
            },
            Value::Each => self.each.last().cloned().flatten().unwrap_or(V::Unknown),
            Value::Lambda(function) => self.lambda(*function),
            Value::Choice(_)
            | Value::Test(_)
            | Value::Either(_)
            | Value::From(_)
            | Value::Slice(_)
            | Value::Unpacked(_)
            | Value::Bytes(_)
            | Value::Other => V::Unknown,
        }
    }

    /// What is put in a list or dictionary. A member of an enumeration is not what it was given.
    fn part_written(&self, value: &Value) -> V {
        match value {
            Value::Attribute(class, _) if self.is_enumeration(&self.evaluate(class)) => V::Unknown,
            value => self.evaluate(value),
        }
    }

    /// What a name is that nothing has bound.
    fn unbound(&self, name: Atom) -> V {
        let here = self.here();
        let text = self.source(here).map_or("", |source| source.name(name));
        match text {
            "__file__" => self.file_path(here).map_or(V::Unknown, V::Str),
            _ if stdlib::is_builtin(text) => V::Outside(format!("builtins.{text}")),
            _ => V::Unknown,
        }
    }

    /// `object[key]`.
    fn subscripted(&self, object: &Value, key: &Value) -> V {
        if let Some(words) = self.all_words(object, key) {
            return words;
        }
        let bounds = match key {
            Value::From(from) => Some((V::Int(*from), V::None)),
            Value::Slice(bounds) => Some((self.evaluate(&bounds.0), self.evaluate(&bounds.1))),
            _ => None,
        };
        if let Some(bounds) = bounds {
            return match self.evaluate(object) {
                V::List(values) if self.changed_lists.contains(&values) => V::Unknown,
                known => fold::slice(&known, &bounds),
            };
        }
        let of = self.as_dictionary(self.evaluate(object));
        match (of, self.evaluate(key)) {
            (V::Bound(object, name), V::Int(level @ 0..)) if name == "parents" => {
                let mut path = object.text().unwrap_or_default().to_owned();
                for _ in 0..=level {
                    let above = paths::parent(&path);
                    // There is none above the root.
                    if above == path {
                        return V::Unknown;
                    }
                    path = above;
                }
                V::Path(path)
            }
            (V::Instance(id), key) => self
                .given_item(id, &key)
                .map_or(V::Unknown, |given| given.value.clone()),
            (V::Outside(name), V::Str(key)) if name == "os.environ" => {
                self.known_variable(&key).map_or(V::Unknown, V::Str)
            }
            (V::Outside(name), V::Int(at)) if name == "sys.argv" => self.word(at).unwrap_or(V::Unknown),
            (V::Outside(name), V::Int(at @ 0..=1)) if name == "sys.version_info" => V::Int(match at {
                0 => self.version().major.into(),
                _ => self.version().minor.into(),
            }),
            (value @ (V::Mapping(_) | V::Sequence(_)), key) => self.part(&value, &key).unwrap_or(V::Unknown),
            (V::Found(found), key) => found.group(&key),
            (V::Dict(items), key) if self.keeps_items(object) => {
                let found = items.iter().find(|(known, _)| equal(known, &key) == Some(true));
                found.map_or(V::Unknown, |(_, value)| value.clone())
            }
            (V::List(values), V::Int(_)) if self.changed_lists.contains(&values) => V::Unknown,
            (V::List(values), V::Int(at)) => {
                let from_end = usize::try_from(at.unsigned_abs()).ok().filter(|_| at < 0);
                let at = match from_end {
                    Some(from_end) => values.len().checked_sub(from_end),
                    None => usize::try_from(at).ok(),
                };
                at.and_then(|at| values.get(at).cloned()).unwrap_or(V::Unknown)
            }
            (V::Str(text), V::Int(at)) => fold::character(&text, at).map_or(V::Unknown, V::Str),
            _ => V::Unknown,
        }
    }

    /// A module's file inside the container.
    fn file_path(&self, module: ModuleId) -> Option<String> {
        match self.modules.target(module)? {
            Target::File { path, .. } => Some(format!("{ROOT}/{path}")),
            _ => None,
        }
    }

    /// `object.name`.
    pub fn attribute(&self, object: V, name: &str) -> V {
        match object {
            V::Module(id) => self.global(id, name).unwrap_or_else(|| {
                let full = self.modules.get(id).map(|module| format!("{}.{name}", module.name));
                full.and_then(|full| self.by_name.get(&full))
                    .map_or(V::Unknown, |id| V::Module(*id))
            }),
            V::Outside(dotted) if dotted == "builtins.super" => V::Unknown,
            V::Outside(dotted) => {
                let full = format!("{dotted}.{name}");
                constant(&full, self.version()).unwrap_or(V::Outside(full))
            }
            V::Instance(id) => {
                let Some(Object {
                    module,
                    class,
                    attributes,
                    ..
                }) = self.objects.get(id)
                else {
                    return V::Unknown;
                };
                if let Some(variable) = attributes.get(name) {
                    return variable.value.clone();
                }
                if name == "__class__" {
                    return self.class_of(id);
                }
                match self.find_method(*module, *class, name) {
                    Lookup::Found(owner, function) if self.is_property(owner, function) => {
                        let given = self.given_by_properties.get(&(id, name.to_owned()));
                        given.map_or(V::Unknown, |given| given.value.clone())
                    }
                    Lookup::Found(owner, function) => self.method(owner, function, V::Instance(id), (*module, *class)),
                    Lookup::Unknown if let Some(items) = self.dictionary_of(id) => {
                        V::Bound(Box::new(items), name.to_owned())
                    }
                    Lookup::NotThere | Lookup::Unknown => match self.class_attribute(*module, *class, name) {
                        V::Unknown => self.given_for(id, name),
                        value if self.is_descriptor(&value) => self.given_for(id, name),
                        value => value,
                    },
                }
            }
            V::Class(module, class) if name == "__name__" => V::Str(self.class_name((module, class))),
            V::Class(module, class) => self.attribute_of(module, class, name),
            V::Super(module, class, of) => self.attribute_of_super((module, class), *of, name),
            // Of these only a call is looked at.
            V::Record(module, class) => match self.find_method_of_plain((module, class), name) {
                Lookup::Found(owner, function) if self.decorators(owner, function).is_empty() => {
                    V::Method(owner, function, Box::new(V::Record(module, class)))
                }
                _ => V::Bound(Box::new(V::Unknown), name.to_owned()),
            },
            V::Callable(_) => V::Bound(Box::new(V::Unknown), name.to_owned()),
            V::Path(path) if name == "parent" => V::Path(paths::parent(&path)),
            V::Path(path) if name == "parts" => V::List(paths::parts(&path)),
            V::Path(path) if let Some(part) = paths::part(&path, name) => V::Str(part),
            V::Parsed(parser) => self.parsed(parser, name),
            object @ (V::Unknown
            | V::Str(_)
            | V::Path(_)
            | V::Pattern(_)
            | V::Found(_)
            | V::Parser(_)
            | V::Zmq(_)
            | V::Socket(_)
            | V::File(_)
            | V::Text(_)
            | V::Mapping(_)
            | V::Sequence(_)
            | V::Thread(_)
            | V::List(_)
            | V::Dict(_)
            | V::Concat(_)
            | V::Bound(..)) => V::Bound(Box::new(object), name.to_owned()),
            _ => V::Unknown,
        }
    }

    /// The class of an object, where nothing gives objects another one.
    pub fn class_of(&self, id: usize) -> V {
        let Some(object) = self.objects.get(id).filter(|_| !self.set_from_outside("__class__")) else {
            return V::Unknown;
        };
        match self.find_method(object.module, object.class, "__class__") {
            // What takes another one's place may say that it is of its class.
            Lookup::Found(..) => V::Unknown,
            Lookup::NotThere | Lookup::Unknown => V::Class(object.module, object.class),
        }
    }

    /// `super().name` in a method of that class, for that object or class.
    fn attribute_of_super(&self, class: (ModuleId, u32), of: V, name: &str) -> V {
        let own = match &of {
            V::Instance(id) => self.objects.get(*id).map(|object| (object.module, object.class)),
            V::Class(module, class) => Some((*module, *class)),
            _ => None,
        };
        let Some((own_module, own_class)) = own else {
            return V::Unknown;
        };
        let order = self.order(own_module, own_class);
        let Some(at) = order.iter().position(|entry| *entry == Some(class)) else {
            return V::Unknown;
        };
        match self.find_among(&order[at + 1..], name) {
            Lookup::Found(owner, function) => self.method(owner, function, of, (own_module, own_class)),
            Lookup::NotThere if matches!(name, "__init__" | "__init_subclass__" | "__new__") => {
                V::Outside(format!("builtins.object.{name}"))
            }
            Lookup::Unknown if name == "__init__" => self
                .server_above((own_module, own_class))
                .or_else(|| {
                    let thread = self.is_thread_class((own_module, own_class));
                    thread.then(|| "threading.Thread.__init__".to_owned())
                })
                .or_else(|| {
                    let exception = self.is_exception_class((own_module, own_class));
                    exception.then(|| "builtins.BaseException.__init__".to_owned())
                })
                .map_or(V::Unknown, V::Outside),
            Lookup::NotThere | Lookup::Unknown => V::Unknown,
        }
    }

    /// Whether all that is above a class and not of the tree are built-in exceptions.
    fn is_exception_class(&self, class: (ModuleId, u32)) -> bool {
        let order = self.order(class.0, class.1);
        let mut bases = order
            .iter()
            .flatten()
            .filter_map(|class| self.bases.get(class))
            .flatten();
        let known = |base: &V| match base {
            V::Class(..) => true,
            V::Outside(name) => name
                .strip_prefix("builtins.")
                .is_some_and(|name| known_class(name).is_some()),
            _ => false,
        };
        bases.all(known)
    }

    /// `Class.name`.
    fn attribute_of(&self, module: ModuleId, class: u32, name: &str) -> V {
        match self.find_method(module, class, name) {
            Lookup::Found(owner, function) => {
                let decorators = self.decorators(owner, function);
                if decorators.is_empty() || decorators == ["staticmethod"] {
                    V::Function(owner, function)
                } else if decorators == ["classmethod"] {
                    V::Method(owner, function, Box::new(V::Class(module, class)))
                } else {
                    self.decorated.get(&(owner, function)).cloned().unwrap_or(V::Unknown)
                }
            }
            Lookup::NotThere | Lookup::Unknown => match self.class_attribute(module, class, name) {
                value if self.is_descriptor(&value) => {
                    let given = self.given_by_classes.get(&(module, class, name.to_owned()));
                    given.map_or(V::Unknown, |given| given.value.clone())
                }
                value => value,
            },
        }
    }

    /// The decorators of a function, less those that only keep what it gave.
    pub fn decorators(&self, module: ModuleId, function: u32) -> Vec<&str> {
        let facts = self
            .source(module)
            .and_then(|source| source.functions.get(function as usize));
        let all = facts.into_iter().flat_map(|facts| &facts.decorators);
        all.map(|decorator| &**decorator)
            .filter(|name| !keeps_results(name))
            .collect()
    }

    /// A method as an attribute of an object or class.
    pub fn method(&self, owner: ModuleId, function: u32, of: V, class: (ModuleId, u32)) -> V {
        match self.decorators(owner, function).as_slice() {
            [] | ["abstractmethod" | "abc.abstractmethod"] => V::Method(owner, function, Box::new(of)),
            [decorator] if is_contextmanager(decorator) => V::Method(owner, function, Box::new(of)),
            ["staticmethod"] => V::Function(owner, function),
            ["classmethod"] => V::Method(owner, function, Box::new(V::Class(class.0, class.1))),
            _ => match self.decorated.get(&(owner, function)).and_then(V::closure) {
                Some(closure) if closure.of.is_none() => V::Closure(Arc::new(Closure {
                    of: Some(of),
                    ..closure
                })),
                _ => V::Unknown,
            },
        }
    }

    /// What reading an attribute that is not an object's own gave last.
    fn given_for(&self, id: usize, name: &str) -> V {
        if self.given_by_properties.is_empty() {
            return V::Unknown;
        }
        let given = self.given_by_properties.get(&(id, name.to_owned()));
        given.map_or(V::Unknown, |given| given.value.clone())
    }

    fn class_attribute(&self, module: ModuleId, class: u32, name: &str) -> V {
        match self.class_variable(module, class, name) {
            // Which object it is bound to is not told; nor what it was given since.
            Some(variable) if variable.value.closure().is_none() && !self.is_given(module, class, name) => {
                variable.value.clone()
            }
            _ => V::Unknown,
        }
    }

    /// Whether a class or one above it may have got an attribute of that name after it was made.
    pub fn is_given(&self, module: ModuleId, class: u32, name: &str) -> bool {
        let mut order = self.order(module, class).into_iter().flatten();
        !self.given.is_empty() && order.any(|class| self.was_given(class, name))
    }

    /// What the body of a class, or of the first above it that binds the name, binds it to.
    pub fn class_variable(&self, module: ModuleId, class: u32, name: &str) -> Option<&Variable> {
        self.order(module, class).into_iter().flatten().find_map(|class| {
            let atom = self.source(class.0)?.atom(name)?;
            self.class_names.get(&class)?.get(&atom)
        })
    }
}

/// Whether a decorator keeps what a function gave, going by its name.
pub fn keeps_results(decorator: &str) -> bool {
    matches!(
        decorator,
        "lru_cache" | "functools.lru_cache" | "cache" | "functools.cache"
    )
}
