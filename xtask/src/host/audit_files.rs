//! Lists and reads a tree for the audit: every entry once, in parallel, the reading done by the thread that found it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ignore::{WalkBuilder, WalkState};

use crate::audit::tree::{Content, Entry, Language};

/// Files longer than this are not read: nobody writes such sources, and the syntax tree of one takes a hundred times its length.
const LONGEST_FILE: u64 = 8 * 1024 * 1024;

/// The entries of a tree, sorted by path. `.gitignore` files are honoured unless `no_ignore`; what matches `exclude` is left
/// out, folders whole.
#[must_use]
pub fn read(root: &Path, no_ignore: bool, exclude: &[glob::Pattern]) -> Vec<Entry> {
    let found = Mutex::new(Vec::new());
    let canonical = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let patterns = exclude.to_vec();
    let base = root.to_owned();
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .git_ignore(!no_ignore)
        .git_exclude(!no_ignore)
        .git_global(false)
        .ignore(false)
        .parents(!no_ignore)
        .require_git(false)
        .follow_links(false)
        .threads(std::thread::available_parallelism().map_or(2, std::num::NonZero::get))
        .filter_entry(move |entry| {
            if matches!(entry.file_name().to_str(), Some(".git" | "__pycache__")) {
                return false;
            }
            let path = relative(&base, entry.path());
            // `**/trash/**` means the folder too: it need not be walked.
            !patterns
                .iter()
                .any(|pattern| pattern.matches(&path) || pattern.matches(&format!("{path}/")))
        })
        .build_parallel();
    walk.run(|| {
        // Each thread keeps its own until it ends.
        let mut own = Kept {
            entries: Vec::new(),
            all: &found,
        };
        let canonical = &canonical;
        Box::new(move |result| {
            match result {
                Ok(entry) => {
                    if entry.depth() > 0 && !entry.file_type().is_some_and(|kind| kind.is_dir()) {
                        let path = relative(root, entry.path());
                        let content = content(canonical, entry.path(), entry.path_is_symlink(), &path);
                        own.entries.push(Entry { path, content });
                    }
                }
                Err(error) => {
                    if let Some((path, why)) = unreadable(root, &error) {
                        own.entries.push(Entry {
                            path,
                            content: Content::Unreadable(why),
                        });
                    }
                }
            }
            WalkState::Continue
        })
    });
    let mut entries = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    entries
}

/// What one thread found; handed over when the thread ends.
struct Kept<'a> {
    entries: Vec<Entry>,
    all: &'a Mutex<Vec<Entry>>,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(&mut self.entries);
    }
}

fn content(root: &Path, full: &Path, is_link: bool, path: &str) -> Content {
    if is_link && let Some(content) = link(root, full) {
        return content;
    }
    if Language::of(path).is_none() {
        return Content::Unread;
    }
    match full.metadata() {
        // A pipe or a device would be read for ever.
        Ok(metadata) if !metadata.is_file() => return Content::Unread,
        Ok(metadata) if metadata.len() > LONGEST_FILE => {
            return Content::Unreadable(format!(
                "it has {} bytes, and the audit reads at most {LONGEST_FILE}",
                metadata.len()
            ));
        }
        _ => {}
    }
    match std::fs::read(full) {
        Ok(bytes) => Content::Bytes(bytes),
        Err(error) => Content::Unreadable(reason(&error)),
    }
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

/// What the system says, without the number.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(root: &Path, no_ignore: bool, exclude: &[&str]) -> Vec<(String, Content)> {
        let patterns: Vec<glob::Pattern> = exclude.iter().map(|text| glob::Pattern::new(text).unwrap()).collect();
        read(root, no_ignore, &patterns)
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
        let bytes = |text: &str| Content::Bytes(text.as_bytes().to_vec());
        let found = read_all(root, false, &["**/trash/**"]);
        let expected = [
            (".gitignore", Content::Unread),
            ("a/notes.md", Content::Unread),
            ("a/up", Content::Loop("..".to_owned())),
            ("a/x.py", bytes("1")),
            ("b.py", bytes("1")),
            ("gone.py", Content::Dangling("nowhere.py".to_owned())),
            ("ring", Content::Loop("ring".to_owned())),
        ];
        let expected: Vec<(String, Content)> = expected.into_iter().map(|(path, c)| (path.to_owned(), c)).collect();
        assert_eq!(found, expected);
        let all: Vec<String> = read_all(root, true, &[]).into_iter().map(|(path, _)| path).collect();
        assert!(all.contains(&"a/made.py".to_owned()) && all.contains(&"a/trash/y.py".to_owned()));
    }
}
