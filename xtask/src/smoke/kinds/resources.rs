//! `resources`: the limits that hold inside a group's container, and what the group and each of its agents use, with a limit
//! that would do.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::status::AgentStatus;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{About, Action, Kind, Resolved, Saved, Spec};
use crate::boot::reach::Granted;
use crate::smoke::fields::{Text, needed};
use crate::smoke::observer::{Blind, Observer, answer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::limits::cpus_text;
use crate::stack::model::{GroupId, Stack};
use crate::stack::written::Scalar;

/// The kind.
pub const KIND: Kind = Kind {
    name: "resources",
    about: "Limits and use of a group's container.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

/// Reads `/proc` and the cgroup of the container, and prints JSON.
const SCRIPT: &str = include_str!("resources.py");
/// Seconds for which CPU time is counted, unless the check says.
const SECONDS: f64 = 1.0;
/// The kernel rounds a memory limit down to pages.
const PAGE: u64 = 4096;
/// A proposed limit is this many times the highest use, rounded up to this many bytes.
const ROOM: (u64, u64) = (2, 16 * 1024 * 1024);

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Resources")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    group: Scalar,
    /// For how long CPU time is counted.
    #[schemars(range(min = 0.1, max = 600))]
    seconds: Option<f64>,
}

#[derive(Debug)]
struct ResourcesSpec {
    group: Text,
    /// For how long CPU time is counted.
    seconds: f64,
}

/// A group to measure, with the limits that the model sets.
#[derive(Debug, Clone)]
pub struct Resources {
    /// The group.
    group: GroupId,
    /// For how long CPU time is counted.
    seconds: f64,
    /// Limit of memory.
    memory_bytes: Option<u64>,
    /// Limit of processor time, in thousandths of a processor.
    milli_cpus: Option<u64>,
    /// Limit of processes and threads.
    pids: Option<u32>,
    /// By agent: memory in bytes that it may take; the kernel does not hold a single agent to it.
    agent_bytes: BTreeMap<String, u64>,
}

/// What was seen inside.
#[derive(Debug, Clone, Default)]
pub struct ResourcesSeen {
    /// The limits that the machine's Podman can set.
    pub granted: Granted,
    /// Limit of memory in bytes; none: no limit.
    pub memory_limit: Option<u64>,
    /// Limit of processor time in thousandths of a processor; none: no limit.
    pub cpu_limit: Option<u64>,
    /// Limit of processes and threads; none: no limit.
    pub pids_limit: Option<u64>,
    /// Processes that the kernel killed for want of memory.
    pub killed: u64,
    /// Share of the time in which it was held back because it used up its processor time, in percent.
    pub throttled_percent: f64,
    /// Highest use of memory by the whole container so far, in bytes.
    pub memory_peak: u64,
    /// Processes and threads.
    pub pids: u64,
    /// By agent.
    pub agents: BTreeMap<String, AgentUse>,
    /// Agents that run and could not be measured.
    pub unmeasured: Vec<String>,
}

/// What one agent uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub struct AgentUse {
    /// Resident memory, in bytes.
    pub resident: u64,
    /// Highest resident memory so far, in bytes.
    pub peak: u64,
    /// CPU time since it was started, in milliseconds.
    pub cpu_ms: u64,
    /// Share of one CPU, in percent.
    pub cpu_percent: f64,
}

/// What the script prints.
#[derive(Deserialize)]
struct RawResources {
    memory_limit: Option<u64>,
    pids_limit: Option<u64>,
    cpu_limit: Option<u64>,
    killed: u64,
    throttled_percent: f64,
    pids: u64,
    supervisor_peak: u64,
    agents: BTreeMap<String, AgentUse>,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let group = needed(reader, fields, "group", "`resources`");
    let seconds = fields
        .get("seconds")
        .and_then(|node| reader.number(node, "seconds"))
        .unwrap_or(SECONDS);
    if !(0.1..=600.0).contains(&seconds) {
        reader.note(fields.mark, "`seconds` must be between 0.1 and 600");
    }
    Some(Box::new(ResourcesSpec { group: group?, seconds }))
}

impl Spec for ResourcesSpec {
    fn seconds(&self) -> u64 {
        60
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let group = names.group(&self.group)?;
        let stack = names.stack;
        let action = Resources {
            group,
            seconds: self.seconds,
            memory_bytes: stack.group_memory_bytes(group),
            milli_cpus: stack.group_milli_cpus(group),
            pids: stack.group_pids(group),
            agent_bytes: stack
                .group(group)
                .agents
                .iter()
                .filter_map(|id| Some((stack.agent(*id).name.clone(), stack.agent_memory_bytes(*id)?)))
                .collect(),
        };
        Some((Arc::new(action), Some(stack.group(group).machine)))
    }
}

impl Action for Resources {
    fn subject(&self, stack: &Stack) -> String {
        format!("`{}` measured from inside", stack.group(self.group).name)
    }

    fn about(&self, _stack: &Stack) -> Option<About> {
        Some(About::group(self.group))
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let status = observer.status(self.group, observer.left())?;
        let seen = measure(observer, self.group, &status.agents, self.seconds)?;
        self.judge(verdict, &seen);
        Ok(())
    }
}

/// Limits of a group's container, and what these agents of it use; their share of a CPU is counted for so many seconds.
///
/// # Errors
/// When it cannot be looked at from inside.
pub fn measure(
    observer: &dyn Observer,
    group: GroupId,
    agents: &[AgentStatus],
    seconds: f64,
) -> Result<ResourcesSeen, Blind> {
    let pids: BTreeMap<&str, u32> = agents
        .iter()
        .filter_map(|agent| Some((agent.name.as_str(), agent.pid?)))
        .collect();
    let input = json!({"pids": pids, "seconds": seconds}).to_string();
    let raw: RawResources = answer(&observer.python(group, SCRIPT, &[], input.as_bytes())?)?;
    let unmeasured = pids.keys().filter(|name| !raw.agents.contains_key(**name));
    Ok(ResourcesSeen {
        granted: observer.granted(group),
        memory_limit: raw.memory_limit,
        pids_limit: raw.pids_limit,
        cpu_limit: raw.cpu_limit,
        killed: raw.killed,
        throttled_percent: raw.throttled_percent,
        memory_peak: raw.supervisor_peak + raw.agents.values().map(|used| used.peak).sum::<u64>(),
        pids: raw.pids,
        unmeasured: unmeasured.map(|name| (*name).to_owned()).collect(),
        agents: raw.agents,
    })
}

impl Resources {
    fn judge(&self, verdict: &mut Verdict, seen: &ResourcesSeen) {
        let memory = self.memory_bytes.map(|bytes| bytes / PAGE * PAGE);
        let pids = self.pids.map(u64::from);
        let count = |count: u64| count.to_string();
        if seen.granted.memory {
            limit(verdict, "memory", memory, seen.memory_limit, &megabytes);
        }
        if seen.granted.cpus {
            limit(verdict, "processors", self.milli_cpus, seen.cpu_limit, &cpus_text);
        }
        if seen.granted.processes {
            limit(verdict, "processes and threads", pids, seen.pids_limit, &count);
        }
        // Where the kernel does not hold it to them, it may be above.
        below(verdict, "the group", "of memory", memory, seen.memory_peak, &megabytes);
        below(verdict, "the group", "processes and threads", pids, seen.pids, &count);
        for (name, used) in &seen.agents {
            let bytes = self.agent_bytes.get(name).copied();
            below(verdict, name, "of memory", bytes, used.peak, &megabytes);
        }
        // Without a group of processes of its own, what is counted is of others as well.
        if seen.granted.memory && seen.killed > 0 {
            verdict.wrong(
                "no process killed for want of memory",
                format!("the kernel killed {} since the container was started", seen.killed),
            );
        }
        if seen.agents.is_empty() {
            verdict.wrong("agents to measure", "none");
        }
        for name in &seen.unmeasured {
            verdict.wrong(format!("{name}: memory and CPU"), "could not be read");
        }
        let cpu: f64 = seen.agents.values().map(|agent| agent.cpu_percent).sum();
        let limits = match seen.memory_limit.filter(|_| seen.granted.memory) {
            Some(limit) => format!(" of {}", megabytes(limit)),
            None => String::new(),
        };
        let of_cpus = match seen.cpu_limit.filter(|_| seen.granted.cpus) {
            Some(limit) => format!("{cpu:.2} % of a CPU, of which it may have {}", cpus_text(limit)),
            None => format!("{cpu:.2} % of a CPU"),
        };
        let held_back = if seen.throttled_percent >= 0.5 {
            format!(", held back for {:.0} % of its time", seen.throttled_percent)
        } else {
            String::new()
        };
        let missing = match seen.granted.missing()[..] {
            [] => String::new(),
            ref missing => format!("; this host grants no limits of {}", missing.join(", ")),
        };
        verdict.note = format!(
            "at most {}{limits}, {of_cpus}{held_back}, {} processes and threads; {} would do{missing}",
            megabytes(seen.memory_peak),
            seen.pids,
            megabytes(proposed(seen.memory_peak))
        );
        let width = seen.agents.keys().map(|name| name.len()).max().unwrap_or(0);
        let lines: Vec<String> = seen
            .agents
            .iter()
            .map(|(name, used)| {
                format!(
                    "{name:width$}  {:>8}, at most {:>8}, {:>6.2} % of a CPU; {} would do",
                    megabytes(used.resident),
                    megabytes(used.peak),
                    used.cpu_percent,
                    megabytes(proposed(used.peak))
                )
            })
            .collect();
        verdict.detail("agents", lines.join("\n"));
    }
}

fn limit(verdict: &mut Verdict, what: &str, wanted: Option<u64>, found: Option<u64>, show: &dyn Fn(u64) -> String) {
    if wanted != found {
        let words = |limit: Option<u64>| {
            limit.map_or_else(
                || format!("no limit of {what}"),
                |limit| format!("{what}: at most {}", show(limit)),
            )
        };
        verdict.wrong(words(wanted), words(found));
    }
}

/// Reports a use that is above a limit.
fn below(verdict: &mut Verdict, who: &str, what: &str, limit: Option<u64>, used: u64, show: &dyn Fn(u64) -> String) {
    if let Some(limit) = limit
        && used > limit
    {
        verdict.wrong(
            format!("{who}: at most {} {what}", show(limit)),
            format!("{who}: {} {what}", show(used)),
        );
    }
}

/// A memory limit with room for growth over the highest use so far, both in bytes.
#[must_use]
pub fn proposed(peak: u64) -> u64 {
    let (times, step) = ROOM;
    peak.saturating_mul(times).div_ceil(step).max(1).saturating_mul(step)
}

#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
fn megabytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / (1024.0 * 1024.0))
}

#[cfg(test)]
mod tests {
    use super::{AgentUse, Resources, ResourcesSeen};
    use crate::boot::reach::Granted;
    use crate::smoke::outcome::Outcome;
    use crate::smoke::verdict::Verdict;
    use crate::stack::model::GroupId;

    const MIB: u64 = 1024 * 1024;

    fn judged(seen: &ResourcesSeen) -> Outcome {
        let mut verdict = Verdict::default();
        Resources {
            group: GroupId(0),
            seconds: 1.0,
            memory_bytes: Some(100 * MIB + 5),
            milli_cpus: Some(1_600),
            pids: Some(40),
            agent_bytes: [("A".to_owned(), 64 * MIB)].into(),
        }
        .judge(&mut verdict, seen);
        verdict.outcome()
    }

    fn seen() -> ResourcesSeen {
        ResourcesSeen {
            granted: Granted::ALL,
            memory_limit: Some(100 * MIB),
            cpu_limit: Some(1_600),
            killed: 0,
            throttled_percent: 0.0,
            pids_limit: Some(40),
            memory_peak: 30 * MIB,
            pids: 9,
            agents: [(
                "A".to_owned(),
                AgentUse {
                    resident: 20 * MIB,
                    peak: 25 * MIB,
                    cpu_ms: 900,
                    cpu_percent: 0.5,
                },
            )]
            .into(),
            unmeasured: Vec::new(),
        }
    }

    #[test]
    fn use_is_reported_with_a_limit_that_would_do() {
        let Outcome::Passed { note, details, .. } = judged(&seen()) else {
            panic!("it must pass");
        };
        assert_eq!(
            note,
            "at most 30 MiB of 100 MiB, 0.50 % of a CPU, of which it may have 1.6, 9 processes and threads; 64 MiB would do"
        );
        assert_eq!(
            details[0].text,
            "A    20 MiB, at most   25 MiB,   0.50 % of a CPU; 64 MiB would do"
        );
    }

    #[test]
    fn another_limit_than_the_models_fails() {
        let wrong = ResourcesSeen {
            memory_limit: None,
            pids_limit: Some(41),
            cpu_limit: Some(2_000),
            unmeasured: vec!["B".to_owned()],
            ..seen()
        };
        let Outcome::Failed { got, .. } = judged(&wrong) else {
            panic!("it must fail");
        };
        assert_eq!(
            got,
            [
                "no limit of memory",
                "processors: at most 2",
                "processes and threads: at most 41",
                "could not be read"
            ]
        );
        assert!(judged(&ResourcesSeen::default()).is_failure(), "nothing was measured");
    }

    #[test]
    fn use_above_a_limit_is_told_whether_or_not_the_kernel_holds_it() {
        let agent = |peak| AgentUse {
            peak,
            ..seen().agents["A"]
        };
        let over = ResourcesSeen {
            granted: Granted::default(),
            memory_peak: 120 * MIB,
            pids: 60,
            killed: 2,
            agents: [("A".to_owned(), agent(70 * MIB)), ("B".to_owned(), agent(90 * MIB))].into(),
            ..seen()
        };
        let Outcome::Failed { got, expected, .. } = judged(&over) else {
            panic!("it must fail");
        };
        assert_eq!(
            got,
            [
                "the group: 120 MiB of memory",
                "the group: 60 processes and threads",
                "A: 70 MiB of memory"
            ]
        );
        assert_eq!(expected[2], "A: at most 64 MiB of memory");
        // What the kernel killed is this group's only where it has a group of processes of its own.
        let own = ResourcesSeen {
            granted: Granted::ALL,
            killed: 2,
            ..seen()
        };
        let Outcome::Failed { got, .. } = judged(&own) else {
            panic!("it must fail");
        };
        assert_eq!(got, ["the kernel killed 2 since the container was started"]);
    }

    #[test]
    fn a_group_that_is_held_back_is_said() {
        let held = ResourcesSeen {
            throttled_percent: 12.4,
            ..seen()
        };
        let Outcome::Passed { note, .. } = judged(&held) else {
            panic!("it must pass");
        };
        assert!(note.contains("held back for 12 % of its time"), "{note}");
    }

    #[test]
    fn a_host_without_limits_is_said() {
        let none = ResourcesSeen {
            granted: Granted::default(),
            memory_limit: None,
            pids_limit: None,
            ..seen()
        };
        let Outcome::Passed { note, .. } = judged(&none) else {
            panic!("it must pass");
        };
        assert!(
            note.ends_with("this host grants no limits of memory, processor time, processes"),
            "{note}"
        );
    }
}
