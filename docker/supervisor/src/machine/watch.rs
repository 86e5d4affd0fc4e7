//! Health: the first answer, the settling time, the regular checks, and agents that stay or fall mute.
//!
//! "No answer yet" within the start period is not a failure. After it the agent is `Mute`, still asked, and restarted
//! when it has stayed silent for `health_retries` further health intervals.
//!
//! Of an agent whose health is its process alone, nothing is asked: it is healthy once it has run for a time, until it ends; one that
//! runs once is not, until it is done.

use contract::health::Kind;
use contract::status::AgentState;

use super::plan::AgentId;
use super::{Action, Ending, Machine, Millis, seconds};

impl Machine {
    pub(super) fn answered(&mut self, agent: AgentId, run: u32, now: Millis) {
        if self.is_stale(agent, run) {
            return;
        }
        let supervision = &self.plan.supervision;
        let (settle, interval) = (supervision.settle_ms, supervision.health_interval_ms);
        match self.agents[agent].state {
            AgentState::Starting | AgentState::Mute => {
                self.set(agent, AgentState::Answering, None);
                let slot = &mut self.agents[agent];
                slot.ready_after = Some(now);
                slot.boot.answered_after_ms.get_or_insert(now);
                slot.failures = 0;
                slot.silent_runs = 0;
                slot.never_answered = false;
                slot.deadline = Some(now + settle);
                let took = now.saturating_sub(slot.started_after.unwrap_or(now));
                let name = self.name(agent).to_owned();
                self.log(format!("{name} answers after {took} ms"));
                self.release(Some(&name));
            }
            AgentState::Answering | AgentState::Healthy => {
                let settled = self.agents[agent]
                    .ready_after
                    .is_some_and(|ready| now >= ready + settle);
                if self.agents[agent].failures > 0 {
                    self.log(format!("{} answers again", self.name(agent)));
                }
                if settled {
                    self.set(agent, AgentState::Healthy, None);
                }
                let slot = &mut self.agents[agent];
                if settled {
                    slot.boot.healthy_after_ms.get_or_insert(now);
                }
                slot.failures = 0;
                slot.deadline = Some(now + interval);
            }
            _ => {}
        }
    }

    pub(super) fn no_answer(&mut self, agent: AgentId, run: u32, reason: &str, now: Millis) {
        if self.is_stale(agent, run) {
            return;
        }
        match self.agents[agent].state {
            AgentState::Starting => self.set(agent, AgentState::Starting, Some(format!("no answer yet: {reason}"))),
            AgentState::Mute => self.set(
                agent,
                AgentState::Mute,
                Some(format!("runs, but does not answer: {reason}")),
            ),
            state @ (AgentState::Answering | AgentState::Healthy) => {
                let supervision = &self.plan.supervision;
                let retries = supervision.health_retries;
                // A slow first check must not delay `Healthy` by a whole interval.
                let pause = if state == AgentState::Answering {
                    supervision.health_interval_ms.min(supervision.settle_ms.max(1000))
                } else {
                    supervision.health_interval_ms
                };
                self.agents[agent].failures += 1;
                let failures = self.agents[agent].failures;
                let line = format!("health check failed ({failures} of {retries}): {reason}");
                self.log(format!("{}: {line}", self.name(agent)));
                if failures >= retries {
                    self.set(agent, AgentState::Mute, Some(format!("stopped answering: {reason}")));
                    self.end(agent, Ending::Mute, now);
                } else {
                    self.set(agent, state, Some(line));
                    self.agents[agent].deadline = Some(now + pause);
                }
            }
            _ => {}
        }
    }

    /// Nothing is asked of an agent that has just been started: it is healthy once it has run for a time, or done when it ends.
    pub(super) fn hold(&mut self, agent: AgentId, now: Millis) {
        if self.plan.agents[agent].once {
            let reason = "runs once: it is done when it exits with code 0".to_owned();
            self.set(agent, AgentState::Starting, Some(reason));
            return;
        }
        let hold = self.plan.agents[agent].hold;
        self.agents[agent].deadline = Some(now + hold);
        let reason = format!("runs; nothing is asked of it, it is healthy after {}", seconds(hold));
        self.set(agent, AgentState::Starting, Some(reason));
    }

    /// An agent of which nothing is asked has run for long enough.
    fn stayed(&mut self, agent: AgentId, now: Millis) {
        self.set(agent, AgentState::Healthy, None);
        let hold = self.plan.agents[agent].hold;
        let slot = &mut self.agents[agent];
        slot.ready_after = Some(now);
        slot.boot.answered_after_ms.get_or_insert(now);
        slot.boot.healthy_after_ms.get_or_insert(now);
        slot.failures = 0;
        slot.silent_runs = 0;
        slot.never_answered = false;
        let name = self.name(agent).to_owned();
        self.log(format!(
            "{name} has run for {}: it counts as healthy, nothing is asked of it",
            seconds(hold)
        ));
        self.release(Some(&name));
    }

    /// The timer of an agent that runs is due.
    pub(super) fn watch_due(&mut self, agent: AgentId, now: Millis) {
        let supervision = &self.plan.supervision;
        let (interval, retries, start_period) = (
            supervision.health_interval_ms,
            supervision.health_retries,
            self.plan.agents[agent].start_period,
        );
        match self.agents[agent].state {
            AgentState::Starting if self.plan.agents[agent].health == Kind::Process => self.stayed(agent, now),
            AgentState::Starting => {
                let seen = self.agents[agent]
                    .reason
                    .as_deref()
                    .and_then(|reason| reason.strip_prefix("no answer yet: "))
                    .unwrap_or("nothing seen yet")
                    .to_owned();
                self.log(format!(
                    "{} runs, but has not answered within {}: {seen}",
                    self.name(agent),
                    seconds(start_period)
                ));
                self.set(
                    agent,
                    AgentState::Mute,
                    Some(format!("runs, but does not answer: {seen}")),
                );
                self.agents[agent].deadline = Some(now + interval);
            }
            AgentState::Mute => {
                self.agents[agent].failures += 1;
                if self.agents[agent].failures >= retries {
                    self.log(format!("{} has stayed mute: it is restarted", self.name(agent)));
                    self.end(agent, Ending::Mute, now);
                } else {
                    self.agents[agent].deadline = Some(now + interval);
                }
            }
            AgentState::Answering | AgentState::Healthy => {
                let run = self.agents[agent].run;
                self.actions.push(Action::Check { agent, run });
            }
            _ => {}
        }
    }

    /// The process of an agent that runs and is mute.
    #[must_use]
    pub fn mute(&self, agent: AgentId) -> Option<u32> {
        let slot = &self.agents[agent];
        slot.pid.filter(|_| slot.state == AgentState::Mute)
    }

    /// Whether an answer belongs to a former run, or to a process that is being ended.
    fn is_stale(&self, agent: AgentId, run: u32) -> bool {
        let slot = &self.agents[agent];
        slot.run != run || slot.pid.is_none() || slot.ending.is_some()
    }
}
