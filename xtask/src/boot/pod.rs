//! A pod and the container in it, in no syntax yet: `podman_arguments` and `podman_request` write them down for Podman's command
//! line and for its service.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::reach::PublishedPort;
use crate::stack::extras::{Device, HostMount};
use crate::stack::rights::Ulimit;

/// A group's pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Name of the container that holds its network. It says whose it is where all else about it is lost.
    pub infra_name: String,
    /// Host name in all its containers.
    pub hostname: String,
    /// The network that it is on.
    pub network: String,
    /// Its address there.
    pub address: Ipv4Addr,
    /// The hardware address that goes with it.
    pub hardware_address: String,
    /// Ports of the host that lead to it.
    pub ports: Vec<PublishedPort>,
    /// Further names of hosts, with their addresses.
    pub hosts: BTreeMap<String, IpAddr>,
    /// Servers that are asked for names; the network's own where there are none.
    pub dns: Vec<IpAddr>,
    /// Size of `/dev/shm` in bytes; Podman's own where it is not given.
    pub shm_bytes: Option<u64>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// File with the system calls that its containers may make; Podman's own list otherwise.
    pub seccomp_profile: Option<PathBuf>,
}

/// A group's container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Name of its pod.
    pub pod: String,
    /// Fully qualified name of its image.
    pub image: String,
    /// What runs in it; the image's own command where it is empty.
    pub command: Vec<String>,
    /// Numeric ids of the user and the group that it runs as; those of its image where they are not given.
    pub user: Option<(u32, u32)>,
    /// Further variables of its environment.
    pub environment: BTreeMap<String, String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether nothing of the image can be written.
    pub read_only: bool,
    /// Volumes by name, or folders of the host in their place; where they are, and whether they are for reading only.
    pub volumes: Vec<(String, String, bool)>,
    /// Folders in memory, and how they are mounted.
    pub temporary: Vec<(&'static str, Vec<String>)>,
    /// What the stack mounts of the host.
    pub mounts: Vec<HostMount>,
    /// Devices of the host.
    pub devices: Vec<Device>,
    /// Files of the host that Podman copies, so that the container's user alone can read them.
    pub secrets: Vec<Secret>,
    /// Folders of the host, and where they are.
    pub folders: Vec<(PathBuf, String)>,
    /// Memory that it may have, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time that it may take, in thousandths of a processor.
    pub milli_cpus: Option<u64>,
    /// Processes and threads that it may have.
    pub processes: Option<u64>,
    /// Limits of processes, by their names.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Capabilities that it keeps, without `CAP_`.
    pub capabilities: BTreeSet<String>,
    /// Seconds between being told to stop and being killed.
    pub stop_seconds: u64,
    /// When its health is checked.
    pub health: HealthTimes,
    /// File with the system calls that it may make; Podman's own list otherwise.
    pub seccomp_profile: Option<PathBuf>,
}

/// When Podman checks the health of a container, and what it makes of the answers. In whole seconds: Podman takes no less than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthTimes {
    /// Seconds between two checks.
    pub interval: u64,
    /// Seconds that a check may take.
    pub timeout: u64,
    /// Failed checks in a row after which the container is unhealthy.
    pub retries: u32,
    /// Seconds after its start in which failed checks do not count.
    pub start_period: u64,
}

/// A file of the host that the container gets a copy of: no image, no environment and no description of the container has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// What Podman calls it, as long as the container is being created.
    pub name: String,
    /// Its path on the host.
    pub file: PathBuf,
    /// Its path in the container.
    pub target: String,
    /// Numeric ids of the user and the group that it belongs to, which may read it.
    pub owner: (u32, u32),
}

/// What tells Podman whether a container is healthy, as a shell reads it.
pub const HEALTH_COMMAND: &str = "/usr/local/bin/agent-supervisor check";
/// Bytes of a container's log that Podman keeps.
pub const LOG_BYTES: u64 = 10_000_000;
