//! `cargo xtask logs`: what groups and agents printed.

use super::select::{Named, Selection};
use super::{Context, Outcome};
use crate::report::exit::Exit;

/// Show what groups or agents printed
///
/// A group's log is its container's; an agent's is picked from it by the name that the supervisor puts before each line.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask logs core-services
  cargo xtask logs TaskRouter --tail 50
  cargo xtask logs pc2/MemoryManager --follow")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Only the last lines of each container
    #[arg(long, value_name = "LINES", default_value_t = 200)]
    tail: usize,
    /// Go on as more is printed, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
}

/// Runs it.
///
/// # Errors
/// When a name is unknown or Podman fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let named = args.selection.named(&stack)?;
    let agents: Vec<String> = named
        .iter()
        .filter_map(|named| match named {
            Named::Agent(agent) => Some(format!("[{}]", stack.agent(*agent).name)),
            Named::Group(_) => None,
        })
        .collect();
    let only_agents = !agents.is_empty() && agents.len() == named.len();
    let groups = args.selection.groups(&stack)?;
    let hosts = context.hosts(&stack, args.selection.lab)?;
    let results = crate::host::parallel::map(if args.follow { groups.len() } else { 1 }, &groups, |group| {
        let podman = &hosts.of(stack.group(*group).machine).podman;
        let mut command = podman.command().args(["logs"]);
        // A tail counts lines of all agents, so an agent's own are counted here.
        if !only_agents {
            command = command.arg(format!("--tail={}", args.tail));
        }
        if args.follow {
            command = command.arg("--follow");
        }
        let mut kept = std::collections::VecDeque::new();
        let printed = command.arg(&stack.group(*group).name).succeed(&mut |line| {
            if only_agents && !agents.iter().any(|prefix| line.starts_with(prefix)) {
                return;
            }
            if args.follow {
                print_line(context, line);
                return;
            }
            if kept.len() == args.tail {
                kept.pop_front();
            }
            kept.push_back(line.to_owned());
        });
        for line in kept {
            print_line(context, &line);
        }
        printed.map(drop)
    });
    for result in results {
        match result {
            Err(crate::host::process::ProcessError::Interrupted { .. }) => return Ok(Exit::Interrupted),
            other => other?,
        }
    }
    Ok(Exit::Success)
}

fn print_line(context: &Context, line: &str) {
    context.printer.data(line);
}
