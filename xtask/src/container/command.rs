//! What a container runs, how it tells whether it is healthy, and how long it may take to stop.

use super::layout::{CONFIG_FOLDER, SUPERVISOR};
use crate::stack::{GroupId, Stack};

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
#[must_use]
pub fn stop_ms(stack: &Stack, group: GroupId) -> u64 {
    stack.group_stop_grace_ms(group).saturating_add(5_000)
}
