//! A stack for a tree that has none: what the tree itself says about its machines, groups, ports and requirements, each value with
//! its evidence and with what is doubtful about it.
//!
//! Pure: the listing of a tree goes in with the texts that [`wants`] asks for, and an [`Inference`] comes out. One module for each
//! kind of value; [`document`] turns them into a stack file.

pub mod ask;
pub mod document;
pub mod evidence;
pub mod texts;

mod addresses;
mod checks;
mod debian;
mod devices;
mod fallbacks;
mod groups;
mod health;
mod imports;
mod included;
mod keys;
mod machine_words;
mod machines;
mod path_text;
mod paths;
pub mod ports;
mod requirements;
mod scripts;
mod settings;
mod startup;
mod variables;
mod version;
mod writable;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use pysrc::PythonVersion;
use rustc_hash::FxHashSet;

use self::addresses::Address;
use self::document::Item;
use self::evidence::{Evidence, Known};
use self::groups::Group;
use self::imports::{Loaded, Sources, Wanted};
use self::ports::Bound;
use self::requirements::Source;
use self::scripts::Scripts;
pub use self::settings::Setting;
use self::startup::Config;
use self::texts::Texts;
use self::writable::Writable;
pub use self::writable::Write;
use crate::python::parses::Parses;
use crate::python::reach;
use crate::stack::TreeFiles;

/// The stack file of a tree, relative to it.
pub const STACK_FILE: &str = "config/stack.yaml";

/// Whether the content of a file of the tree is asked for.
#[must_use]
pub fn wants(path: &str) -> bool {
    path.ends_with(".py") || texts::kind(path).is_some()
}

/// What is known of a tree.
#[derive(Debug, Default)]
pub struct Input {
    /// The name of its folder.
    pub name: String,
    /// Its files and links.
    pub tree: TreeFiles,
    /// Contents of the files that [`wants`] asked for, by path.
    pub contents: Vec<(String, Vec<u8>)>,
}

/// A stack that was inferred.
#[derive(Debug, Clone)]
pub struct Inference {
    /// Its keys, in the order of the file.
    pub items: Vec<Item>,
    /// Files that it names and that the tree does not have: path relative to the tree, and text.
    pub files: Vec<(String, String)>,
    /// How many machines, groups and agents it has.
    pub counts: (usize, usize, usize),
    draft: Draft,
    /// Folders of the tree that hold Python files.
    code: FxHashSet<String>,
}

impl Inference {
    /// The text of the stack file.
    #[must_use]
    pub fn text(&self) -> String {
        document::text(&self.items)
    }

    /// The same with what the agents' start paths write and what is to be said of single agents, which is known once they were followed
    /// in this stack.
    #[must_use]
    pub fn with_seen(mut self, writes: &[Write], settings: Vec<Setting>) -> Self {
        writable::add(&mut self.draft.writable, &self.code, writes);
        for setting in settings {
            // What is written comes before what was seen.
            if !self.draft.settings.iter().any(|known| known.is_for_key_of(&setting)) {
                self.draft.settings.push(setting);
            }
        }
        keys::inference(self.draft, self.code)
    }

    /// The same with agents that bind one port in containers of their own; nothing where each container has each port once. By machine,
    /// the ports that agents were seen to bind.
    #[must_use]
    pub fn apart(&self, bound: &BTreeMap<String, Bound>) -> Option<Self> {
        let mut draft = self.draft.clone();
        let mut names: BTreeSet<String> = draft.machines.iter().flat_map(Machine::group_names).collect();
        let before = names.len();
        for machine in &mut draft.machines {
            if let Some(bound) = bound.get(&machine.name.value) {
                machine.bound.clone_from(bound);
                machine.part(&mut names);
            }
        }
        if names.len() == before {
            return None;
        }
        draft.settings = settings::of_machines(&draft.machines);
        Some(keys::inference(draft, self.code.clone()))
    }

    /// The same with files in the images that agents were seen to read there, and without `secrets`; nothing where that changes nothing.
    /// Each comes with the file and line that reads it.
    #[must_use]
    pub fn including<'r>(
        &self,
        read: impl IntoIterator<Item = (&'r str, (String, usize))>,
        secrets: &BTreeSet<String>,
    ) -> Option<Self> {
        let mut draft = self.draft.clone();
        for (path, (file, line)) in read {
            if included::may_be_in_an_image(path) {
                let evidence = || Evidence::new(file, line, "reads it");
                draft.included.entry(path.to_owned()).or_insert_with(evidence);
            }
        }
        draft.included.retain(|path, _| !secrets.contains(path));
        let changed = !draft.included.keys().eq(self.draft.included.keys());
        changed.then(|| keys::inference(draft, self.code.clone()))
    }

    /// What somebody should look at: the key, what is doubtful, and the evidence.
    pub fn doubts(&self) -> impl Iterator<Item = (String, &str, Option<&Evidence>)> {
        self.items.iter().flat_map(|item| {
            item.doubts
                .iter()
                .map(|doubt| (item.name(), doubt.as_str(), item.evidence.first()))
        })
    }
}

/// One machine, as far as it was made out.
#[derive(Debug, Clone)]
struct Machine {
    name: Known<String>,
    /// What its agents are told in place of its name, where code calls it otherwise.
    told: Option<Known<String>>,
    config: Known<Config>,
    scripts: Known<Scripts>,
    loaded: Loaded,
    python_path: Known<Vec<String>>,
    code: Known<Vec<String>>,
    health: Known<u16>,
    address: Address,
    groups: Vec<GroupOf>,
    /// Ports that its agents were seen to bind.
    bound: Bound,
}

impl Machine {
    fn group_names(&self) -> impl Iterator<Item = String> {
        self.groups.iter().map(|group| group.group.value.name.clone())
    }

    /// The ports of all its agents.
    fn ports(&self) -> BTreeMap<&str, Vec<(u16, Evidence)>> {
        let config = &self.config.value;
        let of = |agent| ports::of(agent, config, self.health.value, &self.bound);
        let agents = config.agents.iter().rev();
        agents.map(|agent| (agent.name.as_str(), of(agent))).collect()
    }

    /// Gives agents that have one port groups of their own.
    fn part(&mut self, names: &mut BTreeSet<String>) {
        let known = self.groups.iter().map(|group| group.group.clone()).collect();
        let parted = {
            let ports = self.ports();
            groups::apart(known, names, &|agent| ports.get(agent).cloned().unwrap_or_default())
        };
        let whole = std::mem::take(&mut self.groups);
        for group in parted {
            let is_of = |known: &&GroupOf| known.group.value.agents.contains(&group.value.agents[0]);
            if let Some(of) = whole.iter().find(is_of) {
                self.groups.push(GroupOf {
                    group,
                    // What one of them needs, all of them have: nothing is looked up again.
                    ..of.clone()
                });
            }
        }
    }
}

/// One group with what its agents load.
#[derive(Debug, Clone)]
struct GroupOf {
    group: Known<Group>,
    requirements: Known<Source>,
    packages: Option<Known<Vec<String>>>,
    devices: BTreeMap<&'static str, Evidence>,
    /// An agent of it depends on one that is not in it.
    depends: bool,
}

impl GroupOf {
    /// The phase that proves it: what depends on nothing outside of it comes first.
    fn phase(&self) -> u8 {
        if self.depends { 3 } else { 2 }
    }
}

/// Everything, before it becomes keys.
#[derive(Debug, Clone)]
struct Draft {
    name: String,
    python: Known<PythonVersion>,
    packages: Option<Known<Vec<String>>>,
    writable: Writable,
    /// Files that images have besides code, with what names them.
    included: BTreeMap<String, Evidence>,
    machines: Vec<Machine>,
    fallbacks: BTreeMap<String, Known<Option<String>>>,
    /// What fills in references of the startup configs.
    variables: BTreeMap<String, Known<Option<String>>>,
    compose_devices: Vec<Evidence>,
    settings: Vec<Setting>,
}

/// Infers a stack; nothing where no file of the tree lists agents. Files that are parsed for it are kept.
#[must_use]
pub fn infer(input: Input, parses: &Parses) -> Option<Inference> {
    let (python, others): (Vec<_>, Vec<_>) = input.contents.into_iter().partition(|(path, _)| path.ends_with(".py"));
    // A `setup.py` is both.
    let setup: Vec<_> = python
        .iter()
        .filter(|(path, _)| texts::kind(path).is_some())
        .cloned()
        .collect();
    let texts = Texts::new(others.into_iter().chain(setup));
    let configs = startup::find(&texts, &input.tree);
    if configs.is_empty() {
        return None;
    }
    let mut python_version = version::find(&texts);
    let mut version = python_version.value;
    let configs: Vec<(Known<Config>, Known<Scripts>)> = configs
        .into_iter()
        .map(|config| {
            let scripts = scripts::find(&config.value, &input.tree);
            (config, scripts)
        })
        .collect();
    let all: Vec<&str> = configs
        .iter()
        .flat_map(|(_, scripts)| scripts.value.found.values().map(String::as_str))
        .collect();
    let read = |python, version| Sources::new(reach::read(python, version, &all, Some(parses)), version);
    let mut sources = read(python, version);
    if let Some(newer) = version::of_syntax(&python_version, &sources, &all) {
        if newer.value != version {
            let again = reach::read_again(sources.into_files(), newer.value, &all, Some(parses));
            sources = Sources::new(again, newer.value);
        }
        (version, python_version) = (newer.value, newer);
    }
    let files = requirements::Files::new(&texts, version);
    sources.ask_for(files.names().map(str::to_owned));
    let fallbacks = {
        let configs: Vec<&Config> = configs.iter().map(|(config, _)| &config.value).collect();
        fallbacks::find(&configs, &input.tree)
    };
    let variables = configs
        .iter()
        .flat_map(|(config, _)| variables::find(&config.value, &texts))
        .collect();
    let many = configs.len() > 1;
    let mut known = Looked {
        tree: &input.tree,
        texts: &texts,
        sources: &sources,
        files: &files,
        groups: BTreeSet::new(),
    };
    let named = named(&configs, &sources);
    let machines: Vec<Machine> = configs
        .into_iter()
        .zip(named)
        .enumerate()
        .map(|(number, (config, named))| known.machine(config, named, u8::try_from(number).unwrap_or(100), many))
        .collect();
    let mut everything = Loaded::default();
    for machine in &machines {
        everything.join(&machine.loaded);
    }
    let mut writable = writable::find(&sources, &everything);
    for machine in &machines {
        writable::keep(&mut writable, sources.folders(), &machine.config.value);
    }
    let mut included = BTreeMap::new();
    for machine in &machines {
        included.extend(included::find(
            &sources,
            &machine.loaded,
            &machine.code.value,
            &input.tree,
        ));
    }
    let name = machines::slug(&input.name);
    let settings = settings::of_machines(&machines);
    let draft = Draft {
        name: if name.is_empty() { "stack".to_owned() } else { name },
        python: python_version,
        packages: debian::of_dockerfiles(&texts),
        writable,
        included,
        machines,
        fallbacks,
        variables,
        compose_devices: devices::of_compose(&texts),
        settings,
    };
    Some(keys::inference(draft, sources.folders().clone()))
}

/// How a machine is called.
struct Named {
    name: Known<String>,
    /// Its name from where its config lies.
    of_place: String,
    told: Option<Known<String>>,
}

/// How the machines of these configs are called.
fn named(configs: &[(Known<Config>, Known<Scripts>)], sources: &Sources) -> Vec<Named> {
    let configs: Vec<&Config> = configs.iter().map(|(config, _)| &config.value).collect();
    let mut taken = BTreeSet::new();
    let mut names: Vec<Known<String>> = Vec::new();
    for config in &configs {
        let name = machines::name(config, &taken);
        taken.insert(name.value.clone());
        names.push(name);
    }
    let of_place: Vec<String> = names.iter().map(|name| name.value.clone()).collect();
    let told = machines::called(&mut names, &configs, &machine_words::find(sources));
    let named = names.into_iter().zip(of_place).zip(told);
    named
        .map(|((name, of_place), told)| Named { name, of_place, told })
        .collect()
}

/// What every machine is looked up in.
struct Looked<'a> {
    tree: &'a TreeFiles,
    texts: &'a Texts,
    sources: &'a Sources,
    files: &'a requirements::Files,
    /// Names that are taken.
    groups: BTreeSet<String>,
}

impl Looked<'_> {
    fn machine(
        &mut self,
        (config, scripts): (Known<Config>, Known<Scripts>),
        named: Named,
        number: u8,
        many: bool,
    ) -> Machine {
        let Named { name, of_place, told } = named;
        let written = paths::written(&config.value, self.texts, self.tree);
        let mut path = vec![String::new()];
        path.extend(
            written
                .iter()
                .map(|(folder, _)| folder.clone())
                .filter(|folder| !folder.is_empty()),
        );
        let found: Vec<&str> = scripts.value.found.values().map(String::as_str).collect();
        path.extend(scripts.value.roots.keys().cloned());
        let mut loaded = self.sources.load(&found, &path);
        loaded.roots.extend(scripts.value.roots.clone());
        let python_path = paths::python_path(&written, &loaded);
        let code = paths::code(&config.value, &found, self.sources, &loaded);
        let roots: Vec<String> = python_path
            .value
            .iter()
            .map(|root| if root == "." { String::new() } else { root.clone() })
            .collect();
        let health = health::offset(&config.value, self.sources, &loaded);
        let (offset, bound) = (health.value, Bound::new());
        let of = |name: &str| config.value.agents.iter().find(|agent| agent.name == name);
        let ports =
            |name: &str| of(name).map_or_else(Vec::new, |agent| ports::of(agent, &config.value, offset, &bound));
        let groups = groups::find(&config.value, &name.value);
        let groups = groups::apart(groups, &mut BTreeSet::new(), &ports)
            .into_iter()
            .map(|group| self.group(group, &name.value, &config.value, &scripts.value, &roots))
            .collect();
        Machine {
            health,
            bound,
            address: addresses::find(
                &[&name.value, &of_place],
                number,
                many,
                &config.value,
                self.texts,
                self.sources,
            ),
            groups,
            name,
            told,
            config,
            scripts,
            loaded,
            python_path,
            code,
        }
    }

    fn group(
        &mut self,
        mut group: Known<Group>,
        machine: &str,
        config: &Config,
        scripts: &Scripts,
        roots: &[String],
    ) -> GroupOf {
        if self.groups.contains(&group.value.name) {
            group.value.name = machines::slug(&format!("{machine}-{}", group.value.name));
        }
        let mut number = 2;
        while !self.groups.insert(group.value.name.clone()) {
            group.value.name = format!("{machine}-{number}");
            number += 1;
        }
        let own: BTreeSet<&str> = group.value.agents.iter().map(String::as_str).collect();
        let found: Vec<&str> = own
            .iter()
            .filter_map(|agent| scripts.found.get(*agent))
            .map(String::as_str)
            .collect();
        let mut loaded = self.sources.load(&found, roots);
        // What serves an application is installed with it.
        for agent in config.agents.iter().filter(|agent| own.contains(agent.name.as_str())) {
            if let Some((server, _)) = &agent.served {
                let says = format!("starts `{}` by `{server}`", agent.name);
                let evidence = Evidence::new(config.path.as_str(), agent.line, says);
                let wanted = Wanted {
                    evidence,
                    needed: true,
                    sure: true,
                    at_once: true,
                };
                loaded.packages.entry(server.clone()).or_insert(wanted);
            }
        }
        let made = format!("config/requirements.{}.txt", group.value.name);
        let requirements = self
            .files
            .choose(&group.value.name, config.home(), &found, &loaded, &made);
        let depends = config
            .agents
            .iter()
            .filter(|agent| own.contains(agent.name.as_str()))
            .any(|agent| agent.dependencies.iter().any(|name| !own.contains(name.as_str())));
        GroupOf {
            requirements,
            packages: debian::of_imports(&loaded),
            devices: devices::of_group(self.sources, &loaded),
            depends,
            group,
        }
    }
}
