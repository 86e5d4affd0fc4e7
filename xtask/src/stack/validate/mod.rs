//! Checks of a resolved stack, one function per rule. Each takes the facts and gives findings; none depends on another.

mod addresses;
mod agents;
mod assets;
mod dependencies;
mod files;
mod imports;
mod ports;
mod publish;
mod rights;
mod users;
mod writable;

use super::model::{AgentId, Stack};
use super::raw::RawStack;
use super::resolve::{Read, Resolved};
use super::startup::StartupAgent;
use super::tree::TreeFiles;
use crate::finding::Finding;

/// What the checks look at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The stack as written.
    pub raw: &'a RawStack,
    /// The startup configs, in step with the stack's machines.
    pub reads: &'a [Read],
    /// What the model was made of.
    pub resolved: &'a Resolved<'a>,
    /// The model.
    pub stack: &'a Stack,
    /// The same with the agents that no group holds: what can be said of an agent is said of these, too.
    pub everyone: &'a Stack,
    /// The tree's files; nothing where they cannot be listed.
    pub tree: Option<&'a TreeFiles>,
}

impl<'a> Facts<'a> {
    /// An agent as its startup config defines it.
    #[must_use]
    pub fn origin(&self, id: AgentId) -> &'a StartupAgent {
        let grouped = &self.resolved.origin;
        grouped
            .get(id.0)
            .unwrap_or_else(|| &self.resolved.ungrouped[id.0 - grouped.len()])
    }
}

pub use ports::clash;

/// Every check, but for ports that two agents of a container have: who has to go without is known before the rest is looked at.
#[must_use]
pub fn all(facts: &Facts<'_>) -> Vec<Finding> {
    const CHECKS: &[fn(&Facts<'_>) -> Vec<Finding>] = &[
        agents::ungrouped,
        agents::duplicate,
        agents::empty_group,
        addresses::outside_subnet,
        addresses::reserved,
        addresses::clash,
        addresses::subnet_overlap,
        ports::privileged,
        ports::published_clash,
        ports::status_clash,
        ports::lan_status_clash,
        ports::bridge_clash,
        ports::host_services,
        publish::clash,
        rights::weaker,
        users::own,
        users::shared,
        writable::taken,
        assets::places,
        files::missing_script,
        files::missing_requirements,
        files::missing_code,
        files::include,
        files::config_file_clash,
        files::alias,
        imports::writable_path,
        imports::writable_variable,
        dependencies::missing,
        dependencies::missing_fallback,
        dependencies::unused_fallback,
        dependencies::cycle,
    ];
    CHECKS.iter().flat_map(|check| check(facts)).collect()
}
