//! What the file in which a port is opened says of the requests that are answered there, where a start path alone does not tell: the path
//! that a handler of HTTP compares, and the request that a ZeroMQ socket's handler compares.

use std::collections::BTreeSet;

use pysrc::{Atom, Call, Condition, Function, Module, Step, Test, Value};

use super::answers::Answers;
use super::replies;
use super::said::Said;
use super::start_path::ASKING;
use crate::python::steps;

/// Deepest value that is looked into.
const DEEPEST: usize = 8;

/// Words in paths that tell how a service is doing; the likeliest first.
const TELLING: [&str; 7] = ["health", "ping", "status", "ready", "live", "alive", "heartbeat"];

/// Last names of what serves an application.
const SERVE_ROUTES: [&str; 7] = [
    "Config",
    "TCPSite",
    "make_server",
    "run",
    "run_app",
    "run_simple",
    "serve",
];

/// The path at which the only handler of a file tells how the agent is doing: nothing where it compares no path, or there are more
/// handlers; none inside where which it is, is not known. `all` are the files in which it may be given its path.
#[must_use]
pub fn http_path(source: &Module, all: &[&Module]) -> Option<Option<String>> {
    let mut gets = source.functions.iter().filter(|function| &*function.name == "do_GET");
    let get = gets.next().filter(|_| gets.next().is_none())?;
    let mut values: Vec<&Value> = Vec::new();
    let is_path = |value: &Value| is_path(source, get, value, 0);
    let mut compare = |condition| {
        steps::comparisons(condition, &mut |left, right| {
            if is_path(left) {
                values.push(right);
            }
        });
    };
    steps::conditions(&get.body, &mut compare);
    // A path that is compared is no path that is compared with.
    values.retain(|value| !is_path(value));
    if values.is_empty() {
        return None;
    }
    let mut paths = BTreeSet::new();
    for value in values {
        paths.extend(texts(source, get, value, all));
    }
    Some(best(&paths))
}

/// Whether what opens a port in this line serves an application's routes, and no class of handlers.
#[must_use]
pub fn serves_routes(source: &Module, line: u32) -> bool {
    let mut calls = source.calls.iter();
    calls.any(|call| {
        source.position(call.span).line == line && source.called(call).is_some_and(|name| SERVE_ROUTES.contains(&name))
    })
}

/// Of several paths, the one that tells most of the agent; its root before any other.
fn best(paths: &BTreeSet<String>) -> Option<String> {
    let telling = TELLING.iter().find_map(|word| {
        let of_word = paths.iter().filter(|path| path.contains(word));
        of_word.min_by_key(|path| path.len())
    });
    let up = paths.iter().find(|path| path.ends_with("/up"));
    telling.or(up).or_else(|| paths.get("/")).cloned()
}

/// Whether a value is the path of a request, or a part of it.
fn is_path(source: &Module, get: &Function, value: &Value, depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    let inner = |value: &Value| is_path(source, get, value, depth + 1);
    match value {
        Value::Attribute(_, name) if source.name(*name) == "path" => true,
        Value::Attribute(object, _) | Value::Subscript(object, _) => inner(object),
        Value::Name(name) => steps::stored(&get.body, *name).into_iter().any(inner),
        Value::Call(index) => source.calls.get(*index as usize).is_some_and(|call| {
            let of_object = matches!(&call.callee, Value::Attribute(object, _) if inner(object));
            of_object || call.arguments.first().is_some_and(inner)
        }),
        _ => false,
    }
}

/// The paths that a value in a handler stands for.
fn texts(source: &Module, get: &Function, value: &Value, all: &[&Module]) -> Vec<String> {
    match value {
        Value::Str(text) if text.starts_with('/') => vec![text.to_string()],
        Value::List(values) => values.iter().flat_map(|value| texts(source, get, value, &[])).collect(),
        Value::Dict(entries) => {
            let keys = entries.iter().map(|(key, _)| key);
            keys.flat_map(|key| texts(source, get, key, &[])).collect()
        }
        Value::Name(name) => {
            let mut outer = get.outer;
            while let Some(function) = outer.and_then(|at| source.functions.get(at as usize)) {
                if let Some(at) = function.parameters.all.iter().position(|known| known.name == *name) {
                    return given(source, function, at, all);
                }
                outer = function.outer;
            }
            let bound = source.bindings.iter().filter(|binding| binding.name == *name);
            let values = bound.filter_map(|binding| binding.value.as_ref());
            values
                .filter(|value| !matches!(value, Value::Name(_)))
                .flat_map(|value| texts(source, get, value, &[]))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// What calls give for a parameter, and its default where some give none; nothing where one gives what is not known.
fn given(source: &Module, function: &Function, at: usize, all: &[&Module]) -> Vec<String> {
    let parameter = &function.parameters.all[at];
    let name = source.name(parameter.name);
    let place = at - usize::from(function.class.is_some()).min(at);
    let mut values: Vec<Option<&Value>> = Vec::new();
    for module in all.iter().copied() {
        let calls = module.calls.iter();
        for call in calls.filter(|call| module.called(call) == Some(&*function.name)) {
            let given = module.keyword(call, name).or_else(|| call.arguments.get(place));
            values.push(given.or(parameter.default.as_ref()));
        }
    }
    if values.is_empty() {
        values.push(parameter.default.as_ref());
    }
    let mut found = BTreeSet::new();
    for value in values {
        match value {
            Some(Value::Str(text)) if text.starts_with('/') => found.insert(text.to_string()),
            _ => return Vec::new(),
        };
    }
    // Who is given which of them is not known.
    match found.len() {
        1 => found.into_iter().collect(),
        _ => Vec::new(),
    }
}

/// A request that asks how an agent is doing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// Its words.
    pub ask: String,
    /// What one that is well answers; empty where that is as usual.
    pub expect: Vec<String>,
}

/// Words of requests in plain text that ask the same as those of [`ASKING`].
const ASKING_TEXTS: [&str; 4] = ["alive", "is_alive", "healthz", "ready"];

/// How likely a word asks how an agent is doing: the lower, the likelier. `GET /status` asks what `status` does.
fn rank(word: &str) -> Option<usize> {
    let lower = word.to_ascii_lowercase();
    let plain = lower.strip_prefix("get ").unwrap_or(&lower);
    let plain = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let plain = plain.rsplit('/').next().unwrap_or(plain).replace(['-', ' '], "_");
    let mut all = ASKING.iter().chain(&ASKING_TEXTS);
    all.position(|known| *known == plain)
}

/// The only request in these files that asks how the agent is doing and that is answered in a known way; of those of a file, in these
/// functions alone where some are given. `all` are the files that the agent loads: what it answers may be put together in any of them.
#[must_use]
pub fn request(files: &[(&Module, Option<&BTreeSet<u32>>)], all: &[&Module]) -> Option<Request> {
    let answers = Answers { files: all };
    let mut found: BTreeSet<(usize, Request)> = BTreeSet::new();
    for (source, within) in files {
        let mut look = Look {
            source,
            answers,
            function: None,
            found: &mut found,
        };
        for (at, function) in (0..).zip(&source.functions) {
            if within.is_none_or(|within| within.contains(&at)) {
                look.function = Some(function);
                look.body(&function.body);
                look.lookups(Some(at));
            }
        }
        look.function = None;
        if within.is_none() {
            look.body(&source.body);
            look.lookups(None);
        }
    }
    let Some((rank, request)) = found.first().cloned() else {
        return anyone(files, answers);
    };
    let of_rank: BTreeSet<&Request> = found
        .iter()
        .filter(|(other, _)| *other == rank)
        .map(|(_, request)| request)
        .collect();
    let asks: BTreeSet<&str> = of_rank.iter().map(|request| request.ask.as_str()).collect();
    if asks.len() != 1 {
        return None;
    }
    // Of several that answer one request, which is asked is not known: what any of them says counts.
    let mut expect: Vec<String> = Vec::new();
    let has_usual = of_rank.iter().any(|request| request.expect.is_empty());
    for word in of_rank.iter().flat_map(|request| &request.expect) {
        if !expect.contains(word) {
            expect.push(word.clone());
        }
    }
    if has_usual && !expect.is_empty() {
        expect.extend(contract::health::HEALTHY_STATUSES.iter().map(|word| (*word).to_owned()));
    }
    Some(Request { expect, ..request })
}

/// The usual request, where the same is said to whoever asks anything, and nothing else.
fn anyone(files: &[(&Module, Option<&BTreeSet<u32>>)], answers: Answers<'_, '_>) -> Option<Request> {
    let mut found = None;
    for (source, within) in files {
        let functions = (0..).zip(&source.functions);
        let functions = functions.filter(|(at, _)| within.is_none_or(|within| within.contains(at)));
        let bodies = functions.map(|(at, function)| (Some(at), Some(function), &function.body));
        for (at, function, body) in bodies.chain([(None, None, &source.body)]) {
            let receives = source.calls.iter().any(|call| {
                let is_here = call.function == at;
                is_here
                    && matches!(
                        source.called(call),
                        Some("recv" | "recv_string" | "recv_json" | "recv_multipart")
                    )
            });
            if !receives {
                continue;
            }
            let mut branches = false;
            steps::all(body, &mut |step| branches |= matches!(step, Step::Branch(_)));
            if branches {
                return None;
            }
            let said = answers.of_steps(source, function, body);
            let words = replies::words(&said).filter(|words| !words.may_be_unwell)?;
            if found.is_some() {
                return None;
            }
            found = Some(Request {
                ask: contract::health::REQUEST.to_owned(),
                expect: words.expect,
            });
        }
    }
    found
}

/// Looks for comparisons with words that ask for health, and for what is answered there.
struct Look<'m, 'f> {
    source: &'m Module,
    answers: Answers<'m, 'f>,
    function: Option<&'m Function>,
    found: &'f mut BTreeSet<(usize, Request)>,
}

impl<'m> Look<'m, '_> {
    fn body(&mut self, body: &'m [Step]) {
        for (at, step) in body.iter().enumerate() {
            let after = body.get(at + 1..).unwrap_or_default();
            match step {
                Step::Branch(branch) => {
                    for (arm, test) in std::iter::once(&branch.test).chain(&branch.rest).enumerate() {
                        let Test::When(condition) = test else { continue };
                        let otherwise = branch.arms.get(arm + 1..).unwrap_or_default();
                        let answers = match condition {
                            // What does not ask is sent away, and the others go on.
                            Condition::Not(_) => otherwise.first().map_or(after, |arm| arm),
                            _ => branch.arms.get(arm).map_or(after, |arm| arm),
                        };
                        let said = self.answers.of_steps(self.source, self.function, answers);
                        self.condition(condition, &said);
                    }
                }
                Step::Store { value: Some(value), .. }
                | Step::StoreAttribute { value: Some(value), .. }
                | Step::Leave { value: Some(value), .. } => self.value(value, 0),
                Step::Call(call) => {
                    if let Some(call) = self.source.calls.get(*call as usize) {
                        let keywords = call.keywords.iter().map(|(_, value)| value);
                        call.arguments
                            .iter()
                            .chain(keywords)
                            .for_each(|value| self.value(value, 0));
                    }
                }
                _ => {}
            }
            steps::inner(step, &mut |body| self.body(body));
        }
    }

    /// What is chosen from by what a request says.
    fn value(&mut self, value: &'m Value, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        match value {
            Value::Choice(choice) => {
                let reply = match choice.condition {
                    Condition::Not(_) => &choice.no,
                    _ => &choice.yes,
                };
                let said = self.answers.of_value(self.source, self.function, reply);
                self.condition(&choice.condition, &said);
                self.value(&choice.yes, depth + 1);
                self.value(&choice.no, depth + 1);
            }
            Value::Dict(entries) => entries.iter().for_each(|(_, value)| self.value(value, depth + 1)),
            Value::List(values) | Value::Or(values) => values.iter().for_each(|value| self.value(value, depth + 1)),
            _ => {}
        }
    }

    /// A condition, with what is answered where it holds.
    fn condition(&mut self, condition: &'m Condition, said: &[Said]) {
        let Some(words) = replies::words(said) else { return };
        let mut compared: Vec<(&'m Value, &'m Value)> = Vec::new();
        steps::comparisons(condition, &mut |left, right| compared.push((left, right)));
        self.beginnings(condition, &mut compared);
        for (left, right) in compared {
            for word in self.texts(right) {
                let Some(rank) = rank(&word) else { continue };
                if let Some(ask) = asked(self.source, self.function, left, &word, 0) {
                    let expect = words.expect.clone();
                    self.found.insert((rank, Request { ask, expect }));
                }
            }
        }
    }

    /// What is compared as `request.startswith("GET /status")`.
    fn beginnings(&self, condition: &'m Condition, found: &mut Vec<(&'m Value, &'m Value)>) {
        match condition {
            Condition::True(Value::Call(index)) => {
                let call = self.source.calls.get(*index as usize);
                let Some(call) = call.filter(|call| self.source.called(call) == Some("startswith")) else {
                    return;
                };
                if let (Value::Attribute(object, _), Some(word)) = (&call.callee, call.arguments.first()) {
                    found.push((object, word));
                }
            }
            Condition::Not(inner) => self.beginnings(inner, found),
            Condition::All(all) | Condition::Any(all) => all.iter().for_each(|one| self.beginnings(one, found)),
            _ => {}
        }
    }

    /// The texts that a value may be, or has in it.
    fn texts(&self, value: &'m Value) -> Vec<String> {
        match value {
            Value::List(values) => values.iter().flat_map(|value| self.texts(value)).collect(),
            Value::Name(name) => {
                let bound = self.source.bindings.iter().filter(|binding| binding.name == *name);
                let lists = bound.filter_map(|binding| match &binding.value {
                    Some(list @ Value::List(_)) => Some(list),
                    _ => None,
                });
                let lists: Vec<String> = lists.flat_map(|list| self.texts(list)).collect();
                match lists.is_empty() {
                    true => self.constant(value),
                    false => lists,
                }
            }
            Value::Str(_) | Value::Bytes(_) | Value::Attribute(..) => self.constant(value),
            _ => Vec::new(),
        }
    }

    /// The only text that a value is.
    fn constant(&self, value: &'m Value) -> Vec<String> {
        match self.answers.of_value(self.source, self.function, value).as_slice() {
            [Said::Text { start, whole: true }] => vec![start.clone()],
            _ => Vec::new(),
        }
    }

    /// Requests whose words are keys of a table of functions, or ends of names of methods that are made up from requests, in a function
    /// of this number, or outside of all.
    fn lookups(&mut self, at: Option<u32>) {
        let source = self.source;
        let mut looked_up: Vec<(&'m Value, &'m Value)> = Vec::new();
        let mut item = |value: &'m Value| match value {
            Value::Subscript(table, word) => looked_up.push((table, word)),
            Value::Call(index) => {
                let call = source.calls.get(*index as usize);
                if let Some(Value::Subscript(table, word)) = call.map(|call| &call.callee) {
                    looked_up.push((table, word));
                }
            }
            _ => {}
        };
        let body = self.function.map_or(&*source.body, |function| &function.body);
        steps::all(body, &mut |step| match step {
            Step::Store { value: Some(value), .. } | Step::Leave { value: Some(value), .. } => item(value),
            Step::Call(call) => {
                if let Some(call) = source.calls.get(*call as usize) {
                    item(&call.callee);
                    call.arguments.iter().for_each(&mut item);
                }
            }
            _ => {}
        });
        for call in source.calls.iter().filter(|call| call.function == at) {
            match (&call.callee, source.called(call), &*call.arguments) {
                (Value::Attribute(table, _), Some("get"), [word, ..]) => looked_up.push((table, word)),
                (Value::Name(_), Some("getattr"), [_, Value::Concat(parts), ..]) => self.named(parts),
                _ => {}
            }
        }
        for (table, word) in looked_up {
            self.table(table, word);
        }
    }

    /// A method whose name begins so and ends as a request says.
    fn named(&mut self, parts: &'m [Value]) {
        let [Value::Str(prefix), word] = parts else { return };
        for asking in ASKING {
            let name = format!("{prefix}{asking}");
            for file in self.answers.files {
                let methods = file.functions.iter().filter(|function| *function.name == *name);
                for method in methods.filter(|method| method.class.is_some()) {
                    self.answered_by(file, method, word, asking);
                }
            }
        }
    }

    /// A table of functions, of which one is taken by what a request says.
    fn table(&mut self, table: &'m Value, word: &'m Value) {
        let source = self.source;
        let mut tables: Vec<(&'m Module, &'m Value)> = Vec::new();
        match table {
            Value::Dict(_) => tables.push((source, table)),
            Value::Attribute(_, name) => {
                let name = source.name(*name);
                for file in self.answers.files {
                    let all = file.attributes.iter().filter(|attribute| &*attribute.name == name);
                    tables.extend(all.map(|attribute| (*file, &attribute.value)));
                }
            }
            Value::Name(name) => {
                let stored = self
                    .function
                    .map_or_else(Vec::new, |function| steps::stored(&function.body, *name));
                let bound = source.bindings.iter().filter(|binding| binding.name == *name);
                let bound = bound.filter_map(|binding| binding.value.as_ref());
                tables.extend(stored.into_iter().chain(bound).map(|value| (source, value)));
            }
            _ => {}
        }
        for (file, table) in tables {
            let Value::Dict(entries) = table else { continue };
            for (key, value) in entries {
                if let (Value::Str(asking), Value::Name(name) | Value::Attribute(_, name)) = (key, value) {
                    let name = file.name(*name);
                    let functions = file.functions.iter().filter(|function| &*function.name == name);
                    for function in functions {
                        self.answered_by(file, function, word, asking);
                    }
                }
            }
        }
    }

    /// Adds a request that a function answers.
    fn answered_by(&mut self, file: &'m Module, function: &'m Function, word: &'m Value, asking: &str) {
        let Some(rank) = rank(asking) else { return };
        let Some(ask) = asked(self.source, self.function, word, asking, 0) else {
            return;
        };
        let said = self.answers.of_function(file, function);
        if let Some(words) = replies::words(&said) {
            let expect = words.expect;
            self.found.insert((rank, Request { ask, expect }));
        }
    }
}

/// Methods of texts that change nothing that a request would be told apart by.
const PLAIN: [&str; 8] = [
    "casefold", "decode", "lower", "lstrip", "rstrip", "strip", "title", "upper",
];

/// The request whose word is compared as this value: the word alone, or an object that has it.
fn asked(source: &Module, function: Option<&Function>, value: &Value, word: &str, depth: usize) -> Option<String> {
    if depth > DEEPEST {
        return None;
    }
    let inner = |value: &Value| asked(source, function, value, word, depth + 1);
    let by_key = |object: &Value, key: &Value| match key {
        Value::Str(key) if is_request(source, function, object, 0) => {
            Some(serde_json::json!({ &**key: word }).to_string())
        }
        _ => None,
    };
    match value {
        Value::Subscript(object, key) => match **key {
            Value::Int(at) => first_part(source, function, object, at, word, depth),
            _ => by_key(object, key),
        },
        Value::Name(name) => {
            let stored = stored(source, function, *name);
            match stored.is_empty() {
                true => handed(source, function?, *name, word, depth),
                false => stored.into_iter().find_map(inner),
            }
        }
        // Under the first of several keys.
        Value::Or(values) => values.first().and_then(inner),
        Value::Call(index) => {
            let call = source.calls.get(*index as usize)?;
            let Value::Attribute(object, _) = &call.callee else {
                let is_text = matches!(source.called(call), Some("str" | "bytes"));
                return call.arguments.first().filter(|_| is_text).and_then(inner);
            };
            match source.called(call)? {
                "get" => by_key(object, call.arguments.first()?),
                "recv_string" | "recv_unicode" | "recv" => Some(word.to_owned()),
                name if PLAIN.contains(&name) => inner(object),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What a name gets where it is read.
fn stored<'m>(source: &'m Module, function: Option<&'m Function>, name: Atom) -> Vec<&'m Value> {
    match function {
        Some(function) => steps::stored(&function.body, name),
        None => {
            let bound = source.bindings.iter().filter(|binding| binding.name == name);
            bound.filter_map(|binding| binding.value.as_ref()).collect()
        }
    }
}

/// The request whose word is a part of something: the first word of a text, or a frame of a message.
fn first_part(
    source: &Module,
    function: Option<&Function>,
    object: &Value,
    at: i64,
    word: &str,
    depth: usize,
) -> Option<String> {
    match object {
        Value::Name(name) => {
            let stored = stored(source, function, *name);
            stored
                .into_iter()
                .find_map(|value| first_part(source, function, value, at, word, depth + 1))
                .filter(|_| depth < DEEPEST)
        }
        Value::Call(index) => {
            let call = source.calls.get(*index as usize)?;
            let Value::Attribute(of, _) = &call.callee else {
                return None;
            };
            match (source.called(call)?, at) {
                ("split" | "partition", 0) => asked(source, function, of, word, depth + 1),
                // Alone; behind who asks and the empty frame; the last.
                ("recv_multipart", 0 | 2 | -1) => Some(word.to_owned()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The request whose word calls give for a parameter.
fn handed(source: &Module, function: &Function, name: Atom, word: &str, depth: usize) -> Option<String> {
    let at = function.parameters.all.iter().position(|known| known.name == name)?;
    let at = at.checked_sub(usize::from(function.class.is_some()))?;
    let calls = source.calls.iter();
    let mut calls = calls.filter(|call| source.called(call) == Some(&*function.name));
    calls.find_map(|call| {
        let caller = call.function.and_then(|at| source.functions.get(at as usize));
        let value = source
            .keyword(call, source.name(name))
            .or_else(|| call.arguments.get(at))?;
        asked(source, caller, value, word, depth + 1)
    })
}

/// Whether a value may be a whole request that is read as JSON, and no part of one.
fn is_request(source: &Module, function: Option<&Function>, value: &Value, depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    // Requests in other words than JSON.
    if ["recv_pyobj", "unpackb", "pickle.loads"]
        .iter()
        .any(|other| source.text.contains(other))
    {
        return false;
    }
    match value {
        Value::Name(name) => {
            let stored = stored(source, function, *name);
            stored.into_iter().all(|value| {
                matches!(value, Value::Dict(_) | Value::None) || is_request(source, function, value, depth + 1)
            })
        }
        Value::Call(index) => {
            let call = source.calls.get(*index as usize);
            let name = call.and_then(|call| source.called(call)).unwrap_or_default();
            !matches!(name, "get" | "pop" | "setdefault")
        }
        _ => false,
    }
}

/// The functions of a file in which the socket is asked that a call in this line binds: where messages are received from it, and those
/// that are called there; nothing where the file does not tell.
#[must_use]
pub fn functions_of_socket(source: &Module, line: u32) -> Option<BTreeSet<u32>> {
    let binds = |call: &&Call| source.called(call) == Some("bind") && source.position(call.span).line == line;
    let mut bound = source.calls.iter().filter(binds);
    let (bind, None) = (bound.next()?, bound.next()) else {
        return None;
    };
    let Value::Attribute(socket, _) = &bind.callee else {
        return None;
    };
    let is_local = matches!(**socket, Value::Name(_));
    let receives = |call: &&Call| {
        let of_socket = matches!(&call.callee, Value::Attribute(object, _) if object == socket);
        let name = source.called(call).unwrap_or_default();
        of_socket && name.starts_with("recv") && (!is_local || call.function == bind.function)
    };
    let mut found: BTreeSet<u32> = source
        .calls
        .iter()
        .filter(receives)
        .filter_map(|call| call.function)
        .collect();
    let mut last = found.clone();
    for _ in 0..DEEPEST {
        if last.is_empty() {
            break;
        }
        let calls = source
            .calls
            .iter()
            .filter(|call| call.function.is_some_and(|at| last.contains(&at)));
        let names: BTreeSet<Atom> = calls
            .filter_map(|call| match &call.callee {
                Value::Name(name) | Value::Attribute(_, name) => Some(*name),
                _ => None,
            })
            .collect();
        let called = (0..)
            .zip(&source.functions)
            .filter(|(_, function)| names.contains(&function.atom));
        last = called.map(|(at, _)| at).filter(|at| !found.contains(at)).collect();
        found.extend(&last);
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use pysrc::PythonVersion;

    use super::*;

    fn module(text: &str) -> Module {
        let module = pysrc::read(text.as_bytes(), PythonVersion::USUAL);
        assert!(module.parses(), "{text}");
        module
    }

    #[test]
    fn a_handler_is_asked_at_the_path_that_it_compares() {
        let handler = |body: &str| {
            format!(
                "from http.server import BaseHTTPRequestHandler\nOTHER = '/live'\nTABLE = {{'/x': 1, '/healthz': 2}}\ndef serve(port, report, \
                 path='/health'):\n    class H(BaseHTTPRequestHandler):\n        def do_GET(self):\n            {body}\n    return H\n"
            )
        };
        for (body, calls, path) in [
            (
                "if self.path.rstrip('/') != path: self.send_error(404)",
                "",
                Some(Some("/health")),
            ),
            (
                "if self.path == path: self.ok()",
                "serve(1, f, '/up/status')\n",
                Some(Some("/up/status")),
            ),
            (
                "if self.path == path: self.ok()",
                "serve(1, f, path='/a')\nserve(2, f)\n",
                Some(None),
            ),
            (
                "if self.path == path: self.ok()",
                "serve(1, f, path=given)\n",
                Some(None),
            ),
            (
                "if self.path in ('/x', '/api/health'): self.ok()",
                "",
                Some(Some("/api/health")),
            ),
            (
                "p = self.path.split('?')[0]\n            if p == '/metrics': pass\n            elif p == '/healthz': pass",
                "",
                Some(Some("/healthz")),
            ),
            ("if self.path == OTHER: self.ok()", "", Some(Some("/live"))),
            (
                "if self.path not in TABLE: self.send_error(404)",
                "",
                Some(Some("/healthz")),
            ),
            ("if urlparse(self.path).path == '/': self.ok()", "", Some(Some("/"))),
            ("if self.path == '/metrics': self.ok()", "", Some(None)),
            ("self.ok()", "", None),
            ("if self.headers.get('x') == '/health': self.ok()", "", None),
        ] {
            let (source, user) = (module(&handler(body)), module(calls));
            let found = http_path(&source, &[&source, &user]);
            let expected = path.map(|path| path.map(str::to_owned));
            assert_eq!(found, expected, "{body}");
        }
    }

    fn request_of(file: &Module) -> Option<Request> {
        request(&[(file, None)], &[file])
    }

    /// The request of a file and what is expected, as in `{"a":"b"} -> up`.
    fn asked_of(text: &str) -> Option<String> {
        let request = request_of(&module(text))?;
        let expect = match request.expect.as_slice() {
            [] => String::new(),
            words => format!(" -> {}", words.join(", ")),
        };
        Some(format!("{}{expect}", request.ask))
    }

    #[test]
    fn a_request_is_asked_as_the_code_compares_it() {
        for (text, ask) in [
            (
                "t = s.recv_string()\ns.send_string('pong' if t == 'ping' else 'huh')\n",
                "ping -> pong",
            ),
            (
                "def f(s):\n    t = s.recv().decode()\n    s.send_string('pong' if t.strip().lower() == 'ping' else 'huh')\n",
                "ping -> pong",
            ),
            (
                "def f(s):\n    if s.recv_string() == 'status':\n        s.send_string('UP')\n",
                "status -> UP",
            ),
            (
                "m = s.recv_json()\nif m.get('type') == 'health':\n    s.send_json({'status': 'ok'})\n",
                "{\"type\":\"health\"}",
            ),
            (
                "def f(m):\n    kind = m.get('type') or m.get('action')\n    if kind == 'health':\n        return {'status': 'ok'}\n",
                "{\"type\":\"health\"}",
            ),
            (
                "def f(s):\n    t = s.recv_string()\n    if t.upper().startswith('GET /STATUS'):\n        return f'200 OK {t}'\n    return '404'\n",
                "GET /STATUS -> 200 OK",
            ),
            (
                "def f(s):\n    if s.recv_string().strip() == 'HEALTH':\n        s.send_string('ALIVE ' + json.dumps({'at': 1}))\n    else:\n        s.send_string('ERROR')\n",
                "HEALTH -> ALIVE",
            ),
            (
                "WORDS = ('PING', 'ARE YOU THERE')\ndef handle(text):\n    if text in WORDS:\n        return 'PONG'\n    return 'ERROR'\nwhile True:\n    s.send_string(handle(s.recv_string()))\n",
                "PING -> PONG",
            ),
            (
                "def f(s):\n    word = s.recv_string().split()[0]\n    if word == 'status':\n        s.send_string('up %d' % now())\n",
                "status -> up",
            ),
            (
                "def f(s):\n    if s.recv() == b'ping':\n        s.send(b'pong')\n    else:\n        s.send(b'?')\n",
                "ping -> pong",
            ),
            (
                "def f(s):\n    who, empty, word = s.recv_multipart()\n    if word == b'PING':\n        s.send_multipart([who, b'', b'PONG'])\n",
                "PING -> PONG",
            ),
            (
                "def f(s):\n    if s.recv_multipart()[0] == b'health':\n        s.send_multipart([b'ok', body()])\n",
                "health -> ok",
            ),
            (
                "def f(m):\n    if m.get('action') in ('ping', 'health_check'):\n        return {'status': 'success'}\n    return {'status': 'error'}\n",
                "{\"action\":\"health_check\"}",
            ),
        ] {
            assert_eq!(asked_of(text).as_deref(), Some(ask), "{text}");
        }
        for text in [
            // Nothing says what is answered.
            "m = s.recv_json()\nif m.get('type') == 'health':\n    s.send_json(answer)\n",
            "m = s.recv_json()\nif m.get('type') == 'health':\n    s.send_json({'status': 'error'})\n",
            // Two ways of asking: which is for which socket is not known.
            "def f(m):\n    return {'status': 'ok'} if m.get('a') == 'health' or m.get('b') == 'health' else 1\n",
            "if mode == 'health':\n    print('status', 'ok')\n",
            "m = s.recv_json()\nx = 1 if m['do'] == 'ping' else 2\ny = {'status': 'ok'}\n",
            // One who is not well says the same word.
            "def f(s):\n    if s.recv_string() == 'ping':\n        s.send_string('OK' if up else 'NOT OK')\n",
            "def f(s):\n    if s.recv_string() == 'ping':\n        s.send_string(answer())\n",
            // To such a frame nobody gets an answer who asks with one.
            "def f(s):\n    if s.recv_multipart()[1] == b'ping':\n        s.send_multipart([b'x', b'pong'])\n",
        ] {
            assert_eq!(asked_of(text), None, "{text}");
        }
    }

    #[test]
    fn words_of_health_are_those_of_the_reply() {
        let compared = |reply: &str| {
            format!(
                "class A:\n    def f(self, m):\n        if m.get('action') == 'health_check':\n            {reply}\n        return {{'error': 'x'}}\n    def _health(self):\n        state = 'alive' if self.up else 'error'\n        return {{'status': state}}\n"
            )
        };
        for (reply, words) in [
            ("return {'status': 'ok' if self.up else 'degraded'}", " -> ok, degraded"),
            ("return {'status': 'alive', 'x': 1}", " -> alive"),
            ("return {'status': 'UP'}", " -> UP"),
            ("return {'status': 'Healthy'}", ""),
            ("return {'status': 'ok' if self.up else 'error'}", ""),
            ("return self._health()", " -> alive"),
            ("self.s.send(json.dumps({'status': 'running'}).encode())", " -> running"),
            ("return {'health': 'green', 'n': 1}", " -> green"),
            ("return {'ok': True, 'state': 'RUNNING'}", " -> RUNNING"),
            ("return {'ok': True, 'uptime': now()}", " -> ok"),
            (
                "try:\n                return {'status': 'ok'}\n            except E:\n                return {'status': 'degraded'}",
                "",
            ),
        ] {
            let expected = format!("{{\"action\":\"health_check\"}}{words}");
            assert_eq!(asked_of(&compared(reply)), Some(expected), "{reply}");
        }
        // Others are sent away first.
        let first = "def f(s):\n    while True:\n        m = json.loads(s.recv())\n        if m.get('action') != 'health_check':\n            s.send_json({'status': 'error'})\n            continue\n        s.send_json({'status': 'ok' if up else 'degraded'})\n";
        assert_eq!(
            asked_of(first).as_deref(),
            Some("{\"action\":\"health_check\"} -> ok, degraded")
        );
        for pattern in [
            "match m.get('type', m.get('action')):\n        case 'health':\n            return {'health': 'green'}\n",
            "match m:\n        case {'type': 'health'} | {'type': 'ping'}:\n            return {'health': 'green'}\n",
        ] {
            let text = format!("def f(m):\n    {pattern}    return {{'error': 'x'}}\n");
            assert_eq!(
                asked_of(&text).as_deref(),
                Some("{\"type\":\"health\"} -> green"),
                "{pattern}"
            );
        }
    }

    #[test]
    fn an_answer_is_put_together_in_several_files() {
        let base = module(
            "WELL = 'fine'\nclass Base:\n    state = 'starting'\n    def get_status(self):\n        return {'status': 'alive'}\n    def fields(self):\n        return \
             {'agent': 1}\n    def reply(self, status, **more):\n        return {'status': status, **more}\n    def go(self):\n        self.state = \
             'running'\nclass Checker:\n    def report(self):\n        found = {'n': 1}\n        found['status'] = WELL\n        return found\ndef \
             filled(found):\n    found['status'] = what()\n",
        );
        let asked_of = |reply: &str| {
            let text = format!(
                "from base import Base, Checker, filled, WELL\nclass A(Base):\n    def __init__(self):\n        self.checker = Checker()\n    def f(self, m):\n        \
                 if m.get('action') == 'health_check':\n            {reply}\n        return {{'status': 'error'}}\n"
            );
            let script = module(&text);
            let request = request(&[(&script, None)], &[&script, &base])?;
            Some(request.expect.join(", "))
        };
        for (reply, words) in [
            ("return self.get_status()", Some("alive")),
            ("return {**self.fields(), 'status': 'up'}", Some("up")),
            ("return dict(self.fields(), status='up')", Some("up")),
            (
                "r = self.fields()\n            r.update(status='up')\n            return r",
                Some("up"),
            ),
            (
                "r = {}\n            r['status'] = 'up'\n            return r",
                Some("up"),
            ),
            ("return self.checker.report()", Some("fine")),
            ("return self.reply('up', n=1)", Some("up")),
            ("return {'status': WELL}", Some("fine")),
            ("return {'status': self.state}", Some("starting, running")),
            ("return {'status': 'ok', **self.fields()}", Some("")),
            // What changes it, or may, is not known.
            ("return {'status': 'ok', **m}", None),
            (
                "r = {'status': 'ok'}\n            filled(r)\n            return r",
                None,
            ),
            (
                "r = {'status': 'ok'}\n            if m:\n                r = other()\n            return r",
                None,
            ),
            ("return self.other.report()", None),
            ("return self.reply(m['x'])", None),
        ] {
            assert_eq!(asked_of(reply).as_deref(), words, "{reply}");
        }
    }

    #[test]
    fn requests_that_choose_a_function_by_its_name_are_known() {
        let replies = "    def health(self, m):\n        return {'status': 'alive'}\n    def do_health_check(self, m):\n        return {'status': 'ok'}\n";
        for (text, ask) in [
            (
                "    def __init__(self):\n        self.table = {'health': self.health, 'add': self.add}\n    def handle(self, m):\n        return \
                 self.table[m['cmd']](m)\n",
                Some("{\"cmd\":\"health\"} -> alive"),
            ),
            (
                "    def handle(self, m):\n        do = getattr(self, 'do_' + m.get('action'), None)\n        return do(m)\n",
                Some("{\"action\":\"health_check\"}"),
            ),
            (
                "    def handle(self, m):\n        return getattr(self, f'do_{m.get(\"action\")}')(m)\n",
                Some("{\"action\":\"health_check\"}"),
            ),
            // How a request names it is not known.
            (
                "    def handle(self, m):\n        return getattr(self, f'do_{m.what}')(m)\n",
                None,
            ),
            (
                "    table = {'health': 'yes'}\n    def handle(self, m):\n        return self.table[m['cmd']]\n",
                None,
            ),
        ] {
            let found = asked_of(&format!("class A:\n{replies}{text}"));
            assert_eq!(found.as_deref(), ask, "{text}");
        }
    }

    #[test]
    fn of_two_sockets_each_has_the_words_of_its_own_functions() {
        let source = module(
            "class A:\n    def __init__(self, c):\n        self.main = c.socket(zmq.REP)\n        self.main.bind('tcp://*:1')\n    def health(self, c):\n        \
             h = c.socket(zmq.REP)\n        h.bind('tcp://*:2')\n        while True:\n            if h.recv_string() == 'ping':\n                \
             h.send_string('pong')\n    def run(self):\n        self.handle(self.main.recv_json())\n    def handle(self, m):\n        if m['do'] == \
             'status':\n            return {'status': 'ok'}\n",
        );
        let of = |line| {
            let functions = functions_of_socket(&source, line);
            request(&[(&source, Some(&functions?))], &[&source]).map(|request| request.ask)
        };
        assert_eq!(of(4).as_deref(), Some("{\"do\":\"status\"}"));
        assert_eq!(of(7).as_deref(), Some("ping"));
        assert_eq!(of(9), None);
    }
}
