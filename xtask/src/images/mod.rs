//! Image planning: the image DAG, input digests, which images have to be built, and what is in them. Pure: running Podman
//! is `host`'s work.

pub mod contents;
pub mod difference;
pub mod digest;
pub mod event;
pub mod files;
pub mod image;
pub mod labels;
pub mod layer;
pub mod oci;
pub mod package_index;
pub mod plan;
pub mod push;
pub mod sbom;
pub mod schedule;
pub mod secret;
pub mod stages;
pub mod uv;

pub use plan::{Kind, Node, NodeId, Plan};
