//! Addresses of containers and subnets of networks.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::Facts;
use crate::finding::{Finding, Subject};
use crate::stack::model::Machine;
use crate::stack::raw::RawGroup;
use crate::stack::spans::At;

/// Groups with an address of their own, which is written, and their machines. Those that are chosen are right.
fn groups<'a>(facts: &Facts<'a>) -> impl Iterator<Item = (&'a RawGroup, &'a At<Ipv4Addr>, &'a Machine)> {
    let stack = facts.stack;
    let machines = stack.groups.iter().map(|group| stack.machine(group.machine));
    let groups = facts.resolved.groups.iter().copied().zip(machines);
    groups.filter_map(|(group, machine)| Some((group, group.address.as_ref()?, machine)))
}

/// An address that the network cannot give.
pub fn outside_subnet(facts: &Facts<'_>) -> Vec<Finding> {
    groups(facts)
        .filter(|(_, address, machine)| !machine.subnet.contains(address.value))
        .map(|(group, address, machine)| {
            Finding::error(
                "stack/address-outside-subnet",
                address.place.clone(),
                format!(
                    "address {} is outside `{}`'s subnet {}",
                    address.value, machine.name, machine.subnet
                ),
            )
            .about(Subject::Address(address.value))
            .about(Subject::group(&group.name.value))
            .about(Subject::machine(&machine.name))
            .with_help(format!("choose an address of {}", machine.subnet))
        })
        .collect()
}

/// The network's own addresses.
pub fn reserved(facts: &Facts<'_>) -> Vec<Finding> {
    groups(facts)
        .filter_map(|(group, written, machine)| {
            let (address, subnet) = (written.value, machine.subnet);
            let role = if address == subnet.gateway() {
                "the gateway"
            } else if address == subnet.network() {
                "the network's own address"
            } else if address == subnet.broadcast() {
                "the broadcast address"
            } else {
                return None;
            };
            let message = format!("address {address} is {role} of {subnet}");
            let place = written.place.clone();
            Some(
                Finding::error("stack/address-reserved", place, message)
                    .about(Subject::Address(address))
                    .about(Subject::group(&group.name.value))
                    .with_help("choose another address"),
            )
        })
        .collect()
}

/// Two containers on one address.
pub fn clash(facts: &Facts<'_>) -> Vec<Finding> {
    let mut seen = BTreeMap::new();
    let mut findings = Vec::new();
    for (group, address, machine) in groups(facts) {
        let key = (&machine.name, address.value);
        let Some((first, taken)) = seen.get(&key).copied() else {
            seen.insert(key, (group, address));
            continue;
        };
        let (first, taken): (&RawGroup, &At<Ipv4Addr>) = (first, taken);
        findings.push(
            Finding::error(
                "stack/address-clash",
                address.place.clone(),
                format!(
                    "groups `{}` and `{}` have one address, {}",
                    first.name.value, group.name.value, address.value
                ),
            )
            .about(Subject::Address(address.value))
            .about(Subject::group(&group.name.value))
            .about(Subject::group(&first.name.value))
            .with_related(taken.place.clone(), "taken here")
            .with_help("give each group an address of its own"),
        );
    }
    findings
}

/// Networks of two machines that overlap: neither could be routed to the other, and `lab` runs both on one host.
pub fn subnet_overlap(facts: &Facts<'_>) -> Vec<Finding> {
    let machines = &facts.raw.machines;
    let mut findings = Vec::new();
    for (index, machine) in machines.iter().enumerate() {
        for other in &machines[..index] {
            if machine.subnet.value.overlaps(other.subnet.value) {
                findings.push(
                    Finding::error(
                        "stack/subnet-overlap",
                        machine.subnet.place.clone(),
                        format!(
                            "subnet {} of `{}` overlaps {} of `{}`",
                            machine.subnet.value, machine.name.value, other.subnet.value, other.name.value
                        ),
                    )
                    .about(Subject::machine(&machine.name.value))
                    .about(Subject::machine(&other.name.value))
                    .with_related(other.subnet.place.clone(), "the other subnet")
                    .with_help("give each machine a subnet of its own"),
                );
            }
            if machine.lan_address.value == other.lan_address.value {
                findings.push(
                    Finding::error(
                        "stack/address-clash",
                        machine.lan_address.place.clone(),
                        format!(
                            "machines `{}` and `{}` have one address, {}",
                            other.name.value, machine.name.value, machine.lan_address.value
                        ),
                    )
                    .about(Subject::Address(machine.lan_address.value))
                    .about(Subject::machine(&machine.name.value))
                    .about(Subject::machine(&other.name.value))
                    .with_related(other.lan_address.place.clone(), "taken here")
                    .with_help("give each machine its own `lan_address`"),
                );
            }
        }
    }
    findings
}
