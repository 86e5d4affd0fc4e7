//! What an agent listens on and to whom it connects, as far as its start path tells: nothing here fails, and nothing here is a finding.

use rustc_hash::FxHashSet as HashSet;

use pysrc::{Body, Call, Condition, Module, Step, Test, Value};

use super::arguments::Arguments;
use super::reuse::using;
use super::steps::visit;
use super::value::{ModuleId, V};
use super::walk::{Bind, Doubt, Walker};
use crate::finding::Place;

/// Paths that tell how a service is doing, as people call them; the likeliest first.
const TELLING: &[&str] = &["health", "ping", "status", "ready", "live", "alive", "heartbeat"];

/// Words of requests that ask how an agent is doing; the likeliest first.
const ASKING: &[&str] = &[
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
const APPS: &[(&str, u16)] = &[("flask", 5000), ("quart", 5000), ("bottle", 8080)];

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

/// What is spoken on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaks {
    /// ZeroMQ: a request is answered, and this one (the usual one where there is none) with how the agent is doing.
    Answers(Option<String>),
    /// ZeroMQ: a request may be answered, and nobody knows what is said.
    Replies,
    /// HTTP, with the path of a GET that is answered well; none where none is known.
    Http(Option<String>),
    /// Anything else that takes connections, by name.
    Takes(&'static str),
}

/// A port that an agent listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its number; nothing where that is not known.
    pub port: Option<u16>,
    /// What is spoken there.
    pub speaks: Speaks,
    /// Where it is opened.
    pub place: Place,
    /// It is opened whenever the agent starts.
    pub sure: bool,
}

/// All of one agent.
#[derive(Debug, Clone, Default)]
pub struct Listening {
    /// Ports that it listens on.
    pub all: Vec<Listener>,
    /// Where it may open one that is not among them.
    pub elsewhere: Option<Place>,
    /// Ports of others that it connects to.
    pub connects: Vec<Connection>,
}

/// A port that an agent connects to.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its number.
    pub port: u16,
    /// It is looked for on the agent's own host.
    pub loopback: bool,
    /// Where that is done.
    pub place: Place,
}

/// What was met on the way.
#[derive(Debug, Default)]
pub struct Met {
    servers: Vec<Server>,
    connects: Vec<Connection>,
    /// Calls that open ports and that were followed, by module and place.
    followed: HashSet<(ModuleId, u32)>,
    /// Scopes that run beside the main thread, counted as [`Walker::maybe`] counts them.
    pub beside: usize,
}

/// A server that is no bare socket.
#[derive(Debug, Clone)]
struct Server {
    port: Option<u16>,
    what: What,
    place: Place,
    sure: bool,
}

#[derive(Debug, Clone)]
enum What {
    /// HTTP by a class of handlers.
    Handler(V),
    /// HTTP by a framework's routes.
    Routes,
    /// HTTP at any path, or at that one.
    Path(&'static str),
    /// Not HTTP.
    Other(&'static str),
}

impl Walker<'_> {
    /// Whether what runs here runs whenever the agent starts, in the main thread or beside it.
    pub fn runs_always(&self) -> bool {
        let surely = self.maybe == self.met.beside && self.doubt < Doubt::All;
        surely && self.silent == 0 && self.handling == 0 && !self.waiting
    }

    /// A call that opens a port was met.
    pub fn opened(&mut self, here: ModuleId, call: &Call) {
        self.uses_own(using::OWN);
        self.met.followed.insert((here, call.span.start));
    }

    /// `socket.connect(address)`.
    pub fn connects(&mut self, here: ModuleId, call: &Call, arguments: &Arguments) {
        let known = match arguments.positional.first() {
            Some(V::List(parts)) => match parts.as_slice() {
                [host, given] => port(given).map(|port| (port, host.shape().unwrap_or_default())),
                _ => None,
            },
            Some(address) => address.shape().and_then(|text| {
                let (host, port) = text.rsplit_once(':')?;
                let host = host.rsplit('/').next().unwrap_or(host).to_owned();
                Some((port.parse().ok()?, host))
            }),
            None => None,
        };
        if let Some((port, host)) = known.filter(|(port, _)| *port > 0) {
            self.uses_own(using::OWN);
            self.met.connects.push(Connection {
                port,
                loopback: matches!(host.as_str(), "localhost" | "127.0.0.1" | "0.0.0.0"),
                place: self.place(here, call.span),
            });
        }
    }

    /// A function or class of the standard library, or of a package that is known, which serves.
    pub fn serves(&mut self, here: ModuleId, call: &Call, name: &str, arguments: &Arguments) {
        let positional = |at: usize| arguments.positional.get(at).and_then(port);
        let of_address = |at: usize| match arguments.positional.get(at).or(arguments.named("server_address")) {
            Some(V::List(parts)) => parts.get(1).and_then(port),
            _ => None,
        };
        let named = |usual: Option<u16>| match arguments.named("port") {
            Some(given) => port(given),
            None if arguments.open => None,
            None => usual,
        };
        let (port, what) = match name {
            "http.server.HTTPServer" | "http.server.ThreadingHTTPServer" => {
                let handler = arguments.positional.get(1).or(arguments.named("RequestHandlerClass"));
                (of_address(0), What::Handler(handler.cloned().unwrap_or(V::Unknown)))
            }
            "socketserver.TCPServer" | "socketserver.ThreadingTCPServer" => match arguments.positional.get(1) {
                Some(handler) if self.handles_http(handler) => (of_address(0), What::Handler(handler.clone())),
                _ => (of_address(0), What::Other("a TCP server")),
            },
            "xmlrpc.server.SimpleXMLRPCServer" => (of_address(0), What::Other("an XML-RPC server")),
            "uvicorn.run" => (named(Some(8000)), What::Routes),
            "aiohttp.web.run_app" => (named(Some(8080)), What::Routes),
            "waitress.serve" => (named(Some(8080)), What::Routes),
            "werkzeug.serving.run_simple" => (positional(1).or(named(None)), What::Routes),
            "wsgiref.simple_server.make_server" => (positional(1).or(named(None)), What::Path("")),
            "prometheus_client.start_http_server" => (positional(0).or(named(None)), What::Path("/metrics")),
            "asyncio.start_server" => (positional(2).or(named(None)), What::Other("a TCP server")),
            "websockets.serve" | "websockets.server.serve" | "websockets.asyncio.server.serve" => {
                (positional(2).or(named(None)), What::Other("a WebSocket server"))
            }
            _ => return,
        };
        self.server(here, call, port, what);
    }

    /// `app.run(port=…)` of a framework.
    pub fn runs_app(&mut self, here: ModuleId, call: &Call, arguments: &Arguments) {
        let Some(source) = self.source(here) else { return };
        let framework = APPS.iter().find(|(name, _)| imports(source, name));
        let Some((_, usual)) = framework else { return };
        let given = arguments.named("port").or(arguments.positional.get(1));
        let port = match given {
            Some(given) => port(given),
            None if arguments.open => None,
            None => Some(*usual),
        };
        self.server(here, call, port, What::Routes);
    }

    fn server(&mut self, here: ModuleId, call: &Call, port: Option<u16>, what: What) {
        if self.silent > 0 {
            return;
        }
        self.opened(here, call);
        let server = Server {
            port,
            what,
            place: self.place(here, call.span),
            sure: self.runs_always(),
        };
        self.met.servers.push(server);
    }

    /// Whether a class of the tree handles requests of HTTP.
    fn handles_http(&self, class: &V) -> bool {
        match class {
            V::Class(module, class) => {
                let order = self.order(*module, *class);
                let made_of = order.into_iter().flatten().filter_map(|class| self.bases.get(&class));
                made_of.flatten().any(is_http_handler)
            }
            outside => is_http_handler(outside),
        }
    }

    /// All that is known at the end.
    pub fn listening(&self) -> Listening {
        let mut all: Vec<Listener> = self.binds.iter().map(|bind| self.bound(bind)).collect();
        all.extend(self.met.servers.iter().map(|server| Listener {
            port: server.port,
            speaks: self.spoken(&server.what),
            place: server.place.clone(),
            sure: server.sure,
        }));
        Listening {
            all,
            elsewhere: self.elsewhere(),
            connects: self.met.connects.clone(),
        }
    }

    fn bound(&self, bind: &Bind) -> Listener {
        let kind = bind
            .socket
            .and_then(|socket| self.sockets.get(socket)?.made_as.as_deref());
        let speaks = match kind {
            Some("REP" | "ROUTER") => match self.answered() {
                Some(ask) => Speaks::Answers(ask),
                None => Speaks::Replies,
            },
            Some("PUB" | "XPUB") => Speaks::Takes("a PUB socket"),
            Some("PULL") => Speaks::Takes("a PULL socket"),
            Some("SUB" | "XSUB") => Speaks::Takes("a SUB socket"),
            _ => Speaks::Takes("a socket"),
        };
        Listener {
            port: bind.port,
            speaks,
            place: bind.place.clone(),
            sure: bind.always && !bind.given_up,
        }
    }

    fn spoken(&self, what: &What) -> Speaks {
        match what {
            What::Handler(V::Class(module, class)) => Speaks::Http(self.path_of_handler(*module, *class)),
            What::Handler(V::Outside(name)) if name == "http.server.SimpleHTTPRequestHandler" => {
                Speaks::Http(Some(String::new()))
            }
            What::Handler(_) => Speaks::Http(None),
            What::Routes => Speaks::Http(self.telling_route()),
            What::Path(path) => Speaks::Http(Some((*path).to_owned())),
            What::Other(name) => Speaks::Takes(name),
        }
    }

    /// Modules of the tree that were imported, but not those that may not be.
    fn loaded(&self) -> impl Iterator<Item = (ModuleId, &Module)> {
        let order = self.modules.order().iter();
        order.filter_map(|id| Some((*id, self.source(*id)?)))
    }

    /// Where a port may be opened that was not met.
    fn elsewhere(&self) -> Option<Place> {
        for (id, source) in self.loaded() {
            let opaque = source.imports.iter().find(|import| {
                let top = import.module.split('.').next().unwrap_or_default();
                import.level == 0 && OPAQUE.contains(&top)
            });
            if let Some(import) = opaque {
                return Some(self.place(id, import.span));
            }
            let runs = APPS.iter().any(|(name, _)| imports(source, name)) || imports(source, "uvicorn");
            let open = source.calls.iter().find(|call| {
                let name = last_name(source, call);
                let opens = OPENS.contains(&name)
                    || (name == "run" && runs && source.keyword(call, "port").is_some())
                    || (name == "serve" && (imports(source, "websockets") || imports(source, "waitress")));
                opens && !self.met.followed.contains(&(id, call.span.start))
            });
            if let Some(call) = open {
                return Some(self.place(id, call.span));
            }
        }
        None
    }

    /// The request that a socket of the agent answers with how the agent is doing: nothing where that is not known, and none inside where
    /// it is the usual one.
    fn answered(&self) -> Option<Option<String>> {
        let (mut words, mut keys) = (HashSet::default(), HashSet::default());
        let mut tells = false;
        let mut plain = false;
        for (_, source) in self.loaded() {
            if !imports(source, "zmq") && !source.text.contains("recv") {
                continue;
            }
            compared(source, &mut |text| {
                words.insert(text.to_owned());
            });
            for key in KEYS {
                if quotes(source, key) {
                    keys.insert(*key);
                }
            }
            let is_well = contract::health::HEALTHY_STATUSES
                .iter()
                .any(|word| quotes(source, word));
            tells |= quotes(source, "status") && is_well;
            plain |= quotes(source, "pong");
        }
        let word = ASKING.iter().find(|word| words.contains(**word));
        match word {
            Some(_) if !tells => {
                let ping = words.contains("ping") && plain && keys.is_empty();
                ping.then(|| Some("ping".to_owned()))
            }
            Some(word) => match (keys.contains("action"), keys.len()) {
                (true, _) if *word == "health_check" => Some(None),
                (true, _) => Some(Some(format!("{{\"action\":\"{word}\"}}"))),
                (false, 1) => {
                    let key = keys.iter().next()?;
                    Some(Some(format!("{{\"{key}\":\"{word}\"}}")))
                }
                (false, _) => None,
            },
            // It asks for nothing, and says the same to everybody.
            None if keys.is_empty() && tells => Some(None),
            None => None,
        }
    }

    /// The path of a GET that a handler answers well; empty for any.
    fn path_of_handler(&self, module: ModuleId, class: u32) -> Option<String> {
        let order = self.order(module, class);
        let get = order.into_iter().flatten().find_map(|(module, class)| {
            let source = self.source(module)?;
            let mut functions = source.functions.iter();
            let get = functions.find(|function| function.class == Some(class) && &*function.name == "do_GET")?;
            Some((source, get))
        });
        let (source, get) = get?;
        let (mut paths, mut unclear) = (Vec::new(), false);
        tests(&get.body, &mut |test| {
            let before = paths.len();
            texts_of(test, source, &mut |text| {
                if text.starts_with('/') {
                    paths.push(text.to_owned());
                }
            });
            unclear |= before == paths.len();
        });
        match paths.is_empty() {
            true => (!unclear).then(String::new),
            false => best(paths),
        }
    }

    /// The path of a route that tells how the agent is doing.
    fn telling_route(&self) -> Option<String> {
        let mut paths = Vec::new();
        for (_, source) in self.loaded() {
            let prefixed = source.calls.iter().any(|call| {
                ["prefix", "url_prefix"]
                    .iter()
                    .any(|name| source.keyword(call, name).is_some())
            });
            if prefixed {
                return None;
            }
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
                if matches!(last_name(source, call), "add_get" | "add_url_rule" | "add_api_route")
                    && takes_get(source, call)
                {
                    paths.extend(first_text(call));
                }
            }
        }
        paths.retain(|path| path.starts_with('/') && !path.contains(['<', '{']));
        best(paths)
    }
}

/// Whether a value is the standard library's handler of HTTP, or one made of it.
fn is_http_handler(value: &V) -> bool {
    matches!(value, V::Outside(name) if name.starts_with("http.server.") && name.ends_with("RequestHandler"))
}

/// A port, where that is known.
fn port(value: &V) -> Option<u16> {
    match value {
        V::Int(number) => u16::try_from(*number).ok().filter(|port| *port > 0),
        _ => None,
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

fn imports(source: &Module, package: &str) -> bool {
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

/// Of several paths, the one that tells most of the agent; its root before any other.
fn best(paths: Vec<String>) -> Option<String> {
    let telling = TELLING.iter().find_map(|word| {
        let mut of_word: Vec<&String> = paths.iter().filter(|path| path.contains(word)).collect();
        of_word.sort_by_key(|path| (path.len(), (*path).clone()));
        of_word.first().map(|path| (*path).clone())
    });
    telling.or_else(|| paths.into_iter().find(|path| path == "/"))
}

/// Whether a word stands in quotes in a file.
fn quotes(source: &Module, word: &str) -> bool {
    ['"', '\''].into_iter().any(|quote| {
        let quoted = format!("{quote}{word}{quote}");
        source.text.contains(&quoted)
    })
}

/// Calls with each text that something is compared to in a file.
fn compared(source: &Module, with: &mut dyn FnMut(&str)) {
    let bodies = source.functions.iter().map(|function| &function.body);
    for body in bodies.chain([&source.body]) {
        tests(body, &mut |test| texts_of(test, source, with));
    }
}

/// Calls with each test of a body.
fn tests<'b>(body: &'b Body, with: &mut dyn FnMut(&'b Test)) {
    visit(body, &mut |step| {
        if let Step::Branch(branch) = step {
            std::iter::once(&branch.test).chain(&branch.rest).for_each(&mut *with);
        }
    });
}

/// Calls with each text in a test.
fn texts_of(test: &Test, source: &Module, with: &mut dyn FnMut(&str)) {
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
        Condition::None(_) | Condition::Order(..) | Condition::Words(..) | Condition::Unknown => {}
    }
}
