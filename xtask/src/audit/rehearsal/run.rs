//! The steps between a request and its answer, on all ways that there may be.

use pysrc::{Atom, BindingKind, Branch, Entry, Leave, Loop, OperationKind, Step, StoreItem, Test, Try, Value};

use super::Rehearsal;
use super::known::{Dict, Known};
use super::state::{Flow, State, Ways, add};
use crate::python::steps;

/// Most ways that are followed at once.
const MOST_WAYS: usize = 96;

/// Most turns of a loop through what is known.
const MOST_TURNS: usize = 16;

pub(super) const KEY_ERROR: &[&str] = &["KeyError", "LookupError", "Exception", "BaseException"];
pub(super) const TYPE_ERROR: &[&str] = &["TypeError", "Exception", "BaseException"];
pub(super) const VALUE_ERROR: &[&str] = &["ValueError", "Exception", "BaseException"];
pub(super) const ATTRIBUTE_ERROR: &[&str] = &["AttributeError", "Exception", "BaseException"];
pub(super) const NO_JSON: &[&str] = &["JSONDecodeError", "ValueError", "Exception", "BaseException"];
/// One that is raised by name: what else it is, is not known.
const RAISED: &[&str] = &["Exception", "BaseException"];

impl Rehearsal<'_> {
    pub(super) fn body(&self, state: State, body: &[Step]) -> Ways {
        let mut ways: Ways = vec![(state, Flow::Next)];
        for step in body {
            if ways.iter().all(|(_, flow)| *flow != Flow::Next) {
                break;
            }
            let mut next: Ways = Vec::with_capacity(ways.len());
            for (state, flow) in ways {
                match flow {
                    Flow::Next if self.is_spent() => add(&mut next, (state, Flow::End)),
                    Flow::Next => self.step(state, step).into_iter().for_each(|way| add(&mut next, way)),
                    flow => add(&mut next, (state, flow)),
                }
            }
            if next.len() > MOST_WAYS {
                self.lost.set(true);
                next.truncate(MOST_WAYS);
            }
            ways = next;
        }
        ways
    }

    fn step(&self, mut state: State, step: &Step) -> Ways {
        let flow = match step {
            Step::Store { name, value, .. } => {
                let known = value.as_ref().map_or(Known::Unknown, |value| self.value(&state, value));
                state.frame.names.insert(*name, known);
                Flow::Next
            }
            Step::StoreAttribute {
                object,
                attribute,
                value,
                ..
            } => {
                let known = value.as_ref().map_or(Known::Unknown, |value| self.value(&state, value));
                let name = self.files.module(state.frame.file).name(*attribute).to_owned();
                if let Known::Object(class) = self.value(&state, &Value::Name(*object)) {
                    state.attributes.insert((class, name), known);
                }
                Flow::Next
            }
            Step::StoreItem(stored) => {
                self.store_item(&mut state, stored);
                Flow::Next
            }
            Step::Item { object, key } => {
                let object = self.value(&state, &Value::Name(*object));
                let text = &self.files.module(state.frame.file).text;
                let key = text.get(key.start as usize..key.end as usize).and_then(pysrc::literal);
                let key = key.map_or(Known::Unknown, |key| self.value(&state, &key));
                fails(&object, &key)
            }
            Step::Operation(at) => self.operation(&mut state, *at),
            Step::Delete { name, .. } => {
                state.frame.names.remove(name);
                Flow::Next
            }
            Step::Function(at) => {
                let function = self.files.function(state.frame.file, *at);
                let known = Known::Function(state.frame.file, *at, None);
                if let Some(function) = function.filter(|_| state.frame.function.is_some()) {
                    state.frame.names.insert(function.atom, known);
                }
                Flow::Next
            }
            Step::Call(call) => return self.call(state, *call),
            Step::Branch(branch) => return self.branch(state, branch),
            Step::Loop(turns) => return self.turns(state, turns),
            Step::Try(tried) => return self.tried(state, tried),
            Step::Leave { how, value, .. } => match how {
                Leave::Return => Flow::Return(value.as_ref().map_or(Known::None, |value| self.value(&state, value))),
                Leave::Raise => Flow::Raise(RAISED),
                Leave::Break => Flow::Break,
                Leave::Continue => Flow::Continue,
                Leave::Exit => Flow::End,
            },
            _ => Flow::Next,
        };
        vec![(state, flow)]
    }

    fn operation(&self, state: &mut State, at: u32) -> Flow {
        let module = self.files.module(state.frame.file);
        match module.operations.get(at as usize).map(|operation| &operation.kind) {
            Some(OperationKind::Item(object, key)) => fails(&self.value(state, object), &self.value(state, key)),
            Some(OperationKind::Unpack(value, count, star)) => {
                let parts = match self.value(state, value) {
                    Known::List(parts) => Some(parts.len()),
                    _ => None,
                };
                let count = *count as usize;
                match parts {
                    Some(parts) if parts < count || (parts > count && !star) => Flow::Raise(VALUE_ERROR),
                    _ => Flow::Next,
                }
            }
            Some(OperationKind::InPlace(changed)) => {
                self.give(state, changed, Known::Unknown);
                Flow::Next
            }
            _ => Flow::Next,
        }
    }

    fn store_item(&self, state: &mut State, stored: &StoreItem) {
        let value = stored.value.as_ref();
        let value = value.map_or(Known::Unknown, |value| self.value(state, value));
        let key = self.value(state, &stored.key).whole();
        match (&stored.object, self.value(state, &stored.object)) {
            // Something within what it has.
            (Value::Subscript(outer, key), _) => {
                if let Known::Dict(mut dict) = self.value(state, outer) {
                    match self.value(state, key).whole() {
                        Some(key) => dict.set(&key, Known::Unknown),
                        None => dict.blur(),
                    }
                    self.give(state, outer, Known::Dict(dict));
                }
            }
            (object, Known::Dict(mut dict)) => {
                match key.filter(|_| stored.value.is_some()) {
                    Some(key) => dict.set(&key, value),
                    None => dict.blur(),
                }
                self.give(state, object, Known::Dict(dict));
            }
            (object, Known::OneOf(_)) => self.give(state, object, Known::Unknown),
            _ => {}
        }
    }

    /// Gives a name or an attribute a value, where one is changed itself.
    pub(super) fn give(&self, state: &mut State, place: &Value, known: Known) {
        match place {
            Value::Name(name) => {
                state.frame.names.insert(*name, known);
            }
            Value::Attribute(object, name) => {
                if let Known::Object(class) = self.value(state, object) {
                    let name = self.files.module(state.frame.file).name(*name).to_owned();
                    state.attributes.insert((class, name), known);
                }
            }
            Value::Subscript(outer, key) => {
                let dict = match self.value(state, outer) {
                    Known::Dict(dict) => Some(dict),
                    _ => None,
                };
                if let (Some(mut dict), Some(key)) = (dict, self.value(state, key).whole()) {
                    dict.set(&key, known);
                    self.give(state, outer, Known::Dict(dict));
                }
            }
            _ => {}
        }
    }

    fn branch(&self, state: State, branch: &Branch) -> Ways {
        let tests = std::iter::once(&branch.test).chain(&branch.rest);
        let mut ways = Ways::new();
        for (at, test) in tests.enumerate() {
            let Some(arm) = branch.arms.get(at) else { break };
            let holds = match test {
                Test::Main => Some(state.frame.file == 0),
                Test::TypeChecking => Some(false),
                Test::Known(known) => Some(*known),
                Test::When(condition) => self.holds(&state, condition),
                Test::Unknown => None,
            };
            match holds {
                Some(true) => {
                    ways.extend(self.body(state, arm));
                    return ways;
                }
                Some(false) => {}
                // What a further operand calls is looked up when it is needed.
                None if branch.span.is_none() => return self.body(state, arm),
                None => ways.extend(self.body(state.clone(), arm)),
            }
        }
        let otherwise = branch.arms.get(1 + branch.rest.len());
        match otherwise.filter(|_| branch.exhaustive) {
            Some(arm) => ways.extend(self.body(state, arm)),
            // A pattern that takes everything is the last arm, and has no test.
            None if branch.exhaustive && branch.arms.len() == 1 + branch.rest.len() => {}
            None => ways.push((state, Flow::Next)),
        }
        ways
    }

    fn turns(&self, state: State, turns: &Loop) -> Ways {
        // What a comprehension makes is not followed.
        if turns.fills.is_some() {
            return vec![(state, Flow::Next)];
        }
        let mut state = state;
        if !state.received {
            self.join(&mut state, &turns.body);
        }
        let each: Vec<Known> = match &turns.entry {
            Entry::Over(value) => match self.value(&state, value) {
                Known::List(parts) if parts.len() <= MOST_TURNS => parts,
                Known::Dict(dict) if !dict.open && dict.entries.len() <= MOST_TURNS => {
                    dict.entries.iter().map(|(key, _)| Known::text(key)).collect()
                }
                _ => return self.turn_or_none(state, turns),
            },
            Entry::When(condition) => match self.holds(&state, condition) {
                Some(false) => return self.body(state, &turns.orelse),
                Some(true) => vec![Known::Unknown],
                None => return self.turn_or_none(state, turns),
            },
            Entry::Always => vec![Known::Unknown],
            Entry::Unknown => return self.turn_or_none(state, turns),
        };
        let (mut going, mut ways) = (vec![state], Ways::new());
        for each in each {
            let mut next = Vec::new();
            for state in going {
                for (state, flow) in self.turn(state, turns, each.clone()) {
                    match flow {
                        Flow::Next | Flow::Continue => next.push(state),
                        Flow::Break => add(&mut ways, (state, Flow::Next)),
                        flow => add(&mut ways, (state, flow)),
                    }
                }
            }
            going = next;
        }
        let is_over = matches!(turns.entry, Entry::Over(_));
        for state in going {
            match is_over {
                true => self
                    .body(state, &turns.orelse)
                    .into_iter()
                    .for_each(|way| add(&mut ways, way)),
                // The next turn is about the next request.
                false if turns.endless || state.received => add(&mut ways, (state, Flow::End)),
                false => add(&mut ways, (state, Flow::Next)),
            }
        }
        ways
    }

    /// Names are what they were, or what a turn for an earlier request has made of them.
    fn join(&self, state: &mut State, body: &[Step]) {
        let module = self.files.module(state.frame.file);
        let before = state.clone();
        steps::all(body, &mut |step| {
            if let Step::Store { name, value, .. } = step
                && let Some(known) = state.frame.names.get(name)
            {
                let stored = value
                    .as_ref()
                    .map_or(Known::Unknown, |value| self.value(&before, value));
                let known = match stored {
                    Known::Unknown => Known::Unknown,
                    stored => Known::one_of([known.clone(), stored]),
                };
                state.frame.names.insert(*name, known);
            }
        });
        let functions_change = |name: &Atom| {
            let mut bindings = module.bindings.iter();
            bindings.any(|binding| binding.name == *name && binding.kind == BindingKind::Global)
        };
        let at_top = state.frame.function.is_none();
        let file = state.frame.file;
        for (name, known) in &mut state.frame.names {
            if at_top && functions_change(name) {
                *known = Known::Unknown;
            }
            if let Known::Dict(dict) = known {
                *known = self.filled(file, None, module.name(*name), dict.clone());
            }
        }
    }

    fn turn(&self, mut state: State, turns: &Loop, each: Known) -> Ways {
        let around = state.frame.each.replace(each);
        let mut ways = self.body(state, &turns.body);
        for (state, _) in &mut ways {
            state.frame.each.clone_from(&around);
        }
        ways
    }

    /// One turn about something that is not known, or none.
    fn turn_or_none(&self, state: State, turns: &Loop) -> Ways {
        let mut ways = Ways::new();
        for (state, flow) in self.turn(state.clone(), turns, Known::Unknown) {
            let flow = match flow {
                Flow::Continue | Flow::Break => Flow::Next,
                flow => flow,
            };
            add(&mut ways, (state, flow));
        }
        for way in self.body(state, &turns.orelse) {
            add(&mut ways, way);
        }
        ways
    }

    fn tried(&self, state: State, tried: &Try) -> Ways {
        let mut ways = Ways::new();
        for (state, flow) in self.body(state, &tried.body) {
            match flow {
                Flow::Next => ways.extend(self.body(state, &tried.orelse)),
                Flow::Raise(classes) => {
                    let mut handlers = tried.handlers.iter();
                    match handlers.find(|handler| handler.catches(classes)) {
                        Some(handler) => ways.extend(self.body(state, &handler.body)),
                        // Which it is may not be known.
                        None if classes == RAISED => {
                            for handler in &tried.handlers {
                                ways.extend(self.body(state.clone(), &handler.body));
                            }
                            ways.push((state, flow));
                        }
                        None => ways.push((state, flow)),
                    }
                }
                flow => ways.push((state, flow)),
            }
        }
        if tried.finally.is_empty() {
            return ways;
        }
        let mut all = Ways::new();
        for (state, flow) in ways {
            match flow {
                Flow::Replied(_) | Flow::End => add(&mut all, (state, flow)),
                flow => {
                    for (state, after) in self.body(state, &tried.finally) {
                        let flow = if after == Flow::Next { flow.clone() } else { after };
                        add(&mut all, (state, flow));
                    }
                }
            }
        }
        all
    }
}

/// What reading an item of something comes to.
fn fails(object: &Known, key: &Known) -> Flow {
    match (object, key) {
        (Known::Dict(Dict { open: false, .. }), key) => match (object, key.whole()) {
            (Known::Dict(dict), Some(key)) if dict.get(&key).is_none() => Flow::Raise(KEY_ERROR),
            _ => Flow::Next,
        },
        (Known::Text(_), Known::Text(_)) | (Known::None | Known::Missing | Known::Int(_), _) => Flow::Raise(TYPE_ERROR),
        (Known::List(parts), Known::Int(at)) => match usize::try_from(*at) {
            Ok(at) if at >= parts.len() => Flow::Raise(&["IndexError", "LookupError", "Exception", "BaseException"]),
            _ => Flow::Next,
        },
        _ => Flow::Next,
    }
}
