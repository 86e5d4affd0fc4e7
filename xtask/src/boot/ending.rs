//! How a boot that was waited for ended: how many agents are healthy, and whether what failed can be borne.

use std::collections::{BTreeMap, BTreeSet};

use contract::status::AgentState;

use super::standing::Lost;
use super::view::View;
use crate::stack::{AgentId, GroupId, Stack};

/// A boot at its end.
#[derive(Debug)]
pub struct Ending<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// The groups that were started.
    pub groups: &'a [GroupId],
    /// Agents that were not to be started.
    pub without: &'a BTreeSet<AgentId>,
    /// What supervisors said last.
    pub view: &'a View,
    /// Groups that will not come, and why.
    pub lost: &'a BTreeMap<GroupId, Lost>,
}

impl Ending<'_> {
    /// How many agents of the boot are not healthy, and how many there are.
    #[must_use]
    pub fn unhealthy(&self) -> (usize, usize) {
        let agents = || {
            self.groups
                .iter()
                .flat_map(|group| &self.stack.group(*group).agents)
                .filter(|agent| !self.without.contains(*agent))
        };
        let state = |agent: &AgentId| self.view.state(self.stack, *agent);
        let healthy = agents().filter(|agent| state(agent).is_some_and(AgentState::is_good));
        let total = agents().count();
        (total - healthy.count(), total)
    }

    /// How many of the healthy ones run without a dependency that has failed.
    #[must_use]
    pub fn degraded(&self) -> usize {
        self.view.degraded(self.stack, self.groups).len()
    }

    /// Whether only agents failed, and others are healthy.
    #[must_use]
    pub fn only_agents_failed(&self) -> bool {
        let (unhealthy, total) = self.unhealthy();
        let by_checks = self.groups.iter().any(|group| self.view.is_failed_by_checks(*group));
        self.lost.is_empty() && !by_checks && unhealthy < total
    }

    /// Whether somebody took down all that was waited for.
    #[must_use]
    pub fn was_taken_down(&self) -> bool {
        let removed = |group: &GroupId| matches!(self.lost.get(group), Some(Lost::Removed));
        self.groups.iter().all(removed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use contract::status::AgentState;

    use super::Ending;
    use crate::boot::fixture::healthy;
    use crate::boot::standing::Lost;
    use crate::boot::view::View;
    use crate::stack::fixture::Fixture;
    use crate::stack::{AgentId, GroupId, Stack};

    fn ending<'a>(
        (stack, groups, without): (&'a Stack, &'a [GroupId], &'a BTreeSet<AgentId>),
        view: &'a View,
        lost: &'a BTreeMap<GroupId, Lost>,
    ) -> Ending<'a> {
        Ending {
            stack,
            groups,
            without,
            view,
            lost,
        }
    }

    #[test]
    fn agents_that_fail_can_be_borne_and_groups_cannot() {
        let stack = Fixture::small().model();
        let groups: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
        let mut view = View::default();
        for group in &groups {
            view.update(*group, healthy(&stack, *group));
        }
        let (without, none) = (BTreeSet::new(), BTreeMap::new());
        let total = stack.agents().count();
        let what = (&stack, groups.as_slice(), &without);
        assert_eq!(ending(what, &view, &none).unhealthy(), (0, total));
        assert!(ending(what, &view, &none).only_agents_failed());

        let lost = BTreeMap::from([(groups[0], Lost::Removed)]);
        assert!(!ending(what, &view, &lost).only_agents_failed());
        assert_eq!(ending(what, &view, &lost).was_taken_down(), groups.len() == 1);

        let mut failed = healthy(&stack, groups[0]);
        failed.agents[0].state = AgentState::Failed;
        view.update(groups[0], failed);
        assert_eq!(ending(what, &view, &none).unhealthy(), (1, total));
        assert_eq!(ending(what, &view, &none).only_agents_failed(), total > 1);
        let all = stack.agents().map(|(id, _)| id).collect();
        let nobody = Ending {
            without: &all,
            ..ending(what, &view, &none)
        };
        assert_eq!(nobody.unhealthy(), (0, 0));
    }
}
