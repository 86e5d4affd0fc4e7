//! `cargo xtask fuzz`: bytes that libFuzzer makes up, for everything that reads what others wrote.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::{Context, Failure, Outcome};
use crate::host::system::{parallel, process};
use crate::host::testing::fuzz::{FuzzError, Fuzzer, Run, Target, targets};
use crate::host::testing::priority::Priority;
use crate::report::exit::Exit;
use crate::report::findings::counted;
use crate::stack::near::nearest;

/// Fuzz the parsers: run each target on inputs that libFuzzer makes up
///
/// Each target goes on from its corpus in `tests/fuzz/corpus/`, and from what earlier runs kept in `target/fuzz/corpus/`. An input
/// fails where a target panics, takes more than 30 s, or more than 2 GiB; it is shortened and kept in `target/fuzz/artifacts/`. Exit
/// code 1: an input failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz --list
  cargo xtask fuzz python audit --seconds 3600
  cargo xtask fuzz python --input target/fuzz/artifacts/python/crash-1f")]
pub struct Args {
    /// Targets to run [default: all]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each target runs
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seconds: u64,
    /// How many targets run at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Run one target on this file alone, and show what it says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "jobs"])]
    input: Option<PathBuf>,
    /// List the targets
    #[arg(long, exclusive = true)]
    list: bool,
}

/// Runs it.
///
/// # Errors
/// When a target is unknown, or the fuzzer cannot be built or run.
pub fn run(args: &Args, context: &Context) -> Outcome {
    if args.list {
        let lines: Vec<String> = targets()
            .map(|target| format!("{:<13} {}", target.name, target.reads))
            .collect();
        context.printer.data(&lines.join("\n"));
        return Ok(Exit::Success);
    }
    let chosen = chosen(&args.targets)?;
    if let Some(input) = &args.input {
        let [(target, _)] = chosen.as_slice() else {
            return Err(Failure::wrong_use(
                "`--input` wants one target\n  hint: name it in front",
            ));
        };
        let input = std::path::absolute(input).unwrap_or_else(|_| input.clone());
        if !input.is_file() {
            return Err(Failure::wrong_use(format!("`{}` is not a file", input.display())));
        }
        let passed =
            build(context, Priority::Normal)?.reproduce(*target, &input, &mut |line| context.printer.note(line))?;
        return Ok(if passed { Exit::Success } else { Exit::Findings });
    }
    let chosen: Vec<(Target, u64)> = chosen.iter().map(|(target, _)| (*target, args.seconds)).collect();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    fuzz(&chosen, args.jobs.map_or(cores, usize::from), Priority::Normal, context)
}

/// Every target for as long as tests run it, on half the cores and with what the tests leave of them.
///
/// # Errors
/// When the fuzzer cannot be built or run.
pub fn beside_tests(context: &Context) -> Outcome {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    fuzz(&chosen(&[])?, cores.div_ceil(2), Priority::Lowest, context)
}

/// The targets of those names, with the time that tests run each for; all where none is named.
fn chosen(names: &[String]) -> Outcome<Vec<(Target, u64)>> {
    let all: Vec<Target> = targets().collect();
    let find = |name: &String| {
        all.iter().find(|target| target.name == name).copied().ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|target| target.name).collect();
            let hint = nearest(name, known.iter().copied()).map_or_else(
                || format!("targets are {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            Failure::wrong_use(format!("unknown target `{name}`\n  hint: {hint}"))
        })
    };
    let chosen: Vec<Target> = if names.is_empty() {
        all.clone()
    } else {
        names.iter().map(find).collect::<Outcome<_>>()?
    };
    Ok(chosen.into_iter().map(|target| (target, target.seconds)).collect())
}

fn build(context: &Context, priority: Priority) -> Outcome<Fuzzer<'_>> {
    let started = Instant::now();
    context.printer.step("building", "the fuzz targets");
    let fuzzer = Fuzzer::build(&context.repository, priority, &mut |line| {
        if context.printer.verbose {
            context.printer.note(line);
        }
    })?;
    context.printer.step(
        "built",
        format!("the fuzz targets in {:.1} s", started.elapsed().as_secs_f64()),
    );
    Ok(fuzzer)
}

fn fuzz(chosen: &[(Target, u64)], jobs: usize, priority: Priority, context: &Context) -> Outcome {
    let fuzzer = build(context, priority)?;
    let failed = Mutex::new(Vec::new());
    let runs = parallel::map(jobs, chosen, |(target, seconds)| {
        if process::interrupted() {
            return Ok(());
        }
        context
            .printer
            .step("fuzzing", format!("{} for {}", target.name, in_words(*seconds)));
        let run = fuzzer.run(*target, *seconds)?;
        tell(context, *target, &run);
        if run.failed.is_some() {
            failed
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push(format!("{}: {}", target.name, reason(&run)));
        }
        Ok::<(), FuzzError>(())
    });
    for run in runs {
        run?;
    }
    if process::interrupted() {
        return Err(Failure::said(Exit::Interrupted));
    }
    let failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if failed.is_empty() {
        return Ok(Exit::Success);
    }
    context
        .printer
        .error(format!("an input failed for {}", failed.join("; ")));
    Ok(Exit::Findings)
}

/// Says how a run ended, and how to have what failed again.
fn tell(context: &Context, target: Target, run: &Run) {
    let name = target.name;
    let Some(input) = &run.failed else {
        let tried = counted(usize::try_from(run.inputs).unwrap_or(usize::MAX), "input");
        return context
            .printer
            .step("passed", format!("{name}: {tried}, {} edges", run.edges));
    };
    let shown = input.strip_prefix(context.repository.root()).unwrap_or(input).display();
    context.printer.error(format!(
        "{name}: {}\n  input: {shown}\n  log: {}\n  hint: `cargo xtask fuzz {name} --input {shown}` does it again; once it is \
         fixed, keep the file in `tests/fuzz/regressions/{name}/`",
        reason(run),
        run.log.display()
    ));
}

/// Why an input failed, in a line.
fn reason(run: &Run) -> String {
    run.reason.chars().take(300).collect()
}

fn in_words(seconds: u64) -> String {
    let time = Duration::from_secs(seconds);
    if seconds < 120 {
        format!("{seconds} s")
    } else {
        format!("{} min", time.as_secs() / 60)
    }
}

impl From<FuzzError> for Failure {
    fn from(error: FuzzError) -> Self {
        match error {
            FuzzError::Process(error) => error.into(),
            FuzzError::File(error) => error.into(),
        }
    }
}
