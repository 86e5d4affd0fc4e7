//! How far an answer has come on one of several ways.

use std::cell::Cell;
use std::collections::BTreeMap;

use pysrc::Atom;

use super::known::{ClassAt, Known};

/// What is local to a function that runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    pub file: usize,
    /// Its index in the file; nothing at the file's top.
    pub function: Option<u32>,
    pub names: BTreeMap<Atom, Known>,
    /// What calls gave.
    pub calls: BTreeMap<u32, Known>,
    /// What the innermost loop goes through now.
    pub each: Option<Known>,
    /// How many calls it is away from where it began.
    pub depth: usize,
}

/// One way.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    pub frame: Frame,
    /// Attributes that were set on the way.
    pub attributes: BTreeMap<(ClassAt, String), Known>,
    /// The request was received.
    pub received: bool,
    /// Something that it was compared with was in it.
    pub matched: Cell<bool>,
}

/// Where a way goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Flow {
    Next,
    Return(Known),
    /// An exception, with its class and those above it.
    Raise(&'static [&'static str]),
    Break,
    Continue,
    /// The process ends, or nothing more can be said.
    End,
    /// The request is answered.
    Replied(Known),
}

/// All ways from one place.
pub type Ways = Vec<(State, Flow)>;

/// Adds a way that is none of those before.
pub fn add(ways: &mut Ways, way: (State, Flow)) {
    if !ways.contains(&way) {
        ways.push(way);
    }
}
