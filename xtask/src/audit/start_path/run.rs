//! Runs steps in order, as CPython would: branches, loops, definitions.

use rustc_hash::FxHashMap as HashMap;

use pysrc::{Atom, Leave, Step, Test, Value};

use super::failure::Flow;
use super::value::{ModuleId, V};
use super::walk::{Doubt, Frame, MOST_STEPS, Walker};

/// Bytes of `return None`; a `return` with the code of an exit is shorter.
const LONGEST_PLAIN: u32 = 11;

impl<'a> Walker<'a> {
    /// Runs a module's body.
    pub fn execute_module(&mut self, id: ModuleId) -> Flow {
        let Some(source) = self.source(id) else {
            return Flow::Next;
        };
        let script = self
            .modules
            .get(id)
            .is_some_and(|module| module.name == "__main__" && id == 0);
        if let Some((rule, error)) = super::broken::why(source, script) {
            let message = format!("syntax error: {}", error.message);
            return self.fail_at(id, error.span, rule, "SyntaxError", message, None);
        }
        if source.dynamic_names
            && let Some(module) = self.modules.get_mut(id)
        {
            module.dynamic = true;
        }
        self.frames.push(Frame {
            module: id,
            function: None,
            in_class: false,
            locals: HashMap::default(),
            results: HashMap::default(),
            returned: None,
            gave_value: false,
            doubt: Doubt::None,
        });
        let doubt = self.doubt;
        let flow = self.steps(&source.body);
        self.doubt = doubt;
        self.frames.pop();
        if let Some(module) = self.modules.get_mut(id) {
            module.done = true;
        }
        flow
    }

    /// Runs steps in order; on a new piece of stack where this one ends, since modules import modules that import modules.
    pub fn steps(&mut self, steps: &'a [Step]) -> Flow {
        const RED_ZONE: usize = 256 * 1024;
        const PIECE: usize = 4 * 1024 * 1024;
        stacker::maybe_grow(RED_ZONE, PIECE, || self.steps_here(steps))
    }

    fn steps_here(&mut self, steps: &'a [Step]) -> Flow {
        for step in steps {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                self.alive = true;
                return Flow::Endless;
            }
            let flow = self.step(step);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn step(&mut self, step: &'a Step) -> Flow {
        match step {
            Step::Load { name, span } => self.load(*name, *span, false),
            Step::LoadPast { name, span } => self.load(*name, *span, true),
            Step::Store { name, value, .. } => {
                let value = value.as_ref().map_or(V::Unknown, |value| self.evaluate(value));
                self.store(*name, value);
                Flow::Next
            }
            Step::StoreAttribute {
                object,
                attribute,
                at,
                value,
            } => {
                let value = value.as_ref().map_or(V::Unknown, |value| self.evaluate(value));
                let flow = self.refused_attribute(*object, *attribute, *at);
                if flow == Flow::Next {
                    self.store_attribute(*object, *attribute, value);
                }
                flow
            }
            Step::LoadAttribute {
                object,
                attribute,
                span,
            } => self.load_attribute(*object, *attribute, *span),
            Step::Item { object, key } => self.item(*object, *key),
            Step::Operation(operation) => self.operation(*operation),
            Step::Environment(read) => self.environment_read(*read),
            Step::Delete { name, .. } => {
                if self.maybe == 0 {
                    self.unbind(*name);
                }
                Flow::Next
            }
            Step::Import(import) => self.import(*import),
            Step::Function(function) => {
                let here = self.here();
                if let Some(source) = self.source(here)
                    && let Some(facts) = source.functions.get(*function as usize)
                {
                    let plain = facts.decorators.iter().all(|decorator| {
                        matches!(&**decorator, "staticmethod" | "classmethod") || decorator.ends_with("lru_cache")
                    });
                    let value = if plain {
                        V::Function(here, *function)
                    } else {
                        V::Unknown
                    };
                    self.store(facts.atom, value);
                }
                Flow::Next
            }
            Step::Class(class) => self.class(*class),
            Step::Call(call) => self.call(*call),
            Step::Branch(branch) => self.branch(branch.test, &branch.arms, branch.exhaustive),
            Step::Loop(round) => self.repeat(&round.body, &round.orelse, round.endless, round.at_least_once),
            Step::Try(attempt) => self.attempt(&attempt.body, &attempt.handlers, &attempt.orelse, &attempt.finally),
            Step::Leave { how, value, span } => match how {
                Leave::Return => {
                    let value = value.as_ref().map_or(V::None, |value| self.evaluate(value));
                    if let Some(frame) = self.frames.last_mut() {
                        let plain = matches!(value, V::None | V::Int(0..=2)) && span.end - span.start <= LONGEST_PLAIN;
                        frame.gave_value |= !plain;
                        frame.returned = Some(match frame.returned.take() {
                            None => value,
                            Some(before) if before == value => before,
                            Some(_) => V::Unknown,
                        });
                    }
                    Flow::Return
                }
                Leave::Raise => self.raise(value.as_deref(), *span),
                Leave::Exit => self.exit(*span),
                Leave::Loop => Flow::Loop,
            },
        }
    }

    fn class(&mut self, class: u32) -> Flow {
        let here = self.here();
        let Some(source) = self.source(here) else {
            return Flow::Next;
        };
        let Some(facts) = source.classes.get(class as usize) else {
            return Flow::Next;
        };
        let mut bases: Vec<V> = facts.bases.iter().map(|base| self.base(base)).collect();
        // `ABCMeta` checks like the base `ABC`; what another metaclass does is not known.
        bases.extend(
            facts
                .metaclass
                .as_ref()
                .map(|metaclass| match self.evaluate(metaclass) {
                    V::Outside(name) if name == "abc.ABCMeta" => V::Outside(name),
                    _ => V::Unknown,
                }),
        );
        self.bases.insert((here, class), bases);
        if let Some(message) = self.order_conflict(here, class) {
            return self.fail_at(here, facts.span, "start/class-error", "TypeError", message, None);
        }
        let outer = self.frames.last().and_then(|frame| frame.function);
        self.frames.push(Frame {
            module: here,
            function: outer,
            in_class: true,
            locals: HashMap::default(),
            results: HashMap::default(),
            returned: None,
            gave_value: false,
            doubt: Doubt::None,
        });
        let flow = self.steps(&facts.body);
        self.frames.pop();
        if flow == Flow::Next
            && let Some((span, exception, message, help)) = self.refused(here, class)
        {
            return self.fail_at(here, span, "start/class-error", exception, message, help);
        }
        self.store(facts.atom, V::Class(here, class));
        flow
    }

    /// A base; that of `Base[T]` is `Base`.
    fn base(&self, base: &Value) -> V {
        match base {
            Value::Subscript(origin, _) => match self.evaluate(origin) {
                class @ V::Class(..) => class,
                V::Outside(name) if name == "typing.Generic" => V::Outside(name),
                _ => V::Unknown,
            },
            base => self.evaluate(base),
        }
    }

    fn branch(&mut self, test: Test, arms: &'a [pysrc::Body], exhaustive: bool) -> Flow {
        match test {
            Test::Main => {
                let main = self
                    .modules
                    .get(self.here())
                    .is_some_and(|module| module.name == "__main__");
                let arm = if main { arms.first() } else { arms.get(1) };
                return arm.map_or(Flow::Next, |arm| self.steps(arm));
            }
            Test::TypeChecking => return arms.get(1).map_or(Flow::Next, |arm| self.steps(arm)),
            Test::Known(arm) => return arms.get(arm).map_or(Flow::Next, |arm| self.steps(arm)),
            Test::Name(name, wanted) => {
                if let Some(value) = self.flag(name) {
                    return self.taken(arms, usize::from(value != wanted));
                }
            }
            Test::Words(comparison, number) => {
                if let Some(words) = self.number_of_words() {
                    let arm = usize::from(!comparison.holds(words, number.into()));
                    return self.taken(arms, arm);
                }
            }
            Test::Unknown => {}
        }
        self.maybe += 1;
        let flows: Vec<Flow> = arms.iter().map(|arm| self.steps(arm)).collect();
        self.maybe -= 1;
        // All ways leave, and in the same manner.
        let flow = match flows.split_first() {
            Some((first, rest)) if exhaustive && rest.iter().all(|flow| same_kind(*flow, *first)) => match first {
                // Which of the failures it is depends on the way; each was noted as one that may happen.
                Flow::Raised(_) => Flow::Next,
                flow => *flow,
            },
            _ => Flow::Next,
        };
        if flow == Flow::Next {
            self.leaves_open(&flows);
        }
        flow
    }

    /// Whether a name that gets nothing but `True`, `False` and `None` is true here.
    fn flag(&self, name: Atom) -> Option<bool> {
        // Another turn of a loop may see another value.
        if self.loops > 0 || self.silent > 0 || self.handling > 0 {
            return None;
        }
        let value = match self.variable(name)? {
            V::Bool(value) => value,
            V::None => false,
            _ => return None,
        };
        (self.doubt == Doubt::None && self.is_settled(&Value::Name(name))).then_some(value)
    }

    /// The arm of a branch that is taken; those after the first are tests of their own where there are more than two.
    fn taken(&mut self, arms: &'a [pysrc::Body], arm: usize) -> Flow {
        match arms.get(arm) {
            Some(body) if arm == 0 || arms.len() == 2 => self.steps(body),
            Some(_) => self.branch(Test::Unknown, &arms[arm..], false),
            None => Flow::Next,
        }
    }

    /// One of several ways may have left: what follows is not always run.
    fn leaves_open(&mut self, flows: &[Flow]) {
        let frame = self.frames.last_mut();
        if let Some(frame) = frame.filter(|_| flows.contains(&Flow::Return)) {
            let doubt = if frame.gave_value { Doubt::All } else { Doubt::Raises };
            frame.doubt = frame.doubt.max(doubt);
            self.doubt = self.doubt.max(doubt);
        }
        if flows.contains(&Flow::Loop) {
            self.doubt = Doubt::All;
        }
    }

    fn repeat(&mut self, body: &'a [Step], orelse: &'a [Step], endless: bool, at_least_once: bool) -> Flow {
        if !at_least_once {
            self.maybe += 1;
        }
        let doubt = self.doubt;
        self.loops += 1;
        let flow = self.steps(body);
        self.loops -= 1;
        // What a `break` or `continue` leaves open ends with the loop; what a `return` does stays.
        self.doubt = self.frames.last().map_or(doubt, |frame| doubt.max(frame.doubt));
        if !at_least_once {
            self.leaves_open(&[flow].map(|flow| if flow == Flow::Return { flow } else { Flow::Next }));
            let _ = self.steps(orelse);
            self.maybe -= 1;
        }
        match flow {
            Flow::Raised(_) | Flow::Return | Flow::Exit | Flow::Endless if at_least_once => flow,
            _ if endless => {
                self.alive = true;
                Flow::Endless
            }
            _ => Flow::Next,
        }
    }
}

fn same_kind(left: Flow, right: Flow) -> bool {
    std::mem::discriminant(&left) == std::mem::discriminant(&right)
}
