//! `--setup`: install what this host lacks. Only ever run when asked for.

use super::{Context, Outcome, doctor};
use crate::doctor::packages;
use crate::host::doctor::fix;

/// Installs those of these host packages that are missing; prints each command before it runs.
///
/// # Errors
/// When the package manager fails.
pub fn run(context: &Context, wanted: &[&'static str]) -> Outcome<()> {
    let stack = context.stack()?;
    let facts = doctor::look(context, &stack);
    fix::install(&facts, &packages::missing(&facts, wanted), &mut |command| {
        context.printer.step("run", command);
    })?;
    Ok(())
}
