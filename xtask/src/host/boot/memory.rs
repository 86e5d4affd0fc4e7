//! What the processes of containers on this host take, as the kernel shows it from outside: nothing runs in a container for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::host::system::usage;
use crate::stack::{AgentId, GroupId};

/// An agent that runs: which one, its group, and its process as its container numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runs {
    /// The agent.
    pub agent: AgentId,
    /// Its group.
    pub group: GroupId,
    /// Its process.
    pub pid: u32,
}

/// Memory of groups and of agents, in bytes.
pub type Memory = (BTreeMap<GroupId, u64>, BTreeMap<AgentId, u64>);

/// The memory of these containers, by their first process as this host numbers it, and of the agents in them. A page that several
/// processes have counts for each by its share, where the kernel says so to this user; as a whole where it does not. What ends meanwhile
/// counts nothing, and a container all of whose processes are out of sight is left out.
#[must_use]
pub fn measure(containers: &BTreeMap<GroupId, u32>, agents: &[Runs]) -> Memory {
    let mut memory = Memory::default();
    for (group, first) in containers {
        let Ok(mut all) = usage::descendants(*first) else {
            continue;
        };
        all.insert(*first);
        let taken: BTreeMap<u32, u64> = all.iter().filter_map(|pid| Some((*pid, of(*pid)?))).collect();
        if taken.is_empty() {
            continue;
        }
        memory.0.insert(*group, taken.values().sum());
        let numbers: BTreeMap<u32, u32> = all
            .iter()
            .filter_map(|pid| Some((usage::own_number(*pid).ok()?, *pid)))
            .collect();
        for runs in agents.iter().filter(|runs| runs.group == *group) {
            let Some(pid) = numbers.get(&runs.pid) else { continue };
            let mut family: BTreeSet<u32> = usage::descendants(*pid).unwrap_or_default();
            family.insert(*pid);
            let sum = family.iter().filter_map(|pid| taken.get(pid)).sum();
            memory.1.insert(runs.agent, sum);
        }
    }
    memory
}

fn of(pid: u32) -> Option<u64> {
    usage::proportional_memory(pid)
        .or_else(|_| usage::resident_memory(pid))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_found_by_its_own_number_and_counts_in_its_group() {
        let own = std::process::id();
        let runs = |agent, pid| Runs {
            agent: AgentId(agent),
            group: GroupId(0),
            pid,
        };
        let containers = BTreeMap::from([(GroupId(0), own), (GroupId(1), u32::MAX)]);
        let (groups, agents) = measure(&containers, &[runs(0, own), runs(1, u32::MAX)]);
        assert_eq!(groups.keys().collect::<Vec<_>>(), [&GroupId(0)]);
        assert_eq!(agents.keys().collect::<Vec<_>>(), [&AgentId(0)]);
        assert!(agents[&AgentId(0)] > 100_000 && groups[&GroupId(0)] >= agents[&AgentId(0)]);
    }
}
