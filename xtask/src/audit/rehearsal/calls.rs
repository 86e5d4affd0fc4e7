//! Calls on the way to an answer: of the socket that is asked, of what the tree has, and of what Python has for texts and dictionaries.

use pysrc::{Call, Step, Value};

use super::files::Bound;
use super::known::{Dict, Known};
use super::run::{ATTRIBUTE_ERROR, NO_JSON};
use super::state::{Flow, Frame, State, Ways, add};
use super::{Payload, Rehearsal, methods};
use crate::audit::start_path::ASKING;

/// Longest chain of calls.
const DEEPEST: usize = 12;

/// Modules that read and write JSON.
const JSON: [&str; 6] = ["json", "jsonapi", "orjson", "rapidjson", "simplejson", "ujson"];

/// Calls that change nothing of what they are given, as people call them.
const KEEPS: &[&str] = &[
    "append",
    "bool",
    "copy",
    "critical",
    "debug",
    "deepcopy",
    "dict",
    "dump",
    "dumps",
    "emit",
    "error",
    "exception",
    "get",
    "info",
    "isinstance",
    "items",
    "len",
    "list",
    "log",
    "print",
    "publish",
    "put",
    "repr",
    "str",
    "type",
    "update",
    "warning",
    "write",
];

/// What a function is given.
#[derive(Debug, Clone, Default)]
pub struct Given {
    pub positional: Vec<Known>,
    pub named: Vec<(String, Known)>,
    /// There may be more.
    pub open: bool,
}

impl Given {
    pub fn first(&self) -> Known {
        self.at(0)
    }

    pub fn at(&self, at: usize) -> Known {
        self.positional.get(at).cloned().unwrap_or(Known::Unknown)
    }

    /// It without its first so many.
    fn behind(&self, many: usize) -> Self {
        Self {
            positional: self.positional.get(many..).unwrap_or_default().to_vec(),
            ..self.clone()
        }
    }
}

impl Rehearsal<'_> {
    /// What a call comes to, on all ways.
    pub(super) fn call(&self, mut state: State, at: u32) -> Ways {
        let module = self.files.module(state.frame.file);
        let Some(call) = module.calls.get(at as usize) else {
            return vec![(state, Flow::Next)];
        };
        let given = self.given_to(&state, call);
        let object = match &call.callee {
            Value::Attribute(object, name) => {
                let (known, name) = (self.value(&state, object), module.name(*name));
                Some((&**object, able(known, name), name))
            }
            _ => None,
        };
        if let Some((_, Known::Socket, name)) = &object {
            let flow = self.of_socket(&mut state, at, name, &given, call);
            return vec![(state, flow)];
        }
        let callee = self.value(&state, &call.callee);
        let (callee, given) = passed_on(&object, callee, given);
        if let Known::Function(..) = callee {
            let changes = self.changes_given(&callee);
            let mut ways = self.run(state, at, &callee, &given);
            if changes {
                ways.iter_mut().for_each(|(state, _)| self.blur_given(state, call));
            }
            return ways;
        }
        let known = match object {
            _ if matches!(callee, Known::Class(_)) => self.made(&callee, &given),
            // What another way of writing documents makes of a text is not known.
            _ if matches!(module.called(call), Some("loads" | "dumps")) => match self.is_of_json(&state, call) {
                false => Known::Derived,
                true if module.called(call) == Some("loads") => self.loads(&given.first()),
                true => Known::Encoded(Box::new(given.first())),
            },
            Some((place, object, name)) => {
                if let (Known::Dict(dict), Some(changed)) = (&object, methods::changes(&object, name, &given)) {
                    let old = given.first().whole().and_then(|key| dict.get(&key).cloned());
                    self.give(&mut state, place, changed);
                    old.unwrap_or(Known::None)
                } else if methods::lacks(&object, name) {
                    return vec![(state, Flow::Raise(ATTRIBUTE_ERROR))];
                } else {
                    let known = self.method(&state, &object, name, &given);
                    if name == "startswith" && known == Known::Bool(true) && self.is_of_request(&object) {
                        state.matched.set(true);
                    }
                    known
                }
            }
            None => self.plain(&state, call, &given),
        };
        let known = match known {
            Known::Unknown if !matches!(call.callee, Value::Name(_)) => {
                self.blur_given(&mut state, call);
                self.derived(&state, call, &given)
            }
            Known::Unknown => self.derived(&state, call, &given),
            known => known,
        };
        if let (Known::Missing, true) = (&known, self.reads_document(&state, call)) {
            return vec![(state, Flow::Raise(NO_JSON))];
        }
        state.frame.calls.insert(at, known);
        vec![(state, Flow::Next)]
    }

    /// The same of a call that was not met as a step: its value alone.
    pub(super) fn called_aside(&self, state: &State, at: u32) -> Known {
        if state.frame.depth > DEEPEST || self.asides.get() > DEEPEST {
            return Known::Unknown;
        }
        self.asides.set(self.asides.get() + 1);
        let ways = self.call(state.clone(), at);
        self.asides.set(self.asides.get() - 1);
        let known = ways.into_iter().map(|(state, flow)| match flow {
            Flow::Next => state.frame.calls.get(&at).cloned().unwrap_or(Known::Unknown),
            _ => Known::Unknown,
        });
        Known::one_of(known.collect::<Vec<_>>())
    }

    /// What a function returns that is called for its value alone.
    pub(super) fn run_aside(&self, state: &State, function: &Known) -> Known {
        let ways = self.run(state.clone(), u32::MAX, function, &Given::default());
        let known = ways
            .into_iter()
            .map(|(state, _)| state.frame.calls.get(&u32::MAX).cloned());
        Known::one_of(known.map(|known| known.unwrap_or(Known::Unknown)).collect::<Vec<_>>())
    }

    fn given_to(&self, state: &State, call: &Call) -> Given {
        let module = self.files.module(state.frame.file);
        let mut given = Given {
            positional: call.arguments.iter().map(|value| self.value(state, value)).collect(),
            named: call
                .keywords
                .iter()
                .map(|(name, value)| (module.name(*name).to_owned(), self.value(state, value)))
                .collect(),
            open: false,
        };
        if let Some(spread) = &call.spread {
            if let Some(star) = &spread.star {
                match self.value(state, star) {
                    Known::List(parts) => given.positional.extend(parts),
                    _ => given.open = true,
                }
            }
            if let Some(double) = &spread.double_star {
                match self.value(state, double) {
                    Known::Dict(dict) => {
                        given.open |= dict.open;
                        given.named.extend(dict.entries);
                    }
                    _ => given.open = true,
                }
            }
        }
        given
    }

    /// A message is received or sent.
    fn of_socket(&self, state: &mut State, at: u32, name: &str, given: &Given, call: &Call) -> Flow {
        let module = self.files.module(state.frame.file);
        if name.starts_with("recv") {
            // That would be the next one.
            if state.received {
                return Flow::End;
            }
            state.received = true;
            // Requests before this one may have changed them.
            state.attributes.clear();
            return match self.received(name) {
                Some(known) => {
                    state.frame.calls.insert(at, known);
                    Flow::Next
                }
                None if name == "recv_json" => Flow::Raise(NO_JSON),
                None => Flow::End,
            };
        }
        if !name.starts_with("send") || !state.received {
            state.frame.calls.insert(at, Known::Unknown);
            return Flow::Next;
        }
        let text = module.text.get(call.span.start as usize..call.span.end as usize);
        if text.is_none_or(|text| text.contains("SNDMORE")) {
            return Flow::Replied(Known::Unknown);
        }
        let sent = match given.positional.first() {
            Some(sent) => sent.clone(),
            None => given.named.first().map_or(Known::Unknown, |(_, value)| value.clone()),
        };
        Flow::Replied(match name {
            "send_json" => Known::Encoded(Box::new(sent)),
            "send" | "send_string" | "send_unicode" if !self.is_router => sent,
            "send_multipart" => self.sent_in_parts(sent),
            _ => Known::Unknown,
        })
    }

    /// What a request is to the one who receives it in this way.
    fn received(&self, how: &str) -> Option<Known> {
        let bytes = match &self.payload {
            Payload::Any => Known::Asked(Vec::new()),
            Payload::Words(words) => Known::bytes(words),
        };
        match (how, &self.payload) {
            ("recv_multipart", _) if self.is_router => Some(Known::List(vec![Known::Unknown, Known::bytes(""), bytes])),
            _ if self.is_router => None,
            ("recv_multipart", _) => Some(Known::List(vec![bytes])),
            ("recv", _) => Some(bytes),
            (_, Payload::Any) => Some(bytes),
            ("recv_string" | "recv_unicode", Payload::Words(words)) => Some(Known::text(words)),
            ("recv_json", Payload::Words(_)) => self.document.clone(),
            _ => None,
        }
    }

    /// The frames of an answer, joined as they are judged.
    fn sent_in_parts(&self, sent: Known) -> Known {
        let Known::List(parts) = sent else {
            return Known::Unknown;
        };
        let parts = match (self.is_router, parts.as_slice()) {
            (false, parts) => parts,
            (true, [_, empty, parts @ ..]) if empty.whole().as_deref() == Some("") => parts,
            _ => return Known::Unknown,
        };
        match parts {
            [one] => one.clone(),
            several => Known::List(several.to_vec()),
        }
    }

    /// Runs a function of the tree.
    fn run(&self, state: State, at: u32, callee: &Known, given: &Given) -> Ways {
        let gives = |mut state: State, known: Known| {
            state.frame.calls.insert(at, known);
            vec![(state, Flow::Next)]
        };
        let Known::Function(file, index, of) = callee else {
            return gives(state, Known::Unknown);
        };
        let Some(function) = self.files.function(*file, *index) else {
            return gives(state, Known::Unknown);
        };
        let plain = [
            "staticmethod",
            "classmethod",
            "property",
            "abstractmethod",
            "abc.abstractmethod",
            "override",
        ];
        let is_wrapped = function.decorators.iter().any(|name| !plain.contains(&&**name));
        if is_wrapped || function.generator || state.frame.depth >= DEEPEST {
            return gives(state, Known::Derived);
        }
        let is_of_class = function.decorators.iter().any(|name| &**name == "classmethod");
        let is_static = function.decorators.iter().any(|name| &**name == "staticmethod");
        let own = match of.as_deref() {
            Some(Known::Object(class)) if is_of_class => Some(Known::Class(*class)),
            Some(object) if !is_static => Some(object.clone()),
            _ => None,
        };
        let mut frame = Frame {
            file: *file,
            function: Some(*index),
            depth: state.frame.depth + 1,
            ..Frame::default()
        };
        self.bind(&mut frame, function, own, given);
        let around = state.frame.clone();
        let inner = State { frame, ..state };
        let mut ways = Ways::new();
        for (mut state, flow) in self.body(inner, &function.body) {
            state.frame = around.clone();
            match flow {
                Flow::Next | Flow::Return(_) => {
                    let known = match flow {
                        Flow::Return(known) => known,
                        _ => Known::None,
                    };
                    state.frame.calls.insert(at, known);
                    add(&mut ways, (state, Flow::Next));
                }
                Flow::Break | Flow::Continue => {}
                flow => add(&mut ways, (state, flow)),
            }
        }
        ways
    }

    /// Whether a function may change what it is given.
    fn changes_given(&self, callee: &Known) -> bool {
        let Known::Function(file, at, _) = callee else {
            return false;
        };
        let Some(function) = self.files.function(*file, *at) else {
            return false;
        };
        let module = self.files.module(*file);
        let of_parameter = |value: &Value| match value {
            Value::Name(name) => function.parameters.all.iter().any(|known| known.name == *name),
            _ => false,
        };
        let mut changes = function.fills_parameters;
        crate::python::steps::all(&function.body, &mut |step| {
            if let Step::Call(call) = step
                && let Some(call) = module.calls.get(*call as usize)
            {
                let inner = matches!(&call.callee, Value::Attribute(object, _) if of_parameter(object));
                let name = module.called(call).unwrap_or_default();
                changes |= inner && matches!(name, "update" | "setdefault" | "pop" | "clear" | "popitem");
                // What it gives on may be changed there.
                let keeps = KEEPS.contains(&name) || name.starts_with("send");
                changes |= !keeps && call.arguments.iter().any(of_parameter);
            }
        });
        changes
    }

    /// Gives parameters what a call gives.
    fn bind(&self, frame: &mut Frame, function: &pysrc::Function, own: Option<Known>, given: &Given) {
        let module = self.files.module(frame.file);
        let outside = self.aside(frame.file, None);
        let mut positional = own.into_iter().chain(given.positional.iter().cloned());
        let mut named: Vec<(String, Known)> = given.named.clone();
        for (at, parameter) in function.parameters.all.iter().enumerate() {
            let name = module.name(parameter.name);
            let by_place = (at < function.parameters.positional as usize)
                .then(|| positional.next())
                .flatten();
            let by_name = named
                .iter()
                .position(|(known, _)| known == name)
                .map(|at| named.remove(at).1);
            let default = || match (&parameter.default, given.open) {
                (Some(default), false) => self.value(&outside, default),
                _ => Known::Unknown,
            };
            let known = by_place.or(by_name).unwrap_or_else(default);
            frame.names.insert(parameter.name, known);
        }
        if let Some(star) = function.parameters.star {
            let rest: Vec<Known> = positional.collect();
            let rest = if given.open { Known::Unknown } else { Known::List(rest) };
            frame.names.insert(star, rest);
        }
        if let Some(double) = function.parameters.double_star {
            let dict = Dict {
                entries: named,
                open: given.open,
            };
            frame.names.insert(double, Known::Dict(dict));
        }
    }

    /// A method of a value that Python has.
    fn method(&self, state: &State, object: &Known, name: &str, given: &Given) -> Known {
        object.map(&mut |object| match (object, name) {
            (Known::Asked(path), _) => self.of_request(path, name, given),
            (Known::Dict(_), "get") => match self.item_of(state, object, &given.first()) {
                Known::Unknown | Known::Missing => self.default(object, given),
                known => known,
            },
            _ => methods::of(object, name, given),
        })
    }

    /// What `get` gives for a key that a dictionary surely does not have; nothing known where it may have it.
    fn default(&self, dict: &Known, given: &Given) -> Known {
        let key = given.first();
        match (dict, key.whole()) {
            (Known::Dict(known), Some(key)) if !known.open && known.get(&key).is_none() => {
                match given.positional.get(1) {
                    Some(default) => default.clone(),
                    None if self.is_of_request(dict) => Known::Missing,
                    None => Known::None,
                }
            }
            (Known::Dict(known), None) if matches!(key, Known::None | Known::Missing) && !known.open => {
                given.positional.get(1).cloned().unwrap_or(Known::None)
            }
            _ => Known::Unknown,
        }
    }

    /// A method of the request or a part of it.
    fn of_request(&self, path: &[String], name: &str, given: &Given) -> Known {
        match (name, given.first().whole()) {
            ("get" | "pop", Some(key)) => {
                let part = Known::Asked(path.iter().cloned().chain([key]).collect());
                match given.positional.get(1) {
                    Some(default @ Known::Asked(_)) => Known::one_of([part, default.clone()]),
                    _ => part,
                }
            }
            ("startswith" | "endswith", Some(word)) => {
                self.compared(path, word.trim());
                Known::Derived
            }
            ("startswith", None) => {
                if let Known::List(words) = given.first() {
                    words
                        .iter()
                        .filter_map(Known::whole)
                        .for_each(|word| self.compared(path, word.trim()));
                }
                Known::Derived
            }
            ("split" | "partition" | "strip" | "lower" | "upper" | "casefold" | "decode" | "encode" | "replace", _)
            | ("lstrip" | "rstrip" | "copy" | "title" | "rsplit" | "splitlines" | "tobytes", _) => {
                Known::Asked(path.to_vec())
            }
            _ => Known::Derived,
        }
    }

    /// A text read as JSON.
    fn loads(&self, text: &Known) -> Known {
        match text {
            Known::Asked(path) => Known::Asked(path.clone()),
            Known::Encoded(inner) => (**inner).clone(),
            Known::Text(text) if text.whole().is_some() => text.document().unwrap_or(Known::Missing),
            _ => Known::Derived,
        }
    }

    /// An object of a class; nothing is known of one that is made of the request.
    fn made(&self, class: &Known, given: &Given) -> Known {
        let Known::Class(class) = class else {
            return Known::Unknown;
        };
        let named = given.named.iter().map(|(_, value)| value);
        let mut all = given.positional.iter().chain(named);
        let is_of_request = all.any(|known| known.each().iter().any(|one| self.is_of_request(one)));
        match is_of_request || given.open || self.files.has_base(*class, &["Enum", "StrEnum", "IntEnum", "Flag"]) {
            true => Known::Derived,
            false => Known::Object(*class),
        }
    }

    /// Whether a call reads JSON.
    fn reads_document(&self, state: &State, call: &Call) -> bool {
        self.files.module(state.frame.file).called(call) == Some("loads")
    }

    /// Whether `loads` or `dumps` is that of Python's own module for JSON, or of one like it.
    fn is_of_json(&self, state: &State, call: &Call) -> bool {
        let module = self.files.module(state.frame.file);
        let bound = match &call.callee {
            Value::Attribute(object, _) => match **object {
                Value::Name(name) => name,
                _ => return false,
            },
            Value::Name(name) => *name,
            _ => return false,
        };
        let mut imports = module.imports.iter().filter(|import| import.binds == Some(bound));
        imports.any(|import| {
            let last = import.module.rsplit('.').next().unwrap_or_default();
            [Some(last), import.name.as_deref()]
                .iter()
                .flatten()
                .any(|name| JSON.contains(name))
        })
    }

    /// Dictionaries that a call gets and may change are not known any more.
    fn blur_given(&self, state: &mut State, call: &Call) {
        let name = self.files.module(state.frame.file).called(call).unwrap_or_default();
        if KEEPS.contains(&name) || name.starts_with("send") {
            return;
        }
        let named = call.keywords.iter().map(|(_, value)| value);
        for value in call.arguments.iter().chain(named) {
            if matches!(value, Value::Name(_) | Value::Attribute(..))
                && matches!(self.value(state, value), Known::Dict(_))
            {
                self.give(state, value, Known::Derived);
            }
        }
    }

    /// A call of a plain name that the tree does not have.
    fn plain(&self, state: &State, call: &Call, given: &Given) -> Known {
        let module = self.files.module(state.frame.file);
        let Value::Name(name) = &call.callee else {
            return Known::Unknown;
        };
        let name = module.name(*name);
        let imported = self.files.name(state.frame.file, name);
        if imported.iter().any(|bound| matches!(bound, Bound::Function(..))) {
            return Known::Unknown;
        }
        match name {
            "super" => {
                let function = state.frame.function;
                let function = function.and_then(|at| self.files.function(state.frame.file, at));
                let class = function.and_then(|function| function.class);
                let own = function.map(|function| self.own_in(state, function));
                match (class, own) {
                    (Some(class), Some(Known::Object(object))) => Known::Super((state.frame.file, class), object),
                    _ => Known::Unknown,
                }
            }
            "getattr" => self.attribute_by_name(state, given),
            _ => methods::builtin(name, call, module, given),
        }
    }

    /// The object of the method that runs.
    fn own_in(&self, state: &State, function: &pysrc::Function) -> Known {
        let first = function.parameters.all.first();
        let known = first.and_then(|first| state.frame.names.get(&first.name));
        known.cloned().unwrap_or(Known::Unknown)
    }

    /// `getattr(object, name, default)`.
    fn attribute_by_name(&self, state: &State, given: &Given) -> Known {
        let object = given.first();
        if let (Known::Object(class), Known::Around(before, path, after)) = (&object, given.at(1)) {
            let order = self.files.order(*class);
            for word in ASKING {
                if self.files.method(&order, &format!("{before}{word}{after}")).is_some() {
                    self.compared(&path, word);
                }
            }
            return Known::Derived;
        }
        let Some(name) = given.at(1).whole() else {
            return Known::Derived;
        };
        let known = object.map(&mut |object| self.attribute(state, object, &name));
        state
            .matched
            .set(state.matched.get() || matches!(known, Known::Function(..)));
        match (known, given.positional.get(2)) {
            (Known::Unknown, Some(default)) if matches!(object, Known::Object(_)) => default.clone(),
            (known, _) => known,
        }
    }

    /// What a call gives that is not followed.
    fn derived(&self, state: &State, call: &Call, given: &Given) -> Known {
        let of_object = match &call.callee {
            Value::Attribute(object, _) => self.value(state, object),
            _ => Known::None,
        };
        let named = given.named.iter().map(|(_, value)| value);
        let mut all = given.positional.iter().chain(named).chain([&of_object]);
        match all.any(|known| known.each().iter().any(|one| self.is_of_request(one))) {
            true => Known::Derived,
            false => Known::Unknown,
        }
    }
}

/// Of several that an object may be, those that have such a method.
fn able(object: Known, name: &str) -> Known {
    match object {
        Known::OneOf(all) => Known::one_of(
            all.into_iter()
                .filter(|one| !methods::lacks(one, name))
                .collect::<Vec<_>>(),
        ),
        one => one,
    }
}

/// What is really called where a function is passed on to something that calls it, as an event loop does in a thread.
fn passed_on(object: &Option<(&Value, Known, &str)>, callee: Known, given: Given) -> (Known, Given) {
    let Some((_, _, name)) = object else {
        return (callee, given);
    };
    match *name {
        "to_thread" => (given.first(), given.behind(1)),
        "run_in_executor" => (given.at(1), given.behind(2)),
        _ => (callee, given),
    }
}
