//! Podman, driven through its command line with `--format json`.

pub mod bridge;
pub mod containers_conf;
pub mod hosts;
pub mod make;
pub mod removal;
pub mod rootless_storage;
pub mod seccomp;
pub mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use self::service::{Service, ServiceError};
use super::leftovers::records::Records;
use super::system::files::FileError;
use super::system::process::{ProcessError, Program};
use crate::images::image::Image;
use crate::images::labels;
use crate::images::oci::Lower;

/// Label on everything that we create: the stack's name.
pub const STACK_LABEL: &str = labels::STACK;
/// Label on pods, containers, networks and volumes: the folder of the checkout that made them.
pub const CHECKOUT_LABEL: &str = labels::CHECKOUT;
/// Label on machines' things: the machine's name.
pub const MACHINE_LABEL: &str = crate::stack::labels::MACHINE;
/// Label on a pod or container: the group's name.
pub const GROUP_LABEL: &str = crate::stack::labels::GROUP;
/// Label on a container that is no part of the running stack: what it is for.
pub const ROLE_LABEL: &str = "ai-system.role";
/// Label on an image: the digest of everything it was made from. On a pod: the digest of how it was created.
pub const DIGEST_LABEL: &str = labels::DIGEST;

/// Time after which a query that only reads Podman's state is taken to hang.
const QUERY_LIMIT: Duration = Duration::from_secs(60);

/// How often images are listed again that vanish while they are listed.
const MOST_LISTINGS: usize = 5;

/// One Podman: this host's, that of a machine of the lab, or one elsewhere that this host's talks to.
#[derive(Debug, Clone)]
pub struct Podman {
    command: Program,
    /// Asked in place of further `podman` processes, where it was started.
    service: Option<Arc<Service>>,
    /// The machine whose own Podman it is; none for this host's.
    machine: Option<String>,
    /// `ip` where its networks are, arguments to follow; none where they are out of reach.
    ip: Option<Program>,
}

impl Default for Podman {
    fn default() -> Self {
        Self::new(None)
    }
}

/// Why Podman could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum PodmanError {
    /// It failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its service did.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A file that a container is to have cannot be read.
    #[error("{0}\n  hint: write the path of a file that holds the value under `secrets:` or `env_file:` of the stack")]
    Secret(FileError),
    /// It answered something that we do not read.
    #[error("`{command}` printed what is not the expected JSON: {source}")]
    Answer {
        /// The command line.
        command: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The same, as `podman image inspect` has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    size: u64,
}

impl From<Inspected> for Image {
    fn from(image: Inspected) -> Self {
        Self {
            id: image.id,
            names: image.repo_tags,
            labels: image.labels,
            size: image.size,
        }
    }
}

impl From<&Lower> for Image {
    /// Without its size, which nobody asks for of what images stand on.
    fn from(image: &Lower) -> Self {
        Self {
            id: image.id.clone(),
            names: Some(image.repo_tags.clone()),
            labels: Some(image.config.labels.clone()),
            size: 0,
        }
    }
}

/// A pod, as `podman pod ps --format json` has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Pod {
    /// Its id.
    pub id: String,
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
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// Id of the pod that it is in; empty otherwise.
    #[serde(default)]
    pub pod: String,
    /// When it was made, in seconds since 1970, where Podman says so in a number.
    #[serde(default, deserialize_with = "seconds")]
    pub created: u64,
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
    /// How its program ended last.
    #[serde(default)]
    pub exit_code: i32,
    /// How often Podman has started it again after its program had ended.
    #[serde(default)]
    pub restarts: u32,
    /// When it was started last, Unix seconds; a date where Podman's service says so.
    #[serde(default)]
    pub started_at: serde_json::Value,
    /// Its first process, as its host numbers it; 0 where it does not run.
    #[serde(default)]
    pub pid: u32,
}

impl Container {
    /// Without the name of the stack that its image gave it: our images have that label, too, and anybody may start one. What we
    /// start has a label besides, of which no image has any.
    fn without_labels_of_its_image(mut self) -> Self {
        if let Some(labels) = &mut self.labels
            && ![CHECKOUT_LABEL, GROUP_LABEL, ROLE_LABEL]
                .iter()
                .any(|own| labels.contains_key(*own))
        {
            labels.remove(STACK_LABEL);
        }
        self
    }

    /// Whether only Podman's storage knows it: a builder's, or one that a Podman was killed over.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.state == "storage"
    }

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
    /// Its id.
    #[serde(default)]
    pub id: Option<String>,
    /// Its bridge.
    #[serde(default, rename = "network_interface")]
    pub interface: Option<String>,
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
    /// Its folder on the host of that Podman.
    #[serde(default)]
    pub mountpoint: Option<PathBuf>,
    /// Whether no container had it yet, so that Podman will give it to the first one's user.
    #[serde(default)]
    pub needs_chown: bool,
}

/// Whether something carries our label for that stack.
#[must_use]
pub fn belongs_to(labels: Option<&BTreeMap<String, String>>, stack: &str) -> bool {
    labels
        .and_then(|labels| labels.get(STACK_LABEL))
        .is_some_and(|name| name == stack)
}

/// Podman's command line says it in a number, and its service in a date for some.
fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)?.as_u64().unwrap_or(0))
}

/// The filter for things of any stack: for the command line, and for the service.
fn any_stack() -> (String, String) {
    let filters = serde_json::json!({ "label": [STACK_LABEL] });
    (format!("label={STACK_LABEL}"), filters.to_string())
}

/// Attempts at a list whose subject changes meanwhile.
const ATTEMPTS: usize = 5;

/// Runs a command that lists what Podman has. A list fails as a whole where another Podman removes one of its items while it
/// is made, which is as good as not having asked yet.
///
/// # Errors
/// When Podman fails for another reason, or again and again.
pub fn read_list(command: &Program) -> Result<String, ProcessError> {
    let mut attempt = 1;
    loop {
        match command.read() {
            Err(ProcessError::Failed { tail, .. }) if attempt < ATTEMPTS && tail.iter().any(|line| is_gone(line)) => {
                attempt += 1;
            }
            other => return other,
        }
    }
}

/// Podman's words for an item that was removed while a list was made.
fn is_gone(line: &str) -> bool {
    [
        "container not known",
        "image not known",
        "no such container",
        "no such pod",
        "no such volume",
    ]
    .iter()
    .any(|words| line.contains(words))
}

impl Podman {
    /// This host's Podman, with a `containers.conf` of ours where the host needs one.
    #[must_use]
    pub fn new(containers_conf: Option<PathBuf>) -> Self {
        let mut command = Program::new("podman");
        if let Some(path) = containers_conf {
            command = command.env("CONTAINERS_CONF", path);
        }
        if let Some(driver) = rootless_storage::driver() {
            command = command.env("STORAGE_DRIVER", driver);
        }
        let ip = if nix::unistd::geteuid().is_root() {
            Program::new("ip")
        } else {
            command.clone().args(["unshare", "--rootless-netns", "ip"])
        };
        Self {
            command,
            service: None,
            machine: None,
            ip: Some(ip),
        }
    }

    /// The Podman that this command line runs, arguments to follow.
    #[cfg(test)]
    #[must_use]
    pub fn run_by(command: Program) -> Self {
        Self {
            command,
            service: None,
            machine: None,
            ip: None,
        }
    }

    /// The Podman that a machine of the lab has to itself, by its command line and that of `ip` there, arguments to follow.
    #[must_use]
    pub fn of_machine(machine: &str, command: Program, ip: Program) -> Self {
        Self {
            command,
            service: None,
            machine: Some(machine.to_owned()),
            ip: Some(ip),
        }
    }

    /// The Podman of another host, by the name of a connection of this one.
    #[must_use]
    pub fn connection(&self, name: &str) -> Self {
        Self {
            command: self.command().args(["--connection", name]),
            service: None,
            machine: Some(format!("connection-{name}")),
            ip: None,
        }
    }

    /// The same Podman, asked through its service, which lives as long as what is returned.
    ///
    /// # Errors
    /// When the service cannot be started.
    pub fn serve(&self) -> Result<Self, ServiceError> {
        Ok(Self {
            command: self.command(),
            service: Some(Arc::new(Service::start(self.command())?)),
            machine: self.machine.clone(),
            ip: self.ip.clone(),
        })
    }

    /// Whether what it makes is in this host's own kernel and network.
    #[must_use]
    pub fn is_of_this_host(&self) -> bool {
        self.machine.is_none()
    }

    /// `ip` without arguments yet, in the network namespace of its bridges; none where they are out of reach.
    #[must_use]
    pub fn ip(&self) -> Option<Program> {
        self.ip.clone()
    }

    /// What is written down of what a stack has it make.
    #[must_use]
    pub fn records(&self, stack: &str) -> Records {
        Records::of(stack, self.machine.as_deref())
    }

    /// Its service, where it was started.
    #[must_use]
    pub fn service(&self) -> Option<&Service> {
        self.service.as_deref()
    }

    /// A Podman command without arguments yet.
    #[must_use]
    pub fn command(&self) -> Program {
        self.command.clone()
    }

    /// Driver and folder of its storage.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn store(&self) -> Result<(String, PathBuf), PodmanError> {
        let printed = self
            .command()
            .args(["info", "--format", "{{.Store.GraphDriverName}} {{.Store.GraphRoot}}"])
            .limit(QUERY_LIMIT)
            .read()?;
        let (driver, root) = printed.trim().split_once(' ').unwrap_or(("overlay", printed.trim()));
        Ok((driver.to_owned(), PathBuf::from(root)))
    }

    /// Images that carry our digest label.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn images(&self) -> Result<Vec<Image>, PodmanError> {
        let filter = format!("label={DIGEST_LABEL}");
        let list = || self.json(&["images", "--filter", &filter, "--format", "json"]);
        let mut listed = list();
        // Podman lists ids first and then looks at each: one that somebody removes in between fails the whole list.
        for _ in 0..MOST_LISTINGS {
            match listed {
                Err(PodmanError::Process(ProcessError::Failed { ref tail, .. }))
                    if tail.iter().any(|line| line.contains("image not known")) =>
                {
                    listed = list();
                }
                other => return other,
            }
        }
        listed
    }

    /// Those of these images that are there. Takes as long however many others there are: a list of all looks at each.
    ///
    /// # Errors
    /// When Podman cannot be run, or answers something else.
    pub fn images_named(&self, names: &[String]) -> Result<Vec<Image>, PodmanError> {
        let found: Vec<Inspected> = self.inspect_present(names)?;
        Ok(found.into_iter().map(Image::from).collect())
    }

    /// The same, with what others can be put on them by.
    ///
    /// # Errors
    /// When Podman cannot be run, or answers something else.
    pub fn lower_images(&self, names: &[String]) -> Result<Vec<Lower>, PodmanError> {
        self.inspect_present(names)
    }

    fn inspect_present<T: DeserializeOwned>(&self, names: &[String]) -> Result<Vec<T>, PodmanError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        // It fails where any image is missing, and prints those that are not.
        let command = self.command().args(["image", "inspect"]).args(names).limit(QUERY_LIMIT);
        let text = command.run()?.stdout;
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        serde_json::from_str(&text).map_err(|source| PodmanError::Answer {
            command: command.command_line(),
            source,
        })
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

    /// Images with their config and layers.
    ///
    /// # Errors
    /// When one of them is not there, or Podman fails.
    pub fn inspect_images(&self, names: &BTreeSet<String>) -> Result<Vec<Lower>, PodmanError> {
        let mut arguments = vec!["image", "inspect"];
        arguments.extend(names.iter().map(String::as_str));
        self.json(&arguments)
    }

    /// Digests of all layers that its storage has, of whatever image.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn all_layers(&self) -> Result<BTreeSet<String>, PodmanError> {
        let listed = read_list(
            &self
                .command()
                .args(["images", "--quiet", "--no-trunc"])
                .limit(QUERY_LIMIT),
        )?;
        let ids: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let images = self.inspect_images(&ids)?;
        Ok(images.into_iter().flat_map(|image| image.root_fs.layers).collect())
    }

    /// Folders of this host with what each layer of an image holds, topmost first; one folder with all of it, where the storage
    /// driver copies layers. None where the image is not there.
    ///
    /// # Errors
    /// When Podman cannot be run.
    pub fn layers(&self, image: &str) -> Result<Vec<PathBuf>, ProcessError> {
        let format =
            "{{with .GraphDriver.Data}}{{if .UpperDir}}{{.UpperDir}}:{{.LowerDir}}{{else}}{{.dir}}{{end}}{{end}}";
        let output = self
            .command()
            .args(["image", "inspect", "--format", format, image])
            .limit(QUERY_LIMIT)
            .run()?;
        let folders = output.stdout.trim().split(':').map(PathBuf::from);
        Ok(folders
            .filter(|folder| output.status.success() && folder.is_absolute())
            .collect())
    }

    /// Pods of the stack.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn pods(&self, stack: &str) -> Result<Vec<Pod>, PodmanError> {
        let mut pods = self.all_pods()?;
        pods.retain(|pod| belongs_to(pod.labels.as_ref(), stack));
        Ok(pods)
    }

    /// Pods, whoever made them.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn all_pods(&self) -> Result<Vec<Pod>, PodmanError> {
        self.list("/pods/json", &[], &["pod", "ps", "--format", "json"])
    }

    /// Containers of the stack, running or not, infra containers left out.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn containers(&self, stack: &str) -> Result<Vec<Container>, PodmanError> {
        let mut all = self.all_containers()?;
        all.retain(|container| {
            !container.is_infra && !container.is_stored() && belongs_to(container.labels.as_ref(), stack)
        });
        Ok(all)
    }

    /// Pods of any stack.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn labelled_pods(&self) -> Result<Vec<Pod>, PodmanError> {
        let (label, filters) = any_stack();
        self.list(
            "/pods/json",
            &[("filters", &filters)],
            &["pod", "ps", "--filter", &label, "--format", "json"],
        )
    }

    /// Containers of any stack, running or not, infra containers left out.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn labelled_containers(&self) -> Result<Vec<Container>, PodmanError> {
        let (label, filters) = any_stack();
        let all: Vec<Container> = self.list(
            "/containers/json",
            &[("all", "true"), ("filters", &filters)],
            &["ps", "--all", "--filter", &label, "--format", "json"],
        )?;
        let all = all.into_iter().map(Container::without_labels_of_its_image);
        Ok(all
            .filter(|container| {
                !container.is_infra && container.labels.iter().any(|labels| labels.contains_key(STACK_LABEL))
            })
            .collect())
    }

    /// Containers, whoever made them, those too that only Podman's storage knows.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn all_containers(&self) -> Result<Vec<Container>, PodmanError> {
        let all: Vec<Container> = self.list(
            "/containers/json",
            &[("all", "true"), ("external", "true")],
            &["ps", "--all", "--external", "--format", "json"],
        )?;
        Ok(all.into_iter().map(Container::without_labels_of_its_image).collect())
    }

    /// The same by the command line, which says when each was made.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn dated_containers(&self) -> Result<Vec<Container>, PodmanError> {
        let all: Vec<Container> = self.json(&["ps", "--all", "--external", "--format", "json"])?;
        Ok(all.into_iter().map(Container::without_labels_of_its_image).collect())
    }

    /// Names of the network namespaces that its containers have.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn network_namespaces(&self) -> Result<BTreeSet<String>, PodmanError> {
        let containers = self.all_containers()?;
        let ids: Vec<&str> = containers
            .iter()
            .filter(|container| !container.is_stored())
            .map(|container| container.id.as_str())
            .collect();
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let command = self
            .command()
            .args(["container", "inspect", "--format", "{{.NetworkSettings.SandboxKey}}"])
            .args(ids)
            .limit(QUERY_LIMIT);
        Ok(read_list(&command)?
            .lines()
            .filter_map(|path| path.rsplit('/').next())
            .map(str::to_owned)
            .collect())
    }

    /// All networks.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn networks(&self) -> Result<Vec<Network>, PodmanError> {
        self.list("/networks/json", &[], &["network", "ls", "--format", "json"])
    }

    /// All volumes.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn volumes(&self) -> Result<Vec<Volume>, PodmanError> {
        self.list("/volumes/json", &[], &["volume", "ls", "--format", "json"])
    }

    /// A list that the service and the command line give in the same form.
    fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Vec<T>, PodmanError> {
        let Some(service) = &self.service else {
            return self.json(arguments);
        };
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        Ok(service.list(&format!("{path}?{query}"), QUERY_LIMIT)?)
    }

    fn json<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<Vec<T>, PodmanError> {
        let command = self.command().args(arguments).limit(QUERY_LIMIT);
        let text = read_list(&command)?;
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
