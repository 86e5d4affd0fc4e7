//! `cargo xtask stop`: one agent, or all of a group, while the container runs on.

use contract::order::Order;

use super::orders::{Common, WaitFor, give};
use super::{Context, Outcome};

/// Stop agents, while their containers run on
///
/// The agent's supervisor ends its process, and all that it started, by its stop signal and within its grace, and does not start it
/// again: its state is `stopped`. A group's name stops all its agents. What depends on a stopped agent is told: it runs degraded, or
/// waits, as its `when_dependency_fails` says. A container is not unhealthy because somebody stopped an agent in it.
///
/// `start` and `restart` start it again; so does a new start of its container (`restart GROUP`, `down` and `up`, a new image).
///
/// Exit code 0 when all of them are stopped, also those that were before; 1 when one is not in time, or its group does not run; 2
/// for unknown names.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask stop TaskRouter
  cargo xtask stop pc2/MemoryManager vision
  cargo xtask stop TaskRouter && cargo xtask start TaskRouter --wait healthy")]
pub struct Args {
    #[command(flatten)]
    common: Common,
}

/// Runs it.
///
/// # Errors
/// When a name is unknown, nothing is named, or Podman fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    give(Order::Stop, &args.common, WaitFor::default(), context)
}
