//! `cargo xtask down`: stop the stack and remove it.

use std::path::PathBuf;

use super::select::{Named, Selection};
use super::{Context, Failure, Outcome, ownership};
use crate::boot::event::BootEvent;
use crate::boot::limits;
use crate::host::boot::on_docker::{self, compose_file};
use crate::host::boot::systemd;
use crate::host::boot::take_down::{self, Left, Removal, Removed};
use crate::host::docker::Docker;
use crate::host::podman::hosts::Place;
use crate::host::system::files::FileError;
use crate::host::system::{lock, process};
use crate::report::exit::Exit;
use crate::report::findings::counted;
use crate::stack::{GroupId, MachineId, Stack};

/// Stop the stack and remove its pods, containers and networks
///
/// Units of systemd that `deploy` installed are stopped, and their files removed, too; so is what `deploy --engine docker` has made. Volumes stay, with all data, unless `--volumes` is given. Nothing that this project did not create is touched: what it
/// creates carries a label. What another checkout with the same stack name made is only removed with `--take-over`. A container has the time to stop that it was made with: agents' grace, and three seconds.
///
/// Exit code 0 when nothing is left of what was to go, also where nothing was there; 3 when something could not be removed,
/// which is named; 130 or 143 when interrupted, with what is left.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask down                        the whole stack
  cargo xtask down --machine pc2          one machine
  cargo xtask down vision                 one group
  cargo xtask down --volumes              and all data")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Remove the volumes too, with all data
    #[arg(long)]
    volumes: bool,
    /// Take over what another checkout of the same stack name has on this host
    #[arg(long)]
    take_over: bool,
}

/// Runs it.
///
/// # Errors
/// When Podman fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let printer = &context.printer;
    require_groups(args, &stack)?;
    let removal = Removal {
        groups: args.selection.group_names(&stack)?,
        machines: args.selection.machine_names(&stack)?,
        volumes: args.volumes,
    };
    let _lock = lock::take(&stack.name, "down", |holder| {
        printer.note(format!("waiting for {holder}"));
    })?;
    let hosts = context.hosts(&stack, args.selection.lab)?;
    let every: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
    let mut removed = Removed::default();
    // One that is missing is told, unless there is a Docker in its place.
    let mut has_podman = true;
    // Before their containers go: systemd would start them again. A lab has none.
    if !args.selection.lab {
        let units = systemd::remove(&stack, &removal, args.take_over)?;
        for name in &units {
            printer.step("removed", format!("unit {name}"));
        }
        removed.count += units.len();
        if let Some(by_docker) = from_docker(args, context, &stack, &removal)? {
            removed.add(by_docker);
            has_podman = process::on_path("podman").is_some();
        }
        if process::interrupted() {
            return Ok(interrupted(context, &removed));
        }
    }
    for part in hosts.parts(&stack, &every) {
        let others = |machine: MachineId| !part.machines.contains(&machine);
        if args.selection.machine(&stack)?.is_some_and(others) {
            continue;
        }
        if part.host.place == Place::Here && !has_podman {
            continue;
        }
        let podman = &part.host.podman;
        let found = ownership::require(context, &stack, podman, "down", args.take_over)?;
        if let Some(text) = found.stranded_text(&stack.name) {
            printer.warn(text);
        }
        removed.add(take_down::down(
            podman,
            &stack.name,
            limits::removal(&stack),
            &removal,
            &|event| {
                if let BootEvent::Removed(kind, name) = event {
                    printer.step("removed", format!("{kind} {name}"));
                }
            },
        )?);
        if process::interrupted() {
            return Ok(interrupted(context, &removed));
        }
        if part.host.place == Place::Here {
            removed.count += context.remove_leftovers(podman, &stack)?;
        }
    }
    Ok(conclude(args, context, &stack, &removed))
}

/// Removes what Docker runs and keeps of the stack; nothing where there is no Docker, or none that answers this user and was ever given
/// something of it.
fn from_docker(args: &Args, context: &Context, stack: &Stack, removal: &Removal) -> Outcome<Option<Removed>> {
    let Some(docker) = Docker::installed() else {
        return Ok(None);
    };
    let machines = (0..stack.machines.len()).map(MachineId);
    let files = machines.map(|id| (id, compose_file(&context.repository.work(), stack, id)));
    let files: Vec<(MachineId, PathBuf)> = files.filter(|(_, file)| file.exists()).collect();
    match docker.glance(&stack.name) {
        Err(_) if files.is_empty() => return Ok(None),
        other => drop(other?),
    }
    let emit = |event: BootEvent| {
        if let BootEvent::Removed(kind, name) = event {
            context.printer.step("removed", format!("{kind} {name}"));
        }
    };
    let removed = on_docker::take_down::down(&docker, stack, removal, args.take_over, &emit)?;
    if removal.groups.is_none() && removed.left.is_empty() {
        let is_gone = |machine: &MachineId| {
            let name = &stack.machine(*machine).name;
            removal.machines.as_ref().is_none_or(|machines| machines.contains(name))
        };
        for (_, file) in files.into_iter().filter(|(machine, _)| is_gone(machine)) {
            std::fs::remove_file(&file).map_err(FileError::on("remove", &file))?;
        }
    }
    Ok(Some(removed))
}

/// Says what became of it.
fn conclude(args: &Args, context: &Context, stack: &Stack, removed: &Removed) -> Exit {
    let printer = &context.printer;
    if !removed.left.is_empty() {
        for left in &removed.left {
            printer.error(left_text(left));
        }
        printer.error(format!(
            "{} still there\n  hint: `cargo xtask down` goes on with the rest",
            are(removed.left.len())
        ));
        return Exit::Tool;
    }
    if removed.count == 0 {
        let of = if args.selection.names.is_empty() {
            match &args.selection.machine {
                Some(machine) => format!("machine `{machine}` of stack `{}`", stack.name),
                None => format!("stack `{}`", stack.name),
            }
        } else {
            format!("`{}`", args.selection.names.join("`, `"))
        };
        let what = if args.volumes {
            "nothing"
        } else {
            "no pod, container or network"
        };
        printer.note(format!("nothing to remove: {what} of {of} is here"));
    }
    if removed.kept_volumes > 0 && removed.count == 0 {
        printer.note(format!(
            "{} with data: `cargo xtask down --volumes` removes them",
            counted(removed.kept_volumes, "volume")
        ));
    }
    Exit::Success
}

fn are(count: usize) -> String {
    match count {
        1 => "1 thing is".to_owned(),
        many => format!("{many} things are"),
    }
}

fn interrupted(context: &Context, removed: &Removed) -> Exit {
    let rest: Vec<&str> = removed.left.iter().map(|left| left.what.as_str()).collect();
    context.printer.note(if rest.is_empty() {
        "interrupted\n  hint: `cargo xtask down` goes on with the rest".to_owned()
    } else {
        format!(
            "interrupted, and left: {}\n  hint: `cargo xtask down` goes on with the rest",
            rest.join(", ")
        )
    });
    Exit::Interrupted
}

/// What could not be removed, and why.
#[must_use]
pub fn left_text(left: &Left) -> String {
    match &left.why {
        Some(why) => format!("{} could not be removed: {why}", left.what),
        None => format!("{} was not removed", left.what),
    }
}

/// Fails where what is named cannot be taken down by itself.
fn require_groups(args: &Args, stack: &Stack) -> Outcome<()> {
    for named in args.selection.named(stack)? {
        let Named::Agent(id) = named else { continue };
        let agent = stack.agent(id);
        let group = stack.group(agent.group);
        if group.agents.len() > 1 {
            return Err(Failure::wrong_use(format!(
                "`{}` is one of {} of group `{}`, which have one container\n  hint: `cargo xtask down {}` takes all of them down",
                agent.name,
                counted(group.agents.len(), "agent"),
                group.name,
                group.name,
            )));
        }
    }
    if args.volumes && !args.selection.names.is_empty() {
        return Err(Failure::wrong_use(
            "volumes belong to a machine, not to a group: `--volumes` removes those of all its groups\n  hint: leave the names out, or `--volumes`",
        ));
    }
    Ok(())
}
