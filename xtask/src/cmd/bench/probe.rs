//! `cargo xtask bench probe`: one health check beside the plan's.

use super::super::build_images::Format;
use super::super::{Context, Outcome};
use super::concluded;
use crate::bench::probe;
use crate::host::bench;
use crate::host::bench::probe::measure;
use crate::host::bench::stage::Stage;
use crate::report::bench_probe as show;
use crate::report::exit::Exit;

/// Time one health check beside the plan's, a line of Python
///
/// Boots the first group that waits for no other and, inside its container, runs `agent-supervisor check` and the plan's
/// one-liner (`python3 -c \"import zmq; ...\"`, which asks one agent) in turns: whole processes, from start to end, with their own CPU time.
/// What answers them is not in the figures. The group is taken down at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench probe
  cargo xtask bench probe --runs 100 --format json")]
pub struct Args {
    /// Pairs of checks
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// Runs it.
///
/// # Errors
/// When the stack runs already, does not become healthy, or a check fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let Some(subject) = probe::subject(&stack) else {
        return Ok(Exit::Success);
    };
    let podman = context.podman();
    context.printer.step("preparing", "images and one container");
    let stage = Stage::take(&podman, &context.repository, &stack, context.tree_option())?;
    let measured = measure(&stage, &subject, args.runs);
    // Also after a failure, or an interrupt.
    let figures = concluded(measured, stage.clear(), context)?;
    let result = show::Result {
        machine: bench::machine(),
        group: stack.group(stack.agent(subject.agent).group).name.clone(),
        agent: stack.agent(subject.agent).name.clone(),
        figures,
    };
    match args.format {
        Format::Human => context.printer.data(&show::human(&result)),
        Format::Json => context.print_json(&show::document(&result))?,
    }
    Ok(Exit::Success)
}
