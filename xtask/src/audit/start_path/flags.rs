//! Which of the supervisor's flags a script takes, of those that reject some: each choice of them is tried, the largest first.

use std::collections::BTreeMap;

use contract::own_flags::OwnFlags;
use rayon::prelude::*;

use super::{Asked, Followed, With, follow, shared_by, with_groups};
use crate::audit::outcome::Prediction;
use crate::python::disk::Disk;
use crate::python::facts::TreeFacts;
use crate::stack::model::{AgentId, Stack};

/// The rule of what rejects flags.
pub const RULE: &str = "start/flags-rejected";

/// Whether an agent cannot start because of its flags, or may not.
#[must_use]
pub fn are_rejected(followed: &Followed) -> bool {
    let fails = matches!(followed.report.prediction, Prediction::CannotStart | Prediction::MayNot);
    fails && followed.report.rule == Some(RULE)
}

fn cannot_start(followed: &Followed) -> bool {
    followed.report.prediction == Prediction::CannotStart
}

/// For each of these agents the most flags with which its parser lets it go on; nothing of one that it never does, whose own parameters or
/// code are the reason.
#[must_use]
pub fn taken(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>, agents: &[AgentId]) -> BTreeMap<AgentId, OwnFlags> {
    let agents = || agents.par_iter().filter(|id| stack.agent(**id).own_flags.any());
    if agents().count() == 0 {
        return BTreeMap::new();
    }
    let tried: Vec<(OwnFlags, Stack)> = OwnFlags::choices()
        .into_iter()
        .filter(|flags| !flags.is_all())
        .map(|flags| (flags, with(stack, flags)))
        .collect();
    let shared = shared_by(stack);
    let with = With {
        disk,
        shared: &shared,
        walks: None,
    };
    with_groups(stack, tree, with, |groups| {
        let of_agent = |id: &AgentId| {
            let group = &groups[stack.agent(*id).group.0];
            let is_taken =
                |(_, stack): &&(OwnFlags, Stack)| !are_rejected(&follow(stack, group, *id, with, Asked::Nothing).0);
            tried.iter().find(is_taken).map(|(flags, _)| (*id, *flags))
        };
        agents().filter_map(of_agent).collect()
    })
}

/// Those of these agents that cannot start with words in `sys.argv` which their scripts look for themselves, and go on without any.
#[must_use]
pub fn go_on_without(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>, followed: &[Followed]) -> Vec<AgentId> {
    let looks = |script: &str| {
        let module = tree.find(script).and_then(|at| tree.files.get(at));
        module.is_some_and(|file| file.module.atom("argv").is_some())
    };
    let asked: Vec<AgentId> = followed
        .iter()
        .filter(|one| cannot_start(one) && one.report.rule != Some(RULE))
        .map(|one| one.report.id)
        .filter(|id| stack.agent(*id).own_flags.any() && looks(&stack.agent(*id).script_path))
        .collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let without = with(stack, OwnFlags::NONE);
    let shared = shared_by(stack);
    let with = With {
        disk,
        shared: &shared,
        walks: None,
    };
    with_groups(stack, tree, with, |groups| {
        let goes_on = |id: &AgentId| {
            let group = &groups[stack.agent(*id).group.0];
            !cannot_start(&follow(&without, group, *id, with, Asked::Nothing).0)
        };
        asked.into_par_iter().filter(goes_on).collect()
    })
}

/// The stack with agents that are given these.
fn with(stack: &Stack, flags: OwnFlags) -> Stack {
    let mut stack = stack.clone();
    for agent in stack.agents.iter_mut().chain(&mut stack.ungrouped) {
        agent.own_flags = flags;
    }
    stack
}
