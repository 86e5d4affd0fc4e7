//! Starts agents alone, each in a sealed container of its own, and says what became of them. The only place that runs code
//! of the tree outside the stack itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::explored::Explored;
use contract::status::{AgentState, AgentStatus};
use serde::{Deserialize, Serialize};

use super::parts::{Parts, parts};
use super::root::TreeRoot;
use crate::audit::confirm::Observation;
use crate::audit::confirm::event::{ConfirmEvent, Unseen};
use crate::boot::reach::Host;
use crate::boot::sealed::{Sealed, Surroundings, sealed};
use crate::container::layout::{ROOT, SUPERVISOR};
use crate::host::boot::{BootError, LABELS};
use crate::host::podman::removal;
use crate::host::podman::{Podman, PodmanError, ROLE_LABEL, STACK_LABEL};
use crate::host::system::parallel;
use crate::host::system::process::{self, ProcessError};
use crate::stack::model::Volume;
use crate::stack::{AgentId, GroupId, Stack, Writable};

/// Value of the role label of these containers.
const ROLE: &str = "confirm";

/// What runs first in each of them. Python, since every image has it.
const WATCH: &str = include_str!("confirm_watch.py");

/// How long Podman may take to begin, end or remove a container, beside what runs inside.
const MARGIN: Duration = Duration::from_secs(60);

/// Containers at once for each core: most of a container's time, its agent settles or is waited for in vain.
const PER_CORE: usize = 6;

/// Bytes that a container may print: its document is far shorter.
const MOST_PRINTED: usize = 4 * 1024 * 1024;

/// How Podman ends when a container was killed.
const KILLED: &str = "exited with code 137";

/// What the first process of a container is given.
#[derive(Debug, Serialize)]
struct Task<'a> {
    /// The supervisor's program.
    supervisor: &'a str,
    /// Its config.
    config: &'a str,
    /// Seconds until the agent's fate is known, or never will be.
    seconds: f64,
    /// Environment of the supervisor.
    environment: &'a BTreeMap<String, String>,
    /// User and group that it runs as.
    user: u32,
    /// Device and inode of each folder that is mounted: a folder that was replaced by a link meanwhile is another.
    mounts: BTreeMap<&'a str, (u64, u64)>,
    /// Whether nothing is asked of the agent, so that it is healthy once it has run for a time.
    held: bool,
    /// Folders that are opened to that user.
    writable: &'a [String],
    /// Links that are made, each with where it leads.
    links: &'a BTreeMap<String, String>,
}

/// What the first process of a container prints.
#[derive(Debug, Deserialize)]
struct Said {
    agent: Option<AgentStatus>,
    listening: Vec<u16>,
    /// Whether it was seen that it only waits.
    #[serde(default)]
    idle: bool,
    /// What the ports do where it listens.
    #[serde(default)]
    explored: Vec<Explored>,
    log: String,
    supervisor: String,
}

/// Starts these agents of the tree at that absolute path, several at once; `emit` is told of each. What a run that was killed
/// left behind is removed first, and nothing is left behind afterwards.
///
/// # Errors
/// When an image is missing, Podman fails as such, or this program was told to stop.
pub fn run(
    podman: &Podman,
    stack: &Stack,
    tree: &TreeRoot,
    agents: &[AgentId],
    (host, limit): (&Host, Duration),
    emit: &(dyn Fn(ConfirmEvent) + Sync),
) -> Result<(), BootError> {
    let code = code_folders(stack, tree, agents)?;
    let images: BTreeSet<String> = agents
        .iter()
        .map(|agent| stack.group_image(stack.agent(*agent).group))
        .collect();
    let images: Vec<String> = images.into_iter().collect();
    let there = podman.image_ids(&images)?;
    let missing: Vec<String> = images.into_iter().filter(|image| !there.contains_key(image)).collect();
    if !missing.is_empty() {
        return Err(BootError::Images(missing));
    }
    let environments = environments(podman, stack, agents)?;
    sweep(podman, stack)?;
    let jobs = PER_CORE * std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    parallel::map(jobs, agents, |agent| {
        if process::interrupted() {
            return;
        }
        emit(ConfirmEvent::Started(*agent));
        let group = stack.agent(*agent).group;
        let around = Surroundings {
            tree: tree.path(),
            code: &code[&group].mounts,
            frames: &code[&group].frames,
            host,
            image: environments.get(&stack.group_image(group)).unwrap_or(&EMPTY),
            limit,
        };
        let seen = sealed(stack, *agent, &around, LABELS, ROLE)
            .map_err(Unseen::host)
            .and_then(|sealed| observe(podman, &sealed, tree))
            .map(Box::new);
        if !process::interrupted() {
            emit(ConfirmEvent::Finished(*agent, seen));
        }
    });
    if process::interrupted() {
        process::resume();
        sweep(podman, stack)?;
        return Err(ProcessError::Interrupted {
            command: "podman run".to_owned(),
        }
        .into());
    }
    Ok(())
}

/// No environment.
static EMPTY: BTreeMap<String, String> = BTreeMap::new();

/// Environments of the agents' images, by name.
fn environments(
    podman: &Podman,
    stack: &Stack,
    agents: &[AgentId],
) -> Result<BTreeMap<String, BTreeMap<String, String>>, PodmanError> {
    let names: BTreeSet<String> = agents
        .iter()
        .map(|agent| stack.group_image(stack.agent(*agent).group))
        .collect();
    let variable = |pair: &String| {
        pair.split_once('=')
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let mut found = BTreeMap::new();
    for image in podman.inspect_images(&names)? {
        let environment: BTreeMap<String, String> = image.config.env.iter().filter_map(variable).collect();
        for name in image.repo_tags {
            found.insert(name, environment.clone());
        }
    }
    Ok(found)
}

/// Per group of these agents: what is mounted for its code.
fn code_folders(stack: &Stack, tree: &TreeRoot, agents: &[AgentId]) -> Result<BTreeMap<GroupId, Parts>, BootError> {
    let below = |volume: &Volume| Some(volume.path.strip_prefix(ROOT)?.strip_prefix('/')?.to_owned());
    let place = |code: &str| match code.trim_matches('/') {
        "." => String::new(),
        code => code.to_owned(),
    };
    let real = |code: &String| match tree.below(code).and_then(|_| tree.real(code)) {
        // Podman separates the two paths of a mount, and its options, by colons.
        Ok(real) if real.to_str().is_some_and(|path| !path.contains(':')) => Ok((place(code), real)),
        Ok(_) => Err(BootError::Mount(code.clone(), "its path cannot be mounted".to_owned())),
        Err(error) => Err(BootError::Mount(code.clone(), error.to_string())),
    };
    let of_group = |id: GroupId| {
        let group = stack.group(id);
        let folders = group.writable.iter().filter_map(Writable::folder).map(str::to_owned);
        let volumes: Vec<String> = stack.volumes.iter().filter_map(below).chain(folders).collect();
        let kept = stack.kept(id).into_iter().filter(|kept| !kept.is_folder);
        let files: Vec<String> = kept.map(|kept| kept.path).collect();
        let code = &stack.machine(group.machine).code;
        let found = code.iter().map(real).collect::<Result<_, BootError>>()?;
        let parts = parts(tree, found, &volumes, &files);
        let parts = parts.map_err(|error| BootError::Mount(code.join("`, `"), error.to_string()))?;
        Ok((id, parts))
    };
    let groups: BTreeSet<GroupId> = agents.iter().map(|agent| stack.agent(*agent).group).collect();
    groups.into_iter().map(of_group).collect()
}

/// Starts one agent and follows it to its end.
fn observe(podman: &Podman, sealed: &Sealed, tree: &TreeRoot) -> Result<Observation, Unseen> {
    let mut mounts = BTreeMap::new();
    for mount in &sealed.mounts {
        let identity = tree.identity_of(&mount.source).map_err(Unseen::host)?;
        mounts.insert(mount.target.as_str(), identity);
    }
    let task = Task {
        supervisor: SUPERVISOR,
        config: &sealed.config,
        seconds: sealed.deadline.as_secs_f64(),
        environment: &sealed.environment,
        user: sealed.user,
        held: sealed.held,
        mounts,
        writable: &sealed.writable,
        links: &sealed.links,
    };
    let task = serde_json::to_string(&task).map_err(Unseen::host)?;
    let printed = podman
        .command()
        .arg("run")
        .args(&sealed.arguments)
        // Isolated: nothing of the tree runs before the supervisor does.
        .args(["python3", "-I", "-S", "-c", WATCH, &task])
        .limit(sealed.deadline + MARGIN)
        .most(MOST_PRINTED)
        .read()
        .map_err(|error| match &error {
            ProcessError::Failed { status, tail, .. } if status == KILLED && tail.is_empty() => Unseen::Killed,
            _ => Unseen::host(shortened(error)),
        })?;
    let seen = read(&printed)?;
    let known = [
        AgentState::Healthy,
        AgentState::Done,
        AgentState::Mute,
        AgentState::Failed,
        AgentState::Backoff,
    ];
    if !known.contains(&seen.status.state) && !seen.idle {
        return Err(Unseen::Undecided(sealed.deadline.as_secs()));
    }
    Ok(seen)
}

/// The same error without the program inside the command line.
fn shortened(error: ProcessError) -> ProcessError {
    match error {
        ProcessError::Failed { status, tail, log, .. } => ProcessError::Failed {
            command: "podman run".to_owned(),
            status,
            tail,
            log,
        },
        ProcessError::TimedOut { limit, tail, log, .. } => ProcessError::TimedOut {
            command: "podman run".to_owned(),
            limit,
            tail,
            log,
        },
        other => other,
    }
}

fn read(printed: &str) -> Result<Observation, Unseen> {
    let line = printed.lines().last().unwrap_or_default();
    let said: Said = serde_json::from_str(line).map_err(Unseen::Answer)?;
    match said.agent {
        Some(status) => Ok(Observation {
            status,
            listening: said.listening,
            idle: said.idle,
            explored: said.explored,
            log: said.log,
        }),
        None => Err(Unseen::Supervisor(said.supervisor.trim().to_owned())),
    }
}

/// Removes containers of this kind, whoever started them.
fn sweep(podman: &Podman, stack: &Stack) -> Result<(), PodmanError> {
    let found = podman
        .command()
        .args(["ps", "--all", "--quiet"])
        .arg(format!("--filter=label={STACK_LABEL}={}", stack.name))
        .arg(format!("--filter=label={ROLE_LABEL}={ROLE}"))
        .limit(MARGIN)
        .read()?;
    let found: Vec<&str> = found.split_whitespace().collect();
    if !found.is_empty() {
        removal::remove(
            &podman
                .command()
                .args(["rm", "--force", "--ignore", "--time=0"])
                .args(found)
                .limit(MARGIN)
                .whole(),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_container_says_one_line() {
        let agent = r#"{"name":"A","port":1,"health_check_port":2,"required":true,"state":"mute","pid":7,"restarts":0,
            "last_exit":null,"last_stderr":[],"started_after_ms":1,"started_at_ms":1,"ready_after_ms":null,
            "ready_at_ms":null,"waits_for":[],"released_by":null,"reason":"no answer"}"#
            .replace('\n', "");
        let said = format!(r#"{{"agent":{agent},"listening":[5,6],"log":"a\nb","supervisor":""}}"#);
        let seen = read(&said).unwrap();
        assert_eq!((seen.listening, seen.log.as_str()), (vec![5, 6], "a\nb"));
    }

    #[test]
    fn a_supervisor_that_does_not_come_up_is_quoted() {
        let said = r#"{"agent":null,"listening":[],"log":"","supervisor":"[supervisor] no agents\n"}"#;
        let error = read(said).unwrap_err().to_string();
        assert_eq!(error, "the supervisor did not answer: [supervisor] no agents");
        assert!(read("").unwrap_err().to_string().starts_with("the container said"));
    }
}
