//! What must have passed before a check, and which checks before it save what it uses.

use std::collections::BTreeSet;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::check::CheckId;
use super::draft::{Draft, UNKNOWN_VALUE};
use super::names::unknown;
use crate::finding::Finding;
use crate::smoke::spec::CheckFile;
use crate::smoke::template::Bindings;

/// Checks that wait for each other.
pub const CYCLE: &str = "smoke/cycle";

/// An instance waits for those instances of the named check that agree with it on everything that both were expanded for.
pub(super) fn resolve_after(files: &[CheckFile], drafts: &mut [Draft<'_>], findings: &mut Vec<Finding>) {
    let known: Vec<&str> = files
        .iter()
        .flat_map(|file| &file.checks)
        .map(|check| check.name.text.as_str())
        .collect();
    for check in files.iter().flat_map(|file| &file.checks) {
        for name in &check.after {
            if !known.contains(&name.text.as_str()) {
                findings.push(unknown("check", name, &known));
            }
        }
    }
    let subjects: Vec<(String, Bindings)> = drafts
        .iter()
        .map(|draft| (draft.spec.name.text.clone(), draft.bindings.clone()))
        .collect();
    for draft in drafts {
        let mut after = Vec::new();
        for name in &draft.spec.after {
            for (index, (other, bindings)) in subjects.iter().enumerate() {
                let agree = bindings
                    .iter()
                    .all(|(key, value)| draft.bindings.get(key).is_none_or(|mine| mine == value));
                if *other == name.text && agree {
                    after.push(CheckId(index));
                }
            }
        }
        draft.check.after = after;
    }
}

fn graph(drafts: &[Draft<'_>]) -> DiGraph<usize, ()> {
    let mut graph = DiGraph::new();
    for index in 0..drafts.len() {
        graph.add_node(index);
    }
    for (index, draft) in drafts.iter().enumerate() {
        for before in &draft.check.after {
            graph.add_edge(NodeIndex::new(before.0), NodeIndex::new(index), ());
        }
    }
    graph
}

/// Finds checks that wait for each other.
pub(super) fn find_cycles(drafts: &[Draft<'_>], findings: &mut Vec<Finding>) {
    let graph = graph(drafts);
    for component in tarjan_scc(&graph) {
        let alone = component.len() == 1 && !graph.contains_edge(component[0], component[0]);
        if alone {
            continue;
        }
        let mut members: Vec<&Draft<'_>> = component.iter().map(|node| &drafts[graph[*node]]).collect();
        members.sort_by_key(|draft| draft.check.id);
        let names: Vec<String> = members.iter().map(|draft| format!("`{}`", draft.check.name)).collect();
        let place = members[0]
            .spec
            .after
            .first()
            .map_or_else(|| members[0].check.place.clone(), |after| after.place.clone());
        findings.push(Finding::error(
            CYCLE,
            place,
            format!("checks wait for each other: {}", names.join(", ")),
        ));
    }
}

/// Finds for each `${name}` the one check before that saves it.
pub(super) fn resolve_saved(drafts: &mut [Draft<'_>], findings: &mut Vec<Finding>) {
    let after: Vec<Vec<CheckId>> = drafts.iter().map(|draft| draft.check.after.clone()).collect();
    let saves: Vec<Vec<String>> = drafts.iter().map(|draft| draft.saves.clone()).collect();
    for draft in drafts {
        let mut before = BTreeSet::new();
        let mut open = draft.check.after.clone();
        while let Some(id) = open.pop() {
            if before.insert(id) {
                open.extend(&after[id.0]);
            }
        }
        for name in &draft.uses {
            let from: Vec<CheckId> = before.iter().filter(|id| saves[id.0].contains(name)).copied().collect();
            match from.as_slice() {
                [one] => {
                    draft.check.reads.insert(name.clone(), *one);
                }
                [] => findings.push(
                    Finding::error(
                        UNKNOWN_VALUE,
                        draft.check.place.clone(),
                        format!(
                            "check `{}` uses `${{{name}}}`, which no check before it saves",
                            draft.check.name
                        ),
                    )
                    .with_help("name the check that saves it in `after`"),
                ),
                _ => findings.push(Finding::error(
                    UNKNOWN_VALUE,
                    draft.check.place.clone(),
                    format!(
                        "check `{}` uses `${{{name}}}`, which several checks before it save",
                        draft.check.name
                    ),
                )),
            }
        }
    }
}
