//! A file that is rendered, still in memory, and the record of those that were.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Name of the record in a folder of rendered files. A folder that has one is this program's.
pub const RECORD: &str = ".rendered.json";

/// Bytes at the beginning of a rendered file that hold its header.
pub const WITHIN: usize = 512;

/// A file in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Path relative to the repository.
    pub path: String,
    /// Content.
    pub text: String,
    /// Whether it is to be executable.
    pub executable: bool,
}

/// What was rendered into a folder: what is not in it was put there by somebody else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    comment: String,
    /// Paths below the folder, with the digest of what was written.
    files: BTreeMap<String, String>,
}

impl Record {
    /// An empty one. `comment`: who writes it, for people.
    #[must_use]
    pub fn new(comment: &str) -> Self {
        Self {
            comment: comment.to_owned(),
            files: BTreeMap::new(),
        }
    }

    /// Reads its text.
    ///
    /// # Errors
    /// When it is not the text of a record.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Notes a file that is written.
    pub fn add(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), digest(text.as_bytes()));
    }

    /// Forgets a file.
    pub fn forget(&mut self, path: &str) {
        self.files.remove(path);
    }

    /// Whether a file was rendered.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Whether a file is as it was rendered.
    #[must_use]
    pub fn is_as_written(&self, path: &str, content: &[u8]) -> bool {
        self.files.get(path).is_some_and(|was| *was == digest(content))
    }

    /// Paths of all files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

fn digest(content: &[u8]) -> String {
    blake3::hash(content).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::Record;

    #[test]
    fn a_record_tells_what_was_rendered_and_what_was_changed_since() {
        let mut record = Record::new("rendered");
        record.add("docker/a", "text\n");
        record.add("docker/b", "other\n");
        record.forget("docker/b");
        let record = Record::parse(&record.text()).unwrap();
        assert_eq!(record.paths().collect::<Vec<_>>(), ["docker/a"]);
        assert!(record.is_as_written("docker/a", b"text\n") && !record.is_as_written("docker/a", b"text"));
        assert!(!record.has("docker/b") && !record.is_as_written("docker/b", b"other\n"));
        assert!(Record::parse("{}").is_err() && Record::parse("").is_err());
    }
}
