//! Walks a tree that somebody else wrote: every entry once, no link followed, within bounds, and until this program is told to stop.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::root::{Kind, Listed, TreeError, TreeRoot, open_own};
use crate::host::system::process;

/// More entries than any tree of sources has; what is beyond is not looked at.
const MOST_ENTRIES: usize = 2_000_000;

/// Longest `.gitignore` that is read.
const LONGEST_PATTERNS: u64 = 1024 * 1024;

/// Folders that hold no sources.
pub const NOT_SOURCES: [&str; 2] = [".git", "__pycache__"];

/// An entry of a tree that is not a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// Path relative to the tree, with forward slashes; where its name is not UTF-8, with `\u{fffd}` for what is not.
    pub path: String,
    /// What it is.
    pub what: What,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A pipe, a socket, a device: what it is, in words.
    Special(&'static str),
    /// A file or folder whose name is not UTF-8. It is not looked into.
    NotUtf8,
    /// A folder that cannot be listed, and why.
    Unreadable(String),
}

/// Entries of a tree, folders left out, those of a folder sorted by name. A folder for which `enter` says no is not looked into, and what
/// `keep` says no to is left out.
pub fn walk(root: &TreeRoot, enter: &dyn Fn(&str) -> bool, keep: &dyn Fn(&str) -> bool) -> Vec<Walked> {
    walk_with(root, enter, keep, None)
}

/// The same without what Git ignores, by the tree's own `.gitignore` files and those of the folders above it.
pub fn walk_unignored(root: &TreeRoot, enter: &dyn Fn(&str) -> bool, keep: &dyn Fn(&str) -> bool) -> Vec<Walked> {
    walk_with(root, enter, keep, Some(Ignored::above(root)))
}

fn walk_with(
    root: &TreeRoot,
    enter: &dyn Fn(&str) -> bool,
    keep: &dyn Fn(&str) -> bool,
    ignored: Option<Option<Rc<Ignored>>>,
) -> Vec<Walked> {
    let base = std::path::absolute(root.path()).unwrap_or_else(|_| root.path().to_owned());
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), ignored)];
    let mut seen = 0;
    while let Some((folder, ignored)) = folders.pop() {
        let listed = match root.list(&folder) {
            Ok(listed) => listed,
            Err(error) => {
                let what = What::Unreadable(error.to_string());
                found.push(Walked { path: folder, what });
                continue;
            }
        };
        let ignored = ignored.map(|above| Ignored::below(root, &folder, &base, &listed, above));
        for Listed { name, kind } in listed {
            seen += 1;
            if seen > MOST_ENTRIES || process::interrupted() {
                let what = What::Unreadable(format!("the tree has more than {MOST_ENTRIES} entries"));
                found.push(Walked { path: folder, what });
                return found;
            }
            let slash = if folder.is_empty() { "" } else { "/" };
            let path = format!("{folder}{slash}{}", name.to_string_lossy());
            if name.to_str().is_none() {
                let what = What::NotUtf8;
                if keep(&path) {
                    found.push(Walked { path, what });
                }
                continue;
            }
            let is_folder = kind == Kind::Folder;
            let is_ignored = ignored
                .as_ref()
                .and_then(Option::as_ref)
                .is_some_and(|ignored| ignored.has(&base.join(&path), is_folder));
            if is_ignored {
                continue;
            }
            let what = match kind {
                Kind::Folder => {
                    if enter(&path) {
                        folders.push((path, ignored.clone()));
                    }
                    continue;
                }
                Kind::File => What::File,
                Kind::Link => What::Link,
                Kind::Special(what) => What::Special(what),
            };
            if keep(&path) {
                found.push(Walked { path, what });
            }
        }
    }
    found
}

/// Patterns of what Git ignores below a folder, and those of the folders above it.
#[derive(Debug)]
struct Ignored {
    patterns: Gitignore,
    above: Option<Rc<Ignored>>,
}

impl Ignored {
    /// The patterns of the folders above a tree: files of ours.
    fn above(root: &TreeRoot) -> Option<Rc<Self>> {
        let base = std::path::absolute(root.path()).ok()?;
        let above: Vec<&Path> = base.ancestors().skip(1).collect();
        above.into_iter().rev().fold(None, |chain, folder| {
            let read = |name: &str| open_own(&folder.join(name)).ok()?.read(LONGEST_PATTERNS).ok();
            let texts = [read(".gitignore"), read(".git/info/exclude")];
            Self::with(folder.to_owned(), texts.into_iter().flatten(), chain)
        })
    }

    /// The patterns of a folder of the tree, with those above it.
    fn below(
        root: &TreeRoot,
        folder: &str,
        base: &Path,
        listed: &[Listed],
        above: Option<Rc<Self>>,
    ) -> Option<Rc<Self>> {
        let has = |name: &str| listed.iter().any(|entry| entry.name == name);
        let read =
            |name: &str| -> Result<Vec<u8>, TreeError> { root.read(Path::new(folder).join(name), LONGEST_PATTERNS) };
        let mut texts = Vec::new();
        if has(".gitignore") {
            texts.extend(read(".gitignore"));
        }
        if has(".git") {
            texts.extend(read(".git/info/exclude"));
        }
        Self::with(base.join(folder), texts.into_iter(), above)
    }

    fn with(folder: PathBuf, texts: impl Iterator<Item = Vec<u8>>, above: Option<Rc<Self>>) -> Option<Rc<Self>> {
        let mut builder = GitignoreBuilder::new(folder);
        let mut any = false;
        for text in texts {
            any = true;
            for line in String::from_utf8_lossy(&text).trim_start_matches('\u{feff}').lines() {
                // A pattern that cannot be understood ignores nothing.
                let _ = builder.add_line(None, line);
            }
        }
        match builder.build() {
            Ok(patterns) if any => Some(Rc::new(Self { patterns, above })),
            _ => above,
        }
    }

    /// Whether Git ignores a path. The patterns of the innermost folder decide, then those above.
    fn has(&self, path: &Path, is_folder: bool) -> bool {
        match self.patterns.matched(path, is_folder) {
            ignore::Match::Ignore(_) => true,
            ignore::Match::Whitelist(_) => false,
            ignore::Match::None => self.above.as_ref().is_some_and(|above| above.has(path, is_folder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn paths(found: Vec<Walked>) -> Vec<String> {
        let mut paths: Vec<String> = found.into_iter().map(|entry| entry.path).collect();
        paths.sort();
        paths
    }

    #[test]
    fn ignored_files_are_left_out_by_all_gitignore_files_up_to_the_root() {
        let above = tempfile::tempdir().unwrap();
        let tree = above.path().join("tree");
        for (path, text) in [
            (".gitignore", "*.log\n/tree/above.py\n"),
            ("tree/.gitignore", "made/\n!kept.log\n[broken\n"),
            ("tree/.git/info/exclude", "mine.py\n"),
            ("tree/a/.gitignore", "/only_here.py\n"),
            ("tree/a/only_here.py", ""),
            ("tree/only_here.py", ""),
            ("tree/made/x.py", ""),
            ("tree/mine.py", ""),
            ("tree/above.py", ""),
            ("tree/x.log", ""),
            ("tree/kept.log", ""),
        ] {
            let path = above.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let root = TreeRoot::open(&tree).unwrap();
        let enter = |path: &str| path != ".git";
        let found = paths(walk_unignored(&root, &enter, &|_| true));
        assert_eq!(found, [".gitignore", "a/.gitignore", "kept.log", "only_here.py"]);
        assert_eq!(paths(walk(&root, &enter, &|_| true)).len(), 9);
    }

    /// Patterns that are a link out of the tree, a pipe, or a file without end are none.
    #[test]
    fn patterns_are_read_like_every_other_file() {
        let outside = tempfile::tempdir().unwrap();
        let tree = outside.path().join("tree");
        for folder in ["link", "pipe", "long", "deep"] {
            std::fs::create_dir_all(tree.join(folder)).unwrap();
            std::fs::write(tree.join(folder).join("x.py"), "").unwrap();
        }
        std::fs::write(outside.path().join("secret"), "x.py\n").unwrap();
        symlink("../../secret", tree.join("link/.gitignore")).unwrap();
        let pipe = tree.join("pipe/.gitignore");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let long = std::fs::File::create(tree.join("long/.gitignore")).unwrap();
        long.set_len(1 << 40).unwrap();
        let root = TreeRoot::open(&tree).unwrap();
        let found = paths(walk_unignored(&root, &|_| true, &|path| path.ends_with(".py")));
        assert_eq!(found, ["deep/x.py", "link/x.py", "long/x.py", "pipe/x.py"]);
    }

    #[test]
    fn odd_entries_are_values_and_deep_folders_end() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path();
        std::fs::write(tree.join(std::ffi::OsStr::from_bytes(b"bad\xff.py")), "").unwrap();
        std::fs::create_dir(tree.join(std::ffi::OsStr::from_bytes(b"worse\xff"))).unwrap();
        symlink(".", tree.join("loop")).unwrap();
        // Deeper than any path may be long.
        let mut at = rustix::fs::open(
            tree,
            rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY,
            rustix::fs::Mode::empty(),
        )
        .unwrap();
        let name = "d".repeat(200);
        for _ in 0..40 {
            rustix::fs::mkdirat(&at, &name, rustix::fs::Mode::RWXU).unwrap();
            let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY;
            at = rustix::fs::openat(&at, &name, flags, rustix::fs::Mode::empty()).unwrap();
        }
        let found = walk(&TreeRoot::open(tree).unwrap(), &|_| true, &|_| true);
        let what = |path: &str| found.iter().find(|entry| entry.path == path).map(|entry| &entry.what);
        assert_eq!(what("bad\u{fffd}.py"), Some(&What::NotUtf8));
        assert_eq!(what("worse\u{fffd}"), Some(&What::NotUtf8));
        assert_eq!(what("loop"), Some(&What::Link));
        let unreadable = found.iter().filter(|entry| matches!(entry.what, What::Unreadable(_)));
        assert_eq!(unreadable.count(), 1, "{found:#?}");
    }
}
