//! What the supervisors' status documents say about the whole stack.

use std::collections::BTreeMap;

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
    /// A required agent has been given up, so that waiting longer changes nothing.
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

    /// How far these groups have come.
    #[must_use]
    pub fn progress(&self, groups: &[GroupId]) -> Progress {
        let states: Vec<Option<GroupState>> = groups
            .iter()
            .map(|group| self.groups.get(group).map(|status| status.state))
            .collect();
        let settled = |state: &Option<GroupState>| matches!(state, Some(GroupState::Healthy | GroupState::Degraded));
        if states.iter().all(settled) {
            return Progress::Healthy;
        }
        let failed = |group: &GroupId| {
            self.groups.get(group).is_some_and(|status| {
                status
                    .agents
                    .iter()
                    .any(|agent| agent.required && agent.state == AgentState::Failed)
            })
        };
        if groups.iter().any(failed) && !groups.iter().any(|group| self.is_moving(*group)) {
            return Progress::Failed;
        }
        Progress::Pending
    }

    /// Whether any agent of the group may still change by itself: not given up, and not only waiting for others.
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
