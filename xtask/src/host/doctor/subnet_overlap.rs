//! Another network or a route uses an address range of ours.

use super::facts::HostFacts;
use super::{Diagnosis, Status};
use crate::stack::model::Subnet;

const ID: &str = "subnet-overlap";
const TITLE: &str = "subnets that nothing else uses";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let mut clashes = Vec::new();
    for wanted in &facts.wanted_networks {
        for network in facts.networks.iter().filter(|network| network.name != wanted.name) {
            for subnet in network.subnets.iter().filter(|subnet| overlap(**subnet, wanted.subnet)) {
                clashes.push(format!(
                    "{} of `{}` overlaps network `{}` ({subnet})",
                    wanted.subnet, wanted.name, network.name
                ));
            }
        }
        // A network's own route is the whole of its subnet.
        let made = facts.networks.iter().any(|network| network.name == wanted.name);
        for route in &facts.routes {
            let own = made && route.subnet == wanted.subnet;
            let of_network = facts
                .networks
                .iter()
                .any(|network| network.subnets.contains(&route.subnet));
            if overlap(route.subnet, wanted.subnet) && !own && !of_network {
                clashes.push(format!(
                    "{} of `{}` overlaps the route to {} through {}",
                    wanted.subnet, wanted.name, route.subnet, route.interface
                ));
            }
        }
    }
    if clashes.is_empty() {
        return Diagnosis::new(ID, TITLE, Status::Ok, "no overlap");
    }
    Diagnosis::new(ID, TITLE, Status::Problem, clashes.join("; "))
        .because("packets for the containers would go elsewhere, or Podman refuses the network")
        .mend("change `machines.<name>.network.subnet` and the groups' addresses in config/stack.yaml, then `cargo xtask render`")
}

fn overlap(a: Subnet, b: Subnet) -> bool {
    a.contains(b.address) || b.contains(a.address)
}
