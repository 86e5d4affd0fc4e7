//! What an agent listens on and to whom it connects, as far as its start path tells: nothing here fails, and nothing here is a finding.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet as HashSet;

use pysrc::{Call, Module};

use super::arguments::Arguments;
use super::reuse::using;
use super::talk::{APPS, ASKING, FileTalk, imports, tests, texts_of};
use super::value::{ModuleId, V};
use super::walk::{Bind, Doubt, Walker};
use super::written;
use crate::finding::Place;

/// Paths that tell how a service is doing, as people call them; the likeliest first.
const TELLING: &[&str] = &["health", "ping", "status", "ready", "live", "alive", "heartbeat"];

/// What takes connections on a port that is drawn.
const RANDOM: &str = "a socket on a random port";

/// What is spoken on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaks {
    /// ZeroMQ: a request is answered, and this one (the usual one where there is none) with how the agent is doing.
    Answers(Option<String>),
    /// ZeroMQ: a request may be answered, and nobody knows what is said.
    Replies,
    /// ZeroMQ: it is known what asks how the agent is doing, and nowhere in the code stands a word that says so as others do.
    OwnWords,
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
    /// That one, where there is no other, with what its file says of it.
    pub unmet: Option<Listener>,
    /// The files that were imported, by their numbers in the tree.
    pub files: Vec<usize>,
    /// Others may be imported, by names that are made up while it runs.
    pub imports_more: bool,
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

/// Servers of the standard library that classes are made of: what they are given is an address and a class of handlers.
const SERVERS: &[&str] = &[
    "http.server.HTTPServer",
    "http.server.ThreadingHTTPServer",
    "socketserver.TCPServer",
    "socketserver.ThreadingTCPServer",
];

impl Met {
    /// Servers, with their ports as far as these are known, and whether they surely are opened.
    pub fn served(&self) -> impl Iterator<Item = (Option<u16>, &Place, bool)> {
        let servers = self.servers.iter();
        servers.map(|server| (server.port, &server.place, server.sure))
    }

    /// Whether no server was met.
    pub fn is_at_rest(&self) -> bool {
        self.servers.is_empty()
    }
}

impl Walker<'_> {
    /// Whether no call that opens a port is left that was not met.
    pub fn opens_all_seen(&self) -> bool {
        self.elsewhere().is_none()
    }

    /// The constructor of the server of the standard library that a class is made of.
    pub fn server_above(&self, class: (ModuleId, u32)) -> Option<String> {
        let order = self.order(class.0, class.1);
        let mut above = order
            .iter()
            .flatten()
            .filter_map(|class| self.bases.get(class))
            .flatten();
        above.find_map(|base| match base {
            V::Outside(name) if SERVERS.contains(&name.as_str()) => Some(format!("{name}.__init__")),
            _ => None,
        })
    }

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
        let name = name.strip_suffix(".__init__").unwrap_or(name);
        let elsewhere = ["listen", "uds", "fd", "sockets", "path", "sock"]
            .into_iter()
            .any(|other| arguments.named(other).is_some());
        if elsewhere {
            return;
        }
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
            "uvicorn.run" | "uvicorn.Config" => (named(Some(8000)), What::Routes),
            "aiohttp.web.run_app" => (named(Some(8080)), What::Routes),
            "aiohttp.web.TCPSite" => (positional(2).or(named(Some(8080))), What::Routes),
            "waitress.serve" => (named(Some(8080)), What::Routes),
            "werkzeug.serving.run_simple" | "werkzeug.serving.make_server" => {
                (positional(1).or(named(None)), What::Routes)
            }
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

    /// `loop.create_server(protocol, host, port)`.
    pub fn creates_server(&mut self, here: ModuleId, call: &Call, arguments: &Arguments) {
        let given = arguments.positional.get(2).or(arguments.named("port"));
        if let Some(port) = given.and_then(port) {
            self.server(here, call, Some(port), What::Other("a TCP server"));
        }
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
        let opaque = self.opaque();
        let mut unmet = self.unmet();
        // Nobody is asked on a port that is drawn.
        if !all.is_empty() {
            unmet.retain(|listener| listener.speaks != Speaks::Takes(RANDOM));
        }
        let elsewhere = opaque.clone().or(unmet.first().map(|listener| listener.place.clone()));
        let unmet = unmet.pop().filter(|_| unmet.is_empty() && opaque.is_none());
        Listening {
            all,
            elsewhere,
            unmet,
            imports_more: self.imports_more(),
            files: self.talks().filter_map(|(id, _)| self.file_of(id)).collect(),
            connects: self.met.connects.clone(),
        }
    }

    fn bound(&self, bind: &Bind) -> Listener {
        let kind = bind
            .socket
            .and_then(|socket| self.sockets.get(socket)?.made_as.as_deref());
        Listener {
            port: bind.port,
            speaks: self.socket_speaks(kind.or(bind.written)),
            place: bind.place.clone(),
            sure: bind.always && !bind.given_up,
        }
    }

    /// What is spoken by a socket of a kind.
    fn socket_speaks(&self, kind: Option<&str>) -> Speaks {
        match kind {
            Some("REP" | "ROUTER") => match self.answered() {
                Some(ask) => Speaks::Answers(ask),
                None if self.has_own_words() => Speaks::OwnWords,
                None => Speaks::Replies,
            },
            Some("PUB" | "XPUB") => Speaks::Takes("a PUB socket"),
            Some("PULL") => Speaks::Takes("a PULL socket"),
            Some("SUB" | "XSUB") => Speaks::Takes("a SUB socket"),
            _ => Speaks::Takes("a socket"),
        }
    }

    fn spoken(&self, what: &What) -> Speaks {
        match what {
            What::Handler(V::Class(module, class)) => Speaks::Http(self.path_of_handler(*module, *class)),
            What::Handler(V::Outside(name)) if name == "http.server.SimpleHTTPRequestHandler" => {
                Speaks::Http(Some(String::new()))
            }
            What::Handler(_) => Speaks::Http(self.path_of_only_handler()),
            What::Routes => Speaks::Http(self.telling_route()),
            What::Path(path) => Speaks::Http(Some((*path).to_owned())),
            What::Other(name) => Speaks::Takes(name),
        }
    }

    /// What the files of the modules say that were imported.
    fn talks(&self) -> impl Iterator<Item = (ModuleId, &FileTalk)> {
        let order = self.modules.order().iter();
        order.filter_map(|id| Some((*id, self.names.talk_of(self.file_of(*id)?))))
    }

    /// Where a port may be opened that was not met.
    fn elsewhere(&self) -> Option<Place> {
        self.talks().find_map(|(id, talk)| {
            let unmet = || {
                let mut opens = talk.opens.iter();
                opens.find(|call| !self.met.followed.contains(&(id, call.start)))
            };
            talk.opaque.as_ref().or_else(unmet).map(|span| self.place(id, *span))
        })
    }

    /// The import of a package whose servers are not followed.
    fn opaque(&self) -> Option<Place> {
        self.talks()
            .find_map(|(id, talk)| talk.opaque.map(|span| self.place(id, span)))
    }

    /// Whether modules may be imported that the walk knows nothing of.
    fn imports_more(&self) -> bool {
        let mut sources = self.talks().filter_map(|(id, _)| self.source(id));
        sources.any(|source| source.dynamic_names)
            || self.is_mentioned(&["import_module", "__import__", "run_path", "run_module"])
    }

    /// Calls that open a port, were not met, and stand where something in the imported files may run them.
    fn unmet(&self) -> Vec<Listener> {
        let sources: Vec<&Module> = self.talks().filter_map(|(id, _)| self.source(id)).collect();
        let mut found = Vec::new();
        for (id, talk) in self.talks() {
            let Some(source) = self.source(id) else { continue };
            let is_main = id == self.main;
            let opens = talk.opens.iter();
            for span in opens.filter(|span| !self.met.followed.contains(&(id, span.start))) {
                let call = source.calls.iter().find(|call| call.span == *span);
                let opens_none = |call: &Call| {
                    !written::may_run(source, call, is_main, &sources)
                        || written::is_of_function(source, call, &sources)
                };
                if call.is_some_and(opens_none) {
                    continue;
                }
                found.push(Listener {
                    port: call.and_then(|call| written::port(source, call)),
                    speaks: self.speaks_by_name(source, call),
                    place: self.place(id, *span),
                    sure: false,
                });
            }
        }
        found
    }

    /// What is spoken where a call opens a port, by what is called.
    fn speaks_by_name(&self, source: &Module, call: Option<&Call>) -> Speaks {
        let called = call.and_then(|call| source.called(call));
        match (call, called) {
            (Some(call), Some("bind")) => self.socket_speaks(written::kind(source, call)),
            (_, Some("HTTPServer" | "ThreadingHTTPServer" | "make_server" | "run_app" | "run_simple")) => {
                Speaks::Http(None)
            }
            (_, Some("bind_to_random_port")) => Speaks::Takes(RANDOM),
            (_, Some("start_http_server")) => Speaks::Http(Some("/metrics".to_owned())),
            _ => Speaks::Takes("a server"),
        }
    }

    /// The request that a socket of the agent answers with how the agent is doing: nothing where that is not known, and none inside where
    /// it is the usual one.
    fn answered(&self) -> Option<Option<String>> {
        let (mut words, mut keys): (BTreeSet<&str>, BTreeSet<&str>) = Default::default();
        let mut tells = false;
        let mut plain = false;
        for (_, talk) in self.talks().filter(|(_, talk)| talk.receives) {
            words.extend(&talk.words);
            keys.extend(&talk.keys);
            tells |= talk.tells;
            plain |= talk.pong;
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
                    let key = keys.first()?;
                    Some(Some(format!("{{\"{key}\":\"{word}\"}}")))
                }
                (false, _) => None,
            },
            // It asks for nothing, and says the same to everybody.
            None if keys.is_empty() && tells => Some(None),
            None => None,
        }
    }

    /// Whether a request that asks how the agent is doing is known, and no reply with a `status` that means health stands anywhere.
    fn has_own_words(&self) -> bool {
        let any = |says: fn(&FileTalk) -> bool| self.talks().any(|(_, talk)| says(talk));
        any(|talk| talk.asks) && !(any(|talk| talk.has_status) && any(|talk| talk.has_well))
    }

    /// The same of the only class with a `do_GET`, where a server's class is made while the agent runs.
    fn path_of_only_handler(&self) -> Option<String> {
        let sources = self.talks().filter_map(|(id, _)| Some((id, self.source(id)?)));
        let mut found = sources.flat_map(|(module, source)| {
            let gets = source.functions.iter().filter(|function| &*function.name == "do_GET");
            gets.filter_map(move |function| Some((module, function.class?)))
        });
        let (module, class) = found.next()?;
        found
            .next()
            .is_none()
            .then(|| self.path_of_handler(module, class))
            .flatten()
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
        let mut prefixed = false;
        for (_, talk) in self.talks() {
            paths.extend(talk.routes.of_app.iter().cloned());
            prefixed |= talk.routes.prefixed;
        }
        if !prefixed {
            paths.extend(self.talks().flat_map(|(_, talk)| talk.routes.of_parts.iter().cloned()));
        }
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

/// Of several paths, the one that tells most of the agent; its root before any other.
fn best(paths: Vec<String>) -> Option<String> {
    let telling = TELLING.iter().find_map(|word| {
        let mut of_word: Vec<&String> = paths.iter().filter(|path| path.contains(word)).collect();
        of_word.sort_by_key(|path| (path.len(), (*path).clone()));
        of_word.first().map(|path| (*path).clone())
    });
    let up = paths.iter().find(|path| path.ends_with("/up")).cloned();
    telling.or(up).or_else(|| paths.into_iter().find(|path| path == "/"))
}
