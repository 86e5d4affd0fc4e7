//! `cargo xtask status`: what every agent does now, and why one is stuck.

use std::time::Duration;

use super::build_images::Format;
use super::select::Selection;
use super::{Context, Outcome};
use crate::boot::view::View;
use crate::host::{parallel, supervisor_status};
use crate::report::exit::Exit;
use crate::report::status;

/// Show every agent: its state, restarts, time to ready, what it waits for
///
/// Asks the supervisors themselves, all at once. For an agent that is not healthy it prints the chain of what it waits for,
/// and the last lines of stderr of the one that holds the others up. Exit code 1 when a required agent is not healthy.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask status
  cargo xtask status TaskRouter
  cargo xtask status --format json | jq '.agents[] | select(.state != \"healthy\")'")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// How long a supervisor may take to answer.
const LIMIT: Duration = Duration::from_secs(3);

/// Runs it.
///
/// # Errors
/// When the stack is wrong or a name is unknown.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let agents = args.selection.agents(&stack)?;
    let groups = args.selection.groups(&stack)?;
    let hosts = context.hosts(&stack, args.selection.lab)?;
    // An agent that waits is explained by agents of other groups, so all are asked.
    let all: Vec<_> = stack.groups().map(|(id, _)| id).collect();
    let mut view = View::default();
    let asked = parallel::map(all.len(), &all, |group| {
        supervisor_status::fetch(hosts.status(&stack, *group), None, LIMIT)
    });
    for (group, answer) in all.iter().zip(asked) {
        if let Ok(snapshot) = answer {
            view.update(*group, snapshot.status);
        }
    }
    match args.format {
        Format::Json => context.print_json(&status::document(&stack, &view, &agents))?,
        Format::Human => context.printer.data(&status::human(
            &stack,
            &view,
            &groups,
            &agents,
            context.printer.color_out,
        )),
    }
    Ok(if status::all_required_healthy(&stack, &view, &agents) {
        Exit::Success
    } else {
        Exit::Findings
    })
}
