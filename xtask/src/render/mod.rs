//! Rendering: the stack model to files in memory. Pure and deterministic.
//!
//! YAML is serialised from types, units are written key by key; Dockerfiles and scripts come from the templates in
//! `docker/templates/`. Writing the files, and comparing them with those that are there, is `host`'s and `cmd`'s work.

pub mod compose;
pub mod context;
mod deploy;
pub mod dockerfile;
mod document;
pub mod group_config;
mod kube;
mod markdown;
pub mod quadlet;
mod template;
mod yaml;

use std::collections::BTreeSet;

use crate::container::preload::Preload;
use crate::rendered_file::RenderedFile;
use crate::stack::Stack;

/// Every file of a stack that something is built or started from, in order of their paths. `preload`: what the tree says about warm
/// starts. `locked`: the requirements files that have a lock.
#[must_use]
pub fn render(stack: &Stack, preload: &Preload, locked: &BTreeSet<String>) -> Vec<RenderedFile> {
    let mut files = vec![context::ignore(stack), context::check(stack), dockerfile::base(stack)];
    if stack.output.folder().is_some() {
        files.push(context::git_ignore(stack));
    }
    for (id, group) in stack.groups() {
        files.push(group_config::file(stack, id, preload));
        files.push(dockerfile::group(stack, id, locked.contains(&group.requirements)));
        // What any variant is built from, whichever the stack chooses.
        for other in stack.other_variants(id) {
            files.push(group_config::file(&other, id, preload));
            let locked = locked.contains(&other.group(id).requirements);
            files.push(dockerfile::group(&other, id, locked));
        }
    }
    for id in (0..stack.machines.len()).map(crate::stack::MachineId) {
        files.push(compose::file(stack, id));
        files.push(deploy::script(stack, id));
        files.extend(quadlet::files(stack, id));
    }
    files.extend(kube::files(stack, preload));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Every rendered document of a stack: what people read and nothing is built from.
#[must_use]
pub fn documents(stack: &Stack) -> Vec<RenderedFile> {
    vec![document::configuration(stack), document::deployment(stack)]
}

/// A value as YAML under the header.
fn yaml(header: &str, value: &impl serde::Serialize, comment: &str) -> String {
    format!("# {header}\n{comment}{}", yaml_document(value))
}

/// A value as YAML alone.
fn yaml_document(value: &impl serde::Serialize) -> String {
    // Types of ours serialise: text keys, no maps in keys. Failing loudly inside the file beats a panic.
    yaml::document(value).unwrap_or_else(|error| format!("# cannot be rendered: {error}\n"))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod values_tests;
