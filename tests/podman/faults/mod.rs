//! Faults on a stack of three agents with the real Podman: what breaks, what is promised, what was seen. `cargo xtask faults` runs
//! these and the supervisor's own, and prints the table.

mod checks;
mod clock;
mod containers;
mod disk;
mod files;
mod harness_killed;
mod hostile;
mod own_users;
mod podman;
pub mod sandbox;
mod written;

/// Writes one row of the table, where `cargo xtask faults` wants it.
pub fn saw(fault: &str, promise: &str, seen: &str) {
    let Some(folder) = std::env::var_os("FAULT_ROWS") else {
        return;
    };
    let name = fault.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    std::fs::write(
        std::path::Path::new(&folder).join(format!("{name}.row")),
        format!("{fault}\n{promise}\n{seen}\n"),
    )
    .unwrap();
}
