//! The image that the base is built FROM: Python on an operating system, from a registry, or from Debian packages where no
//! registry can be reached.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::host::podman::Podman;
use crate::host::system::process::{ProcessError, Program};
use crate::images::Node;
use crate::images::image::Image;
use crate::stack::Stack;

/// Label with the way the image was made.
const SOURCE_LABEL: &str = "ai-system.python-source";

/// Labels with the name of the registry's image, and the digest of its manifest.
pub const BASE_NAME_LABEL: &str = "org.opencontainers.image.base.name";
/// The digest.
pub const BASE_DIGEST_LABEL: &str = "org.opencontainers.image.base.digest";

/// How long a registry may take to hand out an image.
const PULL_LIMIT: Duration = Duration::from_secs(600);

/// Where the image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `images.base_image` of the stack, pulled.
    Registry,
    /// Debian packages, put together by mmdebstrap.
    Debian,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Debian => "debian",
        }
    }

    /// Everything that the image depends on, for its input digest.
    #[must_use]
    pub fn describe(self, stack: &Stack) -> String {
        match self {
            Self::Registry => format!("registry {}", stack.images.base_image),
            Self::Debian => format!(
                "debian {} {}",
                stack.images.debian_suite,
                stack.images.debian_packages.join(" ")
            ),
        }
    }
}

/// What the image that is there was made from.
#[must_use]
pub fn known(present: &[Image]) -> Option<Source> {
    present
        .iter()
        .filter_map(|image| image.labels.as_ref()?.get(SOURCE_LABEL))
        .find_map(|source| match source.as_str() {
            "registry" => Some(Source::Registry),
            "debian" => Some(Source::Debian),
            _ => None,
        })
}

/// Chooses: what the image that is there was made from; else the registry, if it hands the image out; else Debian. The
/// second value says why Debian was taken.
///
/// # Errors
/// When Podman cannot be run at all.
pub fn choose(podman: &Podman, stack: &Stack, present: &[Image]) -> Result<(Source, Option<String>), ProcessError> {
    if let Some(source) = known(present) {
        return Ok((source, None));
    }
    let pull = podman
        .command()
        .args(["pull", "--quiet", &stack.images.base_image])
        .limit(PULL_LIMIT)
        .run()?;
    if pull.status.success() {
        return Ok((Source::Registry, None));
    }
    let why = pull.tail.last().cloned().unwrap_or_default();
    Ok((Source::Debian, Some(why)))
}

/// The image to make.
#[derive(Debug)]
pub struct Python<'a> {
    /// Whose it is.
    pub stack: &'a Stack,
    /// What it is called.
    pub node: &'a Node,
    /// Where it comes from.
    pub source: Source,
    /// What every image of the stack says about itself.
    pub labels: BTreeMap<String, String>,
}

impl Python<'_> {
    /// Makes the image.
    ///
    /// # Errors
    /// When Podman or mmdebstrap fails.
    pub fn make(
        &self,
        podman: &Podman,
        scratch: &Path,
        log: &Path,
        line: &mut dyn FnMut(&str),
    ) -> Result<(), ProcessError> {
        let (stack, node) = (self.stack, self.node);
        let own = (SOURCE_LABEL, self.source.name());
        let base = match self.source {
            Source::Registry => base(podman, &stack.images.base_image, line)?,
            Source::Debian => BTreeMap::new(),
        };
        let labels = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let labels = labels.chain([own]);
        let labels = labels.chain(base.iter().map(|(name, value)| (*name, value.as_str())));
        match self.source {
            Source::Registry => podman
                .command()
                .args([
                    "build",
                    "--pull=never",
                    "--network=none",
                    "--file",
                    "-",
                    "--tag",
                    &node.image,
                ])
                .args(labels.map(|(name, value)| format!("--label={name}={value}")))
                .arg(scratch)
                .input(format!("FROM {}\n", stack.images.base_image))
                .log(log)
                .succeed(line)
                .map(drop),
            Source::Debian => {
                let archive = scratch.join("python.tar");
                Program::new("mmdebstrap")
                    .args(["--variant=minbase", "--format=tar"])
                    .arg(format!("--include={}", stack.images.debian_packages.join(",")))
                    // Nobody reads manuals in a container.
                    .args([
                        "--dpkgopt=path-exclude=/usr/share/man/*",
                        "--dpkgopt=path-exclude=/usr/share/doc/*",
                        "--dpkgopt=path-exclude=/usr/share/locale/*",
                    ])
                    .arg(&stack.images.debian_suite)
                    .arg(&archive)
                    .log(log)
                    .succeed(line)?;
                line("importing");
                let imported = podman
                    .command()
                    .args(["import", "--quiet"])
                    .args(labels.map(|(name, value)| format!("--change=LABEL {name}={value}")))
                    .arg(&archive)
                    .arg(&node.image)
                    .succeed(line)
                    .map(drop);
                // It is as large as the image; losing the race with a full disk changes nothing.
                let _ = std::fs::remove_file(&archive);
                imported
            }
        }
    }
}

/// What the registry's image is, as labels that all images above it have, too: its name, and the digest that the name stood for. Pulls
/// it where it is not there.
fn base(
    podman: &Podman,
    image: &str,
    line: &mut dyn FnMut(&str),
) -> Result<BTreeMap<&'static str, String>, ProcessError> {
    let there = podman.command().args(["image", "exists", image]).run()?;
    if !there.status.success() {
        let pull = podman.command().args(["pull", "--quiet", image]).limit(PULL_LIMIT);
        pull.succeed(line)?;
    }
    let digests = podman
        .command()
        .args([
            "image",
            "inspect",
            "--format",
            "{{range .RepoDigests}}{{println .}}{{end}}",
            image,
        ])
        .read()?;
    let mut labels = BTreeMap::from([(BASE_NAME_LABEL, image.to_owned())]);
    labels.extend(digest_of(image, &digests).map(|digest| (BASE_DIGEST_LABEL, digest)));
    Ok(labels)
}

/// The digest of an image: the one that it is named by, or that of its repository among `name@digest` of all its names.
fn digest_of(image: &str, digests: &str) -> Option<String> {
    if let Some((_, digest)) = image.split_once('@') {
        return Some(digest.to_owned());
    }
    let last = image.rfind('/').map_or(0, |slash| slash + 1);
    let repository = match image[last..].find(':') {
        Some(colon) => &image[..last + colon],
        None => image,
    };
    let digest = digests
        .lines()
        .find_map(|known| known.strip_prefix(repository)?.strip_prefix('@'));
    digest.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::digest_of;

    #[test]
    fn a_digest_is_that_of_the_name() {
        let digests = "r.example:5000/other@sha256:1\nr.example:5000/python@sha256:2\n";
        let of = |image| digest_of(image, digests);
        assert_eq!(of("r.example:5000/python:3.11-slim").as_deref(), Some("sha256:2"));
        assert_eq!(of("r.example:5000/python").as_deref(), Some("sha256:2"));
        assert_eq!(of("r.example:5000/python@sha256:3").as_deref(), Some("sha256:3"));
        assert_eq!(of("r.example:5000/nothing:1"), None);
    }
}
