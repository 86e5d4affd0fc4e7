//! What a file says of sockets, servers and functions as it is written, where a walk does not get there.

use pysrc::{Call, Function, Module, Value};

use crate::python::steps;

/// Deepest value that is looked into.
const DEEPEST: usize = 6;

/// Kinds of sockets that a file may name.
const KINDS: &[&str] = &[
    "REP", "ROUTER", "PUB", "XPUB", "PULL", "SUB", "XSUB", "REQ", "DEALER", "PUSH", "PAIR",
];

/// The kind of the socket of which a method is called, where every value that the file gives it has one kind.
pub fn kind(source: &Module, call: &Call) -> Option<&'static str> {
    let Value::Attribute(object, _) = &call.callee else {
        return None;
    };
    of_object(source, call.function, object, 0)
}

/// The same of what a name or an attribute stands for.
fn of_object(source: &Module, function: Option<u32>, object: &Value, depth: usize) -> Option<&'static str> {
    let mut kinds = stored(source, function, object)
        .into_iter()
        .filter(|value| !matches!(value, Value::None))
        .map(|value| of_value(source, function, value, depth + 1));
    let first = kinds.next()??;
    kinds.all(|kind| kind == Some(first)).then_some(first)
}

/// What the file gives a name in a function, or an attribute anywhere.
pub fn stored<'m>(source: &'m Module, function: Option<u32>, object: &Value) -> Vec<&'m Value> {
    let mut found = Vec::new();
    match object {
        Value::Name(name) => {
            let body = function.and_then(|at| source.functions.get(at as usize));
            let body = body.map_or(&source.body, |function| &function.body);
            found = steps::stored(body, *name);
            if found.is_empty() {
                let bound = source.bindings.iter().filter(|binding| binding.name == *name);
                found.extend(bound.filter_map(|binding| binding.value.as_ref()));
            }
        }
        Value::Attribute(_, name) => {
            let name = source.name(*name);
            let attributes = source.attributes.iter().filter(|attribute| &*attribute.name == name);
            found.extend(attributes.map(|attribute| &attribute.value));
        }
        _ => {}
    }
    found
}

fn of_value(source: &Module, function: Option<u32>, value: &Value, depth: usize) -> Option<&'static str> {
    if depth > DEEPEST {
        return None;
    }
    match value {
        Value::Entered(inner) => of_value(source, function, inner, depth + 1),
        Value::Call(index) => {
            let call = source.calls.get(*index as usize)?;
            let given = call.arguments.first();
            match source.called(call)? {
                "socket" => named(source, call.function, given?),
                "enter_context" | "enter_async_context" => of_value(source, function, given?, depth + 1),
                _ => None,
            }
        }
        Value::Name(_) => of_object(source, function, value, depth + 1),
        _ => None,
    }
}

/// `zmq.REP`; of two that are chosen from, what they have in common; what a parameter is where nobody in the file gives it.
fn named(source: &Module, function: Option<u32>, kind: &Value) -> Option<&'static str> {
    match kind {
        Value::Attribute(_, name) => known(source.name(*name)),
        Value::Name(name) => known(source.name(*name)).or_else(|| {
            let function = source.functions.get(function? as usize)?;
            let at = function
                .parameters
                .all
                .iter()
                .position(|parameter| parameter.name == *name)?;
            let place = at - usize::from(function.class.is_some()).min(at);
            let mut calls = source.calls.iter();
            let is_given = calls.any(|call| {
                source.called(call) == Some(&*function.name)
                    && (call.arguments.len() > place || source.keyword(call, source.name(*name)).is_some())
            });
            match function.parameters.all[at].default.as_ref()? {
                Value::Attribute(_, name) if !is_given => known(source.name(*name)),
                _ => None,
            }
        }),
        Value::Choice(choice) => {
            let either = (
                named(source, function, &choice.yes)?,
                named(source, function, &choice.no)?,
            );
            match either {
                (one, other) if one == other => Some(one),
                ("REP" | "ROUTER", "REP" | "ROUTER") => Some("REP"),
                ("PUB" | "XPUB", "PUB" | "XPUB") => Some("PUB"),
                _ => None,
            }
        }
        _ => None,
    }
}

fn known(name: &str) -> Option<&'static str> {
    KINDS.iter().find(|known| **known == name).copied()
}

/// Whether a call named `bind` is one of a function of these files, and not of a socket: it is given no address.
pub fn is_of_function(source: &Module, call: &Call, files: &[&Module]) -> bool {
    let address = match call.arguments.first() {
        Some(Value::Str(_) | Value::Concat(_) | Value::List(_)) => true,
        Some(_) | None => false,
    };
    let name = source.called(call).unwrap_or_default();
    !address
        && files.iter().any(|file| {
            let mut functions = file.functions.iter();
            file.atom(name).is_some() && functions.any(|function| &*function.name == name)
        })
}

/// The port in the address that a call is given, where it is written out.
pub fn port(source: &Module, call: &Call) -> Option<u16> {
    match call.arguments.first()? {
        Value::Str(address) => address.rsplit(':').next()?.parse().ok(),
        Value::List(parts) => match parts.get(1)? {
            Value::Int(port) => u16::try_from(*port).ok(),
            name => match stored(source, call.function, name).as_slice() {
                [Value::Int(port)] => u16::try_from(*port).ok(),
                _ => None,
            },
        },
        _ => None,
    }
    .filter(|port| *port > 0)
}

/// Whether anything in these files may run a call: no name of the functions and classes that it stands in need be used by anybody, and
/// the block of a script is not run where it is imported.
pub fn may_run(source: &Module, call: &Call, is_main: bool, files: &[&Module]) -> bool {
    let Some(at) = call.function else {
        let within = |block: &pysrc::Span| block.start <= call.span.start && call.span.end <= block.end;
        return is_main || !source.main_block.as_ref().is_some_and(within);
    };
    let mut function = source.functions.get(at as usize);
    // In a lambda.
    if function.is_none() {
        return true;
    }
    while let Some(one) = function {
        if is_unused(source, one, files) {
            return false;
        }
        function = one.outer.and_then(|at| source.functions.get(at as usize));
    }
    true
}

/// Whether nobody uses a function: its name, or that of its class, stands nowhere but where it is defined.
fn is_unused(source: &Module, function: &Function, files: &[&Module]) -> bool {
    let class = function.class.and_then(|at| source.classes.get(at as usize));
    match class {
        // What is registered, or found among the classes made of another, is used by other means.
        Some(class) => {
            let by_base = !class.bases.is_empty()
                && ["__subclasses__", "__init_subclass__"]
                    .iter()
                    .any(|word| files.iter().any(|file| file.atom(word).is_some()));
            class.wrappers.is_empty() && !class.unusual && !by_base && is_mentioned_once(&class.name, files)
        }
        None => function.wrappers.is_empty() && is_mentioned_once(&function.name, files),
    }
}

/// Whether a word stands in files once at most.
fn is_mentioned_once(word: &str, files: &[&Module]) -> bool {
    let mut mentions = files.iter().flat_map(|file| words(&file.text, word));
    mentions.next();
    mentions.next().is_none()
}

/// Where a word stands by itself in a text.
fn words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii());
    let bytes = text.as_bytes();
    let all = memchr::memmem::find_iter(bytes, word.as_bytes()).collect::<Vec<_>>();
    all.into_iter().filter(move |at| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        !is_part(before) && !is_part(bytes.get(at + word.len()))
    })
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

    fn bind(source: &Module) -> &Call {
        let mut calls = source.calls.iter();
        calls.find(|call| source.called(call) == Some("bind")).unwrap()
    }

    #[test]
    fn the_kind_of_a_socket_is_what_its_name_was_given() {
        for (text, expected) in [
            (
                "def f(c):\n    s = c.socket(zmq.REP)\n    s.bind('tcp://*:7')\n",
                Some("REP"),
            ),
            (
                "class A:\n    s = None\n    def f(self, c):\n        self.s = c.socket(zmq.PUB)\n    def g(self):\n        self.s.bind('x')\n",
                Some("PUB"),
            ),
            (
                "def f(c, x):\n    s = e.enter_context(c.socket(zmq.ROUTER if x else zmq.REP))\n    s.bind('tcp://*:7')\n",
                Some("REP"),
            ),
            ("with c.socket(zmq.PULL) as s:\n    s.bind('tcp://*:7')\n", Some("PULL")),
            (
                "class A:\n    def f(self, port, kind=zmq.REP):\n        s = self.c.socket(kind)\n        s.bind(f'tcp://*:{port}')\n",
                Some("REP"),
            ),
            (
                "def f(c, kind=zmq.REP):\n    s = c.socket(kind)\n    s.bind('tcp://*:7')\nf(c, zmq.PUB)\n",
                None,
            ),
            (
                "def f(c, x):\n    s = c.socket(zmq.PUB if x else zmq.REP)\n    s.bind('tcp://*:7')\n",
                None,
            ),
            (
                "s = c.socket(zmq.PUB)\ns = c.socket(zmq.REP)\ns.bind('tcp://*:7')\n",
                None,
            ),
            ("def f(s):\n    s.bind('tcp://*:7')\n", None),
        ] {
            let source = module(text);
            assert_eq!(kind(&source, bind(&source)), expected, "{text}");
        }
        let source = module("s.bind('tcp://*:7')\n");
        assert_eq!(port(&source, bind(&source)), Some(7));
        let source = module("P = 9\ns.bind(('', P))\n");
        assert_eq!(port(&source, bind(&source)), Some(9));
    }

    #[test]
    fn a_function_that_is_called_bind_opens_nothing_itself() {
        let pool = module("class Pool:\n    def bind(self, port):\n        self.s.bind(f'tcp://*:{port}')\n");
        let user = module("def f(pool):\n    pool.bind(7000)\n");
        let socket = module("def f(s, where):\n    s.bind(where)\n");
        assert!(is_of_function(&user, bind(&user), &[&pool, &user]));
        assert!(!is_of_function(&pool, bind(&pool), &[&pool, &user]));
        assert!(!is_of_function(&socket, bind(&socket), &[&socket]));
    }

    #[test]
    fn what_nobody_names_is_not_run() {
        for (text, other, runs) in [
            ("def f(s):\n    s.bind('x')\n", "", false),
            ("def f(s):\n    s.bind('x')\n", "import a\na.f(1)\n", true),
            ("def f(s):\n    s.bind('x')\n", "getattr(a, 'f')(1)\n", true),
            ("def f(s):\n    s.bind('x')\nf(1)\n", "", true),
            ("@app.started\ndef f(s):\n    s.bind('x')\n", "", true),
            ("class F:\n    def __init__(self, s):\n        s.bind('x')\n", "", false),
            (
                "class F:\n    def __init__(self, s):\n        s.bind('x')\n",
                "F(1)\n",
                true,
            ),
            (
                "class F(G):\n    def go(self, s):\n        s.bind('x')\n",
                "for c in G.__subclasses__(): c().go(1)\n",
                true,
            ),
            (
                "def g():\n    def f(s):\n        s.bind('x')\n    return f\n",
                "f = 1\n",
                false,
            ),
            ("if __name__ == '__main__':\n    s.bind('x')\n", "", false),
        ] {
            let (source, other) = (module(text), module(other));
            let call = bind(&source);
            assert_eq!(may_run(&source, call, false, &[&source, &other]), runs, "{text}");
        }
        let main = module("if __name__ == '__main__':\n    s.bind('x')\n");
        assert!(may_run(&main, bind(&main), true, &[&main]));
    }
}
