//! `cargo xtask start`: agents that were stopped.

use contract::order::Order;

use super::orders::{Given, WaitFor, give};
use super::select::Selection;
use super::{Context, Outcome};

/// Start agents that `stop` stopped, or that were given up
///
/// A group's name starts all its agents that do not run. Containers are started by `up`.
///
/// Exit code 0 when all of them run (and came to what `--wait` names), also those that did before; 1 when one does not, with the
/// reason: it waits for another agent, crashed, or its group does not run; 2 for unknown names.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask start TaskRouter
  cargo xtask start TaskRouter --wait healthy
  cargo xtask start vision tts-services")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// What to wait for, beyond the new process
    #[arg(long, value_enum, default_value_t, value_name = "STATE")]
    wait: WaitFor,
    /// Give up waiting after this time [default: what start period and settling time add up to]
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
        order: Order::Start,
        selection: &args.selection,
        wait: args.wait,
        timeout: args.timeout,
        take_over: args.take_over,
    };
    give(&given, context)
}
