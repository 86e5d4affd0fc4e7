//! What supervisors import once for all agents that they start warm.

use std::collections::{BTreeMap, BTreeSet};

use crate::stack::{AgentId, GroupId, Stack};

/// What warm starts need to know of the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preload {
    /// Per group with agents that are started warm: the modules, sorted.
    pub modules: BTreeMap<GroupId, Vec<String>>,
    /// The same of groups with variants, with each of them, by its name.
    pub of_variants: BTreeMap<(GroupId, String), Vec<String>>,
    /// Agents that can only be started plainly: a file of theirs stands in front of a standard module, which modules that
    /// are imported already would not have seen.
    pub plain: BTreeSet<AgentId>,
}

impl Preload {
    /// The modules of a group, with the variant that holds.
    #[must_use]
    pub fn of(&self, stack: &Stack, id: GroupId) -> Vec<String> {
        let variant = stack.group(id).variant();
        let own = variant.and_then(|variant| self.of_variants.get(&(id, variant.name.clone())));
        own.or_else(|| self.modules.get(&id)).cloned().unwrap_or_default()
    }
}
