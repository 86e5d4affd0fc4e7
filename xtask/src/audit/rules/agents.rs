//! Agents and the order in which they could be started.

use super::Facts;
use crate::audit::rule::rules;
use crate::finding::{Finding, Subject};
use crate::stack::graph;

rules! {
    /// Finds groups whose containers depend on each other in a ring, through their agents.
    ///
    /// Nothing is wrong with the agents; but an order between containers (`depends_on: service_healthy` in a compose file)
    /// would wait for ever. `up` starts all containers at once and orders the agents.
    ///
    /// Example: an agent of `audio` depends on one of `language`, and another agent of `language` on one of `audio`.
    ///
    /// Do not order these containers; or move agents until the ring is open.
    GROUP_ORDER = "agents/group-order", Note, High, "groups that no order of containers could start";
}

/// The rule.
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    graph::group_cycles(facts.stack)
        .into_iter()
        .filter_map(|ring| {
            let names: Vec<&str> = ring.iter().map(|id| facts.stack.group(*id).name.as_str()).collect();
            let place = facts.stack.group(*ring.first()?).place.clone();
            let message = format!(
                "containers ordered by their agents would deadlock: {}",
                names.join(", ")
            );
            let mut finding = GROUP_ORDER
                .finding(place, message)
                .with_help("start these containers together, as `up` does; agents are ordered across them");
            finding.subjects = names.iter().map(|name| Subject::group(name)).collect();
            Some(finding)
        })
        .collect()
}
