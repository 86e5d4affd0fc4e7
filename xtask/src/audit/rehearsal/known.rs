//! What is known of a value while a request is answered.

use serde_json::Value as Json;

/// Most values that one may be; one that may be more is not known.
const MOST: usize = 8;

/// Stands in a text for a part that is not known, so that what is around it can be read as JSON.
const GAP: &str = "9182736450";

/// A class: the file, and its index there.
pub type ClassAt = (usize, u32);

/// A value, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// Nothing is.
    Unknown,
    None,
    Bool(bool),
    Int(i64),
    /// A text or bytes.
    Text(Text),
    /// A text or bytes that hold a value as JSON.
    Encoded(Box<Known>),
    Dict(Dict),
    List(Vec<Known>),
    /// The request, of which nothing is known yet, or what it has under these keys.
    Asked(Vec<String>),
    /// A text in which such a part of the request stands between these.
    Around(String, Vec<String>, String),
    /// Made of the request in a way that is not followed.
    Derived,
    /// What the request does not have.
    Missing,
    /// The socket that is asked.
    Socket,
    /// An object of a class of the tree: all of one class are taken for one.
    Object(ClassAt),
    /// What `super()` is in a method of a class, of an object of another.
    Super(ClassAt, ClassAt),
    Class(ClassAt),
    /// A member of an enumeration that is no text itself.
    Member(Box<Known>),
    /// A function or method of a file, with the object that it is called of.
    Function(usize, u32, Option<Box<Known>>),
    /// A file as a module.
    Module(usize),
    /// One of these.
    OneOf(Vec<Known>),
}

/// A text or bytes in pieces; nothing for those that are not known.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    pieces: Vec<Option<String>>,
    /// Bytes, which never equal a text.
    pub is_bytes: bool,
}

/// A dictionary with texts as keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dict {
    pub entries: Vec<(String, Known)>,
    /// It may have further keys.
    pub open: bool,
}

impl Text {
    /// A text of which all is known.
    pub fn whole(&self) -> Option<String> {
        self.pieces.iter().cloned().collect()
    }

    /// Its known pieces, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().flatten().map(String::as_str)
    }

    /// It with another put behind it.
    fn push(&mut self, piece: Option<String>) {
        match (self.pieces.last_mut(), piece) {
            (_, Some(text)) if text.is_empty() => {}
            (Some(Some(before)), Some(text)) => before.push_str(&text),
            (Some(None), None) => {}
            (_, piece) => self.pieces.push(piece),
        }
    }

    /// What it holds as JSON, if that can be read.
    pub fn document(&self) -> Option<Known> {
        let text: String = self
            .pieces
            .iter()
            .map(|piece| piece.as_deref().unwrap_or(GAP))
            .collect();
        let document = serde_json::from_str(&text).ok()?;
        Some(Known::of_json(&document))
    }
}

impl Dict {
    pub fn get(&self, key: &str) -> Option<&Known> {
        self.entries
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    pub fn set(&mut self, key: &str, value: Known) {
        match self.entries.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.entries.push((key.to_owned(), value)),
        }
    }

    /// Everything in it may be something else from here on.
    pub fn blur(&mut self) {
        self.open = true;
        self.entries.iter_mut().for_each(|(_, value)| *value = Known::Unknown);
    }

    /// It after `update(other)`.
    pub fn update(&mut self, other: &Known) {
        match other {
            Known::Dict(other) => {
                if other.open {
                    self.blur();
                }
                other
                    .entries
                    .iter()
                    .for_each(|(key, value)| self.set(key, value.clone()));
            }
            _ => self.blur(),
        }
    }
}

impl Known {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(Text {
            pieces: vec![Some(text.to_owned())],
            is_bytes: false,
        })
    }

    /// Bytes.
    pub fn bytes(text: &str) -> Self {
        Self::Text(Text {
            pieces: vec![Some(text.to_owned())],
            is_bytes: true,
        })
    }

    /// A text, or bytes where the other are.
    pub fn like(text: &str, other: &Text) -> Self {
        if other.is_bytes {
            Self::bytes(text)
        } else {
            Self::text(text)
        }
    }

    /// One of these values.
    pub fn one_of(values: impl IntoIterator<Item = Self>) -> Self {
        let mut all: Vec<Self> = Vec::new();
        for value in values {
            let parts = match value {
                Self::OneOf(parts) => parts,
                one => vec![one],
            };
            for part in parts {
                if !all.contains(&part) {
                    all.push(part);
                }
            }
        }
        match all.len() {
            1 => all.remove(0),
            0 => Self::Unknown,
            _ if all.len() > MOST => Self::Unknown,
            _ => Self::OneOf(all),
        }
    }

    /// All that it may be.
    pub fn each(&self) -> &[Self] {
        match self {
            Self::OneOf(all) => all,
            one => std::slice::from_ref(one),
        }
    }

    /// What a function makes of it, whichever it is.
    pub fn map(&self, with: &mut dyn FnMut(&Self) -> Self) -> Self {
        match self {
            Self::OneOf(all) => Self::one_of(all.iter().map(with).collect::<Vec<_>>()),
            one => with(one),
        }
    }

    /// The text that it surely is, bytes or not.
    pub fn whole(&self) -> Option<String> {
        match self {
            Self::Text(text) => text.whole(),
            _ => None,
        }
    }

    /// Pieces after each other; those that are no texts are not known.
    pub fn joined(parts: impl IntoIterator<Item = Self>, is_bytes: bool) -> Self {
        let mut text = Text {
            pieces: Vec::new(),
            is_bytes,
        };
        for part in parts {
            match part {
                Self::Text(part) => part.pieces.into_iter().for_each(|piece| text.push(piece)),
                Self::Int(number) => text.push(Some(number.to_string())),
                Self::Encoded(inner) => match inner.to_json() {
                    Some(document) => text.push(Some(document.to_string())),
                    None => text.push(None),
                },
                _ => text.push(None),
            }
        }
        Self::Text(text)
    }

    /// Whether it counts as true.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Self::None | Self::Missing => Some(false),
            Self::Bool(truth) => Some(*truth),
            Self::Int(number) => Some(*number != 0),
            Self::Text(text) if text.pieces.iter().all(Option::is_none) && !text.pieces.is_empty() => None,
            Self::Text(text) => Some(text.pieces().any(|piece| !piece.is_empty())),
            Self::Dict(dict) if dict.entries.is_empty() && dict.open => None,
            Self::Dict(dict) => Some(!dict.entries.is_empty()),
            Self::List(parts) => Some(!parts.is_empty()),
            Self::Function(..) | Self::Class(_) | Self::Module(_) | Self::Socket => Some(true),
            Self::OneOf(all) => {
                let mut all = all.iter().map(Self::truth);
                let first = all.next()??;
                all.all(|truth| truth == Some(first)).then_some(first)
            }
            _ => None,
        }
    }

    /// Whether two values are equal.
    pub fn equals(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::OneOf(all), other) | (other, Self::OneOf(all)) => {
                let mut all = all.iter().map(|one| one.equals(other));
                let first = all.next()??;
                all.all(|equal| equal == Some(first)).then_some(first)
            }
            (Self::Text(left), Self::Text(right)) => match (left.whole(), right.whole()) {
                _ if left.is_bytes != right.is_bytes => Some(false),
                (Some(left), Some(right)) => Some(left == right),
                _ => None,
            },
            (Self::None | Self::Missing, Self::None | Self::Missing) => Some(true),
            (Self::Bool(left), Self::Bool(right)) => Some(left == right),
            (Self::Int(left), Self::Int(right)) => Some(left == right),
            (Self::Member(left), Self::Member(right)) => left.equals(right),
            (left, right) if left.is_plain() && right.is_plain() => Some(false),
            _ => None,
        }
    }

    /// Whether it is a value of a type that equals none of another of these types.
    fn is_plain(&self) -> bool {
        matches!(
            self,
            Self::None
                | Self::Missing
                | Self::Text(_)
                | Self::Encoded(_)
                | Self::Dict(_)
                | Self::List(_)
                | Self::Int(_)
                | Self::Bool(_)
                | Self::Member(_)
        )
    }

    /// A document.
    pub fn of_json(document: &Json) -> Self {
        match document {
            Json::Null => Self::None,
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) if number.to_string().contains(GAP) => Self::Unknown,
            Json::Number(number) => number.as_i64().map_or(Self::Unknown, Self::Int),
            Json::String(text) if text.contains(GAP) => Self::Unknown,
            Json::String(text) => Self::text(text),
            Json::Array(parts) => Self::List(parts.iter().map(Self::of_json).collect()),
            Json::Object(fields) => Self::Dict(Dict {
                entries: fields
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::of_json(value)))
                    .collect(),
                open: fields.keys().any(|key| key.contains(GAP)),
            }),
        }
    }

    /// The document that it surely is.
    pub fn to_json(&self) -> Option<Json> {
        Some(match self {
            Self::None | Self::Missing => Json::Null,
            Self::Bool(truth) => Json::Bool(*truth),
            Self::Int(number) => Json::from(*number),
            Self::Text(text) if !text.is_bytes => Json::String(text.whole()?),
            Self::Dict(dict) if !dict.open => {
                let fields = dict.entries.iter();
                let fields = fields.map(|(key, value)| Some((key.clone(), value.to_json()?)));
                Json::Object(fields.collect::<Option<_>>()?)
            }
            Self::List(parts) => Json::Array(parts.iter().map(Self::to_json).collect::<Option<_>>()?),
            _ => return None,
        })
    }
}
