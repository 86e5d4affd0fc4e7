//! What every command works with: the repository, the printer, the stack, Podman.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Failure, GlobalOptions, Outcome};
use crate::container::preload::Preload;
use crate::finding::{self, Severity};
use crate::host::images::requirements_lock;
use crate::host::leftovers::{self, Left, Swept, leases, name_server, storage};
use crate::host::podman::Podman;
use crate::host::podman::containers_conf;
use crate::host::podman::hosts::Hosts;
use crate::host::system::repository::Repository;
use crate::host::system::{devices, orphans, process};
use crate::host::tree::{audit_files, named_place, stack_files};
use crate::host::{boot, lab};
use crate::program;
use crate::python::{facts, preload, tree};
use crate::render;
use crate::rendered_file::RenderedFile;
use crate::report::exit::Exit;
use crate::report::printer::Printer;
use crate::report::{findings, json};
use crate::stack::Stack;
use crate::stack::variants::Named;

/// The context of one run.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where things are.
    pub repository: Repository,
    /// Where output goes.
    pub printer: Printer,
    tree: Option<PathBuf>,
    /// Variants that the command line names.
    variants: Vec<Named>,
    /// Why there is no stack, where there is none.
    without: Option<String>,
    /// There is not even one that is broken, and nobody names one.
    nowhere: bool,
    /// Somebody names the stack.
    named: bool,
}

/// The agent that a finding is about, or where it stands.
fn concerned(found: &finding::Finding) -> &str {
    let mut names = found.subjects.iter().filter_map(|subject| match subject {
        finding::Subject::Agent { name, .. } => Some(name.as_str()),
        _ => None,
    });
    names.next_back().unwrap_or(&found.place.path)
}

/// Stale files that are named.
const NAMED: usize = 5;

impl Context {
    /// A context from the options of every command. `output`: the folder of rendered files, where one is named.
    ///
    /// # Errors
    /// When the folders of the repository are not its own. That there is no stack is said by what needs one.
    pub fn new(options: &GlobalOptions, output: Option<&Path>) -> Outcome<Self> {
        let (repository, without) = match Repository::find(options.stack.as_deref(), output) {
            Ok(repository) => (repository, None),
            Err(error) => (Repository::at("."), Some(error.to_string())),
        };
        if without.is_none() {
            repository
                .require_own_work()
                .map_err(|error| Failure::wrong_use(error.to_string()))?;
            program::works_with(repository.stack_file());
        }
        Ok(Self {
            repository,
            printer: Printer::new(options.color, options.verbose, options.quiet),
            tree: options.tree.clone(),
            variants: options.variant.clone(),
            nowhere: without.is_some() && Repository::is_nowhere(options.stack.as_deref()),
            named: Repository::is_named(options.stack.as_deref()),
            without,
        })
    }

    /// Whether a command may infer a stack: there is none, and nobody names one.
    #[must_use]
    pub fn may_infer(&self) -> bool {
        self.nowhere
    }

    /// Whether the stack is named, by an option or a variable.
    #[must_use]
    pub fn names_stack(&self) -> bool {
        self.named
    }

    /// Fails where there is no stack, and so no repository to work in.
    ///
    /// # Errors
    /// When there is none.
    pub fn require_stack(&self) -> Outcome<()> {
        match &self.without {
            Some(why) => Err(Failure::wrong_use(why.clone())),
            None => Ok(()),
        }
    }

    /// The stack, where there is one that can be worked with; why not is not said.
    #[must_use]
    pub fn usable_stack(&self) -> Option<Stack> {
        self.require_stack().ok()?;
        let (stack, found) = stack_files::load(&self.repository, self.tree.as_deref()).ok()?;
        let mut stack = stack.filter(|_| !finding::stops(&found))?;
        stack.choose_variants(&self.variants).ok()?;
        devices::look(&mut stack);
        orphans::work_for(&stack.name);
        Some(stack)
    }

    /// The stack for what is built and started here: [`Self::stack_of_files`], with the variants that this host can run.
    ///
    /// # Errors
    /// When it has errors.
    pub fn stack(&self) -> Outcome<Stack> {
        let mut stack = self.stack_of_files()?;
        devices::look(&mut stack);
        Ok(stack)
    }

    /// The stack, validated, the same on every host. Its errors are printed, all of them; its warnings only when `--verbose` asks for them, since
    /// `render` and `audit` show them.
    ///
    /// # Errors
    /// When it has errors.
    pub fn stack_of_files(&self) -> Outcome<Stack> {
        let (stack, mut found) = stack_files::load(&self.repository, self.tree.as_deref())?;
        let stops = finding::stops(&found);
        if !self.printer.verbose && !stops {
            let unread = stack.iter().flat_map(|stack| &stack.unread);
            let unread: Vec<finding::Subject> = unread
                .map(|lost| {
                    self.printer.warn(format!(
                        "machine `{}` is left out: `{}` cannot be read\n  hint: `cargo xtask audit` says why; what others do with its \
                         agents is not known until then",
                        lost.machine, lost.config
                    ));
                    finding::Subject::machine(&lost.machine)
                })
                .collect();
            let alone: BTreeSet<&str> = found
                .iter()
                .filter(|finding| finding.severity == Severity::Error)
                .filter(|finding| !finding.subjects.iter().any(|subject| unread.contains(subject)))
                .map(concerned)
                .collect();
            if !alone.is_empty() {
                self.printer.warn(format!(
                    "{} not as the stack or a startup config has it: {}\n  hint: `cargo xtask audit` says why; the others are \
                     not concerned",
                    if alone.len() == 1 { "1 agent is".to_owned() } else { format!("{} agents are", alone.len()) },
                    alone.into_iter().collect::<Vec<_>>().join(", ")
                ));
            }
            found.clear();
        }
        if !found.is_empty() {
            self.printer.styled(findings::human(&found, self.printer.color_err));
        }
        match stack {
            Some(mut stack) if !stops => {
                self.choose_variants(&mut stack)?;
                orphans::work_for(&stack.name);
                Ok(stack)
            }
            _ => Err(Failure::said(Exit::WrongUse)),
        }
    }

    /// Fails where nothing is known of a machine: what files of all machines hold cannot be written then, nor can be told what is left over.
    ///
    /// # Errors
    /// When a startup config cannot be read.
    pub fn require_all_read(&self, stack: &Stack, what: &str) -> Outcome<()> {
        match stack.unread.first() {
            None => Ok(()),
            Some(lost) => Err(Failure::wrong_use(format!(
                "nothing is {what} while `{}` cannot be read: files of every machine hold what the others have\n  hint: the files that are \
                 there stay, and commands about the other machines go on with them",
                lost.config
            ))),
        }
    }

    /// The stack with all its findings, for commands that show them.
    ///
    /// # Errors
    /// When a file cannot be looked at.
    pub fn stack_and_findings(&self) -> Outcome<(Option<Stack>, Vec<finding::Finding>)> {
        let (mut stack, found) = stack_files::load(&self.repository, self.tree.as_deref())?;
        if let Some(stack) = &mut stack {
            self.choose_variants(stack)?;
        }
        Ok((stack, found))
    }

    /// Makes those variants hold that the command line names.
    ///
    /// # Errors
    /// When one is unknown.
    pub fn choose_variants(&self, stack: &mut Stack) -> Outcome<()> {
        stack
            .choose_variants(&self.variants)
            .map_err(|error| Failure::wrong_use(error.to_string()))
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

    /// A place that an option names, for a file or folder that is to be written. Where it lies below the tree or the repository, no link
    /// of theirs may lead it out.
    ///
    /// # Errors
    /// When one does.
    pub fn require_place(&self, path: &Path, source_tree: Option<&str>) -> Outcome<()> {
        let root = self.repository.root();
        let tree = source_tree.map(|tree| self.repository.path(tree));
        named_place::require(path, [Some(root), tree.as_deref()].into_iter().flatten())
            .map_err(|error| Failure::wrong_use(error.to_string()))
    }

    /// The same for a file, whose folder must be there: a name that is mistyped makes no folder.
    ///
    /// # Errors
    /// When a link leads out, or the folder is not there.
    pub fn require_file(&self, path: &Path, source_tree: Option<&str>) -> Outcome<()> {
        self.require_place(path, source_tree)?;
        named_place::require_folder(path).map_err(|error| Failure::wrong_use(error.to_string()))
    }

    /// This host's Podman, with a containers.conf of ours where the host needs one.
    ///
    /// # Errors
    /// When that file cannot be written.
    pub fn podman(&self) -> Podman {
        Podman::new(self.containers_conf())
    }

    /// Our containers.conf, where the host needs one. Without a stack there is no folder of ours for it.
    #[must_use]
    pub fn containers_conf(&self) -> Option<PathBuf> {
        self.require_stack().ok()?;
        containers_conf::provide(&self.repository)
    }

    /// The hosts of the machines: the lab's, or this one and those that the stack has connections to.
    ///
    /// # Errors
    /// When the lab is not up.
    pub fn hosts(&self, stack: &Stack, in_lab: bool) -> Outcome<Hosts> {
        if !in_lab {
            let mut hosts = Hosts::outside(stack, &self.repository);
            hosts.look_at_docker(stack);
            return Ok(hosts);
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
        let stored = storage::remove(podman, &podman.records(&stack.name), stack)?;
        if !stored.removed.is_empty() {
            self.printer.warn(format!(
                "removed what a killed Podman left in storage: {}",
                stored.removed.join(", ")
            ));
        }
        self.name_left(&stored.left);
        Ok(stored.removed.len())
    }

    /// Removes containers of checks that a killed harness left. That a Podman does not answer is for the checks to say.
    pub fn remove_probes(&self, podman: &Podman, stack: &Stack) {
        let left = storage::remove_probes(podman, &podman.records(&stack.name), stack).unwrap_or_default();
        if !left.removed.is_empty() {
            self.printer.warn(format!(
                "removed what a killed harness left of its checks: {}",
                left.removed.join(", ")
            ));
        }
        self.name_left(&left.left);
    }

    /// Says what looks like a leftover and is nobody's of ours for all that is known.
    fn name_left(&self, left: &[Left]) {
        for Left { what, command } in left {
            self.printer.warn(format!(
                "left alone, since nothing proves that it is of this stack: {what}\n  hint: where nobody uses it, `{command}` removes it"
            ));
        }
    }

    /// Gives back addresses of the stack's networks that containers have which are gone, and returns how many.
    fn give_back_addresses(&self, podman: &Podman, stack: &Stack) -> Outcome<usize> {
        let leases = leases::give_back(podman, stack)?;
        for lease in &leases {
            self.printer
                .warn(format!("gave back what a killed Podman kept: {}", lease.describe()));
        }
        Ok(leases.len())
    }

    /// Removes namespaces without a container that hold an address of the stack, and returns how many. To be called by who holds
    /// the stack's lock.
    ///
    /// # Errors
    /// When Podman or `ip` cannot be run.
    pub fn free_addresses(&self, podman: &Podman, stack: &Stack) -> Outcome<usize> {
        if process::on_path("ip").is_none() {
            return Ok(0);
        }
        let addresses = stack.groups.iter().map(|group| group.address).collect();
        let mut removed = Vec::new();
        for network in boot::own_networks(&podman.networks()?, &stack.name) {
            removed.extend(leftovers::free_addresses(&network, &addresses, || {
                podman.network_namespaces()
            })?);
        }
        self.say_removed(&removed);
        Ok(removed.len())
    }

    /// Says what a killed Podman left in the kernel and is removed.
    fn say_removed(&self, removed: &[String]) {
        for what in removed {
            self.printer
                .warn(format!("removed what a killed Podman left behind: {what}"));
        }
    }

    /// Removes what a killed Podman left: in storage, and, as long as no container of the stack is there, in the kernel and with
    /// the name server; while there is one, what holds one of its addresses. Only what is proved to be the stack's; the rest is named. Returns how much was removed. To be called by
    /// who holds the stack's lock.
    ///
    /// # Errors
    /// When Podman or `ip` cannot be run.
    pub fn remove_leftovers(&self, podman: &Podman, stack: &Stack) -> Outcome<usize> {
        let mut stored = self.remove_stored(podman, stack)?;
        stored += self.give_back_addresses(podman, stack)?;
        if process::on_path("ip").is_none() {
            return Ok(stored);
        }
        if !podman.containers(&stack.name)?.is_empty() {
            return Ok(stored + self.free_addresses(podman, stack)?);
        }
        let records = podman.records(&stack.name);
        // What Podman itself says of networks with our label, before they go.
        let mut networks = podman.networks()?;
        let own = boot::own_networks(&networks, &stack.name);
        if !own.is_empty() {
            boot::note_own_networks(podman, &stack.name)?;
            boot::remove_unused_networks(podman, &stack.name)?;
            networks = podman.networks()?;
        }
        let mut swept = Swept::default();
        let mut forgotten = Vec::new();
        let written = records.networks();
        for gone in written.networks() {
            if networks.iter().any(|network| network.id.as_ref() == Some(&gone.id)) {
                continue;
            }
            let part = leftovers::remove(gone, written.namespaces(), &networks, || podman.network_namespaces())?;
            let is_gone = part.left.is_empty();
            swept.add(part);
            if is_gone {
                forgotten.push(gone.id.as_str());
                if networks.iter().all(|network| network.name != gone.name) {
                    swept.removed.extend(name_server::forget(gone)?);
                }
            }
        }
        records.forget_networks(&forgotten)?;
        self.say_removed(&swept.removed);
        let wanted: Vec<_> = stack
            .machines
            .iter()
            .map(|machine| (machine.network.as_str(), machine.subnet))
            .collect();
        let unproved = leftovers::unproved(&wanted, written.networks(), &networks, || podman.network_namespaces())?;
        swept.add(Swept {
            left: unproved,
            ..Swept::default()
        });
        self.name_left(&swept.left);
        Ok(stored + swept.removed.len())
    }

    /// The same, which only says why something failed.
    #[must_use]
    pub fn quietly(mut self) -> Self {
        self.printer.quiet = true;
        self
    }

    /// Prints a document as JSON on stdout.
    ///
    /// # Errors
    /// Never for our own documents.
    pub fn print_json(&self, document: &impl serde::Serialize) -> Outcome<()> {
        let text = json::text(document)
            .map_err(|error| Failure::new(Exit::Internal, format!("cannot write JSON: {error}")))?;
        self.printer.data(&text);
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
        let mut entries = audit_files::read(audit_files::list(&root, true));
        let files = tree::take_python(&mut entries);
        let facts = facts::of_agents(files, stack.python_version, stack)
            .with_paths(entries.into_iter().map(|entry| entry.path));
        preload::preload(stack, &facts)
    }

    /// Fails where a rendered file is missing or not what the stack renders to: nothing is built from a stale file. Where none was
    /// rendered yet below the stack's folder of them, they are.
    ///
    /// # Errors
    /// When a rendered file differs, or cannot be written.
    pub fn require_fresh_render(&self, stack: &Stack) -> Outcome<()> {
        // Which variants this host runs is nothing that a file says.
        let written = stack.as_written();
        let (preload, locked) = (self.preload(stack), requirements_lock::locked(&self.repository, stack));
        let rendered = render::render(&written, &preload, &locked);
        let with_chosen = match stack.has_own_variants() {
            true => rendered.clone(),
            false => render::render(stack, &preload, &locked),
        };
        let all = rendered.len();
        let (mut stale, mut missing) = (Vec::new(), 0);
        for (file, other) in rendered.into_iter().zip(with_chosen) {
            let there = self.repository.read(&file.path).ok().flatten();
            missing += usize::from(there.is_none());
            // What a file says of agents that nothing is known of cannot be compared.
            if there.is_some() && !stack.unread.is_empty() {
                continue;
            }
            // They may have been rendered for the variants that are chosen here.
            if ![&file.text, &other.text]
                .iter()
                .any(|text| there.as_deref() == Some(text.as_bytes()))
            {
                stale.push(file.path);
            }
        }
        if stale.is_empty() {
            return Ok(());
        }
        // Nobody has rendered yet, or changed anything: there is nothing to be asked.
        if missing == all
            && let Some(folder) = stack.output.folder()
        {
            super::render::refresh(self, &written)?;
            self.printer.step("rendered", format!("{all} files below `{folder}`"));
            return Ok(());
        }
        let more = match stale.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        stale.truncate(NAMED);
        Err(Failure::new(
            Exit::WrongUse,
            format!(
                "rendered files are missing or not what the stack renders to: {}{more}\n  hint: run `cargo xtask render`",
                stale.join(", ")
            ),
        ))
    }
}
