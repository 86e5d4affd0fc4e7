//! Writes the limits that a measurement suggests into the stack.

use std::io::Write;
use std::path::Path;

use crate::host::system::files;
use crate::smoke::resources::Resources;
use crate::stack::Stack;
use crate::stack::edit::set_in_group;

/// Writes `memory:` of every group that was measured, and says what was written and what has to be written by hand.
///
/// # Errors
/// When the stack cannot be read or written, or nothing was measured, as a lowercase fragment.
pub fn write(repository: &Path, stack: &Stack, measured: &Resources, err: &mut dyn Write) -> Result<(), String> {
    let path = repository.join(stack.output.stack_file());
    let mut text = files::read_text(&path).map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    for group in &measured.groups {
        let Some(bytes) = group.proposed_limit_bytes else {
            continue;
        };
        let value = format!("{}m", bytes.div_ceil(1024 * 1024));
        match set_in_group(&text, &group.group, "memory", &value) {
            Some(changed) => {
                text = changed;
                lines.push(format!("adopted memory: {value} of group {}", group.group));
            }
            None => lines.push(format!(
                "not adopted: write `memory: {value}` below group `{}` in `{}`",
                group.group,
                path.display()
            )),
        }
    }
    if lines.is_empty() {
        return Err("nothing to adopt: no group was measured".to_owned());
    }
    files::write(&path, text.as_bytes(), false).map_err(|error| error.to_string())?;
    for line in lines {
        writeln!(err, "{line}").map_err(|error| error.to_string())?;
    }
    let next = "next: `cargo xtask render`, then `cargo xtask up`";
    writeln!(err, "{next}").map_err(|error| error.to_string())
}
