//! What the tasks around the one loop tell it.

use contract::order::Order;
use contract::status::GroupStatus;
use tokio::sync::oneshot;

use crate::keeper::link::{self, Report};
use crate::machine::Event;
use crate::machine::plan::AgentId;
use crate::peers::Unreachable;
use crate::warm::News;

/// What reaches the one loop.
#[derive(Debug)]
pub enum Message {
    /// Something for the machine.
    Event(Event),
    /// SIGCHLD.
    ChildEnded,
    /// An agent's keeper said something.
    Keeper(AgentId, link::News),
    /// An agent's keeper was reaped, so that nothing of the agent is left, and the agent's output read.
    Drained(AgentId, Report),
    /// The keeper with that number had time enough to kill what it keeps.
    Overdue(u64),
    /// A process of this container wants the supervisor to stop.
    Forged(u32),
    /// The interpreter said which modules it does not find; `None`: it failed.
    Modules(Vec<String>, Option<Vec<String>>),
    /// What the interpreter said of PyTorch's GPU; `None`: it failed.
    Torch(Option<String>),
    /// The warm interpreter did something.
    Warm(News),
    /// Whether a peer can be reached, or why not.
    Peer(usize, Result<(), Unreachable>),
    /// Somebody wants the status document, with its version.
    Status(oneshot::Sender<(u64, GroupStatus)>),
    /// An operator wants that done with the agent of this name.
    Order(Order, String, oneshot::Sender<Result<String, String>>),
}
