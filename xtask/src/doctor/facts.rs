//! What is known about a host before anything is diagnosed. Values only; [`crate::host::doctor::gather`] fills them in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::doctor::overlap::Overlap;
use crate::images::package_index::PackageIndex;
use crate::stack::model::Subnet;

/// Everything that the diagnoses look at.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    /// How packages are installed here.
    pub packages: Option<PackageManager>,
    /// Whether we run as root.
    pub root: bool,
    /// Podman, where it is installed.
    pub podman: Option<PodmanFacts>,
    /// cgroup mounts.
    pub cgroups: Cgroups,
    /// Programs that were found, by name.
    pub programs: BTreeSet<&'static str>,
    /// Limits of this process.
    pub limits: LimitFacts,
    /// Text of the `containers.conf` that Podman gets from us or from `CONTAINERS_CONF`.
    pub containers_conf: Option<String>,
    /// CNI configuration lists, by path.
    pub cni_lists: Vec<String>,
    /// Podman's networks.
    pub networks: Vec<NetworkFacts>,
    /// Networks that the stack needs.
    pub wanted_networks: Vec<WantedNetwork>,
    /// Subnets of the stack that something else has.
    pub overlaps: Vec<Overlap>,
    /// Ports that the stack publishes.
    pub ports: Vec<PortFacts>,
    /// Containers with the stack's label that were created and never ran.
    pub created: Vec<String>,
    /// Containers, networks and volumes that have names of the stack without its label, as a person would call them.
    pub namesakes: Vec<String>,
    /// Image names of the stack.
    pub images: Vec<String>,
    /// Image that the base is made from.
    pub base_image: String,
    /// CA bundle of this host, from `SSL_CERT_FILE`: path, and whether it can be read.
    pub ca_bundle: Option<(String, bool)>,
    /// Where this host's pip and uv get packages from.
    pub package_index: PackageIndex,
    /// Groups with variants: which one this host runs, and why.
    pub variants: Vec<String>,
    /// Groups whose optional devices this host does not have, all of them.
    pub without_devices: Vec<String>,
    /// What rootless Podman needs, when we are not root.
    pub rootless: Option<RootlessFacts>,
    /// Free bytes where images are stored.
    pub disk: Option<DiskFacts>,
    /// Whether the kernel forwards IPv4 packets.
    pub ip_forward: Option<bool>,
    /// What starts containers when it boots.
    pub reboot: RebootFacts,
}

/// What starts containers when the host boots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RebootFacts {
    /// Whether systemd runs the host.
    pub systemd: bool,
    /// Whether it runs Podman's `podman-restart.service` at boot.
    pub enabled: bool,
    /// Whether that starts containers with the policy `unless-stopped`.
    pub starts_ours: bool,
}

/// How packages are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageManager {
    /// Debian and what comes of it.
    Apt,
    /// Fedora and what comes of it.
    Dnf,
}

/// Podman as it says itself.
#[derive(Debug, Clone, Default)]
pub struct PodmanFacts {
    /// `4.3.1`
    pub version: String,
    /// `netavark` or `cni`.
    pub network_backend: String,
    /// `runc`, `crun`.
    pub runtime: String,
    /// `overlay`, `vfs`.
    pub driver: String,
    /// Why it cannot say, where it cannot.
    pub error: Option<String>,
}

/// cgroup mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cgroups {
    /// Version 1 only.
    V1,
    /// Version 2 only.
    #[default]
    V2,
    /// Both.
    Hybrid,
}

/// Limits of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct LimitFacts {
    /// Hard limit of open files.
    pub open_files: u64,
    /// Hard limit of processes.
    pub processes: u64,
    /// Whether a container may get more.
    pub may_raise: bool,
}

/// A network of Podman's.
#[derive(Debug, Clone, Default)]
pub struct NetworkFacts {
    /// Its name.
    pub name: String,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
    /// Whether it carries the stack's label.
    pub ours: bool,
    /// Containers on it.
    pub containers: Vec<String>,
}

/// A network that the stack needs.
#[derive(Debug, Clone)]
pub struct WantedNetwork {
    /// Its machine.
    pub machine: String,
    /// Its name.
    pub name: String,
    /// Its subnet.
    pub subnet: Subnet,
}

/// A port that the stack publishes.
#[derive(Debug, Clone)]
pub struct PortFacts {
    /// Address on the host.
    pub address: Ipv4Addr,
    /// The port.
    pub port: u16,
    /// Whose it is: an agent, or the status endpoint of a group.
    pub owner: String,
    /// Whether it can be had.
    pub state: PortState,
}

/// Whether a port can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortState {
    /// It can.
    Free,
    /// The stack itself has it.
    Ours,
    /// Somebody else has it: who, where that can be seen.
    Taken(Option<String>),
    /// The host does not have the address.
    NoAddress,
}

/// What rootless Podman needs.
#[derive(Debug, Clone, Default)]
pub struct RootlessFacts {
    /// The user.
    pub user: String,
    /// Devices that the user cannot open, of `/dev/net/tun` and `/dev/fuse`; missing ones too.
    pub closed_devices: Vec<String>,
    /// Ids that `/etc/subuid` and `/etc/subgid` give to the user, by file.
    pub sub_ids: BTreeMap<String, u64>,
}

/// Space where images are stored.
#[derive(Debug, Clone)]
pub struct DiskFacts {
    /// Where.
    pub path: String,
    /// Free bytes.
    pub free: u64,
}

impl HostFacts {
    /// Whether a program was found.
    #[must_use]
    pub fn has(&self, program: &str) -> bool {
        self.programs.contains(program)
    }
}
