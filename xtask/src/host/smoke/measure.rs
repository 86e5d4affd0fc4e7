//! Looks at the running stack for a report: how it came up, and what it takes. Asks the supervisors, Podman for what
//! the kernel counts of each container, and the kernel, from inside the containers, for each agent.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::look::Look;
use super::system::System;
use crate::boot::timeline::timeline;
use crate::boot::view::View;
use crate::host::boot::supervisor_status;
use crate::host::system::parallel;
use crate::host::system::process::ProcessError;
use crate::smoke::SmokeEvent;
use crate::smoke::kinds::resources::{self as inside, ResourcesSeen, proposed};
use crate::smoke::observer::Blind;
use crate::smoke::resources::{AgentResources, GroupResources, Resources, Usage};
use crate::stack::model::{GroupId, MachineId};

/// How long a supervisor may take to answer.
const STATUS_LIMIT: Duration = Duration::from_secs(3);
/// How long Podman may take to count.
const STATS_LIMIT: Duration = Duration::from_secs(30);
/// How long a container may take to look at its agents.
const INSIDE_LIMIT: Duration = Duration::from_secs(30);
/// For how long a share of a CPU is counted, which the report does not show.
const CPU_SECONDS: f64 = 0.0;

/// How these groups came up.
#[must_use]
pub fn look(system: &System<'_>, groups: &[GroupId]) -> SmokeEvent {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    SmokeEvent::Looked {
        at_ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
        boot: timeline(system.stack, &ask(system, groups), groups),
    }
}

fn ask(system: &System<'_>, groups: &[GroupId]) -> View {
    let answers = parallel::map(groups.len(), groups, |group| {
        supervisor_status::fetch(system.addresses.status(*group), None, STATUS_LIMIT)
    });
    let mut view = View::default();
    for (group, answer) in groups.iter().zip(answers) {
        if let Ok(snapshot) = answer {
            view.update(*group, snapshot.status);
        }
    }
    view
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// Podman failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The agents of a group could not be looked at.
    #[error("the agents of {group}: {reason}")]
    Inside {
        /// The group.
        group: String,
        /// Why.
        reason: Blind,
    },
    /// Podman printed something that we do not read.
    #[error("`{command}` printed what is not the expected JSON: {source}")]
    Answer {
        /// The command line.
        command: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// What `podman stats` counts of a container, as numbers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerStats {
    name: String,
    mem_usage: u64,
    mem_limit: u64,
    #[serde(rename = "CPUNano")]
    cpu_nano: u64,
    #[serde(rename = "PIDs")]
    pids: u64,
}

/// What the containers take of those of these groups whose supervisors answer, and each of their agents.
///
/// # Errors
/// When Podman fails.
pub fn resources(system: &System<'_>, groups: &[GroupId]) -> Result<Resources, MeasureError> {
    let view = ask(system, groups);
    let up: Vec<GroupId> = groups.iter().copied().filter(|id| view.group(*id).is_some()).collect();
    let machines: Vec<MachineId> = (0..system.stack.machines.len()).map(MachineId).collect();
    let mut measured = Resources::default();
    for machine in machines {
        let names: Vec<&str> = up
            .iter()
            .map(|id| system.stack.group(*id))
            .filter(|group| group.machine == machine)
            .map(|group| group.name.as_str())
            .collect();
        if names.is_empty() {
            continue;
        }
        let program = system
            .podman
            .podman(Some(machine))
            // Its own JSON is made for people: `2.6MB / 1.2GB`.
            .args(["stats", "--no-stream", "--format", "{{json .ContainerStats}}"])
            .args(&names)
            .limit(STATS_LIMIT);
        for line in program.read()?.lines().filter(|line| !line.trim().is_empty()) {
            let stats: ContainerStats = serde_json::from_str(line).map_err(|source| MeasureError::Answer {
                command: program.command_line(),
                source,
            })?;
            measured
                .groups
                .push(group_resources(&system.stack.machine(machine).name, stats));
        }
    }
    let look = Look::new(system, None);
    let observer = look.until(Instant::now() + INSIDE_LIMIT);
    let looks = parallel::map(parallel::default_jobs(), &up, |id| {
        let agents = view.group(*id).map_or(&[][..], |status| &status.agents);
        inside::measure(&observer, *id, agents, CPU_SECONDS)
    });
    for (id, seen) in up.iter().zip(looks) {
        let group = &system.stack.group(*id).name;
        let seen = seen.map_err(|reason| MeasureError::Inside {
            group: group.clone(),
            reason,
        })?;
        if let Some(measured) = measured.groups.iter_mut().find(|measured| measured.group == *group) {
            measured.proposed_limit_bytes = Some(proposed(seen.memory_peak));
            measured.agents = agents_resources(seen);
        }
    }
    measured
        .groups
        .sort_by_key(|measured| up.iter().position(|id| system.stack.group(*id).name == measured.group));
    Ok(measured)
}

fn group_resources(machine: &str, stats: ContainerStats) -> GroupResources {
    // Without a limit, Podman names the host's memory or the largest number that there is.
    GroupResources {
        machine: machine.to_owned(),
        group: stats.name,
        usage: Usage {
            memory_bytes: stats.mem_usage,
            cpu_ms: stats.cpu_nano / 1_000_000,
        },
        memory_limit_bytes: Some(stats.mem_limit).filter(|limit| *limit > 0),
        proposed_limit_bytes: None,
        pids: Some(stats.pids),
        agents: Vec::new(),
    }
}

fn agents_resources(seen: ResourcesSeen) -> Vec<AgentResources> {
    let agents = seen.agents.into_iter().map(|(name, used)| AgentResources {
        name,
        usage: Usage {
            memory_bytes: used.resident,
            cpu_ms: used.cpu_ms,
        },
        peak_bytes: used.peak,
        proposed_limit_bytes: proposed(used.peak),
    });
    agents.collect()
}

#[cfg(test)]
mod tests {
    use super::{ContainerStats, group_resources};

    #[test]
    fn numbers_of_podman_stats_are_read_as_numbers() {
        let line = r#"{"AvgCPU":1.5,"ContainerID":"46314f44","Name":"vision","PerCPU":[3270314],"CPU":1.5,
            "CPUNano":32104413,"CPUSystemNano":16000000,"SystemNano":1795377553730935279,"MemUsage":827392,
            "MemLimit":25276518400,"MemPerc":0.003,"NetInput":90,"NetOutput":340,"BlockInput":0,"BlockOutput":0,
            "PIDs":9,"UpTime":32104413,"Duration":32104413}"#;
        let stats: ContainerStats = serde_json::from_str(line).unwrap();
        let group = group_resources("mainpc", stats);
        assert_eq!(
            (group.usage.memory_bytes, group.usage.cpu_ms, group.pids),
            (827_392, 32, Some(9))
        );
        assert_eq!(group.memory_limit_bytes, Some(25_276_518_400));
    }
}
