//! What happens while images are built, for whoever shows it.

use std::time::Duration;

use super::NodeId;
use super::schedule::Outcome;

/// What happens while images are built.
#[derive(Debug)]
pub enum BuildEvent {
    /// An image is being built.
    Started(NodeId),
    /// Its build printed a line.
    Line(NodeId, String),
    /// It is done, or not to be had.
    Finished {
        /// The image.
        id: NodeId,
        /// How it came out.
        outcome: Outcome,
        /// How long it took.
        elapsed: Duration,
        /// Why it failed.
        error: Option<String>,
    },
}
