//! The `ConfigMap` with a group's config.

use std::collections::BTreeMap;

use serde::Serialize;

use super::names::Names;
use super::object::{Metadata, group_labels};
use crate::render::{Preload, group_config};
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
    /// Digest of what is in it.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (file, text) in &self.data {
            hasher
                .update(file.as_bytes())
                .update(b"\0")
                .update(text.as_bytes())
                .update(b"\0");
        }
        hasher.finalize().to_hex().chars().take(16).collect()
    }
}

/// That of a group: every agent elsewhere is at the Service of its group, whatever its machine.
pub fn of_group(stack: &Stack, names: &Names, id: GroupId, preload: &Preload) -> ConfigMap {
    let host = |agent| names.group(stack.agent(agent).group).to_owned();
    let config = group_config::config_with_hosts(stack, id, preload, &host);
    ConfigMap {
        api_version: "v1",
        kind: "ConfigMap",
        metadata: Metadata {
            name: format!("{}-config", names.group(id)),
            labels: group_labels(stack, names, id),
        },
        data: BTreeMap::from([(stack.group(id).config_file.clone(), group_config::text(&config))]),
    }
}
