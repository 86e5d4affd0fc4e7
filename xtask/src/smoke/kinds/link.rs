//! `link`: what one group needs of another, asked for from inside the dependent's container, in each way in which agents can.
//!
//! The ways come from the model: the dependency's address with its health port, as the supervisor knows it, and the loopback
//! ports that are forwarded to it, as code that says `localhost` uses them.

use std::sync::Arc;

use contract::health::{Check, Kind as Protocol, Verdict as Health};
use contract::http_reply;
use contract::status::AgentState;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{About, Action, Kind, Resolved, Saved, Spec};
use crate::container::group_config;
use crate::container::preload::Preload;
use crate::finding::Finding;
use crate::smoke::fields::{Text, needed};
use crate::smoke::observer::{Blind, Observer, answer, own_limit_ms};
use crate::smoke::plan::names::{Names, UNKNOWN_NAME};
use crate::smoke::template;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::graph;
use crate::stack::model::{AgentId, GroupId, Stack};
use crate::stack::written::{Any, Scalar};

/// The kind.
pub const KIND: Kind = Kind {
    name: "link",
    about: "Everything that a group depends on in another.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

/// Asks each way in turn. It reads what to ask from standard input and prints what came of it as JSON.
const SCRIPT: &str = include_str!("link.py");
/// Longest time that an agent may take to answer another, in milliseconds.
const PATIENCE_MS: u64 = 5_000;

/// Where a reply holds the agent's name, unless the check says.
const NAME_AT: &str = "name";

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Link")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    /// The group that depends.
    from: Scalar,
    /// The group that it depends on.
    to: Scalar,
    /// What is sent to each dependency's own port.
    send: Option<Any>,
    /// Where its reply holds its name.
    name_at: Option<Scalar>,
}

#[derive(Debug)]
struct LinkSpec {
    /// The group whose agents depend on the other's.
    from: Text,
    /// The group that they depend on.
    to: Text,
    /// What is sent to the main port of each dependency, beside the health exchange.
    send: Option<Value>,
    /// Where its reply must hold the dependency's name.
    name_at: String,
}

/// A pair of groups.
#[derive(Debug, Clone)]
pub struct Link {
    /// The group that asks.
    from: GroupId,
    /// What is asked, and how.
    ways: Vec<Way>,
}

/// One request from inside a container.
#[derive(Debug, Clone, PartialEq)]
struct Way {
    /// For people: `TaskRouter on loopback port 5590`.
    name: String,
    /// IPv4 address, or `${NAME}`: that variable of the container.
    host: String,
    /// Port.
    port: u16,
    /// How it is sent.
    protocol: Protocol,
    /// What is sent; nothing over plain TCP.
    send: String,
    /// What the reply must be.
    expect: Expect,
}

/// What a reply must be.
#[derive(Debug, Clone, PartialEq)]
enum Expect {
    /// A healthy answer to this check.
    Health(Check),
    /// JSON with this name at this path.
    Name {
        /// Path in the reply.
        at: String,
        /// The agent's name.
        name: String,
    },
}

/// What a way came to: the reply, or why there is none.
type WaySeen = Result<Vec<u8>, Blind>;

/// What the script prints of a way.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawWay {
    Reply(String),
    Error(String),
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let from = needed(reader, fields, "from", "`link`");
    let to = needed(reader, fields, "to", "`link`");
    let send = fields.get("send").map(|node| node.value());
    let name_at = fields.get("name_at").and_then(|node| {
        if send.is_none() {
            reader.note(node.mark, "`name_at` is about the reply to `send`, which is not there");
        }
        reader.text(node, "name_at")
    });
    Some(Box::new(LinkSpec {
        from: from?,
        to: to?,
        send,
        name_at: name_at.unwrap_or_else(|| NAME_AT.to_owned()),
    }))
}

impl Spec for LinkSpec {
    fn seconds(&self) -> u64 {
        60
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let (from, to) = (names.group(&self.from)?, names.group(&self.to)?);
        let link = Link::between(names.stack, from, to, self.send.as_ref(), &self.name_at);
        if link.ways.is_empty() {
            let text = format!("no agent of `{}` depends on one of `{}`", self.from.text, self.to.text);
            names
                .findings
                .push(Finding::error(UNKNOWN_NAME, self.to.place.clone(), text));
            return None;
        }
        Some((Arc::new(link), Some(names.stack.group(from).machine)))
    }
}

impl Action for Link {
    fn subject(&self, stack: &Stack) -> String {
        format!("`{}` asked from inside", stack.group(self.from).name)
    }

    fn about(&self, _stack: &Stack) -> Option<About> {
        Some(About::group(self.from))
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let ways = self.ways.iter();
        let ways: Vec<Value> = ways
            .map(|way| json!({"host": way.host, "port": way.port, "kind": way.protocol, "send": way.send}))
            .collect();
        let input = json!({"limit_ms": own_limit_ms(observer).min(PATIENCE_MS), "ways": ways}).to_string();
        let printed = observer.python(self.from, SCRIPT, &[], input.as_bytes())?;
        let seen: Vec<RawWay> = answer(&printed)?;
        let seen: Vec<WaySeen> = seen
            .into_iter()
            .map(|way| match way {
                RawWay::Reply(reply) => Ok(reply.into_bytes()),
                RawWay::Error(reason) => Err(Blind::because(reason)),
            })
            .collect();
        self.judge(verdict, &seen);
        Ok(())
    }
}

impl Link {
    /// Every way from a group to what it needs of another.
    fn between(stack: &Stack, from: GroupId, to: GroupId, send: Option<&Value>, name_at: &str) -> Self {
        let mut needed: Vec<AgentId> = graph::cross_container_edges(stack)
            .into_iter()
            .filter(|(dependent, needed)| stack.agent(*dependent).group == from && stack.agent(*needed).group == to)
            .map(|(_, needed)| needed)
            .collect();
        needed.sort();
        needed.dedup();
        let config = group_config::config(stack, from, &Preload::default());
        let mut ways = Vec::new();
        for agent in needed.into_iter().map(|id| stack.agent(id)) {
            let health = |name: String, host: &str, status_port: Option<u16>| {
                let check = agent.runtime.health.clone();
                let (port, check) = match (agent.health_port(), status_port) {
                    (None, Some(status_port)) => (status_port, told_by_its_supervisor(&agent.name)),
                    (port, _) => (port.unwrap_or(agent.port), check),
                };
                Way {
                    name,
                    host: host.to_owned(),
                    port,
                    protocol: check.kind,
                    send: match check.kind {
                        Protocol::Zmq => check.request().to_owned(),
                        Protocol::Http => check.http_request(&format!("{host}:{port}")),
                        Protocol::Tcp | Protocol::Process => String::new(),
                    },
                    expect: Expect::Health(check),
                }
            };
            let name = &agent.name;
            let machine = &stack.machine(agent.machine).name;
            let elsewhere = config
                .dependencies_elsewhere
                .iter()
                .filter(|there| there.name == *name && there.machine == *machine);
            ways.extend(elsewhere.map(|there| {
                let title = format!("{name} at {}", there.host);
                health(title, &there.host, there.status_port)
            }));
            for bridge in config.loopback_bridges.iter().filter(|bridge| bridge.agent == *name) {
                for port in &bridge.ports {
                    let way = health(format!("{name} on loopback port {port}"), "127.0.0.1", None);
                    if Some(*port) == agent.health_port() {
                        ways.push(way);
                    } else if let Some(send) = send {
                        ways.push(Way {
                            port: *port,
                            protocol: Protocol::Zmq,
                            send: send.to_string(),
                            expect: Expect::Name {
                                at: name_at.to_owned(),
                                name: name.clone(),
                            },
                            ..way
                        });
                    }
                }
            }
        }
        Self { from, ways }
    }

    fn judge(&self, verdict: &mut Verdict, seen: &[WaySeen]) {
        for (index, way) in self.ways.iter().enumerate() {
            let expected = match &way.expect {
                Expect::Health(_) => format!("{}: a healthy answer", way.name),
                Expect::Name { at, name } => format!("{}: a reply with `{at}` {name}", way.name),
            };
            let wrong = match seen.get(index) {
                None => Some("not asked".to_owned()),
                Some(Err(reason)) => Some(reason.to_string()),
                Some(Ok(reply)) => way.wrong(reply),
            };
            if let Some(wrong) = wrong {
                verdict.wrong(expected, format!("{}: {wrong}", way.name));
            }
        }
        verdict.note = format!("{} requests from inside", self.ways.len());
    }
}

/// The check of an agent of which nothing is asked: its supervisor says how it is.
fn told_by_its_supervisor(agent: &str) -> Check {
    Check {
        kind: Protocol::Http,
        path: Some(format!("/agents/{agent}")),
        // One that runs once is done.
        expect: [AgentState::Healthy, AgentState::Done]
            .map(|state| format!(r#""state":"{}""#, state.name()))
            .to_vec(),
        ..Check::default()
    }
}

fn judged(check: &Check, reply: &[u8]) -> Health {
    match check.kind {
        Protocol::Zmq => check.judge(reply),
        Protocol::Http => match http_reply::read(reply, true) {
            http_reply::Read::Whole(code, body) => check.judge_http(code, &body),
            http_reply::Read::Other(shown) => Health::Malformed(shown),
            http_reply::Read::More | http_reply::Read::Nothing => Health::Malformed(String::new()),
        },
        // It took the connection, or else there is no reply.
        Protocol::Tcp | Protocol::Process => Health::Healthy,
    }
}

impl Way {
    /// What is wrong with a reply.
    fn wrong(&self, reply: &[u8]) -> Option<String> {
        match &self.expect {
            Expect::Health(check) => match judged(check, reply) {
                Health::Healthy => None,
                Health::Unhealthy(reason) => Some(reason),
                Health::Malformed(shown) => Some(format!("`{shown}`")),
            },
            Expect::Name { at, name } => {
                let found = serde_json::from_slice::<Value>(reply)
                    .ok()
                    .and_then(|reply| template::lookup(&reply, at).cloned());
                match found {
                    Some(Value::String(found)) if found == *name => None,
                    Some(found) => Some(format!("`{at}` is {found}")),
                    None => Some(format!("no `{at}` in {:?}", String::from_utf8_lossy(reply))),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::health::{Check, Kind};
    use serde_json::json;

    use super::{Link, WaySeen};
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::small_stack;
    use crate::smoke::verdict::Verdict;
    use crate::stack::model::{AgentId, Dependency, GroupId, Stack};

    /// MainPC's MemoryManager needs one agent of core-services and the one on PC2.
    fn stack() -> Stack {
        let mut stack = small_stack();
        stack.agents[2].dependencies = vec![Dependency::Agent(AgentId(0)), Dependency::Agent(AgentId(3))];
        stack
    }

    fn outcome(link: &Link, seen: &[WaySeen]) -> Outcome {
        let mut verdict = Verdict::default();
        link.judge(&mut verdict, seen);
        verdict.outcome()
    }

    #[test]
    fn a_dependency_is_asked_by_its_address_and_through_loopback() {
        let stack = stack();
        let link = Link::between(
            &stack,
            GroupId(1),
            GroupId(0),
            Some(&json!({"action": "describe"})),
            "name",
        );
        let ways: Vec<(&str, u16)> = link.ways.iter().map(|way| (way.name.as_str(), way.port)).collect();
        assert_eq!(
            ways,
            [
                ("CoordinatorAgent at 172.20.0.10", 28002),
                ("CoordinatorAgent on loopback port 26002", 26002),
                ("CoordinatorAgent on loopback port 28002", 28002),
            ]
        );
        let far = Link::between(&stack, GroupId(1), GroupId(2), None, "name");
        assert_eq!(far.ways[0].host, "${PC2_IP}");
        assert!(
            Link::between(&stack, GroupId(0), GroupId(1), None, "name")
                .ways
                .is_empty()
        );
    }

    #[test]
    fn a_dependency_is_asked_as_its_health_is_found_out() {
        let mut stack = stack();
        stack.agents[0].runtime.health = Check {
            kind: Kind::Http,
            path: Some("/up".to_owned()),
            ..Check::default()
        };
        let link = Link::between(&stack, GroupId(1), GroupId(0), None, "name");
        assert!(
            link.ways[0].send.starts_with("GET /up HTTP/1.1\r\n"),
            "{:?}",
            link.ways[0]
        );
        let reply = |code: &str| Ok(format!("HTTP/1.1 {code} X\r\n\r\nfine").into_bytes());
        let all = |code: &str| link.ways.iter().map(|_| reply(code)).collect::<Vec<_>>();
        assert!(!outcome(&link, &all("200")).is_failure());
        assert!(outcome(&link, &all("503")).is_failure());
        stack.agents[0].runtime.health = Check {
            kind: Kind::Process,
            ..Check::default()
        };
        let link = Link::between(&stack, GroupId(1), GroupId(0), None, "name");
        let ways: Vec<(u16, &str)> = link.ways.iter().map(|way| (way.port, &way.send[..29])).collect();
        assert_eq!(ways, [(stack.status_port, "GET /agents/CoordinatorAgent ")]);
        let standing = |state: &str| Ok(format!("HTTP/1.1 200 OK\r\n\r\n{{\"state\":\"{state}\"}}").into_bytes());
        assert!(!outcome(&link, &[standing("healthy")]).is_failure());
        assert!(!outcome(&link, &[standing("done")]).is_failure());
        assert!(outcome(&link, &[standing("failed")]).is_failure());
    }

    #[test]
    fn every_way_must_come_to_the_right_agent() {
        let link = Link::between(&stack(), GroupId(1), GroupId(0), Some(&json!({})), "name");
        let healthy = || Ok(br#"{"status":"ok"}"#.to_vec());
        let right = [healthy(), Ok(br#"{"name":"CoordinatorAgent"}"#.to_vec()), healthy()];
        assert!(!outcome(&link, &right).is_failure());
        let wrong = [
            Err("nothing answers".into()),
            Ok(br#"{"name":"ModelManagerAgent"}"#.to_vec()),
            Ok(br#"{"status":"error"}"#.to_vec()),
        ];
        let Outcome::Failed { got, .. } = outcome(&link, &wrong) else {
            panic!("it must fail");
        };
        assert_eq!(
            got,
            [
                "CoordinatorAgent at 172.20.0.10: nothing answers",
                "CoordinatorAgent on loopback port 26002: `name` is \"ModelManagerAgent\"",
                "CoordinatorAgent on loopback port 28002: status is \"error\"",
            ]
        );
        assert!(outcome(&link, &right[..2]).is_failure(), "one was not asked");
    }
}
