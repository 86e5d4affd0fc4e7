//! What a build would change in an image.

use std::collections::BTreeSet;

use super::files::{Entries, Entry};

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The image does not have it yet.
    Added,
    /// Its content is another.
    Content,
    /// Its mode, or what a link leads to, is another.
    Kind,
    /// The image has it and would not have it any more.
    Removed,
}

/// Files that differ, by path.
#[must_use]
pub fn difference(there: &Entries, wanted: &Entries) -> Vec<(String, Change)> {
    let paths: BTreeSet<&String> = there.keys().chain(wanted.keys()).collect();
    paths
        .into_iter()
        .filter_map(|path| {
            let change = match (there.get(path), wanted.get(path)) {
                (None, _) => Change::Added,
                (_, None) => Change::Removed,
                (Some(Entry::File { digest: old, .. }), Some(Entry::File { digest: new, .. })) if old != new => {
                    Change::Content
                }
                (old, new) if old != new => Change::Kind,
                _ => return None,
            };
            Some((path.clone(), change))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Change, difference};
    use crate::images::files::{Entries, Entry};

    #[test]
    fn every_kind_of_change_is_told() {
        let entries = |files: &[(&str, &str, bool)]| -> Entries {
            files
                .iter()
                .map(|(path, digest, executable)| {
                    let (executable, digest) = (*executable, (*digest).to_owned());
                    ((*path).to_owned(), Entry::File { executable, digest })
                })
                .collect()
        };
        let there = entries(&[
            ("a", "1", false),
            ("b", "1", false),
            ("c", "1", false),
            ("e", "1", false),
        ]);
        let wanted = entries(&[
            ("b", "2", false),
            ("c", "1", true),
            ("d", "1", false),
            ("e", "1", false),
        ]);
        let expected = [
            ("a", Change::Removed),
            ("b", Change::Content),
            ("c", Change::Kind),
            ("d", Change::Added),
        ];
        assert_eq!(
            difference(&there, &wanted),
            expected.map(|(path, change)| (path.to_owned(), change))
        );
    }
}
