//! Everything that images are made from: read and digested once, then copied into a build context.

use std::collections::BTreeMap;
use std::path::Path;

use super::files::{self, FileError};
use super::python_image::Source;
use super::repository::Repository;
use super::supervisor_binary::{self, BinaryError};
use super::tree::{self, Entries};
use crate::images::plan::{GroupInputs, Inputs};
use crate::stack::Stack;

/// What was read.
#[derive(Debug)]
pub struct BuildInputs {
    /// The digests.
    pub digests: Inputs,
    /// The files of the tree that some image gets.
    pub entries: Entries,
}

/// Why the inputs could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The supervisor could not be compiled.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// A pattern of `images.exclude`.
    #[error("`{pattern}` in `images.exclude` is no pattern: {source}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: glob::PatternError,
    },
}

/// Reads and digests them; compiles the supervisor where its sources changed.
///
/// # Errors
/// When a file cannot be read or the supervisor not be compiled.
pub fn read(
    repository: &Repository,
    tree_path: &Path,
    stack: &Stack,
    source: Source,
) -> Result<BuildInputs, InputError> {
    let supervisor = supervisor_binary::make(repository)?;
    let exclude = stack
        .images
        .exclude
        .iter()
        .map(|pattern| {
            glob::Pattern::new(pattern).map_err(|source| InputError::Pattern {
                pattern: pattern.clone(),
                source,
            })
        })
        .collect::<Result<Vec<_>, _>>()?;

    let mut entries = Entries::new();
    let mut machine_digests = Vec::new();
    for machine in &stack.machines {
        let found = tree::digest_folders(tree_path, &machine.code, &exclude)?;
        machine_digests.push(tree::digest_of(&found));
        entries.extend(found);
    }
    let requirements: Vec<String> = stack.groups.iter().map(|group| group.requirements.clone()).collect();
    entries.extend(tree::digest_folders(tree_path, &requirements, &[])?);

    let mut groups = BTreeMap::new();
    for group in &stack.groups {
        groups.insert(
            group.name.clone(),
            GroupInputs {
                dockerfile: read_text(&repository.path(&format!("docker/Dockerfile.{}", group.name)))?,
                requirements: files::read(&tree_path.join(&group.requirements))?,
                config: read_text(&repository.path(&format!("config/{}", group.config_file)))?,
                tree: machine_digests[group.machine.0].clone(),
            },
        );
    }
    Ok(BuildInputs {
        digests: Inputs {
            python: source.describe(stack),
            base_dockerfile: read_text(&repository.path("docker/Dockerfile.base"))?,
            supervisor,
            groups,
        },
        entries,
    })
}

/// Puts into `context` what the Dockerfiles copy: `tree/`, `config/`, the supervisor's binary, and the Dockerfiles
/// themselves, so that a change while Podman builds cannot reach an image.
///
/// # Errors
/// When a file cannot be copied, or was changed since it was read.
pub fn stage(repository: &Repository, tree_path: &Path, inputs: &BuildInputs, context: &Path) -> Result<(), FileError> {
    tree::copy(tree_path, &inputs.entries, &context.join("tree"))?;
    let binary = files::read(&repository.path(supervisor_binary::PATH))?;
    files::write(&context.join(supervisor_binary::PATH), &binary, true)?;
    let dockerfiles = context.join("docker");
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
    let config = repository.path("config");
    let listed = std::fs::read_dir(&config).map_err(FileError::on("list", &config))?;
    for entry in listed {
        let path = entry.map_err(FileError::on("list", &config))?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            files::write(&context.join("config").join(name), &files::read(&path)?, false)?;
        }
    }
    Ok(())
}

fn read_text(path: &Path) -> Result<String, FileError> {
    let bytes = files::read(path)?;
    String::from_utf8(bytes).map_err(|error| FileError {
        verb: "read",
        path: path.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string()),
    })
}
