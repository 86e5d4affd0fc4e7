//! Parameters that are flags alone: `params: {verbose: true}` is `--verbose`, and `verbose: false` is nothing, where the agent's script
//! declares the flag so (`action="store_true"`, `BooleanOptionalAction`). With a word behind it, the script's parser would refuse it.

use std::collections::BTreeMap;

use pysrc::{Module, Value};

use super::model::{Agent, Stack};
use super::tree::{normal, resolve_alias};

/// How a script declares a flag that takes no word.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Switch {
    /// As it stands on the command line.
    flag: String,
    /// What stands there for `false`.
    off: Option<String>,
}

/// Gives agents the flags that their scripts declare. `file` reads a file of the tree.
pub fn apply(stack: &mut Stack, file: &dyn Fn(&str) -> Option<Vec<u8>>) {
    let version = stack.python_version;
    let machines = &stack.machines;
    for agent in stack.agents.iter_mut().chain(&mut stack.ungrouped) {
        if !agent.params.values().any(|value| boolean(value).is_some()) {
            continue;
        }
        let aliases = machines.get(agent.machine.0).map(|machine| &machine.path_aliases);
        let script = normal(&agent.script_path);
        let script = aliases.map_or(script.clone(), |aliases| resolve_alias(&script, aliases));
        if let Some(bytes) = file(&script) {
            give(agent, &switches(&pysrc::read(bytes, version)));
        }
    }
}

/// Takes parameters that are switches out, and puts their flags before the further words.
fn give(agent: &mut Agent, switches: &BTreeMap<String, Switch>) {
    let mut words = Vec::new();
    agent.params.retain(|name, value| {
        let switch = switches
            .get(name.as_str())
            .or_else(|| switches.get(&name.replace('_', "-")));
        let (Some(switch), Some(on)) = (switch, boolean(value)) else {
            return true;
        };
        words.extend(if on {
            Some(switch.flag.clone())
        } else {
            switch.off.clone()
        });
        false
    });
    words.append(&mut agent.arguments);
    agent.arguments = words;
}

/// What a value says that is meant as true or false.
fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The flags of a script that take no word, by their names without dashes.
fn switches(module: &Module) -> BTreeMap<String, Switch> {
    let mut found = BTreeMap::new();
    for call in &module.calls {
        let is_one = match &call.callee {
            Value::Attribute(_, name) => module.name(*name) == "add_argument",
            _ => false,
        };
        if !is_one {
            continue;
        }
        let action = call
            .keywords
            .iter()
            .find(|(name, _)| module.name(*name) == "action")
            .map(|(_, value)| value);
        let both = match action {
            Some(Value::Str(action)) if matches!(&**action, "store_true" | "store_false" | "store_const") => false,
            Some(action) => match module.dotted(action) {
                Some(name) if name.rsplit('.').next() == Some("BooleanOptionalAction") => true,
                _ => continue,
            },
            None => continue,
        };
        for argument in &call.arguments {
            let Value::Str(flag) = argument else {
                continue;
            };
            let Some(name) = flag.strip_prefix("--") else {
                continue;
            };
            let switch = Switch {
                flag: flag.to_string(),
                off: both.then(|| format!("--no-{name}")),
            };
            found.insert(name.to_owned(), switch);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::stack::Agent;
    use crate::stack::fixture::{Fixture, MAIN};

    const SCRIPT: &str = "import argparse\np = argparse.ArgumentParser()\ng = p.add_argument_group('x')\n\
        p.add_argument('--verbose', '-v', action='store_true')\ng.add_argument('--dry-run', action='store_true')\n\
        p.add_argument('--cache', action=argparse.BooleanOptionalAction)\np.add_argument('--no-net', action='store_false')\n\
        p.add_argument('--mode')\np.add_argument('--level', action='append')\n";

    fn alpha(params: &str) -> Agent {
        let mut fixture = Fixture::small().file(
            MAIN,
            "    port: 5000\n",
            &format!("    port: 5000\n    params: {{{params}}}\n"),
        );
        fixture
            .texts
            .insert("main/alpha.py".to_owned(), SCRIPT.as_bytes().to_vec());
        let stack = fixture.model();
        stack.agents.into_iter().find(|agent| agent.name == "Alpha").unwrap()
    }

    #[test]
    fn flags_that_take_no_word_stand_alone_or_are_left_out() {
        let agent =
            alpha("verbose: true, dry_run: 'True', cache: true, no-net: true, mode: true, level: yes, other: true");
        assert_eq!(agent.arguments, ["--cache", "--dry-run", "--no-net", "--verbose"]);
        let kept: Vec<(&str, &str)> = agent
            .params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(kept, [("level", "yes"), ("mode", "true"), ("other", "true")]);
        let agent = alpha("verbose: false, cache: false, no-net: false, mode: false");
        assert_eq!(agent.arguments, ["--no-cache"]);
        assert_eq!(agent.params.len(), 1);
    }

    #[test]
    fn a_value_that_is_neither_stays_what_it_is() {
        let agent = alpha("verbose: loud");
        assert_eq!(agent.params["verbose"], "loud");
        assert!(agent.arguments.is_empty());
    }
}
