//! The ordered end: an agent is told to stop once all local agents that depend on it have ended, independent ones at the
//! same time. The longest grace of an agent and a second after the first SIGTERM everything left is killed; a second SIGTERM
//! does so at once.

use contract::status::AgentState;

use super::plan::AgentId;
use super::{Action, Ending, Machine, Millis};

/// What the whole stop may take beyond the longest grace.
const SLACK_MS: Millis = 1000;

impl Machine {
    pub(super) fn stop(&mut self, now: Millis) {
        self.changed = true;
        if self.stop_deadline.is_some() {
            self.log("told to stop again: killing everything".to_owned());
            self.kill_all();
            self.advance_stop(now);
            return;
        }
        let graces = self.plan.agents.iter().map(|agent| agent.stop_grace);
        let longest = graces.max().unwrap_or(self.plan.supervision.stop_grace_ms);
        self.stop_deadline = Some(now + longest + SLACK_MS);
        let running = self.agents.iter().filter(|agent| agent.pid.is_some());
        let count = running.count();
        let noun = if count == 1 { "agent" } else { "agents" };
        self.log(format!("stopping {count} {noun}"));
        for agent in 0..self.agents.len() {
            let slot = &mut self.agents[agent];
            if slot.pid.is_none() {
                slot.deadline = None;
                if !matches!(slot.state, AgentState::Failed | AgentState::Done) && !slot.launching {
                    self.set(agent, AgentState::Stopped, None);
                }
            }
        }
        self.advance_stop(now);
    }

    /// Tells every agent to stop that nothing alive depends on; leaves when nothing is alive.
    pub(super) fn advance_stop(&mut self, now: Millis) {
        for agent in 0..self.agents.len() {
            let slot = &self.agents[agent];
            let blocked = self.plan.agents[agent]
                .stops_after
                .iter()
                .any(|&other| self.agents[other].pid.is_some() || self.agents[other].launching);
            if slot.pid.is_some() && slot.ending != Some(Ending::Stop) && !blocked {
                self.end(agent, Ending::Stop, now);
                self.set(agent, AgentState::Stopping, None);
            }
        }
        if self.agents.iter().all(|agent| agent.pid.is_none() && !agent.launching) {
            self.stop_deadline = Some(Millis::MAX);
            self.actions.push(Action::Finish);
        }
    }

    /// The process of an agent came after the order to stop.
    pub(super) fn started_too_late(&mut self, agent: AgentId, now: Millis) {
        if self.stop_deadline == Some(Millis::MAX) {
            self.kill(agent);
        } else {
            self.advance_stop(now);
        }
    }

    pub(super) fn stop_tick(&mut self, now: Millis) {
        if self.stop_deadline.is_some_and(|at| at <= now) {
            self.stop_deadline = Some(Millis::MAX);
            self.log("the time to stop is over: killing everything".to_owned());
            self.kill_all();
        }
    }

    fn kill_all(&mut self) {
        for agent in 0..self.agents.len() {
            if self.agents[agent].pid.is_some() {
                self.kill(agent);
            }
        }
    }

    fn kill(&mut self, agent: AgentId) {
        self.agents[agent].kill_at = None;
        self.agents[agent].ending = Some(Ending::Stop);
        self.set(agent, AgentState::Stopping, None);
        self.actions.push(Action::Kill(agent));
    }
}
