//! Whether an agent that was to be restarted has been: judged by its supervisor's documents from before and after the request.

use contract::status::{AgentState, AgentStatus};

use super::last_words::last_words;
use crate::stack::{AgentId, GroupId};

/// What is to be restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A group, with its container.
    Group(GroupId),
    /// An agent, alone.
    Agent(AgentId),
}

/// What became of a request to restart an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restarted {
    /// Its old process has not ended yet, or its new one has not been started yet.
    NotYet,
    /// A new process runs, with that process id inside the container.
    Runs(u32),
    /// It was ended, and is not started: what it waits for does not answer.
    Waits(String),
    /// A new process was started and has ended again.
    Crashed(String),
    /// It ran once more, and is done.
    Done,
    /// It could not be started, or is given up again.
    GivenUp(String),
    /// Its supervisor was told to stop.
    Stopping,
}

/// Why an agent cannot be restarted now: it has no process, and none will be started for the asking.
#[must_use]
pub fn refusal(status: &AgentStatus) -> Option<String> {
    match status.state {
        AgentState::Waiting => Some(format!("it has no process: it {}", waits(status))),
        AgentState::Stopping | AgentState::Stopped => Some("its group is being stopped".to_owned()),
        _ => None,
    }
}

/// What became of it.
#[must_use]
pub fn judge(before: &AgentStatus, now: &AgentStatus) -> Restarted {
    let is_new = now.started_at_ms.is_some() && now.started_at_ms != before.started_at_ms;
    match (now.state, now.pid) {
        (AgentState::Stopping | AgentState::Stopped, _) => Restarted::Stopping,
        (AgentState::Waiting, _) => Restarted::Waits(waits(now)),
        (AgentState::Failed, _) => Restarted::GivenUp(last_words(now).line()),
        (AgentState::Backoff, _) => Restarted::Crashed(last_words(now).line()),
        (AgentState::Done, _) if is_new => Restarted::Done,
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
    use contract::status::{AgentState, AgentStatus};

    use super::{Restarted, judge, refusal};
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
        let refused = refusal(&waiting).unwrap();
        assert!(refused.contains("waits for Hub (failed)"), "{refused}");
        assert_eq!(refusal(&before), None);
        let mut crashed = agent(AgentState::Backoff, None, Some(2_000));
        crashed.reason = Some("exited with code 1 after 0.1 s".to_owned());
        crashed.last_stderr = vec!["no microphone found".to_owned()];
        let told = Restarted::Crashed("no microphone found; exited with code 1 after 0.1 s".to_owned());
        assert_eq!(judge(&before, &crashed), told);
        let stopping = agent(AgentState::Stopping, Some(7), Some(1_000));
        assert_eq!(judge(&before, &stopping), Restarted::Stopping);
        assert!(refusal(&stopping).is_some());
    }
}
