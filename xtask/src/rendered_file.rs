//! A file that is rendered, still in memory.

/// What the first comment of every rendered file says.
pub const HEADER: &str = "rendered by `cargo xtask render` from config/stack.yaml and the startup configs, do not edit";

/// Bytes at the beginning of a rendered file that hold [`HEADER`].
pub const WITHIN: usize = 512;

/// The file that it is rendered from, in the repository.
pub const STACK: &str = "config/stack.yaml";

/// A file in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Path relative to the repository.
    pub path: String,
    /// Content.
    pub text: String,
    /// Whether it is to be executable.
    pub executable: bool,
}
