//! The dependency graph of agents: cycles, what each agent must wait for, and the same seen between groups.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use super::model::{Agent, AgentId, Dependency, GroupId, Stack};

/// Agents that an agent depends on, each once, in the order of its startup config.
pub fn dependencies(agent: &Agent) -> impl Iterator<Item = AgentId> + '_ {
    agent.dependencies.iter().filter_map(|dependency| match dependency {
        Dependency::Agent(id) => Some(*id),
        Dependency::Absent(_) => None,
    })
}

/// Strongly connected components of a graph of that many nodes, as sets of their indices.
fn components_of(nodes: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Vec<BTreeSet<usize>> {
    let mut graph = DiGraph::<(), ()>::new();
    let ids: Vec<_> = (0..nodes).map(|_| graph.add_node(())).collect();
    for (from, to) in edges {
        graph.add_edge(ids[from], ids[to], ());
    }
    tarjan_scc(&graph)
        .into_iter()
        .map(|component| component.into_iter().map(|id| id.index()).collect())
        .collect()
}

fn components(agents: &[Agent]) -> Vec<BTreeSet<AgentId>> {
    let edges = agents
        .iter()
        .enumerate()
        .flat_map(|(from, agent)| dependencies(agent).map(move |to| (from, to.0)));
    components_of(agents.len(), edges)
        .into_iter()
        .map(|component| component.into_iter().map(AgentId).collect())
        .collect()
}

/// What must answer before each agent is started, by agent: its dependencies; for the agents of a cycle, what the whole
/// cycle depends on from outside.
#[must_use]
pub fn waits_for(agents: &[Agent]) -> Vec<Vec<AgentId>> {
    let mut waits: Vec<Vec<AgentId>> = agents.iter().map(|agent| dependencies(agent).collect()).collect();
    for cycle in components(agents) {
        let Some(first) = cycle.first() else { continue };
        if cycle.len() == 1 {
            waits[first.0].retain(|id| id != first);
            continue;
        }
        let outside: BTreeSet<AgentId> = cycle
            .iter()
            .flat_map(|id| dependencies(&agents[id.0]))
            .filter(|id| !cycle.contains(id))
            .collect();
        for id in &cycle {
            waits[id.0] = outside.iter().copied().collect();
        }
    }
    waits
}

/// Sets of agents that depend on each other, directly or not; an agent that depends on itself is one, too.
#[must_use]
pub fn rings(agents: &[Agent]) -> Vec<BTreeSet<AgentId>> {
    let needs_itself = |id: &AgentId| dependencies(&agents[id.0]).any(|other| other == *id);
    let mut rings = components(agents);
    rings.retain(|ring| ring.len() > 1 || ring.iter().any(needs_itself));
    rings
}

/// Every dependency cycle as a chain that comes back to its first agent; the agent that the stack lists first begins it.
/// Where cycles are entangled, one chain stands for all.
#[must_use]
pub fn cycles(agents: &[Agent]) -> Vec<Vec<AgentId>> {
    let mut cycles: Vec<Vec<AgentId>> = components(agents)
        .iter()
        .filter_map(|component| {
            let first = *component.first()?;
            chain(agents, component, first)
        })
        .collect();
    cycles.sort();
    cycles
}

/// The shortest way inside a component from an agent back to itself, without the repeated end.
fn chain(agents: &[Agent], component: &BTreeSet<AgentId>, first: AgentId) -> Option<Vec<AgentId>> {
    let mut came_from = BTreeMap::<AgentId, AgentId>::new();
    let mut level = vec![first];
    while !level.is_empty() {
        let mut next_level = Vec::new();
        for id in level {
            for next in dependencies(&agents[id.0]).filter(|id| component.contains(id)) {
                if next == first {
                    let mut chain = vec![id];
                    let mut at = id;
                    while let Some(before) = came_from.get(&at) {
                        chain.push(*before);
                        at = *before;
                    }
                    chain.reverse();
                    return Some(chain);
                }
                if let std::collections::btree_map::Entry::Vacant(entry) = came_from.entry(next) {
                    entry.insert(id);
                    next_level.push(next);
                }
            }
        }
        level = next_level;
    }
    None
}

/// Pairs of groups of which the first has an agent that depends on an agent of the second.
#[must_use]
pub fn group_edges(stack: &Stack) -> BTreeSet<(GroupId, GroupId)> {
    cross_container_edges(stack)
        .into_iter()
        .map(|(from, to)| (stack.agent(from).group, stack.agent(to).group))
        .collect()
}

/// Dependencies that cross a container boundary, dependent agent first.
#[must_use]
pub fn cross_container_edges(stack: &Stack) -> Vec<(AgentId, AgentId)> {
    stack
        .agents()
        .flat_map(|(id, agent)| dependencies(agent).map(move |dependency| (id, dependency)))
        .filter(|(from, to)| stack.agent(*from).group != stack.agent(*to).group)
        .collect()
}

/// Sets of groups that depend on each other in a ring, each with at least two groups.
#[must_use]
pub fn group_cycles(stack: &Stack) -> Vec<BTreeSet<GroupId>> {
    let edges = group_edges(stack).into_iter().map(|(from, to)| (from.0, to.0));
    let mut cycles: Vec<BTreeSet<GroupId>> = components_of(stack.groups.len(), edges)
        .into_iter()
        .filter(|component| component.len() > 1)
        .map(|component| component.into_iter().map(GroupId).collect())
        .collect();
    cycles.sort();
    cycles
}

/// Agents in the order in which they become startable: each stage needs only the stages before it.
#[must_use]
pub fn stages(stack: &Stack) -> Vec<Vec<AgentId>> {
    let mut placed = BTreeSet::new();
    let mut stages = Vec::new();
    loop {
        let stage: Vec<AgentId> = stack
            .agents()
            .filter(|(id, agent)| !placed.contains(id) && agent.waits_for.iter().all(|id| placed.contains(id)))
            .map(|(id, _)| id)
            .collect();
        if stage.is_empty() {
            return stages;
        }
        placed.extend(stage.iter().copied());
        stages.push(stage);
    }
}
