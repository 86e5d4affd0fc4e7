//! Where an import leads.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pysrc::{Import, ImportKind, Module, PythonVersion};
use rustc_hash::FxHashMap;

use super::requirements::Requirements;
use super::stdlib;
use super::view::{View, normal};
use crate::container::layout::ROOT;

/// Where modules are searched, and what is there besides the tree.
#[derive(Debug)]
pub struct Search<'a> {
    /// What the container holds.
    pub view: &'a View<'a>,
    /// Folders relative to the root, in order: the script's own, then PYTHONPATH, then `sys.path` edits.
    pub roots: Vec<String>,
    /// The group's requirements.
    pub requirements: &'a Requirements,
    /// Modules that are there without a requirement.
    pub also: &'a [String],
    /// Version of Python.
    pub version: PythonVersion,
    /// What was found so far.
    pub memo: Memo,
}

/// What names led to: a script's files import the same modules over and over.
#[derive(Debug, Default)]
pub struct Memo {
    /// Number of roots that it was found with; they only grow.
    roots: Cell<usize>,
    loaded: RefCell<FxHashMap<String, Rc<[Loaded]>>>,
}

/// What a module's name leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A file of the tree.
    File {
        /// Index in the tree's files.
        file: usize,
        /// Path as imported, relative to the root: may go through an alias.
        path: String,
        /// For a package: its folder.
        package: Option<String>,
    },
    /// A folder without `__init__.py`; several, in fact.
    Namespace(Vec<String>),
    /// A module of the standard library.
    Standard,
    /// A module that a requirement brings.
    Installed,
    /// Nothing.
    Missing(Missing),
}

/// Why a module is not there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Missing {
    /// Known distributions bring it; none is in the requirements.
    Package(&'static [&'static str]),
    /// What is before the dot is a module, not a package.
    NotAPackage,
    /// Gone from the standard library since this minor version.
    Gone(u8),
    /// Nothing of that name is known.
    Unknown,
}

/// A step of an import: `a`, then `a.b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Dotted name.
    pub name: String,
    /// What it leads to.
    pub target: Target,
}

impl Search<'_> {
    /// Each module that importing a dotted name loads, in order; the last may be missing.
    #[must_use]
    pub fn absolute(&self, name: &str) -> Rc<[Loaded]> {
        if self.memo.roots.replace(self.roots.len()) != self.roots.len() {
            self.memo.loaded.borrow_mut().clear();
        }
        if let Some(known) = self.memo.loaded.borrow().get(name) {
            return Rc::clone(known);
        }
        let loaded: Rc<[Loaded]> = self.look_up(name).into();
        self.memo
            .loaded
            .borrow_mut()
            .insert(name.to_owned(), Rc::clone(&loaded));
        loaded
    }

    fn look_up(&self, name: &str) -> Vec<Loaded> {
        let mut loaded: Vec<Loaded> = Vec::new();
        let mut full = String::new();
        for part in name.split('.') {
            if !full.is_empty() {
                full.push('.');
            }
            full.push_str(part);
            let target = match loaded.last().map(|parent| &parent.target) {
                None => self.top(part),
                Some(parent) => self.below(parent, &full, part),
            };
            let stop = matches!(target, Target::Missing(_));
            loaded.push(Loaded {
                name: full.clone(),
                target,
            });
            if stop {
                break;
            }
        }
        loaded
    }

    /// The submodule of something loaded.
    #[must_use]
    pub fn below(&self, parent: &Target, full: &str, part: &str) -> Target {
        let unknown = Target::Missing(Missing::Unknown);
        match parent {
            Target::File {
                package: Some(folder), ..
            } => self.in_folders(std::slice::from_ref(folder), part).unwrap_or(unknown),
            Target::File { package: None, .. } => Target::Missing(Missing::NotAPackage),
            Target::Namespace(folders) => self.in_folders(folders, part).unwrap_or(unknown),
            Target::Standard => {
                let (before, _) = full.rsplit_once('.').unwrap_or((full, ""));
                match (stdlib::names(full), stdlib::has_name(before, part)) {
                    (None, Some(false)) => unknown,
                    _ => Target::Standard,
                }
            }
            Target::Installed => match self.requirements.lack_part(full) {
                Some(_) => Target::Missing(Missing::Package(super::distributions::providers_of_part(full))),
                None => Target::Installed,
            },
            Target::Missing(missing) => Target::Missing(missing.clone()),
        }
    }

    fn top(&self, name: &str) -> Target {
        if stdlib::never_shadowed(name) {
            return Target::Standard;
        }
        let mine = self.in_folders(&self.roots, name);
        if let Some(found @ (Target::File { .. } | Target::Installed)) = mine {
            return found;
        }
        if stdlib::has(name, self.version) {
            return Target::Standard;
        }
        let shipped = matches!(name, "pip" | "setuptools" | "pkg_resources" | "wheel");
        if shipped || self.requirements.bring(name) || self.also.iter().any(|module| module == name) {
            return Target::Installed;
        }
        if let Some(namespace) = mine {
            // A package of that name would be found before it, and something that is installed may bring one.
            let may_be_installed = self.requirements.open && !super::distributions::providers(name).is_empty();
            return if may_be_installed { Target::Installed } else { namespace };
        }
        let providers = super::distributions::providers(name);
        Target::Missing(match stdlib::gone_since(name, self.version) {
            Some(minor) => Missing::Gone(minor),
            None if providers.is_empty() => Missing::Unknown,
            None => Missing::Package(providers),
        })
    }

    fn in_folders(&self, folders: &[String], name: &str) -> Option<Target> {
        if !self.view.has_name(name) {
            return None;
        }
        let mut portions = Vec::new();
        let mut path = String::new();
        for folder in folders {
            path.clear();
            if !folder.is_empty() {
                path.push_str(folder);
                path.push('/');
            }
            path.push_str(name);
            let stem = path.len();
            path.push_str("/__init__.py");
            if let Some(file) = self.view.file(&path) {
                let package = path.get(..stem).map(str::to_owned);
                return Some(Target::File { file, path, package });
            }
            path.truncate(stem);
            // One that is there as source, too, is loaded without it.
            if self.view.is_compiled(&path) || self.view.is_compiled(&format!("{path}/__init__")) {
                return Some(Target::Installed);
            }
            path.push_str(".py");
            if let Some(file) = self.view.file(&path) {
                return Some(Target::File {
                    file,
                    path,
                    package: None,
                });
            }
            path.truncate(stem);
            if self.view.is_folder(&path) && !portions.contains(&path) {
                portions.push(path.clone());
            }
        }
        (!portions.is_empty()).then_some(Target::Namespace(portions))
    }

    /// The roots as messages name them.
    #[must_use]
    pub fn shown_roots(&self) -> String {
        let mut shown: Vec<String> = Vec::new();
        for root in &self.roots {
            let path = if root.is_empty() {
                format!("`{ROOT}`")
            } else {
                format!("`{ROOT}/{root}`")
            };
            if !shown.contains(&path) {
                shown.push(path);
            }
        }
        shown.join(", ")
    }
}

/// The roots of a script: its own folder, then the entries of PYTHONPATH (absolute).
#[must_use]
pub fn roots(script: &str, python_path: &[String]) -> Vec<String> {
    let folder = script.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut roots = vec![normal(folder)];
    for path in python_path {
        if let Some(below) = path.strip_prefix(ROOT) {
            roots.push(normal(below));
        }
    }
    roots
}

/// Why a relative import names no module, in CPython's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelativeImportError {
    /// What imports is in no package.
    #[error("attempted relative import with no known parent package")]
    NoPackage,
    /// It goes past the top.
    #[error("attempted relative import beyond top-level package")]
    BeyondTop,
}

/// The absolute name of the module that an import names; an error where a relative import goes past the top.
///
/// `package` is the dotted name of the package that the importing module is in, empty for a script.
///
/// # Errors
///
/// What CPython says.
pub fn absolute_name(import: &Import, package: &str) -> Result<String, RelativeImportError> {
    if import.level == 0 {
        return Ok(import.module.to_string());
    }
    if package.is_empty() {
        return Err(RelativeImportError::NoPackage);
    }
    let mut base = package;
    for _ in 1..import.level {
        base = match base.rsplit_once('.') {
            Some((parent, _)) => parent,
            None => return Err(RelativeImportError::BeyondTop),
        };
    }
    Ok(if import.module.is_empty() {
        base.to_owned()
    } else {
        format!("{base}.{}", import.module)
    })
}

/// The package that a module of that name is in, for its relative imports.
#[must_use]
pub fn package_of(name: &str, is_package: bool) -> &str {
    if is_package {
        name
    } else {
        name.rsplit_once('.').map_or("", |(package, _)| package)
    }
}

/// Whether a module may have a name that its source does not show.
#[must_use]
pub fn is_dynamic(module: &Module) -> bool {
    module.dynamic_names || !module.parses()
}

/// Whether an import is never run.
#[must_use]
pub fn never_runs(import: &Import) -> bool {
    import.guard.type_checking && import.kind != ImportKind::Call
}
