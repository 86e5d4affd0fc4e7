//! The host that figures are from.

/// A host, as far as figures depend on it.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Model of its processor; empty where the system does not say.
    pub model: String,
    /// Processors that this program may use.
    pub cores: usize,
}
