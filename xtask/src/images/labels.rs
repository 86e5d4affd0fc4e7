//! What every image of the stack says about itself, however it is built.

use std::collections::BTreeMap;

use super::oci::Execution;
use super::plan::Node;
use crate::container::command::command;
use crate::container::layout::python_path;
use crate::stack::{GroupId, Stack, labels};

/// Label on everything that we create: the stack's name.
pub const STACK: &str = labels::STACK;
/// Label on what is created for a running stack: the folder of the checkout that it was created from. Images have none: they are the same
/// wherever they are built, and go to other hosts.
pub const CHECKOUT: &str = labels::CHECKOUT;
/// Label on an image: the digest of everything it was made from. On a pod: the digest of how it was created.
pub const DIGEST: &str = "ai-system.input-digest";

/// Where the tree comes from, as Git knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Address of the repository that holds the tree, without credentials.
    pub source: Option<String>,
    /// The commit, with `-dirty` where files differ from it.
    pub revision: Option<String>,
    /// The commit's time as RFC 3339 has it.
    pub created: String,
    /// Seconds since 1970 that files of a layer get as their time: `SOURCE_DATE_EPOCH`, or 0, so that a new commit alone
    /// makes no new layer.
    pub file_time: u64,
}

/// The labels of any image: whose it is, what it was made from, and where that comes from.
#[must_use]
pub fn of(stack: &Stack, node: &Node, provenance: &Provenance) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (DIGEST.to_owned(), node.digest.clone()),
        (STACK.to_owned(), stack.name.clone()),
        (
            "org.opencontainers.image.created".to_owned(),
            provenance.created.clone(),
        ),
    ]);
    let about = [("source", &provenance.source), ("revision", &provenance.revision)];
    for (name, value) in about {
        if let Some(value) = value {
            labels.insert(format!("org.opencontainers.image.{name}"), value.clone());
        }
    }
    labels
}

/// What a group's container is started with: what the group's Dockerfile says, on top of what its dependency image says.
#[must_use]
pub fn execution(stack: &Stack, id: GroupId, below: &Execution, labels: BTreeMap<String, String>) -> Execution {
    let group = stack.group(id);
    let machine = &stack.machine(group.machine).name;
    let mut execution = below.clone();
    let user = stack.images.uid;
    execution.user = format!("{user}:{user}");
    execution.env.retain(|variable| !variable.starts_with("PYTHONPATH="));
    let python_path = python_path(stack, id).join(":");
    execution.env.push(format!("PYTHONPATH={python_path}"));
    execution.cmd = command(stack, id);
    let ports = group.agents.iter().map(|agent| stack.agent(*agent));
    execution.exposed_ports.extend(
        ports
            .flat_map(crate::stack::Agent::ports)
            .chain([stack.status_port])
            .map(|port| (format!("{port}/tcp"), super::oci::Nothing {})),
    );
    let agents = group.agents.len();
    let noun = if agents == 1 { "agent" } else { "agents" };
    execution.labels.extend([
        (
            "org.opencontainers.image.title".to_owned(),
            format!("{}/{}", stack.name, group.name),
        ),
        (
            "org.opencontainers.image.description".to_owned(),
            format!("Group {} of {machine}: {agents} {noun}", group.name),
        ),
        (format!("{}.machine", stack.name), machine.clone()),
        (format!("{}.group", stack.name), group.name.clone()),
    ]);
    execution.labels.extend(labels);
    execution
}
