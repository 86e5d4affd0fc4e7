//! Expands files of checks into a plan.

use std::collections::BTreeSet;

use super::check::{CheckId, Plan};
use super::draft::{Draft, draft};
use super::names::{group_names, resolve_all};
use super::order;
use super::subjects::subjects;
use crate::finding::{Finding, Subject};
use crate::smoke::spec::{CheckFile, CheckSpec};
use crate::stack::model::{MachineId, Stack};

/// A check that expands to nothing.
pub const EMPTY: &str = "smoke/no-subject";
/// What of the files is wanted.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Phases; all when empty.
    pub phases: BTreeSet<u8>,
    /// One machine; checks about none are kept.
    pub machine: Option<MachineId>,
    /// Seconds of every soak, instead of its own.
    pub soak_seconds: Option<u64>,
}

/// Expands what is selected. With any error among the findings the plan is not whole and must not be run.
#[must_use]
pub fn expand(stack: &Stack, files: &[CheckFile], selection: &Selection) -> (Plan, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for file in files {
        let wanted = selection.phases.is_empty() || selection.phases.contains(&file.phase);
        for spec in &file.checks {
            // A check that is not wanted is resolved all the same: a wrong name in it is a mistake today.
            for draft in expand_one(stack, file, spec, selection.soak_seconds, &mut findings) {
                let here = match (selection.machine, draft.check.machine) {
                    (Some(wanted), Some(machine)) => wanted == machine,
                    _ => true,
                };
                if wanted && here {
                    drafts.push(draft);
                }
            }
        }
    }
    for (index, draft) in drafts.iter_mut().enumerate() {
        draft.check.id = CheckId(index);
    }
    order::resolve_after(files, &mut drafts, &mut findings);
    order::find_cycles(&drafts, &mut findings);
    if findings.is_empty() {
        order::resolve_saved(&mut drafts, &mut findings);
    }
    let checks = drafts.into_iter().map(|draft| draft.check).collect();
    (Plan { checks }, findings)
}

fn expand_one<'s>(
    stack: &Stack,
    file: &CheckFile,
    spec: &'s CheckSpec,
    soak_seconds: Option<u64>,
    findings: &mut Vec<Finding>,
) -> Vec<Draft<'s>> {
    let before = findings.len();
    let machines = resolve_all(
        &spec.machines,
        "machine",
        findings,
        |name| stack.find_machine(name),
        || stack.machines.iter().map(|machine| machine.name.as_str()).collect(),
    );
    let groups = resolve_all(
        &spec.groups,
        "group",
        findings,
        |name| stack.find_group(name),
        || group_names(stack),
    );
    if findings.len() > before {
        return Vec::new();
    }
    let subjects = subjects(stack, spec.for_each, &machines, &groups);
    if subjects.is_empty() {
        findings.push(
            Finding::error(
                EMPTY,
                spec.name.place.clone(),
                format!("check `{}` expands to nothing", spec.name.text),
            )
            .about(Subject::Check(spec.name.text.clone()))
            .with_help("nothing of the stack is in its `machine`, `groups` and `for_each`"),
        );
    }
    let mut drafts = Vec::new();
    for subject in subjects {
        let before = findings.len();
        if let Some(draft) = draft(stack, file, spec, subject, soak_seconds, findings) {
            drafts.push(draft);
        }
        if findings.len() > before {
            // The same mistake would come once for each subject.
            break;
        }
    }
    drafts
}
