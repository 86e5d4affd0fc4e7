//! `healthcheck`: the health check of a group's container passes when Podman runs it, as its timer or a unit does.

use std::sync::Arc;

use schemars::JsonSchema;

use super::{About, Action, Kind, Resolved, Saved, Spec};
use crate::smoke::command::CommandSeen;
use crate::smoke::fields::{Text, needed};
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{GroupId, Stack};
use crate::stack::written::Scalar;

/// The kind.
pub const KIND: Kind = Kind {
    name: "healthcheck",
    about: "The health check of a container, run by Podman.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

/// Exit code of `podman healthcheck run` for a container that is not healthy; others are Podman's own failures.
const UNHEALTHY: i32 = 1;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Healthcheck")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    group: Scalar,
}

#[derive(Debug)]
struct HealthcheckSpec {
    group: Text,
}

/// A group's container.
#[derive(Debug, Clone)]
pub struct Healthcheck {
    group: GroupId,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let group = needed(reader, fields, "group", "`healthcheck`");
    Some(Box::new(HealthcheckSpec { group: group? }))
}

impl Spec for HealthcheckSpec {
    fn seconds(&self) -> u64 {
        30
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let group = names.group(&self.group)?;
        let machine = names.stack.group(group).machine;
        Some((Arc::new(Healthcheck { group }), Some(machine)))
    }
}

impl Action for Healthcheck {
    fn subject(&self, stack: &Stack) -> String {
        format!("Podman's health check of `{}`", stack.group(self.group).name)
    }

    fn about(&self, _stack: &Stack) -> Option<About> {
        Some(About::group(self.group))
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let group = observer.stack().group(self.group);
        let ran = observer.podman(Some(group.machine), &["healthcheck", "run", &group.name])?;
        Self::judge(verdict, &ran)
    }
}

impl Healthcheck {
    fn judge(verdict: &mut Verdict, ran: &CommandSeen) -> Result<(), Blind> {
        match ran.exit {
            Some(0) => Ok(()),
            Some(UNHEALTHY) => {
                verdict.wrong("`podman healthcheck run` passes", "the container is unhealthy");
                verdict.evidence("Podman", ran.stdout.trim());
                Ok(())
            }
            _ => Err(ran.last_words()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Healthcheck;
    use crate::smoke::command::CommandSeen;
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::got;
    use crate::smoke::verdict::Verdict;

    #[test]
    fn only_what_podman_says_of_the_container_counts() {
        let judged = |exit, stderr: &str| {
            let seen = CommandSeen {
                exit: Some(exit),
                stderr: stderr.to_owned(),
                ..CommandSeen::default()
            };
            let mut verdict = Verdict::default();
            Healthcheck::judge(&mut verdict, &seen).map(|()| verdict.outcome())
        };
        assert_eq!(judged(0, "").unwrap(), Outcome::passed());
        assert_eq!(got(&judged(1, "").unwrap()), ["the container is unhealthy"]);
        assert!(
            judged(125, "Error: no such container")
                .unwrap_err()
                .to_string()
                .contains("no such container")
        );
    }
}
