//! `writable:`: what agents must not write all the same.

use super::Facts;
use crate::finding::{Finding, Subject};
use crate::stack::Machine;
use crate::stack::spans::At;
use crate::stack::writable::Writable;

/// Places where code or a volume is.
pub fn taken(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (written, machines) in entries(facts) {
        let mut of_machines = machines.iter().map(|machine| written.value.clone().real(machine));
        let Some((why, help)) = of_machines.find_map(|writable| wrong(facts, &writable)) else {
            continue;
        };
        findings.push(
            Finding::error(
                "stack/bad-value",
                written.place.clone(),
                format!("agents cannot be given `{}`: {why}", written.value.written()),
            )
            .about(Subject::Key("writable".to_owned()))
            .with_help(help),
        );
    }
    findings
}

/// Every entry of `writable:`, with the machines that it is about.
fn entries<'a>(facts: &Facts<'a>) -> Vec<(&'a At<Writable>, Vec<&'a Machine>)> {
    let stack = facts.stack;
    let all: Vec<&Machine> = stack.machines.iter().collect();
    let mut found: Vec<(&At<Writable>, Vec<&Machine>)> = Vec::new();
    found.extend(facts.raw.runtime.writable().map(|entry| (entry, all.clone())));
    for (raw, machine) in facts.raw.machines.iter().zip(&stack.machines) {
        found.extend(raw.runtime.writable().map(|entry| (entry, vec![machine])));
    }
    for (raw, group) in facts.resolved.groups.iter().zip(&stack.groups) {
        let overrides = raw.overrides.iter().flat_map(|change| change.runtime.writable());
        let machine = stack.machine(group.machine);
        found.extend(
            raw.runtime
                .writable()
                .chain(overrides)
                .map(|entry| (entry, vec![machine])),
        );
    }
    found
}

fn wrong(facts: &Facts<'_>, writable: &Writable) -> Option<(String, &'static str)> {
    let below = |path: &str, folder: &str| {
        path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    };
    let (Writable::Folder(path) | Writable::File(path)) = writable else {
        return None;
    };
    let volumes = facts
        .stack
        .volumes
        .iter()
        .filter_map(|volume| Some((&volume.name, volume.path.strip_prefix("/app/")?)));
    for (name, at) in volumes {
        if below(path, at) || below(at, path) {
            let help = "what lies on a volume can be written already: remove it here";
            return Some((format!("the volume `{name}` is mounted at `/app/{at}`"), help));
        }
    }
    let code = facts
        .tree?
        .files
        .iter()
        .find(|file| below(file, path) && file.ends_with(".py"))?;
    let help = "code stays as it is: name a folder without code, or names of files, as in `main_pc_code/*.json`";
    Some((format!("it holds Python files, `{code}` for one"), help))
}
