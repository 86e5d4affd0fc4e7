//! What the stack says of agents whose parsers reject the supervisor's flags: the key `flags`.

use std::collections::BTreeMap;

use contract::own_flags::{OwnFlag, OwnFlags};

use super::outcome::Step;
use super::serving::{Proposal, What};
use super::start_path::{self, Followed, Walks, flags};
use crate::finding::{Finding, Place};
use crate::python::disk::Disk;
use crate::python::facts::TreeFacts;
use crate::stack::{AgentId, Stack};

/// Most agents that a help names.
const MOST_AGENTS: usize = 3;

/// How the stack writes them.
#[must_use]
pub fn words(flags: OwnFlags) -> String {
    match flags {
        OwnFlags::ALL => "all".to_owned(),
        OwnFlags::NONE => "none".to_owned(),
        some => {
            let names: Vec<&str> = some.iter().map(OwnFlag::name).collect();
            format!("[{}]", names.join(", "))
        }
    }
}

/// Names the key in the help of findings that it would be enough for.
pub fn name_key(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>, followed: &[Followed], findings: &mut [Finding]) {
    let rejecting: Vec<&Followed> = followed.iter().filter(|one| flags::are_rejected(one)).collect();
    let ids: Vec<AgentId> = rejecting.iter().map(|one| one.report.id).collect();
    let taken = flags::taken(stack, tree, disk, &ids);
    let mut by_place: BTreeMap<&Step, Vec<(&str, OwnFlags)>> = BTreeMap::new();
    for one in &rejecting {
        if let (Some(step), Some(flags)) = (one.report.chain.last(), taken.get(&one.report.id)) {
            by_place.entry(step).or_default().push((&one.report.name, *flags));
        }
    }
    for finding in findings.iter_mut().filter(|finding| finding.rule == flags::RULE) {
        let Some(agents) = by_place.get(&Step::at(&finding.place)) else {
            continue;
        };
        let shown = agents.iter().take(MOST_AGENTS);
        let mut shown: Vec<String> = shown
            .map(|(name, flags)| format!("`{name}: {{flags: {}}}`", words(*flags)))
            .collect();
        if let Some(more @ 1..) = agents.len().checked_sub(MOST_AGENTS) {
            shown.push(format!("{more} more"));
        }
        finding.help = Some(format!(
            "write {} below `overrides:` of the group: it is started with what its parser takes",
            shown.join(", ")
        ));
    }
}

/// The same for a stack that is still to be written; and the stack that says it, whose agents go on.
#[must_use]
pub fn proposals(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>, walks: &Walks) -> (Stack, Vec<Proposal>) {
    // What each listens on is asked next, and not followed again then.
    let followed = start_path::listening(stack, tree, disk, walks);
    let followed: Vec<Followed> = followed.into_iter().map(|(followed, _)| followed).collect();
    let rejecting: Vec<&Followed> = followed.iter().filter(|one| flags::are_rejected(one)).collect();
    let ids: Vec<AgentId> = rejecting.iter().map(|one| one.report.id).collect();
    let taken = flags::taken(stack, tree, disk, &ids);
    let mut stack = stack.clone();
    let mut proposals = Vec::new();
    for one in rejecting {
        let id = one.report.id;
        let Some(flags) = taken.get(&id) else { continue };
        let failure = one.failures.iter().rev().find(|failure| failure.rule == flags::RULE);
        let evidence: Vec<(Place, String)> = failure
            .map(|failure| (failure.place.clone(), failure.message.clone()))
            .into_iter()
            .collect();
        if let Some(agent) = stack.agents.get_mut(id.0) {
            agent.own_flags = *flags;
        }
        proposals.push(Proposal {
            agent: id,
            what: What::Flags(*flags),
            evidence,
            doubt: None,
        });
    }
    for id in flags::go_on_without(&stack, tree, disk, &followed) {
        let failure = followed.iter().find(|one| one.report.id == id).and_then(|one| {
            one.failures
                .iter()
                .find(|failure| Some(failure.rule) == one.report.rule)
        });
        let evidence = failure
            .map(|failure| (failure.place.clone(), format!("with flags: {}", failure.message)))
            .into_iter()
            .collect();
        if let Some(agent) = stack.agents.get_mut(id.0) {
            agent.own_flags = OwnFlags::NONE;
        }
        proposals.push(Proposal {
            agent: id,
            what: What::Flags(OwnFlags::NONE),
            evidence,
            doubt: None,
        });
    }
    (stack, proposals)
}
