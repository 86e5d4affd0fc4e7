//! The way from texts to the validated model.

use super::Stack;
use super::raw;
use super::resolve::{Read, resolve};
use super::startup;
use super::tree::TreeFiles;
use super::validate::{self, Facts};
use super::yaml::decode;
use crate::finding::{Finding, Place};

/// The tree, wherever it is. The caller reads it; `load` decides which tree and which of its files.
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

/// What a stack is made of.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Path of `stack.yaml`, as findings name it.
    pub stack_path: &'a str,
    /// Its content.
    pub stack: &'a [u8],
    /// The tree that `--tree` names; it wins over `source_tree:`.
    pub tree: Option<&'a str>,
    /// Access to the tree.
    pub files: &'a dyn Files,
}

/// The stack, and all that is wrong with it. There is no stack where too little can be read to make one; where there is one
/// and a finding is an error, it holds what could be made of the rest.
#[must_use]
pub fn load(input: &Input<'_>) -> (Option<Stack>, Vec<Finding>) {
    let source = match decode(input.stack_path, input.stack) {
        Ok(source) => source,
        Err(finding) => return (None, vec![*finding]),
    };
    let (raw, mut findings) = raw::read(&source);
    let Some(raw) = raw else {
        return (None, findings);
    };
    let written = raw.source_tree.as_ref().map(|tree| tree.value.as_str());
    let Some(tree) = input.tree.or(written) else {
        // Where one is written and wrong, that has been said.
        if !raw.source_tree_written {
            findings.push(no_tree(&raw.path));
        }
        return (None, findings);
    };
    let files = match input.files.list(tree) {
        Ok(files) => Some(files),
        Err(error) => {
            let place = match (&raw.source_tree, input.tree) {
                (Some(written), None) => written.place.clone(),
                _ => Place::file(tree),
            };
            findings.push(unreadable(
                place,
                &format!("the tree `{tree}`"),
                &error,
                "correct `source_tree:`, or give another with `--tree`",
            ));
            None
        }
    };
    let mut reads = Vec::new();
    for machine in &raw.machines {
        let path = &machine.startup_config;
        let mut read = Read::default();
        // Without a tree, one finding is enough.
        if files.is_some() {
            let shown = display(tree, &path.value);
            match input.files.read(tree, &path.value) {
                Ok(bytes) => read_startup(&shown, &bytes, &mut read, &mut findings),
                Err(error) => findings.push(unreadable(
                    path.place.clone(),
                    &format!("the startup config `{shown}`"),
                    &error,
                    "correct `startup_config:`, or add the file to the tree",
                )),
            }
        }
        reads.push(read);
    }
    let (resolved, mut more) = resolve(&raw, &reads, tree);
    findings.append(&mut more);
    let everyone = resolved.stack.with_ungrouped();
    findings.extend(validate::all(&Facts {
        raw: &raw,
        reads: &reads,
        resolved: &resolved,
        stack: &resolved.stack,
        everyone: &everyone,
        tree: files.as_ref(),
    }));
    findings.sort_by(|a, b| a.place.cmp(&b.place).then(a.rule.cmp(b.rule)));
    let usable = raw.complete && reads.iter().any(|read| read.startup.is_some());
    (usable.then_some(resolved.stack), findings)
}

fn read_startup(shown: &str, bytes: &[u8], read: &mut Read, findings: &mut Vec<Finding>) {
    match decode(shown, bytes) {
        Ok(source) => {
            let (startup, mut more) = startup::read(&source, &mut read.names);
            read.startup = startup;
            findings.append(&mut more);
        }
        Err(finding) => findings.push(*finding),
    }
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

fn no_tree(path: &str) -> Finding {
    Finding::error("stack/missing-key", Place::file(path), "the stack has no `source_tree`")
        .with_help("add `source_tree:`, or give the tree with `--tree`")
}

fn unreadable(place: Place, what: &str, error: &str, help: &str) -> Finding {
    Finding::error("stack/unreadable", place, format!("cannot read {what}: {error}")).with_help(help)
}
