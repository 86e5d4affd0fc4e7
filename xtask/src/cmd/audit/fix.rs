//! `cargo xtask audit --fix` writes what is safe to fix, with `--unsafe-fixes` also what proved to be better, and `--diff` shows it.

use super::Args;
use super::seen::Seen;
use super::unsafe_fixes::{Trial, Tried};
use crate::audit::memory::Memory;
use crate::audit::pipeline;
use crate::cmd::{Context, Failure, Outcome};
use crate::host::system::files::FileError;
use crate::host::system::git::{self, Committed};
use crate::host::tree::root::TreeRoot;
use crate::report::exit::Exit;
use crate::report::{diff, findings};

/// Rewrites what is safe to rewrite.
///
/// # Errors
/// When the tree has changes that are not committed, or a file cannot be written.
pub fn run(args: &Args, context: &Context, seen: Seen, memory: &Memory) -> Outcome {
    let root = context.tree_path(&seen.stack);
    if !args.allow_dirty {
        let why = match git::committed(&root)? {
            Committed::NotInGit => Some("the tree is not in a Git work tree".to_owned()),
            Committed::Unknown(why) => Some(format!("what is committed of the tree cannot be told: {why}")),
            Committed::Except(changed) if changed.is_empty() => None,
            Committed::Except(changed) => Some(format!("{} of the tree not committed", changes(changed.len()))),
        };
        if let Some(why) = why {
            return Err(Failure::wrong_use(format!(
                "{why}: what `--fix` writes could not be told from it\n  hint: commit first, or give `--allow-dirty`"
            )));
        }
    }
    let scope = args.scope(Some(&seen.stack))?;
    let prefix = seen.stack.shown_prefix();
    let mut fixed = seen.with_input_again(scope, None, Some(memory), pipeline::fixes);
    let printer = &context.printer;
    let tree = TreeRoot::open(&root).map_err(|error| FileError::on("open", &root)(error.into_io()))?;
    let tried = Trial::new(args, context, memory, &tree, &prefix).run()?;
    fixed.extend(tried.fixed.iter().cloned());
    // All or none, as far as links go.
    for file in &fixed {
        tree.require_inside(&file.path)?;
    }
    for file in &fixed {
        tree.rewrite(&file.path, file.after.as_bytes())?;
    }
    for file in &fixed {
        printer.step("fixed", format!("{prefix}{}", file.path));
    }
    if fixed.is_empty() {
        printer.step("fixed", "nothing");
    }
    tell(&tried, context);
    Ok(Exit::Success)
}

/// Shows what is safe to rewrite, and writes nothing.
///
/// # Errors
/// When a machine or group is unknown.
pub fn show(args: &Args, context: &Context, seen: Seen, memory: &Memory) -> Outcome {
    let root = context.tree_path(&seen.stack);
    let scope = args.scope(Some(&seen.stack))?;
    let prefix = seen.stack.shown_prefix();
    let mut fixed = seen.with_input_again(scope, None, Some(memory), pipeline::fixes);
    let printer = &context.printer;
    let tree = TreeRoot::open(&root).map_err(|error| FileError::on("open", &root)(error.into_io()))?;
    let tried = Trial::new(args, context, memory, &tree, &prefix).run()?;
    fixed.extend(tried.fixed.iter().cloned());
    for file in &fixed {
        printer.data(&diff::labelled(
            &format!("{prefix}{}", file.path),
            "fixed",
            &file.before,
            &file.after,
            printer.color_out,
        ));
    }
    tell(&tried, context);
    if fixed.is_empty() {
        return Ok(Exit::Success);
    }
    let option = if tried.fixed.is_empty() { "" } else { " --unsafe-fixes" };
    printer.note(format!(
        "`--fix{option}` would change {}",
        findings::counted(fixed.len(), "file")
    ));
    Ok(Exit::Findings)
}

/// Says what was not written, and why.
fn tell(tried: &Tried, context: &Context) {
    for path in &tried.refused {
        context.printer.note(format!(
            "left as it is: `{path}`: with its unsafe fixes, the audit finds as much as before, or something new"
        ));
    }
    if tried.more > 0 {
        context.printer.note(format!(
            "{} more with `--unsafe-fixes`: each is a guess, and is tried before it is written",
            tried.more
        ));
    }
}

fn changes(count: usize) -> String {
    if count == 1 {
        "1 file is".to_owned()
    } else {
        format!("{count} files are")
    }
}
