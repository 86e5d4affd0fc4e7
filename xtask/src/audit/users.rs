//! Which agents run a file: it is their script, or their script imports it, directly or not.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::python::facts::TreeFacts;
use crate::python::imports::closure::Closures;
use crate::python::imports::requirements::Requirements;
use crate::python::imports::resolve::{Memo, Search};
use crate::python::imports::view::View;
use crate::stack::{AgentId, MachineId, Stack, normal};

/// A machine, and the folders that are searched there. Agents that share them find the same: what one of them looked up, the
/// others need not.
type Roots = (usize, Vec<String>);

/// Agents by the files that they run, relative to the tree.
#[must_use]
pub fn users(stack: &Stack, tree: &TreeFacts) -> BTreeMap<String, BTreeSet<AgentId>> {
    let views: Vec<View<'_>> = (0..stack.machines.len())
        .map(|machine| View::new(stack, MachineId(machine), tree))
        .collect();
    let requirements = Requirements::default();
    let mut searches: BTreeMap<Roots, Vec<(AgentId, usize)>> = BTreeMap::new();
    for (id, agent) in stack.agents() {
        let written = normal(&agent.script_path);
        let Some(script) = views
            .get(agent.machine.0)
            .and_then(|view| view.file(&written))
            .or_else(|| tree.find(&written))
        else {
            continue;
        };
        let own = written.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut roots = vec![own.to_owned()];
        roots.extend(
            stack
                .machine(agent.machine)
                .python_path
                .iter()
                .map(|entry| normal(entry)),
        );
        searches.entry((agent.machine.0, roots)).or_default().push((id, script));
    }
    let closures: Vec<(AgentId, Vec<usize>)> = searches
        .into_iter()
        .collect::<Vec<_>>()
        .into_par_iter()
        .flat_map_iter(|((machine, roots), scripts)| {
            let mut closures = views.get(machine).map(|view| {
                Closures::new(Search {
                    view,
                    roots,
                    requirements: &requirements,
                    also: &[],
                    version: tree.version,
                    memo: Memo::default(),
                })
            });
            scripts
                .into_iter()
                .filter_map(move |(id, script)| Some((id, closures.as_mut()?.of(script).files)))
        })
        .collect();
    let mut users: BTreeMap<String, BTreeSet<AgentId>> = BTreeMap::new();
    for (id, files) in closures {
        for file in files.iter().filter_map(|file| tree.files.get(*file)) {
            match users.get_mut(&file.path) {
                Some(agents) => {
                    agents.insert(id);
                }
                None => {
                    users.insert(file.path.clone(), BTreeSet::from([id]));
                }
            }
        }
    }
    users
}
