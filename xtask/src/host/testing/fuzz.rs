//! Fuzzing: builds the program around the targets, and runs it for a target with limits of time and memory.
//!
//! The compiler's own instrumentation and libFuzzer do it, without a nightly compiler. Only the crates of the workspace are
//! instrumented: all else is what the program itself is built from.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::host::system::files::FileError;
use crate::host::system::process::{self, ProcessError, Program};
use crate::host::system::repository::Repository;
use crate::host::testing::priority::Priority;

/// What targets there are.
const LIST: &str = include_str!("../../../../tests/fuzz/targets.tsv");

/// The compiler with instrumentation, for the crates of the workspace.
const COMPILER: &str = "tests/fuzz/instrumented";

/// Longest time for one input, and most memory for all: an input that needs more is kept as one that fails. Most need no tenth of a second.
const SECONDS_PER_INPUT: u64 = 30;
const MEMORY_MB: u64 = 2048;
/// How many times longer everything may take at the lowest priority. libFuzzer looks at the clock, and beside compilers and boots on
/// two cores such a process is given a sixtieth of one.
const STARVED: u32 = 20;
/// Time for a shorter input that fails the same way.
const SHORTEN_SECONDS: u64 = 20;
/// Time beside what was asked for: reading the corpus, the last input, saying good-bye.
const MARGIN: Duration = Duration::from_secs(120);
/// Compiling everything, on a slow machine.
const BUILD: Duration = Duration::from_secs(3000);

/// A target, as the list has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// How many seconds tests run it for.
    pub seconds: u64,
    /// Length of the longest input, in bytes.
    longest: &'static str,
    /// What its inputs are.
    pub reads: &'static str,
}

/// Every target.
pub fn targets() -> impl Iterator<Item = Target> {
    LIST.lines().skip(1).filter_map(|line| {
        let mut fields = line.split('\t');
        Some(Target {
            name: fields.next()?,
            seconds: fields.next()?.parse().ok()?,
            longest: fields.next()?,
            reads: fields.next()?,
        })
    })
}

/// Lines that tell why an input failed.
const TELLS: [&str; 4] = [
    "panicked at ",
    "ERROR: libFuzzer: ",
    "memory allocation of ",
    "has overflowed its stack",
];

/// How a run of a target ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Inputs that were tried.
    pub inputs: u64,
    /// Edges of the program that they went over.
    pub edges: u64,
    /// The input that failed, where one did: the shortest that was found.
    pub failed: Option<PathBuf>,
    /// What was said of it, its first line that says something.
    pub reason: String,
    /// File with the whole output.
    pub log: PathBuf,
}

/// The built program.
#[derive(Debug)]
pub struct Fuzzer<'a> {
    repository: &'a Repository,
    program: PathBuf,
    priority: Priority,
}

impl<'a> Fuzzer<'a> {
    /// Builds it; each line of cargo's goes to `each_line`.
    ///
    /// # Errors
    /// When it does not compile.
    pub fn build(
        repository: &'a Repository,
        priority: Priority,
        each_line: &mut dyn FnMut(&str),
    ) -> Result<Self, ProcessError> {
        if std::env::var_os("CXX").is_none() && process::on_path("c++").is_none() {
            return Err(ProcessError::Missing {
                program: "c++".to_owned(),
                hint: "libFuzzer is written in C++: `apt-get install g++`, or `cargo xtask test --setup`".to_owned(),
            });
        }
        // For half a minute a target, optimising the library takes longer than it gains.
        let quickly = priority == Priority::Lowest;
        priority
            .program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--locked", "--package=fuzz", "--bin=fuzz"])
            .args(["--features=libfuzzer", "--profile=xtask"])
            .args(quickly.then_some("--config=profile.xtask.package.xtask.opt-level=1"))
            .folder(repository.root())
            .env_remove("CARGO_MANIFEST_DIR")
            .env("RUSTC_WORKSPACE_WRAPPER", repository.path(COMPILER))
            .limit(BUILD)
            .log(repository.log("fuzz-build"))
            .succeed(each_line)?;
        Ok(Self {
            repository,
            program: repository.target().join("xtask/fuzz"),
            priority,
        })
    }

    /// Runs a target for that many seconds, from its corpus on. What it finds worth keeping stays in the target folder, and the next
    /// run goes on from there.
    ///
    /// # Errors
    /// When it cannot be run, or does not end.
    pub fn run(&self, target: Target, seconds: u64) -> Result<Run, FuzzError> {
        let own = |kind: &str| self.repository.target().join("fuzz").join(kind).join(target.name);
        let (found, failed) = (own("corpus"), own("artifacts"));
        for folder in [&found, &failed] {
            std::fs::create_dir_all(folder).map_err(FileError::on("make", folder))?;
        }
        let log = self.repository.log(&format!("fuzz-{}", target.name));
        let mut program = self
            .program(target)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={}", target.longest))
            .arg("-print_final_stats=1")
            .arg(prefix(&failed))
            .limit(Duration::from_secs(seconds) + self.patience(MARGIN))
            .log(log.clone())
            .arg(&found);
        for kind in ["corpus", "regressions"] {
            let folder = self.inputs(kind, target);
            if folder.is_dir() {
                program = program.arg(folder);
            }
        }
        let output = program.run()?;
        let mut run = read(&output.stderr, log);
        if !output.status.success() && run.failed.is_none() {
            run.failed = Some(failed);
        }
        // Only a crash is had again at once; what took too long or too much would do so at every try.
        let again = |input: &PathBuf| {
            input
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("crash-"))
        };
        if let Some(input) = run.failed.as_ref().filter(|input| again(input)) {
            run.failed = Some(self.shortened(target, input)?);
        }
        Ok(run)
    }

    /// Runs a target on one input.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn reproduce(&self, target: Target, input: &Path, each_line: &mut dyn FnMut(&str)) -> Result<bool, FuzzError> {
        let output = self.program(target).arg(input).limit(MARGIN).run_lines(each_line)?;
        Ok(output.status.success())
    }

    /// A shorter input that fails too, or the same.
    fn shortened(&self, target: Target, input: &Path) -> Result<PathBuf, FuzzError> {
        let mut short = OsString::from(input);
        short.push(".short");
        let short = PathBuf::from(short);
        let mut exact = OsString::from("-exact_artifact_path=");
        exact.push(&short);
        // How it ends says nothing: what counts is whether there is a shorter one.
        self.program(target)
            .arg("-minimize_crash=1")
            .arg(format!("-max_total_time={SHORTEN_SECONDS}"))
            .arg(exact)
            .arg(input)
            .limit(Duration::from_secs(SHORTEN_SECONDS) + self.patience(MARGIN))
            .run()?;
        Ok(if short.is_file() { short } else { input.to_owned() })
    }

    /// A limit of time, for what the priority leaves of the machine.
    fn patience(&self, limit: Duration) -> Duration {
        match self.priority {
            Priority::Lowest => limit * STARVED,
            Priority::Normal | Priority::Low => limit,
        }
    }

    fn program(&self, target: Target) -> Program {
        let longest = self.patience(Duration::from_secs(SECONDS_PER_INPUT)).as_secs();
        self.priority
            .program(&self.program)
            .folder(self.repository.root())
            .env("FUZZ_TARGET", target.name)
            // One input at a time on one core: a run can be repeated, and several targets share the machine.
            .env("RAYON_NUM_THREADS", "1")
            .env("RUST_BACKTRACE", "1")
            .arg(format!("-timeout={longest}"))
            // What is slower than ten seconds and ends is kept, too, unless this is as long.
            .arg(format!("-report_slow_units={longest}"))
            .arg(format!("-rss_limit_mb={MEMORY_MB}"))
    }

    /// A folder of inputs that came with the repository.
    fn inputs(&self, kind: &str, target: Target) -> PathBuf {
        self.repository.path("tests/fuzz").join(kind).join(target.name)
    }
}

/// Why a target could not be run.
#[derive(Debug, thiserror::Error)]
pub enum FuzzError {
    /// The program.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its folders.
    #[error(transparent)]
    File(#[from] FileError),
}

fn prefix(folder: &Path) -> OsString {
    let mut prefix = OsString::from("-artifact_prefix=");
    prefix.push(folder);
    prefix.push("/");
    prefix
}

/// What libFuzzer said.
fn read(said: &str, log: PathBuf) -> Run {
    let mut run = Run {
        inputs: 0,
        edges: 0,
        failed: None,
        reason: String::new(),
        log,
    };
    let mut lines = said.lines();
    while let Some(line) = lines.next() {
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            run.inputs = count.trim().parse().unwrap_or_default();
        } else if let Some((_, path)) = line.split_once("Test unit written to ") {
            run.failed = Some(PathBuf::from(path));
        } else if let Some((_, rest)) = line.split_once(" cov: ") {
            run.edges = rest
                .split(' ')
                .next()
                .and_then(|edges| edges.parse().ok())
                .unwrap_or(run.edges);
        }
        if run.reason.is_empty() && TELLS.iter().any(|tell| line.contains(tell)) {
            line.trim().clone_into(&mut run.reason);
            // What a panic says stands on the next line.
            if let Some(message) = lines.next().filter(|_| line.ends_with(':')) {
                run.reason.push(' ');
                run.reason.push_str(message);
            }
        }
    }
    run
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{read, targets};

    #[test]
    fn every_line_of_the_list_is_a_target() {
        assert_eq!(targets().count(), super::LIST.lines().count() - 1);
        assert!(targets().all(|target| target.longest.parse::<u32>().is_ok()));
    }

    #[test]
    fn what_libfuzzer_says_is_understood() {
        let well = "#2\tINITED cov: 11 ft: 12 corp: 1/1b\n#9\tNEW    cov: 2313 ft: 3 corp: 4/5b\nDone 9 runs in 1 second(s)\n\
                    stat::number_of_executed_units: 9\n";
        let run = read(well, PathBuf::from("log"));
        assert_eq!((run.inputs, run.edges, run.failed), (9, 2313, None));
        let badly = "thread '<unnamed>' (7) panicked at tests/fuzz/src/x.rs:3:5:\nnot so\nstack backtrace:\n==1== ERROR: libFuzzer: \
                     deadly signal\nartifact_prefix='a/'; Test unit written to a/crash-1\n";
        let run = read(badly, PathBuf::from("log"));
        assert_eq!(run.failed, Some(PathBuf::from("a/crash-1")));
        assert!(
            run.reason.ends_with("panicked at tests/fuzz/src/x.rs:3:5: not so"),
            "{}",
            run.reason
        );
        let slow = "==1== ERROR: libFuzzer: timeout after 10 seconds\n";
        assert_eq!(read(slow, PathBuf::from("log")).reason, slow.trim());
    }
}
