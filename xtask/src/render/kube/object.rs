//! What all objects of a cluster have: kind, name and labels.

use std::collections::BTreeMap;

use serde::Serialize;

use super::names::Names;
use crate::stack::{GroupId, MachineId, Stack};

/// Label with the name of a group, or of what else it is.
const NAME: &str = "app.kubernetes.io/name";
/// Label with the name of the stack.
const PART_OF: &str = "app.kubernetes.io/part-of";

/// Labels by their keys.
pub type Labels = BTreeMap<String, String>;

/// An object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Object<S> {
    /// Its API and the version of that.
    pub api_version: &'static str,
    /// What it is.
    pub kind: &'static str,
    /// Its name and labels.
    pub metadata: Metadata,
    /// What is wanted of it.
    pub spec: S,
}

/// Name and labels.
#[derive(Serialize)]
pub struct Metadata {
    /// Name, unique among its kind in a namespace.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
}

/// Labels by which the pods of a group are found.
pub fn group_selector(names: &Names, id: GroupId) -> Labels {
    [(NAME, names.group(id)), (PART_OF, names.stack.as_str())]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Labels by which the pods of a machine are found.
pub fn machine_selector(names: &Names, id: MachineId) -> Labels {
    [
        (PART_OF.to_owned(), names.stack.clone()),
        (format!("{}/machine", names.stack), names.machine(id).to_owned()),
    ]
    .into()
}

/// All labels of what belongs to a group.
pub fn group_labels(stack: &Stack, names: &Names, id: GroupId) -> Labels {
    let mut labels = machine_selector(names, stack.group(id).machine);
    labels.extend(group_selector(names, id));
    labels
}
