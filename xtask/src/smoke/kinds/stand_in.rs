//! `stand_in`: an absent service is put on its loopback port, in the container of the agent that looks for it there, and the
//! agent is asked until it has used it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{About, Action, Kind, Resolved, Saved, Spec};
use crate::smoke::fields::{Payload, Text, matcher, needed, payload};
use crate::smoke::observer::{Blind, Observer, answer, own_limit_ms};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{AgentId, Stack};
use crate::stack::written::{Any, Scalar};

/// The kind.
pub const KIND: Kind = Kind {
    name: "stand_in",
    about: "A service that is put where an agent looks for it.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

/// Serves the port and asks the agent until it has used it; prints JSON.
const SCRIPT: &str = include_str!("stand_in.py");

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "StandIn")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    agent: Scalar,
    /// Loopback port of the agent's container.
    #[schemars(range(min = 1))]
    port: u16,
    /// What the service replies.
    replies: Any,
    send: Option<Any>,
    send_raw: Option<Scalar>,
    expect: Any,
}

#[derive(Debug)]
struct StandInSpec {
    /// The agent that is asked.
    agent: Text,
    port: u16,
    replies: Value,
    send: Payload,
    expect: Value,
}

/// An agent to ask.
#[derive(Debug, Clone)]
pub struct StandIn {
    /// The agent.
    agent: AgentId,
    /// Port of the absent service.
    port: u16,
    /// What the service replies to everything.
    replies: Value,
    /// What the agent is asked.
    send: Payload,
    /// Matcher of the agent's reply.
    expect: Value,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct StandInSeen {
    /// What the service was asked.
    asked: Vec<String>,
    /// The agent's reply, the last one.
    reply: String,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let agent = needed(reader, fields, "agent", "`stand_in`");
    let port = fields.need(reader, "port", "`stand_in`").and_then(|node| {
        let port = reader.whole(node, "port")?;
        let port = u16::try_from(port).ok().filter(|port| *port > 0);
        if port.is_none() {
            reader.note(node.mark, "`port` must be between 1 and 65535");
        }
        port
    });
    let replies = fields.need(reader, "replies", "`stand_in`").map(|node| node.value());
    let send = payload(reader, fields, "`stand_in`");
    let expect = fields.need(reader, "expect", "`stand_in`");
    let expect = matcher(reader, expect);
    Some(Box::new(StandInSpec {
        agent: agent?,
        port: port?,
        replies: replies?,
        send: send?,
        expect: expect?,
    }))
}

impl Spec for StandInSpec {
    fn seconds(&self) -> u64 {
        60
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let agent = names.lasting_agent(&self.agent, "`stand_in`")?;
        let action = StandIn {
            agent,
            port: self.port,
            replies: self.replies,
            send: self.send,
            expect: self.expect,
        };
        Some((Arc::new(action), Some(names.stack.agent(agent).machine)))
    }
}

impl Action for StandIn {
    fn subject(&self, stack: &Stack) -> String {
        format!("{} asked from inside", stack.agent(self.agent).name)
    }

    fn about(&self, stack: &Stack) -> Option<About> {
        Some(About::agent(stack, self.agent))
    }

    fn observe(&self, observer: &dyn Observer, saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let agent = observer.stack().agent(self.agent);
        let input = json!({
            "service_port": self.port,
            "replies": self.replies.to_string(),
            "agent_port": agent.port,
            "send": String::from_utf8_lossy(&self.send.bytes(saved)),
            "limit_ms": own_limit_ms(observer),
        })
        .to_string();
        let seen = answer(&observer.python(agent.group, SCRIPT, &[], input.as_bytes())?)?;
        self.judge(verdict, &seen);
        Ok(())
    }
}

impl StandIn {
    fn judge(&self, verdict: &mut Verdict, seen: &StandInSeen) {
        if seen.asked.is_empty() {
            verdict.wrong(
                format!("the service on port {} is asked", self.port),
                "nothing came there",
            );
        }
        match serde_json::from_str::<Value>(&seen.reply) {
            Ok(reply) => verdict.compare("", &self.expect, &reply),
            Err(_) => verdict.wrong("a JSON reply", format!("{:?}", seen.reply)),
        }
        verdict.evidence("reply", seen.reply.clone());
        verdict.evidence("what the service was asked", seen.asked.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{StandIn, StandInSeen};
    use crate::smoke::fields::Payload;
    use crate::smoke::verdict::Verdict;
    use crate::stack::model::AgentId;

    #[test]
    fn the_service_must_be_used_and_the_reply_be_right() {
        let check = StandIn {
            agent: AgentId(0),
            port: 5584,
            replies: json!({}),
            send: Payload::Json(json!({})),
            expect: json!({"engine": "Phi"}),
        };
        let failed = |asked: &[&str], reply: &str| {
            let mut verdict = Verdict::default();
            let seen = StandInSeen {
                asked: asked.iter().map(|text| (*text).to_owned()).collect(),
                reply: reply.to_owned(),
            };
            check.judge(&mut verdict, &seen);
            verdict.outcome().is_failure()
        };
        assert!(!failed(&["{}"], r#"{"engine":"Phi"}"#));
        assert!(failed(&[], r#"{"engine":"Phi"}"#));
        assert!(failed(&["{}"], r#"{"engine":"fixed"}"#));
        assert!(failed(&["{}"], ""));
    }
}
