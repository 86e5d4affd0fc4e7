//! Files that were parsed before: who reads the same tree again parses only what changed since.

use std::sync::{Arc, Mutex, PoisonError};

use pysrc::{Detail, Module, PythonVersion};
use rustc_hash::FxHashMap;

/// What a file's facts depend on: its content, the version that it is read for, and whether it is read whole.
type Key = (blake3::Hash, PythonVersion, bool);

/// Facts of files by their content. Those that nobody asked for between two calls of [`Parses::forget_unused`] are dropped.
#[derive(Debug, Default)]
pub struct Parses {
    known: Mutex<FxHashMap<Key, Arc<Module>>>,
    used: Mutex<FxHashMap<Key, Arc<Module>>>,
}

impl Parses {
    /// The facts of a file; it is parsed where it was not before.
    #[must_use]
    pub fn read(&self, bytes: Vec<u8>, version: PythonVersion, detail: Detail) -> Arc<Module> {
        let key = (blake3::hash(&bytes), version, detail == Detail::Whole);
        let known = lock(&self.known).get(&key).cloned();
        let module = known.unwrap_or_else(|| Arc::new(pysrc::read_as(bytes, version, detail)));
        lock(&self.used).insert(key, Arc::clone(&module));
        module
    }

    /// Keeps what was asked for since the last call, and nothing else.
    pub fn forget_unused(&mut self) {
        let used = std::mem::take(self.used.get_mut().unwrap_or_else(PoisonError::into_inner));
        *self.known.get_mut().unwrap_or_else(PoisonError::into_inner) = used;
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_parsed_once_for_each_content_version_and_detail() {
        let mut parses = Parses::default();
        let read =
            |parses: &Parses, text: &str, detail| parses.read(text.as_bytes().to_vec(), PythonVersion::USUAL, detail);
        let first = read(&parses, "import a\n", Detail::Whole);
        parses.forget_unused();
        assert!(Arc::ptr_eq(&first, &read(&parses, "import a\n", Detail::Whole)));
        assert!(!Arc::ptr_eq(&first, &read(&parses, "import b\n", Detail::Whole)));
        assert!(!Arc::ptr_eq(&first, &read(&parses, "import a\n", Detail::Outline)));
        let newer = PythonVersion { major: 3, minor: 99 };
        assert!(!Arc::ptr_eq(
            &first,
            &parses.read(b"import a\n".to_vec(), newer, Detail::Whole)
        ));
        parses.forget_unused();
        parses.forget_unused();
        assert!(
            !Arc::ptr_eq(&first, &read(&parses, "import a\n", Detail::Whole)),
            "nobody asked for it"
        );
    }
}
