//! Lists and dictionaries: what is in them, for as long as every change is seen.

use std::sync::Arc;

use pysrc::{Module, StoreItem, Value};

use super::arguments::Arguments;
use super::condition::equal;
use super::content::{Content, Data, Holder};
use super::document::Document;
use super::mutation::{Changes, How};
use super::operator::Problem;
use super::value::{ModuleId, V};
use super::walk::Walker;
use crate::stack::near::nearest;

/// Whether a value is the list of folders that modules are searched in.
pub fn is_search_path(value: &V) -> bool {
    matches!(value, V::Outside(name) if name == "sys.path")
}

impl Walker<'_> {
    /// A new value, as reading the file makes it.
    pub fn made_of(&mut self, document: &Document, path: Option<&Arc<str>>) -> V {
        let content = match document {
            Document::Scalar(value) => return value.clone(),
            Document::Mapping(items) => {
                let items = items.iter();
                let items = items.map(|(key, value)| (key.clone(), self.made_of(value, path)));
                Content::Mapping(items.collect())
            }
            Document::Sequence(items) => Content::Sequence(items.iter().map(|item| self.made_of(item, path)).collect()),
        };
        self.new_data(content, path.cloned())
    }

    /// A new list or dictionary.
    pub fn new_data(&mut self, content: Content, path: Option<Arc<str>>) -> V {
        let value: fn(usize) -> V = match content {
            Content::Mapping(_) => V::Mapping,
            Content::Sequence(_) => V::Sequence,
        };
        let made = Data {
            content,
            path,
            opened: false,
            holders: Vec::new(),
        };
        let id = self.shared.number();
        self.data.insert(id, made);
        value(id)
    }

    /// A dictionary that is written out, where it gets a name; not known where what is unpacked in it is not.
    pub fn written(&mut self, items: &[(Value, Value)]) -> V {
        let (mut all, mut known) = (Vec::with_capacity(items.len()), true);
        for (key, value) in items {
            if let Value::Unpacked(of) = key {
                match self.certain(of).and_then(|of| self.whole(&of)) {
                    Some(items) => all.extend(items),
                    None => {
                        let of = self.evaluate(of);
                        self.open_parts(&of);
                        known = false;
                    }
                }
                continue;
            }
            let key = self.certain(key).unwrap_or(V::Unknown);
            let value = match value {
                Value::Dict(items) => self.written(items),
                value => self.sure_or_unknown(value),
            };
            all.push((key, value));
        }
        if known {
            return self.mapping(all);
        }
        all.iter().for_each(|(_, value)| self.open_data(value));
        V::Unknown
    }

    /// A new list that is empty, where it gets a name: what is added to it is seen.
    pub fn new_sequence(&mut self) -> V {
        self.new_data(Content::Sequence(Vec::new()), None)
    }

    /// One that was written out in a larger expression, and gets a name.
    pub fn named(&mut self, items: &[(V, V)]) -> V {
        let items = items.iter();
        let items = items
            .map(|(key, value)| (key.clone(), self.kept_apart(value.clone())))
            .collect();
        self.new_mapping(items)
    }

    /// A value that gets a name: what was written out as part of it is from now on changed wherever it is changed.
    pub fn kept_apart(&mut self, value: V) -> V {
        match value {
            V::Dict(items) => self.named(&items),
            V::List(parts) if parts.iter().any(|part| part.closure().is_some()) => {
                parts
                    .iter()
                    .filter(|part| part.closure().is_some())
                    .for_each(|part| self.open_object(part));
                V::List(parts)
            }
            V::List(parts) if parts.iter().any(|part| matches!(part, V::Dict(_) | V::List(_))) => {
                V::List(parts.into_iter().map(|part| self.kept_apart(part)).collect())
            }
            value => value,
        }
    }

    /// A new dictionary of these items, the last of each key.
    pub fn mapping(&mut self, items: Vec<(V, V)>) -> V {
        let mut kept = Vec::with_capacity(items.len());
        for (key, value) in items {
            put(&mut kept, key, value);
        }
        self.new_mapping(kept)
    }

    pub fn new_mapping(&mut self, items: Vec<(V, V)>) -> V {
        self.new_data(Content::Mapping(items), None)
    }

    /// What an expression surely is. What is in it otherwise has another name from now on.
    fn sure_or_unknown(&mut self, value: &Value) -> V {
        let known = self.certain(value).map(|known| self.kept_apart(known));
        // Whoever looks it up may call it.
        if let Some(function) = known.as_ref().filter(|known| known.closure().is_some()) {
            self.open_object(function);
        }
        known.unwrap_or_else(|| {
            let maybe = self.evaluate(value);
            self.open_data(&maybe);
            self.lose(value);
            V::Unknown
        })
    }

    /// `dict(…)`.
    pub fn copied(&mut self, positional: &[V], named: &[(String, V)]) -> Option<V> {
        let mut items = match positional {
            [] => Vec::new(),
            [of] => self.items_of(of)?,
            _ => return None,
        };
        for (name, value) in named {
            put(&mut items, V::Str(name.clone()), value.clone());
        }
        Some(self.new_mapping(items))
    }

    /// Keys and values of a dictionary that is known.
    pub fn items_of(&self, value: &V) -> Option<Vec<(V, V)>> {
        match value {
            V::Dict(items) => Some(items.to_vec()),
            V::Mapping(_) => match &self.kept(value)?.content {
                Content::Mapping(items) => Some(items.clone()),
                Content::Sequence(_) => None,
            },
            _ => None,
        }
    }

    /// The same, where no other keys may be there.
    pub fn whole_items(&self, value: &V) -> Option<Vec<(V, V)>> {
        self.whole(value)
    }

    fn whole(&self, value: &V) -> Option<Vec<(V, V)>> {
        self.items_of(value)
            .filter(|items| items.iter().all(|(key, _)| *key != V::Unknown))
    }

    /// What going through it gives.
    pub fn turns_of(&self, value: &V) -> Option<Vec<V>> {
        Some(match &self.kept(value)?.content {
            Content::Mapping(items) => items.iter().map(|(key, _)| key.clone()).collect(),
            Content::Sequence(items) => items.clone(),
        })
    }

    /// `object[key] = value`.
    pub fn store_item(&mut self, item: &StoreItem) {
        let object = self.as_dictionary(self.evaluate(&item.object));
        self.search_path.rearranged |= is_search_path(&object);
        let key = self.certain(&item.key);
        let value = match &item.value {
            Some(Value::Dict(items)) => self.written(items),
            Some(value) => self.sure_or_unknown(value),
            None => V::Unknown,
        };
        self.put_into(&object, &value);
        let (known, sure) = (self.certain(&item.object).is_some(), self.is_sure_way());
        match (object, key) {
            (V::Mapping(id), Some(key)) if known => {
                if let Some(Data {
                    content: Content::Mapping(items),
                    ..
                }) = self.data.get_mut(id)
                {
                    match sure {
                        true => put(items, key, value),
                        false => {
                            may_put(items, &key);
                            self.open_data(&value);
                        }
                    }
                }
            }
            (object, _) => {
                self.open_data(&object);
                self.open_data(&value);
                self.open_source(&item.object);
            }
        }
    }

    /// What `holder.get(key)` gave is not known, and changes: it may be anything that the holder has.
    fn open_source(&mut self, object: &Value) {
        let Value::Call(call) = object else {
            return;
        };
        let source = self.source(self.here());
        let callee = source
            .and_then(|source| source.calls.get(*call as usize))
            .map(|call| &call.callee);
        if let Some(Value::Attribute(holder, _)) = callee {
            let holder = self.evaluate(holder);
            self.open_data(&holder);
        }
    }

    /// What is in it, where every change was seen.
    pub fn kept(&self, value: &V) -> Option<&Data> {
        let (V::Mapping(id) | V::Sequence(id)) = value else {
            return None;
        };
        let data = self.data.get(*id).filter(|data| !data.opened)?;
        let filled = data.holders.iter().any(|holder| self.is_changed_by(holder));
        (!filled && !self.fills_others()).then_some(data)
    }

    /// Whether anything that is not followed may change what a variable holds by way of the variable.
    fn is_changed_by(&self, holder: &Holder) -> bool {
        let anywhere = |name: &str, plain: bool| {
            let changes = self.changes_of(name);
            let mut within = changes.within.iter().filter(|change| plain || !change.plain);
            within.any(|change| self.runs_unseen(change.module, change.function))
                || self.is_changed_beside(&changes, &|how| how == How::Attribute || plain && how == How::Named)
        };
        match holder {
            Holder::Local(module, function, name) => self.source(*module).is_some_and(|source| {
                let mut fills = source.filled.iter().filter(|fill| fill.plain && fill.name == *name);
                fills.any(|fill| {
                    fill.function
                        .is_some_and(|inner| is_within(source, inner, *function) && self.runs_unseen(*module, inner))
                })
            }),
            Holder::Global(name) => anywhere(name, true),
            Holder::Result(function) => self.may_run_unseen(function),
            Holder::Attribute(name) => anywhere(name, false),
        }
    }

    /// Whether a function that may run unseen changes what has a name by another one.
    fn is_changed_beside(&self, changes: &Changes, counts: &dyn Fn(How) -> bool) -> bool {
        changes.beside.iter().any(|(module, function, how)| {
            let facts = self
                .source(*module)
                .and_then(|source| source.functions.get(*function as usize));
            counts(*how) && facts.is_none_or(|facts| self.may_run_unseen(&facts.name))
        })
    }

    /// Whether a function that may run unseen gives something other than its own object an attribute of that name.
    pub fn is_set_beside(&self, name: &str) -> bool {
        self.changes_of(name).beside.iter().any(|(module, function, how)| {
            let facts = self
                .source(*module)
                .and_then(|source| source.functions.get(*function as usize));
            // What makes objects is about a new one.
            let other = |facts: &pysrc::Function| &*facts.name != "__new__" && self.may_run_unseen(&facts.name);
            *how == How::Sets && facts.is_none_or(other)
        })
    }

    /// Whether a function may be called where that is not followed.
    fn runs_unseen(&self, module: ModuleId, function: u32) -> bool {
        let facts = self
            .source(module)
            .and_then(|source| source.functions.get(function as usize));
        !self.followed.contains(&(module, function)) || facts.is_none_or(|facts| self.may_run_unseen(&facts.name))
    }

    /// `value[key]`, where that is known.
    pub fn part(&self, value: &V, key: &V) -> Option<V> {
        match (&self.kept(value)?.content, key) {
            (Content::Mapping(items), key) => {
                let found = items.iter().find(|(known, _)| equal(known, key) == Some(true));
                found.map(|(_, value)| value.clone())
            }
            (Content::Sequence(items), V::Int(at)) => items.get(usize::try_from(*at).ok()?).cloned(),
            _ => None,
        }
    }

    /// `key in value`.
    pub fn has_part(&self, value: &V, key: &V) -> Option<bool> {
        let Content::Mapping(items) = &self.kept(value)?.content else {
            return None;
        };
        let same: Vec<Option<bool>> = items.iter().map(|(known, _)| equal(known, key)).collect();
        let all_known = same.iter().all(Option::is_some);
        (same.contains(&Some(true)) || all_known).then(|| same.contains(&Some(true)))
    }

    /// Whether there is anything in it.
    pub fn is_filled(&self, value: &V) -> Option<bool> {
        Some(match &self.kept(value)?.content {
            Content::Mapping(items) => !items.is_empty(),
            Content::Sequence(items) => !items.is_empty(),
        })
    }

    /// What a `**value` passes, and whether there may be more.
    pub fn passed_by_name(&self, value: &V) -> Option<(Vec<(String, V)>, bool)> {
        let items = self.items_of(value).filter(|_| matches!(value, V::Mapping(_)))?;
        let all = items.len();
        let named: Vec<(String, V)> = items
            .into_iter()
            .filter_map(|(key, value)| match key {
                V::Str(key) => Some((key, value)),
                _ => None,
            })
            .collect();
        let more = named.len() < all;
        Some((named, more))
    }

    /// Why `value[key]` raises, and what may be meant.
    pub fn lacks_part(&self, value: &V, key: &V) -> Option<(Problem, Option<String>)> {
        let data = self.kept(value)?;
        match (&data.content, key) {
            (Content::Mapping(items), V::Str(name)) if self.has_part(value, key) == Some(false) => {
                let message = match &data.path {
                    Some(path) => format!("KeyError: '{name}': `{path}` has no such key there"),
                    None => format!("KeyError: '{name}'"),
                };
                let keys = items.iter().filter_map(|(key, _)| key.text());
                let help = nearest(name, keys).map(|near| format!("did you mean `{near}`?"));
                Some((("KeyError", message), help))
            }
            (Content::Sequence(_), V::Str(_)) => {
                let mut message = "list indices must be integers or slices, not str".to_owned();
                if let Some(path) = &data.path {
                    message += &format!(": `{path}` has a list there");
                }
                Some((("TypeError", message), None))
            }
            (Content::Sequence(items), V::Int(at)) => {
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let mut message = "list index out of range".to_owned();
                if let Some(path) = &data.path {
                    message += &format!(": `{path}` has {length} items there");
                }
                (*at >= length || *at < -length).then_some((("IndexError", message), None))
            }
            _ => None,
        }
    }

    /// Something that is not followed got it: it may be changed.
    pub fn open_data(&mut self, value: &V) {
        match value {
            V::Mapping(id) | V::Sequence(id) => {
                if let Some(data) = self.data.get_mut(*id).filter(|data| !data.opened) {
                    data.opened = true;
                    self.open_parts(value);
                }
            }
            V::List(parts) => {
                self.changes(parts);
                self.open_parts(value);
            }
            _ => {}
        }
    }

    /// A list of these parts may have got others: by whatever name, it is not known any more.
    pub fn changes(&mut self, parts: &[V]) {
        self.changed_lists.add(parts);
    }

    /// What is in it got names that are not followed.
    pub fn open_parts(&mut self, value: &V) {
        let parts: Vec<V> = match value {
            V::List(parts) => parts.clone(),
            V::Mapping(id) | V::Sequence(id) => match self.data.get(*id).map(|data| &data.content) {
                Some(Content::Mapping(items)) => items.iter().map(|(_, value)| value.clone()).collect(),
                Some(Content::Sequence(items)) => items.clone(),
                None => return,
            },
            _ => return,
        };
        for part in parts {
            self.open_data(&part);
            self.put_away(&part);
        }
    }

    /// An expression gave something that is not known: it may be what is in a value that is known.
    pub fn lose(&mut self, value: &Value) {
        match value {
            Value::Subscript(object, key) => match self.evaluate(object) {
                V::Unknown => self.lose(object),
                // Its method was followed, and lost what it gave.
                V::Instance(id) if self.given_item(id, &self.evaluate(key)).is_some() => {}
                // What it gives is its methods' to say.
                object @ V::Instance(_) => self.open_object(&object),
                known => {
                    self.open_parts(&known);
                    self.lose_parts(&known);
                }
            },
            Value::Or(values) | Value::Either(values) => values.iter().for_each(|value| self.lose_one(value)),
            Value::Choice(choice) => [&choice.yes, &choice.no]
                .into_iter()
                .for_each(|value| self.lose_one(value)),
            Value::Binary(_, left, right) => [left, right].into_iter().for_each(|value| self.lose_one(value)),
            _ => {}
        }
    }

    /// It may be this.
    fn lose_one(&mut self, value: &Value) {
        match self.evaluate(value) {
            V::Unknown => self.lose(value),
            known => {
                self.open_data(&known);
                self.open_object(&known);
            }
        }
    }

    /// It may be any part of this.
    fn lose_parts(&mut self, of: &V) {
        let parts: Vec<V> = match of {
            V::List(parts) => parts.clone(),
            V::Dict(items) => items.iter().map(|(_, value)| value.clone()).collect(),
            V::Mapping(id) | V::Sequence(id) => match self.data.get(*id).map(|data| &data.content) {
                Some(Content::Mapping(items)) => items.iter().map(|(_, value)| value.clone()).collect(),
                Some(Content::Sequence(items)) => items.clone(),
                None => return,
            },
            _ => return,
        };
        parts.iter().for_each(|part| self.open_object(part));
    }

    /// A variable gets a value.
    pub fn hold(&mut self, value: &V, holder: &Holder) {
        match value {
            V::Mapping(id) | V::Sequence(id) => {
                if let Some(data) = self.data.get_mut(*id)
                    && !data.holders.contains(holder)
                {
                    data.holders.push(holder.clone());
                }
            }
            V::List(values) => values.iter().for_each(|value| self.hold(value, holder)),
            V::Dict(items) => items.iter().for_each(|(_, value)| self.hold(value, holder)),
            _ => {}
        }
    }

    /// What a method of it gives, and whether that is sure.
    pub fn data_method(&mut self, object: &V, method: &str, arguments: &Arguments) -> (V, bool) {
        let given = arguments.positional.as_slice();
        let plain = !arguments.open && arguments.sure;
        match (object, method, given) {
            (V::Mapping(_), "get", [key, rest @ ..]) if rest.len() < 2 => match self.has_part(object, key) {
                Some(true) => (self.part(object, key).unwrap_or(V::Unknown), true),
                Some(false) => (rest.first().cloned().unwrap_or(V::None), true),
                None => {
                    self.open_parts(object);
                    (V::Unknown, false)
                }
            },
            (V::Mapping(_), "update", [] | [_]) if plain && self.sure && self.is_sure_way() => {
                let more = match given {
                    [of] => self.whole(of),
                    _ => Some(Vec::new()),
                };
                let named = arguments
                    .named
                    .iter()
                    .map(|(name, value)| (V::Str(name.clone()), value.clone()));
                match more {
                    Some(more) => self.put_all(object, more.into_iter().chain(named)),
                    None => {
                        self.open_data(object);
                        self.escape(arguments);
                    }
                }
                (V::None, true)
            }
            (V::Sequence(id), "append", [value]) if plain && self.sure && self.is_sure_way() => {
                let value = self.kept_apart(value.clone());
                self.put_into(object, &value);
                if let Some(Data {
                    content: Content::Sequence(items),
                    ..
                }) = self.data.get_mut(*id)
                {
                    items.push(value);
                }
                (V::None, true)
            }
            (V::Mapping(_), "setdefault", [key, value]) if plain && self.sure && self.is_sure_way() => {
                match self.has_part(object, key) {
                    Some(true) => (self.part(object, key).unwrap_or(V::Unknown), true),
                    Some(false) => {
                        self.put_all(object, [(key.clone(), value.clone())]);
                        (value.clone(), true)
                    }
                    None => {
                        self.open_data(object);
                        self.escape(arguments);
                        (V::Unknown, false)
                    }
                }
            }
            (V::Mapping(_), "pop", [key, rest @ ..]) if rest.len() < 2 && plain && self.is_sure_way() => {
                match self.has_part(object, key) {
                    Some(true) => {
                        let value = self.part(object, key).unwrap_or(V::Unknown);
                        self.take_out(object, key);
                        (value, true)
                    }
                    Some(false) if !rest.is_empty() => (rest.first().cloned().unwrap_or(V::None), true),
                    _ => {
                        self.open_data(object);
                        (V::Unknown, false)
                    }
                }
            }
            (V::Mapping(_), "items", []) if let Some(items) = self.whole(object) => {
                let pairs = items.into_iter().map(|(key, value)| V::List(vec![key, value]));
                (V::List(pairs.collect()), true)
            }
            (V::Mapping(_), "values", []) if let Some(items) = self.whole(object) => {
                (V::List(items.into_iter().map(|(_, value)| value).collect()), true)
            }
            (V::Mapping(_), "keys", []) if let Some(items) = self.whole(object) => {
                (V::List(items.into_iter().map(|(key, _)| key).collect()), true)
            }
            (V::Mapping(_), "copy", []) if let Some(items) = self.items_of(object) => (self.new_mapping(items), true),
            (_, "keys" | "index" | "count", _) => (V::Unknown, false),
            (_, "get" | "items" | "values" | "copy", _) => {
                self.open_parts(object);
                (V::Unknown, false)
            }
            _ => {
                self.open_data(object);
                self.escape(arguments);
                (V::Unknown, false)
            }
        }
    }

    fn put_all(&mut self, object: &V, more: impl IntoIterator<Item = (V, V)>) {
        if let V::Mapping(id) = object
            && let Some(Data {
                content: Content::Mapping(items),
                ..
            }) = self.data.get_mut(*id)
        {
            for (key, value) in more {
                put(items, key, value);
            }
        }
    }

    fn take_out(&mut self, object: &V, key: &V) {
        if let V::Mapping(id) = object
            && let Some(Data {
                content: Content::Mapping(items),
                ..
            }) = self.data.get_mut(*id)
        {
            items.retain(|(known, _)| equal(known, key) != Some(true));
        }
    }

    /// Whether what runs here surely runs, once.
    pub fn is_sure_way(&self) -> bool {
        self.maybe == 0 && self.loops == 0 && self.silent == 0 && !self.skipping
    }
}

/// Sets an item.
fn put(items: &mut Vec<(V, V)>, key: V, value: V) {
    match items.iter_mut().find(|(known, _)| equal(known, &key) == Some(true)) {
        Some(item) => item.1 = value,
        None => items.push((key, value)),
    }
}

/// Sets an item on a way that may not be taken.
fn may_put(items: &mut Vec<(V, V)>, key: &V) {
    for (known, value) in items.iter_mut() {
        if equal(known, key) != Some(false) {
            *value = V::Unknown;
        }
    }
    items.push((V::Unknown, V::Unknown));
}

/// Whether a function is another one, or stands in it.
fn is_within(source: &Module, inner: u32, outer: u32) -> bool {
    let mut at = Some(inner);
    while let Some(function) = at {
        if function == outer {
            return true;
        }
        at = source.functions.get(function as usize).and_then(|facts| facts.outer);
    }
    false
}
