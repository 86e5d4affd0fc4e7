//! What supervisors import once for all agents that they start warm.

use std::collections::{BTreeMap, BTreeSet};

use crate::stack::{AgentId, GroupId};

/// What warm starts need to know of the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preload {
    /// Per group with agents that are started warm: the modules, sorted.
    pub modules: BTreeMap<GroupId, Vec<String>>,
    /// Agents that can only be started plainly: a file of theirs stands in front of a standard module, which modules that
    /// are imported already would not have seen.
    pub plain: BTreeSet<AgentId>,
}
