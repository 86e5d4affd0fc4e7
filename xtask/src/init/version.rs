//! The version of Python that a tree is written for.

use pysrc::PythonVersion;

use super::evidence::{Evidence, Known};
use super::imports::Sources;
use super::texts::{Kind, Texts, is_put_aside, kind};

/// The one that is taken where nothing says otherwise: minor version of Python 3.
const DEFAULT: u8 = PythonVersion::USUAL.minor;

/// A line that names a version: its minor version, and where.
type Said = (u8, Evidence);

/// Finds it.
#[must_use]
pub fn find(texts: &Texts) -> Known<PythonVersion> {
    let (exact, least) = (exact(texts), least(texts));
    let shown = |minor: u8| PythonVersion { major: 3, minor };
    let known = match (exact.first(), least.iter().max_by_key(|(minor, _)| *minor)) {
        (Some((minor, evidence)), _) => Known::written(shown(*minor), evidence.clone()),
        (None, Some((minor, evidence))) => Known::agreed(shown((*minor).max(DEFAULT)), vec![evidence.clone()]),
        (None, None) => return Known::default(shown(DEFAULT)),
    };
    let chosen = exact.first().map(|(minor, _)| *minor);
    let differs = exact.iter().find(|(minor, _)| Some(*minor) != chosen);
    let above = least
        .iter()
        .find(|(minor, _)| chosen.is_some_and(|chosen| *minor > chosen));
    match differs.or(above) {
        Some((minor, evidence)) => known.but(format!("{} says {}", evidence.place(), shown(*minor))),
        None => known,
    }
}

/// A newer version, where the one of a Dockerfile does not know the syntax of what the scripts load: that file is stale.
#[must_use]
pub fn of_syntax(known: &Known<PythonVersion>, sources: &Sources, scripts: &[&str]) -> Option<Known<PythonVersion>> {
    let said = known.evidence.first()?;
    if kind(&said.path) != Some(Kind::Dockerfile) {
        return None;
    }
    let loaded = sources.load(scripts, &[]);
    let (path, module, at) = sources
        .files(&loaded.files)
        .find_map(|(path, module)| Some((path, module, module.newer_syntax?)))?;
    let line = module.position(at).line as usize;
    let evidence = Evidence::new(path, line, format!("Python {} does not know this syntax", known.value));
    let newer = Known::agreed(PythonVersion::USUAL, vec![evidence]);
    Some(newer.but(format!("{} says {}", said.place(), known.value)))
}

/// Lines that name one version, strongest first.
fn exact(texts: &Texts) -> Vec<Said> {
    let mut found = Vec::new();
    for (path, number, line) in texts.lines(Kind::Python).filter(|(path, ..)| !is_put_aside(path)) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let text = match name {
            ".python-version" => Some(line),
            "runtime.txt" => line.strip_prefix("python-"),
            _ => None,
        };
        let minor = text.and_then(minor);
        found.extend(minor.map(|minor| (minor, Evidence::new(path, number, format!("names Python 3.{minor}")))));
    }
    for (path, number, line) in texts.lines(Kind::Dockerfile).filter(|(path, ..)| !is_put_aside(path)) {
        let mut words = line.split_whitespace();
        if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("from")) {
            continue;
        }
        let image = words.find(|word| !word.starts_with("--")).unwrap_or_default();
        let tag = image.rsplit('/').next().and_then(|name| name.strip_prefix("python:"));
        let minor = tag.and_then(minor);
        found.extend(minor.map(|minor| {
            (
                minor,
                Evidence::new(path, number, format!("is built from Python 3.{minor}")),
            )
        }));
    }
    found
}

/// Lines that name the oldest version that will do.
fn least(texts: &Texts) -> Vec<Said> {
    let lines = texts.lines(Kind::Python).filter(|(path, ..)| !is_put_aside(path));
    lines
        .filter_map(|(path, number, line)| {
            let (key, value) = line.split_once('=')?;
            let key = key.trim();
            if !matches!(key, "requires-python" | "python_requires" | "python") {
                return None;
            }
            let digits = value.find("3.")?;
            let minor = minor(&value[digits..])?;
            Some((
                minor,
                Evidence::new(path, number, format!("wants Python 3.{minor} or newer")),
            ))
        })
        .collect()
}

/// The minor version of a text that begins with a version of Python 3.
fn minor(text: &str) -> Option<u8> {
    let rest = text.trim().strip_prefix("3.")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok().filter(|minor| (6..=30).contains(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_that_does_not_know_the_syntax_of_an_agent_is_stale() {
        let newer = |docker: &str, agent: &str| {
            let known = of(&[("Dockerfile", docker)]);
            let module = std::sync::Arc::new(pysrc::read(agent.as_bytes(), known.value));
            let sources = Sources::new(vec![("a.py".to_owned(), module)], known.value);
            of_syntax(&known, &sources, &["a.py"])
        };
        let old = "FROM python:3.9-slim\n";
        let found = newer(old, "x = 1\nmatch x:\n    case 1: pass\n").unwrap();
        assert_eq!(found.value, PythonVersion::USUAL);
        assert_eq!((found.evidence[0].path.as_str(), found.doubts.len()), ("a.py", 1));
        assert!(newer(old, "x = 1\n").is_none());
        assert!(newer(old, "match x\n").is_none(), "broken in any version");
    }

    fn of(files: &[(&str, &str)]) -> Known<PythonVersion> {
        find(&Texts::new(
            files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())),
        ))
    }

    #[test]
    fn what_is_written_wins_and_what_differs_is_doubted() {
        for (files, version, mark) in [
            (&[][..], "3.11", None),
            (&[(".python-version", "3.10.12\n")][..], "3.10", Some('=')),
            (
                &[(
                    "Dockerfile",
                    "FROM --platform=linux/amd64 docker.io/library/python:3.9-slim AS x\n",
                )],
                "3.9",
                Some('='),
            ),
            (
                &[("pyproject.toml", "requires-python = \">=3.12\"\n")],
                "3.12",
                Some('~'),
            ),
            (&[("pyproject.toml", "python = \"^3.9\"\n")], "3.11", Some('~')),
            (&[("setup.py", "    python_requires='>=3.8',\n")], "3.11", Some('~')),
            (
                &[
                    ("Dockerfile", "FROM python:3.9\n"),
                    ("b/Dockerfile", "FROM python:3.10\n"),
                ],
                "3.9",
                Some('?'),
            ),
            (
                &[
                    ("Dockerfile", "FROM python:3.9\n"),
                    ("pyproject.toml", "requires-python = \">=3.10\"\n"),
                ],
                "3.9",
                Some('?'),
            ),
            (&[("Dockerfile", "FROM ubuntu:22.04\n")], "3.11", None),
        ] {
            let known = of(files);
            assert_eq!(
                (known.value.to_string().as_str(), known.mark.sign()),
                (version, mark),
                "{files:?}"
            );
        }
    }
}
