//! `cargo xtask completions`: a completion script.

use clap_complete::Shell;

use super::{Context, Outcome};
use crate::report::exit::Exit;

/// Print a completion script for a shell
///
/// Cargo aliases cannot be completed by themselves: the script completes the name `xtask`, for `alias xtask='cargo xtask'`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask completions bash > ~/.local/share/bash-completion/completions/xtask")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs it for the whole command line, as it looks.
///
/// # Errors
/// Never.
pub fn run(args: &Args, context: &Context, mut command_line: clap::Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command_line, "xtask", &mut script);
    context.printer.data(&String::from_utf8_lossy(&script));
    Ok(Exit::Success)
}
