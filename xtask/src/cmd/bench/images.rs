//! `cargo xtask bench images`: `build-images` beside what else builds images.

use super::super::build_images::Format;
use super::super::{Context, Outcome};
use crate::bench::images::Case;
use crate::host::bench;
use crate::host::bench_images::Bench;
use crate::report::bench_images as show;
use crate::report::exit::Exit;

/// Time `build-images` beside `podman build` for one group after the other, `podman-compose build` and `buildah bud`
///
/// All build from the same copy of the tree, on the same base image, the others with our Dockerfiles, in namespaces of
/// their own; they take turns. The others have the layer cache, so that their dependency layers are there, too. CPU is
/// that of the programs and of what they ran. `podman-compose` is taken from PATH or installed below `target/`, `buildah` from PATH; what
/// is not there is left out, and it says so. All images that it made are removed at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench images
  cargo xtask bench images --runs 5 --format json")]
pub struct Args {
    /// Runs of each program per case
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// Runs it.
///
/// # Errors
/// When the copy cannot be written, or a build fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    context.require_fresh_render(&stack)?;
    let podman = context.podman();
    let bench = Bench::new(&podman, &context.repository, &stack)?;
    for (other, how) in bench.missing() {
        let what = format!("{} is not there and not measured\n  hint: {how}", other.name());
        context.printer.warn(what);
    }
    context.printer.step("preparing", "base and dependency images, for all");
    let measured = bench.prepare().and_then(|()| {
        Case::ALL
            .into_iter()
            .map(|case| {
                let pairs = format!("{}, {} runs of each", case.name(), args.runs);
                context.printer.step("measuring", pairs);
                bench.measure(case, args.runs)
            })
            .collect::<Result<Vec<_>, _>>()
    });
    // Also after a failure, or an interrupt.
    let removed = bench.remove_images();
    let result = show::Result {
        machine: bench::machine(),
        runs: args.runs,
        cases: measured?,
    };
    removed?;
    match args.format {
        Format::Human => context.printer.data(&show::human(&result)),
        Format::Json => context.print_json(&show::document(&result))?,
    }
    Ok(Exit::Success)
}
