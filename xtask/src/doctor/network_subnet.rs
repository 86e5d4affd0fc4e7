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
    let foreign: Vec<&str> = wrong
        .iter()
        .filter(|(_, there)| !there.ours)
        .map(|(wanted, _)| wanted.name.as_str())
        .collect();
    if !foreign.is_empty() {
        return Diagnosis::new(ID, TITLE, Status::Problem, details.join("; "))
            .because(format!("not made by this stack: {}", foreign.join(", ")))
            .mend("set `machines.<name>.network.name` in config/stack.yaml to a name that is free, then `cargo xtask render`");
    }
    let users: Vec<&str> = wrong
        .iter()
        .flat_map(|(_, there)| there.containers.iter().map(String::as_str))
        .collect();
    let cause = if users.is_empty() {
        "made with another subnet; no container uses it".to_owned()
    } else {
        format!("made with another subnet; containers on it: {}", users.join(", "))
    };
    Diagnosis::new(ID, TITLE, Status::Problem, details.join("; "))
        .because(cause)
        .mend("cargo xtask down")
        .mend("cargo xtask up")
}
