//! What expressions come to on the way to an answer, where that changes nothing.

use pysrc::{Condition, Function, Operator, Step, Value};

use super::Rehearsal;
use super::files::Bound;
use super::known::{ClassAt, Dict, Known};
use super::state::State;
use crate::python::steps;

/// Deepest value, and longest chain of attributes and calls, that is looked into.
const DEEPEST: usize = 24;

impl Rehearsal<'_> {
    pub(super) fn value(&self, state: &State, value: &Value) -> Known {
        if self.depth.get() > DEEPEST || self.is_spent() {
            return Known::Unknown;
        }
        self.depth.set(self.depth.get() + 1);
        let known = self.value_within(state, value);
        self.depth.set(self.depth.get() - 1);
        known
    }

    fn value_within(&self, state: &State, value: &Value) -> Known {
        let module = self.files.module(state.frame.file);
        match value {
            Value::None => Known::None,
            Value::Bool(truth) => Known::Bool(*truth),
            Value::Int(number) => Known::Int(*number),
            Value::Str(text) => Known::text(text),
            Value::Bytes(text) => Known::bytes(text),
            Value::Dict(entries) => self.dict(state, entries),
            Value::List(parts) => match value.unpacks() {
                true => Known::Unknown,
                false => Known::List(parts.iter().map(|part| self.value(state, part)).collect()),
            },
            Value::Concat(parts) => {
                let parts: Vec<Known> = parts.iter().map(|part| self.value(state, part)).collect();
                around(&parts).unwrap_or_else(|| Known::joined(parts, false))
            }
            Value::Name(name) => self.name(state, *name),
            Value::Attribute(object, name) => {
                let object = self.value(state, object);
                let name = module.name(*name);
                object.map(&mut |object| self.attribute(state, object, name))
            }
            Value::Call(call) => match state.frame.calls.get(call) {
                Some(known) => known.clone(),
                None => self.called_aside(state, *call),
            },
            Value::Subscript(object, key) => {
                let object = match self.value(state, object) {
                    // Nothing is read of nothing.
                    Known::OneOf(all) => {
                        Known::one_of(all.into_iter().filter(|one| *one != Known::None).collect::<Vec<_>>())
                    }
                    one => one,
                };
                object.map(&mut |object| self.item(state, object, key))
            }
            Value::Binary(Operator::Add, left, right) => match (self.value(state, left), self.value(state, right)) {
                (Known::Int(left), Known::Int(right)) => left.checked_add(right).map_or(Known::Unknown, Known::Int),
                (left @ (Known::Text(_) | Known::Encoded(_)), right)
                | (left, right @ (Known::Text(_) | Known::Encoded(_))) => {
                    let is_bytes = [&left, &right]
                        .iter()
                        .any(|side| matches!(side, Known::Text(text) if text.is_bytes));
                    Known::joined([left, right], is_bytes)
                }
                _ => Known::Unknown,
            },
            Value::Lambda(function) => Known::Function(state.frame.file, *function, None),
            Value::Or(values) => self.or(state, values),
            Value::Either(values) => self.either(state, values),
            Value::Choice(choice) => match self.holds(state, &choice.condition) {
                Some(true) => self.value(state, &choice.yes),
                Some(false) => self.value(state, &choice.no),
                None => Known::one_of([self.value(state, &choice.yes), self.value(state, &choice.no)]),
            },
            Value::Test(condition) => self.holds(state, condition).map_or_else(
                || Known::OneOf(vec![Known::Bool(true), Known::Bool(false)]),
                Known::Bool,
            ),
            Value::Entered(inner) => match self.value(state, inner) {
                Known::Socket => Known::Socket,
                _ => Known::Unknown,
            },
            Value::Each => state.frame.each.clone().unwrap_or(Known::Unknown),
            _ => Known::Unknown,
        }
    }

    fn dict(&self, state: &State, entries: &[(Value, Value)]) -> Known {
        let mut dict = Dict::default();
        for (key, value) in entries {
            if let Value::Unpacked(other) = key {
                dict.update(&self.value(state, other));
                continue;
            }
            match self.value(state, key) {
                Known::Text(text) if text.whole().is_some() => {
                    dict.set(&text.whole().unwrap_or_default(), self.value(state, value));
                }
                Known::Unknown | Known::OneOf(_) | Known::Asked(_) => dict.blur(),
                // A number or a member of an enumeration is no key of a request or reply.
                Known::Member(inner) if inner.whole().is_some() => {
                    dict.set(&inner.whole().unwrap_or_default(), self.value(state, value));
                }
                _ => dict.open = true,
            }
        }
        Known::Dict(dict)
    }

    fn or(&self, state: &State, values: &[Value]) -> Known {
        let mut may_be = Vec::new();
        for (at, value) in values.iter().enumerate() {
            let known = self.value(state, value);
            match known.truth() {
                Some(false) if at + 1 < values.len() => {}
                Some(true) => {
                    may_be.push(known);
                    break;
                }
                // Any of the keys may be the one.
                None if matches!(known, Known::Asked(_)) => may_be.push(known),
                _ => may_be.push(known),
            }
        }
        Known::one_of(may_be)
    }

    fn either(&self, state: &State, values: &[Value]) -> Known {
        let mut may_be = Vec::new();
        for (at, value) in values.iter().enumerate() {
            let known = self.value(state, value);
            match known.truth() {
                Some(true) if at + 1 < values.len() => {}
                Some(false) => {
                    may_be.push(known);
                    break;
                }
                _ => may_be.push(known),
            }
        }
        Known::one_of(may_be)
    }

    fn name(&self, state: &State, name: pysrc::Atom) -> Known {
        let frame = &state.frame;
        if self.is_socket_name(frame.file, frame.function, name) {
            return Known::Socket;
        }
        if let Some(known) = frame.names.get(&name) {
            return known.clone();
        }
        let module = self.files.module(frame.file);
        let mut at = frame.function;
        while let Some(function) = at.and_then(|at| self.files.function(frame.file, at)) {
            if function.locals.contains(&name) {
                return match at == frame.function {
                    true => Known::Unknown,
                    false => self.of_outer(frame.file, at, function, name),
                };
            }
            at = function.outer;
        }
        let key = (frame.file, name);
        if let Some(known) = self.globals.borrow().get(&key) {
            return known.clone();
        }
        let found = self.files.name(frame.file, module.name(name));
        let all = found.iter().map(|bound| self.bound(bound));
        let known = match Known::one_of(all.collect::<Vec<_>>()) {
            Known::Dict(dict) => self.filled(frame.file, None, module.name(name), dict),
            known => known,
        };
        self.globals.borrow_mut().insert(key, known.clone());
        known
    }

    /// A name of a function around the one that runs.
    fn of_outer(&self, file: usize, at: Option<u32>, function: &Function, name: pysrc::Atom) -> Known {
        if self.is_socket_name(file, at, name) {
            return Known::Socket;
        }
        if at.is_some_and(|at| self.files.own_name(file, at) == Some(name)) {
            return self.own_object(file, function);
        }
        let defined = self.files.module(file).functions.iter().zip(0..);
        let mut defined = defined.filter(|(inner, _)| inner.outer == at && at.is_some() && inner.atom == name);
        if let Some((_, inner)) = defined.next() {
            return Known::Function(file, inner, None);
        }
        match steps::stored(&function.body, name).as_slice() {
            [only] => self.value(&self.aside(file, at), only),
            _ => Known::Unknown,
        }
    }

    /// The object of which a method is called where nobody says which.
    pub(super) fn own_object(&self, file: usize, function: &Function) -> Known {
        let class = function.class.map(|class| (file, class));
        let class = class.and_then(|class| self.files.concrete(class));
        class.map_or(Known::Unknown, Known::Object)
    }

    /// A state in which nothing is known but whose method it is.
    pub(super) fn aside(&self, file: usize, function: Option<u32>) -> State {
        let mut state = State::default();
        state.frame.file = file;
        state.frame.function = function;
        if let Some(at) = function
            && let Some(name) = self.files.own_name(file, at)
            && let Some(function) = self.files.function(file, at)
        {
            state.frame.names.insert(name, self.own_object(file, function));
        }
        state
    }

    fn bound(&self, bound: &Bound<'_>) -> Known {
        match bound {
            Bound::Class(class) => Known::Class(*class),
            Bound::Function(file, function) => Known::Function(*file, *function, None),
            Bound::Module(file) => Known::Module(*file),
            Bound::Value(file, value) => self.value(&self.aside(*file, None), value),
        }
    }

    pub(super) fn attribute(&self, state: &State, object: &Known, name: &str) -> Known {
        match object {
            Known::Object(class) => self.of_object(state, *class, *class, name),
            Known::Super(of, object) => {
                let order = self.files.order(*object);
                let behind = order.iter().position(|class| class == of).map_or(0, |at| at + 1);
                match self.files.method(order.get(behind..).unwrap_or_default(), name) {
                    Some((file, function)) => Known::Function(file, function, Some(Box::new(Known::Object(*object)))),
                    None => Known::Unknown,
                }
            }
            Known::Class(class) => self.of_class(*class, name),
            Known::Module(file) => {
                let found = self.files.name(*file, name);
                Known::one_of(found.iter().map(|bound| self.bound(bound)).collect::<Vec<_>>())
            }
            Known::Member(value) if name == "value" => (**value).clone(),
            // `Cmd.PING.value` of one that is a text itself.
            Known::Text(_) if name == "value" => object.clone(),
            _ => Known::Unknown,
        }
    }

    fn of_class(&self, class: ClassAt, name: &str) -> Known {
        let order = self.files.order(class);
        if let Some((file, function)) = self.files.method(&order, name) {
            return Known::Function(file, function, None);
        }
        let known = Known::one_of(self.given(&order, name, false));
        let is_enumeration = ["Enum", "IntEnum", "StrEnum", "Flag"];
        match (self.files.has_base(class, &is_enumeration), known) {
            (true, known) if self.files.has_base(class, &["str", "StrEnum"]) => known,
            (true, known @ (Known::Text(_) | Known::Int(_))) => Known::Member(Box::new(known)),
            (_, known) => known,
        }
    }

    fn of_object(&self, state: &State, class: ClassAt, object: ClassAt, name: &str) -> Known {
        if self.is_socket_attribute(name) {
            return Known::Socket;
        }
        if let Some(known) = state.attributes.get(&(object, name.to_owned())) {
            return known.clone();
        }
        let order = self.files.order(class);
        if let Some((file, at)) = self.files.method(&order, name) {
            let of = Some(Box::new(Known::Object(object)));
            let method = Known::Function(file, at, of);
            let is_property = self.files.function(file, at).is_some_and(|function| {
                let mut names = function.decorators.iter();
                names.any(|name| matches!(&**name, "property" | "cached_property" | "functools.cached_property"))
            });
            return match is_property {
                true => self.run_aside(state, &method),
                false => method,
            };
        }
        let key = (class, name.to_owned());
        if let Some(known) = self.kept.borrow().get(&key) {
            return known.clone();
        }
        let known = self.of_classes(&order, name);
        self.kept.borrow_mut().insert(key, known.clone());
        known
    }

    /// All that an attribute may be of an object of these classes.
    fn of_classes(&self, order: &[ClassAt], name: &str) -> Known {
        let mut all = self.given(order, name, true);
        if all.is_empty() || self.files.is_set_elsewhere(order, name) {
            return Known::Unknown;
        }
        for known in &mut all {
            if let Known::Dict(dict) = known {
                *known = self.filled(order[0].0, Some(order), name, dict.clone());
            }
        }
        match all.contains(&Known::Unknown) {
            true => Known::Unknown,
            false => Known::one_of(all),
        }
    }

    /// All that an attribute gets in the classes; `of_methods`: in their methods, too.
    fn given(&self, order: &[ClassAt], name: &str, of_methods: bool) -> Vec<Known> {
        let mut found = Vec::new();
        let mut plain = None;
        for (file, class) in order {
            let attributes = self.files.module(*file).attributes.iter();
            for attribute in attributes.filter(|one| one.class == *class && &*one.name == name) {
                match attribute.function {
                    Some(_) if !of_methods => {}
                    Some(at) => found.push(self.value(&self.aside(*file, Some(at)), &attribute.value)),
                    // That of the nearest class is what there is before a method gives another.
                    None if plain.is_none() => plain = Some(self.value(&self.aside(*file, None), &attribute.value)),
                    None => {}
                }
            }
        }
        found.extend(plain);
        found
    }

    /// A dictionary with what is put into it by its name anywhere: an attribute of these classes, or a name of the file.
    pub(super) fn filled(&self, file: usize, order: Option<&[ClassAt]>, name: &str, mut dict: Dict) -> Known {
        let files: Vec<usize> = match order {
            Some(order) => order.iter().map(|(file, _)| *file).collect(),
            None => vec![file],
        };
        for file in files {
            let module = self.files.module(file);
            let is_it = |value: &Value| match value {
                Value::Attribute(_, last) => order.is_some() && module.name(*last) == name,
                Value::Name(plain) => order.is_none() && module.name(*plain) == name,
                _ => false,
            };
            let functions = module.functions.iter().zip(0..);
            let bodies = functions.map(|(function, at)| (&function.body, Some(at)));
            for (body, function) in bodies.chain([(&module.body, None)]) {
                steps::all(body, &mut |step| match step {
                    Step::StoreItem(stored) if is_it(&stored.object) => {
                        let state = self.aside(file, function);
                        let value = stored.value.as_ref();
                        let value = value.map_or(Known::Unknown, |value| self.value(&state, value));
                        match &stored.key {
                            Value::Str(key) => {
                                let before = dict.get(key).cloned();
                                dict.set(
                                    key,
                                    Known::one_of(before.into_iter().chain([value]).collect::<Vec<_>>()),
                                );
                            }
                            _ => dict.blur(),
                        }
                    }
                    Step::Call(call) => {
                        let call = module.calls.get(*call as usize);
                        let changes = call.is_some_and(|call| match &call.callee {
                            Value::Attribute(object, method) => {
                                matches!(
                                    module.name(*method),
                                    "update" | "setdefault" | "pop" | "clear" | "popitem"
                                ) && is_it(object)
                            }
                            _ => false,
                        });
                        if changes {
                            dict.blur();
                        }
                    }
                    _ => {}
                });
            }
        }
        Known::Dict(dict)
    }

    /// `object[key]`.
    fn item(&self, state: &State, object: &Known, key: &Value) -> Known {
        match (object, key) {
            (Known::Text(text), Value::From(from)) => match (text.whole(), usize::try_from(*from)) {
                (Some(whole), Ok(from)) => Known::like(whole.get(from..).unwrap_or_default(), text),
                _ => Known::Unknown,
            },
            (Known::Asked(path), Value::From(_) | Value::Slice(_) | Value::Int(_)) => Known::Asked(path.clone()),
            (Known::List(parts), Value::From(from)) => match usize::try_from(*from) {
                Ok(from) => Known::List(parts.get(from..).unwrap_or_default().to_vec()),
                Err(_) => Known::Unknown,
            },
            (_, key) => {
                let key = self.value(state, key);
                key.map(&mut |key| self.item_of(state, object, key))
            }
        }
    }

    /// The same where the key is known.
    pub(super) fn item_of(&self, state: &State, object: &Known, key: &Known) -> Known {
        let key = match key {
            Known::Member(inner) => inner,
            key => key,
        };
        match (object, key) {
            (Known::Dict(dict), Known::Asked(path)) => {
                dict.entries.iter().for_each(|(key, _)| self.compared(path, key));
                Known::Unknown
            }
            (Known::Dict(dict), key) => match key.whole().map(|key| dict.get(&key).cloned()) {
                Some(Some(known)) => {
                    // Chosen by what is asked.
                    if self.is_of_request(key) {
                        state.matched.set(true);
                    }
                    known
                }
                Some(None) if !dict.open && self.is_of_request(object) => Known::Missing,
                _ => Known::Unknown,
            },
            (Known::List(parts), Known::Int(at)) => {
                let length = i64::try_from(parts.len()).unwrap_or(0);
                let at = if *at < 0 { at + length } else { *at };
                let part = usize::try_from(at).ok().and_then(|at| parts.get(at));
                part.cloned().unwrap_or(Known::Unknown)
            }
            (Known::Asked(path), key) => match key.whole() {
                Some(key) => Known::Asked(path.iter().cloned().chain([key]).collect()),
                None => Known::Unknown,
            },
            _ => Known::Unknown,
        }
    }

    /// Whether a condition holds.
    pub(super) fn holds(&self, state: &State, condition: &Condition) -> Option<bool> {
        let holds = self.holds_within(state, condition);
        match holds {
            // Which way the request takes is not known.
            None if self.is_about_request(state, condition) => self.lost.set(true),
            Some(true) if is_comparison(condition) && self.is_about_request(state, condition) => {
                state.matched.set(true);
            }
            _ => {}
        }
        holds
    }

    /// Whether a plain condition is about what is made of the request.
    fn is_about_request(&self, state: &State, condition: &Condition) -> bool {
        let is = |value: &Value| {
            let known = self.value(state, value);
            known.each().iter().any(|one| self.is_of_request(one))
        };
        match condition {
            Condition::True(value)
            | Condition::None(value)
            | Condition::Is(value, _)
            | Condition::Mapping(value)
            | Condition::Sequence(value) => is(value),
            Condition::Equal(both) | Condition::In(both) | Condition::Order(_, both) | Condition::Instance(both) => {
                is(&both.0) || is(&both.1)
            }
            _ => false,
        }
    }

    fn holds_within(&self, state: &State, condition: &Condition) -> Option<bool> {
        let both = |both: &(Value, Value)| (self.value(state, &both.0), self.value(state, &both.1));
        match condition {
            Condition::True(value) => self.value(state, value).truth(),
            Condition::None(value) => match self.value(state, value) {
                Known::None | Known::Missing => Some(true),
                Known::Unknown | Known::OneOf(_) | Known::Asked(_) | Known::Derived => None,
                _ => Some(false),
            },
            Condition::Equal(sides) => {
                let (left, right) = both(sides);
                self.note(&left, &right);
                self.note(&right, &left);
                left.equals(&right)
            }
            Condition::Is(value, wanted) => match self.value(state, value) {
                Known::Bool(truth) => Some(truth == *wanted),
                Known::Unknown | Known::OneOf(_) | Known::Asked(_) | Known::Derived => None,
                _ => Some(false),
            },
            Condition::In(sides) => {
                let (item, container) = both(sides);
                self.contains(&item, &container)
            }
            Condition::Order(comparison, sides) => match both(sides) {
                (Known::Int(left), Known::Int(right)) => Some(comparison.holds(left, right)),
                _ => None,
            },
            Condition::Mapping(value) => match self.value(state, value) {
                Known::Dict(_) => Some(true),
                Known::Unknown | Known::OneOf(_) | Known::Asked(_) | Known::Derived => None,
                _ => Some(false),
            },
            Condition::Sequence(value) => match self.value(state, value) {
                Known::List(_) => Some(true),
                Known::Dict(_) | Known::Text(_) | Known::None | Known::Missing => Some(false),
                _ => None,
            },
            Condition::Not(inner) => self.holds(state, inner).map(|holds| !holds),
            Condition::All(all) => self.together(state, all, false),
            Condition::Any(any) => self.together(state, any, true),
            _ => None,
        }
    }

    /// Whether one of several conditions decides, by being `decisive`. Those behind what is not known are looked at, too.
    fn together(&self, state: &State, all: &[Condition], decisive: bool) -> Option<bool> {
        let mut known = Some(!decisive);
        for condition in all {
            match self.holds(state, condition) {
                Some(holds) if holds == decisive => return known.map(|_| decisive).or(Some(decisive)),
                Some(_) => {}
                None => known = None,
            }
        }
        known
    }

    fn contains(&self, item: &Known, container: &Known) -> Option<bool> {
        match (item, container) {
            (item, Known::List(parts)) => {
                let mut known = Some(false);
                for part in parts {
                    self.note(item, part);
                    match item.equals(part) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => known = None,
                    }
                }
                known
            }
            (Known::Asked(path), Known::Dict(dict)) => {
                dict.entries.iter().for_each(|(key, _)| self.compared(path, key));
                None
            }
            // A word that stands in a request of text.
            (item, Known::Asked(path)) => {
                if let Some(word) = item.whole() {
                    self.compared(path, &word);
                }
                None
            }
            (item, Known::Dict(dict)) => match item.whole()? {
                key if dict.get(&key).is_some() => Some(true),
                _ if dict.open => None,
                _ => Some(false),
            },
            (Known::Text(item), Known::Text(text)) if item.is_bytes == text.is_bytes => {
                let (item, text) = (item.whole()?, text.whole()?);
                Some(text.contains(&item))
            }
            _ => None,
        }
    }

    /// Notes with what a part of the request is compared.
    fn note(&self, left: &Known, right: &Known) {
        for left in left.each() {
            if let Known::Asked(path) = left {
                for right in right.each() {
                    let right = match right {
                        Known::Member(inner) => inner,
                        right => right,
                    };
                    if let Some(word) = right.whole() {
                        self.compared(path, &word);
                    }
                }
            }
        }
    }
}

/// A text with one part of the request in it and nothing else that is not known.
fn around(parts: &[Known]) -> Option<Known> {
    let at = parts.iter().position(|part| matches!(part, Known::Asked(_)))?;
    let Some(Known::Asked(path)) = parts.get(at) else {
        return None;
    };
    let text = |parts: &[Known]| parts.iter().map(Known::whole).collect::<Option<String>>();
    match (text(parts.get(..at)?), text(parts.get(at + 1..)?)) {
        (Some(before), Some(after)) => Some(Known::Around(before, path.clone(), after)),
        _ => Some(Known::Derived),
    }
}

/// Whether a condition compares a value with others.
fn is_comparison(condition: &Condition) -> bool {
    matches!(condition, Condition::Equal(_) | Condition::In(_))
}
