//! `cargo xtask restart`: one agent through its supervisor, or a group's container.

use contract::order::Order;

use super::orders::{Common, WaitFor, give};
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
    give(Order::Restart, &args.common, args.wait, context)
}
