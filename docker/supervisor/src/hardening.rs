//! What keeps agents, which run as the same user, from reaching the processes that judge them.

use nix::sys::prctl::set_dumpable;

/// Nobody of this user may trace this process, read or write its memory, or open its files through `/proc`. The image's binary
/// cannot be read by agents either, which makes the kernel do the same from the first instruction on; this is for wherever it can.
pub fn refuse_tracing() {
    // It cannot fail with this argument.
    let _ = set_dumpable(false);
}
