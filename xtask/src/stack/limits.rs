//! What a group's container may take of its host: memory, processor time, processes. The stack, a machine and a group limit a container,
//! an override what its agent counts for in the sum that a container has otherwise.

use super::model::{AgentId, GroupId, MachineId, Stack};
use super::read::{Fields, Reader};
use super::yaml::{Node, Value};

/// Room for the supervisor, in bytes.
const SUPERVISOR_BYTES: u64 = 64 * 1024 * 1024;
/// Processes and threads of the supervisor and of a `podman exec`.
const SUPERVISOR_PROCESSES: u32 = 32;
/// Processes and threads of an agent besides its own threads: the main one and those that `ZeroMQ` starts.
const PER_AGENT: u32 = 8;

/// The limits of one level, as far as it has some.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time, in thousandths of a processor.
    pub milli_cpus: Option<u64>,
    /// Processes and threads.
    pub processes: Option<u32>,
}

impl Limits {
    /// Reads the keys of one level.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Self {
        Self {
            memory_bytes: fields
                .get("memory")
                .and_then(|node| super::extras::size(reader, node, "`memory`")),
            milli_cpus: fields.get("cpus").and_then(|node| cpus(reader, node)),
            processes: fields
                .get("processes")
                .and_then(|node| reader.integer(node, "`processes`", 1, 1 << 22))
                .and_then(|at| u32::try_from(at.value).ok()),
        }
    }

    /// What holds where these levels speak, from the widest to the nearest.
    #[must_use]
    pub fn nearest<'a>(levels: impl IntoIterator<Item = &'a Self>) -> Self {
        levels.into_iter().fold(Self::default(), |wider, level| Self {
            memory_bytes: level.memory_bytes.or(wider.memory_bytes),
            milli_cpus: level.milli_cpus.or(wider.milli_cpus),
            processes: level.processes.or(wider.processes),
        })
    }
}

/// A number of processors, as Compose writes it: `1.5`. In thousandths.
fn cpus(reader: &mut Reader<'_>, node: &Node) -> Option<u64> {
    let number = match &node.value {
        Value::Scalar { text, .. } => text.parse::<f64>().ok(),
        _ => None,
    };
    let good = number.filter(|number| (0.01..=4096.0).contains(number));
    if good.is_none() {
        let place = reader.place(node.span);
        reader.bad_value(
            place,
            "`cpus` is not a number of processors",
            "write how many processors the container may keep busy, from 0.01 on, as in `1.5`",
        );
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded above")]
    good.map(|number| (number * 1_000.0).round() as u64)
}

/// Thousandths of a processor as Podman, Compose and people write them: `4.8`.
#[must_use]
pub fn cpus_text(milli_cpus: u64) -> String {
    let text = format!("{}.{:03}", milli_cpus / 1_000, milli_cpus % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Stack {
    /// Memory that an agent may take, in bytes: its override's, or its startup config's for each agent of the machine.
    #[must_use]
    pub fn agent_memory_bytes(&self, id: AgentId) -> Option<u64> {
        let agent = self.agent(id);
        agent
            .limits
            .memory_bytes
            .or(self.machine(agent.machine).agent_memory_bytes)
    }

    /// Processor time that an agent may take, in thousandths of a processor; found in the same places.
    #[must_use]
    pub fn agent_milli_cpus(&self, id: AgentId) -> Option<u64> {
        let agent = self.agent(id);
        agent.limits.milli_cpus.or(self.machine(agent.machine).agent_milli_cpus)
    }

    /// Memory limit of a group's container in bytes: its own, or the sum over its agents, and room for the supervisor.
    #[must_use]
    pub fn group_memory_bytes(&self, id: GroupId) -> Option<u64> {
        let group = self.group(id);
        let of_agents = || {
            let agents = group.agents.iter().map(|agent| self.agent_memory_bytes(*agent));
            sum(agents, self.machine(group.machine).agent_memory_bytes.is_some())
                .map(|sum| sum.saturating_add(SUPERVISOR_BYTES))
        };
        group.limits.memory_bytes.or_else(of_agents)
    }

    /// The same of a container with that many of a machine's agents.
    #[must_use]
    pub fn memory_bytes(&self, machine: MachineId, agents: usize) -> Option<u64> {
        let agents = u64::try_from(agents).ok()?;
        self.machine(machine)
            .agent_memory_bytes
            .map(|bytes| bytes.saturating_mul(agents).saturating_add(SUPERVISOR_BYTES))
    }

    /// Memory in bytes that a supervisor alone needs.
    #[must_use]
    pub fn supervisor_bytes() -> u64 {
        SUPERVISOR_BYTES
    }

    /// Processor time that a group's container may take, in thousandths of a processor: its own, or the sum over its agents. The supervisor
    /// takes next to none.
    #[must_use]
    pub fn group_milli_cpus(&self, id: GroupId) -> Option<u64> {
        let group = self.group(id);
        let of_agents = || sum(group.agents.iter().map(|agent| self.agent_milli_cpus(*agent)), false);
        group.limits.milli_cpus.or_else(of_agents)
    }

    /// Limit of processes and threads of a group's container: its own, or per agent its threads, the main one and those that `ZeroMQ`
    /// starts; and what the supervisor and a `podman exec` need.
    #[must_use]
    pub fn group_pids(&self, id: GroupId) -> Option<u32> {
        let group = self.group(id);
        let machine = self.machine(group.machine);
        let of_agents = || {
            let agents = group.agents.iter().map(|agent| {
                let own = self.agent(*agent).limits.processes.or(machine.agent_pids)?;
                Some(u64::from(own.saturating_add(PER_AGENT)))
            });
            let sum = sum(agents, machine.agent_pids.is_some())?.saturating_add(SUPERVISOR_PROCESSES.into());
            u32::try_from(sum).ok()
        };
        group.limits.processes.or_else(of_agents)
    }

    /// The same of a container with that many of a machine's agents.
    #[must_use]
    pub fn pids(&self, machine: MachineId, agents: usize) -> Option<u32> {
        let agents = u32::try_from(agents).ok()?;
        let threads = self.machine(machine).agent_pids?;
        Some(
            threads
                .saturating_add(PER_AGENT)
                .saturating_mul(agents)
                .saturating_add(SUPERVISOR_PROCESSES),
        )
    }
}

/// The sum, where every one has a limit; of none at all, only where `of_none`.
fn sum(limits: impl Iterator<Item = Option<u64>>, of_none: bool) -> Option<u64> {
    let limits: Vec<u64> = limits.collect::<Option<_>>()?;
    (!limits.is_empty() || of_none).then(|| limits.into_iter().fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::cpus_text;
    use crate::stack::fixture::{Fixture, MAIN};

    #[test]
    fn the_nearest_level_limits_a_container_and_overrides_count_in_its_sum() {
        let stack = Fixture::small().model();
        let core = stack.find_group("core").unwrap();
        assert_eq!(stack.group(core).agents.len(), 2);
        assert_eq!(stack.group_memory_bytes(core), Some(264 << 20));
        assert_eq!(stack.group_milli_cpus(core), Some(1_600));
        assert_eq!(stack.group_pids(core), Some(2 * 12 + 32));
        let stack = Fixture::small()
            .stack(
                "    agents: [Alpha, Beta]",
                "    overrides: {Alpha: {memory: 300m, cpus: 0.25, processes: 20}}\n    agents: [Alpha, Beta]",
            )
            .model();
        assert_eq!(stack.group_memory_bytes(core), Some(464 << 20));
        assert_eq!(stack.group_milli_cpus(core), Some(1_050));
        assert_eq!(stack.group_pids(core), Some(28 + 12 + 32));
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nmemory: 1g\ncpus: 2\nprocesses: 500",
            )
            .stack(
                "    agents: [Alpha, Beta]",
                "    memory: 512m\n    agents: [Alpha, Beta]",
            )
            .model();
        assert_eq!(stack.group_memory_bytes(core), Some(512 << 20));
        assert_eq!(
            (stack.group_milli_cpus(core), stack.group_pids(core)),
            (Some(2_000), Some(500))
        );
        let side = stack.find_group("side").unwrap();
        assert_eq!(stack.group_memory_bytes(side), Some(1 << 30));
    }

    #[test]
    fn without_a_limit_of_every_agent_there_is_no_sum() {
        let stack = Fixture::small()
            .file(
                MAIN,
                "resource_limits: {memory_mb: 100, max_threads: 4, cpu_percent: 80}\n",
                "",
            )
            .stack(
                "    agents: [Alpha, Beta]",
                "    overrides: {Alpha: {memory: 300m, cpus: 1}}\n    agents: [Alpha, Beta]",
            )
            .model();
        let core = stack.find_group("core").unwrap();
        assert_eq!((stack.group_milli_cpus(core), stack.group_pids(core)), (None, None));
        assert_eq!(stack.agent_memory_bytes(stack.group(core).agents[0]), Some(300 << 20));
    }

    #[test]
    fn wrong_limits_are_named() {
        let said = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nmemory: much\ncpus: -1\nprocesses: 0",
            )
            .says();
        for text in [
            "`memory` cannot be `much`",
            "`cpus` is not a number of processors",
            "`processes`",
        ] {
            assert!(said.iter().any(|line| line.contains(text)), "{text}: {said:#?}");
        }
        assert_eq!(
            [4_800, 250, 1_000, 10, 1].map(cpus_text),
            ["4.8", "0.25", "1", "0.01", "0.001"]
        );
    }
}
