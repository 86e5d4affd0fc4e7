//! `cargo xtask up`: boot the stack.

pub(super) mod choose;

use std::collections::BTreeSet;
use std::time::Instant;

use super::conclusion::{Conclusion, unix_ms};
use super::down::left_text;
use super::select::Selection;
use super::{Context, Failure, Outcome, ownership, preflight, send_images};
use crate::boot::creation::Runs;
use crate::boot::limits;
use crate::boot::session::{Chosen, WaitFor};
use crate::doctor::reboot;
use crate::finding::Severity;
use crate::host::boot::session::{self, Booted, Emit, OfPodman, Session};
use crate::host::boot::systemd;
use crate::host::boot::take_down::{self, Removal};
use crate::host::boot::{self, BootError, Created};
use crate::host::doctor::gather;
use crate::host::podman::hosts::{Hosts, Part, Place};
use crate::host::system::lock::{self, Lock};
use crate::host::system::process;
use crate::report::boot::BootReporter;
use crate::report::exit::Exit;
use crate::report::findings;
use crate::report::variants;
use crate::stack::{AgentId, GroupId, Stack};

/// Boot the stack: networks, volumes, pods and containers, all at once
///
/// Every supervisor starts an agent as soon as what that agent depends on answers, wherever it runs; one whose dependency was
/// given up is started without it and is degraded (`when_dependency_fails:` of the stack). The command returns as soon as nothing
/// changes any more: every required agent is healthy (it answered, and still did after the settling time), was given up, or waits
/// for one that will not come. It names what it waits for meanwhile, and what failed, by cause, the one with most consequences first.
/// Groups that the named ones wait for are started, too. What runs already as it should is left alone.
///
/// Exit code 0: every required agent is healthy; or agents failed, and all others that could start are healthy. Exit code 1: no
/// agent is healthy, a group could not be started or its own start-up check failed, the limit was reached; with `--strict` any
/// required agent that is not healthy.
///
/// Other commands may run while this one waits. Ctrl-C takes back what was begun while containers are being started; while
/// agents are waited for, it ends the wait, and everything runs on.
///
/// Everything that it makes carries a label with the folder of this checkout. What another checkout with the same stack name made is
/// not touched: the command stops and names that checkout, unless `--take-over` is given. It stops, too, where pods or networks of a
/// former name of the stack are there, where a network of that name has another subnet, and where volumes belong to another
/// user than `images: user:` (`--chown-volumes` gives them to that one).
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask up                          both machines on this host
  cargo xtask up --machine mainpc         one machine
  cargo xtask up --lab                    each machine on its own host of the lab
  cargo xtask up --wait answering         return as soon as every agent answers
  cargo xtask up --strict                 fail if any required agent is not healthy
  cargo xtask up --without VisionAgent    all but that agent; who waits for it starts without it
  cargo xtask up --verbose                with the last lines of what failed
  cargo xtask up --variant gpu-services=cpu
                                          not the variant that this host's devices would choose
  cargo xtask up --plain                  no agent is forked from a warm interpreter
  cargo xtask up vision                   one group, and those that it waits for
  cargo xtask up vision --no-deps         that group alone
  cargo xtask up --timeout 30")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Give up waiting after this time [default: what the start periods, the settling time and the chains of agents that wait for
    /// each other add up to, at least 120; agents within their own start period are waited for beyond that]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Start only the groups that are named, not those that their agents wait for
    #[arg(long)]
    no_deps: bool,
    /// What to wait for
    #[arg(long, value_enum, default_value_t, value_name = "STATE")]
    wait: WaitFor,
    /// Give every agent an interpreter of its own, whatever `start:` says; the next `up` without it replaces the containers
    #[arg(long)]
    plain: bool,
    /// Exit with 1 if any required agent is not healthy in the end
    #[arg(long)]
    strict: bool,
    /// Do not start this agent (may be given several times); the next `up` without it replaces its container
    #[arg(long, value_name = "AGENT")]
    without: Vec<String>,
    /// Take over what another checkout of the same stack name has on this host
    #[arg(long)]
    take_over: bool,
    /// Give the volumes' files to the user that agents run as, where they belong to another: after `images: user:` was changed. With
    /// `per_group: true` to the groups' users, while the stack is down
    #[arg(long)]
    chown_volumes: bool,
}

impl Args {
    /// All of the stack, in the lab.
    #[must_use]
    pub fn in_lab() -> Self {
        Self {
            selection: Selection {
                lab: true,
                ..Selection::default()
            },
            timeout: None,
            no_deps: false,
            wait: WaitFor::Healthy,
            plain: false,
            strict: true,
            without: Vec::new(),
            take_over: false,
            chown_volumes: false,
        }
    }
}

/// Runs it.
///
/// # Errors
/// When the stack is wrong, an image is missing, Podman fails, or a pre-flight check does.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let mut hosts = context.hosts(&stack, args.selection.lab)?;
    args.selection.groups(&stack)?;
    let without = left_out(&args.without, &stack)?;
    hosts.ask()?;
    let printer = &context.printer;
    let lock = lock::take(&stack.name, "up", |holder| {
        printer.note(format!("waiting for {holder}"));
    })?;
    let chosen = choose::choose(context, &stack, &hosts, &args.selection, args.no_deps)?;
    // Units are this host's; a lab has nothing of it.
    let parts = hosts.parts(&stack, &chosen.groups);
    for part in parts.iter().filter(|part| part.host.place == Place::Here) {
        systemd::require_none(&stack, &part.groups)?;
        part.require_podman(&stack)?;
    }
    require_secrets(context, &stack, &chosen.groups)?;
    for part in &hosts.parts(&stack, &chosen.groups) {
        ownership::before_boot(context, &stack, part, args.take_over, args.chown_volumes)?;
    }
    for line in variants::chosen(&stack, chosen.groups.iter().copied()) {
        printer.step("variant", line.replacen(": variant", ":", 1));
    }
    for line in variants::without_devices(&stack, chosen.groups.iter().copied()) {
        printer.note(line);
    }
    let served = prepare(context, &stack, &hosts, &chosen.groups)?;
    let job = Job {
        args,
        context,
        stack: &stack,
        hosts: &hosts,
        chosen: &chosen,
        without: &without,
        started: Instant::now(),
        started_at_ms: unix_ms(),
    };
    let (created, booted) = job.boot(served, lock);
    if booted.interrupted_early {
        let begun = created.unwrap_or_else(|_| Created {
            groups: chosen.groups.iter().copied().collect(),
            ..Created::default()
        });
        return take_back(context, &stack, &hosts.parts(&stack, &chosen.groups), &begun);
    }
    job.conclude(&created?, &booted)
}

/// Fails where a file that agents of these groups are to be given cannot be: before anything is changed.
pub(super) fn require_secrets(context: &Context, stack: &Stack, groups: &[GroupId]) -> Outcome<()> {
    let problems = stack.secret_problems(Some(groups), Severity::Error);
    if problems.is_empty() {
        return Ok(());
    }
    let printer = &context.printer;
    printer.styled(findings::human(&problems, printer.color_err));
    Err(Failure::said(Exit::Findings))
}

/// The agents that are not to be started.
fn left_out(names: &[String], stack: &Stack) -> Outcome<BTreeSet<AgentId>> {
    let mut agents = BTreeSet::new();
    for name in names {
        if stack.find_group(name).is_some() {
            return Err(Failure::wrong_use(format!(
                "`--without {name}` names a group\n  hint: name agents of it, or the groups that are to be started"
            )));
        }
        let one = Selection {
            names: vec![name.clone()],
            ..Selection::default()
        };
        agents.extend(one.agents(stack)?);
    }
    Ok(agents)
}

/// Sends images to other hosts, starts Podman's services, and looks for what would make the boot fail.
fn prepare(context: &Context, stack: &Stack, hosts: &Hosts, groups: &[GroupId]) -> Outcome<Hosts> {
    let printer = &context.printer;
    let parts = hosts.parts(stack, groups);
    for part in parts.iter().filter(|part| part.host.place == Place::Elsewhere) {
        send_images::provide(context, stack, part)?;
    }
    // As long as Podman is asked one thing after the other; the wait for health needs none.
    let mut served = hosts.clone();
    for error in served.serve().into_iter().filter(|_| !process::interrupted()) {
        printer.warn(format!(
            "every step runs a `podman` of its own, which takes longer: {error}"
        ));
    }
    for part in &served.parts(stack, groups) {
        preflight::run(context, stack, part, &BTreeSet::new())?;
    }
    for part in &parts {
        let missing = part.host.host.limits.missing();
        if !missing.is_empty() {
            printer.warn(format!(
                "no limits on {}: Podman can set only those whose cgroup controllers it has; without root, the ones of cgroups v2 that are \
                 delegated to the user",
                missing.join(", ")
            ));
        }
    }
    Ok(served)
}

/// One boot.
struct Job<'a> {
    args: &'a Args,
    context: &'a Context,
    stack: &'a Stack,
    hosts: &'a Hosts,
    chosen: &'a Chosen,
    /// Agents that are not to be started.
    without: &'a BTreeSet<AgentId>,
    started: Instant,
    started_at_ms: u64,
}

impl Job<'_> {
    /// Starts everything and waits.
    fn boot(&self, served: Hosts, lock: Lock) -> (Result<Created, BootError>, Booted) {
        let runs = Runs::Options {
            plain: self.args.plain,
            without: self.without.clone(),
        };
        let mut reporter = BootReporter::new(&self.context.printer, self.stack, &self.chosen.groups);
        let session = Session {
            stack: self.stack,
            hosts: self.hosts,
            chosen: self.chosen,
            wait: self.args.wait,
            limit: limits::of_boot(self.stack, &self.chosen.groups, self.args.timeout),
            started: self.started,
        };
        let start = |emit: &Emit<'_>| {
            // Podman's services live as long as they are asked.
            let served = served;
            session::start(self.stack, &served.parts(self.stack, &self.chosen.groups), &runs, emit)
        };
        let containers = OfPodman {
            stack: self.stack,
            hosts: self.hosts,
        };
        let how = session.run(start, &containers, lock, &mut reporter);
        reporter.finish();
        how
    }

    /// Says how it ended.
    fn conclude(&self, created: &Created, booted: &Booted) -> Outcome {
        let conclusion = Conclusion {
            printer: &self.context.printer,
            stack: self.stack,
            verb: "up",
            groups: &self.chosen.groups,
            without: self.without,
            wait: self.args.wait,
            own_limit: self.args.timeout.is_some(),
            strict: self.args.strict,
            started: self.started,
            started_at_ms: self.started_at_ms,
        };
        conclusion.say(created, booted, || self.say_what_returns(created))
    }

    /// Says that what was just made is not there after a reboot, on a host where systemd could see to it.
    fn say_what_returns(&self, created: &Created) {
        let note = reboot::note(&gather::reboot());
        if let Some(note) = note.filter(|_| !created.groups.is_empty()) {
            self.context.printer.note(note);
        }
    }
}

/// Removes what an interrupted boot created.
fn take_back(context: &Context, stack: &Stack, parts: &[Part<'_>], created: &Created) -> Outcome {
    process::resume();
    context.printer.note("interrupted: removing what was started");
    let _lock = lock::take(&stack.name, "up", |holder| {
        context.printer.note(format!("waiting for {holder}"));
    })?;
    let groups = created
        .groups
        .iter()
        .chain(&created.failed)
        .map(|group| stack.group(*group).name.clone())
        .collect();
    let removal = Removal {
        groups: Some(groups),
        machines: None,
        volumes: false,
    };
    for part in parts {
        let limit = limits::removal(stack);
        let removed = take_down::down(&part.host.podman, &stack.name, limit, &removal, &|_| {})?;
        for left in &removed.left {
            context.printer.error(left_text(left));
        }
        boot::remove_made_networks(&part.host.podman, &stack.name, &created.networks)?;
        if part.host.place == Place::Here {
            context.remove_leftovers(&part.host.podman, stack)?;
        }
    }
    Ok(Exit::Interrupted)
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Self {
        match error {
            BootError::Podman(error) => error.into(),
            BootError::Docker(error) => error.into(),
            other @ (BootError::Mount(..)
            | BootError::Names { .. }
            | BootError::Used { .. }
            | BootError::ByUp(_)
            | BootError::Files(..)
            | BootError::OthersUnits(..)
            | BootError::ByDocker(_)
            | BootError::OthersOnDocker(_)
            | BootError::ByUnits(..)) => Self::new(Exit::Findings, other.to_string()),
            other => Self::new(Exit::Tool, other.to_string()),
        }
    }
}
