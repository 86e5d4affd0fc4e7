//! `bind: cannot assign requested address`, and a container left `Created`: published on an address that is not here.

use std::collections::BTreeSet;

use super::facts::{HostFacts, PortState};
use super::{Diagnosis, Status};

const ID: &str = "published-address";
const TITLE: &str = "addresses that ports are published on";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let absent: BTreeSet<String> = facts
        .ports
        .iter()
        .filter(|port| port.state == PortState::NoAddress)
        .map(|port| port.address.to_string())
        .collect();
    let absent: Vec<String> = absent.into_iter().collect();
    if absent.is_empty() && facts.created.is_empty() {
        return Diagnosis::new(ID, TITLE, Status::Ok, "all on this host");
    }
    let mut details = Vec::new();
    if !absent.is_empty() {
        details.push(format!("not on this host: {}", absent.join(", ")));
    }
    if !facts.created.is_empty() {
        details.push(format!("created and never started: {}", facts.created.join(", ")));
    }
    let status = if absent.is_empty() {
        Status::Warning
    } else {
        Status::Problem
    };
    let mut problem = Diagnosis::new(ID, TITLE, status, details.join("; ")).because(
        "Podman cannot bind such a port (`cannot assign requested address`) and leaves the container `Created`",
    );
    for address in &absent {
        problem = problem.mend(format!("ip address add {address}/24 dev INTERFACE"));
    }
    for container in &facts.created {
        problem = problem.mend(format!("podman rm {container}"));
    }
    problem
}
