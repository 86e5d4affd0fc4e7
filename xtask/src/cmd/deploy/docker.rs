//! By Docker: Compose gets the files that `render` makes, with what is known of this host and with labels that say whose the containers are.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::time::Instant;

use super::{Args, Begun, machines_of_this_host, of_machines, say};
use crate::boot::docker as said_by_docker;
use crate::boot::session::Chosen;
use crate::cmd::select::Selection;
use crate::cmd::up::{self, choose};
use crate::cmd::{Context, Failure, Outcome, preflight};
use crate::host::boot::on_docker::{Deployment, OfDocker, Project, Wanted, compose_file};
use crate::host::boot::session::Emit;
use crate::host::boot::{BootError, folders, systemd};
use crate::host::docker::Docker;
use crate::host::docker::images::{self, Images, ImagesError};
use crate::host::podman::Podman;
use crate::host::podman::hosts::this_one;
use crate::host::system::files::FileError;
use crate::host::system::{lock, process};
use crate::render::compose::{self, Site};
use crate::report::exit::Exit;
use crate::report::findings::counted;
use crate::stack::{GroupId, MachineId, Stack};

/// Runs it.
///
/// # Errors
/// When the stack is wrong, something speaks against it, or Docker or Podman fails.
pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let selection = Selection {
        machine: args.machine.clone(),
        ..Selection::default()
    };
    let machines = machines_of_this_host(context, &stack, selection.machine(&stack)?)?;
    let docker = Docker::default();
    let compose = docker.require()?;
    let podman = process::on_path("podman").map(|_| context.podman());
    let lock = lock::take(&stack.name, "deploy", |holder| {
        context.printer.note(format!("waiting for {holder}"));
    })?;
    let mut hosts = context.hosts(&stack, false)?;
    hosts.give_to_docker(&machines, &docker);
    let chosen = choose::choose(context, &stack, &hosts, &selection, false)?;
    let chosen = Chosen {
        groups: of_machines(&stack, &machines, chosen.groups),
        ..chosen
    };
    up::require_secrets(context, &stack, &chosen.groups)?;
    require_no_podman(&stack, &chosen.groups, podman.as_ref())?;
    let names: BTreeSet<String> = chosen.groups.iter().map(|group| stack.group_image(*group)).collect();
    let names: Vec<String> = names.into_iter().collect();
    let mut images = images::look(&docker, podman.as_ref(), &names)?;
    let site = Site {
        addresses: this_one(&stack).lan_addresses,
        processors: docker.processors()?,
    };
    let planned = Wanted {
        take_over: args.take_over,
        images: &images.there.clone(),
        ..wanted(context, &stack, &machines, &chosen.groups, &site)
    };
    let deployment = Deployment::plan(&docker, &planned)?;
    for line in said_by_docker::lacks(&stack, &chosen.groups) {
        context.printer.warn(line);
    }
    warn_of_secrets(context, &stack, &chosen.groups);
    if args.dry_run {
        let mut steps: Vec<_> = images
            .lacking
            .iter()
            .map(|name| ("load", format!("image {name}")))
            .collect();
        steps.extend(deployment.steps(&stack));
        return Ok(say(context, &steps));
    }
    let there = deployment.there();
    let new = chosen.groups.iter().copied().filter(|group| !there.contains(group));
    preflight::require_free_ports(&stack, new, &site.addresses)?;
    context.repository.make_work()?;
    make_folders(context, &stack, &machines)?;
    hand_over(context, &docker, podman.as_ref(), &mut images)?;
    let wanted = Wanted {
        images: &images.there,
        ..planned
    };
    let begun = Begun {
        args,
        context,
        stack: &stack,
        hosts: &hosts,
        chosen: &chosen,
    };
    let containers = OfDocker {
        docker: &docker,
        stack: &stack,
    };
    let start = |emit: &Emit<'_>| deployment.carry_out(&docker, &compose, &wanted, emit);
    begun.boot(start, &containers, lock, || {
        // What Docker does not say now, it has next time, too.
        let removed = images::remove_replaced(&docker, &stack.name, &images.older).unwrap_or_default();
        if removed > 0 {
            context.printer.step(
                "removed",
                format!("{} that newer ones replaced", counted(removed, "image")),
            );
        }
    })
}

/// What Docker is to have; of images nothing is known yet.
fn wanted<'a>(
    context: &Context,
    stack: &'a Stack,
    machines: &BTreeSet<MachineId>,
    groups: &'a [GroupId],
    site: &Site,
) -> Wanted<'a> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    let (mut projects, mut digests) = (Vec::new(), BTreeMap::new());
    for machine in machines {
        let deployed = compose::deployed(stack, *machine, site);
        digests.extend(deployed.digests);
        projects.push(Project {
            machine: *machine,
            path: compose_file(&context.repository.work(), stack, *machine),
            name: deployed.project,
            text: deployed.text,
        });
    }
    Wanted {
        stack,
        projects,
        groups,
        digests,
        images: &NONE,
        take_over: false,
    }
}

/// Fails where Podman runs one of these groups, by `up` or as a unit: names, addresses and ports are the same.
fn require_no_podman(stack: &Stack, groups: &[GroupId], podman: Option<&Podman>) -> Outcome<()> {
    let Some(podman) = podman else { return Ok(()) };
    systemd::require_none(stack, groups)?;
    let pods: BTreeSet<String> = podman.pods(&stack.name)?.into_iter().map(|pod| pod.name).collect();
    let by_up = groups.iter().filter(|group| pods.contains(&stack.pod(**group)));
    let by_up: Vec<String> = by_up.map(|group| stack.group(*group).name.clone()).collect();
    if by_up.is_empty() {
        return Ok(());
    }
    Err(BootError::ByUp(by_up).into())
}

/// Says which files of secrets agents could not read: Docker mounts them as they are.
fn warn_of_secrets(context: &Context, stack: &Stack, groups: &[GroupId]) {
    let mut seen = BTreeSet::new();
    for id in groups {
        let (user, group) = stack.group_user(*id).unwrap_or((stack.images.uid, stack.images.uid));
        for file in &stack.group(*id).secrets {
            let path = Path::new(&stack.checkout).join(&file.file);
            let Ok(found) = path.metadata() else { continue };
            let mode = found.mode();
            let may = user == 0
                || mode & 0o004 != 0
                || (found.uid() == user && mode & 0o400 != 0)
                || (found.gid() == group && mode & 0o040 != 0);
            if !may && seen.insert(path.clone()) {
                context.printer.warn(format!(
                    "agents run as user {user} and cannot read `{}`, which Docker mounts as it is\n  hint: `chown {user} {0}`, or mode 0640 and group \
                     {group}",
                    path.display().to_string().escape_debug()
                ));
            }
        }
    }
}

/// Makes folders in the place of volumes that are missing, for the user that agents run as, and says which agents could not write.
fn make_folders(context: &Context, stack: &Stack, machines: &BTreeSet<MachineId>) -> Outcome<()> {
    let uid = stack.images.uid;
    for machine in machines {
        let (made, written) = folders::make(stack, *machine)?;
        for folder in made {
            context.printer.step("made", format!("folder {}", folder.display()));
            if nix::unistd::geteuid().is_root() {
                chown(&folder, Some(uid), Some(uid)).map_err(FileError::on("give away", &folder))?;
            }
            if stack.has_several_users() {
                let all = std::fs::Permissions::from_mode(0o1777);
                std::fs::set_permissions(&folder, all).map_err(FileError::on("open to all", &folder))?;
            }
        }
        for path in written.into_iter().filter_map(|volume| volume.mountpoint) {
            let Ok(found) = path.metadata() else { continue };
            if found.uid() != uid && found.mode() & 0o002 == 0 && uid != 0 {
                context.printer.warn(format!(
                    "agents run as user {uid} and could not write `{}`, which belongs to user {}\n  hint: `sudo chown --recursive {uid} {0}`",
                    path.display().to_string().escape_debug(),
                    found.uid()
                ));
            }
        }
    }
    Ok(())
}

/// Hands over to Docker what Podman has built and Docker has not.
fn hand_over(context: &Context, docker: &Docker, podman: Option<&Podman>, images: &mut Images) -> Outcome<()> {
    let Some(podman) = podman.filter(|_| !images.lacking.is_empty()) else {
        return Ok(());
    };
    let started = Instant::now();
    let many = counted(images.lacking.len(), "image");
    context.printer.step("saving", format!("{many} for Docker"));
    let loaded = images::hand_over(docker, podman, &context.repository, &images.lacking)?;
    images.there.extend(loaded);
    context
        .printer
        .step("loaded", format!("{many} in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(())
}

impl From<ImagesError> for Failure {
    fn from(error: ImagesError) -> Self {
        match error {
            ImagesError::Docker(error) => error.into(),
            ImagesError::File(error) => error.into(),
            ImagesError::Save(error) => error.into(),
            other @ (ImagesError::NotBuilt(_) | ImagesError::NotLoaded(_)) => Self::new(Exit::Tool, other.to_string()),
        }
    }
}
