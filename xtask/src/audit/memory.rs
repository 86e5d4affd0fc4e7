//! What is kept of a tree that is looked at again and again: by `init` and the audit of what it infers, by whoever watches it.

use super::start_path::Walks;
use crate::python::parses::Parses;

/// Files that were parsed and scripts that were followed: nothing of it is done again as long as it would give the same.
#[derive(Debug, Default)]
pub struct Memory {
    /// Files.
    pub parses: Parses,
    /// Scripts.
    pub walks: Walks,
}

impl Memory {
    /// Whether nothing was looked at yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parses.is_empty()
    }

    /// Keeps what was asked for since the last call, and nothing else.
    pub fn forget_unused(&mut self) {
        self.parses.forget_unused();
        self.walks.forget_unused();
    }
}
