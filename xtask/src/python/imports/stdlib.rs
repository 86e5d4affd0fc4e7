//! The standard library of a version of Python: its modules, and the names of the ones that are used most.

use std::sync::{LazyLock, OnceLock};

use pysrc::PythonVersion;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

/// Names of a module: its line of the table, which few scripts need taken apart.
struct Names {
    line: &'static str,
    all: OnceLock<HashSet<&'static str>>,
}

static NAMES: LazyLock<HashMap<&str, Names>> = LazyLock::new(|| {
    lines(include_str!("stdlib_names.txt"))
        .map(|line| {
            let (module, line) = line.split_once(' ').unwrap_or((line, ""));
            let all = OnceLock::new();
            (module, Names { line, all })
        })
        .collect()
});

/// Class → what its objects have.
static MEMBERS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    lines(include_str!("stdlib_members.txt"))
        .map(|line| line.split_once(' ').unwrap_or((line, "")))
        .collect()
});

static SIGNATURES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    lines(include_str!("stdlib_signatures.txt"))
        .map(|line| line.split_once(' ').unwrap_or((line, "")))
        .collect()
});

/// Module → (there since, gone since), as minor versions.
static MODULES: LazyLock<HashMap<&str, (u8, u8)>> = LazyLock::new(|| {
    lines(include_str!("stdlib_modules.txt"))
        .map(|line| match line.split_once(' ') {
            Some((when, name)) => {
                let minor = when.get(3..).and_then(|minor| minor.parse().ok());
                match (when.as_bytes().first(), minor) {
                    (Some(b'+'), Some(minor)) => (name, (minor, u8::MAX)),
                    (Some(b'-'), Some(minor)) => (name, (0, minor)),
                    _ => (name, (0, u8::MAX)),
                }
            }
            None => (line, (0, u8::MAX)),
        })
        .collect()
});

/// Module → what it takes of others while it is imported.
static IMPORTS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    lines(include_str!("stdlib_imports.txt"))
        .filter_map(|line| line.split_once(": "))
        .collect()
});

/// Top-level modules that others of the standard library import.
static IMPORTED: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let all = IMPORTS.values().flat_map(|line| line.split(' '));
    all.map(|word| word.split(['.', '(']).next().unwrap_or(word)).collect()
});

/// What a module takes of another one while it is imported.
#[derive(Debug, Clone, Copy)]
pub struct Needed {
    /// The other module, dotted.
    pub module: &'static str,
    names: &'static str,
}

impl Needed {
    /// The names, and whether each is an attribute that is read: else it is imported.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, bool)> + use<> {
        let names = self.names.split(',').filter(|name| !name.is_empty());
        names.map(|name| name.strip_prefix('.').map_or((name, false), |name| (name, true)))
    }
}

/// A module of the standard library, dotted, of which is known what it imports.
#[must_use]
pub fn with_imports(module: &str) -> Option<&'static str> {
    IMPORTS.get_key_value(module).map(|(name, _)| *name)
}

/// What such a module imports whenever it is imported: of Python 3.11.
pub fn imports(module: &str) -> impl Iterator<Item = Needed> + use<> {
    let words = IMPORTS.get(module).map(|line| line.split(' ')).into_iter().flatten();
    words.map(|word| {
        let (module, names) = word.split_once('(').unwrap_or((word, ""));
        let names = names.trim_end_matches(')');
        Needed { module, names }
    })
}

/// Top-level modules that others of the standard library import.
pub fn imported() -> impl Iterator<Item = &'static str> {
    IMPORTED.iter().copied()
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Modules that a first-party file of the same name cannot stand in front of: built in, or imported before any script.
const NEVER_SHADOWED: &[&str] = &[
    "abc",
    "builtins",
    "codecs",
    "encodings",
    "errno",
    "faulthandler",
    "gc",
    "io",
    "itertools",
    "marshal",
    "os",
    "posix",
    "posixpath",
    "site",
    "stat",
    "sys",
    "time",
    "zipimport",
    "genericpath",
    "atexit",
    "pwd",
];

/// Whether a top-level module is of the standard library.
#[must_use]
pub fn has(module: &str, version: PythonVersion) -> bool {
    MODULES
        .get(module)
        .is_some_and(|(since, until)| (*since..*until).contains(&version.minor))
}

/// Version since which it is gone, if it was there once.
#[must_use]
pub fn gone_since(module: &str, version: PythonVersion) -> Option<u8> {
    MODULES
        .get(module)
        .and_then(|(_, until)| (version.minor >= *until).then_some(*until))
}

/// Whether it is there before any search.
#[must_use]
pub fn never_shadowed(module: &str) -> bool {
    NEVER_SHADOWED.contains(&module)
}

/// Whether a module (dotted) has a name; nothing where that is not known.
#[must_use]
pub fn has_name(module: &str, name: &str) -> Option<bool> {
    let names = names(module)?;
    // Dunders were left out of the table.
    Some(name.starts_with("__") || names.contains(name))
}

/// Names of a module, where they are known.
#[must_use]
pub fn names(module: &str) -> Option<&'static HashSet<&'static str>> {
    let names = NAMES.get(module)?;
    Some(names.all.get_or_init(|| names.line.split(' ').collect()))
}

/// What objects of a class (dotted) have, where that is known; of double-underscore names only those that may make one false.
pub fn members(class: &str) -> Option<impl Iterator<Item = &'static str> + use<>> {
    MEMBERS.get(class).map(|words| words.split(' '))
}

/// What a function or class (dotted) takes, where that is known: words as `stdlib_signatures.txt` has them.
#[must_use]
pub fn parameters(callable: &str) -> Option<impl Iterator<Item = &'static str>> {
    SIGNATURES.get(callable).map(|words| words.split_ascii_whitespace())
}

/// Whether a name is built in, as `print` is.
#[must_use]
pub fn is_builtin(name: &str) -> bool {
    const MODULE_NAMES: &[&str] = &[
        "__name__",
        "__file__",
        "__doc__",
        "__package__",
        "__spec__",
        "__loader__",
        "__builtins__",
        "__cached__",
        "__path__",
        "__annotations__",
        "__dict__",
        "__class__",
        "__qualname__",
        "__module__",
        "exit",
        "quit",
        "copyright",
        "credits",
        "license",
        "help",
    ];
    names("builtins").is_some_and(|names| names.contains(name)) || MODULE_NAMES.contains(&name)
}

/// All top-level modules, for near names.
pub fn modules(version: PythonVersion) -> impl Iterator<Item = &'static str> {
    MODULES
        .iter()
        .filter(move |(_, (since, until))| (*since..*until).contains(&version.minor))
        .map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V: PythonVersion = PythonVersion::USUAL;

    #[test]
    fn knows_modules_and_names() {
        assert!(has("threading", V) && has("tomllib", V) && has("imp", V) && !has("threa", V));
        assert!(!has("imp", PythonVersion { major: 3, minor: 12 }));
        assert!(!has("tomllib", PythonVersion { major: 3, minor: 10 }));
        assert_eq!(has_name("typing", "Di"), Some(false));
        assert_eq!(has_name("typing", "Dict"), Some(true));
        assert_eq!(has_name("concurrent.futures", "ThreadPoolExecutor"), Some(true));
        assert_eq!(has_name("turtle", "x"), None);
        assert!(is_builtin("print") && is_builtin("__file__") && !is_builtin("ding"));
    }
}
