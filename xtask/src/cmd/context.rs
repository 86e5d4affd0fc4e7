//! What every command works with: the repository, the printer, the stack, Podman.

use std::path::{Path, PathBuf};

use super::{Failure, GlobalOptions, Outcome};
use crate::audit::{facts, preload, tree};
use crate::finding;
use crate::host::hosts::Hosts;
use crate::host::leftovers::{self, name_server, storage};
use crate::host::podman::Podman;
use crate::host::repository::Repository;
use crate::host::{audit_files, boot, containers_conf, files, lab, process, requirements_lock, stack_files};
use crate::render::{self, Preload, RenderedFile};
use crate::report::exit::Exit;
use crate::report::printer::Printer;
use crate::report::{escape, findings};
use crate::stack::Stack;

/// The context of one run.
#[derive(Debug)]
pub struct Context {
    /// Where things are.
    pub repository: Repository,
    /// Where output goes.
    pub printer: Printer,
    tree: Option<PathBuf>,
}

impl Context {
    /// A context from the options of every command.
    ///
    /// # Errors
    /// When there is no repository.
    pub fn new(options: &GlobalOptions) -> Outcome<Self> {
        let repository = Repository::find().map_err(Failure::wrong_use)?;
        Ok(Self {
            repository,
            printer: Printer::new(options.color, options.verbose, options.quiet),
            tree: options.tree.clone(),
        })
    }

    /// The stack, validated. Its errors are printed, all of them; its warnings only when `--verbose` asks for them, since
    /// `render` and `audit` show them.
    ///
    /// # Errors
    /// When it has errors.
    pub fn stack(&self) -> Outcome<Stack> {
        let (stack, mut found) = stack_files::load(&self.repository, self.tree.as_deref())?;
        if !self.printer.verbose && !finding::has_errors(&found) {
            found.clear();
        }
        if !found.is_empty() {
            self.printer.styled(findings::human(&found, self.printer.color_err));
        }
        match stack {
            Some(stack) if !finding::has_errors(&found) => Ok(stack),
            _ => Err(Failure::said(Exit::WrongUse)),
        }
    }

    /// The stack with all its findings, for commands that show them.
    ///
    /// # Errors
    /// When a file cannot be looked at.
    pub fn stack_and_findings(&self) -> Outcome<(Option<Stack>, Vec<finding::Finding>)> {
        Ok(stack_files::load(&self.repository, self.tree.as_deref())?)
    }

    /// What `--tree` says.
    #[must_use]
    pub fn tree_option(&self) -> Option<&Path> {
        self.tree.as_deref()
    }

    /// Folder of the tree.
    #[must_use]
    pub fn tree_path(&self, stack: &Stack) -> PathBuf {
        self.repository.path(&stack.source_tree)
    }

    /// This host's Podman, with a containers.conf of ours where the host needs one.
    ///
    /// # Errors
    /// When that file cannot be written.
    pub fn podman(&self) -> Podman {
        Podman::new(containers_conf::provide(&self.repository))
    }

    /// The hosts of the machines: the lab's, or this one and those that the stack has connections to.
    ///
    /// # Errors
    /// When the lab is not up.
    pub fn hosts(&self, stack: &Stack, in_lab: bool) -> Outcome<Hosts> {
        if !in_lab {
            return Ok(Hosts::outside(stack, &self.repository));
        }
        let lab = lab::of(stack, &self.repository)?;
        lab::require_up(&lab)?;
        Ok(Hosts::lab(stack, &lab, &self.repository))
    }

    /// Removes containers of the stack that a killed Podman left in storage, and returns how many.
    ///
    /// # Errors
    /// When Podman cannot be run.
    pub fn remove_stored(&self, podman: &Podman, stack: &Stack) -> Outcome<usize> {
        let stored = storage::remove(podman, stack)?;
        if !stored.is_empty() {
            self.printer.warn(format!(
                "removed what a killed Podman left in storage: {}",
                stored.join(", ")
            ));
        }
        Ok(stored.len())
    }

    /// Removes containers of checks that a killed harness left. That a Podman does not answer is for the checks to say.
    pub fn remove_probes(&self, podman: &Podman, stack: &Stack) {
        let left = storage::remove_probes(podman, stack).unwrap_or_default();
        if !left.is_empty() {
            self.printer.warn(format!(
                "removed what a killed harness left of its checks: {}",
                left.join(", ")
            ));
        }
    }

    /// Removes what a killed Podman left: in storage, and, as long as no container of the stack is there, in the kernel and with
    /// the name server. Returns how much. To be called by who holds the stack's lock.
    ///
    /// # Errors
    /// When Podman or `ip` cannot be run.
    pub fn remove_leftovers(&self, podman: &Podman, stack: &Stack) -> Outcome<usize> {
        let stored = self.remove_stored(podman, stack)?;
        if !podman.containers(&stack.name)?.is_empty() || process::on_path("ip").is_none() {
            return Ok(stored);
        }
        boot::remove_unused_networks(podman, &stack.name)?;
        let networks = podman.networks()?;
        let subnets: Vec<_> = stack
            .machines
            .iter()
            .map(|machine| machine.subnet)
            .filter(|subnet| {
                // Where Podman has a network with that subnet, it is in use, by us or by others.
                let text = subnet.to_string();
                networks
                    .iter()
                    .flat_map(|network| network.subnets.iter().flatten())
                    .all(|known| known.subnet != text)
            })
            .collect();
        let unknown: Vec<&str> = stack
            .machines
            .iter()
            .map(|machine| machine.network.as_str())
            .filter(|name| networks.iter().all(|network| network.name != *name))
            .collect();
        let no_containers = podman.has_no_container()?;
        let mut removed = leftovers::remove(&subnets, no_containers)?;
        removed.extend(name_server::forget(&unknown)?);
        if no_containers && (stored > 0 || !removed.is_empty()) {
            leftovers::forget_addresses()?;
        }
        for what in &removed {
            self.printer
                .warn(format!("removed what a killed Podman left behind: {what}"));
        }
        Ok(stored + removed.len())
    }

    /// Prints a document as JSON on stdout.
    ///
    /// # Errors
    /// Never for our own documents.
    pub fn print_json(&self, document: &impl serde::Serialize) -> Outcome<()> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| Failure::new(Exit::Internal, format!("cannot write JSON: {error}")))?;
        self.printer.data(&escape::json(&text));
        Ok(())
    }

    /// Every rendered file that something is built or started from; reads the tree, whose imports decide what warm interpreters import.
    #[must_use]
    pub fn rendered(&self, stack: &Stack) -> Vec<RenderedFile> {
        let locked = requirements_lock::locked(&self.repository, stack);
        render::render(stack, &self.preload(stack), &locked)
    }

    /// What warm interpreters import; reads the tree.
    #[must_use]
    pub fn preload(&self, stack: &Stack) -> Preload {
        let root = self.tree_path(stack);
        let mut entries = audit_files::read(audit_files::list(&root, true, &[]));
        let version =
            pysrc::PythonVersion::parse(&stack.python_version).unwrap_or(pysrc::PythonVersion { major: 3, minor: 11 });
        let files = tree::take_python(&mut entries);
        let facts = facts::of_agents(files, version, stack).with_paths(entries.into_iter().map(|entry| entry.path));
        preload::preload(stack, &facts)
    }

    /// Fails where a rendered file is missing or not what the stack renders to: nothing is built from a stale file.
    ///
    /// # Errors
    /// When a rendered file differs.
    pub fn require_fresh_render(&self, stack: &Stack) -> Outcome<()> {
        let stale: Vec<String> = self
            .rendered(stack)
            .into_iter()
            .filter(|file| files::read(&self.repository.path(&file.path)).ok().as_deref() != Some(file.text.as_bytes()))
            .map(|file| file.path)
            .collect();
        if stale.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            Exit::WrongUse,
            format!(
                "rendered files are missing or not what the stack renders to: {}\n  hint: run `cargo xtask render`",
                stale.join(", ")
            ),
        ))
    }
}
