//! An image of a host, as Podman lists it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// An image, as `podman images --format json` has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Image {
    /// Its id.
    pub id: String,
    /// Fully qualified names with tags.
    #[serde(default)]
    pub names: Option<Vec<String>>,
    /// Its labels.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
    /// Its size with all its layers, in bytes.
    #[serde(default)]
    pub size: u64,
}
