//! Classes whose own body keeps them from being made: dataclasses and enumerations.

use pysrc::{Class, Field, Module, Span, Step, Value};

use super::arguments::Arguments;
use super::call::made_for;
use super::class::Lookup;
use super::failure::Flow;
use super::steps::any_step;
use super::value::{ModuleId, V};
use super::walk::Walker;

/// Where it stands, the exception's class, its text, what mends it.
pub type Refused = (Span, &'static str, String, Option<String>);

impl Walker<'_> {
    /// Why a class whose body has run is refused.
    pub fn refused(&self, module: ModuleId, class: u32) -> Option<Refused> {
        let source = self.source(module)?;
        let facts = source.classes.get(class as usize)?;
        self.refused_enumeration(source, facts, (module, class))
            .or_else(|| self.refused_slots(source, facts, (module, class)))
            .or_else(|| self.refused_dataclass(source, facts, (module, class)))
    }

    /// Whether the keywords of a class reach those above it: a metaclass may keep them.
    fn hands_on(&self, facts: &Class, order: &[Option<(ModuleId, u32)>]) -> bool {
        !facts.keywords || !self.has_own_metaclass(order)
    }

    /// Whether one of these classes may have a metaclass other than `type` and `ABCMeta`.
    pub fn has_own_metaclass(&self, order: &[Option<(ModuleId, u32)>]) -> bool {
        let plain = |source: &Module, metaclass: &Value| match metaclass {
            Value::Name(name) | Value::Attribute(_, name) => source.name(*name) == "ABCMeta",
            _ => false,
        };
        order.iter().any(|class| {
            let source = class.and_then(|(module, _)| self.source(module));
            let above = source.zip(*class).and_then(|(source, (_, class))| {
                let metaclass = source.classes.get(class as usize)?.metaclass.as_ref();
                Some(metaclass.is_none_or(|metaclass| plain(source, metaclass)))
            });
            above != Some(true)
        })
    }

    /// What a class gives the `__init_subclass__` of those above it.
    fn told(&self, module: ModuleId, facts: &Class) -> Arguments {
        let mut arguments = Arguments::none(facts.named.is_none());
        let Some(source) = self.source(module) else {
            return arguments;
        };
        for (name, value) in facts.named.iter().flatten() {
            let name = source.name(*name).to_owned();
            match self.certain(value) {
                Some(value) => arguments.named.push((name, value)),
                None => {
                    arguments.doubtful.1.push(name.clone());
                    arguments.named.push((name, self.evaluate(value)));
                }
            }
        }
        arguments.sure = arguments.doubtful.1.is_empty();
        arguments
    }

    /// Why the `__init_subclass__` of a class above does not take what a class gives it.
    pub fn refused_by_base(&self, module: ModuleId, class: u32, facts: &Class) -> Option<String> {
        let order = self.order(module, class);
        let Lookup::Found(owner, function) = self.find_among(order.get(1..)?, "__init_subclass__") else {
            return None;
        };
        let hook = self.source(owner)?.functions.get(function as usize)?;
        let arguments = self.told(module, facts);
        let plain = hook.decorators.iter().all(|name| &**name == "classmethod") && self.hands_on(facts, &order);
        let problem = self
            .bind_arguments(owner, hook, Some(V::Class(module, class)), &arguments)
            .err()
            .filter(|_| plain)?;
        let above = hook
            .class
            .map_or_else(String::new, |class| self.class_name((owner, class)));
        Some(format!("{above}.__init_subclass__() {problem}"))
    }

    /// The class above is told of a class that is made of it (`__init_subclass__`), and its attributes of the class that they
    /// are attributes of (`__set_name__`).
    pub fn told_above(&mut self, module: ModuleId, class: u32, facts: &Class) -> Flow {
        let flow = self.name_attributes(module, class, facts);
        if flow != Flow::Next {
            return flow;
        }
        let order = self.order(module, class);
        let Lookup::Found(owner, function) = self.find_among(order.get(1..).unwrap_or_default(), "__init_subclass__")
        else {
            return Flow::Next;
        };
        let arguments = if self.hands_on(facts, &order) {
            self.told(module, facts)
        } else {
            Arguments::none(true)
        };
        if facts.decorators.is_empty() && !arguments.open {
            self.usual.insert((module, class));
        }
        let call = made_for(facts.span);
        let hook = V::Method(owner, function, Box::new(V::Class(module, class)));
        match hook.closure() {
            Some(hook) => self.call_function(module, &call, hook, &arguments).1,
            None => Flow::Next,
        }
    }

    fn refused_dataclass(&self, source: &Module, facts: &Class, class: (ModuleId, u32)) -> Option<Refused> {
        let fields = facts
            .fields
            .as_ref()
            .filter(|fields| fields.init && self.is_dataclass(source, facts))?;
        if let Some((field, kind)) = fields
            .all
            .iter()
            .find_map(|field| Some((field, field.mutable_default?)))
        {
            let message = format!(
                "mutable default <class '{kind}'> for field {} is not allowed: use default_factory",
                field.name
            );
            let help = Some(format!("write `field(default_factory={kind})`"));
            return Some((fields.decorator, "ValueError", message, help));
        }
        if let Some((field, kind)) = fields
            .all
            .iter()
            .find_map(|field| Some((field, self.unhashable_default(class, &field.name)?)))
        {
            let message = format!(
                "mutable default <class '{kind}'> for field {} is not allowed: use default_factory",
                field.name
            );
            let help = Some(format!("write `field(default_factory={kind})`"));
            return Some((fields.decorator, "ValueError", message, help));
        }
        let all = self.all_fields(class)?;
        let all: Vec<&Field> = all.iter().filter(|field| field.init && !field.keyword_only).collect();
        let first = all.iter().position(|field| field.has_default)?;
        let without = all.get(first..)?.iter().find(|field| !field.has_default)?;
        let message = format!("non-default argument '{}' follows default argument", without.name);
        let help = Some("give it a default, or put it before those that have one".to_owned());
        Some((fields.decorator, "TypeError", message, help))
    }

    /// The class of a field's default that has no hash: Python 3.11 and later take it for one that can be changed.
    fn unhashable_default(&self, class: (ModuleId, u32), field: &str) -> Option<String> {
        let atom = self.source(class.0)?.atom(field)?;
        let variable = self.class_names.get(&class)?.get(&atom)?;
        let of = match variable.value {
            V::Record(module, class) => (module, class),
            V::Instance(id) => self.objects.get(id).map(|object| (object.module, object.class))?,
            _ => return None,
        };
        let known = variable.sure && self.version().minor >= 11 && !self.set_from_outside("__hash__");
        (known && self.has_no_hash(of)).then(|| self.class_name(of))
    }

    /// Whether objects of a class surely have no hash: what says how they are compared says nothing of it.
    fn has_no_hash(&self, class: (ModuleId, u32)) -> bool {
        for entry in self.order(class.0, class.1) {
            let Some((source, facts)) = entry.and_then(|(module, class)| {
                let source = self.source(module)?;
                Some((source, source.classes.get(class as usize)?))
            }) else {
                return false;
            };
            let has = |name: &str| source.atom(name).is_some_and(|atom| binds(source, facts, atom));
            if has("__hash__") || facts.metaclass.is_some() {
                return false;
            }
            if !facts.decorators.is_empty() {
                let fields = facts.fields.as_ref();
                return self.is_dataclass(source, facts) && fields.is_some_and(|fields| fields.unhashable);
            }
            if has("__eq__") {
                return true;
            }
        }
        false
    }

    /// Built-in classes of which no two go together as bases.
    pub fn layout_conflict(&self, class: (ModuleId, u32)) -> Option<String> {
        const SOLID: &[&str] = &[
            "int",
            "str",
            "float",
            "complex",
            "list",
            "dict",
            "set",
            "frozenset",
            "tuple",
            "bytes",
            "bytearray",
            "type",
        ];
        let bases = self.bases.get(&class)?;
        let solid = |base: &V| match base {
            V::Outside(name) => {
                let name = name.strip_prefix("builtins.")?;
                SOLID.iter().find(|known| **known == name).copied()
            }
            _ => None,
        };
        let mut found = bases.iter().filter_map(solid);
        let first = found.next()?;
        found
            .any(|other| other != first)
            .then(|| "multiple bases have instance lay-out conflict".to_owned())
    }

    fn refused_enumeration(&self, source: &Module, facts: &Class, class: (ModuleId, u32)) -> Option<Refused> {
        let bases = self.bases.get(&class)?;
        if !bases.iter().any(|base| self.is_enumeration(base)) {
            return None;
        }
        for base in bases {
            if let V::Class(module, above) = base
                && let Some(source) = self.source(*module)
                && let Some(above) = source.classes.get(*above as usize)
                && members(source, above).next().is_some()
            {
                let message = format!("<enum '{}'> cannot extend <enum '{}'>", facts.name, above.name);
                let help = Some("an enumeration that has members cannot be extended".to_owned());
                return Some((facts.span, "TypeError", message, help));
            }
        }
        let mut seen: Vec<&str> = Vec::new();
        for (name, span) in members(source, facts) {
            if seen.contains(&name) {
                let message = format!("'{name}' already defined");
                return Some((
                    span,
                    "TypeError",
                    message,
                    Some("give each member a name of its own".to_owned()),
                ));
            }
            seen.push(name);
        }
        self.refused_aliases(source, facts)
    }

    /// `@enum.unique` of an enumeration two of whose members have the same value.
    fn refused_aliases(&self, source: &Module, facts: &Class) -> Option<Refused> {
        let unique = |wrapper: &Value| matches!(self.evaluate(wrapper), V::Outside(name) if name == "enum.unique");
        // What makes members may give them other values.
        let makes = |step: &Step| match step {
            Step::Function(function) => source
                .functions
                .get(*function as usize)
                .is_none_or(|it| it.name.starts_with('_')),
            _ => false,
        };
        if !facts.wrappers.iter().any(unique) || facts.body.iter().any(makes) {
            return None;
        }
        let mut seen: Vec<(&str, &Value)> = Vec::new();
        for step in &facts.body {
            let Step::Store { name, value, .. } = step else {
                continue;
            };
            let value = value
                .as_deref()
                .filter(|value| matches!(value, Value::Int(_) | Value::Str(_)));
            let (name, Some(value)) = (source.name(*name), value) else {
                continue;
            };
            if let Some((first, _)) = seen.iter().find(|(_, known)| *known == value) {
                let message = format!("duplicate values found in <enum '{}'>: {name} -> {first}", facts.name);
                let help = Some("give each member a value of its own".to_owned());
                return Some((decorator(source, facts.span, "unique"), "ValueError", message, help));
            }
            seen.push((name, value));
        }
        None
    }

    /// A name in `__slots__` that the body of the class binds, too.
    fn refused_slots(&self, source: &Module, facts: &Class, class: (ModuleId, u32)) -> Option<Refused> {
        let names = self.class_names.get(&class)?;
        let slots = names.get(&source.atom("__slots__")?).filter(|slots| slots.sure)?;
        let slots: Vec<&str> = match &slots.value {
            V::List(slots) => slots.iter().map(V::text).collect::<Option<_>>()?,
            V::Str(slot) => vec![slot],
            _ => return None,
        };
        let bound = |slot: &&&str| {
            let variable = source.atom(slot).and_then(|atom| names.get(&atom));
            variable.is_some_and(|variable| variable.sure) && !slot.starts_with("__")
        };
        let slot = slots
            .iter()
            .find(bound)
            .filter(|_| !self.has_own_metaclass(&self.order(class.0, class.1)))?;
        let message = format!("'{slot}' in __slots__ conflicts with class variable");
        let help = Some("set the default in `__init__`, or take the name out of `__slots__`".to_owned());
        Some((facts.span, "ValueError", message, help))
    }
}

/// Where a decorator of that name stands above what it decorates: Python names its line.
pub fn decorator(source: &Module, decorated: Span, name: &str) -> Span {
    let before = source.text.get(..decorated.start as usize);
    let written = before.and_then(|before| u32::try_from(before.rfind(name)?).ok());
    written.map_or(decorated, |start| Span {
        start,
        end: start + u32::try_from(name.len()).unwrap_or(0),
    })
}

/// Whether the body of a class itself binds a name.
fn binds(source: &Module, facts: &Class, name: pysrc::Atom) -> bool {
    any_step(&facts.body, &mut |step| match step {
        Step::Store { name: stored, .. } => *stored == name,
        Step::Function(function) => source
            .functions
            .get(*function as usize)
            .is_some_and(|it| it.atom == name),
        _ => false,
    })
}

/// Members of an enumeration that are written out: names that get a number or string.
fn members<'a>(source: &'a Module, facts: &'a Class) -> impl Iterator<Item = (&'a str, Span)> {
    facts.body.iter().filter_map(|step| match step {
        Step::Store { name, span, value } => {
            let literal = matches!(value.as_deref(), Some(Value::Int(_) | Value::Str(_)));
            let text = source.name(*name);
            (literal && !text.starts_with('_')).then_some((text, *span))
        }
        _ => None,
    })
}
