//! `cargo xtask audit --watch`: the audit again on every save. Files that did not change are not parsed again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::seen::{self, Found, Seen};
use super::{Args, output, report_of};
use crate::audit::memory::Memory;
use crate::cmd::{Context, Outcome};
use crate::host::system::files::WRITING;
use crate::host::system::process;
use crate::host::tree::changes::Changes;
use crate::report::exit::Exit;
use crate::report::findings::counted;

/// Runs until it is interrupted. What is wrong with a file is printed, and the next save waited for.
///
/// # Errors
/// When there is nothing to audit to begin with, or files cannot be watched.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let mut changes = Changes::new()?;
    let mut watched = Watched::default();
    let mut memory = Memory::default();
    let own: Vec<PathBuf> = args.written().map(absolute).collect();
    loop {
        let done = pass(args, context, &mut watched, &mut changes, &mut memory);
        if process::interrupted() {
            return Ok(Exit::Interrupted);
        }
        if let Err(failure) = done {
            if watched.folders.is_empty() {
                return Err(failure);
            }
            if let Some(message) = failure.message {
                context.printer.error(message);
            }
        }
        context.printer.step("watching", watched.describe());
        let changed = changes.next(&|path| matters(path) && !own.iter().any(|own| path == own), None);
        if process::interrupted() {
            return Ok(Exit::Interrupted);
        }
        watched.new.extend(changed.iter().filter(|path| path.is_dir()).cloned());
        context.printer.clear();
        context.printer.step("changed", watched.named(&changed));
    }
}

/// Audits once. What is saved from the listing on is seen.
fn pass(
    args: &Args,
    context: &Context,
    watched: &mut Watched,
    changes: &mut Changes,
    memory: &mut Memory,
) -> Outcome<()> {
    let started = Instant::now();
    let mut found = seen::read(args, context, memory)?;
    // A file that came between the listing and the watch is listed by the next.
    while let Found::Stack(seen) = &found {
        if !watched.follow(seen, context, changes)? {
            break;
        }
        found = seen::read(args, context, memory)?;
    }
    let report = report_of(args, context, found, Some(memory))?;
    memory.look_again();
    output::write(args, context, &report, started)
}

/// Folders in which files are followed.
#[derive(Debug, Default)]
struct Watched {
    folders: BTreeSet<PathBuf>,
    /// Folders that were made since, which may be empty yet.
    new: BTreeSet<PathBuf>,
    tree: PathBuf,
}

impl Watched {
    /// Follows the folders of all that is listed; whether these are others than before.
    ///
    /// # Errors
    /// When one cannot be watched.
    fn follow(&mut self, seen: &Seen, context: &Context, changes: &mut Changes) -> Outcome<bool> {
        let tree = absolute(&context.tree_path(&seen.stack));
        let mut folders: BTreeSet<PathBuf> = seen
            .paths()
            .map(|path| tree.join(path).parent().unwrap_or(&tree).to_owned())
            .collect();
        // A folder that is new is told of by the one that holds it.
        let above: Vec<PathBuf> = folders
            .iter()
            .flat_map(|folder| folder.ancestors().take_while(|above| above.starts_with(&tree)))
            .map(Path::to_owned)
            .collect();
        folders.extend(above);
        folders.insert(tree.clone());
        self.new.retain(|folder| folder.is_dir());
        folders.extend(self.new.iter().cloned());
        if context.require_stack().is_ok() {
            let stack = absolute(&context.repository.path(context.repository.stack_file()));
            folders.extend(stack.parent().map(Path::to_owned));
        }
        if folders == self.folders {
            return Ok(false);
        }
        changes.watch(folders.iter().map(|folder| (folder.clone(), false)))?;
        (self.folders, self.tree) = (folders, tree);
        Ok(true)
    }

    fn describe(&self) -> String {
        format!("{} of {}", counted(self.folders.len(), "folder"), self.tree.display())
    }

    /// The first of these files, and how many more.
    fn named(&self, changed: &BTreeSet<PathBuf>) -> String {
        let name = |path: &PathBuf| path.strip_prefix(&self.tree).unwrap_or(path).display().to_string();
        let first = changed.first().map_or_else(String::new, name);
        match changed.len() {
            0 | 1 => first,
            many => format!("{first} and {} more", many - 1),
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let resolved = |path: &Path| path.canonicalize().ok();
    resolved(path)
        .or_else(|| Some(resolved(parent)?.join(path.file_name()?)))
        .unwrap_or_else(|| path.to_owned())
}

/// Editors, interpreters and version control write beside the sources, too.
fn matters(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if name.starts_with(WRITING) {
        return false;
    }
    let is_of_editor = name.ends_with('~') || name.ends_with(".swp") || name.ends_with(".swx") || name == "4913";
    !is_of_editor
        && !path
            .components()
            .any(|part| part.as_os_str() == ".git" || part.as_os_str() == "__pycache__")
}

#[cfg(test)]
mod tests {
    use super::matters;

    #[test]
    fn what_editors_leave_for_a_moment_does_not_matter() {
        for (path, expected) in [
            ("/t/a.py", true),
            ("/t/config", true),
            ("/t/.a.py.swp", false),
            ("/t/a.py~", false),
            ("/t/4913", false),
            ("/t/.writing-a1", false),
            ("/t/.git/index", false),
            ("/t/a/__pycache__/x.pyc", false),
        ] {
            assert_eq!(matters(path.as_ref()), expected, "{path}");
        }
    }
}
