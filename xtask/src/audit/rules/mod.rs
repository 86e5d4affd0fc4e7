//! The rules: one file for each rule or tight family, with its documentation, and the catalogue of all.

/// Declares the families of rules: a family that is declared is in the catalogue, and its check, where it has one, is run. Those without
/// are found elsewhere: by the stack's validation, on start paths, in comments.
macro_rules! families {
    ($($name:ident $($check:ident)?;)+) => {
        $(pub mod $name;)+

        /// Rules by family, in the order of `--list-rules`.
        const FAMILIES: &[&[Rule]] = &[$($name::RULES),+];

        /// What looks for them.
        const CHECKS: &[fn(&Facts<'_>) -> Vec<Finding>] = &[$($($name::$check,)?)+];
    };
}

families! {
    agents check;
    comments;
    levels;
    deployment check;
    dynamic check;
    files check;
    hosts check;
    images check;
    path_style check;
    paths check;
    ports check;
    requirements;
    stack;
    start;
}

use std::collections::{BTreeMap, BTreeSet};

use pysrc::{Module, Span};
use rayon::prelude::*;

use super::rule::Rule;
use super::words::Word;
use crate::finding::{Finding, Place};
use crate::python::disk::Disk;
use crate::python::facts::TreeFacts;
use crate::python::tree::{Entry, Text, Tree};
use crate::stack::{AgentId, Stack, resolve_alias};

/// Every rule that any code of the workspace knows, in the order of `--list-rules`.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().copied().flatten()
}

/// The rule of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}

/// A ZeroMQ endpoint of Python code, or a host with a port.
#[derive(Debug, Clone)]
pub struct Endpoint<'a> {
    /// Its file, relative to the tree.
    pub path: &'a str,
    /// Whether it is bound; otherwise it is connected to.
    pub bound: bool,
    /// Host as written.
    pub host: &'a str,
    /// Port, where it is a number.
    pub port: Option<u16>,
    /// The facts of its file.
    pub module: &'a Module,
    /// Where in it.
    pub span: Span,
}

/// What the rules look at.
pub struct Facts<'a> {
    /// The stack, agents without a group among it.
    pub stack: &'a Stack,
    /// The tree.
    pub tree: &'a Tree,
    /// Words of every text, Python's string literals among them.
    pub words: &'a [Word<'a>],
    /// Endpoints of Python code.
    pub endpoints: &'a [Endpoint<'a>],
    /// The tree's entries.
    pub entries: &'a [Entry],
    /// Facts of Python files.
    pub python: &'a TreeFacts,
    /// Agents by the files that they run: their scripts, and what these import.
    pub users: &'a BTreeMap<String, BTreeSet<AgentId>>,
    /// Lines of Python files by path and number, for places.
    pub line: &'a (dyn Fn(&str, usize) -> String + Sync),
    /// What the tree's folder holds besides what was listed (ignored by Git, say).
    pub disk: Disk<'a>,
    /// What the stack's validation said.
    pub said: &'a [Finding],
    /// Second names of paths on any machine.
    pub aliases: BTreeMap<String, String>,
}

impl Facts<'_> {
    /// The place of a word.
    #[must_use]
    pub fn place(&self, word: &Word<'_>) -> Place {
        let (line, column, width) = word.place();
        if let Some(text) = self.text(word.path) {
            return text.place(line, column, width);
        }
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let text = (self.line)(word.path, line);
        let rest = (text.trim_end().chars().count() + 1).saturating_sub(column).max(1);
        Place {
            path: self.tree.shown(word.path),
            line: number(line),
            column: number(column),
            width: number(if width == 0 { rest } else { width.min(rest) }),
            text,
        }
    }

    /// The place of an endpoint.
    #[must_use]
    pub fn place_of(&self, endpoint: &Endpoint<'_>) -> Place {
        let position = endpoint.module.position(endpoint.span);
        Place {
            path: self.tree.shown(endpoint.path),
            line: position.line,
            column: position.column,
            width: position.width,
            text: endpoint.module.shown_line(position.line).to_owned(),
        }
    }

    /// The text of that path.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&Text> {
        self.tree.texts.iter().find(|text| text.path == path)
    }

    /// Whether a folder of the tree's top holds the code of a machine.
    #[must_use]
    pub fn is_code_root(&self, folder: &str) -> bool {
        self.stack
            .machines
            .iter()
            .flat_map(|machine| &machine.code)
            .any(|code| normal_first(code) == folder)
    }

    /// The path with second names of folders replaced.
    #[must_use]
    pub fn resolve(&self, path: &str) -> String {
        resolve_alias(path, &self.aliases)
    }

    /// Whether a path is there although it was not listed.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.disk.has(path)
    }

    /// Whether a rule of the stack has spoken about that line.
    #[must_use]
    pub fn is_said(&self, place: &Place, family: &str) -> bool {
        self.said.iter().any(|finding| {
            finding.rule.starts_with(family) && finding.place.path == place.path && finding.place.line == place.line
        })
    }

    /// Files of the tree with the name of that path, at most a few.
    #[must_use]
    pub fn named(&self, path: &str) -> Vec<&str> {
        let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
        let mut found: Vec<&str> = self
            .tree
            .paths
            .iter()
            .filter(|file| file.rsplit('/').next().is_some_and(|last| last.to_lowercase() == name))
            .map(String::as_str)
            .collect();
        found.sort_unstable();
        found.truncate(3);
        found
    }
}

fn normal_first(folder: &str) -> &str {
    folder.trim_start_matches("./").split('/').next().unwrap_or(folder)
}

/// Every rule of this folder that looks at the tree.
#[must_use]
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    CHECKS.par_iter().flat_map_iter(|check| check(facts)).collect()
}

impl Facts<'_> {
    /// Whether a place of a finding is in that file of the tree.
    #[must_use]
    pub fn is_place_in(&self, place: &Place, path: &str) -> bool {
        place.path == self.tree.shown(path)
            || place.path == format!("{}/{path}", self.stack.source_tree.trim_end_matches('/'))
    }
}
