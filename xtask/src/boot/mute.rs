//! What could be done about an agent that does not answer: which line of the stack would ask it as it is, or the command that starts
//! one that somebody stopped.

use contract::health::Kind;
use contract::status::{AgentState, AgentStatus, Failure};

/// Where an agent is listening in place of the port that is asked, and what the stack can say of it; what starts one that was
/// stopped; nothing for one that is neither.
#[must_use]
pub fn hint(status: &AgentStatus) -> Option<String> {
    if status.failure == Some(Failure::Stopped) {
        return Some(format!("`cargo xtask start {}` starts it again", status.name));
    }
    let is_mute = status.state == AgentState::Mute
        || (status.failure == Some(Failure::NeverAnswered) && status.state == AgentState::Starting);
    let was_mute = status.state == AgentState::Failed && !status.listens_on.is_empty();
    if !is_mute && !was_mute {
        return None;
    }
    let asked = status.health_check_port;
    let setting = |health: &str| format!("`overrides: {{{}: {{health: {health}}}}}` in the stack", status.name);
    let others: Vec<u16> = status
        .listens_on
        .iter()
        .copied()
        .filter(|port| *port != asked)
        .collect();
    // Where it listens is looked at once it is mute.
    if status.listens_on.is_empty() && status.state != AgentState::Mute {
        return None;
    }
    if status.listens_on.contains(&asked) {
        let other = if status.health == Kind::Http { "tcp" } else { "http" };
        return Some(format!(
            "it listens on {asked}: {} asks there in another way; kinds are zmq, http, tcp and process",
            setting(&format!("{{kind: {other}}}"))
        ));
    }
    let Some(first) = others.first() else {
        return Some(format!(
            "it listens on no port: with {} it is healthy while it runs",
            setting("process")
        ));
    };
    let listed: Vec<String> = others.iter().map(ToString::to_string).collect();
    Some(format!(
        "it listens on {}: {} asks there; `kind: http` or `tcp` besides, if it does not speak ZeroMQ",
        listed.join(", "),
        setting(&format!("{{port: {first}}}"))
    ))
}

#[cfg(test)]
mod tests {
    use contract::status::AgentState;

    use super::hint;
    use crate::boot::fixture::healthy;
    use crate::stack::fixture::Fixture;

    #[test]
    fn a_mute_agent_is_told_by_what_it_does() {
        let stack = Fixture::small().model();
        let (group, _) = stack.groups().next().unwrap();
        let mut status = healthy(&stack, group).agents.remove(0);
        assert_eq!(hint(&status), None);
        status.state = AgentState::Mute;
        assert!(
            hint(&status)
                .unwrap()
                .contains("`overrides: {Alpha: {health: process}}`")
        );
        status.listens_on = vec![5001];
        assert_eq!(
            hint(&status).unwrap(),
            "it listens on 5001: `overrides: {Alpha: {health: {port: 5001}}}` in the stack asks there; `kind: http` or `tcp` \
             besides, if it does not speak ZeroMQ"
        );
        status.listens_on = vec![status.health_check_port];
        assert!(hint(&status).unwrap().contains("{health: {kind: http}}"));
        // It is started again, and nobody has looked yet.
        status.state = AgentState::Starting;
        status.failure = Some(contract::status::Failure::NeverAnswered);
        status.listens_on.clear();
        assert_eq!(hint(&status), None);
        status.listens_on = vec![status.health_check_port];
        // Given up after it was mute: what was seen then is known still.
        status.state = AgentState::Failed;
        assert!(hint(&status).is_some());
    }
}
