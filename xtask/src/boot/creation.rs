//! How a group's pod and container are created, from the model.
//!
//! Network, address and published ports belong to the pod, so that a container can be replaced under a running address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::pod::{Container, HealthTimes, Pod, Secret};
use super::podman_arguments;
use super::reach::{Host, published_ports};
use crate::container::command::{command, config_path};
use crate::container::environment;
use crate::container::layout::{secret_folder, temporary};
use crate::images::digest::Parts;
use crate::stack::{AgentId, GroupId, MachineId, Stack};

/// How the names of secrets begin that Podman has as long as a container is being created.
pub const SECRET_PREFIX: &str = "agents-being-created-";

/// Labels that mark what is ours.
#[derive(Debug, Clone, Copy)]
pub struct Labels {
    /// Label with the stack's name.
    pub stack: &'static str,
    /// Label with the checkout's folder.
    pub checkout: &'static str,
    /// Label with the machine's name.
    pub machine: &'static str,
    /// Label with the group's name.
    pub group: &'static str,
    /// Label with the digest of how a pod and its container were created.
    pub digest: &'static str,
    /// Label of containers that are no part of the running stack.
    pub role: &'static str,
}

/// What runs in a group's container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Runs {
    /// The supervisor, which starts agents as the group config says.
    #[default]
    Supervisor,
    /// The supervisor, with options.
    Options {
        /// It gives every agent an interpreter of its own.
        plain: bool,
        /// It leaves these agents out.
        without: BTreeSet<AgentId>,
    },
    /// Another program in the supervisor's place.
    Other {
        /// Folders of the host that the container has too: the folder, and where.
        folders: Vec<(PathBuf, String)>,
        /// Its command line, to which the path of the group config is added.
        command: Vec<String>,
    },
}

/// How a group is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// Its pod.
    pub pod: Pod,
    /// The container in it.
    pub container: Container,
    /// Digest of both and of the image's id: a pod that carries it needs nothing.
    pub digest: String,
}

/// How one group is created on a host, from the image of that id.
#[must_use]
pub fn creation(stack: &Stack, id: GroupId, host: &Host, image_id: &str, runs: &Runs, labels: Labels) -> Creation {
    let mut pod = pod(stack, id, host);
    let mut container = container(stack, id, host, runs);
    container.labels = group_labels(stack, id, labels);
    let mut parts = Parts::new();
    for argument in podman_arguments::pod(&pod)
        .iter()
        .chain(&podman_arguments::container(&container))
    {
        parts.add("argument", argument);
    }
    // Podman copies them when a container is created: another content needs another container.
    for file in &stack.group(id).secrets {
        parts.add("secret", file.seen.digest.as_deref().unwrap_or_default());
    }
    let digest = parts.add("image", image_id).finish();
    pod.labels.clone_from(&container.labels);
    pod.labels.insert(labels.digest.to_owned(), digest.clone());
    // Where that file is says nothing about what runs.
    pod.seccomp_profile.clone_from(&host.seccomp_profile);
    container.seccomp_profile.clone_from(&host.seccomp_profile);
    Creation { pod, container, digest }
}

fn group_labels(stack: &Stack, id: GroupId, labels: Labels) -> BTreeMap<String, String> {
    let group = stack.group(id);
    [
        (labels.stack, &stack.name),
        (labels.checkout, &stack.checkout),
        (labels.machine, &stack.machine(group.machine).name),
        (labels.group, &group.name),
    ]
    .map(|(label, value)| (label.to_owned(), value.clone()))
    .into()
}

fn pod(stack: &Stack, id: GroupId, host: &Host) -> Pod {
    let group = stack.group(id);
    Pod {
        name: stack.pod(id),
        infra_name: stack.infra(id),
        hostname: group.name.clone(),
        network: stack.machine(group.machine).network.clone(),
        address: group.address,
        hardware_address: hardware_address(group.address),
        ports: published_ports(stack, id, host),
        hosts: group.extras.extra_hosts.clone(),
        dns: group.extras.dns.clone(),
        shm_bytes: group.extras.shm_bytes,
        labels: BTreeMap::new(),
        seccomp_profile: None,
    }
}

/// A hardware address that goes with an address. Where a container is replaced, its neighbours know the old one for up to half a minute,
/// and what they send goes nowhere until then: so the new one has the same.
#[must_use]
pub fn hardware_address(address: Ipv4Addr) -> String {
    // Administered locally, for one station.
    let [a, b, c, d] = address.octets();
    format!("0a:58:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

fn container(stack: &Stack, id: GroupId, host: &Host, runs: &Runs) -> Container {
    let group = stack.group(id);
    let (folders, command) = match runs {
        // The image's own command.
        Runs::Supervisor => (Vec::new(), Vec::new()),
        Runs::Options { plain, without } => (Vec::new(), options(stack, id, *plain, without)),
        Runs::Other { folders, command } => {
            let mut command = command.clone();
            command.push(config_path(stack, id));
            (folders.clone(), command)
        }
    };
    Container {
        name: group.name.clone(),
        pod: stack.pod(id),
        image: stack.group_image(id),
        command,
        user: stack.group_user(id),
        environment: environment(stack, id, host),
        labels: BTreeMap::new(),
        read_only: group.has_read_only_root(),
        volumes: stack
            .volumes
            .iter()
            .map(|volume| {
                (
                    stack.volume_source(group.machine, volume),
                    volume.path.clone(),
                    volume.read_only,
                )
            })
            .collect(),
        temporary: temporary(stack, id)
            .into_iter()
            .chain(secret_folder(stack, id))
            .collect(),
        mounts: group.extras.all_mounts().collect(),
        devices: group.extras.present().cloned().collect(),
        secrets: secrets(stack, id),
        folders,
        memory_bytes: stack.group_memory_bytes(id).filter(|_| host.limits.memory),
        milli_cpus: stack.group_milli_cpus(id).filter(|_| host.limits.cpus),
        processes: stack.group_pids(id).filter(|_| host.limits.processes).map(u64::from),
        ulimits: group.extras.rights.ulimits.clone(),
        capabilities: group.extras.rights.capabilities.clone(),
        // The supervisor bounds its own stop by the longest grace and a second.
        stop_seconds: stack.group_stop_grace_ms(id).div_ceil(1000) + 3,
        health: health_times(stack, id),
        seccomp_profile: None,
    }
}

/// The same times as in the compose files, the units and the images.
fn health_times(stack: &Stack, id: GroupId) -> HealthTimes {
    let supervision = &stack.machine(stack.group(id).machine).supervision;
    let seconds = |milliseconds: u64| milliseconds.div_ceil(1000).max(1);
    HealthTimes {
        interval: seconds(supervision.health_interval_ms),
        timeout: seconds(supervision.health_timeout_ms),
        retries: supervision.health_retries.max(1),
        start_period: stack.group_start_period_ms(id).div_ceil(1000),
    }
}

/// The files that a group's agents are given. Podman calls each by a name that no other stack, group or person has for one, and that
/// fits its limit of 63 characters.
fn secrets(stack: &Stack, id: GroupId) -> Vec<Secret> {
    let group = stack.group(id);
    let owner = stack.group_user(id).unwrap_or((stack.images.uid, stack.images.uid));
    let name = |file: &str| {
        let mut parts = Parts::new();
        for part in [&stack.name, &stack.checkout, &group.name] {
            parts.add("of", part);
        }
        format!("{SECRET_PREFIX}{}", &parts.add("file", file).finish()[..32])
    };
    let files = group.secrets.iter();
    files
        .map(|file| Secret {
            name: name(&file.name),
            file: file.seen.path.clone(),
            target: file.target.clone(),
            owner,
        })
        .collect()
}

/// The command line of a supervisor with options; nothing, which is the image's own, where none is about this group.
fn options(stack: &Stack, id: GroupId, plain: bool, without: &BTreeSet<AgentId>) -> Vec<String> {
    let without = without.iter().filter(|agent| stack.agent(**agent).group == id);
    let words: Vec<String> = plain
        .then(|| "--plain".to_owned())
        .into_iter()
        .chain(without.flat_map(|agent| ["--without".to_owned(), stack.agent(*agent).name.clone()]))
        .collect();
    if words.is_empty() {
        return words;
    }
    command(stack, id).into_iter().chain(words).collect()
}

/// Environment of a group's container, as the compose files have it, with this host's addresses of the other machines.
#[must_use]
pub fn environment(stack: &Stack, id: GroupId, host: &Host) -> BTreeMap<String, String> {
    environment::environment(stack, id, &|variable, configured| {
        let machine = stack
            .machines
            .iter()
            .position(|machine| machine.address_variable == variable);
        machine
            .and_then(|index| host.lan_addresses.get(&MachineId(index)))
            .unwrap_or(&configured)
            .to_string()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;
    use std::path::PathBuf;

    use super::super::reach::Reach;
    use super::super::reach::tests::host;
    use super::super::{podman_arguments, podman_request};
    use super::{Labels, Runs, SECRET_PREFIX, container, creation, hardware_address, pod};
    use crate::container::preload::Preload;
    use crate::render::{self, compose};
    use crate::stack::Stack;
    use crate::stack::fixture::Fixture;

    #[test]
    fn a_group_keeps_its_hardware_address() {
        assert_eq!(hardware_address(Ipv4Addr::new(172, 20, 0, 110)), "0a:58:ac:14:00:6e");
    }

    #[test]
    fn a_group_runs_as_its_own_user_in_every_way_of_starting_it() {
        let mut stack = Fixture::small().model();
        let (id, _) = stack.groups().next().unwrap();
        let host = host(&stack, Reach::Container);
        let ask = |stack: &Stack| {
            let container = container(stack, id, &host, &Runs::Supervisor);
            let request = podman_request::container(&container);
            let compose = compose::file(stack, stack.group(id).machine).text;
            (podman_arguments::container(&container), request, compose)
        };
        let (arguments, request, compose) = ask(&stack);
        // As the image says.
        assert!(!arguments.iter().any(|argument| argument.starts_with("--user")));
        assert!(request.get("user").is_none() && !compose.contains("user:"));
        stack.images.per_group = true;
        stack.groups[id.0].uid = 20_000;
        let (arguments, request, compose) = ask(&stack);
        let user = format!("20000:{}", stack.images.uid);
        assert!(arguments.contains(&format!("--user={user}")), "{arguments:?}");
        assert_eq!(request["user"], user.as_str());
        let line = compose.lines().find(|line| line.trim_start().starts_with("user:"));
        let value = line.map(|line| {
            line.trim_start()
                .trim_start_matches("user:")
                .trim_matches([' ', '"', '\''])
        });
        assert_eq!(value, Some(user.as_str()));
    }

    #[test]
    fn a_root_in_which_agents_make_files_is_not_read_only_in_any_way_of_starting_it() {
        let ask = |writable: &str| {
            let stack = Fixture::small()
                .stack(
                    "status_port: 9000",
                    &format!("status_port: 9000\nwritable: [{writable}]"),
                )
                .model();
            let (id, group) = stack.groups().next().unwrap();
            let container = container(&stack, id, &host(&stack, Reach::Container), &Runs::Supervisor);
            let rendered = render::render(&stack, &Preload::default(), &BTreeSet::new());
            let text = |path: &str| rendered.iter().find(|file| file.path == path).unwrap().text.clone();
            let machine = &stack.machine(group.machine).name;
            (
                podman_arguments::container(&container).contains(&"--read-only".to_owned()),
                podman_request::container(&container)["read_only_filesystem"] == true,
                !compose::file(&stack, group.machine).text.contains("read_only: false"),
                text(&format!("docker/quadlet/{machine}/sys-core.container")).contains("ReadOnly=true"),
                text(&format!("docker/kube/{machine}/core.yaml")).contains("readOnlyRootFilesystem: true"),
            )
        };
        assert_eq!(ask("alpha.log"), (true, true, true, true, true));
        assert_eq!(ask("'*.log'"), (false, false, false, false, false));
    }

    /// A group as `up` makes it in both ways, and as it is rendered, without the quotes of YAML.
    struct Everywhere {
        arguments: Vec<String>,
        pod: String,
        request: String,
        compose: String,
        quadlet: String,
        kube: String,
        config: String,
        secret: String,
    }

    /// The first group of the small stack with these keys at its top, and these in the group.
    fn everywhere(top: &str, group_keys: &str) -> Everywhere {
        let stack = Fixture::small()
            .stack("status_port: 9000", &format!("status_port: 9000\n{top}"))
            .stack(
                "    agents: [Alpha, Beta]",
                &format!("{group_keys}    agents: [Alpha, Beta]"),
            )
            .model();
        let (id, group) = stack.groups().next().unwrap();
        let labels = Labels {
            stack: "s",
            checkout: "c",
            machine: "m",
            group: "g",
            digest: "d",
            role: "r",
        };
        let host = host(&stack, Reach::Container);
        let created = creation(&stack, id, &host, "1", &Runs::Supervisor, labels);
        let mut arguments = podman_arguments::pod(&created.pod);
        arguments.extend(podman_arguments::container(&created.container));
        let rendered = render::render(&stack, &Preload::default(), &BTreeSet::new());
        let text = |path: &str| {
            let file = rendered.iter().find(|file| file.path == path).unwrap();
            file.text.replace(['"', '\''], "")
        };
        let machine = &stack.machine(group.machine).name;
        Everywhere {
            arguments,
            pod: podman_request::pod(&created.pod).to_string(),
            request: podman_request::container(&created.container).to_string(),
            compose: text(&format!("docker/podman-compose.{machine}.yml")),
            quadlet: text(&format!("docker/quadlet/{machine}/sys-core.container")),
            kube: text(&format!("docker/kube/{machine}/core.yaml")),
            config: text("config/core.yaml"),
            secret: created
                .container
                .secrets
                .first()
                .map(|secret| secret.name.clone())
                .unwrap_or_default(),
        }
    }

    fn passes(made: &Everywhere, arguments: &[&str]) {
        for argument in arguments {
            assert!(
                made.arguments.iter().any(|passed| passed == argument),
                "{argument}: {:#?}",
                made.arguments
            );
        }
    }

    fn has(text: &str, parts: &[&str]) {
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn what_a_container_has_of_its_host_is_the_same_in_every_way_of_starting_it() {
        let made = everywhere(
            "mounts: ['/srv/models:/models:ro']\ndevices: [/dev/snd]\nextra_hosts: {db: 10.0.0.7}\n\
             secrets: {TOKEN: keys/token}\nenv_file: /srv/all.env\nshm_size: 1g\ntmp_size: 300m\nstart_period: 77",
            "",
        );
        let secret = &made.secret;
        assert!(secret.starts_with(SECRET_PREFIX) && secret.len() < 64, "{secret}");
        passes(
            &made,
            &[
                "--add-host=db:10.0.0.7",
                "--shm-size=1073741824b",
                "--volume=/srv/models:/models:ro",
                "--device=/dev/snd:/dev/snd:rw",
                "--health-start-period=77s",
                &format!("--secret={secret},type=mount,uid=10001,gid=10001,mode=0400,target=/run/secrets/TOKEN"),
            ],
        );
        let in_memory =
            |argument: &String| argument.starts_with("--tmpfs=/tmp:") && argument.contains("size=314572800");
        assert!(made.arguments.iter().any(in_memory));
        has(&made.pod, &[r#""hostadd":["db:10.0.0.7"]"#, r#""shm_size":1073741824"#]);
        has(
            &made.request,
            &[
                r#""path":"/dev/snd:/dev/snd:rw""#,
                r#""destination":"/models","options":["ro","rprivate","rbind"]"#,
                "size=314572800",
                r#""StartPeriod":77000000000"#,
                r#""GID":10001,"Mode":256"#,
                r#""Target":"/run/secrets/env_file","UID":10001"#,
            ],
        );
        has(
            &made.compose,
            &[
                "/srv/models:/models:ro",
                "/dev/snd:/dev/snd:rw",
                "db:10.0.0.7",
                "shm_size: 1073741824",
                "/tmp:size=314572800",
                "start_period: 77s",
                "- source: sys-core-TOKEN\n      target: /run/secrets/TOKEN",
                "sys-core-TOKEN:\n    file: ../keys/token",
                "sys-core-env_file:\n    file: /srv/all.env",
            ],
        );
        has(
            &made.quadlet,
            &[
                "Secret=sys-core-TOKEN,type=mount,uid=10001,gid=10001,mode=0400,target=/run/secrets/TOKEN",
                "Volume=/srv/models:/models:ro",
                "AddDevice=/dev/snd:/dev/snd:rw",
                "--add-host=db:10.0.0.7",
                "ShmSize=1073741824",
                "size=314572800",
                "HealthStartPeriod=77s",
            ],
        );
        has(
            &made.kube,
            &[
                "secretName: core-secrets",
                "subPath: env_file",
                "path: /srv/models",
                "ip: 10.0.0.7",
                "mountPath: /dev/shm",
                "sizeLimit: 314572800",
                "initialDelaySeconds: 77",
            ],
        );
        has(
            &made.config,
            &[
                "start_period_ms: 77000",
                "TOKEN: /run/secrets/TOKEN",
                "- /run/secrets/env_file",
            ],
        );
    }

    #[test]
    fn how_agents_end_and_what_they_reach_is_the_same_in_every_way_of_starting_them() {
        let made = everywhere(
            "stop_grace: 70\nstop_signal: SIGINT\ndns: [10.0.0.53]\nsockets: ['pipewire:1001']\nhost_services: ['6379:16379']",
            "    publish: ['0.0.0.0:8081:5000', '127.0.0.1:8082:4242']\n    overrides: {Beta: {restart: no}}\n",
        );
        passes(
            &made,
            &[
                "--stop-timeout=73",
                "--dns=10.0.0.53",
                "--volume=/run/user/1001/pipewire-0:/mnt/sockets/pipewire-0",
                "--env=AGENT_ENV_PIPEWIRE_REMOTE=/mnt/sockets/pipewire-0",
                "--publish=0.0.0.0:8081:5000",
                "--publish=127.0.0.1:8082:4242",
            ],
        );
        has(
            &made.pod,
            &[
                r#""dns_server":["10.0.0.53"]"#,
                r#""host_ip":"0.0.0.0","host_port":8081,"container_port":5000"#,
            ],
        );
        has(
            &made.request,
            &[r#""stop_timeout":73"#, r#""destination":"/mnt/sockets/pipewire-0""#],
        );
        has(
            &made.compose,
            &[
                "stop_grace_period: 75s",
                "dns:\n    - 10.0.0.53",
                "- 0.0.0.0:8081:5000",
                "- /run/user/1001/pipewire-0:/mnt/sockets/pipewire-0",
            ],
        );
        has(
            &made.quadlet,
            &[
                "StopTimeout=75",
                "DNS=10.0.0.53",
                "PublishPort=0.0.0.0:8081:5000",
                "Volume=/run/user/1001/pipewire-0:/mnt/sockets/pipewire-0",
            ],
        );
        has(
            &made.kube,
            &[
                "terminationGracePeriodSeconds: 75",
                "nameservers:\n        - 10.0.0.53",
                "containerPort: 5000\n          hostPort: 8081",
                "containerPort: 4242\n          hostPort: 8082\n          hostIP: 127.0.0.1",
                "path: /run/user/1001/pipewire-0",
                "fieldPath: status.hostIP",
                "host: ${NODE_ADDRESS}",
            ],
        );
        for config in [&made.config, &made.kube] {
            has(config, &["stop_signal: SIGINT", "stop_grace_ms: 70000", "restart: no"]);
        }
        has(
            &made.config,
            &["host_services:\n- port: 6379\n  host: 172.20.0.1\n  target: 16379"],
        );
    }

    #[test]
    fn what_a_container_may_do_is_the_same_in_every_way_of_starting_it() {
        let made = everywhere(
            "ulimits: {nofile: '512:1024', memlock: -1}\ncapabilities: [SYS_NICE]\nsecrets: {TOKEN: keys/token}",
            "    user: 1001\n",
        );
        passes(
            &made,
            &[
                "--ulimit=nofile=512:1024",
                "--ulimit=memlock=-1:-1",
                "--cap-add=CAP_SYS_NICE",
                "--user=1001:10001",
            ],
        );
        has(
            &made.request,
            &[
                r#"{"type":"nofile","soft":512,"hard":1024}"#,
                r#"{"type":"memlock","soft":18446744073709551615,"hard":18446744073709551615}"#,
                r#""cap_add":["CAP_SYS_NICE"]"#,
                r#""user":"1001:10001""#,
                // Whoever it runs as may read what it is given.
                r#""UID":1001,"GID":10001"#,
            ],
        );
        has(
            &made.compose,
            &[
                "nofile:\n        soft: 512\n        hard: 1024",
                "memlock:\n        soft: -1\n        hard: -1",
                "cap_add:\n    - SYS_NICE",
                "user: 1001:10001",
            ],
        );
        has(
            &made.quadlet,
            &[
                "Ulimit=nofile=512:1024",
                "AddCapability=CAP_SYS_NICE",
                "User=1001\nGroup=10001",
            ],
        );
        has(
            &made.kube,
            &[
                "# Not as in the stack: `ulimits` (memlock, nofile): a pod cannot have any",
                "# Not as in the stack: `capabilities`: a cluster lets a user other than root have them",
                "add:\n            - SYS_NICE",
                "runAsNonRoot: true\n        runAsUser: 1001\n        runAsGroup: 10001",
            ],
        );
        let root = everywhere("", "    user: root\n");
        has(&root.kube, &["runAsNonRoot: false\n        runAsUser: 0\n"]);
        has(&root.compose, &["user: 0:10001"]);
    }

    #[test]
    fn another_content_of_a_secret_is_another_container_and_says_nothing_else() {
        let mut stack = Fixture::small()
            .stack("status_port: 9000", "status_port: 9000\nsecrets: {TOKEN: keys/token}")
            .model();
        let (id, _) = stack.groups().next().unwrap();
        let host = host(&stack, Reach::Container);
        let labels = Labels {
            stack: "s",
            checkout: "c",
            machine: "m",
            group: "g",
            digest: "d",
            role: "r",
        };
        let created = |stack: &Stack| creation(stack, id, &host, "1", &Runs::Supervisor, labels);
        stack.groups[id.0].secrets[0].seen.digest = Some("one".to_owned());
        let (one, again) = (created(&stack), created(&stack));
        stack.groups[id.0].secrets[0].seen.digest = Some("two".to_owned());
        let two = created(&stack);
        assert_eq!(one.digest, again.digest);
        assert_ne!(one.digest, two.digest);
        assert_eq!(
            podman_arguments::container(&one.container),
            podman_arguments::container(&two.container)
        );
    }

    #[test]
    fn a_folder_of_the_host_is_mounted_in_a_volume_s_place() {
        let mut stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nvolumes: {logs: './logs:/app/logs', config: '/srv/c:/app/config', data: /app/data}",
            )
            .model();
        stack.checkout = "/home/me/project".to_owned();
        let (id, _) = stack.groups().next().unwrap();
        let container = container(&stack, id, &host(&stack, Reach::Container), &Runs::Supervisor);
        let arguments = podman_arguments::container(&container);
        for argument in [
            "--volume=/home/me/project/logs:/app/logs",
            "--volume=/srv/c:/app/config:ro",
            "--volume=sys_main_data:/app/data",
        ] {
            assert!(arguments.contains(&argument.to_owned()), "{argument}: {arguments:#?}");
        }
        let request = podman_request::container(&container);
        let named: Vec<&str> = request["volumes"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|v| v["Name"].as_str())
            .collect();
        assert_eq!(named, ["sys_main_data"]);
        let mounts = request["mounts"].to_string();
        for (folder, path, how) in [
            ("/home/me/project/logs", "/app/logs", "rw"),
            ("/srv/c", "/app/config", "ro"),
        ] {
            let mount = format!(r#""source":"{folder}","destination":"{path}","options":["{how}","rprivate","rbind"]"#);
            assert!(mounts.contains(&mount), "{mount}: {mounts}");
        }
    }

    #[test]
    fn a_group_is_found_by_its_name() {
        let stack = Fixture::small().model();
        let (id, _) = stack.groups().next().unwrap();
        let pod = pod(&stack, id, &host(&stack, Reach::Container));
        assert!(podman_arguments::pod(&pod).contains(&"--network-alias=core".to_owned()));
        assert_eq!(podman_request::pod(&pod)["Networks"]["sys_main"]["aliases"][0], "core");
    }

    #[test]
    fn health_is_checked_at_the_same_times_in_every_way_of_starting_it() {
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nsupervision: {interval_seconds: 41, timeout_seconds: 7, retries: 5, start_period_seconds: 23}",
            )
            .model();
        let (id, group) = stack.groups().next().unwrap();
        let container = container(&stack, id, &host(&stack, Reach::Container), &Runs::Supervisor);
        let arguments = podman_arguments::container(&container);
        for argument in [
            "--health-interval=41s",
            "--health-timeout=7s",
            "--health-retries=5",
            "--health-start-period=23s",
        ] {
            assert!(arguments.contains(&argument.to_owned()), "{argument}: {arguments:#?}");
        }
        let request = &podman_request::container(&container)["healthconfig"];
        let seconds = |key: &str| request[key].as_u64().map(|value| value / 1_000_000_000);
        assert_eq!(
            (seconds("Interval"), seconds("Timeout"), seconds("StartPeriod")),
            (Some(41), Some(7), Some(23))
        );
        assert_eq!(request["Retries"], 5);
        let compose = compose::file(&stack, group.machine).text.replace('"', "");
        for line in ["interval: 41s", "timeout: 7s", "retries: 5", "start_period: 23s"] {
            assert!(compose.contains(line), "{line}: {compose}");
        }
    }

    #[test]
    fn what_runs_is_part_of_the_digest() {
        let stack = Fixture::small().model();
        let (id, _) = stack.groups().next().unwrap();
        let labels = Labels {
            stack: "s",
            checkout: "c",
            machine: "m",
            group: "g",
            digest: "d",
            role: "r",
        };
        let mut host = host(&stack, Reach::Container);
        let with = |plain, names: &[&str]| Runs::Options {
            plain,
            without: stack
                .agents()
                .filter(|(_, agent)| names.contains(&agent.name.as_str()))
                .map(|(id, _)| id)
                .collect(),
        };
        let plainly = creation(&stack, id, &host, "1", &with(true, &[]), labels);
        let without = creation(&stack, id, &host, "1", &with(false, &["Beta", "Delta"]), labels);
        let command = "/usr/local/bin/agent-supervisor --config /etc/ai_system/core.yaml --without Beta";
        assert_eq!(without.container.command.join(" "), command);
        let elsewhere = creation(&stack, id, &host, "1", &with(false, &["Delta"]), labels);
        assert_eq!(
            elsewhere.digest,
            creation(&stack, id, &host, "1", &Runs::Supervisor, labels).digest,
            "a group that it is not about is not replaced"
        );
        let command = "/usr/local/bin/agent-supervisor --config /etc/ai_system/core.yaml --plain";
        assert_eq!(plainly.container.command.join(" "), command);
        let other = Runs::Other {
            folders: vec![(PathBuf::from("/a"), "/b".to_owned())],
            command: ["python3", "/b/x.py"].map(str::to_owned).to_vec(),
        };
        let other = creation(&stack, id, &host, "1", &other, labels);
        assert_eq!(
            other.container.command.join(" "),
            "python3 /b/x.py /etc/ai_system/core.yaml"
        );
        let supervised = creation(&stack, id, &host, "1", &Runs::Supervisor, labels);
        assert_ne!(supervised.digest, plainly.digest);
        assert_ne!(other.digest, plainly.digest);
        assert_eq!(supervised.pod.labels["d"], supervised.digest);

        host.seccomp_profile = Some(PathBuf::from("/elsewhere/seccomp.json"));
        let guarded = creation(&stack, id, &host, "1", &Runs::Supervisor, labels);
        assert_eq!(
            guarded.digest, supervised.digest,
            "a file's place is no reason to replace a container"
        );
        assert_eq!(guarded.container.seccomp_profile, host.seccomp_profile);
    }
}
