//! `published`: the agents that a group publishes on its host's loopback answer there, as they do for programs of the host.
//!
//! That a port takes a connection proves nothing: Podman's forwarder and the kernel take it for an agent that hangs, and anybody may
//! listen there. So Podman has to say that the container has the port, and the agent has to answer; its name in the reply proves that
//! it was the one that did.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use contract::group_config::Restart;
use contract::health::{self, Kind as Protocol};
use schemars::JsonSchema;
use serde_json::Value;

use super::{About, Action, Kind, Lane, Resolved, Saved, Spec};
use crate::finding::{Finding, Subject};
use crate::smoke::fields::{Text, needed};
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::{Names, UNFIT};
use crate::smoke::template;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{Agent, AgentId, GroupId, Stack};
use crate::stack::written::{Any, Scalar};

/// The kind.
pub const KIND: Kind = Kind {
    name: "published",
    about: "Ports that a group publishes on its host's loopback.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

/// Time limit of each request.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Published")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    group: Scalar,
    /// JSON that is sent to each main port; a health request otherwise.
    send: Option<Any>,
    /// Path in the reply that must hold the agent's name; any reply counts otherwise.
    name_at: Option<Scalar>,
}

#[derive(Debug)]
struct PublishedSpec {
    group: Text,
    send: Option<Value>,
    name_at: Option<String>,
}

/// A group, with its agents that are published and speak ZeroMQ: others cannot be asked in one way.
#[derive(Debug, Clone)]
pub struct Published {
    group: GroupId,
    agents: Vec<AgentId>,
    send: String,
    name_at: Option<String>,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let group = needed(reader, fields, "group", "`published`");
    let send = fields.get("send").map(|node| node.value());
    let name_at = fields.get("name_at").and_then(|node| reader.text(node, "name_at"));
    Some(Box::new(PublishedSpec {
        group: group?,
        send,
        name_at,
    }))
}

impl Spec for PublishedSpec {
    fn seconds(&self) -> u64 {
        30
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let group = names.group(&self.group)?;
        let agents = asked(names.stack, group);
        if agents.is_empty() {
            let text = format!(
                "group `{}` publishes no agent on loopback that could be asked: `published` would look at nothing",
                self.group.text
            );
            let help = "name one that speaks ZeroMQ in `published:` of the group, or keep the check to other groups with `groups:`";
            let finding = Finding::error(UNFIT, self.group.place.clone(), text);
            let finding = finding.about(Subject::Name(self.group.text.clone())).with_help(help);
            names.findings.push(finding);
            return None;
        }
        let action = Published {
            group,
            agents,
            send: self
                .send
                .map_or_else(|| health::REQUEST.to_owned(), |send| send.to_string()),
            name_at: self.name_at,
        };
        Some((Arc::new(action), Some(names.stack.group(group).machine)))
    }
}

impl Action for Published {
    fn lane(&self) -> Lane {
        Lane::Requests
    }

    fn subject(&self, stack: &Stack) -> String {
        format!("the published ports of `{}`", stack.group(self.group).name)
    }

    fn about(&self, _stack: &Stack) -> Option<About> {
        Some(About::group(self.group))
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let stack = observer.stack();
        let group = stack.group(self.group);
        let listed = observer
            .podman(Some(group.machine), &["port", &group.name])?
            .succeeded()?;
        let bound = on_loopback(&listed);
        let mut inside = 0;
        for id in &self.agents {
            let agent = stack.agent(*id);
            let limit = PATIENCE.min(observer.left());
            let reply = observer
                .request_on_loopback(group.machine, agent.port, self.send.as_bytes(), limit)
                .unwrap_or_else(|| {
                    inside += 1;
                    observer.request(*id, self.send.as_bytes(), limit)
                });
            self.judge(verdict, agent, &bound, &reply);
        }
        verdict.note = format!("{} of them", self.agents.len());
        if inside > 0 {
            verdict.note += "; asked from inside, since the machine is another host, whose loopback is out of reach";
        }
        Ok(())
    }
}

impl Published {
    fn judge(&self, verdict: &mut Verdict, agent: &Agent, bound: &BTreeSet<u16>, reply: &Result<Vec<u8>, Blind>) {
        let name = &agent.name;
        let port = agent.port;
        if !bound.contains(&port) {
            let got = format!("Podman publishes no port {port} of the container there");
            verdict.wrong(format!("{name} has port {port} of the host's loopback"), got);
        }
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                verdict.wrong(
                    format!("{name} answers on port {port} of the host's loopback"),
                    error.to_string(),
                );
                return;
            }
        };
        let Some(at) = &self.name_at else { return };
        let found = serde_json::from_slice::<Value>(reply).ok();
        let found = found.as_ref().and_then(|reply| template::lookup(reply, at));
        if found.and_then(Value::as_str) != Some(name) {
            let got = match found {
                Some(found) => format!("port {port}: `{at}` is {found}"),
                None => format!("port {port}: no `{at}` in {:?}", String::from_utf8_lossy(reply)),
            };
            verdict.wrong(format!("a reply on port {port} with `{at}` {name}"), got);
        }
    }
}

/// The agents of a group that are published on loopback and can be asked there.
fn asked(stack: &Stack, group: GroupId) -> Vec<AgentId> {
    let mut agents = stack.group(group).published.clone();
    agents.retain(|agent| {
        let runtime = &stack.agent(*agent).runtime;
        runtime.health.kind == Protocol::Zmq && runtime.lifecycle.restart == Restart::Always
    });
    agents
}

/// The container's ports that `podman port` says are on the host's loopback at the same number: `5575/tcp -> 127.0.0.1:5575`.
fn on_loopback(listed: &str) -> BTreeSet<u16> {
    let port = |line: &str| {
        let (inside, outside) = line.split_once(" -> ")?;
        let inside: u16 = inside.trim().strip_suffix("/tcp")?.parse().ok()?;
        let (address, outside) = outside.trim().rsplit_once(':')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let is_there = address.is_loopback() || address.is_unspecified();
        (is_there && outside.parse() == Ok(inside)).then_some(inside)
    };
    listed.lines().filter_map(port).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Published, asked, on_loopback};
    use crate::smoke::load::parse;
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::{Selection, expand};
    use crate::smoke::verdict::Verdict;
    use crate::stack::fixture::Fixture;

    const PLAIN: &str = "    agents: [Alpha, Beta]";

    #[test]
    fn those_are_asked_that_are_published_and_speak_zeromq() {
        let names = |lines: &str| {
            let stack = Fixture::small().stack(PLAIN, &format!("{lines}\n{PLAIN}")).model();
            let agents = asked(&stack, stack.find_group("core").unwrap());
            let agents = agents.iter().map(|agent| stack.agent(*agent).name.clone());
            agents.collect::<Vec<_>>()
        };
        assert_eq!(names("    published: [Beta]"), ["Beta"]);
        assert_eq!(
            names("    published: [Alpha, Beta]\n    overrides: {Alpha: {health: http}}"),
            ["Beta"]
        );
        assert_eq!(
            names("    published: [Alpha, Beta]\n    overrides: {Alpha: {restart: no, health: zmq}}"),
            ["Beta"]
        );
    }

    #[test]
    fn a_group_that_publishes_nobody_is_a_mistake() {
        let stack = Fixture::small()
            .stack(PLAIN, &format!("    published: []\n{PLAIN}"))
            .model();
        let text = "phase: 3\nchecks:\n  - {name: a, published: {group: core}}\n";
        let (files, _) = parse(&[("x.yaml".to_owned(), text.to_owned())]);
        let (_, findings) = expand(&stack, &files, &Selection::default());
        assert!(
            findings[0]
                .message
                .starts_with("group `core` publishes no agent on loopback"),
            "{findings:?}"
        );
        assert_eq!(findings.len(), 1);
    }

    #[test]
    fn podman_s_list_of_ports_is_read() {
        let listed = "9000/tcp -> 127.0.0.1:19901\n5575/tcp -> 127.0.0.1:5575\n5576/tcp -> 192.168.1.101:5576\n\
                      5577/udp -> 127.0.0.1:5577\n5578/tcp -> 0.0.0.0:5578\nrubbish\n";
        assert_eq!(on_loopback(listed), BTreeSet::from([5575, 5578]));
    }

    #[test]
    fn only_the_agent_s_own_answer_on_its_published_port_passes() {
        let stack = Fixture::small()
            .stack(PLAIN, &format!("    published: [Beta]\n{PLAIN}"))
            .model();
        let group = stack.find_group("core").unwrap();
        let agents = asked(&stack, group);
        let beta = stack.agent(agents[0]);
        let got = |name_at: Option<&str>, bound: &[u16], reply: Result<&str, &str>| {
            let check = Published {
                group,
                agents: agents.clone(),
                send: String::new(),
                name_at: name_at.map(str::to_owned),
            };
            let reply = reply.map(|text| text.as_bytes().to_vec()).map_err(Into::into);
            let mut verdict = Verdict::default();
            check.judge(&mut verdict, beta, &bound.iter().copied().collect(), &reply);
            match verdict.outcome() {
                Outcome::Failed { got, .. } => got,
                _ => Vec::new(),
            }
        };
        let port = beta.port;
        let own = r#"{"name": "Beta"}"#;
        assert!(got(Some("name"), &[port], Ok(own)).is_empty());
        assert!(got(None, &[port], Ok("anything")).is_empty());
        assert_eq!(
            got(Some("name"), &[], Ok(own)),
            [format!("Podman publishes no port {port} of the container there")]
        );
        assert_eq!(
            got(None, &[port], Err("no answer of 127.0.0.1 within 5.0 s")),
            ["no answer of 127.0.0.1 within 5.0 s"]
        );
        assert_eq!(
            got(Some("name"), &[port], Ok(r#"{"name": "Impostor"}"#)),
            [format!("port {port}: `name` is \"Impostor\"")]
        );
        assert_eq!(
            got(Some("name"), &[port], Ok("hello")),
            [format!("port {port}: no `name` in \"hello\"")]
        );
    }
}
