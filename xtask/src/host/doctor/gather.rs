//! Looks at the host once. Whatever cannot be seen is left out; the diagnoses know what that means.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use serde_json::Value;

use super::facts::{
    Cgroups, DiskFacts, HostFacts, LimitFacts, NetworkFacts, PackageManager, PodmanFacts, PortFacts, PortState,
    RootlessFacts, RouteFacts, WantedNetwork,
};
use super::packages;
use crate::host::process::{Program, on_path};
use crate::host::{containers_conf, package_index, socket_holder};
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
        routes: std::fs::read_to_string("/proc/net/route").map_or_else(|_| Vec::new(), |text| routes(&text)),
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
        rootless: (!root).then(rootless),
        ip_forward: std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward")
            .ok()
            .map(|text| text.trim() == "1"),
        ..HostFacts::default()
    };
    let mut running = false;
    let mut store = String::from("/var/lib/containers");
    if on_path("podman").is_some() {
        let (podman, path) = podman(ask(&["info", "--format", "json"]).map_err(|error| error.to_string()));
        store = path.unwrap_or(store);
        facts.podman = Some(podman);
        let containers = json(ask(&["ps", "--all", "--format", "json"]).ok());
        let ours = format!("{}-", stack.name);
        let (created, is_running) = containers_of(stack, &ours, &containers);
        facts.created = created;
        running = is_running;
        let networks = json(ask(&["network", "ls", "--format", "json"]).ok());
        facts.networks = networks_of(&networks, &containers);
    }
    facts.disk = disk(&store);
    facts.ports = inputs
        .ports
        .iter()
        .map(|port| PortFacts {
            address: port.address,
            port: port.port,
            owner: port.owner.clone(),
            state: port_state(port, running),
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

/// `/proc/net/route`: interface, destination and mask in hexadecimal, least significant byte first.
fn routes(text: &str) -> Vec<RouteFacts> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let number = |index: usize| u32::from_str_radix(fields.get(index)?, 16).ok().map(u32::swap_bytes);
            let (destination, mask) = (number(1)?, number(7)?);
            (mask != 0).then(|| RouteFacts {
                interface: fields[0].to_owned(),
                subnet: Subnet {
                    address: Ipv4Addr::from(destination),
                    prefix: u8::try_from(mask.count_ones()).unwrap_or(32),
                },
            })
        })
        .collect()
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

/// Containers of the stack that never ran, and whether any runs.
fn containers_of(stack: &Stack, pod_prefix: &str, containers: &[Value]) -> (Vec<String>, bool) {
    let mut created = Vec::new();
    let mut running = false;
    for container in containers {
        let name = name_of(container);
        let labelled = container
            .pointer("/Labels/ai-system.stack")
            .and_then(Value::as_str)
            .is_some_and(|label| label == stack.name);
        if !(labelled || stack.find_group(&name).is_some() || name.starts_with(pod_prefix)) {
            continue;
        }
        match container.get("State").and_then(Value::as_str) {
            Some("created") => created.push(name),
            Some("running") => running = true,
            _ => {}
        }
    }
    (created, running)
}

fn name_of(container: &Value) -> String {
    container
        .pointer("/Names/0")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn networks_of(networks: &[Value], containers: &[Value]) -> Vec<NetworkFacts> {
    networks
        .iter()
        .filter_map(|network| {
            let name = network.get("name")?.as_str()?.to_owned();
            let subnets = network
                .get("subnets")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|subnet| subnet.get("subnet")?.as_str().and_then(parse_subnet))
                .collect();
            let uses = |container: &&Value| {
                container
                    .get("Networks")
                    .and_then(Value::as_array)
                    .is_some_and(|all| all.iter().any(|one| one.as_str() == Some(&name)))
            };
            let containers = containers.iter().filter(uses).map(name_of).collect();
            Some(NetworkFacts {
                name,
                subnets,
                containers,
            })
        })
        .collect()
}

fn parse_subnet(text: &str) -> Option<Subnet> {
    let (address, prefix) = text.split_once('/')?;
    Some(Subnet {
        address: address.parse().ok()?,
        prefix: prefix.parse().ok()?,
    })
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

fn port_state(port: &WantedPort, stack_runs: bool) -> PortState {
    if UdpSocket::bind((port.address, 0)).is_err() {
        return PortState::NoAddress;
    }
    match TcpListener::bind((port.address, port.port)) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            // These hold published ports for Podman.
            let podmans =
                |name: &str| ["conmon", "rootlessport", "rootlessport-c", "pasta", "slirp4netns"].contains(&name);
            match socket_holder::of_port(port.port) {
                Some(holder) if stack_runs && podmans(&holder.name) => PortState::Ours,
                Some(holder) => PortState::Taken(Some(holder.to_string())),
                None => PortState::Taken(None),
            }
        }
        _ => PortState::Free,
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

    use super::{PortState, WantedPort, ids_of, networks_of, podman, port_state, routes};
    use crate::stack::model::Subnet;

    #[test]
    fn routes_are_read_without_the_default_one() {
        let text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
tun0\t000014AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
";
        let found = routes(text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].interface, "tun0");
        assert_eq!(
            found[0].subnet,
            Subnet {
                address: Ipv4Addr::new(172, 20, 0, 0),
                prefix: 16
            }
        );
    }

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
    fn networks_know_their_containers() {
        let networks = [json!({"name": "n", "subnets": [{"subnet": "172.20.0.0/16"}]})];
        let containers = [
            json!({"Names": ["c"], "Networks": ["n"]}),
            json!({"Names": ["d"], "Networks": []}),
        ];
        let found = networks_of(&networks, &containers);
        assert_eq!(found[0].containers, ["c"]);
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
        assert!(matches!(port_state(&wanted, true), PortState::Taken(Some(_))));
        drop(listener);
        assert_eq!(port_state(&wanted, true), PortState::Free);
        let elsewhere = WantedPort {
            address: Ipv4Addr::new(203, 0, 113, 7),
            ..wanted
        };
        assert_eq!(port_state(&elsewhere, false), PortState::NoAddress);
    }

    #[test]
    fn ranges_are_found_by_name_and_by_number() {
        assert_eq!(
            ids_of("ana:100000:65536\n1000:200000:10\nbob:1:1\n", "ana", 1000),
            65546
        );
    }
}
