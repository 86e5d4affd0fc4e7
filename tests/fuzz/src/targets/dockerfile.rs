//! A Dockerfile in a tree.

use crate::world::World;

/// Audits a tree with it.
pub fn run(bytes: &[u8]) {
    World::default().with("docker/Dockerfile", bytes).audit();
}
