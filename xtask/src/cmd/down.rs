//! `cargo xtask down`: stop the stack and remove it.

use std::time::Duration;

use super::select::Selection;
use super::{Context, Outcome};
use crate::host::boot::{self, BootEvent, Removal};
use crate::host::hosts::Place;
use crate::host::lock;
use crate::report::exit::Exit;
use crate::stack::{GroupId, MachineId};

/// Stop the stack and remove its pods, containers and networks
///
/// Volumes stay, with all data, unless `--volumes` is given. Nothing that this project did not create is touched: what it
/// creates carries a label.
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
}

/// Runs it.
///
/// # Errors
/// When Podman fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let printer = &context.printer;
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
    let grace = Duration::from_millis(stack.supervision.stop_grace_ms);
    let mut removed = 0;
    for part in hosts.parts(&stack, &every) {
        let others = |machine: MachineId| !part.machines.contains(&machine);
        if args.selection.machine(&stack)?.is_some_and(others) {
            continue;
        }
        removed += boot::down(&part.host.podman, &stack.name, grace, &removal, &|event| {
            if let BootEvent::Removed(kind, name) = event {
                printer.step("removed", format!("{kind} {name}"));
            }
        })?;
        if part.host.place == Place::Here {
            removed += context.remove_leftovers(&part.host.podman, &stack)?;
        }
    }
    if removed == 0 {
        printer.note("nothing to remove");
    }
    Ok(Exit::Success)
}
