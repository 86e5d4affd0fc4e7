//! A plan of concrete checks: what each looks at and expects, with every name resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::finding::Place;
use crate::smoke::fields::Payload;
use crate::smoke::kinds::{link, recovery, resources, stand_in, startup_check};
use crate::smoke::lan::LanAction;
use crate::smoke::spec::{CommandExpect, Restart};
use crate::stack::model::{AgentId, GroupId, MachineId};

/// Index of a check in [`Plan::checks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(pub usize);

/// Concrete checks.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The checks, in the order of the files.
    pub checks: Vec<Check>,
}

/// One concrete check.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its id.
    pub id: CheckId,
    /// Its name, with what it was expanded for in brackets.
    pub name: String,
    /// Its phase.
    pub phase: u8,
    /// Its machine, where it is about one.
    pub machine: Option<MachineId>,
    /// Its machine's name.
    pub machine_name: Option<String>,
    /// Name of its kind.
    pub kind: &'static str,
    /// Where it is defined.
    pub place: Place,
    /// Time limit.
    pub timeout: Duration,
    /// Checks that must have passed before.
    pub after: Vec<CheckId>,
    /// Whether nothing else may run meanwhile.
    pub exclusive: bool,
    /// Saved values that it uses, and the checks that save them.
    pub reads: BTreeMap<String, CheckId>,
    /// What is looked at, and what is expected.
    pub action: Action,
}

/// What is looked at, and what is expected.
#[derive(Debug, Clone)]
pub enum Action {
    /// One request to an agent.
    Request {
        /// The agent.
        agent: AgentId,
        /// What is sent.
        send: Payload,
        /// Matcher of the reply.
        expect: Value,
        /// Names for values of the reply, by path.
        save: BTreeMap<String, String>,
    },
    /// A command in the container of a group.
    Exec {
        /// The group.
        group: GroupId,
        /// Program and arguments.
        command: Vec<String>,
        /// What it must do.
        expect: CommandExpect,
    },
    /// Properties of an image.
    Image {
        /// Its fully qualified name.
        image: String,
        /// Matcher of its labels.
        labels: Option<Value>,
        /// Matcher of its user.
        user: Option<Value>,
        /// Matcher of its environment.
        env: Option<Value>,
        /// Size limit in MB.
        max_size_mb: Option<f64>,
        /// A command to run in it; empty for none.
        run: Vec<String>,
        /// What the command must do.
        expect: Box<CommandExpect>,
    },
    /// Properties of a network.
    Network {
        /// Its machine.
        machine: MachineId,
        /// Its name.
        name: String,
        /// Its subnet.
        subnet: Option<String>,
        /// Whether names resolve on it.
        dns: Option<bool>,
    },
    /// Properties of a volume.
    Volume {
        /// Its machine.
        machine: MachineId,
        /// Its name on the host, or the folder of the host that is in its place.
        name: String,
        /// Where it is mounted.
        path: String,
        /// Groups whose containers must have it.
        mounted_in: Vec<GroupId>,
        /// A group whose container must be able to write to it.
        writable_in: Option<GroupId>,
        /// How a marker is proved to be kept.
        persists: Option<(GroupId, Restart)>,
    },
    /// State of a group, or of one agent of it.
    Status {
        /// The group.
        group: GroupId,
        /// The agent, when it is about one.
        agent: Option<AgentId>,
        /// Matcher of the state.
        state: Value,
        /// Matcher of restarts.
        restarts: Option<Value>,
    },
    /// Two names of one path in an image.
    PathAlias {
        /// The group whose image is looked into.
        group: GroupId,
        /// Its fully qualified image.
        image: String,
        /// The second name, relative to the tree.
        alias: String,
        /// The first name, relative to the tree.
        target: String,
        /// Files that there must be at least.
        min_files: u64,
    },
    /// Observation for a while.
    Soak {
        /// The group.
        group: GroupId,
        /// For how long.
        seconds: u64,
        /// Growth of resident memory that is allowed, per agent.
        max_growth_mb: f64,
        /// Restarts that are allowed, per agent.
        max_restarts: u64,
        /// Requests sent over and over meanwhile.
        load: Vec<Load>,
    },
    /// What one group needs of another, asked for from inside its container.
    Link(link::Link),
    /// An agent that is broken on purpose.
    Recovery(Box<recovery::Recovery>),
    /// Limits and use of a group's container.
    Resources(resources::Resources),
    /// A request while something stands in for an absent dependency.
    StandIn(stand_in::StandIn),
    /// The start-up check of a group's supervisor.
    StartupCheck(startup_check::StartupCheck),
    /// What is between the machines.
    Lan(LanAction),
}

/// One request of a soak's load.
#[derive(Debug, Clone)]
pub struct Load {
    /// The agent.
    pub agent: AgentId,
    /// What is sent.
    pub send: Payload,
    /// Matcher of each reply.
    pub expect: Value,
}

impl Check {
    /// What reports need to know.
    #[must_use]
    pub fn info(&self) -> CheckInfo {
        CheckInfo {
            id: self.id,
            name: self.name.clone(),
            phase: self.phase,
            machine: self.machine_name.clone(),
            kind: self.kind,
            source: format!("{}:{}", self.place.path, self.place.line),
        }
    }
}

impl Plan {
    /// The check behind an id.
    #[must_use]
    pub fn check(&self, id: CheckId) -> &Check {
        &self.checks[id.0]
    }

    /// Phases that it has checks of.
    #[must_use]
    pub fn phases(&self) -> Vec<u8> {
        let phases: BTreeSet<u8> = self.checks.iter().map(|check| check.phase).collect();
        phases.into_iter().collect()
    }
}

/// What reports need to know of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInfo {
    /// Its id in the plan.
    pub id: CheckId,
    /// Its name, with what it was expanded for in brackets.
    pub name: String,
    /// Its phase.
    pub phase: u8,
    /// Its machine, where it is about one.
    pub machine: Option<String>,
    /// Its kind: `request`.
    pub kind: &'static str,
    /// File and line that define it.
    pub source: String,
}
