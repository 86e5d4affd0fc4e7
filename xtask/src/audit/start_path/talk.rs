//! What a file says of the ports that it may open and of how it answers there: the same for all agents that import it.

use pysrc::{Body, Call, Condition, Module, Span, Step, Test, Value};

use super::steps::visit;
use super::written;

/// Words of requests that ask how an agent is doing; the likeliest first.
pub const ASKING: &[&str] = &[
    "health_check",
    "health",
    "healthcheck",
    "get_health",
    "ping",
    "status",
    "get_status",
    "heartbeat",
];

/// Keys under which a request names what is wanted.
pub const KEYS: &[&str] = &["action", "type", "command", "cmd", "request", "method", "op"];

/// Packages whose servers are opened in ways that are not followed.
const OPAQUE: &[&str] = &[
    "Pyro4",
    "Pyro5",
    "bokeh",
    "cherrypy",
    "daphne",
    "dash",
    "django",
    "flask_socketio",
    "gradio",
    "grpc",
    "gunicorn",
    "hypercorn",
    "nicegui",
    "rpyc",
    "sanic",
    "socketio",
    "streamlit",
    "tornado",
    "twisted",
    "zerorpc",
];

/// Frameworks whose `app.run(port=…)` serves HTTP, with the port where none is given.
pub const APPS: &[(&str, u16)] = &[("flask", 5000), ("quart", 5000), ("bottle", 8080)];

/// Last names of what opens a port.
const OPENS: &[&str] = &[
    "HTTPServer",
    "SimpleXMLRPCServer",
    "TCPServer",
    "ThreadingHTTPServer",
    "ThreadingTCPServer",
    "UDPServer",
    "add_insecure_port",
    "add_secure_port",
    "bind",
    "bind_to_random_port",
    "create_server",
    "make_server",
    "run_app",
    "run_simple",
    "start_http_server",
    "start_server",
];

/// What a file says.
#[derive(Debug)]
pub struct FileTalk {
    /// It may receive messages.
    pub receives: bool,
    /// Words of [`ASKING`] that it compares something to.
    pub words: Vec<&'static str>,
    /// Keys of requests that stand in it.
    pub keys: Vec<&'static str>,
    /// It compares something to one of these words, in whatever case.
    pub asks: bool,
    /// A status of one that is well stands in it.
    pub tells: bool,
    /// A `status` stands in it, as a text or as what a keyword is called.
    pub has_status: bool,
    /// A word for one that is well stands in it anywhere: what others work out replies from, too.
    pub has_well: bool,
    /// So does `"pong"`.
    pub pong: bool,
    /// The import of a package whose servers are not followed.
    pub opaque: Option<Span>,
    /// Calls that may open a port.
    pub opens: Vec<Span>,
    /// Paths of its routes of GET.
    pub routes: Routes,
}

/// Paths of routes of GET.
#[derive(Debug, Default)]
pub struct Routes {
    /// Those of an application itself.
    pub of_app: Vec<String>,
    /// Those of a part, as a blueprint or a router.
    pub of_parts: Vec<String>,
    /// Something is put in front of those of a part.
    pub prefixed: bool,
}

impl FileTalk {
    /// Of a file.
    pub fn new(source: &Module) -> Self {
        let receives = imports(source, "zmq") || source.text.contains("recv");
        let mut talk = Self {
            receives,
            words: Vec::new(),
            keys: Vec::new(),
            asks: false,
            tells: false,
            has_status: ["\"status\"", "'status'", "status="]
                .iter()
                .any(|word| source.text.contains(word)),
            has_well: is_well(&source.text),
            pong: false,
            opaque: opaque(source),
            opens: opening(source),
            routes: routes(source),
        };
        if receives {
            talk.listen(source);
        }
        talk
    }

    /// What it says to those who ask.
    fn listen(&mut self, source: &Module) {
        let bodies = source.functions.iter().map(|function| &function.body);
        for body in bodies.chain([&source.body]) {
            tests(body, &mut |test| {
                texts_of(test, source, &mut |text| {
                    let word = ASKING.iter().find(|word| **word == text);
                    self.words.extend(word.filter(|word| !self.words.contains(word)));
                    self.asks |= ASKING.iter().any(|word| word.eq_ignore_ascii_case(text));
                });
            });
        }
        let (mut status, mut well) = (false, false);
        quoted(&source.text, &mut |word| {
            let key = KEYS.iter().find(|key| **key == word);
            self.keys.extend(key.filter(|key| !self.keys.contains(key)));
            status |= word == "status";
            well |= contract::health::HEALTHY_STATUSES.contains(&word);
            self.pong |= word == "pong";
        });
        self.tells = status && well;
    }
}

/// Whether a word for one that is well stands in a text.
fn is_well(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words = &contract::health::HEALTHY_STATUSES;
    words.iter().any(|word| text.contains(word))
}

/// The import of a package whose servers are not followed.
fn opaque(source: &Module) -> Option<Span> {
    let import = source.imports.iter().find(|import| {
        let top = import.module.split('.').next().unwrap_or_default();
        import.level == 0 && OPAQUE.contains(&top)
    });
    import.map(|import| import.span)
}

/// Calls that may open a port.
fn opening(source: &Module) -> Vec<Span> {
    let runs = APPS.iter().any(|(name, _)| imports(source, name)) || imports(source, "uvicorn");
    let serves = imports(source, "websockets") || imports(source, "waitress");
    let opens = |call: &&Call| {
        let name = last_name(source, call);
        OPENS.contains(&name)
            || (runs && name == "run" && source.keyword(call, "port").is_some())
            || (serves && name == "serve")
    };
    source.calls.iter().filter(opens).map(|call| call.span).collect()
}

/// What applications are made by.
const MAKES_APPS: &[&str] = &[
    "Application",
    "Bottle",
    "FastAPI",
    "Flask",
    "Quart",
    "Sanic",
    "Starlette",
];

/// What adds a route in a plain call.
const ADDS: &[&str] = &[
    "add_api_route",
    "add_get",
    "add_route",
    "add_url_rule",
    "get",
    "Route",
    "route",
];

/// Paths of routes of GET.
fn routes(source: &Module) -> Routes {
    let mut routes = Routes {
        prefixed: ["prefix", "url_prefix"]
            .iter()
            .filter_map(|name| source.atom(name))
            .any(|name| {
                let mut keywords = source.calls.iter().flat_map(|call| &*call.keywords);
                keywords.any(|(keyword, _)| *keyword == name)
            }),
        ..Routes::default()
    };
    let wrappers = source.functions.iter().flat_map(|function| &*function.wrappers);
    let decorators = wrappers.filter_map(|wrapper| match wrapper {
        Value::Call(call) => source.calls.get(*call as usize),
        _ => None,
    });
    let decorators = decorators.filter(|call| matches!(last_name(source, call), "route" | "get" | "api_route"));
    let plain = source.calls.iter().filter(|call| {
        let name = last_name(source, call);
        // Of `get`, only that of a module of routes: others ask a dictionary or a server.
        ADDS.contains(&name) && (name != "get" || is_of_module(source, call))
    });
    for call in decorators.chain(plain).filter(|call| takes_get(source, call)) {
        let given = match &*call.arguments {
            [Value::Str(method), path, ..] if !method.starts_with('/') => {
                Some(path).filter(|_| matches!(&**method, "GET" | "*"))
            }
            arguments => arguments.first().or_else(|| source.keyword(call, "path")),
        };
        let path = given.and_then(|path| text_of(source, call, path));
        let Some(path) = path.filter(|path| path.starts_with('/') && !path.contains(['<', '{'])) else {
            continue;
        };
        match is_of_app(source, call) {
            true => routes.of_app.push(path),
            false => routes.of_parts.push(path),
        }
    }
    routes
}

/// Whether what is called is of a module that is imported as such, as in `web.get`.
fn is_of_module(source: &Module, call: &Call) -> bool {
    match &call.callee {
        Value::Attribute(object, _) => matches!(**object, Value::Name(name) if source.name(name) == "web"),
        _ => false,
    }
}

/// Whether the object of which a method is called is an application.
fn is_of_app(source: &Module, call: &Call) -> bool {
    let Value::Attribute(object, _) = &call.callee else {
        return false;
    };
    let object = match &**object {
        // `app.router.add_get(…)`.
        Value::Attribute(of, name) if source.name(*name) == "router" => of,
        _ => object,
    };
    let stored = written::stored(source, call.function, object);
    !stored.is_empty()
        && stored.iter().all(|value| match value {
            Value::Call(made) => {
                let made = source.calls.get(*made as usize);
                made.is_some_and(|made| MAKES_APPS.contains(&last_name(source, made)))
            }
            _ => false,
        })
}

/// The only text that a value is.
fn text_of(source: &Module, call: &Call, value: &Value) -> Option<String> {
    if let Value::Str(text) = value {
        return Some(text.to_string());
    }
    match written::stored(source, call.function, value).as_slice() {
        [Value::Str(text)] => Some(text.to_string()),
        _ => None,
    }
}

/// Longest word that is looked for in quotes, in bytes.
const LONGEST: usize = 16;

/// Calls with each short text that stands in quotes of one kind, in a string or around one.
fn quoted<'t>(text: &'t str, with: &mut dyn FnMut(&'t str)) {
    let bytes = text.as_bytes();
    for at in memchr::memchr2_iter(b'"', b'\'', bytes) {
        let behind = bytes.get(at + 1..).unwrap_or_default();
        let near = behind.get(..LONGEST + 1).unwrap_or(behind);
        let length = near.iter().position(|byte| Some(byte) == bytes.get(at));
        if let Some(word) = length.and_then(|length| text.get(at + 1..at + 1 + length)) {
            with(word);
        }
    }
}

/// The last name of what is called.
fn last_name<'m>(source: &'m Module, call: &Call) -> &'m str {
    match &call.callee {
        Value::Name(name) => source.name(*name),
        Value::Attribute(_, name) => source.name(*name),
        _ => "",
    }
}

/// Whether a file imports a package.
pub fn imports(source: &Module, package: &str) -> bool {
    source
        .imports
        .iter()
        .any(|import| import.level == 0 && import.module.split('.').next() == Some(package))
}

/// Whether a route is one of GET: it says so, or nothing else.
fn takes_get(source: &Module, call: &Call) -> bool {
    match source.keyword(call, "methods") {
        None => true,
        Some(Value::List(methods)) => methods
            .iter()
            .any(|method| matches!(method, Value::Str(name) if name.eq_ignore_ascii_case("get"))),
        Some(_) => false,
    }
}

/// Calls with each test of a body.
pub fn tests<'b>(body: &'b Body, with: &mut dyn FnMut(&'b Test)) {
    visit(body, &mut |step| {
        if let Step::Branch(branch) = step {
            std::iter::once(&branch.test).chain(&branch.rest).for_each(&mut *with);
        }
    });
}

/// Calls with each text in a test.
pub fn texts_of(test: &Test, source: &Module, with: &mut dyn FnMut(&str)) {
    if let Test::When(condition) = test {
        texts_of_condition(condition, source, with);
    }
}

fn texts_of_condition(condition: &Condition, source: &Module, with: &mut dyn FnMut(&str)) {
    let mut text = |value: &Value| match value {
        Value::Str(text) => with(text),
        Value::List(values) => values.iter().for_each(|value| {
            if let Value::Str(text) = value {
                with(text);
            }
        }),
        // As `path.startswith("/health")`.
        Value::Call(call) => {
            let arguments = source.calls.get(*call as usize).map(|call| &call.arguments);
            if let Some(Value::Str(text)) = arguments.and_then(|arguments| arguments.first()) {
                with(text);
            }
        }
        _ => {}
    };
    match condition {
        Condition::True(value) => text(value),
        Condition::Equal(both) | Condition::In(both) => {
            text(&both.0);
            text(&both.1);
        }
        Condition::Not(inner) => texts_of_condition(inner, source, with),
        Condition::All(all) | Condition::Any(all) => {
            all.iter().for_each(|one| texts_of_condition(one, source, with));
        }
        Condition::None(_)
        | Condition::Is(..)
        | Condition::Order(..)
        | Condition::Words(..)
        | Condition::Mapping(_)
        | Condition::Sequence(_)
        | Condition::Instance(_)
        | Condition::Unknown => {}
    }
}
