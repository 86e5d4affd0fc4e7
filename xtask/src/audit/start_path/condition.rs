//! Tests whose result is known: which arm of a branch is taken, and whether a loop has a first turn.

use pysrc::{Condition, Entry, Test, Value};

use super::class::Lookup;
use super::command_line::ALL_WORDS;
use super::fold;
use super::object::{may_be_false, object_class};
use super::operator::kind;
use super::paths::parent;
use super::value::V;
use super::walk::{Doubt, Walker};

/// Methods that take something out of a list, set or dictionary, or put other things in their place.
pub const REMOVERS: &[&str] = &[
    "update",
    "setdefault",
    "clear",
    "pop",
    "popitem",
    "popleft",
    "remove",
    "discard",
    "sort",
    "reverse",
    "difference_update",
    "intersection_update",
    "__setitem__",
    "__delitem__",
];

/// Methods that put something into a list or set.
pub const ADDERS: &[&str] = &["append", "extend", "insert", "appendleft", "extendleft", "add"];

/// Functions that a loop goes through a value by.
pub const PASSED_ON: &[&str] = &[
    "builtins.enumerate",
    "builtins.sorted",
    "builtins.list",
    "builtins.tuple",
];

/// Turns of a loop that are followed one by one.
const MOST_TURNS: i64 = 16;

impl<'a> Walker<'a> {
    /// Whether an arm of a branch is taken, where that is known.
    pub fn decide(&self, test: &Test) -> Option<bool> {
        match test {
            Test::Main => {
                let source = self.source(self.here())?;
                let own = source
                    .atom("__name__")
                    .is_some_and(|name| source.bindings.iter().any(|binding| binding.name == name));
                let module = self.modules.get(self.here());
                (!own).then(|| module.is_some_and(|module| module.name == "__main__"))
            }
            Test::TypeChecking => Some(false),
            // It is about the platform or the version.
            Test::Known(known) => (!self.is_set_on_others("platform")).then_some(*known),
            Test::When(condition) => self.holds(condition),
            Test::Unknown => None,
        }
    }

    /// Whether the body of a loop runs at least once, where that is known.
    pub fn enters(&self, entry: &Entry) -> Option<bool> {
        match entry {
            Entry::Always => Some(true),
            Entry::When(condition) => self.holds(condition),
            Entry::Over(value) => (self.decides_here() && self.has_something(value)).then_some(true),
            Entry::Unknown => None,
        }
    }

    /// What a loop gives at each turn, where all of that is known and is not much.
    pub fn turns(&self, entry: &Entry) -> Option<Vec<V>> {
        let Entry::Over(value) = entry else {
            return None;
        };
        if !self.decides_here() || self.doubt == Doubt::All {
            return None;
        }
        self.elements(value)
            .filter(|turns| i64::try_from(turns.len()).is_ok_and(|turns| turns <= MOST_TURNS))
    }

    /// What is in a list, tuple, set or dictionary, where all of it is known and nothing has changed it.
    pub fn known_parts(&self, value: &Value) -> Option<Vec<V>> {
        if self.decides_here() {
            self.elements(value)
        } else {
            None
        }
    }

    /// What going through a value gives.
    fn elements(&self, value: &Value) -> Option<Vec<V>> {
        if let Value::List(parts) = value {
            let mut elements = Vec::with_capacity(parts.len());
            for part in parts {
                match part {
                    Value::Unpacked(inner) => elements.extend(self.elements(inner)?),
                    part => elements.push(self.certain(part)?),
                }
            }
            return Some(elements);
        }
        if let Value::Or(values) = value {
            let (last, rest) = values.split_last()?;
            for value in rest {
                if self.holds(&Condition::True(value.clone()))? {
                    return self.elements(value);
                }
            }
            return self.elements(last);
        }
        if let Value::Dict(items) = value {
            return items.is_empty().then(Vec::new);
        }
        if let Some(elements) = self
            .elements_given_on(value)
            .or_else(|| self.elements_side_by_side(value))
            .or_else(|| self.folders_above(value))
            .or_else(|| self.views(value))
        {
            return Some(elements);
        }
        match (value, self.certain(value)?) {
            (_, V::List(parts)) if self.changed_lists.contains(&parts) => None,
            (Value::Call(_) | Value::Subscript(..), V::List(parts)) => Some(parts),
            (_, V::Range(start, end)) if end.saturating_sub(start) <= MOST_TURNS => {
                Some((start..end).map(V::Int).collect())
            }
            (Value::Name(name) | Value::Attribute(_, name), V::List(parts)) => {
                let here = self.here();
                let kept = self
                    .source(here)
                    .is_some_and(|source| self.keeps_its_length(source.name(*name)));
                kept.then_some(parts)
            }
            (_, data @ (V::Mapping(_) | V::Sequence(_))) => self.turns_of(&data),
            (_, V::Str(text)) => Some(text.chars().map(|letter| V::Str(letter.to_string())).collect()),
            _ => None,
        }
        .filter(|parts| !parts.contains(&V::Unknown))
    }

    /// What `path.parents` gives, of a path that is known to its root.
    fn folders_above(&self, value: &Value) -> Option<Vec<V>> {
        let Value::Attribute(path, name) = value else {
            return None;
        };
        if self.source(self.here())?.name(*name) != "parents" {
            return None;
        }
        let Some(V::Path(path)) = self
            .certain(path)
            .filter(|path| path.text().is_some_and(|path| path.starts_with('/')))
        else {
            return None;
        };
        let above = std::iter::successors(Some(path), |path| Some(parent(path)).filter(|above| above != path));
        Some(above.skip(1).map(V::Path).collect())
    }

    /// What `dictionary.items()`, `.keys()` and `.values()` give, and the dictionary itself, where nobody has changed it.
    fn views(&self, value: &Value) -> Option<Vec<V>> {
        let (dictionary, view) = match value {
            Value::Call(call) => {
                let source = self.source(self.here())?;
                let call = source.calls.get(*call as usize)?;
                let (Value::Attribute(dictionary, view), true) = (&call.callee, call.arguments.is_empty()) else {
                    return None;
                };
                (&**dictionary, source.name(*view))
            }
            dictionary => (dictionary, "keys"),
        };
        let items = match self.as_dictionary(self.certain(dictionary)?) {
            V::Dict(items) if items.is_empty() || self.keeps_items(dictionary) => items.to_vec(),
            mapping @ V::Mapping(_) => self.whole_items(&mapping)?,
            _ => return None,
        };
        let part = |(key, value): &(V, V)| match view {
            "items" => Some(V::List(vec![key.clone(), value.clone()])),
            "keys" => Some(key.clone()),
            "values" => Some(value.clone()),
            _ => None,
        };
        items.iter().map(part).collect()
    }

    /// The function by which a loop goes through a value, `enumerate(value)`, and the value.
    pub fn passed_on_by(&self, value: &Value) -> Option<(String, &'a Value)> {
        let Value::Call(call) = value else {
            return None;
        };
        let call = self.source(self.here())?.calls.get(*call as usize)?;
        match (
            &*call.arguments,
            call.keywords.is_empty(),
            &call.spread,
            self.evaluate(&call.callee),
        ) {
            ([argument], true, None, V::Outside(name)) if PASSED_ON.contains(&name.as_str()) => Some((name, argument)),
            _ => None,
        }
    }

    /// What `enumerate(value)`, `sorted(value)` and their like give.
    fn elements_given_on(&self, value: &Value) -> Option<Vec<V>> {
        let (name, argument) = self.passed_on_by(value)?;
        match name.as_str() {
            "builtins.list" | "builtins.tuple" => self.elements(argument),
            "builtins.enumerate" => {
                let numbered = (0..).zip(self.elements(argument)?);
                Some(numbered.map(|(at, part)| V::List(vec![V::Int(at), part])).collect())
            }
            "builtins.sorted" => fold::sorted(self.elements(argument)?),
            _ => None,
        }
    }

    /// What `zip(values, others)` gives.
    fn elements_side_by_side(&self, value: &Value) -> Option<Vec<V>> {
        let Value::Call(call) = value else {
            return None;
        };
        let call = self.source(self.here())?.calls.get(*call as usize)?;
        let plain = call.keywords.is_empty() && call.spread.is_none() && !call.arguments.is_empty();
        if !plain || self.certain(&call.callee)? != V::Outside("builtins.zip".to_owned()) {
            return None;
        }
        let columns: Vec<Vec<V>> = call
            .arguments
            .iter()
            .map(|column| self.elements(column))
            .collect::<Option<_>>()?;
        let length = columns.iter().map(Vec::len).min()?;
        let row = |at: usize| V::List(columns.iter().filter_map(|column| column.get(at).cloned()).collect());
        Some((0..length).map(row).collect())
    }

    /// Whether values are what they were when they were stored: another turn of a loop may see others, and what is only looked
    /// at for the names that it binds sees none of them.
    pub fn decides_here(&self) -> bool {
        self.loops == 0 && self.silent == 0
    }

    /// Whether a condition holds here, where that is known.
    pub fn holds(&self, condition: &Condition) -> Option<bool> {
        if !self.decides_here() {
            return None;
        }
        match condition {
            Condition::True(value) => match self.certain(value)? {
                V::List(parts) if self.keeps_its_parts(value, &parts) => Some(!parts.is_empty()),
                known => self.truth(&known),
            },
            Condition::None(value) => is_none(&self.certain(value)?),
            Condition::Is(value, wanted) => match self.certain(value)? {
                V::Bool(known) => Some(known == *wanted),
                other => kind(&other).map(|_| false),
            },
            Condition::Equal(both) => equal(&self.certain(&both.0)?, &self.certain(&both.1)?),
            Condition::In(both) => {
                let (item, container) = &**both;
                let item = self.certain(item)?;
                if let Some(found) = self.is_given_word(container, &item) {
                    return Some(found);
                }
                if let (V::Outside(name), V::Str(variable)) = (self.evaluate(container), &item)
                    && name == "os.environ"
                {
                    return self.has_variable(variable);
                }
                match self.as_dictionary(self.certain(container)?) {
                    // One that has a name may have been changed.
                    V::List(values) if container.is_literal() || self.keeps_its_parts(container, &values) => {
                        let mut all_known = true;
                        let found = values.iter().any(|value| {
                            let same = equal(&item, value);
                            all_known &= same.is_some();
                            same == Some(true)
                        });
                        (found || all_known).then_some(found)
                    }
                    V::Dict(items) if items.is_empty() => Some(false),
                    V::Str(text) => item.text().map(|part| text.contains(part)),
                    data @ V::Mapping(_) => self.has_part(&data, &item),
                    data @ V::Sequence(_) => {
                        let parts = self.turns_of(&data)?;
                        let same: Vec<Option<bool>> = parts.iter().map(|part| equal(&item, part)).collect();
                        let found = same.contains(&Some(true));
                        (found || same.iter().all(Option::is_some)).then_some(found)
                    }
                    _ => None,
                }
            }
            Condition::Order(comparison, both) => {
                fold::ordered(*comparison, &self.certain(&both.0)?, &self.certain(&both.1)?)
            }
            Condition::Mapping(value) => is_mapping(&self.certain(value)?),
            Condition::Sequence(value) => is_sequence(&self.certain(value)?),
            Condition::Instance(both) => {
                let class = self.evaluate(&both.1);
                self.is_instance(&self.certain(&both.0)?, &class)
            }
            Condition::Words(comparison, number) => {
                Some(comparison.holds(self.number_of_words()?, usize::from(*number)))
            }
            Condition::Not(condition) => self.holds(condition).map(|holds| !holds),
            Condition::All(conditions) => self.joined_by(conditions, false),
            Condition::Any(conditions) => self.joined_by(conditions, true),
            Condition::Unknown => None,
        }
    }

    /// Whether a list that has a name is what it was when it got it.
    pub fn keeps_its_parts(&self, value: &Value, parts: &[V]) -> bool {
        let (Value::Name(name) | Value::Attribute(_, name)) = value else {
            return false;
        };
        let kept = || {
            let source = self.source(self.here());
            source.is_some_and(|source| self.keeps_its_length(source.name(*name)))
        };
        !self.changed_lists.contains(parts) && kept()
    }

    /// The result of conditions one of which decides when it is `decisive`.
    fn joined_by(&self, conditions: &[Condition], decisive: bool) -> Option<bool> {
        let mut all_known = true;
        for condition in conditions {
            match self.holds(condition) {
                Some(result) if result == decisive => return Some(decisive),
                Some(_) => {}
                None => all_known = false,
            }
        }
        all_known.then_some(!decisive)
    }

    /// Whether a value is true. Lists and dictionaries may have been changed.
    pub fn truth(&self, value: &V) -> Option<bool> {
        match value {
            V::None => Some(false),
            V::Bool(known) => Some(*known),
            V::Int(number) => Some(*number != 0),
            V::Float(number) => Some(*number != 0.0),
            V::Str(text) => Some(!text.is_empty()),
            V::Mapping(_) | V::Sequence(_) => self.is_filled(value),
            V::Range(start, end) => Some(start < end),
            V::Outside(name) if name == ALL_WORDS => Some(!self.flags_given().is_empty()),
            V::Outside(name) => object_class(name)
                .and_then(may_be_false)
                .map(|may| !may)
                .filter(|known| *known),
            V::Path(_)
            | V::Pattern(_)
            | V::Found(_)
            | V::Module(_)
            | V::Class(..)
            | V::Function(..)
            | V::Closure(_)
            | V::Partial(_)
            | V::Method(..)
            | V::Zmq(_)
            | V::Socket(_)
            | V::Thread(_)
            | V::Parser(_)
            | V::Parsed(_)
            | V::Coroutine(_)
            | V::Generator { .. }
            | V::Manager(_) => Some(true),
            V::Instance(id) => {
                let object = self.objects.get(*id)?;
                let lacks = |name| matches!(self.find_method(object.module, object.class, name), Lookup::NotThere);
                (lacks("__bool__") && lacks("__len__")).then_some(true)
            }
            _ => None,
        }
    }

    /// Whether going through a value surely gives something.
    fn has_something(&self, value: &Value) -> bool {
        match value {
            Value::List(parts) => parts.iter().any(|part| !matches!(part, Value::Unpacked(_))),
            Value::Str(text) => !text.is_empty(),
            Value::Dict(items) => items.iter().any(|(key, _)| !matches!(key, Value::Unpacked(_))),
            Value::Name(name) | Value::Attribute(_, name) => {
                let full = match self.certain(value) {
                    Some(V::List(parts)) => !parts.is_empty(),
                    Some(V::Dict(items)) => !items.is_empty(),
                    Some(V::Str(text)) => return !text.is_empty(),
                    Some(data @ (V::Mapping(_) | V::Sequence(_))) => return self.is_filled(&data) == Some(true),
                    _ => false,
                };
                let here = self.here();
                full && self
                    .source(here)
                    .is_some_and(|source| !self.is_taken_from(source.name(*name)))
            }
            Value::Call(call) => {
                let here = self.here();
                let Some(call) = self.source(here).and_then(|source| source.calls.get(*call as usize)) else {
                    return false;
                };
                match (self.evaluate(&call.callee), &*call.arguments) {
                    (V::Outside(name), [count]) if name == "builtins.range" => {
                        matches!(self.certain(count), Some(V::Int(count)) if count > 0)
                    }
                    (V::Outside(name), [inner, ..])
                        if matches!(
                            name.as_str(),
                            "builtins.enumerate"
                                | "builtins.sorted"
                                | "builtins.reversed"
                                | "builtins.list"
                                | "builtins.tuple"
                                | "builtins.set"
                        ) =>
                    {
                        self.has_something(inner)
                    }
                    (V::Bound(..), []) => match &call.callee {
                        Value::Attribute(object, method) => {
                            let views = self
                                .source(here)
                                .is_some_and(|source| matches!(source.name(*method), "items" | "keys" | "values"));
                            views && self.has_something(object)
                        }
                        _ => false,
                    },
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// Whether a dictionary still has the items with which it was written, as far as its name is the way to change them.
    pub fn keeps_items(&self, dictionary: &Value) -> bool {
        let (Value::Name(name) | Value::Attribute(_, name)) = dictionary else {
            return matches!(dictionary, Value::Dict(_)) && !dictionary.unpacks();
        };
        let here = self.here();
        let Some(name) = self.source(here).map(|source| source.name(*name)) else {
            return false;
        };
        let changes = self.changes_of(name);
        !changes.filled && !changes.removed
    }

    /// Whether no module that has run changes what has that name.
    pub fn keeps_its_length(&self, name: &str) -> bool {
        let changes = self.changes_of(name);
        !changes.added && !changes.filled && !changes.removed
    }

    /// Whether a module that has run takes something out of what has that name.
    fn is_taken_from(&self, name: &str) -> bool {
        self.changes_of(name).removed
    }
}

/// Whether a pattern of a mapping may fit.
fn is_mapping(value: &V) -> Option<bool> {
    match value {
        V::Mapping(_) | V::Dict(_) => Some(true),
        value => kind(value).map(|_| false),
    }
}

/// Whether a pattern of a sequence may fit: what is written in brackets may be a set.
fn is_sequence(value: &V) -> Option<bool> {
    match value {
        V::Sequence(_) => Some(true),
        V::List(_) => None,
        value => kind(value).map(|_| false),
    }
}

fn is_none(value: &V) -> Option<bool> {
    match value {
        V::None => Some(true),
        V::Outside(name) if name == ALL_WORDS || object_class(name).is_some() => Some(false),
        V::Unknown | V::Outside(_) | V::Bound(..) | V::Super(..) => None,
        _ => Some(false),
    }
}

/// Whether two values are the same, where both are simple.
pub fn equal(left: &V, right: &V) -> Option<bool> {
    let simple = |value: &V| matches!(value, V::None | V::Bool(_) | V::Int(_) | V::Str(_) | V::Path(_));
    fold::same_number(left, right).or_else(|| (simple(left) && simple(right)).then(|| left == right))
}
