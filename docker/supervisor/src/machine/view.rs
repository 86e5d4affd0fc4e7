//! The status document, made from the state on demand.

use contract::status::{AgentState, AgentStatus, Exit, GroupState, GroupStatus, VERSION};

use super::plan::AgentId;
use super::{Machine, Millis, seconds};

impl Machine {
    /// The document without what the shell keeps: the start-up check, the agents' stderr, how they were
    /// started, what they listen on, and the peers.
    /// `epoch` is the Unix time of
    /// the supervisor's start.
    #[must_use]
    pub fn status(&self, epoch: u64, now: Millis) -> GroupStatus {
        GroupStatus {
            version: VERSION,
            machine: self.plan.machine.clone(),
            group: self.plan.group.clone(),
            variant: self.plan.variant.clone(),
            state: self.group_state,
            started_at_ms: epoch,
            now_ms: epoch + now,
            checks: Vec::new(),
            agents: (0..self.agents.len())
                .map(|agent| self.agent_status(agent, epoch))
                .collect(),
            peers: Vec::new(),
        }
    }

    /// Whether the supervisor was told to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop_deadline.is_some()
    }

    fn agent_status(&self, agent: AgentId, epoch: u64) -> AgentStatus {
        let plan = &self.plan.agents[agent];
        let slot = &self.agents[agent];
        let waits = slot.state == AgentState::Waiting;
        AgentStatus {
            name: plan.name.clone(),
            port: plan.port,
            health_check_port: plan.health_port,
            health: plan.health,
            listens_on: Vec::new(),
            required: plan.required,
            state: slot.state,
            pid: slot.pid,
            restarts: slot.run.saturating_sub(1),
            last_exit: slot.last_exit.map(|(ended, at)| Exit {
                code: ended.code,
                signal: ended.signal,
                at_ms: epoch + at,
            }),
            last_stderr: Vec::new(),
            started_after_ms: slot.started_after,
            started_at_ms: slot.started_after.map(|after| epoch + after),
            ready_after_ms: slot.ready_after,
            ready_at_ms: slot.ready_after.map(|after| epoch + after),
            waits_for: if waits { self.unmet(agent) } else { Vec::new() },
            starts_without: plan.starts_without,
            without: self.without(agent),
            failure: self.failure(agent),
            released_by: slot.released_by.clone(),
            reason: if waits && self.begun {
                Some(self.unmet_reason(agent))
            } else {
                slot.reason.clone()
            },
            boot: slot.boot.clone(),
            start: None,
            plain_because: None,
        }
    }

    /// Logs when the group's state changes.
    pub(super) fn say_group_state(&mut self, now: Millis) {
        let state = self.group();
        if state == self.group_state {
            return;
        }
        self.group_state = state;
        self.changed = true;
        let healthy = self.agents.iter().filter(|agent| agent.state.is_good()).count();
        let word = match state {
            GroupState::Starting => "starting again",
            GroupState::Healthy => "healthy",
            GroupState::Degraded => "degraded",
            GroupState::Unhealthy => "unhealthy",
            GroupState::Stopping => return,
        };
        self.log(format!(
            "group {} is {word} after {}: {healthy} of {} agents healthy",
            self.plan.group,
            seconds(now),
            self.agents.len()
        ));
    }

    /// The state of the group as a whole. A required agent that is mute makes it unhealthy as one that failed does: both
    /// need a person. One that crashed and will be started again is on its way. One that an operator stopped makes it degraded.
    fn group(&self) -> GroupState {
        if self.stop_deadline.is_some() {
            return GroupState::Stopping;
        }
        let mut starting = false;
        let mut degraded = self.failed_checks.1 || (0..self.agents.len()).any(|agent| !self.without(agent).is_empty());
        for (plan, agent) in self.plan.agents.iter().zip(&self.agents) {
            match agent.state {
                AgentState::Healthy | AgentState::Done => {}
                // Somebody wanted it.
                _ if agent.halted => degraded = true,
                AgentState::Failed | AgentState::Mute if plan.required => {
                    return GroupState::Unhealthy;
                }
                _ if plan.required => starting = true,
                _ => degraded = true,
            }
        }
        if self.failed_checks.0 {
            GroupState::Unhealthy
        } else if starting {
            GroupState::Starting
        } else if degraded {
            GroupState::Degraded
        } else {
            GroupState::Healthy
        }
    }
}
