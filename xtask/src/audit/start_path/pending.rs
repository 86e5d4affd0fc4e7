//! Coroutines that were made and have not run.

use std::sync::Arc;

use pysrc::{Atom, Span};
use rustc_hash::FxHashMap as HashMap;

use super::value::{Captured, ModuleId, Variable};

/// What runs when something is awaited.
#[derive(Debug)]
pub enum Pending {
    /// The body of a function.
    Body(Box<Body>),
    /// All of these, beside each other: `gather(…)`.
    All(Vec<usize>),
}

/// A function's body, and what it is called with.
#[derive(Debug)]
pub struct Body {
    /// Module of the call.
    pub here: ModuleId,
    /// The call.
    pub span: Span,
    /// Module of the function.
    pub module: ModuleId,
    /// The function.
    pub function: u32,
    /// Parameters.
    pub locals: HashMap<Atom, Variable>,
    /// Names of the functions around it.
    pub captured: Arc<Captured>,
}
