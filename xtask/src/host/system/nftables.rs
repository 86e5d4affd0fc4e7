//! Chains and rules that netavark's nftables driver made for networks that Podman no longer knows. They are named, and left: a chain there
//! carries no name of a network, but the first eight digits of its id and its subnet, as in `nv_2f259bab_10_89_0_0_nm16`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::process::{self, Program};
use crate::host::leftovers::Left;
use crate::host::leftovers::records::NetworkRecord;
use crate::host::podman::Network;
use crate::stack::model::Subnet;

/// Netavark's table.
const TABLE: &str = "inet netavark";
/// Digits of a network's id in the name of a chain.
const DIGITS: usize = 8;

/// What looks like a leftover of networks that the stack had made, or of others with a subnet that it wants.
#[must_use]
pub fn unproved(wanted: &[Subnet], recorded: &[&NetworkRecord], networks: &[Network]) -> Vec<Left> {
    if process::on_path("nft").is_none() {
        return Vec::new();
    }
    // Where there is no such table, it says so and fails.
    let listed = Program::new("nft")
        .args(["--json", "list", "table", "inet", "netavark"])
        .run();
    let listed = listed.map(|output| output.stdout).unwrap_or_default();
    serde_json::from_str(&listed).map_or_else(|_| Vec::new(), |listed| left(&listed, wanted, recorded, networks))
}

/// A rule: its chain, its handle, the chain that it leads to, the ranges that it names.
struct Rule<'a> {
    chain: &'a str,
    handle: u64,
    target: Option<&'a str>,
    subnets: Vec<Subnet>,
}

fn left(listed: &Value, wanted: &[Subnet], recorded: &[&NetworkRecord], networks: &[Network]) -> Vec<Left> {
    let objects = listed.get("nftables").and_then(Value::as_array);
    let objects: Vec<&Value> = objects.into_iter().flatten().collect();
    let chains = objects
        .iter()
        .filter_map(|object| object.pointer("/chain/name")?.as_str());
    let rules: Vec<Rule<'_>> = objects.iter().filter_map(|object| rule(object.get("rule")?)).collect();
    let known: Vec<Subnet> = networks
        .iter()
        .flat_map(|network| network.subnets.iter().flatten())
        .filter_map(|subnet| Subnet::parse(&subnet.subnet))
        .collect();
    let mut all = Vec::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let mut others: BTreeSet<Subnet> = BTreeSet::new();
    for chain in chains {
        let Some((id, subnet)) = owner(chain) else { continue };
        let is_known = networks
            .iter()
            .filter_map(|network| network.id.as_deref())
            .any(|known| known.starts_with(id));
        let was_ours = recorded
            .iter()
            .any(|network| network.id.starts_with(id) && network.subnet == subnet);
        if is_known || !(was_ours || wanted.contains(&subnet)) {
            others.insert(subnet);
            continue;
        }
        told.insert(chain);
        let mut commands: Vec<String> = rules
            .iter()
            .filter(|rule| rule.target == Some(chain))
            .map(delete)
            .collect();
        commands.push(format!("flush chain {TABLE} {chain}"));
        commands.push(format!("delete chain {TABLE} {chain}"));
        let why = if was_ours {
            "with the id of a network that this stack had"
        } else {
            "of a network that Podman does not have"
        };
        all.push(Left {
            what: format!("chain `{chain}` of nftables' table `{TABLE}`, for {subnet} {why}"),
            command: script(&commands),
        });
    }
    // What stands in chains that all networks share, and names nothing but the subnet.
    let mut by_subnet: BTreeMap<Subnet, Vec<&Rule<'_>>> = BTreeMap::new();
    let ours = |subnet: &Subnet| wanted.contains(subnet) || recorded.iter().any(|network| network.subnet == *subnet);
    for rule in &rules {
        let in_told = told.contains(rule.chain) || rule.target.is_some_and(|target| told.contains(target));
        let shared = owner(rule.chain).is_none() && rule.target.is_none_or(|target| owner(target).is_none());
        for subnet in rule.subnets.iter().filter(|subnet| ours(subnet)) {
            let is_anothers =
                known.iter().any(|known| known.overlaps(*subnet)) || others.iter().any(|other| other.overlaps(*subnet));
            if shared && !in_told && !is_anothers {
                by_subnet.entry(*subnet).or_default().push(rule);
            }
        }
    }
    all.extend(by_subnet.into_iter().map(|(subnet, rules)| {
        let chains: BTreeSet<&str> = rules.iter().map(|rule| rule.chain).collect();
        let chains: Vec<&str> = chains.into_iter().collect();
        let noun = if rules.len() == 1 { "rule" } else { "rules" };
        Left {
            what: format!(
                "{} {noun} for {subnet} in {} of nftables' table `{TABLE}`",
                rules.len(),
                chains.join(", ")
            ),
            command: script(&rules.iter().map(|rule| delete(rule)).collect::<Vec<_>>()),
        }
    }));
    all
}

fn delete(rule: &Rule<'_>) -> String {
    format!("delete rule {TABLE} {} handle {}", rule.chain, rule.handle)
}

/// All or nothing, in one line of a shell.
fn script(commands: &[String]) -> String {
    format!("nft '{}'", commands.join("; "))
}

fn rule(rule: &Value) -> Option<Rule<'_>> {
    let statements: Vec<&Value> = rule.get("expr")?.as_array()?.iter().collect();
    let target = statements.iter().find_map(|statement| {
        let to = statement.get("jump").or_else(|| statement.get("goto"))?;
        to.get("target")?.as_str()
    });
    let subnets = statements
        .iter()
        .filter_map(|statement| {
            let prefix = statement.pointer("/match/right/prefix")?;
            let (address, length) = (prefix.get("addr")?.as_str()?, prefix.get("len")?.as_u64()?);
            Subnet::parse(&format!("{address}/{length}"))
        })
        .collect();
    Some(Rule {
        chain: plain(rule.get("chain")?.as_str()?)?,
        handle: rule.get("handle")?.as_u64()?,
        target,
        subnets,
    })
}

/// The beginning of the id and the subnet of the network that netavark made a chain for.
fn owner(chain: &str) -> Option<(&str, Subnet)> {
    let (id, rest) = plain(chain)?.strip_prefix("nv_")?.split_once('_')?;
    let (address, length) = rest.strip_suffix("_dnat").unwrap_or(rest).split_once("_nm")?;
    let is_id = id.len() == DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let subnet = Subnet::parse(&format!("{}/{length}", address.replace('_', ".")))?;
    is_id.then_some((id, subnet))
}

/// A name that stands in a command as it is.
fn plain(name: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    name.bytes().all(is_plain).then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{left, owner};
    use crate::host::leftovers::records::NetworkRecord;
    use crate::host::podman::{Network, NetworkSubnet};
    use crate::stack::model::Subnet;

    fn subnet(text: &str) -> Subnet {
        Subnet::parse(text).unwrap()
    }

    fn chain(name: &str) -> Value {
        json!({"chain": {"family": "inet", "table": "netavark", "name": name, "handle": 1}})
    }

    fn rule(chain: &str, handle: u64, address: &str, then: Value) -> Value {
        let (address, length) = address.split_once('/').unwrap();
        let length: u64 = length.parse().unwrap();
        json!({"rule": {"family": "inet", "table": "netavark", "chain": chain, "handle": handle, "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": address, "len": length}}}},
            then
        ]}})
    }

    /// What netavark's nftables driver writes for two networks.
    fn ruleset() -> Value {
        let jump = |target: &str| json!({"jump": {"target": target}});
        json!({"nftables": [
            {"metainfo": {"version": "1.0.6"}},
            {"table": {"family": "inet", "name": "netavark", "handle": 1}},
            chain("INPUT"), chain("FORWARD"), chain("POSTROUTING"), chain("NETAVARK-HOSTPORT-DNAT"),
            chain("nv_2f259bab_172_20_0_0_nm16"), chain("nv_2f259bab_172_20_0_0_nm16_dnat"), chain("nv_aaaabbbb_10_88_0_0_nm16"),
            rule("INPUT", 6, "172.20.0.0/16", json!({"accept": null})),
            rule("FORWARD", 7, "172.20.0.0/16", json!({"accept": null})),
            rule("FORWARD", 8, "172.20.0.0/16", json!({"accept": null})),
            rule("FORWARD", 9, "10.88.0.0/16", json!({"accept": null})),
            rule("FORWARD", 10, "172.20.3.0/24", json!({"drop": null})),
            rule("POSTROUTING", 11, "172.20.0.0/16", jump("nv_2f259bab_172_20_0_0_nm16")),
            rule("POSTROUTING", 12, "10.88.0.0/16", jump("nv_aaaabbbb_10_88_0_0_nm16")),
            rule("nv_2f259bab_172_20_0_0_nm16", 13, "172.20.0.0/16", json!({"accept": null})),
            {"rule": {"chain": "NETAVARK-HOSTPORT-DNAT", "handle": 14, "expr": [jump("nv_2f259bab_172_20_0_0_nm16_dnat")]}},
        ]})
    }

    fn network(id: &str, range: &str) -> Network {
        Network {
            name: "n".to_owned(),
            id: Some(id.to_owned()),
            interface: None,
            subnets: Some(vec![NetworkSubnet {
                subnet: range.to_owned(),
            }]),
            labels: None,
        }
    }

    #[test]
    fn chains_and_rules_of_a_network_that_is_gone_are_named_with_what_removes_them() {
        let others = [network("aaaabbbbcccc", "10.88.0.0/16")];
        let found = left(&ruleset(), &[subnet("172.20.0.0/16")], &[], &others);
        let shown: Vec<(&str, &str)> = found
            .iter()
            .map(|left| (left.what.as_str(), left.command.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                (
                    "chain `nv_2f259bab_172_20_0_0_nm16` of nftables' table `inet netavark`, for 172.20.0.0/16 of a network that Podman does not have",
                    "nft 'delete rule inet netavark POSTROUTING handle 11; flush chain inet netavark nv_2f259bab_172_20_0_0_nm16; delete chain inet netavark nv_2f259bab_172_20_0_0_nm16'",
                ),
                (
                    "chain `nv_2f259bab_172_20_0_0_nm16_dnat` of nftables' table `inet netavark`, for 172.20.0.0/16 of a network that Podman does not have",
                    "nft 'delete rule inet netavark NETAVARK-HOSTPORT-DNAT handle 14; flush chain inet netavark nv_2f259bab_172_20_0_0_nm16_dnat; delete chain inet netavark nv_2f259bab_172_20_0_0_nm16_dnat'",
                ),
                (
                    "3 rules for 172.20.0.0/16 in FORWARD, INPUT of nftables' table `inet netavark`",
                    "nft 'delete rule inet netavark INPUT handle 6; delete rule inet netavark FORWARD handle 7; delete rule inet netavark FORWARD handle 8'",
                ),
            ]
        );
    }

    #[test]
    fn a_network_that_the_stack_had_is_known_by_its_id() {
        let record = NetworkRecord {
            name: "ai_system_mainpc".to_owned(),
            id: "2f259babdeadbeef".to_owned(),
            interface: "podman1".to_owned(),
            subnet: subnet("172.20.0.0/16"),
        };
        // The stack has another subnet by now.
        let found = left(&ruleset(), &[subnet("172.25.0.0/16")], &[&record], &[]);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].what.ends_with("with the id of a network that this stack had"));
    }

    #[test]
    fn what_podman_has_is_not_left_over() {
        for networks in [
            vec![network("2f259bab0000", "172.20.0.0/16")],
            // Another network has the subnet now: whose the shared rules are, nobody can tell.
            vec![network("999999999999", "172.20.0.0/16")],
        ] {
            let found = left(&ruleset(), &[subnet("172.20.0.0/16")], &[], &networks);
            assert!(found.iter().all(|left| !left.what.contains("rules")), "{found:#?}");
            let is_known = networks[0].id.as_deref() == Some("2f259bab0000");
            assert_eq!(found.is_empty(), is_known, "{found:#?}");
        }
        assert!(left(&ruleset(), &[subnet("10.99.0.0/16")], &[], &[]).is_empty());
        assert!(left(&json!({}), &[subnet("172.20.0.0/16")], &[], &[]).is_empty());
    }

    #[test]
    fn only_names_as_netavark_makes_them_have_an_owner() {
        assert_eq!(
            owner("nv_2f259bab_10_89_0_0_nm16_dnat"),
            Some(("2f259bab", subnet("10.89.0.0/16")))
        );
        for other in [
            "POSTROUTING",
            "nv_2f259bab_fd00--_nm64",
            "nv_2f259ba_10_89_0_0_nm16",
            "nv_2f259bag_10_89_0_0_nm16",
            "nv_2f259bab_10_89_0_0",
            "nv_2f259bab_10_89_0_0_nm16'; evil",
        ] {
            assert_eq!(owner(other), None, "{other}");
        }
    }
}
