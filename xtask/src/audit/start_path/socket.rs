//! Sockets that are bound and connected on the way.

use std::net::Ipv4Addr;

use rustc_hash::FxHashSet as HashSet;

use pysrc::{Atom, Call, Operator, Step, Value, placeholder};

use super::arguments::Arguments;
use super::content::Content;
use super::failure::{Flow, Words};
use super::reuse::using;
use super::steps::visit;
use super::value::{ModuleId, V};
use super::walk::{Bind, Doubt, Frame, PortOf, Socket, SocketState, Walker};
use super::written;
use crate::finding::Subject;
use crate::python::imports::zmq;

/// Methods of sockets that send.
pub const SENDS: &[&str] = &[
    "send",
    "send_string",
    "send_json",
    "send_multipart",
    "send_pyobj",
    "send_serialized",
];
/// Methods of sockets that receive.
const RECEIVES: &[&str] = &[
    "recv",
    "recv_string",
    "recv_json",
    "recv_multipart",
    "recv_pyobj",
    "recv_serialized",
];

impl Walker<'_> {
    /// `socket.bind(address)`.
    pub fn bind_socket(&mut self, here: ModuleId, call: &Call, object: &V, arguments: &Arguments) -> Flow {
        let socket = match object {
            V::Socket(socket) => Some(*socket),
            _ => None,
        };
        self.opened(here, call);
        let flow = self.check_placeholder(here, call, arguments);
        if flow != Flow::Next {
            return flow;
        }
        let place = self.place(here, call.span);
        let port = match arguments.positional.first() {
            Some(V::List(parts)) => match parts.get(1) {
                Some(V::Int(port)) => u16::try_from(*port).ok(),
                _ => None,
            },
            Some(address) => match address.shape() {
                Some(text) if text.starts_with("ipc:") || text.starts_with("inproc:") => return Flow::Next,
                Some(text) => text.rsplit(':').next().and_then(|port| port.parse().ok()),
                None => None,
            },
            None => None,
        };
        let of = call.arguments.first().and_then(|address| self.port_of(address));
        let conditional = self.maybe > 0 || self.waiting;
        let host = host_of(arguments.positional.first());
        // Two addresses of a host have ports of their own.
        let beside = |bind: &Bind| match (&bind.host, &host) {
            (Some(one), Some(other)) => one != other && !is_any_host(one) && !is_any_host(other),
            _ => false,
        };
        let same = |bind: &&Bind| match (port, &of) {
            (Some(0), _) | (None, None) => false,
            _ if beside(bind) => false,
            (Some(_), _) if bind.port.is_some() => bind.port == port,
            _ => of.is_some() && bind.of == of,
        };
        let stands = |bind: &&Bind| !bind.conditional && !bind.released;
        let before = self.binds.iter().filter(stands).find(same);
        // Datagrams have ports of their own, too.
        let datagrams = self.is_mentioned(&["SOCK_DGRAM"]);
        let may_differ = |before: &&Bind| datagrams && (socket.is_none() || before.socket.is_none());
        if let Some(before) = before.filter(|before| !may_differ(before) && !self.shares_ports(here)) {
            let what = match (port, &of) {
                (Some(port), _) => port.to_string(),
                (None, Some(PortOf { attribute, plus: 0, .. })) => format!("`self.{attribute}`"),
                (None, of) => of.as_ref().map_or_else(String::new, |of| {
                    let sign = if of.plus < 0 { '-' } else { '+' };
                    format!("`self.{} {sign} {}`", of.attribute, of.plus.unsigned_abs())
                }),
            };
            let message = format!(
                "port {what} is bound twice: `{}` line {} has it already",
                before.place.path, before.place.line
            );
            let words = match port {
                Some(port) => Words::about(Subject::Port(port), message),
                None => message.into(),
            };
            return self.fail_at(here, call.span, "start/port-bound-twice", "ZMQError", words, None);
        }
        // What is sent there is no connection.
        let datagrams = datagrams && socket.is_none();
        if self.silent == 0 {
            self.binds.push(Bind {
                host,
                port,
                of,
                place,
                conditional,
                always: self.runs_always() && !datagrams,
                released: false,
                given_up: false,
                socket,
                written: self.source(here).and_then(|source| written::kind(source, call)),
                held_at: self.held_at(call).filter(|_| socket.is_none()),
            });
        }
        Flow::Next
    }

    /// Where what a method is called of is a name of the function that runs: how deep that is.
    fn held_at(&self, call: &Call) -> Option<usize> {
        let frame = self.frames.last()?;
        match &call.callee {
            Value::Attribute(of, _) => match **of {
                Value::Name(name) => self.is_local(frame, name).then_some(self.frames.len()),
                _ => None,
            },
            _ => None,
        }
    }

    /// `context.socket(kind)`.
    pub fn new_socket(&mut self, here: ModuleId, call: &Call, context: &str) -> (V, Flow) {
        let given = call.arguments.first().filter(|_| call.spread.is_none());
        let known = given.and_then(|kind| self.certain(kind));
        if let (Some(V::Str(_) | V::None), true) = (&known, self.is_certain()) {
            let message = "an integer is required".to_owned();
            let help = Some("kinds of sockets are numbers: `zmq.REP`".to_owned());
            let flow = self.fail_at(here, call.span, "start/bad-operation", "TypeError", message, help);
            return (V::Unknown, flow);
        }
        let made_as = match given.map(|kind| self.evaluate(kind)) {
            Some(V::Outside(name)) => {
                let name = name
                    .strip_prefix("zmq.SocketType.")
                    .or_else(|| name.strip_prefix("zmq."));
                name.filter(|name| !name.contains('.')).map(str::to_owned)
            }
            _ => None,
        };
        let kind = made_as.clone().filter(|_| context == zmq::CONTEXT);
        let state = match self.maybe == 0 && self.loops == 0 {
            true => SocketState::New,
            false => SocketState::Unknown,
        };
        self.sockets.push(Socket { kind, made_as, state });
        self.sure = true;
        (V::Socket(self.sockets.len() - 1), Flow::Next)
    }

    /// A method of a socket: whether its kind does that, and now.
    pub fn socket_method(&mut self, here: ModuleId, call: &Call, id: usize, method: &str) -> Flow {
        let sends = SENDS.contains(&method);
        let works = sends || RECEIVES.contains(&method);
        let relaxed = self.set_from_outside("req_relaxed") || self.set_from_outside("REQ_RELAXED");
        let Some(Socket { kind, state, .. }) = self.sockets.get(id).cloned() else {
            return Flow::Next;
        };
        // Which socket it is has to be sure, not only what is known of it.
        let sure = self.is_certain()
            && self.silent == 0
            && matches!(&call.callee, Value::Attribute(of, _) if self.certain(of).is_some());
        let problem = match (state, &kind) {
            (SocketState::Closed, _) if works || matches!(method, "bind" | "connect" | "setsockopt" | "poll") => {
                Some("Socket operation on non-socket")
            }
            (SocketState::Closed, _) | (_, None) => None,
            (_, Some(kind)) if works => {
                let last = match state {
                    SocketState::Sent => Some(true),
                    SocketState::Received => Some(false),
                    _ => None,
                };
                let in_turns = matches!(kind.as_str(), "REP" | "REQ");
                let known = !in_turns || (state != SocketState::Unknown && !relaxed && !self.may_relax());
                zmq::out_of_turn(kind, sends, last).filter(|_| known)
            }
            _ => None,
        };
        let next = match method {
            _ if !sure || self.loops > 0 || self.doubt > Doubt::None => SocketState::Unknown,
            "close" => SocketState::Closed,
            _ if sends => SocketState::Sent,
            _ if works => SocketState::Received,
            "bind" | "connect" | "setsockopt" | "setsockopt_string" | "set" | "subscribe" | "poll" => state,
            _ => SocketState::Unknown,
        };
        // Another turn of a loop may find it so; what is told of is the first one.
        let told = problem.filter(|_| sure && self.loops == 0);
        if let Some(socket) = self.sockets.get_mut(id)
            && socket.state != SocketState::Unknown
        {
            socket.state = next;
        }
        match told {
            Some(message) => {
                let help = kind
                    .filter(|_| state != SocketState::Closed)
                    .map(|kind| match kind.as_str() {
                        "REP" => "a REP socket receives a request first, and then sends its answer".to_owned(),
                        "REQ" => "a REQ socket sends a request first, and then receives its answer".to_owned(),
                        kind => format!("a {kind} socket only {}", if sends { "receives" } else { "sends" }),
                    });
                self.fail_at(
                    here,
                    call.span,
                    "start/bad-operation",
                    "ZMQError",
                    message.to_owned(),
                    help,
                )
            }
            None => Flow::Next,
        }
    }

    /// Whether sockets may be told to keep no order.
    fn may_relax(&self) -> bool {
        self.is_mentioned(&["REQ_RELAXED", "req_relaxed"])
    }

    fn free_ports(&mut self, which: impl Fn(&Bind) -> bool) {
        // Once an agent has waited for others or for time to pass, what is closed is closed at its end.
        let early = !self.waiting && !self.paused;
        for bind in self.binds.iter_mut().filter(|bind| which(bind)) {
            bind.released = true;
            bind.given_up |= early;
        }
    }

    /// A socket is closed, or nothing holds it any more: its ports may be free again; that they were bound stays true.
    pub fn release_ports(&mut self, id: usize) {
        self.free_ports(|bind| bind.socket == Some(id) || bind.socket.is_none());
    }

    /// Any port may be free again: something was closed of which is not known what it is.
    pub fn release_all_ports(&mut self) {
        self.free_ports(|_| true);
    }

    /// A `with` statement ends: what it manages is closed.
    pub fn left_socket(&mut self, managed: &V) {
        match managed {
            V::Socket(socket) => self.release_ports(*socket),
            V::Zmq(_) => self.release_all_ports(),
            V::Unknown | V::Outside(_) => self.free_ports(|bind| bind.socket.is_none()),
            _ => {}
        }
    }

    /// A function ends: sockets that only its names held are closed.
    pub fn left_scope(&mut self, frame: &Frame) {
        let depth = self.frames.len() + 1;
        self.free_ports(|bind| bind.held_at.is_some_and(|at| at >= depth));
        // What it was given, its caller still has.
        let source = self.source(frame.module);
        let facts = frame
            .function
            .and_then(|function| source?.functions.get(function as usize));
        let given = |name: &Atom| {
            let mut all = facts.into_iter().flat_map(|facts| &facts.parameters.all);
            all.any(|parameter| parameter.name == *name)
        };
        let mut lost: Vec<usize> = Vec::new();
        for (_, variable) in frame.locals.iter().filter(|(name, _)| !given(name)) {
            match &variable.value {
                V::Socket(socket) => lost.push(*socket),
                V::Instance(id) => lost.extend(self.sockets_of(*id)),
                _ => {}
            }
        }
        let held = frame.locals.iter().filter(|(name, _)| given(name));
        let held: Vec<&V> = held
            .map(|(_, variable)| variable)
            .chain(&frame.returned)
            .map(|it| &it.value)
            .collect();
        self.let_go(lost, held);
    }

    /// What a call gave is dropped.
    pub fn dropped(&mut self, value: &V) {
        match value {
            V::Socket(socket) => self.let_go(vec![*socket], Vec::new()),
            V::Instance(id) => self.let_go(self.sockets_of(*id).collect(), Vec::new()),
            _ => {}
        }
    }

    /// Sockets that something held are closed where neither these values nor anything else holds them.
    fn let_go(&mut self, mut sockets: Vec<usize>, held: Vec<&V>) {
        let bound = |socket: usize| {
            let mut binds = self.binds.iter();
            binds.any(|bind| bind.socket == Some(socket) && !bind.released)
        };
        sockets.retain(|socket| bound(*socket));
        if sockets.is_empty() {
            return;
        }
        let kept = self.sockets_held(held);
        for socket in sockets.into_iter().filter(|socket| !kept.contains(socket)) {
            self.release_ports(socket);
        }
    }

    fn sockets_of(&self, object: usize) -> impl Iterator<Item = usize> {
        let attributes = self.objects.get(object).map(|object| object.attributes.values());
        attributes
            .into_iter()
            .flatten()
            .filter_map(|variable| match variable.value {
                V::Socket(socket) => Some(socket),
                _ => None,
            })
    }

    /// Sockets that something holds.
    fn sockets_held<'v>(&'v self, held: Vec<&'v V>) -> HashSet<usize> {
        self.uses_own(using::OWN);
        let globals = self.modules.all_globals();
        let locals = self.frames.iter().flat_map(|frame| frame.locals.values());
        let of_classes = self.class_names.values().flat_map(|names| names.values());
        let roots = globals.chain(locals).chain(of_classes);
        let mut open: Vec<&V> = roots.map(|variable| &variable.value).chain(held).collect();
        let (mut seen, mut seen_data, mut found) = (HashSet::default(), HashSet::default(), HashSet::default());
        while let Some(value) = open.pop() {
            match value {
                V::Socket(socket) => {
                    found.insert(*socket);
                }
                V::Instance(id) if seen.insert(*id) => {
                    let attributes = self.objects.get(*id).map(|object| object.attributes.values());
                    open.extend(attributes.into_iter().flatten().map(|variable| &variable.value));
                }
                V::List(values) => open.extend(values),
                V::Dict(items) => open.extend(items.iter().map(|(_, value)| value)),
                V::Mapping(id) | V::Sequence(id) if seen_data.insert(*id) => {
                    match self.data.get(*id).filter(|data| !data.opened).map(|data| &data.content) {
                        Some(Content::Mapping(items)) => open.extend(items.iter().map(|(_, value)| value)),
                        Some(Content::Sequence(items)) => open.extend(items),
                        None => {}
                    }
                }
                V::Method(_, _, of) | V::Super(_, _, of) | V::Bound(of, _) => open.push(of),
                V::Closure(closure) => {
                    open.extend(closure.captured.values().map(|variable| &variable.value));
                    open.extend(&closure.of);
                }
                V::Partial(partial) => open.extend(partial.held()),
                V::Thread(thread) => open.extend(self.threads.get(*thread).and_then(|thread| thread.target.as_ref())),
                _ => {}
            }
        }
        found
    }

    /// What an attribute was is replaced: a socket that nothing else holds is closed.
    pub fn replaced(&mut self, before: &V, after: &V) {
        if before == after || self.silent > 0 {
            return;
        }
        match before {
            V::Socket(id) => self.let_go(vec![*id], Vec::new()),
            V::Instance(id) => self.let_go(self.sockets_of(*id).collect(), Vec::new()),
            _ => {}
        }
    }

    /// A socket is given to something that is not followed, or put where that may find it.
    pub fn share_socket(&mut self, id: usize) {
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.state = SocketState::Unknown;
        }
    }

    /// Whether a module makes sockets of which several may have one port.
    fn shares_ports(&self, here: ModuleId) -> bool {
        self.source(here).is_some_and(|source| {
            ["SO_REUSEPORT", "SOCK_DGRAM"]
                .iter()
                .any(|name| source.atom(name).is_some())
        })
    }

    /// The attribute that the port of an address is.
    fn port_of(&self, address: &Value) -> Option<PortOf> {
        let written;
        let port = match address {
            Value::Name(name) => {
                written = self.bound_once_to(*name)?;
                match written {
                    Value::Name(_) => return None,
                    address => return self.port_of(address),
                }
            }
            Value::Concat(pieces) => match &**pieces {
                [.., Value::Str(before), port] if before.ends_with(':') => port,
                _ => return None,
            },
            Value::List(parts) => parts.get(1)?,
            _ => return None,
        };
        let port = match port {
            Value::Call(call) => self.as_text(*call)?,
            port => port,
        };
        let (attribute, plus) = match port {
            Value::Binary(Operator::Add, attribute, by) => (&**attribute, &**by),
            attribute => (attribute, &Value::Int(0)),
        };
        let (Value::Attribute(object, attribute), Value::Int(plus)) = (attribute, plus) else {
            return None;
        };
        let V::Instance(object) = self.evaluate(object) else {
            return None;
        };
        let name = self.source(self.here())?.name(*attribute);
        // What a property gives may be another port each time.
        let set = self.objects.get(object)?.attributes.contains_key(name);
        set.then(|| PortOf {
            object,
            attribute: name.to_owned(),
            plus: *plus,
        })
    }

    /// The argument of `str(…)`.
    fn as_text(&self, call: u32) -> Option<&Value> {
        let call = self.source(self.here())?.calls.get(call as usize)?;
        match &*call.arguments {
            [argument] if self.evaluate(&call.callee) == V::Outside("builtins.str".to_owned()) => Some(argument),
            _ => None,
        }
    }

    /// What is assigned to a name of the function that runs, where that is done in one place.
    fn bound_once_to(&self, name: Atom) -> Option<&Value> {
        let (frame, source) = self.innermost()?;
        let facts = source.functions.get(frame.function? as usize)?;
        let mut found = Vec::new();
        visit(&facts.body, &mut |step| {
            if let Step::Store {
                name: stored, value, ..
            } = step
                && *stored == name
            {
                found.push(value.as_deref());
            }
        });
        match found.as_slice() {
            [Some(value)] => Some(value),
            _ => None,
        }
    }

    /// An attribute gets another value: it is another port now.
    pub fn forget_port(&mut self, id: usize, name: &str) {
        // What a handler would do is not done.
        if self.silent > 0 {
            return;
        }
        for bind in &mut self.binds {
            let same = |of: &PortOf| of.object == id && of.attribute == name;
            if bind.of.as_ref().is_some_and(same) {
                bind.of = None;
            }
        }
    }

    /// An address that no socket takes.
    pub fn check_address(&mut self, here: ModuleId, call: &Call, object: &V, bind: bool) -> Flow {
        let (V::Socket(_), [address], true) = (object, &*call.arguments, self.is_certain()) else {
            return Flow::Next;
        };
        let Some(V::Str(address)) = self.certain(address).filter(|_| call.spread.is_none()) else {
            return Flow::Next;
        };
        let host = host_of(Some(&V::Str(address.clone())));
        if let Some(host) = host.filter(|host| bind && self.is_of_no_container(host)) {
            let message =
                format!("Cannot assign requested address (addr='{address}'): `{host}` is no address of its container");
            let words = Words::about(Subject::Host(host), message);
            let help = "bind to `tcp://*:port`: the container's ports are published on the host's address".to_owned();
            return self.fail_at(here, call.span, "start/bad-operation", "ZMQError", words, Some(help));
        }
        // What a template has left is told by another rule.
        let Some(why) = zmq::refuses(&address, bind).filter(|_| placeholder(&address).is_none()) else {
            return Flow::Next;
        };
        let message = format!("{why} (addr='{address}')");
        let help = "write `tcp://host:port`; `tcp://*:port` binds to all interfaces".to_owned();
        self.fail_at(here, call.span, "start/bad-operation", "ZMQError", message, Some(help))
    }

    /// Whether a host is a number that no container of the stack has: loopback has all of its own.
    fn is_of_no_container(&self, host: &str) -> bool {
        let Ok(address) = host.parse::<Ipv4Addr>() else {
            return false;
        };
        let special =
            address.is_loopback() || address.is_unspecified() || address.is_broadcast() || address.is_multicast();
        !special && !self.networks.iter().any(|network| network.contains(address))
    }

    /// `send(…)` or `setsockopt(…)` of a text, where bytes are wanted.
    pub fn text_for_bytes(&mut self, here: ModuleId, call: &Call, method: &str) -> Flow {
        let (at, other) = match method {
            "send" => (0, "send_string"),
            _ => (1, "setsockopt_string"),
        };
        let known = call.arguments.get(at).filter(|_| self.is_certain());
        if !matches!(known.and_then(|value| self.certain(value)), Some(V::Str(_))) {
            return Flow::Next;
        }
        let message = format!("unicode not allowed, use {other}");
        let help = Some(format!("call `{other}`, or write the text as bytes"));
        self.fail_at(here, call.span, "start/bad-operation", "TypeError", message, help)
    }

    /// A template's placeholder in an address.
    pub fn check_placeholder(&mut self, here: ModuleId, call: &Call, arguments: &Arguments) -> Flow {
        let text = match arguments.positional.first() {
            Some(V::List(parts)) => parts.first().and_then(V::shape),
            Some(address) => address.shape(),
            None => None,
        };
        let Some(found) = text.as_deref().and_then(placeholder).map(ToOwned::to_owned) else {
            return Flow::Next;
        };
        let message = format!("the placeholder `{found}` was never filled in");
        self.fail_at(
            here,
            call.span,
            "start/placeholder",
            "ZMQError",
            Words::about(Subject::Name(found), message),
            None,
        )
    }
}

/// The host of an address, `tcp://host:port` or `(host, port)`.
fn host_of(address: Option<&V>) -> Option<String> {
    let text = match address? {
        V::List(parts) => parts.first()?.text()?.to_owned(),
        address => {
            let text = address.shape()?;
            let below = text.strip_prefix("tcp://")?;
            below.rsplit_once(':')?.0.to_owned()
        }
    };
    (!text.contains('\0')).then_some(text)
}

/// Whether a host stands for all addresses, or for one that only a resolver knows.
fn is_any_host(host: &str) -> bool {
    !host.starts_with(|first: char| first.is_ascii_digit()) || host == "0.0.0.0"
}
