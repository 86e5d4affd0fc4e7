//! `config/<group>.yaml`: a group's config as a file.

use contract::group_config::GroupConfig;

use super::yaml;
use crate::container::group_config::config;
use crate::container::preload::Preload;
use crate::rendered_file::RenderedFile;
use crate::stack::{GroupId, Stack};

/// The rendered file.
#[must_use]
pub fn file(stack: &Stack, id: GroupId, preload: &Preload) -> RenderedFile {
    RenderedFile {
        path: stack.output.at(&format!("config/{}", stack.group(id).config_file)),
        text: text(&stack.output.header(), &config(stack, id, preload)),
        executable: false,
    }
}

/// A config as YAML under the header.
#[must_use]
pub fn text(header: &str, config: &GroupConfig) -> String {
    // Empty lists are the default; without them, what is there can be seen.
    match serde_yaml::to_value(config) {
        Ok(mut value) => {
            drop_empty(&mut value);
            yaml(header, &value, "")
        }
        Err(_) => yaml(header, config, ""),
    }
}

fn drop_empty(value: &mut serde_yaml::Value) {
    match value {
        serde_yaml::Value::Mapping(mapping) => {
            mapping.retain(|key, value| {
                // An agent that waits for nothing says so: absent would mean its dependencies.
                let empty = match value {
                    serde_yaml::Value::Sequence(items) => items.is_empty(),
                    serde_yaml::Value::Mapping(entries) => entries.is_empty(),
                    _ => false,
                };
                !empty || matches!(key.as_str(), Some("waits_for" | "agents"))
            });
            for (_, value) in mapping.iter_mut() {
                drop_empty(value);
            }
        }
        serde_yaml::Value::Sequence(items) => items.iter_mut().for_each(drop_empty),
        _ => {}
    }
}
