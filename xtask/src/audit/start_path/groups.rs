//! Requirements of a group against what its agents import: rules `requirements/unused` and `requirements/invalid-line`, and
//! `requirements/missing` for what is imported off the start path.

use std::collections::{BTreeMap, BTreeSet};

use super::GroupContext;
use crate::finding::{Confidence, Finding, Severity, Subject};
use crate::python::imports::closure::{Closures, MissingImport};
use crate::python::imports::distributions::{brings, never_imported, providers};
use crate::python::imports::view::normal;
use crate::stack::model::Stack;

/// What is wrong with a group's requirements.
///
/// `met` says whether the start path of an agent has met that import already.
pub fn check(stack: &Stack, group: &GroupContext<'_>, met: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = group
        .requirements
        .invalid
        .iter()
        .map(|place| {
            Finding::error(
                "requirements/invalid-line",
                place.clone(),
                format!("`{}` is not a valid requirement; pip stops at it", place.text.trim()),
            )
            .about(Subject::group(&stack.group(group.id).name))
            .with_help("remove the line")
        })
        .collect();
    if !group.requirements.found {
        return findings;
    }
    let tree = group.view.tree;
    let mut outside: BTreeSet<String> = BTreeSet::new();
    let mut missing: BTreeMap<String, MissingImport> = BTreeMap::new();
    let mut sure = true;
    let mut searched: BTreeMap<Vec<String>, Closures<'_>> = BTreeMap::new();
    for id in &stack.group(group.id).agents {
        let script = normal(&stack.agent(*id).script_path);
        let Some(file) = group.view.file(&script) else {
            sure = false;
            continue;
        };
        let search = group.search(stack, &script);
        let closures = searched
            .entry(search.roots.clone())
            .or_insert_with(|| Closures::new(search));
        let closure = closures.of(file);
        sure &= closure
            .files
            .iter()
            .all(|file| tree.files.get(*file).is_some_and(|facts| facts.module.parses()));
        outside.extend(closure.outside);
        for (module, found) in closure.missing {
            let known = missing.entry(module).or_insert(found);
            if known.guarded && !found.guarded {
                *known = found;
            }
        }
    }
    for (module, found) in missing.iter().filter(|(module, _)| !met(module)) {
        findings.push(not_required(group, module, found));
    }
    let mut reported = BTreeMap::new();
    for requirement in &group.requirements.all {
        let required = &stack.group(group.id).required_modules;
        let mut used = outside.iter().chain(&stack.images.required_modules).chain(required);
        let is_used = used.any(|module| brings(&requirement.name, module));
        if is_used || !sure || requirement.elsewhere || never_imported(&requirement.name) {
            continue;
        }
        if reported.insert(requirement.name.clone(), ()).is_some() {
            continue;
        }
        let mut finding = Finding::warning(
            "requirements/unused",
            requirement.place.clone(),
            format!(
                "nothing that the agents of `{}` import needs `{}`",
                stack.group(group.id).name,
                requirement.name
            ),
        )
        .about(Subject::Distribution(requirement.name.clone()))
        .about(Subject::group(&stack.group(group.id).name))
        .with_help("remove it, or name its module in the group's `required_modules`");
        finding.severity = Severity::Note;
        finding.confidence = if providers(&requirement.name).is_empty() {
            Confidence::Low
        } else {
            Confidence::Medium
        };
        findings.push(finding);
    }
    findings
}

/// An import off the start path that no requirement of the group provides.
fn not_required(group: &GroupContext<'_>, module: &str, import: &MissingImport) -> Finding {
    let place = group.view.tree.place(import.file, import.span);
    let file = group.requirements.shown();
    let mut finding = Finding::warning(
        "requirements/missing",
        place,
        format!("`{module}` needs a package that {file} does not have"),
    )
    .about(Subject::Module(module.to_owned()));
    if import.guarded {
        finding.severity = Severity::Note;
    }
    if let Some(provider) = import.providers.first() {
        finding = finding.with_help(format!(
            "add `{provider}` to {file}, unless what imports it is never used"
        ));
    }
    finding
}
