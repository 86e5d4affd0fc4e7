//! Runs steps in order, as CPython would: branches, loops, definitions.

use std::sync::Arc;

use pysrc::{Atom, Body, Branch, Condition, Entry, Leave, Loop, Span, Step, Value};

use super::class::Lookup;
use super::failure::{Flow, Words};
use super::trail::Kind;
use super::value::{ModuleId, V, Variable};
use super::walk::{Doubt, Frame, MOST_STEPS, Walker};
use crate::finding::Subject;

/// Turns of a loop that counts which are followed one by one.
const MOST_COUNTED: u64 = 12;

/// Bytes of a bare `return`.
const RETURN: u32 = 6;
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
            .is_some_and(|module| module.name == "__main__" && id == self.main);
        if let Some((rule, error)) = super::broken::why(source, script) {
            let message = format!("syntax error: {}", error.message);
            let file = self.file_of(id).and_then(|file| self.tree().files.get(file));
            let words = Words {
                subject: file.map(|file| Subject::Path(file.path.clone())),
                ..message.into()
            };
            return self.fail_at(id, error.span, rule, "SyntaxError", words, None);
        }
        if source.dynamic_names
            && let Some(module) = self.modules.get_mut(id)
        {
            module.dynamic = true;
        }
        self.frames.push(Frame::new(id, None));
        self.note(Kind::Module, Some(Span { start: 0, end: 0 }), |walker| {
            let name = walker.modules.get(id).map_or("", |module| module.name.as_str());
            format!("module `{name}` begins")
        });
        let doubt = self.doubt;
        let flow = self.steps(&source.body);
        self.doubt = doubt;
        self.frames.pop();
        if let Some(module) = self.modules.get_mut(id) {
            module.done = true;
            module.dynamic |= source.replaces_itself;
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
                if !self.alive || self.steps == MOST_STEPS + 1 {
                    self.note(Kind::Budget, None, |_| {
                        format!("{MOST_STEPS} steps were followed: nothing after this is looked at")
                    });
                }
                self.alive = true;
                return Flow::Endless;
            }
            self.passes(step);
            let flow = self.step(step);
            self.notes_life();
            if flow == Flow::Next {
                self.may_interrupt(step);
            }
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
                let own = |value: &&Value| self.loops == 0 || !is_sum(value, &|of| *of == Value::Name(*name));
                let value = value.as_deref().filter(own);
                let (value, sure) = self.taken(value);
                self.notes_assignment(|walker| walker.written_name(*name), &value, sure);
                self.store(*name, value, sure);
                Flow::Next
            }
            Step::StoreAttribute {
                object,
                attribute,
                at,
                value,
            } => self.assign_attribute(*object, *attribute, *at, value.as_deref()),
            Step::StoreItem(item) => {
                self.store_item(item);
                Flow::Next
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
                    let (value, flow) = self.defined(here, *function, facts);
                    if flow != Flow::Next {
                        return flow;
                    }
                    self.store(facts.atom, value, true);
                }
                Flow::Next
            }
            Step::Class(class) => self.class(*class),
            Step::Collect(collect) => {
                self.collect(collect);
                Flow::Next
            }
            Step::Lambda(function) => {
                self.make_lambda(*function);
                Flow::Next
            }
            Step::Call(call) => self.call(*call),
            Step::Yield { value, from } => self.yields(value.as_deref(), *from),
            Step::Branch(branch) => self.branch(branch),
            Step::Loop(round) => self.repeat(round),
            Step::Try(attempt) => self.attempt(&attempt.body, &attempt.handlers, &attempt.orelse, &attempt.finally),
            Step::Leave { how, value, span } => match how {
                Leave::Return => {
                    let (value, sure) = match value.as_deref() {
                        None if span.end - span.start <= RETURN => (V::None, true),
                        value => self.taken(value),
                    };
                    let before = self.frames.last().and_then(|frame| frame.returned.as_ref());
                    let before = before.map(|returned| returned.value.clone());
                    if before.as_ref().is_some_and(|before| *before != value) {
                        self.either_is_lost(before.as_ref(), &value);
                    }
                    if let Some(frame) = self.frames.last_mut() {
                        let plain = matches!(value, V::None | V::Int(0..=2)) && span.end - span.start <= LONGEST_PLAIN;
                        frame.gave_value |= !plain;
                        let returned = Variable { value, sure };
                        frame.returned = Some(match frame.returned.take() {
                            None => returned,
                            Some(before) => Variable::either(&before, returned),
                        });
                    }
                    Flow::Return
                }
                Leave::Raise => self.raise(value.as_deref(), *span),
                Leave::Exit => self.exit(*span),
                Leave::Break => Flow::Break,
                Leave::Continue => Flow::Continue,
            },
        }
    }

    /// `object.attribute = value`.
    fn assign_attribute(&mut self, object: Atom, attribute: Atom, at: u32, value: Option<&Value>) -> Flow {
        if object == Atom::TOLD {
            return Flow::Next;
        }
        let is_target =
            |of: &Value| matches!(of, Value::Attribute(of, name) if **of == Value::Name(object) && *name == attribute);
        let value = value.filter(|value| self.loops == 0 || !is_sum(value, &is_target));
        let (mut value, mut sure) = self.taken(value);
        if self.sets_its_own_way(object) {
            self.put_away(&value);
            self.open_data(&value);
            (value, sure) = (V::Unknown, false);
        }
        let flow = self.refused_attribute(object, attribute, at);
        let target = |walker: &Self| format!("{}.{}", walker.written_name(object), walker.written_name(attribute));
        self.notes_assignment(target, &value, sure);
        if flow != Flow::Next {
            return flow;
        }
        match self.set_by_class(object, attribute, at, &value, sure) {
            Some(flow) => flow,
            None => {
                self.store_attribute(object, attribute, value, sure);
                Flow::Next
            }
        }
    }

    /// Whether the `__setattr__` of an object's class says what becomes of its attributes.
    fn sets_its_own_way(&mut self, object: Atom) -> bool {
        let Some(id) = self.instance(object) else {
            return false;
        };
        let class = self.objects.get(id).map(|object| (object.module, object.class));
        let own =
            class.is_some_and(|class| matches!(self.find_method(class.0, class.1, "__setattr__"), Lookup::Found(..)));
        if own {
            self.any_attribute(&V::Instance(id));
        }
        own
    }

    /// Whether this is `dictionary.keys()` or its like, which shows what the dictionary has by then.
    fn is_view(&self, value: &Value) -> bool {
        let Value::Call(call) = value else {
            return false;
        };
        let Some(source) = self.source(self.here()) else {
            return false;
        };
        matches!(
            source.calls.get(*call as usize).map(|call| &call.callee),
            Some(Value::Attribute(_, method)) if matches!(source.name(*method), "keys" | "values" | "items")
        )
    }

    /// What is stored, and whether it surely is that.
    fn stored(&self, value: Option<&Value>) -> (V, bool) {
        let Some(value) = value.filter(|value| !self.is_view(value)) else {
            return (V::Unknown, false);
        };
        match self.certain(value) {
            // Only that it is a text is sure.
            Some(text @ V::Concat(_)) => match self.evaluate(value) {
                known @ V::Str(_) => (known, false),
                _ => (text, true),
            },
            Some(known) => (known, true),
            None => (self.evaluate(value), false),
        }
    }

    /// The same, where it gets another name.
    pub fn taken(&mut self, value: Option<&Value>) -> (V, bool) {
        if let Some(Value::Dict(items)) = value {
            let written = self.written(items);
            let sure = written != V::Unknown;
            return (written, sure);
        }
        if matches!(value, Some(Value::List(parts)) if parts.is_empty()) {
            return (self.new_sequence(), true);
        }
        match self.stored(value) {
            (V::Unknown, sure) => {
                if let Some(value) = value {
                    self.lose(value);
                }
                (V::Unknown, sure)
            }
            (known, true) => (self.kept_apart(known), true),
            (known, false) => {
                // Another turn of a loop may take another part.
                if let Some(value) = value {
                    self.lose(value);
                }
                (known, false)
            }
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
        let metaclass = facts.metaclass.as_ref().map(|metaclass| self.evaluate(metaclass));
        let plain = metaclass.as_ref().is_none_or(|metaclass| self.makes_plain(metaclass));
        self.alive |= metaclass.as_ref().is_some_and(|metaclass| self.calls_others(metaclass));
        if let Some(maker) = metaclass.as_ref().and_then(|metaclass| self.makes_at(metaclass)) {
            self.called_by.insert((here, class), maker);
        }
        // `ABCMeta` checks like the base `ABC`; what another metaclass does may not be known.
        bases.extend(match metaclass.clone() {
            Some(V::Outside(name)) if name == "abc.ABCMeta" => Some(V::Outside(name)),
            Some(_) if !plain => Some(V::Unknown),
            Some(ref own) if self.is_made_of_abc(own) => Some(V::Outside("abc.ABCMeta".to_owned())),
            _ => None,
        });
        if let Some(message) = self.metaclass_conflict((here, class), metaclass.as_ref(), &bases) {
            return self.fail_at(here, facts.span, "start/class-error", "TypeError", message, None);
        }
        if plain && !facts.keywords && (facts.decorators.is_empty() || self.is_plain_record(source, facts)) {
            self.usual.insert((here, class));
        }
        self.set_bases((here, class), bases);
        if let Some(message) = self.refused_by_base(here, class, facts) {
            return self.fail_at(here, facts.span, "start/class-error", "TypeError", message, None);
        }
        let conflict = self.layout_conflict((here, class));
        if let Some(message) = conflict.or_else(|| self.order_conflict(here, class)) {
            return self.fail_at(here, facts.span, "start/class-error", "TypeError", message, None);
        }
        let outer = self.frames.last().and_then(|frame| frame.function);
        self.frames.push(Frame {
            in_class: true,
            ..Frame::new(here, outer)
        });
        let flow = self.steps(&facts.body);
        if let Some(frame) = self.frames.pop() {
            self.class_names.insert((here, class), Arc::new(frame.locals));
        }
        if flow != Flow::Next {
            return flow;
        }
        if let Some((span, exception, message, help)) = self.refused(here, class) {
            return self.fail_at(here, span, "start/class-error", exception, message, help);
        }
        let flow = self.told_above(here, class, facts);
        if flow != Flow::Next {
            return flow;
        }
        let (value, flow) = self.decorated_class(here, class, facts);
        if flow == Flow::Next {
            self.store(facts.atom, value, true);
        }
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

    fn branch(&mut self, branch: &'a Branch) -> Flow {
        self.decisions += 1;
        let tests = std::iter::once(&branch.test).chain(&branch.rest);
        let mut tests = tests.map(|test| self.decide(test));
        // Arms that may be taken, in order; what stands after one that is surely taken is not.
        let mut open: Vec<&'a Body> = Vec::with_capacity(branch.arms.len());
        let mut exhaustive = branch.exhaustive;
        for (at, arm) in branch.arms.iter().enumerate() {
            let last = || (branch.exhaustive && at + 1 == branch.arms.len()).then_some(true);
            match tests.next().unwrap_or_else(last) {
                Some(false) => {}
                Some(true) => {
                    open.push(arm);
                    exhaustive = true;
                    break;
                }
                None => open.push(arm),
            }
        }
        drop(tests);
        self.notes_branch(branch, &open, exhaustive);
        match (open.as_slice(), exhaustive) {
            ([], _) => return Flow::Next,
            ([only], true) => return self.steps(only),
            _ => {}
        }
        let flows = self.ways(branch, &open, exhaustive);
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
            if let Some(frame) = self.frames.last_mut().filter(|_| flows.contains(&Flow::Return)) {
                frame.left_by = branch.span;
            }
        }
        flow
    }

    /// Follows each way that may be taken.
    fn ways(&mut self, branch: &'a Branch, open: &[&'a Body], exhaustive: bool) -> Vec<Flow> {
        self.maybe += 1;
        self.undecided.push((self.here(), branch.span));
        let (mut flows, mut ends) = (Vec::with_capacity(open.len()), vec![self.failures.len()]);
        for arm in open {
            flows.push(self.steps(arm));
            ends.push(self.failures.len());
        }
        self.undecided.pop();
        self.maybe -= 1;
        if exhaustive && self.undecided.is_empty() {
            self.wanted_on_every_way(&ends);
        }
        flows
    }

    /// Which ways may be taken.
    fn notes_branch(&mut self, branch: &'a Branch, open: &[&'a Body], exhaustive: bool) {
        self.note(Kind::Branch, None, |_| match open {
            [] => "no way of the branch is taken".to_owned(),
            [only] if exhaustive => {
                let at = branch.arms.iter().position(|arm| std::ptr::eq(arm, *only)).unwrap_or(0);
                format!("way {} of {} is taken", at + 1, branch.arms.len())
            }
            open => {
                let none = if exhaustive { "" } else { ", or none" };
                format!(
                    "what decides is not known: {} of {} ways may be taken{none}",
                    open.len(),
                    branch.arms.len()
                )
            }
        });
    }

    /// How a loop is followed.
    fn notes_loop(&mut self, round: &'a Loop, turns: Option<&[V]>) {
        self.note(Kind::Loop, None, |walker| match (turns, walker.enters(&round.entry)) {
            (Some(turns), _) => format!("a loop of {} turns, each of which is followed", turns.len()),
            (None, Some(false)) => "a loop that has no turn".to_owned(),
            (None, Some(true)) => "a loop that has a first turn, which stands for all".to_owned(),
            (None, None) => "a loop of which is not known whether it has a turn; one stands for all".to_owned(),
        });
    }

    /// A name, as it is written.
    fn written_name(&self, name: Atom) -> String {
        let source = self.source(self.here());
        source.map_or_else(String::new, |source| source.name(name).to_owned())
    }

    /// One of several ways may have left: what follows is not always run.
    fn leaves_open(&mut self, flows: &[Flow]) {
        let frame = self.frames.last_mut();
        if let Some(frame) = frame.filter(|_| flows.contains(&Flow::Return)) {
            let doubt = if frame.gave_value { Doubt::All } else { Doubt::Raises };
            frame.doubt = frame.doubt.max(doubt);
            self.doubt = self.doubt.max(doubt);
        }
        if flows.contains(&Flow::Break) || flows.contains(&Flow::Continue) {
            self.skipping = true;
            self.doubt = Doubt::All;
        }
    }

    fn repeat(&mut self, round: &'a Loop) -> Flow {
        let skipping = self.skipping;
        self.decisions += 1;
        if let Entry::Over(over) = &round.entry
            && round.binds
            && let Some(flow) = self.repeat_generated(round, over)
        {
            self.skipping = skipping;
            return flow;
        }
        let turns = self.turns(&round.entry).filter(|_| round.binds);
        if turns.is_none() && self.passes_over_environment(round) {
            self.note(Kind::Loop, None, |_| {
                "a loop over the environment that does nothing".to_owned()
            });
            self.skipping = skipping;
            return Flow::Next;
        }
        if turns.is_none() {
            self.loses_what_it_goes_through(&round.entry);
        }
        self.notes_loop(round, turns.as_deref());
        if let Some(fills) = round.fills {
            self.gather(fills, turns.is_some());
        }
        let flow = match turns {
            Some(turns) => self.repeat_each(round, turns),
            None => {
                self.each.push(None);
                let flow = match self.repeat_counted(round) {
                    Some(flow) => flow,
                    None => self.repeat_once(round),
                };
                self.each.pop();
                flow
            }
        };
        self.skipping = skipping;
        if round.fills.is_some() {
            self.gathered(flow);
        }
        flow
    }

    /// What an object gives in each turn is the object's to say, and may be any that it has.
    fn loses_what_it_goes_through(&mut self, entry: &Entry) {
        if let Entry::Over(over) = entry {
            match self.evaluate(over) {
                V::Unknown => self.lose(over),
                object @ V::Instance(_) => self.open_object(&object),
                _ => {}
            }
        }
    }

    /// A loop or comprehension that goes through a generator, where that is followed.
    fn repeat_generated(&mut self, round: &'a Loop, over: &'a Value) -> Option<Flow> {
        if self.generators.made.is_empty() {
            return None;
        }
        let gatherings = self.gatherings.len();
        if let Some(fills) = round.fills {
            self.gather(fills, false);
        }
        // Not every turn may run.
        let partly = usize::from(round.fills.is_some_and(|fills| fills.until.is_some()));
        self.maybe += partly;
        let flow = self.repeat_generator(round, over);
        self.maybe -= partly;
        if round.fills.is_some() {
            match flow {
                Some(flow) => self.gathered(flow),
                None => self.gatherings.truncate(gatherings),
            }
        }
        flow
    }

    /// Follows each turn of a loop.
    fn repeat_each(&mut self, round: &'a Loop, turns: Vec<V>) -> Flow {
        let doubt = self.doubt;
        let mut open = 0;
        let mut flow = Flow::Next;
        for turn in turns {
            self.each.push(Some(turn));
            flow = self.steps(&round.body);
            self.each.pop();
            match round
                .fills
                .and_then(|fills| fills.until)
                .map(|until| self.is_over(until))
            {
                Some(Some(true)) => break,
                Some(None) if open == 0 => {
                    open = 1;
                    self.maybe += 1;
                }
                _ => {}
            }
            // Something behind a branch may have left the loop: whether there is a next turn is not known.
            if self.doubt == Doubt::All && open == 0 {
                open = 1;
                self.maybe += 1;
            }
            match flow {
                Flow::Next | Flow::Continue => flow = Flow::Next,
                _ if open > 0 => {
                    // What stands behind the loop is not reached where that was a `return`.
                    self.leaves_open(&[flow].map(|flow| if flow == Flow::Return { flow } else { Flow::Next }));
                    flow = Flow::Next;
                }
                _ => break,
            }
        }
        self.doubt = self.frames.last().map_or(doubt, |frame| doubt.max(frame.doubt));
        if flow == Flow::Next {
            flow = self.steps(&round.orelse);
        }
        self.maybe -= open;
        match flow {
            Flow::Break => Flow::Next,
            flow => flow,
        }
    }

    /// Whether the turn of a comprehension gave what ends it: something that is true, or false.
    fn is_over(&self, until: bool) -> Option<bool> {
        let gathering = self.gatherings.last()?;
        match gathering.items.last() {
            Some((_, value)) if gathering.known => self.truth(value).map(|truth| truth == until),
            // What a test has left out ends nothing.
            None if gathering.known => Some(false),
            _ => None,
        }
    }

    /// `while count < 3:` of numbers or texts that are known: follows turns as long as each is known to come. Nothing where the end was not
    /// reached so: what has run by then has run, and another turn stands for those that may follow.
    fn repeat_counted(&mut self, round: &'a Loop) -> Option<Flow> {
        let both = match &round.entry {
            Entry::When(Condition::Order(_, both) | Condition::Equal(both)) => both,
            Entry::When(Condition::Not(condition)) => match &**condition {
                Condition::Equal(both) => both,
                _ => return None,
            },
            _ => return None,
        };
        // What is called there is called again before each turn.
        if has_call(&both.0) || has_call(&both.1) {
            return None;
        }
        let few = match (self.certain(&both.0)?, self.certain(&both.1)?) {
            (V::Int(left), V::Int(right)) => left.abs_diff(right) <= MOST_COUNTED,
            // `while folder != "/":`
            (left, right) => left.text().is_some() && right.text().is_some(),
        };
        if !few || self.doubt == Doubt::All {
            return None;
        }
        let doubt = self.doubt;
        for _ in 0..=MOST_COUNTED {
            if !self.enters(&round.entry)? {
                return Some(self.steps(&round.orelse));
            }
            match self.steps(&round.body) {
                Flow::Next | Flow::Continue if self.doubt == doubt => {}
                // Something behind a branch may have left the loop: whether there is a next turn is not known.
                Flow::Next | Flow::Continue => {
                    self.doubt = self.frames.last().map_or(doubt, |frame| doubt.max(frame.doubt));
                    self.maybe += 1;
                    let _ = self.repeat_once(round);
                    self.maybe -= 1;
                    return Some(Flow::Next);
                }
                Flow::Break => return Some(Flow::Next),
                flow => return Some(flow),
            }
        }
        None
    }

    /// Follows one turn of a loop, which stands for all.
    fn repeat_once(&mut self, round: &'a Loop) -> Flow {
        let entered = self.enters(&round.entry);
        if entered == Some(false) {
            return self.steps(&round.orelse);
        }
        let surely = entered == Some(true);
        if let Entry::Over(value) = &round.entry {
            let value = self.passed_on_by(value).map_or(value, |(_, value)| value);
            let over = self.evaluate(value);
            self.open_parts(&over);
        }
        // What an object gives when it is gone through may never end.
        self.alive |= matches!(&round.entry, Entry::Over(value) if matches!(self.evaluate(value), V::Instance(_)));
        if !surely {
            self.maybe += 1;
        }
        let doubt = self.doubt;
        self.loops += 1;
        let paused = std::mem::take(&mut self.paused);
        let flow = self.steps(&round.body);
        // Whether such a loop ends while the agent starts is not known.
        let serves = matches!(round.entry, Entry::When(_)) && (self.paused || surely);
        self.paused |= paused;
        self.loops -= 1;
        // What a `break` or `continue` leaves open ends with the loop; what a `return` does stays.
        self.doubt = self.frames.last().map_or(doubt, |frame| doubt.max(frame.doubt));
        if !surely {
            self.leaves_open(&[flow].map(|flow| if flow == Flow::Return { flow } else { Flow::Next }));
            let _ = self.steps(&round.orelse);
            self.maybe -= 1;
        }
        match flow {
            Flow::Raised(_) | Flow::Return | Flow::Exit | Flow::Endless if surely => return flow,
            _ if round.endless => {
                self.alive = true;
                return Flow::Endless;
            }
            _ => {}
        }
        if serves {
            self.doubt = Doubt::All;
            if let Some(frame) = self.frames.last_mut() {
                frame.doubt = Doubt::All;
            }
        }
        if surely && round.entry != Entry::Always {
            self.maybe += 1;
            let _ = self.steps(&round.orelse);
            self.maybe -= 1;
        }
        Flow::Next
    }
}

/// Whether a value is what `name += 1` gives: another turn of a loop gives another.
fn is_sum(value: &Value, is_target: &dyn Fn(&Value) -> bool) -> bool {
    matches!(value, Value::Binary(_, of, with) if with.is_literal() && is_target(of))
}

/// Whether a value is what a call gives, or made of that.
fn has_call(value: &Value) -> bool {
    match value {
        Value::Call(_) | Value::Collected(_) => true,
        Value::Attribute(of, _) | Value::Entered(of) => has_call(of),
        Value::Subscript(left, right) | Value::Binary(_, left, right) => has_call(left) || has_call(right),
        Value::Concat(parts) | Value::List(parts) | Value::Or(parts) | Value::Either(parts) => {
            parts.iter().any(has_call)
        }
        Value::Choice(_) | Value::Test(_) => true,
        _ => false,
    }
}

fn same_kind(left: Flow, right: Flow) -> bool {
    std::mem::discriminant(&left) == std::mem::discriminant(&right)
}
