//! Image planning: the image DAG, input digests, and which images have to be built. Pure: running Podman is `host`'s work.

pub mod digest;
pub mod plan;
pub mod schedule;

pub use plan::{Kind, Node, NodeId, Plan};
