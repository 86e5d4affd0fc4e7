//! The supervisor with real processes, real sockets and no container: it runs as a subreaper, its agents are
//! `examples/fake_agent.rs` or real Python. Every wait is for a condition, with a deadline; no sleep proves anything.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "clippy knows tests by their attribute, and takes their helpers for other code"
)]

mod boot;
mod cli;
mod crash;
mod guard;
mod harness;
mod health;
mod kinds;
mod leftovers;
mod network;
mod once;
mod output;
mod stop;
mod warm;
