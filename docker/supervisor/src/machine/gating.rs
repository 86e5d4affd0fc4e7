//! Gating: an agent starts as soon as everything it waits for answers. Local agents count while they answer; a dependency
//! elsewhere counts once it answered after the agent began to wait.
//!
//! What has failed (see [`Failure`]) is not waited for by an agent that starts without it; such an agent is degraded until
//! the dependency answers after all. A dependency that is slow has not failed.

use contract::status::{AgentState, FailedDependency, Failure};

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
                self.elsewhere[id].failure = None;
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
        self.elsewhere[id].failure = None;
        self.changed = true;
        for agent in &mut self.agents {
            agent.unmet_elsewhere.retain(|&unmet| unmet != id);
        }
        let name = self.plan.elsewhere[id].name.clone();
        self.release(Some(&name));
    }

    pub(super) fn elsewhere_failed(&mut self, id: ElsewhereId, failure: Option<Failure>) {
        // It may have answered meanwhile.
        if self.elsewhere[id].watched && self.elsewhere[id].failure != failure {
            self.elsewhere[id].failure = failure;
            self.changed = true;
            self.release(None);
        }
    }

    /// Starts every waiting agent that waits for nothing any more. `by` is who answered just now.
    pub(super) fn release(&mut self, by: Option<&str>) {
        if !self.begun || self.stop_deadline.is_some() {
            return;
        }
        for agent in 0..self.agents.len() {
            let waiting = self.agents[agent].state == AgentState::Waiting;
            if !waiting || !self.unmet(agent).is_empty() {
                continue;
            }
            let waits_for_any =
                !self.plan.agents[agent].waits_local.is_empty() || !self.plan.agents[agent].waits_elsewhere.is_empty();
            let without = self.without(agent);
            if !without.is_empty() {
                let names: Vec<String> = without.iter().map(ToString::to_string).collect();
                self.log(format!("{} is started without {}", self.name(agent), names.join(", ")));
            }
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
        self.agents[agent].state.is_up()
    }

    /// Why nobody should wait for an agent any longer.
    pub(super) fn failure(&self, agent: AgentId) -> Option<Failure> {
        let slot = &self.agents[agent];
        match slot.state {
            _ if slot.halted => Some(Failure::Stopped),
            AgentState::Answering | AgentState::Healthy | AgentState::Done => None,
            AgentState::Failed if self.plan.agents[agent].left_out && slot.run == 0 => Some(Failure::LeftOut),
            AgentState::Failed if slot.unstartable => Some(Failure::CannotStart),
            AgentState::Failed => Some(Failure::GivenUp),
            _ => slot.never_answered.then_some(Failure::NeverAnswered),
        }
    }

    /// Dependencies that do not answer: those here, and those elsewhere.
    fn silent(&self, agent: AgentId) -> (Vec<AgentId>, Vec<ElsewhereId>) {
        let here = self.plan.agents[agent].waits_local.iter().copied();
        let here = here.filter(|&dependency| !self.answers(dependency)).collect();
        (here, self.agents[agent].unmet_elsewhere.clone())
    }

    /// Whether the agent waits for a dependency of which that is known.
    fn is_awaited(&self, agent: AgentId, failure: Option<Failure>) -> bool {
        failure.is_none() || !self.plan.agents[agent].starts_without
    }

    /// Dependencies that have failed and that the agent is started without, or was: only those that keep silent still.
    pub(super) fn without(&self, agent: AgentId) -> Vec<FailedDependency> {
        if !self.plan.agents[agent].starts_without || self.agents[agent].halted {
            return Vec::new();
        }
        let (here, away) = self.silent(agent);
        let here = here
            .into_iter()
            .map(|dependency| (self.name(dependency), self.failure(dependency)));
        let away = away
            .into_iter()
            .map(|id| (self.plan.elsewhere[id].name.as_str(), self.elsewhere[id].failure));
        here.chain(away)
            .filter_map(|(name, failure)| {
                Some(FailedDependency {
                    agent: name.to_owned(),
                    failure: failure?,
                })
            })
            .collect()
    }

    /// Names of what the agent would wait for if it began to wait now.
    pub(super) fn unmet_after_wait(&self, agent: AgentId) -> Vec<String> {
        let plan = &self.plan.agents[agent];
        let local = plan
            .waits_local
            .iter()
            .filter(|&&dependency| !self.answers(dependency) && self.is_awaited(agent, self.failure(dependency)))
            .map(|&dependency| self.name(dependency).to_owned());
        let away = plan
            .waits_elsewhere
            .iter()
            .filter(|&&id| self.is_awaited(agent, self.elsewhere[id].failure))
            .map(|&id| self.plan.elsewhere[id].name.clone());
        local.chain(away).collect()
    }

    /// Names of what the agent still waits for.
    pub(super) fn unmet(&self, agent: AgentId) -> Vec<String> {
        let (here, away) = self.awaited(agent);
        let here = here.into_iter().map(|dependency| self.name(dependency).to_owned());
        let away = away.into_iter().map(|id| self.plan.elsewhere[id].name.clone());
        here.chain(away).collect()
    }

    /// What the agent still waits for.
    fn awaited(&self, agent: AgentId) -> (Vec<AgentId>, Vec<ElsewhereId>) {
        let (mut here, mut away) = self.silent(agent);
        here.retain(|&dependency| self.is_awaited(agent, self.failure(dependency)));
        away.retain(|&id| self.is_awaited(agent, self.elsewhere[id].failure));
        (here, away)
    }

    /// Why the agent waits, dependency by dependency, with what is known of each.
    pub(super) fn unmet_reason(&self, agent: AgentId) -> String {
        let (here, away) = self.awaited(agent);
        let here = here.into_iter().map(|dependency| match self.agents[dependency].state {
            AgentState::Failed => format!("{} (failed)", self.name(dependency)),
            AgentState::Mute => format!("{} (mute)", self.name(dependency)),
            AgentState::Backoff => format!("{} (crashed)", self.name(dependency)),
            AgentState::Stopping | AgentState::Stopped => format!("{} (stopped)", self.name(dependency)),
            _ => self.name(dependency).to_owned(),
        });
        let away = away.into_iter().map(|id| {
            let plan = &self.plan.elsewhere[id];
            let known = match (self.elsewhere[id].failure, &self.elsewhere[id].reason) {
                (Some(failure), _) => format!(": {}", failure.text()),
                (None, Some(reason)) => format!(": {reason}"),
                (None, None) => String::new(),
            };
            format!("{} ({}{known})", plan.name, plan.place)
        });
        let list: Vec<String> = here.chain(away).collect();
        format!("waits for {}", list.join(", "))
    }
}
