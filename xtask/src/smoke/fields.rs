//! Pieces that several kinds of checks have, and how they are read from their YAML.

use serde_json::Value;

use super::matcher::Matcher;
use super::yaml::{Fields, Mark, Node, Reader};
use crate::finding::Place;

/// A text with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// What a request sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// A JSON document.
    Json(Value),
    /// These characters, JSON or not.
    Raw(String),
}

/// A text with its place.
pub fn located(reader: &Reader<'_>, text: String, mark: Mark) -> Text {
    Text {
        text,
        place: reader.place(mark),
    }
}

/// A text that may be missing.
pub fn text(reader: &mut Reader<'_>, node: Option<&Node>, what: &str) -> Option<Text> {
    let node = node?;
    let text = reader.text(node, what)?;
    Some(located(reader, text, node.mark))
}

/// A text that must be there.
pub fn needed(reader: &mut Reader<'_>, fields: &mut Fields<'_>, name: &'static str, what: &str) -> Option<Text> {
    let node = fields.need(reader, name, what);
    text(reader, node, name)
}

/// A matcher, checked.
pub fn matcher(reader: &mut Reader<'_>, node: Option<&Node>) -> Option<Value> {
    let node = node?;
    let value = node.value();
    if let Err(error) = Matcher::compile(&value) {
        reader.note(node.mark, error.to_string());
        return None;
    }
    Some(value)
}

/// What a request sends.
pub fn payload(reader: &mut Reader<'_>, fields: &mut Fields<'_>, what: &str) -> Option<Payload> {
    let json = fields.get("send");
    let raw = fields.get("send_raw");
    match (json, raw) {
        (Some(json), None) => Some(Payload::Json(json.value())),
        (None, Some(raw)) => reader.text(raw, "send_raw").map(Payload::Raw),
        _ => {
            reader.note(fields.mark, format!("{what} needs either `send` or `send_raw`"));
            None
        }
    }
}
