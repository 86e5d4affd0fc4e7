//! Whose the stack on a host is, before a command changes or shows it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Failure, Outcome};
use crate::boot::ownership::Ownership;
use crate::host::boot::is_own_volume;
use crate::host::boot::ownership::{self, Misowned};
use crate::host::boot::volume_users::{self, Unfit, Users};
use crate::host::boot::{BootError, folders, on_docker};
use crate::host::podman::hosts::{Hosts, Part, Place};
use crate::host::podman::{Podman, Volume, belongs_to};
use crate::host::system::process;
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
        match &part.host.docker {
            Some(docker) => on_docker::require_checkout(docker, stack, take_over)?,
            None if is_without_podman(hosts, &part) => {}
            None => drop(require(context, stack, &part.host.podman, command, take_over)?),
        }
    }
    Ok(())
}

/// Whether this host has a Docker that runs some of the stack, and no Podman that could run the rest.
pub fn is_without_podman(hosts: &Hosts, part: &Part<'_>) -> bool {
    part.host.place == Place::Here && hosts.has_docker() && process::on_path("podman").is_none()
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
        if let Some(docker) = &part.host.docker {
            if let Err(error @ BootError::OthersOnDocker(_)) = on_docker::require_checkout(docker, stack, false) {
                context.printer.warn(error.to_string());
            }
            continue;
        }
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
            written.map(|volume| stack.volume_source(*machine, volume))
        })
        .collect();
    let mut folders = Vec::new();
    for machine in &part.machines {
        let (made, written) = folders::make(stack, *machine)?;
        for folder in made {
            context.printer.step("made", format!("folder {}", folder.display()));
        }
        folders.extend(written);
    }
    let volumes = podman.volumes()?;
    // What only has the name is somebody else's, and refused later.
    let used: Vec<&Volume> = volumes
        .iter()
        .filter(|volume| names.contains(&volume.name) && is_own_volume(volume, stack))
        .chain(&folders)
        .collect();
    if used.is_empty() {
        return Ok(());
    }
    if stack.has_several_users() {
        return require_fit(context, stack, part, &used, chown);
    }
    let uid = stack.images.uid;
    // Where groups had users of their own before.
    let former = (1..).zip(&stack.groups).map(|(offset, _)| uid.saturating_add(offset));
    let former: Result<BTreeSet<u32>, _> = former.map(|uid| ownership::on_host(podman, uid)).collect();
    let (new, wrong): (Vec<_>, Vec<_>) = ownership::misowned(&used, ownership::on_host(podman, uid)?, &former?)
        .into_iter()
        .partition(|volume| volume.is_new);
    for volume in &new {
        ownership::give(podman, volume, uid)?;
    }
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

/// The same where each group has a user of its own.
fn require_fit(context: &Context, stack: &Stack, part: &Part<'_>, used: &[&Volume], chown: bool) -> Outcome<()> {
    let podman = &part.host.podman;
    let base = stack.images.uid;
    let users = Users::on_host(podman, base, stack.groups.iter().map(|group| group.uid))?;
    for machine in &part.machines {
        let mut wrong: Vec<Unfit> = Vec::new();
        for of_stack in stack.volumes.iter().filter(|volume| !volume.read_only) {
            let name = stack.volume_source(*machine, of_stack);
            let below = |folder: &String| folder.strip_prefix(&format!("{}/", of_stack.path)).map(str::to_owned);
            let shared: Vec<String> = stack.images.shared.iter().filter_map(below).collect();
            let volume = used.iter().find(|volume| volume.name == name);
            wrong.extend(volume.and_then(|volume| volume_users::unfit(volume, &shared, &users)));
        }
        if wrong.is_empty() {
            continue;
        }
        if wrong.iter().any(|volume| volume.by_hand || !(chown || volume.is_new)) {
            return Err(Failure::new(Exit::Findings, unfit_text(&wrong)));
        }
        let running = podman.labelled_containers()?;
        let running = running
            .iter()
            .find(|container| container.state == "running" && belongs_to(container.labels.as_ref(), &stack.name));
        if let Some(container) = running {
            return Err(Failure::new(
                Exit::Findings,
                format!(
                    "`{}` runs, and owners of files are changed while nothing does\n  hint: `cargo xtask down` first",
                    container.name()
                ),
            ));
        }
        let names: BTreeMap<String, u32> = stack
            .groups_of(*machine)
            .flat_map(|(_, group)| {
                let agents = group.agents.iter().map(|agent| stack.agent(*agent).name.clone());
                agents.chain([group.name.clone()]).map(|name| (name, group.uid))
            })
            .collect();
        for volume in &wrong {
            volume_users::fit(podman, volume, base, &names, &users)?;
            let text = format!("volume {} to groups with users of their own", volume.volume);
            context.printer.step("gave", text);
        }
    }
    Ok(())
}

fn unfit_text(wrong: &[Unfit]) -> String {
    let mut text =
        "groups run as users of their own (`images: user: per_group:`, or `user:` of a group), and volumes are not made for it:".to_owned();
    for volume in wrong {
        text.push_str(&format!("\n  `{}`: {}", volume.volume, volume.why));
    }
    text.push_str(
        "\n  hint: `cargo xtask down`, then `cargo xtask up --chown-volumes`: files and folders that are called as a group or an agent go \
         to that group's user, what else is no group's can be written by all groups, and nothing is removed",
    );
    text
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
