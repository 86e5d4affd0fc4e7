//! The version of Python that a tree is written for.

use pysrc::{Detail, Module, PythonVersion};

use super::evidence::{Evidence, Known};
use super::imports::Sources;
use super::texts::{Kind, Texts, is_put_aside, kind};
use crate::python::imports::stdlib;

/// The one that is taken where nothing says otherwise: minor version of Python 3.
const DEFAULT: u8 = PythonVersion::USUAL.minor;
/// The newest of which the standard library is known.
const NEWEST: u8 = 14;

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

/// The least version that knows the syntax of all that the scripts load, where that which was found does not: a Dockerfile that says
/// otherwise is stale. What people write for this alone stays.
#[must_use]
pub fn of_syntax(known: &Known<PythonVersion>, sources: &Sources, scripts: &[&str]) -> Option<Known<PythonVersion>> {
    let said = known.evidence.first();
    let is_meant = said.is_some_and(|said| {
        let name = said.path.rsplit('/').next().unwrap_or_default();
        matches!(name, ".python-version" | "runtime.txt")
    });
    if is_meant || !sources.have_newer_syntax() {
        return None;
    }
    let loaded = sources.load(scripts, &[]);
    let newer: Vec<(&str, &Module)> = sources
        .files(&loaded.files)
        .filter(|(_, module)| module.newer_syntax.is_some())
        .collect();
    let least = (known.value.minor + 1).max(DEFAULT)..=NEWEST;
    let least = least
        .map(|minor| PythonVersion { major: 3, minor })
        .find(|version| newer.iter().all(|(_, module)| knows(*version, module)))?;
    // Of those that have it, what an older version does not know says most.
    let (path, module) = newer.iter().max_by_key(|(_, module)| {
        !knows(
            PythonVersion {
                minor: least.minor - 1,
                ..least
            },
            module,
        )
    })?;
    let line = module.position(module.newer_syntax?).line as usize;
    let lost = sources
        .files(&loaded.files)
        .filter(|(_, module)| loses(module, known.value, least));
    if lost.count() >= newer.len() {
        let doubt = format!("{path}:{line} has syntax of Python {least}, which has no longer what other files import");
        return Some(known.clone().but(doubt));
    }
    let evidence = Evidence::new(*path, line, format!("Python {} does not know this syntax", known.value));
    let newer = Known::agreed(least, vec![evidence]);
    Some(match said {
        Some(said) if kind(&said.path) == Some(Kind::Dockerfile) => {
            newer.but(format!("{} says {}", said.place(), known.value))
        }
        _ => newer,
    })
}

/// Whether a version of Python knows all the syntax of a file.
fn knows(version: PythonVersion, module: &Module) -> bool {
    pysrc::read_as(module.text.as_bytes(), version, Detail::Outline)
        .newer_syntax
        .is_none()
}

/// Whether a file imports, in no branch, what the standard library has in one version and no longer in another.
fn loses(module: &Module, before: PythonVersion, after: PythonVersion) -> bool {
    module.imports.iter().any(|import| {
        let first = import.module.split('.').next().unwrap_or_default();
        let at_once = import.level == 0 && !import.guard.function && !import.guard.conditional;
        at_once && !import.guard.catches_import_error && stdlib::has(first, before) && !stdlib::has(first, after)
    })
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

    #[test]
    fn the_least_version_that_knows_the_syntax_of_all_agents() {
        let found = |files: &[(&str, &str)], agents: &[&str]| {
            let known = of(files);
            let agents: Vec<String> = agents.iter().map(|text| (*text).to_owned()).collect();
            let read = agents.iter().enumerate().map(|(at, text)| {
                let module = pysrc::read(text.as_bytes(), known.value);
                (format!("{at}.py"), std::sync::Arc::new(module))
            });
            let sources = Sources::new(read.collect(), known.value);
            let found = of_syntax(&known, &sources, &["0.py", "1.py", "2.py"]);
            found.map(|found| {
                (
                    found.value.to_string(),
                    found.mark.sign(),
                    found.evidence.first().map(|it| it.path.clone()),
                )
            })
        };
        let (generic, nested) = ("def f[T](x: T) -> T: return x\n", "x = f\"{\"a\"}\"\n");
        let is = |version: &str, sign, path: &str| Some((version.to_owned(), Some(sign), Some(path.to_owned())));
        assert_eq!(found(&[], &["x = 1\n", generic]), is("3.12", '~', "1.py"));
        assert_eq!(
            found(&[], &["match x:\n    case _: pass\n", nested]),
            is("3.12", '~', "1.py")
        );
        assert_eq!(found(&[], &["x = t\"\"\n", generic]), is("3.14", '~', "0.py"));
        let wants = ("pyproject.toml", "requires-python = \">=3.9\"\n");
        assert_eq!(found(&[wants], &[generic]), is("3.12", '~', "0.py"));
        let docker = ("Dockerfile", "FROM python:3.11\n");
        assert_eq!(found(&[docker], &[generic]), is("3.12", '?', "0.py"));
        let meant = (".python-version", "3.11\n");
        assert_eq!(found(&[meant], &[generic]), None);
        assert_eq!(found(&[meant, ("Dockerfile", "FROM python:3.10\n")], &[generic]), None);
        assert_eq!(found(&[], &["x = 1\n"]), None);
        let doubt = found(&[], &[generic, "import imp\n"]);
        assert_eq!(doubt, Some(("3.11".to_owned(), Some('?'), None)));
        assert_eq!(
            found(&[], &[generic, "try:\n    import imp\nexcept ImportError: pass\n"]),
            is("3.12", '~', "0.py")
        );
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
