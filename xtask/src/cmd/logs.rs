//! `cargo xtask logs`: what groups and agents printed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use contract::status::AgentState;

use super::select::{Named, Selection};
use super::{Context, Failure, Outcome, ownership};
use crate::boot::standing::Standing;
use crate::boot::view::View;
use crate::host::boot::{group_containers, supervisor_status};
use crate::host::podman::hosts::Hosts;
use crate::host::system::parallel;
use crate::host::system::process::ProcessError;
use crate::report::exit::Exit;
use crate::stack::{AgentId, GroupId, Stack};

/// How long a supervisor may take to answer.
const LIMIT: Duration = Duration::from_secs(3);

/// Show what groups or agents printed
///
/// A group's log is its container's; an agent's is picked from it by the name that the supervisor puts before each line. A container
/// that was replaced or removed took its log with it.
///
/// Colours that agents print are kept where output has colour (`--color`), and left out otherwise; everything else that a terminal would
/// obey is shown as text, as in `\u{1b}`. `podman logs` gives the bytes as they are.
///
/// Exit code 0; 1 when a group that was named has no container, or no group has one; 2 for unknown names; 3 when Podman fails.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask logs core-services
  cargo xtask logs TaskRouter --tail 50
  cargo xtask logs --failed                     of agents that have failed or do not answer
  cargo xtask logs pc2/MemoryManager --follow")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Only the last lines of each container
    #[arg(long, value_name = "LINES", default_value_t = 200)]
    tail: usize,
    /// Only of agents that have failed, crashed or do not answer, and of groups whose container stopped
    #[arg(long)]
    failed: bool,
    /// Go on as more is printed, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
}

/// Runs it.
///
/// # Errors
/// When a name is unknown, nothing has a log, or Podman fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let mut named = args.selection.named(&stack)?;
    let mut groups = args.selection.groups(&stack)?;
    let hosts = context.hosts(&stack, args.selection.lab)?;
    ownership::tell(context, &stack, &hosts);
    let mut standing = group_containers::standing(&hosts, &stack, &groups)?;
    if args.failed {
        named = failed(&args.selection.agents(&stack)?, &stack, &hosts, &standing);
        let is_of = |group: GroupId, named: &Named| match named {
            Named::Group(id) => *id == group,
            Named::Agent(id) => stack.agent(*id).group == group,
        };
        groups.retain(|group| named.iter().any(|named| is_of(*group, named)));
        // That nothing runs at all is told as without the option.
        if named.is_empty() && standing.values().any(|standing| *standing != Standing::Absent) {
            context.printer.note("no agent has failed");
            return Ok(Exit::Success);
        }
        standing.retain(|group, _| named.is_empty() || groups.contains(group));
    }
    let there = with_a_log(args, context, &stack, &standing)?;
    let picked = Picked::new(&stack, &named);
    let printed = parallel::map(if args.follow { there.len() } else { 1 }, &there, |group| {
        show(args, context, &stack, &hosts, *group, &picked)
    });
    let mut silent = true;
    for result in printed {
        match result {
            Err(ProcessError::Interrupted { .. }) => return Ok(Exit::Interrupted),
            other => silent &= other? == 0,
        }
    }
    if silent && !args.follow {
        let who = if args.selection.names.is_empty() {
            "no container".to_owned()
        } else {
            format!("`{}`", args.selection.names.join("`, `"))
        };
        context.printer.note(format!("{who} has printed nothing"));
    }
    Ok(if there.len() < groups.len() && !args.selection.names.is_empty() {
        Exit::Findings
    } else {
        Exit::Success
    })
}

/// Agents of these that have failed, crashed or do not answer, and groups whose container stopped.
fn failed(
    agents: &BTreeSet<AgentId>,
    stack: &Stack,
    hosts: &Hosts,
    standing: &BTreeMap<GroupId, Standing>,
) -> Vec<Named> {
    let running: Vec<GroupId> = standing
        .iter()
        .filter(|(_, standing)| standing.runs())
        .map(|(id, _)| *id)
        .collect();
    let asked = parallel::map(running.len(), &running, |group| {
        supervisor_status::fetch(hosts.status(stack, *group), None, LIMIT)
    });
    let mut view = View::default();
    let mut named: Vec<Named> = Vec::new();
    for (group, answer) in running.iter().zip(asked) {
        match answer {
            Ok(snapshot) => view.update(*group, snapshot.status),
            Err(_) => named.push(Named::Group(*group)),
        }
    }
    let stopped = standing
        .iter()
        .filter(|(_, standing)| matches!(standing, Standing::Stopped { .. }));
    named.extend(stopped.map(|(group, _)| Named::Group(*group)));
    let is_failed = |id: &AgentId| {
        let state = view.state(stack, *id);
        matches!(state, Some(AgentState::Failed | AgentState::Backoff | AgentState::Mute))
    };
    named.extend(agents.iter().copied().filter(is_failed).map(Named::Agent));
    named
}

/// Groups that have a log; says which have none, and which do not run any more.
fn with_a_log(
    args: &Args,
    context: &Context,
    stack: &Stack,
    standing: &BTreeMap<GroupId, Standing>,
) -> Outcome<Vec<GroupId>> {
    let there: Vec<GroupId> = standing
        .iter()
        .filter(|(_, standing)| **standing != Standing::Absent)
        .map(|(group, _)| *group)
        .collect();
    let name = |group: &GroupId| stack.group(*group).name.as_str();
    if there.is_empty() {
        let names: Vec<&str> = standing.keys().map(name).collect();
        let what = match (args.selection.names.is_empty(), names.as_slice()) {
            (false, [one]) => format!("group `{one}` has no container, so there is no log\n  hint: `cargo xtask up {one}` starts it"),
            _ => "the stack does not run: no group has a container, so there is no log\n  hint: `cargo xtask up` starts it".to_owned(),
        };
        return Err(Failure::new(Exit::Findings, what));
    }
    for (group, standing) in standing {
        match standing {
            Standing::Running { .. } => {}
            Standing::Absent if args.selection.names.is_empty() => {}
            other => context
                .printer
                .note(format!("note: group `{}` {}", name(group), other.text())),
        }
    }
    Ok(there)
}

/// The agents whose lines are wanted.
struct Picked {
    /// What each of their lines begins with.
    prefixes: Vec<(GroupId, String)>,
    /// Groups that were named themselves, of which all lines are wanted.
    whole: Vec<GroupId>,
    all: bool,
}

impl Picked {
    fn new(stack: &Stack, named: &[Named]) -> Self {
        let mut picked = Self {
            prefixes: Vec::new(),
            whole: Vec::new(),
            all: named.is_empty(),
        };
        for named in named {
            match named {
                Named::Group(group) => picked.whole.push(*group),
                Named::Agent(id) => {
                    let agent = stack.agent(*id);
                    picked.prefixes.push((agent.group, format!("[{}] ", agent.name)));
                }
            }
        }
        picked
    }

    fn is_whole(&self, group: GroupId) -> bool {
        self.all || self.whole.contains(&group)
    }

    fn wants(&self, group: GroupId, line: &str) -> bool {
        self.is_whole(group)
            || self
                .prefixes
                .iter()
                .any(|(of, prefix)| *of == group && (line.starts_with(prefix) || line == prefix.trim_end()))
    }
}

/// Shows the log of one group; returns how many lines that were.
fn show(
    args: &Args,
    context: &Context,
    stack: &Stack,
    hosts: &Hosts,
    group: GroupId,
    picked: &Picked,
) -> Result<usize, ProcessError> {
    let mut command = hosts.of(stack.group(group).machine).client().args(["logs"]);
    // A tail counts lines of all agents, so an agent's own are counted here.
    if picked.is_whole(group) {
        command = command.arg(format!("--tail={}", args.tail));
    }
    if args.follow {
        command = command.arg("--follow").endless();
    }
    let mut kept = VecDeque::new();
    let mut shown = 0;
    let printed = command.arg(&stack.group(group).name).succeed(&mut |line| {
        if !picked.wants(group, line) {
            return;
        }
        if args.follow {
            shown += 1;
            context.printer.log_line(line);
            return;
        }
        if kept.len() == args.tail {
            kept.pop_front();
        }
        kept.push_back(line.to_owned());
    });
    for line in kept.iter().filter(|_| args.tail > 0) {
        shown += 1;
        context.printer.log_line(line);
    }
    printed.map(|_| shown)
}

#[cfg(test)]
mod tests {
    use super::Picked;
    use crate::cmd::select::Named;
    use crate::stack::fixture::Fixture;

    #[test]
    fn lines_are_those_of_the_agents_that_were_named() {
        let stack = Fixture::small().model();
        let core = stack.find_group("core").unwrap();
        let side = stack.find_group("side").unwrap();
        let alpha = stack.group(core).agents[0];
        let picked = Picked::new(&stack, &[Named::Agent(alpha)]);
        assert!(picked.wants(core, "[Alpha] hello") && picked.wants(core, "[Alpha]"));
        assert!(!picked.wants(core, "[AlphaTwo] hello") && !picked.wants(core, "[supervisor] [Alpha] x"));
        // A group that is named beside it comes whole, and the agent's own group does not.
        let both = Picked::new(&stack, &[Named::Agent(alpha), Named::Group(side)]);
        assert!(both.wants(side, "[supervisor] x") && !both.wants(core, "[supervisor] x"));
        assert!(Picked::new(&stack, &[]).wants(core, "anything"));
    }
}
