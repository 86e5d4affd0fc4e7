//! `cargo xtask bench`: how fast the harness is, measured beside something else, one file per benchmark.

mod audit;
mod boot;
mod images;
mod probe;
mod scale;

use clap::Subcommand;

use super::{Context, Failure, Outcome};
use crate::host::bench::BenchError;
use crate::host::system::process;
use crate::host::tree::changes::ChangesError;
use crate::report::exit::Exit;

/// Measure how fast the harness is, beside something to compare it with
///
/// Each benchmark makes what it measures, names the host, prints medians and ratios, and removes what it made.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench audit
  cargo xtask bench audit --files 700 --runs 15 --format json
  cargo xtask bench images
  cargo xtask bench boot
  cargo xtask bench probe
  cargo xtask bench scale")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Audit(audit::Args),
    Images(images::Args),
    Boot(boot::Args),
    Probe(probe::Args),
    Scale(scale::Args),
}

/// Runs it.
///
/// # Errors
/// As the benchmark does.
pub fn run(args: &Args, context: &Context) -> Outcome {
    match &args.what {
        What::Audit(args) => audit::run(args, context),
        What::Images(args) => images::run(args, context),
        What::Boot(args) => boot::run(args, context),
        What::Probe(args) => probe::run(args, context),
        What::Scale(args) => scale::run(args, context),
    }
}

/// What was measured, once what the benchmark had started was cleared away. Where both failed, both are said: why nothing was measured
/// is how the command ends, and what may be left is a warning.
fn concluded<T>(measured: Result<T, BenchError>, cleared: Result<(), BenchError>, context: &Context) -> Outcome<T> {
    match (measured, cleared) {
        (Ok(measured), cleared) => {
            cleared?;
            Ok(measured)
        }
        (Err(error), Ok(())) => Err(error.into()),
        (Err(error), Err(left)) => {
            context.printer.warn(format!(
                "not everything that the benchmark started could be removed: {left}\n  hint: run `cargo xtask down`"
            ));
            Err(error.into())
        }
    }
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        match error {
            BenchError::File(error) => error.into(),
            BenchError::Process(error) => error.into(),
            BenchError::Podman(error) => error.into(),
            BenchError::Boot(error) => error.into(),
            BenchError::Input(error) => error.into(),
            BenchError::Runs(_) => Self::wrong_use(error.to_string()),
            // Whoever stops a boot in the middle gets to hear that, and not what it led to.
            BenchError::Group(..) if process::interrupted() => Self::new(Exit::Interrupted, "interrupted"),
            BenchError::Group(..) | BenchError::Answer(_) => Self::new(Exit::Tool, error.to_string()),
            BenchError::Changes(error) => error.into(),
        }
    }
}

impl From<ChangesError> for Failure {
    fn from(error: ChangesError) -> Self {
        Self::new(Exit::Internal, error.to_string())
    }
}
