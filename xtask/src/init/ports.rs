//! Ports of agents, as their config has them and as their scripts were seen to bind them.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Evidence;
use super::startup::{Config, Listed};

/// Port of the supervisor's status endpoint where a stack writes none.
const USUAL_STATUS_PORT: u16 = 9000;

/// Ports that agents surely bind, by agent.
pub type Bound = BTreeMap<String, Vec<(u16, Evidence)>>;

/// The ports that an agent has in its container, each once: those of its config, the health port that is implied, and those that it
/// binds.
#[must_use]
pub fn of(agent: &Listed, config: &Config, offset: u16, bound: &Bound) -> Vec<(u16, Evidence)> {
    // Programs of others are told no health port.
    let implied = || agent.port.filter(|_| !config.is_of_program)?.checked_add(offset);
    let written = || Evidence::new(config.path.as_str(), agent.line, "");
    let of_config = [agent.port, agent.health_port.or_else(implied)];
    let of_config = of_config.into_iter().flatten().map(|port| (port, written()));
    let of_code = bound.get(&agent.name).into_iter().flatten().cloned();
    let mut seen = BTreeSet::new();
    let all = of_config.chain(of_code);
    all.filter(|(port, _)| seen.insert(*port)).collect()
}

/// A port for the supervisor's status endpoint, where an agent has the usual one; with that agent's.
#[must_use]
pub fn status<'a>(all: impl Iterator<Item = &'a (u16, Evidence)>) -> Option<(u16, Evidence)> {
    let taken: BTreeMap<u16, &Evidence> = all.map(|(port, evidence)| (*port, evidence)).collect();
    let evidence = taken.get(&USUAL_STATUS_PORT)?;
    let free = (USUAL_STATUS_PORT..=u16::MAX).find(|port| !taken.contains_key(port))?;
    let evidence = Evidence {
        says: format!("an agent has {USUAL_STATUS_PORT}"),
        ..(*evidence).clone()
    };
    Some((free, evidence))
}
