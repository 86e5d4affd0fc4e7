//! Firewall rules that a killed Podman left: netavark's rules for a network that this stack had Podman make, and that Podman no
//! longer knows of.
//!
//! Netavark names a network's chains after the hash of its name, and jumps to them from chains that all networks share. A rule
//! is taken for one of netavark's only where it is, word for word, what netavark writes for that network; whatever else stands in
//! a chain keeps that chain.

use std::collections::BTreeSet;

use super::process::{self, ProcessError, Program};
use crate::host::leftovers::records::{NetworkRecord, chain_hash};
use crate::host::leftovers::{Left, Swept};
use crate::stack::model::Subnet;

/// Tables that netavark writes to.
const TABLES: [&str; 2] = ["nat", "filter"];

/// Removes the rules of a network, and says what was removed and what was left. `contested`: something else on this host uses
/// addresses of its subnet, so that rules which name nothing but the subnet may be that one's.
///
/// # Errors
/// When `iptables-restore` refuses.
pub fn remove(network: &NetworkRecord, contested: bool) -> Result<Swept, ProcessError> {
    let mut swept = Swept::default();
    if process::on_path("iptables-save").is_none() {
        return Ok(swept);
    }
    let mut saved = Vec::new();
    for table in TABLES {
        // A kernel without that table has no rules in it.
        let output = Program::new("iptables-save").args(["-t", table]).run()?;
        if output.status.success() {
            saved.push((table, output.stdout));
        }
    }
    let contested = contested || saved.iter().any(|(_, text)| has_another_owner(text, network));
    for (table, text) in &saved {
        let plan = plan(text, network, contested);
        if !plan.commands.is_empty() {
            let script = format!("*{table}\n{}\nCOMMIT\n", plan.commands.join("\n"));
            Program::new("iptables-restore")
                .args(["--noflush", "--wait"])
                .input(script)
                .whole()
                .read()?;
            // An empty chain is what netavark itself leaves now and then: not worth a word.
            let rules = plan
                .commands
                .iter()
                .filter(|command| command.starts_with("-D "))
                .count();
            if rules > 0 {
                let noun = if rules == 1 { "rule" } else { "rules" };
                let name = &network.name;
                swept.removed.push(format!(
                    "{rules} {noun} of network {name} in the firewall's table {table}"
                ));
            }
        }
        swept.left.extend(plan.left.iter().map(|rule| Left {
            what: format!("firewall rule `{rule}` of table {table}"),
            command: format!("iptables -t {table} -D {rule}"),
        }));
    }
    Ok(swept)
}

/// What is to be done to one table.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Lines for `iptables-restore`.
    commands: Vec<String>,
    /// Rules that look like the network's and are not proved to be.
    left: Vec<String>,
}

/// What `iptables-restore` has to do to a table that `iptables-save` prints like that. The network's own chains go as a whole or
/// not at all: a rule that is not netavark's shows that somebody else uses them.
fn plan(saved: &str, network: &NetworkRecord, contested: bool) -> Plan {
    let hash = network.chain_hash();
    let own = [format!("NETAVARK-{hash}"), format!("NETAVARK-DN-{hash}")];
    let rules: Vec<(&str, &str)> = saved
        .lines()
        .filter_map(|line| line.strip_prefix("-A ")?.split_once(' '))
        .collect();
    let concerns_own =
        |(chain, rule): &(&str, &str)| own.iter().any(|own| own == chain || target(rule) == Some(own.as_str()));
    let of_chains: Vec<&(&str, &str)> = rules.iter().filter(|rule| concerns_own(rule)).collect();
    let is_netavarks = of_chains
        .iter()
        .all(|(chain, rule)| kind(chain, rule, network, &own) == Kind::OfItsChains);
    let mut plan = Plan::default();
    let mut seen = BTreeSet::new();
    for (chain, rule) in &rules {
        let line = format!("{chain} {rule}");
        match kind(chain, rule, network, &own) {
            Kind::OfItsChains if is_netavarks => plan.commands.push(format!("-D {line}")),
            Kind::OfItsSubnet if !contested => {
                // Netavark writes each once; another is somebody's copy.
                if seen.insert(line.clone()) {
                    plan.commands.push(format!("-D {line}"));
                }
            }
            Kind::OfItsChains | Kind::OfItsSubnet => plan.left.push(line),
            Kind::Other => {}
        }
    }
    if is_netavarks {
        let there = |chain: &&String| saved.lines().any(|line| line.starts_with(&format!(":{chain} ")));
        plan.commands
            .extend(own.iter().filter(there).map(|chain| format!("-X {chain}")));
    }
    plan
}

/// What a rule is to a network.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// It stands in one of the network's chains or leads there, as netavark writes it.
    OfItsChains,
    /// It stands in a chain that all networks share, and names the subnet alone.
    OfItsSubnet,
    /// Anything else.
    Other,
}

fn kind(chain: &str, rule: &str, network: &NetworkRecord, own: &[String; 2]) -> Kind {
    let [masquerading, forwarding] = own;
    let subnet = network.subnet;
    let words: Vec<&str> = rule.split(' ').collect();
    let is = |expected: String| rule == expected;
    let of_its_chains = if chain == masquerading {
        is(format!("-d {subnet} -j ACCEPT")) || rule == "! -d 224.0.0.0/4 -j MASQUERADE"
    } else if chain == forwarding {
        is_of_a_port(&words, subnet)
    } else if chain == "POSTROUTING" {
        is(format!("-s {subnet} -j {masquerading}"))
    } else if chain == "NETAVARK-HOSTPORT-DNAT" {
        rule.contains(&format!("--comment \"dnat name: {} id: ", network.name))
            && rule.ends_with(&format!(" -j {forwarding}"))
    } else {
        false
    };
    if of_its_chains {
        return Kind::OfItsChains;
    }
    let of_its_subnet = match chain {
        "NETAVARK_FORWARD" => {
            is(format!("-s {subnet} -j ACCEPT"))
                || is(format!(
                    "-d {subnet} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                ))
        }
        "NETAVARK_INPUT" => ["udp", "tcp"]
            .iter()
            .any(|protocol| is(format!("-s {subnet} -p {protocol} -m {protocol} --dport 53 -j ACCEPT"))),
        _ => false,
    };
    if of_its_subnet { Kind::OfItsSubnet } else { Kind::Other }
}

/// Whether it is what netavark writes for a published port: a mark for packets of the subnet and of the host itself, or the
/// way to a container.
fn is_of_a_port(words: &[&str], subnet: Subnet) -> bool {
    let mut words = words;
    let mut source = None;
    if let ["-s", from, rest @ ..] = words {
        source = Some(*from);
        words = rest;
    }
    if let ["-d", _, rest @ ..] = words {
        words = rest;
    }
    let ["-p", protocol, "-m", module, "--dport", _, rest @ ..] = words else {
        return false;
    };
    if protocol != module {
        return false;
    }
    match (source, rest) {
        (Some(source), ["-j", "NETAVARK-HOSTPORT-SETMARK"]) => source == "127.0.0.1/32" || source == subnet.to_string(),
        (None, ["-j", "DNAT", "--to-destination", to]) => to
            .split(':')
            .next()
            .and_then(|address| address.parse().ok())
            .is_some_and(|address| subnet.contains(address)),
        _ => false,
    }
}

fn target(rule: &str) -> Option<&str> {
    let mut words = rule.split(' ').skip_while(|word| !matches!(*word, "-j" | "-g"));
    words.nth(1)
}

/// Whether another network's chain is reached by addresses of this one's subnet.
fn has_another_owner(saved: &str, network: &NetworkRecord) -> bool {
    let own = format!("NETAVARK-{}", network.chain_hash());
    saved.lines().any(|line| {
        let Some(rule) = line.strip_prefix("-A POSTROUTING -s ") else {
            return false;
        };
        let subnet = rule.split(' ').next().and_then(Subnet::parse);
        target(rule).is_some_and(|target| target != own && target.starts_with("NETAVARK-"))
            && subnet.is_some_and(|subnet| subnet.overlaps(network.subnet))
    })
}

/// Chains that netavark has made for networks of these names, whoever made the networks.
#[must_use]
pub fn chains_of(names: &[&str]) -> Vec<String> {
    if names.is_empty() || process::on_path("iptables-save").is_none() {
        return Vec::new();
    }
    let saved = Program::new("iptables-save").args(["-t", "nat"]).run();
    let text = saved.map(|output| output.stdout).unwrap_or_default();
    names
        .iter()
        .map(|name| format!("NETAVARK-{}", chain_hash(name)))
        .filter(|chain| text.lines().any(|line| line.starts_with(&format!(":{chain} "))))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::{Plan, has_another_owner, plan};
    use crate::host::leftovers::records::NetworkRecord;
    use crate::stack::model::Subnet;

    /// As `iptables-save` shows what netavark writes, and what others do beside it.
    const NAT: &str = "\
*nat
:NETAVARK-25FEE3B79D9FD - [0:0]
:NETAVARK-DN-25FEE3B79D9FD - [0:0]
:NETAVARK-5C3B0E8F7A211 - [0:0]
:NETAVARK-HOSTPORT-DNAT - [0:0]
:ADMIN - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-A POSTROUTING -j NETAVARK-HOSTPORT-MASQ
-A POSTROUTING -s 172.30.99.0/24 -j NETAVARK-25FEE3B79D9FD
-A POSTROUTING -s 10.90.0.0/24 -j NETAVARK-5C3B0E8F7A211
-A ADMIN -s 172.30.99.0/24 -j RETURN
-A NETAVARK-25FEE3B79D9FD -d 172.30.99.0/24 -j ACCEPT
-A NETAVARK-25FEE3B79D9FD ! -d 224.0.0.0/4 -j MASQUERADE
-A NETAVARK-5C3B0E8F7A211 -d 10.90.0.0/24 -j ACCEPT
-A NETAVARK-DN-25FEE3B79D9FD -s 172.30.99.0/24 -d 127.0.0.1/32 -p tcp -m tcp --dport 15575 -j NETAVARK-HOSTPORT-SETMARK
-A NETAVARK-DN-25FEE3B79D9FD -s 127.0.0.1/32 -d 127.0.0.1/32 -p tcp -m tcp --dport 15575 -j NETAVARK-HOSTPORT-SETMARK
-A NETAVARK-DN-25FEE3B79D9FD -d 127.0.0.1/32 -p tcp -m tcp --dport 15575 -j DNAT --to-destination 172.30.99.10:5575
-A NETAVARK-HOSTPORT-DNAT -d 127.0.0.1/32 -p tcp -m tcp --dport 15575 -m comment --comment \"dnat name: faults_mainpc id: 3fd3\" -j NETAVARK-DN-25FEE3B79D9FD
-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 80 -m comment --comment \"dnat name: other id: 77\" -j NETAVARK-DN-5C3B0E8F7A211
-A NETAVARK-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
COMMIT
";

    fn network(third: u8) -> NetworkRecord {
        NetworkRecord {
            name: "faults_mainpc".to_owned(),
            id: "761a".to_owned(),
            interface: "podman1".to_owned(),
            subnet: Subnet {
                address: Ipv4Addr::new(172, 30, third, 0),
                prefix: 24,
            },
        }
    }

    #[test]
    fn a_networks_own_chains_go_and_nothing_else() {
        let plan = plan(NAT, &network(99), false);
        assert_eq!(plan.commands.len(), 9, "{plan:#?}");
        assert_eq!(
            plan.commands[7..],
            ["-X NETAVARK-25FEE3B79D9FD", "-X NETAVARK-DN-25FEE3B79D9FD"]
        );
        assert!(plan.commands.iter().all(|command| !command.contains("ADMIN")
            && !command.contains("5C3B0E8F7A211")
            && !command.contains("-F ")));
        assert!(plan.left.is_empty());
    }

    #[test]
    fn a_network_of_the_same_name_with_another_subnet_keeps_its_own() {
        let plan = plan(NAT, &network(98), false);
        assert!(plan.commands.is_empty(), "{plan:#?}");
    }

    #[test]
    fn a_rule_that_netavark_does_not_write_keeps_the_chains() {
        for more in [
            "-A NETAVARK-25FEE3B79D9FD -s 172.30.99.7/32 -j DROP\nCOMMIT\n",
            "-A ADMIN -j NETAVARK-25FEE3B79D9FD\nCOMMIT\n",
            "-A NETAVARK-DN-25FEE3B79D9FD -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:80\nCOMMIT\n",
        ] {
            let plan = plan(&NAT.replace("COMMIT\n", more), &network(99), false);
            assert!(plan.commands.is_empty(), "{plan:#?}");
            assert!(!plan.left.is_empty(), "{plan:#?}");
        }
    }

    #[test]
    fn what_names_the_subnet_alone_goes_unless_another_may_own_it() {
        let filter = "-A FORWARD -j NETAVARK_FORWARD\n\
            -A FORWARD -s 172.30.99.77/32 -j DROP\n\
            -A NETAVARK_FORWARD -d 172.30.99.0/24 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
            -A NETAVARK_FORWARD -s 172.30.99.0/24 -j ACCEPT\n\
            -A NETAVARK_FORWARD -s 172.30.99.77/32 -p tcp -m tcp --dport 5432 -j DROP\n\
            -A NETAVARK_FORWARD -s 172.30.99.0/24 -j ACCEPT\n";
        assert_eq!(
            plan(filter, &network(99), false).commands,
            [
                "-D NETAVARK_FORWARD -d 172.30.99.0/24 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                "-D NETAVARK_FORWARD -s 172.30.99.0/24 -j ACCEPT",
            ]
        );
        let contested = plan(filter, &network(99), true);
        assert!(contested.commands.is_empty());
        assert_eq!(contested.left.len(), 3);
        assert_eq!(plan("", &network(99), false), Plan::default());
    }

    #[test]
    fn another_networks_chain_contests_a_subnet() {
        assert!(!has_another_owner(NAT, &network(99)));
        let other = NetworkRecord {
            name: "another".to_owned(),
            ..network(99)
        };
        assert!(has_another_owner(NAT, &other));
        assert!(!has_another_owner(NAT, &network(98)));
    }
}
