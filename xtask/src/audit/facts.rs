//! The facts of a whole tree: each file read and parsed once, in parallel.

use std::collections::{BTreeMap, HashMap, HashSet};

use pysrc::{Module, PythonVersion, Span};
use rayon::prelude::*;

use crate::finding::Place;

/// Facts of one Python file.
#[derive(Debug)]
pub struct FileFacts {
    /// Path relative to the tree.
    pub path: String,
    /// Its facts.
    pub module: Module,
}

/// Facts of a tree.
#[derive(Debug, Default)]
pub struct TreeFacts {
    /// What findings put in front of a path of the tree.
    pub prefix: String,
    /// Version of Python that the files were read for.
    pub version: Option<PythonVersion>,
    /// Python files.
    pub files: Vec<FileFacts>,
    /// The other files that were given, as text: requirements.
    pub texts: BTreeMap<String, String>,
    /// Paths of all files, Python or not.
    pub paths: HashSet<String>,
    /// All paths are known, not only those of the files that were read.
    pub complete: bool,
    index: HashMap<String, usize>,
}

/// Reads a tree's files, each once. Files that do not end in `.py` are kept as texts.
#[must_use]
pub fn facts(files: &[(String, Vec<u8>)], version: PythonVersion) -> TreeFacts {
    let modules: Vec<FileFacts> = files
        .par_iter()
        .filter(|(path, _)| path.ends_with(".py"))
        .map(|(path, bytes)| FileFacts {
            path: path.clone(),
            module: pysrc::read(bytes, version),
        })
        .collect();
    let texts = files
        .iter()
        .filter(|(path, _)| !path.ends_with(".py"))
        .map(|(path, bytes)| (path.clone(), String::from_utf8_lossy(bytes).into_owned()))
        .collect();
    TreeFacts {
        prefix: String::new(),
        version: Some(version),
        index: modules
            .iter()
            .enumerate()
            .map(|(index, file)| (file.path.clone(), index))
            .collect(),
        paths: files.iter().map(|(path, _)| path.clone()).collect(),
        complete: false,
        files: modules,
        texts,
    }
}

impl TreeFacts {
    /// The same, knowing that these are all the files of the tree.
    #[must_use]
    pub fn with_paths(mut self, paths: impl IntoIterator<Item = String>) -> Self {
        self.paths.extend(paths);
        self.complete = true;
        self
    }

    /// The same, with what findings put in front of paths.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// The file of that path, an index in `files`.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<usize> {
        self.index.get(path).copied()
    }

    /// The place of a span in a file.
    #[must_use]
    pub fn place(&self, file: usize, span: Span) -> Place {
        let Some(facts) = self.files.get(file) else {
            return Place::file(self.prefix.clone());
        };
        let position = facts.module.position(span);
        Place {
            path: self.shown(&facts.path),
            line: position.line,
            column: position.column,
            width: position.width,
            text: facts.module.line_text(position.line).to_owned(),
        }
    }

    /// A path as findings name it.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}
