//! Lists and dictionaries as the walk keeps them.

use std::sync::Arc;

use pysrc::{Atom, Collection};

use super::value::{ModuleId, V};

/// A list or dictionary.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// What it has.
    pub content: Content,
    /// The file that it was read from, as it is named in messages.
    pub path: Option<Arc<str>>,
    /// Something that is not followed may have changed it.
    pub opened: bool,
    /// What has held it.
    pub holders: Vec<Holder>,
}

/// What is in one.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Keys with values, in order.
    Mapping(Vec<(V, V)>),
    /// Items, in order.
    Sequence(Vec<V>),
}

/// A variable by which a value can be changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Holder {
    /// A name of a function.
    Local(ModuleId, u32, Atom),
    /// A name of a module or class, or one that other modules import.
    Global(String),
    /// An attribute of an object.
    Attribute(String),
    /// A function of that name, which gives it again to whoever calls it.
    Result(String),
}

/// A list or dictionary that a comprehension is making.
#[derive(Debug)]
pub struct Gathering {
    /// What it makes.
    pub what: Collection,
    /// How conditional all of it is.
    pub maybe: usize,
    /// Each turn is followed, and surely gives what it gives.
    pub known: bool,
    /// Keys, `None` in a list, and elements.
    pub items: Vec<(V, V)>,
}
