//! Engines that are not this machine's, in namespaces of it, on the rendered files: `cargo xtask test --systemd`, `--docker`.
//!
//! Images are stand-ins, one program that stays and answers its health check: what is tested is what engines make of the files. What
//! `deploy` waits for is real: a supervisor and two agents.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

mod docker;
mod room;
mod systemd;
