//! `request`: one request to an agent's main port, and its reply.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde_json::Value;

use super::{About, Action, Kind, Lane, Resolved, Saved, Spec};
use crate::smoke::fields::{Payload, Text, matcher, needed, payload};
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Data, Fields, Reader};
use crate::smoke::{reply, template};
use crate::stack::model::{AgentId, Stack};
use crate::stack::written::{Any, Scalar};

/// The kind.
pub const KIND: Kind = Kind {
    name: "request",
    about: "A request to an agent.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Request")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    /// `Name` or `machine/Name`.
    agent: Scalar,
    /// JSON that is sent.
    send: Option<Any>,
    /// Characters that are sent, in its place.
    send_raw: Option<Scalar>,
    /// What the reply must match.
    expect: Any,
    /// Names for values of the reply, by path.
    save: Option<BTreeMap<String, Scalar>>,
}

#[derive(Debug)]
struct RequestSpec {
    agent: Text,
    send: Payload,
    expect: Value,
    save: BTreeMap<String, String>,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let agent = needed(reader, fields, "agent", "`request`");
    let send = payload(reader, fields, "`request`");
    let expect = fields.need(reader, "expect", "`request`");
    let expect = matcher(reader, expect);
    let mut save = BTreeMap::new();
    if let Some(node) = fields.get("save") {
        if let Data::Map(entries) = &node.data {
            for (key, path) in entries {
                if let Some(path) = reader.text(path, "save") {
                    save.insert(key.text.clone(), path);
                }
            }
        } else {
            reader.note(node.mark, "`save` must be a mapping of names to paths in the reply");
        }
    }
    Some(Box::new(RequestSpec {
        agent: agent?,
        send: send?,
        expect: expect?,
        save,
    }))
}

impl Spec for RequestSpec {
    fn uses(&self) -> Vec<String> {
        let mut names = self.send.uses();
        names.extend(template::saved_names(&self.expect));
        names
    }

    fn saves(&self) -> Vec<String> {
        self.save.keys().cloned().collect()
    }

    fn seconds(&self) -> u64 {
        10
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let agent = names.lasting_agent(&self.agent, "`request`")?;
        let action = Request {
            agent,
            send: self.send,
            expect: self.expect,
            save: self.save,
        };
        Some((Arc::new(action), Some(names.stack.agent(agent).machine)))
    }
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The agent.
    pub agent: AgentId,
    send: Payload,
    expect: Value,
    /// Names for values of the reply, by path.
    save: BTreeMap<String, String>,
}

impl Action for Request {
    fn lane(&self) -> Lane {
        Lane::Requests
    }

    fn subject(&self, stack: &Stack) -> String {
        format!("a reply of {}", stack.agent(self.agent).name)
    }

    fn about(&self, stack: &Stack) -> Option<About> {
        Some(About {
            state: true,
            ..About::agent(stack, self.agent)
        })
    }

    fn observe(&self, observer: &dyn Observer, saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let payload = self.send.bytes(saved);
        verdict.evidence("request", String::from_utf8_lossy(&payload));
        let reply = observer.request(self.agent, &payload, observer.left())?;
        self.judge(verdict, saved, &reply);
        Ok(())
    }
}

impl Request {
    fn judge(&self, verdict: &mut Verdict, saved: &Saved, reply: &[u8]) {
        reply::judge(verdict, &template::insert_saved(&self.expect, saved), &self.save, reply);
        verdict.evidence("reply", String::from_utf8_lossy(reply));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Request;
    use crate::smoke::kinds::Saved;
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::action;
    use crate::smoke::verdict::Verdict;

    const REQUEST: &str = "request: {agent: CoordinatorAgent, send: {action: task}, expect: {status: ok, n: {min: 2}}, save: {id: task.id}}";

    fn judged(reply: &[u8]) -> Outcome {
        let mut verdict = Verdict::default();
        action::<Request>(REQUEST).judge(&mut verdict, &Saved::new(), reply);
        verdict.outcome()
    }

    #[test]
    fn a_right_reply_passes_and_saves() {
        let reply = json!({"status": "ok", "n": 3, "task": {"id": 9}}).to_string();
        let Outcome::Passed { saved, .. } = judged(reply.as_bytes()) else {
            panic!("it must pass");
        };
        assert_eq!(saved["id"], json!(9));
    }

    #[test]
    fn a_wrong_reply_says_where_and_shows_it() {
        let reply = json!({"status": "error", "n": 1, "task": {}}).to_string();
        let Outcome::Failed {
            expected,
            got,
            evidence,
        } = judged(reply.as_bytes())
        else {
            panic!("it must fail");
        };
        assert_eq!(
            expected,
            [
                "`status`: \"ok\"",
                "`n`: at least 2",
                "`task.id`: a value to save as `id`"
            ]
        );
        assert_eq!(got, ["`status`: \"error\"", "`n`: 1", "`task.id`: nothing"]);
        assert_eq!(evidence[0].text, reply);
        assert!(judged(b"<html>").is_failure());
    }
}
