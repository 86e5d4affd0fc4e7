//! The `ConfigMap` with a group's config.

use super::deployment::NODE_VARIABLE;
use std::collections::BTreeMap;

use serde::Serialize;

use super::names::Names;
use super::object::{Metadata, group_labels};
use crate::container::group_config::{Found, config_with_hosts};
use crate::container::preload::Preload;
use crate::render::group_config;
use crate::stack::{GroupId, Stack};

/// Files by their names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMap {
    api_version: &'static str,
    kind: &'static str,
    /// Its name and labels.
    pub metadata: Metadata,
    data: BTreeMap<String, String>,
}

impl ConfigMap {
    /// Digest of what is in these.
    pub fn digest(all: &[&Self]) -> String {
        let mut hasher = blake3::Hasher::new();
        for (file, text) in all.iter().flat_map(|map| &map.data) {
            hasher
                .update(file.as_bytes())
                .update(b"\0")
                .update(text.as_bytes())
                .update(b"\0");
        }
        hasher.finalize().to_hex().chars().take(16).collect()
    }
}

/// The variables of a group whose values a cluster would change where they stand in the pod: there, `$(NAME)` is another variable's value
/// and `$$` is `$`, while Podman takes both as they are. What comes from here is left alone by both. Nothing where there is none.
pub fn of_environment(
    stack: &Stack,
    names: &Names,
    id: GroupId,
    environment: &BTreeMap<String, String>,
) -> Option<ConfigMap> {
    let changed = environment.iter().filter(|(_, value)| is_expanded(value));
    let data: BTreeMap<String, String> = changed.map(|(name, value)| (name.clone(), value.clone())).collect();
    (!data.is_empty()).then(|| ConfigMap {
        api_version: "v1",
        kind: "ConfigMap",
        metadata: Metadata {
            name: environment_name(names, id),
            labels: group_labels(stack, names, id),
        },
        data,
    })
}

/// Name of the `ConfigMap` with a group's variables.
pub fn environment_name(names: &Names, id: GroupId) -> String {
    format!("{}-env", names.group(id))
}

/// Whether a cluster would change a value.
pub fn is_expanded(value: &str) -> bool {
    value.contains("$(") || value.contains("$$")
}

/// That of a group: every agent elsewhere is at the Service of its group, whatever its machine.
pub fn of_group(stack: &Stack, names: &Names, id: GroupId, preload: &Preload) -> ConfigMap {
    let host = |agent| Found {
        host: names.group(stack.agent(agent).group).to_owned(),
        status_port: stack.status_port,
    };
    let mut config = config_with_hosts(stack, id, preload, &host);
    for service in &mut config.host_services {
        service.host = format!("${{{NODE_VARIABLE}}}");
    }
    ConfigMap {
        api_version: "v1",
        kind: "ConfigMap",
        metadata: Metadata {
            name: format!("{}-config", names.group(id)),
            labels: group_labels(stack, names, id),
        },
        data: BTreeMap::from([(
            stack.group(id).config_file.clone(),
            group_config::text(&stack.output.header(), &config),
        )]),
    }
}
