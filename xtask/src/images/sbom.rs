//! What is installed in an image, as a CycloneDX document.

use std::collections::BTreeSet;

use contract::asset::Manifest;
use serde::Serialize;

/// Where a package comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A Debian package.
    Debian,
    /// A Python distribution.
    Python,
}

/// Something that is installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Where it comes from.
    pub origin: Origin,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `amd64`, for a Debian package.
    pub architecture: Option<String>,
}

/// The installed packages of dpkg's `status` file.
#[must_use]
pub fn debian(status: &str) -> BTreeSet<Package> {
    status
        .split("\n\n")
        .filter(|paragraph| field(paragraph, "Status") == Some("install ok installed"))
        .filter_map(|paragraph| {
            Some(Package {
                origin: Origin::Debian,
                name: field(paragraph, "Package")?.to_owned(),
                version: field(paragraph, "Version")?.to_owned(),
                architecture: field(paragraph, "Architecture").map(str::to_owned),
            })
        })
        .collect()
}

/// The distribution of a `METADATA` file.
#[must_use]
pub fn python(metadata: &str) -> Option<Package> {
    let header = metadata.split("\n\n").next()?;
    Some(Package {
        origin: Origin::Python,
        name: field(header, "Name")?.to_owned(),
        version: field(header, "Version")?.to_owned(),
        architecture: None,
    })
}

fn field<'a>(paragraph: &'a str, name: &str) -> Option<&'a str> {
    paragraph
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

/// A CycloneDX 1.5 document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sbom {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
}

#[derive(Debug, Serialize)]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    component: Component,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

/// A name and a value.
#[derive(Debug, Serialize)]
struct Property {
    name: String,
    value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    bom_ref: String,
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Debug, Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

impl Component {
    /// Data that is in the image besides packages.
    fn of_asset(asset: &Manifest) -> Self {
        let property = |name: &str, value: &str| Property {
            name: format!("ai-system.asset.{name}"),
            value: value.to_owned(),
        };
        Self {
            kind: "data",
            bom_ref: format!("asset:{}", asset.name),
            name: asset.name.clone(),
            version: format!("sha256:{}", asset.sha256),
            purl: None,
            hashes: vec![Hash {
                alg: "SHA-256",
                content: asset.sha256.clone(),
            }],
            properties: vec![
                property("source", &asset.source),
                property("path", &asset.path),
                property("bytes", &asset.bytes.to_string()),
            ],
        }
    }
}

impl Package {
    /// Its package URL.
    #[must_use]
    pub fn purl(&self) -> String {
        let version = escaped(&self.version);
        match self.origin {
            Origin::Debian => {
                let architecture = self.architecture.as_ref();
                let qualifier = architecture.map_or_else(String::new, |name| format!("?arch={}", escaped(name)));
                format!("pkg:deb/debian/{}@{version}{qualifier}", escaped(&self.name))
            }
            // Names on PyPI are the same in any case, and `_` is `-`.
            Origin::Python => {
                let name = self.name.to_lowercase().replace('_', "-");
                format!("pkg:pypi/{}@{version}", escaped(&name))
            }
        }
    }
}

/// Percent-encoded but for what a package URL may hold as it is.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// The document of an image. `created` is when it was made, as its label says; so are `base`, what it says of the image of a registry
/// that it stands on.
#[must_use]
pub fn document(
    image: &str,
    id: &str,
    created: Option<String>,
    base: &[(&str, &str)],
    packages: &BTreeSet<Package>,
    assets: &BTreeSet<Manifest>,
) -> Sbom {
    let components = packages
        .iter()
        .map(|package| {
            let purl = package.purl();
            Component {
                kind: "library",
                bom_ref: purl.clone(),
                name: package.name.clone(),
                version: package.version.clone(),
                purl: Some(purl),
                hashes: Vec::new(),
                properties: Vec::new(),
            }
        })
        .chain(assets.iter().map(Component::of_asset))
        .collect();
    Sbom {
        bom_format: "CycloneDX",
        spec_version: "1.5",
        version: 1,
        metadata: Metadata {
            timestamp: created,
            component: Component {
                kind: "container",
                bom_ref: image.to_owned(),
                name: image.to_owned(),
                version: format!("sha256:{id}"),
                purl: None,
                hashes: Vec::new(),
                properties: Vec::new(),
            },
            properties: base
                .iter()
                .map(|(name, value)| Property {
                    name: (*name).to_owned(),
                    value: (*value).to_owned(),
                })
                .collect(),
        },
        components,
    }
}

#[cfg(test)]
mod tests {
    use super::{debian, document, python};

    #[test]
    fn what_is_installed_is_read() {
        let status = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u1\n\n\
                      Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n";
        let mut packages = debian(status);
        packages.extend(python(
            "Metadata-Version: 2.1\nName: Flask_X\nVersion: 1.0\n\nName: not this\n",
        ));
        let purls: Vec<String> = packages.iter().map(super::Package::purl).collect();
        assert_eq!(
            purls,
            [
                "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64",
                "pkg:pypi/flask-x@1.0"
            ]
        );
        let document = serde_json::to_value(document(
            "localhost/x/y:latest",
            "ab",
            None,
            &[("n", "sha256:1")],
            &packages,
            &std::collections::BTreeSet::from([contract::asset::Manifest {
                name: "punkt".to_owned(),
                path: "/app/data/nltk_data".to_owned(),
                source: "a test".to_owned(),
                sha256: "00ff".to_owned(),
                files: 1,
                bytes: 3,
            }]),
        ))
        .unwrap();
        assert_eq!(document["bomFormat"], "CycloneDX");
        assert_eq!(document["metadata"]["properties"][0]["value"], "sha256:1");
        assert_eq!(document["components"][1]["bom-ref"], "pkg:pypi/flask-x@1.0");
        let asset = &document["components"][2];
        assert_eq!((&asset["type"], &asset["name"]), (&"data".into(), &"punkt".into()));
        assert_eq!(asset["hashes"][0]["content"], "00ff");
        assert_eq!(asset["properties"][1]["value"], "/app/data/nltk_data");
    }
}
