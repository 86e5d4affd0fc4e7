//! What `doctor` looks at, and what it mends.

pub mod fix;
pub mod gather;

pub use gather::gather;
