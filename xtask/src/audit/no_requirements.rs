//! A group whose requirements file is missing: that is one finding, which names what the group's agents import, and not one for each of
//! their imports.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::{requirements, stack as rules};
use super::start_path::Followed;
use crate::finding::{Finding, Subject};
use crate::stack::{GroupId, Stack};

/// Modules that one finding names before the rest is only counted.
const MOST_NAMES: usize = 8;

/// Takes out what was found of imports of groups without a requirements file, and says in the finding about that file what they need.
pub fn merge(stack: &Stack, followed: &[Followed], said: &mut [Finding], start: &mut Vec<Finding>) {
    let without: BTreeSet<GroupId> = stack
        .groups()
        .filter(|(_, group)| {
            let subject = Subject::group(&group.name);
            said.iter()
                .any(|finding| finding.rule == rules::MISSING_REQUIREMENTS.id && finding.subjects.contains(&subject))
        })
        .map(|(id, _)| id)
        .collect();
    if without.is_empty() {
        return;
    }
    let mut needs: BTreeMap<GroupId, BTreeSet<&str>> = BTreeMap::new();
    let (mut elsewhere, mut told) = (BTreeSet::new(), BTreeSet::new());
    for one in followed {
        let group = stack.agent(one.report.id).group;
        for failure in one
            .failures
            .iter()
            .filter(|failure| failure.rule == requirements::MISSING.id)
        {
            let key = (&failure.place, failure.subject.as_ref());
            if !without.contains(&group) {
                elsewhere.insert(key);
                continue;
            }
            told.insert(key);
            if let Some(Subject::Module(module)) = &failure.subject {
                needs
                    .entry(group)
                    .or_default()
                    .insert(module.split('.').next().unwrap_or(module));
            }
        }
    }
    start.retain(|finding| {
        let key = (&finding.place, finding.subjects.first());
        finding.rule != requirements::MISSING.id || !told.contains(&key) || elsewhere.contains(&key)
    });
    for (group, modules) in needs {
        let subject = Subject::group(&stack.group(group).name);
        let finding = said
            .iter_mut()
            .find(|finding| finding.rule == rules::MISSING_REQUIREMENTS.id && finding.subjects.contains(&subject));
        if let Some(finding) = finding {
            finding.help = Some(format!(
                "add the file, or correct the path: its agents import {}",
                listed(&modules)
            ));
        }
    }
}

fn listed(modules: &BTreeSet<&str>) -> String {
    let shown: Vec<String> = modules
        .iter()
        .take(MOST_NAMES)
        .map(|module| format!("`{module}`"))
        .collect();
    match modules.len().checked_sub(MOST_NAMES) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}
