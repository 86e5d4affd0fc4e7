//! How a boot went, agent by agent, on one clock: waiting, started, answered, healthy.
//!
//! Every supervisor counts from its own start and says when that was, so the moments of all groups of a host fall on one
//! axis. A group that came up when the others had long been there (its container was replaced, or its machine was started
//! later) would stretch that axis to hours: it belongs to a later boot and is counted from the begin of that one.

use contract::status::{AgentState, AgentStatus, GroupState, GroupStatus};
use serde::Serialize;

use super::critical_path::critical_path;
use super::view::View;
use crate::stack::{AgentId, GroupId, Stack};

/// The timeline of some groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// When the first supervisor started, Unix milliseconds.
    pub began_at_ms: u64,
    /// The groups, in the order of the stack.
    pub groups: Vec<GroupRow>,
    /// The chain of agents that decided how long the boot took, first one first.
    pub critical_path: Vec<String>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupRow {
    /// Its machine.
    pub machine: String,
    /// Its name.
    pub group: String,
    /// Its state when it was asked; none where its supervisor did not answer.
    pub state: Option<GroupState>,
    /// How long after [`Timeline::began_at_ms`] the boot began that this group belongs to; 0 for the first boot. All other
    /// times of the group count from there.
    pub boot_began_ms: u64,
    /// When its supervisor started.
    pub supervisor_ms: Option<u64>,
    /// Its agents, in the order of the stack.
    pub agents: Vec<AgentRow>,
}

/// One agent. A moment that never came is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentRow {
    /// Its name.
    pub name: String,
    /// Its state when it was asked; none where its supervisor did not answer.
    pub state: Option<AgentState>,
    /// Names of the agents that it had to wait for.
    pub waits_for: Vec<String>,
    /// The one of them that answered last.
    pub released_by: Option<String>,
    /// When it was started.
    pub started_ms: Option<u64>,
    /// When it answered first.
    pub answered_ms: Option<u64>,
    /// When it had gone on answering for the settling time.
    pub healthy_ms: Option<u64>,
    /// How often it was started again.
    pub restarts: u32,
    /// Whether it is on the critical path.
    pub critical: bool,
    /// Why it is not healthy.
    pub reason: Option<String>,
}

/// The timeline of these groups; none where no supervisor answered.
#[must_use]
pub fn timeline(stack: &Stack, view: &View, groups: &[GroupId]) -> Option<Timeline> {
    let boots = boots(view, groups);
    let began_at_ms = *boots.first()?;
    let path = path_of_the_first(stack, view, groups, &boots);
    let groups = groups
        .iter()
        .map(|id| {
            let group = stack.group(*id);
            let status = view.group(*id);
            let boot = status
                .and_then(|status| boots.iter().rev().find(|began| **began <= status.started_at_ms))
                .map_or(began_at_ms, |began| *began);
            let supervisor_ms = status.map(|status| status.started_at_ms - boot);
            let agents = group.agents.iter().map(|id| {
                let row = row(stack, *id, view.agent(stack, *id), supervisor_ms.unwrap_or(0));
                let critical = path.contains(id);
                AgentRow { critical, ..row }
            });
            GroupRow {
                machine: stack.machine(group.machine).name.clone(),
                group: group.name.clone(),
                state: status.map(|status| status.state),
                boot_began_ms: boot - began_at_ms,
                supervisor_ms,
                agents: agents.collect(),
            }
        })
        .collect();
    Some(Timeline {
        began_at_ms,
        groups,
        critical_path: path.iter().map(|id| stack.agent(*id).name.clone()).collect(),
    })
}

/// The critical path among the groups of the first boot.
fn path_of_the_first(stack: &Stack, view: &View, groups: &[GroupId], boots: &[u64]) -> Vec<AgentId> {
    let mut first = View::default();
    for id in groups {
        let status = view.group(*id);
        let of_the_first = |status: &&GroupStatus| boots.get(1).is_none_or(|next| status.started_at_ms < *next);
        if let Some(status) = status.filter(of_the_first) {
            first.update(*id, status.clone());
        }
    }
    critical_path(stack, &first)
        .into_iter()
        .map(|step| step.agent)
        .collect()
}

fn row(stack: &Stack, id: AgentId, status: Option<&AgentStatus>, supervisor_ms: u64) -> AgentRow {
    let agent = stack.agent(id);
    let boot = status.map(|status| status.boot.clone()).unwrap_or_default();
    let on_axis = |after: Option<u64>| after.map(|after| after + supervisor_ms);
    AgentRow {
        name: agent.name.clone(),
        state: status.map(|status| status.state),
        waits_for: agent.waits_for.iter().map(|id| stack.agent(*id).name.clone()).collect(),
        released_by: boot.released_by,
        started_ms: on_axis(boot.started_after_ms),
        answered_ms: on_axis(boot.answered_after_ms),
        healthy_ms: on_axis(boot.healthy_after_ms),
        restarts: status.map_or(0, |status| status.restarts),
        critical: false,
        reason: status
            .filter(|status| !status.state.is_good())
            .and_then(|status| status.reason.clone()),
    }
}

/// When each boot began, Unix milliseconds, ascending: a supervisor that started after every moment known of those before
/// it begins another one.
fn boots(view: &View, groups: &[GroupId]) -> Vec<u64> {
    let mut documents: Vec<&GroupStatus> = groups.iter().filter_map(|id| view.group(*id)).collect();
    documents.sort_by_key(|status| status.started_at_ms);
    let mut boots = Vec::new();
    let mut over_at = None;
    for status in documents {
        if over_at.is_none_or(|over| status.started_at_ms > over) {
            boots.push(status.started_at_ms);
        }
        over_at = over_at.max(Some(last_moment(status)));
    }
    boots
}

fn last_moment(status: &GroupStatus) -> u64 {
    let last = status.agents.iter().flat_map(|agent| {
        let boot = &agent.boot;
        [boot.started_after_ms, boot.answered_after_ms, boot.healthy_after_ms]
    });
    status.started_at_ms + last.flatten().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use contract::status::{AgentBoot, GroupState};

    use super::super::fixture::{healthy, healthy_view};
    use super::timeline;
    use crate::boot::view::View;
    use crate::stack::fixture::Fixture;
    use crate::stack::{GroupId, Stack};

    fn groups(stack: &Stack) -> Vec<GroupId> {
        stack.groups().map(|(id, _)| id).collect()
    }

    #[test]
    fn every_agent_is_a_row_on_the_clock_of_the_first_supervisor() {
        let stack = Fixture::real().model();
        let timeline = timeline(&stack, &healthy_view(&stack), &groups(&stack)).unwrap();
        assert_eq!(
            timeline.groups.iter().map(|group| group.agents.len()).sum::<usize>(),
            89
        );
        assert!(timeline.groups.iter().all(|group| group.boot_began_ms == 0));
        for agent in timeline.groups.iter().flat_map(|group| &group.agents) {
            assert!(agent.started_ms < agent.answered_ms && agent.answered_ms < agent.healthy_ms);
            assert_eq!(
                agent.released_by.is_some(),
                !agent.waits_for.is_empty(),
                "{}",
                agent.name
            );
        }
        let path = &timeline.critical_path;
        assert!(path.len() > 3, "{path:?}");
        for pair in path.windows(2) {
            let find = |name: &str| {
                let mut all = timeline.groups.iter().flat_map(|group| &group.agents);
                all.find(|agent| agent.name == name && agent.critical).unwrap().clone()
            };
            let (before, after) = (find(&pair[0]), find(&pair[1]));
            assert!(after.waits_for.contains(&before.name));
            assert!(before.answered_ms <= after.started_ms);
        }
    }

    #[test]
    fn the_critical_path_goes_over_supervisors_that_heard_an_answer_at_different_times() {
        let stack = Fixture::real().model();
        let groups = groups(&stack);
        let exact = timeline(&stack, &healthy_view(&stack), &groups).unwrap().critical_path;
        // Each supervisor hears its own agents' answers 20 ms after the others do.
        let mut view = healthy_view(&stack);
        for id in &groups {
            let mut status = view.group(*id).unwrap().clone();
            for agent in &mut status.agents {
                agent.boot.answered_after_ms = agent.boot.answered_after_ms.map(|at| at + 20);
            }
            view.update(*id, status);
        }
        assert_eq!(timeline(&stack, &view, &groups).unwrap().critical_path, exact);
    }

    #[test]
    fn a_group_that_came_back_later_is_counted_from_its_own_boot() {
        let stack = Fixture::real().model();
        let mut view = healthy_view(&stack);
        let id = stack.find_group("vision").unwrap();
        let mut status = view.group(id).unwrap().clone();
        status.started_at_ms += 3_600_000;
        let began = status.started_at_ms;
        view.update(id, status);
        let timeline = timeline(&stack, &view, &groups(&stack)).unwrap();
        let vision = &timeline.groups[id.0];
        assert_eq!(vision.boot_began_ms, began - timeline.began_at_ms);
        assert_eq!(vision.supervisor_ms, Some(0));
        assert!(timeline.groups.iter().filter(|group| group.boot_began_ms > 0).count() == 1);
    }

    #[test]
    fn what_never_came_is_none_and_a_silent_group_keeps_its_rows() {
        let stack = Fixture::real().model();
        let mut view = View::default();
        assert_eq!(timeline(&stack, &view, &groups(&stack)), None);
        let id = stack.find_group("vision").unwrap();
        let mut status = healthy(&stack, id);
        status.state = GroupState::Starting;
        status.agents[1].boot = AgentBoot::default();
        view.update(id, status);
        let timeline = timeline(&stack, &view, &groups(&stack)).unwrap();
        let vision = &timeline.groups[id.0];
        assert_eq!(vision.agents[1].started_ms, None);
        let core = &timeline.groups[0];
        assert_eq!((core.state, core.supervisor_ms, core.agents.len()), (None, None, 6));
    }
}
