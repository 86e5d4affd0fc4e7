//! The audit: what will stop an agent, found without running anything of the tree.
//!
//! Pure: entries of the tree, the stack and the facts of Python files go in, a [`Report`] comes out. Reading files is
//! `host`'s work, output formats are `report`'s.

pub mod baseline;
pub mod causes;
pub mod confirm;
mod contents;
pub mod fix;
mod flags;
pub mod focus;
pub mod memory;
pub mod no_requirements;
pub mod outcome;
pub mod pipeline;
mod presumed;
pub mod python;
mod rehearsal;
pub mod rule;
pub mod rules;
pub mod rules_page;
pub mod scope;
pub mod serving;
mod spoken;
pub mod start_path;
pub mod trial;
mod unused_requirements;
pub mod users;
pub mod words;
pub mod writable;

#[cfg(test)]
mod tests;

pub use causes::Cause;
pub use outcome::{AgentReport, Prediction, Report, Step};
pub use pipeline::{Input, audit};
