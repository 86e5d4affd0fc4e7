//! Scripts that were followed before: where one look at a tree follows them for several questions, as `init` does and then the audit of
//! what it inferred, an agent that would find everything as it was is not followed again.
//!
//! What a script reads of files that are no Python is part of no key: walks are kept for as long as nothing is saved.

use std::fmt::Write;
use std::sync::Arc;

use super::failure::{Failure, Flow};
use super::listening::Listening;
use super::other_port::Opened;
use super::{Asked, Given, GroupContext};
use crate::container::layout::python_path;
use crate::python::recall::Recall;
use crate::stack::Stack;

/// Walks, by all that they depended on.
#[derive(Debug, Default)]
pub struct Walks(Recall<WalkKey, Walked>);

/// What a walk has come to, whatever is made of it.
#[derive(Debug)]
pub struct Walked {
    /// How the script ends.
    pub flow: Flow,
    /// Something may go on when it has ended.
    pub alive: bool,
    /// All that was found on the way.
    pub failures: Vec<Failure>,
    /// The first exception that is always raised, and that something keeps to itself.
    pub swallowed: Option<Failure>,
    /// Ports that are open, where all of them are known and there are some.
    pub opened: Option<Vec<Opened>>,
    /// No call that opens a port was left out.
    pub sees_all: bool,
    /// What the agent listens on, where that was asked for.
    pub listening: Option<Listening>,
}

/// All that a walk depends on besides the content of files that are no Python, as a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WalkKey(blake3::Hash);

/// All that the walks of a group's agents depend on alike, as a digest.
#[derive(Debug, Clone, Copy)]
pub struct GroupKey(blake3::Hash);

impl Walks {
    /// What following that script gave, with what is asked for.
    pub(super) fn find(&self, key: WalkKey, asked: Asked) -> Option<Arc<Walked>> {
        let walked = self.0.find(key)?;
        let has_all = match asked {
            Asked::Nothing => true,
            Asked::Sockets => walked.listening.is_some(),
            // The way is not kept.
            Asked::Way => false,
        };
        has_all.then_some(walked)
    }

    /// Keeps what it gave.
    pub(super) fn keep(&self, key: WalkKey, walked: Arc<Walked>) {
        self.0.keep(key, walked);
    }

    /// How many there are.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.count()
    }
}

impl GroupKey {
    /// Of a group.
    pub fn of(stack: &Stack, group: &GroupContext<'_>) -> Self {
        let mut digest = Digest::default();
        let GroupContext {
            id,
            view,
            // The tree's, as is the version.
            names: _,
            version: _,
            requirements,
            also,
            environment,
            key: _,
        } = group;
        digest.add(view.tree.digest().as_bytes());
        digest.add(view.digest().as_bytes());
        digest.say(&(requirements, also, environment, python_path(stack, *id)));
        Self(digest.0.finalize())
    }
}

impl Given {
    /// All that the walk of the agent depends on; nothing where its group has no key.
    pub fn key(&self, group: &GroupContext<'_>, script: &str) -> Option<WalkKey> {
        let mut digest = Digest::default();
        digest.add(group.key?.0.as_bytes());
        digest.say(&(script, self));
        Some(WalkKey(digest.0.finalize()))
    }
}

/// A digest of things as they are written for debugging, in which nothing is left out.
#[derive(Default)]
struct Digest(blake3::Hasher);

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn say(&mut self, thing: &impl std::fmt::Debug) {
        // Hashing never fails.
        let _ = write!(self, "{thing:?}");
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}
