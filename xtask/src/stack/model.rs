//! The resolved model. Everything else in the workspace reads this; nobody but the loader makes one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use contract::group_config::{ArgumentStyle, Disclosure, Start, Supervision};
use contract::health::Kind;
use contract::own_flags::OwnFlags;
use pysrc::PythonVersion;
use serde::{Deserialize, Serialize};

use super::assets::Asset;
use super::extras::Extras;
use super::further_ports::FurtherPort;
use super::limits::Limits;
use super::output::Output;
use super::publish::Publish;
use super::runtime::Runtime;
use super::secrets::SecretFile;
use super::startup::{application, is_server};
use super::variants::Variants;
use super::writable::Writable;
use crate::finding::{Place, Subject};

/// Name of the group that [`Stack::with_ungrouped`] makes; no group can be called that.
pub const UNGROUPED: &str = "(no group)";

/// Index of a machine in [`Stack::machines`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineId(pub usize);

/// Index of a group in [`Stack::groups`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub usize);

/// Index of an agent in [`Stack::agents`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(pub usize);

/// The whole.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Name of the system, `ai_system`: the prefix of everything that it creates on a host.
    pub name: String,
    /// Folder of the checkout that the stack belongs to: what is created on a host says so. Empty where the stack is only looked at.
    pub checkout: String,
    /// Where rendered files stand.
    pub output: Output,
    /// The tree, as the stack or `--tree` gives it: absolute, or relative to the repository.
    pub source_tree: String,
    /// The tree that `config/stack.yaml` itself names. Rendered files speak of this one, whatever `--tree` says: what is
    /// built from another tree is built by `build-images`, which says so itself.
    pub written_tree: String,
    /// Version of Python in the images, as in `3.11`.
    pub python_version: PythonVersion,
    /// How images are named and made.
    pub images: Images,
    /// The volumes of every machine, in order.
    pub volumes: Vec<Volume>,
    /// Port of each supervisor's status endpoint inside its container.
    pub status_port: u16,
    /// What that endpoint tells of the agents' own words.
    pub disclosure: Disclosure,
    /// How agents are supervised where no startup config says more; see [`Machine::supervision`].
    pub supervision: Supervision,
    /// How agents are started where neither their group nor an override says more; see [`Stack::start`].
    pub start: Start,
    /// Modules that no warm interpreter imports, with those below them.
    pub preload_skip: Vec<String>,
    /// `mainpc`, `pc2`, in the order of the file.
    pub machines: Vec<Machine>,
    /// Machines whose startup configs cannot be read, while those of others can: the stack is without them.
    pub unread: Vec<Unread>,
    /// Groups, in the order of the file.
    pub groups: Vec<Group>,
    /// Agents that a group holds: by group, and in a group in the order that the stack lists them.
    pub agents: Vec<Agent>,
    /// Dependencies that nothing defines.
    pub absent: Vec<AbsentDependency>,
    /// Agents that a startup config defines and no group holds; their `group` means nothing.
    pub ungrouped: Vec<Agent>,
    /// Agents of groups that depend on one of these, which has the id that [`Stack::with_ungrouped`] gives it.
    pub on_ungrouped: Vec<(AgentId, AgentId)>,
    /// See [`Stack::reached_from_other_machines`].
    pub reached: BTreeSet<AgentId>,
    /// Files of the tree, relative to it, that some group gets as a secret: no image holds them.
    pub secrets_in_tree: BTreeSet<String>,
}

/// How images are named and made.
#[derive(Debug, Clone)]
pub struct Images {
    /// `localhost/ai_system`: fully qualified, so that no registry is searched.
    pub namespace: String,
    /// Tag of every image.
    pub tag: String,
    /// Image that the base is made from where a registry can be reached.
    pub base_image: String,
    /// Debian release that the base is made from where none can.
    pub debian_suite: String,
    /// Debian packages of the base made from Debian.
    pub debian_packages: Vec<String>,
    /// Debian packages that every base gets.
    pub packages: Vec<String>,
    /// Modules that every group's start-up check must find.
    pub required_modules: Vec<String>,
    /// Name of the user that containers run as.
    pub user: String,
    /// Its numeric id, and its group's.
    pub uid: u32,
    /// Whether containers run as a user of their group's own instead: [`Group::uid`].
    pub per_group: bool,
    /// Folders below volumes in which every group may make files and folders of its own, as it may at the top of a volume.
    pub shared: Vec<String>,
    /// Patterns of files of the tree that no image gets, as `.gitignore` has them.
    pub exclude: Vec<String>,
    /// Such patterns of files that every image gets, whether its agents name them or not: of its machine's code, and of what is no
    /// machine's.
    pub include: Vec<String>,
    /// How much of the tree images hold; decided per group where it is not written.
    pub contents: Option<ContentsSetting>,
}

/// How much of the tree an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentsSetting {
    /// What its agents can reach, even where something cannot be followed.
    Closure,
    /// All code of its machine.
    Package,
}

/// A named volume, one per machine, shared by its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Short name, `logs`; on a host it is called `<stack>_<machine>_<name>`.
    pub name: String,
    /// Where it is mounted.
    pub path: String,
    /// Whether agents may only read it. A volume that all groups share and that lies where code is imported from is one.
    pub read_only: bool,
    /// Folder of the host that holds it, as the stack writes it; nothing where Podman keeps it.
    pub host: Option<String>,
}

impl Volume {
    /// Where and how it is mounted, as Podman and Compose write it behind a volume's name.
    #[must_use]
    pub fn mount(&self) -> String {
        let how = if self.read_only { ":ro" } else { "" };
        format!("{}{how}", self.path)
    }
}

/// One host with its own Podman, network and address.
#[derive(Debug, Clone)]
pub struct Machine {
    /// `mainpc` or `pc2`.
    pub name: String,
    /// Startup config, relative to the tree.
    pub startup_config: String,
    /// Folders of the tree that its images hold.
    pub code: Vec<String>,
    /// Entries of PYTHONPATH relative to the tree, `.` for its root.
    pub python_path: Vec<String>,
    /// Address on the network that both machines share.
    pub lan_address: Ipv4Addr,
    /// Environment variable by which the other machine's containers know this address (`MAINPC_IP`).
    pub address_variable: String,
    /// Name of its Podman network.
    pub network: String,
    /// Subnet of that network.
    pub subnet: Subnet,
    /// Environment of every container.
    pub environment: BTreeMap<String, String>,
    /// Second names of paths: `FORMAINPC` → `main_pc_code/FORMAINPC`, both relative to the tree.
    pub path_aliases: BTreeMap<String, String>,
    /// Memory limit per agent in bytes, from the startup config; a container gets the sum.
    pub agent_memory_bytes: Option<u64>,
    /// Processor time per agent in thousandths of a processor, from the startup config; a container gets the sum.
    pub agent_milli_cpus: Option<u64>,
    /// Limit of threads per agent, from the startup config; see [`Stack::group_pids`].
    pub agent_pids: Option<u32>,
    /// Podman's connection to it (`podman system connection list`), where it is another host than this one.
    pub connection: Option<String>,
    /// How its agents are supervised: its startup config's `health_checks`, under what the stack says.
    pub supervision: Supervision,
}

/// An IPv4 network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subnet {
    /// Network address.
    pub address: Ipv4Addr,
    /// Prefix length, 0 to 32.
    pub prefix: u8,
}

/// The agents that share one container and one image.
#[derive(Debug, Clone)]
pub struct Group {
    /// `core-services`.
    pub name: String,
    /// Its machine.
    pub machine: MachineId,
    /// Numeric id of the user that its container runs as.
    pub uid: u32,
    /// Whether the stack names that user for this group (`user:`).
    pub has_own_user: bool,
    /// Static address on its machine's network.
    pub address: Ipv4Addr,
    /// The plan's phase in which it is proved first, 2 to 4.
    pub phase: u8,
    /// Its agents, in order.
    pub agents: Vec<AgentId>,
    /// File name of its config in `config/`, `core_services.yaml`.
    pub config_file: String,
    /// Its requirements file, relative to the tree.
    pub requirements: String,
    /// Whether the stack names that file: one that nobody names need not be there, and its image gets no packages then.
    pub requirements_named: bool,
    /// Debian packages that its image gets.
    pub packages: Vec<String>,
    /// Debian packages that are there only while its wheels are built.
    pub build_packages: Vec<String>,
    /// Modules that its start-up check must find, besides those of every group.
    pub required_modules: Vec<String>,
    /// Data that its image, or a volume, has to hold besides code.
    pub assets: Vec<Asset>,
    /// How its agents are started, where it differs from the stack's.
    pub start: Option<Start>,
    /// Patterns of files of the tree that its image gets besides those of every group.
    pub include: Vec<String>,
    /// Files of the tree that lie beside the machine's code and that `include:`, the stack's or its own, names; relative to the tree.
    pub beside: Vec<String>,
    /// How much of the tree its image holds, where it differs from the stack's.
    pub contents: Option<ContentsSetting>,
    /// Environment, over the machine's.
    pub environment: BTreeMap<String, String>,
    /// Port on the host's loopback where its status endpoint is published.
    pub published_status_port: u16,
    /// Agents whose port is published on the host's loopback.
    pub published: Vec<AgentId>,
    /// Ports of the host that lead to its container besides.
    pub publish: Vec<Publish>,
    /// Agents elsewhere that its agents talk to without depending on them: bridged, never waited for.
    pub reaches: Vec<AgentId>,
    /// What its agents may write below the root, each once.
    pub writable: Vec<Writable>,
    /// What its container has of its host, and how large its folders in memory are.
    pub extras: Extras,
    /// What its container may take, where that is not the sum over its agents.
    pub limits: Limits,
    /// Files with what its agents are given and nobody else sees.
    pub secrets: Vec<SecretFile>,
    /// Its variants; what differs between them is above as it is with the one that holds.
    pub variants: Variants,
    /// Where the stack defines it.
    pub place: Place,
}

/// One Python process.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Name, unique on its machine.
    pub name: String,
    /// Its machine.
    pub machine: MachineId,
    /// Its group.
    pub group: GroupId,
    /// Script, relative to the tree, as the startup config writes it.
    pub script_path: String,
    /// Address it binds.
    pub host: String,
    /// Port of its REP socket.
    pub port: u16,
    /// What it is told as the port of its health socket; [`Agent::health_port`] is the one that is asked.
    pub health_check_port: u16,
    /// Its ports besides, where others look for it.
    pub further: Vec<FurtherPort>,
    /// Whether the group is unhealthy without it.
    pub required: bool,
    /// Declared dependencies, in order.
    pub dependencies: Vec<Dependency>,
    /// What must answer before it is started: its dependencies, or for an agent of a cycle what the whole cycle depends
    /// on from outside.
    pub waits_for: Vec<AgentId>,
    /// Further command-line flags.
    pub params: BTreeMap<String, String>,
    /// The module that is run with `-m` in place of the script, which is then its file.
    pub module: Option<String>,
    /// Words behind all flags.
    pub arguments: Vec<String>,
    /// Environment of this agent alone, over its group's.
    pub environment: BTreeMap<String, String>,
    /// Which of `--port`, `--health_check_port` and `--name` it gets. Programs of a Compose file, supervisord or a Procfile get none.
    pub own_flags: OwnFlags,
    /// How flags are written, where it differs from the stack's.
    pub argument_style: Option<ArgumentStyle>,
    /// How it is started, where it differs from its group's.
    pub start: Option<Start>,
    /// How it runs.
    pub runtime: Runtime,
    /// What it may take, where that differs from its machine's agents.
    pub limits: Limits,
    /// Where the startup config defines it.
    pub place: Place,
}

/// A declared dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependency {
    /// An agent of the stack.
    Agent(AgentId),
    /// A name that nothing defines; index in [`Stack::absent`].
    Absent(usize),
}

/// A dependency that nothing defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentDependency {
    /// Its name.
    pub name: String,
    /// The script that stands in for it, relative to the tree.
    pub fallback: Option<String>,
    /// Agents that declare it.
    pub wanted_by: Vec<AgentId>,
}

impl Subnet {
    /// Reads CIDR notation; an address without a prefix is a network of one. None where it is not an IPv4 network.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, prefix.parse().ok()?),
            None => (text, 32),
        };
        (prefix <= 32).then_some(Self {
            address: address.parse().ok()?,
            prefix,
        })
    }

    /// Whether the address lies in the subnet.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == u32::from(self.address) & self.mask()
    }

    /// The first address, which no host may have.
    #[must_use]
    pub fn network(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) & self.mask())
    }

    /// The last address, which no host may have.
    #[must_use]
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) | !self.mask())
    }

    /// Whether two subnets share an address.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.network()) || other.contains(self.network())
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0)
    }

    /// The first host address: the gateway that Podman takes by default.
    #[must_use]
    pub fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address).saturating_add(1))
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

impl Agent {
    /// The module of the tree that a server of a package is given, as in `-m uvicorn pkg.app:app`; nothing where the agent's own script
    /// or module is run.
    #[must_use]
    pub fn served(&self) -> Option<&str> {
        let module = self.module.as_deref().filter(|module| is_server(module))?;
        let own = self.script_path.rsplit('/').next() == Some(&format!("{module}.py"));
        application(&self.arguments).filter(|_| !own)
    }

    /// The port on which its health is asked; none where nothing is asked.
    #[must_use]
    pub fn health_port(&self) -> Option<u16> {
        let check = &self.runtime.health;
        (check.kind != Kind::Process).then_some(check.port.unwrap_or(self.health_check_port))
    }

    /// The ports that others use: its own, the one on which its health is asked where that is another, and further ones.
    pub fn ports(&self) -> impl Iterator<Item = u16> + use<> {
        let mut ports = vec![self.port];
        let further = self.further.iter().map(|further| further.port);
        for port in self.health_port().into_iter().chain(further) {
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        ports.into_iter()
    }

    /// Whether others use that port of it, as [`Self::ports`] says.
    pub fn has_port(&self, port: u16) -> bool {
        self.port == port || self.health_port() == Some(port) || self.further.iter().any(|further| further.port == port)
    }

    /// Ports that it binds in the place of those where others look for it.
    pub fn targets(&self) -> impl Iterator<Item = u16> {
        let led = self.further.iter().filter(|further| further.port != further.target);
        led.map(|further| further.target)
    }
}

/// A machine that nothing is known of: its startup config cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its name.
    pub machine: String,
    /// That config, as findings name it.
    pub config: String,
    /// Names of its groups.
    pub groups: Vec<String>,
}

impl Stack {
    /// The same stack with the agents that no group holds in a group of their own, one per machine, called
    /// [`UNGROUPED`]: for those who look at all agents and start none.
    #[must_use]
    pub fn with_ungrouped(&self) -> Self {
        let mut stack = self.clone();
        for (agent, on) in std::mem::take(&mut stack.on_ungrouped) {
            stack.agents[agent.0].dependencies.push(Dependency::Agent(on));
        }
        for mut agent in std::mem::take(&mut stack.ungrouped) {
            let known = stack
                .groups
                .iter()
                .position(|group| group.machine == agent.machine && group.name == UNGROUPED);
            let group = known.unwrap_or_else(|| {
                stack.groups.push(Group {
                    name: UNGROUPED.to_owned(),
                    machine: agent.machine,
                    uid: stack.images.uid,
                    has_own_user: false,
                    address: Ipv4Addr::UNSPECIFIED,
                    phase: 0,
                    agents: Vec::new(),
                    config_file: String::new(),
                    requirements: String::new(),
                    requirements_named: false,
                    packages: Vec::new(),
                    build_packages: Vec::new(),
                    required_modules: Vec::new(),
                    assets: Vec::new(),
                    start: None,
                    include: Vec::new(),
                    beside: Vec::new(),
                    contents: None,
                    environment: BTreeMap::new(),
                    published_status_port: 0,
                    published: Vec::new(),
                    publish: Vec::new(),
                    reaches: Vec::new(),
                    writable: Vec::new(),
                    extras: Extras::default(),
                    limits: Limits::default(),
                    secrets: Vec::new(),
                    variants: Variants::default(),
                    place: agent.place.clone(),
                });
                stack.groups.len() - 1
            });
            agent.group = GroupId(group);
            stack.groups[group].agents.push(AgentId(stack.agents.len()));
            stack.agents.push(agent);
        }
        stack
    }

    /// The machine behind an id.
    #[must_use]
    pub fn machine(&self, id: MachineId) -> &Machine {
        &self.machines[id.0]
    }

    /// The group behind an id.
    #[must_use]
    pub fn group(&self, id: GroupId) -> &Group {
        &self.groups[id.0]
    }

    /// The agent behind an id.
    #[must_use]
    pub fn agent(&self, id: AgentId) -> &Agent {
        &self.agents[id.0]
    }

    /// What findings put in front of a path of the tree: its path in the repository, or nothing where it lies elsewhere.
    #[must_use]
    pub fn shown_prefix(&self) -> String {
        let tree = self.source_tree.trim_end_matches('/');
        if tree.is_empty() || tree == "." || tree.starts_with('/') {
            String::new()
        } else {
            format!("{tree}/")
        }
    }

    /// An agent as findings are about it.
    #[must_use]
    pub fn subject(&self, id: AgentId) -> Subject {
        let agent = self.agent(id);
        Subject::agent(&self.machine(agent.machine).name, &agent.name)
    }

    /// Groups with their ids.
    pub fn groups(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.groups
            .iter()
            .enumerate()
            .map(|(index, group)| (GroupId(index), group))
    }

    /// Agents with their ids.
    pub fn agents(&self) -> impl Iterator<Item = (AgentId, &Agent)> {
        self.agents
            .iter()
            .enumerate()
            .map(|(index, agent)| (AgentId(index), agent))
    }

    /// How the agents of a group are started.
    #[must_use]
    pub fn group_start(&self, id: GroupId) -> Start {
        self.group(id).start.unwrap_or(self.start)
    }

    /// How an agent is started.
    #[must_use]
    pub fn start(&self, id: AgentId) -> Start {
        let agent = self.agent(id);
        agent.start.unwrap_or_else(|| self.group_start(agent.group))
    }

    /// The user and the group of the system that a group's container is started as, where they are not the image's own.
    #[must_use]
    pub fn group_user(&self, id: GroupId) -> Option<(u32, u32)> {
        let group = self.group(id);
        let is_own = self.images.per_group || group.has_own_user;
        is_own.then_some((group.uid, self.images.uid))
    }

    /// Whether some container runs as another user than the images': volumes are then made for several.
    #[must_use]
    pub fn has_several_users(&self) -> bool {
        self.images.per_group || self.groups.iter().any(|group| group.has_own_user)
    }

    /// Folders of containers in which groups with users of their own make files and folders beside each other's: the tops of the
    /// volumes that agents write, and what [`Images::shared`] names below them.
    #[must_use]
    pub fn meeting_folders(&self) -> Vec<&str> {
        if !self.has_several_users() {
            return Vec::new();
        }
        let written = self.volumes.iter().filter(|volume| !volume.read_only);
        written
            .map(|volume| volume.path.as_str())
            .chain(self.images.shared.iter().map(String::as_str))
            .collect()
    }

    /// How long an agent may take to answer for the first time, in milliseconds.
    #[must_use]
    pub fn start_period_ms(&self, id: AgentId) -> u64 {
        let agent = self.agent(id);
        let own = agent.runtime.start_period_ms;
        own.unwrap_or(self.machine(agent.machine).supervision.start_period_ms)
    }

    /// The same of the slowest agent of a group.
    #[must_use]
    pub fn group_start_period_ms(&self, id: GroupId) -> u64 {
        let agents = self.group(id).agents.iter().map(|agent| self.start_period_ms(*agent));
        agents.max().unwrap_or_default()
    }

    /// Groups of one machine.
    pub fn groups_of(&self, machine: MachineId) -> impl Iterator<Item = (GroupId, &Group)> {
        self.groups().filter(move |(_, group)| group.machine == machine)
    }

    /// The machine of that name.
    #[must_use]
    pub fn find_machine(&self, name: &str) -> Option<MachineId> {
        self.machines
            .iter()
            .position(|machine| machine.name == name)
            .map(MachineId)
    }

    /// The group of that name.
    #[must_use]
    pub fn find_group(&self, name: &str) -> Option<GroupId> {
        self.groups.iter().position(|group| group.name == name).map(GroupId)
    }

    /// Fully qualified image of a group; its tag ends with the variant that holds.
    #[must_use]
    pub fn group_image(&self, group: GroupId) -> String {
        let group = self.group(group);
        match group.variant() {
            Some(variant) => format!("{}-{}", self.image(&group.name), variant.name),
            None => self.image(&group.name),
        }
    }

    /// Fully qualified image of that short name, as in `localhost/ai_system/base:latest`.
    #[must_use]
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}:{}", self.images.namespace, self.images.tag)
    }

    /// Name of the pod of a group.
    #[must_use]
    pub fn pod(&self, group: GroupId) -> String {
        format!("{}-pod", self.group(group).name)
    }

    /// Name of the container that holds the network of a group's pod.
    #[must_use]
    pub fn infra(&self, group: GroupId) -> String {
        format!("{}-infra", self.pod(group))
    }

    /// The agent of that name on a machine.
    #[must_use]
    pub fn find_agent(&self, machine: MachineId, name: &str) -> Option<AgentId> {
        self.agents
            .iter()
            .position(|agent| agent.machine == machine && agent.name == name)
            .map(AgentId)
    }

    /// Agents in other containers that a group's agents talk to: their dependencies and what the group reaches, each
    /// once, by id.
    #[must_use]
    pub fn peers_elsewhere(&self, group: GroupId) -> BTreeSet<AgentId> {
        let own = self.group(group);
        let dependencies = own
            .agents
            .iter()
            .flat_map(|id| self.agent(*id).dependencies.iter())
            .filter_map(|dependency| match dependency {
                Dependency::Agent(id) => Some(*id),
                Dependency::Absent(_) => None,
            });
        dependencies
            .chain(own.reaches.iter().copied())
            .filter(|id| self.agent(*id).group != group)
            .collect()
    }

    /// Whether the port of an agent on its host's loopback is its own if every agent is published there: of several with one number, one
    /// that is published anyway has it, or else the first.
    #[must_use]
    pub fn has_loopback_port(&self, id: AgentId) -> bool {
        let agent = self.agent(id);
        let host = |machine| &self.machine(machine).connection;
        let is_published = |id: AgentId, agent: &Agent| self.group(agent.group).published.contains(&id);
        self.agents()
            .filter(|(_, other)| other.port == agent.port && host(other.machine) == host(agent.machine))
            .min_by_key(|(other, agent)| (!is_published(*other, agent), *other))
            .is_some_and(|(first, _)| first == id)
    }

    /// Agents that a group of another machine depends on or reaches: their ports are published on the LAN address.
    #[must_use]
    pub fn reached_from_other_machines(&self) -> &BTreeSet<AgentId> {
        &self.reached
    }

    /// Those of a group.
    pub fn reached_from_other_machines_in(&self, group: GroupId) -> impl Iterator<Item = AgentId> {
        let agents = self.group(group).agents.iter().copied();
        agents.filter(|agent| self.reached.contains(agent))
    }

    /// Whether an agent of another machine waits for one of this group.
    #[must_use]
    pub fn is_awaited_from_other_machines(&self, id: GroupId) -> bool {
        let machine = self.group(id).machine;
        let mut others = self.agents.iter().filter(|agent| agent.machine != machine);
        others.any(|agent| agent.waits_for.iter().any(|other| self.agent(*other).group == id))
    }

    /// Works that out, which takes a look at every agent.
    pub(super) fn find_reached(&self) -> BTreeSet<AgentId> {
        self.groups()
            .flat_map(|(id, group)| {
                self.peers_elsewhere(id)
                    .into_iter()
                    .filter(|agent| self.agent(*agent).machine != group.machine)
            })
            .collect()
    }

    /// Name on a host of a machine's volume.
    #[must_use]
    pub fn volume(&self, machine: MachineId, volume: &Volume) -> String {
        format!("{}_{}_{}", self.name, self.machine(machine).name, volume.name)
    }
}
