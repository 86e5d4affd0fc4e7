//! `cargo xtask start`: agents that were stopped.

use contract::order::Order;

use super::orders::{Common, WaitFor, give};
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
    common: Common,
    /// What to wait for, beyond the new process
    #[arg(long, value_enum, default_value_t, value_name = "STATE")]
    wait: WaitFor,
}

/// Runs it.
///
/// # Errors
/// When a name is unknown, nothing is named, or Podman fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    give(Order::Start, &args.common, args.wait, context)
}
