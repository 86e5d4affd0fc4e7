//! The names of a module in one text, one after the other: most are short, and a file has hundreds.

use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use rustc_hash::FxHasher;

/// Names by index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    text: Box<str>,
    /// Where each name ends in `text`.
    ends: Box<[u32]>,
    /// Their digests and indices in the order of the digests, once somebody looks one up: texts are compared once each, not at every
    /// step of the search.
    sorted: OnceLock<Box<[(u32, u32)]>>,
}

impl Names {
    pub(crate) fn new(names: &[&str]) -> Self {
        let mut text = String::with_capacity(names.iter().map(|name| name.len()).sum());
        let ends = names.iter().map(|name| {
            text.push_str(name);
            u32::try_from(text.len()).unwrap_or(u32::MAX)
        });
        Self {
            ends: ends.collect(),
            text: text.into_boxed_str(),
            sorted: OnceLock::new(),
        }
    }

    /// The name of that index; empty where there is none.
    pub(crate) fn get(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(Some(0), |before| self.end(before));
        match (start, self.end(index)) {
            (Some(start), Some(end)) => self.text.get(start..end).unwrap_or(""),
            _ => "",
        }
    }

    /// All names, by their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let from = std::mem::replace(&mut start, *end as usize);
            self.text.get(from..*end as usize).unwrap_or("")
        })
    }

    /// The index of a name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let sorted = self.sorted.get_or_init(|| {
            let mut all: Box<[(u32, u32)]> = self.iter().map(digest).zip(0..).collect();
            all.sort_unstable();
            all
        });
        let wanted = digest(name);
        let first = sorted.partition_point(|(digest, _)| *digest < wanted);
        let alike = sorted.get(first..)?.iter().take_while(|(digest, _)| *digest == wanted);
        let mut indices = alike.map(|(_, index)| *index as usize);
        indices.find(|index| self.get(*index) == name)
    }

    fn end(&self, index: usize) -> Option<usize> {
        self.ends.get(index).map(|end| *end as usize)
    }
}

fn digest(name: &str) -> u32 {
    let mut hasher = FxHasher::default();
    name.hash(&mut hasher);
    // Its upper half is the better one.
    (hasher.finish() >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_are_found_by_index_and_text() {
        let names = Names::new(&["self", "", "größe", "port"]);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|index| names.get(index)),
            ["self", "", "größe", "port", ""]
        );
        assert_eq!(
            ["port", "größe", "", "self", "por"].map(|name| names.find(name)),
            [Some(3), Some(2), Some(1), Some(0), None]
        );
    }
}
