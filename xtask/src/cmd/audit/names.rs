//! Names of agents and files on the command line of `audit`.

use std::path::{Component, Path, PathBuf};

use super::seen::Seen;
use crate::audit::focus::Focus;
use crate::cmd::{Context, Failure, Outcome};
use crate::stack::near::nearest;
use crate::stack::{AgentId, MachineId, Stack};

/// What the names mean; nothing if there are none.
///
/// # Errors
/// When a name is neither an agent nor a file of the tree, or an agent of both machines.
pub fn focus(names: &[String], machine: Option<MachineId>, seen: &Seen, context: &Context) -> Outcome<Option<Focus>> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut focus = Focus::default();
    for name in names {
        match agents(name, machine, &seen.stack).as_slice() {
            [one] => focus.agents.push(*one),
            [] if name == context.repository.stack_file() => focus.other_files.push(name.clone()),
            [] => focus
                .files
                .push(file(name, seen, context).ok_or_else(|| unknown(name, seen))?),
            several => return Err(of_both(name, several, &seen.stack)),
        }
    }
    Ok(Some(focus))
}

/// Machine and name of an agent.
fn full_name(id: AgentId, stack: &Stack) -> String {
    let agent = stack.agent(id);
    format!("{}/{}", stack.machine(agent.machine).name, agent.name)
}

/// Agents with a name as `Executor` or `mainpc/MemoryManager`.
pub fn agents(name: &str, machine: Option<MachineId>, stack: &Stack) -> Vec<AgentId> {
    stack
        .agents()
        .filter(|(id, agent)| {
            machine.is_none_or(|machine| machine == agent.machine)
                && (agent.name == name || full_name(*id, stack) == name)
        })
        .map(|(id, _)| id)
        .collect()
}

/// The failure to choose between agents of one name.
pub fn of_both(name: &str, agents: &[AgentId], stack: &Stack) -> Failure {
    let all: Vec<String> = agents.iter().map(|id| format!("`{}`", full_name(*id, stack))).collect();
    Failure::wrong_use(format!(
        "`{name}` is an agent of both machines\n  hint: write {}",
        all.join(" or ")
    ))
}

/// A file or folder of the tree: as findings name it, relative to the tree, or from the working folder.
fn file(name: &str, seen: &Seen, context: &Context) -> Option<String> {
    let written = name.trim_end_matches('/');
    let written = written.strip_prefix("./").unwrap_or(written);
    let prefix = seen.stack.shown_prefix();
    let as_shown = written.strip_prefix(&prefix).filter(|_| !prefix.is_empty());
    let tree = context.tree_path(&seen.stack);
    let from_here = std::path::absolute(Path::new(name)).ok().and_then(|path| {
        let (path, tree) = (plain(&path), plain(&std::path::absolute(&tree).ok()?));
        Some(path.strip_prefix(&tree).ok()?.to_str()?.to_owned())
    });
    [as_shown.map(str::to_owned), Some(written.to_owned()), from_here]
        .into_iter()
        .flatten()
        .find(|path| path.is_empty() || seen.lists(path))
}

/// A path without `.` and `..`, by its letters alone.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn unknown(name: &str, seen: &Seen) -> Failure {
    let agents = seen.stack.agents().map(|(_, agent)| agent.name.as_str());
    let looks_like_a_file = name.contains('/') || name.contains('.');
    let near = if looks_like_a_file {
        nearest(name, seen.paths()).or_else(|| {
            let last = name.rsplit('/').next().unwrap_or(name);
            seen.paths().find(|path| path.rsplit('/').next() == Some(last))
        })
    } else {
        nearest(name, agents)
    };
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name an agent of a startup config, or a file of the tree".to_owned(),
    };
    Failure::wrong_use(format!(
        "no agent and no file of the tree is called `{name}`\n  hint: {hint}"
    ))
}
