//! Files that agents read and that lie outside of their machine's folders of code: what `images: include:` has to name.

use std::collections::BTreeMap;

use super::evidence::Evidence;
use super::imports::{Loaded, Sources};
use super::texts::is_put_aside;
use crate::stack::TreeFiles;

/// Endings of files that programs read.
const ENDINGS: [&str; 9] = [
    ".cfg", ".conf", ".csv", ".ini", ".json", ".toml", ".txt", ".yaml", ".yml",
];

/// Parts of names of files that may hold secrets, which no image is to have, or that are for other programs.
const OTHERS: [&str; 9] = [
    "compose",
    "credential",
    "key",
    "license",
    "package",
    "password",
    "requirement",
    "secret",
    "token",
];

/// Those of a machine: each with the line of its code that names it.
#[must_use]
pub fn find(sources: &Sources, loaded: &Loaded, code: &[String], tree: &TreeFiles) -> BTreeMap<String, Evidence> {
    let is_code = |path: &str| {
        let inside = |folder: &String| {
            path.strip_prefix(folder.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        };
        code.iter().any(|folder| folder == "." || inside(folder))
    };
    let mut outside: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in &tree.files {
        let name = path.rsplit('/').next().unwrap_or(path);
        if !is_code(path) && may_be_read(path, name) {
            outside.entry(name).or_default().push(path);
        }
    }
    let mut found = BTreeMap::new();
    if outside.is_empty() {
        return found;
    }
    for (path, module) in sources.files(&loaded.files) {
        for (at, named) in names(&module.text) {
            let name = named.rsplit('/').next().unwrap_or(named);
            let wanted = named.trim_start_matches(['.', '/']);
            let is_meant = |path: &&&str| {
                path.strip_suffix(wanted)
                    .is_some_and(|above| above.is_empty() || above.ends_with('/'))
            };
            // Of several, nobody knows which.
            let mut meant = outside.get(name).into_iter().flatten().filter(is_meant);
            if let (Some(file), None) = (meant.next(), meant.next()) {
                let line = module.text[..at].matches('\n').count() + 1;
                let evidence = || Evidence::new(path, line, format!("names `{named}`"));
                found.entry((*file).to_owned()).or_insert_with(evidence);
            }
        }
    }
    found
}

/// Whether nothing speaks against a file of the tree in an image, as far as its name tells.
pub fn may_be_in_an_image(path: &str) -> bool {
    may_be_read(path, path.rsplit('/').next().unwrap_or(path))
}

fn may_be_read(path: &str, name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/@+".contains(c));
    plain
        && !name.starts_with('.')
        && !path.split('/').any(|part| part.starts_with('.'))
        && ENDINGS.iter().any(|ending| lower.ends_with(ending))
        && !OTHERS.iter().any(|other| lower.contains(other))
        && !is_put_aside(path)
}

/// The quoted paths of files in a text, with where they end.
fn names(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices(['"', '\'']).filter_map(|(end, _)| {
        let before = &text[..end];
        if !ENDINGS.iter().any(|ending| before.ends_with(ending)) {
            return None;
        }
        let is_of_path = |c: char| c.is_ascii_alphanumeric() || "_.-/@+".contains(c);
        let start = before.trim_end_matches(is_of_path).len();
        Some((end, &before[start..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pysrc::PythonVersion;

    #[test]
    fn files_that_code_names_and_that_lie_outside_of_it_are_included() {
        let version = PythonVersion::USUAL;
        let text = "import os\nHERE = os.path.dirname(__file__)\nopen(os.path.join(HERE, '..', 'farm.ini'))\nopen('config/x.toml')\nopen('src/own.json')\nopen('two.csv')\nopen('secrets.json')\nprint('gone.ini')\n";
        let file = std::sync::Arc::new(pysrc::read(text.as_bytes(), version));
        let sources = Sources::new(vec![("src/a.py".to_owned(), file)], version);
        let loaded = sources.load(&["src/a.py"], &[String::new()]);
        let tree = TreeFiles::new([
            "src/a.py",
            "src/own.json",
            "farm.ini",
            "config/x.toml",
            "other/x.toml",
            "a/two.csv",
            "b/two.csv",
            "secrets.json",
            "unread.ini",
        ]);
        let of = |code: &str| -> Vec<String> {
            let found = find(&sources, &loaded, &[code.to_owned()], &tree).into_iter();
            found
                .map(|(path, evidence)| format!("{path} {}", evidence.place()))
                .collect()
        };
        assert_eq!(of("src"), ["config/x.toml src/a.py:4", "farm.ini src/a.py:3"]);
        assert_eq!(of("."), Vec::<String>::new());
    }
}
