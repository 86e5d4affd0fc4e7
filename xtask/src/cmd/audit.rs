//! `cargo xtask audit`: everything that will stop an agent, without running anything of the tree; `confirm` proves it.

mod accepted;
mod args;
mod confirm;
mod fix;
mod seen;

use std::mem::ManuallyDrop;

pub use self::args::Args;
use self::args::{Format, unknown_rule};
use self::seen::Found;
use super::{Context, Failure, Outcome};
use crate::audit::{self, Report, pipeline, rules};
use crate::finding::Severity;
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
    let baseline = args.baseline.as_deref().map(accepted::read).transpose()?;
    let report = match (seen::read(args, context)?, &args.confirm) {
        (Found::Stack(seen), Some(names)) => return confirm::run(args, names, context, *seen),
        (Found::Stack(seen), None) if args.fix => return fix::run(args, context, *seen),
        (Found::Stack(seen), None) => {
            let scope = args.scope(Some(&seen.stack))?;
            seen.with_input(context, scope, baseline, audit::audit)
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
    print(args.format, context, &report, args.failing())?;
    Ok(if report.has(args.failing()) {
        Exit::Findings
    } else {
        Exit::Success
    })
}

fn print(format: Format, context: &Context, report: &Report, failing: Severity) -> Outcome<()> {
    let printer = &context.printer;
    match format {
        Format::Human => printer.data(&show::human::render(report, printer.color_out)),
        Format::Json => context.print_json(&show::json::document(report))?,
        Format::Sarif => context.print_json(&show::sarif::document(report))?,
        Format::Github => {
            let text = show::github::render(report);
            if !text.is_empty() {
                printer.commands(&text);
            }
        }
        Format::Junit => {
            let text = show::junit::render(report, failing)
                .map_err(|error| Failure::new(Exit::Internal, format!("cannot write JUnit: {error}")))?;
            printer.data(&text);
        }
    }
    if format != Format::Human {
        printer.note(show::human::headline(report));
        for entry in &report.stale {
            printer.warn(format!(
                "the baseline's entry {} {} matches nothing any more: {}",
                entry.rule, entry.path, entry.message
            ));
        }
    }
    Ok(())
}
