//! Ports: of agents in a container, of what is published at an address, of bridges in a container. Each container has a network of its own:
//! elsewhere, a number may be used again.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use crate::finding::{Finding, Place, Severity, Subject};
use crate::stack::further_ports::FurtherPort;
use crate::stack::model::{AgentId, GroupId, MachineId};
use crate::stack::spans::At;

/// A port with who uses it.
#[derive(Clone)]
struct Use {
    id: AgentId,
    group: GroupId,
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
        let (port, place) = (agent.port, origin.port.place.clone());
        uses.push(Use {
            id,
            group: agent.group,
            port,
            who: format!("the port of `{}`", agent.name),
            subject: facts.everyone.subject(id),
            implied: false,
            place,
        });
        uses.extend(further_ports(facts, id));
        let (implied, place) = health_place(facts, id);
        let word = if implied { "implied " } else { "" };
        // Nothing is asked of it, or it is asked on its own port, which is never implied.
        let Some(port) = agent.health_port().filter(|port| *port != agent.port) else {
            continue;
        };
        uses.push(Use {
            id,
            group: agent.group,
            port,
            who: format!("the {word}health port of `{}`", agent.name),
            subject: facts.everyone.subject(id),
            implied,
            place,
        });
    }
    uses
}

/// What `ports:` of an agent's override adds: numbers where others look for it, and those that it binds.
fn further_ports(facts: &Facts<'_>, id: AgentId) -> Vec<Use> {
    let agent = facts.everyone.agent(id);
    let overrides = facts.resolved.groups.get(agent.group.0).map(|group| &group.overrides);
    let change = overrides
        .into_iter()
        .flatten()
        .find(|change| change.agent.value == agent.name);
    let own = [Some(agent.port), agent.health_port()];
    let written: Vec<_> = change.into_iter().flat_map(|change| &change.ports).collect();
    // Of these, the supervisor listens on the one and the agent binds the other.
    let is_led = |further: FurtherPort| further.port != further.target;
    let mut bound = BTreeSet::new();
    let mut uses = Vec::new();
    for further in written.iter().copied() {
        let FurtherPort { port, target, .. } = further.value;
        // Its health may be asked where it is bound.
        let is_asked = agent.health_port() == Some(target) && !health_place(facts, id).0;
        let is_bound = is_led(further.value) && !is_asked && bound.insert(target);
        // One that is named by itself and is led to as well is one port.
        let is_target = |other: &&At<FurtherPort>| is_led(other.value) && other.value.target == port;
        let is_named = !own.contains(&Some(port)) && (is_led(further.value) || !written.iter().any(is_target));
        let numbers = [
            is_named.then(|| (port, format!("a further port of `{}`", agent.name))),
            is_bound.then(|| (target, format!("a port that `{}` binds", agent.name))),
        ];
        for (port, who) in numbers.into_iter().flatten() {
            uses.push(Use {
                id,
                group: agent.group,
                port,
                who,
                subject: facts.everyone.subject(id),
                implied: false,
                place: further.place.clone(),
            });
        }
    }
    uses
}

/// Whether a health port is implied, and the place that decides it.
fn health_place(facts: &Facts<'_>, id: AgentId) -> (bool, Place) {
    let agent = facts.everyone.agent(id);
    let origin = facts.origin(id);
    let overrides = facts.resolved.groups.get(agent.group.0).map(|group| &group.overrides);
    let change = overrides
        .into_iter()
        .flatten()
        .find(|change| change.agent.value == agent.name);
    if let Some(place) = health_of_levels(facts, id).or(change.and_then(|change| change.runtime.health().port_place()))
    {
        return (false, place.clone());
    }
    let written = change
        .and_then(|change| change.health_check_port.as_ref())
        .or(origin.health_check_port.as_ref());
    match written {
        Some(port) => (false, port.place.clone()),
        None => (true, origin.port.place.clone()),
    }
}

/// Where a group, a machine or the stack writes the port on which the health of its agents is asked.
fn health_of_levels<'a>(facts: &Facts<'a>, id: AgentId) -> Option<&'a Place> {
    let agent = facts.everyone.agent(id);
    let group = facts.resolved.groups.get(agent.group.0).map(|group| &group.runtime);
    let machine = facts.raw.machines.get(agent.machine.0).map(|machine| &machine.runtime);
    let levels = group.into_iter().chain(machine).chain([&facts.raw.runtime]);
    levels.filter_map(|level| level.health().port_place()).next()
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

/// Two users of one port of a container: only one of them can bind it. The other is left out, which costs nobody else anything: with
/// each finding, that agent.
pub fn clash(facts: &Facts<'_>) -> Vec<(AgentId, Finding)> {
    let mut seen = BTreeMap::<(GroupId, u16), Use>::new();
    let mut findings = Vec::new();
    for user in agent_ports(facts) {
        // Nothing starts an agent that no group holds.
        if user.group.0 >= facts.stack.groups.len() {
            continue;
        }
        if user.port == facts.stack.status_port {
            let message = format!("{} is {}, which is the supervisor's `status_port`", user.who, user.port);
            let finding = Finding::error("stack/port-clash", user.place.clone(), message)
                .about(Subject::Port(user.port))
                .about(user.subject.clone())
                .with_help(format!(
                    "`{}` is left out until then: change `status_port` in `{}`",
                    facts.stack.agent(user.id).name,
                    facts.raw.path
                ));
            findings.push((user.id, Finding { alone: true, ..finding }));
        }
        let key = (user.group, user.port);
        let Some(first) = seen.get(&key) else {
            seen.insert(key, user);
            continue;
        };
        let message = format!("{} is {}, like {}", user.who, user.port, first.who);
        let help = if user.implied || first.implied {
            "write a `health_check_port:` of its own for the agent whose health port is implied"
        } else {
            "give every agent of a group ports of its own"
        };
        // A guess gives way to what is written.
        let lost = if first.implied && !user.implied {
            first.id
        } else {
            user.id
        };
        let help = format!("{help}; until then, `{}` is left out", facts.stack.agent(lost).name);
        let finding = Finding {
            alone: true,
            ..two_users(&user, first, message, &help)
        };
        findings.push((lost, finding));
    }
    findings
}

/// A port of a container's loopback that is to lead to its host, and that something in the container has.
pub fn host_services(facts: &Facts<'_>) -> Vec<Finding> {
    let stack = facts.stack;
    let uses = agent_ports(facts);
    let mut findings = Vec::new();
    for ((id, group), raw) in stack.groups().zip(&facts.resolved.groups) {
        for service in &group.extras.access.services {
            let own = uses.iter().find(|user| user.group == id && user.port == service.port);
            let who = match own {
                Some(user) => user.who.clone(),
                None if service.port == stack.status_port => "the supervisor's `status_port`".to_owned(),
                None => continue,
            };
            let message = format!(
                "`host_services` leads port {} of group `{}` to the host, and that is {who}",
                service.port, group.name
            );
            let finding = Finding::error("stack/port-clash", raw.name.place.clone(), message)
                .about(Subject::Port(service.port))
                .about(Subject::group(&group.name))
                .with_help("let agents find it at another port, as in `\"15570:5570\"`");
            findings.push(match own {
                Some(user) => finding
                    .about(user.subject.clone())
                    .with_related(user.place.clone(), "taken here"),
                None => finding,
            });
        }
    }
    findings
}

fn two_users(user: &Use, first: &Use, message: String, help: &str) -> Finding {
    Finding::error("stack/port-clash", user.place.clone(), message)
        .about(Subject::Port(user.port))
        .about(user.subject.clone())
        .about(first.subject.clone())
        .with_related(first.place.clone(), "taken here")
        .with_help(help)
}

/// Two agents of different containers that want one port of one address of their machine: of the loopback, where the stack names both in
/// `published:`, and of the address by which other machines reach it.
pub fn published_clash(facts: &Facts<'_>) -> Vec<Finding> {
    let stack = facts.stack;
    let reached = stack.reached_from_other_machines();
    let named = |user: &Use| {
        let written = facts.resolved.groups[user.group.0].published.is_some();
        written && user.port == stack.agent(user.id).port && stack.group(user.group).published.contains(&user.id)
    };
    let mut seen = BTreeMap::<(&str, MachineId, u16), Use>::new();
    let mut findings = Vec::new();
    for user in agent_ports(facts) {
        if user.group.0 >= stack.groups.len() {
            continue;
        }
        let machine = stack.group(user.group).machine;
        let wanted = [
            (
                named(&user),
                "the host's loopback",
                "take one of the agents out of `published:`, or give it another port",
            ),
            (
                reached.contains(&user.id),
                "its machine's LAN address",
                "agents of other machines use both: give one of them another port",
            ),
        ];
        for (_, on, help) in wanted.into_iter().filter(|(wanted, ..)| *wanted) {
            match seen.get(&(on, machine, user.port)) {
                // Of one container, the clash is there already.
                Some(first) if first.group != user.group => {
                    let message = format!(
                        "{} is {}, like {}, and both are published on {on}",
                        user.who, user.port, first.who
                    );
                    findings.push(two_users(&user, first, message, help));
                }
                Some(_) => {}
                None => {
                    seen.insert((on, machine, user.port), user.clone());
                }
            }
        }
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
            if named || !agent.ports().any(|own| own == port.value) {
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

/// Loopback bridges that cannot be: their port is in use inside the container, or by another bridge. Who comes first has it, and ports come
/// before health ports, as they do where the bridges are made.
pub fn bridge_clash(facts: &Facts<'_>) -> Vec<Finding> {
    let stack = facts.stack;
    let mut findings = Vec::new();
    for (id, group) in stack.groups() {
        let mut taken: BTreeMap<u16, (String, Option<AgentId>)> = BTreeMap::new();
        for own in group.agents.iter().map(|id| stack.agent(*id)) {
            for port in own.ports() {
                taken.insert(port, (format!("agent `{}`", own.name), None));
            }
        }
        let peers = stack.peers_elsewhere(id);
        for peer in &peers {
            let agent = stack.agent(*peer);
            let name = format!("`{}` of `{}`", agent.name, stack.machine(agent.machine).name);
            match taken.get(&agent.port) {
                None => {
                    taken.insert(agent.port, (format!("the bridge to {name}"), Some(*peer)));
                }
                Some((_, Some(first)))
                    if [*first, *peer]
                        .iter()
                        .all(|id| stack.agent(*id).machine == group.machine) =>
                {
                    findings.push(two_on_one_bridge(facts, id, *first, *peer));
                }
                Some((first, _)) => findings.push(blocked(facts, id, *peer, &name, first)),
            }
        }
        findings.extend(blocked_health(facts, id, &peers, taken.into_keys().collect()));
    }
    findings
}

/// Two agents of the machine that one container talks to, with one port.
fn two_on_one_bridge(facts: &Facts<'_>, group: GroupId, first: AgentId, second: AgentId) -> Finding {
    let stack = facts.stack;
    let (one, other) = (stack.agent(first), stack.agent(second));
    let message = format!(
        "the port of `{}` is {}, like the port of `{}`, and agents of `{}` connect to both",
        other.name,
        other.port,
        one.name,
        stack.group(group).name
    );
    Finding::error("stack/port-clash", facts.origin(second).port.place.clone(), message)
        .about(Subject::Port(other.port))
        .about(stack.subject(second))
        .about(stack.subject(first))
        .about(Subject::group(&stack.group(group).name))
        .with_related(facts.origin(first).port.place.clone(), "taken here")
        .with_help("in that container localhost can lead to one of them: give the other another port")
}

fn blocked(facts: &Facts<'_>, id: GroupId, peer: AgentId, name: &str, first: &str) -> Finding {
    let (group, port) = (facts.stack.group(id), facts.stack.agent(peer).port);
    let message = format!(
        "in group `{}`, localhost:{port} cannot lead to {name}: it belongs to {first}",
        group.name
    );
    Finding::warning("stack/bridge-port-clash", group.place.clone(), message)
        .about(Subject::Port(port))
        .about(Subject::group(&group.name))
        .about(facts.stack.subject(peer))
        .with_related(facts.origin(peer).port.place.clone(), "the port")
        .with_help(
            "code that connects to that agent through localhost reaches the wrong one; \
             change one of the ports",
        )
}

/// Health ports of peers that others have in a container: one finding for all of a group, since hardly any code asks there.
fn blocked_health(
    facts: &Facts<'_>,
    id: GroupId,
    peers: &BTreeSet<AgentId>,
    mut taken: BTreeSet<u16>,
) -> Option<Finding> {
    let stack = facts.stack;
    // One that is asked on its own port has been looked at.
    let asked = |peer: &AgentId| {
        let agent = stack.agent(*peer);
        agent.health_port().filter(|port| *port != agent.port)
    };
    let health = |peer: &AgentId| asked(peer).unwrap_or_default();
    let blocked: Vec<AgentId> = peers
        .iter()
        .copied()
        .filter(|peer| asked(peer).is_some_and(|port| !taken.insert(port)))
        .collect();
    let first = blocked.first()?;
    let group = stack.group(id);
    let more = match blocked.len() - 1 {
        0 => String::new(),
        more => format!(", nor those of {more} more"),
    };
    let message = format!(
        "in group `{}`, localhost:{} cannot lead to the health port of `{}`{more}: others have these numbers",
        group.name,
        health(first),
        stack.agent(*first).name,
    );
    let place = health_place(facts, *first).1;
    let finding = Finding::warning("stack/bridge-port-clash", group.place.clone(), message)
        .about(Subject::Port(health(first)))
        .about(Subject::group(&group.name))
        .about(stack.subject(*first))
        .with_related(place, "the port")
        .with_help("supervisors ask health where the agent lives; for code that asks at localhost, give it a health port of its own");
    Some(Finding {
        severity: Severity::Note,
        ..finding
    })
}
