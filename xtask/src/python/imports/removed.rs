//! What newer versions of much used libraries no longer have.

use std::sync::LazyLock;

/// A version's first two numbers.
pub type Release = (u32, u32);

/// Names that a module has lost.
#[derive(Debug)]
pub struct Removed {
    /// The distribution.
    pub distribution: &'static str,
    /// The version since which it has not had them.
    pub since: Release,
    /// What asking the module for one raises.
    pub exception: &'static str,
    module: &'static str,
    names: Vec<&'static str>,
}

static REMOVED: LazyLock<Vec<Removed>> = LazyLock::new(|| {
    include_str!("removed_names.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(read)
        .collect()
});

fn read(line: &'static str) -> Option<Removed> {
    let (head, names) = line.split_once(": ")?;
    let mut head = head.split(' ');
    let (distribution, version) = (head.next()?, head.next()?);
    let (major, minor) = version.split_once('.')?;
    Some(Removed {
        distribution,
        since: (major.parse().ok()?, minor.parse().ok()?),
        module: head.next()?,
        exception: head.next()?,
        names: names.split(' ').collect(),
    })
}

/// Since when a module has not had that name; nothing of names that are not known to be gone.
#[must_use]
pub fn from(module: &str, name: &str) -> Option<&'static Removed> {
    REMOVED
        .iter()
        .find(|removed| removed.module == module && removed.names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::{REMOVED, from};

    #[test]
    fn every_line_is_read() {
        let lines = include_str!("removed_names.txt").lines();
        assert_eq!(REMOVED.len(), lines.filter(|line| !line.starts_with('#')).count());
        let float = from("numpy", "float").unwrap();
        assert_eq!(
            (float.distribution, float.since, float.exception),
            ("numpy", (1, 24), "AttributeError")
        );
        let settings = from("pydantic", "BaseSettings").unwrap();
        assert_eq!((settings.since, settings.exception), ((2, 0), "ImportError"));
        assert!(from("PIL.Image", "ANTIALIAS").is_some());
        assert!(from("numpy", "array").is_none());
    }
}
