//! What the supervisors' status documents say about the whole stack.

use std::collections::{BTreeMap, BTreeSet};

use contract::status::{AgentState, AgentStatus, GroupState, GroupStatus};

use crate::stack::{AgentId, GroupId, Stack};

/// The newest document of each group that answered.
#[derive(Debug, Clone, Default)]
pub struct View {
    groups: BTreeMap<GroupId, GroupStatus>,
}

/// How far a set of groups has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Some required agent is still on its way.
    Pending,
    /// All required agents are healthy.
    Healthy,
    /// A required agent has been given up, or waits for one that will not come, so that waiting longer changes nothing.
    Failed,
}

impl View {
    /// Takes in the newest document of a group.
    pub fn update(&mut self, group: GroupId, status: GroupStatus) {
        self.groups.insert(group, status);
    }

    /// Forgets a group that no longer answers.
    pub fn forget(&mut self, group: GroupId) {
        self.groups.remove(&group);
    }

    /// The newest document of a group.
    #[must_use]
    pub fn group(&self, group: GroupId) -> Option<&GroupStatus> {
        self.groups.get(&group)
    }

    /// What is known of an agent.
    #[must_use]
    pub fn agent(&self, stack: &Stack, id: AgentId) -> Option<&AgentStatus> {
        let agent = stack.agent(id);
        self.groups
            .get(&agent.group)?
            .agents
            .iter()
            .find(|status| status.name == agent.name)
    }

    /// State of an agent; [`AgentState::Waiting`] and [`AgentState::Stopped`] look the same to somebody who asks a group
    /// that does not answer, so that is `None`.
    #[must_use]
    pub fn state(&self, stack: &Stack, id: AgentId) -> Option<AgentState> {
        self.agent(stack, id).map(|status| status.state)
    }

    /// How far these groups have come. Those of `lost` could not be started.
    #[must_use]
    pub fn progress(&self, stack: &Stack, groups: &[GroupId], lost: &[GroupId]) -> Progress {
        let states: Vec<Option<GroupState>> = groups
            .iter()
            .map(|group| self.groups.get(group).map(|status| status.state))
            .collect();
        let settled = |state: &Option<GroupState>| matches!(state, Some(GroupState::Healthy | GroupState::Degraded));
        if states.iter().all(settled) {
            return Progress::Healthy;
        }
        if groups.iter().any(|group| self.is_moving(*group)) {
            return Progress::Pending;
        }
        let hopeless = self.hopeless(stack, lost);
        let agents = || groups.iter().flat_map(|group| &stack.group(*group).agents);
        let waits = |agent: &AgentId| self.state(stack, *agent) == Some(AgentState::Waiting);
        // One that waits for what has come up is about to be let go.
        if agents().any(|agent| waits(agent) && !hopeless.contains(agent)) {
            return Progress::Pending;
        }
        if agents().any(|agent| stack.agent(*agent).required && hopeless.contains(agent)) {
            return Progress::Failed;
        }
        Progress::Pending
    }

    /// Whether any agent of the group may come to another state by itself, others aside; so may one that does not answer yet.
    fn is_moving(&self, group: GroupId) -> bool {
        self.groups.get(&group).is_none_or(|status| {
            status.agents.iter().any(|agent| {
                matches!(
                    agent.state,
                    AgentState::Starting
                        | AgentState::Answering
                        | AgentState::Mute
                        | AgentState::Backoff
                        | AgentState::Stopping
                )
            })
        })
    }

    /// Agents that will not come up by themselves: given up, of a group that could not be started, or waiting for one of these.
    fn hopeless(&self, stack: &Stack, lost: &[GroupId]) -> BTreeSet<AgentId> {
        let mut hopeless: BTreeSet<AgentId> = BTreeSet::new();
        loop {
            let before = hopeless.len();
            for (id, agent) in stack.agents() {
                let waits_in_vain = || agent.waits_for.iter().any(|other| hopeless.contains(other));
                let is_hopeless = match self.state(stack, id) {
                    _ if lost.contains(&agent.group) => true,
                    Some(AgentState::Failed) => true,
                    Some(AgentState::Waiting) => waits_in_vain(),
                    _ => false,
                };
                if is_hopeless {
                    hopeless.insert(id);
                }
            }
            if hopeless.len() == before {
                return hopeless;
            }
        }
    }

    /// Whether every required agent of these groups answers.
    #[must_use]
    pub fn all_answer(&self, groups: &[GroupId]) -> bool {
        groups.iter().all(|group| {
            self.groups.get(group).is_some_and(|status| {
                status
                    .agents
                    .iter()
                    .all(|agent| !agent.required || matches!(agent.state, AgentState::Answering | AgentState::Healthy))
            })
        })
    }

    /// Number of agents in a state, over all groups that answered.
    #[must_use]
    pub fn count(&self, state: AgentState) -> usize {
        self.groups
            .values()
            .flat_map(|status| &status.agents)
            .filter(|agent| agent.state == state)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use contract::status::{AgentState, GroupState};

    use super::{Progress, View};
    use crate::boot::fixture::healthy;
    use crate::stack::fixture::Fixture;
    use crate::stack::{AgentId, GroupId, Stack};

    /// Two agents, of which the second waits for the first, in another group.
    fn pair(stack: &Stack) -> (AgentId, AgentId) {
        let apart = |first: AgentId, second: AgentId| stack.agent(first).group != stack.agent(second).group;
        let mut all = stack
            .agents()
            .flat_map(|(id, agent)| agent.waits_for.iter().map(move |other| (*other, id)));
        all.find(|(first, second)| apart(*first, *second)).unwrap()
    }

    /// All healthy, but for one agent.
    fn all_but(stack: &Stack, one: AgentId, state: AgentState, without: Option<GroupId>) -> (View, Vec<GroupId>) {
        let mut view = View::default();
        let mut groups = Vec::new();
        for (id, _) in stack.groups().filter(|(id, _)| Some(*id) != without) {
            let mut status = healthy(stack, id);
            if stack.agent(one).group == id {
                status.state = GroupState::Starting;
                let name = &stack.agent(one).name;
                let agent = status.agents.iter_mut().find(|agent| agent.name == *name);
                agent.unwrap().state = state;
            }
            view.update(id, status);
            groups.push(id);
        }
        (view, groups)
    }

    #[test]
    fn an_agent_that_waits_for_a_group_that_could_not_be_started_waits_in_vain() {
        let stack = Fixture::small().model();
        let (first, second) = pair(&stack);
        let lost = stack.agent(first).group;
        let (view, groups) = all_but(&stack, second, AgentState::Waiting, Some(lost));
        assert_eq!(view.progress(&stack, &groups, &[lost]), Progress::Failed);
        assert_eq!(view.progress(&stack, &groups, &[]), Progress::Pending);
        let (view, groups) = all_but(&stack, second, AgentState::Starting, Some(lost));
        assert_eq!(view.progress(&stack, &groups, &[lost]), Progress::Pending);
    }

    #[test]
    fn an_agent_that_is_about_to_be_let_go_is_waited_for() {
        let stack = Fixture::small().model();
        let (first, second) = pair(&stack);
        let (view, groups) = all_but(&stack, second, AgentState::Waiting, None);
        assert_eq!(view.progress(&stack, &groups, &[]), Progress::Pending);
        let (view, groups) = all_but(&stack, first, AgentState::Failed, None);
        assert_eq!(view.progress(&stack, &groups, &[]), Progress::Failed);
    }
}
