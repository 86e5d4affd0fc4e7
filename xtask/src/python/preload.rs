//! What a group's warm interpreter imports before it forks the group's agents: the third-party and standard modules that two
//! or more of them import at module level for certain, and what these import as soon as they are used.
//!
//! First-party modules are left out: they may look at the command line, open sockets, or set up logging.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use contract::group_config::Start;
use rayon::prelude::*;

use super::facts::TreeFacts;
use super::imports::distributions::module_of;
use super::imports::requirements;
use super::imports::resolve::{Memo, Search, Target, absolute_name, package_of, roots};
use super::imports::stdlib;
use super::imports::view::View;
use crate::container::layout::python_path;
use crate::container::preload::Preload;
use crate::stack::{MachineId, Stack};

/// Modules that do something when they are imported: a browser opens, a poem is printed, a terminal is set up.
const DOES_SOMETHING: [&str; 3] = ["antigravity", "this", "readline"];

/// Standard modules that import others inside functions which their users all call, so that every agent would do so again: a parser
/// of command lines looks for translations and for the width of the terminal. Importing one takes an agent 1 to 2 MB of its own.
const IMPORTED_LATER: [(&str, &[&str]); 1] = [("argparse", &["locale", "shutil"])];

/// Modules that Debian's packages of the base bring: `python3-yaml` and its like.
#[must_use]
pub fn modules_of_the_base(stack: &Stack) -> Vec<String> {
    stack
        .images
        .packages
        .iter()
        .filter_map(|package| package.strip_prefix("python3-"))
        .map(module_of)
        .collect()
}

/// Works it out.
#[must_use]
pub fn preload(stack: &Stack, tree: &TreeFacts) -> Preload {
    let views: Vec<View<'_>> = (0..stack.machines.len())
        .map(|machine| View::new(stack, MachineId(machine), tree))
        .collect();
    let version = tree.version;
    let also = modules_of_the_base(stack);
    let groups: Vec<_> = stack.groups().collect();
    // With each variant, of which one holds.
    let with_variants = groups.iter().flat_map(|(id, group)| {
        let own = (*id, None, &group.requirements);
        let variants = group.variants.all.iter();
        let variants = variants.map(|variant| (*id, Some(variant.name.clone()), &variant.requirements));
        std::iter::once(own).chain(variants)
    });
    let with_variants: Vec<_> = with_variants.collect();
    let found: Vec<_> = with_variants
        .into_par_iter()
        .filter_map(|(id, variant, file)| {
            let group = stack.group(id);
            let view = views.get(group.machine.0)?;
            let requirements = requirements::read(tree, file, version, None);
            let python_path = python_path(stack, id);
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            let (mut warm, mut plain) = (0, Vec::new());
            for agent in &group.agents {
                let script = &stack.agent(*agent).script_path;
                if stack.start(*agent) == Start::Plain {
                    continue;
                }
                let search = Search {
                    view,
                    roots: roots(&view.real(script), &python_path),
                    requirements: &requirements,
                    also: &also,
                    version,
                    memo: Memo::default(),
                };
                if shadows(&search) {
                    plain.push(*agent);
                    continue;
                }
                warm += 1;
                for module in imported(&search, script) {
                    *counts.entry(module).or_default() += 1;
                }
            }
            let mut wanted: BTreeSet<String> = counts
                .into_iter()
                .filter(|(_, count)| *count > 1)
                .map(|(module, _)| module)
                .collect();
            for (module, later) in IMPORTED_LATER {
                if wanted.contains(module) {
                    wanted.extend(later.iter().map(|module| (*module).to_owned()));
                }
            }
            let wanted = wanted
                .into_iter()
                .filter(|module| !left_out(module, &stack.preload_skip))
                .collect();
            (warm > 0 || !plain.is_empty()).then_some((id, variant, wanted, plain))
        })
        .collect();
    let mut preload = Preload::default();
    for (id, variant, modules, plain) in found {
        match variant {
            Some(variant) => {
                preload.of_variants.insert((id, variant), modules);
            }
            None => {
                preload.modules.insert(id, modules);
                preload.plain.extend(plain);
            }
        }
    }
    preload
}

/// Whether a module is not to be imported in advance: it is there anyway, it does something, or the stack says so.
fn left_out(module: &str, skip: &[String]) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    let below = |skipped: &String| {
        module
            .strip_prefix(skipped.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    top == "__future__" || stdlib::never_shadowed(top) || DOES_SOMETHING.contains(&top) || skip.iter().any(below)
}

/// Whether the tree has a file where the agent would find it before a standard module.
fn shadows(search: &Search<'_>) -> bool {
    stdlib::modules(search.version).any(|module| {
        let loaded = search.absolute(module);
        loaded
            .first()
            .is_some_and(|first| matches!(first.target, Target::File { .. }))
    })
}

/// Modules from outside the tree that a script imports for certain, directly or through files of the tree.
fn imported(search: &Search<'_>, script: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    let Some(script) = search.view.file(script) else {
        return modules;
    };
    let mut seen = HashSet::from([script]);
    let mut queue = vec![(script, String::new())];
    while let Some((file, package)) = queue.pop() {
        let Some(facts) = search.view.tree.files.get(file) else {
            continue;
        };
        for import in &facts.module.imports {
            let guard = import.guard;
            if guard.function || guard.conditional || guard.type_checking || guard.catches_import_error {
                continue;
            }
            let Ok(module) = absolute_name(import, &package) else {
                continue;
            };
            let full = match import.name.as_deref() {
                Some(name) if name != "*" => format!("{module}.{name}"),
                _ => module.clone(),
            };
            for loaded in search.absolute(&full).iter() {
                match &loaded.target {
                    Target::File { file, package, .. } if seen.insert(*file) => {
                        queue.push((*file, package_of(&loaded.name, package.is_some()).to_owned()));
                    }
                    Target::Standard | Target::Installed if loaded.name == module => {
                        modules.insert(module.clone());
                    }
                    _ => {}
                }
            }
        }
    }
    modules
}

#[cfg(test)]
mod tests {
    use pysrc::PythonVersion;

    use super::preload;
    use crate::python::facts::facts;
    use crate::stack::fixture::Fixture;
    use contract::group_config::Start;

    const V: PythonVersion = PythonVersion::USUAL;

    #[test]
    fn what_two_agents_import_for_certain_is_preloaded() {
        let mut stack = Fixture::real().model();
        stack.start = Start::Warm;
        stack.preload_skip = vec!["logging".to_owned()];
        let id = stack.find_group("code-generation").unwrap();
        let scripts: Vec<String> = stack
            .group(id)
            .agents
            .iter()
            .map(|a| stack.agent(*a).script_path.clone())
            .collect();
        let requirements = stack.group(id).requirements.clone();
        let one = "import argparse, json, os, zmq, logging.handlers\nfrom main_pc_code import shared\nimport ast\n\
                   try:\n    import yaml\nexcept ImportError:\n    yaml = None\n";
        let two = "import argparse, json, zmq, logging\nfrom main_pc_code import shared\n\
                   import yaml\ndef f():\n    import ast\n";
        let files = [
            (scripts[0].clone(), one.as_bytes().to_vec()),
            (scripts[1].clone(), two.as_bytes().to_vec()),
            ("main_pc_code/__init__.py".to_owned(), Vec::new()),
            (
                "main_pc_code/shared.py".to_owned(),
                b"import sqlite3\nfrom concurrent.futures import Future".to_vec(),
            ),
            (requirements, b"pyzmq\nPyYAML\n".to_vec()),
        ];
        let found = preload(&stack, &facts(&files, V));
        let expected = [
            "argparse",
            "concurrent.futures",
            "json",
            "locale",
            "shutil",
            "sqlite3",
            "zmq",
        ];
        assert_eq!(found.modules[&id], expected);
        assert!(found.plain.is_empty());

        // A file in front of a standard module: that agent cannot be forked.
        let folder = scripts[0].rsplit_once('/').unwrap().0;
        let mut files = files.to_vec();
        files.push((format!("{folder}/queue.py"), Vec::new()));
        let found = preload(&stack, &facts(&files, V));
        assert!(found.plain.contains(&stack.group(id).agents[0]), "{found:?}");
    }
}
