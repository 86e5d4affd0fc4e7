//! Why an agent is not healthy: the chain of what it waits for, down to the one that holds all of them up.

use contract::status::AgentState;

use super::view::View;
use crate::stack::{AgentId, Stack};

/// One link of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The agent.
    pub agent: AgentId,
    /// Its state, or `unreachable` where its supervisor does not answer.
    pub state: &'static str,
    /// Its supervisor's reason.
    pub reason: Option<String>,
    /// Its last lines of stderr; only of the last link.
    pub last_stderr: Vec<String>,
}

/// The chain from an agent to what holds it up; empty for one that is healthy.
#[must_use]
pub fn chain(stack: &Stack, view: &View, agent: AgentId) -> Vec<Link> {
    let mut links = Vec::new();
    let mut current = agent;
    loop {
        let status = view.agent(stack, current);
        let state = status.map(|status| status.state);
        if state.is_some_and(AgentState::is_good) {
            return links;
        }
        links.push(Link {
            agent: current,
            state: state.map_or("unreachable", AgentState::name),
            reason: status.and_then(|status| status.reason.clone()),
            last_stderr: Vec::new(),
        });
        let next = stack.agent(current).waits_for.iter().copied().find(|dependency| {
            state == Some(AgentState::Waiting)
                && !links.iter().any(|link| link.agent == *dependency)
                && !view
                    .agent(stack, *dependency)
                    .is_some_and(|status| status.state.is_up())
        });
        match next {
            Some(next) => current = next,
            None => {
                if let (Some(last), Some(status)) = (links.last_mut(), status) {
                    last.last_stderr.clone_from(&status.last_stderr);
                }
                return links;
            }
        }
    }
}
