//! Long output on a terminal, in the pager that its user reads with.

use super::Context;
use crate::host::system::process::{self, Program};

/// The pager where nobody names one.
const USUAL: &str = "less";

/// Shows a text in a pager, with links where that lets them through, if standard output is a terminal that is too low for it, and there is a pager. False: nothing was shown.
pub fn show(context: &Context, text: &str, link: &dyn Fn(&str) -> String) -> bool {
    let Some(text) = context.printer.more_than_a_screen(text) else {
        return false;
    };
    let pager = match std::env::var("PAGER") {
        Ok(named) => named,
        Err(_) if process::on_path(USUAL).is_some() => USUAL.to_owned(),
        Err(_) => return false,
    };
    if matches!(pager.trim(), "" | "cat") {
        return false;
    }
    // As its user writes it: a program with options.
    // Of others it is not known whether they let links through.
    let text = if pager.starts_with(USUAL) { link(&text) } else { text };
    let mut program = Program::new("sh").args(["-c", &pager]).input(text);
    if std::env::var_os("LESS").is_none() {
        // Ends where all fits, shows colours, and leaves what was read on the screen.
        program = program.env("LESS", "FRX");
    }
    // Its user reads: Ctrl-C is the pager's.
    let _busy = process::Busy::new();
    // What the shell cannot start has shown nothing.
    program
        .on_terminal()
        .is_ok_and(|status| !matches!(status.code(), Some(126 | 127)))
}
