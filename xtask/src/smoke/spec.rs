//! What a file of checks says, as data: names still, nothing resolved. `tests/smoke/README.md` describes it for people.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::fields::{Payload, Text};
use super::lan::LanSpec;
use super::yaml::Node;

/// One file of checks.
#[derive(Debug, Clone)]
pub struct CheckFile {
    /// Its path, relative to the repository.
    pub path: String,
    /// Its text, so that later findings can show lines of it.
    pub text: String,
    /// The plan's phase that it proves, 1 to 4.
    pub phase: u8,
    /// Its checks, in order.
    pub checks: Vec<CheckSpec>,
}

/// One check, before it is expanded.
#[derive(Debug, Clone)]
pub struct CheckSpec {
    /// Its name, unique over all files.
    pub name: Text,
    /// Machines that it is about; all when empty.
    pub machines: Vec<Text>,
    /// Groups that it is about; all when empty.
    pub groups: Vec<Text>,
    /// Expansion into one check per thing.
    pub for_each: Option<ForEach>,
    /// Time limit, where it is not the kind's own.
    pub timeout: Option<Duration>,
    /// Checks that must have passed before.
    pub after: Vec<Text>,
    /// Whether nothing else may run meanwhile.
    pub exclusive: bool,
    /// What it does, still with placeholders; [`super::load`] has decoded it once, so its shape is right.
    pub kind: Node,
    /// Name of the kind: `request`.
    pub kind_name: &'static str,
}

/// What a check is made once for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForEach {
    /// Every machine.
    Machine,
    /// Every group.
    Group,
    /// Every agent.
    Agent,
    /// Every volume of every machine.
    Volume,
    /// Every path alias in every group of its machine.
    PathAlias,
    /// Every pair of groups of which the first depends on the second.
    Link,
}

impl ForEach {
    /// The words for it in a file.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("machine", Self::Machine),
        ("group", Self::Group),
        ("agent", Self::Agent),
        ("volume", Self::Volume),
        ("path_alias", Self::PathAlias),
        ("link", Self::Link),
    ];
}

/// What a check does; names not resolved yet.
#[derive(Debug, Clone)]
pub enum Kind {
    /// One request to an agent.
    Request(RequestSpec),
    /// A command in the container of a group.
    Exec(ExecSpec),
    /// Properties of an image.
    Image(Box<ImageSpec>),
    /// Properties of a network.
    Network(NetworkSpec),
    /// Properties of a volume.
    Volume(VolumeSpec),
    /// State of a group or an agent, as its supervisor says.
    Status(StatusSpec),
    /// Two names of one path in an image.
    PathAlias(PathAliasSpec),
    /// Observation for a while.
    Soak(SoakSpec),
    /// What one group needs of another, asked for from inside.
    Link(LinkSpec),
    /// An agent that is broken on purpose.
    Recovery(RecoverySpec),
    /// Limits and use of a group's container.
    Resources(ResourcesSpec),
    /// A request while something stands in for an absent dependency.
    StandIn(StandInSpec),
    /// The start-up check of a group's supervisor.
    StartupCheck(StartupCheckSpec),
    /// What is between the machines.
    Lan(LanSpec),
}

/// `request:`
#[derive(Debug, Clone)]
pub struct RequestSpec {
    /// `CoordinatorAgent` or `pc2/MemoryManager`.
    pub agent: Text,
    /// What is sent.
    pub send: Payload,
    /// What the reply must match.
    pub expect: Value,
    /// Names for values of the reply, by path.
    pub save: BTreeMap<String, String>,
}

/// What a command must do.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandExpect {
    /// Matcher of its exit code.
    pub exit: Value,
    /// Matcher of its standard output, without the last line break; parsed first where `json` is set.
    pub stdout: Option<Value>,
    /// Matcher of its standard error, likewise.
    pub stderr: Option<Value>,
    /// Whether standard output is JSON.
    pub json: bool,
}

/// `exec:`
#[derive(Debug, Clone)]
pub struct ExecSpec {
    /// The group.
    pub group: Text,
    /// Program and arguments.
    pub command: Vec<String>,
    /// What it must do.
    pub expect: CommandExpect,
}

/// `image:`
#[derive(Debug, Clone)]
pub struct ImageSpec {
    /// `base`, a group, or a fully qualified name.
    pub image: Text,
    /// Matcher of its labels.
    pub labels: Option<Value>,
    /// Matcher of its user.
    pub user: Option<Value>,
    /// Matcher of its environment.
    pub env: Option<Value>,
    /// Size limit in MB.
    pub max_size_mb: Option<f64>,
    /// A command to run in it, without the stack, network or a writable file system.
    pub run: Vec<String>,
    /// What the command must do.
    pub expect: CommandExpect,
}

/// `network:`
#[derive(Debug, Clone)]
pub struct NetworkSpec {
    /// Its name.
    pub name: Text,
    /// Its subnet.
    pub subnet: Option<String>,
    /// Whether names resolve on it.
    pub dns: Option<bool>,
}

/// `volume:`
#[derive(Debug, Clone)]
pub struct VolumeSpec {
    /// Its short name.
    pub name: Text,
    /// Groups whose containers must have it mounted where the stack says; all of its machine when absent.
    pub mounted_in: Option<Vec<Text>>,
    /// A group whose container must be able to write to it.
    pub writable_in: Option<Text>,
    /// How a marker is proved to be kept.
    pub persists: Option<PersistSpec>,
}

/// `persists:`
#[derive(Debug, Clone)]
pub struct PersistSpec {
    /// The group whose image (or container) writes and reads the marker.
    pub group: Text,
    /// Which container is restarted in between.
    pub restart: Restart,
}

/// Which container is restarted between writing and reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// One made for the check, from the group's image, with the same volume: the stack is not disturbed.
    Probe,
    /// The group's own; the check then runs alone, and waits until the group is healthy again.
    Group,
}

/// `status:`
#[derive(Debug, Clone)]
pub struct StatusSpec {
    /// The group, when the check is about the whole of one.
    pub group: Option<Text>,
    /// The agent, when it is about one.
    pub agent: Option<Text>,
    /// Matcher of the state; waited for until the time limit.
    pub state: Value,
    /// Matcher of restarts: of the agent, or of each agent of the group.
    pub restarts: Option<Value>,
}

/// `path_alias:`
#[derive(Debug, Clone)]
pub struct PathAliasSpec {
    /// The group whose image is looked into.
    pub group: Text,
    /// The second name, relative to the tree.
    pub alias: String,
    /// The first name, relative to the tree.
    pub target: String,
    /// Files that there must be at least.
    pub min_files: u64,
}

/// `soak:`
#[derive(Debug, Clone)]
pub struct SoakSpec {
    /// The group.
    pub group: Text,
    /// For how long.
    pub seconds: u64,
    /// Growth of resident memory that is allowed, per agent.
    pub max_growth_mb: f64,
    /// Restarts that are allowed, per agent.
    pub max_restarts: u64,
    /// Requests sent over and over meanwhile, one after the other.
    pub load: Vec<LoadSpec>,
}

/// One request of a soak's load.
#[derive(Debug, Clone)]
pub struct LoadSpec {
    /// The agent.
    pub agent: Text,
    /// What is sent.
    pub send: Payload,
    /// What each reply must match.
    pub expect: Value,
}

/// `link:`
#[derive(Debug, Clone)]
pub struct LinkSpec {
    /// The group whose agents depend on the other's.
    pub from: Text,
    /// The group that they depend on.
    pub to: Text,
    /// What is sent to the main port of each dependency, beside the health exchange.
    pub send: Option<Value>,
    /// Where its reply must hold the dependency's name.
    pub name_at: String,
}

/// `recovery:`
#[derive(Debug, Clone)]
pub struct RecoverySpec {
    /// The agent.
    pub agent: Text,
    /// What is done to it.
    pub fault: Fault,
    /// Where.
    pub place: FaultPlace,
}

/// What is done to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL.
    Kill,
    /// SIGSTOP: it runs and answers nothing.
    Mute,
    /// Its script ends with an error, each time.
    CrashLoop,
}

impl Fault {
    /// The words for it in a file.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("kill", Self::Kill),
        ("mute", Self::Mute),
        ("crash_loop", Self::CrashLoop),
    ];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, fault)| *fault == self)
            .map_or("", |(name, _)| name)
    }
}

/// Where an agent is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPlace {
    /// In the stack; the check then runs alone.
    Stack,
    /// In a container made for the check, with the agent, those of its group that depend on it, and short intervals.
    Probe,
}

/// `resources:`
#[derive(Debug, Clone)]
pub struct ResourcesSpec {
    /// The group.
    pub group: Text,
    /// For how long CPU time is counted.
    pub seconds: f64,
}

/// `stand_in:`
#[derive(Debug, Clone)]
pub struct StandInSpec {
    /// The agent that is asked.
    pub agent: Text,
    /// Loopback port in its container where the absent service is put.
    pub port: u16,
    /// What that service replies to everything.
    pub replies: Value,
    /// What the agent is asked.
    pub send: Payload,
    /// Matcher of the agent's reply.
    pub expect: Value,
}

/// `startup_check:`
#[derive(Debug, Clone)]
pub struct StartupCheckSpec {
    /// The group.
    pub group: Text,
}
