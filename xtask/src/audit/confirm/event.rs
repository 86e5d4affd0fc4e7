//! What happens while agents are started alone, for whoever shows it.

use super::Observation;
use crate::stack::AgentId;

/// What was seen of an agent, or why nothing was.
pub type Sight = Result<Box<Observation>, Unseen>;

/// Why nothing was seen of an agent that was started alone.
#[derive(Debug, thiserror::Error)]
pub enum Unseen {
    /// The host could not start its container, or ended it.
    #[error("{0}")]
    Host(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its container was killed from outside.
    #[error("its container was killed: it took all the memory that it may have, or did not end in time")]
    Killed,
    /// What the container said cannot be read.
    #[error("the container said what is not expected: {0}")]
    Answer(#[source] serde_json::Error),
    /// Its supervisor did not come up; with what that one printed.
    #[error("the supervisor did not answer: {0}")]
    Supervisor(String),
    /// After so many seconds it might still come up.
    #[error("what becomes of it is not known after {0} s\n    hint: give it more time with `--confirm-timeout`")]
    Undecided(u64),
}

impl Unseen {
    /// Something that the host said.
    pub fn host(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Host(Box::new(error))
    }
}

/// What happens meanwhile.
#[derive(Debug)]
pub enum ConfirmEvent {
    /// An agent is started.
    Started(AgentId),
    /// Its fate is known, or why it is not.
    Finished(AgentId, Sight),
}
