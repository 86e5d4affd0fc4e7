//! A container in which one agent is started alone, from a tree that nobody trusts: as its group's supervisor would start it,
//! and sealed off from everything else.

use std::path::Path;
use std::time::Duration;

use contract::group_config::GroupConfig;

use super::creation::{Labels, environment};
use super::reach::Host;
use crate::render::Preload;
use crate::render::{ROOT, group_config};
use crate::stack::{AgentId, Stack};

/// Memory that each folder in which the agent may write has at the most.
const FOLDER_SIZE: &str = "64m";

/// How one agent is started alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The agent.
    pub agent: AgentId,
    /// Name of the container.
    pub name: String,
    /// Arguments behind `podman run`, up to the image and with it; what runs inside comes behind them.
    pub arguments: Vec<String>,
    /// The config of a supervisor that has this agent alone, as JSON, which is YAML too.
    pub config: String,
    /// Time after which its fate is known, or never will be.
    pub deadline: Duration,
}

/// Time that a container may take to begin, beside what the agent itself is given.
const MARGIN: Duration = Duration::from_secs(15);

/// The container of an agent, with the tree at that absolute path.
///
/// # Errors
/// Never for our own types.
pub fn sealed(
    stack: &Stack,
    agent: AgentId,
    tree: &Path,
    host: &Host,
    labels: Labels,
    role: &str,
) -> serde_json::Result<Sealed> {
    let group_id = stack.agent(agent).group;
    let group = stack.group(group_id);
    let machine = stack.machine(group.machine);
    let supervision = &machine.supervision;
    let deadline = Duration::from_millis(
        supervision
            .start_period_ms
            .saturating_add(supervision.settle_ms)
            .saturating_add(supervision.health_timeout_ms),
    ) + MARGIN;
    let user = stack.images.uid;
    let name = format!("{}-{role}-{}", stack.name, agent.0);
    let mut arguments: Vec<String> = [
        "--rm",
        "--pull=never",
        "--network=none",
        "--http-proxy=false",
        "--read-only",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        // The tree keeps its own SELinux label: nothing of it is changed.
        "--security-opt=label=disable",
        "--no-healthcheck",
        "--log-driver=none",
        "--stop-timeout=1",
        "--tmpfs=/tmp:rw,nosuid,nodev,size=256m,mode=1777",
    ]
    .map(str::to_owned)
    .into();
    arguments.extend([
        format!("--name={name}"),
        format!("--hostname={}", group.name),
        format!("--user={user}:{user}"),
        // Also where nobody is left to stop it.
        format!("--timeout={}", (deadline + MARGIN).as_secs()),
        format!("--label={}={}", labels.stack, stack.name),
        format!("--label={}={}", labels.machine, machine.name),
        format!("--label={}={}", labels.group, group.name),
        format!("--label={}={role}", labels.role),
    ]);
    for volume in &stack.volumes {
        // `U`: the user's own, as a new volume is. What the image has there is there, too.
        arguments.push(format!("--tmpfs={}:rw,nosuid,nodev,size={FOLDER_SIZE},U", volume.path));
    }
    for code in &machine.code {
        let code = code.trim_matches('/');
        arguments.push(format!("--volume={}:{ROOT}/{code}:ro", tree.join(code).display()));
    }
    if host.limits {
        if let Some(bytes) = stack.memory_bytes(group.machine, 1) {
            arguments.push(format!("--memory={bytes}b"));
        }
        if let Some(pids) = stack.pids(group.machine, 1) {
            arguments.push(format!("--pids-limit={pids}"));
        }
    }
    for (name, value) in environment(stack, group_id, host) {
        arguments.push(format!("--env={name}={value}"));
    }
    arguments.push(stack.group_image(group_id));
    Ok(Sealed {
        agent,
        name,
        arguments,
        config: serde_json::to_string(&alone(stack, agent))?,
        deadline,
    })
}

/// The config of the agent's group with this agent alone: it waits for nobody, and its first end is its last.
fn alone(stack: &Stack, agent: AgentId) -> GroupConfig {
    let mut config = group_config::config(stack, stack.agent(agent).group, &Preload::default());
    let name = &stack.agent(agent).name;
    config.agents.retain(|known| known.name == *name);
    for known in &mut config.agents {
        known.dependencies.clear();
        known.waits_for = Some(Vec::new());
    }
    config.dependencies_elsewhere.clear();
    config.absent_dependencies.clear();
    config.loopback_bridges.clear();
    config.required_modules.clear();
    config.supervision.crash_limit = 1;
    config.supervision.log_keep = 0;
    config
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use contract::group_config::GroupConfig;

    use super::sealed;
    use crate::boot::creation::Labels;
    use crate::boot::reach::{Host, Reach};
    use crate::stack::AgentId;
    use crate::stack::fixture::Fixture;

    const LABELS: Labels = Labels {
        stack: "l.stack",
        machine: "l.machine",
        group: "l.group",
        digest: "l.digest",
        role: "l.role",
    };

    fn host(limits: bool) -> Host {
        Host {
            reach: Reach::Container,
            limits,
            lan_addresses: BTreeMap::new(),
            seccomp_profile: None,
        }
    }

    #[test]
    fn nothing_leads_out_and_nothing_can_be_written_but_what_is_thrown_away() {
        let stack = Fixture::small().model();
        let sealed = sealed(&stack, AgentId(0), Path::new("/tree"), &host(true), LABELS, "confirm").unwrap();
        for argument in [
            "--rm",
            "--network=none",
            "--read-only",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            "--user=10001:10001",
            "--volume=/tree/main:/app/main:ro",
            "--label=l.stack=sys",
            "--label=l.role=confirm",
            "--name=sys-confirm-0",
            // 100 MiB and 4 threads for the agent, and what its supervisor needs.
            "--memory=171966464b",
            "--pids-limit=44",
        ] {
            assert!(
                sealed.arguments.iter().any(|known| known == argument),
                "{argument} is not in {:#?}",
                sealed.arguments
            );
        }
        let volumes = sealed
            .arguments
            .iter()
            .filter(|argument| argument.starts_with("--volume="));
        assert_eq!(volumes.count(), 1, "the stack's volumes are never mounted");
        assert!(
            sealed
                .arguments
                .iter()
                .all(|argument| !argument.starts_with("--publish"))
        );
        assert_eq!(sealed.arguments.last().unwrap(), "localhost/sys/core:latest");
    }

    #[test]
    fn limits_are_left_out_where_the_host_cannot_set_them() {
        let stack = Fixture::small().model();
        let sealed = sealed(&stack, AgentId(0), Path::new("/tree"), &host(false), LABELS, "confirm").unwrap();
        assert!(
            sealed
                .arguments
                .iter()
                .all(|argument| { !argument.starts_with("--memory") && !argument.starts_with("--pids-limit") })
        );
    }

    #[test]
    fn the_agent_is_alone_and_waits_for_nobody() {
        let stack = Fixture::small().model();
        let (beta, agent) = stack.agents().find(|(_, agent)| agent.name == "Beta").unwrap();
        let sealed = sealed(&stack, beta, Path::new("/tree"), &host(true), LABELS, "confirm").unwrap();
        let config: GroupConfig = serde_json::from_str(&sealed.config).unwrap();
        let [only] = &config.agents[..] else {
            panic!("{config:#?}");
        };
        assert_eq!((only.name.as_str(), only.port), ("Beta", agent.port));
        assert_eq!(only.waits_for.as_deref(), Some(&[][..]));
        assert!(only.dependencies.is_empty() && config.absent_dependencies.is_empty());
        assert_eq!(config.supervision.crash_limit, 1);
        assert_eq!(config.supervision.settle_ms, stack.machines[0].supervision.settle_ms);
    }
}
