//! Attributes that are read on the way and are not there: rule `start/no-attribute`.
//!
//! Said only where everything that could provide the attribute is known.

use rustc_hash::FxHashSet as HashSet;

use pysrc::{Atom, Body, Call, LAMBDA, Span, Step, Value, members};

use super::assigned::{Given, SetElsewhere};
use super::class::Lookup;
use super::failure::{Flow, Meant, Words};
use super::mutation::{About, CONSTRUCTOR, Mention, is_constructor};
use super::object::{self, object_class};
use super::operator::kind;
use super::steps::any_step;
use super::value::{ModuleId, V};
use super::walk::Walker;
use crate::finding::Subject;
use crate::python::imports::resolve::Target;
use crate::python::imports::{stdlib, zmq};

impl Walker<'_> {
    /// `object.attribute` is read, `object` a plain name.
    pub fn load_attribute(&mut self, object: Atom, attribute: Atom, span: Span) -> Flow {
        if self.silent > 0 {
            return Flow::Next;
        }
        let here = self.here();
        let Some(source) = self.source(here) else {
            return Flow::Next;
        };
        let name = source.name(attribute);
        if name.starts_with("__") {
            if name == "__dict__"
                && let Some(object) = self.variable(object)
            {
                self.any_attribute(&object);
            }
            return Flow::Next;
        }
        match self.variable(object) {
            Some(V::Module(id)) => self.module_attribute(here, id, name, span),
            Some(V::Outside(ref made)) if let Some(class) = object_class(made) => {
                self.object_attribute(here, class, &Value::Name(object), (name, span))
            }
            Some(V::Found(_)) => self.object_attribute(here, "re.Match", &Value::Name(object), (name, span)),
            Some(V::Outside(module)) => self.standard_attribute(here, &module, name, span),
            Some(V::Instance(id)) => self.instance_attribute(here, id, name, span),
            Some(V::Class(module, class)) => self.attribute_of_class(here, (module, class), name, span),
            Some(V::Record(module, class)) if self.is_certain() && self.is_settled(&Value::Name(object)) => {
                match self.lacks_field((module, class), name) {
                    true => {
                        let message = format!(
                            "'{}' object has no attribute '{name}'",
                            self.class_name((module, class))
                        );
                        self.no_attribute(here, span, name, message, None)
                    }
                    false => Flow::Next,
                }
            }
            Some(V::Zmq(of)) => self.zmq_attribute(here, of, name, span),
            Some(V::Socket(_)) => self.zmq_attribute(here, zmq::SOCKET, name, span),
            Some(V::None) if self.is_certain() && self.is_settled(&Value::Name(object)) => {
                let message = format!("'NoneType' object has no attribute '{name}'");
                let help = Some(format!("`{}` is `None` whenever this runs", source.name(object)));
                self.no_attribute(here, span, name, message, help)
            }
            Some(value) if kind(&value).is_some() => self.builtin_attribute(here, object, &value, name, span),
            Some(V::Parsed(parser)) => self.option(here, parser, name, span),
            _ => Flow::Next,
        }
    }

    /// An attribute of what is an object of the standard library here.
    fn object_attribute(&mut self, here: ModuleId, class: &str, value: &Value, (name, span): (&str, Span)) -> Flow {
        if object::has_member(class, name) != Some(false)
            || !self.is_certain()
            || self.certain(value).is_none()
            || self.set_from_outside(name)
        {
            return Flow::Next;
        }
        let known = self.version().minor == 11;
        let shown = match class {
            "decimal.Decimal" | "re.Match" | "re.Pattern" | "datetime.datetime" => class,
            class => class.rsplit('.').next().unwrap_or(class),
        };
        let message = format!("'{shown}' object has no attribute '{name}'");
        let meant = stdlib::members(class).map_or_else(Meant::default, |members| Meant::among(name, members));
        match known {
            true => self.no_attribute(here, span, name, message, meant),
            false => Flow::Next,
        }
    }

    /// An option of what a parser gave.
    fn option(&mut self, here: ModuleId, parser: usize, name: &str, span: Span) -> Flow {
        let lacks = self.parsers.get(parser).is_some_and(|parser| parser.lacks(name));
        if !lacks || self.maybe > 0 || name.starts_with('_') {
            return Flow::Next;
        }
        let message = format!("'Namespace' object has no attribute '{name}': the parser has no such option");
        self.no_attribute(here, span, name, message, None)
    }

    /// An attribute of a name's value, which is of a built-in type.
    fn builtin_attribute(&mut self, here: ModuleId, object: Atom, value: &V, name: &str, span: Span) -> Flow {
        let Some(kind) = kind(value) else {
            return Flow::Next;
        };
        if has_member(kind, name) || !self.is_certain() || !self.is_settled(&Value::Name(object)) {
            return Flow::Next;
        }
        self.no_member(here, span, kind, name)
    }

    /// Something of a built-in type is asked for what that type does not have.
    pub fn no_member(&mut self, here: ModuleId, span: Span, kind: &str, name: &str) -> Flow {
        let message = format!("'{kind}' object has no attribute '{name}'");
        let meant = members::names(kind).map_or_else(Meant::default, |names| Meant::among(name, names));
        self.no_attribute(here, span, name, message, meant)
    }

    /// `object.inner.attribute`, as what is called.
    pub fn nested_attribute(&mut self, callee: &Value, span: Span) -> Flow {
        let Value::Attribute(inner, attribute) = callee else {
            return Flow::Next;
        };
        if matches!(**inner, Value::Call(_)) {
            let here = self.here();
            let name = self.source(here).map_or("", |source| source.name(*attribute));
            return match self.evaluate(inner) {
                V::Instance(id) => self.instance_attribute(here, id, name, span),
                V::Super(module, class, of) => self.attribute_above(here, (module, class), &of, (name, span)),
                _ => self.attribute_of_nothing(inner, *attribute, span),
            };
        }
        if matches!(**inner, Value::Subscript(..)) {
            return self.attribute_of_item(inner, *attribute, span);
        }
        let Value::Attribute(object, within) = &**inner else {
            return Flow::Next;
        };
        let mut root = &**object;
        while let Value::Attribute(of, _) = root {
            root = of;
        }
        let here = self.here();
        let Value::Name(root) = root else {
            let name = self.source(here).map_or("", |source| source.name(*attribute));
            return match self.evaluate(inner) {
                V::Instance(id) if matches!(root, Value::Call(_)) => self.instance_attribute(here, id, name, span),
                _ => Flow::Next,
            };
        };
        let (Some(source), Some(value)) = (self.source(here), self.variable(*root)) else {
            return Flow::Next;
        };
        let name = source.name(*attribute);
        if name.starts_with("__") || self.silent > 0 {
            return Flow::Next;
        }
        match value {
            V::Outside(_) | V::Module(_) => {
                let flow = self.nested_attribute(inner, span);
                if flow != Flow::Next {
                    return flow;
                }
                match self.evaluate(inner) {
                    V::None if self.is_certain() => {
                        let settled = match self.evaluate(object) {
                            V::Module(id) => self.is_global_settled(id, source.name(*within), 0),
                            _ => false,
                        };
                        if !settled {
                            return Flow::Next;
                        }
                        let message = format!("'NoneType' object has no attribute '{name}'");
                        self.no_attribute(here, span, name, message, None)
                    }
                    V::Module(id) => self.module_attribute(here, id, name, span),
                    V::Outside(module) => self.standard_attribute(here, &module, name, span),
                    _ => Flow::Next,
                }
            }
            _ => match self.evaluate(inner) {
                V::Instance(id) => self.instance_attribute(here, id, name, span),
                V::Zmq(of) => self.zmq_attribute(here, of, name, span),
                V::Socket(_) => self.zmq_attribute(here, zmq::SOCKET, name, span),
                V::Parsed(parser) if self.certain(inner).is_some() => self.option(here, parser, name, span),
                V::Outside(ref made) if let Some(class) = object_class(made) => {
                    self.object_attribute(here, class, inner, (name, span))
                }
                value if kind(&value).is_some() && self.is_certain() => {
                    self.attribute_of_known(here, inner, &value, (name, span))
                }
                _ => Flow::Next,
            },
        }
    }

    /// An attribute of `object.within`, whose value is of a built-in type.
    fn attribute_of_known(&mut self, here: ModuleId, object: &Value, value: &V, (name, span): (&str, Span)) -> Flow {
        let Value::Attribute(of, within) = object else {
            return Flow::Next;
        };
        let within = self.source(here).map_or("", |source| source.name(*within));
        // Nothing but `None` is ever given to it, whoever else has got the object.
        let only_none = || {
            let V::Instance(id) = self.evaluate(of) else {
                return false;
            };
            let object = self.objects.get(id).filter(|object| !object.dynamic);
            let class = object.map(|object| (object.module, object.class));
            *value == V::None
                && matches!(**of, Value::Name(_))
                && class.is_some_and(|class| {
                    matches!(self.find_method(class.0, class.1, within), Lookup::NotThere)
                        && self.names_of_class(class).is_some()
                })
                && self.is_only(within, &|value| *value == Value::None)
        };
        match kind(value) {
            Some("NoneType") if only_none() || self.certain(object).is_some() => {
                let message = format!("'NoneType' object has no attribute '{name}'");
                let help = Some(format!("`{within}` is `None` whenever this runs"));
                self.no_attribute(here, span, name, message, help)
            }
            Some(kind) if !has_member(kind, name) && self.certain(object).is_some() => {
                self.no_member(here, span, kind, name)
            }
            _ => Flow::Next,
        }
    }

    /// `object[key].attribute`.
    fn attribute_of_item(&mut self, item: &Value, attribute: Atom, span: Span) -> Flow {
        let here = self.here();
        let name = self.source(here).map_or("", |source| source.name(attribute));
        match self.certain(item) {
            Some(V::Instance(id)) => self.instance_attribute(here, id, name, span),
            Some(value) if self.is_certain() => match kind(&value) {
                Some(kind) if !has_member(kind, name) => self.no_member(here, span, kind, name),
                _ => Flow::Next,
            },
            _ => Flow::Next,
        }
    }

    /// `call().attribute`, where the call surely gives `None`.
    fn attribute_of_nothing(&mut self, inner: &Value, attribute: Atom, span: Span) -> Flow {
        if !self.is_certain() || self.evaluate(inner) != V::None || !self.is_settled(inner) {
            return Flow::Next;
        }
        let here = self.here();
        let name = self.source(here).map_or("", |source| source.name(attribute));
        let message = format!("'NoneType' object has no attribute '{name}'");
        self.no_attribute(here, span, name, message, None)
    }

    /// Whether the module around here asks what is there before it takes it, on a way that may not be taken.
    pub fn asks_first(&self, here: ModuleId) -> bool {
        self.maybe > 0
            && self
                .source(here)
                .is_none_or(|source| source.atom("hasattr").is_some() || source.atom("dir").is_some())
    }

    fn module_attribute(&mut self, here: ModuleId, id: ModuleId, name: &str, span: Span) -> Flow {
        if self.global(id, name).is_some() || self.asks_first(here) {
            return Flow::Next;
        }
        let Some(module) = self.modules.get(id) else {
            return Flow::Next;
        };
        let full = format!("{}.{name}", module.name);
        let unread = matches!(module.target, Target::File { .. }) && self.source(id).is_none();
        if module.dynamic || unread || self.by_name.contains_key(&full) || self.may_be_replaced(id) {
            self.asks_for_name(id);
            return Flow::Next;
        }
        // A submodule that is there may have been imported by a name that is computed.
        let below = || {
            let target = self.modules.target(id);
            target.is_some_and(|target| !matches!(self.lookup_below(target, &full, name), Target::Missing(_)))
        };
        if self.is_mentioned(&["import_module", "__import__", "exec_module", "load_module"]) && below() {
            return Flow::Next;
        }
        let bound = self
            .source(id)
            .is_some_and(|source| source.bindings.iter().any(|binding| source.name(binding.name) == name));
        if bound && !module.done && self.maybe > 0 {
            return Flow::Next;
        }
        let message = if bound && !module.done {
            format!(
                "partially initialized module '{}' has no attribute '{name}': a circular import",
                module.name
            )
        } else {
            format!("module '{}' has no attribute '{name}'", module.name)
        };
        let meant = self.source(id).map_or_else(Meant::default, |source| {
            Meant::among(name, source.bindings.iter().map(|binding| source.name(binding.name)))
        });
        self.no_attribute(here, span, name, message, meant)
    }

    pub fn standard_attribute(&mut self, here: ModuleId, module: &str, name: &str, span: Span) -> Flow {
        let of_python = stdlib::names(module).filter(|_| self.version().minor == 11);
        let of_zmq = || zmq::names(module).filter(|_| module == "zmq");
        let Some(names) = of_python.or_else(of_zmq) else {
            if let Some(members) = stdlib::members(module).filter(|_| self.version().minor == 11) {
                return self.attribute_of_type(here, (module, members.collect()), name, span);
            }
            return self.lost_attribute(here, module, name, span);
        };
        let full = format!("{module}.{name}");
        let known = names.contains(name) || stdlib::names(&full).is_some();
        let asked = known || module == "builtins" || self.asks_first(here);
        if asked || self.is_given_to(module, name) {
            return Flow::Next;
        }
        let message = format!("module '{module}' has no attribute '{name}'");
        let meant = Meant::among(name, names.iter().copied());
        self.no_attribute(here, span, name, message, meant)
    }

    /// An attribute of a class of the standard library itself, which has these.
    fn attribute_of_type(
        &mut self,
        here: ModuleId,
        (class, members): (&str, Vec<&str>),
        name: &str,
        span: Span,
    ) -> Flow {
        let has = members.contains(&name) || name.starts_with('_') || name == "mro";
        if has || self.asks_first(here) || self.is_given_to(class, name) {
            return Flow::Next;
        }
        let message = format!("type object '{class}' has no attribute '{name}'");
        self.no_attribute(here, span, name, message, Meant::among(name, members))
    }

    /// Whether a module of a library may have got an attribute from the tree.
    pub fn is_given_to(&self, module: &str, name: &str) -> bool {
        self.is_set_on_others(name)
            || self.set_elsewhere.contains(&SetElsewhere::Attribute(name.to_owned()))
            || self.set_elsewhere.contains(&SetElsewhere::AnyOf(module.to_owned()))
    }

    /// An attribute of a context or socket: a method, or an option.
    fn zmq_attribute(&mut self, here: ModuleId, of: &str, name: &str, span: Span) -> Flow {
        if zmq::has_member(of, name) != Some(false) || !self.is_certain() || self.set_from_outside(name) {
            return Flow::Next;
        }
        let shown = of.trim_start_matches("zmq.");
        let message = format!("{shown} has no such option: {}", name.to_ascii_uppercase());
        let meant = zmq::names(of).map_or_else(Meant::default, |names| Meant::among(name, names.iter().copied()));
        self.no_attribute(here, span, name, message, meant)
    }

    pub fn instance_attribute(&mut self, here: ModuleId, id: usize, name: &str, span: Span) -> Flow {
        let Some(object) = self.objects.get(id) else {
            return Flow::Next;
        };
        let class = (object.module, object.class);
        if object.attributes.contains_key(name) || object.dynamic || self.maybe > 0 || is_special(name) {
            return Flow::Next;
        }
        let found = self.find_method(class.0, class.1, name);
        let is_method = matches!(found, Lookup::Found(owner, function) if !self.is_property(owner, function));
        if is_method && !self.is_followed_by(span, '(') {
            // What keeps a method may call it at any time.
            self.called_unseen.insert(name.to_owned());
            self.reach_by_method(id);
        }
        if let Lookup::Found(owner, function) = found {
            return self.property(here, id, owner, function, span);
        }
        if self.is_unset_field(id, class, name) && !self.is_set_on_others(name) {
            let shown = self.class_name(class);
            let message = format!("'{shown}' object has no attribute '{name}'");
            let help = Some("set it in `__post_init__`: nobody is given a field that is not of `__init__`".to_owned());
            return self.no_attribute(here, span, name, message, help);
        }
        if matches!(found, Lookup::NotThere)
            && let Some(flow) = self.read_by_class(here, id, name, span)
        {
            return flow;
        }
        let Some(names) = self.names_of_class(class) else {
            return Flow::Next;
        };
        let assigned_later = self.is_assigned_in(class, name);
        let opened = self.objects.get(id).is_none_or(|object| object.opened);
        // What is not followed may give it attributes of any name.
        let reached = self.objects.get(id).is_none_or(|object| object.reached);
        let whole = self.objects.get(id).is_none_or(|object| object.whole);
        // `del object.name` may be its own affair.
        if matches!(self.find_method(class.0, class.1, "__delattr__"), Lookup::Found(..)) {
            return Flow::Next;
        }
        if (opened && whole && self.has_setattr(class)) || self.sets_by_name(class, opened || reached) {
            return Flow::Next;
        }
        // `self.__class__.name = …` gives it to this one, too.
        let given = self.class_variable(class.0, class.1, name).is_some() || self.is_set_on_others(name);
        let perhaps_by_now =
            assigned_later && (opened && !self.is_for_constructors(class, name) || self.may_be_given_unseen(name));
        if matches!(found, Lookup::Unknown) || names.contains(name) || given || perhaps_by_now {
            return Flow::Next;
        }
        let shown = self.class_name(class);
        let (message, help) = if assigned_later {
            (
                format!("'{shown}' object has no attribute '{name}' yet: it is set only later"),
                Some("set it before it is used; a base class sets its own in `super().__init__(…)`".to_owned()),
            )
        } else {
            (format!("'{shown}' object has no attribute '{name}'"), None)
        };
        self.no_attribute(here, span, name, message, help)
    }

    /// `super().name` in a method of that class, of an object.
    fn attribute_above(&mut self, here: ModuleId, class: (ModuleId, u32), of: &V, (name, span): (&str, Span)) -> Flow {
        let own = match of {
            V::Instance(id) => self.objects.get(*id).map(|object| (object.module, object.class)),
            V::Class(module, class) => Some((*module, *class)),
            _ => None,
        };
        let Some(own) = own.filter(|_| self.is_certain() && !name.starts_with("__")) else {
            return Flow::Next;
        };
        let order = self.order(own.0, own.1);
        let Some(at) = order.iter().position(|entry| *entry == Some(class)) else {
            return Flow::Next;
        };
        let above = &order[at + 1..];
        let lacks = |entry: &(ModuleId, u32)| self.names_of_class(*entry).is_some_and(|names| !names.contains(name));
        let known = above.iter().all(|entry| entry.as_ref().is_some_and(lacks))
            && matches!(self.find_among(above, name), Lookup::NotThere)
            && !self.is_set_on_others(name);
        if !known {
            return Flow::Next;
        }
        let message = format!("'super' object has no attribute '{name}'");
        let help = Some(format!("no class above `{}` has it", self.class_name(class)));
        self.no_attribute(here, span, name, message, help)
    }

    /// `hasattr(object, name)`, where that is known.
    pub fn has_attribute(&self, id: usize, name: &str) -> Option<bool> {
        let object = self.objects.get(id)?;
        let class = (object.module, object.class);
        if let Some(variable) = object.attributes.get(name) {
            // One that was set on a way that may not be taken may not be there.
            return (variable.sure || variable.value != V::Unknown).then_some(true);
        }
        let own = !object.dynamic && !object.opened && !object.reached && self.loops == 0;
        let lacks = own
            && !is_mangled(name)
            && !is_special(name)
            && matches!(self.find_method(class.0, class.1, name), Lookup::NotThere)
            && self.names_of_class(class).is_some_and(|names| !names.contains(name))
            && !self.is_set_on_others(name)
            && !self.sets_by_name(class, false)
            && !(object.global && self.may_be_given_unseen(name));
        lacks.then_some(false)
    }

    /// `hasattr(module, name)` of the standard library, where that is known.
    pub fn module_has(&self, module: &str, name: &str) -> Option<bool> {
        let names = stdlib::names(module).filter(|_| self.version().minor == 11)?;
        let open = name.starts_with("__") || self.is_set_on_others(name) || module == "builtins";
        let below = || stdlib::names(&format!("{module}.{name}")).is_some();
        (!open && !below()).then(|| names.contains(name))
    }

    /// `hasattr(class, name)`, where that is known.
    pub fn class_has(&self, class: (ModuleId, u32), name: &str) -> Option<bool> {
        if self.is_given(class.0, class.1, name) {
            return None;
        }
        if matches!(self.find_method(class.0, class.1, name), Lookup::Found(..))
            || self
                .class_variable(class.0, class.1, name)
                .is_some_and(|variable| variable.sure)
        {
            return Some(true);
        }
        let lacks = !self.has_own_metaclass(&self.order(class.0, class.1))
            && matches!(self.find_method(class.0, class.1, name), Lookup::NotThere)
            && self.names_of_class(class).is_some_and(|names| !names.contains(name))
            && !name.starts_with("__")
            && !is_mangled(name)
            && !matches!(name, "mro" | "register")
            && !self.has_setattr(class)
            && !self.set_from_outside(name);
        lacks.then_some(false)
    }

    /// An object may get attributes of any name from here on.
    pub fn any_attribute(&mut self, object: &V) {
        match object {
            V::Instance(id) => {
                if let Some(items) = self.dictionary_of(*id) {
                    self.open_data(&items);
                }
                if let Some(object) = self.objects.get_mut(*id) {
                    object.dynamic = true;
                }
            }
            V::Module(id) => {
                if let Some(module) = self.modules.get_mut(*id) {
                    module.dynamic = true;
                }
            }
            _ => {}
        }
    }

    /// All attributes of an object are others from now on, or its class is.
    pub fn becomes_another(&mut self, object: &V) {
        match object {
            V::Instance(id) => {
                self.forgets_attributes(*id);
                if let Some(class) = self.objects.get(*id).map(|object| (object.module, object.class)) {
                    self.given.insert((class.0, class.1, Given::Any));
                }
            }
            object => self.any_attribute(object),
        }
    }

    /// An attribute of an object is gone: what its class has is seen again.
    pub fn loses_attribute(&mut self, object: &V, name: Option<&str>) {
        self.any_attribute(object);
        match object {
            V::Instance(id) => {
                if let Some(object) = self.objects.get_mut(*id) {
                    match name {
                        Some(name) => drop(object.attributes.remove(name)),
                        None => object.attributes.clear(),
                    }
                }
            }
            V::Class(module, class) => {
                let name = name.map_or(Given::Any, |name| Given::Named(name.to_owned()));
                self.given.insert((*module, *class, name));
            }
            _ => {}
        }
        if let Some(name) = name {
            self.set_elsewhere.insert(SetElsewhere::Attribute(name.to_owned()));
        }
    }

    fn attribute_of_class(&mut self, here: ModuleId, class: (ModuleId, u32), name: &str, span: Span) -> Flow {
        if self.maybe > 0 || is_special(name) {
            return Flow::Next;
        }
        if self.lacks_member(class, name) && !self.set_from_outside(name) {
            let message = format!("the enumeration {} has no member '{name}'", self.class_name(class));
            return self.no_attribute(here, span, name, message, None);
        }
        if !matches!(self.find_method(class.0, class.1, name), Lookup::NotThere) {
            return Flow::Next;
        }
        if let Some(flow) = self.read_of_class(here, class, name, span) {
            return flow;
        }
        // What a metaclass has, its classes have.
        if self.has_own_metaclass(&self.order(class.0, class.1)) {
            return Flow::Next;
        }
        match self.names_of_class(class).filter(|_| !self.has_setattr(class)) {
            Some(names)
                if !names.contains(name) && !matches!(name, "mro" | "register") && !self.set_from_outside(name) =>
            {
                let shown = self.class_name(class);
                let message = format!("type object '{shown}' has no attribute '{name}'");
                self.no_attribute(here, span, name, message, None)
            }
            _ => Flow::Next,
        }
    }

    /// Whether a module that has run gives anything but the `self` of a method an attribute of that name: a module, say, which is no `self`.
    pub fn is_set_on_others(&self, name: &str) -> bool {
        self.any(name, About::SetsOnOthers)
    }

    pub fn class_name(&self, (module, class): (ModuleId, u32)) -> String {
        self.source(module)
            .and_then(|source| source.classes.get(class as usize))
            .map_or_else(String::new, |facts| facts.name.to_string())
    }

    /// Names that the bodies of a class and of those above it bind; nothing where these may get others.
    pub fn names_of_class(&self, class: (ModuleId, u32)) -> Option<HashSet<&str>> {
        const MAKERS: &[&str] = &["__getattr__", "__getattribute__", "__setattr__", "__slots__"];
        const SHOWN: &[&str] = &["__dict__", "vars"];
        match self.find_method(class.0, class.1, "__init_subclass__") {
            Lookup::NotThere => {}
            // What it gave classes was seen.
            Lookup::Found(owner, function) if self.followed.contains(&(owner, function)) => {}
            _ => return None,
        }
        let mut names = HashSet::default();
        for entry in self.order(class.0, class.1) {
            let (module, class) = entry?;
            let source = self.source(module)?;
            if self.given.contains(&(module, class, Given::More)) {
                return None;
            }
            // What shows all attributes of an object may be used to change them.
            let written = |name: &str| source.atom(name).is_some_and(|atom| source.uses(atom).escapes);
            let facts = source.classes.get(class as usize)?;
            let has = |maker: &&str| {
                let bound = || {
                    let mut bound = HashSet::default();
                    collect(source, &facts.body, &mut bound);
                    bound.contains(*maker)
                };
                source.atom(maker).is_some() && (bound() || self.set_from_outside(maker))
            };
            if MAKERS.iter().any(has) || SHOWN.iter().any(|shown| written(shown)) {
                return None;
            }
            if source
                .atom("locals")
                .is_some_and(|locals| calls(source, &facts.body, locals))
            {
                return None;
            }
            collect(source, &facts.body, &mut names);
        }
        Some(names)
    }

    /// Whether the modules of a class and of those above it call `setattr`.
    pub fn has_setattr(&self, class: (ModuleId, u32)) -> bool {
        let order = self.order(class.0, class.1);
        order.into_iter().any(|entry| {
            entry
                .and_then(|(module, _)| self.source(module))
                .is_none_or(|source| source.atom("setattr").is_some())
        })
    }

    /// Whether a module that has run gives objects attributes of names that it computes; `given`: this object got there, or to
    /// something else that is not followed.
    fn sets_by_name(&self, class: (ModuleId, u32), given: bool) -> bool {
        let unseen = |mention: &Mention<'_>| {
            mention.source.calls.iter().any(|call| {
                let within = call.function;
                call.callee == Value::Name(mention.atom)
                    && self.may_be_own(mention, call, class)
                    && within.is_some_and(|function| function == LAMBDA || self.may_have_run(mention.module, function))
            })
        };
        // Whoever only reads what they show changes nothing.
        let shows = |name: &&str| {
            let mut mentions = self.mentions(name).into_iter();
            mentions.any(|mention| mention.source.uses(mention.atom).escapes)
        };
        (given && ["__dict__", "vars"].iter().any(shows)) || self.mentions("setattr").iter().any(unseen)
    }

    /// Whether what a call of `setattr` is about may be an object of a class: `self` in a method of another is none.
    fn may_be_own(&self, mention: &Mention<'_>, call: &Call, class: (ModuleId, u32)) -> bool {
        let method = call
            .function
            .and_then(|function| mention.source.functions.get(function as usize));
        let Some((method, of)) = method.and_then(|method| Some((method, method.class?))) else {
            return true;
        };
        let own = method.parameters.all.first().map(|own| own.name);
        let rebound = own.is_some_and(|own| {
            any_step(
                &method.body,
                &mut |step| matches!(step, Step::Store { name, .. } if *name == own),
            )
        });
        let is_self = matches!((call.arguments.first(), own), (Some(Value::Name(name)), Some(own)) if *name == own);
        if !is_self || rebound || !method.decorators.is_empty() || method.outer.is_some() {
            return true;
        }
        let order = self.order(class.0, class.1);
        order
            .iter()
            .any(|entry| entry.is_none_or(|above| above == (mention.module, of)))
    }

    /// Whether a function may have been called where that is not followed: something calls one of its name, or has got it.
    fn may_have_run(&self, module: ModuleId, function: u32) -> bool {
        let facts = self
            .source(module)
            .and_then(|source| source.functions.get(function as usize));
        let Some(name) = facts.map(|facts| &*facts.name) else {
            return true;
        };
        let called = || {
            self.mentions(name).iter().any(|mention| {
                mention.source.calls.iter().any(|call| match call.callee {
                    Value::Name(name) | Value::Attribute(_, name) => name == mention.atom,
                    _ => false,
                })
            })
        };
        self.called_unseen.contains(name) || (!self.followed.contains(&(module, function)) && called())
    }

    /// Whether any method of a class or of those above it sets the attribute; or anything sets one of that name.
    fn is_assigned_in(&self, class: (ModuleId, u32), name: &str) -> bool {
        let order = self.order(class.0, class.1);
        order.into_iter().flatten().any(|(module, class)| {
            self.source(module).is_some_and(|source| {
                source
                    .attributes
                    .iter()
                    .any(|attribute| attribute.class == class && &*attribute.name == name)
            })
        }) || self.set_from_outside(name)
    }

    /// Whether constructors alone set an attribute, and nothing but the making of an object calls those.
    fn is_for_constructors(&self, class: (ModuleId, u32), name: &str) -> bool {
        let order = self.order(class.0, class.1);
        let set_otherwise = order.iter().any(|entry| {
            let own = entry.and_then(|(module, class)| Some((self.source(module)?, class)));
            own.is_none_or(|(source, class)| {
                let mut sets = source.attributes.iter();
                sets.any(|set| {
                    let later = set.function.is_some() && !is_constructor(source, set.function);
                    set.class == class && &*set.name == name && later
                }) || is_set_by_inner(source, name)
            })
        });
        // One that was called where that is not followed may have been about this object.
        let called = self.called_unseen.contains(CONSTRUCTOR) || self.any(CONSTRUCTOR, About::CallsConstructor);
        !set_otherwise && !called
    }

    /// Whether an attribute of an object has what its constructors gave it, whoever has the object.
    pub fn is_only_constructed(&self, class: (ModuleId, u32), name: &str) -> bool {
        self.is_for_constructors(class, name)
            && !self.is_set_on_others(name)
            && !self.sets_by_name(class, true)
            && self.names_of_class(class).is_some()
    }

    fn no_attribute(
        &mut self,
        here: ModuleId,
        span: Span,
        name: &str,
        message: String,
        meant: impl Into<Meant>,
    ) -> Flow {
        if is_mangled(name) {
            return Flow::Next;
        }
        let meant = meant.into();
        let words = Words::about(Subject::Name(name.to_owned()), message).with_meant(name, meant.only);
        self.fail_at(here, span, "start/no-attribute", "AttributeError", words, meant.help)
    }
}

/// Whether a name is like `_Class__name`, as which others know what a class writes as `__name`.
fn is_mangled(name: &str) -> bool {
    name.strip_prefix('_')
        .and_then(|rest| rest.split_once("__"))
        .is_some_and(|(class, private)| !class.is_empty() && !private.is_empty())
}

/// Whether a value of a type has an attribute. What is written in brackets may be any of three.
fn has_member(kind: &str, name: &str) -> bool {
    let others: &[&str] = if kind == "list" { &["tuple", "set"] } else { &[] };
    members::has(kind, name) || others.iter().any(|kind| members::has(kind, name))
}

/// Whether a body calls a function of that name.
fn calls(source: &pysrc::Module, body: &Body, name: Atom) -> bool {
    any_step(body, &mut |step| match step {
        Step::Call(call) => source
            .calls
            .get(*call as usize)
            .is_some_and(|call| call.callee == Value::Name(name)),
        _ => false,
    })
}

/// Names that a class body binds.
pub fn collect<'a>(source: &'a pysrc::Module, body: &Body, into: &mut HashSet<&'a str>) {
    for step in body {
        match step {
            Step::Store { name, .. } => {
                into.insert(source.name(*name));
            }
            Step::Import(index) => {
                let binds = source.imports.get(*index as usize).and_then(|import| import.binds);
                into.extend(binds.map(|name| source.name(name)));
            }
            Step::Function(index) => {
                into.extend(source.functions.get(*index as usize).map(|function| &*function.name));
            }
            Step::Class(index) => {
                into.extend(source.classes.get(*index as usize).map(|class| &*class.name));
            }
            Step::Branch(branch) => branch.arms.iter().for_each(|arm| collect(source, arm, into)),
            Step::Loop(round) => {
                collect(source, &round.body, into);
                collect(source, &round.orelse, into);
            }
            Step::Try(attempt) => {
                for body in [&attempt.body, &attempt.orelse, &attempt.finally] {
                    collect(source, body, into);
                }
                for handler in &attempt.handlers {
                    collect(source, &handler.body, into);
                }
            }
            _ => {}
        }
    }
}
/// Whether a function inside another one sets an attribute: it may run long after that.
fn is_set_by_inner(source: &pysrc::Module, name: &str) -> bool {
    let Some(atom) = source.atom(name) else {
        return false;
    };
    let mut inner = source.functions.iter().filter(|facts| facts.outer.is_some());
    inner.any(|facts| {
        any_step(
            &facts.body,
            &mut |step| matches!(step, Step::StoreAttribute { attribute, .. } if *attribute == atom),
        )
    })
}

/// Whether a name is one of those that Python gives a meaning: objects have more of them than is written anywhere.
fn is_special(name: &str) -> bool {
    name.starts_with("__") && name.ends_with("__")
}
