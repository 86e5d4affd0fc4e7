//! Locks of requirements files: which there are, what is wrong with them, and how uv makes them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pysrc::PythonVersion;

use super::package_index;
use crate::host::system::files::{self, FileError};
use crate::host::system::process::{ProcessError, Program};
use crate::host::system::repository::Repository;
use crate::host::tree;
use crate::host::tree::root::{LONGEST_TEXT, TreeError};
use crate::host::tree::walk::{self, What};
use crate::images::uv::{UV_VERSION, uv_requirement};
use crate::stack::lockable::{Lockable, Refused};
use crate::stack::requirements_lock::{self as lock, Locked, Sources, Stale};
use crate::stack::{Group, Stack};

/// How long an index may take to answer all that is asked for one lock.
const LIMIT: Duration = Duration::from_secs(900);

/// Of which variants requirements files are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Of those that hold.
    Chosen,
    /// Of all.
    All,
}

/// The requirements files of these groups, of all where none is named, with their locks.
///
/// # Errors
/// When a file cannot be read.
pub fn look(
    repository: &Repository,
    tree_path: &Path,
    stack: &Stack,
    groups: &BTreeSet<String>,
    which: Which,
) -> Result<Vec<Locked>, FileError> {
    let wanted_groups = stack
        .groups
        .iter()
        .filter(|group| groups.is_empty() || groups.contains(&group.name));
    let requirements: BTreeSet<&String> = match which {
        Which::Chosen => wanted_groups.map(|group| &group.requirements).collect(),
        Which::All => wanted_groups.flat_map(Group::all_requirements).collect(),
    };
    let root = tree::open(tree_path)?;
    requirements
        .into_iter()
        // Of one that nobody named and that is not there, validation has said so: nothing is installed.
        .filter(|file| {
            stack.names_requirements(file) || !matches!(root.read(file, LONGEST_TEXT), Err(TreeError::Missing))
        })
        .map(|requirements| {
            let mut wanted = lock::wanted(requirements, &mut |file| {
                root.read_text(file)
                    .map_err(|error| tree::on("read", &tree_path.join(file), error))
            })?;
            wanted.extend(stack.sources(requirements).wanted(requirements));
            let lock = read(repository, stack, requirements)?;
            let stale = match &lock {
                Some(text) => lock::stale(text, &wanted, stack.python_version),
                None => vec![Stale::Missing],
            };
            Ok(Locked {
                path: lock::path(stack, requirements),
                requirements: requirements.clone(),
                wanted,
                lock,
                stale,
            })
        })
        .collect()
}

/// Requirements files of the stack that have a lock.
#[must_use]
pub fn locked(repository: &Repository, stack: &Stack) -> BTreeSet<String> {
    let Ok(root) = repository.folder() else {
        return BTreeSet::new();
    };
    let requirements = stack.groups.iter().flat_map(Group::all_requirements);
    requirements
        .filter(|requirements| root.has_file(lock::path(stack, requirements)))
        .cloned()
        .collect()
}

/// The text of a requirements file's lock; none where it has none.
///
/// # Errors
/// When there is one that cannot be read, or a link leads out of the repository.
pub fn read(repository: &Repository, stack: &Stack, requirements: &str) -> Result<Option<String>, FileError> {
    let path = lock::path(stack, requirements);
    let there = repository.read(&path)?;
    there
        .map(|bytes| {
            let not_text = |_| FileError::on("read", &repository.path(&path))(TreeError::Encoding.into_io());
            String::from_utf8(bytes).map_err(not_text)
        })
        .transpose()
}

/// Locks of requirements files that no group has, relative to the repository.
///
/// # Errors
/// When their folder is a link that leads out of the repository, or cannot be opened.
pub fn unused(repository: &Repository, stack: &Stack) -> Result<Vec<String>, FileError> {
    let used: BTreeSet<String> = stack
        .groups
        .iter()
        .flat_map(Group::all_requirements)
        .map(|requirements| lock::path(stack, requirements))
        .collect();
    let root = repository.folder()?;
    let folder = stack.output.at(lock::FOLDER);
    let locks = match root.below(&folder) {
        Ok(locks) => locks,
        Err(TreeError::Missing) => return Ok(Vec::new()),
        Err(error) => return Err(root.failed("read", Path::new(&folder), error)),
    };
    Ok(walk::walk(&locks, &|_| true, &|_| true)
        .into_iter()
        .filter(|entry| entry.what == What::File)
        .map(|entry| format!("{folder}/{}", entry.path))
        .filter(|path| !used.contains(path))
        // What people put beside the locks is theirs.
        .filter(|path| root.read_text(path).is_ok_and(|text| lock::is_lock(&text)))
        .collect())
}

/// Which versions that were locked are looked for anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrade {
    /// None: what was locked stays as long as it does for the requirements.
    Nothing,
    /// Those of these distributions.
    These(Vec<String>),
    /// All.
    Everything,
}

/// uv in a folder of ours.
#[derive(Debug)]
pub struct Uv {
    folder: PathBuf,
}

impl Uv {
    /// The one that is there, if it is.
    #[must_use]
    pub fn find(repository: &Repository) -> Option<Self> {
        let folder = uv_folder(repository);
        let uv = Self { folder };
        uv.program().is_file().then_some(uv)
    }

    /// Installs it from the host's package index; nothing of the host is touched.
    ///
    /// # Errors
    /// When Python has no `venv`, or the index does not have it.
    pub fn install(repository: &Repository) -> Result<Self, ResolveError> {
        let folder = uv_folder(repository);
        Program::new("python3")
            // Isolated, and elsewhere: the working folder may be a tree, and have a `venv.py`.
            .args(["-I", "-m", "venv", "--clear"])
            .arg(&folder)
            .folder("/")
            .read()?;
        let wanted = folder.join("uv.txt");
        let uv = Self { folder };
        files::write_unsynced(&wanted, uv_requirement().as_bytes())?;
        Program::new(uv.python())
            .args([
                "-I",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--only-binary=:all:",
                "--no-deps",
            ])
            .args(["--require-hashes", "--requirement"])
            .arg(&wanted)
            .folder("/")
            .log(repository.log("uv"))
            .read()?;
        Ok(uv)
    }

    fn program(&self) -> PathBuf {
        self.folder.join("bin/uv")
    }

    fn python(&self) -> PathBuf {
        self.folder.join("bin/python3")
    }

    /// What requirements come out as, with hashes. Of what `before` pins, it keeps what does for the requirements and is
    /// not to be upgraded. `name` is for the log. uv sees a file of ours in a folder of ours: neither the tree's requirements files nor its
    /// configuration of uv. Nothing is built: what has no wheel is not found, unless `sources` says what it needs.
    ///
    /// # Errors
    /// When there is no such set of distributions, or the index cannot be asked.
    pub fn resolve(
        &self,
        repository: &Repository,
        name: &str,
        (lockable, sources): (&Lockable, &Sources),
        python: PythonVersion,
        before: &BTreeMap<String, lock::Pin>,
        upgrade: &Upgrade,
    ) -> Result<String, ResolveError> {
        let work = repository.make_work()?;
        let scratch = tempfile::Builder::new()
            .prefix("lock-")
            .tempdir_in(&work)
            .map_err(FileError::on("create", &work))?;
        let output = scratch.path().join("lock.txt");
        let pins: String = before.values().flat_map(|pin| [pin.text.as_str(), "\n"]).collect();
        files::write_unsynced(&output, pins.as_bytes())?;
        let (requirements, constraints) = (
            scratch.path().join("requirements.in"),
            scratch.path().join("constraints.in"),
        );
        files::write_unsynced(&requirements, lockable.requirements.as_bytes())?;
        files::write_unsynced(&constraints, lockable.constraints.as_bytes())?;
        let mut building: Vec<OsString> = vec!["--no-config".into(), "--no-build".into()];
        if let Some(text) = sources.uv_configuration() {
            let file = scratch.path().join("uv.toml");
            files::write_unsynced(&file, text.as_bytes())?;
            building = vec!["--config-file".into(), file.into()];
        }
        let upgrades = match upgrade {
            Upgrade::Nothing => Vec::new(),
            Upgrade::These(names) => names.iter().map(|name| format!("--upgrade-package={name}")).collect(),
            Upgrade::Everything => vec!["--upgrade".to_owned()],
        };
        let mut compile = Program::new(self.program())
            .args(["pip", "compile", "--quiet", "--no-python-downloads"])
            .args(building)
            .args(["--generate-hashes", "--no-header", "--no-annotate"])
            .arg(format!("--python-version={python}"))
            .arg("--python")
            .arg(self.python())
            .arg("--output-file")
            .arg(&output)
            .args(upgrades)
            .args(lockable.prereleases.then_some("--prerelease=allow"))
            .arg("--constraint")
            .arg(&constraints)
            .arg(&requirements)
            .folder(scratch.path())
            .env("UV_HTTP_TIMEOUT", "180")
            .log(repository.log(&format!("lock-{}", name.replace('/', "-"))))
            .limit(LIMIT);
        // uv does not know of what pip is told.
        let mut index = package_index::of_host();
        index.extra.splice(0..0, sources.indexes.iter().cloned());
        for (name, value) in index.for_uv() {
            compile = compile.env(name, value);
        }
        let compile = compile.veil(index.credentials());
        compile.read()?;
        Ok(files::read_text(&output)?)
    }
}

/// Where uv is: another folder for another version. What is in it was taken by hash.
fn uv_folder(repository: &Repository) -> PathBuf {
    repository.work().join(format!("uv-{UV_VERSION}-by-hash"))
}

/// Why nothing was resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Lines that are not for a resolver on this host.
    #[error("{}", refused_text(.0))]
    Refused(Vec<Refused>),
    /// uv failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file of ours.
    #[error(transparent)]
    File(#[from] FileError),
}

fn refused_text(refused: &[Refused]) -> String {
    let lines: Vec<String> = refused
        .iter()
        .map(|refused| {
            format!(
                "{}:{}: {}\n    hint: {}",
                refused.file, refused.line, refused.message, refused.help
            )
        })
        .collect();
    lines.join("\n  ")
}
