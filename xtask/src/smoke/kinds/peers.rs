//! `peers`: a group reaches the agents of other machines that it needs, or reports that it does not. Waited for until the time
//! limit.

use std::sync::Arc;

use contract::status::GroupStatus;
use schemars::JsonSchema;

use super::{Action, Kind, Lane, Resolved, Saved, Spec};
use crate::smoke::fields::{Text, needed};
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{GroupId, Stack};
use crate::stack::written::Scalar;

/// The kind.
pub const KIND: Kind = Kind {
    name: "peers",
    about: "What a group says of the other machine's agents.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Peers")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    group: Scalar,
    /// Whether all of them can be reached, or none.
    reachable: bool,
}

#[derive(Debug)]
struct PeersSpec {
    group: Text,
    reachable: bool,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let group = needed(reader, fields, "group", "`peers`");
    let node = fields.need(reader, "reachable", "`peers`")?;
    let reachable = reader.flag(node, "reachable")?;
    Some(Box::new(PeersSpec {
        group: group?,
        reachable,
    }))
}

impl Spec for PeersSpec {
    fn seconds(&self) -> u64 {
        30
    }

    /// It is about no one machine.
    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let action = Peers {
            group: names.group(&self.group)?,
            reachable: self.reachable,
        };
        Some((Arc::new(action), None))
    }
}

/// What a group says of the agents on other machines.
#[derive(Debug, Clone)]
pub struct Peers {
    group: GroupId,
    /// Whether it must reach all of them, or none.
    reachable: bool,
}

impl Action for Peers {
    fn lane(&self) -> Lane {
        Lane::Requests
    }

    fn subject(&self, stack: &Stack) -> String {
        let group = &stack.group(self.group).name;
        let peers = if self.reachable {
            "reaches"
        } else {
            "reports as unreachable"
        };
        format!("`{group}` {peers} its agents on other machines")
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        // Where both machines are this host, there is nothing between them.
        observer.host_of(observer.stack().group(self.group).machine)?;
        let mut passes = |status: &GroupStatus| Verdict::passes(|verdict| self.judge(verdict, status));
        let status = observer.wait_until(self.group, &mut passes)?;
        self.judge(verdict, &status.ok_or("nothing")?);
        Ok(())
    }
}

impl Peers {
    fn judge(&self, verdict: &mut Verdict, status: &GroupStatus) {
        if status.peers.is_empty() {
            verdict.wrong("agents on other machines that the group talks to", "none");
        }
        for peer in &status.peers {
            if peer.reachable != Some(self.reachable) {
                let words = |on: Option<bool>| match on {
                    Some(true) => "reachable",
                    Some(false) => "unreachable",
                    None => "not looked at yet",
                };
                let who = format!("{}/{}", peer.machine, peer.agent);
                let reason = peer.reason.as_deref().unwrap_or_default();
                verdict.wrong(
                    format!("{who} {}", words(Some(self.reachable))),
                    format!("{who} {} {reason}", words(peer.reachable)).trim_end(),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::status::GroupStatus;
    use serde_json::{Value, json};

    use super::Peers;
    use crate::smoke::plan::fixture::{action, got};
    use crate::smoke::verdict::Verdict;

    fn judged(peers: &Value) -> Vec<String> {
        let status: GroupStatus = serde_json::from_value(json!({
            "version": 1, "machine": "mainpc", "group": "core-services", "state": "healthy",
            "started_at_ms": 1, "now_ms": 2, "checks": [], "agents": [], "peers": peers,
        }))
        .unwrap();
        let mut verdict = Verdict::default();
        action::<Peers>("peers: {group: core-services, reachable: false}").judge(&mut verdict, &status);
        got(&verdict.outcome())
    }

    #[test]
    fn every_peer_must_be_as_wanted_and_one_must_there_be() {
        let peer = |reachable: Value| {
            json!({"machine": "pc2", "agent": "A", "address": "192.168.1.102:7100", "reachable": reachable,
                   "since_ms": 1, "reason": null})
        };
        assert_eq!(judged(&json!([peer(json!(false))])), Vec::<String>::new());
        assert_eq!(judged(&json!([peer(json!(true))])), ["pc2/A reachable"]);
        assert_eq!(judged(&json!([peer(Value::Null)])), ["pc2/A not looked at yet"]);
        assert_eq!(judged(&json!([])), ["none"]);
    }
}
