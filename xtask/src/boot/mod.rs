//! Booting: how each pod and container is created, which of them a running host lacks, and what the supervisors' status
//! documents say about the whole. Pure: running Podman and asking supervisors is `host`'s work.

pub mod critical_path;
pub mod explain;
pub mod podman_arguments;
pub mod view;
