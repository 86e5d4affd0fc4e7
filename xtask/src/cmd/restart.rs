//! `cargo xtask restart`: one agent through its supervisor, or a group's container.

use std::time::Duration;

use super::select::{Named, Selection};
use super::{Context, Failure, Outcome};
use crate::host::{lock, parallel};
use crate::report::exit::Exit;

/// Restart agents, or the containers of groups
///
/// An agent is restarted by its supervisor, alone; a group with its container. `cargo xtask status` shows how they come back.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask restart TaskRouter
  cargo xtask restart vision tts-services")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
}

/// How long Podman may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs it.
///
/// # Errors
/// When a name is unknown, nothing is named, or Podman fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let mut named = args.selection.named(&stack)?;
    if named.is_empty() {
        if args.selection.machine.is_none() {
            return Err(Failure::wrong_use(
                "nothing to restart is named\n  hint: `cargo xtask restart GROUP|AGENT`, or `--machine M` for all of a machine",
            ));
        }
        named = args.selection.groups(&stack)?.into_iter().map(Named::Group).collect();
    }
    let _lock = lock::take(&stack.name, "restart", |holder| {
        context.printer.note(format!("waiting for {holder}"));
    })?;
    let hosts = context.hosts(&stack, args.selection.lab)?;
    let results = parallel::map(parallel::default_jobs(), &named, |named| {
        let machine = match named {
            Named::Group(group) => stack.group(*group).machine,
            Named::Agent(agent) => stack.agent(*agent).machine,
        };
        let podman = &hosts.of(machine).podman;
        let (what, command) = match named {
            Named::Group(group) => {
                let name = &stack.group(*group).name;
                (format!("group {name}"), podman.command().args(["restart", name]))
            }
            Named::Agent(id) => {
                let agent = stack.agent(*id);
                let group = &stack.group(agent.group).name;
                let command =
                    podman
                        .command()
                        .args(["exec", group, "/usr/local/bin/agent-supervisor", "restart", &agent.name]);
                (format!("agent {}", agent.name), command)
            }
        };
        command.limit(LIMIT).read().map(|_| what)
    });
    for result in results {
        context.printer.step("restarted", result?);
    }
    Ok(Exit::Success)
}
