//! Entry point: parse, make Ctrl-C clean, run, exit.

use std::process::ExitCode;

use clap::Parser as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use xtask::cli::{self, Cli};
use xtask::host::system::process;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    stop_cleanly_on_signals();
    ExitCode::from(cli::run(&cli).code())
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
                #[expect(
                    clippy::exit,
                    reason = "the second signal means now, as the first where nothing is to be cleaned up"
                )]
                std::process::exit(cli::interrupted().code().into());
            }
            asked = true;
        }
    });
}
