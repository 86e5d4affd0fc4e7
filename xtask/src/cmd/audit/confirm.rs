//! `cargo xtask audit --confirm`: the predictions, proved by starting the agents.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Args;
use super::adopt::Target;
use super::args::Format;
use super::names;
use super::seen::Seen;
use crate::audit;
use crate::audit::confirm::adopt;
use crate::audit::confirm::event::{ConfirmEvent, Sight};
use crate::audit::confirm::{Layout, classify, judge};
use crate::cmd::{Context, Failure, Outcome};
use crate::host::podman::hosts;
use crate::host::system::files::FileError;
use crate::host::system::lock;
use crate::host::tree;
use crate::host::tree::confirm;
use crate::report::audit::confirm::{self as show, ConfirmReporter};
use crate::report::exit::Exit;
use crate::stack::model::UNGROUPED;
use crate::stack::near::nearest;
use crate::stack::{AgentId, MachineId, Stack};

/// Longest time that an agent is given, whatever start period the tree writes.
const LIMIT_SECONDS: u64 = 60;

/// Starts the named agents, or all, each alone, and sets what is seen against what is predicted.
pub fn run(args: &Args, names: &[String], context: &Context, seen: Seen) -> Outcome {
    let (json, printer) = (args.on_stdout() == Some(Format::Json), &context.printer);
    let stack = &seen.stack.clone();
    let target = args.adopt.then(|| Target::of(&seen, context)).transpose()?;
    let scope = args.scope(Some(stack))?;
    let all: Vec<String> = names.iter().chain(&args.names).cloned().collect();
    let named = named(&all, scope.machine, stack)?;
    let prefix = stack.shown_prefix();
    let mut reports = seen.with_input(scope, None, audit::audit).by_itself;
    reports.retain(|report| named.as_ref().is_none_or(|named| named.contains(&report.id)));
    let (homeless, reports): (Vec<_>, Vec<_>) = reports.into_iter().partition(|report| report.group == UNGROUPED);
    for report in homeless {
        printer.warn(format!(
            "`{}/{}` is in no group, so that it has no image and cannot be started",
            report.machine, report.name
        ));
    }
    if reports.is_empty() {
        return Err(Failure::wrong_use(
            "there is no agent to start\n  hint: leave out `--machine`, `--group` or a name",
        ));
    }
    let _lock = lock::take(&stack.name, "audit --confirm", |holder| {
        printer.note(format!("waiting for {holder}"));
    })?;
    let agents: Vec<AgentId> = reports.iter().map(|report| report.id).collect();
    // Without links of its own: what is mounted is what was opened.
    let tree = context.tree_path(stack);
    let tree = tree.canonicalize().map_err(FileError::on("open", &tree))?;
    let tree = tree::open(&tree)?;
    let host = hosts::this_one(stack);
    if !(host.limits.memory && host.limits.processes) {
        printer.warn(format!(
            "this host sets no limits of {}: the agents may take what there is",
            host.limits.missing().join(", ")
        ));
    }
    let limit = Duration::from_secs(args.confirm_timeout.unwrap_or(LIMIT_SECONDS));
    let reporter = Mutex::new(ConfirmReporter::new(printer, stack, agents.len()));
    let seen: Mutex<Vec<(AgentId, Sight)>> = Mutex::default();
    confirm::run(&context.podman(), stack, &tree, &agents, (&host, limit), &|event| {
        reporter.lock().unwrap_or_else(PoisonError::into_inner).event(&event);
        if let ConfirmEvent::Finished(agent, result) = event {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push((agent, result));
        }
    })?;
    drop(reporter);
    let mut seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (mut verdicts, mut unknown, mut adopted) = (Vec::new(), Vec::new(), Vec::new());
    for report in reports {
        let found = seen.iter().position(|(agent, _)| *agent == report.id);
        match found.map(|index| seen.swap_remove(index).1) {
            Some(Ok(observation)) => {
                let layout = Layout::of(stack, report.id, &prefix);
                let seen = classify(&observation, &layout);
                adopted.extend(adopt::adopt(stack, report.id, &observation, &seen));
                verdicts.push(judge(report, seen));
            }
            Some(Err(why)) => unknown.push(format!("`{}/{}`: {why}", report.machine, report.name)),
            None => unknown.push(format!("`{}/{}`: it was not started", report.machine, report.name)),
        }
    }
    if json {
        context.print_json(&show::document(&stack.source_tree, &verdicts))?;
        printer.note(show::headline(&verdicts));
    } else {
        printer.data(&show::human(&verdicts, printer.color_out));
    }
    if let Some(target) = target {
        target.adopt(&adopted, stack, args.diff, context)?;
    }
    if !unknown.is_empty() {
        return Err(Failure::new(
            Exit::Tool,
            format!("cannot say what becomes of\n  {}", unknown.join("\n  ")),
        ));
    }
    Ok(if verdicts.iter().all(|verdict| verdict.differs.is_none()) {
        Exit::Success
    } else {
        Exit::Findings
    })
}

/// The agents behind names as `Executor` or `mainpc/MemoryManager`; none where no name is given.
fn named(names: &[String], machine: Option<MachineId>, stack: &Stack) -> Outcome<Option<Vec<AgentId>>> {
    if names.is_empty() {
        return Ok(None);
    }
    names
        .iter()
        .map(|name| find(name, machine, stack))
        .collect::<Outcome<_>>()
        .map(Some)
}

/// The agent behind a name as `Executor` or `mainpc/MemoryManager`.
pub fn find(name: &str, machine: Option<MachineId>, stack: &Stack) -> Outcome<AgentId> {
    let found = names::agents(name, machine, stack);
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let short = name.rsplit('/').next().unwrap_or(name);
            let known = stack
                .agents()
                .filter(|(_, agent)| machine.is_none_or(|machine| machine == agent.machine))
                .map(|(_, agent)| agent.name.as_str());
            let hint = match nearest(short, known) {
                Some(near) if near != short => format!("did you mean `{near}`?"),
                _ => "`cargo xtask audit --format json` lists them".to_owned(),
            };
            let on = machine.map_or_else(String::new, |id| format!(" on `{}`", stack.machine(id).name));
            Err(Failure::wrong_use(format!(
                "no agent is called `{name}`{on}\n  hint: {hint}"
            )))
        }
        several => Err(names::of_both(name, several, stack)),
    }
}
