//! What an agent answers those who ask how it is doing, as far as its code says: the words that mean that it is well.

use contract::health::HEALTHY_STATUSES;
use pysrc::{Function, Leave, Module, Step, Value};

use crate::python::steps;

/// Deepest value or call that is looked into.
const DEEPEST: usize = 6;

/// Longest word, in bytes.
const LONGEST: usize = 40;

/// Values of `status` of one that is not well, or did not understand.
const UNWELL: &[&str] = &[
    "bad_request",
    "critical",
    "dead",
    "down",
    "error",
    "fail",
    "failed",
    "failure",
    "false",
    "invalid",
    "not_found",
    "offline",
    "stopped",
    "unavailable",
    "unhealthy",
    "unknown",
    "unknown_action",
];

/// Keys whose values say who answers, not how it is doing.
const NAMES: &[&str] = &[
    "action",
    "agent",
    "agent_name",
    "command",
    "host",
    "message",
    "name",
    "service",
    "type",
    "version",
];

/// A dictionary that is written out, with the function in which it stands.
type Dictionary<'m> = (&'m [(Value, Value)], Option<&'m Function>);

/// Values of a reply, or of a part of one.
#[derive(Debug, Default)]
struct Replies<'m> {
    dicts: Vec<Dictionary<'m>>,
    texts: Vec<&'m str>,
    /// One is not known.
    open: bool,
}

/// The words of the replies that these steps of a function give: empty where they are the usual ones, nothing where they are not known.
#[must_use]
pub fn of_steps(source: &Module, function: Option<&Function>, body: &[Step]) -> Option<Vec<String>> {
    let mut replies = Replies::default();
    replies.take_body(source, function, body, 0);
    if replies.is_empty() {
        // What is sent further on.
        for step in body {
            if let Step::Store { value: Some(value), .. } = step
                && matches!(**value, Value::Dict(_) | Value::Call(_))
            {
                replies.take(source, function, value, 0);
            }
        }
    }
    replies.words()
}

/// The same of a value that is the reply, as one of two that are chosen from.
#[must_use]
pub fn of_value(source: &Module, function: Option<&Function>, value: &Value) -> Option<Vec<String>> {
    let mut replies = Replies::default();
    replies.take(source, function, value, 0);
    replies.words()
}

impl<'m> Replies<'m> {
    fn is_empty(&self) -> bool {
        self.dicts.is_empty() && self.texts.is_empty() && !self.open
    }

    /// What is returned or sent, but for what answers an exception.
    fn take_body(&mut self, source: &'m Module, function: Option<&'m Function>, body: &'m [Step], depth: usize) {
        if depth > DEEPEST {
            self.open = true;
            return;
        }
        for step in body {
            match step {
                Step::Leave {
                    how: Leave::Return,
                    value: Some(value),
                    ..
                } => self.take(source, function, value, depth),
                Step::Call(call) => {
                    let Some(call) = source.calls.get(*call as usize) else {
                        continue;
                    };
                    if source.called(call).is_some_and(|name| name.starts_with("send")) {
                        let given = call.arguments.iter().next_back();
                        given
                            .into_iter()
                            .for_each(|value| self.take(source, function, value, depth));
                    }
                }
                Step::Try(tried) => {
                    self.take_body(source, function, &tried.body, depth + 1);
                    self.take_body(source, function, &tried.orelse, depth + 1);
                }
                step => steps::inner(step, &mut |body| self.take_body(source, function, body, depth + 1)),
            }
        }
    }

    fn take(&mut self, source: &'m Module, function: Option<&'m Function>, value: &'m Value, depth: usize) {
        if depth > DEEPEST {
            self.open = true;
            return;
        }
        match value {
            Value::None => {}
            Value::Dict(entries) => self.dicts.push((entries, function)),
            Value::Str(text) => self.texts.push(text),
            Value::List(frames) => frames
                .iter()
                .for_each(|frame| self.take(source, function, frame, depth + 1)),
            Value::Choice(choice) => {
                self.take(source, function, &choice.yes, depth + 1);
                self.take(source, function, &choice.no, depth + 1);
            }
            Value::Name(name) => {
                let stored = function.map_or_else(Vec::new, |function| steps::stored(&function.body, *name));
                self.open |= stored.is_empty();
                for value in stored {
                    self.take(source, function, value, depth + 1);
                }
            }
            Value::Call(index) => self.take_call(source, function, *index, depth),
            _ => self.open = true,
        }
    }

    /// What a call gives: something wrapped, or what a function of the file returns.
    fn take_call(&mut self, source: &'m Module, function: Option<&'m Function>, index: u32, depth: usize) {
        let Some(call) = source.calls.get(index as usize) else {
            return;
        };
        let name = source.called(call).unwrap_or_default();
        let mut known = source.functions.iter().filter(|known| &*known.name == name);
        match (name, &call.callee, call.arguments.first()) {
            ("dumps" | "dump" | "packb" | "jsonify" | "bytes" | "str", _, Some(given)) => {
                self.take(source, function, given, depth + 1);
            }
            ("encode", Value::Attribute(object, _), _) => self.take(source, function, object, depth + 1),
            _ => match (known.next(), known.next()) {
                (Some(one), None) => self.take_body(source, Some(one), &one.body, depth + 1),
                _ => self.open = true,
            },
        }
    }

    fn words(&self) -> Option<Vec<String>> {
        let (mut usual, mut own): (Vec<String>, Vec<String>) = Default::default();
        let mut has_status = false;
        for (entries, function) in &self.dicts {
            let Some(status) = value_of(entries, "status") else {
                continue;
            };
            has_status = true;
            let mut statuses = Vec::new();
            if !texts_of(*function, status, 0, &mut statuses) {
                return None;
            }
            for status in statuses {
                let is = |known: &&&str| known.eq_ignore_ascii_case(status);
                let words = match HEALTHY_STATUSES.iter().find(is) {
                    Some(_) => &mut usual,
                    None if UNWELL.iter().any(|known| is(&known)) || status.len() > LONGEST => continue,
                    None => &mut own,
                };
                if !words.iter().any(|word| word == status) {
                    words.push(status.to_owned());
                }
            }
        }
        if has_status {
            return match (usual.is_empty(), own.is_empty()) {
                (_, false) => Some(usual.into_iter().chain(own).collect()),
                (false, true) => Some(Vec::new()),
                (true, true) => None,
            };
        }
        if self.open {
            return None;
        }
        match (self.dicts.as_slice(), self.texts.as_slice()) {
            ([(entries, _)], []) => own_word(entries).map(|word| vec![word]),
            ([], [text]) if is_word(text) => Some(vec![(*text).to_owned()]),
            _ => None,
        }
    }
}

/// The value of a key.
fn value_of<'v>(entries: &'v [(Value, Value)], wanted: &str) -> Option<&'v Value> {
    let mut entries = entries.iter();
    let found = entries.find(|(key, _)| matches!(key, Value::Str(key) if &**key == wanted));
    found.map(|(_, value)| value)
}

/// Texts that a value may be; whether all of them are known.
fn texts_of<'m>(function: Option<&'m Function>, value: &'m Value, depth: usize, found: &mut Vec<&'m str>) -> bool {
    if depth > DEEPEST {
        return false;
    }
    match value {
        Value::Str(text) => {
            found.push(text);
            true
        }
        Value::Choice(choice) => {
            let yes = texts_of(function, &choice.yes, depth + 1, found);
            texts_of(function, &choice.no, depth + 1, found) && yes
        }
        Value::Name(name) => {
            let stored = function.map_or_else(Vec::new, |function| steps::stored(&function.body, *name));
            let mut all = !stored.is_empty();
            for value in stored {
                all &= texts_of(function, value, depth + 1, found);
            }
            all
        }
        _ => false,
    }
}

/// What only a reply to those who ask for health has, of one without a `status`: the text of a value, or the name of a key.
fn own_word(entries: &[(Value, Value)]) -> Option<String> {
    if value_of(entries, "error").is_some() {
        return None;
    }
    let texts = entries.iter().filter_map(|(key, value)| match (key, value) {
        (Value::Str(key), Value::Str(text)) if !NAMES.contains(&&**key) && is_word(text) => Some(text.to_string()),
        _ => None,
    });
    let keys = entries.iter().filter_map(|(key, _)| match key {
        Value::Str(key) if !NAMES.contains(&&**key) && is_word(key) => Some(key.to_string()),
        _ => None,
    });
    let well = |text: &String| !UNWELL.iter().any(|known| known.eq_ignore_ascii_case(text));
    texts.chain(keys).find(well)
}

/// Whether a text is one that a reply can be known by: it stands in JSON as it is.
fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ';
    (2..=LONGEST).contains(&text.len()) && text.chars().all(plain)
}
