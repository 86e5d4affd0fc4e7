//! What a Podman that was killed in the middle leaves in the kernel, and Podman no longer knows of: a network namespace, a bridge
//! with the gateway's address, which keeps the subnet from being used again, and firewall rules. Containers in storage and names
//! of the name server have files of their own.
//!
//! Nothing is removed that is not proved to be this stack's. A bridge is: it has the name that Podman recorded for a network that
//! this stack had it make ([`records`]), Podman has no other network with that name or bridge, and it carries that network's
//! gateway and no other address. A namespace is, where it is plugged into such a bridge, nothing runs in it and no container has
//! it; while other containers of the stack run, only one with a static address of the stack. What only looks like a leftover is named, with the command that would remove it, and left.

pub mod bolt;
pub mod leases;
pub mod name_server;
pub mod records;
pub mod storage;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;

use self::records::NetworkRecord;
use super::podman::Network;
use super::system::process::{ProcessError, Program};
use super::system::{firewall, nftables};
use crate::stack::model::Subnet;

/// A link, as `ip -details -json address` has it.
#[derive(Debug, Default, Deserialize)]
struct Link {
    #[serde(default)]
    ifindex: u32,
    #[serde(default, rename = "ifname")]
    name: String,
    /// The other end, by its index in its own namespace.
    #[serde(default)]
    link_index: Option<u32>,
    /// The other end's namespace, by its id in this one.
    #[serde(default)]
    link_netnsid: Option<i64>,
    /// The bridge that it is plugged into.
    #[serde(default)]
    master: Option<String>,
    #[serde(default, rename = "linkinfo")]
    info: Info,
    #[serde(default, rename = "addr_info")]
    addresses: Vec<Address>,
}

#[derive(Debug, Default, Deserialize)]
struct Info {
    #[serde(default, rename = "info_kind")]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct Address {
    #[serde(default)]
    local: Option<IpAddr>,
    #[serde(default)]
    prefixlen: u8,
}

/// A network namespace, as `ip -json netns list` has it.
#[derive(Debug, Deserialize)]
struct Namespace {
    name: String,
    #[serde(default)]
    id: Option<i64>,
}

/// Something that looks like a leftover and is not proved to be one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What it is and where.
    pub what: String,
    /// The command that would remove it.
    pub command: String,
}

/// What was done about leftovers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// What was removed, in words.
    pub removed: Vec<String>,
    /// What was not.
    pub left: Vec<Left>,
}

impl Swept {
    /// Adds what else was done. What one command would remove is named once.
    pub fn add(&mut self, other: Self) {
        self.removed.extend(other.removed);
        for left in other.left {
            if self.left.iter().all(|named| named.command != left.command) {
                self.left.push(left);
            }
        }
    }
}

/// Removes what is left of a network that Podman no longer knows; nothing where something is still plugged into its bridge. `networks` are those that it knows, and `in_use` says which
/// network namespaces its containers have; it is asked only where there is a namespace to remove. `noted` are namespaces that were
/// plugged into its bridge before Podman took that away.
///
/// # Errors
/// When `ip` or `iptables-restore` fails.
pub fn remove<E: From<ProcessError>>(
    gone: &NetworkRecord,
    noted: &BTreeSet<String>,
    networks: &[Network],
    in_use: impl FnOnce() -> Result<BTreeSet<String>, E>,
) -> Result<Swept, E> {
    let mut swept = Swept::default();
    if !nix::unistd::geteuid().is_root() || is_anothers(gone, networks) {
        // Rootless Podman keeps its networks in a namespace that ends with it.
        return Ok(swept);
    }
    let mut own = plugged(gone)?;
    own.extend(
        namespaces()?
            .into_iter()
            .map(|namespace| namespace.name)
            .filter(|name| noted.contains(name)),
    );
    own.sort();
    own.dedup();
    swept.removed.extend(remove_namespaces(own, in_use)?);
    let host = links(None)?;
    if let Some(bridge) = bridge_of(&host, gone) {
        // Neither is a bridge left that something is plugged into.
        if prints_nothing(&["link", "show", "master", &bridge.name])? {
            Program::new("ip")
                .args(["link", "delete", &bridge.name])
                .whole()
                .read()?;
            swept.removed.push(format!("bridge {}", bridge.name));
        }
    }
    let still = links(None)?;
    if let Some(bridge) = bridge_of(&still, gone) {
        // Rules and names are used by what is plugged in: by containers of a Podman with another storage, say.
        swept.left.push(Left {
            what: format!("bridge `{}` of network `{}`, which is in use", bridge.name, gone.name),
            command: delete_link(&bridge.name),
        });
        return Ok(swept);
    }
    let contested = still.iter().any(|link| uses(link, gone.subnet))
        || networks
            .iter()
            .flat_map(|network| network.subnets.iter().flatten())
            .filter_map(|subnet| Subnet::parse(&subnet.subnet))
            .any(|subnet| subnet.overlaps(gone.subnet));
    swept.add(firewall::remove(gone, contested)?);
    Ok(swept)
}

/// Removes namespaces that hold one of the stack's static `addresses` on a network of ours which is still in use, and that no
/// container has: whoever gets that address next would not be reached, since two would answer for it. Says what was removed.
///
/// # Errors
/// When `ip` fails.
pub fn free_addresses<E: From<ProcessError>>(
    network: &NetworkRecord,
    addresses: &BTreeSet<Ipv4Addr>,
    in_use: impl FnOnce() -> Result<BTreeSet<String>, E>,
) -> Result<Vec<String>, E> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(Vec::new());
    }
    let holding = plugged_where(network, |inside| {
        inside
            .iter()
            .flat_map(|link| &link.addresses)
            .any(|address| matches!(address.local, Some(IpAddr::V4(local)) if addresses.contains(&local)))
    })?;
    remove_namespaces(holding, in_use)
}

/// Removes those of the namespaces that no container has and in which nothing runs, and says which.
fn remove_namespaces<E: From<ProcessError>>(
    names: Vec<String>,
    in_use: impl FnOnce() -> Result<BTreeSet<String>, E>,
) -> Result<Vec<String>, E> {
    let in_use = if names.is_empty() { BTreeSet::new() } else { in_use()? };
    let mut removed = Vec::new();
    for name in names {
        // Whatever Podman says: a namespace in which something runs is in use.
        if !in_use.contains(&name) && prints_nothing(&["netns", "pids", &name])? {
            unplug(&name)?;
            Program::new("ip").args(["netns", "delete", &name]).whole().read()?;
            removed.push(format!("network namespace {name}"));
        }
    }
    Ok(removed)
}

/// Namespaces that are plugged into the bridge of a network of ours.
///
/// # Errors
/// When `ip` cannot be run.
pub fn plugged(network: &NetworkRecord) -> Result<Vec<String>, ProcessError> {
    plugged_where(network, |_| true)
}

/// Those of them whose links are such.
fn plugged_where(network: &NetworkRecord, such: impl Fn(&[Link]) -> bool) -> Result<Vec<String>, ProcessError> {
    let host = links(None)?;
    let Some(bridge) = bridge_of(&host, network) else {
        return Ok(Vec::new());
    };
    if host.iter().all(|link| link.master.as_ref() != Some(&bridge.name)) {
        return Ok(Vec::new());
    }
    let mut plugged = Vec::new();
    for namespace in namespaces()? {
        let inside = links(Some(&namespace.name))?;
        if is_plugged_in(&host, &inside, namespace.id, bridge) && such(&inside) {
            plugged.push(namespace.name);
        }
    }
    Ok(plugged)
}

/// Names what looks like a leftover of these networks and is not proved to be: bridges, chains, rules, and namespaces in which nothing
/// runs. `recorded` are networks that the stack had Podman make before; `in_use` says which network namespaces containers have, and is asked
/// only where there is one.
///
/// # Errors
/// When `ip` cannot be run.
pub fn unproved<'r, E: From<ProcessError>>(
    wanted: &[(&str, Subnet)],
    recorded: impl Iterator<Item = &'r NetworkRecord>,
    networks: &[Network],
    in_use: impl FnOnce() -> Result<BTreeSet<String>, E>,
) -> Result<Vec<Left>, E> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(Vec::new());
    }
    let mut left = of_wanted(wanted, networks)?;
    let subnets: Vec<Subnet> = wanted.iter().map(|(_, subnet)| *subnet).collect();
    let recorded: Vec<&NetworkRecord> = recorded.collect();
    left.extend(nftables::unproved(&subnets, &recorded, networks));
    left.extend(idle_namespaces(in_use)?);
    Ok(left)
}

/// Bridges and chains of networks that Podman does not have.
fn of_wanted(wanted: &[(&str, Subnet)], networks: &[Network]) -> Result<Vec<Left>, ProcessError> {
    let unknown: Vec<&(&str, Subnet)> = wanted
        .iter()
        .filter(|(name, _)| networks.iter().all(|network| network.name != *name))
        .collect();
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    let mut left: Vec<Left> = links(None)?
        .iter()
        .filter(|link| {
            networks
                .iter()
                .all(|network| network.interface.as_ref() != Some(&link.name))
        })
        .filter_map(|link| {
            let (_, subnet) = unknown.iter().find(|(_, subnet)| has_gateway(link, *subnet))?;
            Some(Left {
                what: format!(
                    "{} `{}` with the address {}",
                    if link.info.kind == "bridge" {
                        "bridge"
                    } else {
                        "interface"
                    },
                    link.name,
                    subnet.gateway()
                ),
                command: delete_link(&link.name),
            })
        })
        .collect();
    let names: Vec<&str> = unknown.iter().map(|(name, _)| *name).collect();
    left.extend(firewall::chains_of(&names).into_iter().map(|chain| Left {
        what: format!("firewall chain `{chain}` of table nat, named after a network of ours"),
        command: format!("iptables -t nat -F {chain}"),
    }));
    Ok(left)
}

/// Namespaces that Podman made, in which nothing runs and that no container has: a Podman that was killed between making one and starting
/// something in it leaves it, and nothing in it says for whom it was made.
fn idle_namespaces<E: From<ProcessError>>(
    in_use: impl FnOnce() -> Result<BTreeSet<String>, E>,
) -> Result<Vec<Left>, E> {
    let idle = || -> Result<BTreeSet<String>, ProcessError> {
        let mut idle = BTreeSet::new();
        for namespace in namespaces()? {
            if is_podmans(&namespace.name) && prints_nothing(&["netns", "pids", &namespace.name])? {
                idle.insert(namespace.name);
            }
        }
        Ok(idle)
    };
    let mut left = idle()?;
    if left.is_empty() {
        return Ok(Vec::new());
    }
    let in_use = in_use()?;
    // Somebody else's container may have been about to start.
    let still = idle()?;
    left.retain(|name| !in_use.contains(name) && still.contains(name));
    Ok(left
        .into_iter()
        .map(|name| Left {
            what: format!("network namespace `{name}`, which no container of Podman has and in which nothing runs"),
            command: format!("ip netns delete {name}"),
        })
        .collect())
}

/// Whether a namespace is named as Podman names its own: `netns-` and a UUID.
fn is_podmans(name: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let Some(parts) = name.strip_prefix("netns-").map(|id| id.split('-').collect::<Vec<_>>()) else {
        return false;
    };
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether Podman has another network under that name or on that bridge.
fn is_anothers(gone: &NetworkRecord, networks: &[Network]) -> bool {
    networks
        .iter()
        .any(|network| network.name == gone.name || network.interface.as_ref() == Some(&gone.interface))
}

/// The bridge that Podman recorded for the network, where it is what netavark made of it.
fn bridge_of<'a>(host: &'a [Link], gone: &NetworkRecord) -> Option<&'a Link> {
    let bridge = host
        .iter()
        .find(|link| link.name == gone.interface && link.info.kind == "bridge")?;
    let mut addresses = bridge.addresses.iter().filter_map(|address| match address.local? {
        IpAddr::V4(local) => Some((local, address.prefixlen)),
        IpAddr::V6(_) => None,
    });
    let own = addresses.next() == Some((gone.subnet.gateway(), gone.subnet.prefix));
    (own && addresses.next().is_none()).then_some(bridge)
}

/// Whether a namespace with these links has one whose other end is plugged into the bridge.
fn is_plugged_in(host: &[Link], inside: &[Link], id: Option<i64>, bridge: &Link) -> bool {
    inside.iter().any(|link| {
        host.iter().any(|end| {
            end.master.as_ref() == Some(&bridge.name)
                && link.link_index == Some(end.ifindex)
                && end.link_index == Some(link.ifindex)
                && id.is_some()
                && end.link_netnsid == id
        })
    })
}

fn has_gateway(link: &Link, subnet: Subnet) -> bool {
    link.addresses
        .iter()
        .any(|address| address.local == Some(IpAddr::V4(subnet.gateway())))
}

fn uses(link: &Link, subnet: Subnet) -> bool {
    let local = |address: &Address| match address.local? {
        IpAddr::V4(local) => Some(local),
        IpAddr::V6(_) => None,
    };
    link.addresses
        .iter()
        .filter_map(local)
        .any(|local: Ipv4Addr| subnet.contains(local))
}

/// Removes the links of a namespace, and with each its other end, before the namespace goes: the kernel takes them away some time
/// after that, and until then a bridge has something plugged into it.
fn unplug(namespace: &str) -> Result<(), ProcessError> {
    for link in links(Some(namespace))?.iter().filter(|link| link.name != "lo") {
        // One that cannot be removed goes with the namespace.
        Program::new("ip")
            .args(["-netns", namespace, "link", "delete", &link.name])
            .run()?;
    }
    Ok(())
}

fn delete_link(name: &str) -> String {
    format!("ip link delete {name}")
}

fn prints_nothing(arguments: &[&str]) -> Result<bool, ProcessError> {
    let output = Program::new("ip").args(arguments).run()?;
    Ok(output.status.success() && output.stdout.trim().is_empty())
}

/// Namespaces named as Podman names its own.
fn namespaces() -> Result<Vec<Namespace>, ProcessError> {
    let text = Program::new("ip").args(["-json", "netns", "list"]).read()?;
    let mut all: Vec<Namespace> = serde_json::from_str(&text).unwrap_or_default();
    all.retain(|namespace| namespace.name.starts_with("netns-"));
    Ok(all)
}

/// Links of a namespace, or of the host.
fn links(namespace: Option<&str>) -> Result<Vec<Link>, ProcessError> {
    let mut command = Program::new("ip");
    if let Some(namespace) = namespace {
        command = command.args(["-netns", namespace]);
    }
    let listed = command.args(["-details", "-json", "address", "show"]).run()?;
    if !listed.status.success() {
        // Another Podman took its namespace away in between.
        return Ok(Vec::new());
    }
    Ok(serde_json::from_str(&listed.stdout).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::records::NetworkRecord;
    use super::{Link, bridge_of, has_gateway, is_anothers, is_plugged_in, is_podmans, uses};
    use crate::host::podman::Network;
    use crate::stack::model::Subnet;

    const HOST: &str = r#"[
        {"ifindex":1,"ifname":"lo","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8}]},
        {"ifindex":2,"ifname":"eth0","addr_info":[{"family":"inet","local":"172.20.3.4","prefixlen":16},{"family":"inet6","local":"fe80::1"}]},
        {"ifindex":3,"ifname":"br-docker","linkinfo":{"info_kind":"bridge"},"addr_info":[{"family":"inet","local":"172.20.0.1","prefixlen":16}]},
        {"ifindex":4,"ifname":"podman1","linkinfo":{"info_kind":"bridge"},"addr_info":[{"family":"inet","local":"172.20.0.1","prefixlen":16},{"family":"inet6","local":"fe80::2","prefixlen":64}]},
        {"ifindex":5,"ifname":"veth0","link_index":2,"link_netnsid":7,"master":"podman1","linkinfo":{"info_kind":"veth"}},
        {"ifindex":6,"ifname":"veth1","link_index":2,"link_netnsid":8,"master":"br-docker","linkinfo":{"info_kind":"veth"}},
        {}
    ]"#;

    fn links(text: &str) -> Vec<Link> {
        serde_json::from_str(text).unwrap()
    }

    fn gone(interface: &str) -> NetworkRecord {
        NetworkRecord {
            name: "ours".to_owned(),
            id: "1".to_owned(),
            interface: interface.to_owned(),
            subnet: Subnet {
                address: Ipv4Addr::new(172, 20, 0, 0),
                prefix: 16,
            },
        }
    }

    #[test]
    fn a_bridge_is_ours_by_its_recorded_name_and_its_only_address() {
        let host = links(HOST);
        assert_eq!(bridge_of(&host, &gone("podman1")).map(|bridge| bridge.ifindex), Some(4));
        // It has the gateway's address, and nothing says that it is ours.
        assert!(has_gateway(&host[2], gone("podman1").subnet));
        assert!(bridge_of(&host, &gone("podman2")).is_none());
        assert!(bridge_of(&host, &gone("eth0")).is_none(), "not a bridge");
        let mut other = gone("podman1");
        other.subnet.prefix = 24;
        assert!(bridge_of(&host, &other).is_none());
        let more = HOST.replace(
            r#"{"family":"inet6","local":"fe80::2","prefixlen":64}"#,
            r#"{"family":"inet","local":"10.1.2.3","prefixlen":8}"#,
        );
        assert!(bridge_of(&links(&more), &gone("podman1")).is_none());
        assert!(uses(&host[1], gone("x").subnet) && !uses(&host[0], gone("x").subnet));
    }

    #[test]
    fn a_namespace_is_ours_by_the_bridge_that_it_is_plugged_into() {
        let host = links(HOST);
        let bridge = bridge_of(&host, &gone("podman1")).unwrap();
        let inside = |index: u32| links(&format!(r#"[{{"ifindex":2,"ifname":"eth0","link_index":{index}}}]"#));
        assert!(is_plugged_in(&host, &inside(5), Some(7), bridge));
        assert!(!is_plugged_in(&host, &inside(5), Some(8), bridge));
        assert!(!is_plugged_in(&host, &inside(5), None, bridge));
        assert!(
            !is_plugged_in(&host, &inside(6), Some(8), bridge),
            "into another bridge"
        );
        assert!(!is_plugged_in(&host, &[], Some(7), bridge));
    }

    #[test]
    fn podman_names_its_namespaces_with_a_uuid() {
        assert!(is_podmans("netns-6f0f3b1c-0a5e-4c1d-9d5b-2f3a4b5c6d7e"));
        for other in [
            "netns-1",
            "netns-6f0f3b1c-0a5e-4c1d-9d5b-2f3a4b5c6d7e-x",
            "netns-6f0f3b1c-0a5e-4c1d-9d5b-2f3a4b5c6d7g",
            "cni-6f0f3b1c-0a5e-4c1d-9d5b-2f3a4b5c6d7e",
            "netns-6f0f3b1c-0a5e-4c1d-9d5b-2f3a4b5c6d;e",
        ] {
            assert!(!is_podmans(other), "{other}");
        }
    }

    #[test]
    fn a_name_or_a_bridge_that_podman_gave_to_another_network_is_not_ours() {
        let network = |name: &str, interface: &str| Network {
            name: name.to_owned(),
            id: Some("2".to_owned()),
            interface: Some(interface.to_owned()),
            subnets: None,
            labels: None,
        };
        assert!(is_anothers(&gone("podman1"), &[network("ours", "podman9")]));
        assert!(is_anothers(&gone("podman1"), &[network("theirs", "podman1")]));
        assert!(!is_anothers(&gone("podman1"), &[network("theirs", "podman2")]));
    }
}
