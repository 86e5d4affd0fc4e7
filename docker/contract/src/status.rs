//! The status document: what a supervisor says about its group, served as JSON at `/status`.
//!
//! Times are milliseconds. `…_at_ms` is Unix time, so that documents of several supervisors on one clock can be compared;
//! `…_after_ms` counts from the supervisor's own start.

use serde::{Deserialize, Serialize};

use crate::group_config::Start;
use crate::health::Kind;

/// The newest version of [`GroupStatus`].
pub const VERSION: u32 = 1;

/// The whole document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Format version.
    pub version: u32,
    /// Machine of the group.
    pub machine: String,
    /// Name of the group.
    pub group: String,
    /// Variant that runs, where the group has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// State of the group as a whole.
    pub state: GroupState,
    /// When the supervisor started, Unix time.
    pub started_at_ms: u64,
    /// When this document was made, Unix time.
    pub now_ms: u64,
    /// The start-up check, in the order it was made.
    pub checks: Vec<StartupCheck>,
    /// The agents, in the order of the group config.
    pub agents: Vec<AgentStatus>,
    /// Agents of other machines that the group talks to. They do not count for the group's own state.
    #[serde(default)]
    pub peers: Vec<PeerStatus>,
}

/// An agent of another machine that the group talks to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its name.
    pub agent: String,
    /// Its machine.
    pub machine: String,
    /// Where it is looked for.
    pub address: String,
    /// Whether it can be reached; nothing before the first look.
    pub reachable: Option<bool>,
    /// Since when, Unix time.
    pub since_ms: u64,
    /// Why it cannot be reached.
    pub reason: Option<String>,
}

/// State of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupState {
    /// Some required agent is on its way and none has failed.
    Starting,
    /// Every agent is healthy.
    Healthy,
    /// Every required agent is healthy, or was stopped by an operator; another is not, or one runs without a dependency that
    /// has failed or was stopped.
    Degraded,
    /// A required agent failed or is mute, or the start-up check failed.
    Unhealthy,
    /// The supervisor was told to stop.
    Stopping,
}

/// One line of the start-up check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartupCheck {
    /// What was checked, as in `script main_pc_code/agents/executor.py`.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// What was seen; the mend where it does not hold.
    pub detail: String,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Name.
    pub name: String,
    /// Its REP port.
    pub port: u16,
    /// The port on which its health is asked.
    pub health_check_port: u16,
    /// How its health is found out, and so what `healthy` means of it.
    #[serde(default)]
    pub health: Kind,
    /// TCP ports that it listens on, of one that is mute, or was before it was given up.
    #[serde(default)]
    pub listens_on: Vec<u16>,
    /// Whether the group is unhealthy without it.
    pub required: bool,
    /// Where it stands.
    pub state: AgentState,
    /// Process id inside the container, while it runs.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u32,
    /// How it ended last.
    pub last_exit: Option<Exit>,
    /// Last lines of its stderr, oldest first.
    pub last_stderr: Vec<String>,
    /// When its process was started last, from the supervisor's start.
    pub started_after_ms: Option<u64>,
    /// When its process was started last, Unix time.
    pub started_at_ms: Option<u64>,
    /// When the running process answered first, from the supervisor's start.
    pub ready_after_ms: Option<u64>,
    /// When the running process answered first, Unix time.
    pub ready_at_ms: Option<u64>,
    /// What it waits for now; empty once started.
    pub waits_for: Vec<String>,
    /// Whether it is started without dependencies that fail. Documents of supervisors that do not say it come from those
    /// that let agents wait.
    #[serde(default)]
    pub starts_without: bool,
    /// Dependencies that have failed, without which it was started or runs: it is degraded.
    #[serde(default)]
    pub without: Vec<FailedDependency>,
    /// Why nobody should wait for it any longer.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// The dependency that answered last, and so let it start.
    pub released_by: Option<String>,
    /// Why it is not healthy, in one line.
    pub reason: Option<String>,
    /// How its process was started last.
    #[serde(default)]
    pub start: Option<Start>,
    /// Why it was started plainly although a warm start was wished.
    #[serde(default)]
    pub plain_because: Option<String>,
    /// How it came up when the supervisor started; kept, whatever became of it later.
    #[serde(default)]
    pub boot: AgentBoot,
}

impl AgentStatus {
    /// Whether it runs without a dependency that has failed.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        !self.without.is_empty() && matches!(self.state, AgentState::Answering | AgentState::Healthy)
    }

    /// The word for where it stands: that of its state, or `degraded`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        if self.state == AgentState::Healthy && self.is_degraded() {
            "degraded"
        } else {
            self.state.name()
        }
    }
}

/// Why nobody should wait for an agent any longer. An agent that is only slow has none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// It was given up after too many crashes or mute runs.
    GivenUp,
    /// It cannot be started at all.
    CannotStart,
    /// It was left out of this boot.
    LeftOut,
    /// A whole run of it, with its start period and the health checks behind it, went by without an answer.
    NeverAnswered,
    /// An operator stopped it, and has not started it again.
    Stopped,
}

impl Failure {
    /// Whether somebody wants it so: it is nothing that has gone wrong.
    #[must_use]
    pub fn is_wanted(self) -> bool {
        matches!(self, Self::LeftOut | Self::Stopped)
    }

    /// What is so, to follow the agent's name.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::GivenUp => "given up",
            Self::CannotStart => "cannot be started",
            Self::LeftOut => "left out",
            Self::NeverAnswered => "never answered",
            Self::Stopped => "stopped by an operator",
        }
    }
}

/// A dependency that has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedDependency {
    /// The agent.
    pub agent: String,
    /// Why it is not waited for.
    pub failure: Failure,
}

impl std::fmt::Display for FailedDependency {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({})", self.agent, self.failure.text())
    }
}

/// What a supervisor says of one agent at `/agents/NAME`, to those who wait for that agent: nothing of the agent's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStanding {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: AgentState,
    /// Why nobody should wait for it any longer.
    pub failure: Option<Failure>,
}

/// The moments of an agent's first way to health, from the supervisor's start; each is kept once it was there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentBoot {
    /// The dependency that answered last, and so let it start; none where it waited for nothing.
    pub released_by: Option<String>,
    /// When its process was started: until then it waited.
    pub started_after_ms: Option<u64>,
    /// When it answered first.
    pub answered_after_ms: Option<u64>,
    /// When it had gone on answering for the settling time.
    pub healthy_after_ms: Option<u64>,
}

/// State of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Not started: a dependency does not answer yet.
    Waiting,
    /// Started, has not answered yet.
    Starting,
    /// Answers, and has yet to go on doing so for the settling time.
    Answering,
    /// Answers, and did so for the settling time.
    Healthy,
    /// Runs, and does not answer on its health port.
    Mute,
    /// Ended by itself; will be started again.
    Backoff,
    /// Given up: too many crashes, or its start-up check failed.
    Failed,
    /// Runs once, and has ended with exit code 0.
    Done,
    /// Told to stop: by an operator, or with its group.
    Stopping,
    /// Ended after it was told to stop: by an operator, or with its group.
    Stopped,
}

impl AgentState {
    /// Every state, in the order of an agent's life.
    pub const ALL: [Self; 10] = [
        Self::Waiting,
        Self::Starting,
        Self::Answering,
        Self::Healthy,
        Self::Mute,
        Self::Backoff,
        Self::Failed,
        Self::Done,
        Self::Stopping,
        Self::Stopped,
    ];

    /// Whether it is where it should be, and stays there: healthy, or done.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Healthy | Self::Done)
    }

    /// Whether those that depend on it may start: it answers, or is done.
    #[must_use]
    pub fn is_up(self) -> bool {
        matches!(self, Self::Answering | Self::Healthy | Self::Done)
    }

    /// The word that the document has for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Answering => "answering",
            Self::Healthy => "healthy",
            Self::Mute => "mute",
            Self::Backoff => "backoff",
            Self::Failed => "failed",
            Self::Done => "done",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code, when it exited.
    pub code: Option<i32>,
    /// Signal number, when a signal ended it.
    pub signal: Option<i32>,
    /// When, Unix time.
    pub at_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::AgentState;

    #[test]
    fn a_state_is_called_what_the_document_calls_it() {
        for state in AgentState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
