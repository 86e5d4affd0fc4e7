//! Dataclasses and named tuples: what their constructors take, and what cannot be assigned to them.

use pysrc::{Call, Class, Field, Module, Value, members};
use rustc_hash::FxHashMap as HashMap;

use super::arguments::Arguments;
use super::attribute::collect;
use super::class::Lookup;
use super::content::Holder;
use super::failure::Flow;
use super::signature::{Parameter, Signature};
use super::value::{ModuleId, V, Variable};
use super::walk::{Object, Walker};

/// Names that the fields of a dataclass are read by; under another name they are not seen.
const MARKERS: &[&str] = &["field", "ClassVar", "InitVar", "KW_ONLY"];

impl Walker<'_> {
    /// Makes an object of a dataclass or of a class of `typing.NamedTuple`; nothing where it is neither.
    pub fn construct_record(
        &mut self,
        here: ModuleId,
        call: &Call,
        class: (ModuleId, u32),
        arguments: &Arguments,
    ) -> Option<(V, Flow)> {
        let signature = self.constructor(class)?;
        if let Some(message) = arguments.refused_by(&signature)
            && !self.set_from_outside("__init__")
        {
            let flow = self.fail_at(here, call.span, "start/argument-count", "TypeError", message, None);
            return Some((V::Unknown, flow));
        }
        let record = match self.new_record(here, call, class, arguments) {
            Some(record) => record,
            None => {
                self.escape(arguments);
                self.alive = true;
                V::Record(class.0, class.1)
            }
        };
        let after = self
            .source(class.0)?
            .classes
            .get(class.1 as usize)
            .and_then(|facts| self.own_method(class.0, facts, "__post_init__"));
        let flow = match after.filter(|_| signature.name.ends_with("__init__")) {
            Some(function) => {
                let unknown = Arguments::none(true);
                let method = V::Method(class.0, function, Box::new(record.clone()));
                match method.closure() {
                    Some(method) => self.call_function(here, call, method, &unknown).1,
                    None => Flow::Next,
                }
            }
            None => Flow::Next,
        };
        Some((record, flow))
    }

    /// A new object of a dataclass, with its fields.
    fn new_record(&mut self, here: ModuleId, call: &Call, class: (ModuleId, u32), arguments: &Arguments) -> Option<V> {
        let facts = self.source(class.0)?.classes.get(class.1 as usize)?;
        if self.is_unusual(facts, class) || !self.is_plain_record(self.source(class.0)?, facts) {
            return None;
        }
        let fields = self.all_fields(class)?;
        let mut attributes = HashMap::default();
        let mut place = 0;
        for field in fields {
            let by_place = (field.init && !field.keyword_only).then_some(place);
            place += usize::from(by_place.is_some());
            let name = field.name.to_string();
            let given = by_place
                .and_then(|at| arguments.positional.get(at))
                .or_else(|| arguments.named(&name).filter(|_| field.init));
            let doubtful = by_place.is_some_and(|at| arguments.doubtful.0.contains(&at))
                || arguments.doubtful.1.contains(&name)
                || arguments.open;
            let value = match given {
                Some(value) => value.clone(),
                None if field.has_default && !arguments.open => self.default_of_field(here, call, class, &name),
                None if field.init => V::Unknown,
                None => continue,
            };
            let sure = value != V::Unknown && !doubtful;
            if !self.data.is_empty() {
                self.hold(&value, &Holder::Attribute(name.clone()));
            }
            attributes.insert(name, Variable { value, sure });
        }
        let id = self.shared.number();
        self.instantiated.insert(class);
        let made = Object {
            module: class.0,
            class: class.1,
            attributes,
            opened: false,
            reached: false,
            global: false,
            whole: false,
            dynamic: false,
        };
        self.objects.insert(id, made);
        Some(V::Instance(id))
    }

    /// What a field gets that is not given; what a factory of the tree makes is made.
    fn default_of_field(&mut self, here: ModuleId, call: &Call, class: (ModuleId, u32), name: &str) -> V {
        let written = self
            .class_variable(class.0, class.1, name)
            .map(|variable| variable.value.clone());
        if let Some(value) = written.filter(|value| *value != V::Unknown) {
            return value;
        }
        let order = self.order(class.0, class.1);
        let factory = order.into_iter().flatten().find_map(|(module, class)| {
            let source = self.source(module)?;
            let Value::Call(made) = self.own_attribute(source, class, name)? else {
                return None;
            };
            let made = source.calls.get(*made as usize)?;
            match source.keyword(made, "default_factory")? {
                Value::Name(factory) => {
                    let name = source.name(*factory);
                    let own = self.global(module, name);
                    Some(own.unwrap_or_else(|| V::Outside(format!("builtins.{name}"))))
                }
                _ => None,
            }
        });
        match factory {
            Some(class @ V::Class(..)) => self.apply(here, call, class, &Arguments::none(false)).0,
            Some(V::Outside(name)) if name == "builtins.list" => V::List(Vec::new()),
            Some(V::Outside(name)) if name == "builtins.dict" => self.written(&[]),
            _ => V::Unknown,
        }
    }

    /// Whether a class is a dataclass whose objects are like any other's, but for their constructor.
    pub fn is_plain_record(&self, source: &Module, facts: &Class) -> bool {
        facts.fields.as_ref().is_some_and(|fields| !fields.slots) && self.is_dataclass(source, facts)
    }

    /// Whether objects of a dataclass lack one of its fields until somebody sets it: `field(init=False)` without a default, which
    /// no method and no class above sets.
    pub fn is_unset_field(&self, id: usize, class: (ModuleId, u32), name: &str) -> bool {
        let plain = self.source(class.0).is_some_and(|source| {
            let facts = source.classes.get(class.1 as usize);
            facts.is_some_and(|facts| self.is_plain_record(source, facts))
        });
        let order = self.order(class.0, class.1);
        let shared = |object: &Object| object.opened || object.reached || object.dynamic;
        if self.objects.get(id).is_none_or(shared) {
            return false;
        }
        // One class alone: what those above it have is another matter.
        let [Some(_)] = order.as_slice() else {
            return false;
        };
        let fields = self.all_fields(class).filter(|_| plain);
        let unset = |field: &Field| &*field.name == name && !field.init && !field.has_default;
        let sets = |source: &Module| {
            source
                .attributes
                .iter()
                .any(|set| set.function.is_some() && &*set.name == name)
        };
        fields.is_some_and(|fields| fields.iter().any(unset)) && !self.source(class.0).is_some_and(sets)
    }

    /// Whether a named tuple has no such field or method.
    pub fn lacks_field(&self, class: (ModuleId, u32), name: &str) -> bool {
        let source = self.source(class.0);
        let Some((source, facts)) = source.and_then(|source| Some((source, source.classes.get(class.1 as usize)?)))
        else {
            return false;
        };
        if !self.is_named_tuple(class) || !facts.decorators.is_empty() || name.starts_with('_') {
            return false;
        }
        let mut names = rustc_hash::FxHashSet::default();
        collect(source, &facts.body, &mut names);
        let mut fields = facts.fields.iter().flat_map(|fields| &fields.all);
        !names.contains(name)
            && !fields.any(|field| &*field.name == name)
            && !members::has("tuple", name)
            && !self.set_from_outside(name)
    }

    /// Whether a dataclass that is like any other class has a field of that name: its objects have it, whatever the class has.
    pub fn is_field(&self, class: (ModuleId, u32), name: &str) -> bool {
        // One that nobody is given, and that has no default, is not there before somebody sets it.
        let is_set = |field: &Field| field.init || field.has_default;
        let mut order = self.order(class.0, class.1).into_iter().flatten();
        order.any(|entry| {
            let facts = self
                .source(entry.0)
                .and_then(|source| source.classes.get(entry.1 as usize));
            let fields = facts
                .filter(|facts| !self.is_unusual(facts, entry))
                .and_then(|facts| facts.fields.as_ref());
            fields.is_some_and(|fields| fields.all.iter().any(|field| is_set(field) && &*field.name == name))
        })
    }

    /// Whether the body of a class has a constructor.
    pub fn has_own_constructor(&self, module: ModuleId, facts: &Class) -> bool {
        self.own_method(module, facts, "__init__").is_some()
    }

    /// Whether nothing can be assigned to the objects of a class.
    pub fn is_frozen(&self, class: (ModuleId, u32)) -> bool {
        self.source(class.0)
            .and_then(|source| source.classes.get(class.1 as usize))
            .and_then(|facts| facts.fields.as_ref())
            .is_some_and(|fields| fields.frozen)
    }

    /// What the constructor takes that is made for the fields of a class.
    fn constructor(&self, class: (ModuleId, u32)) -> Option<Signature> {
        let source = self.source(class.0)?;
        let facts = source.classes.get(class.1 as usize)?;
        let own = facts.fields.as_ref().filter(|fields| fields.init)?;
        let (fields, maker) = if self.is_named_tuple(class) {
            (own.all.to_vec(), "__new__")
        } else {
            let plain = self.is_dataclass(source, facts)
                && matches!(self.find_method_of_plain(class, "__new__"), Lookup::NotThere)
                && self.own_method(class.0, facts, "__init__").is_none()
                && self.own_attribute(source, class.1, "__init__").is_none();
            (self.all_fields(class).filter(|_| plain)?, "__init__")
        };
        let taken = |keyword_only: bool| {
            let fields = fields
                .iter()
                .filter(move |field| field.init && field.keyword_only == keyword_only);
            fields.map(|field| Parameter {
                name: field.name.to_string(),
                has_default: field.has_default,
            })
        };
        let mut parameters: Vec<Parameter> = taken(false).collect();
        let positional = parameters.len();
        parameters.extend(taken(true));
        Some(Signature {
            name: format!("{}.{maker}", facts.name),
            parameters,
            positional,
            method: true,
            ..Signature::default()
        })
    }

    /// The fields of a dataclass, those of the classes above it included; nothing where some may not be known. A field that a
    /// class above has keeps its place there.
    pub fn all_fields(&self, class: (ModuleId, u32)) -> Option<Vec<Field>> {
        let mut all: Vec<Field> = Vec::new();
        let mut order = self.order(class.0, class.1);
        order.reverse();
        let mut above: Vec<(&Module, u32)> = Vec::new();
        for entry in order {
            let (module, class) = entry?;
            let source = self.source(module)?;
            let facts = source.classes.get(class as usize)?;
            let own: &[Field] = if facts.decorators.is_empty() && !facts.keywords {
                &[]
            } else {
                &facts.fields.as_ref().filter(|_| self.is_dataclass(source, facts))?.all
            };
            for field in own {
                // What a class above binds to that name is a default.
                let inherited = above.iter().any(|(source, class)| {
                    let methods = source
                        .classes
                        .get(*class as usize)
                        .into_iter()
                        .flat_map(|facts| &facts.methods);
                    let mut functions = methods.filter_map(|method| source.functions.get(*method as usize));
                    self.own_attribute(source, *class, &field.name).is_some()
                        || functions.any(|function| function.name == field.name)
                });
                if inherited && !field.has_default {
                    return None;
                }
                match all.iter_mut().find(|known| known.name == field.name) {
                    Some(known) => *known = field.clone(),
                    None => all.push(field.clone()),
                }
            }
            above.push((source, class));
        }
        Some(all)
    }

    /// Whether the decorators of a class are the standard library's `dataclass`, and nothing else, and its fields are what they
    /// seem.
    pub fn is_dataclass(&self, source: &Module, facts: &Class) -> bool {
        let [decorator] = facts.decorators.as_slice() else {
            return false;
        };
        if facts.keywords {
            return false;
        }
        let (first, rest) = decorator.split_once('.').unwrap_or((decorator, ""));
        let module = source.atom(first).and_then(|atom| self.global_of(source, atom));
        let decorated = match (module, rest) {
            (Some(V::Outside(name)), "") => name == "dataclasses.dataclass",
            (Some(V::Outside(name)), "dataclass") => name == "dataclasses",
            _ => false,
        };
        decorated && markers_are_plain(source)
    }

    /// Whether the one base of a class is `typing.NamedTuple`.
    fn is_named_tuple(&self, class: (ModuleId, u32)) -> bool {
        let plain = self
            .source(class.0)
            .and_then(|source| source.classes.get(class.1 as usize))
            .is_some_and(|facts| !facts.unusual);
        plain
            && matches!(self.bases.get(&class).map(Vec::as_slice), Some([V::Outside(base)]) if base == "typing.NamedTuple")
    }

    /// What a module's name is bound to, where that module is running.
    fn global_of(&self, source: &Module, atom: pysrc::Atom) -> Option<V> {
        let mut modules = self.modules.order().iter();
        let module = modules.find(|id| self.source(**id).is_some_and(|other| std::ptr::eq(other, source)))?;
        let id = self.modules.first_of_file(self.file_of(*module)?)?;
        self.global(id, source.name(atom))
    }

    /// Why an attribute of a dataclass's object, or of a named tuple, cannot be assigned to: the exception's class, its text.
    pub fn cannot_assign(&self, class: (ModuleId, u32), attribute: &str) -> Option<(&'static str, String)> {
        let source = self.source(class.0)?;
        let facts = source.classes.get(class.1 as usize)?;
        let fields = facts.fields.as_ref().filter(|fields| fields.frozen || fields.slots)?;
        if !fields.frozen {
            let plain = self.is_dataclass(source, facts)
                && self.bases.get(&class).is_some_and(Vec::is_empty)
                && self.own_method(class.0, facts, "__setattr__").is_none()
                && self.own_method(class.0, facts, attribute).is_none();
            let has = fields.all.iter().any(|field| &*field.name == attribute);
            let message = format!("'{}' object has no attribute '{attribute}'", facts.name);
            return (plain && !has).then_some(("AttributeError", message));
        }
        if self.is_named_tuple(class) {
            let field = facts.fields.iter().flat_map(|fields| &fields.all);
            let message = match field.map(|field| &*field.name).any(|name| name == attribute) {
                true => "can't set attribute".to_owned(),
                false => format!("'{}' object has no attribute '{attribute}'", facts.name),
            };
            return Some(("AttributeError", message));
        }
        let own = self.own_method(class.0, facts, "__setattr__");
        let plain = self.is_dataclass(source, facts) && own.is_none();
        plain.then(|| ("FrozenInstanceError", format!("cannot assign to field '{attribute}'")))
    }

    /// A method of the body of a class itself.
    fn own_method(&self, module: ModuleId, facts: &Class, name: &str) -> Option<u32> {
        let source = self.source(module)?;
        let named = |method: &&u32| {
            let function = source.functions.get(**method as usize);
            function.is_some_and(|function| &*function.name == name)
        };
        facts.methods.iter().rev().find(named).copied()
    }

    /// What the body of a class itself gives a name.
    fn own_attribute<'s>(&self, source: &'s Module, class: u32, name: &str) -> Option<&'s Value> {
        let mut attributes = source.attributes.iter();
        attributes
            .find(|attribute| attribute.class == class && attribute.function.is_none() && &*attribute.name == name)
            .map(|attribute| &attribute.value)
    }

    /// A method of a class or of one above it, whatever their decorators.
    pub fn find_method_of_plain(&self, class: (ModuleId, u32), name: &str) -> Lookup {
        for entry in self.order(class.0, class.1) {
            let Some((module, class)) = entry else {
                return Lookup::Unknown;
            };
            let facts = self
                .source(module)
                .and_then(|source| source.classes.get(class as usize));
            let Some(facts) = facts else {
                return Lookup::Unknown;
            };
            if let Some(function) = self.own_method(module, facts, name) {
                return Lookup::Found(module, function);
            }
        }
        Lookup::NotThere
    }
}

/// Whether a module imports what marks fields under no other name, and binds none of those names itself.
fn markers_are_plain(source: &Module) -> bool {
    let renamed = source.imports.iter().any(|import| {
        let name = import.name.as_deref().filter(|name| MARKERS.contains(name));
        name.is_some_and(|name| import.binds.is_some_and(|binds| source.name(binds) != name))
    });
    let own = source.bindings.iter().any(|binding| {
        let imported = match binding.kind {
            pysrc::BindingKind::Import(import) => source
                .imports
                .get(import as usize)
                .is_some_and(|import| matches!(&*import.module, "dataclasses" | "typing" | "typing_extensions")),
            _ => false,
        };
        !imported && MARKERS.contains(&source.name(binding.name))
    });
    !renamed && !own
}
