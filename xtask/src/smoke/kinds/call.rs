//! `call`: a request from inside a group's container to an agent of another machine, by its LAN address or by loopback, as code
//! does that was written for one machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde_json::Value;

use super::{About, Action, Kind, Resolved, Saved, Spec};
use crate::boot::reach::lan_address;
use crate::smoke::fields::{Payload, Text, matcher, needed, payload};
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Data, Fields, Reader};
use crate::smoke::{reply, template};
use crate::stack::model::{AgentId, GroupId, Stack};
use crate::stack::written::{Any, Scalar};

/// The kind.
pub const KIND: Kind = Kind {
    name: "call",
    about: "A request from a group's container, maybe to another machine.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

/// Sends standard input to a REP port and prints the reply. Arguments: host, port, time limit in ms.
const SCRIPT: &str = "\
import sys, zmq
host, port, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = zmq.Context().socket(zmq.REQ)
s.setsockopt(zmq.LINGER, 0)
s.setsockopt(zmq.RCVTIMEO, limit)
s.setsockopt(zmq.SNDTIMEO, limit)
s.connect('tcp://%s:%s' % (host, port))
s.send(sys.stdin.buffer.read())
try:
    sys.stdout.buffer.write(b''.join(s.recv_multipart()))
except zmq.Again:
    sys.exit('no answer of %s:%s within %.1f s' % (host, port, limit / 1000))
";

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Call")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    /// The group in whose container it starts.
    from: Scalar,
    agent: Scalar,
    by: Option<WayKeys>,
    send: Option<Any>,
    send_raw: Option<Scalar>,
    expect: Any,
    /// Again until the reply matches or the time is over.
    repeat: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", rename = "Way")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
enum WayKeys {
    /// The address of the agent's machine.
    Lan,
    /// The container's own.
    Loopback,
}

#[derive(Debug)]
struct CallSpec {
    from: Text,
    agent: Text,
    by: Way,
    send: Payload,
    expect: Value,
    repeat: bool,
}

/// By which address an agent is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The LAN address of its machine.
    Lan,
    /// The loopback of the container that asks.
    Loopback,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let from = needed(reader, fields, "from", "`call`");
    let agent = needed(reader, fields, "agent", "`call`");
    let send = payload(reader, fields, "`call`");
    let expect = fields.need(reader, "expect", "`call`");
    let expect = matcher(reader, expect);
    let by = match fields.get("by") {
        None => Way::Lan,
        Some(node) => match &node.data {
            Data::Text(word) if word == "lan" => Way::Lan,
            Data::Text(word) if word == "loopback" => Way::Loopback,
            _ => {
                reader.note(node.mark, "`by` must be lan or loopback");
                return None;
            }
        },
    };
    let repeat = fields.get("repeat").and_then(|node| reader.flag(node, "repeat"));
    Some(Box::new(CallSpec {
        from: from?,
        agent: agent?,
        by,
        send: send?,
        expect: expect?,
        repeat: repeat.unwrap_or(false),
    }))
}

impl Spec for CallSpec {
    fn uses(&self) -> Vec<String> {
        let mut names = self.send.uses();
        names.extend(template::saved_names(&self.expect));
        names
    }

    fn seconds(&self) -> u64 {
        30
    }

    /// It is about no one machine.
    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let action = Call {
            from: names.group(&self.from)?,
            agent: names.lasting_agent(&self.agent, "`call`")?,
            by: self.by,
            send: self.send,
            expect: self.expect,
            repeat: self.repeat,
        };
        Some((Arc::new(action), None))
    }
}

/// A request from inside a container.
#[derive(Debug, Clone)]
pub struct Call {
    /// Group in whose container it starts.
    from: GroupId,
    /// The agent that it is for.
    agent: AgentId,
    by: Way,
    send: Payload,
    /// Matcher of the reply.
    expect: Value,
    /// Whether it is repeated until the reply matches or the time is over.
    repeat: bool,
}

impl Action for Call {
    fn subject(&self, stack: &Stack) -> String {
        let way = match self.by {
            Way::Lan => "the LAN address",
            Way::Loopback => "loopback",
        };
        let (from, agent) = (&stack.group(self.from).name, &stack.agent(self.agent).name);
        format!("a reply of {agent} to `{from}`, by {way}")
    }

    fn about(&self, stack: &Stack) -> Option<About> {
        Some(About::agent(stack, self.agent))
    }

    fn observe(&self, observer: &dyn Observer, saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let payload = self.send.bytes(saved);
        let expect = template::insert_saved(&self.expect, saved);
        let judge = |verdict: &mut Verdict, reply: &[u8]| {
            reply::judge(verdict, &expect, &BTreeMap::new(), reply);
        };
        let reply = loop {
            let reply = self.ask(observer, &payload);
            let good = reply
                .as_ref()
                .is_ok_and(|reply| Verdict::passes(|verdict| judge(verdict, reply)));
            if good || !self.repeat || !observer.again() {
                break reply?;
            }
        };
        judge(verdict, &reply);
        verdict.evidence("request", String::from_utf8_lossy(&payload));
        verdict.evidence("reply", String::from_utf8_lossy(&reply));
        Ok(())
    }
}

impl Call {
    fn ask(&self, observer: &dyn Observer, payload: &[u8]) -> Result<Vec<u8>, Blind> {
        let stack = observer.stack();
        let asked = stack.agent(self.agent);
        let host = observer.host_of(asked.machine)?;
        let host = match self.by {
            Way::Loopback => "localhost".to_owned(),
            Way::Lan => lan_address(stack, asked.machine, host).to_string(),
        };
        let (port, limit) = (asked.port.to_string(), observer.left().as_millis().to_string());
        let seen = observer.python(self.from, SCRIPT, &[&host, &port, &limit], payload)?;
        seen.succeeded().map(String::into_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, Way};
    use crate::smoke::load::parse;
    use crate::smoke::plan::fixture::action;

    #[test]
    fn an_address_and_repetition_are_read() {
        let call: Call = action(
            "call: {from: core-services, agent: CoordinatorAgent, by: loopback, send: {a: 1}, expect: {status: ok}, \
             repeat: true}",
        );
        assert!(call.by == Way::Loopback && call.repeat);
    }

    #[test]
    fn an_unknown_address_is_named_at_its_line() {
        let text = "phase: 4
checks:
  - {name: b, call: {from: core, agent: Alpha, by: air, send: {}, expect: {}}}
";
        let (_, findings) = parse(&[("x.yaml".to_owned(), text.to_owned())]);
        assert_eq!(findings[0].place.line, 3);
        assert_eq!(findings[0].message, "`by` must be lan or loopback");
    }
}
