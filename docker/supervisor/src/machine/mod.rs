//! The whole behaviour of the supervisor as a pure state machine: [`Machine::step`] takes one event and the time, changes
//! the state, and returns what the shell must do. No clock, no system call, no randomness that the seed does not decide.
//!
//! `plan` the fixed facts, `gating` who may start, `watch` health, `crash` restarts and giving up, `stop` the ordered
//! end, `orders` what operators want, `view` the status document.

pub mod crash;
mod gating;
mod orders;
pub mod plan;
mod stop;
#[cfg(test)]
mod tests;
mod view;
mod watch;

use std::collections::VecDeque;

use contract::health::Kind;
use contract::order::Order;
use contract::status::{AgentBoot, AgentState, Failure, GroupState};

use plan::{AgentId, ElsewhereId, Plan};

/// Milliseconds since the supervisor started.
pub type Millis = u64;

/// How a process ended: an exit code or a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Exit code, when it exited.
    pub code: Option<i32>,
    /// Signal number, when a signal ended it.
    pub signal: Option<i32>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The start-up check is done; agents may start.
    Begin,
    /// The start-up check found that an agent cannot be started at all.
    Unstartable {
        /// Whose.
        agent: AgentId,
        /// Why.
        reason: String,
    },
    /// A line of the start-up check failed that no single agent stands for.
    CheckFailed {
        /// Whether a required agent, or all of them, needs what is missing.
        required: bool,
    },
    /// A process was started.
    Spawned {
        /// Whose.
        agent: AgentId,
        /// Its process id.
        pid: u32,
    },
    /// A process could not be started, for a reason that may pass.
    SpawnFailed {
        /// Whose.
        agent: AgentId,
        /// Why.
        reason: String,
    },
    /// A process ended and was reaped.
    Exited {
        /// Whose.
        agent: AgentId,
        /// How.
        ended: Ended,
        /// What that means, where the number does not say it.
        meaning: Option<String>,
        /// The last lines of its stderr.
        stderr: Vec<String>,
        /// The last lines of its stdout.
        stdout: Vec<String>,
    },
    /// An agent gave a healthy reply.
    Answered {
        /// Who.
        agent: AgentId,
        /// The run that was asked; replies of former runs do not count.
        run: u32,
    },
    /// An agent gave none.
    NoAnswer {
        /// Who.
        agent: AgentId,
        /// The run that was asked.
        run: u32,
        /// What was seen.
        reason: String,
    },
    /// A dependency elsewhere gave a healthy reply.
    ElsewhereAnswered(ElsewhereId),
    /// A dependency elsewhere gave none yet; said when the reason changes.
    ElsewhereSilent(ElsewhereId, String),
    /// The supervisor of a dependency elsewhere says that it has failed, or no longer.
    ElsewhereFailed(ElsewhereId, Option<Failure>),
    /// Something that only the shell keeps is another than before.
    Changed,
    /// Time passed: [`Machine::deadline`] is due.
    Tick,
    /// An operator wants that done with an agent.
    Order(Order, AgentId),
    /// SIGTERM or its like; the second one means at once.
    Stop,
}

/// What the shell must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start the agent's process, and say `Spawned`, `SpawnFailed` or `Unstartable`, now or later.
    Spawn(AgentId),
    /// The agent's stop signal to its process.
    Terminate(AgentId),
    /// SIGKILL to the agent and all that descends from it.
    Kill(AgentId),
    /// Ask the agent until it answers.
    Await {
        /// Who.
        agent: AgentId,
        /// Its run, to be given back.
        run: u32,
    },
    /// Ask the agent once.
    Check {
        /// Who.
        agent: AgentId,
        /// Its run, to be given back.
        run: u32,
    },
    /// Ask it no more.
    Unwatch(AgentId),
    /// Ask a dependency elsewhere until it answers.
    AwaitElsewhere(ElsewhereId),
    /// One log line.
    Log(String),
    /// All is done: leave.
    Finish,
}

/// Why we told a process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It stopped answering, or never did.
    Mute,
    /// An operator wants it restarted.
    Restart,
    /// An operator wants it stopped.
    Halt,
    /// The supervisor stops.
    Stop,
}

/// One agent, as it is now.
#[derive(Debug, Clone)]
struct Agent {
    state: AgentState,
    reason: Option<String>,
    pid: Option<u32>,
    /// Its process was asked for, and neither `Spawned` nor a failure was said yet.
    launching: bool,
    /// Number of the present or last run; 0 before the first.
    run: u32,
    started_after: Option<Millis>,
    ready_after: Option<Millis>,
    last_exit: Option<(Ended, Millis)>,
    released_by: Option<String>,
    /// The moments of the first way to health.
    boot: AgentBoot,
    /// When the present state is over.
    deadline: Option<Millis>,
    /// When a process told to end is killed.
    kill_at: Option<Millis>,
    ending: Option<Ending>,
    /// Failed health checks in a row.
    failures: u32,
    /// Times of the crashes within the window.
    crashes: VecDeque<Millis>,
    /// Runs in a row that never answered.
    silent_runs: u32,
    /// Why its last start failed for good: nothing there to start.
    unstartable: bool,
    /// An operator wants it stopped.
    halted: bool,
    /// A whole run of it went by without an answer, and none was answered since.
    never_answered: bool,
    /// Dependencies elsewhere that have not answered since this agent began to wait; it may have been started without some.
    unmet_elsewhere: Vec<ElsewhereId>,
}

/// A dependency elsewhere, as it is now.
#[derive(Debug, Clone, Default)]
struct Elsewhere {
    /// Being asked.
    watched: bool,
    /// What was seen last while asked.
    reason: Option<String>,
    /// What its supervisor says, while asked.
    failure: Option<Failure>,
}

/// The state of the whole group.
#[derive(Debug, Clone)]
pub struct Machine {
    plan: Plan,
    agents: Vec<Agent>,
    elsewhere: Vec<Elsewhere>,
    begun: bool,
    /// Failed lines of the start-up check: `(required, optional)`.
    failed_checks: (bool, bool),
    /// When everything still alive is killed; `MAX` once it was. `Some` means stopping.
    stop_deadline: Option<Millis>,
    group_state: GroupState,
    random: u64,
    version: u64,
    changed: bool,
    actions: Vec<Action>,
}

impl Machine {
    /// A group of which nothing is started. `seed` decides the jitter; `version` is where the change counter starts.
    #[must_use]
    pub fn new(plan: Plan, seed: u64, version: u64) -> Self {
        let agents = plan
            .agents
            .iter()
            .map(|agent| Agent {
                state: if agent.left_out {
                    AgentState::Failed
                } else {
                    AgentState::Waiting
                },
                reason: agent.left_out.then(|| "left out of this boot".to_owned()),
                pid: None,
                launching: false,
                run: 0,
                started_after: None,
                ready_after: None,
                last_exit: None,
                released_by: None,
                boot: AgentBoot::default(),
                deadline: None,
                kill_at: None,
                ending: None,
                failures: 0,
                crashes: VecDeque::new(),
                silent_runs: 0,
                unstartable: false,
                halted: false,
                never_answered: false,
                unmet_elsewhere: agent.waits_elsewhere.clone(),
            })
            .collect();
        let elsewhere = vec![Elsewhere::default(); plan.elsewhere.len()];
        Self {
            plan,
            agents,
            elsewhere,
            begun: false,
            failed_checks: (false, false),
            stop_deadline: None,
            group_state: GroupState::Starting,
            random: seed | 1,
            version,
            changed: false,
            actions: Vec::new(),
        }
    }

    /// Takes one event at the time `now`; returns what must be done, in order.
    pub fn step(&mut self, event: Event, now: Millis) -> Vec<Action> {
        self.changed = false;
        match event {
            Event::Begin => self.begin(),
            Event::Unstartable { agent, reason } => self.unstartable(agent, reason, now),
            Event::CheckFailed { required } => {
                self.failed_checks.0 |= required;
                self.failed_checks.1 |= !required;
                self.changed = true;
            }
            Event::Spawned { agent, pid } => self.spawned(agent, pid, now),
            Event::SpawnFailed { agent, reason } => self.spawn_failed(agent, &reason, now),
            Event::Exited {
                agent,
                ended,
                meaning,
                stderr,
                stdout,
            } => self.exited(agent, ended, meaning.as_deref(), (&stderr, &stdout), now),
            Event::Answered { agent, run } => self.answered(agent, run, now),
            Event::NoAnswer { agent, run, reason } => self.no_answer(agent, run, &reason, now),
            Event::ElsewhereAnswered(id) => self.elsewhere_answered(id),
            Event::ElsewhereSilent(id, reason) => {
                self.elsewhere[id].reason = Some(reason);
                self.changed = true;
            }
            Event::ElsewhereFailed(id, failure) => self.elsewhere_failed(id, failure),
            Event::Changed => self.changed = true,
            Event::Tick => self.tick(now),
            Event::Order(order, agent) => self.order(order, agent, now),
            Event::Stop => self.stop(now),
        }
        self.say_group_state(now);
        if self.changed {
            self.version += 1;
        }
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Tick`] is due next.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.agents
            .iter()
            .flat_map(|agent| [agent.deadline, agent.kill_at])
            .chain([self.stop_deadline])
            .flatten()
            .filter(|&at| at != Millis::MAX)
            .min()
    }

    /// Goes up whenever anything visible changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    fn begin(&mut self) {
        self.begun = true;
        for agent in 0..self.agents.len() {
            if self.agents[agent].state == AgentState::Waiting {
                self.wait(agent);
            }
        }
        self.release(None);
        for agent in 0..self.agents.len() {
            if self.agents[agent].state == AgentState::Waiting {
                let names = self.unmet(agent).join(", ");
                self.log(format!("{} waits for {names}", self.name(agent)));
            }
        }
    }

    fn spawned(&mut self, agent: AgentId, pid: u32, now: Millis) {
        let start_period = self.plan.agents[agent].start_period;
        let slot = &mut self.agents[agent];
        slot.pid = Some(pid);
        slot.launching = false;
        slot.started_after = Some(now);
        if slot.boot.started_after_ms.is_none() {
            slot.boot.started_after_ms = Some(now);
            slot.boot.released_by.clone_from(&slot.released_by);
        }
        let run = slot.run;
        let after = slot
            .released_by
            .as_ref()
            .map(|name| format!(" after {name} answered"))
            .unwrap_or_default();
        self.changed = true;
        self.log(format!("started {} (pid {pid}){after}", self.name(agent)));
        if self.stop_deadline.is_some() {
            self.started_too_late(agent, now);
            return;
        }
        if self.agents[agent].halted {
            self.end(agent, Ending::Halt, now);
            return;
        }
        if self.plan.agents[agent].health == Kind::Process {
            self.hold(agent, now);
            return;
        }
        self.agents[agent].deadline = Some(now + start_period);
        self.actions.push(Action::Await { agent, run });
    }

    fn unstartable(&mut self, agent: AgentId, reason: String, now: Millis) {
        let slot = &mut self.agents[agent];
        slot.deadline = None;
        slot.launching = false;
        slot.unstartable = true;
        if slot.halted {
            self.rest(agent);
        } else {
            self.set(agent, AgentState::Failed, Some(reason));
        }
        self.release(None);
        if self.stop_deadline.is_some() {
            self.advance_stop(now);
        }
    }

    fn tick(&mut self, now: Millis) {
        for agent in 0..self.agents.len() {
            if self.agents[agent].kill_at.is_some_and(|at| at <= now) {
                self.agents[agent].kill_at = None;
                let plan = &self.plan.agents[agent];
                self.log(format!(
                    "{} did not end within {} of {}: killed",
                    plan.name,
                    seconds(plan.stop_grace),
                    plan.stop_signal.name()
                ));
                self.actions.push(Action::Kill(agent));
            }
            if self.agents[agent].deadline.is_some_and(|at| at <= now) {
                self.agents[agent].deadline = None;
                match self.agents[agent].state {
                    AgentState::Backoff => self.wait(agent),
                    _ => self.watch_due(agent, now),
                }
            }
        }
        self.release(None);
        self.stop_tick(now);
    }

    /// Tells a process to end.
    fn end(&mut self, agent: AgentId, why: Ending, now: Millis) {
        let grace = self.plan.agents[agent].stop_grace;
        let slot = &mut self.agents[agent];
        slot.deadline = None;
        let told = slot.ending.is_some();
        // What was told to end for another reason stays told; an operator does not overrule a stop.
        if slot.ending != Some(Ending::Stop) {
            slot.ending = Some(why);
        }
        if !told {
            slot.kill_at = Some(now + grace);
            self.actions.push(Action::Unwatch(agent));
            self.actions.push(Action::Terminate(agent));
        }
        self.changed = true;
    }

    fn set(&mut self, agent: AgentId, state: AgentState, reason: Option<String>) {
        let slot = &mut self.agents[agent];
        if slot.state != state || slot.reason != reason {
            slot.state = state;
            slot.reason = reason;
            self.changed = true;
        }
    }

    fn log(&mut self, line: String) {
        self.actions.push(Action::Log(line));
    }

    fn name(&self, agent: AgentId) -> &str {
        &self.plan.agents[agent].name
    }

    /// `value` plus or minus a fifth (xorshift; good enough to keep restarts apart).
    fn jitter(&mut self, value: Millis) -> Millis {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let span = value / 5;
        value - span + self.random % (2 * span + 1)
    }
}

impl Agent {
    /// An operator wants it started anew: what happened before counts no longer.
    fn forget_failures(&mut self) {
        self.crashes.clear();
        self.silent_runs = 0;
        self.unstartable = false;
        self.never_answered = false;
    }
}

/// `0.5 s`, `12.3 s`.
fn seconds(millis: Millis) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}
