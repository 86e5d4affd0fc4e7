//! What `restart`, `stop` and `start` have in common: an order about agents or groups is given, and seen to be carried out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use contract::order::Order;

use super::select::{Named, Selection};
use super::{Context, Failure, Outcome, ownership};
use crate::boot::limits;
use crate::boot::orders::{Subject, participle};
use crate::host::boot::orders::{Operator, Seen, Until};
use crate::host::system::{lock, parallel, process};
use crate::report::exit::Exit;
use crate::stack::Stack;

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

impl From<WaitFor> for Until {
    fn from(wait: WaitFor) -> Self {
        match wait {
            WaitFor::Started => Self::Started,
            WaitFor::Answering => Self::Answering,
            WaitFor::Healthy => Self::Healthy,
        }
    }
}

/// What an order is about, and how it is given; the same for each order.
#[derive(Debug, clap::Args)]
pub struct Common {
    #[command(flatten)]
    selection: Selection,
    /// Give up waiting after this time [default: as long as the agents may take by their own settings]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Take over what another checkout of the same stack name has on this host
    #[arg(long)]
    take_over: bool,
}

/// Gives the order about all that is named, and waits until it is seen to be done; what is started, until it is as `wait` says.
///
/// # Errors
/// When a name is unknown, nothing is named, or Podman fails.
pub fn give(order: Order, given: &Common, wait: WaitFor, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let printer = &context.printer;
    let word = order.word();
    let subjects = subjects(order, &given.selection, &stack)?;
    let hosts = context.hosts(&stack, given.selection.lab)?;
    ownership::require_all(context, &stack, &hosts, word, given.take_over)?;
    let operator = Operator::new(&stack, &hosts, order);
    let asked = {
        let _lock = lock::take(&stack.name, word, |holder| {
            printer.note(format!("waiting for {holder}"));
        })?;
        parallel::map(subjects.len(), &subjects, |subject| operator.ask(*subject))
    };
    // Whoever takes the stack down meanwhile does not wait for agents to come back.
    let results = parallel::map(asked.len(), &asked, |asked| match asked {
        Ok(asked) => operator.see(
            asked,
            wait.into(),
            deadline(order, given.timeout, &stack, asked.subject()),
        ),
        Err(why) => Err(why.clone()),
    });
    if process::interrupted() {
        printer.note("interrupted: what was asked for goes on\n  hint: `cargo xtask status` shows how");
        return Ok(Exit::Interrupted);
    }
    let mut failed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (subject, result) in subjects.iter().zip(&results) {
        match result {
            Ok(Seen::Done(done)) => printer.step(participle(order), done),
            Ok(Seen::Already(why)) => printer.note(format!("{} {why}", operator.name(*subject))),
            Err(why) => failed.entry(why).or_default().push(operator.name(*subject)),
        }
    }
    // All agents of a group that does not run have one reason.
    for (why, names) in &failed {
        if let Some((first, others)) = names.split_first() {
            let others = match others.len() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            printer.error(format!("{first}{others} {why}"));
        }
    }
    let failed: usize = failed.values().map(Vec::len).sum();
    if failed > 0 && subjects.len() > 1 {
        let done = participle(order);
        printer.note(format!("{failed} of {} were not {done} as asked", subjects.len()));
    }
    Ok(if failed == 0 { Exit::Success } else { Exit::Findings })
}

/// What the order is about, each once. A group is restarted with its container, and stopped and started agent by agent.
fn subjects(order: Order, selection: &Selection, stack: &Stack) -> Outcome<Vec<Subject>> {
    let named = selection.named(stack)?;
    let all: Vec<Subject> = if !named.is_empty() {
        let subject = |named| match named {
            Named::Group(group) => Subject::Group(group),
            Named::Agent(agent) => Subject::Agent(agent),
        };
        named.into_iter().map(subject).collect()
    } else if selection.machine.is_some() {
        let groups = selection.groups(stack)?;
        groups.into_iter().map(Subject::Group).collect()
    } else {
        let word = order.word();
        return Err(Failure::wrong_use(format!(
            "name a group or an agent to {word}\n  hint: `cargo xtask {word} GROUP|AGENT`, or `--machine M` for all of a machine",
        )));
    };
    let with_its_group = |subject: &Subject| matches!(subject, Subject::Agent(id) if all.contains(&Subject::Group(stack.agent(*id).group)));
    let mut once: Vec<Subject> = Vec::new();
    for subject in all.iter().filter(|subject| !with_its_group(subject)) {
        for part in parts(order, *subject, stack) {
            if !once.contains(&part) {
                once.push(part);
            }
        }
    }
    Ok(once)
}

/// What an order about this is carried out on, one by one.
pub fn parts(order: Order, subject: Subject, stack: &Stack) -> Vec<Subject> {
    match subject {
        Subject::Group(group) if order != Order::Restart => {
            let agents = &stack.group(group).agents;
            agents.iter().copied().map(Subject::Agent).collect()
        }
        whole => vec![whole],
    }
}

/// Until when it is waited for; `timeout` is in seconds.
pub fn deadline(order: Order, timeout: Option<u64>, stack: &Stack, subject: Subject) -> Instant {
    let limit = timeout.map_or_else(
        || match (order, subject) {
            (_, Subject::Group(group)) => limits::boot(stack, &[group]),
            (Order::Stop, Subject::Agent(agent)) => limits::end(stack, agent),
            (_, Subject::Agent(agent)) => limits::restart(stack, agent),
        },
        Duration::from_secs,
    );
    Instant::now() + limit
}
