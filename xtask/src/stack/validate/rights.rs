//! Containers that are kept apart from their host less than the others: their owner decides, and it is said.

use super::Facts;
use crate::finding::{Finding, Severity, Subject};

/// Groups with capabilities, or that run as root.
pub fn weaker(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (group, raw) in facts.stack.groups.iter().zip(&facts.resolved.groups) {
        let names: Vec<String> = group
            .extras
            .rights
            .capabilities
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let noun = if names.len() == 1 { "capability" } else { "capabilities" };
        let has = (!names.is_empty()).then(|| format!("has the {noun} {}", names.join(", ")));
        let root = (group.has_own_user && group.uid == 0).then(|| "runs as root".to_owned());
        let what: Vec<String> = root.into_iter().chain(has).collect();
        if what.is_empty() {
            continue;
        }
        let place = raw.user.as_ref().map_or(&raw.name.place, |user| &user.place).clone();
        let message = format!(
            "group `{}` {}: any of its agents may use that",
            group.name,
            what.join(" and ")
        );
        let finding = Finding {
            severity: Severity::Note,
            ..Finding::error("stack/weaker-isolation", place, message)
        };
        findings.push(
            finding
                .about(Subject::group(&group.name))
                .with_help("give it to as few groups as possible; what needs it may be a group of its own"),
        );
    }
    findings
}
