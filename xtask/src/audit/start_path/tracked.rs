//! State that tells what is read of it and written to it: what an import does can then be done again without following it.
//!
//! While imports are recorded, one inside the other, a [`Log`] keeps each read of what the innermost of them has not written itself, with
//! the value that was found, and each write. At its end a recording takes what of that happened since its beginning; what it read of
//! what it had written itself is none of its conditions.

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

/// Whether two values say the same; those that are shared are so at a glance.
pub trait Same {
    /// Whether they do.
    fn same(&self, other: &Self) -> bool;
}

impl<T: PartialEq> Same for Arc<T> {
    fn same(&self, other: &Self) -> bool {
        Self::ptr_eq(self, other) || **self == **other
    }
}

/// What a recording has read, with what it found, and written, with what it left; nothing for what is not there.
#[derive(Debug)]
pub struct Part<K, V> {
    /// Its conditions.
    pub reads: Vec<(K, Option<V>)>,
    /// Its effects.
    pub writes: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Part<K, V> {
    fn default() -> Self {
        Self {
            reads: Vec::new(),
            writes: Vec::new(),
        }
    }
}

/// Something that was read.
#[derive(Debug)]
struct Read<K, V> {
    key: K,
    value: Option<V>,
    /// How many writes there had been when the key was written last; none for never.
    written: usize,
}

/// Reads and writes of all recordings that have begun.
#[derive(Debug)]
pub struct Log<K, V> {
    reads: Vec<Read<K, V>>,
    read_at: FxHashMap<K, usize>,
    writes: Vec<K>,
    written_at: FxHashMap<K, usize>,
    /// Reads and writes before each recording.
    marks: Vec<(usize, usize)>,
}

impl<K, V> Default for Log<K, V> {
    fn default() -> Self {
        Self {
            reads: Vec::new(),
            read_at: FxHashMap::default(),
            writes: Vec::new(),
            written_at: FxHashMap::default(),
            marks: Vec::new(),
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Log<K, V> {
    /// Whether anything is recorded.
    pub fn is_open(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Something is read.
    pub fn read<Q>(&mut self, key: &Q, value: impl FnOnce() -> Option<V>)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let Some((reads, writes)) = self.marks.last().copied() else {
            return;
        };
        let written = self.written_at.get(key).map_or(0, |at| at + 1);
        if written > writes || self.read_at.get(key).is_some_and(|at| *at >= reads) {
            return;
        }
        self.read_at.insert(key.to_owned(), self.reads.len());
        self.reads.push(Read {
            key: key.to_owned(),
            value: value(),
            written,
        });
    }

    /// Something is written.
    pub fn write(&mut self, key: &K) {
        let Some((_, writes)) = self.marks.last().copied() else {
            return;
        };
        if self.written_at.get(key).is_some_and(|at| *at >= writes) {
            return;
        }
        self.written_at.insert(key.clone(), self.writes.len());
        self.writes.push(key.clone());
    }

    /// A recording begins.
    pub fn begin(&mut self) {
        self.marks.push((self.reads.len(), self.writes.len()));
    }

    /// The innermost recording ends: what it read, and the keys that it wrote.
    pub fn end(&mut self) -> (Vec<(K, Option<V>)>, Vec<K>) {
        let Some((reads, writes)) = self.marks.last().copied() else {
            return Default::default();
        };
        let read = self.reads.get(reads..).unwrap_or_default().iter();
        let mut seen: FxHashSet<&K> = FxHashSet::with_capacity_and_hasher(read.len(), FxBuildHasher);
        let read = read.filter(|read| read.written <= writes && seen.insert(&read.key));
        let read = read.map(|read| (read.key.clone(), read.value.clone())).collect();
        let written = self.writes.get(writes..).unwrap_or_default().iter();
        let mut seen: FxHashSet<&K> = FxHashSet::with_capacity_and_hasher(written.len(), FxBuildHasher);
        let written = written.filter(|key| seen.insert(key)).cloned().collect();
        self.close();
        (read, written)
    }

    /// The innermost recording ends, and nobody wants to know of what.
    pub fn close(&mut self) {
        self.marks.pop();
        if self.marks.is_empty() {
            self.reads.clear();
            self.read_at.clear();
            self.writes.clear();
            self.written_at.clear();
        }
    }
}

/// A map.
#[derive(Debug)]
pub struct Tracked<K, V> {
    map: FxHashMap<K, V>,
    log: RefCell<Log<K, V>>,
    open: Cell<bool>,
}

impl<K, V> Default for Tracked<K, V> {
    fn default() -> Self {
        Self {
            map: FxHashMap::default(),
            log: RefCell::default(),
            open: Cell::new(false),
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Tracked<K, V> {
    /// The value of a key.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let found = self.map.get(key);
        if self.open.get() {
            self.log.borrow_mut().read(key, || found.cloned());
        }
        found
    }

    /// The same, unseen by recordings.
    pub fn peek<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.map.get(key)
    }

    /// Whether there is one.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        self.get(key).is_some()
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if self.open.get() {
            let log = self.log.get_mut();
            log.read(key, || self.map.get(key).cloned());
            if self.map.contains_key(key) {
                log.write(key);
            }
        }
        self.map.get_mut(key)
    }

    /// Sets a value; gives the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.open.get() {
            self.log.get_mut().write(&key);
        }
        self.map.insert(key, value)
    }

    /// Takes a value out.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        if self.open.get() {
            self.log.get_mut().write(&key.to_owned());
        }
        self.map.remove(key)
    }

    /// Whether there is nothing in it. Recordings keep that by themselves.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// All values. Recordings do not see that they are read: what asks for all must not be recorded.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.map.values()
    }

    /// All keys, likewise.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.map.keys()
    }

    /// A recording begins.
    pub fn begin(&mut self) {
        self.log.get_mut().begin();
        self.open.set(true);
    }

    /// The innermost recording ends, and nobody wants to know of what.
    pub fn close(&mut self) {
        let log = self.log.get_mut();
        log.close();
        self.open.set(log.is_open());
    }

    /// The innermost recording ends.
    pub fn finish(&mut self) -> Part<K, V> {
        let log = self.log.get_mut();
        let (reads, written) = log.end();
        self.open.set(log.is_open());
        let writes = written.into_iter().map(|key| {
            let value = self.map.get(&key).cloned();
            (key, value)
        });
        Part {
            reads,
            writes: writes.collect(),
        }
    }

    /// Whether all that a recording read is what it was.
    pub fn agrees(&self, part: &Part<K, V>) -> bool
    where
        V: Same,
    {
        part.reads.iter().all(|(key, value)| match (self.map.get(key), value) {
            (Some(here), Some(there)) => here.same(there),
            (None, None) => true,
            _ => false,
        })
    }

    /// What is recorded around here has read what a recording read.
    pub fn read_again(&mut self, part: &Part<K, V>) {
        if self.open.get() {
            let log = self.log.get_mut();
            for (key, value) in &part.reads {
                log.read(key, || value.clone());
            }
        }
    }

    /// Does what a recording did; what is recorded around here has read and written the same.
    pub fn replay(&mut self, part: &Part<K, V>) {
        self.read_again(part);
        if self.open.get() {
            let log = self.log.get_mut();
            for (key, _) in &part.writes {
                log.write(key);
            }
        }
        for (key, value) in &part.writes {
            match value {
                Some(value) => self.map.insert(key.clone(), value.clone()),
                None => self.map.remove(key),
            };
        }
    }
}

/// A set.
#[derive(Debug)]
pub struct TrackedSet<K>(Tracked<K, ()>);

impl<K> Default for TrackedSet<K> {
    fn default() -> Self {
        Self(Tracked::default())
    }
}

impl Same for () {
    fn same(&self, (): &Self) -> bool {
        true
    }
}

impl<K: Clone + Eq + Hash> TrackedSet<K> {
    /// Whether something is in it.
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        self.0.get(key).is_some()
    }

    /// Puts something in; whether it was not there.
    pub fn insert(&mut self, key: K) -> bool {
        !self.0.contains_key(&key) && self.0.insert(key, ()).is_none()
    }

    /// Puts something in, whether it was there or not.
    pub fn add(&mut self, key: K) {
        self.0.insert(key, ());
    }

    /// Whether something is in it, unseen by recordings.
    pub fn has<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.peek(key).is_some()
    }

    /// Whether nothing is in it. Recordings keep that by themselves.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is in it. Recordings do not see that it is read.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// A recording begins.
    pub fn begin(&mut self) {
        self.0.begin();
    }

    /// The innermost recording ends, and nobody wants to know of what.
    pub fn close(&mut self) {
        self.0.close();
    }

    /// The innermost recording ends.
    pub fn finish(&mut self) -> Part<K, ()> {
        self.0.finish()
    }

    /// Whether all that a recording read is what it was.
    pub fn agrees(&self, part: &Part<K, ()>) -> bool {
        self.0.agrees(part)
    }

    /// What is recorded around here has read what a recording read.
    pub fn read_again(&mut self, part: &Part<K, ()>) {
        self.0.read_again(part);
    }

    /// Does what a recording did.
    pub fn replay(&mut self, part: &Part<K, ()>) {
        self.0.replay(part);
    }
}

/// Things that have numbers: the same thing has the same number in all walks.
#[derive(Debug)]
pub struct Arena<T>(Tracked<usize, Arc<T>>);

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self(Tracked::default())
    }
}

impl<T: Clone + PartialEq> Arena<T> {
    /// The thing of a number.
    pub fn get(&self, id: usize) -> Option<&T> {
        self.0.get(&id).map(|thing| &**thing)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: usize) -> Option<&mut T> {
        self.0.get_mut(&id).map(Arc::make_mut)
    }

    /// A new thing.
    pub fn insert(&mut self, id: usize, thing: T) {
        self.0.insert(id, Arc::new(thing));
    }

    /// Whether there is none. Recordings keep that by themselves.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A recording begins.
    pub fn begin(&mut self) {
        self.0.begin();
    }

    /// The innermost recording ends, and nobody wants to know of what.
    pub fn close(&mut self) {
        self.0.close();
    }

    /// The innermost recording ends.
    pub fn finish(&mut self) -> Part<usize, Arc<T>> {
        self.0.finish()
    }

    /// Whether all that a recording read is what it was.
    pub fn agrees(&self, part: &Part<usize, Arc<T>>) -> bool {
        self.0.agrees(part)
    }

    /// Does what a recording did.
    pub fn replay(&mut self, part: &Part<usize, Arc<T>>) {
        self.0.replay(part);
    }
}

#[cfg(test)]
mod tests {
    use super::{Log, Tracked};

    #[test]
    fn what_a_recording_has_written_itself_is_none_of_its_conditions() {
        let mut map: Tracked<char, std::sync::Arc<u8>> = Tracked::default();
        let value = |number: u8| std::sync::Arc::new(number);
        map.insert('a', value(1));
        map.begin();
        assert_eq!(map.get(&'a').map(|value| **value), Some(1));
        map.insert('b', value(2));
        map.begin();
        assert!(map.get(&'a').is_some() && map.get(&'b').is_some() && map.get(&'c').is_none());
        map.insert('a', value(3));
        assert_eq!(map.get(&'a').map(|value| **value), Some(3));
        let inner = map.finish();
        assert_eq!(
            inner.reads.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
            ['a', 'b', 'c']
        );
        assert_eq!(inner.writes, [('a', Some(value(3)))]);
        assert!(map.get(&'a').is_some());
        let outer = map.finish();
        assert_eq!(outer.reads, [('a', Some(value(1))), ('c', None)]);
        assert_eq!(outer.writes, [('b', Some(value(2))), ('a', Some(value(3)))]);

        // It is done again only where it would find the same.
        let mut other = Tracked::default();
        assert!(!other.agrees(&outer));
        other.insert('a', value(1));
        assert!(other.agrees(&outer) && !other.agrees(&inner));
        other.replay(&outer);
        assert_eq!(other.get(&'a').map(|value| **value), Some(3));
        assert_eq!(other.get(&'b').map(|value| **value), Some(2));
    }

    #[test]
    fn nothing_is_kept_when_nothing_is_recorded() {
        let mut log: Log<u8, u8> = Log::default();
        log.read(&1, || Some(1));
        log.write(&1);
        log.begin();
        log.close();
        log.begin();
        assert_eq!(log.end(), (Vec::new(), Vec::new()));
    }
}
