//! `--setup`: install what this host lacks. Only ever run when asked for.

use super::{Context, Outcome, doctor};
use crate::host::doctor::{fix, packages};

/// Installs missing host packages, those of the tests too; prints each command before it runs.
///
/// # Errors
/// When the package manager fails.
pub fn run(context: &Context) -> Outcome<()> {
    let stack = context.stack()?;
    let facts = doctor::look(context, &stack);
    fix::install(&facts, &packages::missing(&facts), &mut |command| {
        context.printer.step("run", command);
    })?;
    Ok(())
}
