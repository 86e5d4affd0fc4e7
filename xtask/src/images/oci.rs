//! The documents of an image: its config, its manifest, and the index that names it. Types of our own, since maps of a
//! document must be written in one order for the same input to give the same image.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Annotation by which an archive names an image.
const REFERENCE: &str = "org.opencontainers.image.ref.name";

/// What a container is started with, as the config of an image has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Execution {
    /// `uid:gid`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `9000/tcp`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Nothing>,
    /// `NAME=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Put before the command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Folders that get a volume.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Nothing>,
    /// Working folder.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Signal that stops it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
}

/// `{}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

/// One line of an image's history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When, as RFC 3339 has it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// By what.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// A remark.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether it made no layer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// An image that is there, as `podman image inspect` shows it: what another one can be put on.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Lower {
    /// Its id.
    pub id: String,
    /// Its names.
    #[serde(default)]
    pub repo_tags: Vec<String>,
    /// `amd64`.
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// What a container is started with.
    #[serde(default)]
    pub config: Execution,
    /// Its layers.
    #[serde(rename = "RootFS")]
    pub root_fs: RootFs,
    /// How it came to be.
    #[serde(default)]
    pub history: Vec<History>,
}

/// The layers of an image that is there.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RootFs {
    /// Digests of the unpacked layers, lowest first.
    #[serde(default)]
    pub layers: Vec<String>,
}

/// The one layer that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLayer {
    /// Its digest, `sha256:…`.
    pub digest: String,
    /// Its length in bytes.
    pub size: u64,
    /// When it was made, as RFC 3339 has it.
    pub created: String,
}

#[derive(Serialize)]
struct ImageConfig<'a> {
    created: &'a str,
    architecture: &'a str,
    os: &'a str,
    config: &'a Execution,
    rootfs: RootFsOut<'a>,
    history: Vec<History>,
}

#[derive(Serialize)]
struct RootFsOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'static str,
    digest: &'a str,
    size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: Descriptor<'a>,
    layers: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u8,
    manifests: [Descriptor<'a>; 1],
}

/// An image as documents.
#[derive(Debug, Clone)]
pub struct Documents {
    /// The id that Podman will give the image: the digest of its config, in hexadecimal.
    pub id: String,
    /// Path in the archive and content of each.
    pub files: Vec<(String, Vec<u8>)>,
}

/// The documents of an image that is `lower` with one more layer. Its lower layers are named by their digests alone: they
/// need not be in the archive where Podman's storage has them.
///
/// # Errors
/// When a document cannot be written as JSON.
pub fn documents(lower: &Lower, execution: &Execution, layer: &NewLayer, name: &str) -> serde_json::Result<Documents> {
    let below = lower.root_fs.layers.iter().map(String::as_str);
    let mut history = lower.history.clone();
    history.push(History {
        created: layer.created.clone(),
        created_by: "cargo xtask build-images".to_owned(),
        ..History::default()
    });
    let config = serde_json::to_vec(&ImageConfig {
        created: &layer.created,
        architecture: &lower.architecture,
        os: &lower.os,
        config: execution,
        rootfs: RootFsOut {
            kind: "layers",
            diff_ids: below.clone().chain([layer.digest.as_str()]).collect(),
        },
        history,
    })?;
    let id = sha256(&config);
    let config_digest = format!("sha256:{id}");
    let layers = below
        .map(|digest| descriptor(LAYER, digest, 0))
        .chain([descriptor(LAYER, &layer.digest, layer.size)])
        .collect();
    let manifest = serde_json::to_vec(&Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        config: descriptor(CONFIG, &config_digest, length(&config)),
        layers,
    })?;
    let manifest_digest = format!("sha256:{}", sha256(&manifest));
    let mut named = descriptor(MANIFEST, &manifest_digest, length(&manifest));
    named.annotations.insert(REFERENCE, name);
    let index = serde_json::to_vec(&Index {
        schema_version: 2,
        manifests: [named],
    })?;
    let files = vec![
        ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json".to_owned(), index),
        (blob(&manifest_digest), manifest),
        (blob(&config_digest), config),
    ];
    Ok(Documents { id, files })
}

/// Where an archive has the content of that digest.
#[must_use]
pub fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

fn descriptor<'a>(media_type: &'static str, digest: &'a str, size: u64) -> Descriptor<'a> {
    Descriptor {
        media_type,
        digest,
        size,
        annotations: BTreeMap::new(),
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
