//! Which agent waited for which: the chain that decided how long a boot took.

use super::view::View;
use crate::stack::{AgentId, Stack};

/// One agent on the path; times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The agent.
    pub agent: AgentId,
    /// When its process was started.
    pub started_at_ms: u64,
    /// When it answered first.
    pub ready_at_ms: u64,
}

/// From the first agent of the chain to the one that was ready last; empty while none is ready.
#[must_use]
pub fn critical_path(stack: &Stack, view: &View) -> Vec<Step> {
    let step = |id: AgentId| {
        let status = view.agent(stack, id)?;
        Some(Step {
            agent: id,
            started_at_ms: status.started_at_ms?,
            ready_at_ms: status.ready_at_ms?,
        })
    };
    let last = stack
        .agents()
        .filter_map(|(id, _)| step(id))
        .max_by_key(|step| step.ready_at_ms);
    let mut path: Vec<Step> = Vec::new();
    let mut current = last;
    while let Some(found) = current {
        let seen = path.iter().any(|other| other.agent == found.agent);
        if seen {
            break;
        }
        // What it waited for and became ready last, before it was started.
        current = stack
            .agent(found.agent)
            .waits_for
            .iter()
            .filter_map(|dependency| step(*dependency))
            .filter(|dependency| dependency.ready_at_ms <= found.started_at_ms)
            .max_by_key(|dependency| dependency.ready_at_ms);
        path.push(found);
    }
    path.reverse();
    path
}
