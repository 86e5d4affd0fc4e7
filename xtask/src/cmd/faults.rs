//! `cargo xtask faults`: breaks what can break, and prints the table of what was promised and seen.

use std::time::{Duration, Instant};

use super::{Context, Failure, Outcome};
use crate::host::system::process::Program;
use crate::host::testing::fault_rows;
use crate::report::exit::Exit;
use crate::report::faults;

/// Run the tests of faults, and print the table: fault, promise, what was seen
///
/// Agents, supervisors, containers, Podman and the harness itself are killed, muted, filled and cut off: agents and supervisors as
/// plain processes, the rest on a stack of three agents with the host's Podman, which stands beside the real one, and the link
/// between two machines on the lab. Takes some minutes. `cargo xtask test` runs the same tests.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask faults
  cargo xtask faults > faults.md          the table alone; all else goes to standard error")]
pub struct Args {}

/// The tests, by cargo's arguments.
const TESTS: [&[&str]; 2] = [
    &["--package", "agent-supervisor", "--test", "processes"],
    &[
        "--package",
        "xtask",
        "--test",
        "podman",
        "--",
        "faults::",
        "foreign::",
        "lab::two_hosts_on_one",
    ],
];

/// Longest time of one of them.
const LIMIT: Duration = Duration::from_secs(1200);

/// Runs it.
///
/// # Errors
/// When cargo cannot be run, or a file not be read.
pub fn run(_: &Args, context: &Context) -> Outcome {
    let rows = context.repository.work().join("faults");
    fault_rows::clear(&rows)?;
    let mut failed = false;
    for arguments in TESTS {
        let started = Instant::now();
        let outcome = Program::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["test", "--profile=xtask", "--locked", "--no-fail-fast"])
            .args(arguments)
            .folder(context.repository.root())
            .env_remove("CARGO_MANIFEST_DIR")
            .env("FAULT_ROWS", &rows)
            .limit(LIMIT)
            .run_lines(&mut |line| context.printer.note(line))?;
        let verb = if outcome.status.success() { "passed" } else { "failed" };
        let line = format!("{} in {:.1} s", arguments.join(" "), started.elapsed().as_secs_f64());
        context.printer.step(verb, line);
        failed |= !outcome.status.success();
    }
    context.printer.data(&faults::table(&fault_rows::read(&rows)?));
    if failed {
        return Err(Failure::new(
            Exit::Findings,
            "some tests failed: their rows are missing",
        ));
    }
    Ok(Exit::Success)
}
