//! Memory and processor time that the running stack takes, as far as it was measured.

use serde::Serialize;

/// What was measured, group by group, in the order of the stack.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Resources {
    /// The groups that were measured.
    pub groups: Vec<GroupResources>,
}

/// A group's container.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GroupResources {
    /// Its machine.
    pub machine: String,
    /// Its name.
    pub group: String,
    /// What it takes.
    pub usage: Usage,
    /// The memory limit that is in force, in bytes; none where there is none.
    pub memory_limit_bytes: Option<u64>,
    /// The memory limit that its use suggests, in bytes.
    pub proposed_limit_bytes: Option<u64>,
    /// Processes and threads in it.
    pub pids: Option<u64>,
    /// Its agents that run.
    pub agents: Vec<AgentResources>,
}

/// One agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AgentResources {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub usage: Usage,
    /// Most memory that it took so far, in bytes.
    pub peak_bytes: u64,
    /// The memory limit that this suggests, in bytes.
    pub proposed_limit_bytes: u64,
}

/// What something takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Memory now, in bytes.
    pub memory_bytes: u64,
    /// Processor time since it was started, in milliseconds.
    pub cpu_ms: u64,
}
