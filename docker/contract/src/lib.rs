//! What `xtask` and `agent-supervisor` must agree on: the group config that one writes and the other reads, the status
//! document that goes the other way, and the health exchange that both speak with agents.
//!
//! Types and their rules only: no files, no sockets, no clock.

pub mod asset;
pub mod exit;
pub mod explored;
pub mod group_config;
pub mod health;
pub mod http_reply;
pub mod order;
pub mod own_flags;
pub mod secrets;
pub mod status;
pub mod stop_signal;
pub mod validity;
