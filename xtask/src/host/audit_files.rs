//! Lists a tree for the audit, every entry once, and reads what its rules look at, in parallel.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ignore::{DirEntry, WalkBuilder};
use rayon::prelude::*;
use rustix::buffer::spare_capacity;

use super::files::reason;
use crate::audit::tree::{Content, Entry, Language};

/// Files longer than this are not read: nobody writes such sources, and the syntax tree of one takes a hundred times its length.
const LONGEST_FILE: u64 = 8 * 1024 * 1024;

/// What was found in a tree, not read yet.
#[derive(Debug)]
pub struct Listed {
    /// Path relative to the tree, with forward slashes.
    path: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    File,
    Link,
    /// A pipe, a socket, a device: would be read for ever.
    Other,
    Unreadable(String),
}

/// Lists a tree: everything but folders. `.gitignore` files are honoured unless `no_ignore`; what matches `exclude` is left out,
/// folders whole.
#[must_use]
pub fn list(root: &Path, no_ignore: bool, exclude: &[glob::Pattern]) -> Vec<Listed> {
    let patterns = exclude.to_vec();
    let base = root.to_owned();
    WalkBuilder::new(root)
        .hidden(false)
        .git_ignore(!no_ignore)
        .git_exclude(!no_ignore)
        .git_global(false)
        .ignore(false)
        .parents(!no_ignore)
        .require_git(false)
        .follow_links(false)
        .filter_entry(move |entry| {
            if matches!(entry.file_name().to_str(), Some(".git" | "__pycache__")) {
                return false;
            }
            if patterns.is_empty() {
                return true;
            }
            let path = relative(&base, entry.path());
            // `**/trash/**` means the folder too: it need not be walked.
            !patterns
                .iter()
                .any(|pattern| pattern.matches(&path) || pattern.matches(&format!("{path}/")))
        })
        .build()
        .filter_map(|result| match result {
            Ok(entry) => listed(root, &entry),
            Err(error) => unreadable(root, &error).map(|(path, why)| Listed {
                path,
                kind: Kind::Unreadable(why),
            }),
        })
        .collect()
}

fn listed(root: &Path, entry: &DirEntry) -> Option<Listed> {
    let kind = match entry.file_type()? {
        _ if entry.depth() == 0 => return None,
        kind if kind.is_dir() => return None,
        kind if kind.is_file() => Kind::File,
        kind if kind.is_symlink() => Kind::Link,
        _ => Kind::Other,
    };
    Some(Listed {
        path: relative(root, entry.path()),
        kind,
    })
}

/// Reads what was listed, as far as a rule looks at it; sorted by path.
#[must_use]
pub fn read(root: &Path, listed: Vec<Listed>) -> Vec<Entry> {
    let canonical = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut entries: Vec<Entry> = listed
        .into_par_iter()
        .map(|Listed { path, kind }| Entry {
            content: match kind {
                Kind::File => content(&root.join(&path), &path),
                Kind::Link => {
                    let full = root.join(&path);
                    link(&canonical, &full).unwrap_or_else(|| content(&full, &path))
                }
                Kind::Other => Content::Unread,
                Kind::Unreadable(why) => Content::Unreadable(why),
            },
            path,
        })
        .collect();
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    entries
}

/// What is in a file.
fn content(full: &Path, path: &str) -> Content {
    if Language::of(path).is_none() {
        return Content::Unread;
    }
    // A pipe that a link leads to would otherwise be waited for until somebody writes to it.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(full);
    match opened.and_then(bytes) {
        Ok(content) => content,
        Err(error) => Content::Unreadable(reason(&error)),
    }
}

fn bytes(file: File) -> std::io::Result<Content> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Content::Unread);
    }
    let length = metadata.len();
    if length > LONGEST_FILE {
        return Ok(Content::Unreadable(format!(
            "it has {length} bytes, and the audit reads at most {LONGEST_FILE}"
        )));
    }
    let length = usize::try_from(length).unwrap_or_default();
    let mut bytes = Vec::with_capacity(length);
    // Not until nothing comes: to see that a file has no more is another call for each.
    while bytes.len() < length {
        match rustix::io::read(&file, spare_capacity(&mut bytes)) {
            Ok(0) => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Content::Bytes(bytes))
}

/// What a link is; nothing where it leads to a file that is read like one.
fn link(root: &Path, full: &Path) -> Option<Content> {
    let target = std::fs::read_link(full).map_or_else(|_| String::new(), |path| path.to_string_lossy().into_owned());
    match full.metadata() {
        Ok(metadata) if metadata.is_dir() => {
            let leads = full.canonicalize().ok()?;
            let parent = full.parent().and_then(|parent| parent.canonicalize().ok())?;
            let back = parent.starts_with(&leads) && leads.starts_with(root);
            Some(if back { Content::Loop(target) } else { Content::Unread })
        }
        Ok(_) => None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Content::Dangling(target)),
        Err(error) if error.raw_os_error() == Some(nix::libc::ELOOP) => Some(Content::Loop(target)),
        Err(error) => Some(Content::Unreadable(reason(&error))),
    }
}

fn unreadable(root: &Path, error: &ignore::Error) -> Option<(String, String)> {
    match error {
        ignore::Error::WithPath { path, err } => Some((
            relative(root, path),
            err.io_error().map_or_else(|| err.to_string(), reason),
        )),
        ignore::Error::WithDepth { err, .. } => unreadable(root, err),
        ignore::Error::Partial(errors) => errors.iter().find_map(|error| unreadable(root, error)),
        _ => None,
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(root: &Path, no_ignore: bool, exclude: &[&str]) -> Vec<(String, Content)> {
        let patterns: Vec<glob::Pattern> = exclude.iter().map(|text| glob::Pattern::new(text).unwrap()).collect();
        read(root, list(root, no_ignore, &patterns))
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
        let found = read_all(root, false, &["**/trash/**"]);
        let expected = [
            (".gitignore", Content::Unread),
            ("a/notes.md", Content::Unread),
            ("a/up", Content::Loop("..".to_owned())),
            ("a/x.py", bytes("1")),
            ("b.py", bytes("1")),
            ("gone.py", Content::Dangling("nowhere.py".to_owned())),
            ("pipe.py", Content::Unread),
            ("ring", Content::Loop("ring".to_owned())),
            ("to_pipe.py", Content::Unread),
        ];
        let expected: Vec<(String, Content)> = expected.into_iter().map(|(path, c)| (path.to_owned(), c)).collect();
        assert_eq!(found, expected);
        let all: Vec<String> = read_all(root, true, &[]).into_iter().map(|(path, _)| path).collect();
        assert!(all.contains(&"a/made.py".to_owned()) && all.contains(&"a/trash/y.py".to_owned()));
    }
}
