//! `requested static ip … not in any subnet on network`: a network of ours that was made without its subnet.

use super::facts::{HostFacts, WantedNetwork};
use super::{Diagnosis, Status};

const ID: &str = "network-subnet";
const TITLE: &str = "networks with the subnets of the stack";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let wrong: Vec<(&WantedNetwork, &super::facts::NetworkFacts)> = facts
        .wanted_networks
        .iter()
        .filter_map(|wanted| {
            let there = facts.networks.iter().find(|network| network.name == wanted.name)?;
            (there.subnets != [wanted.subnet]).then_some((wanted, there))
        })
        .collect();
    if wrong.is_empty() {
        return Diagnosis::new(ID, TITLE, Status::Ok, "right, or not made yet");
    }
    let details: Vec<String> = wrong
        .iter()
        .map(|(wanted, there)| {
            let subnets: Vec<String> = there.subnets.iter().map(ToString::to_string).collect();
            format!(
                "`{}` has {} instead of {}",
                wanted.name,
                subnets.join(", "),
                wanted.subnet
            )
        })
        .collect();
    let users: Vec<&str> = wrong
        .iter()
        .flat_map(|(_, there)| there.containers.iter().map(String::as_str))
        .collect();
    let cause = if users.is_empty() {
        "made without `--subnet`; no container uses it".to_owned()
    } else {
        format!(
            "made without `--subnet`; containers on it, which go with it: {}",
            users.join(", ")
        )
    };
    let mut problem = Diagnosis::new(ID, TITLE, Status::Problem, details.join("; ")).because(cause);
    for (wanted, there) in wrong {
        let force = if there.containers.is_empty() { "" } else { "--force " };
        problem = problem
            .mend(format!("podman network rm {force}{}", wanted.name))
            .mend(format!(
                "podman network create --subnet {} {}",
                wanted.subnet, wanted.name
            ));
    }
    problem
}
