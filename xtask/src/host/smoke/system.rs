//! The system that checks are about: its stack, its Podman, and where its agents answer.

use crate::boot::lab::Lab;
use crate::boot::reach::Granted;
use crate::host::leftovers::records::Records;
use crate::host::podman::hosts::Hosts;
use crate::host::system::network::Endpoint;
use crate::host::system::process::Program;
use crate::stack::model::{AgentId, GroupId, MachineId, Stack};

/// A Podman command line without arguments yet.
pub trait PodmanCommand: Sync {
    /// That of a machine; of this host where a check is about no machine.
    fn podman(&self, machine: Option<MachineId>) -> Program;
    /// What is written down of what the stack has that Podman make.
    fn records(&self, machine: Option<MachineId>) -> Records;
}

/// Where things answer.
pub trait Addresses: Sync {
    /// The REP socket of an agent; none where it can be reached from inside its container only.
    fn agent(&self, agent: AgentId) -> Option<Endpoint>;
    /// The status endpoint of a group's supervisor.
    fn status(&self, group: GroupId) -> Endpoint;
    /// The limits that the Podman of a group's machine can set.
    fn granted(&self, group: GroupId) -> Granted;
    /// What is between the machines, where each is a host of its own.
    fn lan(&self) -> Option<Lan<'_>> {
        None
    }
}

/// What is between the machines, where each is a host of its own.
#[derive(Debug, Clone, Copy)]
pub struct Lan<'a> {
    /// The hosts.
    pub hosts: &'a Hosts,
    /// The lab, where they are its hosts: only its link can be cut.
    pub lab: Option<&'a Lab>,
}

/// A system.
#[derive(Clone, Copy)]
pub struct System<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// Podman.
    pub podman: &'a dyn PodmanCommand,
    /// Where things answer.
    pub addresses: &'a dyn Addresses,
}
