//! A group's requirements file: PEP 508 lines, pip's options, and lines that are neither.

use std::collections::HashSet;

use super::distributions::{brings, is_of, normalised};
use crate::finding::Place;
use crate::python::facts::TreeFacts;
use crate::stack::requirements_lock::without_comment;

/// One requirement.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// Name, normalised.
    pub name: String,
    /// Where.
    pub place: Place,
    /// A marker keeps it from being installed on Linux.
    pub elsewhere: bool,
}

/// What a requirements file says, with those that it includes.
#[derive(Debug, Clone, Default)]
pub struct Requirements {
    /// Path of the file, as findings name it.
    pub path: String,
    /// The file is there.
    pub found: bool,
    /// Requirements, in order.
    pub all: Vec<Requirement>,
    /// Lines that are none.
    pub invalid: Vec<Place>,
    /// They are those of all files of the tree: nobody says which file the agent's are.
    pub pooled: bool,
}

impl Requirements {
    /// Whether they bring a top-level module, themselves or through what they depend on.
    #[must_use]
    pub fn bring(&self, module: &str) -> bool {
        self.all
            .iter()
            .any(|requirement| !requirement.elsewhere && brings(&requirement.name, module))
    }

    /// How messages name the file.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.pooled {
            "any requirements file".to_owned()
        } else {
            format!("`{}`", self.path)
        }
    }

    /// The requirement whose own module it is.
    #[must_use]
    pub fn of(&self, module: &str) -> Option<&Requirement> {
        self.all.iter().find(|requirement| is_of(&requirement.name, module))
    }
}

/// Reads a requirements file of the tree; without a path, all of them.
#[must_use]
pub fn read(tree: &TreeFacts, path: &str) -> Requirements {
    if path.is_empty() {
        let mut all = Requirements {
            pooled: true,
            ..Requirements::default()
        };
        let mut seen = HashSet::new();
        for path in tree.texts.keys() {
            add(tree, path, &mut all, &mut seen);
        }
        // Told for the groups that have them.
        all.invalid.clear();
        return all;
    }
    let mut requirements = Requirements {
        path: tree.shown(path),
        ..Requirements::default()
    };
    let mut seen = HashSet::new();
    requirements.found = add(tree, path, &mut requirements, &mut seen);
    requirements
}

fn add(tree: &TreeFacts, path: &str, into: &mut Requirements, seen: &mut HashSet<String>) -> bool {
    let Some(text) = tree.texts.get(path) else {
        return false;
    };
    if !seen.insert(path.to_owned()) {
        return true;
    }
    let mut continued = false;
    for (number, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let starts_here = !continued;
        continued = raw.trim_end().ends_with('\\');
        if !starts_here {
            continue;
        }
        let line = without_comment(raw).trim_end_matches('\\').trim();
        if line.is_empty() {
            continue;
        }
        let column = raw.chars().take_while(|character| character.is_whitespace()).count() + 1;
        let place = Place {
            path: tree.shown(path),
            line: u32::try_from(number + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            width: u32::try_from(line.chars().count()).unwrap_or(u32::MAX),
            text: raw.to_owned(),
        };
        match parse(line) {
            Line::Requirement { name, elsewhere } => into.all.push(Requirement { name, place, elsewhere }),
            Line::Include(file) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                let file = super::view::normal(&format!("{folder}/{file}"));
                add(tree, &file, into, seen);
            }
            Line::Option => {}
            Line::Invalid => into.invalid.push(place),
        }
    }
    true
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Requirement { name: String, elsewhere: bool },
    Include(String),
    Option,
    Invalid,
}

fn parse(line: &str) -> Line {
    if let Some(option) = line.strip_prefix('-') {
        let (name, value) = option
            .split_once(|character: char| character.is_whitespace() || character == '=')
            .unwrap_or((option, ""));
        return match name {
            "r" | "-requirement" => Line::Include(value.trim().to_owned()),
            _ if option.starts_with('r') => Line::Include(option[1..].trim().to_owned()),
            _ => Line::Option,
        };
    }
    if line.contains("://") && !line.contains(" @ ") {
        return match line.rsplit_once("#egg=") {
            Some((_, egg)) => Line::Requirement {
                name: normalised(egg.split(['&', '[']).next().unwrap_or(egg)),
                elsewhere: false,
            },
            None => Line::Option,
        };
    }
    let is_direct = line.contains(" @ ");
    if !is_direct && (line.starts_with(['.', '/']) || line.ends_with(".whl") || line.ends_with(".tar.gz")) {
        return Line::Option;
    }
    requirement(line).unwrap_or(Line::Invalid)
}

fn requirement(line: &str) -> Option<Line> {
    let end = line
        .find(|character: char| !(character.is_ascii_alphanumeric() || "-_.".contains(character)))
        .unwrap_or(line.len());
    let name = &line[..end];
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    if !edge(name.as_bytes().first()) || !edge(name.as_bytes().last()) {
        return None;
    }
    let mut rest = line[end..].trim_start();
    if let Some(extras) = rest.strip_prefix('[') {
        let close = extras.find(']')?;
        rest = extras[close + 1..].trim_start();
    }
    let (rest, marker) = match rest.split_once(';') {
        Some((rest, marker)) => (rest.trim(), marker.trim()),
        None => (rest.trim(), ""),
    };
    // `--hash=…` and its like follow the version.
    let rest = rest.split(" --").next().unwrap_or(rest).trim();
    let specifiers = rest
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(rest);
    let valid =
        rest.starts_with('@') || specifiers.is_empty() || specifiers.trim_end_matches(',').split(',').all(specifier);
    valid.then(|| Line::Requirement {
        name: normalised(name),
        elsewhere: ["win32", "Windows", "darwin", "Darwin"]
            .iter()
            .any(|system| marker.contains(system) && marker.contains("==") && !marker.contains(" or ")),
    })
}

fn specifier(text: &str) -> bool {
    let text = text.trim();
    let Some(version) = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"]
        .iter()
        .find_map(|operator| text.strip_prefix(operator))
    else {
        return false;
    };
    let version = version.trim();
    !version.is_empty()
        && version
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || ".*+!-_".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_requirements_from_other_lines() {
        for (line, name) in [
            ("pyzmq>=25", Some("pyzmq")),
            ("PyYAML", Some("pyyaml")),
            (
                "uvicorn[standard] >= 0.2, < 1 ; python_version > '3.8'",
                Some("uvicorn"),
            ),
            ("torch==2.1.0+cu118 --hash=sha256:aa", Some("torch")),
            ("a @ https://example.org/a.whl", Some("a")),
            ("git+https://example.org/b.git#egg=b_c", Some("b-c")),
            ("RUN pip install numpy", None),
            ("numpy scipy", None),
            ("numpy=1.0", None),
            ("==1.0", None),
            ("FROM python:3.11", None),
        ] {
            let found = match parse(line) {
                Line::Requirement { name, .. } => Some(name),
                _ => None,
            };
            assert_eq!(found.as_deref(), name, "{line}");
        }
        assert_eq!(parse("-r base.txt"), Line::Include("base.txt".to_owned()));
        assert_eq!(parse("--extra-index-url https://x"), Line::Option);
    }
}
