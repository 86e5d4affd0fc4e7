//! `cargo xtask audit`: everything that will stop an agent, without running anything of the tree; `confirm` proves it.

mod accepted;
mod args;
mod confirm;
mod fix;
mod names;
mod seen;

use std::mem::ManuallyDrop;
use std::time::Instant;

pub use self::args::Args;
use self::args::{Format, unknown_rule};
use self::seen::Found;
use super::{Context, Failure, Outcome};
use crate::audit::{self, Prediction, Report, pipeline, rules};
use crate::host::system::process;
use crate::report::audit as show;
use crate::report::audit::conclusion;
use crate::report::audit::layout::Look;
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
    let started = Instant::now();
    let baseline = args.baseline.as_deref().map(accepted::read).transpose()?;
    let report = match (seen::read(args, context)?, &args.confirm) {
        (Found::Stack(seen), Some(names)) => return confirm::run(args, names, context, *seen),
        (Found::Stack(seen), None) if args.diff => return fix::show(args, context, *seen),
        (Found::Stack(seen), None) if args.fix => return fix::run(args, context, *seen),
        (Found::Stack(seen), None) => {
            let mut scope = args.scope(Some(&seen.stack))?;
            scope.focus = names::focus(&args.names, scope.machine, &seen, context)?;
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
    print(args, context, &report, started)?;
    Ok(if report.has(args.failing()) {
        Exit::Findings
    } else {
        Exit::Success
    })
}

/// How the report looks on standard output.
fn look(args: &Args, context: &Context, started: Option<Instant>) -> Look {
    let columns = context.printer.columns();
    let elapsed = started.filter(|_| context.printer.is_terminal());
    Look::plain()
        .with_color(context.printer.color_out)
        .with_terminal(columns)
        .with_command(args.command(context.tree_option()))
        .with_elapsed(elapsed.map(|started| started.elapsed()))
}

fn print(args: &Args, context: &Context, report: &Report, started: Instant) -> Outcome<()> {
    let printer = &context.printer;
    match args.format {
        // That all is well is said by saying nothing.
        Format::Human if printer.quiet => {
            if report.has(args.failing()) || report.count(Prediction::CannotStart) > 0 {
                printer.data(&conclusion::ending(report, &look(args, context, None)).line);
            }
        }
        Format::Human => {
            let look = look(args, context, Some(started));
            printer.data(&show::human::render(report, args.output(), &look));
        }
        Format::Json => context.print_json(&show::json::document(report))?,
        Format::Sarif => context.print_json(&show::sarif::document(report))?,
        Format::Github => {
            let text = show::github::render(report);
            if !text.is_empty() {
                printer.commands(&text);
            }
        }
        Format::Junit => {
            let text = show::junit::render(report, args.failing())
                .map_err(|error| Failure::new(Exit::Internal, format!("cannot write JUnit: {error}")))?;
            printer.data(&text);
        }
    }
    if args.format != Format::Human {
        printer.note(conclusion::looked_at(report, None));
        printer.note(conclusion::conclusion(report));
        for entry in &report.stale {
            printer.warn(format!(
                "the baseline's entry {} {} matches nothing any more: {}",
                entry.rule, entry.path, entry.message
            ));
        }
    }
    Ok(())
}
