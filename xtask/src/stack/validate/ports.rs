//! Ports: of agents on a machine, of status endpoints on a host, of bridges in a container.

use std::collections::BTreeMap;

use super::Facts;
use crate::finding::{Finding, Place, Subject};
use crate::stack::model::{AgentId, Machine, MachineId};

/// A port with who uses it.
struct Use {
    machine: MachineId,
    port: u16,
    who: String,
    subject: Subject,
    /// Whether it is a health port that nobody writes.
    implied: bool,
    place: Place,
}

fn agent_ports(facts: &Facts<'_>) -> Vec<Use> {
    let mut uses = Vec::new();
    for (id, agent) in facts.everyone.agents() {
        let origin = facts.origin(id);
        let (who, machine) = (format!("the port of `{}`", agent.name), agent.machine);
        let (port, place) = (agent.port, origin.port.place.clone());
        uses.push(Use {
            machine,
            port,
            who,
            subject: facts.everyone.subject(id),
            implied: false,
            place,
        });
        let (implied, place) = health_place(facts, id);
        let word = if implied { "implied " } else { "" };
        uses.push(Use {
            machine,
            port: agent.health_check_port,
            who: format!("the {word}health port of `{}`", agent.name),
            subject: facts.everyone.subject(id),
            implied,
            place,
        });
    }
    uses
}

/// Whether a health port is implied, and the place that decides it.
fn health_place(facts: &Facts<'_>, id: AgentId) -> (bool, Place) {
    let agent = facts.everyone.agent(id);
    let origin = facts.origin(id);
    let overrides = facts.resolved.groups.get(agent.group.0).map(|group| &group.overrides);
    let written = overrides
        .into_iter()
        .flatten()
        .find(|change| change.agent.value == agent.name)
        .and_then(|change| change.health_check_port.as_ref())
        .or(origin.health_check_port.as_ref());
    match written {
        Some(port) => (false, port.place.clone()),
        None => (true, origin.port.place.clone()),
    }
}

/// The lowest port that a process without privileges may bind. A container has a network namespace of its own, where this is what the
/// kernel starts with: Podman does not change it, and the agents' user has no capability.
const LOWEST_PORT: u16 = 1024;

/// Ports that nothing in a container may bind.
pub fn privileged(facts: &Facts<'_>) -> Vec<Finding> {
    let finding = |who: &str, port: u16, place: Place| {
        let message = format!("{who} is {port}: below {LOWEST_PORT}, only a privileged process may bind a port");
        Finding::error("stack/privileged-port", place, message).about(Subject::Port(port)).with_help(format!(
            "agents run without privileges: use a port from {LOWEST_PORT} up; what stands in front of the stack can publish it as {port}"
        ))
    };
    let mut findings: Vec<Finding> = agent_ports(facts)
        .into_iter()
        .filter(|user| user.port < LOWEST_PORT)
        .map(|user| finding(&user.who, user.port, user.place).about(user.subject))
        .collect();
    if facts.stack.status_port < LOWEST_PORT {
        let place = Place::file(facts.raw.path.as_str());
        findings.push(finding(
            "the supervisor's `status_port`",
            facts.stack.status_port,
            place,
        ));
    }
    findings
}

/// Two users of one port of a machine. Agents of one container cannot both bind it; those of two cannot both be published
/// or reached through the loopback.
pub fn clash(facts: &Facts<'_>) -> Vec<Finding> {
    let mut seen = BTreeMap::<(MachineId, u16), Use>::new();
    let mut findings = Vec::new();
    for user in agent_ports(facts) {
        if user.port == facts.stack.status_port {
            let message = format!("{} is {}, which is the supervisor's `status_port`", user.who, user.port);
            findings.push(
                Finding::error("stack/port-clash", user.place.clone(), message)
                    .about(Subject::Port(user.port))
                    .about(user.subject.clone())
                    .with_help(format!("change `status_port` in `{}`", facts.raw.path)),
            );
        }
        let key = (user.machine, user.port);
        let Some(first) = seen.get(&key) else {
            seen.insert(key, user);
            continue;
        };
        let help = if user.implied || first.implied {
            "write a `health_check_port:` of its own for the agent whose health port is implied"
        } else {
            "give every agent ports of its own"
        };
        findings.push(
            Finding::error(
                "stack/port-clash",
                user.place.clone(),
                format!("{} is {}, like {}", user.who, user.port, first.who),
            )
            .about(Subject::Port(user.port))
            .about(user.subject)
            .about(first.subject.clone())
            .with_related(first.place.clone(), "taken here")
            .with_help(help),
        );
    }
    findings
}

/// One port of a host's loopback for two status endpoints, or for one and an agent.
pub fn status_clash(facts: &Facts<'_>) -> Vec<Finding> {
    let stack = facts.stack;
    let mut seen = BTreeMap::<(MachineId, u16), (String, Subject, Place)>::new();
    for group in &stack.groups {
        for id in &group.published {
            let agent = stack.agent(*id);
            seen.insert(
                (agent.machine, agent.port),
                (
                    format!("agent `{}`", agent.name),
                    stack.subject(*id),
                    facts.origin(*id).port.place.clone(),
                ),
            );
        }
    }
    let mut findings = Vec::new();
    for (group, raw) in stack.groups.iter().zip(&facts.resolved.groups) {
        let port = &raw.published_status_port;
        let key = (group.machine, port.value);
        let who = format!("group `{}`", group.name);
        let subject = Subject::group(&group.name);
        let Some((first, other, place)) = seen.get(&key) else {
            seen.insert(key, (who, subject, port.place.clone()));
            continue;
        };
        findings.push(
            Finding::error(
                "stack/status-port-clash",
                port.place.clone(),
                format!("port {} of the host is taken by {first}", port.value),
            )
            .about(Subject::Port(port.value))
            .about(subject)
            .about(other.clone())
            .with_related(place.clone(), "taken here")
            .with_help("give each group a `published_status_port` of its own"),
        );
    }
    findings
}

/// A status endpoint that other machines ask, on a port of the LAN address that an agent of the same machine has there.
pub fn lan_status_clash(facts: &Facts<'_>) -> Vec<Finding> {
    let stack = facts.stack;
    let mut findings = Vec::new();
    for ((id, group), raw) in stack.groups().zip(&facts.resolved.groups) {
        if !stack.is_awaited_from_other_machines(id) {
            continue;
        }
        let port = &raw.published_status_port;
        let reached = stack.reached_from_other_machines().iter();
        for other in reached.filter(|other| stack.agent(**other).machine == group.machine) {
            let agent = stack.agent(*other);
            // On the loopback, the port of an agent clashes as well, and has been named.
            let named = agent.port == port.value && stack.group(agent.group).published.contains(other);
            if named || ![agent.port, agent.health_check_port].contains(&port.value) {
                continue;
            }
            findings.push(
                Finding::error(
                    "stack/status-port-clash",
                    port.place.clone(),
                    format!(
                        "port {} of the LAN address of `{}` is taken by agent `{}`",
                        port.value,
                        stack.machine(group.machine).name,
                        agent.name
                    ),
                )
                .about(Subject::Port(port.value))
                .about(Subject::group(&group.name))
                .about(stack.subject(*other))
                .with_related(facts.origin(*other).port.place.clone(), "its ports")
                .with_help("give each group a `published_status_port` that no agent has: other machines ask there whether an agent has failed"),
            );
        }
    }
    findings
}

/// A loopback bridge that cannot be: its port is in use inside the container. Between agents of one machine that is a
/// clash of ports already.
pub fn bridge_clash(facts: &Facts<'_>) -> Vec<Finding> {
    let stack = facts.stack;
    let mut findings = Vec::new();
    for (id, group) in stack.groups() {
        let mut taken: BTreeMap<u16, String> = BTreeMap::new();
        for agent in group.agents.iter().map(|id| stack.agent(*id)) {
            taken.insert(agent.port, format!("agent `{}`", agent.name));
            taken.insert(agent.health_check_port, format!("agent `{}`", agent.name));
        }
        for peer in stack.peers_elsewhere(id) {
            let agent = stack.agent(peer);
            let machine: &Machine = stack.machine(agent.machine);
            for port in [agent.port, agent.health_check_port] {
                let name = format!("`{}` of `{}`", agent.name, machine.name);
                let Some(first) = taken.insert(port, format!("the bridge to {name}")) else {
                    continue;
                };
                if agent.machine != group.machine {
                    findings.push(
                        Finding::warning(
                            "stack/bridge-port-clash",
                            group.place.clone(),
                            format!(
                                "in group `{}`, localhost:{port} cannot lead to {name}: it belongs to {first}",
                                group.name
                            ),
                        )
                        .about(Subject::Port(port))
                        .about(Subject::group(&group.name))
                        .about(stack.subject(peer))
                        .with_related(facts.origin(peer).port.place.clone(), "the port")
                        .with_help(
                            "code that connects to that agent through localhost reaches the wrong one; \
                             change one of the ports",
                        ),
                    );
                }
                taken.insert(port, first);
            }
        }
    }
    findings
}
