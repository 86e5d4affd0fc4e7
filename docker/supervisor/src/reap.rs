//! Reaping: every child of PID 1, our own and adopted orphans alike.

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::machine::Ended;

/// One reaped process. `None` stands for one that a real-time signal ended: the pid is lost then.
pub type Reaped = (Option<u32>, Ended);

/// Reaps whatever has ended.
#[must_use]
pub fn reap() -> Vec<Reaped> {
    let mut reaped = Vec::new();
    loop {
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => reaped.push((
                id(pid),
                Ended {
                    code: Some(code),
                    signal: None,
                },
            )),
            Ok(WaitStatus::Signaled(pid, signal, _)) => reaped.push((
                id(pid),
                Ended {
                    code: None,
                    signal: Some(signal as i32),
                },
            )),
            Ok(WaitStatus::StillAlive) => break,
            Ok(_) | Err(Errno::EINTR) => {}
            // The process is reaped, but nix knows no name for its signal.
            Err(Errno::EINVAL) => reaped.push((
                None,
                Ended {
                    code: None,
                    signal: None,
                },
            )),
            Err(_) => break,
        }
    }
    reaped
}

fn id(pid: Pid) -> Option<u32> {
    u32::try_from(pid.as_raw()).ok()
}
