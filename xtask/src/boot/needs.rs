//! Which further groups a set of groups needs: those of the agents that its agents wait for, and so on.

use std::collections::BTreeSet;

use crate::stack::{AgentId, GroupId, Stack};

/// A group that others need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// The group.
    pub group: GroupId,
    /// An agent that waits for one of its agents.
    pub waits: AgentId,
    /// That one.
    pub dependency: AgentId,
}

/// Groups that these need and that are not among them, in the order they are found; each with one agent that shows why. Where
/// `follow` says no for a group, what that one needs in turn is not looked for.
#[must_use]
pub fn needed(stack: &Stack, groups: &[GroupId], follow: &dyn Fn(GroupId) -> bool) -> Vec<Needed> {
    let mut known: BTreeSet<GroupId> = groups.iter().copied().collect();
    let mut found = Vec::new();
    let mut open: Vec<GroupId> = groups.to_vec();
    while let Some(group) = open.pop() {
        for waits in &stack.group(group).agents {
            for dependency in &stack.agent(*waits).waits_for {
                let other = stack.agent(*dependency).group;
                if known.insert(other) {
                    found.push(Needed {
                        group: other,
                        waits: *waits,
                        dependency: *dependency,
                    });
                    if follow(other) {
                        open.push(other);
                    }
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::needed;
    use crate::stack::fixture::Fixture;

    #[test]
    fn what_a_group_needs_is_found_over_any_number_of_steps() {
        let stack = Fixture::small().model();
        let find = |name: &str| stack.find_group(name).unwrap();
        let names = |groups: &[&str], follow: bool| -> Vec<String> {
            let groups: Vec<_> = groups.iter().map(|name| find(name)).collect();
            needed(&stack, &groups, &|_| follow)
                .iter()
                .map(|needed| stack.group(needed.group).name.clone())
                .collect()
        };
        assert_eq!(names(&["core"], true), Vec::<String>::new());
        assert_eq!(names(&["side"], true), ["core"]);
        assert_eq!(names(&["side", "core"], true), Vec::<String>::new());
        assert_eq!(names(&["far"], true), ["core"]);
        let chain = Fixture::small().file("pc2/startup.yaml", "[Alpha]", "[Gamma]").model();
        let groups: Vec<_> = needed(&chain, &[chain.find_group("far").unwrap()], &|_| true)
            .iter()
            .map(|needed| (needed.group, chain.agent(needed.waits).name.clone()))
            .collect();
        assert_eq!(
            groups,
            [
                (chain.find_group("side").unwrap(), "Delta".to_owned()),
                (chain.find_group("core").unwrap(), "Gamma".to_owned())
            ]
        );
        let first = needed(&chain, &[chain.find_group("far").unwrap()], &|_| false);
        assert_eq!(first.len(), 1);
    }
}
