//! What became of an operator's order to restart, stop or start an agent: judged by its supervisor's documents from before and
//! after the request.

use contract::order::Order;
use contract::status::{AgentState, AgentStatus, Failure, GroupState};

use super::last_words::last_words;
use crate::stack::{AgentId, GroupId};

/// What an order is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A group, with its container.
    Group(GroupId),
    /// An agent, alone.
    Agent(AgentId),
}

/// What became of a request to restart or start an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restarted {
    /// Its old process has not ended yet, or its new one has not been started yet.
    NotYet,
    /// A new process runs, with that process id inside the container.
    Runs(u32),
    /// It has no process, and is not started: what it waits for does not answer.
    Waits(String),
    /// A new process was started and has ended again.
    Crashed(String),
    /// It ran once more, and is done.
    Done,
    /// It could not be started, or is given up again.
    GivenUp(String),
    /// Its supervisor was told to stop.
    Stopping,
    /// Another operator stopped it meanwhile.
    Stopped,
}

/// Past participle of an order.
#[must_use]
pub fn participle(order: Order) -> &'static str {
    match order {
        Order::Restart => "restarted",
        Order::Stop => "stopped",
        Order::Start => "started",
    }
}

/// Why an order cannot be carried out now: the group is being stopped, or the agent has no process, and none will be started for
/// the asking.
#[must_use]
pub fn refusal(order: Order, status: &AgentStatus, group: GroupState) -> Option<String> {
    match status.state {
        _ if group == GroupState::Stopping => Some("its group is being stopped".to_owned()),
        AgentState::Waiting if order != Order::Stop => Some(format!("it has no process: it {}", waits(status))),
        _ => None,
    }
}

/// What to say where an order changes nothing, to follow the agent's name.
#[must_use]
pub fn already(order: Order, status: &AgentStatus) -> Option<String> {
    match (order, status.state) {
        (Order::Stop, AgentState::Stopped) => Some("is stopped already".to_owned()),
        (Order::Stop, AgentState::Done) => Some("has nothing to stop: it runs once, and is done".to_owned()),
        (Order::Start, AgentState::Done) => {
            Some("is done: it runs once (`cargo xtask restart` runs it again)".to_owned())
        }
        (
            Order::Start,
            state @ (AgentState::Starting | AgentState::Answering | AgentState::Healthy | AgentState::Mute),
        ) => Some(match status.pid {
            Some(pid) => format!("runs already (pid {pid}, {})", state.name()),
            None => "is being started already".to_owned(),
        }),
        _ => None,
    }
}

/// What became of a restart or a start.
#[must_use]
pub fn judge(before: &AgentStatus, now: &AgentStatus, group: GroupState) -> Restarted {
    let is_new = now.started_at_ms.is_some() && now.started_at_ms != before.started_at_ms;
    match (now.state, now.pid) {
        _ if group == GroupState::Stopping => Restarted::Stopping,
        _ if now.failure == Some(Failure::Stopped) => Restarted::Stopped,
        (AgentState::Waiting, _) => Restarted::Waits(waits(now)),
        (AgentState::Failed, _) => Restarted::GivenUp(last_words(now).line()),
        (AgentState::Backoff, _) => Restarted::Crashed(last_words(now).line()),
        (AgentState::Done, _) if is_new => Restarted::Done,
        (AgentState::Stopping | AgentState::Stopped, _) => Restarted::NotYet,
        (_, Some(pid)) if is_new => Restarted::Runs(pid),
        _ => Restarted::NotYet,
    }
}

fn waits(status: &AgentStatus) -> String {
    match &status.reason {
        Some(reason) if reason.starts_with("waits for") => reason.clone(),
        _ => format!("waits for {}", status.waits_for.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use contract::order::Order;
    use contract::status::{AgentState, AgentStatus, Failure, GroupState};

    use super::{Restarted, already, refusal};
    use crate::boot::fixture::healthy;
    use crate::stack::fixture::Fixture;

    fn agent(state: AgentState, pid: Option<u32>, started_at_ms: Option<u64>) -> AgentStatus {
        let stack = Fixture::small().model();
        let (id, _) = stack.groups().next().unwrap();
        let status = healthy(&stack, id).agents[0].clone();
        AgentStatus {
            state,
            pid,
            started_at_ms,
            ..status
        }
    }

    fn judge(before: &AgentStatus, now: &AgentStatus) -> Restarted {
        super::judge(before, now, GroupState::Starting)
    }

    #[test]
    fn only_a_new_process_is_a_restart() {
        let before = agent(AgentState::Healthy, Some(7), Some(1_000));
        assert_eq!(
            judge(&before, &before),
            Restarted::NotYet,
            "the old process is still there"
        );
        let launching = agent(AgentState::Starting, None, None);
        assert_eq!(judge(&before, &launching), Restarted::NotYet);
        let new = agent(AgentState::Starting, Some(8), Some(2_000));
        assert_eq!(judge(&before, &new), Restarted::Runs(8));
        // A process id may come again; the moment of the start does not.
        let same_pid = agent(AgentState::Healthy, Some(7), Some(2_000));
        assert_eq!(judge(&before, &same_pid), Restarted::Runs(7));
        let given_up = agent(AgentState::Failed, None, None);
        assert_eq!(judge(&given_up, &new), Restarted::Runs(8));
    }

    #[test]
    fn what_did_not_start_is_told_with_its_reason() {
        let before = agent(AgentState::Healthy, Some(7), Some(1_000));
        let mut waiting = agent(AgentState::Waiting, None, None);
        waiting.reason = Some("waits for Hub (failed)".to_owned());
        assert_eq!(
            judge(&before, &waiting),
            Restarted::Waits("waits for Hub (failed)".to_owned())
        );
        let refused = refusal(Order::Restart, &waiting, GroupState::Starting).unwrap();
        assert!(refused.contains("waits for Hub (failed)"), "{refused}");
        assert_eq!(refusal(Order::Start, &waiting, GroupState::Starting), Some(refused));
        assert_eq!(refusal(Order::Stop, &waiting, GroupState::Starting), None);
        assert_eq!(refusal(Order::Restart, &before, GroupState::Healthy), None);
        let mut crashed = agent(AgentState::Backoff, None, Some(2_000));
        crashed.reason = Some("exited with code 1 after 0.1 s".to_owned());
        crashed.last_stderr = vec!["no microphone found".to_owned()];
        let told = Restarted::Crashed("no microphone found; exited with code 1 after 0.1 s".to_owned());
        assert_eq!(judge(&before, &crashed), told);
        let stopping = agent(AgentState::Stopping, Some(7), Some(1_000));
        let group = GroupState::Stopping;
        assert_eq!(super::judge(&before, &stopping, group), Restarted::Stopping);
        for order in Order::ALL {
            assert!(refusal(order, &stopping, group).is_some());
        }
    }

    #[test]
    fn an_agent_that_an_operator_stopped_can_be_started_and_is_not_stopped_twice() {
        let mut stopped = agent(AgentState::Stopped, None, None);
        stopped.failure = Some(Failure::Stopped);
        for order in Order::ALL {
            assert_eq!(refusal(order, &stopped, GroupState::Degraded), None, "{order:?}");
        }
        assert_eq!(already(Order::Stop, &stopped).as_deref(), Some("is stopped already"));
        assert_eq!(already(Order::Start, &stopped), None);
        let runs = agent(AgentState::Healthy, Some(7), Some(1_000));
        assert_eq!(already(Order::Stop, &runs), None);
        assert_eq!(
            already(Order::Start, &runs).as_deref(),
            Some("runs already (pid 7, healthy)")
        );
        // One that is started while it still ends is not there yet, and one that somebody stops meanwhile never will be.
        let ending = agent(AgentState::Stopping, Some(7), Some(1_000));
        assert_eq!(judge(&stopped, &ending), Restarted::NotYet);
        assert_eq!(judge(&stopped, &runs), Restarted::Runs(7));
        assert_eq!(judge(&runs, &stopped), Restarted::Stopped);
    }
}
