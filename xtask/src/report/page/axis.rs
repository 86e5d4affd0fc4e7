//! The time axis of the boot, and what is drawn on it besides agents: groups as a whole, and the critical path.

use serde::Serialize;

use crate::boot::timeline::{AgentRow, GroupRow, Timeline};

/// The axis. It ends a little after the last agent answered: the settling time behind that is the same for all, and says nothing.
#[derive(Debug, Serialize)]
pub(super) struct Axis {
    /// Its end, in milliseconds.
    pub end_ms: u64,
    /// Where it is marked.
    ticks_ms: Vec<u64>,
    /// When the last agent answered, where all did.
    answered_ms: Option<u64>,
    /// When the last agent was healthy, where all were.
    healthy_ms: Option<u64>,
    /// Number of agents.
    agents: usize,
    /// The groups, in step with those of the timeline.
    groups: Vec<Span>,
    /// The critical path, first one first.
    path: Vec<Step>,
}

/// A group as a whole.
#[derive(Debug, Serialize)]
struct Span {
    /// When its first agent was started.
    started_ms: Option<u64>,
    /// When its last agent answered, where all did.
    answered_ms: Option<u64>,
    /// Whether all is well with it, and there is nothing to look at.
    is_well: bool,
    /// Whether an agent of it is on the critical path.
    is_critical: bool,
}

/// An agent on the critical path.
#[derive(Debug, Serialize)]
struct Step {
    machine: String,
    group: String,
    name: String,
    /// When the one before it let it go; its supervisor's start for the first one.
    from_ms: u64,
    started_ms: u64,
    answered_ms: u64,
}

impl Axis {
    pub fn of(timeline: &Timeline) -> Self {
        let agents = || timeline.groups.iter().flat_map(|group| &group.agents);
        let last = agents()
            .flat_map(|agent| [agent.started_ms, agent.answered_ms])
            .flatten()
            .max()
            .unwrap_or(0)
            .max(1000);
        let end_ms = last + last / 25;
        // As many marks as a phone has room for.
        let step = [1, 2, 5, 10, 20, 50, 100, 200, 500]
            .map(|seconds| seconds * 1000)
            .into_iter()
            .find(|step| end_ms / step <= 6)
            .unwrap_or(end_ms / 6);
        let of_the_first = || {
            let groups = timeline.groups.iter().filter(|group| group.boot_began_ms == 0);
            groups.flat_map(|group| &group.agents)
        };
        Self {
            end_ms,
            ticks_ms: (0..=end_ms / step).map(|tick| tick * step).collect(),
            answered_ms: last_of(of_the_first(), |agent| agent.answered_ms),
            healthy_ms: last_of(of_the_first(), |agent| agent.healthy_ms),
            agents: agents().count(),
            groups: timeline.groups.iter().map(span).collect(),
            path: path(timeline),
        }
    }
}

/// The last of these moments, where none is missing.
fn last_of<'a>(agents: impl Iterator<Item = &'a AgentRow>, moment: fn(&AgentRow) -> Option<u64>) -> Option<u64> {
    let all: Option<Vec<u64>> = agents.map(moment).collect();
    all.and_then(|all| all.into_iter().max())
}

fn span(group: &GroupRow) -> Span {
    let is_well = |agent: &AgentRow| agent.state.is_some_and(|state| state.is_good()) && agent.restarts == 0;
    Span {
        started_ms: group.agents.iter().filter_map(|agent| agent.started_ms).min(),
        answered_ms: last_of(group.agents.iter(), |agent| agent.answered_ms),
        is_well: group.boot_began_ms == 0 && group.state.is_some() && group.agents.iter().all(is_well),
        is_critical: group.agents.iter().any(|agent| agent.critical),
    }
}

fn path(timeline: &Timeline) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for name in &timeline.critical_path {
        let groups = timeline.groups.iter().filter(|group| group.boot_began_ms == 0);
        let mut rows = groups.flat_map(|group| group.agents.iter().map(move |agent| (group, agent)));
        let Some((group, agent)) = rows.find(|(_, agent)| agent.critical && agent.name == *name) else {
            continue;
        };
        let (Some(started_ms), Some(answered_ms)) = (agent.started_ms, agent.answered_ms) else {
            continue;
        };
        // Two supervisors hear an answer some milliseconds apart.
        let released = steps
            .last()
            .map_or(group.supervisor_ms.unwrap_or(0), |before| before.answered_ms);
        steps.push(Step {
            machine: group.machine.clone(),
            group: group.group.clone(),
            name: name.clone(),
            from_ms: released.min(started_ms),
            started_ms,
            answered_ms,
        });
    }
    steps
}
