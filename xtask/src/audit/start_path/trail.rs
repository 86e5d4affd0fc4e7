//! The way that the walk of a script went, step by step: what was entered, which way was taken, what is known of values, and where it
//! stopped being sure. Nothing is kept unless somebody asks.

use std::collections::VecDeque;

use pysrc::{Call, Function, Span, Step, Taken};

use super::failure::Flow;
use super::value::{ModuleId, V};
use super::walk::{Doubt, Walker};
use crate::finding::Place;

/// Steps that are kept from the beginning of a way.
const FIRST: usize = 1_500;
/// Steps that are kept from its end.
const LAST: usize = 500;
/// Characters of a value that are shown.
const LONGEST: usize = 60;
/// Parts of a value that are shown.
const MOST_PARTS: usize = 6;

/// What a step was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The body of a module begins.
    Module,
    /// The body of a function begins.
    Call,
    /// A function has come to its end.
    Return,
    /// A call that is not followed.
    NotFollowed,
    /// One of several ways.
    Branch,
    /// A loop.
    Loop,
    /// A name or attribute gets a value.
    Assignment,
    /// An exception, or what would be one.
    Failure,
    /// A handler catches one.
    Handler,
    /// Something may go on for ever from here, or keep the process running.
    Alive,
    /// A limit of the walk.
    Budget,
    /// The script ends.
    End,
}

/// Why what a step does may not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsure {
    /// It stands behind a branch, a loop or a `try` that may not get there.
    Conditional,
    /// Something before may have left the function or loop.
    LeftBefore,
    /// It stands in a handler.
    InHandler,
    /// Something before waits for others.
    Waited,
    /// One turn of a loop stands for all.
    OneTurn,
}

impl Unsure {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Conditional => "may not be reached",
            Self::LeftBefore => "a `return`, `break` or `continue` before may have left",
            Self::InHandler => "in a handler",
            Self::Waited => "after something that waits for others",
            Self::OneTurn => "one turn of a loop stands for all",
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Scopes around it: 0 in the script's own body.
    pub depth: usize,
    /// Its place.
    pub place: Place,
    /// What it was.
    pub kind: Kind,
    /// The same in words.
    pub text: String,
    /// Why it may not happen; nothing if it surely does.
    pub unsure: Option<Unsure>,
}

/// The way.
#[derive(Debug, Default)]
pub struct Trail {
    first: Vec<Event>,
    last: VecDeque<Event>,
    left_out: usize,
    /// Something that may go on for ever was reached.
    alive: bool,
    /// The last step that has a place of its own.
    at: Option<(ModuleId, Span)>,
}

impl Trail {
    /// The steps that were kept, in order.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.first.iter().chain(&self.last)
    }

    /// How many were not, between the first and the last of them; and after how many.
    #[must_use]
    pub fn left_out(&self) -> (usize, usize) {
        (self.left_out, self.first.len())
    }

    fn push(&mut self, event: Event) {
        if self.first.len() < FIRST {
            self.first.push(event);
            return;
        }
        if self.last.len() == LAST {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(event);
    }
}

impl Walker<'_> {
    /// Why what runs here may not run.
    fn unsure(&self) -> Option<Unsure> {
        if self.maybe > 0 {
            Some(Unsure::Conditional)
        } else if self.doubt > Doubt::None {
            Some(Unsure::LeftBefore)
        } else if self.handling > 0 {
            Some(Unsure::InHandler)
        } else if self.waiting {
            Some(Unsure::Waited)
        } else if self.loops > 0 {
            Some(Unsure::OneTurn)
        } else {
            None
        }
    }

    /// Keeps a step, if somebody asked for the way; `at`: its place, or else that of the step before.
    pub fn note(&mut self, kind: Kind, at: Option<Span>, text: impl FnOnce(&Self) -> String) {
        let Some(before) = self.trail.as_ref().map(|trail| trail.at) else {
            return;
        };
        if self.silent > 0 {
            return;
        }
        let here = self.here();
        let (module, span) = match (at, before) {
            (Some(span), _) => (here, span),
            (None, Some((module, span))) if module == here => (module, span),
            _ => (here, Span { start: 0, end: 0 }),
        };
        let event = Event {
            depth: self.frames.len().saturating_sub(1),
            place: self.place(module, span),
            kind,
            text: text(self),
            unsure: self.unsure(),
        };
        if let Some(trail) = &mut self.trail {
            trail.push(event);
        }
    }

    /// A step is about to run.
    pub fn passes(&mut self, step: &Step) {
        if self.trail.is_none() {
            return;
        }
        let source = self.source(self.here());
        let span = match step {
            Step::Load { span, .. }
            | Step::LoadPast { span, .. }
            | Step::Store { span, .. }
            | Step::LoadAttribute { span, .. }
            | Step::Delete { span, .. }
            | Step::Leave { span, .. } => Some(*span),
            Step::Call(call) => source
                .and_then(|source| source.calls.get(*call as usize))
                .map(|call| call.span),
            Step::StoreAttribute { at, .. } => Some(Span { start: *at, end: *at }),
            _ => None,
        };
        let here = self.here();
        if let (Some(span), Some(trail)) = (span, &mut self.trail) {
            trail.at = Some((here, span));
        }
    }

    /// A name or attribute gets a value.
    pub fn notes_assignment(&mut self, target: impl FnOnce(&Self) -> String, value: &V, sure: bool) {
        self.note(Kind::Assignment, None, |walker| {
            let may = if sure || *value == V::Unknown {
                ""
            } else {
                ", or another value"
            };
            format!("{} is {}{may}", target(walker), walker.shown(value))
        });
    }

    /// A call has given a value.
    pub fn notes_call(&mut self, call: &Call, callee: &V, value: &V, flow: Flow) {
        // What a call gives is of no interest if nobody takes it.
        let dropped = call.taken == Taken::Dropped && *callee != V::Unknown;
        if *value != V::Unknown || flow != Flow::Next || dropped {
            return;
        }
        let callee = callee.clone();
        self.note(Kind::NotFollowed, Some(call.span), |walker| {
            let source = walker.source(walker.here());
            let name = source.and_then(|source| source.called(call)).unwrap_or("…");
            match callee {
                V::Unknown => format!("calls `{name}`: it is not known what that is"),
                callee => format!(
                    "calls `{name}`, {}: it is not known what that gives",
                    walker.shown(&callee)
                ),
            }
        });
    }

    /// Whether something may go on for ever has changed.
    pub fn notes_life(&mut self) {
        let alive = self.alive;
        let Some(trail) = self.trail.as_mut().filter(|trail| trail.alive != alive) else {
            return;
        };
        trail.alive = alive;
        if alive {
            self.note(Kind::Alive, None, |_| {
                "something that may go on for ever, or keep the process running".to_owned()
            });
        }
    }

    /// A function has come to its end.
    pub fn notes_return(&mut self, facts: &Function, flow: Flow) {
        self.note(Kind::Return, None, |walker| {
            let returned = walker.frames.last().and_then(|frame| frame.returned.as_ref());
            let value = match (flow, returned) {
                (Flow::Return, Some(returned)) if returned.sure => format!(", gives {}", walker.shown(&returned.value)),
                (Flow::Return, Some(returned)) if returned.value == V::Unknown => {
                    ", gives something that is not known".to_owned()
                }
                (Flow::Return, Some(returned)) => format!(", may give {}", walker.shown(&returned.value)),
                _ => String::new(),
            };
            format!("`{}()` {}{value}", facts.name, ending(flow))
        });
    }

    /// A value in a few words.
    fn shown(&self, value: &V) -> String {
        let text = self.value_in_words(value, 0);
        match text.char_indices().nth(LONGEST) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        }
    }

    fn value_in_words(&self, value: &V, depth: usize) -> String {
        let function = |module: ModuleId, function: u32| {
            let source = self.source(module);
            let facts = source.and_then(|source| source.functions.get(function as usize));
            facts.map_or_else(|| "a function".to_owned(), |facts| format!("`{}()`", facts.name))
        };
        let listed = |parts: &mut dyn Iterator<Item = String>| {
            let mut shown: Vec<String> = parts.take(MOST_PARTS + 1).collect();
            if shown.len() > MOST_PARTS {
                shown[MOST_PARTS] = "…".to_owned();
            }
            shown.join(", ")
        };
        match value {
            V::Unknown if depth == 0 => "not known".to_owned(),
            V::Unknown => "?".to_owned(),
            V::None => "None".to_owned(),
            V::Bool(true) => "True".to_owned(),
            V::Bool(false) => "False".to_owned(),
            V::Int(number) => number.to_string(),
            V::Float(number) => number.to_string(),
            V::Str(text) => format!("{text:?}"),
            V::Path(text) => format!("Path({text:?})"),
            V::File(path) => format!("the open file {path:?}"),
            V::Text(path) => format!("the text of {path:?}"),
            V::Concat(_) => "a text that is known in part".to_owned(),
            V::List(parts) if depth < 2 => {
                let mut parts = parts.iter().map(|part| self.value_in_words(part, depth + 1));
                format!("[{}]", listed(&mut parts))
            }
            V::Mapping(_) if depth < 2 => match self.items_of(value) {
                Some(items) => {
                    let mut parts = items.iter().map(|(key, value)| {
                        let key = self.value_in_words(key, depth + 1);
                        format!("{key}: {}", self.value_in_words(value, depth + 1))
                    });
                    format!("{{{}}}", listed(&mut parts))
                }
                None => "a dictionary that may have been changed".to_owned(),
            },
            V::List(_) | V::Sequence(_) | V::Range(..) => "a list".to_owned(),
            V::Dict(_) | V::Mapping(_) => "a dictionary".to_owned(),
            V::Module(id) => format!(
                "module `{}`",
                self.modules.get(*id).map_or("", |module| module.name.as_str())
            ),
            V::Outside(name) => format!("`{name}`"),
            V::Class(module, class) => format!("class `{}`", self.class_name((*module, *class))),
            V::Function(module, at) | V::Method(module, at, _) => function(*module, *at),
            V::Closure(closure) => function(closure.module, closure.function),
            V::Callable(_) | V::Partial(_) => "something that can be called".to_owned(),
            V::Record(module, class) => format!("a `{}`", self.class_name((*module, *class))),
            V::Instance(id) => self.object_in_words(*id),
            V::Super(..) => "`super()`".to_owned(),
            V::Zmq(_) => "a context of `zmq`".to_owned(),
            V::Socket(_) => "a socket of `zmq`".to_owned(),
            V::Thread(_) => "a thread".to_owned(),
            V::Coroutine(_) | V::Future(_) => "a coroutine".to_owned(),
            V::Generator { .. } => "a generator".to_owned(),
            V::Manager(_) => "a context manager".to_owned(),
            V::Pattern(pattern) => format!("the regular expression {pattern:?}"),
            V::Found(_) => "what a regular expression has found".to_owned(),
            V::Parser(_) => "an argument parser".to_owned(),
            V::Parsed(_) => "parsed arguments".to_owned(),
            V::Bound(of, name) => match **of {
                V::Unknown => format!("a method `{name}` of something that is not known"),
                _ => format!("method `{name}`"),
            },
        }
    }

    fn object_in_words(&self, id: usize) -> String {
        let Some(object) = self.objects.get(id) else {
            return "an object".to_owned();
        };
        let name = self.class_name((object.module, object.class));
        let may = if object.dynamic {
            " that may have attributes of any name"
        } else if object.opened || object.reached {
            " that others have, too"
        } else {
            ""
        };
        format!("a `{name}`{may}")
    }
}

/// How a function or script ends, in words.
pub fn ending(flow: Flow) -> &'static str {
    match flow {
        Flow::Next | Flow::Return | Flow::Break | Flow::Continue => "comes to its end",
        Flow::Raised(_) => "raises",
        Flow::Exit => "ends the process",
        Flow::Endless => "goes on for ever, as far as is seen",
    }
}
