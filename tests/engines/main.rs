//! The rendered files beside the programs that they are for, as far as that costs seconds: units in Debian 13's Quadlet and systemd.
//!
//! Kubernetes' schemas are asked by the unit tests of `render`, Podman and Compose by `podman`; `systemd.rs` boots hosts, if asked for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

mod quadlet;
