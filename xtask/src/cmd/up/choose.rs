//! Which groups a boot starts: those asked for, with those that their agents wait for; and which of these it leaves out.

use std::collections::{BTreeMap, BTreeSet};

use crate::boot::needs::{Needed, needed};
use crate::boot::session::Chosen;
use crate::boot::standing::Standing;
use crate::cmd::select::Selection;
use crate::cmd::{Context, Outcome};
use crate::host::boot::group_containers;
use crate::host::podman::hosts::Hosts;
use crate::stack::{GroupId, Stack};

/// Chooses, and says which groups are started beside those that were asked for, and what will wait.
///
/// # Errors
/// When a name is unknown.
pub fn choose(
    context: &Context,
    stack: &Stack,
    hosts: &Hosts,
    selection: &Selection,
    no_deps: bool,
) -> Outcome<Chosen> {
    let asked = selection.groups(stack)?;
    let machine = selection.machine(stack)?;
    let is_allowed = |group: GroupId| !no_deps && machine.is_none_or(|machine| stack.group(group).machine == machine);
    let (more, left_out): (Vec<Needed>, Vec<Needed>) = needed(stack, &asked, &is_allowed)
        .into_iter()
        .partition(|needed| is_allowed(needed.group));
    let all: Vec<GroupId> = more.iter().chain(&left_out).map(|needed| needed.group).collect();
    // Whether they run is only for what is said: where Podman does not answer, what comes next says so.
    let standing = if all.is_empty() {
        BTreeMap::new()
    } else {
        group_containers::standing(hosts, stack, &all).unwrap_or_default()
    };
    let is_missing = |needed: &&Needed| !standing.get(&needed.group).is_some_and(Standing::runs);
    let why = |needed: &Needed| {
        format!(
            "`{}` waits for `{}`",
            stack.agent(needed.waits).name,
            stack.agent(needed.dependency).name
        )
    };
    for needed in more.iter().filter(is_missing) {
        let name = &stack.group(needed.group).name;
        context.printer.note(format!(
            "also starting `{name}`: {} (`--no-deps` does not)",
            why(needed)
        ));
    }
    for needed in left_out.iter().filter(is_missing) {
        let group = stack.group(needed.group);
        let option = if no_deps { "--no-deps" } else { "--machine" };
        context.printer.warn(format!(
            "{} of group `{}` ({}), which does not run here and is not started (`{option}`)",
            why(needed),
            group.name,
            stack.machine(group.machine).name,
        ));
    }
    let missing = left_out.iter().filter(is_missing).map(|needed| needed.group).collect();
    let started: BTreeSet<GroupId> = asked
        .into_iter()
        .chain(more.into_iter().map(|needed| needed.group))
        .collect();
    Ok(Chosen {
        groups: started.into_iter().collect(),
        left_out,
        missing,
    })
}
