//! Folders of code, and folders that modules are imported from.

use std::collections::BTreeSet;

use pysrc::PythonVersion;

use super::evidence::{Evidence, Known};
use super::imports::{Loaded, Sources, top_folders};
use super::startup::Config;
use super::texts::{Kind, Texts, is_put_aside};
use crate::python::imports::stdlib;
use crate::stack::{TreeFiles, normal};

/// Folders that the tree's own settings put on PYTHONPATH, as far as the tree has them; empty for its root.
#[must_use]
pub fn written(config: &Config, texts: &Texts, tree: &TreeFiles) -> Vec<(String, Evidence)> {
    let mut found: Vec<(String, Evidence)> = Vec::new();
    let mut take = |value: &str, evidence: Evidence, sure: bool| {
        for entry in value.trim_matches(['"', '\'']).split(':') {
            let entry = entry.trim();
            if entry.is_empty() || entry.contains('$') {
                continue;
            }
            let below = ["/app", "/workspace", "/code", "/usr/src/app", "/opt/app"]
                .iter()
                .find_map(|root| entry.strip_prefix(root))
                .filter(|rest| rest.is_empty() || rest.starts_with('/'));
            let folder = match below {
                Some(rest) => normal(rest),
                None if entry.starts_with('/') => continue,
                None => normal(entry),
            };
            let is_there =
                tree.has_folder(&folder) && !folder.starts_with("..") && (sure || !hides_library(tree, &folder));
            if is_there && !found.iter().any(|(known, _)| *known == folder) {
                found.push((folder, evidence.clone()));
            }
        }
    };
    if let Some((value, line)) = config.environment.get("PYTHONPATH") {
        take(
            value,
            Evidence::new(config.path.as_str(), *line, "sets PYTHONPATH"),
            true,
        );
    }
    for kind in [Kind::Dockerfile, Kind::Variables] {
        for (path, number, line) in texts.lines(kind).filter(|(path, ..)| !is_put_aside(path)) {
            let Some(at) = line.find("PYTHONPATH") else {
                continue;
            };
            let rest = &line[at + "PYTHONPATH".len()..];
            if let Some(value) = rest.strip_prefix(['=', ' ']) {
                let value = value.split_whitespace().next().unwrap_or_default();
                // It may be about another container, which has something else at that place.
                take(value, Evidence::new(path, number, "sets PYTHONPATH"), false);
            }
        }
    }
    found
}

/// Whether a folder has a module or package that would stand in front of one of the standard library.
fn hides_library(tree: &TreeFiles, folder: &str) -> bool {
    let prefix = format!("{folder}/");
    let below = tree.files.range(prefix.clone()..);
    let mut below = below.map_while(|file| file.strip_prefix(&prefix));
    !folder.is_empty()
        && below.any(|file| {
            let name = file.strip_suffix("/__init__.py").or_else(|| file.strip_suffix(".py"));
            name.is_some_and(|name| stdlib::has(name, PythonVersion::USUAL))
        })
}

/// The folders that a machine's agents import from.
#[must_use]
pub fn python_path(written: &[(String, Evidence)], loaded: &Loaded) -> Known<Vec<String>> {
    let mut folders = vec![".".to_owned()];
    let mut evidence: Vec<Evidence> = Vec::new();
    for (folder, said) in written {
        if !folder.is_empty() && !folders.contains(folder) {
            folders.push(folder.clone());
        }
        if !evidence.contains(said) {
            evidence.push(said.clone());
        }
    }
    let is_written = !evidence.is_empty();
    for (folder, said) in &loaded.roots {
        if !folders.contains(folder) {
            folders.push(folder.clone());
            evidence.push(said.clone());
        }
    }
    evidence.truncate(6);
    let mut known = match (evidence.first().cloned(), is_written && loaded.roots.is_empty()) {
        (Some(first), true) => Known::written(folders, first),
        (None, _) => Known::default(folders),
        _ => Known::agreed(folders, evidence),
    };
    for (name, folders) in &loaded.ambiguous {
        known = known.but(format!(
            "`{name}` is in `{}`, and nothing says which is meant",
            folders.join("` and `")
        ));
    }
    known
}

/// The folders that a machine's images get their code from.
#[must_use]
pub fn code(config: &Config, scripts: &[&str], sources: &Sources, loaded: &Loaded) -> Known<Vec<String>> {
    let files: BTreeSet<&str> = sources.files(&loaded.files).map(|(path, _)| path).collect();
    let folders = top_folders(files.iter().copied().chain(scripts.iter().copied()));
    // The root holds every other folder.
    let folders: Vec<String> = if folders.contains(".") || folders.is_empty() {
        vec![".".to_owned()]
    } else {
        folders.into_iter().collect()
    };
    let mut evidence = Vec::new();
    for folder in &folders {
        let script = scripts.iter().find(|script| script.starts_with(&format!("{folder}/")));
        let file = files.iter().find(|path| path.starts_with(&format!("{folder}/")));
        evidence.extend(match (script, file) {
            (Some(script), _) => Some(Evidence::new(*script, 0, "is the script of an agent")),
            (None, Some(file)) => Some(Evidence::new(*file, 0, "is imported on the start path of an agent")),
            (None, None) => None,
        });
    }
    if scripts.is_empty() {
        let first = config.agents.first().map_or(0, |agent| agent.line);
        let evidence = vec![Evidence::new(config.path.as_str(), first, "lists scripts")];
        return Known::doubtful(folders, evidence, "no script of this machine is in the tree");
    }
    if folders == ["."] {
        evidence.extend(
            files
                .iter()
                .chain(scripts)
                .find(|path| !path.contains('/'))
                .map(|path| Evidence::new(*path, 0, "lies in the root")),
        );
    }
    Known::agreed(folders, evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::startup;

    #[test]
    fn pythonpath_is_read_from_settings_and_kept_inside_the_tree() {
        let config = startup::read(
            "c.yaml",
            "environment: {PYTHONPATH: \"/app:/app/main:${X}\"}\nagents:\n  - {name: A, script_path: main/a.py, port: 1}\n",
        )
        .unwrap();
        let texts = Texts::new([(
            "Dockerfile".to_owned(),
            b"ENV PYTHONPATH=/workspace/lib:/etc:../x:lib\nENV PYTHONPATH main:nowhere\nENV PYTHONPATH=/app/pack\n"
                .to_vec(),
        )]);
        let tree = TreeFiles::new(["main/a.py", "lib/b.py", "pack/types/__init__.py"]);
        let found: Vec<(String, String)> = written(&config, &texts, &tree)
            .into_iter()
            .map(|(folder, said)| (folder, said.place()))
            .collect();
        let expected = [("", "c.yaml:1"), ("main", "c.yaml:1"), ("lib", "Dockerfile:1")];
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        assert_eq!(found, expected);
    }
}
