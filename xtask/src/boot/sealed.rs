//! A container in which one agent is started alone, from a tree that nobody trusts: as its group's supervisor would start it,
//! and sealed off from everything else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::group_config::GroupConfig;
use contract::health::Kind;

use super::creation::{Labels, environment};
use super::reach::Host;
use crate::container::group_config;
use crate::container::layout::ROOT;
use crate::container::preload::Preload;
use crate::stack::{AgentId, GroupId, MachineId, Stack, Writable};

/// Memory that each folder in which the agent may write has at the most.
const FOLDER_SIZE: &str = "64m";

/// Memory of a container, in bytes, where the tree says nothing; and at the most, whatever it says.
const MEMORY: (u64, u64) = (1024 * 1024 * 1024, 4 * 1024 * 1024 * 1024);

/// Processes and threads of a container where the tree says nothing; and at the most, whatever it says.
const PIDS: (u32, u32) = (256, 1024);

/// Cores of a container, at the most: an agent that turns in circles takes no more.
const CPUS: &str = "1";

/// Weight of a container among what else runs on the host, of 1024.
const SHARES: u32 = 256;

/// Time between SIGTERM and SIGKILL, in milliseconds, at the most.
const LONGEST_GRACE_MS: u64 = 5000;

/// What variables have in the place of a secret.
const NO_SECRET: &str = "not-given-to-a-trial";

/// Where the first process looks for its interpreter: nothing that the tree sets, or can put a file into.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What every such container has: nothing leads out of it, nothing of it stays, and its root may do no more than change users.
const SEALS: [&str; 19] = [
    "--rm",
    "--pull=never",
    "--network=none",
    "--http-proxy=false",
    // Podman's own have no size.
    "--read-only-tmpfs=false",
    "--image-volume=ignore",
    "--shm-size=64m",
    "--unsetenv-all",
    // The first process starts the supervisor as another user, and ends it: neither it nor its agent can touch the first.
    "--user=0:0",
    "--cap-drop=all",
    "--cap-add=setuid,setgid,kill",
    "--security-opt=no-new-privileges",
    // The tree keeps its own SELinux label: nothing of it is changed.
    "--security-opt=label=disable",
    "--no-healthcheck",
    "--log-driver=none",
    "--stop-timeout=1",
    "--tmpfs=/tmp:rw,nosuid,nodev,size=256m,mode=1777",
    "--tmpfs=/var/tmp:rw,nosuid,nodev,size=64m,mode=1777",
    "--tmpfs=/run:rw,nosuid,nodev,size=1m,mode=0755",
];

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
    /// Environment of the supervisor: the image's and the stack's. The first process never has it.
    pub environment: BTreeMap<String, String>,
    /// The user that the supervisor and the agent run as; the first process is another, which they cannot touch.
    pub user: u32,
    /// Folders of the container that are folders of the tree, as paths relative to each.
    pub mounts: Vec<Mount>,
    /// Folders of the container in which the agent may write: the first process has to open them to its user, because the
    /// runtime gives each the mode that the image's folder has.
    pub writable: Vec<String>,
    /// Files beside code that the agent may write, each with where it is kept: links that the first process makes, as the image has them.
    pub links: BTreeMap<String, String>,
    /// Whether nothing is asked of the agent.
    pub held: bool,
    /// Time after which its fate is known, or never will be.
    pub deadline: Duration,
}

/// A folder of the tree in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is in the tree, without links.
    pub source: PathBuf,
    /// Where it is in the container.
    pub target: String,
}

/// What is known of a container's surroundings.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The tree's absolute path.
    pub tree: &'a Path,
    /// The code of the agent's machine: folders and files below the container's root folder, each with its path in the tree
    /// without links.
    pub code: &'a BTreeMap<String, PathBuf>,
    /// Folders below the container's root folder, or that itself (`""`), that are put together of these.
    pub frames: &'a BTreeSet<String>,
    /// The host.
    pub host: &'a Host,
    /// Environment of the agent's image.
    pub image: &'a BTreeMap<String, String>,
    /// Longest time that an agent is given to show what becomes of it, whatever start period the tree gives it.
    pub limit: Duration,
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
    around: &Surroundings<'_>,
    labels: Labels,
    role: &str,
) -> serde_json::Result<Sealed> {
    let group_id = stack.agent(agent).group;
    let group = stack.group(group_id);
    let machine = stack.machine(group.machine);
    let supervision = &machine.supervision;
    let check = &stack.agent(agent).runtime.health;
    let settle = match (check.kind, check.start_period_ms) {
        (Kind::Process, Some(hold)) => hold,
        _ => supervision.settle_ms.saturating_add(supervision.health_timeout_ms),
    };
    // What the tree gives an agent to come up is for a stack in use; here, what it does says when nothing more will come.
    let deadline = around.limit + Duration::from_millis(settle).min(around.limit) + MARGIN;
    let user = stack.images.uid;
    let name = format!("{}-{role}-{}", stack.name, agent.0);
    let mut arguments: Vec<String> = SEALS.map(str::to_owned).into();
    arguments.extend(group.has_read_only_root().then(|| "--read-only".to_owned()));
    arguments.extend([
        format!("--name={name}"),
        format!("--hostname={}", group.name),
        format!("--env=PATH={PATH}"),
        // Also where nobody is left to stop it.
        format!("--timeout={}", (deadline + MARGIN).as_secs()),
        format!("--label={}={}", labels.stack, stack.name),
        format!("--label={}={}", labels.machine, machine.name),
        format!("--label={}={}", labels.group, group.name),
        format!("--label={}={role}", labels.role),
    ]);
    let writable = writable(stack, group_id, &mut arguments);
    let links = links(stack, group_id, around.frames);
    let mounts = mounts(around, &links, &mut arguments);
    limits(stack, group.machine, around.host, &mut arguments);
    let mut given = around.image.clone();
    given.extend(environment(stack, group_id, around.host));
    arguments.push(stack.group_image(group_id));
    Ok(Sealed {
        agent,
        name,
        arguments,
        config: serde_json::to_string(&alone(stack, agent, around.limit))?,
        held: check.kind == Kind::Process,
        environment: given,
        user,
        mounts,
        writable,
        links,
        deadline,
    })
}

/// Gives a group's agents the folders that they may write in, in memory; their paths.
fn writable(stack: &Stack, group: GroupId, arguments: &mut Vec<String>) -> Vec<String> {
    let mut writable = Vec::new();
    for volume in &stack.volumes {
        // What the image has there is there, too.
        let how = if volume.read_only { "ro" } else { "rw" };
        arguments.push(format!("--tmpfs={}:{how},nosuid,nodev,size={FOLDER_SIZE}", volume.path));
        if !volume.read_only {
            writable.push(volume.path.clone());
        }
    }
    for folder in stack.group(group).writable.iter().filter_map(Writable::folder) {
        let path = format!("{ROOT}/{folder}");
        if writable.contains(&path) {
            continue;
        }
        arguments.push(format!("--tmpfs={path}:rw,nosuid,nodev,size={FOLDER_SIZE}"));
        writable.push(path);
    }
    writable
}

/// Files that a group's agents may write in folders that are put together: there is no other place for a link.
fn links(stack: &Stack, group: GroupId, frames: &BTreeSet<String>) -> BTreeMap<String, String> {
    let kept = stack.kept(group).into_iter().filter(|kept| !kept.is_folder);
    kept.filter(|kept| frames.contains(kept.path.rsplit_once('/').map_or("", |(folder, _)| folder)))
        .map(|kept| (format!("{ROOT}/{}", kept.path), kept.target))
        .collect()
}

/// Limits what the container takes of the host, as far as the host can.
fn limits(stack: &Stack, machine: MachineId, host: &Host, arguments: &mut Vec<String>) {
    if host.limits.memory {
        let memory = stack.memory_bytes(machine, 1).unwrap_or(MEMORY.0).min(MEMORY.1);
        arguments.push(format!("--memory={memory}b"));
        arguments.push(format!("--memory-swap={memory}b"));
    }
    if host.limits.processes {
        let pids = stack.pids(machine, 1).unwrap_or(PIDS.0).min(PIDS.1);
        arguments.push(format!("--pids-limit={pids}"));
        arguments.push(format!("--cpus={CPUS}"));
        arguments.push(format!("--cpu-shares={SHARES}"));
    }
}

/// Mounts the agent's code.
fn mounts(around: &Surroundings<'_>, links: &BTreeMap<String, String>, arguments: &mut Vec<String>) -> Vec<Mount> {
    let mut mounts = Vec::new();
    let inside = |path: &str| match path.trim_matches('/') {
        "" | "." => ROOT.to_owned(),
        path => format!("{ROOT}/{path}"),
    };
    for frame in around.frames {
        // Nothing of the image: its code is another than the tree's.
        let options = "nosuid,nodev,notmpcopyup,size=1m,mode=0755";
        let folder = inside(frame);
        let holds = |link: &String| link.rsplit_once('/').is_some_and(|(above, _)| above == folder);
        // The agent itself can write in none of them: it is another user.
        let how = if links.keys().any(holds) { "rw" } else { "ro" };
        arguments.push(format!("--tmpfs={folder}:{how},{options}"));
    }
    for (code, source) in around.code {
        let target = inside(code);
        let from = around.tree.join(source);
        arguments.push(format!("--volume={}:{target}:ro,nosuid,nodev", from.display()));
        mounts.push(Mount {
            source: source.clone(),
            target,
        });
    }
    mounts
}

/// The config of the agent's group with this agent alone: it waits for nobody, and its first end is its last.
fn alone(stack: &Stack, agent: AgentId, limit: Duration) -> GroupConfig {
    let mut config = group_config::config(stack, stack.agent(agent).group, &Preload::default());
    let name = &stack.agent(agent).name;
    config.agents.retain(|known| known.name == *name);
    config.supervision.start_period_ms = limit.as_millis().try_into().unwrap_or(u64::MAX);
    for known in &mut config.agents {
        known.start_period_ms = None;
        known.dependencies.clear();
        known.waits_for = Some(Vec::new());
    }
    config.dependencies_elsewhere.clear();
    config.absent_dependencies.clear();
    config.loopback_bridges.clear();
    config.required_modules.clear();
    // Foreign code gets no secret: variables have something in their place, so that what only asks for one goes on.
    let files = std::mem::take(&mut config.secrets);
    for known in &mut config.agents {
        let own = std::mem::take(&mut known.secrets);
        let names = files.variables.keys().chain(own.variables.keys());
        let names = names
            .map(String::as_str)
            .chain(stack.secret_variables(stack.agent(agent).group, name));
        let given: Vec<String> = names
            .filter(|name| !known.environment.contains_key(*name))
            .map(str::to_owned)
            .collect();
        known
            .environment
            .extend(given.into_iter().map(|name| (name, NO_SECRET.to_owned())));
    }
    config.supervision.crash_limit = 1;
    config.supervision.log_keep = 0;
    config.supervision.stop_grace_ms = config.supervision.stop_grace_ms.min(LONGEST_GRACE_MS);
    for known in &mut config.agents {
        known.stop_grace_ms = known.stop_grace_ms.map(|grace| grace.min(LONGEST_GRACE_MS));
    }
    config
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use contract::group_config::GroupConfig;

    use super::{PATH, Sealed, Surroundings, sealed};
    use crate::boot::creation::Labels;
    use crate::boot::reach::Granted;
    use crate::boot::reach::{Host, Reach};
    use crate::stack::fixture::Fixture;
    use crate::stack::{AgentId, Stack};

    const LABELS: Labels = Labels {
        stack: "l.stack",
        checkout: "l.checkout",
        machine: "l.machine",
        group: "l.group",
        digest: "l.digest",
        role: "l.role",
    };

    /// The container of the first agent.
    fn of_first(stack: &Stack, agent: AgentId, limits: bool, limit: Duration) -> Sealed {
        let code = BTreeMap::from([("main/".to_owned(), PathBuf::from("real/main"))]);
        let image = BTreeMap::from([
            ("LANG".to_owned(), "C".to_owned()),
            ("LD_PRELOAD".to_owned(), "/x".to_owned()),
        ]);
        let around = Surroundings {
            tree: Path::new("/tree"),
            code: &code,
            frames: &BTreeSet::new(),
            host: &host(limits),
            image: &image,
            limit,
        };
        sealed(stack, agent, &around, LABELS, "confirm").unwrap()
    }

    const LONG: Duration = Duration::from_secs(100_000);

    fn host(limits: bool) -> Host {
        Host {
            reach: Reach::Container,
            limits: if limits { Granted::ALL } else { Granted::default() },
            lan_addresses: BTreeMap::new(),
            seccomp_profile: None,
        }
    }

    #[test]
    fn nothing_leads_out_and_nothing_can_be_written_but_what_is_thrown_away() {
        let stack = Fixture::small().model();
        let sealed = of_first(&stack, AgentId(0), true, LONG);
        for argument in [
            "--rm",
            "--network=none",
            "--read-only",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            "--user=0:0",
            "--read-only-tmpfs=false",
            "--image-volume=ignore",
            "--unsetenv-all",
            "--volume=/tree/real/main:/app/main:ro,nosuid,nodev",
            "--label=l.stack=sys",
            "--label=l.role=confirm",
            "--name=sys-confirm-0",
            // 100 MiB and 4 threads for the agent, and what its supervisor needs.
            "--memory=171966464b",
            "--memory-swap=171966464b",
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
        let writable = stack.volumes.iter().filter(|volume| !volume.read_only);
        assert_eq!(
            sealed.writable,
            writable.map(|volume| volume.path.clone()).collect::<Vec<_>>()
        );
        assert!(
            sealed
                .arguments
                .iter()
                .all(|argument| !argument.starts_with("--publish"))
        );
        assert_eq!(sealed.arguments.last().unwrap(), "localhost/sys/core:latest");
        // What the tree sets is for the agent alone.
        let set: Vec<&String> = sealed
            .arguments
            .iter()
            .filter(|argument| argument.starts_with("--env"))
            .collect();
        assert_eq!(set, [&format!("--env=PATH={PATH}")]);
        assert_eq!(sealed.environment["LD_PRELOAD"], "/x");
        assert_eq!(sealed.user, 10001);
        let unlimited = |argument: &&String| argument.starts_with("--tmpfs=") && !argument.contains("size=");
        assert_eq!(sealed.arguments.iter().find(unlimited), None);
    }

    #[test]
    fn files_beside_code_are_kept_where_the_image_keeps_them() {
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nwritable: [main/.lock.x, other.db, main/cache/]",
            )
            .model();
        let around = |frames: &[&str]| {
            let frames: BTreeSet<String> = frames.iter().map(|frame| (*frame).to_owned()).collect();
            let around = Surroundings {
                tree: Path::new("/tree"),
                code: &BTreeMap::new(),
                frames: &frames,
                host: &host(true),
                image: &BTreeMap::new(),
                limit: LONG,
            };
            let sealed = sealed(&stack, AgentId(0), &around, LABELS, "confirm").unwrap();
            let of_main = sealed
                .arguments
                .iter()
                .find(|argument| argument.starts_with("--tmpfs=/app/main:"));
            let how = of_main.map(|argument| argument.split([':', ',']).nth(1).unwrap().to_owned());
            (sealed.links.into_iter().collect::<Vec<_>>(), how)
        };
        let kept = stack.kept(stack.find_group("core").unwrap());
        let target = kept
            .iter()
            .find(|kept| kept.path == "main/.lock.x")
            .unwrap()
            .target
            .clone();
        let (links, how) = around(&["main"]);
        assert_eq!(links, [("/app/main/.lock.x".to_owned(), target)]);
        assert_eq!(how.as_deref(), Some("rw"));
        // The image's own link is there.
        assert_eq!(around(&[]), (Vec::new(), None));
        assert_eq!(around(&["main/deep"]).0, []);
    }

    #[test]
    fn limits_hold_whatever_the_tree_says() {
        let mut stack = Fixture::small().model();
        stack.machines[0].agent_memory_bytes = None;
        stack.machines[0].agent_pids = None;
        let has = |sealed: &Sealed, argument: &str| sealed.arguments.iter().any(|known| known == argument);
        let silent = of_first(&stack, AgentId(0), true, LONG);
        assert!(has(&silent, "--memory=1073741824b") && has(&silent, "--pids-limit=256"));
        stack.machines[0].agent_memory_bytes = Some(u64::MAX);
        stack.machines[0].agent_pids = Some(u32::MAX);
        stack.machines[0].supervision.start_period_ms = u64::MAX;
        stack.machines[0].supervision.stop_grace_ms = u64::MAX;
        stack.agents[0].runtime.lifecycle.stop_grace_ms = Some(u64::MAX);
        let greedy = of_first(&stack, AgentId(0), true, Duration::from_secs(60));
        assert!(has(&greedy, "--memory=4294967296b") && has(&greedy, "--pids-limit=1024"));
        // The limit, the settling time and one health check, and the container's own start; never the tree's start period.
        assert_eq!(greedy.deadline, Duration::from_millis(60_000 + 8_500 + 15_000));
        assert!(has(&greedy, "--cpus=1"));
        let config: GroupConfig = serde_json::from_str(&greedy.config).unwrap();
        assert_eq!(config.supervision.stop_grace_ms, 5000);
        assert_eq!(config.agents[0].stop_grace_ms, Some(5000));
        assert_eq!(config.supervision.start_period_ms, 60_000);
    }

    #[test]
    fn limits_are_left_out_where_the_host_cannot_set_them() {
        let stack = Fixture::small().model();
        let sealed = of_first(&stack, AgentId(0), false, LONG);
        assert!(sealed.arguments.iter().all(|argument| {
            !["--memory", "--pids-limit", "--cpu"]
                .iter()
                .any(|word| argument.starts_with(word))
        }));
    }

    #[test]
    fn the_agent_is_alone_and_waits_for_nobody() {
        let stack = Fixture::small().model();
        let (beta, agent) = stack.agents().find(|(_, agent)| agent.name == "Beta").unwrap();
        let sealed = of_first(&stack, beta, true, LONG);
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
