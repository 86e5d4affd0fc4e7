//! Lists and dictionaries that files hold, for as long as nothing may have changed them.

use std::rc::Rc;

use pysrc::{Atom, Module, Value};

use super::condition::{REMOVERS, equal};
use super::document::Document;
use super::operator::Problem;
use super::value::{ModuleId, V};
use super::walk::Walker;
use crate::stack::near::nearest;

/// A list or dictionary.
#[derive(Debug)]
pub struct Data {
    /// What it had when it was read.
    content: Content,
    /// The file, as it is named in messages.
    path: Rc<str>,
    /// Something that is not followed may have changed it.
    opened: bool,
    /// What has held it.
    holders: Vec<Holder>,
}

#[derive(Debug)]
enum Content {
    Mapping(Vec<(V, V)>),
    Sequence(Vec<V>),
}

/// A variable by which a value can be changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Holder {
    /// A name of a function.
    Local(ModuleId, u32, Atom),
    /// A name of a module or class, or one that other modules import.
    Global(String),
    /// An attribute of an object.
    Attribute(String),
}

impl Walker<'_> {
    /// A new value, as reading the file makes it.
    pub fn made_of(&mut self, document: Document, path: &Rc<str>) -> V {
        let (content, value): (_, fn(usize) -> V) = match document {
            Document::Scalar(value) => return value,
            Document::Mapping(items) => {
                let items = items.into_iter();
                let items = items.map(|(key, value)| (key, self.made_of(value, path)));
                (Content::Mapping(items.collect()), V::Mapping)
            }
            Document::Sequence(items) => {
                let items = items.into_iter().map(|item| self.made_of(item, path));
                (Content::Sequence(items.collect()), V::Sequence)
            }
        };
        self.data.push(Data {
            content,
            path: path.clone(),
            opened: false,
            holders: Vec::new(),
        });
        value(self.data.len() - 1)
    }

    /// What of it is as the file has it.
    fn kept(&self, value: &V) -> Option<&Data> {
        let (V::Mapping(id) | V::Sequence(id)) = value else {
            return None;
        };
        let data = self.data.get(*id).filter(|data| !data.opened)?;
        let filled = data.holders.iter().any(|holder| self.is_changed_by(holder));
        let otherwise = || (0..self.modules.len()).any(|id| self.source(id).is_some_and(|source| source.fills_others));
        (!filled && !otherwise()).then_some(data)
    }

    /// Whether anything changes what a variable holds by way of the variable.
    fn is_changed_by(&self, holder: &Holder) -> bool {
        let anywhere = |name: &str, changes: &dyn Fn(&Module, Atom) -> bool| {
            let sources = (0..self.modules.len()).filter_map(|id| self.source(id));
            sources.into_iter().any(|source| {
                let atom = source.atom(name);
                atom.is_some_and(|atom| changes(source, atom))
            })
        };
        match holder {
            // Its methods are followed where they are called.
            Holder::Local(module, function, name) => self.source(*module).is_some_and(|source| {
                let mut fills = source.filled.iter().filter(|fill| fill.name == *name);
                fills.any(|fill| fill.function.is_some_and(|inner| is_within(source, inner, *function)))
            }),
            Holder::Global(name) => anywhere(name, &|source, atom| {
                let of_it =
                    |value: &Value| matches!(value, Value::Name(last) | Value::Attribute(_, last) if *last == atom);
                source.filled.iter().any(|fill| fill.name == atom) || calls_remover(source, &of_it)
            }),
            Holder::Attribute(name) => anywhere(name, &|source, atom| {
                let of_it = |value: &Value| matches!(value, Value::Attribute(_, last) if *last == atom);
                let mut fills = source.filled.iter().filter(|fill| fill.name == atom);
                fills.any(|fill| fill.function.is_none()) || calls_remover(source, &of_it)
            }),
        }
    }

    /// `value[key]`, where that is as the file has it.
    pub fn part(&self, value: &V, key: &V) -> Option<V> {
        match (&self.kept(value)?.content, key) {
            (Content::Mapping(items), key) => {
                let found = items.iter().find(|(known, _)| equal(known, key) == Some(true));
                found.map(|(_, value)| value.clone())
            }
            (Content::Sequence(items), V::Int(at)) => items.get(usize::try_from(*at).ok()?).cloned(),
            _ => None,
        }
    }

    /// `key in value`.
    pub fn has_part(&self, value: &V, key: &V) -> Option<bool> {
        let Content::Mapping(items) = &self.kept(value)?.content else {
            return None;
        };
        let same: Vec<Option<bool>> = items.iter().map(|(known, _)| equal(known, key)).collect();
        let all_known = same.iter().all(Option::is_some);
        (same.contains(&Some(true)) || all_known).then(|| same.contains(&Some(true)))
    }

    /// Whether there is anything in it.
    pub fn is_filled(&self, value: &V) -> Option<bool> {
        Some(match &self.kept(value)?.content {
            Content::Mapping(items) => !items.is_empty(),
            Content::Sequence(items) => !items.is_empty(),
        })
    }

    /// What a `**value` passes; nothing where its keys are not known.
    pub fn passed_by_name(&self, value: &V) -> Option<Vec<(String, V)>> {
        let Content::Mapping(items) = &self.kept(value)?.content else {
            return None;
        };
        let named = items.iter().map(|(key, value)| match key {
            V::Str(key) => Some((key.clone(), value.clone())),
            _ => None,
        });
        named.collect()
    }

    /// Why `value[key]` raises, and what may be meant.
    pub fn lacks_part(&self, value: &V, key: &V) -> Option<(Problem, Option<String>)> {
        let data = self.kept(value)?;
        match (&data.content, key) {
            (Content::Mapping(items), V::Str(name)) if self.has_part(value, key) == Some(false) => {
                let message = format!("KeyError: '{name}': `{}` has no such key there", data.path);
                let keys = items.iter().filter_map(|(key, _)| key.text());
                let help = nearest(name, keys).map(|near| format!("did you mean `{near}`?"));
                Some((("KeyError", message), help))
            }
            (Content::Sequence(_), V::Str(_)) => {
                let message = format!(
                    "list indices must be integers or slices, not str: `{}` has a list there",
                    data.path
                );
                Some((("TypeError", message), None))
            }
            (Content::Sequence(items), V::Int(at)) => {
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let message = format!("list index out of range: `{}` has {length} items there", data.path);
                (*at >= length || *at < -length).then_some((("IndexError", message), None))
            }
            _ => None,
        }
    }

    /// Something that is not followed got it: it may be changed.
    pub fn open_data(&mut self, value: &V) {
        if let V::Mapping(id) | V::Sequence(id) = value {
            let Some(data) = self.data.get_mut(*id).filter(|data| !data.opened) else {
                return;
            };
            data.opened = true;
            self.open_parts(value);
        }
    }

    /// What is in it got names that are not followed.
    pub fn open_parts(&mut self, value: &V) {
        let (V::Mapping(id) | V::Sequence(id)) = value else {
            return;
        };
        let parts: Vec<V> = match self.data.get(*id).map(|data| &data.content) {
            Some(Content::Mapping(items)) => items.iter().map(|(_, value)| value.clone()).collect(),
            Some(Content::Sequence(items)) => items.clone(),
            None => return,
        };
        for part in parts {
            self.open_data(&part);
        }
    }

    /// An expression gave something that is not known: it may be what is in a value that is known.
    pub fn lose(&mut self, value: &Value) {
        if self.data.is_empty() {
            return;
        }
        match value {
            Value::Subscript(object, _) => {
                let object = self.evaluate(object);
                self.open_parts(&object);
            }
            Value::Or(values) | Value::Either(values) => {
                for value in values {
                    let value = self.evaluate(value);
                    self.open_data(&value);
                }
            }
            Value::Choice(choice) => {
                for value in [&choice.yes, &choice.no] {
                    let value = self.evaluate(value);
                    self.open_data(&value);
                }
            }
            Value::Binary(_, left, right) => {
                for value in [left, right] {
                    let value = self.evaluate(value);
                    self.open_data(&value);
                }
            }
            _ => {}
        }
    }

    /// A variable gets a value.
    pub fn hold(&mut self, value: &V, holder: &Holder) {
        match value {
            V::Mapping(id) | V::Sequence(id) => {
                if let Some(data) = self.data.get_mut(*id)
                    && !data.holders.contains(holder)
                {
                    data.holders.push(holder.clone());
                }
            }
            V::List(values) => values.iter().for_each(|value| self.hold(value, holder)),
            V::Dict(items) => items.iter().for_each(|(_, value)| self.hold(value, holder)),
            _ => {}
        }
    }

    /// What a method of it gives, and whether that is sure.
    pub fn data_method(&mut self, object: &V, method: &str, arguments: &[V]) -> (V, bool) {
        match (object, method, arguments) {
            (V::Mapping(_), "get", [key, rest @ ..]) if rest.len() < 2 => match self.has_part(object, key) {
                Some(true) => (self.part(object, key).unwrap_or(V::Unknown), true),
                Some(false) => (rest.first().cloned().unwrap_or(V::None), true),
                None => {
                    self.open_parts(object);
                    (V::Unknown, false)
                }
            },
            (_, "keys" | "index" | "count", _) => (V::Unknown, false),
            (_, "get" | "items" | "values" | "copy", _) => {
                self.open_parts(object);
                (V::Unknown, false)
            }
            _ => {
                self.open_data(object);
                (V::Unknown, false)
            }
        }
    }
}

/// Whether a function is another one, or stands in it.
fn is_within(source: &Module, inner: u32, outer: u32) -> bool {
    let mut at = Some(inner);
    while let Some(function) = at {
        if function == outer {
            return true;
        }
        at = source.functions.get(function as usize).and_then(|facts| facts.outer);
    }
    false
}

/// Whether a method that changes a dictionary or list is called of something.
fn calls_remover(source: &Module, of_it: &dyn Fn(&Value) -> bool) -> bool {
    source.calls.iter().any(|call| match &call.callee {
        Value::Attribute(of, method) => of_it(of) && REMOVERS.contains(&source.name(*method)),
        _ => false,
    })
}
