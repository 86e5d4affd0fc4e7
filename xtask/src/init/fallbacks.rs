//! Scripts that may stand in for dependencies that no startup config defines.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, Known};
use super::startup::Config;
use super::texts::is_put_aside;
use crate::stack::TreeFiles;
use crate::stack::near::nearest;

/// Dependencies that nothing defines, with the script of the tree whose name is near, if there is one.
#[must_use]
pub fn find(configs: &[&Config], tree: &TreeFiles) -> BTreeMap<String, Known<Option<String>>> {
    let defined: BTreeSet<&str> = configs
        .iter()
        .flat_map(|config| config.agents.iter().map(|agent| agent.name.as_str()))
        .collect();
    let off: BTreeSet<&str> = configs
        .iter()
        .flat_map(|config| config.disabled.iter().map(String::as_str))
        .collect();
    let used: BTreeSet<&str> = configs
        .iter()
        .flat_map(|config| config.agents.iter().map(|agent| agent.script.as_str()))
        .collect();
    let scripts: BTreeMap<String, &str> = tree
        .files
        .iter()
        .filter(|path| path.ends_with(".py") && !is_put_aside(path))
        .filter(|path| !used.iter().any(|script| path.ends_with(script)))
        .map(|path| (plain(stem(path)), path.as_str()))
        .collect();
    let mut found = BTreeMap::new();
    for config in configs {
        for agent in &config.agents {
            for name in agent
                .dependencies
                .iter()
                .filter(|name| !defined.contains(name.as_str()))
            {
                if found.contains_key(name) {
                    continue;
                }
                let evidence = Evidence::new(
                    config.path.as_str(),
                    agent.line,
                    format!("`{}` depends on it", agent.name),
                );
                let known = near(name, &scripts);
                let why = match (off.contains(name.as_str()), known) {
                    (true, _) => format!("`{name}` is switched off"),
                    (false, Some(script)) => format!("no startup config defines `{name}`; `{script}` has a near name"),
                    (false, None) => format!("no startup config defines `{name}`, and no script has a near name"),
                };
                let script = known.filter(|_| !off.contains(name.as_str())).map(str::to_owned);
                found.insert(name.clone(), Known::doubtful(script, vec![evidence], why));
            }
        }
    }
    found
}

fn near<'a>(name: &str, scripts: &BTreeMap<String, &'a str>) -> Option<&'a str> {
    let wanted = plain(name);
    let without = wanted.trim_end_matches("agent").trim_end_matches("service");
    [wanted.as_str(), without]
        .iter()
        .find_map(|wanted| scripts.get(*wanted))
        .or_else(|| {
            let best = nearest(&wanted, scripts.keys().map(String::as_str))?;
            // Near names of short words mean nothing.
            (wanted.len() >= 8 && strsim::levenshtein(&wanted, best) <= 2)
                .then(|| scripts.get(best))
                .flatten()
        })
        .copied()
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".py").unwrap_or(name)
}

/// `PhiTranslationService` and `phi_translation_service` are the same.
fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::startup;

    #[test]
    fn scripts_with_near_names_are_offered() {
        let text = "agents:\n  - {name: A, script_path: a.py, port: 1, dependencies: [PhiTranslationService, TaskRooterAgent, Nothing, A]}\n";
        let config = startup::read("c.yaml", text).unwrap();
        let tree = TreeFiles::new([
            "a.py",
            "x/phi_translation_service.py",
            "x/task_router_agent.py",
            "archive/nothing.py",
        ]);
        let found = find(&[&config], &tree);
        let shown: Vec<(&str, Option<&str>)> = found
            .iter()
            .map(|(name, known)| (name.as_str(), known.value.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [
                ("Nothing", None),
                ("PhiTranslationService", Some("x/phi_translation_service.py")),
                ("TaskRooterAgent", Some("x/task_router_agent.py"))
            ]
        );
    }
}
