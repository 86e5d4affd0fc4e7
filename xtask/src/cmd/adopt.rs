//! `cargo xtask smoke --adopt`: the limits that a measurement suggests, written into the stack.

use super::{Context, Failure, Outcome};
use crate::host::system::files;
use crate::report::adopt as show;
use crate::report::exit::Exit;
use crate::report::findings::counted;
use crate::smoke::resources::Resources;
use crate::stack::Stack;
use crate::stack::change::{self, Change, New};

/// Writes `memory:` of every group that was measured, and says what has to be written by hand.
///
/// # Errors
/// When the stack cannot be read or written, or nothing was measured.
pub fn write(context: &Context, stack: &Stack, measured: &Resources) -> Outcome<()> {
    let printer = &context.printer;
    let file = stack.output.stack_file();
    let path = context.repository.path(file);
    let old = files::read_text(&path)?;
    let changes: Vec<Change> = measured
        .groups
        .iter()
        .filter_map(|group| memory(&group.group, group.proposed_limit_bytes?))
        .collect();
    if changes.is_empty() {
        return Err(Failure::new(Exit::Internal, "nothing to adopt: no group was measured"));
    }
    let (mut text, mut written) = (old.clone(), 0);
    for wanted in &changes {
        match change::change(&text, wanted) {
            Ok(new) => {
                written += usize::from(new != text);
                text = new;
            }
            Err(why) => printer.warn(show::unwritten(file, wanted, why)),
        }
    }
    if text != old {
        files::write(&path, text.as_bytes(), false)?;
    }
    printer.step("adopted", format!("{} in `{file}`", counted(written, "limit")));
    printer.note("next: `cargo xtask render`, then `cargo xtask up`");
    Ok(())
}

/// The limit of a group's memory, in whole MiB.
fn memory(group: &str, bytes: u64) -> Option<Change> {
    Some(Change {
        path: ["groups", group, "memory"].map(str::to_owned).to_vec(),
        value: New::Value(format!("{}m", bytes.div_ceil(1024 * 1024))),
        seen_by: "smoke",
        comment: "twice what it took at most".to_owned(),
    })
}
