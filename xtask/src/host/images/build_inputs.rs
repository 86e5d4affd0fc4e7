//! Everything that images are made from: read and digested once, then copied into a build context.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use super::assets::{self, AssetError};
use super::python_image::Source;
use super::requirements_lock;
use super::supervisor_binary::{self, BinaryError};
use crate::host::system::files::{self, FileError};
use crate::host::system::repository::Repository;
use crate::host::tree::root::{LONGEST_TEXT, TreeError};
use crate::host::tree::{self, Read};
use crate::images::contents::{Contents, contents};
use crate::images::files::{Entries, digest_of};
use crate::images::plan::{GroupInputs, Inputs};
use crate::python::facts::{TreeFacts, facts};
use crate::stack::requirements_lock::pins_of;
use crate::stack::secret;
use crate::stack::selection::{Out, Selection};
use crate::stack::{MachineId, Stack};

/// What was read.
#[derive(Debug)]
pub struct BuildInputs {
    /// The digests.
    pub digests: Inputs,
    /// Per group name: the files of the tree that its image gets.
    pub groups: BTreeMap<String, Entries>,
    /// Per group name: why it gets them.
    pub contents: BTreeMap<String, Contents>,
    /// Files that no image gets although they lie where images get theirs from, and why.
    pub left_out: BTreeMap<String, Out>,
}

/// Why the inputs could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// An asset of the host.
    #[error(transparent)]
    Asset(#[from] AssetError),
    /// The supervisor could not be compiled.
    #[error(transparent)]
    Binary(#[from] BinaryError),
}

/// What the images of a stack hold of its tree.
#[derive(Debug, Default)]
pub struct TreeContents {
    /// Per group name: the files, and why they are there.
    pub contents: BTreeMap<String, Contents>,
    /// Per group name: the same files as entries.
    pub groups: BTreeMap<String, Entries>,
    /// Files that no image gets although they lie where images get theirs from, and why.
    pub left_out: BTreeMap<String, Out>,
}

/// Reads the tree's code and decides which image holds what of it.
///
/// # Errors
/// When a file cannot be read.
pub fn tree_contents(tree_path: &Path, stack: &Stack) -> Result<TreeContents, InputError> {
    let root = tree::open(tree_path)?;
    let machines: Vec<Read> = stack
        .machines
        .iter()
        .enumerate()
        .map(|(index, machine)| {
            let id = MachineId(index);
            let beside = stack.groups_of(id).flat_map(|(_, group)| &group.beside);
            let selection = Selection::of_any_group(stack, id);
            tree::read(&root, &machine.code, &beside.map(String::as_str).collect(), selection)
        })
        .collect::<Result<_, _>>()?;
    let prefix = stack.shown_prefix();
    let facts: Vec<TreeFacts> = machines
        .iter()
        .map(|machine| {
            facts(&machine.python, stack.python_version)
                .with_paths(machine.entries.keys().cloned())
                .with_odd(machine.odd.clone())
                .with_prefix(&prefix)
        })
        .collect();
    let ids: Vec<_> = stack.groups().collect();
    let all_contents: Vec<Contents> = ids
        .par_iter()
        .map(|(id, group)| {
            let machine = group.machine.0;
            contents(stack, *id, &facts[machine], &machines[machine].entries)
        })
        .collect();
    let mut found = TreeContents::default();
    for ((_, group), contents) in ids.into_iter().zip(all_contents) {
        let entries = contents.entries(&machines[group.machine.0].entries);
        found.groups.insert(group.name.clone(), entries);
        found.contents.insert(group.name.clone(), contents);
    }
    let left_out = machines.into_iter().flat_map(|machine| machine.left_out);
    found.left_out = left_out.map(|left| (left.path, left.why)).collect();
    Ok(found)
}

impl BuildInputs {
    /// With the way in which the Python image is made, which is known only once Podman was asked.
    #[must_use]
    pub fn on(mut self, source: Source, stack: &Stack) -> Self {
        self.digests.python = source.describe(stack);
        self
    }
}

/// Reads and digests all but the Python image; compiles the supervisor where its sources changed. With `locks`, what a requirements
/// file's lock pins is installed, where it has one.
///
/// # Errors
/// When a file cannot be read or the supervisor not be compiled.
pub fn read(repository: &Repository, tree_path: &Path, stack: &Stack, locks: bool) -> Result<BuildInputs, InputError> {
    let supervisor = supervisor_binary::make(repository, &stack.output)?;
    let TreeContents {
        contents,
        groups: files,
        left_out,
    } = tree_contents(tree_path, stack)?;
    let root = tree::open(tree_path)?;
    let mut groups = BTreeMap::new();
    for group in &stack.groups {
        let lock = if locks {
            requirements_lock::read(repository, stack, &group.requirements)?
        } else {
            None
        };
        groups.insert(
            group.name.clone(),
            GroupInputs {
                dockerfile: repository
                    .read_text(&stack.output.at(&format!("docker/Dockerfile.{}", group.dockerfile())))?,
                requirements: match lock {
                    // Without what names the file: groups whose locks pin the same share an image.
                    Some(lock) => pins_of(&lock).into_bytes(),
                    None => match root.read(&group.requirements, LONGEST_TEXT) {
                        // Validation has said so: nothing is installed.
                        Err(TreeError::Missing) if !group.requirements_named => Vec::new(),
                        read => read.map_err(|error| tree::on("read", &tree_path.join(&group.requirements), error))?,
                    },
                },
                config: repository.read_text(&stack.output.at(&format!("config/{}", group.config_file)))?,
                tree: files.get(&group.name).map(digest_of).unwrap_or_default(),
                assets: assets::digests(repository.root(), &group.assets)?,
            },
        );
    }
    Ok(BuildInputs {
        digests: Inputs {
            python: String::new(),
            base_dockerfile: repository.read_text(&stack.output.at("docker/Dockerfile.base"))?,
            supervisor,
            groups,
        },
        groups: files,
        contents,
        left_out,
    })
}

/// The folder of the context that holds the tree as one group's Dockerfile copies it.
#[must_use]
pub fn group_tree(group: &str) -> String {
    format!("trees/{group}")
}

/// The folder of the context that holds the assets which one group's Dockerfile copies.
#[must_use]
pub fn group_assets(group: &str) -> String {
    format!("assets/{group}")
}

/// The file of the context that one group's Dockerfile installs from.
#[must_use]
pub fn group_requirements(group: &str) -> String {
    format!("requirements/{group}.txt")
}

/// Puts into `context` what the Dockerfiles copy: per group its requirements and a tree with its files, `config/`, the supervisor's binary, and the
/// Dockerfiles themselves, so that a change while Podman builds cannot reach an image.
///
/// Only `whole` groups get the files of the tree; dependency images need the requirements alone.
///
/// # Errors
/// When a file cannot be copied, or was changed since it was read.
pub fn stage(
    repository: &Repository,
    tree_path: &Path,
    stack: &Stack,
    inputs: &BuildInputs,
    whole: bool,
    context: &Path,
) -> Result<(), FileError> {
    let root = tree::open(tree_path)?;
    for group in &stack.groups {
        if let Some(digests) = inputs.digests.groups.get(&group.name) {
            let requirements = context.join(group_requirements(&group.name));
            files::write_unsynced(&requirements, &digests.requirements)?;
        }
        if let (true, Some(files)) = (whole, inputs.groups.get(&group.name)) {
            let folder = context.join(group_tree(&group.name));
            tree::copy(&root, files, &folder)?;
            // A folder of which the group needs nothing is there all the same.
            let machine = stack.machine(group.machine);
            for code in machine.code.iter().chain(machine.path_aliases.values()) {
                let code = folder.join(code);
                std::fs::create_dir_all(&code).map_err(FileError::on("create", &code))?;
            }
        }
    }
    let supervisor = stack.output.at(supervisor_binary::PATH);
    let binary = files::read(&repository.path(&supervisor))?;
    files::write(&context.join(&supervisor), &binary, true)?;
    let check = stack.output.at(secret::CHECK);
    files::write(&context.join(&check), &files::read(&repository.path(&check))?, false)?;
    let dockerfiles = context.join(stack.output.at("docker"));
    files::write(
        &dockerfiles.join("Dockerfile.base"),
        inputs.digests.base_dockerfile.as_bytes(),
        false,
    )?;
    for (name, group) in &inputs.digests.groups {
        files::write(
            &dockerfiles.join(format!("Dockerfile.{name}")),
            group.dockerfile.as_bytes(),
            false,
        )?;
    }
    let root = tree::open(repository.root())?;
    let folder = stack.output.at("config");
    let config = repository.path(&folder);
    let failed = |error| tree::on("list", &config, error);
    for entry in root.below(&folder).and_then(|config| config.list("")).map_err(failed)? {
        let path = Path::new(&folder).join(&entry.name);
        if root.has_file(&path) {
            let content = root.read(&path, LONGEST_TEXT);
            let content = content.map_err(|error| tree::on("read", &repository.root().join(&path), error))?;
            files::write(&context.join(&path), &content, false)?;
        }
    }
    Ok(())
}
