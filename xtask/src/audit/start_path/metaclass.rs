//! Metaclasses and `__new__` of the tree: whether what they make is what is written.

use pysrc::{Body, Function, Leave, Module, Span, Step, Value};

use super::class::Lookup;
use super::steps::{any_step, visit};
use super::value::{ModuleId, V};
use super::walk::Walker;

/// Methods with which a metaclass changes what its classes are seen to have.
const OPAQUE: &[&str] = &["__getattr__", "__getattribute__", "__setattr__", "__prepare__", "mro"];
/// Methods of a dictionary that put something into it.
const FILLERS: &[&str] = &["update", "setdefault", "pop", "popitem", "clear", "__setitem__"];

impl Walker<'_> {
    /// Whether classes of a metaclass are what is written, and calling one makes an object in the usual way.
    pub fn makes_plain(&self, metaclass: &V) -> bool {
        let (module, class) = match metaclass {
            V::Outside(name) => return matches!(name.as_str(), "abc.ABCMeta" | "builtins.type"),
            V::Class(module, class) => (*module, *class),
            _ => return false,
        };
        let above = self.order(module, class);
        let standard =
            |base: &V| matches!(base, V::Outside(name) if matches!(name.as_str(), "builtins.type" | "abc.ABCMeta"));
        // Above those of the tree there is one of the standard library, which the order does not name.
        let known = above.iter().flatten().all(|entry| {
            self.bases.get(entry).is_some_and(|bases| {
                !bases.is_empty() && bases.iter().all(|base| standard(base) || matches!(base, V::Class(..)))
            })
        });
        known
            && above.into_iter().flatten().all(|(module, class)| {
                let Some(source) = self.source(module) else {
                    return false;
                };
                let Some(facts) = source.classes.get(class as usize).filter(|facts| !facts.unusual) else {
                    return false;
                };
                facts.methods.iter().all(|method| {
                    source
                        .functions
                        .get(*method as usize)
                        .is_some_and(|function| leaves_as_is(source, function))
                })
            })
    }

    /// Whether what a class makes are classes themselves.
    pub fn makes_classes(&self, (module, class): (ModuleId, u32)) -> bool {
        let is_type = |base: &V, has_metaclass: bool| match base {
            V::Outside(name) => match name.as_str() {
                "builtins.type" | "enum.EnumMeta" | "enum.EnumType" => true,
                // As a metaclass it is among the bases, too.
                "abc.ABCMeta" => !has_metaclass,
                _ => false,
            },
            _ => false,
        };
        let mut order = self.order(module, class).into_iter().flatten();
        order.any(|class| {
            let facts = self
                .source(class.0)
                .and_then(|source| source.classes.get(class.1 as usize));
            let has_metaclass = facts.is_some_and(|facts| facts.metaclass.is_some());
            let bases = self.bases.get(&class);
            bases.is_some_and(|bases| bases.iter().any(|base| is_type(base, has_metaclass)))
        })
    }

    /// Whether a metaclass of the tree is made of `ABCMeta`, and checks like that.
    pub fn is_made_of_abc(&self, metaclass: &V) -> bool {
        let V::Class(module, class) = metaclass else {
            return false;
        };
        let mut order = self.order(*module, *class).into_iter().flatten();
        order.any(|class| {
            let bases = self.bases.get(&class);
            bases.is_some_and(|bases| bases.contains(&V::Outside("abc.ABCMeta".to_owned())))
        })
    }

    /// Why a class cannot be made of its bases: of their metaclasses, and its own, none is made of all others. What it has is kept.
    pub fn metaclass_conflict(&mut self, class: (ModuleId, u32), own: Option<&V>, bases: &[V]) -> Option<String> {
        let type_itself = || V::Outside("builtins.type".to_owned());
        let mut winner = own.cloned().unwrap_or_else(type_itself);
        let mut conflict = false;
        for base in bases {
            let of_base = match base {
                V::Class(module, class) => self.metaclasses.get(&(*module, *class)).cloned().unwrap_or(V::Unknown),
                V::Outside(name) => match name.as_str() {
                    "abc.ABC" => V::Outside("abc.ABCMeta".to_owned()),
                    "enum.Enum" | "enum.IntEnum" | "enum.StrEnum" | "enum.Flag" | "enum.IntFlag" => {
                        V::Outside("enum.EnumType".to_owned())
                    }
                    // The metaclass itself, put among the bases.
                    "abc.ABCMeta" | "typing.Generic" | "threading.Thread" => type_itself(),
                    name if name.starts_with("builtins.") => type_itself(),
                    _ => V::Unknown,
                },
                _ => V::Unknown,
            };
            match (
                self.is_submetaclass(&winner, &of_base),
                self.is_submetaclass(&of_base, &winner),
            ) {
                (Some(true), _) => {}
                (_, Some(true)) => winner = of_base,
                (Some(false), Some(false)) => conflict = true,
                _ => {
                    self.metaclasses.insert(class, V::Unknown);
                    return None;
                }
            }
        }
        self.metaclasses.insert(class, winner);
        conflict.then(|| {
            "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all its bases"
                .to_owned()
        })
    }

    /// Whether a metaclass is another one, or made of it, where that is known.
    fn is_submetaclass(&self, below: &V, above: &V) -> Option<bool> {
        if below == above {
            return (*below != V::Unknown).then_some(true);
        }
        match (below, above) {
            (V::Unknown, _) | (_, V::Unknown) => None,
            (_, V::Outside(name)) if name == "builtins.type" => Some(true),
            (V::Outside(_), V::Outside(_) | V::Class(..)) => Some(false),
            (V::Class(module, class), above) => {
                // Above those of the tree there is one of the standard library, which the order does not name.
                let made_of: Vec<(ModuleId, u32)> = self.order(*module, *class).into_iter().flatten().collect();
                let mut found = false;
                for class in made_of {
                    found |= matches!(above, V::Class(module, above) if (*module, *above) == class);
                    for base in self.bases.get(&class)? {
                        found |= base == above;
                        let known = matches!(base, V::Class(..))
                            || matches!(base, V::Outside(name) if matches!(name.as_str(), "builtins.type" | "abc.ABCMeta"));
                        if !known {
                            return None;
                        }
                    }
                }
                Some(found)
            }
            _ => None,
        }
    }

    /// Whether a metaclass calls something of its classes when it makes them, which may go on for ever.
    pub fn calls_others(&self, metaclass: &V) -> bool {
        let V::Class(module, class) = metaclass else {
            return false;
        };
        ["__new__", "__init__"].into_iter().any(|name| {
            let Lookup::Found(owner, function) = self.find_method(*module, *class, name) else {
                return false;
            };
            let source = self.source(owner);
            let facts = source.and_then(|source| source.functions.get(function as usize));
            source.zip(facts).is_none_or(|(source, facts)| {
                let given = |value: &Value| {
                    matches!(value, Value::Name(name) if facts.parameters.all.first().is_some_and(|own| own.name == *name))
                };
                any_call(source, &facts.body, &mut |callee| match callee {
                    Value::Name(_) => given(callee),
                    Value::Attribute(of, _) => given(of),
                    _ => false,
                })
            })
        })
    }

    /// Whether `__new__`, or the `__call__` of the metaclass, may give an object that there is already.
    pub fn may_give_again(&self, module: ModuleId, class: u32) -> bool {
        let chooses = |owner: ModuleId, function: u32| {
            let source = self.source(owner);
            let facts = source.and_then(|source| source.functions.get(function as usize));
            facts.is_none_or(|facts| any_step(&facts.body, &mut |step| matches!(step, Step::Branch(_) | Step::Try(_))))
        };
        let new = match self.find_method(module, class, "__new__") {
            Lookup::Found(owner, function) => chooses(owner, function),
            Lookup::NotThere | Lookup::Unknown => false,
        };
        let mut made_of = self.order(module, class).into_iter().flatten();
        new || made_of.any(|class| {
            self.called_by
                .get(&class)
                .is_some_and(|(owner, span)| self.calls_at(*owner, *span, &chooses))
        })
    }

    /// Whether that holds for the function in which a call stands.
    fn calls_at(&self, owner: ModuleId, span: Span, holds: &dyn Fn(ModuleId, u32) -> bool) -> bool {
        let call = self
            .source(owner)
            .and_then(|source| source.calls.iter().find(|call| call.span == span));
        call.and_then(|call| call.function)
            .is_none_or(|function| holds(owner, function))
    }

    /// Where the `__call__` of a metaclass has the object made.
    pub fn makes_at(&self, metaclass: &V) -> Option<(ModuleId, Span)> {
        let V::Class(module, class) = metaclass else {
            return None;
        };
        let Lookup::Found(owner, function) = self.find_method(*module, *class, "__call__") else {
            return None;
        };
        let source = self.source(owner)?;
        let facts = source.functions.get(function as usize)?;
        let mut found = None;
        visit(&facts.body, &mut |step| {
            if let Step::Call(call) = step
                && passes_up(source, *call, "__call__")
            {
                found = source.calls.get(*call as usize).map(|call| (owner, call.span));
            }
        });
        found
    }

    /// Whether a `__new__` of the tree makes an object of the class that it is called for.
    pub fn makes(&mut self, instance: &V, owner: ModuleId, function: u32) -> bool {
        let Some(source) = self.source(owner) else {
            return false;
        };
        let Some(facts) = source.functions.get(function as usize) else {
            return false;
        };
        let known = facts.decorators.is_empty() || facts.decorators.iter().all(|name| &**name == "staticmethod");
        let Some(class) = facts.parameters.all.first().map(|class| class.name).filter(|_| known) else {
            return false;
        };
        // It may make one of another class, or of what it calls its own from then on.
        let own = !any_step(
            &facts.body,
            &mut |step| matches!(step, Step::Store { name, .. } if *name == class),
        );
        let makes = |value: &Value| matches!(value, Value::Call(call) if own && passes_up(source, *call, "__new__") && is_given(source, *call, class));
        let made = |value: &Value| match value {
            Value::Name(name) => any_step(
                &facts.body,
                &mut |step| matches!(step, Step::Store { name: stored, value: Some(value), .. } if stored == name && (makes(value) || is_of(value, class))),
            ),
            value => makes(value) || is_of(value, class),
        };
        let (mut all, mut any) = (true, false);
        visit(&facts.body, &mut |step| {
            if let Step::Leave {
                how: Leave::Return,
                value,
                ..
            } = step
            {
                any = true;
                all &= value.as_deref().is_some_and(made);
            }
        });
        let calls = calls_up(source, &facts.body, "__new__");
        // It may give the object attributes, too.
        if any_step(
            &facts.body,
            &mut |step| matches!(step, Step::StoreAttribute { object, .. } if *object != class),
        ) {
            self.any_attribute(instance);
        }
        all && any && calls
    }
}

/// Whether a method of a metaclass changes nothing of what its classes are and of what calling them does.
fn leaves_as_is(source: &Module, function: &Function) -> bool {
    let name = &*function.name;
    if OPAQUE.contains(&name) {
        return false;
    }
    if !matches!(name, "__new__" | "__init__" | "__call__") {
        return true;
    }
    let sets = any_step(&function.body, &mut |step| matches!(step, Step::StoreAttribute { .. }));
    let fills = any_call(source, &function.body, &mut |callee| {
        let Value::Attribute(of, method) = callee else {
            return false;
        };
        let given =
            matches!(**of, Value::Name(name) if function.parameters.all.iter().any(|parameter| parameter.name == name));
        given && FILLERS.contains(&source.name(*method))
    });
    let setattr = any_call(
        source,
        &function.body,
        &mut |callee| matches!(callee, Value::Name(name) if source.name(*name) == "setattr"),
    );
    function.decorators.is_empty()
        && !sets
        && !fills
        && !setattr
        && !function.fills_parameters
        && match name {
            "__init__" => true,
            "__call__" => any_step(
                &function.body,
                &mut |step| matches!(step, Step::Call(call) if passes_up(source, *call, name) && passes_all(source, *call, function)),
            ),
            _ => calls_up(source, &function.body, name),
        }
}

/// Whether a call passes on whatever a method gets besides its class.
fn passes_all(source: &Module, call: u32, function: &Function) -> bool {
    let parameters = &function.parameters;
    let spread = source.calls.get(call as usize).and_then(|call| call.spread.as_ref());
    let passes = |part: Option<&Option<Value>>, name: Option<pysrc::Atom>| match (part.cloned().flatten(), name) {
        (part, Some(name)) => part == Some(Value::Name(name)),
        (part, None) => part.is_none(),
    };
    parameters.all.len() == 1
        && passes(spread.map(|spread| &spread.star), parameters.star)
        && passes(spread.map(|spread| &spread.double_star), parameters.double_star)
}

/// Whether a body calls the method of that name of the class above.
fn calls_up(source: &Module, body: &Body, method: &str) -> bool {
    any_step(
        body,
        &mut |step| matches!(step, Step::Call(call) if passes_up(source, *call, method)),
    )
}

/// Whether a call is `super().method(…)`, or that of `type` or `object`.
fn passes_up(source: &Module, call: u32, method: &str) -> bool {
    let Some(Value::Attribute(of, name)) = source.calls.get(call as usize).map(|call| &call.callee) else {
        return false;
    };
    let above = match &**of {
        Value::Call(inner) => source
            .calls
            .get(*inner as usize)
            .is_some_and(|inner| matches!(inner.callee, Value::Name(name) if source.name(name) == "super")),
        Value::Name(name) => matches!(source.name(*name), "type" | "object"),
        _ => false,
    };
    above && source.name(*name) == method
}

/// Whether the first argument of a call is that name.
fn is_given(source: &Module, call: u32, name: pysrc::Atom) -> bool {
    let call = source.calls.get(call as usize);
    call.and_then(|call| call.arguments.first()) == Some(&Value::Name(name))
}

/// `cls.attribute`, or an item of it: where the only object is kept.
fn is_of(value: &Value, class: pysrc::Atom) -> bool {
    match value {
        Value::Attribute(of, _) => **of == Value::Name(class),
        Value::Subscript(of, _) => is_of(of, class),
        _ => false,
    }
}

fn any_call(source: &Module, body: &Body, is: &mut dyn FnMut(&Value) -> bool) -> bool {
    any_step(body, &mut |step| match step {
        Step::Call(call) => source.calls.get(*call as usize).is_some_and(|call| is(&call.callee)),
        _ => false,
    })
}
