//! The lab with the stack running in it, for a command that needs both: made and booted where they are not there, and what was
//! made is taken away again.

use super::{Context, Failure, Outcome, lab, up};
use crate::boot::lab::Lab;
use crate::host::lab as host;
use crate::host::system::process;
use crate::report::exit::Exit;
use crate::stack::Stack;

/// What is to be taken away at the end.
#[derive(Debug)]
#[must_use]
pub struct Borrowed {
    lab: Lab,
    made: bool,
}

/// Makes the lab and boots the stack in it, as far as they are not there.
///
/// # Errors
/// When the lab cannot be made, or an agent does not become healthy; what was made is gone then.
pub fn prepare(context: &Context, stack: &Stack) -> Outcome<Borrowed> {
    let lab = host::of(stack, &context.repository)?;
    let made = lab::up(stack, &lab, context)?;
    let borrowed = Borrowed { lab, made };
    let booted = up::run(&up::Args::in_lab(), context).and_then(|exit| match exit {
        Exit::Success => Ok(()),
        other => Err(Failure::said(other)),
    });
    match booted {
        Ok(()) => Ok(borrowed),
        Err(failure) => {
            borrowed.give_back(context, stack)?;
            Err(failure)
        }
    }
}

impl Borrowed {
    /// Removes the lab, if it was made here.
    ///
    /// # Errors
    /// When something of it does not go away.
    pub fn give_back(self, context: &Context, stack: &Stack) -> Outcome<()> {
        if !self.made {
            return Ok(());
        }
        // What an interrupt stopped has to be taken away all the same; that there was one is still to be known.
        let stopped = process::interrupted();
        process::resume();
        let removed = lab::down(stack, &self.lab, context);
        if stopped {
            process::interrupt();
        }
        removed
    }
}
