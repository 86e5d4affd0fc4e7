//! `cargo xtask bench`: how fast the harness is, measured beside something else, one file per benchmark.

mod audit;
mod images;

use clap::Subcommand;

use super::{Context, Outcome};

/// Measure how fast the harness is, beside something to compare it with
///
/// Each benchmark makes what it measures, names the host, prints medians and ratios, and removes what it made.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench audit
  cargo xtask bench audit --files 700 --runs 15 --format json
  cargo xtask bench images")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Audit(audit::Args),
    Images(images::Args),
}

/// Runs it.
///
/// # Errors
/// As the benchmark does.
pub fn run(args: &Args, context: &Context) -> Outcome {
    match &args.what {
        What::Audit(args) => audit::run(args, context),
        What::Images(args) => images::run(args, context),
    }
}
