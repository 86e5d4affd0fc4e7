//! Booting: how each pod and container is created, which of them a running host lacks, and what the supervisors' status
//! documents say about the whole. Pure: running Podman and asking supervisors is `host`'s work.

pub mod causes;
pub mod creation;
pub mod critical_path;
pub mod docker;
pub mod ending;
pub mod event;
pub mod explain;
#[cfg(test)]
pub(crate) mod fixture;
pub mod lab;
pub mod last_words;
pub mod limits;
pub mod mute;
pub mod needs;
pub mod orders;
pub mod ownership;
pub mod pod;
pub mod podman_arguments;
pub mod podman_request;
pub mod reach;
pub mod sealed;
pub mod session;
pub mod standing;
pub mod timeline;
pub mod units;
pub mod view;
