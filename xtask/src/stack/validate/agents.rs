//! Agents and groups: each agent in one group, each group with agents.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use crate::finding::{Finding, Subject};

/// An agent that no group holds would never be started.
pub fn ungrouped(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // An agent of a group whose machine is not usable is listed all the same.
    for (raw, read) in facts.raw.machines.iter().zip(facts.reads) {
        let machine = &raw.name.value;
        let groups = facts.raw.groups.iter().filter(|group| group.machine.value == *machine);
        let listed: BTreeSet<&str> = groups
            .flat_map(|group| &group.agents)
            .map(|name| name.value.as_str())
            .collect();
        for agent in read.startup.iter().flat_map(|startup| &startup.agents) {
            let name = &agent.name;
            if !listed.contains(name.value.as_str()) && facts.raw.complete {
                findings.push(
                    Finding::error(
                        "stack/ungrouped-agent",
                        name.place.clone(),
                        format!("no group of `{machine}` holds agent `{}`", name.value),
                    )
                    .about(Subject::agent(machine, &name.value))
                    .about(Subject::machine(machine))
                    .with_help(format!(
                        "add it to the `agents:` of a group in `{}`: without one it is never started",
                        facts.raw.path
                    )),
                );
            }
        }
    }
    findings
}

/// The same name twice on a machine.
pub fn duplicate(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (raw, read) in facts.raw.machines.iter().zip(facts.reads) {
        let Some(startup) = &read.startup else {
            continue;
        };
        let mut seen = BTreeMap::new();
        for agent in &startup.agents {
            let Some(first) = seen.insert(&agent.name.value, &agent.name.place) else {
                continue;
            };
            findings.push(
                Finding::error(
                    "stack/duplicate-agent",
                    agent.name.place.clone(),
                    format!("agent `{}` is defined a second time", agent.name.value),
                )
                .about(Subject::agent(&raw.name.value, &agent.name.value))
                .with_related(first.clone(), "first defined here, and that is used")
                .with_help("remove or rename one of the two"),
            );
            seen.insert(&agent.name.value, first);
        }
    }
    findings
}

/// A container without agents.
pub fn empty_group(facts: &Facts<'_>) -> Vec<Finding> {
    facts
        .raw
        .groups
        .iter()
        .filter(|group| group.agents.is_empty() && group.agents_written)
        .map(|group| {
            Finding::error(
                "stack/empty-group",
                group.name.place.clone(),
                format!("group `{}` has no agents", group.name.value),
            )
            .about(Subject::group(&group.name.value))
            .with_help("list at least one agent, or remove the group")
        })
        .collect()
}
