//! `cargo xtask deploy`: have an engine of this host run the stack, for as long as the host is there.

mod docker;
mod quadlet;

use std::collections::BTreeSet;
use std::time::Instant;

use super::conclusion::{Conclusion, unix_ms};
use super::{Context, Failure, Outcome};
use crate::boot::limits;
use crate::boot::session::{Chosen, WaitFor};
use crate::host::boot::session::{Containers, Emit, Session};
use crate::host::boot::{BootError, Created};
use crate::host::podman::hosts::Hosts;
use crate::host::system::lock::Lock;
use crate::report::boot::BootReporter;
use crate::report::exit::Exit;
use crate::stack::{GroupId, MachineId, Stack};

/// Have systemd or Docker run the stack on this host from now on, and wait for the agents
///
/// With `--engine quadlet`, the default, units are made from the stack as it is now: Podman's Quadlet (5.0 or newer) makes services of them,
/// which start with the host, start again what ends, and look after the health of each container. For root they are units of the system, in
/// /etc/containers/systemd; for anybody else of the user's systemd, in ~/.config/containers/systemd.
///
/// With `--engine docker`, Docker's Compose (2 or newer) gets the Compose files that `render` writes, with this host's addresses. Docker starts
/// again what ends, and all of it when it is started itself. Images that Podman has built and Docker lacks are handed over. The Docker is the
/// one that `docker` speaks to (DOCKER_HOST), on this host.
///
/// Running it again changes what has changed: a group whose definition or image is another one is started anew, a group that the stack does
/// not have any more is stopped and removed, and all others are left alone. `status`, `logs`, `exec`, `restart`, and with systemd `smoke`,
/// look at what runs, and `down` stops and removes it. What is not this stack's is never replaced. What `up` or the other engine has started is to be taken down first:
/// names and addresses are the same.
///
/// Exit codes are those of `up`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask deploy --machine mainpc     this host is mainpc
  cargo xtask deploy                      both machines on this host
  cargo xtask deploy --engine docker      by Docker
  cargo xtask deploy --dry-run            what would be written and started
  cargo xtask down                        stops all of it, and removes it")]
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

/// What runs the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Engine {
    /// systemd, by way of Podman's Quadlet
    #[default]
    Quadlet,
    /// Docker, by way of its Compose
    Docker,
}

/// Runs it.
///
/// # Errors
/// When the stack is wrong, something speaks against it, or the engine fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    match args.engine {
        Engine::Quadlet => quadlet::run(args, context),
        Engine::Docker => docker::run(args, context),
    }
}

/// A deployment that is about to begin.
struct Begun<'a> {
    args: &'a Args,
    context: &'a Context,
    stack: &'a Stack,
    hosts: &'a Hosts,
    chosen: &'a Chosen,
}

impl Begun<'_> {
    /// Starts everything, waits for the agents, and says how it ended; `besides` says more where it ended well.
    fn boot(
        &self,
        start: impl FnOnce(&Emit<'_>) -> Result<Created, BootError> + Send,
        containers: &dyn Containers,
        lock: Lock,
        besides: impl Fn(),
    ) -> Outcome {
        let Self {
            args,
            context,
            stack,
            hosts,
            chosen,
        } = self;
        let (started, started_at_ms) = (Instant::now(), unix_ms());
        let session = Session {
            stack,
            hosts,
            chosen,
            wait: args.wait,
            limit: limits::of_boot(stack, &chosen.groups, args.timeout),
            started,
        };
        let mut reporter = BootReporter::new(&context.printer, stack, &chosen.groups);
        let (created, booted) = session.run(start, containers, lock, &mut reporter);
        reporter.finish();
        let created = created?;
        let conclusion = Conclusion {
            printer: &context.printer,
            stack,
            verb: "deployed",
            groups: &chosen.groups,
            without: &BTreeSet::new(),
            wait: args.wait,
            own_limit: args.timeout.is_some(),
            strict: args.strict,
            started,
            started_at_ms,
        };
        conclusion.say(&created, &booted, besides)
    }
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
            "machine `{name}` is another host (`podman: {{connection: …}}`): it is deployed on the host that runs it\n  hint: run \
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

/// Says what would be done.
fn say(context: &Context, steps: &[(&'static str, String)]) -> Exit {
    for (verb, what) in steps {
        context.printer.data(&format!("{verb} {what}\n"));
    }
    if steps.is_empty() {
        context
            .printer
            .note("nothing to do: everything is as the stack has it, and runs");
    }
    Exit::Success
}
