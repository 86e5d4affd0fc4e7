//! The facts of a whole tree: each file read and parsed once, in parallel.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::{Arc, OnceLock};

use pysrc::{Module, PythonVersion, Span};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::imports::requirements::decoded;
use super::parses::Parses;
use super::reach;
use crate::finding::Place;
use crate::stack::Stack;

/// Facts of one Python file.
#[derive(Debug)]
pub struct FileFacts {
    /// Path relative to the tree.
    pub path: String,
    /// Its facts.
    pub module: Arc<Module>,
}

/// What of a tree's files says more than their names.
#[derive(Debug, Default, Clone)]
pub struct Odd {
    /// Files that are secrets by their content, with the reason.
    pub keys: BTreeMap<String, &'static str>,
    /// Links, with the path of the tree that each leads to.
    pub links: BTreeMap<String, String>,
}

/// Facts of a tree.
#[derive(Debug, Default)]
pub struct TreeFacts {
    /// What findings put in front of a path of the tree.
    pub prefix: String,
    /// Version of Python that the files were read for.
    pub version: PythonVersion,
    /// Python files.
    pub files: Vec<FileFacts>,
    /// The other files that were given, as text: requirements.
    pub texts: BTreeMap<String, String>,
    /// Paths of all files, Python or not.
    pub paths: FxHashSet<String>,
    /// Files that are secrets by their content, with the reason, and links with what they lead to.
    pub odd: Odd,
    /// All paths are known, not only those of the files that were read.
    pub complete: bool,
    index: FxHashMap<String, usize>,
    /// Scripts that decide which files were read whole; nothing where all were.
    scripts: Option<Vec<String>>,
    digest: OnceLock<blake3::Hash>,
}

/// Reads a tree's files, each once, in parallel. Files that do not end in `.py` are kept as texts.
#[must_use]
pub fn facts(files: &[(String, Vec<u8>)], version: PythonVersion) -> TreeFacts {
    let (python, texts): (Vec<_>, Vec<_>) = files.iter().partition(|(path, _)| path.ends_with(".py"));
    let modules = python
        .into_par_iter()
        .map(|(path, bytes)| FileFacts {
            path: path.clone(),
            module: Arc::new(pysrc::read(bytes, version)),
        })
        .collect();
    let texts = texts
        .into_iter()
        .map(|(path, bytes)| (path.clone(), decoded(bytes)))
        .collect();
    of(modules, texts, version)
}

/// The same for who follows nothing but the stack's agents: of files that none of their scripts can import, however modules are
/// searched, an outline is read. They are most of a large tree.
#[must_use]
pub fn of_agents(files: Vec<(String, Vec<u8>)>, version: PythonVersion, stack: &Stack) -> TreeFacts {
    of_agents_again(files, version, stack, None)
}

/// The same; what `parses` has is not parsed again.
#[must_use]
pub fn of_agents_again(
    files: Vec<(String, Vec<u8>)>,
    version: PythonVersion,
    stack: &Stack,
    parses: Option<&Parses>,
) -> TreeFacts {
    let (python, texts): (Vec<_>, Vec<_>) = files.into_iter().partition(|(path, _)| path.ends_with(".py"));
    let scripts: Vec<&str> = stack.agents().map(|(_, agent)| agent.script_path.as_str()).collect();
    let texts = texts.into_iter().map(|(path, bytes)| (path, decoded(&bytes))).collect();
    let files = reach::read(python, version, &scripts, parses)
        .into_iter()
        .map(|(path, module)| FileFacts { path, module })
        .collect();
    let mut scripts: Vec<String> = scripts.into_iter().map(str::to_owned).collect();
    scripts.sort_unstable();
    TreeFacts {
        scripts: Some(scripts),
        ..of(files, texts, version)
    }
}

fn of(files: Vec<FileFacts>, texts: BTreeMap<String, String>, version: PythonVersion) -> TreeFacts {
    TreeFacts {
        prefix: String::new(),
        version,
        scripts: None,
        digest: OnceLock::new(),
        index: files
            .iter()
            .enumerate()
            .map(|(index, file)| (file.path.clone(), index))
            .collect(),
        paths: files
            .iter()
            .map(|file| &file.path)
            .chain(texts.keys())
            .cloned()
            .collect(),
        complete: false,
        odd: Odd::default(),
        files,
        texts,
    }
}

impl TreeFacts {
    /// A digest of all that is known of the tree: of two trees with the same one, the same is true.
    #[must_use]
    pub fn digest(&self) -> blake3::Hash {
        *self.digest.get_or_init(|| {
            let Self {
                prefix,
                version,
                files,
                texts,
                paths,
                odd,
                complete,
                index: _,
                scripts,
                digest: _,
            } = self;
            let mut hasher = blake3::Hasher::new();
            let mut paths: Vec<&String> = paths.iter().collect();
            paths.sort_unstable();
            hasher.update(
                format!("{prefix:?} {version:?} {complete} {scripts:?} {paths:?} {texts:?} {odd:?}").as_bytes(),
            );
            for FileFacts { path, module } in files {
                let mut text = FxHasher::default();
                text.write(module.text.as_bytes());
                let numbers = [path.len() as u64, module.text.len() as u64, text.finish()];
                numbers.iter().for_each(|number| {
                    hasher.update(&number.to_le_bytes());
                });
                hasher.update(path.as_bytes());
            }
            hasher.finalize()
        })
    }

    /// The same, knowing that these are all the files of the tree.
    #[must_use]
    pub fn with_paths(mut self, paths: impl IntoIterator<Item = String>) -> Self {
        self.paths.extend(paths);
        self.complete = true;
        self
    }

    /// The same, knowing these of its files to be secrets or links.
    #[must_use]
    pub fn with_odd(mut self, odd: Odd) -> Self {
        self.odd = odd;
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
            text: facts.module.shown_line(position.line).to_owned(),
        }
    }

    /// A path as findings name it.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}
