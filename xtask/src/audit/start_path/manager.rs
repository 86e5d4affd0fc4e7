//! What a `with` statement manages: whether that keeps exceptions to itself.

use pysrc::{Call, Entry, Leave, Manager, Span, Step, Taken, Value};

use super::arguments::Arguments;
use super::call::made_for;
use super::class::Lookup;
use super::failure::Flow;
use super::steps::any_step;
use super::value::{ModuleId, V, Variable};
use super::walk::{Around, Walker};

/// Managers of libraries that catch what they are told to.
const SWALLOWERS: &[&str] = &[
    "suppress",
    "ExitStack",
    "AsyncExitStack",
    "raises",
    "assertRaises",
    "assertRaisesRegex",
    "CancelScope",
    "move_on_after",
];

/// What a `with` statement manages, as it was when it was entered.
#[derive(Debug)]
pub struct Managed {
    object: V,
    /// It is surely that.
    sure: bool,
    asynchronous: bool,
}

impl<'a> Walker<'a> {
    /// What an expression gives a `with` statement to manage.
    pub fn managed(&self, manager: &Manager) -> Managed {
        Managed {
            object: self.evaluate(&manager.value),
            sure: self.certain(&manager.value).is_some(),
            asynchronous: manager.asynchronous,
        }
    }

    /// The object, and the name by which it was made.
    pub fn manager(&self, value: &'a Value) -> (V, &'a str) {
        let source = self.source(self.here());
        let name = match value {
            Value::Call(call) => source
                .and_then(|source| Some((source, source.calls.get(*call as usize)?)))
                .and_then(|(source, call)| source.called(call)),
            _ => None,
        };
        (self.evaluate(value), name.unwrap_or_default())
    }

    /// Why an object of the tree cannot be managed by a `with` statement.
    pub fn lacks_protocol(&self, value: &Value, asynchronous: bool) -> Option<(&'static str, String)> {
        let V::Instance(id) = self.evaluate(value) else {
            return None;
        };
        let object = self.objects.get(id)?;
        let class = (object.module, object.class);
        let names = self.names_of_class(class)?;
        let (enter, exit, how) = match asynchronous {
            true => ("__aenter__", "__aexit__", "asynchronous "),
            false => ("__enter__", "__exit__", ""),
        };
        let lacks = |name: &str| {
            !names.contains(name)
                && !self.set_from_outside(name)
                && matches!(self.find_method(class.0, class.1, name), Lookup::NotThere)
        };
        let missed = match (lacks(enter), lacks(exit)) {
            (true, _) => String::new(),
            (false, true) => format!(" (missed {exit} method)"),
            (false, false) => return None,
        };
        let shown = self.class_name(class);
        let message = format!("'{shown}' object does not support the {how}context manager protocol{missed}");
        Some(("TypeError", message))
    }

    /// What a `with` statement runs first.
    pub fn enter_managed(&mut self, here: ModuleId, value: &Value, asynchronous: bool, span: Span) -> Flow {
        let V::Instance(id) = self.evaluate(value) else {
            return Flow::Next;
        };
        let name = if asynchronous { "__aenter__" } else { "__enter__" };
        let Some((value, flow)) = self.call_of_class(here, id, name, &Arguments::none(false), span) else {
            return Flow::Next;
        };
        let sure = self.sure;
        self.entered.insert(id, Variable { value, sure });
        flow
    }

    /// What a `with` statement runs last, and how that is left then. Where something was raised, it is told of that, which is not
    /// followed: it may do anything.
    pub fn leave_managed(&mut self, managed: &Managed, span: Span, flow: Flow) -> Flow {
        let Managed {
            object: managed,
            sure,
            asynchronous,
        } = managed;
        self.left_socket(managed);
        let V::Instance(id) = *managed else {
            return flow;
        };
        let name = if *asynchronous { "__aexit__" } else { "__exit__" };
        match flow {
            Flow::Next | Flow::Return | Flow::Break | Flow::Continue => {
                let nothing = Arguments {
                    positional: vec![V::None; 3],
                    ..Arguments::none(false)
                };
                self.maybe += usize::from(!sure);
                let called = self.call_of_class(self.here(), id, name, &nothing, span);
                self.maybe -= usize::from(!sure);
                match called {
                    Some((_, left)) if *sure && left != Flow::Next => return left,
                    Some(_) => return flow,
                    None => {}
                }
            }
            // Nothing runs any more.
            Flow::Exit | Flow::Endless => return flow,
            Flow::Raised(_) => self.called_unseen.insert(name.to_owned()),
        }
        self.open_object(managed);
        flow
    }

    /// Calls a method as statements do, by the object's class; none where that is not known.
    fn call_of_class(
        &mut self,
        here: ModuleId,
        id: usize,
        name: &str,
        arguments: &Arguments,
        span: Span,
    ) -> Option<(V, Flow)> {
        let class = self.objects.get(id).map(|object| (object.module, object.class))?;
        let Lookup::Found(owner, function) = self.find_method(class.0, class.1, name) else {
            return None;
        };
        let method = self.method(owner, function, V::Instance(id), class).closure()?;
        self.sure = true;
        let call = Call {
            taken: Taken::Kept,
            ..made_for(span)
        };
        let (value, flow) = self.call_function(here, &call, method, arguments);
        // An asynchronous one is awaited at once.
        match value {
            V::Coroutine(made) | V::Future(made) if flow == Flow::Next => Some(self.run_pending(made)),
            value => Some((value, flow)),
        }
    }

    /// Whether a manager is written to keep exceptions to itself: those that it wants, which it may only know when they come.
    pub fn answers(&self, around: &Around<'_>) -> bool {
        let Some((object, name)) = &around.manager else {
            return false;
        };
        match object {
            V::Instance(id) => self.objects.get(*id).is_some_and(|object| {
                ["__exit__", "__aexit__"].into_iter().any(|method| {
                    let Lookup::Found(module, function) = self.find_method(object.module, object.class, method) else {
                        return false;
                    };
                    let source = self.source(module);
                    let facts = source.and_then(|source| source.functions.get(function as usize));
                    facts.is_some_and(|facts| any_step(&facts.body, &mut says_so))
                })
            }),
            _ => *name == "suppress" || self.is_swallowing_generator(name),
        }
    }

    /// Whether a `with` statement may keep an exception to itself.
    pub fn swallows(&self, around: &Around<'_>) -> bool {
        let Some((object, name)) = &around.manager else {
            return false;
        };
        if let V::Instance(id) = object {
            let Some(object) = self.objects.get(*id) else {
                return true;
            };
            return ["__exit__", "__aexit__"].into_iter().any(|method| {
                match self.find_method(object.module, object.class, method) {
                    Lookup::Found(module, function) => self
                        .source(module)
                        .and_then(|source| source.functions.get(function as usize))
                        .is_none_or(|facts| any_step(&facts.body, &mut |step| says_so(step) || stays(step))),
                    Lookup::NotThere => false,
                    Lookup::Unknown => true,
                }
            });
        }
        // One that was made elsewhere may be any that the modules know.
        let made_elsewhere = || self.is_mentioned(SWALLOWERS);
        let known = matches!(object, V::None | V::Bool(_) | V::Outside(_));
        SWALLOWERS.contains(name) || self.is_swallowing_generator(name) || (!known && made_elsewhere())
    }

    /// Whether a context manager of that name is written as a generator that catches.
    fn is_swallowing_generator(&self, name: &str) -> bool {
        self.mentions(name)
            .iter()
            .flat_map(|mention| &mention.source.functions)
            .filter(|function| function.generator && &*function.name == name)
            .any(|function| {
                any_step(&function.body, &mut |step| match step {
                    Step::Try(attempt) => attempt.handlers.iter().any(|handler| !handler.raises),
                    _ => false,
                })
            })
    }
}

/// Whether a step may go on for ever, so that what was raised is never told.
fn stays(step: &Step) -> bool {
    matches!(step, Step::Loop(round) if matches!(round.entry, Entry::Always | Entry::When(_)))
}

/// Whether a step returns anything but `None` or `False`.
fn says_so(step: &Step) -> bool {
    matches!(step, Step::Leave { how: Leave::Return, value, span }
        if !matches!(value.as_deref(), Some(Value::None | Value::Bool(false)))
            && span.end - span.start > "return".len() as u32)
}
