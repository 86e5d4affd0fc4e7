//! `cargo xtask bench images`: `build-images` beside what else builds images.

use super::super::build_images::Format;
use super::super::{Context, Outcome};
use crate::bench::figures::Run;
use crate::bench::images::{Case, Other};
use crate::host::bench;
use crate::host::bench::images::Bench;
use crate::report::bench_images as show;
use crate::report::exit::Exit;

/// Time `build-images` beside `podman build` for one group after the other, `podman-compose build` and `buildah bud`
///
/// All build from the same copy of the tree, on the same base image, the others with our Dockerfiles, in namespaces of
/// their own; they take turns, each after a change of its own. The others have the layer cache, so that their dependency layers are there,
/// too. CPU is that of the programs and of what they ran. `podman-compose` is taken from PATH or installed below `target/`, `buildah`
/// from PATH; what is not there is left out, and it says so. Each run is shown as it ends. All images that it made are removed at the
/// end, also after Ctrl-C, which prints the cases that are complete.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench images
  cargo xtask bench images --case no-change --against script --runs 7
  cargo xtask bench images --runs 5 --format json")]
pub struct Args {
    /// Runs of each program per case
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Only these cases; all where none is named
    #[arg(long = "case", value_enum, value_name = "CASE")]
    cases: Vec<Case>,
    /// Only beside these programs; beside all where none is named
    #[arg(long, value_enum, value_name = "PROGRAM")]
    against: Vec<Other>,
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
    let printer = &context.printer;
    let against = if args.against.is_empty() {
        &Other::ALL[..]
    } else {
        &args.against
    };
    let bench = Bench::new(&podman, &context.repository, &stack, against)?;
    for (other, how) in bench.missing() {
        let what = format!("{} is not there and not measured\n  hint: {how}", other.name());
        printer.warn(what);
    }
    let cases = Case::ALL.into_iter();
    let cases = cases.filter(|case| args.cases.is_empty() || args.cases.contains(case));
    let mut result = show::Result {
        machine: bench::machine(),
        runs: args.runs,
        cases: Vec::new(),
    };
    let mut measured = bench.prepare(&|name| printer.step("preparing", format!("images by {name}")));
    for case in cases {
        if measured.is_err() {
            break;
        }
        let runs = if args.runs == 1 { "run" } else { "runs" };
        printer.step("measuring", format!("{}, {} {runs} of each", case.name(), args.runs));
        let ran = |name: &str, run: &Run| printer.step("ran", show::run_line(name, run));
        measured = bench
            .measure(case, args.runs, &ran)
            .map(|figures| result.cases.push(figures));
    }
    // Also after a failure, or an interrupt.
    let removed = bench.remove_images();
    if measured.is_ok() || !result.cases.is_empty() {
        match args.format {
            Format::Human => printer.data(&show::human(&result)),
            Format::Json => context.print_json(&show::document(&result))?,
        }
    }
    measured?;
    removed?;
    Ok(Exit::Success)
}
