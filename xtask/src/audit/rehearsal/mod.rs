//! What an agent answers to a request that asks how it is doing, told by going through its code from where the request is received to where
//! the answer is sent: with the request as it would be, and nothing known of all else. What is asked with is what the code compares
//! requests with. Only where every way comes to an answer that is known is anything said.

mod calls;
mod files;
mod known;
mod methods;
mod run;
mod state;
#[cfg(test)]
mod tests;
mod values;
mod words;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use pysrc::{Atom, Call, Module, Value};
use rustc_hash::FxHashMap as HashMap;

pub use files::{File, Files};
use known::{ClassAt, Known};
use state::Flow;

use super::start_path::{ASKING, KEYS};

/// Most steps that are looked at for one request.
const MOST_STEPS: usize = 20_000;

/// Most requests that are tried.
const MOST_REQUESTS: usize = 24;

/// Most places where a request may be received.
const MOST_STARTS: usize = 16;

/// Longest chain of callers that are looked for.
const MOST_CALLERS: usize = 4;

/// A request that asks how an agent is doing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// Its words.
    pub ask: String,
    /// What one that is well answers; empty where that is as usual.
    pub expect: Vec<String>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
struct Reply {
    known: Known,
    /// Something was compared with the request before, and was the same.
    is_asked_for: bool,
}

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq)]
enum Payload {
    /// Nothing is known of it: what it is compared with is looked for.
    Any,
    /// These words.
    Words(String),
}

/// The socket that is asked, as the code names it.
#[derive(Debug, Clone, PartialEq)]
enum Socket {
    /// An attribute of that name.
    Attribute(String),
    /// A name of a function, or of a file.
    Name(usize, Option<u32>, Atom),
}

/// One request, and what is done about it.
#[derive(Debug)]
struct Rehearsal<'m> {
    files: &'m Files<'m>,
    socket: Socket,
    /// The class that binds it.
    class: Option<ClassAt>,
    payload: Payload,
    /// The payload as JSON.
    document: Option<Known>,
    /// Texts that stand in the payload.
    parts: BTreeSet<String>,
    is_router: bool,
    /// With what parts of the request are compared: keys, and a word.
    words: RefCell<BTreeSet<(Vec<String>, String)>>,
    /// What names of files are, as far as that was looked up.
    globals: RefCell<HashMap<(usize, Atom), Known>>,
    /// The same of attributes of objects, whatever they get where.
    kept: RefCell<HashMap<(ClassAt, String), Known>>,
    /// Some way is not known.
    lost: Cell<bool>,
    budget: Cell<usize>,
    depth: Cell<usize>,
    asides: Cell<usize>,
}

/// The request that the socket is surely answered with how the agent is doing which a call in this line of a file binds, with what a
/// healthy answer says; nothing where that is not known for sure. `line` is counted from 1; `is_only`: the agent has no other that answers.
#[must_use]
pub fn request<'m>(files: &'m Files<'m>, file: usize, line: u32, is_only: bool) -> Option<Request> {
    let (socket, class) = socket_of(files, file, line)?;
    let is_router = is_router(files.module(file))?;
    let found = of_socket(files, &socket, class, is_router);
    if found.is_some()
        || !is_only
        || !Rehearsal::new(files, &socket, class, Payload::Any, is_router)
            .receivers()
            .is_empty()
    {
        return found;
    }
    // What binds it gives it to another, which has another name for it.
    let all = others(files).into_iter();
    let mut found = all.filter_map(|socket| of_socket(files, &socket, None, is_router));
    found.next().filter(|_| found.next().is_none())
}

/// All that messages are received from, by name.
fn others(files: &Files<'_>) -> Vec<Socket> {
    let mut found = Vec::new();
    for file in 0..files.count() {
        let source = files.module(file);
        for call in &source.calls {
            let Value::Attribute(object, name) = &call.callee else {
                continue;
            };
            if !source.name(*name).starts_with("recv") {
                continue;
            }
            let socket = match &**object {
                Value::Attribute(_, name) => Socket::Attribute(source.name(*name).to_owned()),
                Value::Name(name) => {
                    let function = call.function.and_then(|at| source.functions.get(at as usize));
                    let is_local = function.is_some_and(|function| function.locals.contains(name));
                    Socket::Name(file, call.function.filter(|_| is_local), *name)
                }
                _ => continue,
            };
            if !found.contains(&socket) {
                found.push(socket);
            }
        }
    }
    found
}

/// The same of a socket, which a class keeps where one is given.
fn of_socket<'m>(files: &'m Files<'m>, socket: &Socket, class: Option<ClassAt>, is_router: bool) -> Option<Request> {
    let asking = |payload| Rehearsal::new(files, socket, class, payload, is_router);
    let look = asking(Payload::Any);
    look.replies();
    let mut tried = candidates(&look.words.borrow());
    tried.truncate(MOST_REQUESTS);
    let has_others = !look.words.borrow().is_empty();
    tried.push(contract::health::REQUEST.to_owned());
    tried.into_iter().find_map(|ask| {
        let rehearsal = asking(Payload::Words(ask.clone()));
        let replies = rehearsal.replies();
        let expect = words::of(&replies, has_others).filter(|_| !rehearsal.lost.get())?;
        Some(Request { ask, expect })
    })
}

/// Requests that ask how the agent is doing, of all that are compared; the likeliest first.
fn candidates(words: &BTreeSet<(Vec<String>, String)>) -> Vec<String> {
    let mut ranked: Vec<(usize, usize, String)> = Vec::new();
    for (path, word) in words {
        let (Some(rank), true) = (rank(word), word.len() <= 64) else {
            continue;
        };
        let ask = match path.as_slice() {
            [] => word.clone(),
            path => {
                let inner = serde_json::Value::from(word.as_str());
                let whole = path
                    .iter()
                    .rev()
                    .fold(inner, |inner, key| serde_json::json!({ key: inner }));
                whole.to_string()
            }
        };
        let of_key = path.last().and_then(|key| KEYS.iter().position(|known| known == key));
        let of_key = of_key.unwrap_or(KEYS.len());
        ranked.push((rank, of_key, ask));
    }
    ranked.sort();
    ranked.dedup();
    ranked.into_iter().map(|(_, _, ask)| ask).collect()
}

/// How likely a word asks how one is doing; smaller is likelier. A word of several, as in `GET /status`, counts less.
fn rank(word: &str) -> Option<usize> {
    let plain = word.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    let known = |word: &str| ASKING.iter().position(|known| *known == word);
    let within = || {
        let mut words = plain.split(|c: char| !c.is_ascii_alphanumeric());
        let found = words.find_map(known);
        found.map(|at| at + ASKING.len())
    };
    known(&plain).or_else(within)
}

/// The socket that a call in this line binds, with the class that does it.
fn socket_of(files: &Files<'_>, file: usize, line: u32) -> Option<(Socket, Option<ClassAt>)> {
    let source = files.module(file);
    let binds = |call: &&Call| source.called(call) == Some("bind") && source.position(call.span).line == line;
    let mut bound = source.calls.iter().filter(binds);
    let (bind, None) = (bound.next()?, bound.next()) else {
        return None;
    };
    let Value::Attribute(socket, _) = &bind.callee else {
        return None;
    };
    let around = bind.function.and_then(|at| source.functions.get(at as usize));
    let class = around.and_then(|function| function.class).map(|class| (file, class));
    match &**socket {
        Value::Attribute(_, name) => Some((Socket::Attribute(source.name(*name).to_owned()), class)),
        Value::Name(name) => {
            let function = bind.function.and_then(|at| source.functions.get(at as usize));
            let is_local = function.is_some_and(|function| function.locals.contains(name));
            let at = bind.function.filter(|_| is_local);
            // It may be kept in an attribute from there on.
            let body = function.map_or(&source.body, |function| &function.body);
            let mut kept = None;
            crate::python::steps::all(body, &mut |step| {
                if let pysrc::Step::StoreAttribute {
                    attribute,
                    value: Some(value),
                    ..
                } = step
                    && **value == Value::Name(*name)
                {
                    kept = Some(source.name(*attribute).to_owned());
                }
            });
            Some((kept.map_or(Socket::Name(file, at, *name), Socket::Attribute), class))
        }
        _ => None,
    }
}

/// Whether a file's sockets that answer are ROUTERs; nothing where it has both kinds.
fn is_router(source: &Module) -> Option<bool> {
    let has = |word: &str| source.text.contains(word);
    match (has("ROUTER"), has("zmq.REP") || has("SocketType.REP")) {
        (true, true) => None,
        (router, _) => Some(router),
    }
}

impl<'m> Rehearsal<'m> {
    fn new(files: &'m Files<'m>, socket: &Socket, class: Option<ClassAt>, payload: Payload, is_router: bool) -> Self {
        let mut parts = BTreeSet::new();
        let mut document = None;
        if let Payload::Words(words) = &payload {
            parts.insert(words.clone());
            if let Ok(known) = serde_json::from_str(words) {
                add_parts(&known, &mut parts);
                document = Some(Known::of_json(&known));
            }
            parts.extend(words.split_whitespace().map(str::to_owned));
        }
        Self {
            files,
            socket: socket.clone(),
            class,
            payload,
            document,
            parts,
            is_router,
            words: RefCell::default(),
            globals: RefCell::default(),
            kept: RefCell::default(),
            lost: Cell::new(false),
            budget: Cell::new(MOST_STEPS),
            depth: Cell::new(0),
            asides: Cell::new(0),
        }
    }

    /// All answers that there may be.
    fn replies(&self) -> Vec<Reply> {
        let mut starts = self.receivers();
        for _ in 0..MOST_CALLERS {
            let mut replies = Vec::new();
            let mut went_on = BTreeSet::new();
            if starts.len() > MOST_STARTS {
                self.lost.set(true);
                return Vec::new();
            }
            for (file, function) in &starts {
                let found = self.from(*file, *function);
                if found.is_empty() {
                    went_on.insert((*file, *function));
                }
                replies.extend(found);
            }
            // Each that receives has to answer; what one returns, its callers do.
            if !replies.is_empty() {
                if !went_on.is_empty() {
                    self.lost.set(true);
                }
                return replies;
            }
            starts = self.callers(&went_on);
            if starts.is_empty() {
                break;
            }
        }
        Vec::new()
    }

    /// Answers where a function begins, or a file.
    fn from(&self, file: usize, function: Option<u32>) -> Vec<Reply> {
        let state = self.aside(file, function);
        let body = match function {
            Some(at) => self.files.function(file, at).map(|function| &function.body),
            None => Some(&self.files.module(file).body),
        };
        let Some(body) = body else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (state, flow) in self.body(state, body) {
            if let Flow::Replied(known) = flow {
                let reply = Reply {
                    known,
                    is_asked_for: state.matched.get(),
                };
                if !found.contains(&reply) {
                    found.push(reply);
                }
            }
        }
        found
    }

    /// Where messages are received from the socket.
    fn receivers(&self) -> BTreeSet<(usize, Option<u32>)> {
        let mut found = BTreeSet::new();
        for file in 0..self.files.count() {
            let source = self.files.module(file);
            for call in &source.calls {
                let Value::Attribute(object, name) = &call.callee else {
                    continue;
                };
                if !source.name(*name).starts_with("recv") {
                    continue;
                }
                let is_it = match &**object {
                    Value::Attribute(_, name) => {
                        self.is_socket_attribute(source.name(*name)) && self.is_kept_by(file, call.function)
                    }
                    Value::Name(name) => self.is_socket_name(file, call.function, *name),
                    _ => false,
                };
                if is_it {
                    found.insert((file, call.function));
                }
            }
        }
        found
    }

    /// Where functions are called by their names.
    fn callers(&self, of: &BTreeSet<(usize, Option<u32>)>) -> BTreeSet<(usize, Option<u32>)> {
        let functions = of.iter().filter_map(|(file, at)| self.files.function(*file, (*at)?));
        let names: BTreeSet<&str> = functions.map(|function| &*function.name).collect();
        let mut found = BTreeSet::new();
        for file in 0..self.files.count() {
            let source = self.files.module(file);
            let calls = source.calls.iter();
            for call in calls.filter(|call| source.called(call).is_some_and(|name| names.contains(name))) {
                if !of.contains(&(file, call.function)) {
                    found.insert((file, call.function));
                }
            }
        }
        found
    }

    /// Whether a function is of the class that binds the socket, or of one that is made of it, or of which it is made.
    fn is_kept_by(&self, file: usize, function: Option<u32>) -> bool {
        let function = function.and_then(|at| self.files.function(file, at));
        match (self.class, function.and_then(|function| function.class)) {
            (Some(of), Some(class)) => {
                let class = (file, class);
                self.files.order(of).contains(&class) || self.files.order(class).contains(&of)
            }
            _ => true,
        }
    }

    fn is_socket_attribute(&self, name: &str) -> bool {
        matches!(&self.socket, Socket::Attribute(known) if known == name)
    }

    /// Whether a name is the socket's in a function of a file.
    fn is_socket_name(&self, file: usize, function: Option<u32>, name: Atom) -> bool {
        let Socket::Name(of, at, known) = &self.socket else {
            return false;
        };
        if (*of, *known) != (file, name) {
            return false;
        }
        let mut here = function;
        while here != *at {
            let Some(around) = here.and_then(|here| self.files.function(file, here)) else {
                return false;
            };
            if around.locals.contains(&name) {
                return false;
            }
            here = around.outer;
        }
        true
    }

    /// Whether nothing can come of it any more, or as much was looked at as ever is.
    fn is_spent(&self) -> bool {
        let left = self.budget.get();
        self.budget.set(left.saturating_sub(1));
        if left == 0 {
            self.lost.set(true);
        }
        left == 0 || self.lost.get() && self.payload != Payload::Any
    }

    /// Notes with which word a part of the request is compared.
    fn compared(&self, path: &[String], word: &str) {
        if self.payload == Payload::Any && !word.trim().is_empty() {
            self.words.borrow_mut().insert((path.to_vec(), word.trim().to_owned()));
        }
    }

    /// Whether a value is the request, a part of it, or made of it.
    fn is_of_request(&self, known: &Known) -> bool {
        match known {
            Known::Derived | Known::Missing | Known::Asked(_) | Known::Around(..) => true,
            Known::Text(_) => known.whole().is_some_and(|whole| {
                let mut parts = self.parts.iter();
                parts.any(|part| part.eq_ignore_ascii_case(&whole))
            }),
            Known::Dict(_) => self.document.as_ref() == Some(known),
            Known::List(parts) => parts.iter().any(|part| self.is_of_request(part)),
            _ => false,
        }
    }
}

/// Adds the texts of a document, keys left out.
fn add_parts(document: &serde_json::Value, parts: &mut BTreeSet<String>) {
    match document {
        serde_json::Value::String(text) => {
            parts.insert(text.clone());
        }
        serde_json::Value::Object(fields) => fields.values().for_each(|value| add_parts(value, parts)),
        serde_json::Value::Array(all) => all.iter().for_each(|value| add_parts(value, parts)),
        _ => {}
    }
}
