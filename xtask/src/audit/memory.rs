//! What is kept of a tree that is looked at more than once: by `init` and the audit of what it infers, by whoever watches it.

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

    /// Something was saved: files that are as they were need not be parsed again, and all scripts are followed anew, since they read
    /// files whose content nobody compares.
    pub fn look_again(&mut self) {
        self.parses.forget_unused();
        self.walks = Walks::default();
    }
}
