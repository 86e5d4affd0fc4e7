//! What never changes while the supervisor runs: who waits for whom, which agents form a cycle, who is stopped before
//! whom. Made once from the group config; no state of any agent lives here.

use std::collections::HashMap;

use contract::group_config::{Elsewhere, GroupConfig, Restart, Supervision, WhenDependencyFails};
use contract::health::{Check, Kind};
use contract::stop_signal::StopSignal;

/// Index of an agent in [`Plan::agents`].
pub type AgentId = usize;
/// Index of a dependency in [`Plan::elsewhere`].
pub type ElsewhereId = usize;

/// The fixed facts of a group.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Machine of the group.
    pub machine: String,
    /// Name of the group.
    pub group: String,
    /// Variant of the group, where it has some.
    pub variant: Option<String>,
    /// The limits and times.
    pub supervision: Supervision,
    /// The agents, in config order.
    pub agents: Vec<AgentPlan>,
    /// Dependencies in other containers that some agent waits for.
    pub elsewhere: Vec<ElsewherePlan>,
}

/// The fixed facts of one agent.
#[derive(Debug, Clone)]
pub struct AgentPlan {
    /// Name.
    pub name: String,
    /// REP port.
    pub port: u16,
    /// The port on which its health is asked.
    pub health_port: u16,
    /// How its health is found out.
    pub health: Kind,
    /// How long it must have run to be healthy, in milliseconds, where nothing is asked.
    pub hold: u64,
    /// Whether the group needs it.
    pub required: bool,
    /// Not started unless an operator asks for it.
    pub left_out: bool,
    /// How long it may take to answer for the first time, in milliseconds.
    pub start_period: u64,
    /// Local agents that must answer before it is started; never one of its own cycle.
    pub waits_local: Vec<AgentId>,
    /// Dependencies elsewhere that must answer before it is started.
    pub waits_elsewhere: Vec<ElsewhereId>,
    /// Whether it is started without dependencies that fail.
    pub starts_without: bool,
    /// Local agents that must have ended before it is told to stop; never one of its own cycle.
    pub stops_after: Vec<AgentId>,
    /// The signal that tells it to end.
    pub stop_signal: StopSignal,
    /// How long it may take to end, in milliseconds, before it is killed.
    pub stop_grace: u64,
    /// Whether it runs once: it is not started again.
    pub once: bool,
}

/// A dependency in another container.
#[derive(Debug, Clone)]
pub struct ElsewherePlan {
    /// Name of the agent.
    pub name: String,
    /// Where it lives, for people: `pc2 memory`.
    pub place: String,
    /// Host as configured, may be `${NAME}`.
    pub host: String,
    /// The port on which its health is asked.
    pub port: u16,
    /// How its health is found out.
    pub check: Check,
    /// Whether only its supervisor can say how it is.
    pub is_told: bool,
    /// Port of its supervisor's status endpoint, where that is known.
    pub status_port: Option<u16>,
}

/// Makes the plan, and notes worth a log line: cycles, and names nobody can wait for.
#[must_use]
pub fn plan(config: &GroupConfig) -> (Plan, Vec<String>) {
    let mut notes = Vec::new();
    let local: HashMap<&str, AgentId> = config
        .agents
        .iter()
        .enumerate()
        .map(|(id, agent)| (agent.name.as_str(), id))
        .collect();
    let elsewhere: HashMap<&str, ElsewhereId> = config
        .dependencies_elsewhere
        .iter()
        .enumerate()
        .map(|(id, dependency)| (dependency.name.as_str(), id))
        .collect();

    let mut waits_local = Vec::new();
    let mut waits_elsewhere = Vec::new();
    let mut depends_local = Vec::new();
    for agent in &config.agents {
        let mut here = Vec::new();
        let mut away = Vec::new();
        for name in agent.waits_for.as_ref().unwrap_or(&agent.dependencies) {
            if let Some(&id) = local.get(name.as_str()) {
                push_new(&mut here, id);
            } else if let Some(&id) = elsewhere.get(name.as_str()) {
                push_new(&mut away, id);
            } else if agent.waits_for.is_some() {
                notes.push(format!(
                    "{} does not wait for {name}: nothing here says where it lives",
                    agent.name
                ));
            }
        }
        let mut depends = here.clone();
        for name in &agent.dependencies {
            if let Some(&id) = local.get(name.as_str()) {
                push_new(&mut depends, id);
            }
        }
        waits_local.push(here);
        waits_elsewhere.push(away);
        depends_local.push(depends);
    }

    for cycle in untie(&mut waits_local, &mut waits_elsewhere) {
        let names: Vec<&str> = cycle.iter().map(|&id| config.agents[id].name.as_str()).collect();
        if let [one] = names.as_slice() {
            notes.push(format!("{one} would wait for itself: it does not"));
        } else {
            notes.push(format!("{} wait for each other: they start together", names.join(", ")));
        }
    }

    let agents = config
        .agents
        .iter()
        .enumerate()
        .map(|(id, agent)| AgentPlan {
            name: agent.name.clone(),
            port: agent.port,
            health_port: agent.asked_port().unwrap_or(agent.health_port()),
            health: agent.health.kind,
            hold: agent.health.start_period_ms.unwrap_or(config.supervision.settle_ms),
            required: agent.required,
            left_out: agent.left_out,
            start_period: agent
                .health
                .start_period_ms
                .or(agent.start_period_ms)
                .unwrap_or(config.supervision.start_period_ms),
            waits_local: std::mem::take(&mut waits_local[id]),
            waits_elsewhere: std::mem::take(&mut waits_elsewhere[id]),
            starts_without: agent.when_dependency_fails.unwrap_or(config.when_dependency_fails)
                == WhenDependencyFails::Start,
            stops_after: stops_after(id, &depends_local),
            stop_signal: agent.stop_signal,
            once: agent.restart == Restart::No,
            stop_grace: agent.stop_grace_ms.unwrap_or(config.supervision.stop_grace_ms),
        })
        .collect();
    let plan = Plan {
        machine: config.machine.clone(),
        group: config.group.clone(),
        variant: config.variant.clone(),
        supervision: config.supervision.clone(),
        agents,
        elsewhere: config.dependencies_elsewhere.iter().map(away).collect(),
    };
    (plan, notes)
}

/// The plan of a dependency in another container.
fn away(dependency: &Elsewhere) -> ElsewherePlan {
    ElsewherePlan {
        name: dependency.name.clone(),
        place: format!("{} {}", dependency.machine, dependency.group).trim().to_owned(),
        host: dependency.host.clone(),
        port: dependency.health.port.unwrap_or(dependency.health_check_port),
        check: dependency.health.clone(),
        is_told: dependency.is_told_by_its_supervisor(),
        status_port: dependency.status_port,
    }
}

/// Takes the edges inside each cycle away, and lets every member wait for all that any member waits for outside it, so
/// that a cycle starts together. Returns the cycles.
fn untie(waits_local: &mut [Vec<AgentId>], waits_elsewhere: &mut [Vec<ElsewhereId>]) -> Vec<Vec<AgentId>> {
    let reach: Vec<Vec<bool>> = (0..waits_local.len()).map(|id| reachable(id, waits_local)).collect();
    let mut cycles: Vec<Vec<AgentId>> = Vec::new();
    for id in 0..reach.len() {
        if reach[id][id] && !cycles.iter().any(|cycle| cycle.contains(&id)) {
            cycles.push(
                (0..reach.len())
                    .filter(|&other| reach[id][other] && reach[other][id])
                    .collect(),
            );
        }
    }
    for cycle in &cycles {
        let mut outside = Vec::new();
        let mut away = Vec::new();
        for &member in cycle {
            for &dependency in &waits_local[member] {
                if !cycle.contains(&dependency) {
                    push_new(&mut outside, dependency);
                }
            }
            for &dependency in &waits_elsewhere[member] {
                push_new(&mut away, dependency);
            }
        }
        for &member in cycle {
            waits_local[member].clone_from(&outside);
            waits_elsewhere[member].clone_from(&away);
        }
    }
    cycles
}

/// Agents that depend on `id`, directly or not, and are not in a cycle with it.
fn stops_after(id: AgentId, depends: &[Vec<AgentId>]) -> Vec<AgentId> {
    let needed = reachable(id, depends);
    (0..depends.len())
        .filter(|&other| other != id && !needed[other] && reachable(other, depends)[id])
        .collect()
}

/// What can be reached from `id` in one step or more.
fn reachable(id: AgentId, edges: &[Vec<AgentId>]) -> Vec<bool> {
    let mut seen = vec![false; edges.len()];
    let mut open = vec![id];
    while let Some(at) = open.pop() {
        for &next in &edges[at] {
            if !seen[next] {
                seen[next] = true;
                open.push(next);
            }
        }
    }
    seen
}

fn push_new(list: &mut Vec<usize>, id: usize) {
    if !list.contains(&id) {
        list.push(id);
    }
}
