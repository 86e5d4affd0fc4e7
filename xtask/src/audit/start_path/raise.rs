//! Exceptions on their way: what raises, what catches, what ends the process.

use pysrc::{Handler, Leave, Span, Step, Value};

use super::assigned::SetElsewhere;
use super::failure::{ANY, EXPECTED, Exception, Failure, Flow, Words, classes, known_class};
use super::interrupted::{OF_VALUES, goes_on};
use super::steps::any_step;
use super::trail::Kind;
use super::value::{ModuleId, V};
use super::walk::{Around, Caught, Doubt, Walker};
use crate::finding::{Confidence, Fix, Place};

impl<'a> Walker<'a> {
    pub fn fail_at(
        &mut self,
        module: ModuleId,
        span: Span,
        rule: &'static str,
        exception: &'static str,
        words: impl Into<Words>,
        help: Option<String>,
    ) -> Flow {
        if self.silent > 0 {
            return Flow::Next;
        }
        let classes = classes(exception);
        // Where that was left before, what is raised here and not caught there may not be reached.
        let passed = self
            .tries()
            .iter()
            .any(|around| (around.left || around.interrupted) && !self.catch(around, classes));
        self.may_leave(exception);
        let caught = self.is_caught(exception);
        let handled = caught && self.is_meant_for(classes);
        // Whoever names just that exception expects it.
        let expected = EXPECTED.contains(&exception)
            && self.tries().iter().flat_map(|around| around.handlers).any(|handler| {
                !handler.raises
                    && handler.catches.iter().any(|name| {
                        classes
                            .iter()
                            .rev()
                            .skip(2)
                            .any(|class| name.rsplit('.').next() == Some(*class))
                    })
            });
        if expected {
            return Flow::Raised(Exception {
                class: exception,
                failure: None,
            });
        }
        let chain = self.places_on_the_way();
        let place = self.place(module, span);
        // What takes the place of Python's own last words may go on.
        let hooked = self.set_from_outside("excepthook");
        let conditional = self.maybe > 0 || self.waiting || self.kept || hooked || passed || self.doubt > Doubt::None;
        let failure = self.failures.len();
        let Words {
            subject,
            message,
            detail,
            meant,
        } = words.into();
        let fix = meant.and_then(|(word, other)| Fix::of_word(&place, &word, &other));
        self.note(Kind::Failure, Some(span), |_| {
            let end = match (conditional, handled, caught) {
                (true, ..) => ", if it comes to that",
                (false, true, _) => ", and is handled",
                (false, false, true) => ", and is caught",
                (false, false, false) => "",
            };
            format!("{rule}: {message}{end}")
        });
        self.failures.push(Failure {
            rule,
            exception,
            subject,
            message,
            detail,
            help,
            fix,
            place,
            chain,
            caught,
            handled,
            conditional,
            optional: false,
            told: None,
            confidence: if conditional {
                Confidence::Medium
            } else {
                Confidence::High
            },
        });
        Flow::Raised(Exception {
            class: exception,
            failure: Some(failure),
        })
    }

    /// An exception is raised: where that is not sure, the `try` that catches it may be left.
    fn may_leave(&mut self, exception: &'static str) {
        if self.maybe == 0 || self.silent > 0 {
            return;
        }
        let (classes, any) = (classes(exception), exception == ANY);
        for at in (0..self.tries().len()).rev() {
            let Some(around) = self.tries().get(at) else {
                return;
            };
            let surely = !any && self.ends_here(around, classes) == Some(true);
            let left = surely || any || self.catch(around, classes);
            if let Some(around) = self.open_tries.get_mut(at) {
                around.left |= left;
            }
            if surely {
                return;
            }
        }
    }

    /// Imports and calls that lead here.
    pub fn places_on_the_way(&self) -> Vec<Place> {
        self.chain
            .iter()
            .map(|(file, span)| self.tree().place(*file, *span))
            .collect()
    }

    pub fn attempt(
        &mut self,
        body: &'a [Step],
        handlers: &'a [Handler],
        orelse: &'a [Step],
        finally: &'a [Step],
    ) -> Flow {
        let manager = handlers.first().and_then(|handler| handler.manager.as_deref());
        let doubt = self.doubt;
        self.decisions += usize::from(!handlers.is_empty());
        if let Some(manager) = manager
            && let Some(flow) = self.manage(&manager.value, body)
        {
            return flow;
        }
        let managed = manager.map(|manager| self.managed(manager));
        self.open_tries.push(Around {
            handlers,
            caught: handlers.iter().map(|handler| self.caught_by(handler)).collect(),
            manager: manager.map(|manager| self.manager(&manager.value)),
            left: false,
            interrupted: false,
            depth: self.frames.len(),
        });
        let mut flow = self.steps(body);
        let around = self.open_tries.pop();
        if let Some(managed) = &managed {
            let place = handlers.first().map_or(Span::default(), |handler| handler.span);
            flow = self.leave_managed(managed, place, flow);
        }
        let interrupted = around.as_ref().is_some_and(|around| around.interrupted);
        if manager.is_some() && !around.as_ref().is_some_and(|around| self.swallows(around)) {
            return flow;
        }
        let answers = manager.is_none() || around.is_some_and(|around| self.answers(&around));
        if let Flow::Raised(exception) = flow {
            if interrupted {
                self.may_be_unbound(body, handlers);
            }
            flow = self.raised(exception, handlers, answers);
            if interrupted && matches!(flow, Flow::Raised(_)) && goes_on(handlers) {
                flow = self.goes_on_otherwise(handlers);
            }
        } else {
            if flow == Flow::Next && !orelse.is_empty() {
                flow = self.or_else(orelse, !handlers.is_empty());
            }
            self.unused(handlers);
            if interrupted && flow == Flow::Next {
                self.may_be_unbound(body, handlers);
            }
            if flow == Flow::Next {
                let ways = std::iter::once(body).chain(handlers.iter().map(|handler| &*handler.body));
                self.meet(doubt, ways.chain([orelse]).collect());
            }
        }
        self.finally(finally, flow)
    }

    /// Whether an import of the body fails is not known, and a handler waits for that: what follows is reached either way, where neither
    /// leaves. Each name that one of them binds is one of two things then.
    fn meet(&mut self, before: Doubt, ways: Vec<&'a [Step]>) {
        let of_frame = self.frames.last().map_or(Doubt::None, |frame| frame.doubt);
        let after = before.max(of_frame);
        if self.doubt <= after || ways.iter().any(|way| !way.iter().all(|step| self.only_binds(step))) {
            return;
        }
        let Some(source) = self.source(self.here()) else {
            return;
        };
        for step in ways.into_iter().flatten() {
            match step {
                Step::Store { name, .. } => self.store(*name, V::Unknown, false),
                Step::Import(import) => {
                    if let Some(name) = source.imports.get(*import as usize).and_then(|import| import.binds) {
                        self.store(name, V::Unknown, false);
                    }
                }
                Step::StoreAttribute { attribute, .. } => {
                    self.set_elsewhere
                        .insert(SetElsewhere::Attribute(source.name(*attribute).to_owned()));
                }
                _ => {}
            }
        }
        self.doubt = after;
    }

    /// Whether a step comes to its end or raises, and changes nothing but what it binds.
    fn only_binds(&self, step: &Step) -> bool {
        match step {
            Step::Load { .. }
            | Step::LoadPast { .. }
            | Step::LoadAttribute { .. }
            | Step::Item { .. }
            | Step::Environment(_)
            | Step::Operation(_)
            | Step::Lambda(_)
            | Step::Store { .. }
            | Step::StoreAttribute { .. }
            | Step::Import(_) => true,
            Step::Call(call) => {
                let source = self.source(self.here());
                let callee = source.and_then(|source| source.calls.get(*call as usize));
                callee.is_some_and(|call| matches!(self.evaluate(&call.callee), V::Outside(_) | V::Bound(..)))
            }
            _ => false,
        }
    }

    /// What becomes of an exception with these handlers.
    fn raised(&mut self, exception: Exception, handlers: &'a [Handler], answers: bool) -> Flow {
        let classes = classes(exception.class);
        let any = exception.class == ANY && !handlers.is_empty();
        if let Some(other) = self.unknown_class(handlers, exception, classes) {
            return other;
        }
        let handler = handlers
            .iter()
            .map(|handler| (handler, self.caught_by(handler)))
            .find(|(_, caught)| any || caught.may_catch(classes));
        let Some((handler, caught)) = handler else {
            return Flow::Raised(exception);
        };
        // An exception that nothing is known of may be any, and what is not known may catch any.
        // So may be a file that is there by then.
        let of_values = OF_VALUES.contains(&exception.class);
        let certain = (exception.failure.is_some() || of_values) && caught.catches(classes);
        self.handle(exception, handler, certain, answers)
    }

    /// Runs the handler of an exception, which catches it for certain or may; `answers`: it is written to do so.
    fn handle(&mut self, exception: Exception, handler: &'a Handler, certain: bool, answers: bool) -> Flow {
        if !certain {
            self.maybe += 1;
        }
        let before = handler.name.is_none_or(|name| self.has_value(name));
        self.note(Kind::Handler, Some(handler.span), |_| {
            let may = if certain { "catches" } else { "may catch" };
            format!("a handler {may} {}", exception.named())
        });
        self.handling += 1;
        let handled = self.steps(&handler.body);
        self.handling -= 1;
        if let Some(name) = handler.name.filter(|_| !before || (certain && self.maybe == 0)) {
            self.unbind(name);
        }
        if !certain {
            self.maybe -= 1;
        }
        match handled {
            // Raised again, or by another name, or the process ends: the first failure is what stopped it.
            Flow::Raised(Exception { failure: None, .. }) | Flow::Exit => {
                if let Some(failure) = exception.failure.and_then(|index| self.failures.get_mut(index)) {
                    failure.caught = false;
                    failure.handled = false;
                }
                let class = match handled {
                    Flow::Raised(other) if other.class != ANY || raises_others(handler) => other.class,
                    Flow::Exit => "SystemExit",
                    _ => exception.class,
                };
                Flow::Raised(Exception { class, ..exception })
            }
            other => {
                let may_leave = any_step(&handler.body, &mut |step| {
                    matches!(
                        step,
                        Step::Leave {
                            how: Leave::Raise | Leave::Exit,
                            ..
                        }
                    )
                });
                if let Some(failure) = exception.failure.and_then(|index| self.failures.get_mut(index)) {
                    // One of several that were passed on to each other.
                    failure.caught = true;
                    failure.handled = answers && !may_leave;
                }
                other
            }
        }
    }

    /// `else:`. What it raises is for when the exception was not raised that a handler waits for.
    fn or_else(&mut self, body: &'a [Step], handled: bool) -> Flow {
        let doubt = self.doubt;
        if handled {
            self.doubt = doubt.max(Doubt::Raises);
        }
        let flow = self.steps(body);
        self.doubt = self.frames.last().map_or(doubt, |frame| doubt.max(frame.doubt));
        flow
    }

    /// Handlers of exceptions that were not raised: what they would bind may be bound.
    pub fn unused(&mut self, handlers: &'a [Handler]) {
        self.silent += 1;
        self.maybe += 1;
        for handler in handlers {
            let before = handler.name.is_none_or(|name| self.has_value(name));
            let _ = self.steps(&handler.body);
            // Unbound again at the end of the handler.
            if let Some(name) = handler.name.filter(|_| !before) {
                self.unbind(name);
            }
        }
        self.maybe -= 1;
        self.silent -= 1;
    }

    /// `finally:`, and what is on its way past it.
    fn finally(&mut self, body: &'a [Step], flow: Flow) -> Flow {
        match (self.steps(body), flow) {
            (Flow::Next, flow) => flow,
            // What was on its way is forgotten.
            (left @ (Flow::Return | Flow::Break | Flow::Continue), Flow::Raised(exception)) => {
                if let Some(failure) = exception.failure.and_then(|index| self.failures.get_mut(index)) {
                    failure.caught = true;
                    failure.handled = true;
                }
                left
            }
            (left, _) => left,
        }
    }

    /// An `except` names what is not there, and is asked before one that catches the exception.
    fn unknown_class(&mut self, handlers: &[Handler], exception: Exception, classes: &[&str]) -> Option<Flow> {
        let index = exception.failure?;
        let here = self.here();
        for handler in handlers {
            for name in &handler.catches {
                let mut parts = name.split('.');
                let first = parts.next()?;
                let base = self.source(here)?.atom(first).and_then(|atom| self.variable(atom));
                let (Some(V::Outside(module)), Some(wanted), None) = (base, parts.next(), parts.next()) else {
                    continue;
                };
                let flow = self.standard_attribute(here, &module, wanted, handler.span);
                if flow != Flow::Next {
                    // That takes the place of the exception that was on its way.
                    if let Some(failure) = self.failures.get_mut(index) {
                        failure.caught = true;
                    }
                    return Some(flow);
                }
            }
            if self.caught_by(handler).may_catch(classes) {
                break;
            }
        }
        None
    }

    /// `raise`.
    pub fn raise(&mut self, value: Option<&Value>, span: Span) -> Flow {
        let here = self.here();
        let callee = match value {
            Some(Value::Call(call)) => self
                .source(here)
                .and_then(|source| source.calls.get(*call as usize))
                .map(|call| self.evaluate(&call.callee)),
            Some(value) => Some(self.evaluate(value)),
            None => None,
        };
        let class = callee.map_or(ANY, |callee| self.exception_class(&callee));
        self.note(Kind::Failure, Some(span), |_| {
            format!("raises {}", Exception { class, failure: None }.named())
        });
        self.may_leave(class);
        let unseen = Flow::Raised(Exception { class, failure: None });
        let expected = class != ANY && self.tries().iter().any(|around| self.catch(around, classes(class)));
        // What a handler raises is the failure that led to it, told by another name.
        let doubtful = self.maybe > 0 || self.doubt > Doubt::None;
        let told = self.handling > 0 || doubtful || self.waiting || value.is_none() || expected;
        let seen_elsewhere = expected || (class == ANY && !self.tries().is_empty());
        if (told && !expected) || (seen_elsewhere && self.silent > 0) {
            return unseen;
        }
        let what = self
            .source(here)
            .and_then(|source| source.text.get(span.start as usize..span.end as usize))
            .and_then(|text| text.lines().next())
            .unwrap_or("raise");
        let message = format!("`{}` is always reached", shortened(what));
        let help = Some("finish what is not written yet, or catch the exception where it may happen".to_owned());
        let mut around = self.tries().iter().filter(|around| around.manager.is_some());
        if seen_elsewhere && around.any(|around| self.catch(around, classes(class))) {
            // Who knows what a `with` does with it.
            self.alive = true;
            return unseen;
        }
        if seen_elsewhere {
            // Told only where the process comes to its end because of it.
            let failure = Failure {
                rule: "start/raises",
                exception: class,
                subject: None,
                message,
                detail: None,
                help,
                place: self.place(here, span),
                chain: self.places_on_the_way(),
                caught: true,
                handled: false,
                conditional: false,
                optional: false,
                told: None,
                fix: None,
                confidence: Confidence::High,
            };
            self.swallowed.get_or_insert(failure);
            return unseen;
        }
        self.fail_at(here, span, "start/raises", class, message, help)
    }

    /// The built-in exception that a class is, or is made of; what names it by a class of the tree may be any.
    fn exception_class(&self, raised: &V) -> &'static str {
        let builtin = |name: &str| name.strip_prefix("builtins.").and_then(known_class);
        let (module, class) = match raised {
            V::Outside(name) => return builtin(name).unwrap_or(ANY),
            V::Class(module, class) => (*module, *class),
            _ => return ANY,
        };
        let made_of: Vec<(ModuleId, u32)> = self.order(module, class).into_iter().flatten().collect();
        let named = made_of.iter().any(|class| {
            let name = self.class_name(*class);
            let mut handlers = self.tries().iter().flat_map(|around| around.handlers);
            handlers.any(|handler| {
                handler.unknown
                    || handler
                        .catches
                        .iter()
                        .any(|caught| caught.rsplit('.').next() == Some(&name))
            })
        });
        let above = made_of.iter().filter_map(|class| self.bases.get(class)).flatten();
        let mut known = above.filter_map(|base| match base {
            V::Outside(name) => builtin(name),
            _ => None,
        });
        known.next().filter(|_| !named).unwrap_or(ANY)
    }

    pub fn catch(&self, around: &Around<'_>, classes: &[&str]) -> bool {
        let mut handlers = around.handlers.iter().zip(&around.caught);
        handlers.any(|(handler, caught)| !handler.raises && caught.may_catch(classes))
            && (around.manager.is_none() || self.swallows(around))
    }

    /// Whether something around may catch an exception and go on.
    pub fn is_caught(&self, exception: &str) -> bool {
        let classes = classes(exception);
        self.tries().iter().any(|around| self.catch(around, classes))
    }

    /// Whether the innermost `try` or `with` that may catch an exception is written to do so, and goes on. What computes the classes
    /// that it catches is meant for what is raised there.
    fn is_meant_for(&self, classes: &[&str]) -> bool {
        let by = |around: &Around<'_>| {
            let mut handlers = around.handlers.iter().zip(&around.caught);
            let (handler, _) = handlers.find(|(_, caught)| caught.may_catch(classes))?;
            let passes = around.manager.is_some() && !self.swallows(around);
            (!passes).then(|| !handler.raises && (around.manager.is_none() || self.answers(around)))
        };
        self.tries().iter().rev().find_map(by) == Some(true)
    }

    /// Whether an exception surely comes to its end at a `try`; nothing where it surely goes on.
    fn ends_here(&self, around: &Around<'_>, classes: &[&str]) -> Option<bool> {
        let mut handlers = around.handlers.iter().zip(&around.caught);
        let (handler, caught) = handlers.find(|(_, caught)| caught.may_catch(classes))?;
        let surely = caught.catches(classes) && !handler.raises && around.manager.is_none();
        Some(surely)
    }

    /// What an `except` catches here and now: its names may be those of tuples, or other names of classes.
    fn caught_by(&self, handler: &Handler) -> Caught {
        let mut caught = Caught {
            everything: handler.catches.is_empty() && !handler.unknown,
            unknown: handler.unknown,
            ..Caught::default()
        };
        for name in &handler.catches {
            let mut parts = name.split('.');
            let first = parts.next().unwrap_or_default();
            let here = self.here();
            let base = self
                .source(here)
                .and_then(|source| source.atom(first))
                .and_then(|atom| self.variable(atom));
            match base {
                Some(value) => {
                    let value = parts.fold(value, |value, part| self.attribute(value, part));
                    self.add_caught(&value, &mut caught);
                }
                // Built in, or not bound yet: it is what it is called.
                None => caught.names.push(last_part(name).to_owned()),
            }
        }
        caught
    }

    fn add_caught(&self, value: &V, into: &mut Caught) {
        match value {
            V::Outside(name) => {
                let last = last_part(name);
                // A tuple of a package that is not read.
                let is_class = last.chars().any(char::is_lowercase) || known_class(last).is_some();
                into.unknown |= !is_class;
                into.names.push(last.to_owned());
            }
            V::Class(module, class) => into.names.push(self.class_name((*module, *class))),
            V::List(parts) if !self.changed_lists.contains(parts) => {
                parts.iter().for_each(|part| self.add_caught(part, into));
            }
            _ => into.unknown = true,
        }
    }

    /// `sys.exit()` and its like.
    pub fn exit(&mut self, span: Span) -> Flow {
        if self.handling > 0
            || self.maybe > 0
            || self.doubt > Doubt::None
            || self.waiting
            || self.alive
            || self.silent > 0
        {
            return Flow::Exit;
        }
        let here = self.here();
        let message = "the process is ended here before anything that goes on was started".to_owned();
        let help = Some("start what serves first".to_owned());
        self.fail_at(here, span, "start/exits", "SystemExit", message, help)
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// A text that fits into a message.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Whether a handler raises anything else than what it caught.
fn raises_others(handler: &Handler) -> bool {
    any_step(&handler.body, &mut |step| {
        matches!(
            step,
            Step::Leave {
                how: Leave::Raise,
                value: Some(_),
                ..
            }
        )
    })
}
