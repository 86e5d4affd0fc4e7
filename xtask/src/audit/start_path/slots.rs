//! Attributes that are assigned and that an object has no room for: `__slots__`, frozen dataclasses, named tuples.

use pysrc::{Atom, Span, Step, Value};

use super::class::Lookup;
use super::failure::{Flow, Words};
use super::steps::any_step;
use super::value::{ModuleId, V};
use super::walk::Walker;
use crate::finding::Subject;

impl Walker<'_> {
    /// `object.attribute = …`: fails where the object does not take it.
    pub fn refused_attribute(&mut self, object: Atom, attribute: Atom, at: u32) -> Flow {
        let here = self.here();
        let (Some(source), true) = (self.source(here), self.silent == 0) else {
            return Flow::Next;
        };
        let name = source.name(attribute);
        let problem = match self.variable(object) {
            Some(V::Record(module, class)) => self
                .cannot_assign((module, class), name)
                .filter(|_| self.is_bound_once(object))
                .map(|(exception, message)| (exception, message, help_of(exception))),
            Some(V::Instance(id)) if name == "daemon" && self.is_certain() && self.is_no_thread(id) => {
                let end = at + u32::try_from(source.name(object).len() + ".daemon".len()).unwrap_or(0);
                return self.thread_not_made(here, Span { start: at, end });
            }
            Some(V::Instance(id)) => self.objects.get(id).and_then(|made| {
                let class = (made.module, made.class);
                if self.is_frozen(class) {
                    return self
                        .cannot_assign(class, name)
                        .filter(|_| self.is_bound_once(object))
                        .map(|(exception, message)| (exception, message, help_of(exception)));
                }
                let shown = || self.class_name(class);
                if self.has_no_room(class, name) && self.is_bound_once(object) {
                    let message = format!("'{}' object has no attribute '{name}'", shown());
                    return Some(("AttributeError", message, help_of("AttributeError")));
                }
                self.is_read_only(class, name).then(|| {
                    let message = format!("property '{name}' of '{}' object has no setter", shown());
                    let help = "give the property a setter, or store the value under another name";
                    ("AttributeError", message, help)
                })
            }),
            _ => None,
        };
        let Some((exception, message, help)) = problem else {
            return Flow::Next;
        };
        let width = source.name(object).len() + ".".len() + name.len();
        let span = Span {
            start: at,
            end: at + u32::try_from(width).unwrap_or(0),
        };
        self.fail_at(
            here,
            span,
            "start/no-attribute",
            exception,
            Words::about(Subject::Name(name.to_owned()), message),
            Some(help.to_owned()),
        )
    }

    /// Whether a name is a property that has no setter.
    fn is_read_only(&self, class: (ModuleId, u32), name: &str) -> bool {
        let Lookup::Found(owner, function) = self.find_method(class.0, class.1, name) else {
            return false;
        };
        self.maybe == 0 && self.decorators(owner, function) == ["property"] && self.names_of_class(class).is_some()
    }

    /// Whether all classes of an object have `__slots__`, and none of them this name.
    fn has_no_room(&self, class: (ModuleId, u32), name: &str) -> bool {
        let order = self.order(class.0, class.1);
        !name.starts_with("__")
            && order.into_iter().all(|entry| {
                entry.is_some_and(|class| {
                    self.slots(class)
                        .is_some_and(|slots| slots.iter().all(|slot| !matches!(*slot, "__dict__") && *slot != name))
                })
            })
    }

    /// The `__slots__` of a class, where they are written out; nothing where it may have others, or more.
    fn slots(&self, (module, class): (ModuleId, u32)) -> Option<Vec<&str>> {
        let source = self.source(module)?;
        let facts = source.classes.get(class as usize)?;
        if self.is_unusual(facts, (module, class)) {
            return None;
        }
        let mut written = None;
        for attribute in source.attributes.iter().filter(|attribute| attribute.class == class) {
            if attribute.function.is_none() {
                // What the class has of that name may be a descriptor.
                match &*attribute.name {
                    "__slots__" if written.is_none() => written = Some(&attribute.value),
                    _ => return None,
                }
            }
        }
        let slots: Vec<&str> = match written? {
            Value::Str(text) => vec![text],
            Value::List(values) => values
                .iter()
                .map(|value| match value {
                    Value::Str(text) => Some(&**text),
                    _ => None,
                })
                .collect::<Option<_>>()?,
            _ => return None,
        };
        let special = facts
            .methods
            .iter()
            .filter_map(|method| source.functions.get(*method as usize))
            .any(|method| &*method.name == "__setattr__" || !method.decorators.is_empty());
        (!special).then_some(slots)
    }

    /// Whether nothing but one statement, or a call, gives a name its value.
    pub fn is_bound_once(&self, name: Atom) -> bool {
        let Some((frame, source)) = self.innermost() else {
            return false;
        };
        if !frame.locals.contains_key(&name) {
            let bindings = source.bindings.iter().filter(|binding| binding.name == name);
            let outside = self.is_set_on_others(source.name(name)) || source.dynamic_names;
            return bindings.count() == 1 && !outside;
        }
        let Some(facts) = frame
            .function
            .filter(|_| !frame.in_class)
            .and_then(|function| source.functions.get(function as usize))
        else {
            return false;
        };
        let parameters = &facts.parameters;
        // `*args` is a tuple, which nobody changes.
        let given = parameters.star == Some(name) || parameters.all.iter().any(|parameter| parameter.name == name);
        let mut stores = usize::from(given);
        let binds_otherwise = any_step(&facts.body, &mut |step| {
            if let Step::Store { name: stored, .. } = step {
                stores += usize::from(*stored == name);
            }
            match step {
                Step::Delete { name: stored, .. } => *stored == name,
                _ => false,
            }
        });
        let inner = frame
            .function
            .is_some_and(|function| super::steps::binds_from_within(source, function, name));
        stores == 1 && !binds_otherwise && !inner
    }
}

/// What mends an attribute that there is no room for.
fn help_of(exception: &str) -> &'static str {
    match exception {
        "FrozenInstanceError" => "make a changed copy with `dataclasses.replace`, or do not freeze the class",
        _ => "add it to `__slots__` or to the fields, or leave it away",
    }
}
