//! Looks at the host once. Whatever cannot be seen is left out; the diagnoses know what that means.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use serde_json::Value;

use crate::doctor::facts::{
    Cgroups, DiskFacts, HostFacts, LimitFacts, NetworkFacts, PackageManager, PodmanFacts, PortFacts, PortState,
    RebootFacts, RootlessFacts, WantedNetwork,
};
use crate::doctor::overlap::Overlap;
use crate::doctor::packages;
use crate::host::images::package_index;
use crate::host::podman::STACK_LABEL;
use crate::host::podman::containers_conf;
use crate::host::system::process::{Program, on_path};
use crate::host::system::socket_holder;
use crate::stack::model::{Stack, Subnet};

/// What is looked for.
pub struct Inputs<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// A Podman command line without arguments yet.
    pub podman: &'a dyn Fn() -> Program,
    /// The `containers.conf` that Podman gets from us; that of `CONTAINERS_CONF` otherwise.
    pub containers_conf: Option<PathBuf>,
    /// Ports that the stack publishes on this host.
    pub ports: Vec<WantedPort>,
    /// Groups with variants: which one this host runs, and why.
    pub variants: Vec<String>,
    /// Groups whose optional devices this host does not have, all of them.
    pub without_devices: Vec<String>,
    /// Subnets of the stack that something else on this host has.
    pub overlaps: Vec<Overlap>,
}

/// A port that the stack publishes.
#[derive(Debug, Clone)]
pub struct WantedPort {
    /// Address on the host.
    pub address: Ipv4Addr,
    /// The port.
    pub port: u16,
    /// Whose it is.
    pub owner: String,
}

/// Programs that Podman starts itself, from folders of its own.
const HELPER_FOLDERS: [&str; 3] = ["/usr/lib/podman", "/usr/libexec/podman", "/usr/local/libexec/podman"];
/// Time for each question to Podman.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks at the host.
#[must_use]
pub fn gather(inputs: &Inputs<'_>) -> HostFacts {
    let stack = inputs.stack;
    let root = nix::unistd::geteuid().is_root();
    let ask = |arguments: &[&str]| (inputs.podman)().args(arguments).limit(LIMIT).read();
    let mut programs: std::collections::BTreeSet<&'static str> = packages::ALL
        .into_iter()
        .chain(packages::FOR_TESTS)
        .map(packages::program)
        .chain(["crun", "pasta"])
        .filter(|name| is_there(name))
        .collect();
    // As Fedora calls it.
    if is_there("chromium-browser") {
        programs.insert("chromium");
    }
    if is_there("conmon") {
        programs.insert("conmon");
    }
    let mut facts = HostFacts {
        packages: if on_path("apt-get").is_some() {
            Some(PackageManager::Apt)
        } else {
            on_path("dnf").map(|_| PackageManager::Dnf)
        },
        root,
        cgroups: cgroups(),
        programs,
        limits: limits(),
        containers_conf: inputs
            .containers_conf
            .clone()
            .or_else(|| std::env::var_os("CONTAINERS_CONF").map(PathBuf::from))
            .and_then(|path| std::fs::read_to_string(path).ok()),
        cni_lists: cni_lists(),
        wanted_networks: stack
            .machines
            .iter()
            .map(|machine| WantedNetwork {
                machine: machine.name.clone(),
                name: machine.network.clone(),
                subnet: machine.subnet,
            })
            .collect(),
        overlaps: inputs.overlaps.clone(),
        images: std::iter::once(stack.image("base"))
            .chain(stack.groups().map(|(group, _)| stack.group_image(group)))
            .collect(),
        base_image: stack.images.base_image.clone(),
        ca_bundle: std::env::var("SSL_CERT_FILE")
            .ok()
            .filter(|path| !path.is_empty())
            .map(|path| {
                let readable = File::open(&path).is_ok();
                (path, readable)
            }),
        package_index: package_index::of_host(),
        variants: inputs.variants.clone(),
        without_devices: inputs.without_devices.clone(),
        rootless: (!root).then(rootless),
        reboot: reboot(),
        ip_forward: std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward")
            .ok()
            .map(|text| text.trim() == "1"),
        ..HostFacts::default()
    };
    let mut published = Vec::new();
    let mut store = String::from("/var/lib/containers");
    if on_path("podman").is_some() {
        let (podman, path) = podman(ask(&["info", "--format", "json"]).map_err(|error| error.to_string()));
        store = path.unwrap_or(store);
        facts.podman = Some(podman);
        let containers = json(ask(&["ps", "--all", "--format", "json"]).ok());
        facts.created = created_of(&stack.name, &containers);
        published = published_of(&containers);
        let networks = json(ask(&["network", "ls", "--format", "json"]).ok());
        facts.networks = networks_of(&stack.name, &networks, &containers);
        facts.namesakes = namesakes(stack, &containers, &facts.networks);
    }
    facts.disk = disk(&store);
    facts.ports = inputs
        .ports
        .iter()
        .map(|port| PortFacts {
            address: port.address,
            port: port.port,
            owner: port.owner.clone(),
            state: port_state(port, &stack.name, &published),
        })
        .collect();
    facts
}

fn is_there(name: &str) -> bool {
    // An ordinary user's PATH often lacks the system folders.
    let system = ["/usr/sbin", "/sbin"];
    on_path(name).is_some()
        || HELPER_FOLDERS
            .iter()
            .chain(&system)
            .any(|folder| Path::new(folder).join(name).exists())
}

fn cgroups() -> Cgroups {
    let there = |path: &str| Path::new(path).exists();
    if there("/sys/fs/cgroup/cgroup.controllers") {
        return Cgroups::V2;
    }
    let hybrid = there("/sys/fs/cgroup/unified")
        || std::fs::read_to_string("/proc/self/mountinfo").is_ok_and(|text| text.contains(" - cgroup2 "));
    if hybrid { Cgroups::Hybrid } else { Cgroups::V1 }
}

fn limits() -> LimitFacts {
    let limits = containers_conf::gather();
    LimitFacts {
        open_files: limits.open_files,
        processes: limits.processes,
        may_raise: limits.may_raise_limits,
    }
}

fn cni_lists() -> Vec<String> {
    let Ok(folder) = std::fs::read_dir("/etc/cni/net.d") else {
        return Vec::new();
    };
    let mut lists: Vec<String> = folder
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "conflist" || extension == "conf")
        })
        .map(|path| path.display().to_string())
        .collect();
    lists.sort();
    lists
}

/// What systemd starts of Podman's containers at boot.
#[must_use]
pub fn reboot() -> RebootFacts {
    let mut folders: Vec<PathBuf> = ["/etc", "/usr/local/lib", "/usr/lib", "/lib"].map(PathBuf::from).into();
    let kind = if nix::unistd::geteuid().is_root() {
        "system"
    } else {
        let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".config"));
        folders.splice(0..0, home);
        "user"
    };
    let folders: Vec<PathBuf> = folders
        .into_iter()
        .map(|folder| folder.join("systemd").join(kind))
        .collect();
    RebootFacts {
        systemd: Path::new("/run/systemd/system").is_dir(),
        ..reboot_of(&folders)
    }
}

/// What the folders of units say of Podman's unit, the first of them first.
fn reboot_of(folders: &[PathBuf]) -> RebootFacts {
    const UNIT: &str = "podman-restart.service";
    let entries = |folder: &Path| {
        std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    let wants = folders.iter().flat_map(|folder| entries(folder));
    let enabled = wants
        .filter(|path| path.extension().is_some_and(|extension| extension == "wants"))
        .any(|folder| folder.join(UNIT).symlink_metadata().is_ok());
    let unit = folders
        .iter()
        .map(|folder| folder.join(UNIT))
        .find(|path| path.is_file());
    let changes = folders
        .iter()
        .flat_map(|folder| entries(&folder.join(format!("{UNIT}.d"))));
    let starts_ours = unit
        .into_iter()
        .chain(changes)
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .any(|text| {
            let mut commands = text.lines().filter(|line| line.starts_with("ExecStart="));
            commands.any(|line| {
                ["should-start-on-boot", "restart-policy=unless-stopped"]
                    .iter()
                    .any(|word| line.contains(word))
            })
        });
    RebootFacts {
        systemd: false,
        enabled,
        starts_ours,
    }
}

fn json(text: Option<String>) -> Vec<Value> {
    text.and_then(|text| serde_json::from_str::<Option<Vec<Value>>>(&text).ok())
        .flatten()
        .unwrap_or_default()
}

fn podman(info: Result<String, String>) -> (PodmanFacts, Option<String>) {
    let value: Value = match info.map(|text| serde_json::from_str(&text)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            let error = Some(format!("it printed no JSON: {error}"));
            return (
                PodmanFacts {
                    error,
                    ..PodmanFacts::default()
                },
                None,
            );
        }
        Err(error) => {
            return (
                PodmanFacts {
                    error: Some(error),
                    ..PodmanFacts::default()
                },
                None,
            );
        }
    };
    let text = |pointer: &str| {
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let facts = PodmanFacts {
        version: text("/version/Version"),
        network_backend: text("/host/networkBackend"),
        runtime: text("/host/ociRuntime/name"),
        driver: text("/store/graphDriverName"),
        error: None,
    };
    (facts, Some(text("/store/graphRoot")).filter(|path| !path.is_empty()))
}

/// The stack that something says it is of.
fn label_of<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.get(STACK_LABEL)?.as_str()
}

/// Containers with the stack's label that never ran.
fn created_of(stack: &str, containers: &[Value]) -> Vec<String> {
    containers
        .iter()
        .filter(|container| label_of(container, "Labels") == Some(stack))
        .filter(|container| container.get("State").and_then(Value::as_str) == Some("created"))
        .map(name_of)
        .collect()
}

/// A port that a running container publishes.
struct Published {
    /// Empty for every address of the host.
    address: String,
    port: u16,
    container: String,
    stack: Option<String>,
}

fn published_of(containers: &[Value]) -> Vec<Published> {
    let running = containers
        .iter()
        .filter(|container| container.get("State").and_then(Value::as_str) == Some("running"));
    running
        .flat_map(|container| {
            let ports = container.get("Ports").and_then(Value::as_array);
            ports.into_iter().flatten().flat_map(move |port| {
                let first = port.get("host_port").and_then(Value::as_u64).unwrap_or(0);
                let range = port.get("range").and_then(Value::as_u64).unwrap_or(1).max(1);
                (first..first + range)
                    .filter_map(|port| u16::try_from(port).ok())
                    .map(move |number| Published {
                        address: port
                            .get("host_ip")
                            .and_then(Value::as_str)
                            .unwrap_or_default()
                            .to_owned(),
                        port: number,
                        container: name_of(container),
                        stack: label_of(container, "Labels").map(str::to_owned),
                    })
            })
        })
        .collect()
}

/// What has a name of the stack and not its label.
fn namesakes(stack: &Stack, containers: &[Value], networks: &[NetworkFacts]) -> Vec<String> {
    let is_name =
        |name: &str| stack.find_group(name).is_some() || stack.groups().any(|(id, _)| stack.infra(id) == name);
    let containers = containers
        .iter()
        .filter(|container| label_of(container, "Labels") != Some(stack.name.as_str()))
        // That of a pod is labelled where its pod is; its name is made of the pod's.
        .filter(|container| container.get("IsInfra").and_then(Value::as_bool) != Some(true))
        .map(name_of)
        .filter(|name| is_name(name))
        .map(|name| format!("container `{name}`"));
    let networks = networks
        .iter()
        .filter(|network| !network.ours && stack.machines.iter().any(|machine| machine.network == network.name))
        .map(|network| format!("network `{}`", network.name));
    containers.chain(networks).collect()
}

fn name_of(container: &Value) -> String {
    container
        .pointer("/Names/0")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn networks_of(stack: &str, networks: &[Value], containers: &[Value]) -> Vec<NetworkFacts> {
    networks
        .iter()
        .filter_map(|network| {
            let name = network.get("name")?.as_str()?.to_owned();
            let subnets = network
                .get("subnets")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|subnet| subnet.get("subnet")?.as_str().and_then(Subnet::parse))
                .collect();
            let uses = |container: &&Value| {
                container
                    .get("Networks")
                    .and_then(Value::as_array)
                    .is_some_and(|all| all.iter().any(|one| one.as_str() == Some(&name)))
            };
            let containers = containers.iter().filter(uses).map(name_of).collect();
            Some(NetworkFacts {
                ours: label_of(network, "labels") == Some(stack),
                name,
                subnets,
                containers,
            })
        })
        .collect()
}

fn disk(path: &str) -> Option<DiskFacts> {
    // The folder is made with the first image.
    let there = Path::new(path).ancestors().find(|folder| folder.exists())?;
    let space = statvfs(there).ok()?;
    // Types of both differ between architectures.
    #[expect(clippy::useless_conversion, reason = "not the same type everywhere")]
    let free = u64::from(space.blocks_available()).saturating_mul(u64::from(space.fragment_size()));
    Some(DiskFacts {
        path: there.display().to_string(),
        free,
    })
}

fn port_state(port: &WantedPort, stack: &str, published: &[Published]) -> PortState {
    if UdpSocket::bind((port.address, 0)).is_err() {
        return PortState::NoAddress;
    }
    let error = match TcpListener::bind((port.address, port.port)) {
        Ok(_) => return PortState::Free,
        Err(error) => error,
    };
    if error.kind() != ErrorKind::AddrInUse {
        return PortState::Free;
    }
    let any = ["", "0.0.0.0", "::"];
    let by = published.iter().find(|other| {
        other.port == port.port && (any.contains(&other.address.as_str()) || other.address == port.address.to_string())
    });
    match by {
        Some(other) if other.stack.as_deref() == Some(stack) => PortState::Ours,
        Some(other) => PortState::Taken(Some(format!("container `{}`", other.container))),
        None => PortState::Taken(socket_holder::of_port(port.port).map(|holder| holder.to_string())),
    }
}

fn rootless() -> RootlessFacts {
    let uid = nix::unistd::geteuid();
    let user = nix::unistd::User::from_uid(uid)
        .ok()
        .flatten()
        .map_or_else(|| uid.to_string(), |user| user.name);
    let closed = |device: &str| File::options().read(true).write(true).open(device).is_err();
    let sub_ids: BTreeMap<String, u64> = ["/etc/subuid", "/etc/subgid"]
        .into_iter()
        .map(|file| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            (file.to_owned(), ids_of(&text, &user, uid.as_raw()))
        })
        .collect();
    RootlessFacts {
        closed_devices: ["/dev/net/tun", "/dev/fuse"]
            .iter()
            .filter(|device| closed(device))
            .map(|device| (*device).to_owned())
            .collect(),
        user,
        sub_ids,
    }
}

/// `name:first:count` lines, by name or by number.
fn ids_of(text: &str, user: &str, uid: u32) -> u64 {
    let number = uid.to_string();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let owner = fields.next()?;
            let count = fields.nth(1)?.parse::<u64>().ok()?;
            (owner == user || owner == number).then_some(count)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use serde_json::json;

    use super::{PortState, WantedPort, created_of, ids_of, networks_of, podman, port_state, published_of, reboot_of};

    #[test]
    fn podman_says_what_it_is_or_why_not() {
        let text = json!({"version": {"Version": "4.3.1"}, "host": {"networkBackend": "netavark", "ociRuntime": {"name": "runc"}},
            "store": {"graphDriverName": "overlay", "graphRoot": "/var/lib/containers/storage"}});
        let (facts, store) = podman(Ok(text.to_string()));
        assert_eq!((facts.version.as_str(), facts.runtime.as_str()), ("4.3.1", "runc"));
        assert_eq!(store.as_deref(), Some("/var/lib/containers/storage"));
        assert_eq!(podman(Err("no".to_owned())).0.error.as_deref(), Some("no"));
    }

    #[test]
    fn what_starts_at_boot_is_in_the_folders_of_units() {
        let folder = tempfile::tempdir().unwrap();
        let folders = ["etc", "lib"].map(|name| folder.path().join(name));
        let [etc, lib] = &folders;
        let write = |path: std::path::PathBuf, text: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let seen = || {
            let facts = reboot_of(&folders);
            (facts.enabled, facts.starts_ours)
        };
        assert_eq!(seen(), (false, false));
        let before = "[Service]\nExecStart=/usr/bin/podman start --all --filter restart-policy=always\n";
        write(lib.join("podman-restart.service"), before);
        write(etc.join("default.target.wants/podman-restart.service"), "");
        assert_eq!(seen(), (true, false));
        let change = etc.join("podman-restart.service.d/ours.conf");
        write(
            change.clone(),
            "[Service]\nExecStart=\nExecStart=podman start --filter restart-policy=unless-stopped\n",
        );
        assert_eq!(seen(), (true, true));
        std::fs::remove_file(change).unwrap();
        // As Podman 5.8 brings it.
        write(
            lib.join("podman-restart.service"),
            "[Service]\nExecStart=podman start --all --filter should-start-on-boot=true\n",
        );
        assert_eq!(seen(), (true, true));
    }

    #[test]
    fn networks_know_their_containers() {
        let networks = [json!({"name": "n", "subnets": [{"subnet": "172.20.0.0/16"}]})];
        let containers = [
            json!({"Names": ["c"], "Networks": ["n"]}),
            json!({"Names": ["d"], "Networks": []}),
        ];
        let found = networks_of("s", &networks, &containers);
        assert_eq!(found[0].containers, ["c"]);
        assert!(!found[0].ours);
        assert_eq!(found[0].subnets[0].to_string(), "172.20.0.0/16");
    }

    #[test]
    fn a_taken_port_is_told_from_a_free_one() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let wanted = WantedPort {
            address: Ipv4Addr::LOCALHOST,
            port,
            owner: "x".to_owned(),
        };
        assert!(matches!(port_state(&wanted, "s", &[]), PortState::Taken(Some(_))));
        // Whose container publishes it is said by the label, not by the name.
        let container = |stack: &str| {
            json!({"Names": ["s-core-infra"], "State": "running", "Labels": {"ai-system.stack": stack},
                "Ports": [{"host_ip": "127.0.0.1", "host_port": port, "range": 1}]})
        };
        let state = |stack: &str| port_state(&wanted, "s", &published_of(&[container(stack)]));
        assert_eq!(state("s"), PortState::Ours);
        assert_eq!(
            state("t"),
            PortState::Taken(Some("container `s-core-infra`".to_owned()))
        );
        drop(listener);
        assert_eq!(port_state(&wanted, "s", &[]), PortState::Free);
        let elsewhere = WantedPort {
            address: Ipv4Addr::new(203, 0, 113, 7),
            ..wanted
        };
        assert_eq!(port_state(&elsewhere, "s", &[]), PortState::NoAddress);
    }

    #[test]
    fn what_was_created_is_claimed_by_its_label() {
        let of = |name: &str, stack: Option<&str>| json!({"Names": [name], "State": "created", "Labels": stack.map(|stack| json!({"ai-system.stack": stack}))});
        let containers = [of("vision", None), of("x", Some("s")), of("y", Some("t"))];
        assert_eq!(created_of("s", &containers), ["x"]);
    }

    #[test]
    fn ranges_are_found_by_name_and_by_number() {
        assert_eq!(
            ids_of("ana:100000:65536\n1000:200000:10\nbob:1:1\n", "ana", 1000),
            65546
        );
    }
}
