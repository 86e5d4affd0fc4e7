//! A file that is rendered, still in memory.

/// What the first comment of every rendered file says.
pub const HEADER: &str = "rendered by `cargo xtask render` from config/stack.yaml and the startup configs, do not edit";

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
