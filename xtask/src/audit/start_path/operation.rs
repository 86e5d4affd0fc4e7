//! Operations that what they are done to does not allow: rule `start/bad-operation`.
//!
//! Said only of values that are sure.

use pysrc::{Atom, Call, OperationKind, Span, Value};

use super::arguments::Arguments;
use super::assigned::{Given, SetElsewhere};
use super::call::made_for;
use super::class::Lookup;
use super::failure::{Flow, Words};
use super::operator::{Problem, binary, contains, format, is_no_number, item, kind, order, unary, unpacking};
use super::value::{ModuleId, V, Variable};
use super::walk::{Doubt, Walker};
use crate::finding::Subject;

impl Walker<'_> {
    /// Whether what runs here runs always, and what fails here fails for the first time.
    pub fn is_certain(&self) -> bool {
        self.maybe == 0 && self.doubt < Doubt::All && self.silent == 0 && self.handling == 0 && !self.waiting
    }

    /// One operation step.
    pub fn operation(&mut self, index: u32) -> Flow {
        let here = self.here();
        let Some(operation) = self
            .source(here)
            .and_then(|source| source.operations.get(index as usize))
        else {
            return Flow::Next;
        };
        if let OperationKind::Give(object, attribute, given) = &operation.kind {
            let flow = self.assigns(here, object, *attribute, operation.span);
            if flow == Flow::Next {
                self.object_gets(object, *attribute, given.as_deref());
            }
            return flow;
        }
        match &operation.kind {
            OperationKind::InPlace(value) => {
                let changed = self.evaluate(value);
                self.open_data(&changed);
                if let V::Instance(id) = changed {
                    self.reach(id);
                }
                return Flow::Next;
            }
            OperationKind::Remove(object, attribute) => {
                let object = self.evaluate(object);
                let name = self.source(here).map_or("", |source| source.name(*attribute));
                self.loses_attribute(&object, Some(name));
                return Flow::Next;
            }
            _ => {}
        }
        if let OperationKind::Await(value) = &operation.kind {
            match self.evaluate(value) {
                V::Coroutine(id) | V::Future(id) => return self.awaits(value, id),
                // A task, say, that goes on for ever.
                V::Unknown if !matches!(value, Value::Call(_)) => self.alive = true,
                _ => {}
            }
        }
        if let OperationKind::Item(object, key) = &operation.kind
            && let object @ V::Instance(id) = self.evaluate(object)
            && self.dictionary_of(id).is_none()
            && self.has_no_items(&object).is_none()
        {
            let key = self.certain(key);
            return self.own_item(&object, key, operation.span);
        }
        if !self.is_certain() {
            return Flow::Next;
        }
        let problem = match &operation.kind {
            OperationKind::Manage(value, asynchronous) => {
                match kind(&self.evaluate(value)).filter(|_| self.is_settled(value)) {
                    Some(kind) => Some(no_manager(kind, *asynchronous)),
                    None => match self.lacks_protocol(value, *asynchronous) {
                        None => return self.enter_managed(here, value, *asynchronous, operation.span),
                        problem => problem,
                    },
                }
            }
            OperationKind::Member(value) => return self.nested_attribute(value, operation.span),
            OperationKind::Attribute(kind, name) => {
                let name = self.source(here).map_or("", |source| source.name(*name));
                return self.no_member(here, operation.span, kind, name);
            }
            OperationKind::Item(object, key)
                if matches!(
                    self.as_dictionary(self.evaluate(object)),
                    V::Mapping(_) | V::Sequence(_)
                ) =>
            {
                return self.missing_part(object, key, operation.span);
            }
            OperationKind::Item(object, key) if matches!(self.evaluate(object), V::Outside(name) if name == "os.environ") =>
            {
                return match self.certain(key) {
                    Some(V::Str(name)) => self.environment_lacks(here, &name, operation.span),
                    _ => Flow::Next,
                };
            }
            other => self.problem_of(other),
        };
        self.bad(here, operation.span, problem)
    }

    /// `object.attribute = …`, with what it is given left aside.
    fn assigns(&mut self, here: ModuleId, object: &Value, attribute: Atom, span: Span) -> Flow {
        match self.evaluate(object) {
            V::Class(module, class) => {
                let name = self.source(here).map_or("", |source| source.name(attribute));
                self.given.insert((module, class, Given::Named(name.to_owned())));
            }
            made @ V::Module(_) => self.any_attribute(&made),
            made @ (V::Record(..) | V::Instance(_)) if self.is_certain() => {
                let name = self.source(here).map_or("", |source| source.name(attribute));
                let class = match made {
                    V::Record(module, class) => Some((module, class)),
                    V::Instance(id) => self.objects.get(id).map(|object| (object.module, object.class)),
                    _ => None,
                };
                let class = class.filter(|class| matches!(made, V::Record(..)) || self.is_frozen(*class));
                let class = class.filter(|_| self.certain(object).is_some());
                if let Some((exception, message)) = class.and_then(|class| self.cannot_assign(class, name)) {
                    let words = Words::about(Subject::Name(name.to_owned()), message);
                    return self.fail_at(here, span, "start/no-attribute", exception, words, None);
                }
            }
            _ => {}
        }
        Flow::Next
    }

    /// What the object that is meant has from then on.
    fn object_gets(&mut self, object: &Value, attribute: Atom, given: Option<&Value>) {
        let name = self
            .source(self.here())
            .map_or("", |source| source.name(attribute))
            .to_owned();
        let (value, sure) = self.taken(given);
        let known = sure && !matches!(name.as_str(), "__dict__" | "__class__");
        if let Some(V::Instance(id)) = self.certain(object).filter(|_| known)
            && self.gives_attribute(id, &name, &value, false)
        {
            return;
        }
        // It may be any.
        self.put_away(&value);
        self.open_data(&value);
        self.set_elsewhere.insert(SetElsewhere::Attribute(name));
    }

    /// What is wrong with an operation on values alone.
    fn problem_of(&self, operation: &OperationKind) -> Option<Problem> {
        match operation {
            OperationKind::Binary(operator, left, right) if self.is_settled(left) && self.is_settled(right) => {
                binary(*operator, &self.evaluate(left), &self.evaluate(right))
            }
            OperationKind::Augmented(operator, name, right) if self.keeps_its_kind(*name) => {
                let left = self.variable(*name).unwrap_or(V::Unknown);
                binary(*operator, &left, &self.evaluate(right))
            }
            OperationKind::Unary(operator, value) if self.is_settled(value) => unary(operator, &self.evaluate(value)),
            OperationKind::Order(operator, left, right) if self.is_settled(left) && self.is_settled(right) => {
                order(operator, &self.evaluate(left), &self.evaluate(right))
            }
            OperationKind::Contains(left, right) if self.is_settled(right) => {
                let left = if self.is_settled(left) {
                    self.evaluate(left)
                } else {
                    V::Unknown
                };
                contains(&left, &self.evaluate(right))
            }
            OperationKind::Spread(value, mapping) if self.is_settled(value) => {
                match (kind(&self.evaluate(value)), mapping) {
                    (Some("dict"), _) | (Some("str" | "list"), false) | (None, _) => None,
                    (Some(kind), true) => {
                        Some(("TypeError", format!("argument after ** must be a mapping, not {kind}")))
                    }
                    (Some(kind), false) => {
                        Some(("TypeError", format!("argument after * must be an iterable, not {kind}")))
                    }
                }
            }
            OperationKind::Await(value) => self.awaited(value),
            OperationKind::Written(value, specification) if self.is_settled(value) => {
                kind(&self.evaluate(value)).and_then(|kind| super::text::refused_format(kind, specification))
            }
            OperationKind::Format(template, parts) => format(template, parts.len(), &|at| {
                let part = parts.get(at).filter(|part| self.is_settled(part))?;
                kind(&self.evaluate(part))
            }),
            OperationKind::Item(object, _) if matches!(self.evaluate(object), V::Instance(_)) => {
                self.has_no_items(&self.evaluate(object))
            }
            OperationKind::Item(object, key) if self.is_settled(object) => {
                // What has a name may have been changed since it was made.
                let kept = object.is_literal() || matches!(object, Value::Call(_));
                item(&self.evaluate(object), &self.evaluate(key)).filter(|(class, _)| kept || *class == "TypeError")
            }
            OperationKind::Unpack(value, wanted, star) => self
                .length(value)
                .and_then(|found| unpacking(found, *wanted as usize, *star)),
            OperationKind::Iterate(value) => match self.length(value) {
                Some(Err(kind)) => Some(("TypeError", format!("'{kind}' object is not iterable"))),
                _ => None,
            },
            OperationKind::Union(left, right) if !self.has_own_types() => Some((
                "TypeError",
                format!("unsupported operand type(s) for |: '{left}' and '{right}'"),
            )),
            OperationKind::Unhashable(kind) => Some(("TypeError", format!("unhashable type: '{kind}'"))),
            OperationKind::Binary(..)
            | OperationKind::Item(..)
            | OperationKind::Augmented(..)
            | OperationKind::InPlace(..)
            | OperationKind::Remove(..)
            | OperationKind::Unary(..)
            | OperationKind::Order(..)
            | OperationKind::Contains(..)
            | OperationKind::Union(..)
            | OperationKind::Give(..)
            | OperationKind::Manage(..)
            | OperationKind::Member(..)
            | OperationKind::Attribute(..)
            | OperationKind::Written(..)
            | OperationKind::Spread(..) => None,
        }
    }

    /// `await value`, which runs.
    fn awaits(&mut self, value: &Value, id: usize) -> Flow {
        let sure = self.certain(value).is_some();
        self.maybe += usize::from(!sure);
        let (result, flow) = self.run_pending(id);
        self.maybe -= usize::from(!sure);
        if let (Value::Call(call), Some(frame)) = (value, self.frames.last_mut()) {
            let sure = sure && self.sure;
            frame.results.insert(*call, Variable { value: result, sure });
        }
        if sure { flow } else { Flow::Next }
    }

    /// Whether a call may give a coroutine: what is known of it is then what that returns.
    fn may_be_coroutine(&self, value: &Value) -> bool {
        let Value::Call(call) = value else {
            return false;
        };
        let plain = || {
            let source = self.source(self.here())?;
            let callee = self.evaluate(&source.calls.get(*call as usize)?.callee).closure()?;
            let facts = self.source(callee.module)?.functions.get(callee.function as usize)?;
            Some(!facts.is_async && !facts.generator && facts.decorators.is_empty())
        };
        plain() != Some(true)
    }

    /// Why a value cannot be awaited.
    fn awaited(&self, value: &Value) -> Option<Problem> {
        let kind = kind(&self.certain(value).filter(|_| !self.may_be_coroutine(value))?)?;
        Some((
            "TypeError",
            format!("object {kind} can't be used in 'await' expression"),
        ))
    }

    /// Whether the module around here binds `any` or `callable` itself.
    fn has_own_types(&self) -> bool {
        self.innermost().is_none_or(|(frame, source)| {
            let open = self
                .modules
                .get(frame.module)
                .is_none_or(|module| module.dynamic || !module.stars.is_empty());
            let mut names = source.bindings.iter().map(|binding| source.name(binding.name));
            open || names.any(|name| matches!(name, "any" | "callable"))
        })
    }

    /// The literal that stands there, if one does.
    fn literal_at(&self, span: Span) -> Option<Value> {
        let text = &self.source(self.here())?.text;
        text.get(span.start as usize..span.end as usize)
            .and_then(pysrc::literal)
    }

    /// `object[key]`, `object` a plain name.
    pub fn item(&mut self, object: Atom, key: Span) -> Flow {
        if let Some(object @ V::Instance(id)) = self.variable(object)
            && self.dictionary_of(id).is_none()
            && self.has_no_items(&object).is_none()
        {
            let given = self.literal_at(key).map(|key| self.evaluate(&key));
            return self.own_item(&object, given, key);
        }
        if !self.is_certain() {
            return Flow::Next;
        }
        let value = match self.variable(object) {
            Some(V::Class(module, class)) => return self.member_by_key((module, class), key),
            Some(V::Instance(id)) if self.dictionary_of(id).is_some() => {
                return match self.literal_at(key) {
                    Some(literal) => self.missing_part(&Value::Name(object), &literal, key),
                    None => Flow::Next,
                };
            }
            Some(object @ V::Instance(_)) => {
                let problem = self.has_no_items(&object);
                return self.bad(self.here(), key, problem);
            }
            Some(V::Mapping(_) | V::Sequence(_)) => {
                return match self.literal_at(key) {
                    Some(literal) => self.missing_part(&Value::Name(object), &literal, key),
                    None => Flow::Next,
                };
            }
            Some(
                value @ (V::None
                | V::Int(_)
                | V::Bool(_)
                | V::Float(_)
                | V::Str(_)
                | V::List(_)
                | V::Dict(_)
                | V::Coroutine(_)
                | V::Generator { .. }),
            ) => value,
            _ => return Flow::Next,
        };
        let here = self.here();
        let Some(key_value) = self.literal_at(key) else {
            return Flow::Next;
        };
        let problem = item(&value, &self.evaluate(&key_value))
            .filter(|_| self.is_settled(&Value::Name(object)))
            .filter(|(class, _)| match value {
                // Of what type it is stays.
                V::List(_) | V::Dict(_) => *class == "TypeError" || self.is_never_changed(object),
                _ => true,
            });
        self.bad(here, key, problem)
    }

    /// `object[key]` of an object whose class says what that gives; `given`: the key, where it is sure.
    fn own_item(&mut self, object: &V, given: Option<V>, span: Span) -> Flow {
        let here = self.here();
        let V::Instance(id) = object else {
            return Flow::Next;
        };
        let Some(class) = self.objects.get(*id).map(|object| (object.module, object.class)) else {
            return Flow::Next;
        };
        let Lookup::Found(owner, function) = self.find_method(class.0, class.1, "__getitem__") else {
            return Flow::Next;
        };
        let name = given.as_ref().and_then(item_name);
        let arguments = Arguments {
            doubtful: (Vec::from_iter(given.is_none().then_some(0)), Vec::new()),
            sure: given.is_some(),
            positional: vec![given.unwrap_or(V::Unknown)],
            ..Arguments::none(false)
        };
        match self.method(owner, function, object.clone(), class).closure() {
            Some(method) => {
                self.sure = true;
                let (value, flow) = self.call_function(here, &made_for(span), method, &arguments);
                if let Some(name) = name {
                    let sure = self.sure;
                    self.given_by_properties.insert((*id, name), Variable { value, sure });
                }
                flow
            }
            None => Flow::Next,
        }
    }

    /// What the class of an object gave last for `object[key]`.
    pub fn given_item(&self, object: usize, key: &V) -> Option<&Variable> {
        self.given_by_properties.get(&(object, item_name(key)?))
    }

    /// Why an object of a class of the tree takes no `object[key]`.
    fn has_no_items(&self, object: &V) -> Option<Problem> {
        let V::Instance(id) = object else {
            return None;
        };
        let object = self.objects.get(*id).filter(|object| !object.dynamic)?;
        let class = (object.module, object.class);
        let lacks = matches!(self.find_method(class.0, class.1, "__getitem__"), Lookup::NotThere)
            && self
                .names_of_class(class)
                .is_some_and(|names| !names.contains("__getitem__"))
            && !self.set_from_outside("__getitem__");
        let name = self.class_name(class);
        lacks.then(|| ("TypeError", format!("'{name}' object is not subscriptable")))
    }

    /// `value[key]` of what a file holds.
    fn missing_part(&mut self, object: &Value, key: &Value, span: Span) -> Flow {
        let Some((data, key)) = self.certain(object).zip(self.certain(key)) else {
            return Flow::Next;
        };
        let data = self.as_dictionary(data);
        let Some(((class, message), help)) = self.lacks_part(&data, &key) else {
            return Flow::Next;
        };
        let here = self.here();
        self.fail_at(here, span, "start/bad-operation", class, message, help)
    }

    /// `Enumeration["NAME"]`.
    fn member_by_key(&mut self, class: (ModuleId, u32), key: Span) -> Flow {
        let here = self.here();
        let problem = match self.literal_at(key) {
            Some(Value::Str(name)) if self.lacks_member(class, &name) && !self.set_from_outside(&name) => Some((
                "KeyError",
                format!("KeyError: '{name}': {} has no such member", self.class_name(class)),
            )),
            _ => None,
        };
        self.bad(here, key, problem)
    }

    /// `int("abc")`, `float("x")`: what a call of a built-in function raises.
    pub fn conversion(&mut self, here: ModuleId, call: &Call, name: &str) -> Flow {
        let [argument] = &*call.arguments else {
            return Flow::Next;
        };
        if call.star()
            || call.double_star()
            || !call.keywords.is_empty()
            || !self.is_certain()
            || !self.is_settled(argument)
            || (name == "asyncio.run" && self.may_be_coroutine(argument))
        {
            return Flow::Next;
        }
        let value = self.evaluate(argument);
        let problem = match (name, &value) {
            ("builtins.int", V::Str(text)) if is_no_number(text, false) => {
                let message = format!("invalid literal for int() with base 10: '{text}'");
                Some(("ValueError", message))
            }
            ("builtins.float", V::Str(text)) if is_no_number(text, true) => {
                Some(("ValueError", format!("could not convert string to float: '{text}'")))
            }
            ("builtins.int" | "builtins.float", V::None | V::List(_) | V::Dict(_) | V::Mapping(_) | V::Sequence(_)) => {
                let function = name.trim_start_matches("builtins.");
                let message = format!(
                    "{function}() argument must be a string or a real number, not '{}'",
                    kind(&value).unwrap_or("list")
                );
                Some(("TypeError", message))
            }
            ("time.sleep", V::Str(_) | V::None | V::List(_) | V::Dict(_) | V::Mapping(_) | V::Sequence(_)) => {
                let kind = kind(&value).unwrap_or("str");
                Some((
                    "TypeError",
                    format!("'{kind}' object cannot be interpreted as an integer"),
                ))
            }
            (
                "builtins.list" | "builtins.tuple" | "builtins.set" | "builtins.sorted" | "builtins.sum"
                | "builtins.any" | "builtins.all" | "builtins.enumerate" | "builtins.min" | "builtins.max",
                V::None
                | V::Int(_)
                | V::Bool(_)
                | V::Float(_)
                | V::Coroutine(_)
                | V::Generator { asynchronous: true, .. },
            ) => {
                let kind = kind(&value).unwrap_or("int");
                Some(("TypeError", format!("'{kind}' object is not iterable")))
            }
            ("builtins.range", V::None | V::Str(_) | V::Float(_) | V::List(_) | V::Function(..) | V::Closure(_)) => {
                let kind = kind(&value).unwrap_or("function");
                Some((
                    "TypeError",
                    format!("'{kind}' object cannot be interpreted as an integer"),
                ))
            }
            (
                "asyncio.run",
                V::None
                | V::Int(_)
                | V::Bool(_)
                | V::Str(_)
                | V::List(_)
                | V::Dict(_)
                | V::Function(..)
                | V::Method(..),
            ) => {
                let shown = match &value {
                    V::None => "None".to_owned(),
                    V::Function(..) | V::Method(..) => "a function: it is not called".to_owned(),
                    value => format!("a value of type '{}'", kind(value).unwrap_or("object")),
                };
                Some(("ValueError", format!("a coroutine was expected, got {shown}")))
            }
            (
                "builtins.len",
                V::None | V::Int(_) | V::Bool(_) | V::Float(_) | V::Coroutine(_) | V::Generator { .. },
            ) => {
                let message = format!("object of type '{}' has no len()", kind(&value).unwrap_or("int"));
                Some(("TypeError", message))
            }
            _ => None,
        };
        self.bad(here, call.span, problem)
    }

    /// `separator.join([…])` of what is no text.
    pub fn joined(&mut self, here: ModuleId, call: &Call) -> Flow {
        let [list @ Value::List(parts)] = &*call.arguments else {
            return Flow::Next;
        };
        let unknown = list.unpacks() || call.star() || call.double_star();
        if unknown || !self.is_certain() {
            return Flow::Next;
        }
        let problem = parts.iter().enumerate().find_map(|(at, part)| {
            let kind = kind(&self.evaluate(part)).filter(|kind| *kind != "str" && self.is_settled(part))?;
            let message = format!("sequence item {at}: expected str instance, {kind} found");
            Some(("TypeError", message))
        });
        self.bad(here, call.span, problem)
    }

    /// A call of something that is surely no function.
    pub fn not_callable(&mut self, here: ModuleId, call: &Call, callee: &V) -> Flow {
        let problem = kind(callee)
            .filter(|_| self.is_certain() && self.is_settled(&call.callee))
            .map(|kind| ("TypeError", format!("'{kind}' object is not callable")));
        self.bad(here, call.callee_span, problem)
    }

    pub fn bad(&mut self, here: ModuleId, span: Span, problem: Option<Problem>) -> Flow {
        match problem {
            Some((class, message)) => self.fail_at(here, span, "start/bad-operation", class, message, None),
            None => Flow::Next,
        }
    }

    /// How many parts a value gives; none of them where it cannot be taken apart; nothing where that is not known.
    fn length(&self, value: &Value) -> Option<Result<usize, &'static str>> {
        match value {
            Value::Call(call) => {
                let here = self.here();
                let call = self.source(here)?.calls.get(*call as usize)?;
                let callee = self.evaluate(&call.callee);
                // A list that a function of the tree gives may have been filled since.
                let new = matches!(&callee, V::Bound(of, _) if matches!(**of, V::Str(_)));
                let split = || match self.certain(value)? {
                    V::List(parts) if new => Some(parts.len()),
                    _ => None,
                };
                match self.certain(value) {
                    Some(found) if never_gone_through(&found) => Some(Err(kind(&found)?)),
                    _ => self.returned_length(&callee).or_else(split).map(Ok),
                }
            }
            value if self.is_settled(value) => match (value, self.evaluate(value)) {
                (_, found) if never_gone_through(&found) => Some(Err(kind(&found)?)),
                (_, V::Str(text)) => Some(Ok(text.chars().count())),
                (Value::Name(name), V::List(parts)) => {
                    let kept = || {
                        let text = self.source(self.here()).map_or("", |source| source.name(*name));
                        self.certain(value).is_some()
                            && !self.changed_lists.contains(&parts)
                            && self.keeps_its_length(text)
                    };
                    (self.is_never_changed(*name) || kept()).then_some(Ok(parts.len()))
                }
                (Value::Attribute(_, name), V::List(parts)) => {
                    let known = self.certain(value).is_some() && !self.changed_lists.contains(&parts);
                    let name = self.source(self.here())?.name(*name);
                    (known && self.keeps_its_length(name)).then_some(Ok(parts.len()))
                }
                (Value::List(_) | Value::Each, V::List(parts)) => Some(Ok(parts.len())),
                (Value::Each, parts @ V::Sequence(_)) => self.turns_of(&parts).map(|parts| Ok(parts.len())),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Whether no loop goes through a value.
fn never_gone_through(value: &V) -> bool {
    matches!(
        value,
        V::None | V::Int(_) | V::Bool(_) | V::Float(_) | V::Coroutine(_) | V::Generator { asynchronous: true, .. }
    )
}

/// A value of that kind is no context manager.
fn no_manager(kind: &str, asynchronous: bool) -> Problem {
    let how = if asynchronous { "asynchronous " } else { "" };
    let message = format!("'{kind}' object does not support the {how}context manager protocol");
    ("TypeError", message)
}

/// What stands for `[key]` among the names of an object.
fn item_name(key: &V) -> Option<String> {
    matches!(key, V::Str(_) | V::Int(_)).then(|| format!("[{key:?}]"))
}
