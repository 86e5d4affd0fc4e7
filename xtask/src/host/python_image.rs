//! The image that the base is built FROM: Python on an operating system, from a registry, or from Debian packages where no
//! registry can be reached.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::podman::{Image, Podman};
use super::process::{ProcessError, Program};
use crate::images::Node;
use crate::stack::Stack;

/// Label with the way the image was made.
const SOURCE_LABEL: &str = "ai-system.python-source";

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
        let labels = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let labels = labels.chain([own]);
        match self.source {
            Source::Registry => podman
                .command()
                .args(["build", "--file", "-", "--tag", &node.image])
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
