//! The stack: one validated model of machines, groups and agents, made of `config/stack.yaml` and both startup configs.
//!
//! Pure: it takes texts and the list of files of the tree, and returns the model with what is wrong. Reading files is
//! `host`'s work.

mod alone;
mod defaults;
mod environment;
pub mod further_ports;
mod leave_out;
pub mod lifecycle;
pub mod limits;
mod load;
pub mod near;
pub(crate) mod raw;
mod read;
mod resolve;
pub mod runtime;
pub(crate) mod startup;
mod supervision;
mod switches;
mod tree;
mod validate;
pub mod variants;

pub mod assets;
pub mod change;
pub mod extras;
pub mod graph;
pub mod health;
pub mod host_access;
pub mod labels;
pub mod lockable;
pub mod model;
pub mod output;
pub mod pattern;
pub mod publish;
pub mod requirements_lock;
pub mod rights;
pub mod scalar;
pub mod secret;
pub mod secrets;
pub mod selection;
pub mod spans;
mod stand_ins;
pub mod subnet;
pub mod volumes;
pub mod writable;
pub mod written;
pub mod yaml;

pub use load::{Files, FilesError, Written};
pub use model::{Agent, AgentId, ContentsSetting, Group, GroupId, Machine, MachineId, Stack, Unread};
pub use tree::{Found, TreeFiles, normal, resolve_alias};
pub use writable::{Kept, Writable};

#[cfg(test)]
pub(crate) mod asked;
pub mod audit;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod robust;
#[cfg(test)]
mod tests;
