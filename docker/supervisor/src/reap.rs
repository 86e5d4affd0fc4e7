//! Reaping: every child, our own and adopted orphans alike.

use rustix::process::{WaitOptions, wait};

use crate::machine::Ended;

/// Reaps whatever has ended: process ids, and how. Also whether there are children that have not.
#[must_use]
pub fn reap() -> (Vec<(u32, Ended)>, bool) {
    let mut reaped = Vec::new();
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                let ended = Ended {
                    code: status.exit_status(),
                    signal: status.terminating_signal(),
                };
                if ended.code.is_some() || ended.signal.is_some() {
                    reaped.push((pid.as_raw_nonzero().get().unsigned_abs(), ended));
                }
            }
            Ok(None) => return (reaped, true),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return (reaped, false),
        }
    }
}
