//! `cargo xtask up`: boot the stack.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::select::Selection;
use super::{Context, Failure, Outcome, preflight, send_images};
use crate::boot::creation::Runs;
use crate::boot::critical_path::critical_path;
use crate::boot::view::{Progress, View};
use crate::host::boot::{self, BootError, BootEvent, Created, Removal};
use crate::host::hosts::{Part, Place};
use crate::host::watch::Watch;
use crate::host::{lock, parallel, process};
use crate::report::boot::{BootReporter, explain_unhealthy, path_text};
use crate::report::exit::Exit;
use crate::stack::{GroupId, Stack};

/// Boot the stack: networks, volumes, pods and containers, all at once
///
/// Every supervisor starts an agent as soon as what that agent depends on answers, wherever it runs. The command returns
/// when all required agents are healthy (they answered, and still did after the settling time), or at the timeout with the
/// reason for each that is not. What runs already as it should is left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask up                          both machines on this host
  cargo xtask up --machine mainpc         one machine
  cargo xtask up --lab                    each machine on its own host of the lab
  cargo xtask up --wait answering         return as soon as every agent answers
  cargo xtask up --plain                  no agent is forked from a warm interpreter
  cargo xtask up vision --timeout 30")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Give up waiting after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    /// What to wait for
    #[arg(long, value_enum, default_value_t, value_name = "STATE")]
    wait: WaitFor,
    /// Give every agent an interpreter of its own, whatever `start:` says; the next `up` without it replaces the containers
    #[arg(long)]
    plain: bool,
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
            timeout: 120,
            wait: WaitFor::Healthy,
            plain: false,
        }
    }
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum WaitFor {
    /// Every required agent answered, and still does after the settling time
    #[default]
    Healthy,
    /// Every required agent answered
    Answering,
    /// Containers run; return at once
    Nothing,
}

/// How often an interrupt is looked for while nothing else happens.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs it.
///
/// # Errors
/// When the stack is wrong, an image is missing, Podman fails, or a pre-flight check does.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let groups = args.selection.groups(&stack)?;
    let mut hosts = context.hosts(&stack, args.selection.lab)?;
    hosts.ask()?;
    let parts = hosts.parts(&stack, &groups);
    let printer = &context.printer;
    let _lock = lock::take(&stack.name, "up", |holder| {
        printer.note(format!("waiting for {holder}"));
    })?;
    for part in parts.iter().filter(|part| part.host.place == Place::Elsewhere) {
        send_images::provide(context, &stack, part)?;
    }
    // As long as Podman is asked one thing after the other; the wait for health needs none.
    let mut served = hosts.clone();
    for error in served.serve().into_iter().filter(|_| !process::interrupted()) {
        printer.warn(format!(
            "every step runs a `podman` of its own, which takes longer: {error}"
        ));
    }
    for part in &served.parts(&stack, &groups) {
        preflight::run(context, &stack, part)?;
    }
    if parts.iter().any(|part| !part.host.host.limits) {
        printer.warn(
            "no limits on memory and processes: Podman without root can set them only where cgroups v2 are delegated to the user",
        );
    }

    let runs = if args.plain { Runs::Plainly } else { Runs::Supervisor };
    let started = Instant::now();
    let started_at_ms = unix_ms();
    let reporter = Mutex::new(BootReporter::new(printer, &stack, &groups));
    let watch = (args.wait != WaitFor::Nothing)
        .then(|| Watch::start(groups.iter().map(|group| (*group, hosts.status(&stack, *group)))));
    let mut view = View::default();
    let gave_up = AtomicBool::new(false);
    // Agents come up while further containers are still being started, and are shown as they do.
    let (created, progress) = std::thread::scope(|scope| {
        let starting = scope.spawn(|| {
            let served = served;
            let parts = served.parts(&stack, &groups);
            let created = start(&stack, &parts, &runs, &|event| lock_reporter(&reporter).event(&event));
            if created.is_err() {
                gave_up.store(true, Ordering::Relaxed);
            }
            created
        });
        let progress = watch.as_ref().map_or(Progress::Healthy, |watch| {
            let follower = Follower {
                args,
                stack: &stack,
                groups: &groups,
                reporter: &reporter,
                gave_up: &gave_up,
                started,
            };
            follower.follow(watch, &mut view, &|| starting.is_finished())
        });
        let created = starting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (created, progress)
    });
    let created = match created {
        Ok(created) => created,
        Err(error) => {
            if process::interrupted() {
                let begun = Created {
                    groups: groups.iter().copied().collect(),
                    ..Created::default()
                };
                return take_back(context, &stack, &parts, &begun);
            }
            return Err(error.into());
        }
    };
    if process::interrupted() {
        drop(reporter);
        return take_back(context, &stack, &parts, &created);
    }
    let reporter = reporter.into_inner().unwrap_or_else(PoisonError::into_inner);
    reporter.finish();
    let Some(watch) = watch else {
        return Ok(if created.failed.is_empty() {
            Exit::Success
        } else {
            Exit::Tool
        });
    };
    drop(watch);
    if created.failed.is_empty() && progress == Progress::Healthy {
        if created.groups.is_empty() {
            printer.step("up", "nothing to do: everything runs and is healthy");
        } else {
            let path = critical_path(&stack, &view);
            printer.step(
                "up",
                path_text(
                    &stack,
                    &groups,
                    &path,
                    started_at_ms,
                    (args.wait == WaitFor::Healthy).then(|| started.elapsed()),
                ),
            );
        }
        return Ok(Exit::Success);
    }
    printer.error(explain_unhealthy(&stack, &view, &groups, started.elapsed()));
    Ok(Exit::Findings)
}

fn lock_reporter<'a, 'b>(reporter: &'a Mutex<BootReporter<'b>>) -> MutexGuard<'a, BootReporter<'b>> {
    reporter.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Follows a boot to its end.
struct Follower<'a, 'b> {
    args: &'a Args,
    stack: &'a Stack,
    groups: &'a [GroupId],
    reporter: &'a Mutex<BootReporter<'b>>,
    /// Podman could not start what is waited for.
    gave_up: &'a AtomicBool,
    started: Instant,
}

impl Follower<'_, '_> {
    /// Returns when what was asked for is there, when waiting longer changes nothing, or at the timeout. `all_started` says
    /// whether Podman is done: until then a group that does not answer is only late.
    fn follow(&self, watch: &Watch, view: &mut View, all_started: &dyn Fn() -> bool) -> Progress {
        let limit = Duration::from_secs(self.args.timeout);
        loop {
            let left = limit.saturating_sub(self.started.elapsed());
            if left.is_zero() || process::interrupted() || self.gave_up.load(Ordering::Relaxed) {
                return Progress::Pending;
            }
            if let Some((group, change)) = watch.next(left.min(GLANCE)) {
                match change {
                    Ok(status) => view.update(group, status),
                    Err(_) => view.forget(group),
                }
                lock_reporter(self.reporter).show(self.stack, view);
            }
            if !all_started() {
                continue;
            }
            let reporter = lock_reporter(self.reporter);
            let (lost, running): (Vec<GroupId>, Vec<GroupId>) = self
                .groups
                .iter()
                .copied()
                .partition(|group| reporter.has_failed(*group));
            drop(reporter);
            if self.args.wait == WaitFor::Answering && view.all_answer(&running) {
                return Progress::Healthy;
            }
            let progress = view.progress(self.stack, &running, &lost);
            if progress != Progress::Pending {
                return progress;
            }
        }
    }
}

/// Starts every part's groups, all hosts at once.
fn start(
    stack: &Stack,
    parts: &[Part<'_>],
    runs: &Runs,
    emit: &(dyn Fn(BootEvent) + Sync),
) -> Result<Created, BootError> {
    let mut all = Created::default();
    for created in parallel::map(parts.len(), parts, |part| {
        boot::up(&part.host.podman, stack, &part.groups, &part.host.host, runs, emit)
    }) {
        all.add(created?);
    }
    Ok(all)
}

/// Removes what an interrupted boot created.
fn take_back(context: &Context, stack: &Stack, parts: &[Part<'_>], created: &Created) -> Outcome {
    process::resume();
    context.printer.note("interrupted: removing what was started");
    let groups = created
        .groups
        .iter()
        .chain(&created.failed)
        .map(|group| stack.group(*group).name.clone())
        .collect();
    let grace = Duration::from_millis(stack.supervision.stop_grace_ms);
    let removal = Removal {
        groups: Some(groups),
        machines: None,
        volumes: false,
    };
    for part in parts {
        boot::down(&part.host.podman, &stack.name, grace, &removal, &|_| {})?;
        for network in &created.networks {
            // Another group of the machine may still use it, or it is another host's.
            let _ = part.host.podman.command().args(["network", "rm", network]).run();
        }
        if part.host.place == Place::Here {
            context.remove_leftovers(&part.host.podman, stack)?;
        }
    }
    Ok(Exit::Interrupted)
}

fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Self {
        match error {
            BootError::Podman(error) => error.into(),
            other => Self::new(Exit::Tool, other.to_string()),
        }
    }
}
