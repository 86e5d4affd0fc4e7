//! Threads: what fails in one does not end the process, and a daemon does not keep it running.

use pysrc::{Call, Span, Step, Value};

use super::arguments::Arguments;
use super::class::Lookup;
use super::failure::Flow;
use super::steps::any_step;
use super::value::{Closure, ModuleId, V, Variable};
use super::walk::{Thread, Walker};

impl Walker<'_> {
    /// `threading.Thread(target=…)`.
    pub fn new_thread(&mut self, arguments: &Arguments) -> V {
        self.escape(arguments);
        let target = arguments.named("target").or(arguments.positional.get(1)).cloned();
        let goes_on = target.as_ref().is_some_and(|target| match target.closure() {
            Some(closure) => self.has_loop(&closure),
            // As `server.serve_forever`.
            None => matches!(target, V::Bound(..) | V::Partial(_) | V::Unknown),
        });
        self.threads.push(Thread {
            goes_on,
            target: target.filter(|_| arguments.named("args").is_none() && arguments.named("kwargs").is_none()),
            daemon: matches!(arguments.named("daemon"), Some(V::Bool(true))),
        });
        V::Thread(self.threads.len() - 1)
    }

    /// A function is given to what runs it beside the main thread: where it loops, it may keep the process running.
    pub fn kept_by(&mut self, arguments: &Arguments) {
        if matches!(arguments.named("daemon"), Some(V::Bool(true))) {
            return;
        }
        let given = arguments
            .positional
            .iter()
            .chain(arguments.named.iter().map(|(_, value)| value));
        self.kept |= given.filter_map(V::closure).any(|closure| self.has_loop(&closure));
    }

    fn has_loop(&self, closure: &Closure) -> bool {
        self.source(closure.module)
            .and_then(|source| source.functions.get(closure.function as usize))
            .is_some_and(|facts| any_step(&facts.body, &mut |step| matches!(step, Step::Loop(_))))
    }

    /// Why an object of a class made of `threading.Thread` is no thread yet: nothing calls the constructor above.
    pub fn is_no_thread(&self, id: usize) -> bool {
        let Some(object) = self.objects.get(id) else {
            return false;
        };
        let order = self.order(object.module, object.class);
        let is_thread = |base: &V| *base == V::Outside("threading.Thread".to_owned());
        let made_of: Vec<(ModuleId, u32)> = order.into_iter().flatten().collect();
        let bases = || made_of.iter().filter_map(|class| self.bases.get(class)).flatten();
        let known = |base: &V| is_thread(base) || matches!(base, V::Class(..));
        if !bases().any(is_thread) || !bases().all(known) {
            return false;
        }
        // The first one is called, and it is up to each whether that of the next class is.
        let mut constructors = made_of.iter().filter_map(|(module, class)| {
            let source = self.source(*module)?;
            let functions = source.functions.iter();
            let constructor = functions
                .into_iter()
                .find(|function| function.class == Some(*class) && &*function.name == "__init__")?;
            Some((source, constructor))
        });
        constructors.any(|(source, constructor)| {
            // By whatever name, and from whatever it calls.
            !any_step(&constructor.body, &mut |step| match step {
                Step::Call(call) => source.calls.get(*call as usize).is_some_and(|call| {
                    matches!(&call.callee, Value::Attribute(_, name) if source.name(*name) == "__init__")
                        || matches!(&call.callee, Value::Attribute(object, _)
                            if constructor.parameters.all.first().is_some_and(|own| **object == Value::Name(own.name)))
                }),
                _ => false,
            })
        })
    }

    /// Whether a class is made of `threading.Thread` and of classes of the tree alone.
    pub fn is_thread_class(&self, class: (ModuleId, u32)) -> bool {
        let made_of = self.order(class.0, class.1).into_iter().flatten();
        let bases: Vec<&V> = made_of.filter_map(|class| self.bases.get(&class)).flatten().collect();
        let is_thread = |base: &V| matches!(base, V::Outside(name) if name == "threading.Thread");
        bases.iter().any(|base| is_thread(base))
            && bases.iter().all(|base| is_thread(base) || matches!(base, V::Class(..)))
    }

    /// `super().__init__(daemon=True)` in a class made of `threading.Thread`, or `Thread.__init__(self, …)`.
    pub fn makes_thread(&mut self, arguments: &Arguments) {
        let own = match arguments.positional.first() {
            Some(V::Instance(id)) => Some(*id),
            _ => self.innermost().and_then(|(frame, source)| {
                let facts = source.functions.get(frame.function? as usize)?;
                let own = facts.parameters.all.first()?.name;
                match frame.locals.get(&own)?.value {
                    V::Instance(id) => Some(id),
                    _ => None,
                }
            }),
        };
        self.escape(arguments);
        if let Some(id) = own {
            self.gives_daemon(id, arguments);
        }
    }

    /// What the constructor of a thread is told of its end.
    pub fn gives_daemon(&mut self, id: usize, arguments: &Arguments) {
        let value = match arguments.named("daemon") {
            Some(value) => value.clone(),
            None if arguments.open => V::Unknown,
            None => V::None,
        };
        let sure = arguments.sure && self.is_sure_way();
        if let Some(object) = self.objects.get_mut(id) {
            object.attributes.insert("daemon".to_owned(), Variable { value, sure });
        }
    }

    /// `start()` of an object whose class is made of `threading.Thread`: its `run` runs beside.
    pub fn starts_thread(&mut self, here: ModuleId, call: &Call) -> Option<Flow> {
        let Value::Attribute(of, name) = &call.callee else {
            return None;
        };
        let V::Instance(id) = self.evaluate(of) else {
            return None;
        };
        let object = self.objects.get(id)?;
        let class = (object.module, object.class);
        let daemon = object
            .attributes
            .get("daemon")
            .is_some_and(|daemon| daemon.sure && daemon.value == V::Bool(true));
        if self.source(here)?.name(*name) != "start" || !self.is_thread_class(class) || self.is_no_thread(id) {
            return None;
        }
        if let Some(object) = self.objects.get_mut(id) {
            object.opened = true;
        }
        self.reach(id);
        self.may_call_methods(id);
        let target = match self.find_method(class.0, class.1, "run") {
            Lookup::Found(owner, function) => Some(self.method(owner, function, V::Instance(id), class)),
            _ => None,
        };
        let closure = target.as_ref().and_then(V::closure);
        let goes_on = closure.is_none_or(|closure| self.has_loop(&closure));
        self.runs_beside(here, call, target, daemon, goes_on);
        Some(Flow::Next)
    }

    /// Something is asked of an object that is no thread yet.
    pub fn thread_not_made(&mut self, here: ModuleId, span: Span) -> Flow {
        let message = "Thread.__init__() not called".to_owned();
        let help = Some("call `super().__init__()` first in `__init__`".to_owned());
        self.fail_at(here, span, "start/bad-operation", "RuntimeError", message, help)
    }

    /// `start()` and `join()` of a thread.
    pub fn thread_method(&mut self, here: ModuleId, call: &Call, id: usize, method: &str) -> Flow {
        if method == "join" {
            self.alive = true;
            self.waiting = true;
            return Flow::Next;
        }
        let Some(Thread {
            target,
            daemon,
            goes_on,
        }) = self.threads.get(id).cloned()
        else {
            return Flow::Next;
        };
        self.runs_beside(here, call, target, daemon, goes_on);
        Flow::Next
    }

    fn runs_beside(&mut self, here: ModuleId, call: &Call, target: Option<V>, daemon: bool, goes_on: bool) {
        let (alive, waiting) = (self.alive, self.waiting);
        let none = Arguments::none(true);
        let tries = std::mem::take(&mut self.open_tries);
        self.maybe += 1;
        self.met.beside += 1;
        if let Some(target) = target.and_then(|target| target.closure()) {
            let _ = self.call_function(here, call, target, &none);
        }
        self.maybe -= 1;
        self.met.beside -= 1;
        self.open_tries = tries;
        self.waiting = waiting;
        self.alive = alive || !daemon;
        self.kept |= goes_on && !daemon;
    }
}
