//! The orders to stop: SIGTERM, SIGINT and SIGQUIT. They are blocked and read from a descriptor, which says who sent them: as PID 1
//! of a container only those count that come from outside it. What runs inside has the same user, and may send them, too.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Sent by `kill`; the kernel itself fills in who sent it.
const SI_USER: i32 = 0;
/// Sent by the kernel, as by a terminal.
const SI_KERNEL: i32 = 0x80;

/// Blocks them for this thread and all that it will start. Before any other thread is there.
pub fn block() -> nix::Result<SignalFd> {
    let set = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT]);
    set.thread_block()?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)
}

/// An order to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From outside: it counts.
    Stop,
    /// From a process of this container, by its id: it does not.
    Forged(u32),
}

/// Tells of each, for ever, from a thread of its own.
pub fn listen(signals: SignalFd, tell: impl Fn(Order) + Send + 'static) -> std::io::Result<()> {
    let first = std::process::id() == 1;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .stack_size(64 * 1024)
        .spawn(move || {
            loop {
                match signals.read_signal() {
                    Ok(Some(signal)) => tell(judge(first, signal.ssi_code, signal.ssi_pid)),
                    // A signal with a handler interrupts it, such as SIGSEGV, which Rust handles and any process here may send.
                    Ok(None) | Err(Errno::EINTR) => {}
                    // Nobody could stop the supervisor any more, so it stops now.
                    Err(_) => return tell(Order::Stop),
                }
            }
        })?;
    Ok(())
}

/// A sender outside the namespace has no id in it. A code below zero is the sender's own word, the id with it.
fn judge(first: bool, code: i32, sender: u32) -> Order {
    if !first || (matches!(code, SI_USER | SI_KERNEL) && sender == 0) {
        Order::Stop
    } else {
        Order::Forged(sender)
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, judge};

    #[test]
    fn only_the_outside_stops_pid_1() {
        assert_eq!(judge(true, 0, 0), Order::Stop);
        assert_eq!(judge(true, 0x80, 0), Order::Stop);
        assert_eq!(judge(true, 0, 17), Order::Forged(17));
        // `sigqueue` and `F_SETSIG`, whose sender says what it likes.
        assert_eq!(judge(true, -1, 0), Order::Forged(0));
        assert_eq!(judge(true, 1, 0), Order::Forged(0));
        assert_eq!(judge(false, 0, 17), Order::Stop);
    }
}
