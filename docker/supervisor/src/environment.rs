//! The environment: what agents get of the container's, and the variables that the group config names.
//!
//! What is meant for agents stands in the container's environment under names with a prefix, and reaches nobody else.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use contract::group_config::{AGENT_ENVIRONMENT, Agent, GroupConfig};

use crate::secrets;

/// Variables by name.
pub type Variables = BTreeMap<OsString, OsString>;

/// What agents get of the container's environment.
#[must_use]
pub fn of_agents() -> Variables {
    for_agents(std::env::vars_os(), &[])
}

/// The same with variables of the group's files, over which those go that are meant for agents.
fn for_agents(all: impl Iterator<Item = (OsString, OsString)>, files: &[(String, String)]) -> Variables {
    let mut own = Variables::new();
    let mut theirs = Variables::new();
    for (name, value) in all {
        match name.as_bytes().strip_prefix(AGENT_ENVIRONMENT.as_bytes()) {
            Some(b"") => {}
            Some(bare) => {
                theirs.insert(OsString::from_vec(bare.to_vec()), value);
            }
            None => {
                own.insert(name, value);
            }
        }
    }
    own.extend(pairs(files));
    own.extend(theirs);
    own
}

/// The whole environment of a process that runs code of the tree: of one agent, or of all.
#[must_use]
pub fn of_process(config: &GroupConfig, agent: Option<&Agent>) -> Variables {
    let given = secrets::read(&config.secrets);
    let mut variables = for_agents(std::env::vars_os(), &given.from_env_files);
    variables.extend(pairs(&given.variables));
    if config.python_path.is_empty() {
        variables.remove(OsStr::new("PYTHONPATH"));
    } else {
        variables.insert("PYTHONPATH".into(), config.python_path.join(":").into());
    }
    if let Some(agent) = agent {
        let given = secrets::read(&agent.secrets);
        variables.extend(pairs(&given.from_env_files));
        let own = agent.environment.iter();
        variables.extend(own.map(|(name, value)| (name.into(), value.into())));
        variables.extend(pairs(&given.variables));
    }
    variables
}

fn pairs(variables: &[(String, String)]) -> impl Iterator<Item = (OsString, OsString)> {
    variables.iter().map(|(name, value)| (name.into(), value.into()))
}

/// A variable as agents see it.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(format!("{AGENT_ENVIRONMENT}{name}"))
        .or_else(|_| std::env::var(name))
        .ok()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::for_agents;

    #[test]
    fn what_is_meant_for_agents_loses_its_prefix_and_wins() {
        let all = [
            ("AGENT_ENV_LD_PRELOAD", "x.so"),
            ("AGENT_ENV_LOG_LEVEL", "DEBUG"),
            ("LOG_LEVEL", "INFO"),
            ("AGENT_ENV_", "nobody"),
            ("PATH", "/bin"),
        ];
        let all = all.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let files = [("LOG_LEVEL", "WARN"), ("PATH", "/files"), ("ONLY", "x")];
        let files = files.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let seen: Vec<String> = for_agents(all.into_iter(), &files)
            .into_iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        assert_eq!(seen, ["LD_PRELOAD=x.so", "LOG_LEVEL=DEBUG", "ONLY=x", "PATH=/files"]);
    }
}
