//! `soak`: a group is observed for a while, under load: nothing restarts, nothing grows, everything answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::status::{AgentStatus, GroupStatus};
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{About, Action, Kind, Lane, Resolved, Saved, Spec};
use crate::smoke::command::json_or_text;
use crate::smoke::fields::{Payload, Text, matcher, needed, payload};
use crate::smoke::matcher::Matcher;
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::{Verdict, megabytes};
use crate::smoke::yaml::{Data, Fields, Node, Reader};
use crate::stack::model::{AgentId, GroupId, Stack};
use crate::stack::written::{Any, Scalar};

/// The kind.
pub const KIND: Kind = Kind {
    name: "soak",
    about: "A group, observed for a while.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

/// Seconds of a soak that does not say.
const SECONDS: u64 = 10;
/// Growth allowed to a soak that does not say.
const GROWTH_MB: f64 = 16.0;
/// Time limit of each request of the load.
const PATIENCE: Duration = Duration::from_secs(5);
/// Failures of the load that are kept.
const KEPT_FAILURES: usize = 5;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Soak")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    group: Scalar,
    seconds: Option<u64>,
    /// Growth of memory that is allowed to each agent.
    max_growth_mb: Option<f64>,
    /// Restarts that are allowed to each agent.
    max_restarts: Option<u64>,
    /// Requests that are sent over and over.
    load: Option<Vec<LoadKeys>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Load")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct LoadKeys {
    agent: Scalar,
    send: Option<Any>,
    send_raw: Option<Scalar>,
    expect: Option<Any>,
}

#[derive(Debug)]
struct SoakSpec {
    group: Text,
    seconds: u64,
    max_growth_mb: f64,
    max_restarts: u64,
    load: Vec<LoadSpec>,
}

#[derive(Debug)]
struct LoadSpec {
    agent: Text,
    send: Payload,
    expect: Value,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let group = needed(reader, fields, "group", "`soak`");
    let seconds = fields
        .get("seconds")
        .and_then(|node| reader.whole(node, "seconds"))
        .unwrap_or(SECONDS);
    let max_growth_mb = fields
        .get("max_growth_mb")
        .and_then(|node| reader.number(node, "max_growth_mb"))
        .unwrap_or(GROWTH_MB);
    let max_restarts = fields
        .get("max_restarts")
        .and_then(|node| reader.whole(node, "max_restarts"))
        .unwrap_or(0);
    let load = match fields.get("load").map(|node| (&node.data, node.mark)) {
        None => Vec::new(),
        Some((Data::List(items), _)) => items.iter().filter_map(|item| load(reader, item)).collect(),
        Some((_, mark)) => {
            reader.note(mark, "`load` must be a list of requests");
            Vec::new()
        }
    };
    Some(Box::new(SoakSpec {
        group: group?,
        seconds,
        max_growth_mb,
        max_restarts,
        load,
    }))
}

fn load(reader: &mut Reader<'_>, node: &Node) -> Option<LoadSpec> {
    let mut fields = reader.fields(node, "a request of `load`")?;
    let agent = needed(reader, &mut fields, "agent", "a request of `load`");
    let send = payload(reader, &mut fields, "a request of `load`");
    let expect = matcher(reader, fields.get("expect")).unwrap_or_else(|| json!({"status": "ok"}));
    reader.finish(&fields, "a request of `load`");
    Some(LoadSpec {
        agent: agent?,
        send: send?,
        expect,
    })
}

impl Spec for SoakSpec {
    /// Beside the time of the soak itself.
    fn seconds(&self) -> u64 {
        60
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let group = names.group(&self.group)?;
        let machine = names.stack.group(group).machine;
        // A load names agents as seen from the group.
        let before = names.machine.replace(machine);
        let load = self
            .load
            .into_iter()
            .map(|load| {
                Some(Load {
                    agent: names.agent(&load.agent)?,
                    send: load.send,
                    expect: load.expect,
                })
            })
            .collect::<Option<Vec<_>>>();
        names.machine = before;
        let action = Soak {
            group,
            seconds: names.soak_seconds.unwrap_or(self.seconds),
            max_growth_mb: self.max_growth_mb,
            max_restarts: self.max_restarts,
            load: load?,
        };
        Some((Arc::new(action), Some(machine)))
    }
}

/// Observation for a while.
#[derive(Debug, Clone)]
pub struct Soak {
    group: GroupId,
    /// For how long.
    pub seconds: u64,
    /// Growth of resident memory that is allowed, per agent.
    max_growth_mb: f64,
    /// Restarts that are allowed, per agent.
    max_restarts: u64,
    /// Requests sent over and over meanwhile, one after the other.
    load: Vec<Load>,
}

/// One request of a soak's load.
#[derive(Debug, Clone)]
struct Load {
    agent: AgentId,
    send: Payload,
    /// Matcher of each reply.
    expect: Value,
}

#[derive(Debug, Clone, Default)]
struct SoakSeen {
    /// Seconds observed.
    seconds: f64,
    /// By agent.
    agents: BTreeMap<String, AgentSoak>,
    load: LoadSeen,
}

/// What became of the load.
#[derive(Debug, Clone, Default)]
struct LoadSeen {
    /// Requests answered as expected.
    requests: u64,
    /// Failures: agent, what happened. The first few.
    failures: Vec<(String, String)>,
}

/// One agent over a while: each pair is before and after.
#[derive(Debug, Clone, Default)]
struct AgentSoak {
    restarts: (u64, u64),
    pid: (Option<u32>, Option<u32>),
    /// Resident memory in bytes, where it could be read.
    resident: (Option<u64>, Option<u64>),
    /// State at the end.
    state: String,
}

impl Action for Soak {
    fn lane(&self) -> Lane {
        Lane::Watch
    }

    fn subject(&self, stack: &Stack) -> String {
        format!("`{}` observed", stack.group(self.group).name)
    }

    fn about(&self, _stack: &Stack) -> Option<About> {
        Some(About::group(self.group))
    }

    fn lasts(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let seen = self.look(observer)?;
        self.judge(verdict, &seen);
        Ok(())
    }
}

impl Soak {
    fn look(&self, observer: &dyn Observer) -> Result<SoakSeen, Blind> {
        let mut loaded = LoadSeen::default();
        // Once before anything is measured: what an agent loads at its first request is no leak.
        for request in &self.load {
            request.send(observer, &mut loaded);
        }
        let before = observer.status(self.group, PATIENCE)?;
        let resident_before = resident(observer, self.group, &before.agents);
        let restarts: BTreeMap<&str, u32> = before
            .agents
            .iter()
            .map(|agent| (agent.name.as_str(), agent.restarts))
            .collect();
        let mut broken = |now: &GroupStatus| {
            now.agents.iter().any(|agent| {
                restarts
                    .get(agent.name.as_str())
                    .is_some_and(|before| agent.restarts > *before)
            })
        };
        let mut requests = self.load.iter().cycle();
        let mut meanwhile = || {
            if let Some(request) = requests.next() {
                request.send(observer, &mut loaded);
            }
        };
        let watched = observer.watch(self.group, self.lasts(), &mut broken, &mut meanwhile)?;
        let after = watched.status.ok_or("the supervisor said nothing")?;
        let resident_after = resident(observer, self.group, &after.agents);
        let mut seen = SoakSeen {
            seconds: watched.seconds,
            load: loaded,
            ..SoakSeen::default()
        };
        for agent in &before.agents {
            let now = after.agents.iter().find(|now| now.name == agent.name);
            let soak = AgentSoak {
                restarts: (agent.restarts.into(), now.map_or(0, |now| now.restarts.into())),
                pid: (agent.pid, now.and_then(|now| now.pid)),
                resident: (
                    resident_before.get(&agent.name).copied(),
                    resident_after.get(&agent.name).copied(),
                ),
                state: now.map_or("gone", |now| now.state.name()).to_owned(),
            };
            seen.agents.insert(agent.name.clone(), soak);
        }
        Ok(seen)
    }

    fn judge(&self, verdict: &mut Verdict, seen: &SoakSeen) {
        for (name, agent) in &seen.agents {
            self.judge_agent(verdict, name, agent);
        }
        if seen.agents.is_empty() {
            verdict.wrong("agents to observe", "none");
        }
        for (agent, what) in &seen.load.failures {
            verdict.wrong(format!("{agent} answers as expected all the while"), what.clone());
        }
        let growth = seen
            .agents
            .values()
            .filter_map(|agent| agent.resident.0.zip(agent.resident.1))
            .map(|(before, after)| megabytes(after.saturating_sub(before)))
            .fold(0.0, f64::max);
        verdict.note = format!(
            "{:.0} s, {} requests, largest growth {growth:.1} MB",
            seen.seconds, seen.load.requests
        );
    }

    fn judge_agent(&self, verdict: &mut Verdict, name: &str, agent: &AgentSoak) {
        let (max_growth_mb, max_restarts) = (self.max_growth_mb, self.max_restarts);
        let restarts = agent.restarts.1.saturating_sub(agent.restarts.0);
        if restarts > max_restarts {
            verdict.wrong(
                format!("{name}: at most {max_restarts} restarts"),
                format!("{name}: {restarts}"),
            );
        } else if restarts == 0 && agent.pid.0 != agent.pid.1 {
            // A supervisor that was itself restarted counts from nothing again.
            let shown = |pid: Option<u32>| pid.map_or_else(|| "no process".to_owned(), |pid| format!("process {pid}"));
            verdict.wrong(
                format!("{name}: still {}", shown(agent.pid.0)),
                format!("{name}: {}", shown(agent.pid.1)),
            );
        }
        if agent.state != "healthy" {
            verdict.wrong(
                format!("{name}: healthy at the end"),
                format!("{name}: {}", agent.state),
            );
        }
        match agent.resident {
            (Some(before), Some(after)) => {
                let growth = megabytes(after.saturating_sub(before));
                if growth > max_growth_mb {
                    verdict.wrong(
                        format!("{name}: grows by at most {max_growth_mb} MB"),
                        format!(
                            "{name}: by {growth:.1} MB, from {:.1} to {:.1}",
                            megabytes(before),
                            megabytes(after)
                        ),
                    );
                }
            }
            _ => verdict.wrong(format!("{name}: resident memory"), format!("{name}: could not be read")),
        }
    }
}

impl Load {
    fn send(&self, observer: &dyn Observer, seen: &mut LoadSeen) {
        let payload = self.send.bytes(&Saved::new());
        let wrong = match observer.request(self.agent, &payload, PATIENCE) {
            Err(blind) => Some(blind.to_string()),
            Ok(reply) => {
                let value = json_or_text(&reply);
                Matcher::compile(&self.expect)
                    .ok()
                    .and_then(|matcher| matcher.mismatches(&value).into_iter().next())
                    .map(|mismatch| format!("`{}` is {}, not {}", mismatch.path, mismatch.got, mismatch.expected))
            }
        };
        match wrong {
            None => seen.requests += 1,
            Some(what) if seen.failures.len() < KEPT_FAILURES => {
                let name = observer.stack().agent(self.agent).name.clone();
                seen.failures.push((name, what));
            }
            Some(_) => {}
        }
    }
}

/// Resident memory of agents, by name, in bytes.
fn resident(observer: &dyn Observer, group: GroupId, agents: &[AgentStatus]) -> BTreeMap<String, u64> {
    let pids = agents.iter().filter_map(|agent| agent.pid);
    let files: Vec<String> = pids.map(|pid| format!("/proc/{pid}/status")).collect();
    if files.is_empty() {
        return BTreeMap::new();
    }
    let mut words = vec!["grep", "-H", "^VmRSS:"];
    words.extend(files.iter().map(String::as_str));
    // A process that is gone by now makes grep fail, and print the others all the same.
    let seen = observer.exec(group, &words, &[]).unwrap_or_default();
    let by_pid = resident_by_pid(&seen.stdout);
    agents
        .iter()
        .filter_map(|agent| Some((agent.name.clone(), *by_pid.get(&agent.pid?)?)))
        .collect()
}

/// `grep -H ^VmRSS: /proc/7/status …` → bytes by process.
fn resident_by_pid(text: &str) -> BTreeMap<u32, u64> {
    text.lines()
        .filter_map(|line| {
            let (path, rest) = line.split_once(":VmRSS:")?;
            let pid = path.strip_prefix("/proc/")?.strip_suffix("/status")?.parse().ok()?;
            let kilobytes: u64 = rest.split_whitespace().next()?.parse().ok()?;
            Some((pid, kilobytes * 1024))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{AgentSoak, LoadSeen, Soak, SoakSeen, resident_by_pid};
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::{action, got};
    use crate::smoke::verdict::Verdict;

    fn judged(agent: AgentSoak, failures: &[(&str, &str)]) -> Outcome {
        let failures = failures.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        let seen = SoakSeen {
            seconds: 10.0,
            agents: BTreeMap::from([("A".to_owned(), agent)]),
            load: LoadSeen {
                requests: 12,
                failures: failures.collect(),
            },
        };
        let mut verdict = Verdict::default();
        action::<Soak>("soak: {group: core-services, max_growth_mb: 8}").judge(&mut verdict, &seen);
        verdict.outcome()
    }

    #[test]
    fn a_soak_fails_on_restarts_growth_and_wrong_answers() {
        let agent = |restarts, pid, resident, state: &str| AgentSoak {
            restarts: (0, restarts),
            pid: (Some(7), Some(pid)),
            resident: (Some(20_000_000), Some(resident)),
            state: state.to_owned(),
        };
        assert_eq!(
            judged(agent(0, 7, 21_000_000, "healthy"), &[]),
            Outcome::passed_with("10 s, 12 requests, largest growth 1.0 MB")
        );
        assert_eq!(
            got(&judged(agent(1, 9, 40_000_000, "mute"), &[("A", "no answer")])),
            ["A: 1", "A: mute", "A: by 20.0 MB, from 20.0 to 40.0", "no answer"]
        );
        assert_eq!(got(&judged(agent(0, 9, 20_000_000, "healthy"), &[])), ["A: process 9"]);
    }

    #[test]
    fn resident_memory_is_read() {
        let text = "/proc/7/status:VmRSS:\t   20480 kB\n/proc/9/status:VmRSS:\t  10 kB\ngrep: gone\n";
        assert_eq!(resident_by_pid(text), [(7, 20480 * 1024), (9, 10240)].into());
    }
}
