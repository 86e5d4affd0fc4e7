//! Requirements files: the audit and locks read the same lines of them.

use std::collections::BTreeMap;

use pysrc::PythonVersion;
use xtask::python::facts::facts;
use xtask::python::imports::requirements;
use xtask::stack::requirements_lock;

use crate::invariants;
use crate::world::{REQUIREMENTS, World, split};

/// Reads them both ways, makes a lock, and reads that.
pub fn run(bytes: &[u8]) {
    let files = split(bytes, REQUIREMENTS);
    let version = PythonVersion { major: 3, minor: 11 };
    let tree = facts(&files, version);
    for path in [REQUIREMENTS, ""] {
        let read = requirements::read(&tree, path, version, None);
        for requirement in &read.all {
            assert!(!requirement.name.is_empty());
            invariants::place(&requirement.place);
        }
        read.invalid.iter().for_each(invariants::place);
    }
    let texts: BTreeMap<&str, String> = files
        .iter()
        .map(|(path, bytes)| (path.as_str(), String::from_utf8_lossy(bytes).into_owned()))
        .collect();
    let wanted = requirements_lock::wanted(REQUIREMENTS, &mut |path| texts.get(path).cloned().ok_or(()));
    if let Ok(wanted) = wanted {
        for line in &wanted {
            let lines = texts.get(line.file.as_str()).map_or(0, |text| text.lines().count());
            assert!((1..=lines).contains(&line.line), "{line:?}");
            assert!(!line.text.contains("://"), "an address is shown: {line:?}");
            invariants::printable(line.text.replace(char::is_control, " ").as_str(), false, "a line");
            let _ = requirements_lock::name(&line.text);
        }
        let lock = requirements_lock::text(REQUIREMENTS, &wanted, PythonVersion::USUAL, "");
        let stale = requirements_lock::stale(&lock, &wanted, PythonVersion::USUAL);
        assert!(
            stale
                .iter()
                .all(|one| matches!(one, requirements_lock::Stale::Edited(_))),
            "a new lock is stale: {stale:?}\n{lock}"
        );
    }
    World::default().with_files(bytes, REQUIREMENTS).audit();
}
