//! `soak`: a group is observed for a while, under load: nothing restarts, nothing grows, everything answers in time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::status::{AgentStatus, GroupStatus};
use schemars::JsonSchema;
use serde::Deserialize;
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
/// Further descriptors allowed to a soak that does not say.
const DESCRIPTORS: u64 = 32;
/// Further threads allowed to a soak that does not say.
const THREADS: u64 = 8;
/// Longest answer of a soak that does not say.
const LATENCY_MS: u64 = 2_000;
/// Time limit of each request of the load.
const PATIENCE: Duration = Duration::from_secs(5);
/// Failures of the load that are kept.
const KEPT_FAILURES: usize = 5;

/// Prints what processes have: bytes of resident memory, descriptors, threads. Arguments: their ids. One that is gone is left out.
const SCRIPT: &str = "\
import json, os, sys
found = {}
for pid in sys.argv[1:]:
    try:
        lines = [line.split(':', 1) for line in open('/proc/%s/status' % pid)]
        status = {words[0]: words[1].split() for words in lines if len(words) == 2}
        descriptors = len(os.listdir('/proc/%s/fd' % pid))
    except OSError:
        continue
    if 'VmRSS' in status:
        threads = int(status['Threads'][0])
        found[pid] = {'resident': int(status['VmRSS'][0]) * 1024, 'descriptors': descriptors, 'threads': threads}
print(json.dumps(found))
";

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Soak")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    group: Scalar,
    seconds: Option<u64>,
    /// Growth of memory that is allowed to each agent.
    max_growth_mb: Option<f64>,
    /// Descriptors that each agent may have more at the end.
    max_descriptors: Option<u64>,
    /// Threads that each agent may have more at the end.
    max_threads: Option<u64>,
    /// Milliseconds that an answer of the load may take.
    max_latency_ms: Option<u64>,
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
    bounds: Bounds,
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
    let mut whole = |key: &'static str, usual: u64| {
        let node = fields.get(key);
        node.and_then(|node| reader.whole(node, key)).unwrap_or(usual)
    };
    let bounds = Bounds {
        growth_mb: max_growth_mb,
        descriptors: whole("max_descriptors", DESCRIPTORS),
        threads: whole("max_threads", THREADS),
        latency_ms: whole("max_latency_ms", LATENCY_MS),
        restarts: whole("max_restarts", 0),
    };
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
        bounds,
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
                    agent: names.lasting_agent(&load.agent, "the load of a `soak`")?,
                    send: load.send,
                    expect: load.expect,
                })
            })
            .collect::<Option<Vec<_>>>();
        names.machine = before;
        let action = Soak {
            group,
            seconds: names.soak_seconds.unwrap_or(self.seconds),
            bounds: self.bounds,
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
    bounds: Bounds,
    /// Requests sent over and over meanwhile, one after the other.
    load: Vec<Load>,
}

/// What is allowed, per agent.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Growth of resident memory.
    growth_mb: f64,
    /// Further descriptors.
    descriptors: u64,
    /// Further threads.
    threads: u64,
    /// Longest answer.
    latency_ms: u64,
    /// Restarts.
    restarts: u64,
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
    /// Longest answer of each agent, in milliseconds.
    slowest: BTreeMap<String, u64>,
}

/// What a process has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
struct Has {
    /// Bytes of resident memory.
    resident: u64,
    descriptors: u64,
    threads: u64,
}

/// One agent over a while: each pair is before and after.
#[derive(Debug, Clone, Default)]
struct AgentSoak {
    restarts: (u64, u64),
    pid: (Option<u32>, Option<u32>),
    /// What its process has, where that could be read.
    has: (Option<Has>, Option<Has>),
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
        loaded.slowest.clear();
        let before = observer.status(self.group, PATIENCE)?;
        let has_before = has(observer, self.group, &before.agents);
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
        let has_after = has(observer, self.group, &after.agents);
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
                has: (
                    has_before.get(&agent.name).copied(),
                    has_after.get(&agent.name).copied(),
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
        let bound = self.bounds.latency_ms;
        for (agent, took) in seen.load.slowest.iter().filter(|(_, took)| **took > bound) {
            let expected = format!("{agent}: answers within {bound} ms");
            verdict.wrong(expected, format!("{agent}: took {took} ms"));
        }
        let slowest = seen.load.slowest.values().max().copied().unwrap_or(0);
        let growth = seen
            .agents
            .values()
            .filter_map(|agent| agent.has.0.zip(agent.has.1))
            .map(|(before, after)| megabytes(after.resident.saturating_sub(before.resident)))
            .fold(0.0, f64::max);
        verdict.note = format!(
            "{:.0} s, {} requests, largest growth {growth:.1} MB, longest answer {slowest} ms",
            seen.seconds, seen.load.requests
        );
    }

    fn judge_agent(&self, verdict: &mut Verdict, name: &str, agent: &AgentSoak) {
        let (max_growth_mb, max_restarts) = (self.bounds.growth_mb, self.bounds.restarts);
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
        let (Some(before), Some(after)) = agent.has else {
            verdict.wrong(
                format!("{name}: what its process has"),
                format!("{name}: could not be read"),
            );
            return;
        };
        let growth = megabytes(after.resident.saturating_sub(before.resident));
        if growth > max_growth_mb {
            verdict.wrong(
                format!("{name}: grows by at most {max_growth_mb} MB"),
                format!(
                    "{name}: by {growth:.1} MB, from {:.1} to {:.1}",
                    megabytes(before.resident),
                    megabytes(after.resident)
                ),
            );
        }
        for (what, bound, before, after) in [
            (
                "descriptors",
                self.bounds.descriptors,
                before.descriptors,
                after.descriptors,
            ),
            ("threads", self.bounds.threads, before.threads, after.threads),
        ] {
            if after.saturating_sub(before) > bound {
                verdict.wrong(
                    format!("{name}: at most {bound} {what} more"),
                    format!("{name}: {before} {what}, then {after}"),
                );
            }
        }
    }
}

impl Load {
    fn send(&self, observer: &dyn Observer, seen: &mut LoadSeen) {
        let payload = self.send.bytes(&Saved::new());
        let before = observer.left();
        let reply = observer.request(self.agent, &payload, PATIENCE);
        let took = u64::try_from(before.saturating_sub(observer.left()).as_millis()).unwrap_or(u64::MAX);
        let name = &observer.stack().agent(self.agent).name;
        let slowest = seen.slowest.entry(name.clone()).or_default();
        *slowest = took.max(*slowest);
        let wrong = match reply {
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
                seen.failures.push((name.clone(), what));
            }
            Some(_) => {}
        }
    }
}

/// What agents' processes have, by the agents' names.
fn has(observer: &dyn Observer, group: GroupId, agents: &[AgentStatus]) -> BTreeMap<String, Has> {
    let pids: Vec<String> = agents.iter().filter_map(|agent| Some(agent.pid?.to_string())).collect();
    if pids.is_empty() {
        return BTreeMap::new();
    }
    let words: Vec<&str> = pids.iter().map(String::as_str).collect();
    let seen = observer.python(group, SCRIPT, &words, &[]).unwrap_or_default();
    let by_pid: BTreeMap<String, Has> = serde_json::from_str(&seen.stdout).unwrap_or_default();
    agents
        .iter()
        .filter_map(|agent| Some((agent.name.clone(), *by_pid.get(&agent.pid?.to_string())?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{AgentSoak, Has, LoadSeen, Soak, SoakSeen};
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
                slowest: BTreeMap::from([("A".to_owned(), 30)]),
            },
        };
        let mut verdict = Verdict::default();
        action::<Soak>("soak: {group: core-services, max_growth_mb: 8}").judge(&mut verdict, &seen);
        verdict.outcome()
    }

    fn has(resident: u64, descriptors: u64) -> Has {
        Has {
            resident,
            descriptors,
            threads: 3,
        }
    }

    #[test]
    fn a_soak_fails_on_descriptors_threads_and_slow_answers() {
        let grown = Has {
            resident: 1,
            descriptors: 60,
            threads: 20,
        };
        let mut seen = SoakSeen::default();
        let agent = AgentSoak {
            pid: (Some(7), Some(7)),
            has: (Some(has(1, 8)), Some(grown)),
            state: "healthy".to_owned(),
            ..AgentSoak::default()
        };
        seen.agents.insert("A".to_owned(), agent);
        seen.load.slowest.insert("A".to_owned(), 120);
        let judge = |keys: &str| {
            let mut verdict = Verdict::default();
            let text = format!("soak: {{group: core-services{keys}}}");
            action::<Soak>(&text).judge(&mut verdict, &seen);
            verdict.outcome()
        };
        assert_eq!(
            got(&judge(", max_latency_ms: 100")),
            ["A: 8 descriptors, then 60", "A: 3 threads, then 20", "A: took 120 ms"]
        );
        let wide = judge(", max_descriptors: 52, max_threads: 17");
        assert_eq!(
            wide,
            Outcome::passed_with("0 s, 0 requests, largest growth 0.0 MB, longest answer 120 ms")
        );
    }

    #[test]
    fn a_soak_fails_on_restarts_growth_and_wrong_answers() {
        let agent = |restarts, pid, resident, state: &str| AgentSoak {
            restarts: (0, restarts),
            pid: (Some(7), Some(pid)),
            has: (Some(has(20_000_000, 8)), Some(has(resident, 8))),
            state: state.to_owned(),
        };
        assert_eq!(
            judged(agent(0, 7, 21_000_000, "healthy"), &[]),
            Outcome::passed_with("10 s, 12 requests, largest growth 1.0 MB, longest answer 30 ms")
        );
        assert_eq!(
            got(&judged(agent(1, 9, 40_000_000, "mute"), &[("A", "no answer")])),
            ["A: 1", "A: mute", "A: by 20.0 MB, from 20.0 to 40.0", "no answer"]
        );
        assert_eq!(got(&judged(agent(0, 9, 20_000_000, "healthy"), &[])), ["A: process 9"]);
    }
}
