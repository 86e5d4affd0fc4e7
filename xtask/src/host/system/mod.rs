//! The machine: processes, files, locks, network devices, the firewall.

pub mod addresses;
pub mod devices;
pub mod editor;
pub mod files;
pub mod firewall;
pub mod git;
pub mod keys;
pub mod lock;
pub mod network;
pub mod nftables;
pub mod orphans;
pub mod parallel;
pub mod process;
pub mod repository;
pub mod request;
pub(super) mod scratch;
pub mod socket_holder;
pub mod usage;
pub mod watch;
