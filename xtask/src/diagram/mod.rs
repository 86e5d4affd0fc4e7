//! Agents, their groups and machines, and who needs whom, as a picture has them: what is drawn, and where. How it is written is not
//! known here.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::Prediction;
use crate::stack::model::Dependency;
use crate::stack::{AgentId, GroupId, Stack, graph};

pub mod layout;

#[cfg(test)]
mod tests;

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagram {
    /// Name of the stack.
    pub name: String,
    /// Agents, by machine and group, in the order of the stack.
    pub agents: Vec<Node>,
    /// Groups with the agents above, in the order of the stack.
    pub groups: Vec<Group>,
    /// Who needs whom.
    pub edges: Vec<Edge>,
    /// Chains of agents that need each other, each without its repeated end.
    pub rings: Vec<Vec<usize>>,
    /// What agents depend on and nothing defines: agent, and the name.
    pub undefined: Vec<(usize, String)>,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Index of its group in [`Diagram::groups`].
    pub group: usize,
    /// How many agents must answer one after the other before it is started.
    pub stage: usize,
    /// What the audit predicts.
    pub verdict: Prediction,
    /// Why, if it does not simply start.
    pub reason: Option<String>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Name of its machine.
    pub machine: String,
}

/// What lies between two agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crossing {
    /// Nothing: both are in one container.
    None,
    /// The border of a container.
    Container,
    /// The network between two machines.
    Machine,
}

/// An agent that needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Who needs it.
    pub from: usize,
    /// Who is needed.
    pub to: usize,
    /// What lies between them.
    pub crossing: Crossing,
    /// Both are in one ring.
    pub in_ring: bool,
}

/// What the audit says of each agent, with the reason.
pub type Verdicts = BTreeMap<AgentId, (Prediction, Option<String>)>;

impl Diagram {
    /// Of a stack; with `around`, only these agents, all that they need, and all that need them.
    #[must_use]
    pub fn new(stack: &Stack, verdicts: &Verdicts, around: &BTreeSet<AgentId>) -> Self {
        let kept = kept(stack, around);
        let rings = graph::rings(&stack.agents);
        let ring_of = |id: AgentId| rings.iter().position(|ring| ring.contains(&id));
        let stages = graph::stages(stack);
        let stage_of: BTreeMap<AgentId, usize> = stages
            .iter()
            .enumerate()
            .flat_map(|(stage, agents)| agents.iter().map(move |id| (*id, stage)))
            .collect();
        let mut diagram = Self {
            name: stack.name.clone(),
            agents: Vec::new(),
            groups: Vec::new(),
            edges: Vec::new(),
            rings: Vec::new(),
            undefined: Vec::new(),
        };
        let mut index: BTreeMap<AgentId, usize> = BTreeMap::new();
        for (id, _) in stack.groups() {
            diagram.add_group(stack, id, &kept, &mut index, |agent| {
                let (verdict, reason) = verdicts.get(&agent).cloned().unwrap_or((Prediction::Starts, None));
                (stage_of.get(&agent).copied().unwrap_or(stages.len()), verdict, reason)
            });
        }
        for (id, from) in &index {
            let agent = stack.agent(*id);
            let mut seen = BTreeSet::new();
            for dependency in &agent.dependencies {
                match dependency {
                    Dependency::Agent(other) => {
                        if let Some(to) = index.get(other).filter(|to| seen.insert(**to)) {
                            diagram.edges.push(Edge {
                                from: *from,
                                to: *to,
                                crossing: crossing(stack, *id, *other),
                                in_ring: ring_of(*id).is_some() && ring_of(*id) == ring_of(*other),
                            });
                        }
                    }
                    Dependency::Absent(absent) => {
                        let name = stack.absent.get(*absent).map(|absent| absent.name.clone());
                        diagram.undefined.extend(name.map(|name| (*from, name)));
                    }
                }
            }
        }
        diagram.edges.sort_by_key(|edge| (edge.from, edge.to));
        for chain in graph::cycles(&stack.agents) {
            let chain: Option<Vec<usize>> = chain.iter().map(|id| index.get(id).copied()).collect();
            diagram.rings.extend(chain);
        }
        diagram
    }

    /// Adds a group with those of its agents that are kept.
    fn add_group(
        &mut self,
        stack: &Stack,
        id: GroupId,
        kept: &BTreeSet<AgentId>,
        index: &mut BTreeMap<AgentId, usize>,
        of: impl Fn(AgentId) -> (usize, Prediction, Option<String>),
    ) {
        let group = stack.group(id);
        let agents: Vec<AgentId> = group
            .agents
            .iter()
            .copied()
            .filter(|agent| kept.contains(agent))
            .collect();
        if agents.is_empty() {
            return;
        }
        self.groups.push(Group {
            name: group.name.clone(),
            machine: stack.machine(group.machine).name.clone(),
        });
        for agent in agents {
            let (stage, verdict, reason) = of(agent);
            index.insert(agent, self.agents.len());
            self.agents.push(Node {
                name: stack.agent(agent).name.clone(),
                group: self.groups.len() - 1,
                stage,
                verdict,
                reason,
            });
        }
    }

    /// Name of an agent's machine.
    #[must_use]
    pub fn machine_of(&self, agent: usize) -> &str {
        &self.groups[self.agents[agent].group].machine
    }

    /// The machines, in order.
    #[must_use]
    pub fn machines(&self) -> Vec<&str> {
        let mut machines: Vec<&str> = Vec::new();
        for group in &self.groups {
            if !machines.contains(&group.machine.as_str()) {
                machines.push(&group.machine);
            }
        }
        machines
    }

    /// How many agents have that verdict.
    #[must_use]
    pub fn count(&self, verdict: Prediction) -> usize {
        self.agents.iter().filter(|agent| agent.verdict == verdict).count()
    }
}

fn crossing(stack: &Stack, from: AgentId, to: AgentId) -> Crossing {
    let (from, to) = (stack.agent(from), stack.agent(to));
    match (from.machine == to.machine, from.group == to.group) {
        (false, _) => Crossing::Machine,
        (true, false) => Crossing::Container,
        (true, true) => Crossing::None,
    }
}

/// All agents; or those that are meant, with everything on the ways to and from them.
fn kept(stack: &Stack, around: &BTreeSet<AgentId>) -> BTreeSet<AgentId> {
    if around.is_empty() {
        return stack.agents().map(|(id, _)| id).collect();
    }
    let mut needs: BTreeMap<AgentId, Vec<AgentId>> = BTreeMap::new();
    let mut needed_by = needs.clone();
    for (id, agent) in stack.agents() {
        for other in graph::dependencies(agent) {
            needs.entry(id).or_default().push(other);
            needed_by.entry(other).or_default().push(id);
        }
    }
    let reached = |ways: &BTreeMap<AgentId, Vec<AgentId>>| {
        let mut seen = around.clone();
        let mut open: Vec<AgentId> = around.iter().copied().collect();
        while let Some(id) = open.pop() {
            let next = ways.get(&id).into_iter().flatten();
            open.extend(next.copied().filter(|other| seen.insert(*other)));
        }
        seen
    };
    reached(&needs).union(&reached(&needed_by)).copied().collect()
}
