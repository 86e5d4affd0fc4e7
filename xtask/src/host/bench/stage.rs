//! The stage of a benchmark that boots the stack: nothing of it is there before, and nothing afterwards.

use std::path::{Path, PathBuf};

use super::BenchError;
use crate::host::podman::{Podman, belongs_to};
use crate::host::system::files::FileError;
use crate::host::system::process::{self, Program};
use crate::host::system::repository::Repository;
use crate::stack::Stack;

/// What a benchmark has for itself until it is cleared.
#[derive(Debug)]
pub struct Stage<'a> {
    /// This host's Podman.
    pub podman: &'a Podman,
    /// Where things are.
    pub repository: &'a Repository,
    /// What is booted.
    pub stack: &'a Stack,
    /// The tree, where it is not the stack's own.
    tree: Option<&'a Path>,
    /// Data that was there before stays.
    had_volumes: bool,
}

impl<'a> Stage<'a> {
    /// Takes it.
    ///
    /// # Errors
    /// When the stack runs, or Podman fails.
    pub fn take(
        podman: &'a Podman,
        repository: &'a Repository,
        stack: &'a Stack,
        tree: Option<&'a Path>,
    ) -> Result<Self, BenchError> {
        if !podman.containers(&stack.name)?.is_empty() {
            return Err(BenchError::Runs(stack.name.clone()));
        }
        let volumes = podman.volumes()?;
        let had_volumes = volumes
            .iter()
            .any(|volume| belongs_to(volume.labels.as_ref(), &stack.name));
        let stage = Self {
            podman,
            repository,
            stack,
            tree,
            had_volumes,
        };
        // What is measured is what the sources say.
        stage.xtask(&["build-images", "--quiet"])?.read()?;
        Ok(stage)
    }

    /// This very program with these arguments.
    ///
    /// # Errors
    /// When the system does not say where it is.
    pub fn xtask(&self, arguments: &[&str]) -> Result<Program, FileError> {
        let ourselves = std::env::current_exe().map_err(FileError::on("find", &PathBuf::from("/proc/self/exe")))?;
        let program = Program::new(ourselves).args(arguments).folder(self.repository.root());
        Ok(match self.tree {
            Some(tree) => program.arg("--tree").arg(tree),
            None => program,
        })
    }

    /// Removes what runs; its data stays.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn empty(&self) -> Result<(), BenchError> {
        self.xtask(&["down", "--quiet"])?.read()?;
        Ok(())
    }

    /// Removes all that the benchmark made, also where this program was told to stop.
    ///
    /// # Errors
    /// When Podman fails.
    pub fn clear(&self) -> Result<(), BenchError> {
        let interrupted = process::interrupted();
        process::resume();
        let mut arguments = vec!["down", "--quiet"];
        if !self.had_volumes {
            arguments.push("--volumes");
        }
        let cleared = self.xtask(&arguments)?.read();
        if interrupted {
            process::interrupt();
        }
        cleared?;
        Ok(())
    }
}
