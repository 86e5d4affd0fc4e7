//! What a `try` waits for may come from a step of which it is not known whether it raises: the rest of the body may not run then.

use pysrc::{Atom, Comparison, Handler, OperationKind, Step, Value};

use super::failure::Flow;
use super::fold;
use super::library::OF_LOGGER;
use super::steps::visit;
use super::value::{ModuleId, V, Variable};
use super::walk::{Around, Doubt, Walker};

/// Built-in functions that refuse some values.
const REFUSING: &[&str] = &[
    "int", "float", "complex", "max", "min", "sum", "sorted", "next", "ord", "chr", "round", "abs", "iter", "list",
    "tuple", "set", "dict", "bytes", "pow", "divmod", "len",
];
/// Methods that do.
const REFUSING_METHODS: &[&str] = &[
    "index",
    "pop",
    "remove",
    "popleft",
    "popitem",
    "decode",
    "encode",
    "split",
    "rsplit",
    "partition",
    "rpartition",
    "rindex",
    "join",
    "format",
    "fromisoformat",
    "fromhex",
    "strptime",
    "removeprefix",
    "removesuffix",
    "get_nowait",
    "loads",
    "dumps",
    "with_suffix",
    "with_name",
    "relative_to",
];
/// Exceptions of items that are not there.
const OF_ITEMS: &[&str] = &["KeyError", "IndexError", "LookupError", "TypeError"];
/// Exceptions of values that are refused.
pub const OF_VALUES: &[&str] = &[
    "ValueError",
    "TypeError",
    "KeyError",
    "IndexError",
    "LookupError",
    "AttributeError",
    "ArithmeticError",
    "ZeroDivisionError",
    "OverflowError",
    "UnicodeError",
    "UnicodeDecodeError",
    "JSONDecodeError",
    "StopIteration",
    "Empty",
];

impl<'a> Walker<'a> {
    /// A step was run and came to its end, as far as that is known: where it may have raised, what follows it in the `try` may not run.
    pub fn may_interrupt(&mut self, step: &Step) {
        // Of an import, those alone that it has opened itself: what importing a module does is not to depend on what stands around.
        let module = self
            .frames
            .iter()
            .rposition(|frame| frame.function.is_none() && !frame.in_class);
        let own = |around: &Around<'_>| module.is_some_and(|module| around.depth > module);
        if !self.open_tries.iter().any(own) || self.silent > 0 {
            return;
        }
        let Some(classes) = self.may_raise(step) else {
            return;
        };
        for around in self.open_tries.iter_mut().filter(|around| own(around)) {
            around.interrupted |= waits_for(around, classes);
        }
    }

    /// Exceptions that a step may have raised.
    fn may_raise(&self, step: &Step) -> Option<&'static [&'static str]> {
        let source = self.source(self.here())?;
        match step {
            Step::Call(index) => {
                let callee = self.evaluate(&source.calls.get(*index as usize)?.callee);
                let refuses = match &callee {
                    V::Outside(name) if name.starts_with(OF_LOGGER) => false,
                    V::Outside(name) => match name.strip_prefix("builtins.") {
                        Some(builtin) => REFUSING.contains(&builtin),
                        None => name
                            .rsplit('.')
                            .next()
                            .is_some_and(|last| REFUSING_METHODS.contains(&last)),
                    },
                    V::Bound(_, method) => REFUSING_METHODS.contains(&method.as_str()),
                    _ => false,
                };
                (refuses && self.certain(&Value::Call(*index)).is_none()).then_some(OF_VALUES)
            }
            Step::Operation(index) => self.operation_may_raise(&source.operations.get(*index as usize)?.kind),
            Step::StoreAttribute { object, .. } if *object == Atom::NO_NAME => Some(&["AttributeError", "TypeError"]),
            Step::StoreItem(item) => match self.certain(&item.object) {
                Some(V::Mapping(_)) => None,
                _ => Some(&["TypeError", "KeyError", "IndexError", "LookupError", "ValueError"]),
            },
            Step::Item { object, key } => {
                let key = source.text.get(key.start as usize..key.end as usize);
                let has = key
                    .and_then(pysrc::literal)
                    .is_some_and(|key| self.has_item(&Value::Name(*object), &key));
                (!has).then_some(OF_ITEMS)
            }
            _ => None,
        }
    }

    /// Whether `object[key]` surely is there.
    fn has_item(&self, object: &Value, key: &Value) -> bool {
        let part = Value::Subscript(Box::new(object.clone()), Box::new(key.clone()));
        let there = || {
            let (object, key) = self.certain(object).zip(self.certain(key))?;
            self.has_part(&self.as_dictionary(object), &key)
        };
        self.certain(&part).is_some() || there() == Some(true)
    }

    fn operation_may_raise(&self, operation: &OperationKind) -> Option<&'static [&'static str]> {
        let known = |value: &Value| self.certain(value).is_some();
        match operation {
            OperationKind::Item(object, key) => (!self.has_item(object, key)).then_some(OF_ITEMS),
            OperationKind::Binary(operator, left, right) => {
                let both = self.certain(left).zip(self.certain(right));
                let made = both.map(|(left, right)| fold::binary(*operator, left, right));
                made.is_none_or(|made| made == V::Unknown).then_some(OF_VALUES)
            }
            OperationKind::Order(_, left, right) => {
                let both = self.certain(left).zip(self.certain(right));
                let ordered = both.and_then(|(left, right)| fold::ordered(Comparison::Less, &left, &right));
                ordered.is_none().then_some(OF_VALUES)
            }
            OperationKind::Contains(left, right) => (!known(left) || !known(right)).then_some(OF_VALUES),
            OperationKind::Give(..) | OperationKind::Remove(..) => Some(&["AttributeError", "TypeError"]),
            OperationKind::Unpack(value, ..) => (!known(value)).then_some(&["ValueError", "TypeError"]),
            _ => None,
        }
    }

    /// A `try` has come to its end. Where it may have been interrupted and what follows is reached all the same, what its body binds may be
    /// what it was.
    pub fn may_be_unbound(&mut self, body: &'a [Step], handlers: &[Handler]) {
        let here = self.here();
        if !goes_on(handlers) {
            return;
        }
        let mut bound = Vec::new();
        visit(body, &mut |step| match step {
            Step::Store { name, .. } => bound.push((*name, None)),
            Step::StoreAttribute { object, attribute, .. } => bound.push((*object, Some(*attribute))),
            _ => {}
        });
        for (name, attribute) in bound {
            match attribute {
                None => self.doubts_name(here, name),
                Some(attribute) => self.doubts_attribute(here, name, attribute),
            }
        }
    }

    /// What a body raises may not be reached: a handler may have run before, and what follows after it.
    pub fn goes_on_otherwise(&mut self, handlers: &'a [Handler]) -> Flow {
        self.unused(handlers);
        self.doubt = Doubt::All;
        if let Some(frame) = self.frames.last_mut() {
            frame.doubt = Doubt::All;
        }
        Flow::Next
    }

    fn doubts_name(&mut self, here: ModuleId, name: Atom) {
        let local = self.frames.last_mut().and_then(|frame| frame.locals.get_mut(&name));
        if let Some(variable) = local {
            variable.sure = false;
        } else if let Some(variable) = self.modules.global(here, name).cloned() {
            self.modules.set_global(
                here,
                name,
                Variable {
                    sure: false,
                    ..variable
                },
            );
        }
    }

    fn doubts_attribute(&mut self, here: ModuleId, object: Atom, attribute: Atom) {
        let name = self.source(here).map_or("", |source| source.name(attribute));
        if let Some(id) = self.instance(object)
            && let Some(object) = self.objects.get_mut(id)
            && let Some(variable) = object.attributes.get_mut(name)
        {
            variable.sure = false;
        }
    }
}

/// Whether one of some handlers, or managers, lets what follows run.
pub fn goes_on(handlers: &[Handler]) -> bool {
    let lets = |handler: &Handler| !handler.raises && !matches!(handler.body.last(), Some(Step::Leave { .. }));
    handlers.iter().any(lets)
}

/// Whether a handler of a `try` waits for any of these, or a manager keeps them to itself.
fn waits_for(around: &Around<'_>, classes: &[&str]) -> bool {
    let mut handlers = around.handlers.iter().zip(&around.caught);
    handlers.any(|(handler, caught)| {
        let named = |name: &String| name == "Exception" || classes.contains(&name.as_str());
        !handler.raises && (caught.everything || caught.unknown || caught.names.iter().any(named))
    })
}
