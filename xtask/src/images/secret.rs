//! Secrets in images that are there already.

/// Something in an image that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The image.
    pub image: String,
    /// Its path below the root of the tree in the image.
    pub path: String,
    /// Why it looks like one.
    pub why: String,
}
