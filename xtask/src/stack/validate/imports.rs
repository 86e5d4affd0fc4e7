//! What agents import must not lie where agents write: one of them could give code to all others.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use crate::finding::{Finding, Place, Subject};
use crate::stack::model::{Machine, Volume};
use crate::stack::tree::{normal, resolve_alias};

/// Where the tree is in every container.
const ROOT: &str = "/app";

/// Variables with folders or files that a program runs code from, and what that is.
const CODE: [(&str, &str); 8] = [
    ("PYTHONPATH", "modules"),
    ("PYTHONHOME", "Python's own modules"),
    ("PYTHONUSERBASE", "modules of the user"),
    ("PYTHONPYCACHEPREFIX", "the bytecode of modules"),
    ("PYTHONPLATLIBDIR", "Python's own modules"),
    ("LD_PRELOAD", "libraries"),
    ("LD_LIBRARY_PATH", "libraries"),
    ("PATH", "programs"),
];

/// Entries of `python_path` that a volume covers, which agents can write.
pub fn writable_path(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (raw, machine) in facts.raw.machines.iter().zip(&facts.stack.machines) {
        for entry in &raw.python_path {
            let Some((path, volume)) = covering(facts, machine, &entry.value) else {
                continue;
            };
            let message = format!(
                "`{}` in `python_path` lies in volume `{}` (`{path}`), which agents write: what one of them leaves there, others import",
                entry.value, volume.name
            );
            findings.push(
                Finding::error("stack/writable-import", entry.place.clone(), message)
                    .about(Subject::Path(entry.value.clone()))
                    .about(Subject::machine(&machine.name))
                    .with_help(format!(
                        "import from a folder that the images hold, or mount the volume read-only: `{}: {}:ro`",
                        volume.name, volume.path
                    )),
            );
        }
    }
    findings
}

/// Variables that lead an interpreter, a loader or a shell to files that agents can write.
pub fn writable_variable(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((raw, machine), read) in facts.raw.machines.iter().zip(&facts.stack.machines).zip(facts.reads) {
        let startup = read.startup.as_ref();
        for (name, value) in &machine.environment {
            let written = startup.and_then(|startup| startup.environment.get(name));
            let place = match written {
                Some(at) if !raw.environment.contains_key(name) => &at.place,
                _ => &raw.name.place,
            };
            let whose = format!("machine `{}`", machine.name);
            let finding = variable(facts, machine, &whose, (name, value), place);
            findings.extend(finding.map(|finding| finding.about(Subject::machine(&machine.name))));
        }
    }
    for (group, raw) in facts.stack.groups.iter().zip(&facts.resolved.groups) {
        let machine = facts.stack.machine(group.machine);
        let of_variants = group.variants.all.iter().flat_map(|variant| &variant.environment);
        let all: BTreeSet<(&String, &String)> = group.environment.iter().chain(of_variants).collect();
        for (name, value) in all {
            let whose = format!("group `{}`", group.name);
            let finding = variable(facts, machine, &whose, (name, value), &raw.name.place);
            findings.extend(finding.map(|finding| finding.about(Subject::group(&group.name))));
        }
    }
    findings
}

fn variable(
    facts: &Facts<'_>,
    machine: &Machine,
    whose: &str,
    (name, value): (&str, &str),
    place: &Place,
) -> Option<Finding> {
    let (_, what) = CODE.into_iter().find(|(known, _)| *known == name)?;
    let separators: &[char] = if name == "LD_PRELOAD" { &[':', ' '] } else { &[':'] };
    let (entry, (path, volume)) = value
        .split(separators)
        .filter(|entry| !entry.is_empty())
        .find_map(|entry| Some((entry, covering(facts, machine, entry)?)))?;
    let message = format!(
        "`{name}` in the environment of {whose} has `{entry}`, which lies in volume `{}` (`{path}`): agents write it, and {what} come from there",
        volume.name
    );
    Some(
        Finding::error("stack/writable-import", place.clone(), message)
            .about(Subject::Variable(name.to_owned()))
            .with_help("name a folder that the images hold, or mount the volume read-only (`:ro`)"),
    )
}

/// A path in a container, and the volume that covers it and can be written. Relative paths are below the tree's root.
fn covering<'a>(facts: &Facts<'a>, machine: &Machine, entry: &str) -> Option<(String, &'a Volume)> {
    let written = match entry.strip_prefix('/') {
        Some(absolute) => format!("/{}", normal(absolute)),
        None => format!("{ROOT}/{}", normal(entry)),
    };
    let mut paths = vec![written.trim_end_matches('/').to_owned()];
    // A second name of a folder, or a link of the tree, leads where it says.
    if let Some(inside) = paths[0].strip_prefix(&format!("{ROOT}/")) {
        let real = led_to(&resolve_alias(inside, &machine.path_aliases), facts);
        paths.push(format!("{ROOT}/{real}"));
    }
    let volumes = facts.stack.volumes.iter().filter(|volume| !volume.read_only);
    let mut deepest: BTreeMap<usize, (String, &Volume)> = BTreeMap::new();
    for volume in volumes {
        let mounted = format!("/{}", normal(&volume.path));
        let below = |path: &&String| {
            path.strip_prefix(mounted.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let Some(path) = paths.iter().find(below) {
            deepest.insert(mounted.len(), (path.clone(), volume));
        }
    }
    let (depth, found) = deepest.pop_last()?;
    // A read-only volume inside of one that can be written is what is there.
    let shields = facts
        .stack
        .volumes
        .iter()
        .filter(|volume| volume.read_only)
        .any(|volume| {
            let mounted = format!("/{}", normal(&volume.path));
            let covers = found.0 == mounted || found.0.starts_with(&format!("{mounted}/"));
            covers && mounted.len() > depth
        });
    (!shields).then_some(found)
}

/// Where links of the tree lead a path.
fn led_to(path: &str, facts: &Facts<'_>) -> String {
    let Some(tree) = facts.tree else {
        return path.to_owned();
    };
    // The folder itself may be one.
    let followed = tree.follow(&format!("{path}/"));
    normal(&followed)
}
