//! The texts of a tree that may hold evidence: which files are asked for, and what they are.

use std::collections::BTreeMap;

/// What a text is, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// YAML: startup configs, Compose files, settings.
    Yaml,
    /// A Dockerfile.
    Dockerfile,
    /// Requirements of pip.
    Requirements,
    /// `KEY=value` lines.
    Variables,
    /// What starts agents, or says how: shell scripts, Makefiles, Procfiles, supervisord's programs, READMEs.
    Launcher,
    /// What says which Python is meant.
    Python,
}

/// What a file of the tree is to an inference; nothing where it is not asked for. Python sources are asked for apart.
#[must_use]
pub fn kind(path: &str) -> Option<Kind> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if matches!(
        name.as_str(),
        ".python-version" | "pyproject.toml" | "setup.cfg" | "setup.py" | "runtime.txt"
    ) {
        return Some(Kind::Python);
    }
    if name == ".env" || name.starts_with(".env.") || extension == "env" {
        return Some(Kind::Variables);
    }
    match extension {
        "yaml" | "yml" => return Some(Kind::Yaml),
        "txt" if name.contains("requirement") || is_of_requirements(path) => return Some(Kind::Requirements),
        "dockerfile" | "containerfile" => return Some(Kind::Dockerfile),
        "sh" | "bash" | "ps1" | "bat" | "conf" | "ini" | "service" | "procfile" => return Some(Kind::Launcher),
        "md" if name.starts_with("readme") => return Some(Kind::Launcher),
        _ => {}
    }
    let first = name.split(['.', '-', '_']).next().unwrap_or_default();
    match first {
        "dockerfile" | "containerfile" => Some(Kind::Dockerfile),
        "procfile" | "makefile" | "justfile" => Some(Kind::Launcher),
        _ => None,
    }
}

/// Whether a file lies in a folder of requirements, as `requirements/base.txt`.
fn is_of_requirements(path: &str) -> bool {
    let folder = path.rsplit('/').nth(1).unwrap_or_default().to_ascii_lowercase();
    matches!(folder.as_str(), "requirements" | "reqs" | "requires")
}

/// The texts of a tree by path.
#[derive(Debug, Default)]
pub struct Texts {
    all: BTreeMap<String, (Kind, String)>,
}

impl Texts {
    /// Texts from the bytes of files; what is not UTF-8 in them is replaced.
    #[must_use]
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let all = files
            .into_iter()
            .filter_map(|(path, bytes)| {
                let text = String::from_utf8_lossy(&bytes);
                let text = text.trim_start_matches('\u{feff}').to_owned();
                Some((path.clone(), (kind(&path)?, text)))
            })
            .collect();
        Self { all }
    }

    /// Those of a kind: path and text, sorted by path.
    pub fn of(&self, wanted: Kind) -> impl Iterator<Item = (&str, &str)> {
        self.all
            .iter()
            .filter(move |(_, (kind, _))| *kind == wanted)
            .map(|(path, (_, text))| (path.as_str(), text.as_str()))
    }

    /// The lines of those of a kind: path, number from 1, line.
    pub fn lines(&self, wanted: Kind) -> impl Iterator<Item = (&str, usize, &str)> {
        self.of(wanted).flat_map(|(path, text)| {
            text.lines()
                .enumerate()
                .map(move |(index, line)| (path, index + 1, line))
        })
    }

    /// One text.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&str> {
        self.all.get(path).map(|(_, text)| text.as_str())
    }
}

/// Whether a path lies where people keep what they no longer use.
#[must_use]
pub fn is_put_aside(path: &str) -> bool {
    const FOLDERS: [&str; 12] = [
        "archive",
        "archives",
        "archived",
        "backup",
        "backups",
        "old",
        "deprecated",
        "legacy",
        "trash",
        "attic",
        "test",
        "tests",
    ];
    const WORDS: [&str; 7] = ["fixed", "backup", "bak", "old", "copy", "orig", "example"];
    let lower = path.to_ascii_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let stem = name.split('.').next().unwrap_or(name);
    folders
        .split('/')
        .any(|folder| FOLDERS.contains(&folder) || folder.contains("backup") || folder.contains("archive"))
        || stem.split(['_', '-']).any(|word| WORDS.contains(&word))
        || name.contains(".bak")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_names() {
        for (path, wanted) in [
            ("a/config.yaml", Some(Kind::Yaml)),
            ("Dockerfile.base", Some(Kind::Dockerfile)),
            ("docker/agents.dockerfile", Some(Kind::Dockerfile)),
            ("requirements_audio.txt", Some(Kind::Requirements)),
            ("a/pc2-requirements.txt", Some(Kind::Requirements)),
            ("a/requirements/base.txt", Some(Kind::Requirements)),
            (".env.pc2", Some(Kind::Variables)),
            ("config/pc2.env", Some(Kind::Variables)),
            ("Procfile", Some(Kind::Launcher)),
            (".python-version", Some(Kind::Python)),
            ("notes.txt", None),
            ("a.py", None),
        ] {
            assert_eq!(kind(path), wanted, "{path}");
        }
    }

    #[test]
    fn what_is_put_aside_is_told_by_folder_or_name() {
        for path in [
            "archive/startup.yaml",
            "a/_backup_2024/x.yaml",
            "config/startup_config_fixed.yaml",
            "config/startup.yaml.bak.yaml",
        ] {
            assert!(is_put_aside(path), "{path}");
        }
        for path in [
            "config/startup_config.yaml",
            "main/golden.yaml",
            "folder/threshold.yaml",
        ] {
            assert!(!is_put_aside(path), "{path}");
        }
    }
}
