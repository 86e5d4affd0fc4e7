//! What agents import: the files of the tree on their start paths, the folders that these are found from, and the packages that
//! are not of the tree.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use pysrc::{ImportKind, Module, PythonVersion};
use rustc_hash::{FxHashMap, FxHashSet};

use super::evidence::Evidence;
use super::texts::is_put_aside;
use crate::python::imports::{distributions, stdlib};

/// More folders than a tree has that modules are looked up from.
const MOST_ROOTS: usize = 12;

/// The Python files of a tree, with the folders that they make importable.
#[derive(Debug)]
pub struct Sources {
    files: Vec<(String, Arc<Module>)>,
    by_path: FxHashMap<String, usize>,
    folders: FxHashSet<String>,
    /// Folders that hold a module or package of that name.
    holders: FxHashMap<String, Vec<String>>,
    /// Dotted names of which more than the first part is imported somewhere, by that part.
    parts: OnceCell<FxHashMap<String, BTreeSet<String>>>,
    /// Names of packages that the tree asks for.
    asked: FxHashSet<String>,
    version: PythonVersion,
}

/// A package that is not of the tree, as one file imports it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where it is imported first.
    pub evidence: Evidence,
    /// Some import of it is made without a `try` around it.
    pub needed: bool,
    /// Some import of it stands in no branch and no handler.
    pub sure: bool,
    /// Some import of it stands in no function: it runs when its file is imported.
    pub at_once: bool,
}

/// What files import, by the folder of the script that loads them, the number of further folders that modules are looked up from, and
/// the file: those folders only grow in number, so that whoever finds the same number finds the same folders.
type Walked<'a> = FxHashMap<(&'a str, usize, usize), Rc<[usize]>>;

/// What the agents of a group or a machine load.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Files, as indices of [`Sources`].
    pub files: BTreeSet<usize>,
    /// Top-level modules that are neither of the tree nor of the standard library.
    pub packages: BTreeMap<String, Wanted>,
    /// First-party names by the root they were found from, with the import that needed it.
    pub roots: BTreeMap<String, Evidence>,
    /// Names that are in two folders which both could be meant, with those folders.
    pub ambiguous: BTreeMap<String, Vec<String>>,
}

impl Loaded {
    /// Takes in what others load.
    pub fn join(&mut self, other: &Self) {
        self.files.extend(&other.files);
        for (name, wanted) in &other.packages {
            let own = self.packages.entry(name.clone()).or_insert_with(|| wanted.clone());
            own.needed |= wanted.needed;
            own.sure |= wanted.sure;
            own.at_once |= wanted.at_once;
        }
        for (root, evidence) in &other.roots {
            self.roots.entry(root.clone()).or_insert_with(|| evidence.clone());
        }
        self.ambiguous.extend(other.ambiguous.clone());
    }
}

impl Sources {
    /// The files: path and facts.
    #[must_use]
    pub fn new(files: Vec<(String, Arc<Module>)>, version: PythonVersion) -> Self {
        let by_path: FxHashMap<String, usize> = files
            .iter()
            .enumerate()
            .map(|(index, (path, _))| (path.clone(), index))
            .collect();
        let mut folders = FxHashSet::default();
        let mut holders: FxHashMap<String, Vec<String>> = FxHashMap::default();
        let mut hold = |path: &str| {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let name = name.strip_suffix(".py").unwrap_or(name);
            holders.entry(name.to_owned()).or_default().push(folder.to_owned());
        };
        for (path, _) in &files {
            hold(path);
            let mut folder = path.as_str();
            while let Some((above, _)) = folder.rsplit_once('/') {
                if !folders.insert(above.to_owned()) {
                    break;
                }
                hold(above);
                folder = above;
            }
        }
        Self {
            files,
            by_path,
            folders,
            holders,
            parts: OnceCell::new(),
            asked: FxHashSet::default(),
            version,
        }
    }

    /// Packages that the tree asks for, by their names as modules: no folder of the tree is looked for that has them.
    pub fn ask_for(&mut self, packages: impl IntoIterator<Item = String>) {
        self.asked.extend(packages);
    }

    /// Every file: path and facts.
    #[must_use]
    pub fn into_files(self) -> Vec<(String, Arc<Module>)> {
        self.files
    }

    /// Whether any file has syntax that this version of Python does not know, and a later one does.
    #[must_use]
    pub fn have_newer_syntax(&self) -> bool {
        self.files.iter().any(|(_, module)| module.newer_syntax.is_some())
    }

    /// A file's path and facts.
    #[must_use]
    pub fn file(&self, index: usize) -> Option<(&str, &Module)> {
        self.files
            .get(index)
            .map(|(path, module)| (path.as_str(), module.as_ref()))
    }

    /// All files.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Module)> {
        self.files.iter().map(|(path, module)| (path.as_str(), module.as_ref()))
    }

    /// The files of some indices.
    pub fn files<'a>(&'a self, indices: &'a BTreeSet<usize>) -> impl Iterator<Item = (&'a str, &'a Module)> {
        indices.iter().filter_map(|index| self.file(*index))
    }

    /// Folders in or below which any Python file lies.
    #[must_use]
    pub fn folders(&self) -> &FxHashSet<String> {
        &self.folders
    }

    /// What scripts load when modules are looked up from these folders besides their own, and from those that turn out to be needed.
    #[must_use]
    pub fn load(&self, scripts: &[&str], python_path: &[String]) -> Loaded {
        let mut loaded = Loaded::default();
        let mut extra: Vec<String> = python_path.to_vec();
        let mut known = Walked::default();
        loop {
            let before = extra.len();
            loaded.files.clear();
            for script in scripts {
                self.load_one(script, &mut extra, &mut loaded, &mut known);
            }
            // A root that was found late may serve what was looked at early.
            if extra.len() == before {
                return loaded;
            }
        }
    }

    fn load_one<'a>(&self, script: &'a str, extra: &mut Vec<String>, loaded: &mut Loaded, known: &mut Walked<'a>) {
        let Some(start) = self.by_path.get(script).copied() else {
            return;
        };
        let home = script.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut seen = vec![false; self.files.len()];
        let mut queue = VecDeque::from([start]);
        seen[start] = true;
        while let Some(file) = queue.pop_front() {
            let before = extra.len();
            let next = match known.get(&(home, before, file)) {
                Some(next) => Rc::clone(next),
                None => {
                    let next: Rc<[usize]> = self.imports_of(file, home, extra, loaded).into();
                    if extra.len() == before {
                        known.insert((home, before, file), Rc::clone(&next));
                    }
                    next
                }
            };
            queue.extend(next.iter().filter(|file| !std::mem::replace(&mut seen[**file], true)));
        }
        loaded.files.extend((0..seen.len()).filter(|file| seen[*file]));
    }

    /// The files that a file's imports lead to, in order; the same may be there twice.
    fn imports_of(&self, file: usize, home: &str, extra: &mut Vec<String>, loaded: &mut Loaded) -> Vec<usize> {
        let mut next = Vec::new();
        let (path, module) = &self.files[file];
        for import in module.imports.iter().filter(|import| !import.guard.type_checking) {
            let name = import.name.as_deref().filter(|name| *name != "*");
            if import.level > 0 {
                let mut folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                for _ in 1..import.level {
                    folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
                }
                next.extend(self.resolve(folder, &import.module, name).into_iter().flatten());
                continue;
            }
            let first = import.module.split('.').next().unwrap_or_default();
            if first.is_empty() {
                continue;
            }
            let roots = std::iter::once(home).chain(extra.iter().map(String::as_str));
            let found = roots
                .filter_map(|root| Some((root, self.resolve(root, &import.module, name)?)))
                .find(|(root, files)| !self.gives_way(root, first, files));
            let evidence = || {
                let line = module.position(import.span).line as usize;
                Evidence::new(path.as_str(), line, format!("imports `{}`", import.module))
            };
            if let Some((root, files)) = found {
                if !root.is_empty() && root != home {
                    loaded.roots.entry(root.to_owned()).or_insert_with(evidence);
                }
                next.extend(files);
                continue;
            }
            if stdlib::has(first, self.version) || stdlib::gone_since(first, self.version).is_some() {
                continue;
            }
            let root = (extra.len() < MOST_ROOTS).then(|| self.root_of(first, &import.module, path, loaded));
            if let Some(root) = root.flatten() {
                loaded.roots.entry(root.clone()).or_insert_with(evidence);
                next.extend(self.resolve(&root, &import.module, name).into_iter().flatten());
                extra.push(root);
                continue;
            }
            // A dynamic import proves no package.
            if import.kind != ImportKind::Call && !self.is_of_tree(first, home, extra) {
                let wanted = loaded.packages.entry(first.to_owned()).or_insert_with(|| Wanted {
                    evidence: evidence(),
                    needed: false,
                    sure: false,
                    at_once: false,
                });
                wanted.needed |= !import.guard.catches_import_error && !import.guard.catches_everything;
                wanted.sure |= wanted.needed && !import.guard.conditional;
                wanted.at_once |= !import.guard.function;
            }
        }
        next
    }

    /// Whether a folder without `__init__.py` that an import leads to is passed over: a module of the standard library or an installed
    /// package of that name is found before it, wherever it stands on the path (PEP 420). Where a file in it is meant, it is
    /// the tree's, unless the standard library has the name.
    fn gives_way(&self, root: &str, first: &str, files: &[usize]) -> bool {
        let path = join(root, first);
        let plain = self.folders.contains(&path)
            && !self.by_path.contains_key(&format!("{path}/__init__.py"))
            && !self.by_path.contains_key(&format!("{path}.py"));
        plain && (stdlib::has(first, self.version) || files.is_empty() && !distributions::providers(first).is_empty())
    }

    /// Whether the name is a module or package of the tree at one of its import roots: an import below it that leads to nothing is
    /// a fault of the tree, not a package.
    fn is_of_tree(&self, first: &str, home: &str, roots: &[String]) -> bool {
        roots.iter().map(String::as_str).chain([home]).any(|root| {
            let path = join(root, first);
            let there = self.folders.contains(&path) || self.by_path.contains_key(&format!("{path}.py"));
            there && !self.gives_way(root, first, &[])
        })
    }

    /// The folder that a module of the tree is found from which no root has: an ancestor of the importing file first, then the one
    /// that is nearest to the tree's root.
    fn root_of(&self, first: &str, dotted: &str, importer: &str, loaded: &mut Loaded) -> Option<String> {
        if !distributions::providers(first).is_empty() || self.asked.contains(&first.to_lowercase().replace('_', "-")) {
            return None;
        }
        let holders = self.holders.get(first)?;
        let mut serving: Vec<&String> = holders
            .iter()
            .filter(|folder| !folder.is_empty() && self.resolve(folder, dotted, None).is_some())
            // `brotli.py` that imports `brotli` does not mean itself.
            .filter(|folder| *importer != format!("{folder}/{first}.py"))
            .filter(|folder| self.serves(folder, first))
            // A copy that was put aside is none that the tree runs with, unless the importer is part of it.
            .filter(|folder| !is_put_aside(&format!("{folder}/{first}")) || is_put_aside(importer))
            .collect();
        serving.sort_by_key(|folder| {
            let above = importer.starts_with(&format!("{folder}/"));
            (!above, folder.matches('/').count(), (*folder).clone())
        });
        serving.dedup();
        let best = (*serving.first()?).clone();
        if serving.len() > 1 && !importer.starts_with(&format!("{best}/")) {
            let names = serving.iter().map(|folder| (*folder).clone()).collect();
            loaded.ambiguous.insert(first.to_owned(), names);
        }
        Some(best)
    }

    /// Whether a folder has most of what is imported below a name: where it has not, another package of that name is meant.
    fn serves(&self, folder: &str, first: &str) -> bool {
        let parts = self.parts.get_or_init(|| {
            let mut parts: FxHashMap<String, BTreeSet<String>> = FxHashMap::default();
            for (path, module) in self.files.iter().filter(|(path, _)| !is_put_aside(path)) {
                let imports = module.imports.iter().filter(|import| import.level == 0);
                for import in imports {
                    if let Some((first, _)) = import.module.split_once('.') {
                        // A package's own files may be stale with it.
                        let own = path.split('/').any(|part| part == first);
                        if !own {
                            parts
                                .entry(first.to_owned())
                                .or_default()
                                .insert(import.module.to_string());
                        }
                    }
                }
            }
            parts
        });
        parts.get(first).is_none_or(|dotted| {
            let there = dotted
                .iter()
                .filter(|dotted| self.resolve(folder, dotted, None).is_some());
            2 * there.count() >= dotted.len()
        })
    }

    /// The file that an import of a file leads to, looked up from its folder and from these; nothing where that is not of the tree.
    #[must_use]
    pub fn module_of(&self, importer: &str, level: u32, dotted: &str, roots: &[&str]) -> Option<usize> {
        let above = |folder: &'_ str| {
            folder
                .rsplit_once('/')
                .map_or(String::new(), |(above, _)| above.to_owned())
        };
        let mut folder = above(importer);
        for _ in 1..level {
            folder = above(&folder);
        }
        let file = |root: &str| {
            let path = match dotted {
                "" => root.to_owned(),
                dotted => join(root, &dotted.replace('.', "/")),
            };
            let named = self.by_path.get(&format!("{path}/__init__.py"));
            named.or_else(|| self.by_path.get(&format!("{path}.py"))).copied()
        };
        match level {
            0 => std::iter::once(folder.as_str())
                .chain(roots.iter().copied())
                .find_map(file),
            _ => file(&folder),
        }
    }

    /// The files that an import runs when it is looked up from a folder: the packages on the way, the module, and the submodule
    /// that `name` may be. Nothing where the module is not there.
    fn resolve(&self, root: &str, dotted: &str, name: Option<&str>) -> Option<Vec<usize>> {
        // Most imports are none of the tree, and most roots do not hold the others.
        if let Some(first) = dotted.split('.').find(|part| !part.is_empty())
            && !self.holders.get(first)?.iter().any(|folder| folder == root)
        {
            return None;
        }
        let mut files = Vec::new();
        let mut at = root.to_owned();
        let mut module = false;
        for part in dotted.split('.').filter(|part| !part.is_empty()) {
            if module {
                return None;
            }
            at = join(&at, part);
            module = !self.step(&at, &mut files)?;
        }
        if let Some(name) = name.filter(|_| !module) {
            self.step(&join(&at, name), &mut files);
        }
        Some(files)
    }

    /// One part of a dotted name: whether it is a package; nothing where it is not there.
    fn step(&self, at: &str, files: &mut Vec<usize>) -> Option<bool> {
        if self.folders.contains(at)
            && let Some(init) = self.by_path.get(&format!("{at}/__init__.py"))
        {
            files.push(*init);
            return Some(true);
        }
        if let Some(file) = self.by_path.get(&format!("{at}.py")) {
            files.push(*file);
            return Some(false);
        }
        self.folders.contains(at).then_some(true)
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// The top-level folders of some files, `.` where one lies in the tree's root itself.
#[must_use]
pub fn top_folders<'a>(paths: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    paths
        .into_iter()
        .map(|path| path.split_once('/').map_or(".", |(first, _)| first).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: PythonVersion = PythonVersion::USUAL;

    fn sources(files: &[(&str, &str)]) -> Sources {
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), Arc::new(pysrc::read(text.as_bytes(), VERSION))))
            .collect();
        Sources::new(files, VERSION)
    }

    #[test]
    fn a_folder_that_was_put_aside_is_no_import_root() {
        let of = |path: &str| {
            let files = [(path, "x = 1\n"), ("agents/a.py", "import core_of_it\n")];
            let sources = sources(&files);
            sources
                .load(&["agents/a.py"], &[])
                .roots
                .into_keys()
                .collect::<Vec<String>>()
        };
        assert_eq!(of("agents/shared/core_of_it.py"), ["agents/shared"]);
        assert!(of("agents/backups/core_of_it.py").is_empty());
    }

    #[test]
    fn a_start_path_names_its_roots_and_its_packages() {
        let sources = sources(&[
            (
                "main/agents/a.py",
                "import zmq, json\nfrom main.utils.net import go\nfrom helpers import x\nimport distutils\ntry:\n    import torch\nexcept ImportError:\n    torch = None\n",
            ),
            ("main/utils/__init__.py", ""),
            ("main/utils/net.py", "from . import wire\n"),
            ("main/utils/wire.py", "import common.base\n"),
            ("main/helpers.py", "import numpy\n"),
            ("lib/common/base.py", "import psutil\n"),
            ("lib/unused.py", "import flask\n"),
        ]);
        let loaded = sources.load(&["main/agents/a.py"], &[String::new()]);
        let packages: Vec<(&str, bool)> = loaded
            .packages
            .iter()
            .map(|(name, wanted)| (name.as_str(), wanted.needed))
            .collect();
        assert_eq!(
            packages,
            [("numpy", true), ("psutil", true), ("torch", false), ("zmq", true)]
        );
        let roots: Vec<&str> = loaded.roots.keys().map(String::as_str).collect();
        assert_eq!(roots, ["lib", "main"]);
        assert_eq!(loaded.roots["main"].place(), "main/agents/a.py:3");
        assert_eq!(loaded.files.len(), 6);
        let folders = top_folders(sources.files(&loaded.files).map(|(path, _)| path));
        assert_eq!(folders.into_iter().collect::<Vec<_>>(), ["lib", "main"]);
    }

    #[test]
    fn a_file_that_has_a_packages_name_by_chance_is_no_import_root() {
        let roots = |files: &[(&str, &str)], asked: Option<&str>| {
            let mut sources = sources(files);
            sources.ask_for(asked.map(str::to_owned));
            let roots = sources.load(&["a/x.py"], &[String::new()]).roots;
            roots.into_keys().collect::<Vec<String>>()
        };
        // It imports the package that it wraps.
        let wraps = [
            ("a/x.py", "import pack.brotly\n"),
            ("pack/brotly.py", "import brotly\n"),
        ];
        assert_eq!(roots(&wraps, None), Vec::<String>::new());
        // A module has no modules in it.
        let chance = [
            (
                "a/x.py",
                "from wisted import task\nfrom wisted.internet import reactor\n",
            ),
            ("a/util/wisted.py", ""),
        ];
        assert_eq!(roots(&chance, None), Vec::<String>::new());
        let listed = [("a/x.py", "import zhipuay\n"), ("a/provider/zhipuay/__init__.py", "")];
        assert_eq!(roots(&listed, None), ["a/provider"]);
        assert_eq!(roots(&listed, Some("zhipuay")), Vec::<String>::new());
        // Half of a package that is being moved is still the tree's.
        let half = [
            ("a/x.py", "import shared.one\nimport shared.two\n"),
            ("lib/shared/one.py", ""),
        ];
        assert_eq!(roots(&half, None), ["lib"]);
    }

    #[test]
    fn a_folder_without_init_gives_way_to_installed_packages_and_to_the_standard_library() {
        let sources = sources(&[
            (
                "a/x.py",
                "import helpers\nimport zmq\nfrom zmq import green\nimport zmq.auth\nimport logging\nimport redis.own\nimport plain\n",
            ),
            ("b/helpers.py", ""),
            ("b/zmq/tool.py", ""),
            ("b/logging/setup.py", "import never\n"),
            ("b/redis/own.py", "import psutil\n"),
            ("b/plain/part.py", ""),
        ]);
        let loaded = sources.load(&["a/x.py"], &[String::new()]);
        let packages: Vec<&str> = loaded.packages.keys().map(String::as_str).collect();
        // `redis.own` is meant, and only the tree has it.
        assert_eq!(packages, ["psutil", "zmq"]);
    }

    #[test]
    fn a_name_in_two_folders_is_told() {
        let sources = sources(&[
            ("a/x.py", "import shared\n"),
            ("one/shared.py", ""),
            ("two/shared.py", ""),
        ]);
        let loaded = sources.load(&["a/x.py"], &[String::new()]);
        assert_eq!(loaded.ambiguous["shared"], ["one", "two"]);
    }
}
