//! `cargo xtask audit`: everything that will stop an agent, without running anything of the tree; `confirm` proves it.

mod accepted;
mod adopt;
mod args;
mod confirm;
mod explain;
mod fix;
mod names;
mod output;
pub mod seen;
mod whose;

use std::mem::ManuallyDrop;
use std::time::Instant;

pub use self::args::Args;
use self::args::unknown_rule;
use self::seen::Found;
use super::{Context, Failure, Outcome};
use crate::audit::{self, pipeline, rules};
use crate::host::system::process;
use crate::report::audit as show;
use crate::report::exit::Exit;
use crate::report::findings;

/// Runs it.
///
/// # Errors
/// When a name or rule is unknown, or a file cannot be read or written.
pub fn run(args: &Args, context: &Context) -> Outcome {
    // Until something is changed, there is nothing to clean up.
    let _ease = process::AtEase::new();
    if args.list_rules {
        context.printer.data(&show::rules::list());
        return Ok(Exit::Success);
    }
    if let Some(id) = &args.explain {
        let rule = rules::find(id).ok_or_else(|| unknown_rule(id))?;
        context.printer.data(&show::rules::explain(rule));
        return Ok(Exit::Success);
    }
    args.check()?;
    // Its containers are started from a folder of the repository.
    if args.confirm.is_some() {
        context.require_stack()?;
    }
    let started = Instant::now();
    let folder = args.report.as_deref().map(output::folder).transpose()?;
    let baseline = args.baseline.as_deref().map(accepted::read).transpose()?;
    let seen = seen::read(args, context)?;
    if let Found::Stack(seen) = &seen
        && let Some(why) = seen.lists_nothing()
    {
        return Err(Failure::wrong_use(why));
    }
    let report = match (seen, &args.confirm) {
        (Found::Stack(seen), Some(names)) => return confirm::run(args, names, context, *seen),
        (Found::Stack(seen), None) if let Some(name) = &args.explain_agent => {
            return explain::run(args, name, context, *seen);
        }
        (Found::Stack(seen), None) if args.diff => return fix::show(args, context, *seen),
        (Found::Stack(seen), None) if args.fix => return fix::run(args, context, *seen),
        (Found::Stack(seen), None) => {
            let mut scope = args.scope(Some(&seen.stack))?;
            scope.focus = names::focus(&args.names, scope.machine, &seen, context)?;
            seen.with_input(scope, baseline, audit::audit)
        }
        (Found::Broken(said, _), Some(_)) => {
            context
                .printer
                .styled(findings::human(&said, context.printer.color_err));
            return Err(Failure::said(Exit::WrongUse));
        }
        (Found::Broken(said, levels), None) => {
            pipeline::of_broken_stack(said, &levels, &args.scope(None)?, baseline.as_ref())
        }
    };
    // The process ends soon after: taking millions of small values apart would be a tenth of its work.
    let report = ManuallyDrop::new(report);
    if let Some(path) = &args.write_baseline {
        return accepted::write(path, &report, context);
    }
    output::write(args, context, &report, started)?;
    if let Some(folder) = folder {
        output::page(&folder, context, &report)?;
    }
    Ok(if report.has(args.failing()) {
        Exit::Findings
    } else {
        Exit::Success
    })
}
