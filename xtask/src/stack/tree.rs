//! The files of a tree as a value, and how a path of the stack finds one of them.

use std::collections::{BTreeMap, BTreeSet};

/// The files of a tree, as listed once.
#[derive(Debug, Clone, Default)]
pub struct TreeFiles {
    /// Relative paths of all files, with forward slashes; links to files among them.
    pub files: BTreeSet<String>,
    /// Links by their relative path, with the path that they lead to, relative to the tree; `None`: out of the tree or
    /// to nothing.
    pub links: BTreeMap<String, Option<String>>,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file, by the path it is listed under.
    File(String),
    /// A file whose path differs in upper and lower case only.
    OtherCase(String),
    /// Nothing.
    Missing,
}

impl TreeFiles {
    /// A tree of these files without links.
    #[must_use]
    pub fn new<T: Into<String>>(files: impl IntoIterator<Item = T>) -> Self {
        Self {
            files: files.into_iter().map(Into::into).collect(),
            links: BTreeMap::new(),
        }
    }

    /// Whether a path is a link that leads to nothing, or out of the tree.
    #[must_use]
    pub fn leads_nowhere(&self, path: &str) -> bool {
        self.links.get(&normal(path)).is_some_and(Option::is_none)
    }

    /// Whether any file lies below that folder, or the folder is a link to something in the tree.
    #[must_use]
    pub fn has_folder(&self, path: &str) -> bool {
        if path.is_empty() {
            return true;
        }
        let prefix = format!("{path}/");
        self.links.get(path).is_some_and(Option::is_some)
            || self
                .files
                .range(prefix.clone()..)
                .next()
                .is_some_and(|file| file.starts_with(&prefix))
    }

    /// The file that a path names, through links of the tree and the machine's aliases.
    #[must_use]
    pub fn find(&self, path: &str, aliases: &BTreeMap<String, String>) -> Found {
        let wanted = normal(path);
        let resolved = self.follow(&resolve_alias(&wanted, aliases));
        for candidate in [&wanted, &resolved] {
            if self.files.contains(candidate) {
                return Found::File(candidate.clone());
            }
        }
        let lower = resolved.to_lowercase();
        match self.files.iter().find(|file| file.to_lowercase() == lower) {
            Some(file) => Found::OtherCase(file.clone()),
            None => Found::Missing,
        }
    }

    /// Files of that name anywhere in the tree, at most a few.
    #[must_use]
    pub fn named(&self, path: &str) -> Vec<&str> {
        let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
        self.files
            .iter()
            .filter(|file| file.rsplit('/').next().is_some_and(|last| last.to_lowercase() == name))
            .map(String::as_str)
            .take(3)
            .collect()
    }

    /// The path with the links of its folders followed.
    #[must_use]
    pub fn follow(&self, path: &str) -> String {
        let mut path = path.to_owned();
        // A chain of links is short; a ring of them never ends.
        for _ in 0..8 {
            let step = self.links.iter().find_map(|(link, target)| {
                let rest = path.strip_prefix(link.as_str())?.strip_prefix('/')?;
                Some(format!("{}/{rest}", target.as_deref()?))
            });
            match step {
                Some(next) => path = next,
                None => break,
            }
        }
        path
    }
}

/// A relative path without `.` and empty parts, `..` taken back.
#[must_use]
pub fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The path with the machine's aliases replaced by what they stand for.
#[must_use]
pub fn resolve_alias(path: &str, aliases: &BTreeMap<String, String>) -> String {
    for (alias, target) in aliases {
        if path == alias {
            return target.clone();
        }
        if let Some(rest) = path
            .strip_prefix(alias.as_str())
            .and_then(|rest| rest.strip_prefix('/'))
        {
            return format!("{target}/{rest}");
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_through_aliases_links_and_case() {
        let mut tree = TreeFiles::new(["main/FORMAIN/a.py", "main/b.py"]);
        tree.links.insert("src".to_owned(), Some("main".to_owned()));
        let aliases = BTreeMap::from([("FORMAIN".to_owned(), "main/FORMAIN".to_owned())]);
        let file = |path: &str| Found::File(path.to_owned());
        assert_eq!(tree.find("FORMAIN/a.py", &aliases), file("main/FORMAIN/a.py"));
        assert_eq!(tree.find("./main/x/../b.py", &aliases), file("main/b.py"));
        assert_eq!(tree.find("src/b.py", &aliases), file("main/b.py"));
        assert_eq!(
            tree.find("main/B.py", &aliases),
            Found::OtherCase("main/b.py".to_owned())
        );
        assert_eq!(tree.find("main/c.py", &aliases), Found::Missing);
        assert!(tree.has_folder("main/FORMAIN") && !tree.has_folder("main/F"));
        tree.links.insert("out".to_owned(), None);
        assert!(tree.has_folder("src") && !tree.has_folder("out") && tree.leads_nowhere("./out"));
    }

    #[test]
    fn a_ring_of_links_ends() {
        let mut tree = TreeFiles::new(["a.py"]);
        tree.links.insert("x".to_owned(), Some("y".to_owned()));
        tree.links.insert("y".to_owned(), Some("x".to_owned()));
        assert_eq!(tree.find("x/a.py", &BTreeMap::new()), Found::Missing);
    }
}
