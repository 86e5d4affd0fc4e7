//! What stands between an object and an attribute: setters of properties, descriptors (`__get__`, `__set__`, `__set_name__`) and
//! `__getattr__`.

use std::sync::Arc;

use pysrc::{Atom, Class, Span, Step};

use super::arguments::Arguments;
use super::call::made_for;
use super::class::Lookup;
use super::failure::Flow;
use super::steps::visit;
use super::value::{Captured, Closure, ModuleId, V, Variable};
use super::walk::Walker;

/// Names by which a class may give its objects attributes that nothing sees.
const HIDDEN: &[&str] = &[
    "__getattribute__",
    "__setattr__",
    "__dict__",
    "vars",
    "setattr",
    "__slots__",
];

impl Walker<'_> {
    /// `object.attribute = value`, where something of the class takes the value: says how that ends, nothing where the object
    /// itself gets it.
    pub fn set_by_class(&mut self, object: Atom, attribute: Atom, at: u32, value: &V, sure: bool) -> Option<Flow> {
        let here = self.here();
        // Most trees have neither.
        if self.silent > 0 || !self.is_mentioned(&["setter", "__set__"]) {
            return None;
        }
        let source = self.source(here)?;
        let id = self.instance(object)?;
        let name = source.name(attribute);
        let class = self.objects.get(id).map(|object| (object.module, object.class))?;
        let (setter, before) = match self.find_method(class.0, class.1, name) {
            Lookup::Found(owner, function) => {
                let setter = self.accessor(owner, function, "setter")?;
                (self.setter(owner, setter, V::Instance(id)), None)
            }
            Lookup::NotThere => {
                let descriptor = self.descriptor(class, name)?;
                let setter = self.method_of(descriptor, "__set__")?;
                (setter, Some(V::Instance(id)))
            }
            Lookup::Unknown => return None,
        };
        if !self.may_go_deeper() {
            return None;
        }
        let width = source.name(object).len() + ".".len() + name.len();
        let end = at + u32::try_from(width).unwrap_or(0);
        let arguments = given(before.into_iter().chain([value.clone()]).collect(), sure);
        let call = made_for(Span { start: at, end });
        let flow = self.call_function(here, &call, setter, &arguments).1;
        self.given_by_properties.remove(&(id, name.to_owned()));
        Some(flow)
    }

    /// `object.name` is read, which is a descriptor of its class, or is there for `__getattr__` alone.
    pub fn read_by_class(&mut self, here: ModuleId, id: usize, name: &str, span: Span) -> Option<Flow> {
        if !self.is_mentioned(&["__get__", "__getattr__"]) {
            return None;
        }
        let class = self.objects.get(id).map(|object| (object.module, object.class))?;
        let (reader, arguments) = match self.descriptor(class, name) {
            Some(descriptor) => {
                let reader = self.method_of(descriptor, "__get__")?;
                (reader, vec![V::Instance(id), V::Class(class.0, class.1)])
            }
            None => (self.last_resort(id, name)?, vec![V::Str(name.to_owned())]),
        };
        let (variable, flow) = self.read(here, span, reader, arguments)?;
        self.given_by_properties.insert((id, name.to_owned()), variable);
        Some(flow)
    }

    /// `Class.name` is read, which is a descriptor.
    pub fn read_of_class(&mut self, here: ModuleId, class: (ModuleId, u32), name: &str, span: Span) -> Option<Flow> {
        if !self.is_mentioned(&["__get__"]) {
            return None;
        }
        let descriptor = self.descriptor(class, name)?;
        let reader = self.method_of(descriptor, "__get__")?;
        let arguments = vec![V::None, V::Class(class.0, class.1)];
        let (variable, flow) = self.read(here, span, reader, arguments)?;
        self.given_by_classes
            .insert((class.0, class.1, name.to_owned()), variable);
        Some(flow)
    }

    fn read(&mut self, here: ModuleId, span: Span, reader: Closure, values: Vec<V>) -> Option<(Variable, Flow)> {
        if !self.may_go_deeper() {
            return None;
        }
        self.sure = true;
        let (value, flow) = self.call_function(here, &made_for(span), reader, &given(values, true));
        let sure = self.sure && value != V::Unknown;
        Some((Variable { value, sure }, flow))
    }

    /// The attributes of a class that want to know their names are told.
    pub fn name_attributes(&mut self, module: ModuleId, class: u32, facts: &Class) -> Flow {
        let Some(source) = self.source(module) else {
            return Flow::Next;
        };
        let Some(names) = self.class_names.get(&(module, class)) else {
            return Flow::Next;
        };
        let is_object = |variable: &Variable| matches!(variable.value, V::Instance(_));
        if !names.values().any(is_object) || !self.is_mentioned(&["__set_name__"]) {
            return Flow::Next;
        }
        let mut stored: Vec<Atom> = Vec::new();
        visit(&facts.body, &mut |step| {
            if let Step::Store { name, .. } = step
                && !stored.contains(name)
            {
                stored.push(*name);
            }
        });
        for name in stored {
            let variable = self
                .class_names
                .get(&(module, class))
                .and_then(|names| names.get(&name));
            let Some(Variable {
                value: V::Instance(id),
                sure,
            }) = variable.cloned()
            else {
                continue;
            };
            let Some(of) = self.objects.get(id).map(|object| (object.module, object.class)) else {
                continue;
            };
            match self.find_method(of.0, of.1, "__set_name__") {
                Lookup::NotThere => continue,
                Lookup::Found(owner, function) if sure && self.may_go_deeper() => {
                    let Some(hook) = self.method(owner, function, V::Instance(id), of).closure() else {
                        continue;
                    };
                    let text = source.name(name).to_owned();
                    let arguments = given(vec![V::Class(module, class), V::Str(text)], true);
                    let flow = self.call_function(module, &made_for(facts.span), hook, &arguments).1;
                    if flow != Flow::Next {
                        return flow;
                    }
                }
                _ => {
                    self.any_attribute(&V::Instance(id));
                    self.alive = true;
                }
            }
        }
        Flow::Next
    }

    /// The object that a class has by a name, and that decides what reading or setting the attribute does, or may.
    pub fn descriptor(&self, class: (ModuleId, u32), name: &str) -> Option<usize> {
        let variable = self.class_variable(class.0, class.1, name)?;
        let V::Instance(descriptor) = variable.value else {
            return None;
        };
        let object = self.objects.get(descriptor)?;
        let lacks = |method| matches!(self.find_method(object.module, object.class, method), Lookup::NotThere);
        let open = !variable.sure || self.is_given(class.0, class.1, name);
        let plain = lacks("__get__") && lacks("__set__");
        (!(open || plain)).then_some(descriptor)
    }

    /// Whether what a class has by a name, if it is this, is not what reading it gives.
    pub fn is_descriptor(&self, value: &V) -> bool {
        let V::Instance(id) = value else {
            return false;
        };
        self.objects.get(*id).is_none_or(|object| {
            !matches!(
                self.find_method(object.module, object.class, "__get__"),
                Lookup::NotThere
            )
        })
    }

    fn method_of(&self, object: usize, name: &str) -> Option<Closure> {
        let class = self.objects.get(object).map(|object| (object.module, object.class))?;
        match self.find_method(class.0, class.1, name) {
            Lookup::Found(owner, function) => self.method(owner, function, V::Instance(object), class).closure(),
            Lookup::NotThere | Lookup::Unknown => None,
        }
    }

    /// The `__getattr__` that is asked for an attribute which an object surely lacks.
    fn last_resort(&self, id: usize, name: &str) -> Option<Closure> {
        let object = self.objects.get(id)?;
        let class = (object.module, object.class);
        let asked = self.method_of(id, "__getattr__")?;
        let lacks = !object.opened
            && !object.reached
            && !object.dynamic
            && !object.attributes.contains_key(name)
            && self.class_variable(class.0, class.1, name).is_none()
            && !self.is_set_on_others(name)
            && self.order(class.0, class.1).into_iter().all(|entry| {
                let Some((module, _)) = entry else {
                    return self.is_dictionary_class(class) && !pysrc::members::has("dict", name);
                };
                self.source(module)
                    .is_some_and(|source| HIDDEN.iter().all(|hidden| source.atom(hidden).is_none()))
            });
        lacks.then_some(asked)
    }

    /// The function of the same name and class that a property has for something: `setter`, or `property` for reading.
    pub fn accessor(&self, owner: ModuleId, function: u32, what: &str) -> Option<u32> {
        let source = self.source(owner)?;
        let found = source.functions.get(function as usize)?;
        let class = source.classes.get(found.class? as usize)?;
        class.methods.iter().rev().copied().find(|method| {
            source
                .functions
                .get(*method as usize)
                .is_some_and(|other| match &*other.decorators {
                    [only] => other.name == found.name && only.rsplit('.').next() == Some(what),
                    _ => false,
                })
        })
    }

    fn setter(&self, module: ModuleId, function: u32, of: V) -> Closure {
        Closure {
            module,
            function,
            captured: Arc::new(Captured::default()),
            of: Some(of),
        }
    }
}

fn given(positional: Vec<V>, sure: bool) -> Arguments {
    let mut arguments = Arguments::none(false);
    if !sure {
        arguments.doubtful.0 = positional.len().checked_sub(1).into_iter().collect();
    }
    arguments.sure = sure;
    arguments.positional = positional;
    arguments
}
