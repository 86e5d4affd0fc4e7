//! `cargo xtask render`: the stack model to every deployment file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Context, Failure, Outcome};
use crate::audit::rules_page;
use crate::finding;
use crate::host::system::process;
use crate::host::tree::rendered_files;
use crate::render;
use crate::rendered_file::RenderedFile;
use crate::report::audit::{confirm, explain, json};
use crate::report::exit::Exit;
use crate::report::{diff, findings};
use crate::schema;
use crate::stack::Stack;

/// Write every deployment file and its documents from the stack model
///
/// Group configs, Dockerfiles, compose files, deploy scripts, Kubernetes manifests (docker/kube) and Quadlet units for systemd
/// (docker/quadlet) come from the stack and the startup configs of the tree, and so do config/README.md, the configuration of every group, and scripts/README.md, the way to deploy it. The
/// JSON schemas of the stack and of smoke checks come from types. In this repository, whose stack is config/stack.yaml, they stand at their
/// places, with the page of the audit's rules and the schemas of what `audit` prints. Of any other, they stand in one folder: deploy/, or the one that --output names.
/// Nothing outside it is written, and a folder that holds files of others is refused. All are to be committed; `--check` fails with the difference where one is not what it should be. Files that were rendered
/// for a group or machine that the stack no longer has are removed, unless somebody has changed them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask render
  cargo xtask render --check              in CI: fail, with the diff, where a file is stale
  cargo xtask render --output ops/deploy  into another folder; it is found again by what is in it")]
pub struct Args {
    /// Write nothing; print the difference and fail where there is one
    #[arg(long)]
    check: bool,
    /// Folder of rendered files, in that of the stack. Once is enough: it is found again, by every command [default: deploy]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Args {
    /// The folder of rendered files, where one is named.
    #[must_use]
    pub fn output(&self) -> Option<&Path> {
        self.output.as_deref()
    }
}

/// Schemas of the documents that `audit --format json` prints, with `--confirm` and `--explain-agent`, too.
fn audit_schemas() -> [RenderedFile; 3] {
    let path = |name: &str| format!("xtask/src/audit/schemas/{name}.schema.json");
    [
        schema::of_output::<json::Document<'_>>(&path("audit")),
        schema::of_output::<confirm::Document<'_>>(&path("confirm")),
        schema::of_output::<explain::Document<'_>>(&path("explain")),
    ]
}

/// Runs it.
///
/// # Errors
/// When the stack is wrong or a file cannot be written.
pub fn run(args: &Args, context: &Context) -> Outcome {
    // Until something is changed, there is nothing to clean up.
    let _ease = process::AtEase::new();
    let (stack, found) = context.stack_and_findings()?;
    let printer = &context.printer;
    if !found.is_empty() {
        printer.styled(findings::human(&found, printer.color_err));
    }
    let Some(stack) = stack.filter(|_| !finding::stops(&found)) else {
        return Err(Failure::said(Exit::WrongUse));
    };
    context.require_all_read(&stack, "rendered")?;
    let mut rendered = context.rendered(&stack);
    rendered.extend(render::documents(&stack));
    if context.repository.path(rules_page::FOLDER).is_dir() {
        rendered.push(rules_page::file());
        rendered.extend(audit_schemas());
    }
    rendered.extend(schema::files(&stack.output));
    let stale = stale(context, &rendered)?;
    let paths: BTreeSet<&str> = rendered.iter().map(|file| file.path.as_str()).collect();
    let left_over = rendered_files::left_over(&context.repository, &paths)?;
    if args.check {
        for (file, there) in &stale {
            printer.verbatim(&diff::unified(
                &file.path,
                there.as_deref().unwrap_or_default(),
                &file.text,
                printer.color_out,
            ));
        }
        for path in &left_over.unchanged {
            let there = context.repository.read(path)?.unwrap_or_default();
            printer.verbatim(&diff::unified(
                path,
                &String::from_utf8_lossy(&there),
                "",
                printer.color_out,
            ));
        }
        let wrong = stale.len() + left_over.unchanged.len();
        if wrong == 0 {
            printer.step(
                "rendered",
                format!("{} are up to date", findings::counted(rendered.len(), "file")),
            );
            return Ok(Exit::Success);
        }
        printer.error(format!(
            "{} not what the stack renders to\n  hint: run `cargo xtask render` and commit",
            if wrong == 1 {
                "1 file is".to_owned()
            } else {
                format!("{wrong} files are")
            }
        ));
        return Ok(Exit::Findings);
    }
    write(context, &rendered, &stale)?;
    for path in &left_over.unchanged {
        context.repository.folder()?.remove(path)?;
        printer.step("removed", path);
    }
    for path in &left_over.changed {
        printer.warn(format!(
            "`{path}` is not rendered any longer, and was changed since it was: it stays\n  hint: remove it where nobody uses it"
        ));
    }
    rendered_files::note(&context.repository, [].iter(), &left_over.unchanged)?;
    rendered_files::note(&context.repository, [].iter(), &left_over.changed)?;
    let current = rendered.len() - stale.len();
    let removed = match left_over.unchanged.len() {
        0 => String::new(),
        count => format!(", {count} removed"),
    };
    printer.step(
        "rendered",
        format!(
            "{} changed, {current} up to date{removed}",
            findings::counted(stale.len(), "file")
        ),
    );
    Ok(Exit::Success)
}

/// A rendered file that is not there as it should be, with what is there.
type Stale<'a> = (&'a RenderedFile, Option<String>);

fn stale<'a>(context: &Context, rendered: &'a [RenderedFile]) -> Outcome<Vec<Stale<'a>>> {
    let mut stale = Vec::new();
    for file in rendered {
        let there = context.repository.read(&file.path)?;
        let there = there.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if there.as_deref() != Some(file.text.as_str()) {
            stale.push((file, there));
        }
    }
    Ok(stale)
}

fn write(context: &Context, rendered: &[RenderedFile], stale: &[Stale<'_>]) -> Outcome<()> {
    context.repository.claim()?;
    let there = stale.iter().filter(|(_, there)| there.is_some());
    let foreign = rendered_files::not_ours(&context.repository, there.map(|(file, _)| *file))?;
    if !foreign.is_empty() {
        return Err(Failure::wrong_use(format!(
            "in the way, and not rendered by this program: `{}`\n  hint: move it elsewhere, or have files rendered into another folder: `render --output DIR`",
            foreign.join("`, `")
        )));
    }
    let folder = context.repository.folder()?;
    // All or none, as far as links go.
    for (file, _) in stale {
        folder.require_inside(&file.path)?;
    }
    // Before they are there: one that is, and is in no record, would be taken for somebody else's.
    rendered_files::note(&context.repository, rendered.iter(), &[])?;
    for (file, _) in stale {
        folder.write(&file.path, file.text.as_bytes(), file.executable)?;
        context.printer.step("rendered", &file.path);
    }
    Ok(())
}

/// Writes every file of the stack that is not what it renders to.
///
/// # Errors
/// When one cannot be written.
pub fn refresh(context: &Context, stack: &Stack) -> Outcome<()> {
    let mut rendered = context.rendered(stack);
    rendered.extend(render::documents(stack));
    bring(context, &rendered)
}

/// Writes those of these files that are not there as they should be.
///
/// # Errors
/// When one cannot be written.
pub fn bring(context: &Context, rendered: &[RenderedFile]) -> Outcome<()> {
    write(context, rendered, &stale(context, rendered)?)
}
