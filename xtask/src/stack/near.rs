//! The nearest known name to a wrong one, for "did you mean".

use std::collections::BTreeSet;

use strsim::levenshtein;

/// The known name that a wrong one was probably meant to be.
#[must_use]
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower: String = wrong.chars().flat_map(char::to_lowercase).collect();
    let mut limit = wrong.chars().count().div_ceil(3);
    let mut best: Option<(usize, &str)> = None;
    let mut other = String::new();
    for name in known {
        other.clear();
        other.extend(name.chars().flat_map(char::to_lowercase));
        // Of the many names of a large stack hardly any comes near: few have to be compared in full.
        if least_distance(&lower, &other) > limit {
            continue;
        }
        let found = (levenshtein(&lower, &other), name);
        if found.0 <= limit && best.is_none_or(|known| found < known) {
            limit = found.0;
            best = Some(found);
        }
    }
    best.map(|(_, name)| name)
}

/// The one known name that a wrong one can have been meant to be: the only one that it is the beginning of, else the only one that is
/// nearest. Names of fewer than three characters say too little.
#[must_use]
pub fn only<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.chars().count() < 3 {
        return None;
    }
    let known: BTreeSet<&str> = known.into_iter().filter(|name| *name != wrong).collect();
    let mut longer = known.iter().copied().filter(|name| name.starts_with(wrong));
    match (longer.next(), longer.next()) {
        (Some(one), None) => return Some(one),
        (Some(_), Some(_)) => return None,
        (None, _) => {}
    }
    let near = nearest(wrong, known.iter().copied())?;
    let distance = |name: &str| levenshtein(&wrong.to_lowercase(), &name.to_lowercase());
    let least = distance(near);
    let is_alone = known.iter().all(|name| *name == near || distance(name) > least);
    is_alone.then_some(near)
}

/// Edits that there are at least, whatever the order of the characters: each adds one, takes one away, or does both.
fn least_distance(left: &str, right: &str) -> usize {
    // Characters that share a place only make it less.
    const PLACES: usize = 64;
    let mut surplus = [0_isize; PLACES];
    for character in left.chars() {
        surplus[character as usize % PLACES] += 1;
    }
    for character in right.chars() {
        surplus[character as usize % PLACES] -= 1;
    }
    let (mut more, mut less) = (0, 0);
    for count in surplus {
        more += count.max(0).unsigned_abs();
        less += count.min(0).unsigned_abs();
    }
    more.max(less)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_alone_is_meant_or_none() {
        let modules = ["threading", "sqlite3", "json", "jsonschema"];
        assert_eq!(only("threa", modules), Some("threading"));
        assert_eq!(only("sqlit", modules), Some("sqlite3"));
        assert_eq!(only("jso", modules), None, "the beginning of two");
        assert_eq!(only("thraeding", modules), Some("threading"));
        assert_eq!(only("cat", ["car", "cap"]), None, "two are as near");
        assert_eq!(only("js", ["json"]), None);
        assert_eq!(only("vision", modules), None);
        assert_eq!(only("json", ["json"]), None);
    }

    #[test]
    fn finds_what_was_meant_and_nothing_far_off() {
        let known = ["MemoryManager", "MemoryClient", "Responder"];
        assert_eq!(nearest("MemoryManger", known), Some("MemoryManager"));
        assert_eq!(nearest("memorymanager", known), Some("MemoryManager"));
        assert_eq!(nearest("Vision", known), None);
        assert_eq!(nearest("Memory", ["MemoryB", "MemoryA"]), Some("MemoryA"));
    }

    #[test]
    fn the_quick_look_never_promises_more_than_there_is() {
        let words = ["kitten", "sitting", "", "abc", "cba", "MemoryManager", "ßtraße", "aaaa"];
        for left in words {
            for right in words {
                assert!(
                    least_distance(left, right) <= levenshtein(left, right),
                    "{left:?} {right:?}"
                );
            }
        }
    }
}
