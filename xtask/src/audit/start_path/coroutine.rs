//! Coroutines and generators: nothing of them runs before something awaits it or goes through it.

use std::rc::Rc;

use pysrc::{Atom, Call, Span, Taken, Value};
use rustc_hash::FxHashMap as HashMap;

use super::arguments::Arguments;
use super::failure::Flow;
use super::value::{Captured, ModuleId, V, Variable};
use super::walk::{Doubt, Frame, Walker};

/// Something that can be awaited.
#[derive(Debug)]
pub struct Pending {
    /// What runs then.
    runs: Runs,
    /// Something has awaited it, or may have.
    taken: bool,
}

#[derive(Debug, Clone)]
enum Runs {
    /// The body of a function.
    Body(Rc<Body>),
    /// All of these, beside each other: `gather(…)`.
    All(Rc<[usize]>),
}

/// A function's body, and what it is called with.
#[derive(Debug)]
pub struct Body {
    /// Module of the call.
    pub here: ModuleId,
    /// The call.
    pub span: Span,
    /// Module of the function.
    pub module: ModuleId,
    /// The function.
    pub function: u32,
    /// Parameters.
    pub locals: HashMap<Atom, Variable>,
    /// Names of the functions around it.
    pub captured: Rc<Captured>,
}

impl Walker<'_> {
    /// What the call of a coroutine function gives.
    pub fn coroutine(&mut self, body: Body) -> V {
        self.pend(Runs::Body(Rc::new(body)))
    }

    fn pend(&mut self, runs: Runs) -> V {
        let future = matches!(runs, Runs::All(_));
        self.pending.push(Pending { runs, taken: false });
        let id = self.pending.len() - 1;
        if future { V::Future(id) } else { V::Coroutine(id) }
    }

    /// Whether a coroutine is left that nothing was seen to await: it may go on somewhere.
    pub fn leaves_pending(&self) -> bool {
        self.pending.iter().any(|pending| !pending.taken)
    }

    /// Runs the body of a function.
    pub fn body(&mut self, body: &Body) -> (V, Flow) {
        let source = self.source(body.module);
        let Some(facts) = source.and_then(|source| source.functions.get(body.function as usize)) else {
            return (V::Unknown, Flow::Next);
        };
        if let Some(file) = self.file_of(body.here) {
            self.chain.push((file, body.span));
        }
        self.followed.insert((body.module, body.function));
        if !self.data.is_empty() {
            for (name, variable) in &body.locals {
                let holder = super::data::Holder::Local(body.module, body.function, *name);
                self.hold(&variable.value, &holder);
            }
        }
        self.frames.push(Frame {
            module: body.module,
            function: Some(body.function),
            in_class: false,
            locals: body.locals.clone(),
            captured: Rc::clone(&body.captured),
            results: HashMap::default(),
            returned: None,
            gave_value: false,
            doubt: Doubt::None,
        });
        let doubt = self.doubt;
        let flow = self.steps(&facts.body);
        self.doubt = doubt;
        let frame = self.frames.pop();
        self.chain.pop();
        match flow {
            Flow::Raised(_) | Flow::Exit | Flow::Endless => (V::Unknown, flow),
            Flow::Return => {
                let returned = frame.and_then(|frame| frame.returned);
                self.sure = returned.as_ref().is_some_and(|returned| returned.sure);
                (returned.map_or(V::Unknown, |returned| returned.value), Flow::Next)
            }
            Flow::Next | Flow::Break | Flow::Continue => {
                self.sure = true;
                let value = match frame.and_then(|frame| frame.returned) {
                    None => V::None,
                    Some(_) => V::Unknown,
                };
                (value, Flow::Next)
            }
        }
    }

    /// Something awaits it: it runs here.
    pub fn run_pending(&mut self, id: usize) -> (V, Flow) {
        let Some(pending) = self.pending.get_mut(id).filter(|pending| !pending.taken) else {
            return (V::Unknown, Flow::Next);
        };
        pending.taken = true;
        match pending.runs.clone() {
            Runs::Body(body) if self.may_go_deeper() => self.body(&body),
            Runs::Body(_) => {
                self.alive = true;
                (V::Unknown, Flow::Next)
            }
            Runs::All(all) => {
                for id in all.iter() {
                    match self.run_pending(*id) {
                        // The others go on beside it.
                        (_, Flow::Endless) if all.len() > 1 => self.alive = true,
                        (_, Flow::Next) => {}
                        (_, flow) => return (V::Unknown, flow),
                    }
                }
                (V::Unknown, Flow::Next)
            }
        }
    }

    /// It is given to what may await it some time, or never.
    pub fn release(&mut self, value: &V) {
        if let V::Coroutine(id) | V::Future(id) = value
            && self.pending.get(*id).is_some_and(|pending| !pending.taken)
        {
            self.maybe += 1;
            self.run_pending(*id);
            self.maybe -= 1;
        }
    }

    /// A call of what is not of the tree runs what it is given to await; the value is that of `gather(…)` and its like.
    pub fn runs_given(&mut self, call: &Call, callee: &V, arguments: &Arguments) -> Option<(V, Flow)> {
        let of = |value: &V| match value {
            V::Coroutine(id) | V::Future(id) => Some(*id),
            _ => None,
        };
        let given: Rc<[usize]> = arguments.positional.iter().filter_map(of).collect();
        if given.is_empty() {
            return None;
        }
        let source = self.source(self.here())?;
        let (Value::Name(name) | Value::Attribute(_, name)) = call.callee else {
            return None;
        };
        match source.name(name) {
            "run" | "run_until_complete" => {
                let (value, flow) = self.run_pending(*given.first()?);
                // What else another one does is not known.
                let plain = *callee == V::Outside("asyncio.run".to_owned());
                (plain || flow != Flow::Next).then_some((value, flow))
            }
            "gather" | "wait_for" | "shield"
                if call.spread.is_none()
                    && !call
                        .keywords
                        .iter()
                        .any(|(name, _)| source.name(*name) == "return_exceptions") =>
            {
                let future = self.pend(Runs::All(given));
                match (call.taken, &future) {
                    (Taken::Awaited, V::Future(id)) => Some(self.run_pending(*id)),
                    _ => Some((future, Flow::Next)),
                }
            }
            _ => None,
        }
    }
}
