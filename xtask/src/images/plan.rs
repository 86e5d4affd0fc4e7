//! The image DAG: the Python image, the base, one dependency image per set of requirements, one with data on top of it for groups that
//! have assets, one image per group.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::{Digest, Parts};
use super::stages;
use crate::stack::{GroupId, Stack};

/// Index of a node in [`Plan::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// What an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The interpreter on an operating system: from a registry, or from Debian packages.
    Python,
    /// The supervisor, the user and the folders on top of it.
    Base,
    /// One set of requirements on top of the base; built from the `dependencies` stage of this group's Dockerfile.
    Dependencies {
        /// A group that has these requirements.
        example: GroupId,
    },
    /// One set of assets on top of a set of requirements; built from the `assets` stage of this group's Dockerfile.
    Assets {
        /// A group that has them.
        example: GroupId,
    },
    /// One group's code and config on top of its requirements.
    Group {
        /// The group.
        group: GroupId,
    },
}

/// One image to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Short name: `base`, `core-services`.
    pub name: String,
    /// Fully qualified name with tag.
    pub image: String,
    /// What it is.
    pub kind: Kind,
    /// The image it is built FROM.
    pub from: Option<NodeId>,
    /// Digest of everything it is made from, that of `from` included.
    pub digest: Digest,
    /// Whether an image of that name with that digest is there.
    pub up_to_date: bool,
}

/// Images in an order in which each stands behind the one it is built FROM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The images.
    pub nodes: Vec<Node>,
}

/// What the digests are made of; read by `host` from disk.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// How the Python image is made: the registry image's name, or the Debian suite with its packages.
    pub python: String,
    /// Text of `docker/Dockerfile.base`.
    pub base_dockerfile: String,
    /// Digest of the supervisor's binary.
    pub supervisor: Digest,
    /// Per group name: its files.
    pub groups: BTreeMap<String, GroupInputs>,
}

/// The files behind one group image.
#[derive(Debug, Clone, Default)]
pub struct GroupInputs {
    /// Text of its Dockerfile.
    pub dockerfile: String,
    /// What is installed: its requirements file, or what the lock of that pins.
    pub requirements: Vec<u8>,
    /// Content of its group config.
    pub config: String,
    /// Digest of the tree's files that it gets: paths, modes, contents.
    pub tree: Digest,
    /// Per asset that comes from a file or folder of the host: digest of that.
    pub assets: BTreeMap<String, Digest>,
}

/// Which images there are to be, and which of them are there already.
///
/// `wanted` are group names; empty means all. `present` maps a fully qualified image to the digest in its label.
#[must_use]
pub fn plan(
    stack: &Stack,
    inputs: &Inputs,
    wanted: &BTreeSet<String>,
    present: &BTreeMap<String, Digest>,
    no_cache: bool,
) -> Plan {
    let mut nodes: Vec<Node> = Vec::new();
    let mut push = |name: String, image: String, kind: Kind, from: Option<NodeId>, digest: Digest| {
        let up_to_date = !no_cache && present.get(&image) == Some(&digest);
        nodes.push(Node {
            name,
            image,
            kind,
            from,
            digest,
            up_to_date,
        });
        NodeId(nodes.len() - 1)
    };

    let python_digest = Parts::new().add("python", &inputs.python).finish();
    let python = push(
        "python".to_owned(),
        python_image(stack),
        Kind::Python,
        None,
        python_digest.clone(),
    );
    let base_digest = Parts::new()
        .add("from", &python_digest)
        .add("dockerfile", &inputs.base_dockerfile)
        .add("supervisor", &inputs.supervisor)
        .finish();
    let base = push(
        "base".to_owned(),
        stack.image("base"),
        Kind::Base,
        Some(python),
        base_digest.clone(),
    );

    let mut shared: BTreeMap<Digest, NodeId> = BTreeMap::new();
    for (id, group) in stack.groups() {
        if !wanted.is_empty() && !wanted.contains(&group.name) {
            continue;
        }
        let Some(files) = inputs.groups.get(&group.name) else {
            continue;
        };
        let digest = Parts::new()
            .add("from", &base_digest)
            .add("dockerfile", dependency_instructions(stack, id))
            .add("requirements", &files.requirements)
            .finish();
        let mut below = |name: &str, kind: Kind, from: NodeId, digest: &Digest| {
            *shared.entry(digest.clone()).or_insert_with(|| {
                let name = format!("{name}-{}", &digest[..12]);
                let image = format!("{}/{name}:{}", stack.images.namespace, stack.images.tag);
                push(name, image, kind, Some(from), digest.clone())
            })
        };
        let mut from = below("dependencies", Kind::Dependencies { example: id }, base, &digest);
        let mut digest = digest;
        if !group.assets.is_empty() {
            digest = assets_digest(stack, id, &digest, files);
            from = below("assets", Kind::Assets { example: id }, from, &digest);
        }
        let group_digest = Parts::new()
            .add("from", &digest)
            .add("dockerfile", &files.dockerfile)
            .add("config", &files.config)
            .add("tree", &files.tree)
            .add("layout", super::layer::LAYOUT)
            .finish();
        push(
            group.name.clone(),
            stack.group_image(id),
            Kind::Group { group: id },
            Some(from),
            group_digest,
        );
    }
    Plan { nodes }
}

/// Fully qualified name of the image that the base is built FROM.
#[must_use]
pub fn python_image(stack: &Stack) -> String {
    format!("{}/python:{}", stack.images.namespace, stack.python_version)
}

/// What is done to install a group's requirements; the line between it and the next stage is part of it.
fn dependency_instructions(stack: &Stack, id: GroupId) -> String {
    stages::instructions(&stages::dependencies(stack, id)) + "\n"
}

/// The digest of an image with a group's assets.
fn assets_digest(stack: &Stack, id: GroupId, below: &Digest, files: &GroupInputs) -> Digest {
    let instructions = stages::instructions(&stages::assets(stack, id));
    let mut parts = Parts::new();
    parts.add("from", below).add("dockerfile", instructions);
    for (name, digest) in &files.assets {
        parts.add(name, digest);
    }
    parts.finish()
}

impl Plan {
    /// The node behind an id.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Images that have to be built.
    #[must_use]
    pub fn stale(&self) -> Vec<NodeId> {
        (0..self.nodes.len())
            .map(NodeId)
            .filter(|id| !self.node(*id).up_to_date)
            .collect()
    }

    /// Drops what no stale image needs: an image that is missing, but that nothing has to be built FROM, is left alone
    /// unless somebody asked for it by name.
    #[must_use]
    pub fn needed(&self) -> BTreeSet<NodeId> {
        let mut needed = BTreeSet::new();
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let id = NodeId(index);
            let wanted = matches!(node.kind, Kind::Group { .. } | Kind::Base) || needed.contains(&id);
            if wanted && !node.up_to_date {
                needed.insert(id);
                if let Some(from) = node.from.filter(|from| !self.node(*from).up_to_date) {
                    needed.insert(from);
                }
            }
        }
        needed
    }
}
