//! `cargo xtask deploy`: have an engine of this host run the stack, for as long as the host is there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::conclusion::{Conclusion, unix_ms};
use super::select::Selection;
use super::up::{self, choose};
use super::{Context, Failure, Outcome, ownership, preflight};
use crate::boot::limits;
use crate::boot::session::{Chosen, WaitFor};
use crate::boot::units;
use crate::host::boot::deployment::{Deployment, Wanted};
use crate::host::boot::session::{Emit, Session};
use crate::host::boot::systemd::{self, OfSystemd, Systemd};
use crate::host::podman::Podman;
use crate::host::system::lock;
use crate::render::quadlet;
use crate::report::boot::BootReporter;
use crate::report::exit::Exit;
use crate::stack::{GroupId, MachineId, Stack};

/// Install the stack as units of systemd on this host, start them, and wait for the agents
///
/// The units are those that `render` writes below docker/quadlet, made from the stack as it is now: Podman's Quadlet (5.0 or newer)
/// makes services of them, which start with the host, start again what ends, and look after the health of each container. For root they
/// are units of the system, in /etc/containers/systemd; for anybody else of the user's systemd, in ~/.config/containers/systemd.
///
/// Running it again changes what has changed: a group whose unit or image is another one is started anew, a group that the stack does
/// not have any more is stopped and its unit removed, and all others are left alone. `status`, `logs`, `exec` and `smoke` look at what
/// runs, and `down` stops the units and removes them. A file that is not this stack's is never replaced. What `up` has started is to be
/// taken down first: names, addresses and volumes are the same.
///
/// Exit codes are those of `up`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask deploy --machine mainpc     this host is mainpc
  cargo xtask deploy                      both machines on this host
  cargo xtask deploy --dry-run            what would be written and started
  cargo xtask down                        stops all units, and removes them")]
pub struct Args {
    /// Only this machine
    #[arg(short, long, value_name = "MACHINE")]
    machine: Option<String>,
    /// What runs the stack
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE")]
    engine: Engine,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Give up waiting after this time [default: as for `up`]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// What to wait for
    #[arg(long, value_enum, default_value_t, value_name = "STATE")]
    wait: WaitFor,
    /// Exit with 1 if any required agent is not healthy in the end
    #[arg(long)]
    strict: bool,
    /// Take over what another checkout of the same stack name has on this host
    #[arg(long)]
    take_over: bool,
}

/// How long Podman may take to list secrets.
const QUERY: Duration = Duration::from_secs(60);

/// What runs the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Engine {
    /// systemd, by way of Podman's Quadlet
    #[default]
    Quadlet,
}

/// Runs it.
///
/// # Errors
/// When the stack is wrong, something speaks against it, or systemd or Podman fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let Engine::Quadlet = args.engine;
    let selection = Selection {
        machine: args.machine.clone(),
        ..Selection::default()
    };
    let asked = selection.machine(&stack)?;
    let machines = machines_of_this_host(context, &stack, asked)?;
    let systemd = Systemd::of_this_user();
    if let Some(lack) = systemd.lacks() {
        return Err(Failure::new(Exit::Findings, lack));
    }
    let lock = lock::take(&stack.name, "deploy", |holder| {
        context.printer.note(format!("waiting for {holder}"));
    })?;
    let hosts = context.hosts(&stack, false)?;
    let chosen = choose::choose(context, &stack, &hosts, &selection, false)?;
    let chosen = Chosen {
        groups: of_machines(&stack, &machines, chosen.groups),
        ..chosen
    };
    up::require_secrets(context, &stack, &chosen.groups)?;
    let podman = context.podman();
    require_kept_secrets(&podman, &stack, &chosen.groups)?;
    let containers = OfSystemd {
        systemd: &systemd,
        services: services(&stack, &chosen.groups),
    };
    let wanted = Wanted {
        stack: &stack,
        machines: &machines,
        groups: &chosen.groups,
        files: machines
            .iter()
            .flat_map(|machine| quadlet::units(&stack, *machine, Some(&stack.checkout)))
            .collect(),
        older: systemd::look(&podman, &stack, &chosen.groups)?,
    };
    let deployment = Deployment::plan(&wanted, &containers, args.take_over)?;
    if args.dry_run {
        return Ok(say(context, &deployment.steps(&wanted)));
    }
    for part in hosts.parts(&stack, &chosen.groups) {
        ownership::before_boot(context, &stack, &part, args.take_over, false)?;
        preflight::run(context, &stack, &part, deployment.running())?;
    }
    let (started, started_at_ms) = (Instant::now(), unix_ms());
    let session = Session {
        stack: &stack,
        hosts: &hosts,
        chosen: &chosen,
        wait: args.wait,
        limit: limits::of_boot(&stack, &chosen.groups, args.timeout),
        started,
    };
    let mut reporter = BootReporter::new(&context.printer, &stack, &chosen.groups);
    let start = |emit: &Emit<'_>| deployment.carry_out(&wanted, &containers, &podman, emit);
    let (created, booted) = session.run(start, &containers, lock, &mut reporter);
    reporter.finish();
    let created = created?;
    let conclusion = Conclusion {
        printer: &context.printer,
        stack: &stack,
        verb: "deployed",
        groups: &chosen.groups,
        without: &BTreeSet::new(),
        wait: args.wait,
        own_limit: args.timeout.is_some(),
        strict: args.strict,
        started,
        started_at_ms,
    };
    conclusion.say(&created, &booted, || {
        if systemd.ends_with_sessions() {
            context.printer.note(
                "units of this user end with the user's last session, and do not start with the host\n  hint: `loginctl enable-linger` \
                 changes both",
            );
        }
    })
}

/// The machines that are on this host: the one that is named, or all without a connection.
fn machines_of_this_host(context: &Context, stack: &Stack, asked: Option<MachineId>) -> Outcome<BTreeSet<MachineId>> {
    let ids = (0..stack.machines.len()).map(MachineId);
    let (here, elsewhere): (BTreeSet<MachineId>, BTreeSet<MachineId>) = ids
        .filter(|id| asked.is_none_or(|asked| asked == *id))
        .partition(|id| stack.machine(*id).connection.is_none());
    for id in elsewhere {
        let name = &stack.machine(id).name;
        let text = format!(
            "machine `{name}` is another host (`podman: {{connection: …}}`): units are installed on the host that runs them\n  hint: run \
             `cargo xtask deploy --machine {name}` there, where the stack has no connection for it"
        );
        if here.is_empty() {
            return Err(Failure::wrong_use(text));
        }
        context.printer.note(text);
    }
    Ok(here)
}

fn of_machines(stack: &Stack, machines: &BTreeSet<MachineId>, groups: Vec<GroupId>) -> Vec<GroupId> {
    let is_of = |group: &GroupId| machines.contains(&stack.group(*group).machine);
    groups.into_iter().filter(is_of).collect()
}

/// The service of each group.
fn services(stack: &Stack, groups: &[GroupId]) -> BTreeMap<GroupId, String> {
    let service = |group: &GroupId| (*group, units::service(&quadlet::container_file(stack, *group)));
    groups.iter().map(service).collect()
}

/// Fails where Podman does not keep a secret that a unit names; systemd would try to start its container for ever.
fn require_kept_secrets(podman: &Podman, stack: &Stack, groups: &[GroupId]) -> Outcome<()> {
    let files = groups
        .iter()
        .flat_map(|group| stack.group(*group).secrets.iter().map(|file| (*group, file)));
    let files: Vec<_> = files.collect();
    if files.is_empty() {
        return Ok(());
    }
    let listed = podman
        .command()
        .args(["secret", "ls", "--format", "{{.Name}}"])
        .limit(QUERY)
        .read()?;
    let kept: BTreeSet<&str> = listed.lines().map(str::trim).collect();
    let missing: BTreeSet<String> = files
        .into_iter()
        .map(|(group, file)| (stack.secret_name(group, file), &file.file))
        .filter(|(name, _)| !kept.contains(name.as_str()))
        .map(|(name, file)| format!("podman secret create {name} {}", file.escape_debug()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let commands: Vec<String> = missing.into_iter().collect();
    Err(Failure::new(
        Exit::Findings,
        format!(
            "units get their secrets from Podman, which does not keep these\n  hint: in the folder of the stack, as the user of the units:\n    {}",
            commands.join("\n    ")
        ),
    ))
}

/// Says what would be done.
fn say(context: &Context, steps: &[(&'static str, String)]) -> Exit {
    for (verb, what) in steps {
        context.printer.data(&format!("{verb} {what}\n"));
    }
    if steps.is_empty() {
        context
            .printer
            .note("nothing to do: every unit is as the stack has it, and runs");
    }
    Exit::Success
}
