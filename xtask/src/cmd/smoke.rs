//! `cargo xtask smoke`: proves the plan's phases on the running stack.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};

use super::{Context, Failure, Outcome, adopt, two_hosts};
use crate::boot::lab::Lab;
use crate::boot::reach::Granted;
use crate::finding::{Finding, has_errors};
use crate::host::boot::supervisor_status;
use crate::host::lab;
use crate::host::leftovers::records::Records;
use crate::host::podman::hosts::Hosts;
use crate::host::smoke::check_files::{CheckFileError, read_files};
use crate::host::smoke::measure;
use crate::host::smoke::report_folder::{ReportFolder, ReportFolderError};
use crate::host::smoke::runner::{Jobs, Runner};
use crate::host::smoke::system::{Addresses, Lan, PodmanCommand, System};
use crate::host::system::network::Endpoint;
use crate::host::system::process::{self, Program};
use crate::report;
use crate::report::exit::Exit;
use crate::report::findings;
use crate::report::smoke::{Human, Json, Junit, Reporter};
use crate::smoke::SmokeEvent;
use crate::smoke::event::Summary;
use crate::smoke::parts::Parts;
use crate::smoke::{Plan, Selection, expand, parse};
use crate::stack::{AgentId, GroupId, MachineId, Stack};

/// Prove the plan's phases: images, networks, volumes, requests between agents and groups, recovery, resources
///
/// Checks are data, in tests/smoke/*.yaml: a request to an agent and what its reply must contain, an exec, a property of an
/// image, a network or a volume. Those that do not build on each other run in parallel. A check that waits for health goes on
/// waiting, beyond its own limit, for agents that are within their start period.
///
/// `all` checks the running stack first, and then phase 4 with each machine on a host of its own: in the lab if there is no second one. Where
/// that cannot be made, its checks are reported as skipped.
///
/// Exit code 0 when every check passed; 1 when one failed or was skipped, or the stack is not up; 2 for wrong use or mistakes in
/// check files; 4 when the report cannot be written.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_help = "Examples:
  cargo xtask smoke --phase 1
  cargo xtask smoke --phase 2 --soak 60
  cargo xtask smoke --phase 3 --verbose   with memory and CPU of every agent, and a limit that would do
  cargo xtask smoke --phase 4             on two hosts; makes the lab where there is no second one
  cargo xtask smoke --phase 3 --adopt     writes the limits that would do into the stack
  cargo xtask smoke --phase all --format junit --output smoke.xml
  cargo xtask smoke --report smoke-report     and open smoke-report/index.html")]
pub struct Args {
    /// Phase of the plan, 1 to 4, or `all`; may be given several times.
    #[arg(long = "phase", value_name = "N|all", default_value = "all", value_parser = phase)]
    pub phases: Vec<Phase>,
    /// In the lab. A phase 4 that is asked for where no second machine is configured runs there anyway.
    ///
    /// The lab is made, and the stack booted in it, where they are not there; what was made is removed at the end.
    #[arg(long)]
    pub lab: bool,
    /// Only what is about this machine (or about none).
    #[arg(long, value_name = "NAME")]
    pub machine: Option<String>,
    /// Format of the report.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Seconds that each stability check observes, instead of its own.
    #[arg(long, value_name = "SECONDS")]
    pub soak: Option<u64>,
    /// Write the memory limit that each measured group's use suggests into the stack, as `memory:` of the group. Comments stay.
    #[arg(long)]
    pub adopt: bool,
    /// Write the report to this file; lines for people then go to standard error.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Also write junit.xml, smoke.json and index.html, one page for a browser, to this folder. An earlier report in it is
    /// replaced as a whole.
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

/// The phase that needs each machine on its own host.
const TWO_HOSTS: u8 = 4;

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
    /// Whether figures of checks that passed are wanted.
    verbose: bool,
}

/// The hosts that the machines' stacks run on.
struct Running<'a> {
    stack: &'a Stack,
    hosts: Hosts,
    /// The lab, where they are its hosts.
    lab: Option<Lab>,
}

impl Running<'_> {
    /// Removes what checks of an earlier run left.
    fn remove_probes(&self, context: &Context) {
        let every: Vec<GroupId> = self.stack.groups().map(|(id, _)| id).collect();
        for part in self.hosts.parts(self.stack, &every) {
            context.remove_probes(&part.host.podman, self.stack);
        }
    }
}

impl PodmanCommand for Running<'_> {
    fn podman(&self, machine: Option<MachineId>) -> Program {
        self.hosts.of(machine.unwrap_or(MachineId(0))).podman.command()
    }

    fn records(&self, machine: Option<MachineId>) -> Records {
        let host = self.hosts.of(machine.unwrap_or(MachineId(0)));
        host.podman.records(&self.stack.name)
    }
}

impl Addresses for Running<'_> {
    fn agent(&self, agent: AgentId) -> Option<Endpoint> {
        self.hosts.agent(self.stack, agent)
    }

    fn status(&self, group: GroupId) -> Endpoint {
        self.hosts.status(self.stack, group)
    }

    fn granted(&self, group: GroupId) -> Granted {
        self.hosts.of(self.stack.group(group).machine).host.limits
    }

    fn lan(&self) -> Option<Lan<'_>> {
        self.hosts.are_apart().then_some(Lan {
            hosts: &self.hosts,
            lab: self.lab.as_ref(),
        })
    }
}

/// Runs it.
///
/// # Errors
/// When the checks could not be run at all.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    for place in args.output.iter().chain(&args.report) {
        context.require_place(place, Some(&stack.source_tree))?;
    }
    let outside = context.hosts(&stack, false)?;
    let needs_two = args.phases.contains(&Phase::One(TWO_HOSTS)) && !outside.are_apart();
    if !args.lab && !needs_two {
        let running = Running {
            stack: &stack,
            hosts: outside,
            lab: None,
        };
        return report(args, context, &running);
    }
    let borrowed = two_hosts::prepare(context, &stack)?;
    let outcome = context.hosts(&stack, true).and_then(|hosts| {
        let running = Running {
            stack: &stack,
            hosts,
            lab: Some(lab::of(&stack, &context.repository)?),
        };
        report(args, context, &running)
    });
    borrowed.give_back(context, &stack)?;
    outcome
}

/// Runs the checks and says how they ended.
fn report(args: &Args, context: &Context, here: &Running<'_>) -> Outcome {
    let stack = here.stack;
    let printer = &context.printer;
    here.remove_probes(context);
    let proved = prove(
        args,
        context,
        &mut Surroundings {
            repository: context.repository.root(),
            stack,
            podman: here,
            addresses: here,
            out: &mut printer.out(),
            color: printer.color_out,
            err: &mut printer.err(),
            color_err: printer.color_err,
            verbose: printer.verbose,
        },
    );
    match proved {
        Ok(_) if process::interrupted() => Ok(Exit::Interrupted),
        Ok(summary) if summary.success() => Ok(Exit::Success),
        Ok(_) => Ok(Exit::Findings),
        Err(SmokeError::Findings(found)) => {
            printer.styled(findings::human(&found, printer.color_err));
            Err(Failure::said(Exit::WrongUse))
        }
        Err(error @ (SmokeError::Usage(_) | SmokeError::Folder(ReportFolderError::Foreign { .. }))) => {
            Err(Failure::wrong_use(error.to_string()))
        }
        Err(SmokeError::Adopt(failure)) => Err(failure),
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
    /// A file of checks cannot be read.
    #[error(transparent)]
    CheckFile(#[from] CheckFileError),
    /// A file cannot be written.
    #[error("{0}")]
    File(String),
    /// What was measured cannot be adopted.
    #[error("{}", .0.message.as_deref().unwrap_or_default())]
    Adopt(Failure),
    /// The folder of the report cannot be used.
    #[error("{0}")]
    Folder(#[from] ReportFolderError),
    /// The report cannot be written.
    #[error("cannot write the report: {0}")]
    Report(#[from] std::io::Error),
}

/// What is to be checked, and where.
struct Plans {
    /// Against the stack as it runs.
    here: Plan,
    /// With each machine on a host of its own, which is made for it.
    apart: Plan,
}

impl Plans {
    /// Reads the checks of the phases that are asked for.
    fn read(args: &Args, around: &Surroundings<'_>, machine: Option<MachineId>) -> Result<Self, SmokeError> {
        let stack = around.stack;
        let folder = stack.output.checks();
        let texts = read_files(around.repository, &folder)?;
        let (files, mut findings) = parse(&texts);
        let phases: BTreeSet<u8> = if args.phases.contains(&Phase::All) {
            files.iter().map(|file| file.phase).collect()
        } else {
            args.phases
                .iter()
                .filter_map(|phase| match phase {
                    Phase::One(number) => Some(*number),
                    Phase::All => None,
                })
                .collect()
        };
        // On one host there is nothing between two machines to look at.
        let is_apart = around.addresses.lan().is_some();
        let (apart, here): (BTreeSet<u8>, BTreeSet<u8>) =
            phases.into_iter().partition(|phase| *phase == TWO_HOSTS && !is_apart);
        let mut plan = |phases: BTreeSet<u8>| {
            // A selection without phases is one of all of them.
            if phases.is_empty() {
                return Plan::default();
            }
            let selection = Selection {
                phases,
                machine,
                soak_seconds: args.soak,
            };
            let (plan, more) = expand(stack, &files, &selection);
            findings.extend(more);
            plan
        };
        let plans = Self {
            here: plan(here),
            apart: plan(apart),
        };
        if has_errors(&findings) {
            return Err(SmokeError::Findings(findings));
        }
        if plans.here.checks.is_empty() && plans.apart.checks.is_empty() {
            return Err(SmokeError::Usage(format!(
                "no check in `{folder}` is of that phase and machine"
            )));
        }
        Ok(plans)
    }
}

fn machine(args: &Args, stack: &Stack) -> Result<Option<MachineId>, SmokeError> {
    let Some(name) = &args.machine else {
        return Ok(None);
    };
    let found = stack.find_machine(name).ok_or_else(|| {
        let known: Vec<&str> = stack.machines.iter().map(|machine| machine.name.as_str()).collect();
        SmokeError::Usage(format!(
            "there is no machine `{name}`\n  hint: known machines: {}",
            known.join(", ")
        ))
    })?;
    Ok(Some(found))
}

fn prove(args: &Args, context: &Context, around: &mut Surroundings<'_>) -> Result<Summary, SmokeError> {
    let stack = around.stack;
    let machine = machine(args, stack)?;
    let plans = Plans::read(args, around, machine)?;
    if plans.here.checks.iter().any(|check| check.phase >= 2) {
        probe(args, around, machine)?;
    }
    // Whether it can be written is known before the checks take their time.
    let folder = args.report.as_deref().map(ReportFolder::at).transpose()?;
    let system = System {
        stack,
        podman: around.podman,
        addresses: around.addresses,
    };
    let groups: Vec<GroupId> = stack
        .groups()
        .filter(|(_, group)| machine.is_none_or(|machine| group.machine == machine))
        .map(|(id, _)| id)
        .collect();
    let looks = folder.is_some() || args.format == Format::Json;
    let mut reporter = reporter(args, around)?;
    let mut events = Vec::new();
    let mut failed = None;
    let (mut measured, mut not_measured) = (None, None);
    let mut tell = |event: &SmokeEvent| {
        for reporter in &mut reporter {
            if let Err(error) = reporter.event(event) {
                failed.get_or_insert(error);
            }
        }
        if folder.is_some() {
            events.push(event.clone());
        }
    };
    if looks {
        tell(&measure::look(&system, &groups));
    }
    let parts = Parts::new(&plans.here, &plans.apart);
    tell(&parts.started());
    let first = Runner {
        system,
        jobs: Jobs::default(),
    }
    .run(&plans.here, &mut |event| parts.here(event, &mut tell))?;
    if (looks || args.adopt) && !first.interrupted {
        match measure::resources(&system, &groups) {
            Ok(resources) => {
                if looks {
                    tell(&SmokeEvent::Measured(resources.clone()));
                }
                measured = Some(resources);
            }
            Err(error) => not_measured = Some(error),
        }
    }
    let mut not_apart = None;
    let mut summary = first;
    if !plans.apart.checks.is_empty() {
        let ran = apart(context, stack, &plans.apart, &mut |event| parts.apart(event, &mut tell));
        let second = ran.unwrap_or_else(|failure| {
            let reason = failure
                .message
                .clone()
                .unwrap_or_else(|| "the lab could not be made".to_owned());
            not_apart = failure.message;
            parts.skip(&plans.apart, &reason, &mut tell)
        });
        summary = parts.sum(first, second);
    }
    tell(&SmokeEvent::Summary(summary));
    drop(reporter);
    if let Some(reason) = not_apart {
        writeln!(around.err, "not checked: phase {TWO_HOSTS}: {reason}")?;
    }
    if let Some(error) = not_measured {
        writeln!(
            around.err,
            "warning: memory and processor time were not measured: {error}"
        )?;
    }
    if let Some(folder) = folder {
        folder.replace(&report::smoke::files(&events)?)?;
        writeln!(around.err, "report: {}", folder.path().join("index.html").display())?;
    }
    if args.adopt {
        let measured = measured.unwrap_or_default();
        adopt::write(context, stack, &measured).map_err(SmokeError::Adopt)?;
    }
    match failed {
        Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(summary),
    }
}

/// Runs checks in the lab, which is made for them where it is not there.
fn apart(context: &Context, stack: &Stack, plan: &Plan, emit: &mut dyn FnMut(&SmokeEvent)) -> Outcome<Summary> {
    if process::interrupted() {
        return Err(Failure::new(Exit::Interrupted, "interrupted"));
    }
    let borrowed = two_hosts::prepare(context, stack)?;
    let ran = context.hosts(stack, true).and_then(|hosts| {
        let running = Running {
            stack,
            hosts,
            lab: Some(lab::of(stack, &context.repository)?),
        };
        running.remove_probes(context);
        let runner = Runner {
            system: System {
                stack,
                podman: &running,
                addresses: &running,
            },
            jobs: Jobs::default(),
        };
        let summary = runner.run(plan, emit);
        summary.map_err(|error| Failure::new(Exit::Internal, error.to_string()))
    });
    borrowed.give_back(context, stack)?;
    ran
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
    let (color, verbose) = (around.color, around.verbose);
    let Some(path) = &args.output else {
        let out: &'o mut dyn Write = &mut *around.out;
        return Ok(vec![make(args.format, out, color, verbose)]);
    };
    let file = std::fs::File::create(path)
        .map_err(|error| SmokeError::File(format!("cannot write `{}`: {error}", path.display())))?;
    let to_file = make(args.format, std::io::BufWriter::new(file), false, verbose);
    Ok(vec![
        to_file,
        Box::new(Human::new(&mut *around.err, around.color_err, verbose)),
    ])
}

fn make<'o>(format: Format, out: impl Write + 'o, color: bool, verbose: bool) -> Box<dyn Reporter + 'o> {
    match format {
        Format::Human => Box::new(Human::new(out, color, verbose)),
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
