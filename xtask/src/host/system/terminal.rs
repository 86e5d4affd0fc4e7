//! Whether a person sits at the other end.

use std::io::IsTerminal as _;

/// Whether standard input and standard error are terminals: somebody reads what is asked, and can answer.
#[must_use]
pub fn is_both() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}
