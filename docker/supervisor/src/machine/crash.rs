//! Ends of processes: any end that we did not ask for is a crash, whatever its code, but for agents that run once. Restarts come with growing delays,
//! and are given up after `crash_limit` crashes within the window, or after as many runs in a row that never answered:
//! a mute agent takes longer than the window to be noticed that often.

use contract::status::AgentState;

use super::plan::AgentId;
use super::{Action, Ended, Ending, Machine, Millis, seconds};
use crate::words;

impl Machine {
    pub(super) fn exited(
        &mut self,
        agent: AgentId,
        ended: Ended,
        meaning: Option<&str>,
        (stderr, stdout): (&[String], &[String]),
        now: Millis,
    ) {
        let slot = &mut self.agents[agent];
        if slot.pid.is_none() {
            // Whoever was to start it ended before it had: nothing else will ever be heard of this start.
            if slot.launching {
                let how = describe(ended);
                self.spawn_failed(agent, &format!("its keeper ended first ({how})"), now);
            }
            return;
        }
        let lived = now.saturating_sub(slot.started_after.unwrap_or(now));
        slot.pid = None;
        slot.deadline = None;
        slot.kill_at = None;
        slot.last_exit = Some((ended, now));
        let ending = slot.ending.take();
        let mute_reason = slot.reason.clone();
        self.actions.push(Action::Unwatch(agent));
        let how = describe(ended);
        if self.stop_deadline.is_some() {
            self.log(format!("{} ended ({how})", self.name(agent)));
            self.set(agent, AgentState::Stopped, None);
            self.advance_stop(now);
            return;
        }
        match ending {
            Some(Ending::Halt) => {
                self.log(format!("{} is stopped ({how})", self.name(agent)));
                self.rest(agent);
                self.release(None);
            }
            Some(Ending::Restart) => {
                self.log(format!("{} ended ({how})", self.name(agent)));
                self.wait(agent);
                self.release(None);
            }
            Some(Ending::Mute) => {
                self.agents[agent].never_answered |= self.agents[agent].ready_after.is_none();
                let reason = mute_reason.unwrap_or_else(|| "was mute".to_owned());
                self.crashed(agent, &reason, words::last(stderr, &[]), stderr, now);
            }
            Some(Ending::Stop) | None if ended.code == Some(0) && self.plan.agents[agent].once => {
                self.done(agent, lived, now);
            }
            Some(Ending::Stop) | None => {
                let meaning = meaning.map(|meaning| format!(" ({meaning})")).unwrap_or_default();
                let what = format!("{how} after {}{meaning}", seconds(lived));
                self.crashed(agent, &what, words::last(stderr, stdout), stderr, now);
            }
        }
    }

    pub(super) fn spawn_failed(&mut self, agent: AgentId, reason: &str, now: Millis) {
        self.agents[agent].launching = false;
        if self.stop_deadline.is_some() {
            self.set(agent, AgentState::Stopped, None);
            self.advance_stop(now);
            return;
        }
        if self.agents[agent].halted {
            self.rest(agent);
            self.release(None);
            return;
        }
        let what = format!("could not be started: {reason}");
        self.crashed(agent, &what, None, &[], now);
    }

    /// One that runs once has ended well: whoever waits for it may start.
    fn done(&mut self, agent: AgentId, lived: Millis, now: Millis) {
        self.set(agent, AgentState::Done, None);
        let slot = &mut self.agents[agent];
        slot.forget_failures();
        slot.ready_after = Some(now);
        slot.boot.answered_after_ms.get_or_insert(now);
        slot.boot.healthy_after_ms.get_or_insert(now);
        let name = self.name(agent).to_owned();
        self.log(format!("{name} is done: exited with code 0 after {}", seconds(lived)));
        self.release(Some(&name));
    }

    /// `said` are the agent's last words, of which the reason is made.
    fn crashed(&mut self, agent: AgentId, what: &str, said: Option<String>, stderr: &[String], now: Millis) {
        let said = said.map(|said| format!("; {said}")).unwrap_or_default();
        let supervision = self.plan.supervision.clone();
        let slot = &mut self.agents[agent];
        if slot.ready_after.is_none() {
            slot.silent_runs += 1;
        }
        let silent = slot.silent_runs;
        slot.crashes.push_back(now);
        while slot
            .crashes
            .front()
            .is_some_and(|&at| at + supervision.crash_window_ms < now)
        {
            slot.crashes.pop_front();
        }
        let count = u32::try_from(slot.crashes.len()).unwrap_or(u32::MAX);
        let limit = supervision.crash_limit;
        slot.deadline = None;
        // What could not be started has not run yet.
        let ran_once = self.plan.agents[agent].once && slot.started_after.is_some();
        if ran_once || count >= limit || silent >= limit {
            let total = if ran_once {
                "it runs once".to_owned()
            } else if count >= limit {
                format!(
                    "{count} {} within {}",
                    if count == 1 { "crash" } else { "crashes" },
                    seconds(supervision.crash_window_ms)
                )
            } else {
                format!("{silent} runs in a row never answered")
            };
            let reason = format!("given up ({total}): {what}{said}");
            self.log(format!("{} is {reason}", self.name(agent)));
            let name = self.name(agent).to_owned();
            for line in stderr {
                self.log(format!("  {name} stderr: {line}"));
            }
            self.set(agent, AgentState::Failed, Some(reason));
            self.release(None);
            return;
        }
        let doublings = count.saturating_sub(1).min(20);
        let delay = supervision
            .backoff_initial_ms
            .saturating_mul(1 << doublings)
            .min(supervision.backoff_max_ms);
        let delay = self.jitter(delay);
        self.agents[agent].deadline = Some(now + delay);
        self.log(format!(
            "{} {what} (crash {count} of {limit}), restarts in {}{said}",
            self.name(agent),
            seconds(delay)
        ));
        self.set(agent, AgentState::Backoff, Some(format!("{what}{said}")));
        if self.agents[agent].never_answered {
            self.release(None);
        }
    }
}

/// `exited with code 0`, `killed by signal 9`.
#[must_use]
pub fn describe(ended: Ended) -> String {
    match (ended.code, ended.signal) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}
