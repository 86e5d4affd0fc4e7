//! `cargo xtask smoke`: proves the plan's phases on the running stack.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};

use super::{Context, Failure, Outcome};
use crate::boot::podman_arguments::{Host, agent_address, status_address};
use crate::finding::{Finding, has_errors};
use crate::host::podman::Podman;
use crate::host::process::{self, Program};
use crate::host::smoke_look::read_files;
use crate::host::smoke_runner::{Addresses, Jobs, PodmanCommand, Runner};
use crate::host::supervisor_status;
use crate::report::exit::Exit;
use crate::report::findings;
use crate::report::smoke::{Human, Json, Junit, Reporter};
use crate::smoke::event::Summary;
use crate::smoke::{Selection, expand, parse};
use crate::stack::{AgentId, GroupId, MachineId, Stack};

/// Folder of the check files, in the repository.
pub const FOLDER: &str = "tests/smoke";

/// Prove the plan's phases: images, networks, volumes, requests between agents
///
/// Checks are data, in tests/smoke/*.yaml: a request to an agent and what its reply must contain, an exec, a property of an
/// image, a network or a volume. Those that do not build on each other run in parallel. Exit code 1 when one fails.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_help = "Examples:
  cargo xtask smoke --phase 1
  cargo xtask smoke --phase 2 --soak 60
  cargo xtask smoke --phase all --format junit --output smoke.xml")]
pub struct Args {
    /// Phase of the plan, 1 to 4, or `all`; may be given several times.
    #[arg(long = "phase", value_name = "N|all", default_value = "all", value_parser = phase)]
    pub phases: Vec<Phase>,
    /// Only what is about this machine (or about none).
    #[arg(long, value_name = "NAME")]
    pub machine: Option<String>,
    /// Format of the report.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Seconds that each stability check observes, instead of its own.
    #[arg(long, value_name = "SECONDS")]
    pub soak: Option<u64>,
    /// Write the report to this file; lines for people then go to standard error.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// A phase on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Every phase that there are checks of.
    All,
    /// One.
    One(u8),
}

/// Format of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people.
    Human,
    /// One JSON document.
    Json,
    /// JUnit XML.
    Junit,
}

fn phase(text: &str) -> Result<Phase, String> {
    match text {
        "all" => Ok(Phase::All),
        _ => match text.parse() {
            Ok(number @ 1..=4) => Ok(Phase::One(number)),
            _ => Err("a phase is 1, 2, 3, 4 or all".to_owned()),
        },
    }
}

/// What the checks need around them.
struct Surroundings<'a> {
    /// The repository's root.
    repository: &'a Path,
    /// The stack.
    stack: &'a Stack,
    /// Podman.
    podman: &'a dyn PodmanCommand,
    /// Where things answer.
    addresses: &'a dyn Addresses,
    /// Where the report goes when there is no `--output`.
    out: &'a mut dyn Write,
    /// Whether that takes colour.
    color: bool,
    /// Where lines for people go when the report goes to a file: standard error.
    err: &'a mut dyn Write,
    /// Whether that takes colour.
    color_err: bool,
}

/// This host: both machines' stacks run on it.
struct ThisHost<'a> {
    stack: &'a Stack,
    host: Host,
    podman: Podman,
}

impl PodmanCommand for ThisHost<'_> {
    fn podman(&self, _machine: Option<MachineId>) -> Program {
        self.podman.command()
    }
}

impl Addresses for ThisHost<'_> {
    fn agent(&self, agent: AgentId) -> Option<SocketAddr> {
        Some(agent_address(self.stack, agent, &self.host))
    }

    fn status(&self, group: GroupId) -> SocketAddr {
        status_address(self.stack, group, &self.host)
    }
}

/// Runs it.
///
/// # Errors
/// When the checks could not be run at all.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let here = ThisHost {
        stack: &stack,
        host: context.host(&stack),
        podman: context.podman(),
    };
    let printer = &context.printer;
    let proved = prove(
        args,
        &mut Surroundings {
            repository: context.repository.root(),
            stack: &stack,
            podman: &here,
            addresses: &here,
            out: &mut printer.out(),
            color: printer.color_out,
            err: &mut printer.err(),
            color_err: printer.color_err,
        },
    );
    match proved {
        Ok(_) if process::interrupted() => Ok(Exit::Interrupted),
        Ok(summary) if summary.success() => Ok(Exit::Success),
        Ok(_) => Ok(Exit::Findings),
        Err(SmokeError::Findings(found)) => {
            printer.note(findings::human(&found, printer.color_err));
            Err(Failure::said(Exit::WrongUse))
        }
        Err(error @ SmokeError::Usage(_)) => Err(Failure::wrong_use(error.to_string())),
        Err(error @ SmokeError::NotUp { .. }) => Err(Failure::new(Exit::Findings, error.to_string())),
        Err(error) => Err(Failure::new(Exit::Internal, error.to_string())),
    }
}

/// Why the checks did not run.
#[derive(Debug, thiserror::Error)]
enum SmokeError {
    /// Files of checks, or their expansion, are wrong.
    #[error("the check files have mistakes")]
    Findings(Vec<Finding>),
    /// Wrong use.
    #[error("{0}")]
    Usage(String),
    /// The stack does not run.
    #[error("the stack is not up: {reason}\n  hint: run `cargo xtask up`{}", .machine.as_ref().map(|name| format!(" --machine {name}")).unwrap_or_default())]
    NotUp {
        /// What was tried.
        reason: String,
        /// The machine that was asked for.
        machine: Option<String>,
    },
    /// A file cannot be read or written.
    #[error("{0}")]
    File(String),
    /// The report cannot be written.
    #[error("cannot write the report: {0}")]
    Report(#[from] std::io::Error),
}

fn prove(args: &Args, around: &mut Surroundings<'_>) -> Result<Summary, SmokeError> {
    let stack = around.stack;
    let texts = read_files(around.repository, FOLDER).map_err(SmokeError::File)?;
    let (files, mut findings) = parse(&texts);
    let phases: BTreeSet<u8> = if args.phases.contains(&Phase::All) {
        BTreeSet::new()
    } else {
        args.phases
            .iter()
            .filter_map(|phase| match phase {
                Phase::One(number) => Some(*number),
                Phase::All => None,
            })
            .collect()
    };
    let machine = match &args.machine {
        None => None,
        Some(name) => Some(stack.find_machine(name).ok_or_else(|| {
            let known: Vec<&str> = stack.machines.iter().map(|machine| machine.name.as_str()).collect();
            SmokeError::Usage(format!(
                "there is no machine `{name}`\n  hint: known machines: {}",
                known.join(", ")
            ))
        })?),
    };
    let selection = Selection {
        phases,
        machine,
        soak_seconds: args.soak,
    };
    let (plan, more) = expand(stack, &files, &selection);
    findings.extend(more);
    if has_errors(&findings) {
        return Err(SmokeError::Findings(findings));
    }
    if plan.checks.is_empty() {
        return Err(SmokeError::Usage(format!(
            "no check in `{FOLDER}` is of that phase and machine"
        )));
    }
    if plan.checks.iter().any(|check| check.phase >= 2) {
        probe(args, around, machine)?;
    }
    let runner = Runner {
        stack,
        podman: around.podman,
        addresses: around.addresses,
        jobs: Jobs::default(),
    };
    let mut reporter = reporter(args, around)?;
    let mut failed = None;
    let summary = runner.run(&plan, &mut |event| {
        for reporter in &mut reporter {
            if let Err(error) = reporter.event(event) {
                failed.get_or_insert(error);
            }
        }
    })?;
    match failed {
        Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(summary),
    }
}

/// Fails when no supervisor answers at all: then every check would, each after its own time.
fn probe(args: &Args, around: &Surroundings<'_>, machine: Option<MachineId>) -> Result<(), SmokeError> {
    let mut reason = String::from("it has no groups");
    for (group, _) in around
        .stack
        .groups()
        .filter(|(_, group)| machine.is_none_or(|machine| group.machine == machine))
    {
        match supervisor_status::fetch(around.addresses.status(group), None, Duration::from_secs(2)) {
            Ok(_) => return Ok(()),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(SmokeError::NotUp {
        reason,
        machine: args.machine.clone(),
    })
}

fn reporter<'o>(args: &Args, around: &'o mut Surroundings<'_>) -> Result<Vec<Box<dyn Reporter + 'o>>, SmokeError> {
    let color = around.color;
    let Some(path) = &args.output else {
        let out: &'o mut dyn Write = &mut *around.out;
        return Ok(vec![make(args.format, out, color)]);
    };
    let file = std::fs::File::create(path)
        .map_err(|error| SmokeError::File(format!("cannot write `{}`: {error}", path.display())))?;
    let to_file = make(args.format, std::io::BufWriter::new(file), false);
    Ok(vec![to_file, Box::new(Human::new(&mut *around.err, around.color_err))])
}

fn make<'o>(format: Format, out: impl Write + 'o, color: bool) -> Box<dyn Reporter + 'o> {
    match format {
        Format::Human => Box::new(Human::new(out, color)),
        Format::Json => Box::new(Json::new(out)),
        Format::Junit => Box::new(Junit::new(out)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Phase, phase};

    #[test]
    fn a_phase_is_a_number_or_all() {
        assert_eq!(phase("2"), Ok(Phase::One(2)));
        assert_eq!(phase("all"), Ok(Phase::All));
        assert!(phase("5").is_err() && phase("x").is_err());
    }
}
