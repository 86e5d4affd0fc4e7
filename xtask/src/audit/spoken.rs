//! What the file in which a port is opened says of the requests that are answered there, where a start path alone does not tell: the path
//! that a handler of HTTP compares, and the request that a ZeroMQ socket's handler compares.

use std::collections::BTreeSet;

use pysrc::{Atom, Call, Condition, Function, Module, Step, Test, Value};

use super::replies;
use super::start_path::{ASKING, KEYS};
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

/// The only request in these files that asks how the agent is doing and that is answered in a known way; of those of a file, in these
/// functions alone where some are given.
#[must_use]
pub fn request(files: &[(&Module, Option<&BTreeSet<u32>>)]) -> Option<Request> {
    let mut found: BTreeSet<(usize, Request)> = BTreeSet::new();
    for (source, within) in files {
        let mut look = Look {
            source,
            function: None,
            found: &mut found,
        };
        for (at, function) in (0..).zip(&source.functions) {
            if within.is_none_or(|within| within.contains(&at)) {
                look.function = Some(function);
                look.body(&function.body);
            }
        }
        look.function = None;
        if within.is_none() {
            look.body(&source.body);
            dispatched(source, &mut found);
        }
    }
    let (rank, request) = found.first()?.clone();
    let asks: BTreeSet<&str> = found
        .iter()
        .filter(|(other, _)| *other == rank)
        .map(|(_, request)| request.ask.as_str())
        .collect();
    (asks.len() == 1).then_some(request)
}

/// Adds requests whose words are keys of a table of functions, or ends of names of methods that are made up from requests.
fn dispatched(source: &Module, found: &mut BTreeSet<(usize, Request)>) {
    let mut keys = KEYS.iter().filter(|key| says(source, key));
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) => *key,
        (Some(&"action"), Some(_)) => "action",
        _ => return,
    };
    let mut add = |word: &str, function: &str| {
        let rank = ASKING.iter().position(|known| *known == word);
        let mut functions = source.functions.iter().filter(|known| &*known.name == function);
        let (Some(rank), Some(function), None) = (rank, functions.next(), functions.next()) else {
            return;
        };
        let reply = replies::of_steps(source, Some(function), &function.body);
        let expect = reply.or_else(|| says_status(source).then(Vec::new));
        let ask = serde_json::json!({ key: word }).to_string();
        found.extend(expect.map(|expect| (rank, Request { ask, expect })));
    };
    let mut tables: Vec<&Value> = source.attributes.iter().map(|attribute| &attribute.value).collect();
    tables.extend(source.bindings.iter().filter_map(|binding| binding.value.as_ref()));
    for function in &source.functions {
        steps::all(&function.body, &mut |step| {
            if let Step::Store { value: Some(value), .. } = step {
                tables.push(value);
            }
        });
    }
    for table in tables {
        let Value::Dict(entries) = table else { continue };
        for (key, value) in entries {
            if let (Value::Str(word), Value::Name(name) | Value::Attribute(_, name)) = (key, value) {
                add(word, source.name(*name));
            }
        }
    }
    for call in source
        .calls
        .iter()
        .filter(|call| source.called(call) == Some("getattr"))
    {
        if let Some(Value::Concat(parts)) = call.arguments.get(1)
            && let Some(Value::Str(prefix)) = parts.first()
        {
            ASKING.iter().for_each(|word| add(word, &format!("{prefix}{word}")));
        }
    }
}

/// Looks for comparisons with words that ask for health, and for what is answered there.
struct Look<'m, 'f> {
    source: &'m Module,
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
                        let reply = replies::of_steps(self.source, self.function, answers);
                        self.condition(condition, reply.as_deref());
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
                let reply = replies::of_value(self.source, self.function, reply);
                self.condition(&choice.condition, reply.as_deref());
                self.value(&choice.yes, depth + 1);
                self.value(&choice.no, depth + 1);
            }
            Value::Dict(entries) => entries.iter().for_each(|(_, value)| self.value(value, depth + 1)),
            Value::List(values) | Value::Or(values) => values.iter().for_each(|value| self.value(value, depth + 1)),
            _ => {}
        }
    }

    /// A condition, with the words of the reply where it holds.
    fn condition(&mut self, condition: &Condition, reply: Option<&[String]>) {
        let (source, function) = (self.source, self.function);
        steps::comparisons(condition, &mut |left, right| {
            let words: Vec<&str> = match right {
                Value::Str(word) => vec![word],
                Value::List(words) => words.iter().filter_map(text).collect(),
                _ => return,
            };
            for word in words {
                let Some(rank) = ASKING.iter().position(|known| known.eq_ignore_ascii_case(word)) else {
                    continue;
                };
                let Some(asked) = asked(source, function, left, word, 0) else {
                    continue;
                };
                let expect = match (reply, &asked) {
                    (Some(words), _) => Some(words.to_vec()),
                    (None, Asked::Plain(_)) if word == "ping" && says(source, "pong") => Some(vec!["pong".to_owned()]),
                    (None, Asked::Plain(_)) => None,
                    (None, Asked::Json(_)) => says_status(source).then(Vec::new),
                };
                let (Asked::Plain(ask) | Asked::Json(ask)) = asked;
                self.found.extend(expect.map(|expect| (rank, Request { ask, expect })));
            }
        });
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

/// A request, whole.
enum Asked {
    /// The word alone.
    Plain(String),
    /// An object.
    Json(String),
}

/// The request whose word is compared as this value.
fn asked(source: &Module, function: Option<&Function>, value: &Value, word: &str, depth: usize) -> Option<Asked> {
    if depth > DEEPEST {
        return None;
    }
    let inner = |value: &Value| asked(source, function, value, word, depth + 1);
    let by_key = |key: &Value| match key {
        Value::Str(key) => Some(Asked::Json(serde_json::json!({ &**key: word }).to_string())),
        _ => None,
    };
    match value {
        Value::Subscript(object, key) if matches!(**object, Value::Name(_)) => by_key(key),
        Value::Name(name) => {
            let stored = match function {
                Some(function) => steps::stored(&function.body, *name),
                None => source
                    .bindings
                    .iter()
                    .filter(|binding| binding.name == *name)
                    .filter_map(|binding| binding.value.as_ref())
                    .collect(),
            };
            stored.into_iter().find_map(inner)
        }
        // Under the first of several keys.
        Value::Or(values) => values.first().and_then(inner),
        Value::Call(index) => {
            let call = source.calls.get(*index as usize)?;
            let Value::Attribute(object, _) = &call.callee else {
                return None;
            };
            match source.called(call)? {
                "get" => by_key(call.arguments.first()?),
                "lower" | "upper" | "strip" | "decode" | "casefold" => inner(object),
                "recv_string" | "recv" => Some(Asked::Plain(word.to_owned())),
                _ => None,
            }
        }
        _ => None,
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

/// Whether a text stands in a file, in quotes.
fn says(source: &Module, word: &str) -> bool {
    [format!("\"{word}\""), format!("'{word}'")]
        .iter()
        .any(|quoted| source.text.contains(quoted.as_str()))
}

/// Whether a reply of one that is well stands in a file.
fn says_status(source: &Module) -> bool {
    let mut words = contract::health::HEALTHY_STATUSES.iter();
    says(source, "status") && words.any(|word| says(source, word))
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

    /// The request of a file and what is expected, as in `{"a":"b"} -> up`.
    fn asked_of(text: &str) -> Option<String> {
        let request = request(&[(&module(text), None)])?;
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
                "m = s.recv_json()\nx = 1 if m['do'] == 'ping' else 2\ny = {'status': 'ok'}\n",
                "{\"do\":\"ping\"}",
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
            request(&[(&source, Some(&functions?))]).map(|request| request.ask)
        };
        assert_eq!(of(4).as_deref(), Some("{\"do\":\"status\"}"));
        assert_eq!(of(7).as_deref(), Some("ping"));
        assert_eq!(of(9), None);
    }
}
