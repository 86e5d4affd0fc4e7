//! Whose the stack on a host is, before a command changes or shows it.

use std::collections::BTreeSet;

use super::{Context, Failure, Outcome};
use crate::boot::ownership::Ownership;
use crate::host::boot::is_own_volume;
use crate::host::hosts::{Hosts, Part, Place};
use crate::host::ownership::{self, Misowned};
use crate::host::podman::{Podman, Volume};
use crate::report::exit::Exit;
use crate::stack::{GroupId, Stack};

/// Fails where things with the stack's name are another checkout's, unless they are to be taken over; returns what there is.
/// `command` is the command as its user writes it.
///
/// # Errors
/// When they are another's, or Podman cannot be asked.
pub fn require(
    context: &Context,
    stack: &Stack,
    podman: &Podman,
    command: &str,
    take_over: bool,
) -> Outcome<Ownership> {
    let found = ownership::look(podman, stack, &context.repository)?;
    match found.refusal(&stack.name, command) {
        Some(refusal) if !take_over => Err(Failure::new(Exit::Findings, refusal)),
        Some(_) => {
            let others: Vec<String> = found
                .others
                .keys()
                .map(|path| format!("`{}`", path.escape_debug()))
                .collect();
            context.printer.note(format!("taking over from {}", others.join(", ")));
            Ok(found)
        }
        None => Ok(found),
    }
}

/// The same for every host of the stack.
///
/// # Errors
/// As [`require`].
pub fn require_all(context: &Context, stack: &Stack, hosts: &Hosts, command: &str, take_over: bool) -> Outcome<()> {
    let every: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
    for part in hosts.parts(stack, &every) {
        require(context, stack, &part.host.podman, command, take_over)?;
    }
    Ok(())
}

/// What `up` asks before it makes anything: whose things are, whether a former name of the stack stands in the way, and whether agents
/// can write their volumes.
///
/// # Errors
/// When one of these speaks against a boot, or Podman cannot be asked.
pub fn before_boot(
    context: &Context,
    stack: &Stack,
    part: &Part<'_>,
    take_over: bool,
    chown_volumes: bool,
) -> Outcome<()> {
    let podman = &part.host.podman;
    let found = require(context, stack, podman, "up", take_over)?;
    if !found.in_the_way(&stack.name).is_empty() {
        let text = found.stranded_text(&stack.name).unwrap_or_default();
        return Err(Failure::new(
            Exit::Findings,
            format!(
                "{text}\n  hint: they hold names, addresses and ports that the stack needs: remove them first, pods before networks"
            ),
        ));
    }
    if let Some(text) = found.stranded_text(&stack.name) {
        context.printer.warn(text);
    }
    require_volumes(context, stack, part, chown_volumes)?;
    if take_over && !found.others.is_empty() {
        ownership::take_over(&context.repository, &found)?;
    }
    Ok(())
}

/// Says whose the stack is that a command shows.
pub fn tell(context: &Context, stack: &Stack, hosts: &Hosts) {
    let every: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
    for part in hosts.parts(stack, &every) {
        // That a Podman does not answer is for the command itself to say.
        let Ok(found) = ownership::look(&part.host.podman, stack, &context.repository) else {
            continue;
        };
        if let Some(note) = found.note(&stack.name) {
            context.printer.warn(note);
        }
    }
}

/// Says all that a host has of another checkout or of a former name of the stack; returns whether the stack is another checkout's.
pub fn tell_all(context: &Context, stack: &Stack, podman: &Podman) -> bool {
    let Ok(found) = ownership::look(podman, stack, &context.repository) else {
        return false;
    };
    let refusal = found.refusal(&stack.name, "up");
    for text in refusal.iter().chain(&found.stranded_text(&stack.name)) {
        context.printer.warn(text);
    }
    refusal.is_some()
}

/// Fails where agents could not write a volume of theirs, or gives it to them.
fn require_volumes(context: &Context, stack: &Stack, part: &Part<'_>, chown: bool) -> Outcome<()> {
    // The folders of another host's volumes are not here.
    if part.host.place == Place::Elsewhere {
        return Ok(());
    }
    let podman = &part.host.podman;
    let names: BTreeSet<String> = part
        .machines
        .iter()
        .flat_map(|machine| {
            // What agents only read they need not own.
            let written = stack.volumes.iter().filter(|volume| !volume.read_only);
            written.map(|volume| stack.volume(*machine, volume))
        })
        .collect();
    let volumes = podman.volumes()?;
    // What only has the name is somebody else's, and refused later.
    let used: Vec<&Volume> = volumes
        .iter()
        .filter(|volume| names.contains(&volume.name) && is_own_volume(volume, stack))
        .collect();
    if used.is_empty() {
        return Ok(());
    }
    let uid = stack.images.uid;
    let wrong = ownership::misowned(&used, ownership::on_host(podman, uid)?);
    if wrong.is_empty() {
        return Ok(());
    }
    if chown {
        for volume in &wrong {
            ownership::give(podman, volume, uid)?;
            context
                .printer
                .step("gave", format!("volume {} to user {uid}", volume.volume));
        }
        return Ok(());
    }
    Err(Failure::new(Exit::Findings, misowned_text(&wrong, uid)))
}

fn misowned_text(wrong: &[Misowned], uid: u32) -> String {
    let mut text = format!("agents run as user {uid} (`images: user:`) and could not write what is in their volumes:");
    for volume in wrong {
        text.push_str(&format!(
            "\n  `{}`: `{}` belongs to user {}, and not to {}",
            volume.volume,
            volume.path.display().to_string().escape_debug(),
            volume.owner,
            volume.wanted
        ));
    }
    text.push_str(&format!(
        "\n  hint: `cargo xtask up --chown-volumes` gives the files to user {uid}; or set `images: user:` back to the former one"
    ));
    text
}
