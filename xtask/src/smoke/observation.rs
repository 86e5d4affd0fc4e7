//! What somebody saw who looked at the system for a check.

use std::collections::BTreeMap;

use contract::status::GroupStatus;
use serde_json::Value;

use super::kinds::{link, recovery, resources, stand_in};
use super::lan::PortsSeen;

/// What was seen; each kind of check wants its own.
#[derive(Debug, Clone)]
pub enum Observation {
    /// Of `request`: the payload of the reply.
    Reply(Vec<u8>),
    /// Of `exec`.
    Command(CommandSeen),
    /// Of `image`.
    Image(ImageSeen),
    /// Of `network`.
    Network(NetworkSeen),
    /// Of `volume`.
    Volume(VolumeSeen),
    /// Of `status`: the document, as last read before the time limit.
    Status(Box<GroupStatus>),
    /// Of `path_alias`.
    PathAlias(PathAliasSeen),
    /// Of `soak`.
    Soak(SoakSeen),
    /// Of `link`: what each way came to, in the order of the check.
    Link(Vec<link::WaySeen>),
    /// Of `recovery`.
    Recovery(recovery::RecoverySeen),
    /// Of `resources`.
    Resources(resources::ResourcesSeen),
    /// Of `stand_in`.
    StandIn(stand_in::StandInSeen),
    /// Of `ports`.
    Ports(PortsSeen),
    /// Of `lan_link`: it is as it should be.
    LanLink,
    /// Nothing could be seen; the text says why.
    Nothing(String),
}

/// How a command ended.
#[derive(Debug, Clone, Default)]
pub struct CommandSeen {
    /// Its exit code; none when a signal ended it.
    pub exit: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// An image.
#[derive(Debug, Clone, Default)]
pub struct ImageSeen {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its user, empty for root.
    pub user: String,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Its size with all layers.
    pub size_bytes: u64,
    /// How the command ended, where there was one.
    pub run: Option<CommandSeen>,
}

/// A network.
#[derive(Debug, Clone, Default)]
pub struct NetworkSeen {
    /// Whether it is there.
    pub exists: bool,
    /// Its subnets in CIDR notation.
    pub subnets: Vec<String>,
    /// Whether names resolve on it.
    pub dns: bool,
}

/// A volume.
#[derive(Debug, Clone, Default)]
pub struct VolumeSeen {
    /// Whether it is there.
    pub exists: bool,
    /// By group: where its container has the volume and whether for writing; none when it has not.
    pub mounts: BTreeMap<String, Option<MountSeen>>,
    /// Groups that have no container.
    pub no_container: Vec<String>,
    /// Whether a file could be written, where that was tried; the text says why not.
    pub written: Option<Result<(), String>>,
    /// What was read of a marker after a restart, where that was tried.
    pub marker: Option<MarkerSeen>,
}

/// A volume in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSeen {
    /// Where.
    pub path: String,
    /// Whether it may be written.
    pub writable: bool,
}

/// A marker before and after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkerSeen {
    /// What was written.
    pub written: String,
    /// What was read after the restart, or why nothing was.
    pub read: Result<String, String>,
}

/// Two names of one path.
#[derive(Debug, Clone, Default)]
pub struct PathAliasSeen {
    /// Files under the first name.
    pub files: u64,
    /// Files whose two names are not one file: path below both names, what the alias resolves to.
    pub different: Vec<(String, String)>,
}

/// Agents over a while.
#[derive(Debug, Clone, Default)]
pub struct SoakSeen {
    /// Seconds observed.
    pub seconds: f64,
    /// By agent.
    pub agents: BTreeMap<String, AgentSoak>,
    /// Requests answered as expected meanwhile.
    pub requests: u64,
    /// Failures of the load: agent, what happened. The first few.
    pub failures: Vec<(String, String)>,
}

/// One agent over a while.
#[derive(Debug, Clone, Default)]
pub struct AgentSoak {
    /// Restarts before and after.
    pub restarts: (u64, u64),
    /// Process before and after.
    pub pid: (Option<u32>, Option<u32>),
    /// Resident memory in bytes, before and after, where it could be read.
    pub resident: (Option<u64>, Option<u64>),
    /// State at the end.
    pub state: String,
}

/// A text as JSON if it is, else as a text.
#[must_use]
pub fn json_or_text(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}
