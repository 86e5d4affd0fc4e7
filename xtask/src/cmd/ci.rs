//! `cargo xtask ci`: the main job, from a bare host to a proved stack and back.

use std::time::Instant;

use clap::Parser;

use super::{Context, Failure, Outcome, setup};
use crate::host::process;
use crate::report::exit::Exit;

/// The main job: doctor, audit, render --check, build-images, up, smoke, down
///
/// Every step runs as its own command would. The stack is taken down, with its volumes, however the job ends.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask ci
  cargo xtask ci --setup                  on a bare machine: installs what is missing first")]
pub struct Args {
    /// Install host packages that are missing
    #[arg(long)]
    setup: bool,
    /// Leave the stack running at the end, unless a step failed
    #[arg(long)]
    keep: bool,
}

/// Steps before the stack runs, and while it runs.
const PREPARE: [&[&str]; 4] = [&["doctor"], &["audit"], &["render", "--check"], &["build-images"]];
const PROVE: [&[&str]; 3] = [&["up"], &["status", "--quiet"], &["smoke", "--phase", "all"]];
const CLEAN: &[&str] = &["down", "--volumes"];

/// Runs it.
///
/// # Errors
/// When a step cannot be run.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let started = Instant::now();
    if args.setup {
        setup::run(context)?;
    }
    let mut exit = Exit::Success;
    for step in PREPARE {
        exit = run_step(step, context)?;
        if exit != Exit::Success {
            return Ok(exit);
        }
    }
    for step in PROVE {
        exit = run_step(step, context).unwrap_or_else(|failure| {
            if let Some(message) = failure.message {
                context.printer.error(message);
            }
            failure.exit
        });
        if exit != Exit::Success {
            break;
        }
    }
    if exit != Exit::Success || !args.keep {
        // What an interrupt stopped has to be taken down all the same.
        process::resume();
        let cleaned = run_step(CLEAN, context)?;
        if exit == Exit::Success {
            exit = cleaned;
        }
    }
    let verb = if exit == Exit::Success { "passed" } else { "failed" };
    context
        .printer
        .step(verb, format!("ci in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(exit)
}

fn run_step(words: &[&str], context: &Context) -> Outcome {
    let started = Instant::now();
    let line = words.join(" ");
    context.printer.step("step", &line);
    let cli = crate::cli::Cli::try_parse_from(std::iter::once(&"xtask").chain(words))
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let exit = cli.run_command(context)?;
    let verb = if exit == Exit::Success { "done" } else { "failed" };
    context
        .printer
        .step(verb, format!("{line} in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(exit)
}
