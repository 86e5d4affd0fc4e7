//! What the file in which a port of HTTP is opened says of the requests that are answered there, where a start path alone does not tell:
//! the path that a handler compares.

use std::collections::BTreeSet;

use pysrc::{Function, Module, Value};

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
}
