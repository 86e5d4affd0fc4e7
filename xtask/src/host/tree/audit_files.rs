//! Lists a tree for the audit, every entry once, and reads what its rules look at, in parallel.

use std::path::Path;

use rayon::prelude::*;

use super::odd_files;
use super::rendered_files::is_output;
use super::root::{Kind, TreeError, TreeRoot};
use super::walk::{self, NOT_SOURCES, Walked, What};
use crate::python::facts::Odd;
use crate::python::tree::{Content, Entry, Language};

/// Files longer than this are not read: nobody writes such sources, and the syntax tree of one takes a hundred times its length.
const LONGEST_FILE: u64 = 8 * 1024 * 1024;

/// Longest file of data whose content decides how an agent starts.
const LARGEST_DATA: u64 = 1024 * 1024;

/// What was found in a tree, not read yet.
#[derive(Debug, Default)]
pub struct Listed {
    /// The tree; none where it cannot be opened.
    root: Option<TreeRoot>,
    found: Vec<Walked>,
}

impl Listed {
    /// Whether that file was found, or something in that folder.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.paths().any(|found| {
            found
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// What was found.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.found.iter().map(|walked| walked.path.as_str())
    }
}

/// Lists a tree: everything but folders, and what was rendered into a folder of its own. `.gitignore` files are honoured unless
/// `no_ignore`.
#[must_use]
pub fn list(root: &Path, no_ignore: bool) -> Listed {
    let Ok(root) = TreeRoot::open(root) else {
        return Listed::default();
    };
    let sources = |path: &str| !NOT_SOURCES.contains(&path.rsplit('/').next().unwrap_or(path));
    let enter = |path: &str| sources(path) && !is_output(&root, path);
    let found = if no_ignore {
        walk::walk(&root, &enter, &sources)
    } else {
        walk::walk_unignored(&root, &enter, &sources)
    };
    Listed {
        root: Some(root),
        found,
    }
}

/// Reads what was listed, as far as a rule looks at it; sorted by path.
#[must_use]
pub fn read(listed: Listed) -> Vec<Entry> {
    match &listed.root {
        Some(root) => entries(root, listed.found),
        None => Vec::new(),
    }
}

/// All of a tree that an audit looks at.
#[derive(Debug, Default)]
pub struct ReadTree {
    /// Its entries; sorted by path.
    pub entries: Vec<Entry>,
    /// What of its files says more than their names.
    pub odd: Odd,
    root: Option<TreeRoot>,
}

impl ReadTree {
    /// Reads what was listed.
    #[must_use]
    pub fn of(listed: Listed) -> Self {
        let Some(root) = listed.root else {
            return Self::default();
        };
        let entries = entries(&root, listed.found);
        let paths: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        let odd = odd_files::look(&root, &paths);
        Self {
            entries,
            odd,
            root: Some(root),
        }
    }

    /// Whether a path is there, listed or not.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.root.as_ref().is_some_and(|root| root.has(path))
    }

    /// What a file of data holds; nothing where it is too large or cannot be read.
    #[must_use]
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        self.root.as_ref()?.read(path, LARGEST_DATA).ok()
    }
}

fn entries(root: &TreeRoot, found: Vec<Walked>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = found
        .into_par_iter()
        .map(|Walked { path, what }| Entry {
            content: match what {
                What::File => content(root, &path),
                What::Link => link(root, &path),
                What::Special(what) => Content::Special(what),
                What::NotUtf8 => Content::NotUtf8Name,
                What::Unreadable(why) => Content::Unreadable(why),
            },
            path,
        })
        .collect();
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    entries
}

/// What is in a file.
fn content(root: &TreeRoot, path: &str) -> Content {
    if Language::of(path).is_none() {
        return Content::Unread;
    }
    match root.open_listed(path).and_then(|file| file.read(LONGEST_FILE)) {
        Ok(bytes) => Content::Bytes(bytes),
        Err(TreeError::TooLong { length, most }) => {
            Content::Unreadable(format!("it has {length} bytes, and the audit reads at most {most}"))
        }
        Err(TreeError::Special(what)) => Content::Special(what),
        Err(error) => Content::Unreadable(error.to_string()),
    }
}

/// What a link is: what is in the file that it leads to, as far as that is in the tree.
fn link(root: &TreeRoot, path: &str) -> Content {
    let target = || {
        root.link(path)
            .map_or_else(|_| String::new(), |target| target.to_string_lossy().into_owned())
    };
    match root.kind(path) {
        Ok(Kind::File) => content(root, path),
        Ok(Kind::Special(what)) => Content::Special(what),
        Ok(Kind::Folder | Kind::Link) => {
            let parent = Path::new(path).parent().unwrap_or(Path::new(""));
            match (root.real(path), root.real(parent)) {
                (Ok(leads), Ok(parent)) if parent.starts_with(&leads) => Content::Loop(target()),
                _ => Content::Unread,
            }
        }
        Err(TreeError::Missing) => Content::Dangling(target()),
        Err(TreeError::Loop) => Content::Loop(target()),
        Err(TreeError::Leaves) => Content::Leaves(target()),
        Err(error) => Content::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(root: &Path, no_ignore: bool) -> Vec<(String, Content)> {
        read(list(root, no_ignore))
            .into_iter()
            .map(|entry| (entry.path, entry.content))
            .collect()
    }

    #[test]
    fn everything_is_listed_and_odd_things_are_values() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("a/trash")).unwrap();
        for (path, text) in [
            ("a/x.py", "1"),
            ("a/trash/y.py", "2"),
            ("a/notes.md", "3"),
            ("a/made.py", "4"),
            (".gitignore", "made.py\n"),
        ] {
            std::fs::write(root.join(path), text).unwrap();
        }
        for (link, target) in [
            ("gone.py", "nowhere.py"),
            ("ring", "ring"),
            ("out.py", "../out.py"),
            ("a/up", ".."),
            ("b.py", "a/x.py"),
        ] {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        let pipe = root.join("pipe.py");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        std::os::unix::fs::symlink("pipe.py", root.join("to_pipe.py")).unwrap();
        let bytes = |text: &str| Content::Bytes(text.as_bytes().to_vec());
        let found = read_all(root, false);
        let expected = [
            (".gitignore", Content::Unread),
            ("a/notes.md", Content::Unread),
            ("a/trash/y.py", bytes("2")),
            ("a/up", Content::Loop("..".to_owned())),
            ("a/x.py", bytes("1")),
            ("b.py", bytes("1")),
            ("gone.py", Content::Dangling("nowhere.py".to_owned())),
            ("out.py", Content::Leaves("../out.py".to_owned())),
            ("pipe.py", Content::Special("a pipe")),
            ("ring", Content::Loop("ring".to_owned())),
            ("to_pipe.py", Content::Special("a pipe")),
        ];
        let expected: Vec<(String, Content)> = expected.into_iter().map(|(path, c)| (path.to_owned(), c)).collect();
        assert_eq!(found, expected);
        let all: Vec<String> = read_all(root, true).into_iter().map(|(path, _)| path).collect();
        assert!(all.contains(&"a/made.py".to_owned()));
    }
}
