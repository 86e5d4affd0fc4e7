//! By systemd, as units that Podman's Quadlet makes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Args, Begun, machines_of_this_host, of_machines, say};
use crate::boot::session::Chosen;
use crate::boot::units;
use crate::cmd::select::Selection;
use crate::cmd::up::{self, choose};
use crate::cmd::{Context, Failure, Outcome, ownership, preflight};
use crate::host::boot::deployment::{Deployment, Wanted};
use crate::host::boot::session::Emit;
use crate::host::boot::systemd::{self, OfSystemd, Systemd};
use crate::host::podman::Podman;
use crate::host::system::lock;
use crate::render::quadlet;
use crate::report::exit::Exit;
use crate::stack::{GroupId, Stack};

/// How long Podman may take to list secrets.
const QUERY: Duration = Duration::from_secs(60);

/// Runs it.
///
/// # Errors
/// When the stack is wrong, something speaks against it, or systemd or Podman fails.
pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
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
    for part in hosts.parts(&stack, &chosen.groups) {
        part.require_podman(&stack)?;
    }
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
    let begun = Begun {
        args,
        context,
        stack: &stack,
        hosts: &hosts,
        chosen: &chosen,
    };
    let start = |emit: &Emit<'_>| deployment.carry_out(&wanted, &containers, &podman, emit);
    begun.boot(start, &containers, lock, || {
        if systemd.ends_with_sessions() {
            context.printer.note(
                "units of this user end with the user's last session, and do not start with the host\n  hint: `loginctl enable-linger` \
                 changes both",
            );
        }
    })
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
