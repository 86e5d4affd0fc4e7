//! What is known of Python around the agents of a group: the files of a tree and what is in them, how imports are resolved inside
//! the group's container, what its requirements bring, and what agents can share.
//!
//! Pure: entries of the tree and the stack go in. Reading files is `host`'s work.

pub mod disk;
pub mod facts;
pub mod imports;
pub mod parses;
pub mod preload;
pub(crate) mod reach;
pub mod recall;
pub mod steps;
pub mod tree;
