//! `cargo xtask lab`: two hosts on one.

use clap::Subcommand;

use super::{Context, Failure, Outcome};
use crate::boot::lab::Lab;
use crate::host::lab::{self, LabError};
use crate::host::system::{lock, process};
use crate::report::exit::Exit;
use crate::stack::Stack;

/// Make two hosts on this one: two network namespaces, a link between them, a Podman in each
///
/// Each machine of the stack gets its own network with the machine's LAN address, and its own Podman with its own storage; the
/// images of this host are there to be used, not copied. No route leads out of the lab. `up`, `status`, `logs`, `restart`,
/// `smoke` and `down` work on it with `--lab`. Needs root.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask lab up                      makes the two hosts; nothing runs on them yet
  cargo xtask up --lab                    boots each machine's groups on its own host
  cargo xtask lab cut                     the link drops everything; connections stall
  cargo xtask status --lab                who is unreachable, and since when
  cargo xtask lab heal
  cargo xtask lab exec pc2 -- podman ps
  cargo xtask lab down                    leaves nothing, whatever state it is in")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Make the two hosts; does nothing where they are there
    Up,
    /// Kill all that runs on them, and remove them with their storage
    Down,
    /// Cut the link: packets are dropped, nobody is told
    Cut,
    /// Heal the link
    Heal,
    /// Show the two hosts and the link
    Status,
    /// Run a command on one of them; `podman` is that machine's there
    Exec {
        /// The machine
        #[arg(value_name = "MACHINE")]
        machine: String,
        /// The command and its arguments
        #[arg(
            value_name = "COMMAND",
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        command: Vec<String>,
    },
}

/// Runs it.
///
/// # Errors
/// When this is not root, the lab is not up, or a step fails.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let lab = lab::of(&stack, &context.repository)?;
    match &args.action {
        Action::Up => {
            up(&stack, &lab, context)?;
            Ok(Exit::Success)
        }
        Action::Down => {
            down(&stack, &lab, context)?;
            Ok(Exit::Success)
        }
        Action::Cut => {
            let changed = lab::cut(&lab)?;
            context.printer.step(
                "cut",
                if changed {
                    "the link"
                } else {
                    "the link was cut already"
                },
            );
            Ok(Exit::Success)
        }
        Action::Heal => {
            let changed = lab::heal(&lab)?;
            context.printer.step(
                "healed",
                if changed {
                    "the link"
                } else {
                    "the link was whole already"
                },
            );
            Ok(Exit::Success)
        }
        Action::Status => status(&lab, context),
        Action::Exec { machine, command } => exec(&lab, machine, command, context),
    }
}

/// Makes the lab; says whether it had to.
///
/// # Errors
/// When this is not root or a step fails.
pub fn up(stack: &Stack, lab: &Lab, context: &Context) -> Outcome<bool> {
    let printer = &context.printer;
    let _lock = lock::take(&stack.name, "lab up", |holder| {
        printer.note(format!("waiting for {holder}"));
    })?;
    let made = lab::up(lab, &context.podman())?;
    for machine in &lab.machines {
        let verb = if made { "made" } else { "there" };
        printer.step(verb, format!("{} at {}", machine.name, machine.address));
    }
    Ok(made)
}

/// Removes the lab, or whatever there is of it.
///
/// # Errors
/// When this is not root, or something does not go away.
pub fn down(stack: &Stack, lab: &Lab, context: &Context) -> Outcome<()> {
    let printer = &context.printer;
    let _lock = lock::take(&stack.name, "lab down", |holder| {
        printer.note(format!("waiting for {holder}"));
    })?;
    let removed = lab::down(lab)?;
    for what in &removed {
        printer.step("removed", what);
    }
    if removed.is_empty() {
        printer.note("nothing to remove");
    }
    Ok(())
}

fn status(lab: &Lab, context: &Context) -> Outcome {
    if !lab::is_up(lab) {
        context.printer.data("the lab is not up");
        return Ok(Exit::Findings);
    }
    let link = if lab::is_cut(lab)? { "cut" } else { "whole" };
    for machine in &lab.machines {
        let running = lab::program(machine, "podman", &context.repository)
            .args(["ps", "--quiet"])
            .read()?
            .lines()
            .count();
        context.printer.data(&format!(
            "{}  {}  network namespace {}, {running} containers, storage {}",
            machine.name,
            machine.address,
            machine.namespace,
            machine.storage().display()
        ));
    }
    context.printer.data(&format!("link  {link}"));
    Ok(Exit::Success)
}

fn exec(lab: &Lab, machine: &str, command: &[String], context: &Context) -> Outcome {
    let Some(found) = lab.machine(machine) else {
        let known: Vec<&str> = lab.machines.iter().map(|machine| machine.name.as_str()).collect();
        return Err(Failure::wrong_use(format!(
            "no machine is called `{machine}`\n  hint: machines are {}",
            known.join(", ")
        )));
    };
    lab::require_up(lab)?;
    let Some((name, arguments)) = command.split_first() else {
        return Err(Failure::wrong_use("no command is given"));
    };
    Err(lab::program(found, name, &context.repository)
        .args(arguments)
        .replace()
        .into())
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        match error {
            LabError::Process(error) => error.into(),
            LabError::Podman(error) => error.into(),
            LabError::File(error) => error.into(),
            LabError::Kernel { .. } | LabError::Stays(_) if process::interrupted() => Self::said(Exit::Interrupted),
            other @ (LabError::NotRoot | LabError::NotUp | LabError::Stack(_) | LabError::Taken(_)) => {
                Self::wrong_use(other.to_string())
            }
            other @ (LabError::Kernel { .. } | LabError::NoLink(_) | LabError::Stays(_)) => {
                Self::new(Exit::Tool, other.to_string())
            }
        }
    }
}
