//! `cargo xtask status --watch`: the state is shown again whenever a supervisor tells of a change.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Shown;
use crate::boot::standing::Standing;
use crate::boot::view::View;
use crate::cmd::{Context, Outcome};
use crate::host::boot::group_containers;
use crate::host::podman::hosts::Hosts;
use crate::host::system::process;
use crate::host::system::watch::{Change, Watch};
use crate::report::exit::Exit;
use crate::stack::{GroupId, Stack};

/// How often an interrupt is looked for while nothing changes.
const GLANCE: Duration = Duration::from_millis(100);
/// What changes within this time is shown at once.
const TOGETHER: Duration = Duration::from_millis(30);

/// What is known so far.
#[derive(Default)]
struct Known {
    view: View,
    /// Groups that have answered, or failed to.
    heard: BTreeSet<GroupId>,
    /// Those of them that do not answer.
    silent: Vec<GroupId>,
    standing: BTreeMap<GroupId, Standing>,
}

impl Known {
    fn take(&mut self, (group, told): Change) {
        self.heard.insert(group);
        match told {
            Ok(status) => self.view.update(group, status),
            Err(_) => self.view.forget(group),
        }
    }

    /// Asks Podman about groups that do not answer, when these are not the same as before.
    fn look(&mut self, hosts: &Hosts, stack: &Stack, groups: &[GroupId]) {
        let silent: Vec<GroupId> = groups
            .iter()
            .copied()
            .filter(|group| self.view.group(*group).is_none())
            .collect();
        if silent != self.silent {
            // Where it cannot be asked, that they do not answer is all there is to say.
            self.standing = group_containers::standing_of_silent(hosts, stack, &silent).unwrap_or_default();
            self.silent = silent;
        }
    }
}

/// Shows it until it is interrupted.
///
/// # Errors
/// Never for our own documents.
pub fn run(what: &Shown<'_>, hosts: &Hosts, context: &Context) -> Outcome {
    let stack = what.stack;
    // An agent that waits is explained by agents of other groups, so all are followed.
    let all: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
    let watch = Watch::start(all.iter().map(|group| (*group, hosts.status(stack, *group))));
    let mut known = Known::default();
    let mut before = None;
    while !process::interrupted() {
        let Some(change) = watch.next(GLANCE) else { continue };
        known.take(change);
        for _ in &all {
            match watch.next(TOGETHER) {
                Some(change) => known.take(change),
                None => break,
            }
        }
        if known.heard.len() < all.len() {
            continue;
        }
        known.look(hosts, stack, &what.groups);
        let text = what.text(&known.view, &known.standing, context)?;
        if before.as_ref() != Some(&text) {
            context.printer.screen(&text);
            before = Some(text);
        }
    }
    Ok(Exit::Interrupted)
}
