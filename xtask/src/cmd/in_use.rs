//! Jobs that take the stack down at their end, with its data, do not begin on one that somebody uses.

use super::{Context, Failure, Outcome};
use crate::host::boot::systemd;
use crate::host::podman::belongs_to;
use crate::report::exit::Exit;
use crate::stack::GroupId;

/// Fails if this host has units of the stack, or its Podman pods or volumes: `job` would remove them.
///
/// # Errors
/// When there are any, or Podman cannot be asked.
pub fn refuse(context: &Context, job: &str) -> Outcome<()> {
    let stack = context.stack()?;
    let groups: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
    systemd::require_none(&stack, &groups)?;
    let podman = context.podman();
    let pods = podman.pods(&stack.name)?.len();
    let volumes = podman.volumes()?;
    let volumes = volumes
        .iter()
        .filter(|volume| belongs_to(volume.labels.as_ref(), &stack.name))
        .count();
    if pods == 0 && volumes == 0 {
        return Ok(());
    }
    let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    Err(Failure::new(
        Exit::WrongUse,
        format!(
            "the stack `{}` has {} and {} on this host, which `cargo xtask {job}` would remove\n  hint: if nobody needs them, run `cargo xtask down --volumes` first",
            stack.name,
            plural(pods, "pod"),
            plural(volumes, "volume"),
        ),
    ))
}
