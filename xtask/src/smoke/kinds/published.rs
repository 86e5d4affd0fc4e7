//! `published`: the agents that a group publishes on this host's loopback answer there, as they do for programs of the host.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use contract::health;
use schemars::JsonSchema;

use super::{About, Action, Kind, Lane, Resolved, Saved, Spec};
use crate::smoke::fields::{Text, needed};
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{AgentId, GroupId, Stack};
use crate::stack::written::Scalar;

/// The kind.
pub const KIND: Kind = Kind {
    name: "published",
    about: "Ports that a group publishes on the host's loopback.",
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
}

#[derive(Debug)]
struct PublishedSpec {
    group: Text,
}

/// A group, with its agents that are published and speak ZeroMQ: others cannot be asked in one way.
#[derive(Debug, Clone)]
pub struct Published {
    group: GroupId,
    agents: Vec<AgentId>,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let group = needed(reader, fields, "group", "`published`");
    Some(Box::new(PublishedSpec { group: group? }))
}

impl Spec for PublishedSpec {
    fn seconds(&self) -> u64 {
        30
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let group = names.group(&self.group)?;
        let action = Published::of(names.stack, group);
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
        if observer.host_of(stack.group(self.group).machine).is_ok() {
            verdict.note = "the machine is another host, whose loopback is out of reach: not tried".to_owned();
            return Ok(());
        }
        for agent in self.agents.iter().map(|agent| stack.agent(*agent)) {
            let at = SocketAddr::from((Ipv4Addr::LOCALHOST, agent.port));
            // Whatever it says: a connection alone would prove nothing, since what stands between may take it.
            if let Err(error) = observer.request_at(at, health::REQUEST.as_bytes(), PATIENCE) {
                verdict.wrong(format!("{} answers at {at}", agent.name), error.to_string());
            }
        }
        verdict.note = format!("{} of them", self.agents.len());
        Ok(())
    }
}

impl Published {
    fn of(stack: &Stack, group: GroupId) -> Self {
        let mut agents = stack.group(group).published.clone();
        agents.retain(|agent| stack.agent(*agent).runtime.health.kind == health::Kind::Zmq);
        Self { group, agents }
    }
}

#[cfg(test)]
mod tests {
    use super::Published;
    use crate::stack::fixture::Fixture;

    #[test]
    fn those_are_asked_that_are_published_and_speak_zeromq() {
        let plain = "    agents: [Alpha, Beta]";
        let names = |lines: &str| {
            let stack = Fixture::small().stack(plain, &format!("{lines}\n{plain}")).model();
            let published = Published::of(&stack, stack.find_group("core").unwrap());
            let agents = published.agents.iter().map(|agent| stack.agent(*agent).name.clone());
            agents.collect::<Vec<_>>()
        };
        assert_eq!(names("    published: [Beta]"), ["Beta"]);
        assert_eq!(
            names("    published: [Alpha, Beta]\n    overrides: {Alpha: {health: http}}"),
            ["Beta"]
        );
    }
}
