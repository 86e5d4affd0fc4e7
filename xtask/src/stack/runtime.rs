//! How agents run, as a stack, a machine, a group or an agent's override says it: one set of keys, the nearest wins.

use contract::group_config::{Restart, WhenDependencyFails};
use contract::health::Check;

use super::extras::Extras;
use super::health::{HealthSetting, Own};
use super::lifecycle::{Lifecycle, LifecycleSetting};
use super::limits::Limits;
use super::read::{Fields, Reader};
use super::secrets::SecretSettings;
use super::spans::At;
use super::writable::{self, Writable};
use super::yaml::{Node, Value};

/// The keys that were written at one level.
#[derive(Debug, Clone, Default)]
pub struct RuntimeSettings {
    when_dependency_fails: Option<WhenDependencyFails>,
    writable: Vec<At<Writable>>,
    start_period_ms: Option<u64>,
    health: HealthSetting,
    lifecycle: LifecycleSetting,
    extras: Extras,
    limits: Limits,
    secrets: SecretSettings,
}

/// What is so for one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runtime {
    /// Whether it is started without dependencies that fail.
    pub when_dependency_fails: WhenDependencyFails,
    /// How long it may take to answer for the first time, in milliseconds, where that differs from its machine's agents.
    pub start_period_ms: Option<u64>,
    /// How its health is found out.
    pub health: Check,
    /// How its process ends.
    pub lifecycle: Lifecycle,
}

impl RuntimeSettings {
    /// Reads the keys of one level.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Self {
        Self {
            when_dependency_fails: fields
                .get("when_dependency_fails")
                .and_then(|node| when_dependency_fails(reader, node)),
            writable: writable::read(reader, fields),
            start_period_ms: fields
                .get("start_period")
                .and_then(|node| reader.seconds(node, "`start_period`")),
            health: HealthSetting::read(reader, fields),
            lifecycle: LifecycleSetting::read(reader, fields),
            extras: Extras::read(reader, fields),
            limits: Limits::read(reader, fields),
            secrets: SecretSettings::read(reader, fields),
        }
    }

    /// How health is found out.
    #[must_use]
    pub fn health(&self) -> &HealthSetting {
        &self.health
    }

    /// What the container has of its host.
    #[must_use]
    pub fn extras(&self) -> &Extras {
        &self.extras
    }

    /// What containers, or an agent, may take.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Files with what agents are given and nobody else sees.
    #[must_use]
    pub fn secrets(&self) -> &SecretSettings {
        &self.secrets
    }

    /// What agents may write, besides what the other levels say.
    pub fn writable(&self) -> impl Iterator<Item = &At<Writable>> {
        self.writable.iter()
    }

    /// What is so of an agent where these levels speak, from the widest to the nearest.
    #[must_use]
    pub fn resolve<'a>(levels: impl IntoIterator<Item = &'a Self>, own: Own) -> Runtime {
        let levels: Vec<&Self> = levels.into_iter().collect();
        let mut runtime = Runtime {
            lifecycle: LifecycleSetting::resolve(levels.iter().map(|level| &level.lifecycle)),
            ..Runtime::default()
        };
        let mut health = HealthSetting::default();
        for level in levels {
            if let Some(value) = level.when_dependency_fails {
                runtime.when_dependency_fails = value;
            }
            runtime.start_period_ms = level.start_period_ms.or(runtime.start_period_ms);
            health = health.under(&level.health);
        }
        runtime.start_period_ms = health.start_period_ms().or(runtime.start_period_ms);
        runtime.health = health.check(own, runtime.lifecycle.restart == Restart::No);
        runtime
    }
}

fn when_dependency_fails(reader: &mut Reader<'_>, node: &Node) -> Option<WhenDependencyFails> {
    match &node.value {
        Value::Scalar { text, .. } if text == "start" => Some(WhenDependencyFails::Start),
        Value::Scalar { text, .. } if text == "wait" => Some(WhenDependencyFails::Wait),
        _ => {
            let place = reader.place(node.span);
            reader.bad_value(
                place,
                "`when_dependency_fails` is neither `start` nor `wait`",
                "`start` starts an agent without a dependency that was given up, `wait` lets it wait for that one",
            );
            None
        }
    }
}
