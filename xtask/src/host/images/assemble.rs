//! Direct assembly: a group image is its dependency image with one more layer and a config of its own, so no container has
//! to start. The layer and the documents are written as an archive whose lower layers are named by digest only, and one
//! `podman pull` takes in many: an image has its name when it is whole, and not before.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::build_inputs::BuildInputs;
use super::bytecode::{Bytecode, BytecodeError, Compiler};
use crate::host::podman::{Podman, PodmanError};
use crate::host::system::files::{self, FileError};
use crate::host::system::process::ProcessError;
use crate::host::system::repository::Repository;
use crate::host::tree;
use crate::host::tree::root::TreeRoot;
use crate::images::files::{Entry, follow};
use crate::images::labels::{self, Provenance};
use crate::images::layer::{self, Blob, Content, Source};
use crate::images::oci::{self, Lower, NewLayer};
use crate::images::{Kind, NodeId, Plan};
use crate::stack::{GroupId, Stack};

/// Why an image could not be assembled.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// Podman could not be asked.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// There is no bytecode.
    #[error(transparent)]
    Bytecode(#[from] BytecodeError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A document.
    #[error("cannot write a document of the image: {0}")]
    Document(#[from] serde_json::Error),
    /// Nothing is there to put it on.
    #[error("`{0}` is not there to put the image on")]
    Below(String),
}

/// What groups are assembled from.
#[derive(Debug)]
pub struct Assembly<'a> {
    /// Where images go.
    pub podman: &'a Podman,
    /// Where things are.
    pub repository: &'a Repository,
    /// The stack.
    pub stack: &'a Stack,
    /// What is built.
    pub plan: &'a Plan,
    /// The tree.
    pub tree: &'a TreeRoot,
    /// The files of each group.
    pub inputs: &'a BuildInputs,
    /// Dependency images that were there before the build.
    pub below: &'a [Lower],
    /// Where they come from.
    pub provenance: &'a Provenance,
    /// A folder for the archives, gone after the build.
    pub scratch: &'a Path,
}

impl Assembly<'_> {
    /// Bytecode for all groups that the plan needs, in one go. `below` is an image that is there and has their Python.
    ///
    /// # Errors
    /// When the interpreter cannot be run.
    pub fn bytecode(&self, below: &str) -> Result<Bytecode, BytecodeError> {
        let mut sources = BTreeMap::new();
        for id in self.plan.needed() {
            let Kind::Group { group } = self.plan.node(id).kind else {
                continue;
            };
            let Some(entries) = self.inputs.groups.get(&self.stack.group(group).name) else {
                continue;
            };
            for path in entries.keys().filter(|path| path.ends_with(".py")) {
                if let Some((content, digest)) = follow(entries, path) {
                    sources.insert(path.clone(), (content, digest.clone()));
                }
            }
        }
        let python = self.plan.nodes.iter().find(|node| node.kind == Kind::Python);
        let compiler = Compiler {
            cache: self.repository.work().join("pyc"),
            podman: self.podman,
            image: below,
            python: python.map_or("", |node| &node.digest),
        };
        compiler.compile(self.tree, &sources)
    }

    /// Assembles group images and brings them in with one process.
    ///
    /// # Errors
    /// Per image: when something of it cannot be read, or Podman does not take it.
    pub fn assemble(
        &self,
        ids: &[NodeId],
        bytecode: &Bytecode,
        log: &Path,
    ) -> Vec<(NodeId, Result<(), AssembleError>)> {
        let lower = match self.lower(ids) {
            Ok(lower) => lower,
            // Asked one by one, so that one image that is gone fails the groups on it alone.
            Err(error) if ids.len() == 1 => return vec![(ids[0], Err(error.into()))],
            Err(_) => {
                return ids.iter().flat_map(|id| self.assemble(&[*id], bytecode, log)).collect();
            }
        };
        let archives: Vec<(NodeId, Result<Archive, AssembleError>)> = ids
            .par_iter()
            .map(|id| (*id, self.archive(*id, &lower, bytecode)))
            .collect();
        let whole: Vec<&Archive> = archives
            .iter()
            .filter_map(|(_, archive)| archive.as_ref().ok())
            .collect();
        let pulled = if whole.is_empty() {
            Ok(())
        } else {
            self.podman
                .command()
                .args(["pull", "--quiet"])
                .args(
                    whole
                        .iter()
                        .map(|archive| format!("oci-archive:{}", archive.path.display())),
                )
                .log(log)
                .succeed(&mut |_| {})
                .map(drop)
        };
        let there = match &pulled {
            Ok(()) => None,
            // Some of them may have come in.
            Err(_) => Some(self.there(&whole)),
        };
        let mut failure = pulled.err();
        let mut results = Vec::new();
        for (id, archive) in archives {
            let result = match (archive, &there) {
                (Err(error), _) => Err(error),
                (Ok(_), None) => Ok(()),
                (Ok(archive), Some(there)) if there.contains(&archive.id) => Ok(()),
                (Ok(_), Some(_)) => Err(match failure.take() {
                    Some(error) => error.into(),
                    None => AssembleError::Process(ProcessError::Interrupted {
                        command: "podman pull".to_owned(),
                    }),
                }),
            };
            results.push((id, result));
        }
        results
    }

    /// The images that these are put on, by name.
    fn lower(&self, ids: &[NodeId]) -> Result<BTreeMap<String, Lower>, PodmanError> {
        let nodes: BTreeSet<NodeId> = ids.iter().filter_map(|id| self.plan.node(*id).from).collect();
        let name = |id: &NodeId| self.plan.node(*id).image.clone();
        let names: BTreeSet<String> = nodes.iter().map(name).collect();
        // Podman need not be asked again for what was there and was not built since.
        let (kept, built): (Vec<&NodeId>, Vec<&NodeId>) = nodes.iter().partition(|id| self.plan.node(**id).up_to_date);
        let kept: BTreeSet<String> = kept.into_iter().map(name).collect();
        let mut found: Vec<Lower> = self
            .below
            .iter()
            .filter(|lower| lower.repo_tags.iter().any(|tag| kept.contains(tag)))
            .cloned()
            .collect();
        if !built.is_empty() {
            found.extend(self.podman.inspect_images(&built.into_iter().map(name).collect())?);
        }
        Ok(names
            .into_iter()
            .filter_map(|name| {
                let lower = found.iter().find(|lower| lower.repo_tags.contains(&name))?;
                Some((name, lower.clone()))
            })
            .collect())
    }

    /// Ids of those that are there under their name.
    fn there(&self, archives: &[&Archive]) -> BTreeSet<String> {
        let names: Vec<String> = archives.iter().map(|archive| archive.name.clone()).collect();
        let found = self.podman.image_ids(&names).unwrap_or_default();
        found.into_values().collect()
    }

    fn archive(
        &self,
        id: NodeId,
        lower: &BTreeMap<String, Lower>,
        bytecode: &Bytecode,
    ) -> Result<Archive, AssembleError> {
        let node = self.plan.node(id);
        let below = node
            .from
            .map(|from| self.plan.node(from).image.clone())
            .unwrap_or_default();
        let Kind::Group { group } = node.kind else {
            return Err(AssembleError::Below(node.name.clone()));
        };
        let lower = lower.get(&below).ok_or(AssembleError::Below(below))?;
        let layer_path = self.scratch.join(format!("{}.layer", node.name));
        let layer = self.write_layer(group, bytecode, &layer_path)?;
        let labels = labels::of(self.stack, node, self.provenance);
        let execution = labels::execution(self.stack, group, &lower.config, labels);
        let documents = oci::documents(lower, &execution, &layer, &node.image)?;
        let path = self.scratch.join(format!("{}.tar", node.name));

        let content = std::fs::File::open(&layer_path).map_err(FileError::on("read", &layer_path))?;
        let archive = std::fs::File::create(&path).map_err(FileError::on("write", &path))?;
        layer::write_archive(
            &documents.files,
            vec![Blob {
                path: oci::blob(&layer.digest),
                size: layer.size,
                content,
            }],
            std::io::BufWriter::new(archive),
        )
        .and_then(|mut archive| archive.flush())
        .map_err(FileError::on("write", &path))?;
        std::fs::remove_file(&layer_path).map_err(FileError::on("remove", &layer_path))?;
        Ok(Archive {
            path,
            id: documents.id,
            name: node.image.clone(),
        })
    }

    fn write_layer(&self, group: GroupId, bytecode: &Bytecode, path: &Path) -> Result<NewLayer, AssembleError> {
        let group_name = &self.stack.group(group).name;
        let (Some(entries), Some(digests)) = (
            self.inputs.groups.get(group_name),
            self.inputs.digests.groups.get(group_name),
        ) else {
            return Err(AssembleError::Below(group_name.clone()));
        };
        let compiled = bytecode.files.keys().cloned().collect();
        let layer = layer::layer(self.stack, group, entries, &compiled, &bytecode.tag);
        let open = |source: &Source| match source {
            Source::Config => Ok(Content::bytes(digests.config.clone().into_bytes())),
            Source::Bytecode(path) => match bytecode.files.get(path) {
                Some(file) => files::read(file).map(Content::bytes).map_err(std::io::Error::other),
                None => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
            },
            Source::Tree(path) => match entries.get(path) {
                Some(Entry::File { digest, .. }) => {
                    let file = tree::unchanged(self.tree, path, digest).map_err(std::io::Error::other)?;
                    Ok(Content {
                        length: file.length(),
                        read: Box::new(file),
                    })
                }
                _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
            },
        };
        let file = std::fs::File::create(path).map_err(FileError::on("write", path))?;
        let hashing = Hashing {
            to: std::io::BufWriter::new(file),
            hasher: Sha256::new(),
            size: 0,
        };
        let mut written =
            layer::write(&layer, self.provenance.file_time, open, hashing).map_err(FileError::on("write", path))?;
        written.to.flush().map_err(FileError::on("write", path))?;
        Ok(NewLayer {
            digest: format!("sha256:{}", oci::hexadecimal(&written.hasher.finalize())),
            size: written.size,
            created: self.provenance.created.clone(),
        })
    }
}

/// An image as a file.
#[derive(Debug)]
struct Archive {
    path: PathBuf,
    id: String,
    name: String,
}

/// Digests and counts what is written.
struct Hashing<W> {
    to: W,
    hasher: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += u64::try_from(written).map_err(std::io::Error::other)?;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}
