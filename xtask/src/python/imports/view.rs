//! What of the tree the containers of a machine hold, below [`crate::container::layout::ROOT`]: its code folders, what `include:` names, and
//! second names of paths.

use std::borrow::Cow;

use pysrc::PythonVersion;
use rayon::prelude::*;
use rustc_hash::FxHashSet;

use crate::container::layout::ROOT;
use crate::python::facts::TreeFacts;
use crate::stack::Writable;
use crate::stack::model::{Group, GroupId, MachineId, Stack};
use crate::stack::selection::{Out, Selection};

/// The tree as the containers of one machine see it.
#[derive(Debug)]
pub struct View<'a> {
    /// The tree.
    pub tree: &'a TreeFacts,
    selection: Selection,
    /// Those of the tree's paths that the containers have.
    held: FxHashSet<&'a str>,
    /// Second name → path.
    aliases: Vec<(String, String)>,
    folders: FxHashSet<&'a str>,
    /// Names of its folders and Python files, wherever they are: most imports are of neither.
    names: FxHashSet<&'a str>,
    /// Modules without source that Python would load, by their paths without an ending: extension modules, and bytecode.
    compiled: FxHashSet<&'a str>,
    /// Folders that volumes are mounted on for writing, absolute.
    pub volumes: Vec<String>,
    /// Folders that volumes are mounted on for reading only, absolute.
    readable: Vec<String>,
    /// What agents may write below the root besides.
    writable: Vec<Writable>,
    digest: blake3::Hash,
    /// Places of data that nobody has looked into, absolute: an image's assets, and what is mounted from the host.
    unseen: Vec<String>,
}

impl<'a> View<'a> {
    /// The view of a machine.
    #[must_use]
    pub fn new(stack: &Stack, machine: MachineId, tree: &'a TreeFacts) -> Self {
        Self::of(stack, machine, Selection::of_machine(stack, machine), tree)
    }

    /// The view of a group, whose image may have files that those of its machine's other groups do not have.
    #[must_use]
    pub fn of_group(stack: &Stack, group: GroupId, tree: &'a TreeFacts) -> Self {
        let Group {
            machine,
            include,
            writable,
            assets,
            extras,
            ..
        } = stack.group(group);
        let mut view = Self::of(stack, *machine, Selection::of_group(stack, group), tree);
        view.writable.clone_from(writable);
        let assets = assets.iter().map(|asset| &asset.to);
        let mounts = extras.mounts.iter().map(|mount| &mount.target);
        view.unseen = assets.chain(mounts).map(|path| normal_absolute(path)).collect();
        let more = format!("{:?} {include:?} {writable:?} {:?}", view.digest, view.unseen);
        view.digest = blake3::hash(more.as_bytes());
        view
    }

    /// A digest of all that the stack says of what is in it: of the same tree, two views with the same one are the same.
    #[must_use]
    pub fn digest(&self) -> blake3::Hash {
        self.digest
    }

    fn of(stack: &Stack, machine: MachineId, selection: Selection, tree: &'a TreeFacts) -> Self {
        let machine = stack.machine(machine);
        let code: Vec<&Vec<String>> = stack.machines.iter().map(|machine| &machine.code).collect();
        let said = format!(
            "{code:?} {:?} {:?} {:?} {:?} {:?}",
            machine.code,
            machine.path_aliases,
            (&stack.images.include, &stack.images.exclude),
            stack.secrets_in_tree,
            (folders(stack, false), folders(stack, true)),
        );
        let digest = blake3::hash(said.as_bytes());
        let links = tree.odd.links.iter();
        let selection = selection
            .knowing(tree.paths.iter().map(String::as_str))
            .with_links(links.map(|(link, target)| (link.as_str(), target.as_str())))
            .with_keys(tree.odd.keys.iter().map(|(path, why)| (path.as_str(), *why)));
        let paths: Vec<&str> = tree.paths.iter().map(String::as_str).collect();
        let held: Vec<&str> = paths.into_par_iter().filter(|path| selection.holds(path)).collect();
        let mut view = Self {
            tree,
            selection,
            held: held.into_iter().collect(),
            aliases: machine
                .path_aliases
                .iter()
                .map(|(alias, target)| (normal(alias), normal(target)))
                .chain(folder_links(tree))
                .collect(),
            folders: FxHashSet::default(),
            names: FxHashSet::default(),
            compiled: FxHashSet::default(),
            volumes: folders(stack, false),
            readable: folders(stack, true),
            writable: Vec::new(),
            digest,
            unseen: Vec::new(),
        };
        let held: Vec<&'a str> = view.held.iter().copied().collect();
        for path in held {
            let mut at = path;
            view.names.extend(name_of(at).strip_suffix(".py"));
            if let Some(module) = compiled_module(at, tree.version) {
                view.compiled.insert(module);
                view.names.insert(name_of(module));
            }
            while let Some((folder, _)) = at.rsplit_once('/') {
                if !view.folders.insert(folder) {
                    break;
                }
                view.names.insert(name_of(folder));
                at = folder;
            }
        }
        view
    }

    fn holds(&self, path: &str) -> bool {
        self.held.contains(path)
    }

    /// Whether the containers may have a file of that path, relative to the tree, which need not be among those that were listed; or why not.
    ///
    /// # Errors
    /// The reason for which no image has it.
    pub fn may_have(&self, path: &str) -> Result<(), Out> {
        self.selection.look(&self.real(path)).map(drop)
    }

    /// The path without second names: a link may lead to what is below another one.
    #[must_use]
    pub fn real<'path>(&self, path: &'path str) -> Cow<'path, str> {
        const MOST_LINKS: usize = 8;
        let mut real = Cow::Borrowed(path);
        for _ in 0..MOST_LINKS {
            match self.without_one(&real) {
                Some(further) => real = Cow::Owned(further),
                None => break,
            }
        }
        real
    }

    fn without_one(&self, path: &str) -> Option<String> {
        self.aliases.iter().find_map(|(alias, target)| {
            if path == alias {
                return Some(target.clone());
            }
            is_below(path, alias).then(|| format!("{target}{}", &path[alias.len()..]))
        })
    }

    /// Whether a module without source is there, by its path relative to the root, without an ending.
    #[must_use]
    pub fn is_compiled(&self, path: &str) -> bool {
        !self.compiled.is_empty() && self.compiled.contains(&*self.real(path))
    }

    /// Whether some folder or Python file may have that name.
    #[must_use]
    pub fn has_name(&self, name: &str) -> bool {
        self.names.contains(name)
            || self.aliases.iter().any(|(alias, _)| {
                alias
                    .split('/')
                    .any(|part| part.strip_suffix(".py").unwrap_or(part) == name)
            })
    }

    /// The Python file at a path relative to the root, if the containers have it.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<usize> {
        let real = self.real(path);
        self.tree.find(&real).filter(|_| self.holds(&real))
    }

    /// Whether a folder, relative to the root, is there.
    #[must_use]
    pub fn is_folder(&self, path: &str) -> bool {
        path.is_empty()
            || self.folders.contains(&*self.real(path))
            || self.aliases.iter().any(|(alias, _)| is_below(alias, path))
    }

    /// Whether a file of any kind, relative to the root, is there.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let real = self.real(path);
        self.holds(&real)
    }

    /// What a folder is by `writable:`, where that names it.
    fn written_kind(&self, path: &str) -> Option<FolderKind> {
        let below = path
            .strip_prefix(ROOT)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
        let real = self.real(below.trim_start_matches('/'));
        self.writable.iter().find_map(|writable| match writable {
            Writable::Folder(folder) if real == folder.as_str() => Some(FolderKind::Writable),
            Writable::Folder(folder) if is_below(&real, folder) => Some(FolderKind::InVolume),
            Writable::Files { folder, names } if real == folder.as_str() && names == "*" => Some(FolderKind::Writable),
            // It is made where the tree has none.
            Writable::Files { folder, .. } if real == folder.as_str() => Some(FolderKind::ReadOnly),
            _ => None,
        })
    }

    /// Whether agents may make a file or folder at an absolute path, although they may not do so in the whole folder.
    #[must_use]
    pub fn may_write(&self, path: &str) -> bool {
        let path = normal_absolute(path);
        let below = path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/'));
        below.is_some_and(|below| {
            let real = self.real(below);
            self.writable.iter().any(|writable| writable.covers(&real))
        })
    }

    /// What an absolute path of the container is.
    #[must_use]
    pub fn kind(&self, path: &str) -> FolderKind {
        let path = normal_absolute(path);
        let meets = |other: &String| *other == path || is_below(other, &path) || is_below(&path, other);
        if path != ROOT && self.unseen.iter().any(meets) {
            return FolderKind::Unknown;
        }
        if let Some(volume) = self
            .volumes
            .iter()
            .find(|volume| path == **volume || is_below(&path, volume))
        {
            return if path == *volume {
                FolderKind::Writable
            } else {
                FolderKind::InVolume
            };
        }
        if self.readable.contains(&path) {
            return FolderKind::ReadOnly;
        }
        if let Some(kind) = self.written_kind(&path) {
            return kind;
        }
        match path.as_str() {
            "/tmp" | "/dev" | "/dev/shm" | "/var/tmp" => return FolderKind::Writable,
            _ if path.starts_with("/tmp/") => return FolderKind::InVolume,
            _ if path.starts_with("/proc") || path.starts_with("/sys") || path.starts_with("/dev/") => {
                return FolderKind::Unknown;
            }
            _ => {}
        }
        if path == ROOT {
            return FolderKind::ReadOnly;
        }
        match path.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/')) {
            Some(below) if self.is_folder(below) => FolderKind::ReadOnly,
            Some(_) => FolderKind::Missing,
            None => {
                let first = path.split('/').nth(1).unwrap_or_default();
                let system = [
                    "bin", "boot", "etc", "lib", "lib64", "media", "mnt", "opt", "root", "run", "sbin", "srv", "usr",
                    "var",
                ];
                if first.is_empty() || system.contains(&first) {
                    FolderKind::Unknown
                } else {
                    FolderKind::Missing
                }
            }
        }
    }
}

fn folders(stack: &Stack, read_only: bool) -> Vec<String> {
    let volumes = stack.volumes.iter().filter(|volume| volume.read_only == read_only);
    volumes.map(|volume| normal_absolute(&volume.path)).collect()
}

/// What a folder of the container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderKind {
    /// There, and writable.
    Writable,
    /// Somewhere below a writable folder: there if somebody made it.
    InVolume,
    /// There, not writable.
    ReadOnly,
    /// Not there.
    Missing,
    /// Of the system: cannot be told.
    Unknown,
}

/// Links to folders of the tree: what is below them has a second name. A link to a file was read as that file.
fn folder_links(tree: &TreeFacts) -> impl Iterator<Item = (String, String)> {
    let links = tree
        .odd
        .links
        .iter()
        .map(|(link, target)| (link.clone(), normal(target)));
    links.filter(|(link, target)| {
        let leads_on = link != target && !is_below(target, link) && tree.find(link).is_none();
        leads_on && !tree.paths.contains(target)
    })
}

/// The path without its ending, where that is one of a module without source that this version of Python loads on Linux.
fn compiled_module(path: &str, version: PythonVersion) -> Option<&str> {
    let stem = path.strip_suffix(".so").or_else(|| path.strip_suffix(".pyc"))?;
    if path.ends_with(".pyc") {
        // What the interpreter keeps for itself is no module without its source.
        return (!path.contains("__pycache__/")).then_some(stem);
    }
    let name = name_of(stem);
    let (module, tag) = name.split_once('.').unwrap_or((name, ""));
    let ours = match tag.strip_prefix("cpython-3") {
        Some(rest) => {
            let (minor, platform) = rest.split_once('-').unwrap_or((rest, "linux"));
            minor.parse() == Ok(version.minor) && platform.contains("linux")
        }
        None => tag.is_empty() || tag == "abi3",
    };
    ours.then(|| &stem[..stem.len() - name.len() + module.len()])
}

fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// A relative path without `.`, `..`, doubled and outer slashes.
#[must_use]
pub fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The same for an absolute path.
#[must_use]
pub fn normal_absolute(path: &str) -> String {
    format!("/{}", normal(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_without_source() {
        let version = PythonVersion::USUAL;
        for (path, module) in [
            ("a/fast.cpython-311-x86_64-linux-gnu.so", Some("a/fast")),
            ("fast.abi3.so", Some("fast")),
            ("a.b/fast.so", Some("a.b/fast")),
            ("a/fast.pyc", Some("a/fast")),
            ("a/__pycache__/fast.cpython-311.pyc", None),
            ("a/fast.cpython-310-x86_64-linux-gnu.so", None),
            ("a/fast.cpython-311-darwin.so", None),
            ("a/fast.cp311-win_amd64.pyd", None),
            ("a/libfast.so.1", None),
            ("a/fast.py", None),
        ] {
            assert_eq!(compiled_module(path, version), module, "{path}");
        }
    }
}
