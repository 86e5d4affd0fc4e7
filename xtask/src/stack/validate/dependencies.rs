//! Dependencies: what nothing defines, what stands in for it, and cycles.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use crate::finding::{Finding, Severity, Subject};
use crate::stack::graph;
use crate::stack::near::nearest;
use crate::stack::resolve::Read;
use crate::stack::tree::Found;

/// A dependency that nothing defines.
pub fn missing(facts: &Facts<'_>) -> Vec<Finding> {
    let names = || facts.everyone.agents.iter().map(|agent| agent.name.as_str());
    let of_groups = facts.stack.absent.iter().flat_map(|absent| {
        absent.wanted_by.iter().filter_map(|wanted_by| {
            let origin = facts.origin(*wanted_by);
            let name = origin.dependencies.iter().find(|d| d.value == absent.name)?;
            Some((*wanted_by, name))
        })
    });
    let of_others = facts.resolved.absent_of_ungrouped.iter();
    let of_others = of_others.map(|(wanted_by, name)| (*wanted_by, *name));
    let mut findings = Vec::new();
    for (wanted_by, name) in of_groups.chain(of_others) {
        let origin = facts.origin(wanted_by);
        let message = format!(
            "agent `{}` depends on `{}`, which nothing defines",
            origin.name.value, name.value
        );
        let fallback = facts.raw.fallbacks.get(&name.value).map(|script| &script.value);
        let (severity, help) = if let Some(script) = fallback {
            let help = format!("`{script}` stands in for it; it is never waited for");
            (Severity::Warning, help)
        } else if let Some(near) = nearest(&name.value, names()) {
            (Severity::Error, format!("did you mean `{near}`?"))
        } else {
            let help = format!(
                "define the agent, or name a script that stands in for it under `fallbacks:` in `{}`",
                facts.raw.path
            );
            (Severity::Error, help)
        };
        let mut finding = Finding::error("stack/missing-dependency", name.place.clone(), message)
            .about(Subject::any_agent(&name.value))
            .about(facts.everyone.subject(wanted_by))
            .with_help(help);
        finding.severity = severity;
        findings.push(finding);
    }
    findings
}

/// A stand-in that is not there.
pub fn missing_fallback(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(tree) = facts.tree else {
        return Vec::new();
    };
    let aliases: BTreeMap<String, String> = facts
        .stack
        .machines
        .iter()
        .flat_map(|machine| machine.path_aliases.clone())
        .collect();
    facts
        .raw
        .fallbacks
        .iter()
        .filter(|(_, script)| !matches!(tree.find(&script.value, &aliases), Found::File(_)))
        .map(|(name, script)| {
            Finding::error(
                "stack/missing-fallback",
                script.place.clone(),
                format!("the fallback of `{name}`, `{}`, is not in the tree", script.value),
            )
            .about(Subject::Path(script.value.clone()))
            .about(Subject::any_agent(name))
            .with_help("correct the path: it is relative to the tree")
        })
        .collect()
}

/// A stand-in for something that is defined, or that nobody wants.
pub fn unused_fallback(facts: &Facts<'_>) -> Vec<Finding> {
    // What cannot be read may want it.
    let broken = |read: &Read| {
        read.startup
            .as_ref()
            .is_none_or(|startup| startup.agents.len() != read.names.len())
    };
    if !facts.raw.complete || !facts.raw.broken_machines.is_empty() || facts.reads.iter().any(broken) {
        return Vec::new();
    }
    let wanted: BTreeSet<&str> = facts
        .reads
        .iter()
        .filter_map(|read| read.startup.as_ref())
        .flat_map(|startup| &startup.agents)
        .flat_map(|agent| &agent.dependencies)
        .map(|name| name.value.as_str())
        .collect();
    facts
        .raw
        .fallbacks
        .iter()
        .filter(|(name, _)| !facts.raw.started.contains(*name))
        .filter_map(|(name, script)| {
            let why = if facts.reads.iter().any(|read| read.names.contains(name)) {
                "it is defined"
            } else if wanted.contains(name.as_str()) {
                return None;
            } else {
                "nothing depends on it"
            };
            let message = format!("the fallback of `{name}` is never used: {why}");
            let place = script.place.clone();
            Some(
                Finding::warning("stack/unused-fallback", place, message)
                    .about(Subject::any_agent(name))
                    .with_help("remove it from `fallbacks:`"),
            )
        })
        .collect()
}

/// Agents that wait for each other in a ring.
pub fn cycle(facts: &Facts<'_>) -> Vec<Finding> {
    let stack = facts.everyone;
    graph::cycles(&stack.agents)
        .into_iter()
        .filter_map(|cycle| {
            let first = *cycle.first()?;
            let next = stack.agent(*cycle.get(1).unwrap_or(&first));
            let names: Vec<&str> = cycle
                .iter()
                .chain([&first])
                .map(|id| stack.agent(*id).name.as_str())
                .collect();
            let origin = facts.origin(first);
            let place = origin
                .dependencies
                .iter()
                .find(|dependency| dependency.value == next.name)
                .map_or_else(|| origin.name.place.clone(), |name| name.place.clone());
            let message = format!("dependency cycle: {}", names.join(" → "));
            let mut finding = Finding::warning("stack/dependency-cycle", place, message);
            finding.subjects = cycle.iter().map(|id| stack.subject(*id)).collect();
            Some(if cycle.len() == 1 {
                finding.with_help("remove the dependency: an agent cannot wait for itself")
            } else {
                finding.with_help("these agents are started together, once what the cycle needs from outside is ready")
            })
        })
        .collect()
}
