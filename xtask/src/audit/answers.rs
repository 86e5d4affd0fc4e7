//! What code answers: the values that steps return or send, worked out without running them, in whichever of an agent's files the parts of
//! them stand. What exceptions answer is left out.

use std::collections::{BTreeMap, BTreeSet};

use pysrc::{Atom, Call, Function, Leave, Module, Operator, Step, Value};

use super::said::{self, Object, Said};
use crate::python::steps;

/// Deepest value or call that is looked into.
const DEEPEST: usize = 24;

/// What a function that is called is deeper than the call.
const CALL: usize = 4;

/// Modules whose `dumps` gives JSON.
const JSON: [&str; 5] = ["json", "orjson", "rapidjson", "simplejson", "ujson"];

/// Methods that send a message over ZeroMQ in one frame, as it is given or as JSON.
const SENDS: [&str; 5] = ["send", "send_json", "send_string", "send_unicode", "send_text"];

/// The files of an agent.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'m, 'f> {
    /// Its script, and what that imports.
    pub files: &'f [&'m Module],
}

/// Where steps stand, and what names are known to be there.
#[derive(Debug, Clone)]
struct Frame<'m> {
    source: &'m Module,
    function: Option<&'m Function>,
    known: BTreeMap<Atom, Vec<Said>>,
    /// The function is followed from its beginning.
    whole: bool,
    depth: usize,
}

impl<'m> Frame<'m> {
    fn at(source: &'m Module, function: Option<&'m Function>) -> Self {
        Self {
            source,
            function,
            known: BTreeMap::new(),
            whole: false,
            depth: 0,
        }
    }
}

impl<'m> Answers<'m, '_> {
    /// What these steps of a function return or send, or what is sent later of what they store.
    #[must_use]
    pub fn of_steps(&self, source: &'m Module, function: Option<&'m Function>, body: &'m [Step]) -> Vec<Said> {
        let mut frame = Frame::at(source, function);
        let mut said = Vec::new();
        self.walk(&mut frame, body, &mut said);
        if said.is_empty() {
            let stored: BTreeSet<Atom> = frame.known.keys().copied().collect();
            let mut later: Vec<&'m Value> = Vec::new();
            let all = function.map_or(&*source.body, |function| &function.body);
            steps::all(all, &mut |step| later.extend(sent(source, step)));
            for value in later {
                if mentions(source, value, &stored, 0) {
                    said::add(&mut said, &self.value(&frame, value));
                }
            }
        }
        said
    }

    /// What a value is that stands in a function.
    #[must_use]
    pub fn of_value(&self, source: &'m Module, function: Option<&'m Function>, value: &'m Value) -> Vec<Said> {
        self.value(&Frame::at(source, function), value)
    }

    /// What a function returns, whatever it is given.
    #[must_use]
    pub fn of_function(&self, source: &'m Module, function: &'m Function) -> Vec<Said> {
        self.returned(Frame::at(source, Some(function)))
    }

    fn returned(&self, mut frame: Frame<'m>) -> Vec<Said> {
        let Some(function) = frame.function.filter(|function| !function.generator) else {
            return vec![Said::Unknown];
        };
        frame.whole = true;
        let mut said = Vec::new();
        if self.walk(&mut frame, &function.body, &mut said) {
            said::add(&mut said, &[Said::Nothing]);
        }
        said
    }

    /// Follows steps; whether what comes after them is reached.
    fn walk(&self, frame: &mut Frame<'m>, body: &'m [Step], said: &mut Vec<Said>) -> bool {
        if frame.depth > DEEPEST {
            said::add(said, &[Said::Unknown]);
            return true;
        }
        for step in body {
            match step {
                Step::Store { name, value, .. } => {
                    let values = value
                        .as_ref()
                        .map_or_else(|| vec![Said::Unknown], |value| self.value(frame, value));
                    frame.known.insert(*name, values);
                }
                Step::StoreItem(item) => {
                    if let Value::Name(name) = item.object {
                        let value = item.value.as_ref().map(|value| self.value(frame, value));
                        let value = value.unwrap_or_else(|| vec![Said::Unknown]);
                        let key = key(&item.key).map(str::to_owned);
                        self.change(frame, name, &mut |object| match &key {
                            Some(key) => object.set(key, value.clone()),
                            None => object.lose(),
                        });
                    }
                }
                Step::Call(call) => {
                    if let Some(call) = frame.source.calls.get(*call as usize) {
                        self.called(frame, call, said);
                    }
                }
                Step::Leave { how, value, span } => {
                    if *how == Leave::Return {
                        let text = frame.source.text.get(span.start as usize..span.end as usize);
                        let is_bare = text.is_some_and(|text| text.trim() == "return");
                        let values = match value {
                            Some(value) => self.value(frame, value),
                            None if is_bare => Vec::new(),
                            None => vec![Said::Unknown],
                        };
                        said::add(said, &values);
                    }
                    return false;
                }
                Step::Branch(branch) => {
                    let mut ways: Vec<BTreeMap<Atom, Vec<Said>>> = Vec::new();
                    let before = frame.known.clone();
                    frame.depth += 1;
                    for arm in &branch.arms {
                        frame.known.clone_from(&before);
                        if self.walk(frame, arm, said) {
                            ways.push(std::mem::take(&mut frame.known));
                        }
                    }
                    frame.depth -= 1;
                    if !branch.exhaustive {
                        ways.push(before);
                    }
                    let Some(known) = together(ways) else {
                        return false;
                    };
                    frame.known = known;
                }
                Step::Loop(turns) => {
                    let before = frame.known.clone();
                    frame.depth += 1;
                    self.walk(frame, &turns.body, said);
                    let after = std::mem::take(&mut frame.known);
                    frame.known = together(vec![before, after]).unwrap_or_default();
                    let goes_on = !turns.endless && self.walk(frame, &turns.orelse, said);
                    frame.depth -= 1;
                    if !goes_on {
                        return false;
                    }
                }
                Step::Try(tried) => {
                    frame.depth += 1;
                    let goes_on = self.walk(frame, &tried.body, said) && self.walk(frame, &tried.orelse, said);
                    let finally = self.walk(frame, &tried.finally, said);
                    frame.depth -= 1;
                    if !goes_on || !finally {
                        return false;
                    }
                }
                _ => {}
            }
        }
        true
    }

    /// What a call does: it sends, or changes a dictionary.
    fn called(&self, frame: &mut Frame<'m>, call: &'m Call, said: &mut Vec<Said>) {
        let source = frame.source;
        if is_send(source, call) {
            let values = match call.arguments.first() {
                Some(value) => self.value(frame, value),
                None => vec![Said::Unknown],
            };
            said::add(said, &values);
            return;
        }
        match (source.called(call), &call.callee) {
            (Some("send_multipart"), _) => {
                let values = match call.arguments.first() {
                    Some(Value::List(frames)) => self.payload(frame, frames),
                    _ => vec![Said::Unknown],
                };
                said::add(said, &values);
            }
            // Not as JSON, or in a way of its own.
            (Some("send_pyobj" | "send_serialized"), _) => said::add(said, &[Said::Unknown]),
            (Some("update"), Value::Attribute(object, _)) => {
                if let Value::Name(name) = **object {
                    let mut given = Object::default();
                    self.fill(frame, call, &mut given);
                    let given = [Said::Object(given)];
                    self.change(frame, name, &mut |object| object.merge(&given));
                }
            }
            (Some(name), _) => {
                let fills = |module: &&Module| {
                    let mut functions = module.functions.iter();
                    functions.any(|function| &*function.name == name && function.fills_parameters)
                };
                if self.files.iter().any(fills) {
                    for argument in &call.arguments {
                        if let Value::Name(name) = argument {
                            self.change(frame, *name, &mut Object::lose);
                        }
                    }
                }
            }
            (None, _) => {}
        }
    }

    /// Changes what is in a dictionary.
    fn change(&self, frame: &mut Frame<'m>, name: Atom, with: &mut dyn FnMut(&mut Object)) {
        let mut values = self.named(frame, name);
        for value in &mut values {
            match value {
                Said::Object(object) => with(object),
                value => *value = Said::Unknown,
            }
        }
        frame.known.insert(name, values);
    }

    /// The frames of a message that one gets who sent a request: all, or those behind the empty one where they begin with who that is.
    fn payload(&self, frame: &Frame<'m>, frames: &'m [Value]) -> Vec<Said> {
        let is_empty = |value: &Value| matches!(value, Value::Bytes(text) | Value::Str(text) if text.is_empty());
        let from = frames.iter().position(is_empty).map_or(0, |at| at + 1);
        let frames = frames.get(from..).unwrap_or_default();
        match frames {
            [only] => self.value(frame, only),
            frames => {
                let pieces: Vec<Vec<Said>> = frames.iter().map(|value| self.value(frame, value)).collect();
                said::joined(&pieces)
            }
        }
    }

    fn value(&self, frame: &Frame<'m>, value: &'m Value) -> Vec<Said> {
        if frame.depth > DEEPEST {
            return vec![Said::Unknown];
        }
        let mut inner = frame.clone();
        inner.depth += 1;
        let frame = &inner;
        let each = |values: &mut dyn Iterator<Item = &'m Value>| {
            let mut all = Vec::new();
            values.for_each(|value| said::add(&mut all, &self.value(frame, value)));
            all
        };
        match value {
            Value::None => vec![Said::Nothing],
            Value::Str(text) | Value::Bytes(text) => vec![Said::text(text)],
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Test(_) => vec![Said::Plain],
            Value::Concat(pieces) => {
                let pieces: Vec<Vec<Said>> = pieces.iter().map(|piece| self.value(frame, piece)).collect();
                said::joined(&pieces)
            }
            Value::Binary(Operator::Add, left, right) => {
                let pieces = [self.value(frame, left), self.value(frame, right)];
                match pieces[0].iter().all(|said| matches!(said, Said::Text { .. })) {
                    true => said::joined(&pieces),
                    false => vec![Said::Unknown],
                }
            }
            Value::Dict(entries) => vec![Said::Object(self.object(frame, entries))],
            Value::Choice(choice) => each(&mut [&choice.yes, &choice.no].into_iter()),
            Value::Or(values) | Value::Either(values) => each(&mut values.iter()),
            Value::Name(name) => self.named(frame, *name),
            Value::Attribute(object, name) => self.attribute(frame, object, *name),
            Value::Subscript(object, item) => match key(item) {
                Some(wanted) => self.item(frame, object, wanted),
                None => vec![Said::Unknown],
            },
            Value::Call(index) => match frame.source.calls.get(*index as usize) {
                Some(call) => self.given(frame, call),
                None => vec![Said::Unknown],
            },
            _ => vec![Said::Unknown],
        }
    }

    fn object(&self, frame: &Frame<'m>, entries: &'m [(Value, Value)]) -> Object {
        let mut object = Object::default();
        for (name, value) in entries {
            match name {
                Value::Unpacked(other) => object.merge(&self.value(frame, other)),
                name => match key(name) {
                    Some(key) => object.set(key, self.value(frame, value)),
                    None => match self.value(frame, name).as_slice() {
                        [Said::Text { start, whole: true }] => object.set(start, self.value(frame, value)),
                        _ => object.lose(),
                    },
                },
            }
        }
        object
    }

    /// What `dict(…)` or `.update(…)` puts in a dictionary.
    fn fill(&self, frame: &Frame<'m>, call: &'m Call, object: &mut Object) {
        if let Some(given) = call.arguments.first() {
            object.merge(&self.value(frame, given));
        }
        for (name, value) in &call.keywords {
            object.set(frame.source.name(*name), self.value(frame, value));
        }
        if let Some(spread) = &call.spread {
            match &spread.double_star {
                Some(given) if spread.star.is_none() => object.merge(&self.value(frame, given)),
                _ => object.lose(),
            }
        }
    }

    fn item(&self, frame: &Frame<'m>, object: &'m Value, wanted: &str) -> Vec<Said> {
        let mut all = Vec::new();
        for said in self.value(frame, object) {
            match said {
                Said::Object(object) => match object.get(wanted) {
                    Some(values) => said::add(&mut all, values),
                    None => said::add(&mut all, &[Said::Unknown]),
                },
                _ => said::add(&mut all, &[Said::Unknown]),
            }
        }
        all
    }

    /// What a name stands for.
    fn named(&self, frame: &Frame<'m>, name: Atom) -> Vec<Said> {
        if let Some(values) = frame.known.get(&name) {
            return values.clone();
        }
        let unknown = || vec![Said::Unknown];
        let (source, function) = (frame.source, frame.function);
        if let Some(function) = function.filter(|function| function.locals.binary_search(&name).is_ok()) {
            // It may have any of its values where what comes before is not followed.
            let stored = steps::stored(&function.body, name);
            if frame.whole || stored.is_empty() {
                return unknown();
            }
            let mut deeper = frame.clone();
            deeper.depth += CALL;
            let mut all = Vec::new();
            stored
                .into_iter()
                .for_each(|value| said::add(&mut all, &self.value(&deeper, value)));
            let mut changed = false;
            steps::all(&function.body, &mut |step| match step {
                Step::StoreItem(item) if item.object == Value::Name(name) => changed = true,
                Step::Call(call) => {
                    let call = source.calls.get(*call as usize);
                    changed |= call.is_some_and(|call| match &call.callee {
                        Value::Attribute(object, method) => {
                            **object == Value::Name(name) && matches!(source.name(*method), "update" | "setdefault")
                        }
                        _ => false,
                    });
                }
                _ => {}
            });
            if changed {
                for said in &mut all {
                    if let Said::Object(object) = said {
                        object.lose();
                    }
                }
            }
            return all;
        }
        self.global(source, name, frame.depth)
    }

    /// What a name of a module stands for, in whichever file it gets its value.
    fn global(&self, source: &'m Module, name: Atom, depth: usize) -> Vec<Said> {
        let text = source.name(name);
        let is_imported = source.imports.iter().any(|import| import.binds == Some(name));
        let files: Vec<&'m Module> = match is_imported {
            true => self.files.to_vec(),
            false => vec![source],
        };
        let mut all = Vec::new();
        for file in files {
            let Some(atom) = file.atom(text) else { continue };
            let mut frame = Frame::at(file, None);
            frame.depth = depth + 1;
            for binding in file.bindings.iter().filter(|binding| binding.name == atom) {
                match &binding.value {
                    Some(value) => said::add(&mut all, &self.value(&frame, value)),
                    None if file.imports.iter().any(|import| import.binds == Some(atom)) => {}
                    None => said::add(&mut all, &[Said::Unknown]),
                }
            }
            if file.filled.iter().any(|fill| fill.name == atom) {
                said::add(&mut all, &[Said::Unknown]);
            }
        }
        match all.is_empty() {
            true => vec![Said::Unknown],
            false => all,
        }
    }

    /// What an attribute of the agent, or of a class, may be.
    fn attribute(&self, frame: &Frame<'m>, object: &'m Value, name: Atom) -> Vec<Said> {
        let source = frame.source;
        let text = source.name(name);
        let family = match object {
            // `Status.OK.value`.
            Value::Attribute(class, member) if text == "value" && matches!(**class, Value::Name(_)) => {
                return self.attribute(frame, class, *member);
            }
            Value::Name(of) if is_self(frame.function, *of) => match frame.function.and_then(|function| function.class)
            {
                Some(class) => self.family(source, class),
                None => return vec![Said::Unknown],
            },
            Value::Name(of) => self.classes(source.name(*of)),
            _ => return vec![Said::Unknown],
        };
        let mut all = Vec::new();
        for (module, class) in &family {
            let own = module.attributes.iter();
            for attribute in own.filter(|attribute| attribute.class == *class && &*attribute.name == text) {
                let function = attribute.function.and_then(|at| module.functions.get(at as usize));
                let mut deeper = Frame::at(module, function);
                deeper.depth = frame.depth + CALL;
                said::add(&mut all, &self.value(&deeper, &attribute.value));
            }
        }
        // Others may give it a value, too.
        let outside = self.files.iter().any(|module| {
            let given = module.attributes.iter();
            let own = given.filter(|attribute| attribute.function.is_some() && &*attribute.name == text);
            let set = module.atom(text).map_or(0, |atom| {
                let set = module.set_attributes.iter();
                set.filter(|known| **known == atom).count()
            });
            set > own.count()
        });
        if outside || all.is_empty() {
            return vec![Said::Unknown];
        }
        all
    }

    /// What a call gives.
    fn given(&self, frame: &Frame<'m>, call: &'m Call) -> Vec<Said> {
        let source = frame.source;
        let first = call.arguments.first();
        let name = source.called(call).unwrap_or_default();
        match (&call.callee, name, first) {
            (Value::Attribute(module, _), "dumps", Some(given)) if is_json(source, module) => self.value(frame, given),
            (Value::Name(_), "jsonify", Some(given)) => self.value(frame, given),
            (Value::Name(_), "dict", _) => {
                let mut object = Object::default();
                self.fill(frame, call, &mut object);
                vec![Said::Object(object)]
            }
            (Value::Name(_), "bytes" | "str", Some(given)) => {
                let values = self.value(frame, given);
                match values.iter().all(|said| matches!(said, Said::Text { .. })) {
                    true => values,
                    false => vec![Said::Unknown],
                }
            }
            (Value::Attribute(object, _), "encode" | "decode" | "copy", _) if !is_known_class(self, source, object) => {
                self.value(frame, object)
            }
            (Value::Attribute(..), "deepcopy", Some(given)) | (Value::Name(_), "deepcopy", Some(given)) => {
                self.value(frame, given)
            }
            _ => self.of_call(frame, call),
        }
    }

    /// What the functions of the tree return that a call may run.
    fn of_call(&self, frame: &Frame<'m>, call: &'m Call) -> Vec<Said> {
        let functions = self.functions(frame, call);
        if functions.is_empty() {
            return vec![Said::Unknown];
        }
        let mut all = Vec::new();
        for (module, function) in functions {
            let mut inner = Frame::at(module, Some(function));
            inner.depth = frame.depth + CALL;
            self.bind(frame, call, &mut inner, function);
            let returned = self.returned(inner);
            said::add(&mut all, &returned);
        }
        all
    }

    /// Gives a function's parameters what a call has for them.
    fn bind(&self, frame: &Frame<'m>, call: &'m Call, inner: &mut Frame<'m>, function: &'m Function) {
        let parameters = &function.parameters;
        let is_static = function.decorators.iter().any(|name| &**name == "staticmethod");
        let skip = usize::from(function.class.is_some() && !is_static);
        for (at, parameter) in parameters.all.iter().enumerate().skip(skip) {
            let name = inner.source.name(parameter.name);
            let given = frame
                .source
                .keyword(call, name)
                .or_else(|| call.arguments.get(at - skip));
            let values = match (given, &call.spread, &parameter.default) {
                (Some(value), ..) => self.value(frame, value),
                (None, None, Some(value)) => self.value(&Frame::at(inner.source, None), value),
                _ => vec![Said::Unknown],
            };
            inner.known.insert(parameter.name, values);
        }
        if let Some(rest) = parameters.double_star {
            let mut object = Object::default();
            for (name, value) in &call.keywords {
                let text = frame.source.name(*name);
                let is_own = parameters.all.iter().any(|own| inner.source.name(own.name) == text);
                if !is_own {
                    object.set(text, self.value(frame, value));
                }
            }
            if call.spread.is_some() {
                object.lose();
            }
            inner.known.insert(rest, vec![Said::Object(object)]);
        }
    }

    /// The functions of the tree that a call may run: none where it may run others, too.
    fn functions(&self, frame: &Frame<'m>, call: &'m Call) -> Vec<(&'m Module, &'m Function)> {
        let source = frame.source;
        let Some(name) = source.called(call) else {
            return Vec::new();
        };
        match &call.callee {
            Value::Name(atom) => {
                let is_local = frame
                    .function
                    .is_some_and(|function| function.locals.binary_search(atom).is_ok());
                let is_imported = source.imports.iter().any(|import| import.binds == Some(*atom));
                let files: Vec<&'m Module> = match (is_local, is_imported) {
                    (true, _) => return Vec::new(),
                    (false, true) => self.files.to_vec(),
                    (false, false) => vec![source],
                };
                let plain = |function: &&Function| {
                    function.class.is_none() && function.outer.is_none() && &*function.name == name
                };
                let of_file = |file: &'m Module| {
                    file.functions
                        .iter()
                        .filter(plain)
                        .map(move |function| (file, function))
                };
                files.into_iter().flat_map(of_file).collect()
            }
            Value::Attribute(object, _) => self.methods(&self.classes_of(frame, object), name),
            _ => Vec::new(),
        }
    }

    /// The classes that an object may be of.
    fn classes_of(&self, frame: &Frame<'m>, object: &'m Value) -> Vec<(&'m Module, u32)> {
        let source = frame.source;
        let class = frame.function.and_then(|function| function.class);
        let stored: Vec<(&'m Module, &'m Value)> = match (object, class) {
            (Value::Name(name), Some(class)) if is_self(frame.function, *name) => return self.family(source, class),
            (Value::Call(index), Some(class)) => {
                let call = source.calls.get(*index as usize);
                let is_super = call.is_some_and(|call| source.called(call) == Some("super"));
                if is_super {
                    let mut family = self.family(source, class);
                    family.retain(|(module, at)| !(std::ptr::eq(*module, source) && *at == class));
                    return family;
                }
                vec![(source, object)]
            }
            (Value::Attribute(of, name), Some(class)) => {
                if !matches!(**of, Value::Name(of) if is_self(frame.function, of)) {
                    return Vec::new();
                }
                let text = source.name(*name);
                let mut stored = Vec::new();
                for (module, class) in self.family(source, class) {
                    let own = module.attributes.iter();
                    let own = own.filter(|attribute| attribute.class == class && &*attribute.name == text);
                    stored.extend(own.map(|attribute| (module, &attribute.value)));
                }
                stored
            }
            (Value::Name(name), _) => match frame.function {
                Some(function) if function.locals.binary_search(name).is_ok() => {
                    let stored = steps::stored(&function.body, *name);
                    stored.into_iter().map(|value| (source, value)).collect()
                }
                _ => {
                    let bound = source.bindings.iter().filter(|binding| binding.name == *name);
                    bound
                        .filter_map(|binding| Some((source, binding.value.as_ref()?)))
                        .collect()
                }
            },
            (object, _) => vec![(source, object)],
        };
        let mut found = Vec::new();
        for (module, value) in stored {
            let made = match value {
                Value::None => continue,
                Value::Call(index) => module.calls.get(*index as usize).and_then(|call| match call.callee {
                    Value::Name(name) => Some(self.classes(module.name(name))),
                    _ => None,
                }),
                _ => None,
            };
            match made {
                Some(classes) if !classes.is_empty() => {
                    for (module, class) in classes {
                        found.extend(self.above(&BTreeSet::from([&*module.classes[class as usize].name])));
                    }
                }
                // It may be anything.
                _ => return Vec::new(),
            }
        }
        found
    }

    fn methods(&self, classes: &[(&'m Module, u32)], name: &str) -> Vec<(&'m Module, &'m Function)> {
        let mut found: Vec<(&'m Module, &'m Function)> = Vec::new();
        for (module, class) in classes {
            let Some(class) = module.classes.get(*class as usize) else {
                continue;
            };
            let methods = class.methods.iter().filter_map(|at| module.functions.get(*at as usize));
            for method in methods.filter(|method| &*method.name == name) {
                if !found.iter().any(|(_, known)| std::ptr::eq(*known, method)) {
                    found.push((module, method));
                }
            }
        }
        found
    }

    /// The classes of a name.
    fn classes(&self, name: &str) -> Vec<(&'m Module, u32)> {
        self.all_classes()
            .filter(|(module, at)| &*module.classes[*at as usize].name == name)
            .collect()
    }

    fn all_classes(&self) -> impl Iterator<Item = (&'m Module, u32)> {
        let files = self.files.iter().copied();
        files.flat_map(|module| (0..).zip(&module.classes).map(move |(at, _)| (module, at)))
    }

    /// A class, those that it is made of and those that are made of it, by their names.
    fn family(&self, source: &'m Module, class: u32) -> Vec<(&'m Module, u32)> {
        let Some(class) = source.classes.get(class as usize) else {
            return Vec::new();
        };
        let mut names: BTreeSet<&'m str> = BTreeSet::from([&*class.name]);
        loop {
            let below = self.all_classes().filter(|(module, at)| {
                let bases = module.classes[*at as usize].bases.iter();
                bases
                    .filter_map(|base| last(module, base))
                    .any(|base| names.contains(base))
            });
            let below: Vec<&'m str> = below.map(|(module, at)| &*module.classes[at as usize].name).collect();
            let before = names.len();
            names.extend(below);
            if names.len() == before {
                break;
            }
        }
        self.above(&names)
    }

    /// Classes of these names, and those that they are made of.
    fn above(&self, names: &BTreeSet<&'m str>) -> Vec<(&'m Module, u32)> {
        let mut names = names.clone();
        loop {
            let of_names = self
                .all_classes()
                .filter(|(module, at)| names.contains(&*module.classes[*at as usize].name));
            let bases = of_names.flat_map(|(module, at)| {
                let bases = module.classes[at as usize].bases.iter();
                bases.filter_map(move |base| last(module, base))
            });
            let bases: Vec<&'m str> = bases.collect();
            let before = names.len();
            names.extend(bases);
            if names.len() == before {
                break;
            }
        }
        self.all_classes()
            .filter(|(module, at)| names.contains(&*module.classes[*at as usize].name))
            .collect()
    }
}

/// The last name of a class that another is made of.
fn last<'m>(module: &'m Module, base: &Value) -> Option<&'m str> {
    match base {
        Value::Name(name) | Value::Attribute(_, name) => Some(module.name(*name)),
        _ => None,
    }
}

/// Whether a name is the first parameter of a method.
fn is_self(function: Option<&Function>, name: Atom) -> bool {
    let method = function.filter(|function| function.class.is_some());
    method.is_some_and(|method| method.parameters.all.first().is_some_and(|first| first.name == name))
}

fn is_json(source: &Module, module: &Value) -> bool {
    matches!(module, Value::Name(name) if JSON.contains(&source.name(*name).trim_start_matches('_')))
}

/// Whether what a method is called of is a class of the tree, which has its own.
fn is_known_class(answers: &Answers<'_, '_>, source: &Module, object: &Value) -> bool {
    matches!(object, Value::Name(name) if !answers.classes(source.name(*name)).is_empty())
}

fn key(value: &Value) -> Option<&str> {
    match value {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

/// Whether a call sends a message of one frame.
fn is_send(source: &Module, call: &Call) -> bool {
    matches!(call.callee, Value::Attribute(..)) && source.called(call).is_some_and(|name| SENDS.contains(&name))
}

/// What a step returns or sends.
fn sent<'m>(source: &'m Module, step: &'m Step) -> Option<&'m Value> {
    match step {
        Step::Leave {
            how: Leave::Return,
            value: Some(value),
            ..
        } => Some(value),
        Step::Call(call) => {
            let call = source.calls.get(*call as usize)?;
            call.arguments.first().filter(|_| is_send(source, call))
        }
        _ => None,
    }
}

/// Whether a value is one of these names, or made of one alone.
fn mentions(source: &Module, value: &Value, names: &BTreeSet<Atom>, depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    let inner = |value: &Value| mentions(source, value, names, depth + 1);
    match value {
        Value::Name(name) => names.contains(name),
        Value::Attribute(of, _) => inner(of),
        Value::Concat(parts) => parts.iter().any(inner),
        Value::Dict(entries) => entries
            .iter()
            .any(|(key, value)| inner(value) || matches!(key, Value::Unpacked(of) if inner(of))),
        Value::Call(index) => source.calls.get(*index as usize).is_some_and(|call| {
            call.arguments.iter().any(inner) || matches!(&call.callee, Value::Attribute(of, _) if inner(of))
        }),
        _ => false,
    }
}

/// What names are after several ways; nothing where none goes on.
fn together(ways: Vec<BTreeMap<Atom, Vec<Said>>>) -> Option<BTreeMap<Atom, Vec<Said>>> {
    let mut ways = ways.into_iter();
    let mut all = ways.next()?;
    for way in ways {
        for (name, values) in way {
            match all.get_mut(&name) {
                Some(known) => said::add(known, &values),
                None => {
                    all.insert(name, values);
                }
            }
        }
    }
    Some(all)
}
