//! What the file in which a port is opened says of the requests that are answered there, where a start path alone does not tell: the path
//! that a handler of HTTP compares, and the request that a ZeroMQ socket's handler compares.

use std::collections::BTreeSet;

use pysrc::{Atom, Function, Module, Value};

use super::start_path::ASKING;
use crate::python::steps;

/// Deepest value that is looked into.
const DEEPEST: usize = 8;

/// Words in paths that tell how a service is doing; the likeliest first.
const TELLING: [&str; 7] = ["health", "ping", "status", "ready", "live", "alive", "heartbeat"];

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

/// Of several paths, the one that tells most of the agent; its root before any other.
fn best(paths: &BTreeSet<String>) -> Option<String> {
    let telling = TELLING.iter().find_map(|word| {
        let of_word = paths.iter().filter(|path| path.contains(word));
        of_word.min_by_key(|path| path.len())
    });
    telling.or_else(|| paths.get("/")).cloned()
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
        Value::Name(name) => stored(get, *name).into_iter().any(inner),
        Value::Call(index) => source.calls.get(*index as usize).is_some_and(|call| {
            let of_object = matches!(&call.callee, Value::Attribute(object, _) if inner(object));
            of_object || call.arguments.first().is_some_and(inner)
        }),
        _ => false,
    }
}

/// What a name gets in a function.
fn stored(function: &Function, name: Atom) -> Vec<&Value> {
    let mut found = Vec::new();
    steps::all(&function.body, &mut |step| {
        if let pysrc::Step::Store {
            name: stored,
            value: Some(value),
            ..
        } = step
            && *stored == name
        {
            found.push(&**value);
        }
    });
    found
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

/// The only request in these files that asks how the agent is doing and that is answered in a known way.
#[must_use]
pub fn request(files: &[&Module]) -> Option<String> {
    let mut found: BTreeSet<(usize, String)> = BTreeSet::new();
    for source in files {
        let mut look = |function: Option<&Function>, condition| {
            steps::comparisons(condition, &mut |left, right| {
                let Value::Str(word) = right else {
                    return;
                };
                let Some(rank) = ASKING.iter().position(|known| **known == **word) else {
                    return;
                };
                let request = asked(source, function, left, word, 0);
                found.extend(request.map(|request| (rank, request)));
            });
        };
        for function in &source.functions {
            steps::conditions(&function.body, &mut |condition| look(Some(function), condition));
        }
        steps::conditions(&source.body, &mut |condition| look(None, condition));
        for call in &source.calls {
            let function = call.function.and_then(|at| source.functions.get(at as usize));
            steps::conditions_of(call, &mut |condition| look(function, condition));
        }
    }
    let (rank, request) = found.first()?.clone();
    let of_rank = found.iter().filter(|(other, _)| *other == rank);
    (of_rank.count() == 1).then_some(request)
}

/// The request whose word is compared as this value.
fn asked(source: &Module, function: Option<&Function>, value: &Value, word: &str, depth: usize) -> Option<String> {
    if depth > DEEPEST {
        return None;
    }
    let inner = |value: &Value| asked(source, function, value, word, depth + 1);
    let by_key = |key: &Value| match key {
        Value::Str(key) if says_status(source) => Some(serde_json::json!({ &**key: word }).to_string()),
        _ => None,
    };
    match value {
        Value::Subscript(object, key) if matches!(**object, Value::Name(_)) => by_key(key),
        Value::Name(name) => {
            let stored = match function {
                Some(function) => stored(function, *name),
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
                "recv_string" | "recv" if word == "ping" && says(source, "pong") => Some(word.to_owned()),
                _ => None,
            }
        }
        _ => None,
    }
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

    #[test]
    fn a_request_is_asked_as_the_code_compares_it() {
        for (text, ask) in [
            (
                "t = s.recv_string()\ns.send_string('pong' if t == 'ping' else 'huh')\n",
                "ping",
            ),
            (
                "def f(s):\n    t = s.recv().decode()\n    s.send_string('pong' if t.strip().lower() == 'ping' else 'huh')\n",
                "ping",
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
        ] {
            assert_eq!(request(&[&module(text)]).as_deref(), Some(ask), "{text}");
        }
        for text in [
            // Nothing says what is answered.
            "m = s.recv_json()\nif m.get('type') == 'health':\n    s.send_json({'x': 'y'})\n",
            "t = s.recv_string()\nif t == 'ping':\n    s.send_string('yes')\n",
            // Two ways of asking: which is for which socket is not known.
            "def f(m):\n    return {'status': 'ok'} if m.get('a') == 'health' or m.get('b') == 'health' else 1\n",
            "if mode == 'health':\n    print('status', 'ok')\n",
        ] {
            assert_eq!(request(&[&module(text)]), None, "{text}");
        }
    }
}
