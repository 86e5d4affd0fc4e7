//! `address already in use`: somebody else has a port of ours.

use super::facts::{HostFacts, PortState};
use super::{Diagnosis, Status};

const ID: &str = "ports";
const TITLE: &str = "ports that the stack publishes";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let taken: Vec<String> = facts
        .ports
        .iter()
        .filter_map(|port| match &port.state {
            PortState::Taken(holder) => Some(format!(
                "{}:{} of {} is held by {}",
                port.address,
                port.port,
                port.owner,
                holder.as_deref().unwrap_or("a process that we may not see")
            )),
            PortState::Free | PortState::Ours | PortState::NoAddress => None,
        })
        .collect();
    if taken.is_empty() {
        return Diagnosis::new(
            ID,
            TITLE,
            Status::Ok,
            format!("{} ports, all free or ours", facts.ports.len()),
        );
    }
    Diagnosis::new(ID, TITLE, Status::Problem, taken.join("; "))
        .because("two processes cannot listen on one port")
        .mend("stop that process, or change the port in the startup config (an agent's) or in config/stack.yaml (a status endpoint's)")
}
