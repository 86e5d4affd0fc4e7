//! The files of the tree that images get, as values: what is at each path, and one digest for all.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::digest::{Digest, Parts};
use crate::stack::normal;

/// What a path of the tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A regular file.
    File {
        /// Whether its owner may execute it.
        executable: bool,
        /// Digest of its content.
        digest: Digest,
    },
    /// A symbolic link with its target.
    Link(PathBuf),
}

/// Files by path relative to the tree, with forward slashes.
pub type Entries = BTreeMap<String, Entry>;

/// One digest for paths, modes and contents of all entries.
#[must_use]
pub fn digest_of(entries: &Entries) -> Digest {
    let mut parts = Parts::new();
    for (path, entry) in entries {
        match entry {
            Entry::File { executable, digest } => {
                parts.add(path, if *executable { "x" } else { "-" });
                parts.add("content", digest);
            }
            Entry::Link(target) => {
                parts.add(path, "link");
                parts.add("target", target.to_string_lossy().as_bytes());
            }
        }
    }
    parts.finish()
}

/// Path and content digest of the file that a path leads to, through links of the tree.
#[must_use]
pub fn follow<'a>(entries: &'a Entries, path: &str) -> Option<(String, &'a Digest)> {
    /// As many links as Linux follows.
    const MOST_LINKS: usize = 40;
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        match entries.get(&at)? {
            Entry::File { digest, .. } => return Some((at, digest)),
            Entry::Link(target) => {
                let target = target.to_str()?;
                if target.starts_with('/') {
                    return None;
                }
                let folder = at.rsplit_once('/').map_or("", |(folder, _)| folder);
                at = normal(&format!("{folder}/{target}"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Entries, Entry, digest_of, follow};

    fn file(digest: &str) -> Entry {
        Entry::File {
            executable: false,
            digest: digest.to_owned(),
        }
    }

    #[test]
    fn links_are_followed_and_rings_are_not() {
        let entries = Entries::from([
            ("a/x.py".to_owned(), file("1")),
            ("b/y.py".to_owned(), Entry::Link("../a/x.py".into())),
            ("ring".to_owned(), Entry::Link("ring".into())),
            ("out".to_owned(), Entry::Link("/etc/passwd".into())),
        ]);
        assert_eq!(follow(&entries, "b/y.py"), Some(("a/x.py".to_owned(), &"1".to_owned())));
        assert_eq!(follow(&entries, "ring"), None);
        assert_eq!(follow(&entries, "out"), None);
    }

    #[test]
    fn a_mode_matters() {
        let plain = Entries::from([("a".to_owned(), file("1"))]);
        let mut executable = plain.clone();
        executable.insert(
            "a".to_owned(),
            Entry::File {
                executable: true,
                digest: "1".to_owned(),
            },
        );
        assert_ne!(digest_of(&plain), digest_of(&executable));
    }
}
