//! The way from texts to the validated model.

use super::audit::AuditSettings;
use super::raw::{self, RawMachine, RawStack};
use super::read::plain;
use super::resolve::{Read, resolve};
use super::stand_ins;
use super::startup::{self, Machines, Reading, Startup};
use super::tree::{TreeFiles, normal};
use super::validate::{self, Facts};
use super::yaml::decode;
use super::{GroupId, Stack, Unread};
use super::{alone, defaults, leave_out, selection, switches};
use crate::finding::{Finding, Place, Subject};

/// Why a tree, or a file of one, cannot be read, as a lowercase fragment.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// What is in the tree's place is something else.
    #[error("it is not a folder")]
    NotAFolder,
    /// The tree has no such file.
    #[error("no such file")]
    NoFile,
    /// Whatever else the one who reads it says.
    #[error("{0}")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The tree, wherever it is. The caller reads it; [`Written::load`] decides which of its files.
pub trait Files {
    /// The files of a tree.
    ///
    /// # Errors
    ///
    /// When the tree cannot be listed.
    fn list(&self, source_tree: &str) -> Result<TreeFiles, FilesError>;

    /// The content of one file of a tree.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    fn read(&self, source_tree: &str, path: &str) -> Result<Vec<u8>, FilesError>;
}

impl Stack {
    /// A stack without machines, groups and agents, all else as it is where nothing is written: for what looks at a host and finds no stack.
    #[must_use]
    pub fn none() -> Option<Self> {
        struct Nothing;
        impl Files for Nothing {
            fn list(&self, _: &str) -> Result<TreeFiles, FilesError> {
                Ok(TreeFiles::default())
            }
            fn read(&self, _: &str, _: &str) -> Result<Vec<u8>, FilesError> {
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
        let configs = Configs {
            raw: &raw,
            names: &names,
            files,
            tree: &tree,
            by_tree,
            listed: listed.as_ref(),
        };
        let (mut reads, more): (Vec<Read>, Vec<_>) = raw.machines.iter().map(|machine| configs.read(machine)).unzip();
        findings.extend(more.into_iter().flatten());
        drop(names);
        findings.extend(leave_out::apply(&raw, &mut reads));
        defaults::fill(&mut raw, &reads, listed.as_ref(), &mut findings);
        findings.extend(stand_ins::start(&mut raw, &mut reads));
        let unread = without_unread(&mut raw, &mut reads, &mut findings);
        findings.extend(without_clashes(&raw, &mut reads, &tree, listed.as_ref()));
        let (mut resolved, mut more) = resolve(&raw, &reads, &tree, listed.as_ref());
        findings.append(&mut more);
        resolved.stack.unread = unread;
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

/// What startup configs are read with.
struct Configs<'a> {
    raw: &'a RawStack,
    /// The machines.
    names: &'a [&'a str],
    files: &'a dyn Files,
    tree: &'a str,
    by_tree: bool,
    listed: Option<&'a TreeFiles>,
}

impl Configs<'_> {
    /// That of a machine, and what is wrong with it: about the machine where nothing is known of its agents.
    fn read(&self, machine: &RawMachine) -> (Read, Vec<Finding>) {
        let (path, mut read, mut findings) = (&machine.startup_config, Read::default(), Vec::new());
        // Without a tree, one finding is enough.
        let Some(listed) = self.listed else {
            return (read, findings);
        };
        let shown = match self.by_tree && self.tree.starts_with('/') {
            true => path.value.clone(),
            false => display(self.tree, &path.value),
        };
        match self.files.read(self.tree, &path.value) {
            Ok(bytes) => {
                let text = |path: &str| {
                    let bytes = self.files.read(self.tree, path).ok()?;
                    Some(String::from_utf8_lossy(&bytes).into_owned())
                };
                let reading = Reading {
                    path: &normal(&path.value),
                    machines: Machines {
                        own: &machine.name.value,
                        all: self.names,
                    },
                    variables: &self.raw.variables,
                    file: &text,
                };
                read_startup(&shown, &bytes, &reading, &mut read, &mut findings);
                if let Some(startup) = &mut read.startup {
                    findings.extend(settle(startup, machine, listed));
                }
            }
            Err(error) => findings.push(
                unreadable(
                    path.place.clone(),
                    &format!("the startup config `{shown}`"),
                    &error,
                    "correct `startup_config:`, or add the file to the tree",
                )
                .about(Subject::Path(path.value.clone())),
            ),
        }
        if !read.says_something() {
            let subject = Subject::machine(&machine.name.value);
            for finding in findings
                .iter_mut()
                .filter(|finding| !finding.subjects.contains(&subject))
            {
                finding.subjects.push(subject.clone());
            }
        }
        (read, findings)
    }
}

/// Leaves out machines whose startup configs cannot be read, where those of others can: what is wrong there costs that machine alone. All
/// that is chosen by place has been by now, so that nothing moves for the others.
fn without_unread(raw: &mut RawStack, reads: &mut Vec<Read>, findings: &mut [Finding]) -> Vec<Unread> {
    if !reads.iter().any(Read::says_something) {
        return Vec::new();
    }
    let mut unread = Vec::new();
    let mut read = reads.iter().map(Read::says_something);
    raw.machines.retain(|machine| {
        let is_read = read.next().unwrap_or(true);
        if !is_read {
            let name = machine.name.value.clone();
            let of_it = raw.groups.iter().filter(|group| group.machine.value == name);
            unread.push(Unread {
                groups: of_it.map(|group| group.name.value.clone()).collect(),
                config: machine.startup_config.value.clone(),
                machine: name,
            });
        }
        is_read
    });
    drop(read);
    reads.retain(Read::says_something);
    for lost in &unread {
        let subject = Subject::machine(&lost.machine);
        for finding in findings
            .iter_mut()
            .filter(|finding| finding.subjects.contains(&subject))
        {
            finding.alone = true;
        }
        // What depends on its agents is not told to depend on nothing.
        raw.broken_machines.push(lost.machine.clone());
    }
    unread
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

fn unreadable(place: Place, what: &str, error: &FilesError, help: &str) -> Finding {
    Finding::error("stack/unreadable", place, format!("cannot read {what}: {error}")).with_help(help)
}
