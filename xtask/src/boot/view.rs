//! What the supervisors' status documents say about the whole stack.

use std::collections::{BTreeMap, BTreeSet};

use contract::status::{AgentState, AgentStatus, Failure, GroupState, GroupStatus, StartupCheck};

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

    /// How far these groups have come. Those of `lost` will not come; they may be groups that others depend on.
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
        let hopeless = self.hopeless(stack, lost);
        let mut in_vain = groups.iter().any(|group| self.is_failed_by_checks(*group));
        for group in groups {
            if lost.contains(group) {
                in_vain = true;
                continue;
            }
            for id in stack
                .group(*group)
                .agents
                .iter()
                .filter(|id| stack.agent(**id).required)
            {
                match self.state(stack, *id) {
                    Some(AgentState::Healthy | AgentState::Done) => {}
                    // Nobody wants it.
                    _ if self.failure(stack, *id).is_some_and(Failure::is_wanted) => {}
                    // One that waits for what has come up is about to be let go; one of a silent group does not answer yet.
                    _ if hopeless.contains(id) => in_vain = true,
                    // It is started again and again, and will be given up. A late answer would be a surprise.
                    _ if self.failure(stack, *id) == Some(Failure::NeverAnswered) => in_vain = true,
                    _ => return Progress::Pending,
                }
            }
        }
        if in_vain { Progress::Failed } else { Progress::Pending }
    }

    /// Whether a group is unhealthy although none of its agents is the reason: a line of its start-up check failed, which it does not
    /// make again.
    #[must_use]
    pub fn is_failed_by_checks(&self, group: GroupId) -> bool {
        self.groups.get(&group).is_some_and(|status| {
            status.state == GroupState::Unhealthy
                && status.checks.iter().any(|check| !check.ok)
                && !status
                    .agents
                    .iter()
                    .any(|agent| agent.required && matches!(agent.state, AgentState::Failed | AgentState::Mute))
        })
    }

    /// Lines of a group's start-up check that failed and that no agent's own reason names.
    #[must_use]
    pub fn failed_checks(&self, group: GroupId) -> Vec<&StartupCheck> {
        let Some(status) = self.groups.get(&group) else {
            return Vec::new();
        };
        let told = |check: &StartupCheck| {
            let reasons = status.agents.iter().filter_map(|agent| agent.reason.as_ref());
            reasons.into_iter().any(|reason| reason.contains(&check.name))
        };
        status.checks.iter().filter(|check| !check.ok && !told(check)).collect()
    }

    /// Whether a required agent of these groups is within its own start period or its settling time.
    #[must_use]
    pub fn is_starting(&self, groups: &[GroupId]) -> bool {
        groups.iter().filter_map(|group| self.groups.get(group)).any(|status| {
            status
                .agents
                .iter()
                .any(|agent| agent.required && matches!(agent.state, AgentState::Starting | AgentState::Answering))
        })
    }

    /// Why its supervisor says that nobody should wait for an agent any longer.
    #[must_use]
    pub fn failure(&self, stack: &Stack, id: AgentId) -> Option<Failure> {
        self.agent(stack, id).and_then(|status| status.failure)
    }

    /// Agents of these groups that run without a dependency that has failed.
    #[must_use]
    pub fn degraded(&self, stack: &Stack, groups: &[GroupId]) -> Vec<AgentId> {
        let agents = groups.iter().flat_map(|group| &stack.group(*group).agents);
        agents
            .copied()
            .filter(|id| self.agent(stack, *id).is_some_and(AgentStatus::is_degraded))
            .collect()
    }

    /// Whether an agent waits for another one that will not come: one that starts without what has failed does not wait for that, but
    /// its supervisor hears of a failure only from the supervisor of the other one.
    fn waits_in_vain(&self, stack: &Stack, id: AgentId, hopeless: &BTreeSet<AgentId>, lost: &[GroupId]) -> bool {
        let starts_without = self.agent(stack, id).is_some_and(|status| status.starts_without);
        let agent = stack.agent(id);
        agent.waits_for.iter().any(|other| {
            let is_told =
                starts_without && self.failure(stack, *other).is_some() && !lost.contains(&stack.agent(*other).group);
            hopeless.contains(other) && !is_told
        })
    }

    /// Agents that will not come up by themselves: given up, of a group that will not come, or waiting for one of these.
    #[must_use]
    pub fn hopeless(&self, stack: &Stack, lost: &[GroupId]) -> BTreeSet<AgentId> {
        let mut hopeless: BTreeSet<AgentId> = BTreeSet::new();
        loop {
            let before = hopeless.len();
            for (id, agent) in stack.agents() {
                let is_hopeless = match self.state(stack, id) {
                    _ if lost.contains(&agent.group) => true,
                    Some(AgentState::Failed | AgentState::Stopped) => true,
                    Some(AgentState::Waiting) => self.waits_in_vain(stack, id, &hopeless, lost),
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

    /// Whether one of these groups may still reach an agent of a group on another machine, as far as its supervisor has looked.
    #[must_use]
    pub fn is_within_reach(&self, stack: &Stack, groups: &[GroupId], other: GroupId) -> bool {
        let machine = &stack.machine(stack.group(other).machine).name;
        let is_of = |name: &str| stack.group(other).agents.iter().any(|id| stack.agent(*id).name == name);
        let documents = groups.iter().filter_map(|group| self.groups.get(group));
        documents
            .flat_map(|status| &status.peers)
            .any(|peer| peer.machine == *machine && is_of(&peer.agent) && peer.reachable != Some(false))
    }

    /// Whether every required agent of these groups answers that somebody wants to run.
    #[must_use]
    pub fn all_answer(&self, groups: &[GroupId]) -> bool {
        groups.iter().all(|group| {
            self.groups.get(group).is_some_and(|status| {
                status.agents.iter().all(|agent| {
                    !agent.required || agent.state.is_up() || agent.failure.is_some_and(Failure::is_wanted)
                })
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
    use contract::status::{AgentState, Failure, GroupState, StartupCheck};

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

    #[test]
    fn a_failed_start_up_check_is_the_end_although_every_agent_is_healthy() {
        let stack = Fixture::small().model();
        let (mut view, groups) = all_but(&stack, pair(&stack).0, AgentState::Healthy, None);
        let group = groups[0];
        let mut status = healthy(&stack, group);
        status.state = GroupState::Unhealthy;
        status.checks = vec![StartupCheck {
            name: "module cv2".to_owned(),
            ok: false,
            detail: "not importable".to_owned(),
        }];
        view.update(group, status);
        assert_eq!(view.progress(&stack, &groups, &[]), Progress::Failed);
        assert_eq!(view.failed_checks(group).len(), 1);
    }

    #[test]
    fn an_optional_agent_that_is_on_its_way_holds_nobody_up() {
        let stack = Fixture::small()
            .file("main/startup.yaml", "port: 5000\n", "port: 5000\n    required: false\n")
            .model();
        let (first, second) = pair(&stack);
        let optional = stack.agents().find(|(_, agent)| !agent.required).unwrap().0;
        let other = if optional == first { second } else { first };
        let (mut view, groups) = all_but(&stack, other, AgentState::Failed, None);
        assert_eq!(view.progress(&stack, &groups, &[]), Progress::Failed);
        let group = stack.agent(optional).group;
        let mut status = view.group(group).unwrap().clone();
        let name = &stack.agent(optional).name;
        status
            .agents
            .iter_mut()
            .find(|agent| agent.name == *name)
            .unwrap()
            .state = AgentState::Mute;
        view.update(group, status);
        assert_eq!(view.progress(&stack, &groups, &[]), Progress::Failed);
    }

    /// The first agent failed in that way; the second one waits for it, and is started without what has failed, or is not.
    fn failed(stack: &Stack, failure: Failure, starts_without: bool) -> (View, Vec<GroupId>) {
        let (first, second) = pair(stack);
        let state = if failure == Failure::NeverAnswered {
            AgentState::Mute
        } else {
            AgentState::Failed
        };
        let (mut view, groups) = all_but(stack, first, state, None);
        for (agent, change) in [(first, Some(failure)), (second, None)] {
            let group = stack.agent(agent).group;
            let mut status = view.group(group).unwrap().clone();
            let name = &stack.agent(agent).name;
            let found = status.agents.iter_mut().find(|agent| agent.name == *name).unwrap();
            found.failure = change;
            found.starts_without = starts_without;
            if change.is_none() {
                found.state = AgentState::Waiting;
                status.state = GroupState::Starting;
            }
            view.update(group, status);
        }
        (view, groups)
    }

    #[test]
    fn one_that_starts_without_what_failed_is_waited_for() {
        let stack = Fixture::small().model();
        for failure in [Failure::GivenUp, Failure::CannotStart] {
            let (view, groups) = failed(&stack, failure, true);
            assert_eq!(view.progress(&stack, &groups, &[]), Progress::Pending, "{failure:?}");
            // Its supervisor has nobody to hear that from.
            let lost = stack.agent(pair(&stack).0).group;
            assert_eq!(view.progress(&stack, &groups, &[lost]), Progress::Failed);
            let (view, groups) = failed(&stack, failure, false);
            assert_eq!(view.progress(&stack, &groups, &[]), Progress::Failed, "{failure:?}");
        }
    }

    #[test]
    fn an_agent_that_was_mute_for_a_whole_run_is_waited_for_no_longer() {
        let stack = Fixture::small().model();
        let (first, second) = pair(&stack);
        let (mut view, groups) = failed(&stack, Failure::NeverAnswered, true);
        assert_eq!(view.progress(&stack, &groups, &[]), Progress::Pending);
        let group = stack.agent(second).group;
        let mut status = healthy(&stack, group);
        let name = &stack.agent(second).name;
        let agent = status.agents.iter_mut().find(|agent| agent.name == *name).unwrap();
        agent.without.push(contract::status::FailedDependency {
            agent: stack.agent(first).name.clone(),
            failure: Failure::NeverAnswered,
        });
        status.state = GroupState::Degraded;
        view.update(group, status);
        assert_eq!(view.progress(&stack, &groups, &[]), Progress::Failed);
        assert_eq!(view.degraded(&stack, &groups), [second]);
        // Mute in its first run: it may only be slow.
        let (view, groups) = all_but(&stack, first, AgentState::Mute, None);
        assert_eq!(view.progress(&stack, &groups, &[]), Progress::Pending);
    }

    #[test]
    fn a_group_that_died_or_was_not_selected_is_the_end_of_what_waits_for_it() {
        let stack = Fixture::small().model();
        let (first, second) = pair(&stack);
        let absent = stack.agent(first).group;
        let (view, groups) = all_but(&stack, second, AgentState::Waiting, Some(absent));
        let with_it: Vec<_> = groups.iter().copied().chain([absent]).collect();
        assert_eq!(view.progress(&stack, &with_it, &[absent]), Progress::Failed);
        // Silent, but not known to be gone: its supervisor may come.
        assert_eq!(view.progress(&stack, &with_it, &[]), Progress::Pending);
    }
}
