//! Docker, driven through its command line. `DOCKER_HOST` and Docker's contexts say which one, as for everybody who types `docker`.

pub mod images;

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::system::process::{self, ProcessError, Program};
use crate::boot::docker::{Container, Image, Network, PROJECT, Volume, belongs_to};
use crate::stack::labels::{DOCKER, ENGINE, STACK};

/// Time after which a question is taken to hang.
const QUERY: Duration = Duration::from_secs(60);
/// The same where it is asked only to know whether it is there at all.
const GLANCE: Duration = Duration::from_secs(10);
/// Where it is asked unless something else is set.
const SOCKET: &str = "unix:///var/run/docker.sock";
/// What lists ids of containers, running or not.
const CONTAINERS: [&str; 5] = ["container", "ls", "--quiet", "--all", "--no-trunc"];
/// The same of networks.
const NETWORKS: [&str; 4] = ["network", "ls", "--quiet", "--no-trunc"];
/// What lists names of volumes, which have no ids.
const VOLUMES: [&str; 3] = ["volume", "ls", "--quiet"];
/// Oldest Compose that reads what is given to it.
const OLDEST_COMPOSE: u32 = 2;

/// Why Docker cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// There is none.
    #[error(
        "`docker` is not installed\n  hint: install it (Debian and Ubuntu: `docker.io`), or run the stack with Podman: `cargo xtask up`"
    )]
    Missing,
    /// There is no Compose.
    #[error(
        "Docker has no Compose here: neither `docker compose` nor `docker-compose` runs\n  hint: install it (Docker's packages: \
         `docker-compose-plugin`; Debian and Ubuntu: `docker-compose-v2` or `docker-compose`)"
    )]
    NoCompose,
    /// It is older than what reads the files.
    #[error(
        "Compose is {0} here, and version {OLDEST_COMPOSE} or newer reads the files\n  hint: install `docker-compose-plugin`"
    )]
    OldCompose(String),
    /// Nothing answers.
    #[error(
        "Docker does not answer at `{0}`: its daemon does not run\n  hint: `sudo systemctl start docker`, or set DOCKER_HOST where it is elsewhere on this host"
    )]
    NotRunning(String),
    /// It answers others.
    #[error(
        "this user may not talk to Docker at `{0}`\n  hint: `sudo usermod --append --groups docker \"$USER\"` and a new login (that is as \
         good as being root), or run this as root"
    )]
    Forbidden(String),
    /// It is on another host.
    #[error(
        "Docker is asked at `{0}` (DOCKER_HOST, or its context), which is another host: the stack is deployed where its Docker runs\n  hint: run \
         `cargo xtask deploy --engine docker` there"
    )]
    Elsewhere(String),
    /// It is another program under its name.
    #[error(
        "the Docker that answers here is Podman\n  hint: `cargo xtask up`, or `cargo xtask deploy --engine quadlet`"
    )]
    IsPodman,
    /// A command failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It answered something that is not read.
    #[error("`{command}` printed what is not the expected JSON: {source}")]
    Answer {
        /// The command line.
        command: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Docker, as this user reaches it.
#[derive(Debug, Clone)]
pub struct Docker {
    command: Program,
}

/// What runs Compose files.
#[derive(Debug, Clone)]
pub struct Compose {
    command: Program,
}

impl Compose {
    /// Arguments to follow.
    #[must_use]
    pub fn command(&self) -> Program {
        self.command.clone()
    }
}

impl Default for Docker {
    fn default() -> Self {
        Self::run_by(Program::new("docker"))
    }
}

impl Docker {
    /// The Docker that this command line runs, arguments to follow.
    #[must_use]
    pub fn run_by(command: Program) -> Self {
        Self { command }
    }

    /// It, where there is a program of that name. Whether it answers is not asked.
    #[must_use]
    pub fn installed() -> Option<Self> {
        process::on_path("docker").map(|_| Self::default())
    }

    /// Arguments to follow.
    #[must_use]
    pub fn command(&self) -> Program {
        self.command.clone()
    }

    /// Looks whether it can run the stack: it is there, on this host, answers, is no Podman, and has Compose.
    ///
    /// # Errors
    /// When it cannot, in one sentence.
    pub fn require(&self) -> Result<Compose, DockerError> {
        let at = self.endpoint()?;
        if !at.starts_with("unix://") {
            return Err(DockerError::Elsewhere(at));
        }
        let asked = self
            .command()
            .args(["version", "--format", "{{range .Server.Components}}{{.Name}} {{end}}"])
            .limit(QUERY)
            .run()?;
        let said = format!("{}{}", asked.stdout, asked.stderr);
        if said.contains("Podman Engine") || said.contains("Emulate Docker CLI using podman") {
            return Err(DockerError::IsPodman);
        }
        if !asked.status.success() {
            return Err(refused(&said, at).unwrap_or_else(|| self.failure(&["version"])));
        }
        compose()
    }

    /// Where it is asked.
    fn endpoint(&self) -> Result<String, DockerError> {
        let asked = self
            .command()
            .args(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
            .limit(QUERY);
        match asked.run() {
            Err(ProcessError::Missing { .. }) => Err(DockerError::Missing),
            Err(error) => Err(error.into()),
            Ok(output) if output.status.success() => Ok(output.stdout.trim().to_owned()),
            // Podman has no contexts.
            Ok(output) if output.stderr.to_lowercase().contains("podman") => Err(DockerError::IsPodman),
            Ok(_) => Err(self.failure(&["context", "inspect"])),
        }
    }

    /// In its own words, why it does not answer what it always does.
    fn failure(&self, arguments: &[&str]) -> DockerError {
        match self.command().args(arguments).limit(QUERY).read() {
            Err(error) => error.into(),
            // By now it does.
            Ok(_) => DockerError::NotRunning(std::env::var("DOCKER_HOST").unwrap_or_else(|_| SOCKET.to_owned())),
        }
    }

    /// How many processors it has: it refuses to limit a container to more.
    ///
    /// # Errors
    /// When it does not say so.
    pub fn processors(&self) -> Result<u32, DockerError> {
        let asked = self.command().args(["info", "--format", "{{.NCPU}}"]).limit(QUERY);
        let printed = asked.read()?;
        serde_json::from_str(printed.trim()).map_err(|source| DockerError::Answer {
            command: asked.command_line(),
            source,
        })
    }

    /// Containers that it was told to run for a stack, whether they do or not.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn containers(&self, stack: &str) -> Result<Vec<Container>, DockerError> {
        let ids = self.ids(&CONTAINERS, &own(stack), QUERY)?;
        self.own_containers(stack, &ids)
    }

    /// The same where it is only looked whether there are any, and nobody waits for a Docker that does not answer.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn glance(&self, stack: &str) -> Result<Vec<Container>, DockerError> {
        let ids = self.ids(&CONTAINERS, &own(stack), GLANCE)?;
        self.own_containers(stack, &ids)
    }

    fn own_containers(&self, stack: &str, ids: &[String]) -> Result<Vec<Container>, DockerError> {
        let mut found: Vec<Container> = self.inspect("container", ids)?;
        found.retain(|container| belongs_to(container.labels(), stack));
        Ok(found)
    }

    /// Containers with one of these names, or of one of these Compose projects, whoever made them.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn containers_in_the_way(&self, names: &[String], projects: &[String]) -> Result<Vec<Container>, DockerError> {
        let mut wanted = names.to_vec();
        for project in projects {
            let filter = ["--filter".to_owned(), format!("label={PROJECT}={project}")];
            wanted.extend(self.ids(&CONTAINERS, &filter, QUERY)?);
        }
        let mut found: Vec<Container> = self.inspect("container", &wanted)?;
        // A name may also be the beginning of some container's id.
        found.retain(|container| {
            names.iter().any(|name| name == container.name())
                || projects.iter().any(|project| container.project() == Some(project))
        });
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found.dedup_by(|one, other| one.id == other.id);
        Ok(found)
    }

    /// Networks of these names, and those that were made for a stack.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn networks(&self, stack: &str, names: &[String]) -> Result<Vec<Network>, DockerError> {
        let mut wanted = self.ids(&NETWORKS, &own(stack), QUERY)?;
        wanted.extend_from_slice(names);
        let mut found: Vec<Network> = self.inspect("network", &wanted)?;
        found.retain(|network| names.contains(&network.name) || belongs_to(&network.labels, stack));
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found.dedup_by(|one, other| one.id == other.id);
        Ok(found)
    }

    /// Volumes of these names, and those that were made for a stack.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn volumes(&self, stack: &str, names: &[String]) -> Result<Vec<Volume>, DockerError> {
        let mut wanted = self.ids(&VOLUMES, &own(stack), QUERY)?;
        wanted.extend_from_slice(names);
        let mut found: Vec<Volume> = self.inspect("volume", &wanted)?;
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found.dedup_by(|one, other| one.name == other.name);
        Ok(found)
    }

    /// Those of these images that it has.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn images(&self, names: &[String]) -> Result<Vec<Image>, DockerError> {
        self.inspect("image", names)
    }

    /// Ids, or names of volumes, of what a list has and fits these filters.
    fn ids(&self, list: &[&str], filters: &[String], limit: Duration) -> Result<Vec<String>, DockerError> {
        let listed = self.command().args(list).args(filters).limit(limit).run()?;
        if listed.status.success() {
            return Ok(listed.stdout.lines().map(str::to_owned).collect());
        }
        let at = self.endpoint().unwrap_or_default();
        Err(refused(&listed.stderr, at).unwrap_or_else(|| self.failure(&["version"])))
    }

    /// Those of these that are there.
    fn inspect<T: DeserializeOwned>(&self, kind: &str, names: &[String]) -> Result<Vec<T>, DockerError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let command = self.command().args([kind, "inspect"]).args(names).limit(QUERY);
        // It fails where any is missing, and prints those that are not.
        let output = command.run()?;
        let is_missing = |line: &str| {
            let line = line.to_lowercase();
            line.trim().is_empty() || line.contains("no such") || line.contains("not found")
        };
        if !output.status.success() && !output.stderr.lines().all(is_missing) {
            return Err(ProcessError::Failed {
                command: command.command_line(),
                status: "failed".to_owned(),
                tail: output.tail,
                log: None,
            }
            .into());
        }
        let text = if output.stdout.trim().is_empty() {
            "[]"
        } else {
            &output.stdout
        };
        serde_json::from_str(text).map_err(|source| DockerError::Answer {
            command: command.command_line(),
            source,
        })
    }
}

/// Compose, as a part of `docker` or as a program of its own.
fn compose() -> Result<Compose, DockerError> {
    let mut old = None;
    for command in [Program::new("docker").arg("compose"), Program::new("docker-compose")] {
        let output = match command.clone().args(["version", "--short"]).limit(QUERY).run() {
            Ok(output) => output,
            Err(ProcessError::Missing { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let Some(version) = output.status.success().then(|| output.stdout.trim().to_owned()) else {
            continue;
        };
        match major(&version) {
            Some(major) if major >= OLDEST_COMPOSE => {
                return Ok(Compose {
                    command: without_settings(command),
                });
            }
            Some(_) => old = Some(version),
            None => {}
        }
    }
    Err(old.map_or(DockerError::NoCompose, DockerError::OldCompose))
}

/// Without what the environment would have it do besides: it removes containers of others if told so.
fn without_settings(command: Program) -> Program {
    [
        "COMPOSE_FILE",
        "COMPOSE_PROFILES",
        "COMPOSE_ENV_FILES",
        "COMPOSE_PROJECT_NAME",
        "COMPOSE_REMOVE_ORPHANS",
    ]
    .into_iter()
    .fold(command, Program::env_remove)
    .env("COMPOSE_IGNORE_ORPHANS", "true")
}

/// The first number of a version, with or without a `v`.
fn major(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}

/// Filters for what it was told to make for a stack.
fn own(stack: &str) -> [String; 4] {
    let filter = "--filter".to_owned();
    [
        filter.clone(),
        format!("label={STACK}={stack}"),
        filter,
        format!("label={ENGINE}={DOCKER}"),
    ]
}

/// What Docker's own words mean where its daemon was not reached.
fn refused(said: &str, at: String) -> Option<DockerError> {
    let said = said.to_lowercase();
    if said.contains("permission denied") {
        return Some(DockerError::Forbidden(at));
    }
    [
        "cannot connect to the docker daemon",
        "is the docker daemon running",
        "connection refused",
        "failed to connect to the docker api",
    ]
    .iter()
    .any(|words| said.contains(words))
    .then_some(DockerError::NotRunning(at))
}

#[cfg(test)]
mod tests {
    use super::{Docker, DockerError, major, refused};
    use crate::host::system::process::Program;

    /// A Docker that prints that on its two outputs, and exits with that code.
    fn saying(stdout: &str, stderr: &str, code: u8) -> Docker {
        let script = format!("printf '%s' '{stdout}'; echo '{stderr}' >&2; exit {code}");
        Docker::run_by(Program::new("sh").args(["-c", &script, "docker"]))
    }

    #[test]
    fn why_it_does_not_answer_is_told_by_its_own_words() {
        let at = || "unix:///var/run/docker.sock".to_owned();
        let denied =
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock";
        assert!(matches!(refused(denied, at()), Some(DockerError::Forbidden(_))));
        for text in [
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct",
        ] {
            let told = refused(text, at()).unwrap();
            assert!(told.to_string().contains("its daemon does not run"), "{told}");
        }
        assert!(refused("unknown flag: --x", at()).is_none());
    }

    #[test]
    fn a_docker_elsewhere_and_a_podman_in_its_place_are_refused() {
        let remote = saying("ssh://me@there", "", 0).require();
        assert!(matches!(remote, Err(DockerError::Elsewhere(at)) if at == "ssh://me@there"));
        let podman = saying("", "Error: unrecognized command `podman context`", 125).require();
        assert!(matches!(podman, Err(DockerError::IsPodman)));
        let none = Docker::run_by(Program::new("no-such-docker")).require();
        assert!(matches!(none, Err(DockerError::Missing)));
    }

    #[test]
    fn what_is_missing_is_no_failure_and_what_is_there_is_read() {
        let network = r#"[{"Name":"n","Id":"i","Labels":{}}]"#;
        let some = saying(network, "Error: No such network: m", 1);
        assert_eq!(
            some.inspect::<crate::boot::docker::Network>("network", &["n".to_owned()])
                .unwrap()
                .len(),
            1
        );
        let failed = saying("[]", "Error response from daemon: disk is full", 1);
        let error = failed.images(&["x".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("disk is full"), "{error}");
        let broken = saying("nothing", "", 0).images(&["x".to_owned()]).unwrap_err();
        assert!(matches!(broken, DockerError::Answer { .. }));
    }

    #[test]
    fn versions_of_compose_are_read() {
        assert_eq!(major("v2.40.3"), Some(2));
        assert_eq!(major("2.26.1-4"), Some(2));
        assert_eq!(major("1.29.2"), Some(1));
        assert_eq!(major("help"), None);
    }
}
