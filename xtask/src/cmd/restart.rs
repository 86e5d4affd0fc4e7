//! `cargo xtask restart`: one agent through its supervisor, or a group's container.

use contract::order::Order;

use super::orders::{Given, WaitFor, give};
use super::select::Selection;
use super::{Context, Outcome};

/// Restart agents, or the containers of groups
///
/// An agent is restarted by its supervisor, alone; a group with its container. "Restarted" is said once the supervisor shows the new
/// process, or the new supervisor answers.
///
/// Exit code 0 when all of them were restarted (and came to what `--wait` names); 1 when one was not, with the reason: it waits for
/// another agent, was given up again, or its group does not run; 2 for unknown names. An agent that `stop` stopped is started.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask restart TaskRouter
  cargo xtask restart TaskRouter --wait healthy
  cargo xtask restart vision tts-services")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// What to wait for, beyond the new process
    #[arg(long, value_enum, default_value_t, value_name = "STATE")]
    wait: WaitFor,
    /// Give up waiting after this time [default: what grace, start period and settling time add up to]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Take over what another checkout of the same stack name has on this host
    #[arg(long)]
    take_over: bool,
}

/// Runs it.
///
/// # Errors
/// When a name is unknown, nothing is named, or Podman fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let given = Given {
        order: Order::Restart,
        selection: &args.selection,
        wait: args.wait,
        timeout: args.timeout,
        take_over: args.take_over,
    };
    give(&given, context)
}
