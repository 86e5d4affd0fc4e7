//! `cargo xtask exec`: a program in a group's container, run as an agent is.

use std::ffi::OsString;
use std::io::IsTerminal as _;

use super::select::{Named, Selection};
use super::{Context, Failure, Outcome, ownership};
use crate::boot::standing::Standing;
use crate::container::command::config_path;
use crate::container::layout::SUPERVISOR;
use crate::host::boot::group_containers;
use crate::report::exit::Exit;

/// Run a program in a group's container, with an agent's environment and folder
///
/// Of an agent, it gets what that agent gets: the stack's variables, its own, and its secrets; of a group, what all its agents get. Standard
/// input is handed on, and a terminal where this command has one.
///
/// Exit code: the program's; 1 when the container does not run; 2 for unknown names; 127 when the container has no such program.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask exec TaskRouter -- env
  cargo xtask exec TaskRouter -- python3 -c 'import zmq; print(zmq.__version__)'
  cargo xtask exec vision -- sh
  cargo xtask exec pc2/MemoryManager -- ls -l data < /dev/null")]
pub struct Args {
    /// Group, or agent (`MemoryManager`, `pc2/MemoryManager`)
    #[arg(value_name = "GROUP|AGENT")]
    name: String,
    /// In the lab, which `cargo xtask lab up` makes
    #[arg(long)]
    lab: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs it. What runs then takes the place of this program, so that signals, the terminal and the exit code are its own.
///
/// # Errors
/// When the name is unknown, the container does not run, or Podman cannot be started.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let selection = Selection {
        lab: args.lab,
        names: vec![args.name.clone()],
        ..Selection::default()
    };
    let named = selection.named(&stack)?;
    let (group, agent) = match named.first() {
        Some(Named::Agent(id)) => (stack.agent(*id).group, Some(stack.agent(*id).name.as_str())),
        Some(Named::Group(id)) => (*id, None),
        None => return Err(Failure::wrong_use("name a group or an agent")),
    };
    let hosts = context.hosts(&stack, args.lab)?;
    ownership::tell(context, &stack, &hosts);
    let name = &stack.group(group).name;
    let standing = group_containers::standing(&hosts, &stack, &[group])?.remove(&group);
    let standing = standing.unwrap_or(Standing::Absent);
    if !standing.runs() {
        let why = format!(
            "group `{name}` {}\n  hint: `cargo xtask up {name}` starts it",
            standing.text()
        );
        return Err(Failure::new(Exit::Findings, why));
    }
    let mut program = hosts
        .of(stack.group(group).machine)
        .client()
        .args(["exec", "--interactive"]);
    if std::io::stdin().is_terminal() && context.printer.is_terminal() {
        program = program.arg("--tty");
    }
    program = program.args([name, SUPERVISOR, "exec", "--config", &config_path(&stack, group)]);
    if let Some(agent) = agent {
        program = program.args(["--agent", agent]);
    }
    Err(program.arg("--").args(&args.command).replace().into())
}
