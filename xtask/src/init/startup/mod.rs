//! Startup configs: which files of a tree list agents, and which of them are meant.

mod agents;
mod programs;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, Known};
use super::texts::{Kind, Texts, is_put_aside};
use crate::stack::TreeFiles;
use crate::stack::spans::Source;
use crate::stack::yaml::{self, Entry, Node, Value};

pub use agents::{Listed, default_of};

/// Longest file that is read as a list of agents, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;

/// Share of the entries of a list whose scripts the tree must have, for the list to be one of agents; in hundredths.
const LEAST_FOUND: usize = 50;

/// A file that lists agents.
#[derive(Debug, Clone)]
pub struct Config {
    /// Path relative to the tree.
    pub path: String,
    /// Its agents, in order; those that are switched off left out.
    pub agents: Vec<Listed>,
    /// Names of those that it switches off.
    pub disabled: Vec<String>,
    /// Groups that it makes of its agents apart from where they stand (`docker_groups:`): name, line, agents.
    pub named_groups: Vec<(String, usize, Vec<String>)>,
    /// Variables of `environment:`, with their lines.
    pub environment: BTreeMap<String, (String, usize)>,
    /// Folders that it keeps outside of containers, with their lines.
    pub volumes: Vec<(String, usize)>,
    /// It is another program's: a Compose file, supervisord's, a Procfile.
    pub is_of_program: bool,
}

impl Config {
    /// Where it lies, without the folders that only hold configs.
    #[must_use]
    pub fn home(&self) -> &str {
        let mut folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        while let Some(name) = folder.rsplit('/').next().filter(|name| !name.is_empty()) {
            if !matches!(
                name,
                "config" | "configs" | "conf" | "settings" | "cfg" | "deploy" | "etc"
            ) {
                break;
            }
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
        folder
    }

    /// What tells its agents from those of others.
    fn identities(&self) -> BTreeSet<(&str, &str)> {
        self.agents
            .iter()
            .map(|agent| (agent.name.as_str(), agent.script.as_str()))
            .collect()
    }
}

/// The startup configs of a tree, one for each machine, and what was decided about each.
#[must_use]
pub fn find(texts: &Texts, tree: &TreeFiles) -> Vec<Known<Config>> {
    let mut candidates: Vec<Config> = texts
        .of(Kind::Yaml)
        // A stack can name no other.
        .filter(|(path, _)| !path.chars().any(char::is_control))
        .filter(|(_, text)| {
            text.len() <= LONGEST && (text.contains(".py") || text.contains("module")) && text.contains("port")
        })
        .filter_map(|(path, text)| read(path, text))
        .filter(|config| serves(config, tree))
        .collect();
    let mut others = Vec::new();
    let (mut programs, of_other_kinds) = programs::find(texts, tree);
    if candidates.is_empty() {
        (candidates, others) = (programs, of_other_kinds);
    } else {
        // A startup config is meant to list all: a Procfile beside it says what is started in another way, and is to be looked at.
        programs.retain(|program| starts_others(program, &candidates, tree));
        others.extend(programs.into_iter().map(|program| program.path));
    }
    let mentions = mentions(texts, &candidates);
    let rank = |config: &Config| {
        let found = config
            .agents
            .iter()
            .filter(|agent| has_script(config, agent, tree))
            .count();
        let name = config.path.rsplit('/').next().unwrap_or_default();
        let is_named_so = ["startup", "agents", "services"].iter().any(|word| name.contains(word));
        let rank = usize::from(!is_put_aside(&config.path)) * 1_000_000
            + usize::from(is_named_so) * 10_000
            + usize::from(mentions.contains_key(&config.path)) * 1_000
            + found;
        (
            std::cmp::Reverse(rank),
            config.path.matches('/').count(),
            // `docker-compose.yml` before what changes it for somebody.
            config.path.len(),
            config.path.clone(),
        )
    };
    candidates.sort_by_cached_key(rank);
    let mut chosen: Vec<(Config, Vec<String>)> = Vec::new();
    for config in candidates {
        let rival = chosen.iter().position(|(known, _)| names_the_same(known, &config));
        match rival {
            Some(rival) => chosen[rival].1.push(config.path),
            // What is put aside is not a machine beside one that is in use.
            None if is_put_aside(&config.path) && !chosen.is_empty() => {}
            None => chosen.push((config, Vec::new())),
        }
    }
    chosen.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
    chosen
        .into_iter()
        .enumerate()
        .map(|(number, (config, rivals))| {
            let known = known(config, &rivals, &mentions);
            // One of them is enough to look at.
            let others = if number == 0 { others.as_slice() } else { &[] };
            match others {
                [] => known,
                others => known.but(format!(
                    "`{}` starts other agents of the tree, which are left out: a machine has one startup config",
                    others.join("`, `")
                )),
            }
        })
        .collect()
}

fn known(config: Config, rivals: &[String], mentions: &BTreeMap<String, Evidence>) -> Known<Config> {
    let first = config.agents.first().map_or(0, |agent| agent.line);
    let count = config.agents.len();
    let mut evidence = vec![Evidence::new(
        config.path.as_str(),
        first,
        format!("lists {count} {}", if count == 1 { "agent" } else { "agents" }),
    )];
    evidence.extend(mentions.get(&config.path).cloned());
    let few = count < 3;
    let known = Known::agreed(config, evidence);
    let known = match rivals {
        [] => known,
        rivals => known.but(format!("`{}` lists the same agents", rivals.join("`, `"))),
    };
    if few {
        known.but("it lists fewer than three agents")
    } else {
        known
    }
}

/// One file, if it lists agents at all.
#[must_use]
pub fn read(path: &str, text: &str) -> Option<Config> {
    let source = Source::new(path, text);
    let root = yaml::parse(&source).0?;
    let (agents, disabled) = agents::read(&source, &root);
    if agents.is_empty() {
        return None;
    }
    Some(Config {
        path: path.to_owned(),
        named_groups: named_groups(&root, &agents),
        environment: environment(&root),
        volumes: Vec::new(),
        is_of_program: false,
        agents,
        disabled,
    })
}

/// Whether enough of the scripts are there.
fn serves(config: &Config, tree: &TreeFiles) -> bool {
    let found = config
        .agents
        .iter()
        .filter(|agent| has_script(config, agent, tree))
        .count();
    found > 0 && found * 100 >= config.agents.len() * LEAST_FOUND
}

fn has_script(config: &Config, agent: &Listed, tree: &TreeFiles) -> bool {
    let there = |base: &str| agent.files().any(|file| tree.files.contains(&joined(base, &file)));
    bases(config.home()).any(there) || module_root(agent, tree).is_some()
}

/// The only folder of the tree from which an agent's module can be imported; nothing where there are several.
#[must_use]
pub fn module_root(agent: &Listed, tree: &TreeFiles) -> Option<(String, String)> {
    if !agent.is_module {
        return None;
    }
    let files: Vec<String> = agent.files().map(|file| format!("/{file}")).collect();
    let mut found = tree.files.iter().filter(|path| !is_put_aside(path)).filter_map(|path| {
        let root = files.iter().find_map(|file| path.strip_suffix(file.as_str()))?;
        Some((root.to_owned(), path.clone()))
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Whether a program's config starts scripts that none of these lists.
fn starts_others(program: &Config, configs: &[Config], tree: &TreeFiles) -> bool {
    let mut known = BTreeSet::new();
    for config in configs {
        for agent in &config.agents {
            let files = agent.files().collect::<Vec<_>>();
            let below = bases(config.home()).flat_map(|base| files.iter().map(move |file| joined(base, file)));
            known.extend(below.filter(|file| tree.files.contains(file)));
            known.extend(module_root(agent, tree).map(|(_, file)| file));
        }
    }
    program.agents.iter().any(|agent| !known.contains(&agent.script))
}

/// The folders that scripts may be relative to: the tree, and those that the config lies in.
pub fn bases(home: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(home);
    std::iter::once("").chain(std::iter::from_fn(move || {
        let folder = next.filter(|folder| !folder.is_empty())?;
        next = folder.rsplit_once('/').map(|(above, _)| above);
        Some(folder)
    }))
}

/// A path below a folder.
#[must_use]
pub fn joined(folder: &str, path: &str) -> String {
    crate::stack::normal(&format!("{folder}/{path}"))
}

/// Whether two configs list mostly the same agents: by name and script, in one place by name alone.
fn names_the_same(a: &Config, b: &Config) -> bool {
    let (first, second) = (a.identities(), b.identities());
    let fewer = first.len().min(second.len());
    if first.intersection(&second).count() * 2 > fewer {
        return true;
    }
    let names =
        |config: &Config| -> BTreeSet<String> { config.agents.iter().map(|agent| agent.name.clone()).collect() };
    a.home() == b.home() && names(a).intersection(&names(b)).count() * 3 > fewer
}

/// The first line of a launcher, a Dockerfile or a README that names each config.
fn mentions(texts: &Texts, configs: &[Config]) -> BTreeMap<String, Evidence> {
    let mut found = BTreeMap::new();
    for kind in [Kind::Launcher, Kind::Dockerfile] {
        for (path, number, line) in texts.lines(kind) {
            for config in configs.iter().filter(|config| line.contains(&config.path)) {
                let evidence = || Evidence::new(path, number, "names it");
                found.entry(config.path.clone()).or_insert_with(evidence);
            }
        }
    }
    found
}

/// Mappings of groups with `agents:` that are names of agents which are listed elsewhere in the file.
fn named_groups(root: &Node, agents: &[Listed]) -> Vec<(String, usize, Vec<String>)> {
    let known: BTreeSet<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
    let mut groups = Vec::new();
    let Value::Mapping(top) = &root.value else {
        return groups;
    };
    for entry in top {
        let Value::Mapping(inner) = &entry.value.value else {
            continue;
        };
        for group in inner {
            let names: Vec<String> = match &group.value.value {
                Value::Mapping(fields) => fields
                    .iter()
                    .filter(|field| matches!(field.key.as_str(), "agents" | "services" | "members"))
                    .flat_map(|field| scalars(&field.value))
                    .collect(),
                Value::Sequence(_) => scalars(&group.value),
                Value::Scalar { .. } => Vec::new(),
            };
            let names: Vec<String> = names.into_iter().filter(|name| known.contains(name.as_str())).collect();
            if !names.is_empty() {
                groups.push((group.key.clone(), group.key_span.line, names));
            }
        }
    }
    groups
}

fn scalars(node: &Node) -> Vec<String> {
    let Value::Sequence(items) = &node.value else {
        return Vec::new();
    };
    items.iter().filter_map(agents::scalar).collect()
}

/// `environment:` at the top or below `global_settings:`.
fn environment(root: &Node) -> BTreeMap<String, (String, usize)> {
    let mut found = BTreeMap::new();
    let mut take = |entries: &[Entry]| {
        let environments = entries
            .iter()
            .filter(|entry| matches!(entry.key.as_str(), "environment" | "env"));
        for environment in environments {
            if let Value::Mapping(variables) = &environment.value.value {
                for variable in variables {
                    if let Some(value) = agents::scalar(&variable.value) {
                        found.insert(variable.key.clone(), (value, variable.key_span.line));
                    }
                }
            }
        }
    };
    if let Value::Mapping(top) = &root.value {
        take(top);
        for entry in top {
            if let Value::Mapping(inner) = &entry.value.value {
                take(inner);
            }
        }
    }
    found
}
