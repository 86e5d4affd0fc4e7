//! Coroutines and generators: nothing of them runs before something awaits it or goes through it.

use pysrc::{Call, Taken, Value};

use super::arguments::Arguments;
use super::content::Holder;
use super::failure::Flow;
use super::pending::{Body, Pending};
use super::trail::Kind;
use super::value::V;
use super::walk::{Doubt, Frame, Walker};

impl Walker<'_> {
    /// What the call of a coroutine function gives.
    pub fn coroutine(&mut self, body: Body) -> V {
        V::Coroutine(self.pend(Pending::Body(Box::new(body))))
    }

    fn pend(&mut self, pending: Pending) -> usize {
        self.pending.push(Some(pending));
        self.pending.len() - 1
    }

    /// Whether a coroutine is left that nothing was seen to await: it may go on somewhere.
    pub fn leaves_pending(&self) -> bool {
        self.pending.iter().any(Option::is_some)
    }

    /// Runs the body of a function.
    pub fn body(&mut self, body: Body) -> (V, Flow) {
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
                let holder = Holder::Local(body.module, body.function, *name);
                self.hold(&variable.value, &holder);
            }
        }
        self.frames.push(Frame {
            locals: body.locals,
            captured: body.captured,
            decisions: self.decisions,
            ..Frame::new(body.module, Some(body.function))
        });
        self.note(Kind::Call, Some(facts.span), |_| format!("`{}()` begins", facts.name));
        let doubt = self.doubt;
        let flow = self.steps(&facts.body);
        self.doubt = doubt;
        self.notes_return(facts, flow);
        let frame = self.frames.pop();
        if let Some(frame) = frame.as_ref().filter(|_| !self.binds.is_empty()) {
            self.left_scope(frame);
        }
        self.chain.pop();
        // A `return` before, as from a search, may have left it instead. Whoever catches what is raised goes on in another way.
        let returns_first = frame
            .as_ref()
            .is_some_and(|frame| frame.doubt == Doubt::All && frame.gave_value);
        match flow {
            Flow::Raised(exception) if returns_first && !self.is_caught(exception.class) => {
                self.sure = false;
                (V::Unknown, Flow::Next)
            }
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
        match self.pending.get_mut(id).and_then(Option::take) {
            None => (V::Unknown, Flow::Next),
            Some(Pending::Body(body)) if self.may_go_deeper() => self.body(*body),
            Some(Pending::Body(_)) => {
                self.alive = true;
                (V::Unknown, Flow::Next)
            }
            Some(Pending::All(all)) => {
                for id in &all {
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
        if let V::Coroutine(id) | V::Future(id) = value {
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
        let given: Vec<usize> = arguments.positional.iter().filter_map(of).collect();
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
                // A task among them may go on for ever.
                self.alive |= arguments.positional.contains(&V::Unknown);
                let id = self.pend(Pending::All(given));
                Some(match call.taken {
                    Taken::Awaited => self.run_pending(id),
                    _ => (V::Future(id), Flow::Next),
                })
            }
            _ => None,
        }
    }
}
