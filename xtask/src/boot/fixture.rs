//! Status documents for tests, as supervisors would make them in a boot that the model decides: every agent starts when
//! what it waits for answered, and answers after a time of its own.

use std::collections::BTreeMap;

use contract::status::{AgentBoot, AgentState, AgentStatus, GroupState, GroupStatus, VERSION};

use super::view::View;
use crate::stack::{AgentId, GroupId, Stack, graph};

/// When the boot begins, Unix milliseconds.
pub const BEGAN_AT_MS: u64 = 1_700_000_000_000;

/// The documents of a boot that went well.
pub fn healthy_view(stack: &Stack) -> View {
    let mut view = View::default();
    for (id, _) in stack.groups() {
        view.update(id, healthy(stack, id));
    }
    view
}

/// The document of one group in that boot.
pub fn healthy(stack: &Stack, id: GroupId) -> GroupStatus {
    let moments = moments(stack);
    let group = stack.group(id);
    let supervisor = supervisor(id);
    let agents = group.agents.iter().map(|agent_id| {
        let agent = stack.agent(*agent_id);
        let (started, answered) = moments[agent_id];
        let last = agent.waits_for.iter().max_by_key(|before| moments[before].1);
        AgentStatus {
            start: None,
            plain_because: None,
            name: agent.name.clone(),
            port: agent.port,
            health_check_port: agent.health_check_port,
            health: contract::health::Kind::Zmq,
            listens_on: Vec::new(),
            required: agent.required,
            state: AgentState::Healthy,
            pid: Some(7),
            restarts: 0,
            last_exit: None,
            last_stderr: Vec::new(),
            started_after_ms: Some(started - supervisor),
            started_at_ms: Some(BEGAN_AT_MS + started),
            ready_after_ms: Some(answered - supervisor),
            ready_at_ms: Some(BEGAN_AT_MS + answered),
            waits_for: Vec::new(),
            starts_without: true,
            without: Vec::new(),
            failure: None,
            released_by: None,
            reason: None,
            boot: AgentBoot {
                released_by: last.map(|last| stack.agent(*last).name.clone()),
                started_after_ms: Some(started - supervisor),
                answered_after_ms: Some(answered - supervisor),
                healthy_after_ms: Some(answered - supervisor + 6_000),
            },
        }
    });
    GroupStatus {
        peers: Vec::new(),
        version: VERSION,
        machine: stack.machine(group.machine).name.clone(),
        group: group.name.clone(),
        variant: group.variant().map(|variant| variant.name.clone()),
        state: GroupState::Healthy,
        started_at_ms: BEGAN_AT_MS + supervisor,
        now_ms: BEGAN_AT_MS + 60_000,
        checks: Vec::new(),
        agents: agents.collect(),
    }
}

/// When a supervisor starts, after the boot began.
fn supervisor(group: GroupId) -> u64 {
    40 * group.0 as u64
}

/// When each agent starts and answers, after the boot began.
fn moments(stack: &Stack) -> BTreeMap<AgentId, (u64, u64)> {
    let mut moments = BTreeMap::<AgentId, (u64, u64)>::new();
    for id in graph::stages(stack).into_iter().flatten() {
        let agent = stack.agent(id);
        let released = agent.waits_for.iter().map(|before| moments[before].1).max();
        let started = released.map_or(0, |at| at + 5).max(supervisor(agent.group) + 10);
        moments.insert(id, (started, started + 300 + u64::from(agent.port) * 7 % 500));
    }
    moments
}
