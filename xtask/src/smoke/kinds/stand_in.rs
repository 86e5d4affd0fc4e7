//! `stand_in`: an absent service is put on its loopback port, in the container of the agent that looks for it there, and the
//! agent is asked until it has used it.

use serde_json::Value;

use crate::smoke::fields::Payload;
use crate::smoke::fields::{matcher, needed, payload};
use crate::smoke::spec::StandInSpec;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::AgentId;

/// An agent to ask.
#[derive(Debug, Clone)]
pub struct StandIn {
    /// The agent.
    pub agent: AgentId,
    /// Port of the absent service.
    pub port: u16,
    /// What the service replies to everything.
    pub replies: Value,
    /// What the agent is asked.
    pub send: Payload,
    /// Matcher of the agent's reply.
    pub expect: Value,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StandInSeen {
    /// What the service was asked.
    pub asked: Vec<String>,
    /// The agent's reply, the last one.
    pub reply: String,
}

/// Reads it.
pub fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<StandInSpec> {
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
    Some(StandInSpec {
        agent: agent?,
        port: port?,
        replies: replies?,
        send: send?,
        expect: expect?,
    })
}

impl StandIn {
    pub(in crate::smoke) fn judge(&self, verdict: &mut Verdict, seen: &StandInSeen) {
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
