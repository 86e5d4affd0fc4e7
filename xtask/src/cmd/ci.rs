//! `cargo xtask ci`: the main job, from a bare host to a proved stack and back.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Instant;

use super::{Context, Outcome, in_use, setup};
use crate::doctor::packages;
use crate::host::smoke::report_folder::ReportFolder;
use crate::host::system::process;
use crate::report::exit::Exit;

/// The main job: doctor, audit, render --check, build-images, up, smoke on one host and on two, down
///
/// Every step runs as its own command would. The stack is taken down, with its volumes, however the job ends; so the job does not
/// begin if there are any already. All four phases are in one report; phase 4 comes last, each machine on its own host, in the lab where no
/// second host is configured.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask ci
  cargo xtask ci --setup                  on a bare machine: installs what is missing first
  cargo xtask ci --report smoke-report    keeps the smoke report in that folder")]
pub struct Args {
    /// Install host packages that are missing
    #[arg(long)]
    setup: bool,
    /// Folder of the smoke report: index.html, junit.xml, smoke.json, trace.json; that of an earlier run goes first
    #[arg(long, value_name = "DIR", default_value = "target/smoke-report")]
    report: PathBuf,
    /// Leave the stack running at the end, unless a step failed
    #[arg(long)]
    keep: bool,
}

/// Steps before the stack runs, and while it runs.
const PREPARE: [&[&str]; 4] = [&["doctor"], &["audit"], &["render", "--check"], &["build-images"]];
const PROVE: [&[&str]; 2] = [&["up"], &["status", "--quiet"]];
/// All phases, in one report.
const SMOKE: [&str; 4] = ["smoke", "--phase", "all", "--report"];
/// Those of one host.
const SMOKE_HERE: [&str; 8] = ["smoke", "--phase", "1", "--phase", "2", "--phase", "3", "--report"];
const CLEAN: &[&str] = &["down", "--volumes"];

/// Runs a command line, given as its words, in a context that is there already.
pub type RunCommand<'a> = &'a dyn Fn(&[&OsStr], &Context) -> Outcome;

/// Runs it, each step through `run_command`.
///
/// # Errors
/// When a step cannot be run.
pub fn run(args: &Args, context: &Context, run_command: RunCommand<'_>) -> Outcome {
    let started = Instant::now();
    if args.setup {
        setup::run(context, &packages::ALL)?;
    }
    in_use::refuse(context, "ci")?;
    let folder = if args.report.is_absolute() {
        args.report.clone()
    } else {
        context.repository.root().join(&args.report)
    };
    context.require_place(&folder, None)?;
    // A run that ends before its smoke checks leaves no report, and not that of another run either.
    ReportFolder::at(&folder)?.clear()?;
    let mut exit = Exit::Success;
    for step in PREPARE {
        exit = run_step(&words(step), context, run_command)?;
        if exit != Exit::Success {
            return Ok(exit);
        }
    }
    let mut smoke = if may_be_apart(context)? {
        words(&SMOKE)
    } else {
        words(&SMOKE_HERE)
    };
    smoke.push(folder.as_os_str());
    let prove = PROVE.iter().map(|step| words(step)).chain([smoke]);
    for step in prove {
        exit = run_step(&step, context, run_command).unwrap_or_else(|failure| {
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
        let cleaned = run_step(&words(CLEAN), context, run_command)?;
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

/// Whether phase 4 can be proved here; says so where it cannot.
fn may_be_apart(context: &Context) -> Outcome<bool> {
    let stack = context.stack()?;
    if nix::unistd::geteuid().is_root() || context.hosts(&stack, false)?.are_apart() {
        return Ok(true);
    }
    context
        .printer
        .warn("phase 4 is not proved: the lab needs root, and config/stack.yaml names no second host");
    Ok(false)
}

fn words<'a>(step: &'a [&'a str]) -> Vec<&'a OsStr> {
    step.iter().map(OsStr::new).collect()
}

fn run_step(words: &[&OsStr], context: &Context, run_command: RunCommand<'_>) -> Outcome {
    let started = Instant::now();
    let line = words
        .iter()
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    let fold = context.printer.fold(&line);
    context.printer.step("step", &line);
    let exit = run_command(words, context);
    drop(fold);
    if !matches!(exit, Ok(Exit::Success)) {
        context.printer.annotation("ci", &format!("`{line}` failed"));
    }
    let exit = exit?;
    let verb = if exit == Exit::Success { "done" } else { "failed" };
    context
        .printer
        .step(verb, format!("{line} in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(exit)
}
