//! `cargo xtask man`: manual pages, one for each command.

use std::path::{Path, PathBuf};

use super::{Context, Failure, Outcome};
use crate::host::system::files;
use crate::program;
use crate::report::exit::Exit;
use crate::report::findings::counted;

/// Write the manual pages, one for each command, into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask man ~/.local/share/man/man1      and read them with `man xtask-audit`")]
pub struct Args {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Runs it for the whole command line, as it looks.
///
/// # Errors
/// When a page cannot be written.
pub fn run(args: &Args, context: &Context, mut command_line: clap::Command) -> Outcome {
    context.require_place(&args.folder, None)?;
    command_line.build();
    let count = write(&command_line, program::word(), &args.folder)?;
    context.printer.step(
        "wrote",
        format!("{} to `{}`", counted(count, "page"), args.folder.display()),
    );
    Ok(Exit::Success)
}

/// Writes the page of a command and those of the commands below it, and returns how many that are.
fn write(command: &clap::Command, name: &str, folder: &Path) -> Outcome<usize> {
    let mut page = Vec::new();
    // The command line wants a text that stays: it does until the process ends, which is soon.
    let title: &'static str = name.to_owned().leak();
    let titled = command.clone().name(title).display_name(title);
    clap_mangen::Man::new(titled)
        .source(program::name())
        .render(&mut page)
        .map_err(|error| Failure::new(Exit::Internal, format!("cannot make the page of `{name}`: {error}")))?;
    files::write(&folder.join(format!("{name}.1")), &page, false)?;
    let mut count = 1;
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        count += write(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(count)
}
