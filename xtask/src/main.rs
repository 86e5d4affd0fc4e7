//! Entry point: parse, make Ctrl-C clean, run, exit.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser as _;
use xtask::cli::{self, Cli};
use xtask::host::process;
use xtask::report::exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    stop_cleanly_on_signals();
    ExitCode::from(cli::run(&cli).code())
}

/// The first Ctrl-C (or SIGTERM) stops the programs that run and lets the command clean up; the second ends at once.
fn stop_cleanly_on_signals() {
    static ASKED: AtomicBool = AtomicBool::new(false);
    // Without a handler the default action ends the process, which is no worse than not running at all.
    let _ = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            #[expect(clippy::exit, reason = "the second signal means now")]
            std::process::exit(Exit::Interrupted.code().into());
        }
        process::interrupt();
    });
}
