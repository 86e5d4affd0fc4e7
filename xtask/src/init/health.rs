//! Health ports of agents that have none written: what their code adds to the port.

use std::collections::{BTreeMap, BTreeSet};

use pysrc::{Module, Operator, Span, Value};

use super::evidence::{Evidence, Known};
use super::imports::{Loaded, Sources};
use super::startup::Config;

/// Deepest value that is looked into.
const DEEPEST: usize = 8;

/// What is added to an agent's port where its startup config has no health port for it.
#[must_use]
pub fn offset(config: &Config, sources: &Sources, loaded: &Loaded) -> Known<u16> {
    // Programs of others are told no health port.
    if config.is_of_program {
        return Known::default(1);
    }
    let code = of_code(sources, loaded);
    let written = of_config(config);
    let lacking: Vec<&str> = config
        .agents
        .iter()
        .filter(|agent| agent.health_port.is_none())
        .map(|agent| agent.name.as_str())
        .collect();
    // Of equals, the last: the smallest offset is the likeliest.
    let majority = written.iter().rev().max_by_key(|(_, places)| places.len());
    let rule = code.iter().rev().max_by_key(|(_, places)| places.len());
    if lacking.is_empty() {
        let value = majority.map_or(1, |(offset, _)| *offset);
        let known = match config.agents.first() {
            Some(agent) => Known::written(
                value,
                Evidence::new(
                    config.path.as_str(),
                    agent.line,
                    "every agent has a `health_check_port`",
                ),
            ),
            None => Known::default(value),
        };
        return match rule {
            Some((offset, places)) if *offset != value => {
                let mut known = known.but(format!("the code binds port + {offset} where it is given no other"));
                known.evidence.extend(places.iter().take(2).cloned());
                known
            }
            _ => known,
        };
    }
    let known = match (rule, majority) {
        (Some((offset, places)), Some((other, _))) if offset != other => Known::doubtful(
            *offset,
            places.clone(),
            format!("where the config writes a health port, it is mostly port + {other}"),
        ),
        (Some((offset, places)), _) => Known::agreed(*offset, places.clone()),
        (None, Some((offset, places))) => Known::agreed(*offset, places.clone()),
        (None, None) => {
            let guess = guessed(config);
            Known::doubtful(
                guess,
                Vec::new(),
                format!(
                    "nothing says on which port {} {} asked how {} doing; port + {guess} {}",
                    lacking.len(),
                    if lacking.len() == 1 { "agent is" } else { "agents are" },
                    if lacking.len() == 1 { "it is" } else { "they are" },
                    if guess == 1 { "is common" } else { "is nobody's" },
                ),
            )
        }
    };
    if code.len() > 1 {
        let all: Vec<String> = code.keys().map(|offset| format!("port + {offset}")).collect();
        known.but(format!("the code knows more than one rule: {}", all.join(", ")))
    } else {
        known
    }
}

/// Health ports that the config writes, as what they add to the port; with where.
fn of_config(config: &Config) -> BTreeMap<u16, Vec<Evidence>> {
    let mut found: BTreeMap<u16, Vec<Evidence>> = BTreeMap::new();
    for agent in &config.agents {
        let offset = agent
            .port
            .zip(agent.health_port)
            .and_then(|(port, health)| health.checked_sub(port));
        if let Some(offset) = offset.filter(|offset| (1..=60_000).contains(offset)) {
            let evidence = Evidence::new(
                config.path.as_str(),
                agent.line,
                format!("`{}` writes port + {offset}", agent.name),
            );
            found.entry(offset).or_default().push(evidence);
        }
    }
    for places in found.values_mut() {
        places.truncate(3);
    }
    found
}

/// What the code on the start path adds to a port to get a health port.
fn of_code(sources: &Sources, loaded: &Loaded) -> BTreeMap<u16, Vec<Evidence>> {
    let mut found: BTreeMap<u16, Vec<Evidence>> = BTreeMap::new();
    for (path, module) in sources.files(&loaded.files) {
        let mut take = |name: &str, value: &Value, span: Span| {
            let lower = name.to_ascii_lowercase();
            if !lower.contains("health") || !lower.contains("port") {
                return;
            }
            if let Some(offset) = added(module, value, 0) {
                let line = module.position(span).line as usize;
                let evidence = Evidence::new(path, line, format!("sets `{name}` to port + {offset}"));
                found.entry(offset).or_default().push(evidence);
            }
        };
        for attribute in &module.attributes {
            take(&attribute.name, &attribute.value, attribute.span);
        }
        for binding in &module.bindings {
            if let Some(value) = &binding.value {
                take(module.name(binding.name), value, binding.span);
            }
        }
    }
    for places in found.values_mut() {
        places.sort();
        places.truncate(3);
    }
    found
}

/// The number that a value adds to a port, wherever in it that is: `port + 1`, `given or self.port + 1`, `get("x", port + 1)`.
fn added(module: &Module, value: &Value, depth: usize) -> Option<u16> {
    if depth > DEEPEST {
        return None;
    }
    let each = |values: &[Value]| values.iter().find_map(|value| added(module, value, depth + 1));
    match value {
        Value::Binary(Operator::Add, left, right) => match (&**left, &**right) {
            (port, Value::Int(number)) | (Value::Int(number), port) if is_port(module, port) => u16::try_from(*number)
                .ok()
                .filter(|offset| (1..=60_000).contains(offset)),
            _ => None,
        },
        Value::Or(values) | Value::Either(values) => each(values),
        Value::Choice(choice) => added(module, &choice.yes, depth + 1).or_else(|| added(module, &choice.no, depth + 1)),
        Value::Call(index) => {
            let call = module.calls.get(usize::try_from(*index).ok()?)?;
            each(&call.arguments).or_else(|| {
                call.keywords
                    .iter()
                    .find_map(|(_, value)| added(module, value, depth + 1))
            })
        }
        _ => None,
    }
}

fn is_port(module: &Module, value: &Value) -> bool {
    match value {
        Value::Call(index) => usize::try_from(*index)
            .ok()
            .and_then(|index| module.calls.get(index))
            .is_some_and(|call| call.arguments.iter().any(|value| is_port(module, value))),
        other => module.dotted(other).is_some_and(|name| {
            name.rsplit('.')
                .next()
                .is_some_and(|last| last.to_ascii_lowercase().contains("port"))
        }),
    }
}

/// An offset where nothing says one: 1, or the next that makes no two ports one, as the stack's own default is chosen.
fn guessed(config: &Config) -> u16 {
    let free = |offset: &u16| !clashes(config, *offset);
    std::iter::once(1)
        .chain((1000..=20_000).step_by(1000))
        .find(free)
        .unwrap_or(1)
}

/// Whether two agents would have one port, as far as one list tells.
fn clashes(config: &Config, offset: u16) -> bool {
    let mut taken: BTreeSet<u16> = config.agents.iter().filter_map(|agent| agent.port).collect();
    let mut agents = config.agents.iter().filter(|agent| agent.health_port.is_none());
    agents.any(|agent| {
        let health = agent.port.and_then(|port| port.checked_add(offset));
        health.is_some_and(|health| !taken.insert(health))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::startup;
    use pysrc::PythonVersion;

    fn known(agents: &str, base: &str) -> Known<u16> {
        let config = startup::read("c.yaml", &format!("agents:\n{agents}")).unwrap();
        let version = PythonVersion::USUAL;
        let files = vec![(
            "base.py".to_owned(),
            std::sync::Arc::new(pysrc::read(base.as_bytes(), version)),
        )];
        let sources = Sources::new(files, version);
        let loaded = sources.load(&["base.py"], &[String::new()]);
        offset(&config, &sources, &loaded)
    }

    const PLAIN: &str =
        "  - {name: A, script_path: base.py, port: 7000}\n  - {name: B, script_path: base.py, port: 7010}\n";

    #[test]
    fn the_rule_of_the_code_comes_first() {
        for rule in [
            "self.health_port = self.port + 1",
            "self.health_check_port = health_check_port or self.port + 1",
            "self.health_check_port = config.get('health_check_port', port + 1)",
            "self.health_port = health_port if health_port else int(port) + 1",
        ] {
            let text = format!("class Base:\n    def __init__(self, port, health_port=None):\n        {rule}\n");
            let known = known(PLAIN, &text);
            assert_eq!((known.value, known.doubts.len()), (1, 0), "{rule}: {known:?}");
            assert_eq!(known.evidence[0].place(), "base.py:3", "{rule}");
        }
    }

    #[test]
    fn what_disagrees_is_doubted_and_a_guess_clashes_with_nothing() {
        let written = "  - {name: A, script_path: base.py, port: 7000, health_check_port: 9000}\n  - {name: B, script_path: base.py, port: 7001}\n";
        let rule = "class Base:\n    def __init__(self):\n        self.health_port = self.port + 1\n";
        let with_rule = known(written, rule);
        assert_eq!(with_rule.value, 1);
        assert!(with_rule.doubts[0].contains("port + 2000"), "{with_rule:?}");
        let without = known(written, "");
        assert_eq!((without.value, without.doubts.len()), (2000, 0));
        let close =
            "  - {name: A, script_path: base.py, port: 7000}\n  - {name: B, script_path: base.py, port: 7001}\n";
        // Agents that would have one port get containers of their own.
        assert!(known(close, rule).doubts.is_empty());
        let guess = known(PLAIN, "");
        assert!(guess.value == 1 && !guess.doubts.is_empty(), "{guess:?}");
        let guess = known(close, "");
        assert_eq!((guess.value, guess.doubts.len()), (1000, 1), "{guess:?}");
    }
}
