//! Ports that agents reach each other by, beyond the clashes that the stack's own validation finds.

use std::collections::BTreeMap;

use super::Facts;
use crate::audit::rule::rules;
use crate::finding::{Finding, Place, Subject};
use crate::stack::{Agent, AgentId, GroupId, MachineId};

rules! {
    /// Finds parameters called after one agent that hold the port of another.
    ///
    /// The agent talks to the wrong peer, which does not understand it, or answers something else.
    ///
    /// Example: `memory_manager_port: 5575`, where 5575 is the port of MemoryOrchestrator.
    ///
    /// Write the port of the agent that the name says, or rename the parameter.
    PARAM_OTHER = "ports/param-other-agent", Warning, Medium, "a `…_port` parameter that leads to another agent than its name says";

    /// Finds parameters that give an agent a further port which another agent of its container uses.
    ///
    /// The second to bind it fails with "address already in use".
    ///
    /// Example: `pub_port: 5571`, where 5571 is another agent's port.
    ///
    /// Give every agent ports of its own.
    PARAM_CLASH = "ports/param-clash", Warning, Medium, "a further port, from a parameter, that is taken in the container";

    /// Finds code that connects to `localhost` at the port of an agent that lives in another container, where no loopback
    /// bridge leads there.
    ///
    /// Each container has a loopback of its own: the connection is refused, or a ZeroMQ socket waits for ever. Dependencies
    /// across containers are bridged by the supervisor; other peers need `reaches:`.
    ///
    /// Example: `socket.connect("tcp://localhost:5570")` in an agent of another group, without a dependency.
    ///
    /// Add the dependency, or name the agent under `reaches:` of the group.
    LOOPBACK = "ports/loopback-elsewhere", Warning, High, "a connection to localhost for an agent of another container";
}

/// Words that say that a port is the agent's own.
const OWN: &[&str] = &[
    "pub",
    "sub",
    "publisher",
    "publish",
    "metrics",
    "health",
    "healthcheck",
    "http",
    "status",
    "ws",
    "websocket",
    "api",
    "grpc",
    "rpc",
    "rep",
    "router",
    "push",
    "pull",
    "ui",
    "web",
    "dashboard",
    "debug",
    "admin",
    "control",
    "event",
    "events",
    "stream",
    "broadcast",
    "listen",
    "bind",
    "server",
    "own",
    "self",
    "zmq",
    "socket",
];

/// Every rule of this file.
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = params(facts);
    findings.extend(loopback(facts));
    findings
}

fn params(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut own: BTreeMap<(GroupId, u16), (AgentId, Place)> = BTreeMap::new();
    for (id, agent) in facts.stack.agents() {
        for (key, value) in &agent.params {
            let (Some(stem), Ok(port)) = (
                key.to_lowercase().strip_suffix("_port").map(str::to_owned),
                value.parse::<u16>(),
            ) else {
                continue;
            };
            let owner = owner(facts, agent, port);
            let named = named(facts, agent.machine, &stem);
            let is_own = OWN.contains(&stem.as_str());
            let place = || param_place(facts, agent, key);
            match (owner, named) {
                (Some(owner), Some(named)) if owner != named && !is_own => {
                    let subjects = [id, owner, named].map(|id| facts.stack.subject(id));
                    let (owner, named) = (facts.stack.agent(owner), facts.stack.agent(named));
                    let message = format!(
                        "`{key}` of `{}` is {port}, the port of `{}`, not of `{}`",
                        agent.name, owner.name, named.name
                    );
                    let finding = PARAM_OTHER.finding(place(), message).about(Subject::Port(port));
                    findings.push(
                        subjects
                            .into_iter()
                            .fold(finding, Finding::about)
                            .with_related(owner.place.clone(), format!("{port} belongs to this agent"))
                            .with_help(format!("`{}` has port {}", named.name, named.port)),
                    );
                }
                (Some(owner), _) if is_own && owner != id && facts.stack.agent(owner).group == agent.group => {
                    let other = facts.stack.subject(owner);
                    let owner = facts.stack.agent(owner);
                    findings.push(
                        PARAM_CLASH
                            .finding(
                                place(),
                                format!("`{key}` of `{}` is {port}, like a port of `{}`", agent.name, owner.name),
                            )
                            .about(Subject::Port(port))
                            .about(facts.stack.subject(id))
                            .about(other)
                            .with_related(owner.place.clone(), "taken by this agent")
                            .with_help("give every agent ports of its own"),
                    );
                }
                (Some(owner), _)
                    if is_own
                        && owner == id
                        && agent.port == port
                        && !matches!(
                            stem.as_str(),
                            "rep" | "zmq" | "server" | "listen" | "bind" | "own" | "self" | "socket" | "api"
                        ) =>
                {
                    findings.push(
                        PARAM_CLASH
                            .finding(
                                place(),
                                format!("`{key}` of `{}` is {port}, like its own `port`", agent.name),
                            )
                            .about(Subject::Port(port))
                            .about(facts.stack.subject(id))
                            .with_help("give the second socket a port of its own"),
                    );
                }
                (None, _) if is_own => {
                    let here = place();
                    match own.get(&(agent.group, port)) {
                        Some((first, first_place)) if *first != id => findings.push(
                            PARAM_CLASH
                                .finding(
                                    here,
                                    format!(
                                        "`{key}` of `{}` is {port}, like a parameter of `{}`",
                                        agent.name,
                                        facts.stack.agent(*first).name
                                    ),
                                )
                                .about(Subject::Port(port))
                                .about(facts.stack.subject(id))
                                .about(facts.stack.subject(*first))
                                .with_related(first_place.clone(), "taken here")
                                .with_help("give every agent ports of its own"),
                        ),
                        Some(_) => {}
                        None => {
                            own.insert((agent.group, port), (id, here));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    findings
}

/// The agent that has that port or health port for one that names it: in its container first, then on its machine, then on the others;
/// of several, one whose port it is before one whose health port it is.
#[must_use]
pub fn owner(facts: &Facts<'_>, user: &Agent, port: u16) -> Option<AgentId> {
    nearest(&owners(facts, port), user, port)
}

/// The agents that have that port or health port.
fn owners<'a>(facts: &Facts<'a>, port: u16) -> Vec<(AgentId, &'a Agent)> {
    facts.stack.agents().filter(|(_, agent)| agent.has_port(port)).collect()
}

/// Of agents that have a port, the one that is meant by another.
fn nearest(owners: &[(AgentId, &Agent)], user: &Agent, port: u16) -> Option<AgentId> {
    let nearest = owners.iter().min_by_key(|(id, agent)| {
        (
            agent.group != user.group,
            agent.machine != user.machine,
            agent.port != port,
            *id,
        )
    });
    nearest.map(|(id, _)| *id)
}

/// The agent that a parameter's name means.
fn named(facts: &Facts<'_>, machine: MachineId, stem: &str) -> Option<AgentId> {
    let wanted = plain(stem);
    if wanted.len() < 3 {
        return None;
    }
    let mut found: Vec<(bool, AgentId)> = facts
        .stack
        .agents()
        .filter(|(_, agent)| plain(&agent.name) == wanted)
        .map(|(id, agent)| (agent.machine != machine, id))
        .collect();
    found.sort();
    found.first().map(|(_, id)| *id)
}

/// A name without case, separators and the words that names carry or leave out at will.
fn plain(name: &str) -> String {
    let mut text: String = name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    for end in ["health", "agent", "service"] {
        if let Some(rest) = text.strip_suffix(end)
            && rest.len() >= 3
        {
            text = rest.to_owned();
        }
    }
    text
}

/// The line of a parameter below its agent in the startup config.
fn param_place(facts: &Facts<'_>, agent: &Agent, key: &str) -> Place {
    key_place(facts, agent, key).unwrap_or_else(|| agent.place.clone())
}

/// The place of a key below an agent's name in its startup config.
#[must_use]
pub fn key_place(facts: &Facts<'_>, agent: &Agent, key: &str) -> Option<Place> {
    let text = facts
        .tree
        .texts
        .iter()
        .find(|text| facts.is_place_in(&agent.place, &text.path))?;
    let first = usize::try_from(agent.place.line).ok()?;
    for number in first.. {
        let line = text.source.line(number);
        if number > first && (line.trim_start().starts_with("- name:") || line.trim_start().starts_with("- {")) {
            return None;
        }
        if number > first + 60 {
            return None;
        }
        let at = line.match_indices(key).find(|(at, _)| {
            let before = line[..*at].chars().next_back();
            let after = line[at + key.len()..].trim_start_matches(['"', '\'']).trim_start();
            before.is_none_or(|c| !c.is_alphanumeric() && c != '_') && after.starts_with(':')
        });
        if let Some((at, _)) = at {
            return Some(text.place(number, line[..at].chars().count() + 1, key.chars().count()));
        }
    }
    None
}

fn loopback(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for endpoint in facts.endpoints.iter().filter(|endpoint| !endpoint.bound) {
        let (true, Some(port)) = (is_loopback(endpoint.host), endpoint.port) else {
            continue;
        };
        let Some(users) = facts.users.get(endpoint.path) else {
            continue;
        };
        let owners = owners(facts, port);
        if owners.is_empty() {
            continue;
        }
        // A library that all agents share may name a port that is right for some: it speaks for those that are wrong.
        let mut groups: BTreeMap<&str, (&str, AgentId, AgentId)> = BTreeMap::new();
        for user in users {
            let agent = facts.stack.agent(*user);
            let Some(target) = nearest(&owners, agent, port) else {
                continue;
            };
            let there = facts.stack.agent(target);
            if there.group == agent.group || facts.stack.peers_elsewhere(agent.group).contains(&target) {
                continue;
            }
            let group = facts.stack.group(agent.group);
            groups.entry(&group.name).or_insert((&agent.name, *user, target));
        }
        let Some((group, (agent, user, target))) = groups.first_key_value() else {
            continue;
        };
        let there = facts.stack.agent(*target);
        let mut message = format!(
            "`{agent}` of `{group}` connects to {}:{port}, but `{}` lives in another container, `{}`",
            endpoint.host,
            there.name,
            facts.stack.group(there.group).name
        );
        if groups.len() > 1 {
            message.push_str(&format!("; so do agents of {} other groups", groups.len() - 1));
        }
        findings.push(
            LOOPBACK
                .finding(facts.place_of(endpoint), message)
                .about(Subject::Port(port))
                .about(facts.stack.subject(*user))
                .about(Subject::group(group))
                .about(facts.stack.subject(*target))
                .about(Subject::group(&facts.stack.group(there.group).name))
                .with_related(there.place.clone(), "the agent that has the port")
                .with_help(format!(
                    "add `{}` to `reaches:` of `{group}`, or to the agent's dependencies: then the supervisor forwards \
                     the port",
                    there.name
                )),
        );
    }
    findings
}

/// Whether a host is this machine or container itself.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}
