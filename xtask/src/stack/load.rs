//! The way from texts to the validated model.

use super::audit::AuditSettings;
use super::raw::{self, RawMachine, RawStack};
use super::read::plain;
use super::resolve::{Read, resolve};
use super::startup::{self, Machines, Reading, Startup};
use super::tree::{TreeFiles, normal};
use super::validate::{self, Facts};
use super::yaml::decode;
use super::{GroupId, Stack};
use super::{alone, defaults, leave_out, selection, switches};
use crate::finding::{Finding, Place, Subject};

/// The tree, wherever it is. The caller reads it; [`Written::load`] decides which of its files.
pub trait Files {
    /// The files of a tree.
    ///
    /// # Errors
    ///
    /// Why the tree cannot be listed, as a lowercase fragment.
    fn list(&self, source_tree: &str) -> Result<TreeFiles, String>;

    /// The content of one file of a tree.
    ///
    /// # Errors
    ///
    /// Why the file cannot be read, as a lowercase fragment.
    fn read(&self, source_tree: &str, path: &str) -> Result<Vec<u8>, String>;
}

impl Stack {
    /// A stack without machines, groups and agents, all else as it is where nothing is written: for what looks at a host and finds no stack.
    #[must_use]
    pub fn none() -> Option<Self> {
        struct Nothing;
        impl Files for Nothing {
            fn list(&self, _: &str) -> Result<TreeFiles, String> {
                Ok(TreeFiles::default())
            }
            fn read(&self, _: &str, _: &str) -> Result<Vec<u8>, String> {
                Ok(b"[{name: none, script_path: none.py, port: 1024}]".to_vec())
            }
        }
        let written = Written::read("stack.yaml", b"machines: {none: {startup_config: none}}", None);
        let (stack, _) = written.load(&Nothing);
        let mut stack = stack?;
        stack.machines.clear();
        stack.groups.clear();
        stack.agents.clear();
        Some(stack)
    }
}

/// `stack.yaml`, read: it says which tree there is to look at, before anything of that is read.
#[derive(Debug)]
pub struct Written {
    raw: Option<RawStack>,
    /// The tree that `--tree` names.
    named: Option<String>,
    /// Whether findings name files of a tree outside the repository by their path in the tree.
    by_tree: bool,
    findings: Vec<Finding>,
}

impl Written {
    /// Reads the text of `stack.yaml`, whose path findings name. `tree` is the tree that `--tree` names; it wins over `source_tree:`.
    #[must_use]
    pub fn read(path: &str, text: &[u8], tree: Option<&str>) -> Self {
        let (raw, findings) = match decode(path, text) {
            Ok(source) => raw::read(&source),
            Err(finding) => (None, vec![*finding]),
        };
        Self {
            raw,
            named: tree.map(str::to_owned),
            by_tree: false,
            findings,
        }
    }

    /// The same; findings will name files of a tree outside the repository by their path in the tree.
    #[must_use]
    pub fn naming_files_by_tree(mut self) -> Self {
        self.by_tree = true;
        self
    }

    /// The tree, where one is named.
    #[must_use]
    pub fn source_tree(&self) -> Option<&str> {
        let written = self.raw.as_ref().and_then(|raw| raw.source_tree.as_ref());
        self.named
            .as_deref()
            .or_else(|| written.map(|tree| tree.value.as_str()))
    }

    /// The startup configs of its machines, as far as they can be read.
    #[must_use]
    pub fn startup_configs(&self) -> Vec<String> {
        let machines = self.raw.iter().flat_map(|raw| &raw.machines);
        machines.map(|machine| machine.startup_config.value.clone()).collect()
    }

    /// What it says of the audit; nothing where it cannot be read.
    #[must_use]
    pub fn audit(&self) -> AuditSettings {
        self.raw.as_ref().map(|raw| raw.audit.clone()).unwrap_or_default()
    }

    /// The stack, and all that is wrong with it. There is no stack where too little can be read to make one; where there is one
    /// and a finding is an error, it holds what could be made of the rest.
    #[must_use]
    pub fn load(self, files: &dyn Files) -> (Option<Stack>, Vec<Finding>) {
        let tree = self.source_tree().map(str::to_owned);
        let Self {
            raw,
            named,
            by_tree,
            mut findings,
        } = self;
        // Where a tree is written and wrong, that has been said.
        let (Some(mut raw), Some(tree)) = (raw, tree) else {
            return (None, findings);
        };
        let listed = match files.list(&tree) {
            Ok(listed) => Some(listed),
            Err(error) => {
                let place = match (&raw.source_tree, named) {
                    (Some(written), None) => written.place.clone(),
                    _ => Place::file(tree.as_str()),
                };
                let finding = unreadable(
                    place,
                    &format!("the tree `{tree}`"),
                    &error,
                    "correct `source_tree:`, or give another with `--tree`",
                );
                findings.push(finding.about(Subject::Path(tree.clone())));
                None
            }
        };
        let names: Vec<&str> = raw.machines.iter().map(|machine| machine.name.value.as_str()).collect();
        let mut reads = Vec::new();
        for machine in &raw.machines {
            let path = &machine.startup_config;
            let mut read = Read::default();
            // Without a tree, one finding is enough.
            if listed.is_some() {
                let shown = match by_tree && tree.starts_with('/') {
                    true => path.value.clone(),
                    false => display(&tree, &path.value),
                };
                match files.read(&tree, &path.value) {
                    Ok(bytes) => {
                        let text = |path: &str| {
                            let bytes = files.read(&tree, path).ok()?;
                            Some(String::from_utf8_lossy(&bytes).into_owned())
                        };
                        let reading = Reading {
                            path: &normal(&path.value),
                            machines: Machines {
                                own: &machine.name.value,
                                all: &names,
                            },
                            variables: &raw.variables,
                            file: &text,
                        };
                        read_startup(&shown, &bytes, &reading, &mut read, &mut findings);
                        if let (Some(startup), Some(tree)) = (&mut read.startup, &listed) {
                            findings.extend(settle(startup, machine, tree));
                        }
                    }
                    Err(error) => findings.push(
                        unreadable(
                            path.place.clone(),
                            &format!("the startup config `{shown}`"),
                            &error,
                            "correct `startup_config:`, or add the file to the tree",
                        )
                        .about(Subject::Path(path.value.clone()))
                        .about(Subject::machine(&machine.name.value)),
                    ),
                }
            }
            reads.push(read);
        }
        drop(names);
        findings.extend(leave_out::apply(&raw, &mut reads));
        defaults::fill(&mut raw, &reads, listed.as_ref(), &mut findings);
        findings.extend(without_clashes(&raw, &mut reads, &tree, listed.as_ref()));
        let (mut resolved, mut more) = resolve(&raw, &reads, &tree, listed.as_ref());
        findings.append(&mut more);
        if let Some(tree) = &listed {
            let groups: Vec<GroupId> = resolved.stack.groups().map(|(id, _)| id).collect();
            for id in groups {
                resolved.stack.groups[id.0].beside = selection::beside(&resolved.stack, id, tree);
            }
        }
        if listed.is_some() {
            switches::apply(&mut resolved.stack, &|path| files.read(&tree, path).ok());
        }
        let everyone = resolved.stack.with_ungrouped();
        findings.extend(validate::all(&Facts {
            raw: &raw,
            reads: &reads,
            resolved: &resolved,
            stack: &resolved.stack,
            everyone: &everyone,
            tree: listed.as_ref(),
        }));
        alone::mark(&mut findings, &reads);
        findings.sort_by(|a, b| a.place.cmp(&b.place).then(a.rule.cmp(b.rule)));
        let usable = raw.complete && reads.iter().any(|read| read.startup.is_some());
        (usable.then_some(resolved.stack), findings)
    }
}

/// Leaves out agents whose ports others of their container have, and says so: all else goes on without them.
fn without_clashes(raw: &RawStack, reads: &mut [Read], tree: &str, listed: Option<&TreeFiles>) -> Vec<Finding> {
    let mut findings = Vec::new();
    loop {
        let (resolved, _) = resolve(raw, reads, tree, listed);
        let everyone = resolved.stack.with_ungrouped();
        let clashes = validate::clash(&Facts {
            raw,
            reads,
            resolved: &resolved,
            stack: &resolved.stack,
            everyone: &everyone,
            tree: listed,
        });
        let lost: Vec<(usize, String)> = clashes
            .iter()
            .map(|(id, _)| resolved.stack.agent(*id))
            .map(|agent| (agent.machine.0, agent.name.clone()))
            .collect();
        if lost.is_empty() {
            return findings;
        }
        findings.extend(clashes.into_iter().map(|(_, finding)| finding));
        drop(resolved);
        for (machine, name) in lost {
            leave_out::take(&mut reads[machine], &name);
        }
    }
}

fn read_startup(shown: &str, bytes: &[u8], reading: &Reading<'_>, read: &mut Read, findings: &mut Vec<Finding>) {
    match decode(shown, bytes) {
        Ok(source) => {
            let (startup, mut more) = startup::read(&source, reading, &mut read.names);
            read.startup = startup;
            findings.append(&mut more);
        }
        Err(finding) => findings.push(*finding),
    }
}

/// Finds the scripts of a startup config in the tree.
fn settle(startup: &mut Startup, machine: &RawMachine, tree: &TreeFiles) -> Vec<Finding> {
    let aliases = machine
        .path_aliases
        .iter()
        .map(|(alias, target)| (normal(alias), normal(&target.value)))
        .collect();
    let around = startup::Around {
        config: &normal(&machine.startup_config.value),
        code: &plain(&machine.code),
        python_path: &plain(&machine.python_path),
        aliases: &aliases,
        tree,
    };
    startup::settle(startup, &around)
}

/// A file of the tree as findings name it.
fn display(tree: &str, path: &str) -> String {
    let tree = tree.trim_end_matches('/');
    if tree.is_empty() || tree == "." {
        path.to_owned()
    } else {
        format!("{tree}/{path}")
    }
}

fn unreadable(place: Place, what: &str, error: &str, help: &str) -> Finding {
    Finding::error("stack/unreadable", place, format!("cannot read {what}: {error}")).with_help(help)
}
