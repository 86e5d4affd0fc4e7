//! Reads of a tree what a stack is inferred from: the listing, and the texts that are asked for.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::root::TreeRoot;
use super::walk::{self, NOT_SOURCES, What};
use crate::init::{self, Input};
use crate::stack::TreeFiles;
use crate::stack::selection::{ENVIRONMENT_MARK, TOOL_FOLDERS};

/// Longest Python file that is read.
const LONGEST_SOURCE: u64 = 8 * 1024 * 1024;

/// Longest other file that is read.
const LONGEST_TEXT: u64 = 4 * 1024 * 1024;

/// Bytes that are read of a tree altogether: more than any tree of sources has.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// What was read.
#[derive(Debug)]
pub struct Read {
    /// What there is to infer from.
    pub input: Input,
    /// Files that were asked for and not read: too long, unreadable, or past the bound of all together.
    pub unread: usize,
}

/// Reads a tree whose folder is called so. Folders of tools and virtual environments are passed over; nothing out of the tree is opened.
#[must_use]
pub fn read(root: &TreeRoot, name: String) -> Read {
    let enter = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let skipped = NOT_SOURCES.contains(&name) || TOOL_FOLDERS.contains(&name) || name == "site-packages";
        !skipped && !root.has_file(format!("{path}/{ENVIRONMENT_MARK}"))
    };
    let mut tree = TreeFiles::default();
    for entry in walk::walk(root, &enter, &|_| true) {
        match entry.what {
            What::File => {
                tree.files.insert(entry.path);
            }
            What::Link => {
                let target = root.real(&entry.path).ok();
                if target.is_some() && root.has_file(&entry.path) {
                    tree.files.insert(entry.path.clone());
                }
                tree.links
                    .insert(entry.path, target.map(|path| path.to_string_lossy().into_owned()));
            }
            What::Special(_) | What::NotUtf8 | What::Unreadable(_) => {}
        }
    }
    let wanted: Vec<&String> = tree.files.iter().filter(|path| init::wants(path)).collect();
    let total = AtomicU64::new(0);
    let contents: Vec<(String, Vec<u8>)> = wanted
        .par_iter()
        .filter_map(|path| {
            let most = if path.ends_with(".py") {
                LONGEST_SOURCE
            } else {
                LONGEST_TEXT
            };
            // One that is too long is not read, and takes no place of others.
            let file = root.open_file(path).ok().filter(|file| file.length <= most)?;
            let before = total.fetch_add(file.length, Ordering::Relaxed);
            if before.saturating_add(file.length) > MOST_BYTES {
                return None;
            }
            Some(((*path).clone(), file.read(most).ok()?))
        })
        .collect();
    let unread = wanted.len() - contents.len();
    Read {
        input: Input { name, tree, contents },
        unread,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_outside_is_read_and_no_environment_entered() {
        let outside = tempfile::tempdir().unwrap();
        let tree = outside.path().join("tree");
        for folder in ["a", "env/lib", ".venv", "node_modules"] {
            std::fs::create_dir_all(tree.join(folder)).unwrap();
            std::fs::write(tree.join(folder).join("x.py"), "x = 1\n").unwrap();
        }
        std::fs::write(tree.join("env/pyvenv.cfg"), "").unwrap();
        std::fs::write(outside.path().join("secret.yaml"), "x").unwrap();
        std::fs::write(tree.join("b.yaml"), "x").unwrap();
        symlink("../secret.yaml", tree.join("out.yaml")).unwrap();
        symlink("b.yaml", tree.join("in.yaml")).unwrap();
        let long = std::fs::File::create(tree.join("long.yaml")).unwrap();
        long.set_len(1 << 40).unwrap();
        let read = read(&TreeRoot::open(&tree).unwrap(), "tree".to_owned());
        let mut paths: Vec<&str> = read.input.contents.iter().map(|(path, _)| path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["a/x.py", "b.yaml", "in.yaml"]);
        assert_eq!(read.unread, 1);
    }
}
