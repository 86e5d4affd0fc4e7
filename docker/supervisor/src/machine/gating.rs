//! Gating: an agent starts as soon as everything it waits for answers. Local agents count while they answer; a dependency
//! elsewhere counts once it answered after the agent began to wait.

use contract::status::AgentState;

use super::plan::{AgentId, ElsewhereId};
use super::{Action, Machine};

impl Machine {
    /// The agent waits (again) for all its dependencies; those elsewhere are asked anew.
    pub(super) fn wait(&mut self, agent: AgentId) {
        self.set(agent, AgentState::Waiting, None);
        let unmet = self.plan.agents[agent].waits_elsewhere.clone();
        for &id in &unmet {
            if !self.elsewhere[id].watched {
                self.elsewhere[id].watched = true;
                self.elsewhere[id].reason = None;
                self.actions.push(Action::AwaitElsewhere(id));
            }
        }
        let slot = &mut self.agents[agent];
        slot.unmet_elsewhere = unmet;
        slot.released_by = None;
        slot.deadline = None;
        slot.ready_after = None;
        slot.started_after = None;
    }

    pub(super) fn elsewhere_answered(&mut self, id: ElsewhereId) {
        self.elsewhere[id].watched = false;
        self.elsewhere[id].reason = None;
        self.changed = true;
        for agent in &mut self.agents {
            agent.unmet_elsewhere.retain(|&unmet| unmet != id);
        }
        let name = self.plan.elsewhere[id].name.clone();
        self.release(Some(&name));
    }

    /// Starts every waiting agent that waits for nothing any more. `by` is who answered just now.
    pub(super) fn release(&mut self, by: Option<&str>) {
        if !self.begun || self.stop_deadline.is_some() {
            return;
        }
        for agent in 0..self.agents.len() {
            let waiting = self.agents[agent].state == AgentState::Waiting;
            if !waiting || !self.unmet_is_empty(agent) {
                continue;
            }
            let waits_for_any =
                !self.plan.agents[agent].waits_local.is_empty() || !self.plan.agents[agent].waits_elsewhere.is_empty();
            self.set(agent, AgentState::Starting, None);
            let slot = &mut self.agents[agent];
            slot.run += 1;
            slot.launching = true;
            slot.ready_after = None;
            slot.released_by = by.filter(|_| waits_for_any).map(str::to_owned);
            slot.deadline = None;
            slot.failures = 0;
            slot.ending = None;
            self.actions.push(Action::Spawn(agent));
        }
    }

    pub(super) fn answers(&self, agent: AgentId) -> bool {
        matches!(self.agents[agent].state, AgentState::Answering | AgentState::Healthy)
    }

    fn unmet_is_empty(&self, agent: AgentId) -> bool {
        self.agents[agent].unmet_elsewhere.is_empty()
            && self.plan.agents[agent]
                .waits_local
                .iter()
                .all(|&dependency| self.answers(dependency))
    }

    /// Names of what the agent would wait for if it began to wait now.
    pub(super) fn unmet_after_wait(&self, agent: AgentId) -> Vec<String> {
        let plan = &self.plan.agents[agent];
        let local = plan
            .waits_local
            .iter()
            .filter(|&&dependency| !self.answers(dependency))
            .map(|&dependency| self.name(dependency).to_owned());
        let away = plan
            .waits_elsewhere
            .iter()
            .map(|&id| self.plan.elsewhere[id].name.clone());
        local.chain(away).collect()
    }

    /// Names of what the agent still waits for.
    pub(super) fn unmet(&self, agent: AgentId) -> Vec<String> {
        let local = self.plan.agents[agent]
            .waits_local
            .iter()
            .filter(|&&dependency| !self.answers(dependency))
            .map(|&dependency| self.name(dependency).to_owned());
        let away = self.agents[agent]
            .unmet_elsewhere
            .iter()
            .map(|&id| self.plan.elsewhere[id].name.clone());
        local.chain(away).collect()
    }

    /// Why the agent waits, dependency by dependency, with what is known of each.
    pub(super) fn unmet_reason(&self, agent: AgentId) -> String {
        let local = self.plan.agents[agent]
            .waits_local
            .iter()
            .filter(|&&dependency| !self.answers(dependency))
            .map(|&dependency| match self.agents[dependency].state {
                AgentState::Failed => format!("{} (failed)", self.name(dependency)),
                AgentState::Mute => format!("{} (mute)", self.name(dependency)),
                AgentState::Backoff => format!("{} (crashed)", self.name(dependency)),
                _ => self.name(dependency).to_owned(),
            });
        let away = self.agents[agent].unmet_elsewhere.iter().map(|&id| {
            let plan = &self.plan.elsewhere[id];
            match &self.elsewhere[id].reason {
                Some(reason) => format!("{} ({}: {reason})", plan.name, plan.place),
                None => format!("{} ({})", plan.name, plan.place),
            }
        });
        let list: Vec<String> = local.chain(away).collect();
        format!("waits for {}", list.join(", "))
    }
}
