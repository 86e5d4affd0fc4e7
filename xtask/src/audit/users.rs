//! Which agents run a file: it is their script, or their script imports it, directly or not.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::facts::TreeFacts;
use super::imports::closure::Closure;
use super::imports::requirements::Requirements;
use super::imports::resolve::{Memo, Search};
use super::imports::view::View;
use crate::stack::{AgentId, MachineId, Stack, normal};

/// Agents by the files that they run, relative to the tree.
#[must_use]
pub fn users(stack: &Stack, tree: &TreeFacts) -> BTreeMap<String, BTreeSet<AgentId>> {
    let views: Vec<View<'_>> = (0..stack.machines.len())
        .map(|machine| View::new(stack, MachineId(machine), tree))
        .collect();
    let requirements = Requirements::default();
    let agents: Vec<_> = stack.agents().collect();
    let closures: Vec<(AgentId, Vec<usize>)> = agents
        .par_iter()
        .filter_map(|(id, agent)| {
            let view = views.get(agent.machine.0)?;
            let written = normal(&agent.script_path);
            let script = view.file(&written).or_else(|| tree.find(&written))?;
            let own = written.rsplit_once('/').map_or("", |(folder, _)| folder);
            let mut roots = vec![own.to_owned()];
            roots.extend(
                stack
                    .machine(agent.machine)
                    .python_path
                    .iter()
                    .map(|entry| normal(entry)),
            );
            let search = Search {
                view,
                roots,
                requirements: &requirements,
                also: &[],
                version: tree.version.unwrap_or(pysrc::PythonVersion { major: 3, minor: 11 }),
                memo: Memo::default(),
            };
            Some((*id, Closure::of(&search, script).files))
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
