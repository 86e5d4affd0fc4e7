//! Generators: whoever goes through one runs its body up to each `yield`, and goes on with what that gives.

use pysrc::{Call, Function, Loop, Step, Value};

use rustc_hash::FxHashMap;

use super::arguments::Arguments;
use super::failure::Flow;
use super::pending::Body;
use super::steps::any_step;
use super::value::{V, Variable};
use super::walk::{Doubt, Walker};

/// Values that `yield from` gives one by one.
const MOST_PARTS: usize = 16;

/// Generators of one function inside each other that are followed.
const MOST_INSIDE: usize = 2;

/// What goes through a generator.
#[derive(Debug, Clone, Copy)]
pub enum Through<'a> {
    /// A loop; of `enumerate(…)`, which numbers what the generator gives.
    Loop {
        /// The loop.
        round: &'a Loop,
        /// It goes through `enumerate(…)`.
        numbered: bool,
    },
    /// A `with` statement, whose body runs where the generator waits.
    Managed(&'a [Step]),
    /// Something that takes all that it gives.
    All,
    /// Something that takes the first, and perhaps more.
    First,
    /// Something that takes the first, and leaves the others.
    One,
}

/// What goes through the generator that runs.
#[derive(Debug)]
pub struct Consumer<'a> {
    through: Through<'a>,
    /// Its number.
    generator: usize,
    /// How many scopes run without those of the generator, and those of it.
    frames: usize,
    depth: usize,
    chain: usize,
    tries: usize,
    handling: usize,
    maybe: usize,
    /// Values were given, which are these as far as they are sure.
    given: Vec<V>,
    /// How it ended before the generator did.
    left: Option<Flow>,
    /// It may have ended before.
    may_have_left: bool,
}

/// Generators that have not run, and what goes through those that do.
#[derive(Debug, Default)]
pub struct Generators<'a> {
    /// Those that were made, until something goes through them, by numbers that no other walk has.
    pub made: FxHashMap<usize, Body>,
    /// What goes through those that run, innermost last.
    consumers: Vec<Consumer<'a>>,
}

impl Generators<'_> {
    /// Whether there is none, and none runs.
    pub fn are_at_rest(&self) -> bool {
        self.made.is_empty() && self.consumers.is_empty()
    }
}

impl<'a> Walker<'a> {
    /// A generator is made; nothing of it runs.
    pub fn generator(
        &mut self,
        call: &Call,
        facts: &Function,
        body: Body,
        object: Option<&V>,
        arguments: &Arguments,
    ) -> V {
        let inside = self
            .frames
            .iter()
            .filter(|frame| frame.module == body.module && frame.function == Some(body.function))
            .count();
        let followed = !facts.is_async && inside <= MOST_INSIDE && self.may_go_deeper();
        let gone_through = followed && call.taken == pysrc::Taken::GoneThrough;
        if call.taken != pysrc::Taken::Dropped && !gone_through {
            self.called_unseen.insert(facts.name.to_string());
            // Whoever goes through what it gives may never come to an end.
            self.alive |= any_step(&facts.body, &mut |step| matches!(step, Step::Loop(_)));
            self.escape(arguments);
            object.into_iter().for_each(|object| self.open_object(object));
        }
        self.sure = true;
        let manages = facts.decorators.iter().any(|name| is_contextmanager(name));
        let kept = followed.then(|| {
            let number = self.shared.number();
            self.generators.made.insert(number, body);
            number
        });
        match (manages, kept) {
            (true, Some(body)) => V::Manager(body),
            (true, None) => V::Unknown,
            (false, body) => V::Generator {
                asynchronous: facts.is_async,
                body,
            },
        }
    }

    /// The generator that a value surely is, if nothing of it has run.
    fn new_generator(&self, value: &V) -> Option<usize> {
        match value {
            V::Generator {
                asynchronous: false,
                body: Some(body),
            }
            | V::Manager(body) => {
                let new = self.generators.made.contains_key(body);
                (new && self.silent == 0 && self.may_go_deeper()).then_some(*body)
            }
            _ => None,
        }
    }

    /// Runs a generator for what goes through it; says how it ended, and what went through it.
    fn go_through(&mut self, generator: usize, through: Through<'a>) -> Option<(Consumer<'a>, Flow)> {
        let body = self.generators.made.remove(&generator)?;
        self.generators.consumers.push(Consumer {
            through,
            generator,
            frames: self.frames.len(),
            depth: 1,
            chain: self.chain.len(),
            tries: self.open_tries.len(),
            handling: self.handling,
            maybe: self.maybe,
            given: Vec::new(),
            left: None,
            may_have_left: false,
        });
        let (doubt, silent) = (self.doubt, self.silent);
        let (_, flow) = self.body(body);
        self.silent = silent;
        self.doubt = self.frames.last().map_or(doubt, |frame| doubt.max(frame.doubt));
        Some((self.generators.consumers.pop()?, flow))
    }

    /// A loop goes through a generator.
    pub fn repeat_generator(&mut self, round: &'a Loop, over: &'a Value) -> Option<Flow> {
        let (over, numbered) = match self.passed_on_by(over) {
            Some((name, inner)) if name == "builtins.enumerate" => (inner, true),
            Some(_) => return None,
            None => (over, false),
        };
        let generator = self.new_generator(&self.certain(over)?)?;
        let (consumer, flow) = self.go_through(generator, Through::Loop { round, numbered })?;
        let flow = match (consumer.left, flow) {
            (Some(Flow::Break), _) => Flow::Next,
            (Some(left), _) => left,
            (None, flow @ (Flow::Raised(_) | Flow::Exit)) => flow,
            (None, Flow::Endless) if consumer.may_have_left => {
                // Whether it was left while the agent starts is not known.
                self.doubt = Doubt::All;
                if let Some(frame) = self.frames.last_mut() {
                    frame.doubt = Doubt::All;
                }
                Flow::Next
            }
            (None, Flow::Endless) => Flow::Endless,
            (None, _) => {
                self.maybe += usize::from(consumer.may_have_left);
                let flow = self.steps(&round.orelse);
                self.maybe -= usize::from(consumer.may_have_left);
                if consumer.may_have_left { Flow::Next } else { flow }
            }
        };
        Some(flow)
    }

    /// The body of a `with` statement, whose manager is written as a generator.
    pub fn manage(&mut self, manager: &Value, body: &'a [Step]) -> Option<Flow> {
        let managed = self
            .certain(manager)
            .filter(|managed| matches!(managed, V::Manager(_)))?;
        let generator = self.new_generator(&managed)?;
        let (consumer, flow) = self.go_through(generator, Through::Managed(body))?;
        Some(match (consumer.left, flow) {
            (Some(left @ (Flow::Exit | Flow::Endless)), _) => left,
            (_, flow @ (Flow::Raised(_) | Flow::Exit | Flow::Endless)) => flow,
            (Some(left), _) => left,
            // It was not seen to come to its `yield`.
            (None, _) if consumer.given.is_empty() => self.steps(body),
            (None, _) => Flow::Next,
        })
    }

    /// A call of something that goes through the generator that it is given.
    pub fn takes_all(&mut self, callee: &V, arguments: &Arguments) -> Option<(V, Flow)> {
        let through = match callee {
            V::Outside(name) => match name.as_str() {
                "builtins.list" | "builtins.tuple" | "builtins.set" | "builtins.frozenset" | "builtins.dict"
                | "builtins.sum" | "builtins.sorted" | "builtins.max" | "builtins.min" | "collections.deque" => {
                    Through::All
                }
                "builtins.any" | "builtins.all" => Through::First,
                "builtins.next" => Through::One,
                _ => return None,
            },
            V::Bound(of, method) if method == "join" && matches!(**of, V::Str(_)) => Through::All,
            _ => return None,
        };
        let first = arguments.positional.first()?;
        if arguments.open || arguments.doubtful.0.contains(&0) || matches!(first, V::Manager(_)) {
            return None;
        }
        let generator = self.new_generator(first)?;
        let conditional = self.maybe > 0 || self.doubt > Doubt::None;
        let (consumer, flow) = self.go_through(generator, through)?;
        let flow = match (consumer.left, flow) {
            (None, flow @ (Flow::Raised(_) | Flow::Exit | Flow::Endless)) => flow,
            _ => Flow::Next,
        };
        let lists = matches!(callee, V::Outside(name) if matches!(name.as_str(), "builtins.list" | "builtins.tuple"));
        let known = lists && !conditional && !consumer.may_have_left && !consumer.given.contains(&V::Unknown);
        self.sure = known;
        let value = if known { V::List(consumer.given) } else { V::Unknown };
        Some((value, flow))
    }

    /// `yield`, or `yield from`.
    pub fn yields(&mut self, value: Option<&'a Value>, from: bool) -> Flow {
        let runs = |consumer: &Consumer<'a>| consumer.frames + consumer.depth == self.frames.len();
        if self.silent > 0 || !self.generators.consumers.last().is_some_and(runs) {
            if let Some(value) = value {
                let given = self.evaluate(value);
                self.put_away(&given);
            }
            return Flow::Next;
        }
        if from {
            return self.yields_from(value);
        }
        let given = match value {
            None => None,
            Some(Value::None) => Some(V::None),
            value => match self.taken(value) {
                (given, true) => Some(given),
                (given, false) => {
                    self.put_away(&given);
                    None
                }
            },
        };
        self.gives(given)
    }

    fn yields_from(&mut self, value: Option<&'a Value>) -> Flow {
        let over = value.and_then(|value| self.certain(value));
        if let Some(generator) = over.as_ref().and_then(|over| self.new_generator(over)) {
            let Some(body) = self.generators.made.remove(&generator) else {
                return Flow::Next;
            };
            self.deeper(1);
            let (_, flow) = self.body(body);
            self.deeper(-1);
            let left = self
                .generators
                .consumers
                .last()
                .is_some_and(|consumer| consumer.left.is_some());
            return match flow {
                _ if left => Flow::Return,
                flow @ (Flow::Raised(_) | Flow::Exit | Flow::Endless) => flow,
                _ => Flow::Next,
            };
        }
        let parts = value.and_then(|value| self.known_parts(value));
        if let Some(parts) = parts.filter(|parts| parts.len() <= MOST_PARTS) {
            for part in parts {
                match self.gives(Some(part)) {
                    Flow::Next => {}
                    flow => return flow,
                }
            }
            return Flow::Next;
        }
        // Any number of values, which are not known.
        self.maybe += 1;
        self.loops += 1;
        let _ = self.gives(None);
        self.loops -= 1;
        self.maybe -= 1;
        Flow::Next
    }

    fn deeper(&mut self, by: isize) {
        if let Some(consumer) = self.generators.consumers.last_mut() {
            consumer.depth = consumer.depth.saturating_add_signed(by);
        }
    }

    /// The generator waits while what goes through it has its turn.
    fn gives(&mut self, value: Option<V>) -> Flow {
        let Some(mut consumer) = self.generators.consumers.pop() else {
            return Flow::Next;
        };
        if consumer.left.is_some() {
            self.generators.consumers.push(consumer);
            return Flow::Return;
        }
        let frames = self.frames.split_off(consumer.frames.min(self.frames.len()));
        let chain = self.chain.split_off(consumer.chain.min(self.chain.len()));
        let managed = matches!(consumer.through, Through::Managed(_));
        // What a `with` raises is raised where the generator waits.
        let tries = (!managed).then(|| self.open_tries.split_off(consumer.tries.min(self.open_tries.len())));
        let handling = std::mem::replace(&mut self.handling, consumer.handling);
        let doubt = self.doubt;
        let at = i64::try_from(consumer.given.len()).unwrap_or(0);
        consumer.given.push(value.clone().unwrap_or(V::Unknown));
        let conditional = self.maybe > consumer.maybe || doubt == Doubt::All || self.skipping;
        let flow = match consumer.through {
            Through::Loop { round, numbered } => {
                let counted = self.loops == 0 && !conditional;
                let each = match numbered {
                    true => value.filter(|_| counted).map(|value| V::List(vec![V::Int(at), value])),
                    false => value,
                };
                self.each.push(each);
                let flow = self.steps(&round.body);
                self.each.pop();
                flow
            }
            Through::Managed(body) => {
                let sure = value.is_some() && !conditional;
                let value = value.unwrap_or(V::Unknown);
                self.entered.insert(consumer.generator, Variable { value, sure });
                self.steps(body)
            }
            Through::All => Flow::Next,
            Through::One => Flow::Break,
            Through::First => Flow::Next,
        };
        // Whoever may want no more of it leaves it where it waits: what follows there may never run.
        let leaves = match consumer.through {
            Through::First => true,
            Through::All | Through::Managed(_) => false,
            Through::One | Through::Loop { .. } => {
                self.doubt > doubt || (conditional && !matches!(flow, Flow::Next | Flow::Continue))
            }
        };
        if !managed && self.doubt > doubt {
            consumer.may_have_left = true;
        }
        self.handling = handling;
        self.frames.extend(frames);
        self.chain.extend(chain);
        self.open_tries.extend(tries.into_iter().flatten());
        if leaves {
            self.doubt = Doubt::All;
            if let Some(frame) = self.frames.last_mut() {
                frame.doubt = Doubt::All;
            }
        }
        consumer.may_have_left |= conditional;
        let flow = match flow {
            Flow::Next | Flow::Continue if !managed => Flow::Next,
            Flow::Next => Flow::Next,
            Flow::Raised(_) if managed => flow,
            _ if conditional => Flow::Next,
            // It goes on behind its `yield` before that is done.
            left @ (Flow::Return | Flow::Break | Flow::Continue) if managed => {
                consumer.left = Some(left);
                Flow::Next
            }
            left => {
                consumer.left = Some(left);
                // What is raised while it is thrown away is told to nobody.
                self.silent += 1;
                Flow::Return
            }
        };
        self.generators.consumers.push(consumer);
        flow
    }
}

/// Whether a decorator makes a context manager of a generator, going by its name.
pub fn is_contextmanager(decorator: &str) -> bool {
    matches!(decorator, "contextmanager" | "contextlib.contextmanager")
}
