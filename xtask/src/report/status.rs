//! The state of the agents, as a table and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use contract::group_config::Start;
use contract::health::Kind;
use contract::status::{AgentState, AgentStatus, Exit, FailedDependency, Failure, GroupState};
use owo_colors::{OwoColorize as _, Style};
use serde::Serialize;

use super::boot::chain_text;
use super::escape;
use super::findings::counted;
use super::variants;
use crate::boot::last_words::last_part;
use crate::boot::standing::Standing;
use crate::boot::view::View;
use crate::stack::{AgentId, GroupId, Stack};

/// The JSON document; version 1.
#[derive(Debug, Serialize)]
pub struct StatusDocument {
    version: u32,
    agents: Vec<AgentEntry>,
    peers: Vec<PeerEntry>,
    groups: Vec<GroupEntry>,
}

/// A group.
#[derive(Debug, Serialize)]
struct GroupEntry {
    machine: String,
    name: String,
    /// The variant that runs, as its supervisor says; `null` where it has none or does not answer.
    variant: Option<String>,
    /// The variant that `up` starts, and why; `null` where the group has none.
    chosen_variant: Option<ChosenVariant>,
    /// What its supervisor says; `null` where it does not answer.
    state: Option<GroupState>,
    /// `running`, `absent`, or Podman's word for its container's state; `null` where Podman could not be asked.
    container: Option<String>,
    /// Lines of its start-up check that failed.
    failed_checks: Vec<String>,
}

/// The variant of a group that `up` starts.
#[derive(Debug, Serialize)]
struct ChosenVariant {
    name: String,
    why: String,
}

/// An agent of another machine, as a group sees it.
#[derive(Debug, Serialize)]
struct PeerEntry {
    /// The group that talks to it.
    group: String,
    /// The machine of the other agent.
    machine: String,
    agent: String,
    address: String,
    /// `null` before the first look.
    reachable: Option<bool>,
    since_ms: u64,
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct AgentEntry {
    machine: String,
    group: String,
    name: String,
    /// `unreachable` where its supervisor does not answer; `degraded` where it is healthy without a dependency that has failed.
    state: &'static str,
    required: bool,
    port: u16,
    /// The port on which its health is asked.
    health_check_port: u16,
    /// How its health is found out.
    health: Kind,
    pid: Option<u32>,
    restarts: u32,
    ready_after_ms: Option<u64>,
    waits_for: Vec<String>,
    /// Dependencies that have failed and that it runs without.
    without: Vec<FailedDependency>,
    reason: Option<String>,
    /// `warm` or `plain`.
    start: Option<Start>,
    plain_because: Option<String>,
    last_exit: Option<Exit>,
    last_stderr: Vec<String>,
}

/// What is known of these agents.
#[must_use]
pub fn document(
    stack: &Stack,
    view: &View,
    agents: &BTreeSet<AgentId>,
    standing: &BTreeMap<GroupId, Standing>,
) -> StatusDocument {
    let groups: BTreeSet<GroupId> = agents.iter().map(|id| stack.agent(*id).group).collect();
    let entries = groups.iter().map(|id| {
        let group = stack.group(*id);
        let status = view.group(*id);
        GroupEntry {
            machine: stack.machine(group.machine).name.clone(),
            name: group.name.clone(),
            variant: status.and_then(|status| status.variant.clone()),
            chosen_variant: group
                .variant()
                .zip(group.why_variant())
                .map(|(variant, why)| ChosenVariant {
                    name: variant.name.clone(),
                    why: why.to_string(),
                }),
            state: status.map(|status| status.state),
            container: match status {
                Some(_) => Some("running".to_owned()),
                None => standing.get(id).map(|standing| standing.name().to_owned()),
            },
            failed_checks: view
                .failed_checks(*id)
                .iter()
                .map(|check| format!("{}: {}", check.name, check.detail))
                .collect(),
        }
    });
    let group_entries = entries.collect();
    let peers = groups
        .into_iter()
        .filter_map(|group| view.group(group))
        .flat_map(|status| {
            status.peers.iter().map(|peer| PeerEntry {
                group: status.group.clone(),
                machine: peer.machine.clone(),
                agent: peer.agent.clone(),
                address: peer.address.clone(),
                reachable: peer.reachable,
                since_ms: peer.since_ms,
                reason: peer.reason.clone(),
            })
        })
        .collect();
    let agents = agents
        .iter()
        .map(|id| {
            let agent = stack.agent(*id);
            let status = view.agent(stack, *id);
            AgentEntry {
                machine: stack.machine(agent.machine).name.clone(),
                group: stack.group(agent.group).name.clone(),
                name: agent.name.clone(),
                state: status.map_or("unreachable", AgentStatus::word),
                required: agent.required,
                port: agent.port,
                health_check_port: agent.health_port().unwrap_or(agent.health_check_port),
                health: status.map_or(agent.runtime.health.kind, |status| status.health),
                pid: status.and_then(|status| status.pid),
                restarts: status.map_or(0, |status| status.restarts),
                ready_after_ms: status.and_then(|status| status.ready_after_ms),
                waits_for: status.map(|status| status.waits_for.clone()).unwrap_or_default(),
                without: status.map(|status| status.without.clone()).unwrap_or_default(),
                reason: status.and_then(|status| status.reason.clone()),
                start: status.and_then(|status| status.start),
                plain_because: status.and_then(|status| status.plain_because.clone()),
                last_exit: status.and_then(|status| status.last_exit.clone()),
                last_stderr: status.map(|status| status.last_stderr.clone()).unwrap_or_default(),
            }
        })
        .collect();
    StatusDocument {
        version: 1,
        agents,
        peers,
        groups: group_entries,
    }
}

/// Whether every required agent of these is healthy, but for those that were left out of the boot or that an operator stopped.
#[must_use]
pub fn all_required_healthy(stack: &Stack, view: &View, agents: &BTreeSet<AgentId>) -> bool {
    agents
        .iter()
        .filter(|id| stack.agent(**id).required && !view.failure(stack, **id).is_some_and(Failure::is_wanted))
        .all(|id| view.state(stack, *id).is_some_and(AgentState::is_good))
}

/// What to say where no group has a container.
#[must_use]
pub fn nothing_runs(stack: &Stack, groups: &[GroupId]) -> String {
    match groups {
        [one] => {
            let name = &stack.group(*one).name;
            format!("group `{name}` does not run: it has no container\n  hint: `cargo xtask up {name}` starts it")
        }
        many => format!(
            "the stack does not run: none of {} has a container\n  hint: `cargo xtask up` starts it",
            counted(many.len(), "group")
        ),
    }
}

/// A table per group, then the chains of those that are not healthy.
#[must_use]
pub fn human(
    stack: &Stack,
    view: &View,
    groups: &[GroupId],
    agents: &BTreeSet<AgentId>,
    standing: &BTreeMap<GroupId, Standing>,
    color: bool,
) -> String {
    let mut text = String::new();
    let mut chains = Vec::new();
    for group_id in groups {
        let group = stack.group(*group_id);
        let machine = &stack.machine(group.machine).name;
        let state = view.group(*group_id).map_or_else(
            || {
                standing
                    .get(group_id)
                    .map_or_else(|| "does not answer".to_owned(), Standing::text)
            },
            |status| format!("{:?}", status.state).to_lowercase(),
        );
        for check in view.failed_checks(*group_id) {
            let text = format!("group {}: {}: {}", group.name, check.name, check.detail);
            chains.push(last_part(&text).unwrap_or(text));
        }
        let variant = variants::running(
            group,
            view.group(*group_id).and_then(|status| status.variant.as_deref()),
        );
        let _ = writeln!(text, "{machine}/{} {state}{variant}", group.name);
        for id in group.agents.iter().filter(|id| agents.contains(id)) {
            let agent = stack.agent(*id);
            let status = view.agent(stack, *id);
            let word = status.map_or("unreachable", AgentStatus::word);
            let ready = status
                .and_then(|status| status.ready_after_ms)
                .map_or_else(String::new, |ms| format!("{ms} ms"));
            let restarts = status.map_or(0, |status| status.restarts);
            let restarts = if restarts > 0 {
                counted(restarts as usize, "restart")
            } else {
                String::new()
            };
            let start = status.and_then(|status| status.start).map_or("", Start::name);
            // What `healthy` means of it, where that is not the usual.
            let health = status.map_or(agent.runtime.health.kind, |status| status.health);
            let health = match health {
                Kind::Zmq => String::new(),
                kind => format!("  {}: {}", kind.name(), kind.claim()),
            };
            let plain = status
                .and_then(|status| status.plain_because.as_ref())
                .map_or_else(String::new, |why| format!("  not warm: {}", escape::line(why)));
            let waits = status
                .filter(|status| !status.waits_for.is_empty())
                .map_or_else(String::new, |status| {
                    format!("waits for {}", status.waits_for.join(", "))
                });
            let without = status
                .filter(|status| status.is_degraded())
                .map_or_else(String::new, |status| {
                    let names: Vec<String> = status.without.iter().map(ToString::to_string).collect();
                    format!("without {}", escape::line(&names.join(", ")))
                });
            let line = format!(
                "  {:34} {} {:>5}  {ready:>8}  {start:5}  {restarts}{waits}{without}{plain}{health}",
                agent.name,
                painted(word, status, color),
                agent.port
            );
            let _ = writeln!(text, "{}", line.trim_end());
            // What somebody wants is no news.
            let is_wanted = view.failure(stack, *id) == Some(Failure::Stopped);
            if let Some(chain) = view
                .group(*group_id)
                .filter(|_| !is_wanted)
                .and_then(|_| chain_text(stack, view, *id))
            {
                chains.push(chain);
            }
        }
    }
    let unreachable = unreachable_peers(view, groups);
    text.push_str(&counts(stack, view, agents));
    if !unreachable.is_empty() {
        let _ = writeln!(text, "\nunreachable on other machines:\n  {}", unreachable.join("\n  "));
    }
    if !chains.is_empty() {
        let _ = writeln!(text, "\nnot healthy:\n  {}", chains.join("\n  "));
    }
    text
}

/// How many agents are healthy, degraded and stopped.
fn counts(stack: &Stack, view: &View, agents: &BTreeSet<AgentId>) -> String {
    let healthy = agents
        .iter()
        .filter(|id| view.state(stack, **id).is_some_and(AgentState::is_good))
        .count();
    let degraded = agents
        .iter()
        .filter(|id| view.agent(stack, **id).is_some_and(AgentStatus::is_degraded))
        .count();
    let mut text = String::new();
    let _ = write!(text, "\n{healthy} of {} healthy", counted(agents.len(), "agent"));
    if degraded > 0 {
        let _ = write!(text, ", {degraded} of these degraded: they run without a dependency");
    }
    let is_stopped = |id: &&AgentId| view.failure(stack, **id) == Some(Failure::Stopped);
    let stopped = agents.iter().filter(is_stopped).count();
    if stopped > 0 {
        let _ = write!(text, "; {stopped} stopped by an operator");
    }
    text.push('\n');
    text
}

/// Agents of other machines that these groups cannot reach, one line each.
fn unreachable_peers(view: &View, groups: &[GroupId]) -> Vec<String> {
    let documents = groups.iter().filter_map(|group| view.group(*group));
    documents
        .flat_map(|status| status.peers.iter().map(move |peer| (status, peer)))
        .filter(|(_, peer)| peer.reachable == Some(false))
        .map(|(status, peer)| {
            format!(
                "{} cannot reach {}/{} ({}) for {} s: {}",
                status.group,
                peer.machine,
                peer.agent,
                peer.address,
                status.now_ms.saturating_sub(peer.since_ms) / 1000,
                escape::line(peer.reason.as_deref().unwrap_or("no reason is known"))
            )
        })
        .collect()
}

fn painted(word: &str, status: Option<&AgentStatus>, color: bool) -> String {
    let padded = format!("{word:11}");
    if !color {
        return padded;
    }
    let style = match status.map(|status| status.state) {
        _ if status.is_some_and(AgentStatus::is_degraded) => Style::new().yellow(),
        Some(AgentState::Healthy | AgentState::Done) => Style::new().green(),
        _ if status.and_then(|status| status.failure) == Some(Failure::Stopped) => Style::new().dimmed(),
        Some(AgentState::Answering | AgentState::Starting | AgentState::Waiting) => Style::new().yellow(),
        _ => Style::new().red().bold(),
    };
    padded.style(style).to_string()
}
