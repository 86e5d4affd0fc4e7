//! What the tree's folder holds besides what was read of it.

/// Asks the host; paths are relative to the tree.
#[derive(Clone, Copy)]
pub struct Disk<'a> {
    has: &'a (dyn Fn(&str) -> bool + Sync),
    read: &'a (dyn Fn(&str) -> Option<Vec<u8>> + Sync),
}

impl<'a> Disk<'a> {
    /// `has`: whether a path is there; `read`: what a file holds, nothing where it is too large or cannot be read.
    #[must_use]
    pub fn new(has: &'a (dyn Fn(&str) -> bool + Sync), read: &'a (dyn Fn(&str) -> Option<Vec<u8>> + Sync)) -> Self {
        Self { has, read }
    }

    /// Whether a path is there.
    #[must_use]
    pub fn has(self, path: &str) -> bool {
        (self.has)(path)
    }

    /// What a file holds.
    #[must_use]
    pub fn read(self, path: &str) -> Option<Vec<u8>> {
        (self.read)(path)
    }
}
