//! What a supervisor and the keepers of its agents say to each other, and what is read of processes and of what they print.

use agent_supervisor::parsers::{keeper, masked, order, process};

use super::choice;

/// The first byte says which it is.
pub fn run(bytes: &[u8]) {
    let (kind, rest) = choice(bytes);
    let text = String::from_utf8_lossy(rest);
    match kind % 4 {
        0 => {
            let _ = order(rest);
        }
        1 => {
            let _ = keeper(&text);
        }
        2 => {
            let _ = process(rest);
        }
        _ => {
            let (value, said) = text.split_once('\n').unwrap_or(("", &text));
            let shown = masked(said, "API_TOKEN", value);
            assert!(
                value.trim().len() < 16 || value.contains('*') || !shown.contains(value),
                "a secret is shown: {shown:?}"
            );
        }
    }
}
