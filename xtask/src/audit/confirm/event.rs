//! What happens while agents are started alone, for whoever shows it.

use super::Observation;
use crate::stack::AgentId;

/// What was seen of an agent, or why nothing was.
pub type Sight = Result<Box<Observation>, String>;

/// What happens meanwhile.
#[derive(Debug)]
pub enum ConfirmEvent {
    /// An agent is started.
    Started(AgentId),
    /// Its fate is known, or why it is not.
    Finished(AgentId, Sight),
}
