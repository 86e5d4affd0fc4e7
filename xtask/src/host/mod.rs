//! All effects: processes, files, Podman, probes. Emits events and returns values; never prints.

pub mod bench;
pub mod boot;
pub mod docker;
pub mod doctor;
pub mod images;
pub mod lab;
pub mod leftovers;
pub mod podman;
pub mod smoke;
pub mod system;
pub mod testing;
pub mod tree;
