//! Images on their way to a registry.

use std::time::Duration;

/// An image that goes to a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Its short name.
    pub name: String,
    /// Its name here.
    pub image: String,
    /// Its name there.
    pub to: String,
}

/// An image that is at a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Digest of its manifest there: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// How long that took.
    pub elapsed: Duration,
}
