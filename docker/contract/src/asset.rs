//! Assets: data that an image holds besides code. A build leaves each in a folder of its own with a manifest; what lies below a volume
//! is copied from there to its place by the supervisor, since the volume would hide it.

use serde::{Deserialize, Serialize};

/// Folder of an image that has a folder for each asset, named after it.
pub const FOLDER: &str = "/usr/share/ai_system/assets";
/// In an asset's folder: what it is.
pub const MANIFEST: &str = "asset.json";
/// In an asset's folder: the file or folder itself, where it is to be copied to a volume.
pub const DATA: &str = "data";

/// An asset that is copied to a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Its name.
    pub name: String,
    /// Where it belongs.
    pub path: String,
    /// Its folder in the image.
    pub from: String,
}

/// What a build found out about an asset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// Where it belongs in a container.
    pub path: String,
    /// Where it comes from, in words.
    pub source: String,
    /// SHA-256 of its content: of a file, or of the list of a folder's files as `sha256sum` prints it, sorted by path.
    pub sha256: String,
    /// How many files it has.
    pub files: u64,
    /// Their length together.
    pub bytes: u64,
}
