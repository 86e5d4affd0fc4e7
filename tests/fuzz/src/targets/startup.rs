//! A startup config: a model or findings.

use crate::world::{STARTUP, World};

/// Loads a stack with it.
pub fn run(bytes: &[u8]) {
    let (stack, findings) = World::default().with(STARTUP, bytes).load();
    assert!(stack.is_some() || !findings.is_empty(), "no stack, and nothing said");
}
