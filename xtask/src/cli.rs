//! The command line: what it looks like and which command runs.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cmd::{self, Context, Failure, GlobalOptions, Outcome};
use crate::host::system::process;
use crate::program;
use crate::report::dashboard::screen;
use crate::report::exit::Exit;

/// Audit, render, build, boot and smoke-test a Python multi-agent system in Podman
#[derive(Debug, Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    version,
    after_help = "Exit codes: 0 all is well; 1 findings, failing checks or unhealthy agents; 2 wrong use or configuration;
3 an external program failed; 4 a file of this host cannot be read or written; 130 interrupted by Ctrl-C; 143 by SIGTERM."
)]
pub struct Cli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(cmd::init::Args),
    Audit(Box<cmd::audit::Args>),
    Graph(cmd::graph::Args),
    Doctor(cmd::doctor::Args),
    Render(cmd::render::Args),
    Lock(cmd::lock::Args),
    BuildImages(cmd::build_images::Args),
    Images(cmd::images::Args),
    Up(cmd::up::Args),
    Deploy(cmd::deploy::Args),
    Status(cmd::status::Args),
    Ui(cmd::ui::Args),
    Logs(cmd::logs::Args),
    Exec(cmd::exec::Args),
    Restart(cmd::restart::Args),
    Stop(cmd::stop::Args),
    Start(cmd::start::Args),
    Smoke(cmd::smoke::Args),
    Down(cmd::down::Args),
    Lab(cmd::lab::Args),
    Ci(cmd::ci::Args),
    Test(cmd::test::Args),
    Bench(cmd::bench::Args),
    Faults(cmd::faults::Args),
    Fuzz(cmd::fuzz::Args),
    Completions(cmd::completions::Args),
    Man(cmd::man::Args),
}

impl Command {
    /// Whether it does something useful where there is no stack; it says itself what it needs one for.
    fn needs_no_stack(&self) -> bool {
        matches!(
            self,
            Self::Init(_) | Self::Audit(_) | Self::Graph(_) | Self::Doctor(_) | Self::Completions(_) | Self::Man(_)
        )
    }
}

/// The whole program: parses the command line, makes Ctrl-C clean, runs the command.
#[must_use]
pub fn main() -> ExitCode {
    program::called_by(&std::env::args_os().next().map(PathBuf::from).unwrap_or_default());
    let matches = command_line().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    stop_cleanly_on_signals();
    ExitCode::from(run(&cli).code())
}

/// The first Ctrl-C (or SIGTERM) stops the programs that run and lets the command clean up, if there is anything; the second ends at once.
fn stop_cleanly_on_signals() {
    // Without a handler the default action ends the process, which is no worse than not running at all.
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else {
        return;
    };
    std::thread::spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            let now = asked || process::can_be_left();
            process::interrupt_by(signal == SIGTERM);
            if now {
                screen::restore();
                #[expect(
                    clippy::exit,
                    reason = "the second signal means now, as the first where nothing is to be cleaned up"
                )]
                std::process::exit(interrupted().code().into());
            }
            asked = true;
        }
    });
}

/// The command line, with the name that the program was called by in all its help.
fn command_line() -> clap::Command {
    let line = Cli::command();
    let called = program::name();
    if line.get_bin_name() == Some(called) {
        return line;
    }
    with_name(line).name(called).bin_name(called)
}

fn with_name(line: clap::Command) -> clap::Command {
    // Beside what is installed, the stack is where it mostly is.
    let named = |text: Option<&clap::builder::StyledStr>| {
        text.map(|text| program::named(&text.to_string()).replace("config/stack.yaml", "stack.yaml"))
    };
    let (about, long_about, after) = (
        named(line.get_about()),
        named(line.get_long_about()),
        named(line.get_after_help()),
    );
    let line = line.mut_args(|arg| {
        let (help, long) = (named(arg.get_help()), named(arg.get_long_help()));
        let arg = match help {
            Some(help) => arg.help(help),
            None => arg,
        };
        match long {
            Some(long) => arg.long_help(long),
            None => arg,
        }
    });
    let line = match about {
        Some(about) => line.about(about),
        None => line,
    };
    let line = match long_about {
        Some(about) => line.long_about(about),
        None => line,
    };
    let line = match after {
        Some(after) => line.after_help(after),
        None => line,
    };
    line.mut_subcommands(with_name)
}

/// Runs a parsed command line to its end; says why where it fails.
#[must_use]
pub fn run(cli: &Cli) -> Exit {
    let output = match &cli.command {
        Command::Render(args) => args.output(),
        _ => None,
    };
    let context = match Context::new(&cli.options, output) {
        Ok(context) => context,
        Err(failure) => {
            let printer = crate::report::printer::Printer::new(cli.options.color, false, false);
            return say(&printer, failure);
        }
    };
    let exit = cli
        .run_command(&context)
        .unwrap_or_else(|failure| say(&context.printer, failure));
    let exit = if exit == Exit::Interrupted { interrupted() } else { exit };
    match (exit, context.printer.lost()) {
        (Exit::Success | Exit::Findings, Some(reason)) => {
            let message = format!("cannot write to standard output: {reason}");
            say(&context.printer, Failure::new(Exit::Internal, message))
        }
        (exit, _) => exit,
    }
}

/// How a command ends that was told to stop.
#[must_use]
pub fn interrupted() -> Exit {
    if process::terminated() {
        Exit::Terminated
    } else {
        Exit::Interrupted
    }
}

impl Cli {
    /// Runs the command in a context that is there already.
    ///
    /// # Errors
    /// As the command does.
    pub fn run_command(&self, context: &Context) -> Outcome {
        if !self.command.needs_no_stack() {
            context.require_stack()?;
        }
        match &self.command {
            Command::Init(args) => cmd::init::run(args, context),
            Command::Audit(args) => cmd::audit::run(args, context),
            Command::Graph(args) => cmd::graph::run(args, context),
            Command::Doctor(args) => cmd::doctor::run(args, context),
            Command::Render(args) => cmd::render::run(args, context),
            Command::Lock(args) => cmd::lock::run(args, context),
            Command::BuildImages(args) => cmd::build_images::run(args, context),
            Command::Images(args) => cmd::images::run(args, context),
            Command::Up(args) => cmd::up::run(args, context),
            Command::Deploy(args) => cmd::deploy::run(args, context),
            Command::Status(args) => cmd::status::run(args, context),
            Command::Ui(args) => cmd::ui::run(args, context),
            Command::Logs(args) => cmd::logs::run(args, context),
            Command::Exec(args) => cmd::exec::run(args, context),
            Command::Restart(args) => cmd::restart::run(args, context),
            Command::Stop(args) => cmd::stop::run(args, context),
            Command::Start(args) => cmd::start::run(args, context),
            Command::Smoke(args) => cmd::smoke::run(args, context),
            Command::Down(args) => cmd::down::run(args, context),
            Command::Lab(args) => cmd::lab::run(args, context),
            Command::Ci(args) => cmd::ci::run(args, context, &run_words),
            Command::Test(args) => cmd::test::run(args, context),
            Command::Faults(args) => cmd::faults::run(args, context),
            Command::Fuzz(args) => cmd::fuzz::run(args, context),
            Command::Bench(args) => cmd::bench::run(args, context),
            Command::Completions(args) => cmd::completions::run(args, context, command_line()),
            Command::Man(args) => cmd::man::run(args, context, command_line()),
        }
    }
}

/// Runs another command line, as `ci` does with its steps.
fn run_words(words: &[&OsStr], context: &Context) -> Outcome {
    Cli::try_parse_from(std::iter::once(&OsStr::new("xtask")).chain(words))
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?
        .run_command(context)
}

fn say(printer: &crate::report::printer::Printer, failure: Failure) -> Exit {
    if let Some(message) = failure.message {
        printer.error(message);
    }
    failure.exit
}
