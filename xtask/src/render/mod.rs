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
mod quadlet;
mod template;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use contract::group_config::Supervision;

use crate::stack::{AgentId, GroupId, Stack};

/// What the first comment of every rendered file says.
pub const HEADER: &str = "rendered by `cargo xtask render` from config/stack.yaml and the startup configs, do not edit";

/// The tree's root inside every container.
pub const ROOT: &str = "/app";

/// Folder of the group config inside a container. Not `/app/config`: a volume is mounted there.
pub const CONFIG_FOLDER: &str = "/etc/ai_system";

/// The supervisor inside a container.
pub const SUPERVISOR: &str = "/usr/local/bin/agent-supervisor";

/// Folders of every container that are in memory and last as long as it does, and how Podman mounts them. All else but the volumes is
/// read-only.
pub const TEMPORARY: [(&str, &[&str]); 3] = [
    ("/tmp", &["rw", "nosuid", "nodev", "size=256m", "mode=1777"]),
    ("/run", &["rw", "nosuid", "nodev"]),
    ("/var/tmp", &["rw", "nosuid", "nodev"]),
];

/// A file in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Path relative to the repository.
    pub path: String,
    /// Content.
    pub text: String,
    /// Whether it is to be executable.
    pub executable: bool,
}

/// What warm starts need to know of the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preload {
    /// Per group with agents that are started warm: the modules, sorted.
    pub modules: BTreeMap<GroupId, Vec<String>>,
    /// Agents that can only be started plainly: a file of theirs stands in front of a standard module, which modules that
    /// are imported already would not have seen.
    pub plain: BTreeSet<AgentId>,
}

/// Every file of a stack that something is built or started from, in order of their paths. `preload`: what the tree says about warm
/// starts. `locked`: the requirements files that have a lock.
#[must_use]
pub fn render(stack: &Stack, preload: &Preload, locked: &BTreeSet<String>) -> Vec<RenderedFile> {
    let mut files = vec![context::ignore(stack), context::check(stack), dockerfile::base(stack)];
    for (id, group) in stack.groups() {
        files.push(group_config::file(stack, id, preload));
        files.push(dockerfile::group(stack, id, locked.contains(&group.requirements)));
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

/// Path of the program that Dockerfiles look at a tree with, relative to the repository and in a build's context.
pub const SECRETS_CHECK: &str = context::CHECK;

/// Every rendered document of a stack: what people read and nothing is built from.
#[must_use]
pub fn documents(stack: &Stack) -> Vec<RenderedFile> {
    vec![document::configuration(stack), document::deployment(stack)]
}

/// The command that a group's container runs.
#[must_use]
pub fn command(stack: &Stack, group: GroupId) -> Vec<String> {
    vec![SUPERVISOR.to_owned(), "--config".to_owned(), config_path(stack, group)]
}

/// The group config inside a group's container.
#[must_use]
pub fn config_path(stack: &Stack, group: GroupId) -> String {
    format!("{CONFIG_FOLDER}/{}", stack.group(group).config_file)
}

/// The command that tells whether a container is healthy.
#[must_use]
pub fn health_command() -> Vec<String> {
    vec![SUPERVISOR.to_owned(), "check".to_owned()]
}

/// Time in milliseconds between telling a container to stop and killing it: the supervisor gives its agents their grace, and needs a
/// moment itself.
fn stop_ms(supervision: &Supervision) -> u64 {
    supervision.stop_grace_ms.saturating_add(5_000)
}

/// A value as YAML under the header.
fn yaml(value: &impl serde::Serialize, comment: &str) -> String {
    format!("# {HEADER}\n{comment}{}", yaml_document(value))
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
