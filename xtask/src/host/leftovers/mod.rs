//! What a Podman that was killed in the middle leaves in the kernel, and Podman no longer knows of: a network namespace, the
//! bridge with the gateway's address, which keeps the subnet from being used again, and firewall rules. Containers in storage and
//! names of the name server have files of their own.
//!
//! Only ever looked for while the stack has no container, so that whatever has an address of its subnets is a leftover.

pub mod name_server;
pub mod storage;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use serde::Deserialize;

use super::files::FileError;
use super::firewall;
use super::process::{ProcessError, Program};
use crate::stack::model::Subnet;

/// A link, as `ip -json address` has it.
#[derive(Debug, Deserialize)]
struct Link {
    #[serde(default, rename = "ifname")]
    name: String,
    #[serde(default, rename = "addr_info")]
    addresses: Vec<Address>,
}

#[derive(Debug, Deserialize)]
struct Address {
    #[serde(default)]
    local: Option<IpAddr>,
}

/// A network namespace, as `ip -json netns list` has it.
#[derive(Debug, Deserialize)]
struct Namespace {
    name: String,
}

/// Removes them, and returns what was removed, in words. `no_containers`: Podman has none at all, so that every namespace of
/// its making is a leftover, with an address or without one yet.
///
/// # Errors
/// When `ip` cannot be run.
pub fn remove(subnets: &[Subnet], no_containers: bool) -> Result<Vec<String>, ProcessError> {
    if !nix::unistd::geteuid().is_root() {
        // Rootless Podman keeps its networks in a namespace that ends with it.
        return Ok(Vec::new());
    }
    let mut removed = Vec::new();
    for namespace in namespaces()? {
        let ours = no_containers || !links(Some(&namespace), subnets, |_, address| !address.is_loopback())?.is_empty();
        // Whatever Podman says: a namespace in which something runs is in use.
        if ours && prints_nothing(&["netns", "pids", &namespace])? {
            unplug(&namespace)?;
            Program::new("ip").args(["netns", "delete", &namespace]).read()?;
            removed.push(format!("network namespace {namespace}"));
        }
    }
    for bridge in links(None, subnets, |subnet, address| address == subnet.gateway())? {
        // So is a bridge that something is plugged into.
        if prints_nothing(&["link", "show", "master", &bridge])? {
            Program::new("ip").args(["link", "delete", &bridge]).read()?;
            removed.push(format!("bridge {bridge}"));
        }
    }
    removed.extend(firewall::remove(subnets)?);
    Ok(removed)
}

/// Removes the links of a namespace, and with each its other end, before the namespace goes: the kernel takes them away some time
/// after that, and until then a bridge has something plugged into it.
fn unplug(namespace: &str) -> Result<(), ProcessError> {
    let inside = |arguments: &[&str]| Program::new("ip").args(["-netns", namespace]).args(arguments).run();
    let listed = inside(&["-json", "link", "show"])?;
    let all: Vec<Link> = serde_json::from_str(&listed.stdout).unwrap_or_default();
    for link in all.iter().filter(|link| link.name != "lo") {
        // One that cannot be removed goes with the namespace.
        inside(&["link", "delete", &link.name])?;
    }
    Ok(())
}

/// Where Podman 4 notes which container has which address.
const ADDRESSES: &str = "/run/containers/networks/ipam.db";

/// Lets Podman forget addresses of containers that it no longer knows: a killed one leaves them allocated for good, and the
/// next container with the same static address is refused. To be called only while Podman has no container at all.
///
/// # Errors
/// When the file is there and cannot be removed.
pub fn forget_addresses() -> Result<(), FileError> {
    match std::fs::remove_file(ADDRESSES) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::on("remove", Path::new(ADDRESSES))(error))
        }
        _ => Ok(()),
    }
}

fn prints_nothing(arguments: &[&str]) -> Result<bool, ProcessError> {
    let output = Program::new("ip").args(arguments).run()?;
    Ok(output.status.success() && output.stdout.trim().is_empty())
}

/// Podman's own namespaces.
fn namespaces() -> Result<Vec<String>, ProcessError> {
    let text = Program::new("ip").args(["-json", "netns", "list"]).read()?;
    let all: Vec<Namespace> = serde_json::from_str(&text).unwrap_or_default();
    Ok(all
        .into_iter()
        .map(|namespace| namespace.name)
        .filter(|name| name.starts_with("netns-"))
        .collect())
}

/// Links of a namespace, or of the host, with an address in one of the subnets that `wanted` says yes to.
fn links(
    namespace: Option<&str>,
    subnets: &[Subnet],
    wanted: fn(Subnet, Ipv4Addr) -> bool,
) -> Result<Vec<String>, ProcessError> {
    let mut command = Program::new("ip");
    if let Some(namespace) = namespace {
        command = command.args(["-netns", namespace]);
    }
    let listed = command.args(["-json", "address", "show"]).run()?;
    if !listed.status.success() {
        // Another Podman took its namespace away in between.
        return Ok(Vec::new());
    }
    Ok(matching(&listed.stdout, subnets, wanted))
}

fn matching(listed: &str, subnets: &[Subnet], wanted: fn(Subnet, Ipv4Addr) -> bool) -> Vec<String> {
    let all: Vec<Link> = serde_json::from_str(listed).unwrap_or_default();
    all.into_iter()
        .filter(|link| {
            link.addresses.iter().any(|address| match address.local {
                Some(IpAddr::V4(local)) => subnets
                    .iter()
                    .any(|subnet| subnet.contains(local) && wanted(*subnet, local)),
                _ => false,
            })
        })
        .map(|link| link.name)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::matching;
    use crate::stack::model::Subnet;

    const LISTED: &str = r#"[
        {"ifname":"lo","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8}]},
        {"ifname":"eth0","addr_info":[{"family":"inet","local":"172.20.3.4","prefixlen":16},{"family":"inet6","local":"fe80::1"}]},
        {"ifname":"podman1","addr_info":[{"family":"inet","local":"172.20.0.1","prefixlen":16}]},
        {"ifname":"podman0","addr_info":[{"family":"inet","local":"10.88.0.1","prefixlen":16}]},
        {}
    ]"#;

    #[test]
    fn only_a_bridge_with_the_gateways_address_is_a_leftover() {
        let subnets = [Subnet {
            address: Ipv4Addr::new(172, 20, 0, 0),
            prefix: 16,
        }];
        let found = matching(LISTED, &subnets, |subnet, address| address == subnet.gateway());
        assert_eq!(found, ["podman1"]);
        assert!(matching("not json", &subnets, |_, _| true).is_empty());
    }
}
