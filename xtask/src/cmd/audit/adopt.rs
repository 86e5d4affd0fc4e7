//! `cargo xtask audit --confirm --adopt`: what was seen, written into the stack.

use std::path::PathBuf;

use super::seen::Seen;
use crate::audit::confirm::adopt::Adopted;
use crate::cmd::{Context, Failure, Outcome};
use crate::host::system::files;
use crate::report::findings::counted;
use crate::report::{adopt as show, diff};
use crate::stack::Stack;
use crate::stack::change;
use crate::stack::scalar::scalar;

/// The stack's file, which is to be changed, as it is.
pub struct Target {
    path: PathBuf,
    name: String,
    text: String,
}

impl Target {
    /// The file that the stack was read from.
    ///
    /// # Errors
    /// When the stack was inferred, so that there is none.
    pub fn of(seen: &Seen, context: &Context) -> Outcome<Self> {
        let Some((name, text)) = seen.written() else {
            return Err(Failure::wrong_use(
                "`--adopt` writes into a stack, and this one is inferred\n  hint: `cargo xtask init` writes it down",
            ));
        };
        let ours = context.repository.path(name);
        let in_tree = context.tree_option().map(|tree| tree.join(name));
        let found = [Some(ours), in_tree].into_iter().flatten();
        let found = found.filter_map(|path| Some((files::read_text(&path).ok()?, path)));
        let mut same = found.filter(|(there, _)| *there == text);
        let Some((text, path)) = same.next() else {
            return Err(Failure::wrong_use(format!(
                "`{name}` is not there any more as it was read"
            )));
        };
        let name = name.to_owned();
        Ok(Self { path, name, text })
    }

    /// Shows what is adopted as a difference of the file, and writes it unless it is only to be shown. What cannot be written is said.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn adopt(&self, adopted: &[Adopted], stack: &Stack, only_show: bool, context: &Context) -> Outcome<()> {
        let printer = &context.printer;
        let mut text = with_groups(&self.text, stack);
        let mut written = 0;
        for agent in adopted {
            let before = written;
            for change in &agent.changes {
                match change::change(&text, change) {
                    Ok(new) => {
                        written += usize::from(new != text);
                        text = new;
                    }
                    Err(why) => printer.warn(show::unwritten(&self.name, change, why)),
                }
            }
            for note in &agent.notes {
                printer.note(show::note(stack, agent.agent, note));
            }
            if written > before && printer.verbose {
                printer.step("seen", stack.agent(agent.agent).name.clone());
            }
        }
        if written == 0 {
            printer.step("adopted", format!("nothing: `{}` says all that was seen", self.name));
            return Ok(());
        }
        printer.data(&diff::labelled(
            &self.name,
            "seen",
            &self.text,
            &text,
            printer.color_out,
        ));
        if only_show {
            printer.note(format!(
                "`--adopt` without `--diff` writes {}",
                counted(written, "change")
            ));
            return Ok(());
        }
        files::write(&self.path, text.as_bytes(), false)?;
        printer.step("adopted", format!("{} in `{}`", counted(written, "change"), self.name));
        printer.note("`cargo xtask render` and `cargo xtask build-images` bring them into containers");
        Ok(())
    }
}

/// The text with groups, which overrides stand in: where the stack leaves them to its startup config, by their names alone.
fn with_groups(text: &str, stack: &Stack) -> String {
    let has_groups = text
        .lines()
        .any(|line| line.starts_with("groups:") || line.starts_with("\"groups\":"));
    if has_groups {
        return text.to_owned();
    }
    let names = stack
        .groups
        .iter()
        .filter(|group| group.name != crate::stack::model::UNGROUPED);
    let lines: String = names.map(|group| format!("  {}:\n", scalar(&group.name))).collect();
    format!("{}\n\ngroups:\n{lines}", text.trim_end())
}
