//! Files that were parsed before: who reads the same tree again parses only what changed since.

use std::sync::Arc;

use pysrc::{Detail, Module, PythonVersion};

use super::recall::Recall;

/// What a file's facts depend on: its content, the version that it is read for, and whether it is read whole.
type Key = (blake3::Hash, PythonVersion, bool);

/// Facts of files by their content.
#[derive(Debug, Default)]
pub struct Parses(Recall<Key, Module>);

impl Parses {
    /// The facts of a file; it is parsed where it was not before.
    #[must_use]
    pub fn read(&self, bytes: Vec<u8>, version: PythonVersion, detail: Detail) -> Arc<Module> {
        let key = (blake3::hash(&bytes), version, detail == Detail::Whole);
        self.0.find(key).unwrap_or_else(|| {
            let module = Arc::new(pysrc::read_as(bytes, version, detail));
            self.0.keep(key, Arc::clone(&module));
            module
        })
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
