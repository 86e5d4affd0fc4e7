//! What operators want of single agents: a restart, a stop that lasts, a start. A stop lasts as long as the supervisor does: until
//! a start or a restart of the agent, or the end of the container.

use contract::order::Order;
use contract::status::AgentState;

use super::plan::AgentId;
use super::{Ending, Machine, Millis};

/// Why it is stopped.
const WHY: &str = "by an operator";

impl Machine {
    /// What an order comes to, to be asked before [`super::Event::Order`]; where nothing is to be done, that is said.
    ///
    /// # Errors
    /// Why it comes to nothing.
    pub fn prospect(&self, order: Order, agent: AgentId) -> Result<String, String> {
        if self.stop_deadline.is_some() {
            return Err("the supervisor is stopping".to_owned());
        }
        match order {
            Order::Restart => self.restart_prospect(agent),
            Order::Stop => Ok(self.halt_prospect(agent)),
            Order::Start => Ok(self.start_prospect(agent)),
        }
    }

    fn restart_prospect(&self, agent: AgentId) -> Result<String, String> {
        let name = self.name(agent);
        let slot = &self.agents[agent];
        match slot.state {
            _ if slot.pid.is_some() => Ok(format!("restarting {name}")),
            _ if slot.halted => Ok(self.will_start(agent)),
            AgentState::Failed | AgentState::Backoff | AgentState::Done => Ok(self.will_start(agent)),
            AgentState::Waiting => Err(format!(
                "{name} was not restarted: it has not been started yet, it {}",
                self.unmet_reason(agent)
            )),
            _ => Err(format!("{name} was not restarted: it is being started just now")),
        }
    }

    fn halt_prospect(&self, agent: AgentId) -> String {
        let name = self.name(agent);
        let slot = &self.agents[agent];
        match slot.state {
            AgentState::Stopped => format!("{name} is stopped already"),
            AgentState::Done => format!("{name} has nothing to stop: it runs once, and is done"),
            _ => format!("stopping {name}"),
        }
    }

    fn start_prospect(&self, agent: AgentId) -> String {
        let name = self.name(agent);
        let slot = &self.agents[agent];
        match slot.state {
            _ if slot.halted => self.will_start(agent),
            AgentState::Failed | AgentState::Backoff => self.will_start(agent),
            AgentState::Waiting => format!("{name} is to be started already: it {}", self.unmet_reason(agent)),
            AgentState::Done => format!("{name} is done: it runs once"),
            _ => format!("{name} runs already"),
        }
    }

    fn will_start(&self, agent: AgentId) -> String {
        let name = self.name(agent);
        match self.unmet_after_wait(agent).as_slice() {
            [] => format!("starting {name}"),
            names => format!("{name} starts as soon as {} answers", names.join(", ")),
        }
    }

    pub(super) fn order(&mut self, order: Order, agent: AgentId, now: Millis) {
        if self.stop_deadline.is_some() {
            return;
        }
        match order {
            Order::Restart => self.restart(agent, now),
            Order::Stop => self.halt(agent, now),
            Order::Start => self.start(agent, now),
        }
    }

    fn restart(&mut self, agent: AgentId, now: Millis) {
        let slot = &mut self.agents[agent];
        if slot.halted {
            self.start(agent, now);
        } else if slot.pid.is_some() {
            slot.forget_failures();
            self.log(format!("restarting {}: asked for", self.name(agent)));
            self.end(agent, Ending::Restart, now);
        } else if matches!(slot.state, AgentState::Failed | AgentState::Backoff | AgentState::Done) {
            slot.forget_failures();
            self.log(format!("restarting {}: asked for", self.name(agent)));
            self.wait(agent);
            self.release(None);
        }
    }

    /// It is stopped, and stays so.
    fn halt(&mut self, agent: AgentId, now: Millis) {
        let slot = &mut self.agents[agent];
        if slot.halted || slot.state == AgentState::Done {
            return;
        }
        slot.halted = true;
        slot.deadline = None;
        slot.forget_failures();
        self.log(format!("stopping {}: asked for", self.name(agent)));
        let slot = &self.agents[agent];
        if slot.pid.is_some() {
            self.set(agent, AgentState::Stopping, Some(WHY.to_owned()));
            self.end(agent, Ending::Halt, now);
        } else if slot.launching {
            // It is told to end as soon as it is there.
            self.set(agent, AgentState::Stopping, Some(WHY.to_owned()));
        } else {
            self.rest(agent);
        }
        self.release(None);
    }

    fn start(&mut self, agent: AgentId, now: Millis) {
        let slot = &mut self.agents[agent];
        if !slot.halted && !matches!(slot.state, AgentState::Failed | AgentState::Backoff) {
            return;
        }
        let was_halted = std::mem::take(&mut slot.halted);
        slot.forget_failures();
        self.log(format!("starting {}: asked for", self.name(agent)));
        let slot = &self.agents[agent];
        if slot.pid.is_some() {
            // Its end is waited for, which lets it start anew.
            self.set(agent, AgentState::Stopping, Some("to be started again".to_owned()));
            self.end(agent, Ending::Restart, now);
        } else if slot.launching && was_halted {
            self.set(agent, AgentState::Starting, None);
        } else {
            self.wait(agent);
            self.release(None);
        }
    }

    /// One that an operator stopped has no process any more.
    pub(super) fn rest(&mut self, agent: AgentId) {
        let slot = &mut self.agents[agent];
        slot.ready_after = None;
        slot.started_after = None;
        slot.released_by = None;
        self.set(agent, AgentState::Stopped, Some(WHY.to_owned()));
    }
}
