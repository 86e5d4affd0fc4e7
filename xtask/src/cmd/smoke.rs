//! `cargo xtask smoke`: proves the plan's phases on the running stack.

mod about;
mod choose;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};

use self::choose::Plans;
use super::{Context, Failure, Outcome, adopt, two_hosts};
use crate::boot::lab::Lab;
use crate::boot::reach::Granted;
use crate::finding::Finding;
use crate::host::boot::supervisor_status;
use crate::host::lab;
use crate::host::leftovers::records::Records;
use crate::host::podman::hosts::Hosts;
use crate::host::smoke::check_files::CheckFileError;
use crate::host::smoke::measure;
use crate::host::smoke::report_folder::{ReportFolder, ReportFolderError};
use crate::host::smoke::runner::{Jobs, Runner};
use crate::host::smoke::system::{Addresses, Lan, PodmanCommand, System};
use crate::host::smoke::{history, last_run};
use crate::host::system::files;
use crate::host::system::network::Endpoint;
use crate::host::system::process::{self, Program};
use crate::report;
use crate::report::exit::Exit;
use crate::report::findings;
use crate::report::smoke::{Human, Json, Junit, Reporter};
use crate::smoke::SmokeEvent;
use crate::smoke::event::Summary;
use crate::smoke::last_run::LastRun;
use crate::smoke::parts::Parts;
use crate::smoke::{Outcome as CheckOutcome, Plan};
use crate::stack::model::Group;
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
  cargo xtask smoke --list                    every check: phase, kind, name, where it is defined
  cargo xtask smoke 'network has*' 'image has pyzmq and an ordinary user [vision]'
  cargo xtask smoke --failed                  those that did not pass when they were made last
  cargo xtask smoke --report smoke-report     and open smoke-report/index.html")]
pub struct Args {
    /// Only these checks, and those that must have passed before them: names as `--list` has them, with or without what stands in
    /// brackets; `*` is any text, `?` any character.
    #[arg(value_name = "NAME", conflicts_with = "failed")]
    pub names: Vec<String>,
    /// Only the checks that did not pass when they were made last.
    #[arg(long)]
    pub failed: bool,
    /// List the checks that are asked for, and make none.
    #[arg(long, conflicts_with_all = ["report", "output", "adopt", "soak", "lab"])]
    pub list: bool,
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
    /// Write the report to this file, whole, once all checks are made; lines for people then go to standard error.
    #[arg(long, visible_alias = "output-file", value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Also write index.html, one page for a browser, junit.xml, smoke.json and trace.json, the boot for Chrome's and Perfetto's viewers, to
    /// this folder. An earlier report in it is replaced as a whole; the page has the last 20 runs.
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
    if args.list {
        let read = machine(args, &stack).and_then(|machine| Plans::read(args, context, &stack, machine, false));
        let plans = read.map_err(|error| failure(error, context))?;
        return choose::list(args, context, &plans);
    }
    if let Some(file) = &args.output {
        context.require_file(file, Some(&stack.source_tree))?;
    }
    if let Some(folder) = &args.report {
        context.require_place(folder, Some(&stack.source_tree))?;
    }
    let outside = context.hosts(&stack, false)?;
    if !args.lab {
        let groups: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
        for part in outside.parts(&stack, &groups) {
            part.require_podman(&stack)?;
        }
    }
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
        Err(error) => Err(failure(error, context)),
    }
}

/// How the command ends where the checks did not run.
fn failure(error: SmokeError, context: &Context) -> Failure {
    match error {
        SmokeError::Findings(found) => {
            let printer = &context.printer;
            printer.styled(findings::human(&found, printer.color_err));
            Failure::said(Exit::WrongUse)
        }
        SmokeError::Usage(_) | SmokeError::Folder(ReportFolderError::Foreign { .. }) => {
            Failure::wrong_use(error.to_string())
        }
        SmokeError::Adopt(failure) => failure,
        SmokeError::NotUp { .. } => Failure::new(Exit::Findings, error.to_string()),
        _ => Failure::new(Exit::Internal, error.to_string()),
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
    let plans = Plans::read(args, context, stack, machine, around.addresses.lan().is_some())?;
    if plans.is_empty() && args.format == Format::Human && args.report.is_none() {
        context.printer.note("every check passed when it was made last");
        return Ok(Summary::default());
    }
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
    let groups = of_machine(stack, machine);
    let looks = folder.is_some() || args.format == Format::Json;
    let written = Written::default();
    let mut reporter = reporter(args, around, &written);
    let mut events = Vec::new();
    let mut failed = None;
    let (mut measured, mut not_measured) = (None, None);
    let mut last = last_run::read(&context.repository).unwrap_or_default();
    let mut annotations = Vec::new();
    let mut tell = |event: &SmokeEvent| {
        last.event(event);
        annotations.extend(annotation(event));
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
    written.put(args.output.as_deref())?;
    remember(context, &last, &annotations)?;
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
        write_report(&folder, &events, context, around)?;
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

/// Notes what did not pass, and shows it beside the job of a runner of GitHub.
fn remember(context: &Context, last: &LastRun, annotations: &[(String, String)]) -> Result<(), SmokeError> {
    for (title, text) in annotations {
        context.printer.annotation(title, text);
    }
    last_run::write(&context.repository, last).map_err(|error| SmokeError::File(error.to_string()))
}

/// Writes the report, and remembers the run for those that come.
fn write_report(
    folder: &ReportFolder,
    events: &[SmokeEvent],
    context: &Context,
    around: &mut Surroundings<'_>,
) -> Result<(), SmokeError> {
    let about = about::gather(context, around.stack, around.podman);
    let (files, runs) = report::smoke::files(events, about, history::read(&context.repository))?;
    folder.replace(&files)?;
    history::write(&context.repository, &runs).map_err(|error| SmokeError::File(error.to_string()))?;
    writeln!(around.err, "report: {}", folder.path().join("index.html").display())?;
    Ok(())
}

/// The groups of a machine, or all.
fn of_machine(stack: &Stack, machine: Option<MachineId>) -> Vec<GroupId> {
    let wanted = |group: &Group| machine.is_none_or(|machine| group.machine == machine);
    let groups = stack.groups().filter(|(_, group)| wanted(group));
    groups.map(|(id, _)| id).collect()
}

/// What a runner of GitHub shows of a check that failed.
fn annotation(event: &SmokeEvent) -> Option<(String, String)> {
    let SmokeEvent::Finished { check, outcome, .. } = event else {
        return None;
    };
    let CheckOutcome::Failed { expected, got, .. } = outcome else {
        return None;
    };
    let points = expected
        .iter()
        .zip(got)
        .map(|(expected, got)| format!("expected {expected}, got {got}"));
    let text = points.collect::<Vec<_>>().join("\n");
    Some((format!("smoke phase {}: {}", check.phase, check.name), text))
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
    for group in of_machine(around.stack, machine) {
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

/// What goes to a file, which is written at the end: it is whole, or as it was.
#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// Writes it, where it is to go to a file.
    fn put(&self, path: Option<&Path>) -> Result<(), SmokeError> {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        path.map_or(Ok(()), |path| files::write_there(path, &written))
            .map_err(|error| SmokeError::File(error.to_string()))
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn reporter<'o>(args: &Args, around: &'o mut Surroundings<'_>, written: &Written) -> Vec<Box<dyn Reporter + 'o>> {
    let (color, verbose) = (around.color, around.verbose);
    if args.output.is_none() {
        let out: &'o mut dyn Write = &mut *around.out;
        return vec![make(args.format, out, color, verbose)];
    }
    vec![
        make(args.format, written.clone(), false, verbose),
        Box::new(Human::new(&mut *around.err, around.color_err, verbose)),
    ]
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
