//! `cargo xtask test`: everything that says whether this project works.

use std::ffi::{OsStr, OsString};
use std::time::{Duration, Instant};

use super::{Context, Failure, Outcome, fuzz, in_use, setup};
use crate::doctor::packages;
use crate::host::system::process::{self, Program};
use crate::host::testing::priority::Priority;
use crate::host::testing::{debian, tools};
use crate::report::exit::Exit;

/// Check formats and lints, run all tests: unit, command line, real processes, real Podman, and fuzz the parsers meanwhile
///
/// The tests boot the stack and take it down with its volumes, so they do not begin if there are any already. Nothing is skipped: a
/// test that needs Podman or Chromium fails where there is none, and says how to install it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask test
  cargo xtask test --setup                on a bare machine: installs what is missing first
  cargo xtask test --systemd              nothing but hosts with systemd, which run the rendered units
  cargo xtask test --docker               nothing but a Docker, which runs the rendered Compose files")]
pub struct Args {
    /// Install host packages that are missing
    #[arg(long)]
    setup: bool,
    /// Only boot hosts with systemd 257 and Podman 5.4 in namespaces, on the rendered units (needs root and mmdebstrap)
    #[arg(long, conflicts_with = "setup")]
    systemd: bool,
    /// Only run Debian's Docker in namespaces, on the rendered Compose files (needs root, runc, iptables and Podman)
    #[arg(long, conflicts_with = "setup")]
    docker: bool,
}

/// Cargo's arguments for formats and lints.
const FORMAT: [&str; 3] = ["fmt", "--all", "--check"];
const LINTS: [&str; 7] = [
    "clippy",
    "--workspace",
    "--all-targets",
    "--profile=xtask",
    "--locked",
    "--",
    "--deny=warnings",
];

/// Cargo's arguments for tests, which those follow that say which.
const TESTS: [&str; 5] = ["test", "--workspace", "--profile=xtask", "--locked", "--no-fail-fast"];

/// Cargo's arguments for unit tests. The library is compiled for them without optimisation, which takes minutes and gains seconds.
const UNITS: [&str; 8] = [
    "test",
    "--workspace",
    "--exclude=fuzz",
    "--lib",
    "--profile=xtask",
    "--config=profile.xtask.package.xtask.opt-level=0",
    "--locked",
    "--no-fail-fast",
];

/// Cargo's arguments for programs that tests start: as examples that are tested, they would have other names.
const EXAMPLES: [&str; 5] = ["build", "--workspace", "--examples", "--profile=xtask", "--locked"];

/// The target whose tests wait for containers most of the time, one at a time.
const PODMAN: &str = "podman";

/// The target whose tests bring engines of their own: they run only if they are asked for.
const HOSTS: &str = "hosts";

/// Time after which a step is taken for one that hangs: far above what the slowest takes on two busy processors.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// Runs it.
///
/// # Errors
/// When cargo cannot be run.
pub fn run(args: &Args, context: &Context) -> Outcome {
    if args.systemd || args.docker {
        return hosts(args, context);
    }
    if args.setup {
        setup::run(context, &[&packages::ALL[..], &packages::FOR_TESTS].concat())?;
        tools::provide(&context.repository)?;
    }
    if process::on_path("podman").is_some() {
        in_use::refuse(context, "test")?;
    }
    let path = &search_path(context);
    let mut failed = Vec::new();
    if !step(context, path, Priority::Normal, "format", &FORMAT)? {
        failed.push("format");
    }
    failed.extend(all_at_once(args.setup, context, path)?);
    if failed.is_empty() {
        return Ok(Exit::Success);
    }
    context
        .printer
        .annotation("test", &format!("failed: {}", failed.join(", ")));
    context.printer.error(format!("failed: {}", failed.join(", ")));
    Ok(Exit::Findings)
}

/// Lints, all tests and fuzzing; the names of those that failed. What is printed of them is mixed; the log of each is whole.
fn all_at_once(set_up: bool, context: &Context, path: &OsStr) -> Outcome<Vec<&'static str>> {
    let _fold = context.printer.fold("tests");
    let others = other_targets(context)?;
    let others = with(&others);
    // Most of the time these wait for containers, and they take longest: all else is done with what they leave of the machine.
    let podman = with(&["--test", PODMAN]);
    let building = with(&["--test", PODMAN, "--no-run"]);
    let podman_is_built = step(context, path, Priority::Normal, "build of podman", &building)?;
    std::thread::scope(|scope| {
        let podman =
            podman_is_built.then(|| scope.spawn(move || step(context, path, Priority::Normal, PODMAN, &podman)));
        // Most of it is waiting for packages, which need not be waited for here.
        let debian = (set_up && process::on_path("apt-get").is_some())
            .then(|| scope.spawn(|| debian::provide(&context.repository)));
        let lints = step(context, path, Priority::Low, "lints", &LINTS)?;
        debian.map_or(Ok(()), joined)?;
        let units = step(context, path, Priority::Low, "unit tests", &UNITS)?;
        let building: Vec<&str> = others.iter().copied().chain(["--no-run"]).collect();
        let built = step(context, path, Priority::Low, "examples", &EXAMPLES)?
            && step(context, path, Priority::Low, "build of all others", &building)?;
        let fuzz = built.then(|| scope.spawn(|| Outcome::Ok(fuzz::beside_tests(context)? == Exit::Success)));
        let tests = built.then(|| step(context, path, Priority::Normal, "tests", &others));
        let ended = [
            ("build of podman", Some(podman_is_built)),
            (PODMAN, podman.map(joined).transpose()?),
            ("lints", Some(lints)),
            ("unit tests", Some(units)),
            ("build of all others", Some(built)),
            ("tests", tests.transpose()?),
            ("fuzz", fuzz.map(joined).transpose()?),
        ];
        let failed = ended.into_iter().filter(|(_, passed)| *passed == Some(false));
        Ok(failed.map(|(name, _)| name).collect())
    })
}

/// What a thread returned.
fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Runs the tests of engines that they bring with them, those that are asked for and nothing else.
fn hosts(args: &Args, context: &Context) -> Outcome {
    debian::provide(&context.repository)?;
    if args.docker {
        tools::provide(&context.repository)?;
        tools::provide_docker(&context.repository)?;
    }
    let path = search_path(context);
    let mut exit = Exit::Success;
    for (name, is_asked_for) in [("systemd", args.systemd), ("docker", args.docker)] {
        let filter = format!("{name}::");
        if is_asked_for
            && !step(
                context,
                &path,
                Priority::Normal,
                name,
                &with(&["--test", HOSTS, &filter]),
            )?
        {
            exit = Exit::Findings;
        }
    }
    Ok(exit)
}

/// Cargo's arguments for tests, with these.
fn with(which: &[impl AsRef<str>]) -> Vec<&str> {
    TESTS.into_iter().chain(which.iter().map(AsRef::as_ref)).collect()
}

/// Cargo's arguments that choose all targets with tests but unit tests and those with Podman: one that somebody adds is among them.
fn other_targets(context: &Context) -> Outcome<Vec<String>> {
    let listed = Program::new(cargo())
        .args(["metadata", "--no-deps", "--format-version=1", "--locked"])
        .folder(context.repository.root())
        .read()?;
    let metadata: serde_json::Value =
        serde_json::from_str(&listed).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.filter_map(|package| package["targets"].as_array()).flatten();
    let tests = targets
        .filter(|target| target["kind"] == serde_json::json!(["test"]))
        .filter_map(|target| target["name"].as_str())
        .filter(|name| ![PODMAN, HOSTS].contains(name));
    let mut arguments: Vec<String> = vec!["--bins".to_owned()];
    arguments.extend(tests.map(|name| format!("--test={name}")));
    Ok(arguments)
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs cargo with these arguments; whether it succeeded.
fn step(context: &Context, path: &OsStr, priority: Priority, name: &str, arguments: &[&str]) -> Outcome<bool> {
    let started = Instant::now();
    let outcome = priority
        .program(cargo())
        .args(arguments)
        .folder(context.repository.root())
        // Tests run the program as users do, in an environment of their own.
        .env_remove("CARGO_MANIFEST_DIR")
        .env("PATH", path)
        .log(context.repository.log(&format!("test-{}", name.replace(' ', "-"))))
        .limit(LONGEST)
        .run_lines(&mut |line| context.printer.note(line))?;
    let succeeded = outcome.status.success();
    let verb = if succeeded { "passed" } else { "failed" };
    context
        .printer
        .step(verb, format!("{name} in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(succeeded)
}

/// PATH, with the tools that tests bring in front.
fn search_path(context: &Context) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = OsString::new();
    for folder in tools::folders(&context.repository) {
        all.push(folder);
        all.push(":");
    }
    all.push(path);
    all
}
