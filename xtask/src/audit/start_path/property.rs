//! Properties: what reading one runs, and what calling its value does.

use pysrc::{Call, Leave, Span, Step, Value};

use super::arguments::Arguments;
use super::call::made_for;
use super::class::Lookup;
use super::failure::Flow;
use super::operator::kind;
use super::steps::returned;
use super::value::{ModuleId, V, Variable};
use super::walk::Walker;

impl Walker<'_> {
    /// A method that is read runs, where it is a property.
    pub fn property(&mut self, here: ModuleId, object: usize, owner: ModuleId, function: u32, span: Span) -> Flow {
        if !self.is_property(owner, function) {
            return Flow::Next;
        }
        let function = self.getter(owner, function);
        let call = made_for(span);
        let none = Arguments::none(false);
        let getter = V::Method(owner, function, Box::new(V::Instance(object)));
        match getter.closure() {
            Some(getter) => {
                self.sure = true;
                let (value, flow) = self.call_function(here, &call, getter, &none);
                let name = self
                    .source(owner)
                    .and_then(|source| source.functions.get(function as usize));
                if let Some(name) = name.map(|facts| facts.name.to_string()) {
                    let sure = self.sure;
                    self.given_by_properties
                        .insert((object, name), Variable { value, sure });
                }
                flow
            }
            None => Flow::Next,
        }
    }

    /// `object.name()`, where `name` is a property whose value is surely no function.
    pub fn called_property(&mut self, here: ModuleId, call: &Call) -> Flow {
        let Value::Attribute(object, name) = &call.callee else {
            return Flow::Next;
        };
        let (V::Instance(id), Some(source), true) = (self.evaluate(object), self.source(here), self.is_certain())
        else {
            return Flow::Next;
        };
        let name = source.name(*name);
        if name == "start" && self.is_no_thread(id) {
            return self.thread_not_made(here, call.span);
        }
        let Some(class) = self.objects.get(id).map(|object| (object.module, object.class)) else {
            return Flow::Next;
        };
        let Lookup::Found(owner, function) = self.find_method(class.0, class.1, name) else {
            return Flow::Next;
        };
        let kind = match self.names_of_class(class) {
            Some(_) if self.is_property(owner, function) => self.returned_kind(id, owner, self.getter(owner, function)),
            _ => None,
        };
        let Some(kind) = kind.filter(|_| !self.set_from_outside(name)) else {
            return Flow::Next;
        };
        let message = format!("'{kind}' object is not callable");
        let help = Some(format!("`{name}` is a property: read it without calling it"));
        self.fail_at(here, call.span, "start/bad-operation", "TypeError", message, help)
    }

    pub fn is_property(&self, owner: ModuleId, function: u32) -> bool {
        let decorators = self.decorators(owner, function);
        let [decorator] = decorators.as_slice() else {
            return false;
        };
        match decorator.rsplit_once('.') {
            None | Some(("functools", _)) => {
                matches!(decorator.rsplit('.').next(), Some("property" | "cached_property"))
            }
            // What has a setter is read by what it was made of.
            Some((_, "setter" | "deleter" | "getter")) => self.getter(owner, function) != function,
            Some((_, last)) => matches!(last, "property" | "cached_property"),
        }
    }

    /// The function that is called when a property is read, given the last one of its name.
    fn getter(&self, owner: ModuleId, function: u32) -> u32 {
        let found = ["getter", "property"]
            .into_iter()
            .find_map(|what| self.accessor(owner, function, what));
        found.unwrap_or(function)
    }

    /// The type of what a property of an object gives, where that is always a literal, or an attribute that never gets anything
    /// but literals.
    fn returned_kind(&self, object: usize, owner: ModuleId, function: u32) -> Option<&'static str> {
        let source = self.source(owner)?;
        let facts = source.functions.get(function as usize)?;
        let ends = matches!(facts.body.last(), Some(Step::Leave { how: Leave::Return, .. }));
        if !ends || facts.generator || facts.is_async {
            return None;
        }
        let own = facts.parameters.all.first()?.name;
        let mut values = Vec::new();
        returned(&facts.body, &mut values);
        let mut first = None;
        for value in values {
            let kind = match value? {
                Value::None => "NoneType",
                Value::Bool(_) => "bool",
                Value::Int(_) => "int",
                Value::Float(_) => "float",
                Value::Str(_) | Value::Concat(_) => "str",
                Value::Dict(_) => "dict",
                Value::Attribute(of, name) if **of == Value::Name(own) => {
                    let name = source.name(*name);
                    let literal = |value: &Value| {
                        matches!(
                            value,
                            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_)
                        )
                    };
                    let given = self.objects.get(object)?.attributes.get(name)?;
                    kind(&given.value).filter(|_| self.is_only(name, &literal))?
                }
                _ => return None,
            };
            first = first.or(Some(kind));
        }
        first
    }
}
