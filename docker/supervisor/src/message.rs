//! What the tasks around the one loop tell it.

use contract::status::GroupStatus;
use tokio::sync::oneshot;

use crate::machine::plan::AgentId;
use crate::machine::{Ended, Event};
use crate::warm::News;

/// What reaches the one loop.
#[derive(Debug)]
pub enum Message {
    /// Something for the machine.
    Event(Event),
    /// SIGCHLD.
    ChildEnded,
    /// An agent's process was reaped and its output read.
    Drained(AgentId, Ended),
    /// The interpreter said which modules it does not find; `None`: it failed.
    Modules(Vec<String>, Option<Vec<String>>),
    /// The warm interpreter did something.
    Warm(News),
    /// Whether a peer can be reached, or why not.
    Peer(usize, Result<(), String>),
    /// Somebody wants the status document, with its version.
    Status(oneshot::Sender<(u64, GroupStatus)>),
    /// Somebody wants an agent restarted.
    Restart(String, oneshot::Sender<Result<(), String>>),
}
