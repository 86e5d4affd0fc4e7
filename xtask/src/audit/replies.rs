//! What an agent answers those who ask how it is doing, as far as its code says: the words that mean that it is well.

use contract::health::HEALTHY_STATUSES;

use super::said::{Object, Said};

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

/// What means that an agent is well, of all that it may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The words: empty where they are the usual ones.
    pub expect: Vec<String>,
    /// It may answer otherwise, too.
    pub may_be_unwell: bool,
}

/// The words of what is answered: nothing where they are not known for sure.
#[must_use]
pub fn words(all: &[Said]) -> Option<Words> {
    let (mut usual, mut own): (Vec<String>, Vec<String>) = Default::default();
    let (mut unwell, mut without): (Vec<String>, Vec<&Object>) = Default::default();
    let (mut is_unwell, mut has_text) = (false, false);
    let parsed: Vec<Said> = all.iter().map(as_object).collect();
    for said in &parsed {
        match said {
            Said::Nothing => is_unwell = true,
            Said::Plain | Said::Unknown => return None,
            Said::Object(object) => match object.get("status") {
                None => without.push(object),
                Some(statuses) => {
                    for status in statuses {
                        let Said::Text { start, whole: true } = status else {
                            return None;
                        };
                        let is = |known: &&&str| known.eq_ignore_ascii_case(start);
                        let words = match HEALTHY_STATUSES.iter().find(is) {
                            Some(_) => &mut usual,
                            None if UNWELL.iter().any(|known| is(&known)) || start.len() > LONGEST => {
                                is_unwell = true;
                                continue;
                            }
                            None => &mut own,
                        };
                        push(words, start);
                    }
                }
            },
            Said::Text { start, whole } => {
                let word = start.trim_end();
                if !is_word(word) || (*whole && word != start) {
                    return None;
                }
                if is_refusal(word) {
                    unwell.push(word.to_owned());
                    continue;
                }
                has_text = true;
                push(&mut own, word);
            }
        }
    }
    // A word that stands in what refuses, too, tells nothing.
    if has_text && unwell.iter().any(|text| own.iter().any(|word| text.contains(word))) {
        return None;
    }
    let may_be_unwell = is_unwell || !unwell.is_empty();
    let expect = match (usual.is_empty() && own.is_empty(), without.as_slice()) {
        (false, []) if own.is_empty() => Vec::new(),
        (false, []) => usual.into_iter().chain(own).collect(),
        // Those without a status are errors.
        (false, others)
            if others
                .iter()
                .all(|object| object.get("error").is_some() && !object.is_open()) =>
        {
            match own.is_empty() {
                true => Vec::new(),
                false => usual.into_iter().chain(own).collect(),
            }
        }
        (true, [object]) if !may_be_unwell => vec![own_word(object)?],
        _ => return None,
    };
    Some(Words { expect, may_be_unwell })
}

fn push(words: &mut Vec<String>, word: &str) {
    if !words.iter().any(|known| known == word) {
        words.push(word.to_owned());
    }
}

/// An object that is written out as text, as what it is.
fn as_object(said: &Said) -> Said {
    let Said::Text { start, whole } = said else {
        return said.clone();
    };
    if !start.trim_start().starts_with(['{', '[']) {
        return said.clone();
    }
    let parsed = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(start);
    let Some(map) = parsed.ok().filter(|_| *whole) else {
        return Said::Unknown;
    };
    let mut object = Object::default();
    for (key, value) in map {
        let value = match value {
            serde_json::Value::String(text) => Said::text(&text),
            _ => Said::Plain,
        };
        object.set(&key, vec![value]);
    }
    Said::Object(object)
}

/// Whether a text says that something went wrong.
fn is_refusal(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let first = words.next().unwrap_or_default();
    UNWELL.contains(&first) || words.any(|word| UNWELL.contains(&word)) || matches!(first, "not" | "no")
}

/// What only a reply to those who ask for health has, of one without a `status`: the text of a value, or the name of a key.
fn own_word(object: &Object) -> Option<String> {
    if object.is_open() || object.get("error").is_some() {
        return None;
    }
    let known = |key: &str| !NAMES.contains(&key);
    let texts = object.fields().filter_map(|(key, values)| match values {
        [Said::Text { start, whole: true }] if known(key) && is_word(start) => Some(start.clone()),
        _ => None,
    });
    let keys = object
        .fields()
        .filter(|(key, _)| known(key) && is_word(key))
        .map(|(key, _)| key.to_owned());
    let well = |text: &String| !UNWELL.iter().any(|unwell| unwell.eq_ignore_ascii_case(text));
    texts.chain(keys).find(well)
}

/// Whether a text is one that a reply can be known by: it stands in JSON as it is.
fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ';
    (2..=LONGEST).contains(&text.len()) && text.chars().all(plain)
}
