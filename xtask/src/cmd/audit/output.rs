//! Where the formats of an audit go: standard output, and the files that the command line names.

use std::path::Path;
use std::time::Instant;

use super::args::Format;
use super::{Args, lsp};
use crate::audit::{Prediction, Report};
use crate::cmd::{Context, Failure, Outcome, pager};
use crate::host::smoke::report_folder::{AUDIT_NAMES, ReportFolder};
use crate::host::system::files;
use crate::report::audit as show;
use crate::report::audit::conclusion;
use crate::report::audit::layout::Look;
use crate::report::exit::Exit;
use crate::report::{escape, json};

/// Writes every format that is wanted.
///
/// # Errors
/// When a file cannot be written.
pub fn write(args: &Args, context: &Context, report: &Report, started: Instant) -> Outcome<()> {
    let printer = &context.printer;
    let files = args.files();
    let prefixed = args.path_prefix.as_deref().map(|folder| report.below(folder));
    let of = |format: Format| match &prefixed {
        Some(prefixed) if format.is_for_programs() => prefixed,
        _ => report,
    };
    for (format, path) in &files {
        let text = text(*format, args, context, of(*format))?;
        let text = escape::output(&text, false);
        let end = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        files::write_there(path, format!("{text}{end}").as_bytes())?;
        printer.step("wrote", path.display().to_string());
    }
    let Some(format) = args.on_stdout() else {
        return tell(context, report);
    };
    match format {
        // That all is well is said by saying nothing.
        Format::Human if printer.quiet => {
            if report.has(args.failing()) || report.count(Prediction::CannotStart) > 0 {
                printer.data(&conclusion::ending(report, &look(args, context, None)).line);
            }
        }
        Format::Human => {
            let look = look(args, context, Some(started));
            let text = show::human::render(report, args.output(), &look);
            // Who watches wants to see the newest, not to read on.
            let link = |text: &str| linked(text, context, report);
            if args.no_pager || args.watch || !pager::show(context, &text, &link) {
                printer.linked(&text, &link);
            }
        }
        Format::Github => {
            let text = show::github::render(of(format));
            if !text.is_empty() {
                printer.commands(&text);
            }
        }
        other => printer.data(&text(other, args, context, of(other))?),
    }
    if format == Format::Human {
        return Ok(());
    }
    tell(context, report)
}

/// The folder of `--report`, which holds no other files.
///
/// # Errors
/// When it does, or cannot be looked at.
pub fn folder(path: &Path) -> Outcome<ReportFolder> {
    Ok(ReportFolder::holding(path, &AUDIT_NAMES)?)
}

/// Writes the page for a browser, and the document beside it.
///
/// # Errors
/// When they cannot be written.
pub fn page(folder: &ReportFolder, context: &Context, report: &Report) -> Outcome<()> {
    let internal = |error: String| Failure::new(Exit::Internal, format!("cannot write the page: {error}"));
    let html = show::html::html(report, &pages(context)).map_err(|error| internal(error.to_string()))?;
    let document = json::text(&show::json::document(report)).map_err(|error| internal(error.to_string()))?;
    folder.replace(&[
        ("index.html", html.into_bytes()),
        ("audit.json", format!("{document}\n").into_bytes()),
    ])?;
    let page = folder.path().join("index.html");
    context.printer.step("wrote", page.display().to_string());
    Ok(())
}

/// Says on standard error what came of it, where standard output does not.
fn tell(context: &Context, report: &Report) -> Outcome<()> {
    let printer = &context.printer;
    printer.note(conclusion::looked_at(report, None));
    printer.note(conclusion::conclusion(report));
    for entry in &report.stale {
        printer.warn(format!(
            "the baseline's entry {} {} matches nothing any more: {}",
            entry.rule, entry.path, entry.message
        ));
    }
    Ok(())
}

/// A text with links to the pages of rules and to files, where the terminal has them.
fn linked(text: &str, context: &Context, report: &Report) -> String {
    if !context.printer.has_links() {
        return text.to_owned();
    }
    let paths = show::links::paths(report);
    let root = context.repository.root();
    let folders = [root.to_owned(), context.repository.path(&report.tree)];
    let pages = pages(context);
    let page = |rule: &str| show::address(&pages, rule);
    let file = |path: &str| {
        let known = paths.get(path)?;
        let mut files = folders.iter().map(|folder| folder.join(known));
        let file = files.find(|file| file.is_file())?;
        Some(lsp::uri_of(&file))
    };
    show::links::linked(text, &page, &file)
}

/// How the report looks on standard output.
fn look(args: &Args, context: &Context, started: Option<Instant>) -> Look {
    let elapsed = started.filter(|_| context.printer.is_terminal());
    Look::plain()
        .with_color(context.printer.color_out)
        .with_terminal(context.printer.columns())
        .with_command(args.command(context.tree_option()))
        .with_elapsed(elapsed.map(|started| started.elapsed()))
}

/// The report in a format, as a file has it.
fn text(format: Format, args: &Args, context: &Context, report: &Report) -> Outcome<String> {
    let internal = |what: &str, error: String| Failure::new(Exit::Internal, format!("cannot write {what}: {error}"));
    let json = |text: serde_json::Result<String>| text.map_err(|error| internal("JSON", error.to_string()));
    Ok(match format {
        Format::Human => {
            let look = Look::plain().with_command(args.command(context.tree_option()));
            show::human::render(report, args.output(), &look)
        }
        Format::Json => json(json::text(&show::json::document(report)))?,
        Format::Sarif => json(json::text(&show::sarif::document(report, &pages(context))))?,
        Format::Gitlab => json(json::text(&show::gitlab::document(report)))?,
        Format::Rdjson => json(json::text(&show::rdjson::document(report, &pages(context))))?,
        Format::Github => show::github::render(report),
        Format::Markdown => show::markdown::render(report),
        Format::Junit => {
            show::junit::render(report, args.failing()).map_err(|error| internal("JUnit", error.to_string()))?
        }
    })
}

/// Where the page of the rules can be read.
pub fn pages(context: &Context) -> String {
    context.repository.address_of(Path::new(crate::audit::rules_page::PATH))
}
