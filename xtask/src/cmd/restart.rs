//! `cargo xtask restart`: one agent through its supervisor, or a group's container.

use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::select::{Named, Selection};
use super::{Context, Failure, Outcome, ownership};
use crate::boot::limits;
use crate::boot::restarted::Subject;
use crate::host::boot::restart::{Asked, Restarter};
use crate::host::system::{lock, parallel, process};
use crate::report::exit::Exit;
use crate::stack::Stack;

/// Restart agents, or the containers of groups
///
/// An agent is restarted by its supervisor, alone; a group with its container. "Restarted" is said once the supervisor shows the new
/// process, or the new supervisor answers.
///
/// Exit code 0 when all of them were restarted (and came to what `--wait` names); 1 when one was not, with the reason: it waits for
/// another agent, was given up again, or its group does not run; 2 for unknown names.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask restart TaskRouter
  cargo xtask restart TaskRouter --wait healthy
  cargo xtask restart vision tts-services")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// What to wait for, beyond the new process
    #[arg(long, value_enum, default_value_t, value_name = "STATE")]
    wait: WaitFor,
    /// Give up waiting after this time [default: what grace, start period and settling time add up to]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Take over what another checkout of the same stack name has on this host
    #[arg(long)]
    take_over: bool,
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum WaitFor {
    /// The new process runs
    #[default]
    Started,
    /// It answers
    Answering,
    /// It answers, and still does after the settling time
    Healthy,
}

/// Runs it.
///
/// # Errors
/// When a name is unknown, nothing is named, or Podman fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let printer = &context.printer;
    let subjects = what(args, &stack)?;
    let hosts = context.hosts(&stack, args.selection.lab)?;
    ownership::require_all(context, &stack, &hosts, "restart", args.take_over)?;
    let restarter = Restarter::new(&stack, &hosts);
    let asked = {
        let _lock = lock::take(&stack.name, "restart", |holder| {
            printer.note(format!("waiting for {holder}"));
        })?;
        parallel::map(subjects.len(), &subjects, |subject| restarter.ask(*subject))
    };
    // Whoever takes the stack down meanwhile does not wait for agents to come back.
    let results = parallel::map(asked.len(), &asked, |asked| match asked {
        Ok(asked) => restarter.see(asked, args.wait.into(), deadline(args, &stack, asked)),
        Err(why) => Err(why.clone()),
    });
    if process::interrupted() {
        printer.note("interrupted: what was asked for goes on\n  hint: `cargo xtask status` shows how");
        return Ok(Exit::Interrupted);
    }
    let mut failed = 0;
    for (subject, result) in subjects.iter().zip(results) {
        match result {
            Ok(done) => printer.step("restarted", done),
            Err(why) => {
                failed += 1;
                printer.error(format!("{} {why}", restarter.name(*subject)));
            }
        }
    }
    if failed > 0 && subjects.len() > 1 {
        printer.note(format!("{failed} of {} were not restarted as asked", subjects.len()));
    }
    Ok(if failed == 0 { Exit::Success } else { Exit::Findings })
}

/// What is to be restarted, each once.
fn what(args: &Args, stack: &Stack) -> Outcome<Vec<Subject>> {
    let named = args.selection.named(stack)?;
    let all: Vec<Subject> = if !named.is_empty() {
        let subject = |named| match named {
            Named::Group(group) => Subject::Group(group),
            Named::Agent(agent) => Subject::Agent(agent),
        };
        named.into_iter().map(subject).collect()
    } else if args.selection.machine.is_some() {
        args.selection.groups(stack)?.into_iter().map(Subject::Group).collect()
    } else {
        return Err(Failure::wrong_use(
            "name a group or an agent to restart\n  hint: `cargo xtask restart GROUP|AGENT`, or `--machine M` for all of a machine",
        ));
    };
    let with_its_group = |subject: &Subject| matches!(subject, Subject::Agent(id) if all.contains(&Subject::Group(stack.agent(*id).group)));
    let mut once: Vec<Subject> = Vec::new();
    for subject in all.iter().filter(|subject| !with_its_group(subject)) {
        if !once.contains(subject) {
            once.push(*subject);
        }
    }
    Ok(once)
}

fn deadline(args: &Args, stack: &Stack, asked: &Asked) -> Instant {
    let limit = args.timeout.map_or_else(
        || match asked.subject() {
            Subject::Agent(agent) => limits::restart(stack, agent),
            Subject::Group(group) => limits::boot(stack, &[group]),
        },
        Duration::from_secs,
    );
    Instant::now() + limit
}

impl From<WaitFor> for crate::host::boot::restart::Until {
    fn from(wait: WaitFor) -> Self {
        match wait {
            WaitFor::Started => Self::Started,
            WaitFor::Answering => Self::Answering,
            WaitFor::Healthy => Self::Healthy,
        }
    }
}
