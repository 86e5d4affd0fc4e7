//! Podman, driven through its command line with `--format json`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::process::{ProcessError, Program};

/// Label on everything that we create: the stack's name.
pub const STACK_LABEL: &str = "ai-system.stack";
/// Label on machines' things: the machine's name.
pub const MACHINE_LABEL: &str = "ai-system.machine";
/// Label on a pod or container: the group's name.
pub const GROUP_LABEL: &str = "ai-system.group";
/// Label on an image: the digest of everything it was made from. On a pod: the digest of how it was created.
pub const DIGEST_LABEL: &str = "ai-system.input-digest";

/// Time after which a query that only reads Podman's state is taken to hang.
const QUERY_LIMIT: Duration = Duration::from_secs(60);

/// One Podman: this host's.
#[derive(Debug, Clone, Default)]
pub struct Podman {
    containers_conf: Option<PathBuf>,
}

/// Why Podman could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum PodmanError {
    /// It failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It answered something that we do not read.
    #[error("`{command}` printed what is not the expected JSON: {source}")]
    Answer {
        /// The command line.
        command: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

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

/// A pod, as `podman pod ps --format json` has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// `Running`, `Degraded`, `Exited`, `Created` …
    pub status: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
}

/// A container, as `podman ps --format json` has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    /// Its names; the first is the one it was given.
    #[serde(default)]
    pub names: Option<Vec<String>>,
    /// Image it was made from, by name.
    #[serde(default)]
    pub image: String,
    /// Id of that image.
    #[serde(default, rename = "ImageID")]
    pub image_id: String,
    /// `running`, `exited`, `created` …
    #[serde(default)]
    pub state: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
    /// Whether it is a pod's infra container.
    #[serde(default)]
    pub is_infra: bool,
}

impl Container {
    /// The name it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names
            .as_ref()
            .and_then(|names| names.first())
            .map_or("", String::as_str)
    }
}

/// A network, as `podman network ls --format json` has it.
#[derive(Debug, Clone, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its subnets.
    #[serde(default)]
    pub subnets: Option<Vec<NetworkSubnet>>,
    /// Its labels.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
}

/// One subnet of a network.
#[derive(Debug, Clone, Deserialize)]
pub struct NetworkSubnet {
    /// In CIDR notation.
    pub subnet: String,
}

/// A volume, as `podman volume ls --format json` has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
}

/// Whether something carries our label for that stack.
#[must_use]
pub fn belongs_to(labels: Option<&BTreeMap<String, String>>, stack: &str) -> bool {
    labels
        .and_then(|labels| labels.get(STACK_LABEL))
        .is_some_and(|name| name == stack)
}

impl Podman {
    /// This host's Podman, with a `containers.conf` of ours where the host needs one.
    #[must_use]
    pub fn new(containers_conf: Option<PathBuf>) -> Self {
        Self { containers_conf }
    }

    /// A Podman command without arguments yet.
    #[must_use]
    pub fn command(&self) -> Program {
        let program = Program::new("podman");
        match &self.containers_conf {
            Some(path) => program.env("CONTAINERS_CONF", path),
            None => program,
        }
    }

    /// Images that carry our digest label.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn images(&self) -> Result<Vec<Image>, PodmanError> {
        self.json(&[
            "images",
            "--filter",
            &format!("label={DIGEST_LABEL}"),
            "--format",
            "json",
        ])
    }

    /// Ids of those of these images that are there, by name. Cheaper than a list of all images, whose sizes Podman adds up.
    ///
    /// # Errors
    /// When Podman cannot be run.
    pub fn image_ids(&self, names: &[String]) -> Result<BTreeMap<String, String>, PodmanError> {
        // It fails where any image is missing, and prints those that are not.
        let printed = self
            .command()
            .args(["image", "inspect", "--format", "{{.Id}} {{json .RepoTags}}"])
            .args(names)
            .limit(QUERY_LIMIT)
            .run()?
            .stdout;
        Ok(printed
            .lines()
            .filter_map(|line| {
                let (id, tags) = line.split_once(' ')?;
                let tags: Vec<String> = serde_json::from_str(tags).ok()?;
                Some(tags.into_iter().map(move |tag| (tag, id.to_owned())))
            })
            .flatten()
            .collect())
    }

    /// Pods of the stack.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn pods(&self, stack: &str) -> Result<Vec<Pod>, PodmanError> {
        self.json(&[
            "pod",
            "ps",
            "--filter",
            &format!("label={STACK_LABEL}={stack}"),
            "--format",
            "json",
        ])
    }

    /// Containers of the stack, running or not, infra containers left out.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn containers(&self, stack: &str) -> Result<Vec<Container>, PodmanError> {
        self.json(&[
            "ps",
            "--all",
            "--filter",
            &format!("label={STACK_LABEL}={stack}"),
            "--format",
            "json",
        ])
        .map(|mut all: Vec<Container>| {
            all.retain(|container| !container.is_infra);
            all
        })
    }

    /// All networks.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn networks(&self) -> Result<Vec<Network>, PodmanError> {
        self.json(&["network", "ls", "--format", "json"])
    }

    /// All volumes.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn volumes(&self) -> Result<Vec<Volume>, PodmanError> {
        self.json(&["volume", "ls", "--format", "json"])
    }

    fn json<T: serde::de::DeserializeOwned>(&self, arguments: &[&str]) -> Result<Vec<T>, PodmanError> {
        let command = self.command().args(arguments).limit(QUERY_LIMIT);
        let text = command.read()?;
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        // Some lists are `null` where they are empty.
        serde_json::from_str::<Option<Vec<T>>>(&text)
            .map(Option::unwrap_or_default)
            .map_err(|source| PodmanError::Answer {
                command: command.command_line(),
                source,
            })
    }
}
