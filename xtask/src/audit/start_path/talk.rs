//! What a file says of the ports that it may open and of how it answers there: the same for all agents that import it.

use pysrc::{Body, Call, Condition, Module, Span, Step, Test, Value};

use super::steps::visit;

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
const KEYS: &[&str] = &["action", "type", "command", "cmd", "request", "method", "op"];

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
    /// Paths of its routes of GET; nothing where something is put in front of them.
    pub routes: Option<Vec<String>>,
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

/// Paths of routes of GET; nothing where something is put in front of them.
fn routes(source: &Module) -> Option<Vec<String>> {
    let prefixed = source.calls.iter().any(|call| {
        let prefixes = ["prefix", "url_prefix"];
        prefixes.iter().any(|name| source.keyword(call, name).is_some())
    });
    if prefixed {
        return None;
    }
    let mut paths = Vec::new();
    let wrappers = source.functions.iter().flat_map(|function| &*function.wrappers);
    let decorators = wrappers.filter_map(|wrapper| match wrapper {
        Value::Call(call) => source.calls.get(*call as usize),
        _ => None,
    });
    for call in decorators {
        if matches!(last_name(source, call), "route" | "get") && takes_get(source, call) {
            paths.extend(first_text(call));
        }
    }
    for call in &source.calls {
        let adds = matches!(last_name(source, call), "add_get" | "add_url_rule" | "add_api_route");
        if adds && takes_get(source, call) {
            paths.extend(first_text(call));
        }
    }
    paths.retain(|path| path.starts_with('/') && !path.contains(['<', '{']));
    Some(paths)
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

fn first_text(call: &Call) -> Option<String> {
    match call.arguments.first() {
        Some(Value::Str(text)) => Some(text.to_string()),
        _ => None,
    }
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
