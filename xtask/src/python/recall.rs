//! What was worked out before, by all that it depends on.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

/// Results by their keys. Those that nobody asked for between two calls of [`Recall::forget_unused`] are dropped.
#[derive(Debug)]
pub struct Recall<K, T> {
    known: Mutex<FxHashMap<K, Arc<T>>>,
    used: Mutex<FxHashMap<K, Arc<T>>>,
}

impl<K, T> Default for Recall<K, T> {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            used: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash + Copy, T> Recall<K, T> {
    /// The result of a key.
    #[must_use]
    pub fn find(&self, key: K) -> Option<Arc<T>> {
        let known = lock(&self.used).get(&key).cloned();
        let known = known.or_else(|| lock(&self.known).get(&key).cloned())?;
        lock(&self.used).insert(key, Arc::clone(&known));
        Some(known)
    }

    /// Keeps a result.
    pub fn keep(&self, key: K, result: Arc<T>) {
        lock(&self.used).insert(key, result);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        lock(&self.used).is_empty() && lock(&self.known).is_empty()
    }

    /// How many there are.
    #[cfg(test)]
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.used).len() + lock(&self.known).len()
    }

    /// Keeps what was kept or asked for since the last call, and nothing else.
    pub fn forget_unused(&mut self) {
        let used = std::mem::take(self.used.get_mut().unwrap_or_else(PoisonError::into_inner));
        *self.known.get_mut().unwrap_or_else(PoisonError::into_inner) = used;
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
