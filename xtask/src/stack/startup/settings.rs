//! What a startup config says of all its agents: `environment`, `resource_limits` and `health_checks`, at the top, below
//! `global_settings`, or in the profile of a machine. What stands further down the list wins.

use std::collections::BTreeMap;

use super::Startup;
use super::values::Values;
use crate::stack::environment;
use crate::stack::read::{Fields, Reader};
use crate::stack::supervision::Settings;
use crate::stack::yaml::{Node, Value};

/// Keys below which settings of all agents stand, besides the top itself.
pub const GLOBAL: [&str; 7] = [
    "defaults",
    "common",
    "globals",
    "global",
    "settings",
    "global_config",
    "global_settings",
];

/// Reads the settings of one mapping over those that are known.
pub fn read<'a>(
    reader: &mut Reader<'a>,
    fields: &mut Fields<'a>,
    variables: &BTreeMap<String, String>,
    startup: &mut Startup,
) {
    if let Some((_, node)) = fields.any(&["environment", "env", "env_vars"]) {
        let mut read = of_environment(reader, node);
        read.remove("PYTHONPATH");
        let known = startup.environment.clone();
        let values = Values {
            variables,
            environment: &known,
        };
        for (name, mut at) in read {
            at.value = values.fill(&at.value);
            startup.environment.insert(name, at);
        }
    }
    if let Some((_, node)) = fields.any(&["resource_limits", "resources", "limits"]) {
        limits(reader, node, startup);
    }
    if let Some((_, node)) = fields.any(&["health_checks", "health_check"])
        && let Value::Mapping(_) = &node.value
    {
        let place = reader.place(node.span);
        if let Some(mut fields) = reader.fields(node, "`health_checks`", place) {
            startup.health_checks = Settings::health_checks(reader, &mut fields).over(&startup.health_checks);
        }
    }
}

/// An environment as a mapping, or as a list of `NAME=value`.
pub fn of_environment<'a>(
    reader: &mut Reader<'a>,
    node: &'a Node,
) -> BTreeMap<String, crate::stack::spans::At<String>> {
    let Value::Sequence(items) = &node.value else {
        return environment::variables(reader, node);
    };
    let mut variables = BTreeMap::new();
    for item in items {
        if let Value::Mapping(_) = &item.value {
            variables.extend(environment::variables(reader, item));
            continue;
        }
        let Some(mut text) = reader.scalar(item, "an item of `environment`") else {
            continue;
        };
        // `NAME` alone is taken from the environment of whoever starts it, which nobody knows.
        if let Some((name, value)) = text.value.clone().split_once('=')
            && environment::is_name(name)
        {
            text.value = value.to_owned();
            variables.insert(name.to_owned(), text);
        }
    }
    variables
}

fn limits<'a>(reader: &mut Reader<'a>, node: &'a Node, startup: &mut Startup) {
    let place = reader.place(node.span);
    let Some(mut fields) = reader.fields(node, "`resource_limits`", place) else {
        return;
    };
    let memory = fields
        .get("memory_mb")
        .and_then(|node| reader.integer(node, "`memory_mb`", 1, 1 << 30))
        .map(|at| at.value * 1024 * 1024);
    let pids = fields
        .get("max_threads")
        .and_then(|node| reader.integer(node, "`max_threads`", 1, 1 << 20))
        .and_then(|at| u32::try_from(at.value).ok());
    // Of one processor.
    let cpus = fields
        .get("cpu_percent")
        .and_then(|node| reader.integer(node, "`cpu_percent`", 1, 100_000))
        .map(|at| at.value * 10);
    startup.agent_milli_cpus = cpus.or(startup.agent_milli_cpus);
    startup.agent_memory_bytes = memory.or(startup.agent_memory_bytes);
    startup.agent_pids = pids.or(startup.agent_pids);
}

#[cfg(test)]
mod tests {
    use crate::stack::fixture::{Fixture, MAIN};

    #[test]
    fn global_settings_are_read_as_those_of_the_top() {
        let fixture = Fixture::small().text(
            MAIN,
            "global_settings:\n  environment: {A: x, PYTHONPATH: /y}\n  resource_limits: {memory_mb: 10, max_threads: 2}\n  \
             health_checks: {interval_seconds: 7}\nenvironment: [B=1=2, C, {D: e}]\nhealth_checks: {retries: 9}\n\
             core:\n- {name: Alpha, script_path: main/alpha.py, port: 5000}\n",
        );
        let machine = &fixture.model().machines[0];
        let environment: Vec<(&str, &str)> = machine
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(environment, [("A", "x"), ("B", "1=2"), ("D", "e")]);
        assert_eq!(
            (machine.agent_memory_bytes, machine.agent_pids),
            (Some(10 << 20), Some(2))
        );
        assert_eq!(machine.supervision.health_interval_ms, 7_000);
        assert_eq!(machine.supervision.health_retries, 9);
    }
}
