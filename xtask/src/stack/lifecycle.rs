//! How an agent's process ends, and what is done then: `stop_signal`, `stop_grace`, `restart`, which the stack, a machine, a group and overrides of its agents may have. The
//! nearest level wins, key by key. All of it is for the supervisor to do: containers are stopped as ever.

use contract::group_config::Restart;
use contract::stop_signal::StopSignal;

use super::model::{GroupId, Stack};
use super::read::{Fields, Reader};
use super::yaml::Node;

/// What one level says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LifecycleSetting {
    stop_signal: Option<StopSignal>,
    stop_grace_ms: Option<u64>,
    restart: Option<Restart>,
}

/// What is so of one agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// The signal that tells it to end.
    pub stop_signal: StopSignal,
    /// How long it may take to end before it is killed, in milliseconds, where that differs from its machine's agents.
    pub stop_grace_ms: Option<u64>,
    /// What is done when it ends by itself.
    pub restart: Restart,
}

impl LifecycleSetting {
    /// Reads the keys of one level.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Self {
        Self {
            stop_signal: fields.get("stop_signal").and_then(|node| stop_signal(reader, node)),
            stop_grace_ms: fields
                .get("stop_grace")
                .and_then(|node| reader.seconds(node, "`stop_grace`")),
            restart: fields.get("restart").and_then(|node| restart(reader, node)),
        }
    }

    /// What is so where these levels speak, from the widest to the nearest.
    #[must_use]
    pub fn resolve<'a>(levels: impl IntoIterator<Item = &'a Self>) -> Lifecycle {
        levels.into_iter().fold(Lifecycle::default(), |wider, level| Lifecycle {
            stop_signal: level.stop_signal.unwrap_or(wider.stop_signal),
            stop_grace_ms: level.stop_grace_ms.or(wider.stop_grace_ms),
            restart: level.restart.unwrap_or(wider.restart),
        })
    }
}

fn stop_signal(reader: &mut Reader<'_>, node: &Node) -> Option<StopSignal> {
    let name = reader.scalar(node, "`stop_signal`")?;
    let signal = StopSignal::named(&name.value);
    if signal.is_none() {
        let known = StopSignal::ALL.map(|signal| format!("`{}`", signal.name())).join(", ");
        let help = format!("write one of {known}; an agent that stays is killed after its `stop_grace`");
        reader.bad_value(name.place, format!("`stop_signal` cannot be `{}`", name.value), &help);
    }
    signal
}

/// `always` or `no`, which YAML may take for a boolean.
fn restart(reader: &mut Reader<'_>, node: &Node) -> Option<Restart> {
    let word = reader.scalar(node, "`restart`")?;
    match word.value.as_str() {
        "always" => Some(Restart::Always),
        "no" | "false" => Some(Restart::No),
        other => {
            let message = format!("`restart` cannot be `{other}`");
            let help = "`always` starts an agent again whenever it ends; with `no` it runs once, and is done when it exits with code 0";
            reader.bad_value(word.place, message, help);
            None
        }
    }
}

impl Stack {
    /// The longest time that an agent of a group may take to end, in milliseconds: its container has to be given more.
    #[must_use]
    pub fn group_stop_grace_ms(&self, id: GroupId) -> u64 {
        let group = self.group(id);
        let usual = self.machine(group.machine).supervision.stop_grace_ms;
        let agents = group.agents.iter().map(|agent| self.agent(*agent));
        let graces = agents.map(|agent| agent.runtime.lifecycle.stop_grace_ms.unwrap_or(usual));
        graces.max().unwrap_or(usual)
    }
}

#[cfg(test)]
mod tests {
    use contract::group_config::{GroupConfig, Restart};
    use contract::health::Kind;
    use contract::stop_signal::StopSignal;

    use crate::container::command::stop_ms;
    use crate::container::group_config;
    use crate::container::preload::Preload;
    use crate::stack::fixture::Fixture;

    #[test]
    fn the_nearest_level_says_how_an_agent_is_stopped() {
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nstop_signal: SIGINT\nstop_grace: 7",
            )
            .stack(
                "    agents: [Alpha, Beta]",
                "    stop_grace: 2.5\n    overrides: {Beta: {stop_signal: usr1, stop_grace: 90}}\n    agents: [Alpha, Beta]",
            )
            .model();
        let said = |name: &str| {
            let agent = stack.agents.iter().find(|agent| agent.name == name).unwrap();
            (
                agent.runtime.lifecycle.stop_signal,
                agent.runtime.lifecycle.stop_grace_ms,
            )
        };
        assert_eq!(said("Alpha"), (StopSignal::Interrupt, Some(2_500)));
        assert_eq!(said("Beta"), (StopSignal::User1, Some(90_000)));
        assert_eq!(said("Gamma"), (StopSignal::Interrupt, Some(7_000)));
        let [core, side] = ["core", "side"].map(|name| stack.find_group(name).unwrap());
        assert_eq!(
            (stack.group_stop_grace_ms(core), stack.group_stop_grace_ms(side)),
            (90_000, 7_000)
        );
        assert!(stop_ms(&stack, core) > 90_000);
    }

    #[test]
    fn an_agent_that_runs_once_is_not_asked_unless_somebody_says_how() {
        let fixture = |beta: &str| {
            let beta = format!("    overrides: {{Beta: {{restart: no{beta}}}}}\n    agents: [Alpha, Beta]");
            Fixture::small().stack("    agents: [Alpha, Beta]", &beta)
        };
        let of = |fixture: Fixture| {
            let stack = fixture.model();
            let beta = stack.agents.iter().find(|agent| agent.name == "Beta").unwrap();
            (beta.runtime.lifecycle.restart, beta.runtime.health.kind)
        };
        assert_eq!(of(fixture("")), (Restart::No, Kind::Process));
        assert_eq!(of(fixture(", health: zmq")), (Restart::No, Kind::Zmq));
        assert_eq!(of(Fixture::small()), (Restart::Always, Kind::Zmq));
        // Whoever waits for it elsewhere asks its supervisor.
        let stack = fixture(", health: zmq").model();
        let side = stack.find_group("side").unwrap();
        let config = group_config::config(&stack, side, &Preload::default());
        let beta = config.dependencies_elsewhere.iter().find(|known| known.name == "Beta");
        assert_eq!(beta.unwrap().health.kind, Kind::Process);
        let core = group_config::config(&stack, stack.find_group("core").unwrap(), &Preload::default());
        let written = serde_yaml::to_string(&core).unwrap();
        assert_eq!(serde_yaml::from_str::<GroupConfig>(&written).unwrap(), core);
        assert_eq!(core.agents[1].restart, Restart::No);
        let said = Fixture::small()
            .stack("status_port: 9000", "status_port: 9000\nrestart: on-failure")
            .says();
        let wrong = "config/stack.yaml:8:10 error stack/bad-value: `restart` cannot be `on-failure`";
        assert!(said.iter().any(|line| line.contains(wrong)), "{said:#?}");
    }

    #[test]
    fn a_signal_that_cannot_be_handled_and_a_wrong_time_are_refused() {
        let said = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nstop_signal: SIGKILL\nstop_grace: -1",
            )
            .says();
        for text in [
            "config/stack.yaml:8:14 error stack/bad-value: `stop_signal` cannot be `SIGKILL`",
            "config/stack.yaml:9:13 error stack/bad-value: `stop_grace` cannot be -1 s",
        ] {
            assert!(said.iter().any(|line| line.contains(text)), "{text}: {said:#?}");
        }
    }
}
