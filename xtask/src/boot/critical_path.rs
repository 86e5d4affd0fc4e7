//! Which agent waited for which: the chain that decided how long a boot took. What was restarted later counts with its
//! first start.

use super::view::View;
use crate::stack::{AgentId, Stack};

/// One agent on the path; times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The agent.
    pub agent: AgentId,
    /// When its process was started first.
    pub started_at_ms: u64,
    /// When it answered first.
    pub ready_at_ms: u64,
}

/// From the first agent of the chain to the one that was ready last; empty while none is ready.
#[must_use]
pub fn critical_path(stack: &Stack, view: &View) -> Vec<Step> {
    let step = |id: AgentId| {
        let began = view.group(stack.agent(id).group)?.started_at_ms;
        let boot = &view.agent(stack, id)?.boot;
        Some(Step {
            agent: id,
            started_at_ms: began + boot.started_after_ms?,
            ready_at_ms: began + boot.answered_after_ms?,
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
        // Its supervisor says who let it start. Two supervisors may hear an answer some milliseconds apart, so moments alone
        // do not tell; they stand in where an agent found everything there already.
        let waits_for = &stack.agent(found.agent).waits_for;
        let released_by = view
            .agent(stack, found.agent)
            .and_then(|status| status.boot.released_by.as_ref());
        current = match released_by {
            Some(name) => {
                let by = waits_for.iter().find(|id| stack.agent(**id).name == *name);
                by.and_then(|id| step(*id))
            }
            None => waits_for
                .iter()
                .filter_map(|id| step(*id))
                .filter(|dependency| dependency.ready_at_ms <= found.started_at_ms)
                .max_by_key(|dependency| dependency.ready_at_ms),
        };
        path.push(found);
    }
    path.reverse();
    path
}
