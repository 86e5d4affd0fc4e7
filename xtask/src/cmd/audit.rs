//! `cargo xtask audit`: everything that will stop an agent, without running anything of the tree; `confirm` proves it.

mod accepted;
mod adopt;
mod args;
mod confirm;
mod explain;
mod fix;
mod lsp;
mod names;
mod output;
pub mod seen;
mod unsafe_fixes;
mod watch;
mod whose;

use std::mem::ManuallyDrop;
use std::time::Instant;

pub use self::args::Args;
use self::args::unknown_rule;
use self::seen::{Found, Seen};
use super::{Context, Failure, Outcome};
use crate::audit::memory::Memory;
use crate::audit::{self, Report, pipeline, rules};
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
    if args.command.is_some() {
        return lsp::run(args, context);
    }
    if args.watch {
        return watch::run(args, context);
    }
    let started = Instant::now();
    let folder = args.report.as_deref().map(output::folder).transpose()?;
    // The process ends soon after: taking millions of small values apart would be a tenth of its work.
    let memory = ManuallyDrop::new(Memory::default());
    let found = match (seen::read(args, context, &memory)?, &args.confirm) {
        (found, None) if args.explain_agent.is_none() && !args.diff && !args.fix => found,
        (Found::Stack(seen), confirm) => {
            require_agents(&seen)?;
            return match (confirm, &args.explain_agent) {
                (Some(names), _) => confirm::run(args, names, context, *seen),
                (None, Some(name)) => explain::run(args, name, context, *seen),
                (None, None) if args.diff => fix::show(args, context, *seen, &memory),
                (None, None) => fix::run(args, context, *seen, &memory),
            };
        }
        (Found::Broken(said, _), Some(_)) => {
            context
                .printer
                .styled(findings::human(&said, context.printer.color_err));
            return Err(Failure::said(Exit::WrongUse));
        }
        (found, None) => found,
    };
    let known = Some(&*memory).filter(|memory| !memory.is_empty());
    let report = report_of(args, context, found, known)?;
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

/// Audits what was read.
///
/// # Errors
/// When it is nothing, a name is unknown, or the baseline cannot be read.
fn report_of(args: &Args, context: &Context, found: Found, memory: Option<&Memory>) -> Outcome<Report> {
    let baseline = args.baseline.as_deref().map(accepted::read).transpose()?;
    match found {
        Found::Stack(seen) => {
            require_agents(&seen)?;
            let mut scope = args.scope(Some(&seen.stack))?;
            scope.focus = names::focus(&args.names, scope.machine, &seen, context)?;
            Ok(seen.with_input_again(scope, baseline, memory, audit::audit))
        }
        Found::Broken(said, levels) => Ok(pipeline::of_broken_stack(
            said,
            &levels,
            &args.scope(None)?,
            baseline.as_ref(),
        )),
    }
}

/// Fails where there is nothing to audit.
fn require_agents(seen: &Seen) -> Outcome<()> {
    match seen.lists_nothing() {
        Some(why) => Err(Failure::wrong_use(why)),
        None => Ok(()),
    }
}
