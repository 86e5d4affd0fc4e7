//! Looks from inside a group's container: small Python programs that read what they have to do from standard input and print
//! JSON. Each ends by itself, also when the harness does not live to see it.

use std::collections::BTreeMap;
use std::time::Instant;

use contract::status::AgentStatus;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Blind, Look, exec, last_line, left, run};
use crate::host::boot::supervisor_status;
use crate::host::smoke::system::System;
use crate::host::system::process::Program;
use crate::smoke::judge::request_bytes;
use crate::smoke::kinds::link::{Link, WaySeen};
use crate::smoke::kinds::resources::{AgentUse, Resources, ResourcesSeen};
use crate::smoke::kinds::stand_in::{StandIn, StandInSeen};
use crate::stack::model::GroupId;

const LINK: &str = include_str!("link.py");
const RESOURCES: &str = include_str!("resources.py");
const STAND_IN: &str = include_str!("stand_in.py");
/// Longest time that an agent may take to answer another, in milliseconds.
const PATIENCE_MS: u128 = 5_000;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawWay {
    Reply(String),
    Error(String),
}

#[derive(Deserialize)]
struct RawResources {
    memory_limit: Option<u64>,
    pids_limit: Option<u64>,
    cpu_limit: Option<u64>,
    killed: u64,
    throttled_percent: f64,
    pids: u64,
    supervisor_peak: u64,
    agents: BTreeMap<String, RawUse>,
}

#[derive(Deserialize)]
struct RawUse {
    resident: u64,
    peak: u64,
    cpu_ms: u64,
    cpu_percent: f64,
}

#[derive(Deserialize)]
struct RawStandIn {
    asked: Vec<String>,
    reply: String,
}

/// Runs a program and reads the JSON that it prints.
pub(super) fn ask<T: DeserializeOwned>(program: &Program, deadline: Instant) -> Result<T, Blind> {
    let seen = run(program, deadline)?;
    if seen.exit != Some(0) {
        return Err(last_line(&seen.stderr));
    }
    serde_json::from_str(&seen.stdout).map_err(|error| format!("the look from inside printed no JSON: {error}"))
}

/// Part of the time that is left for the program itself: starting it takes some, too.
pub(super) fn own_limit(deadline: Instant) -> u128 {
    left(deadline).as_millis() * 9 / 10
}

fn python(system: &System<'_>, group: GroupId, script: &str, input: &Value) -> Program {
    let words = ["python3", "-c", script].map(str::to_owned);
    exec(system, group, &words).input(input.to_string())
}

/// Limits of a group's container, and what these agents of it use; their share of a CPU is counted for so many seconds.
///
/// # Errors
/// When it cannot be looked at from inside.
pub(in crate::host) fn measure(
    system: &System<'_>,
    group: GroupId,
    agents: &[AgentStatus],
    seconds: f64,
    deadline: Instant,
) -> Result<ResourcesSeen, Blind> {
    let pids: BTreeMap<&str, u32> = agents
        .iter()
        .filter_map(|agent| Some((agent.name.as_str(), agent.pid?)))
        .collect();
    let input = json!({"pids": pids, "seconds": seconds});
    let raw: RawResources = ask(&python(system, group, RESOURCES, &input), deadline)?;
    let unmeasured = pids
        .keys()
        .filter(|name| !raw.agents.contains_key(**name))
        .map(|name| (*name).to_owned())
        .collect();
    let agents: BTreeMap<String, AgentUse> = raw
        .agents
        .into_iter()
        .map(|(name, used)| {
            let used = AgentUse {
                resident: used.resident,
                peak: used.peak,
                cpu_ms: used.cpu_ms,
                cpu_percent: used.cpu_percent,
            };
            (name, used)
        })
        .collect();
    Ok(ResourcesSeen {
        granted: system.addresses.granted(group),
        memory_limit: raw.memory_limit,
        pids_limit: raw.pids_limit,
        cpu_limit: raw.cpu_limit,
        killed: raw.killed,
        throttled_percent: raw.throttled_percent,
        memory_peak: raw.supervisor_peak + agents.values().map(|used| used.peak).sum::<u64>(),
        pids: raw.pids,
        agents,
        unmeasured,
    })
}

impl Look<'_> {
    pub(super) fn link(&self, link: &Link, deadline: Instant) -> Result<Vec<WaySeen>, Blind> {
        let ways: Vec<Value> = link
            .ways
            .iter()
            .map(|way| json!({"host": way.host, "port": way.port, "kind": way.kind, "send": way.send}))
            .collect();
        let limit = own_limit(deadline).min(PATIENCE_MS);
        let input = json!({"limit_ms": u64::try_from(limit).unwrap_or_default(), "ways": ways});
        let seen: Vec<RawWay> = ask(&python(self.system, link.from, LINK, &input), deadline)?;
        Ok(seen
            .into_iter()
            .map(|way| match way {
                RawWay::Reply(reply) => Ok(reply.into_bytes()),
                RawWay::Error(reason) => Err(reason),
            })
            .collect())
    }

    pub(super) fn resources(&self, resources: &Resources, deadline: Instant) -> Result<ResourcesSeen, Blind> {
        let at = self.system.addresses.status(resources.group);
        let status = supervisor_status::fetch(at, None, left(deadline))
            .map_err(|error| error.to_string())?
            .status;
        measure(
            self.system,
            resources.group,
            &status.agents,
            resources.seconds,
            deadline,
        )
    }

    pub(super) fn stand_in(
        &self,
        stand_in: &StandIn,
        saved: &BTreeMap<String, Value>,
        deadline: Instant,
    ) -> Result<StandInSeen, Blind> {
        let agent = self.system.stack.agent(stand_in.agent);
        let send = request_bytes(&stand_in.send, saved);
        let input = json!({
            "service_port": stand_in.port,
            "replies": stand_in.replies.to_string(),
            "agent_port": agent.port,
            "send": String::from_utf8_lossy(&send),
            "limit_ms": u64::try_from(own_limit(deadline)).unwrap_or_default(),
        });
        let raw: RawStandIn = ask(&python(self.system, agent.group, STAND_IN, &input), deadline)?;
        Ok(StandInSeen {
            asked: raw.asked,
            reply: raw.reply,
        })
    }
}
