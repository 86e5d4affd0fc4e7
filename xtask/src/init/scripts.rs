//! The script base: which folder the scripts of a startup config are relative to.

use std::collections::BTreeMap;

use super::evidence::{Evidence, Known};
use super::startup::{Config, Listed, bases, joined, module_root};
use crate::stack::{Found, TreeFiles};

/// Share of scripts that must be there below one base for it not to be doubted; in hundredths.
const SURE: usize = 90;

/// Where the scripts of a machine are.
#[derive(Debug, Clone)]
pub struct Scripts {
    /// Script of each agent relative to the tree, by agent, of those that are there.
    pub found: BTreeMap<String, String>,
    /// Folders that scripts name and that are elsewhere in the tree: the first part of their paths, and where it is.
    pub aliases: BTreeMap<String, String>,
    /// Folders that modules of agents are imported from, besides the root, with what needs them.
    pub roots: BTreeMap<String, Evidence>,
}

/// Finds the scripts of a config.
#[must_use]
pub fn find(config: &Config, tree: &TreeFiles) -> Known<Scripts> {
    let total = config.agents.len();
    let at_base = |base: &str, agent: &Listed| {
        let mut files = agent.files().map(|file| joined(base, &file));
        files.find(|file| tree.files.contains(file))
    };
    let rooted: Vec<_> = config.agents.iter().map(|agent| module_root(agent, tree)).collect();
    let count = |base: &str| {
        let agents = config.agents.iter().zip(&rooted);
        agents
            .filter(|(agent, rooted)| rooted.is_some() || at_base(base, agent).is_some())
            .count()
    };
    let mut best = ("", count(""));
    for base in bases(config.home()).skip(1) {
        let found = count(base);
        if found > best.1 {
            best = (base, found);
        }
    }
    let (base, there) = best;
    let mut scripts = Scripts {
        found: BTreeMap::new(),
        aliases: BTreeMap::new(),
        roots: BTreeMap::new(),
    };
    for (agent, rooted) in config.agents.iter().zip(&rooted) {
        let order = std::iter::once(base).chain(bases(config.home()).filter(|other| *other != base));
        let below = order
            .into_iter()
            .find_map(|at| Some((at.to_owned(), at_base(at, agent)?)));
        let Some((at, file)) = below.or_else(|| rooted.clone()) else {
            continue;
        };
        scripts.found.entry(agent.name.clone()).or_insert(file);
        if let Some((server, root)) = agent.served.as_ref().filter(|(_, root)| !root.is_empty()) {
            let says = format!("`{server}` imports `{}` from `{root}`", agent.name);
            let evidence = || Evidence::new(config.path.as_str(), agent.line, says);
            scripts.roots.entry(root.clone()).or_insert_with(evidence);
        }
        if agent.is_module {
            if !at.is_empty() {
                let says = format!("`{}` is a module that is imported from `{at}`", agent.name);
                let evidence = || Evidence::new(config.path.as_str(), agent.line, says);
                scripts.roots.entry(at).or_insert_with(evidence);
            }
            continue;
        }
        // A path from the root is found as it is.
        if let Some(first) = agent.script.split('/').next().filter(|_| !at.is_empty())
            && agent.script.contains('/')
            && !tree.has_folder(first)
        {
            scripts.aliases.insert(first.to_owned(), joined(&at, first));
        }
    }
    let lacking = config
        .agents
        .iter()
        .find(|agent| !scripts.found.contains_key(&agent.name));
    let says = |base: &str| match base {
        "" => format!("{there} of {total} scripts are there from the tree's root"),
        base => format!("{there} of {total} scripts are there from `{base}`"),
    };
    let mut evidence = vec![Evidence::new(
        config.path.as_str(),
        config.agents.first().map_or(0, |agent| agent.line),
        says(base),
    )];
    if let Some(agent) = lacking {
        let near = match tree.find(&agent.script, &BTreeMap::new()) {
            Found::OtherCase(path) => format!("; `{path}` differs in case"),
            _ => String::new(),
        };
        let says = format!("`{}` is not in the tree{near}", agent.script);
        evidence.push(Evidence::new(config.path.as_str(), agent.line, says));
    }
    let known = Known::agreed(scripts, evidence);
    if there * 100 >= total * SURE {
        known
    } else {
        known.but(format!("only {there} of {total} scripts are there"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::startup;

    #[test]
    fn scripts_are_found_from_the_root_or_from_the_folder_of_their_config() {
        let text = "agents:\n  - {name: A, script_path: agents/a.py, port: 1}\n  - {name: B, script_path: agents/b.py, port: 2}\n  - {name: C, script_path: main/agents/a.py, port: 3}\n";
        let config = startup::read("main/config/startup_config.yaml", text).unwrap();
        let tree = TreeFiles::new([
            "main/agents/a.py",
            "main/agents/b.py",
            "main/config/startup_config.yaml",
        ]);
        let scripts = find(&config, &tree);
        assert_eq!(scripts.evidence[0].says, "2 of 3 scripts are there from `main`");
        assert_eq!(scripts.value.found["B"], "main/agents/b.py");
        assert_eq!(scripts.value.found["C"], "main/agents/a.py");
        assert_eq!(scripts.value.aliases["agents"], "main/agents");
        assert!(!scripts.doubts.is_empty(), "two of three are below 90 %");
    }
}
