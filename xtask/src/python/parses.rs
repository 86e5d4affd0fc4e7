//! Files that were parsed before: who reads the same tree again parses only what changed since.

use std::hash::Hasher;
use std::sync::Arc;

use pysrc::{Detail, Module, PythonVersion};
use rustc_hash::FxHasher;

use super::recall::Recall;

/// What a file's facts depend on: its content, by a digest that two may have in common; the version that it is read for, and whether it
/// is read whole.
type Key = (u64, PythonVersion, bool);

/// A file that was parsed.
#[derive(Debug)]
struct Parsed {
    module: Arc<Module>,
    /// Its content, where that is not its text.
    bytes: Option<Vec<u8>>,
}

impl Parsed {
    fn is_of(&self, bytes: &[u8]) -> bool {
        self.bytes.as_deref().unwrap_or(self.module.text.as_bytes()) == bytes
    }
}

/// Facts of files by their content.
#[derive(Debug, Default)]
pub struct Parses(Recall<Key, Parsed>);

impl Parses {
    /// The facts of a file; it is parsed where it was not before.
    #[must_use]
    pub fn read(&self, bytes: Vec<u8>, version: PythonVersion, detail: Detail) -> Arc<Module> {
        let mut hasher = FxHasher::default();
        hasher.write(&bytes);
        let key = (hasher.finish(), version, detail == Detail::Whole);
        if let Some(parsed) = self.0.find(key).filter(|parsed| parsed.is_of(&bytes)) {
            return Arc::clone(&parsed.module);
        }
        let module = Arc::new(pysrc::read_as(&*bytes, version, detail));
        let bytes = (module.text.as_bytes() != bytes).then_some(bytes);
        let parsed = Parsed {
            module: Arc::clone(&module),
            bytes,
        };
        self.0.keep(key, Arc::new(parsed));
        module
    }

    /// Whether nothing was parsed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps what was asked for since the last call, and nothing else.
    pub fn forget_unused(&mut self) {
        self.0.forget_unused();
    }
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
        let marked = read(&parses, "\u{feff}import a\n", Detail::Whole);
        assert!(!Arc::ptr_eq(&first, &marked));
        assert!(Arc::ptr_eq(
            &marked,
            &read(&parses, "\u{feff}import a\n", Detail::Whole)
        ));
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
