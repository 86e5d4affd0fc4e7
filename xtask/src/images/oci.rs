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

impl Lower {
    /// Whether another image was built on this one: it has all its layers, in their order, and more.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        let (own, theirs) = (&self.root_fs.layers, &other.root_fs.layers);
        own.len() < theirs.len() && theirs.starts_with(own)
    }
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
        layout_marker(),
        ("index.json".to_owned(), index),
        (blob(&manifest_digest), manifest),
        (blob(&config_digest), config),
    ];
    Ok(Documents { id, files })
}

/// The index of an OCI layout that Podman wrote, as far as it is read.
#[derive(Deserialize)]
struct SavedIndex {
    #[serde(default)]
    manifests: Vec<SavedDescriptor>,
}

#[derive(Deserialize)]
struct SavedDescriptor {
    digest: String,
    #[serde(default, rename = "mediaType")]
    media_type: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// The manifest of an image that Podman wrote, as far as it is read.
#[derive(Deserialize)]
struct SavedDocument {
    config: SavedDescriptor,
    #[serde(default)]
    layers: Vec<SavedDescriptor>,
}

/// An image in an OCI layout that Podman wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedManifest {
    /// Digest of its config.
    pub config: String,
    /// Digests of its layers, lowest first.
    pub layers: Vec<String>,
    /// Documents of an archive with this image alone, but for its config: path and content of each.
    pub documents: Vec<(String, Vec<u8>)>,
}

/// What is wrong with an OCI layout that Podman wrote.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Its index cannot be read.
    #[error("index.json: {0}")]
    Index(#[source] serde_json::Error),
    /// It has no manifest of an image that was saved.
    #[error("no manifest of `{0}`")]
    Missing(String),
    /// The manifest of an image cannot be read.
    #[error("the manifest of `{name}`: {source}")]
    Manifest {
        /// The image.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A layer is compressed, or something else: its digest is not the one that storage knows.
    #[error("a layer of `{name}` is of type `{media_type}`")]
    Layer {
        /// The image.
        name: String,
        /// What the layer is said to be.
        media_type: String,
    },
    /// The index of the archive cannot be written.
    #[error(transparent)]
    Write(serde_json::Error),
}

/// Digests of the manifests in an OCI layout, by the name of the image, from its `index.json`.
///
/// # Errors
/// When it cannot be read.
pub fn saved(index: &[u8]) -> Result<BTreeMap<String, String>, LayoutError> {
    let index: SavedIndex = serde_json::from_slice(index).map_err(LayoutError::Index)?;
    Ok(index
        .manifests
        .into_iter()
        .filter_map(|mut manifest| Some((manifest.annotations.remove(REFERENCE)?, manifest.digest)))
        .collect())
}

/// An image of an OCI layout, from its manifest.
///
/// # Errors
/// When it cannot be read, or its layers are compressed: their digests are not those that storage knows.
pub fn saved_image(name: &str, digest: &str, manifest: &[u8]) -> Result<SavedManifest, LayoutError> {
    let document: SavedDocument = serde_json::from_slice(manifest).map_err(|source| LayoutError::Manifest {
        name: name.to_owned(),
        source,
    })?;
    if let Some(layer) = document.layers.iter().find(|layer| layer.media_type != LAYER) {
        return Err(LayoutError::Layer {
            name: name.to_owned(),
            media_type: layer.media_type.clone(),
        });
    }
    let mut named = descriptor(MANIFEST, digest, length(manifest));
    named.annotations.insert(REFERENCE, name);
    let index = serde_json::to_vec(&Index {
        schema_version: 2,
        manifests: [named],
    })
    .map_err(LayoutError::Write)?;
    Ok(SavedManifest {
        config: document.config.digest,
        layers: document.layers.into_iter().map(|layer| layer.digest).collect(),
        documents: vec![
            layout_marker(),
            ("index.json".to_owned(), index),
            (blob(digest), manifest.to_vec()),
        ],
    })
}

/// The file by which an OCI layout is known.
fn layout_marker() -> (String, Vec<u8>) {
    ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())
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

#[cfg(test)]
mod tests {
    use super::{saved, saved_image};

    const MANIFEST: &str = r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:cc","size":3},
        "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:aa","size":0}]}"#;

    #[test]
    fn an_image_of_a_layout_becomes_an_archive_of_its_own() {
        let index = br#"{"schemaVersion":2,"manifests":[
            {"digest":"sha256:01","annotations":{"org.opencontainers.image.ref.name":"localhost/a:latest"}},
            {"digest":"sha256:02"}]}"#;
        let manifests = saved(index).unwrap();
        assert_eq!(manifests.len(), 1);
        let image = saved_image(
            "localhost/a:latest",
            &manifests["localhost/a:latest"],
            MANIFEST.as_bytes(),
        )
        .unwrap();
        assert_eq!(
            (image.config.as_str(), image.layers),
            ("sha256:cc", vec!["sha256:aa".to_owned()])
        );
        let paths: Vec<&str> = image.documents.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["oci-layout", "index.json", "blobs/sha256/01"]);
        let index = String::from_utf8(image.documents[1].1.clone()).unwrap();
        assert!(
            index.contains("localhost/a:latest") && index.contains("sha256:01"),
            "{index}"
        );
    }

    #[test]
    fn a_compressed_layer_is_not_taken_for_one_that_storage_knows() {
        let compressed = MANIFEST.replace("layer.v1.tar", "layer.v1.tar+gzip");
        let error = saved_image("a", "sha256:01", compressed.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains("layer.v1.tar+gzip"), "{error}");
        assert!(saved(b"7").is_err());
    }

    #[test]
    fn an_image_is_below_those_that_have_its_layers_and_more() {
        let image = |layers: &[&str]| -> super::Lower {
            let document = serde_json::json!({
                "Id": "1", "Architecture": "amd64", "Os": "linux", "RootFS": {"Type": "layers", "Layers": layers},
            });
            serde_json::from_value(document).unwrap()
        };
        let lower = image(&["a", "b"]);
        assert!(lower.is_below(&image(&["a", "b", "c"])));
        for other in [&["a", "b"][..], &["a"], &["b", "a", "c"], &["a", "c", "b"]] {
            assert!(!lower.is_below(&image(other)), "{other:?}");
        }
    }
}
