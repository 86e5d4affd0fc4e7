//! The tree as the audit sees it: every file listed once, read once, with what could not be read as a value.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet as HashSet;

use crate::finding::Place;
use crate::stack::spans::{Source, Span};

/// One entry of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the tree, with forward slashes.
    pub path: String,
    /// What is there.
    pub content: Content,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A file that a rule reads.
    Bytes(Vec<u8>),
    /// A file that no rule reads.
    Unread,
    /// A file or folder that the system does not let us read, and why.
    Unreadable(String),
    /// A link to something that is not there.
    Dangling(String),
    /// A link that leads back to itself, or to a folder that holds it.
    Loop(String),
    /// A link that leads out of the tree, with its target: what is there is not looked at.
    Leaves(String),
    /// A pipe, a socket or a device, or a link to one: what it is, in words.
    Special(&'static str),
    /// A name that is not UTF-8.
    NotUtf8Name,
}

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Python.
    Python,
    /// YAML that is no deployment file.
    Yaml,
    /// A shell script.
    Shell,
    /// A Dockerfile.
    Dockerfile,
    /// A compose file.
    Compose,
    /// A requirements file.
    Requirements,
}

impl Language {
    /// The language of a file by its path; nothing where no rule reads it.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let lower = name.to_ascii_lowercase();
        let extension = lower.rsplit_once('.').map_or("", |(_, extension)| extension);
        match extension {
            "py" | "pyw" | "pyi" => return Some(Self::Python),
            "sh" | "bash" => return Some(Self::Shell),
            "yaml" | "yml" if lower.contains("compose") => return Some(Self::Compose),
            "yaml" | "yml" => return Some(Self::Yaml),
            "txt" if lower.starts_with("requirements") => return Some(Self::Requirements),
            "dockerfile" | "containerfile" => return Some(Self::Dockerfile),
            _ => {}
        }
        let first = lower.split(['.', '-']).next().unwrap_or_default();
        let about = |extension: &str| matches!(extension, "md" | "j2" | "rs" | "dockerignore" | "bak");
        (matches!(first, "dockerfile" | "containerfile") && !about(extension)).then_some(Self::Dockerfile)
    }

    /// Whether the file says how containers are made, so that absolute paths in it are paths of a container.
    #[must_use]
    pub fn is_deployment(self) -> bool {
        matches!(self, Self::Dockerfile | Self::Compose)
    }
}

/// A text of the tree.
#[derive(Debug, Clone)]
pub struct Text {
    /// Path relative to the tree.
    pub path: String,
    /// What it is written in.
    pub language: Language,
    /// The text with the path that findings name.
    pub source: Source,
}

impl Text {
    /// A place in it: line and column from 1, in characters; width 0 means to the end of the line.
    #[must_use]
    pub fn place(&self, line: usize, column: usize, width: usize) -> Place {
        self.source.place(Span { line, column, width })
    }
}

/// Takes the bytes that the facts of Python are made of out of the entries, each file once: Python files, and copies of
/// requirements files, which text rules read too.
pub fn take_python(entries: &mut [Entry]) -> Vec<(String, Vec<u8>)> {
    entries
        .iter_mut()
        .filter_map(|entry| {
            let Content::Bytes(bytes) = &mut entry.content else {
                return None;
            };
            match Language::of(&entry.path)? {
                Language::Python if entry.path.ends_with(".py") => Some((entry.path.clone(), std::mem::take(bytes))),
                Language::Requirements => Some((entry.path.clone(), bytes.clone())),
                _ => None,
            }
        })
        .collect()
}

/// The tree.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// What findings put in front of a path of the tree: nothing, or the tree's path in the repository with a slash.
    pub prefix: String,
    /// Texts that rules other than Python's read.
    pub texts: Vec<Text>,
    /// Paths of all entries.
    pub paths: HashSet<String>,
    /// Folders, each once.
    pub folders: BTreeSet<String>,
}

impl Tree {
    /// A tree of these entries.
    #[must_use]
    pub fn new(prefix: &str, entries: &[Entry]) -> Self {
        let mut tree = Self {
            prefix: prefix.to_owned(),
            ..Self::default()
        };
        for entry in entries {
            tree.paths.insert(entry.path.clone());
            let mut folder = entry.path.as_str();
            while let Some((parent, _)) = folder.rsplit_once('/') {
                if !tree.folders.insert(parent.to_owned()) {
                    break;
                }
                folder = parent;
            }
            if let (Content::Bytes(bytes), Some(language)) = (&entry.content, Language::of(&entry.path))
                && language != Language::Python
            {
                let text = String::from_utf8_lossy(bytes);
                tree.texts.push(Text {
                    language,
                    source: Source::new(tree.shown(&entry.path), text.trim_start_matches('\u{feff}')),
                    path: entry.path.clone(),
                });
            }
        }
        tree
    }

    /// A path of the tree as findings name it.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// Whether a file or folder of that path was listed.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.paths.contains(path) || self.folders.contains(path)
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn languages_are_known_by_name() {
        for (path, language) in [
            ("a/b.py", Some(Language::Python)),
            ("docker/Dockerfile", Some(Language::Dockerfile)),
            ("docker/Dockerfile.base", Some(Language::Dockerfile)),
            ("gpu.Containerfile", Some(Language::Dockerfile)),
            ("docker-compose.pc2.yml", Some(Language::Compose)),
            ("podman-compose.yaml", Some(Language::Compose)),
            ("config/x.yml", Some(Language::Yaml)),
            ("run.sh", Some(Language::Shell)),
            ("requirements.vision.txt", Some(Language::Requirements)),
            ("README.md", None),
            ("Dockerfile.md", None),
        ] {
            assert_eq!(Language::of(path), language, "{path}");
        }
    }
}
