//! What `up` does before it boots on another host: the images that it lacks are sent there.

use std::cell::Cell;
use std::time::Instant;

use super::{Context, Failure, Outcome};
use crate::host::images::transfer::{self, TransferError, TransferEvent};
use crate::host::podman::hosts::Part;
use crate::report::exit::Exit;
use crate::report::findings::counted;
use crate::stack::Stack;

/// Sends the images of a part's groups that its host lacks, or has in another version.
///
/// # Errors
/// When an image is not here, or a Podman fails.
pub fn provide(context: &Context, stack: &Stack, part: &Part<'_>) -> Outcome<()> {
    let printer = &context.printer;
    let started = Instant::now();
    let wanted: Vec<String> = part.groups.iter().map(|group| stack.group_image(*group)).collect();
    let here = context.podman();
    let lacking = transfer::lacking(&here, &part.host.podman, &wanted)?;
    if lacking.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = part
        .machines
        .iter()
        .map(|id| stack.machine(*id).name.as_str())
        .collect();
    let to = names.join(", ");
    let number = Cell::new(0_usize);
    transfer::send(
        &here,
        &part.host.podman,
        &lacking,
        &context.repository.work(),
        &|event| match event {
            TransferEvent::Saving(images) => {
                printer.step(
                    "saving",
                    format!("what {to} lacks of {}", counted(images.len(), "image")),
                );
            }
            TransferEvent::Sending {
                image,
                layers,
                of,
                bytes,
            } => {
                number.set(number.get() + 1);
                printer.step(
                    "sending",
                    format!(
                        "{image} to {to}, {} of {}: {layers} of {} missing, {}.{} MB",
                        number.get(),
                        lacking.len(),
                        counted(of, "layer"),
                        bytes / 1_000_000,
                        bytes % 1_000_000 / 100_000
                    ),
                );
            }
        },
    )?;
    printer.step("sent", format!("to {to} in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(())
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Podman(error) => error.into(),
            TransferError::File(error) => error.into(),
            other @ (TransferError::Missing(_) | TransferError::Layout(_)) => Self::new(Exit::Tool, other.to_string()),
        }
    }
}
