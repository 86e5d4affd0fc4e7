//! Requirements: the file of the tree that serves a group's agents, or one that is made from what they import.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use pysrc::PythonVersion;

use super::evidence::{Evidence, Known};
use super::imports::{Loaded, Wanted};
use super::texts::{Kind, Texts, is_put_aside};
use crate::python::facts::TreeFacts;
use crate::python::imports::distributions::providers;
use crate::python::imports::requirements::{self, Requirement, Requirements};
use crate::stack::requirements_lock::without_comment;
use crate::stack::scalar::one_line;

/// Share of the imported packages that a file must bring to serve, in hundredths.
const SERVES: usize = 95;

/// Two files whose shares are that near are as good as each other, in hundredths.
const NEAR: usize = 10;

/// The requirements files of a tree.
#[derive(Debug)]
pub struct Files {
    all: Vec<(String, Requirements)>,
    /// The first line of a Dockerfile or launcher that names each.
    mentions: BTreeMap<String, Evidence>,
    /// What the tree's own package asks for.
    project: Vec<Asked>,
}

/// A distribution that a `pyproject.toml` or `setup.py` asks for.
#[derive(Debug)]
struct Asked {
    /// Its name as indexes compare it.
    name: String,
    /// As it is written, with its versions.
    line: String,
    place: String,
}

/// What a group's packages are installed from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file of the tree.
    Tree(String),
    /// A file that is to be made: path and text.
    Made(String, String),
}

impl Source {
    /// The file's path relative to the tree.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Tree(path) | Self::Made(path, _) => path,
        }
    }
}

impl Files {
    /// Those of a tree, as that version of Python takes them.
    #[must_use]
    pub fn new(texts: &Texts, version: PythonVersion) -> Self {
        let mut facts = TreeFacts::default();
        facts.version = version;
        let read = texts.of(Kind::Requirements);
        facts.texts = read.map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        let mut all: Vec<(String, Requirements)> = texts
            .of(Kind::Requirements)
            .filter(|(path, _)| !is_put_aside(path))
            .map(|(path, _)| (path.to_owned(), requirements::read(&facts, path, version, None)))
            // One with lines that pip refuses installs nothing.
            .filter(|(_, requirements)| requirements.invalid.is_empty())
            .collect();
        all.sort_by_key(|(path, _)| (path.matches('/').count(), path.len(), path.clone()));
        let mut mentions = BTreeMap::new();
        for kind in [Kind::Dockerfile, Kind::Launcher] {
            for (path, number, line) in texts.lines(kind) {
                for (file, _) in all.iter().filter(|(file, _)| line.contains(file.as_str())) {
                    let evidence = || Evidence::new(path, number, "installs it");
                    mentions.entry(file.clone()).or_insert_with(evidence);
                }
            }
        }
        let project = texts.of(Kind::Python).filter(|(path, _)| !is_put_aside(path));
        let project = project.flat_map(|(path, text)| asked(path, text)).collect();
        Self { all, mentions, project }
    }

    /// Names of all distributions that the tree asks for, as indexes compare them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let listed = self
            .all
            .iter()
            .flat_map(|(_, file)| &file.all)
            .map(|asked| asked.name.as_str());
        listed.chain(self.project.iter().map(|asked| asked.name.as_str()))
    }

    /// What serves a group with these scripts; `made` is the path of the file that is made where nothing of the tree does.
    #[must_use]
    pub fn choose(&self, group: &str, home: &str, scripts: &[&str], loaded: &Loaded, made: &str) -> Known<Source> {
        // What nothing is known to bring says nothing about a file.
        let can_be_had =
            |module: &str| !providers(module).is_empty() || self.all.iter().any(|(_, file)| file.bring(module));
        let spared = self.spared(loaded);
        let (needed, nowhere): (Vec<_>, Vec<_>) = loaded
            .packages
            .iter()
            .filter(|(module, wanted)| wanted.needed && !spared.contains(module.as_str()))
            .partition(|(module, _)| can_be_had(module));
        let share = |requirements: &Requirements| {
            let brought = needed.iter().filter(|(module, _)| requirements.bring(module)).count();
            (brought * 100).checked_div(needed.len()).unwrap_or(100)
        };
        let named = |path: &str| {
            let name = path.rsplit('/').next().unwrap_or(path);
            let stem = name.strip_suffix(".txt").unwrap_or(name);
            super::machines::slug(stem)
                .replace("requirements", "")
                .trim_matches('-')
                == group
        };
        // As services have it that are built each from a folder of its own.
        let beside = |path: &str| {
            let folder = path.rfind('/').map_or("", |at| &path[..=at]);
            let all = !scripts.is_empty() && scripts.iter().all(|script| script.starts_with(folder));
            if all { folder.len() } else { 0 }
        };
        let below = |path: &str| !home.is_empty() && path.starts_with(&format!("{home}/"));
        let rank = |path: &str, share: usize| {
            (
                share,
                named(path),
                self.mentions.contains_key(path),
                beside(path),
                below(path),
                path.ends_with("requirements.txt"),
            )
        };
        let mut ranked: Vec<(&String, usize)> = self
            .all
            .iter()
            .map(|(path, requirements)| (path, share(requirements)))
            .collect();
        ranked.sort_by_key(|(path, share)| std::cmp::Reverse(rank(path, *share)));
        let Some(((path, best), requirements)) = ranked
            .first()
            .filter(|(_, share)| *share >= SERVES)
            .and_then(|(path, share)| Some(((*path, *share), &self.all.iter().find(|(known, _)| known == *path)?.1)))
        else {
            return self.make(group, loaded, made, &ranked);
        };
        let brought = needed.iter().filter(|(module, _)| requirements.bring(module)).count();
        let says = match needed.len() {
            0 => "the agents import no package".to_owned(),
            all => format!("brings {brought} of {all} imported packages"),
        };
        let mut evidence = vec![Evidence::new(path.as_str(), 0, says)];
        evidence.extend(self.mentions.get(path).cloned());
        let mut known = Known::agreed(Source::Tree(path.clone()), evidence);
        if let Some((module, wanted)) = needed.iter().find(|(module, _)| !requirements.bring(module)) {
            known = known.but(format!(
                "it does not bring `{module}`, imported in {}",
                wanted.evidence.place()
            ));
        }
        for (module, wanted) in loaded
            .packages
            .iter()
            .filter(|(module, _)| spared.contains(module.as_str()))
        {
            known = known.but(format!(
                "it does not bring `{module}`, which is imported only when a function runs, or in a branch ({})",
                wanted.evidence.place()
            ));
        }
        for (module, wanted) in nowhere.into_iter().filter(|(_, wanted)| wanted.sure) {
            known = known.but(format!(
                "no package is known to bring `{module}`, imported in {}",
                wanted.evidence.place()
            ));
        }
        let decided = named(path) || self.mentions.contains_key(path) || beside(path) > 0;
        match ranked
            .get(1)
            .filter(|(_, share)| !decided && !needed.is_empty() && best - share <= NEAR)
        {
            Some((other, _)) => known.but(format!("`{other}` serves as well")),
            None => known,
        }
    }

    /// Modules that agents get along without, as far as their tree knows: they are imported only when a function runs, or in a branch, and
    /// none of the tree's files asks for them, although these ask for all that is imported in any case.
    fn spared<'l>(&self, loaded: &'l Loaded) -> BTreeSet<&'l str> {
        let is_asked_for = |module: &str| {
            self.all.iter().any(|(_, file)| line_of(file, module).is_some()) || self.asked(module).is_some()
        };
        let is_certain = |wanted: &Wanted| wanted.sure && wanted.at_once;
        let known = loaded
            .packages
            .iter()
            .filter(|(module, wanted)| wanted.needed && !providers(module).is_empty());
        let (certain, others): (Vec<_>, Vec<_>) = known.partition(|(_, wanted)| is_certain(wanted));
        if certain.is_empty() || !certain.iter().all(|(module, _)| is_asked_for(module)) {
            return BTreeSet::new();
        }
        let others = others.into_iter().map(|(module, _)| module.as_str());
        others.filter(|module| !is_asked_for(module)).collect()
    }

    /// A file made from imports, with the versions that the tree's own files name, the one that serves best first.
    fn make(&self, group: &str, loaded: &Loaded, made: &str, ranked: &[(&String, usize)]) -> Known<Source> {
        let mut lines: BTreeMap<String, String> = BTreeMap::new();
        let mut unknown = Vec::new();
        let mut optional = Vec::new();
        let spared = self.spared(loaded);
        for (module, wanted) in &loaded.packages {
            let from = self.written(module, ranked);
            let asked = self.asked(module).filter(|_| from.is_none());
            let line = match (&from, providers(module).first()) {
                (Some((_, line)), _) => line.clone(),
                (None, _) if asked.is_some() => asked.map(|asked| asked.line.clone()).unwrap_or_default(),
                (None, Some(provider)) if wanted.needed && !spared.contains(module.as_str()) => (*provider).to_owned(),
                (None, Some(provider)) => {
                    let how = match wanted.needed {
                        true => "imported only when a function runs, or in a branch, in",
                        false => "imported in a `try` in",
                    };
                    optional.push((*provider, how, &wanted.evidence));
                    continue;
                }
                (None, None) => {
                    unknown.push((module.as_str(), wanted));
                    continue;
                }
            };
            let why = match from {
                None if asked.is_some() => format!(
                    "imported in {}; as in {}",
                    wanted.evidence.place(),
                    asked.map(|asked| asked.place.as_str()).unwrap_or_default()
                ),
                Some((requirement, _)) => format!(
                    "imported in {}; as in {}:{}",
                    wanted.evidence.place(),
                    requirement.place.path,
                    requirement.place.line
                ),
                None => format!("imported in {}", wanted.evidence.place()),
            };
            lines.entry(line).or_insert(why);
        }
        let mut text = format!("# What the agents of `{group}` import. Made by `init`; yours to change.\n");
        for (line, why) in &lines {
            let _ = writeln!(text, "{line}  # {}", one_line(why));
        }
        for (name, how, evidence) in &optional {
            let _ = writeln!(text, "# {name}  # {how} {}", one_line(&evidence.place()));
        }
        for (module, wanted) in &unknown {
            let _ = writeln!(
                text,
                "# ? {}: imported in {}, and no package is known to bring it",
                one_line(module),
                one_line(&wanted.evidence.place())
            );
        }
        // What stands in a branch or a handler may be for other versions of Python.
        unknown.retain(|(_, wanted)| wanted.sure);
        let says = match ranked.first() {
            Some((path, share)) => format!("the best file of the tree, `{path}`, brings {share} % of what is imported"),
            None => "the tree has no requirements file that can be installed".to_owned(),
        };
        let first = loaded.packages.values().map(|wanted| wanted.evidence.clone()).take(2);
        let known = Known::agreed(Source::Made(made.to_owned(), text), first.collect());
        let mut known = if !ranked.is_empty() || !lines.is_empty() {
            known.but(says)
        } else {
            known
        };
        for (module, wanted) in loaded
            .packages
            .iter()
            .filter(|(module, _)| spared.contains(module.as_str()))
        {
            known = known.but(format!(
                "`{module}` is left out: it is imported only when a function runs, or in a branch ({}), and no requirements file names it",
                wanted.evidence.place()
            ));
        }
        match unknown.as_slice() {
            [] => known,
            [(module, wanted), rest @ ..] => {
                let more = match rest.len() {
                    0 => String::new(),
                    more => format!(", and {more} more"),
                };
                known.but(format!(
                    "no package is known to bring `{module}` ({}){more}",
                    wanted.evidence.place()
                ))
            }
        }
    }

    /// What the tree's own package asks for to have a module.
    fn asked(&self, module: &str) -> Option<&Asked> {
        let brings = |asked: &&Asked| asked.name == normal(module) || providers(module).contains(&asked.name.as_str());
        self.project.iter().find(brings)
    }

    /// The line that brings a module as its own, of the first of these files that has one.
    fn written(&self, module: &str, ranked: &[(&String, usize)]) -> Option<(&Requirement, String)> {
        ranked.iter().find_map(|(path, _)| {
            let (_, file) = self.all.iter().find(|(known, _)| known == *path)?;
            line_of(file, module)
        })
    }
}

/// The line of a file that brings a module as its own.
fn line_of<'f>(file: &'f Requirements, module: &str) -> Option<(&'f Requirement, String)> {
    let requirement = file.of(module).filter(|requirement| !requirement.elsewhere)?;
    let line = without_comment(&requirement.place.text);
    let line = line.split(" --").next().unwrap_or(line).trim_end_matches('\\').trim();
    let installable = !line.starts_with('-') && !line.contains("${") && !line.is_empty();
    installable.then(|| (requirement, line.to_owned()))
}

/// `Simple_JSON` is `simple-json`.
fn normal(name: &str) -> String {
    let letters = name.chars().map(|c| match c {
        '_' | '.' => '-',
        c => c.to_ascii_lowercase(),
    });
    letters.collect()
}

/// What a `pyproject.toml` or `setup.py` asks for: the texts of `dependencies = […]` and `install_requires=[…]`.
fn asked(path: &str, text: &str) -> Vec<Asked> {
    let key = match path.rsplit('/').next() {
        Some("pyproject.toml") => "\ndependencies",
        Some("setup.py") => "install_requires",
        _ => return Vec::new(),
    };
    let Some(at) = text.find(key).map(|at| at + key.len()) else {
        return Vec::new();
    };
    let list = text[at..].trim_start_matches([' ', '\t', '=']);
    let (Some(inside), before) = (list.strip_prefix('['), text.len() - list.len()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut line = text[..before].matches('\n').count() + 1;
    let mut rest = inside;
    while let Some(at) = rest.find(['\'', '"', ']', '\n', '#']) {
        let (sign, behind) = (rest.as_bytes()[at], &rest[at + 1..]);
        rest = behind;
        match sign {
            b']' => break,
            b'\n' => line += 1,
            b'#' => rest = behind.find('\n').map_or("", |end| &behind[end..]),
            quote => {
                let Some((asked, behind)) = behind.split_once(char::from(quote)) else {
                    break;
                };
                rest = behind;
                let end = asked.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
                let name = normal(&asked[..end.unwrap_or(asked.len())]);
                // Addresses are nothing that a lock takes.
                if !name.is_empty() && !asked.contains('@') && !asked.contains('\n') {
                    found.push(Asked {
                        name,
                        line: asked.to_owned(),
                        place: format!("{path}:{line}"),
                    });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::imports::Wanted;
    use super::*;

    fn files(all: &[(&str, &str)]) -> Files {
        let all = all
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        Files::new(&Texts::new(all), PythonVersion::USUAL)
    }

    fn loaded(modules: &[(&str, bool)]) -> Loaded {
        let packages = modules.iter().map(|(module, needed)| {
            let evidence = Evidence::new("a.py", 3, "imports it");
            (
                (*module).to_owned(),
                Wanted {
                    evidence,
                    needed: *needed,
                    sure: *needed,
                    at_once: true,
                },
            )
        });
        Loaded {
            packages: packages.collect(),
            ..Loaded::default()
        }
    }

    #[test]
    fn the_file_that_brings_what_is_imported_serves() {
        let files = files(&[
            ("requirements.txt", "flask\n"),
            ("main/requirements_main.txt", "pyzmq==25.1\nnumpy\n"),
            ("requirements_old.txt", "pyzmq\nnumpy\n"),
        ]);
        let chosen = files.choose(
            "core",
            "main",
            &[],
            &loaded(&[("zmq", true), ("numpy", true), ("torch", false)]),
            "x.txt",
        );
        assert_eq!(chosen.value.path(), "main/requirements_main.txt");
        assert!(chosen.doubts.is_empty(), "{chosen:?}");
    }

    #[test]
    fn a_module_that_no_package_brings_does_not_speak_against_a_file() {
        let files = files(&[("requirements.txt", "pyzmq\n")]);
        let chosen = files.choose("core", "", &[], &loaded(&[("zmq", true), ("our_own", true)]), "x.txt");
        assert_eq!(chosen.value.path(), "requirements.txt");
        assert_eq!(
            chosen.doubts,
            ["no package is known to bring `our_own`, imported in a.py:3"]
        );
    }

    #[test]
    fn of_files_that_serve_alike_the_one_beside_the_scripts_is_taken() {
        let files = files(&[
            ("a/requirements.txt", "pyzmq\nflask\n"),
            ("b/requirements.txt", "pyzmq\n"),
        ]);
        let of = |scripts: &[&str]| files.choose("core", "", scripts, &loaded(&[("zmq", true)]), "x.txt");
        let chosen = of(&["b/main.py"]);
        assert_eq!((chosen.value.path(), chosen.doubts.len()), ("b/requirements.txt", 0));
        let doubted = of(&["c/main.py"]);
        assert_eq!(doubted.doubts, ["`b/requirements.txt` serves as well"]);
    }

    #[test]
    fn what_the_tree_s_own_package_asks_for_is_known() {
        let files = files(&[
            (
                "setup.py",
                "setup(\n  install_requires=['simplejson>=3', # \n   \"Our_Own\",\n 'x @ https://x'])\n",
            ),
            (
                "pyproject.toml",
                "[project]\ndependencies = [\n  \"numpy<2\",\n]\nother = ['flask']\n",
            ),
        ]);
        let mut wanted = loaded(&[("simplejson", true), ("our_own", true), ("numpy", true), ("old", true)]);
        wanted.packages.get_mut("old").unwrap().sure = false;
        let chosen = files.choose("core", "", &[], &wanted, "config/requirements.core.txt");
        let Source::Made(_, text) = &chosen.value else {
            panic!("{chosen:?}");
        };
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "Our_Own  # imported in a.py:3; as in setup.py:3",
                "numpy<2  # imported in a.py:3; as in pyproject.toml:3",
                "simplejson>=3  # imported in a.py:3; as in setup.py:2"
            ]
        );
        // What stands in a handler alone is no doubt.
        assert!(text.contains("# ? old") && chosen.doubts.len() == 1, "{chosen:?}");
    }

    #[test]
    fn what_only_some_ways_need_and_the_tree_never_asks_for_is_left_out() {
        let files = files(&[("requirements-wire.txt", "pyzmq\n"), ("requirements.txt", "pyyaml\n")]);
        let of = |certain: &[&str]| {
            let mut wanted = loaded(&[("zmq", true), ("yaml", true), ("torch", true), ("tomli", true)]);
            for (module, package) in &mut wanted.packages {
                package.at_once = module != "torch";
                package.sure = module != "tomli";
            }
            let more = loaded(&certain.iter().map(|module| (*module, true)).collect::<Vec<_>>());
            wanted.packages.extend(more.packages);
            files.choose("core", "", &[], &wanted, "made.txt")
        };
        let chosen = of(&[]);
        let Source::Made(_, text) = &chosen.value else {
            panic!("{chosen:?}");
        };
        for line in [
            "# torch  # imported only when a function runs, or in a branch, in a.py:3",
            "# tomli  # imported only when a function runs",
            "pyzmq  # ",
        ] {
            assert!(text.lines().any(|found| found.starts_with(line)), "{line}\n{text}");
        }
        let said = |doubts: &[String]| doubts.iter().any(|doubt| doubt.starts_with("`torch` is left out"));
        assert!(said(&chosen.doubts), "{chosen:?}");
        // Where the tree asks for less than it needs in any case, its silence says nothing.
        let chosen = of(&["numpy"]);
        let Source::Made(_, text) = &chosen.value else {
            panic!("{chosen:?}");
        };
        assert!(text.contains("\ntorch  # ") && !said(&chosen.doubts), "{text}");
    }

    #[test]
    fn versions_are_those_of_the_file_that_serves_best() {
        let files = files(&[
            ("requirements.txt", "pyzmq>=26\nPyYAML\n"),
            ("pc2/requirements.txt", "pyzmq==24.0.1\nbeautifulsoup4\n"),
        ]);
        let wanted = loaded(&[("zmq", true), ("yaml", true), ("bs4", true), ("networkx", true)]);
        let chosen = files.choose("core", "main", &[], &wanted, "config/requirements.core.txt");
        let Source::Made(_, text) = &chosen.value else {
            panic!("{chosen:?}");
        };
        assert!(
            text.contains("\npyzmq>=26  # ") && text.contains("\nbeautifulsoup4  # "),
            "{text}"
        );
    }

    #[test]
    fn where_none_serves_one_is_made_with_the_versions_of_the_tree() {
        let files = files(&[
            ("requirements.txt", "pyzmq==25.1  # wire\nflask\n"),
            ("requirements-broken.txt", "numpy scipy\n"),
        ]);
        let wanted = loaded(&[
            ("zmq", true),
            ("yaml", true),
            ("threa", true),
            ("torch", false),
            ("flask", false),
        ]);
        let chosen = files.choose("core", "", &[], &wanted, "config/requirements.core.txt");
        let Source::Made(path, text) = &chosen.value else {
            panic!("{chosen:?}");
        };
        assert_eq!(path, "config/requirements.core.txt");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "flask  # imported in a.py:3; as in requirements.txt:2",
                "pyyaml  # imported in a.py:3",
                "pyzmq==25.1  # imported in a.py:3; as in requirements.txt:1"
            ]
        );
        assert!(text.contains("# torch") && text.contains("# ? threa"), "{text}");
        assert_eq!(chosen.doubts.len(), 2, "{chosen:?}");
    }
}
