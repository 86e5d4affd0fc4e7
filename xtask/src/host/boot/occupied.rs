//! Address ranges that something on this host uses: routes of every table, addresses of its links, networks of Podman, of CNI and
//! of Docker, Quadlet units, and networks that other stacks wrote down, whether they are up or not. What cannot be read is left out.

mod files;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use self::files::Reader;
use crate::doctor::overlap::Occupied;
use crate::host::leftovers::records;
use crate::host::podman::{Network, belongs_to};
use crate::host::system::process::{Program, on_path};
use crate::stack::Stack;
use crate::stack::model::Subnet;

/// Looks at the host. `networks` are those of the Podman that is to make the stack's; those with the stack's label, their bridges
/// and the routes to them are not in the way.
#[must_use]
pub fn gather(networks: &[Network], stack: &Stack) -> Vec<Occupied> {
    let own: Vec<&Network> = networks
        .iter()
        .filter(|network| belongs_to(network.labels.as_ref(), &stack.name))
        .collect();
    let bridges: BTreeSet<&str> = own.iter().filter_map(|network| network.interface.as_deref()).collect();
    let names: BTreeSet<&str> = own.iter().map(|network| network.name.as_str()).collect();
    let wanted: BTreeSet<&str> = stack.machines.iter().map(|machine| machine.network.as_str()).collect();
    let known: BTreeSet<&str> = networks.iter().map(|network| network.name.as_str()).collect();
    let mut all = Vec::new();
    all.extend(
        networks
            .iter()
            .filter(|network| !names.contains(network.name.as_str()))
            .flat_map(|network| {
                let subnets = network.subnets.iter().flatten();
                subnets
                    .filter_map(|subnet| Subnet::parse(&subnet.subnet))
                    .map(|subnet| firm(subnet, format!("Podman's network `{}`", network.name)))
                    .collect::<Vec<_>>()
            }),
    );
    let addresses = of_links(&bridges);
    let routes = of_routes(&bridges, &addresses);
    all.extend(addresses.into_iter().map(|(_, occupied)| occupied));
    all.extend(routes);
    let own = own
        .iter()
        .filter_map(|network| Some((network.name.as_str(), network.subnets.as_deref()?)))
        .flat_map(|(name, subnets)| subnets.iter().map(move |subnet| (name, &subnet.subnet)))
        .filter_map(|(name, subnet)| Some((name, Subnet::parse(subnet)?)))
        .collect();
    all.extend(files::of(
        Path::new("/"),
        &Reader {
            user: nix::unistd::geteuid().as_raw(),
            stack: &stack.name,
            wanted,
            known,
            own,
        },
    ));
    all.extend(of_docker());
    for (other, records) in records::of_others(&stack.name) {
        all.extend(records.networks().map(|network| {
            let owner = format!(
                "network `{}` of stack `{other}`, made from `{}`",
                network.name,
                records.checkout()
            );
            firm(network.subnet, owner)
        }));
    }
    // One network shows as itself, as its bridge and as a route: who has it first says most.
    let mut seen = BTreeSet::new();
    all.retain(|occupied| seen.insert((occupied.subnet.network(), occupied.subnet.prefix, occupied.firm)));
    all
}

fn firm(subnet: Subnet, owner: String) -> Occupied {
    Occupied {
        subnet,
        owner,
        firm: true,
    }
}

#[derive(Debug, Deserialize)]
struct Route {
    #[serde(default)]
    dst: String,
    #[serde(default)]
    dev: Option<String>,
    #[serde(default)]
    table: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// Routes whose prefix is shorter than this are ways out of the host, like the default route and the halves that a VPN puts in its
/// place.
const SHORTEST: u8 = 8;

/// What a command prints as JSON; nothing where it fails or is not there.
fn asked(program: &str, arguments: &[&str]) -> Option<Value> {
    on_path(program)?;
    let output = Program::new(program).args(arguments).limit(LIMIT).run().ok()?;
    serde_json::from_str(&output.stdout).ok()
}

/// Longest time of one question.
const LIMIT: Duration = Duration::from_secs(10);

fn of_routes(bridges: &BTreeSet<&str>, links: &[(String, Occupied)]) -> Vec<Occupied> {
    let listed = asked("ip", &["-4", "-json", "route", "show", "table", "all"]).unwrap_or_default();
    routes(listed, bridges, links)
}

fn routes(listed: Value, bridges: &BTreeSet<&str>, links: &[(String, Occupied)]) -> Vec<Occupied> {
    let routes: Vec<Route> = serde_json::from_value(listed).unwrap_or_default();
    routes
        .into_iter()
        .filter(|route| route.table.as_deref() != Some("local"))
        .filter_map(|route| {
            let subnet = Subnet::parse(&route.dst)?;
            let dev = route.dev.unwrap_or_default();
            let of_a_link = links
                .iter()
                .any(|(name, occupied)| *name == dev && occupied.subnet == subnet);
            if subnet.prefix < SHORTEST || bridges.contains(dev.as_str()) || of_a_link {
                return None;
            }
            let through = match (dev.is_empty(), route.kind) {
                (false, _) => format!("the route through `{dev}`"),
                (true, Some(kind)) => format!("the route of type {kind}"),
                (true, None) => "a route".to_owned(),
            };
            let table = route
                .table
                .map_or_else(String::new, |table| format!(" in table {table}"));
            Some(firm(subnet, format!("{through}{table} (`ip route show table all`)")))
        })
        .collect()
}

#[derive(Debug, Deserialize)]
struct Link {
    #[serde(default, rename = "ifname")]
    name: String,
    #[serde(default, rename = "linkinfo")]
    info: Value,
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Debug, Deserialize)]
struct Address {
    #[serde(default)]
    local: String,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    prefixlen: u8,
}

fn of_links(bridges: &BTreeSet<&str>) -> Vec<(String, Occupied)> {
    let listed = asked("ip", &["-4", "-details", "-json", "address", "show"]).unwrap_or_default();
    links(listed, bridges)
}

fn links(listed: Value, bridges: &BTreeSet<&str>) -> Vec<(String, Occupied)> {
    let links: Vec<Link> = serde_json::from_value(listed).unwrap_or_default();
    let mut all = Vec::new();
    for link in links {
        if bridges.contains(link.name.as_str()) || link.name == "lo" {
            continue;
        }
        let kind = match link.info.get("info_kind").and_then(Value::as_str) {
            Some("bridge") => "bridge",
            _ => "interface",
        };
        for address in &link.addr_info {
            // The other end of a link between two.
            let of_network = address.address.as_ref().unwrap_or(&address.local);
            let Some(range) = Subnet::parse(&format!("{of_network}/{}", address.prefixlen)) else {
                continue;
            };
            let range = Subnet {
                address: range.network(),
                ..range
            };
            let owner = format!(
                "{kind} `{}`, which has {}/{}",
                link.name, address.local, address.prefixlen
            );
            all.push((link.name.clone(), firm(range, owner)));
        }
    }
    all
}

/// Networks of a Docker daemon, where one answers.
fn of_docker() -> Vec<Occupied> {
    // A `docker` that is Podman by another name lists Podman's own.
    let is_docker = on_path("docker").is_some()
        && Program::new("docker")
            .arg("--version")
            .limit(LIMIT)
            .run()
            .is_ok_and(|output| output.stdout.starts_with("Docker version"));
    if !is_docker {
        return Vec::new();
    }
    let ids = Program::new("docker")
        .args(["network", "ls", "--quiet"])
        .limit(LIMIT)
        .run();
    let ids = ids.map(|output| output.stdout).unwrap_or_default();
    let mut arguments = vec!["network", "inspect"];
    arguments.extend(ids.split_whitespace());
    if arguments.len() == 2 {
        return Vec::new();
    }
    asked("docker", &arguments).map_or_else(Vec::new, |networks| docker_networks(&networks))
}

fn docker_networks(networks: &Value) -> Vec<Occupied> {
    let mut all = Vec::new();
    for network in networks.as_array().into_iter().flatten() {
        let name = network.get("Name").and_then(Value::as_str).unwrap_or_default();
        let ranges = network.pointer("/IPAM/Config").and_then(Value::as_array);
        all.extend(ranges.into_iter().flatten().filter_map(|range| {
            let subnet = Subnet::parse(range.get("Subnet")?.as_str()?)?;
            Some(firm(subnet, format!("Docker's network `{name}`")))
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::{docker_networks, links, routes};
    use crate::doctor::overlap::{Occupied, overlaps};
    use crate::stack::fixture::Fixture;

    fn shown(all: &[Occupied]) -> Vec<String> {
        all.iter()
            .map(|occupied| {
                let firm = if occupied.firm { "" } else { "set aside: " };
                format!("{firm}{} {}", occupied.subnet, occupied.owner)
            })
            .collect()
    }

    #[test]
    fn routes_of_every_table_and_type_count_and_ways_out_do_not() {
        let listed = json!([
            {"dst": "default", "gateway": "10.0.0.1", "dev": "eth0"},
            {"dst": "0.0.0.0/1", "dev": "tun0"},
            {"dst": "172.16.0.0/12", "dev": "tun0", "table": "51820"},
            {"dst": "172.20.7.9", "dev": "eth0"},
            {"type": "unreachable", "dst": "172.21.0.0/16"},
            {"dst": "172.22.0.0/16", "dev": "podman1"},
            {"dst": "172.23.0.0/16", "dev": "br-x"},
            {"type": "local", "dst": "172.24.0.1", "dev": "br-x", "table": "local"},
        ]);
        let link = links(
            json!([{"ifname": "br-x", "addr_info": [{"local": "172.23.0.1", "prefixlen": 16}]}]),
            &BTreeSet::new(),
        );
        let found = routes(listed, &BTreeSet::from(["podman1"]), &link);
        assert_eq!(
            shown(&found),
            [
                "172.16.0.0/12 the route through `tun0` in table 51820 (`ip route show table all`)",
                "172.20.7.9/32 the route through `eth0` (`ip route show table all`)",
                "172.21.0.0/16 the route of type unreachable (`ip route show table all`)",
            ]
        );
    }

    #[test]
    fn addresses_are_ranges() {
        let listed = json!([
            {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]},
            {"ifname": "docker0", "linkinfo": {"info_kind": "bridge"}, "addr_info": [{"local": "172.17.0.1", "prefixlen": 16}]},
            {"ifname": "ppp0", "addr_info": [{"local": "10.1.1.1", "address": "172.20.0.9", "prefixlen": 32}]},
            {"ifname": "podman1", "addr_info": [{"local": "172.20.0.1", "prefixlen": 16}]},
        ]);
        let found: Vec<Occupied> = links(listed, &BTreeSet::from(["podman1"]))
            .into_iter()
            .map(|(_, occupied)| occupied)
            .collect();
        assert_eq!(
            shown(&found),
            [
                "172.17.0.0/16 bridge `docker0`, which has 172.17.0.1/16",
                "172.20.0.9/32 interface `ppp0`, which has 10.1.1.1/32",
            ]
        );
    }

    #[test]
    fn docker_is_asked() {
        let networks =
            json!([{"Name": "shop_default", "IPAM": {"Config": [{"Subnet": "172.20.0.0/16"}]}}, {"Name": "host"}]);
        assert_eq!(
            shown(&docker_networks(&networks)),
            ["172.20.0.0/16 Docker's network `shop_default`"]
        );
    }

    #[test]
    fn an_overlap_names_the_owner_the_setting_and_a_free_value() {
        let stack = Fixture::small().model();
        let machine = &stack.machines[0];
        let occupied = [Occupied {
            subnet: machine.subnet,
            owner: "Docker's network `shop`".to_owned(),
            firm: true,
        }];
        let found = overlaps(&stack, &BTreeSet::from([machine.name.as_str()]), &occupied);
        assert_eq!(found.len(), 1);
        assert!(found[0].lines()[0].ends_with("of Docker's network `shop`"));
        let free = found[0].free.unwrap();
        assert!(found[0].hint().contains(&format!("`{free}`")), "{}", found[0].hint());
        assert!(!free.overlaps(machine.subnet));
        assert!(overlaps(&stack, &BTreeSet::new(), &occupied).is_empty());
    }
}
