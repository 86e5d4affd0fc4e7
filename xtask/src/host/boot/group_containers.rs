//! What Podman, or the Docker that runs them in its place, says of the containers of groups.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{BootError, on_docker};
use crate::boot::standing::Standing;
use crate::host::podman::hosts::{Hosts, Part, Place};
use crate::host::podman::{Container, GROUP_LABEL, PodmanError, ROLE_LABEL};
use crate::host::system::process::ProcessError;
use crate::stack::{GroupId, Stack};

/// Longest time since the last start of a container whose supervisor ends each time.
const RECENT: Duration = Duration::from_secs(15);
/// How long Podman may take to show a log.
const LIMIT: Duration = Duration::from_secs(20);

/// How the container of each of these groups stands.
///
/// # Errors
/// When Podman or Docker fails.
pub fn standing(hosts: &Hosts, stack: &Stack, groups: &[GroupId]) -> Result<BTreeMap<GroupId, Standing>, BootError> {
    let mut all = BTreeMap::new();
    for part in hosts.parts(stack, groups) {
        if let Some(docker) = &part.host.docker {
            all.extend(on_docker::standing(docker, stack, &part.groups)?);
            continue;
        }
        let containers = of_podman(hosts, stack, &part)?;
        for group in part.groups {
            let name = &stack.group(group).name;
            let found = containers.iter().find(|container| is_of(container, name));
            all.insert(group, found.map_or(Standing::Absent, of));
        }
    }
    Ok(all)
}

/// What Podman has of the stack. A host that has none, and a Docker which runs a part of the stack, has nothing else of it.
fn of_podman(hosts: &Hosts, stack: &Stack, part: &Part<'_>) -> Result<Vec<Container>, PodmanError> {
    match part.host.podman.containers(&stack.name) {
        Err(PodmanError::Process(ProcessError::Missing { .. })) if hosts.has_docker() => Ok(Vec::new()),
        found => found,
    }
}

/// The first process of each of these groups' containers that run on this host.
///
/// # Errors
/// When Podman or Docker fails.
pub fn processes(hosts: &Hosts, stack: &Stack, groups: &[GroupId]) -> Result<BTreeMap<GroupId, u32>, BootError> {
    let mut all = BTreeMap::new();
    for part in hosts.parts(stack, groups) {
        if part.host.place == Place::Elsewhere {
            continue;
        }
        if let Some(docker) = &part.host.docker {
            all.extend(on_docker::processes(docker, stack, &part.groups)?);
            continue;
        }
        let containers = of_podman(hosts, stack, &part)?;
        for group in part.groups {
            let name = &stack.group(group).name;
            let found = containers.iter().find(|container| is_of(container, name));
            if let Some(container) = found.filter(|container| container.pid > 0) {
                all.insert(group, container.pid);
            }
        }
    }
    Ok(all)
}

/// Whether a container is the group's own, and none that a check made beside it.
fn is_of(container: &Container, group: &str) -> bool {
    container.labels.as_ref().is_some_and(|labels| {
        labels.get(GROUP_LABEL).is_some_and(|label| label == group) && !labels.contains_key(ROLE_LABEL)
    })
}

fn of(container: &Container) -> Standing {
    if container.state == "running" || container.state == "stopping" {
        return Standing::Running {
            since: container.started_at.as_i64().unwrap_or_default(),
            restarts: container.restarts,
            exit: container.exit_code,
            said: None,
        };
    }
    Standing::Stopped {
        state: container.state.clone(),
        exit: container.exit_code,
        said: None,
    }
}

/// The same of groups that do not answer, with the last line of each whose supervisor has ended.
///
/// # Errors
/// When Podman or Docker fails.
pub fn standing_of_silent(
    hosts: &Hosts,
    stack: &Stack,
    groups: &[GroupId],
) -> Result<BTreeMap<GroupId, Standing>, BootError> {
    let mut all = standing(hosts, stack, groups)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    for (group, standing) in &mut all {
        if let Standing::Running { since, restarts, .. } = standing {
            let is_recent = now <= Duration::from_secs(u64::try_from(*since).unwrap_or(0)) + RECENT;
            // One that has run since is not known by what it did before. Podman 4 counts restarts where one container is looked at.
            *restarts = match is_recent {
                true => restarts_of(hosts, stack, *group).unwrap_or(*restarts),
                false => 0,
            };
        }
        if !standing.ended() {
            continue;
        }
        let lines = last_lines(hosts, stack, *group, 1);
        *standing = standing.clone().with_last_line(lines.last());
    }
    Ok(all)
}

/// How often Podman has started a group's container again; nothing where it does not say so.
fn restarts_of(hosts: &Hosts, stack: &Stack, group: GroupId) -> Option<u32> {
    let group = stack.group(group);
    let command = hosts.of(group.machine).client();
    let output = command
        .args(["inspect", "--format", "{{.RestartCount}}", &group.name])
        .limit(LIMIT)
        .run()
        .ok()?;
    output.stdout.trim().parse().ok()
}

/// The last lines of the log of a group's container; none where Podman does not show them.
#[must_use]
pub fn last_lines(hosts: &Hosts, stack: &Stack, group: GroupId, lines: usize) -> Vec<String> {
    let group = stack.group(group);
    let mut printed = Vec::new();
    let command = hosts.of(group.machine).client();
    let shown = command
        .args(["logs", &format!("--tail={lines}"), &group.name])
        .limit(LIMIT)
        .run_lines(&mut |line| printed.push(line.to_owned()));
    match shown {
        Ok(output) if output.status.success() => printed,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_of, of};
    use crate::boot::standing::Standing;
    use crate::host::podman::Container;

    #[test]
    fn a_container_is_read_as_podman_and_its_service_write_it() {
        let read = |text: &str| serde_json::from_str::<Container>(text).unwrap();
        let exited = read(
            r#"{"Names":["vision"],"State":"exited","ExitCode":2,"Exited":true,"StartedAt":1700000000,
                "Labels":{"ai-system.stack":"s","ai-system.group":"vision"}}"#,
        );
        assert!(is_of(&exited, "vision") && !is_of(&exited, "core"));
        let stopped = Standing::Stopped {
            state: "exited".to_owned(),
            exit: 2,
            said: None,
        };
        assert_eq!(of(&exited), stopped);
        let running = read(r#"{"State":"running","StartedAt":1700000000,"Restarts":3,"ExitCode":2}"#);
        assert_eq!(
            of(&running),
            Standing::Running {
                since: 1_700_000_000,
                restarts: 3,
                exit: 2,
                said: None,
            }
        );
        let probe = read(r#"{"State":"running","Labels":{"ai-system.group":"vision","ai-system.role":"check"}}"#);
        assert!(!is_of(&probe, "vision"));
    }
}
