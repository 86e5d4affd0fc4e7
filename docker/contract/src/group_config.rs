//! The group config: everything one container's supervisor needs to know. `xtask render` writes it as YAML into `config/`,
//! the supervisor reads it. It has the shape of the plan's `config/gpu_services.yaml` (an `agents:` list), and more.
//!
//! Every field but `agents` and, in an agent, `name`, `script_path`, `port` has a default, so a file in the plan's own
//! shape works unchanged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::asset::Asset;
use crate::health::{Check, Kind};
use crate::own_flags::OwnFlags;
use crate::secrets::Secrets;
use crate::stop_signal::StopSignal;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// Format version; [`VERSION`] is the only one.
    #[serde(default = "default_version")]
    pub version: u32,
    /// Machine this group belongs to, `mainpc` or `pc2`.
    #[serde(default)]
    pub machine: String,
    /// Name of the group, as in `core-services`.
    #[serde(default)]
    pub group: String,
    /// Variant of the group that its image is, as in `gpu`, where the group has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// TCP port of the status endpoint (HTTP), on all addresses of the container.
    #[serde(default = "default_status_port")]
    pub status_port: u16,
    /// What the status endpoint tells of the agents' own words.
    #[serde(default, skip_serializing_if = "Disclosure::is_default")]
    pub disclosure: Disclosure,
    /// Working directory of every agent: the tree's root inside the container.
    #[serde(default = "default_root")]
    pub working_directory: String,
    /// The Python interpreter, a name on `PATH` or a path.
    #[serde(default = "default_python")]
    pub python: String,
    /// Entries of `PYTHONPATH`, in order.
    #[serde(default)]
    pub python_path: Vec<String>,
    /// Folder of the per-agent log files.
    #[serde(default = "default_logs")]
    pub log_directory: String,
    /// What agents may write below the working directory and that is kept elsewhere: links there lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Kept>,
    /// Data of the image that belongs on volumes: copied there before the first agent is started, where it is missing or has changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<Asset>,
    /// Files with what all agents are given and nobody else may see.
    #[serde(default, skip_serializing_if = "Secrets::is_empty")]
    pub secrets: Secrets,
    /// Modules that must be importable before any agent is started (the start-up check).
    #[serde(default)]
    pub required_modules: Vec<String>,
    /// The GPU that the group was given, where it was: the start-up check looks for it where `ENABLE_GPU` is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpu>,
    /// How agents are started that do not say it themselves.
    #[serde(default)]
    pub start: Start,
    /// Modules that the warm interpreter imports before it forks an agent, in order.
    #[serde(default)]
    pub preload: Vec<String>,
    /// What agents do whose dependency fails, where they do not say it themselves.
    #[serde(default, skip_serializing_if = "WhenDependencyFails::is_default")]
    pub when_dependency_fails: WhenDependencyFails,
    /// How agents are started, watched and stopped.
    #[serde(default)]
    pub supervision: Supervision,
    /// The agents of this group, in start order where nothing else decides.
    pub agents: Vec<Agent>,
    /// Where to find dependencies that live in another container or on the other machine.
    #[serde(default)]
    pub dependencies_elsewhere: Vec<Elsewhere>,
    /// Dependencies that nothing defines, with what is done without them.
    #[serde(default)]
    pub absent_dependencies: Vec<Absent>,
    /// Loopback ports to listen on and forward, for agents whose source connects to `localhost:<port>` of an agent that
    /// lives elsewhere.
    #[serde(default)]
    pub loopback_bridges: Vec<Bridge>,
    /// Ports of the host that are forwarded from the container's loopback.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_services: Vec<HostService>,
}

/// What a variable of the container's environment is called that is meant for agents alone: this and the agents' name of it. The
/// supervisor hands it on without the prefix. So nothing that a stack says about its agents' environment, such as `LD_PRELOAD` or
/// `PYTHONPATH`, is part of the environment of the supervisor and of its health check.
pub const AGENT_ENVIRONMENT: &str = "AGENT_ENV_";

/// What the status endpoint tells of the agents' own words: their last lines of stderr, and what reasons quote of them. Whoever
/// reaches the endpoint reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disclosure {
    /// All of it, with what looks like a secret replaced.
    #[default]
    Masked,
    /// All of it as it was printed.
    Full,
    /// None of it: states, exit codes and times alone.
    States,
}

impl Disclosure {
    /// Whether it need not be written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The newest format version of [`GroupConfig`].
pub const VERSION: u32 = 1;

impl GroupConfig {
    /// Gives every agent an interpreter of its own, whatever was written.
    pub fn start_plainly(&mut self) {
        self.start = Start::Plain;
        for agent in &mut self.agents {
            agent.start = None;
        }
    }

    /// Leaves an agent out; false where there is none of that name. The group is not unhealthy without it.
    pub fn leave_out(&mut self, name: &str) -> bool {
        let found = self.agents.iter_mut().find(|agent| agent.name == name);
        found.is_some_and(|agent| {
            agent.left_out = true;
            agent.required = false;
            true
        })
    }
}

/// A GPU that a group was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// Whether the group is unhealthy without it. Otherwise it is degraded, and its agents run on the CPU.
    #[serde(default)]
    pub required: bool,
}

/// A file or folder that agents may write, where it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Its path. The supervisor makes the folder, or the one that the file is in.
    pub path: String,
    /// Whether it is a folder.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub folder: bool,
    /// What is copied there where it is missing; it need not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Name, passed as `--name`.
    pub name: String,
    /// Script, relative to the working directory.
    pub script_path: String,
    /// Address the agent is told to bind; informative, agents get it only if `params` names it.
    #[serde(default = "default_host")]
    pub host: String,
    /// Port of the REP socket, passed as `--port`.
    pub port: u16,
    /// Port of the health REP socket, passed as `--health_check_port`. Absent: `port + 1`, today's implicit rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_port: Option<u16>,
    /// How its health is found out.
    #[serde(default, skip_serializing_if = "Check::is_default")]
    pub health: Check,
    /// Whether the group is unhealthy without it; `false`: only degraded.
    #[serde(default = "default_true")]
    pub required: bool,
    /// Not started unless somebody asks for it; whoever waits for it is started without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
    /// Declared dependencies, by name.
    #[serde(default)]
    pub dependencies: Vec<String>,
    /// What must answer before this agent is started. Absent: every declared dependency that is defined. It differs
    /// from them for agents of a dependency cycle, which start together once what the cycle needs from outside is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<Vec<String>>,
    /// Overrides [`GroupConfig::when_dependency_fails`] for this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_dependency_fails: Option<WhenDependencyFails>,
    /// Further command-line words, `--key value` each, in order of the key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// Further command-line words, as they stand, behind all flags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Module that is run with `-m` in place of the script. The script is then its file, which has to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Which of `--port`, `--health_check_port` and `--name` it is given.
    #[serde(default, skip_serializing_if = "OwnFlags::is_all")]
    pub own_flags: OwnFlags,
    /// Further environment of this agent alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Files with what this agent alone is given, over its group's.
    #[serde(default, skip_serializing_if = "Secrets::is_empty")]
    pub secrets: Secrets,
    /// Ports where others look for it and that it does not bind, with the ports that it binds instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Led>,
    /// Overrides [`Supervision::argument_style`] for this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument_style: Option<ArgumentStyle>,
    /// Overrides [`Supervision::start_period_ms`] for this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_period_ms: Option<u64>,
    /// Overrides [`GroupConfig::start`] for this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// The signal that tells it to end.
    #[serde(default, skip_serializing_if = "StopSignal::is_default")]
    pub stop_signal: StopSignal,
    /// Overrides [`Supervision::stop_grace_ms`] for this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_grace_ms: Option<u64>,
    /// What is done when its process ends.
    #[serde(default, skip_serializing_if = "Restart::is_default")]
    pub restart: Restart,
}

impl Elsewhere {
    /// Whether only its supervisor can say how it is: where nothing is asked, and where what stands between may take connections in
    /// its place.
    #[must_use]
    pub fn is_told_by_its_supervisor(&self) -> bool {
        match self.health.kind {
            Kind::Process => true,
            Kind::Tcp => self.status_port.is_some(),
            Kind::Zmq | Kind::Http => false,
        }
    }
}

impl Agent {
    /// What it is told as its health port: the configured one, else `port + 1`.
    #[must_use]
    pub fn health_port(&self) -> u16 {
        self.health_check_port.unwrap_or(self.port.saturating_add(1))
    }

    /// The port on which health is asked; none where nothing is asked.
    #[must_use]
    pub fn asked_port(&self) -> Option<u16> {
        let port = self.health.port.unwrap_or(self.health_port());
        (self.health.kind != Kind::Process).then_some(port)
    }
}

/// A port that leads to another of the same container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Led {
    /// The port that the supervisor listens on, at all addresses of the container.
    pub port: u16,
    /// The port that the agent binds, at any address that the loopback reaches.
    pub target: u16,
}

impl Agent {
    /// The port that it binds where it is asked for one.
    #[must_use]
    pub fn bound(&self, port: u16) -> u16 {
        let led = self.ports.iter().find(|led| led.port == port);
        led.map_or(port, |led| led.target)
    }
}

/// What an agent does when one that it waits for has failed: it was given up, cannot be started, or never answered. A
/// dependency that is merely slow is waited for either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenDependencyFails {
    /// It is started, and reported as degraded.
    #[default]
    Start,
    /// It waits until the dependency answers after all.
    Wait,
}

impl WhenDependencyFails {
    /// Whether it need not be written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is done when an agent's process ends without having been told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// It is started again, whatever its exit code.
    #[default]
    Always,
    /// Nothing: it runs once. With exit code 0 it is done, which is as good as healthy; otherwise it has failed.
    No,
}

impl Restart {
    /// Whether it need not be written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How an agent's process comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// An interpreter of its own.
    #[default]
    Plain,
    /// Forked from the group's warm interpreter, which has imported [`GroupConfig::preload`].
    Warm,
}

impl Start {
    /// The word that configs and documents have for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Warm => "warm",
        }
    }
}

/// How a command-line flag and its value are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentStyle {
    /// `--port 5570`: two words, which every argument parser takes.
    #[default]
    Separate,
    /// `--port=5570`: one word.
    Equals,
}

/// How agents are started, watched and stopped. Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Supervision {
    /// How flags are written on an agent's command line.
    pub argument_style: ArgumentStyle,
    /// Time between two health checks of an agent that answers.
    pub health_interval_ms: u64,
    /// How long one health check may take.
    pub health_timeout_ms: u64,
    /// Failed health checks in a row after which an agent that answered before is restarted.
    pub health_retries: u32,
    /// How long a started agent may take to answer for the first time, before failures count.
    pub start_period_ms: u64,
    /// How long an agent must go on answering before it counts as healthy.
    pub settle_ms: u64,
    /// Time between telling an agent to end and SIGKILL.
    pub stop_grace_ms: u64,
    /// First delay before a restart; doubles with each crash, up to `backoff_max_ms`, with jitter.
    pub backoff_initial_ms: u64,
    /// Longest delay before a restart.
    pub backoff_max_ms: u64,
    /// Crashes within `crash_window_ms` after which the supervisor gives up on an agent.
    pub crash_limit: u32,
    /// The window in which crashes are counted.
    pub crash_window_ms: u64,
    /// How long the warm interpreter may take to import its modules, before agents are started plainly.
    pub preload_timeout_ms: u64,
    /// Size at which an agent's log file is rotated, in bytes.
    pub log_max_bytes: u64,
    /// Rotated log files kept per agent, beside the current one.
    pub log_keep: u32,
}

impl Default for Supervision {
    fn default() -> Self {
        Self {
            argument_style: ArgumentStyle::Separate,
            health_interval_ms: 30_000,
            health_timeout_ms: 5_000,
            health_retries: 3,
            start_period_ms: 20_000,
            settle_ms: 6_000,
            stop_grace_ms: 5_000,
            backoff_initial_ms: 500,
            backoff_max_ms: 30_000,
            crash_limit: 5,
            crash_window_ms: 120_000,
            preload_timeout_ms: 20_000,
            log_max_bytes: 10 * 1024 * 1024,
            log_keep: 3,
        }
    }
}

/// A dependency that lives in another container or on the other machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elsewhere {
    /// Name of the agent.
    pub name: String,
    /// Machine it runs on.
    pub machine: String,
    /// Group it runs in.
    pub group: String,
    /// IPv4 address, or `${NAME}`: the value of that environment variable (`${PC2_IP}`).
    pub host: String,
    /// The port on which its health is asked.
    pub health_check_port: u16,
    /// How its health is found out.
    #[serde(default, skip_serializing_if = "Check::is_default")]
    pub health: Check,
    /// Port of its supervisor's status endpoint at the same host, which tells whether the agent has failed. Absent: nobody
    /// can be asked, and it is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_port: Option<u16>,
}

/// A dependency that nothing defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// Name as the startup config has it.
    pub name: String,
    /// The script that stands in for it, relative to the working directory; absent: an error of the start-up check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
}

/// One loopback port that is forwarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// Agent that owns the port.
    pub agent: String,
    /// Machine that it runs on, where that is another one: whether it can be reached is then part of the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// IPv4 address, or `${NAME}`, where it lives.
    pub host: String,
    /// Ports forwarded one to one: its REP port and its health port.
    pub ports: Vec<u16>,
}

/// A port of the host that agents find on the container's loopback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostService {
    /// Port on the container's loopback.
    pub port: u16,
    /// IPv4 address of the host as the container reaches it, or `${NAME}`.
    pub host: String,
    /// Port of the host.
    pub target: u16,
}

fn default_version() -> u32 {
    VERSION
}
fn default_status_port() -> u16 {
    9000
}
fn default_root() -> String {
    "/app".to_owned()
}
fn default_python() -> String {
    "python3".to_owned()
}
fn default_logs() -> String {
    "/app/logs".to_owned()
}
fn default_host() -> String {
    "0.0.0.0".to_owned()
}
fn default_true() -> bool {
    true
}
