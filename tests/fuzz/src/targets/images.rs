//! Documents of images: an OCI index and manifest, dpkg's status, METADATA of a distribution; names of files in a layer.

use std::collections::BTreeSet;
use std::io::Read as _;

use xtask::images::files::{Entries, Entry};
use xtask::images::{layer, oci, sbom};
use xtask::stack::GroupId;

use super::choice;
use crate::world::World;

/// The first byte says which it is.
pub fn run(bytes: &[u8]) {
    let (kind, rest) = choice(bytes);
    let text = String::from_utf8_lossy(rest);
    match kind % 4 {
        0 => {
            if let Ok(images) = oci::saved(rest) {
                for (name, digest) in images {
                    let _ = oci::saved_image(&name, &digest, rest);
                }
            }
        }
        1 => {
            if let Ok(image) = oci::saved_image("localhost/x:1", "sha256:00", rest) {
                assert_eq!(image.documents.len(), 3);
                let written = layer::write_archive::<_, &[u8]>(&image.documents, Vec::new(), Vec::new());
                assert!(written.is_ok(), "{written:?}");
            }
        }
        2 => {
            let mut packages = sbom::debian(&text);
            packages.extend(sbom::python(&text));
            let document = sbom::document("localhost/x:1", "sha256:00", None, &[], &packages, &BTreeSet::new());
            assert!(serde_json::to_string(&document).is_ok());
        }
        _ => write_layer(&text),
    }
}

/// A layer with files of those names, one a line; what is written can be read, with every file at its path.
fn write_layer(text: &str) {
    let (Some(stack), _) = World::default().load() else {
        return;
    };
    let entries: Entries = text
        .lines()
        .filter(|path| {
            path.split('/')
                .all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'))
        })
        .map(|path| {
            let executable = path.len() % 2 == 0;
            (
                path.to_owned(),
                Entry::File {
                    executable,
                    digest: path.to_owned(),
                },
            )
        })
        .collect();
    let layer = layer::layer(&stack, GroupId(0), &entries, &BTreeSet::new(), "cpython-311");
    let Ok(bytes) = layer::write(&layer, 0, |_| Ok(layer::Content::bytes(b"x".to_vec())), Vec::new()) else {
        return;
    };
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut seen = BTreeSet::new();
    for entry in archive.entries().into_iter().flatten() {
        let Ok(mut entry) = entry else {
            panic!("the layer cannot be read");
        };
        let path = String::from_utf8_lossy(&entry.path_bytes())
            .trim_end_matches('/')
            .to_owned();
        assert!(
            !path.starts_with('/') && !path.split('/').any(|part| part == ".."),
            "{path}"
        );
        let mut content = Vec::new();
        assert!(entry.read_to_end(&mut content).is_ok());
        seen.insert(path);
    }
    for path in layer.keys() {
        assert!(seen.contains(path), "{path} is not in the layer: {seen:?}");
    }
}
