//! Firewall rules that a killed Podman left: netavark's rules for a network that Podman no longer knows of.
//!
//! Netavark gives each network a chain of its own, each published container another, and jumps to them from chains that all
//! networks share. Only what names the network's own subnet is taken for its own.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::process::{self, ProcessError, Program};
use crate::stack::model::Subnet;

/// Tables that netavark writes to.
const TABLES: [&str; 2] = ["nat", "filter"];

/// Removes the rules of these subnets, and returns what was removed, in words.
///
/// # Errors
/// When `iptables-restore` refuses.
pub fn remove(subnets: &[Subnet]) -> Result<Vec<String>, ProcessError> {
    if subnets.is_empty() || process::on_path("iptables-save").is_none() {
        return Ok(Vec::new());
    }
    let mut removed = Vec::new();
    for table in TABLES {
        // A kernel without that table has no rules in it.
        let saved = Program::new("iptables-save").args(["-t", table]).run()?;
        if !saved.status.success() {
            continue;
        }
        let commands = removal(&saved.stdout, subnets);
        if !commands.is_empty() {
            let script = format!("*{table}\n{}\nCOMMIT\n", commands.join("\n"));
            Program::new("iptables-restore").arg("--noflush").input(script).read()?;
            let noun = if commands.len() == 1 { "entry" } else { "entries" };
            removed.push(format!("{} {noun} of the firewall's table {table}", commands.len()));
        }
    }
    Ok(removed)
}

/// What `iptables-restore` has to do to a table that `iptables-save` prints like that.
fn removal(saved: &str, subnets: &[Subnet]) -> Vec<String> {
    let rules: Vec<(&str, &str)> = saved
        .lines()
        .filter_map(|line| line.strip_prefix("-A ")?.split_once(' '))
        .collect();
    let own: BTreeSet<&str> = rules
        .iter()
        .filter(|(chain, rule)| is_of_one(chain) && names(rule, subnets))
        .map(|(chain, _)| *chain)
        .collect();
    let jumps = |rule: &str| {
        rule.split_once("-j ")
            .is_some_and(|(_, target)| own.contains(target.split(' ').next().unwrap_or_default()))
    };
    let deleted = rules
        .iter()
        .filter(|(chain, rule)| !own.contains(chain) && (names(rule, subnets) || jumps(rule)))
        .map(|(chain, rule)| format!("-D {chain} {rule}"));
    // A chain goes when nothing jumps to it any more.
    let flushed = own.iter().map(|chain| format!("-F {chain}"));
    let dropped = own.iter().map(|chain| format!("-X {chain}"));
    deleted.chain(flushed).chain(dropped).collect()
}

/// Whether a chain belongs to one network or container: `NETAVARK-25FEE3B79D9FD`, `NETAVARK-DN-25FEE3B79D9FD`.
fn is_of_one(chain: &str) -> bool {
    chain.strip_prefix("NETAVARK-").is_some_and(|rest| {
        let hash = rest.strip_prefix("DN-").unwrap_or(rest);
        !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Whether a rule of netavark's names an address of one of the subnets: alone, with a prefix, or with a port.
fn names(rule: &str, subnets: &[Subnet]) -> bool {
    rule.split(' ').any(|word| {
        let address = word.split(['/', ':']).next().unwrap_or_default();
        address
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| subnets.iter().any(|subnet| subnet.contains(address)))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::removal;
    use crate::stack::model::Subnet;

    const NAT: &str = "\
*nat
:PREROUTING ACCEPT [0:0]
:NETAVARK-25FEE3B79D9FD - [0:0]
:NETAVARK-1D8721804F16F - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-A POSTROUTING -s 172.30.99.0/24 -j NETAVARK-25FEE3B79D9FD
-A POSTROUTING -s 10.88.0.0/16 -j NETAVARK-1D8721804F16F
-A NETAVARK-1D8721804F16F -d 10.88.0.0/16 -j ACCEPT
-A NETAVARK-1D8721804F16F ! -d 224.0.0.0/4 -j MASQUERADE
-A NETAVARK-25FEE3B79D9FD -d 172.30.99.0/24 -j ACCEPT
-A NETAVARK-25FEE3B79D9FD ! -d 224.0.0.0/4 -j MASQUERADE
-A NETAVARK-DN-25FEE3B79D9FD -s 127.0.0.1/32 -d 127.0.0.1/32 -p tcp -m tcp --dport 5575 -j NETAVARK-HOSTPORT-SETMARK
-A NETAVARK-DN-25FEE3B79D9FD -d 127.0.0.1/32 -p tcp -m tcp --dport 5575 -j DNAT --to-destination 172.30.99.10:5575
-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 5575 -m comment --comment \"dnat name: x id: y\" -j NETAVARK-DN-25FEE3B79D9FD
-A NETAVARK-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
COMMIT
";

    fn subnet(third: u8) -> Subnet {
        Subnet {
            address: Ipv4Addr::new(172, 30, third, 0),
            prefix: 24,
        }
    }

    #[test]
    fn only_what_names_the_subnet_and_the_way_there_is_removed() {
        assert_eq!(
            removal(NAT, &[subnet(99)]),
            [
                "-D POSTROUTING -s 172.30.99.0/24 -j NETAVARK-25FEE3B79D9FD",
                "-D NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 5575 -m comment --comment \"dnat name: x id: y\" -j NETAVARK-DN-25FEE3B79D9FD",
                "-F NETAVARK-25FEE3B79D9FD",
                "-F NETAVARK-DN-25FEE3B79D9FD",
                "-X NETAVARK-25FEE3B79D9FD",
                "-X NETAVARK-DN-25FEE3B79D9FD",
            ]
        );
        assert!(removal(NAT, &[subnet(98)]).is_empty());
        assert!(removal("", &[subnet(99)]).is_empty());
    }

    #[test]
    fn rules_in_chains_of_all_are_removed_one_by_one() {
        let filter = "-A FORWARD -j NETAVARK_FORWARD\n\
            -A NETAVARK_FORWARD -d 172.30.99.0/24 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
            -A NETAVARK_FORWARD -s 172.30.99.0/24 -j ACCEPT\n";
        assert_eq!(removal(filter, &[subnet(99)]).len(), 2);
    }
}
