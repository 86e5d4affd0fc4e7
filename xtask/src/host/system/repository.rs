//! Where things are: the repository's root, cargo's target folder, our own folders in it.

use std::path::{Path, PathBuf};

use super::files::{self, FileError};
use crate::host::tree::root::{LONGEST_TEXT, TreeError, TreeRoot};

/// The variable that names the stack where `--stack` does not.
pub const STACK_VARIABLE: &str = "AI_SYSTEM_STACK";

/// Where a stack is in a folder, first choice first.
const STACK_FILES: [&str; 2] = ["stack.yaml", "config/stack.yaml"];

/// The folders of one checkout.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
    stack_file: String,
}

impl Repository {
    /// The repository of the stack that is named, by its file or by a folder that holds it; of the one that [`STACK_VARIABLE`] names; or
    /// else of the one that cargo runs us in, or that holds the current folder.
    ///
    /// # Errors
    /// When there is no stack there, or what is there is not a file.
    pub fn find(named: Option<&Path>) -> Result<Self, String> {
        let by_variable = std::env::var_os(STACK_VARIABLE)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from);
        let current = std::env::current_dir().map_err(|error| format!("cannot tell the current folder: {error}"))?;
        if let Some(named) = named.map(Path::to_owned).or(by_variable) {
            return Self::of_stack(&current.join(named));
        }
        let from_cargo = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let mut folders = from_cargo
            .iter()
            .map(PathBuf::as_path)
            .chain(std::iter::once(current.as_path()))
            .flat_map(Path::ancestors);
        let (root, file) = folders
            .find_map(|folder| Some((folder, stack_in(folder)?)))
            .ok_or_else(|| {
                format!(
                    "no `stack.yaml` or `config/stack.yaml` in `{}` or above it\n  hint: run below the folder that holds it, or name it \
                     with `--stack FILE` or {STACK_VARIABLE}",
                    current.display()
                )
            })?;
        let repository = Self {
            root: root.to_owned(),
            stack_file: file.to_owned(),
        };
        repository.require_stack_file()?;
        Ok(repository)
    }

    /// The repository of a stack's file, or of a folder with one. `config/stack.yaml` belongs to the folder above `config`.
    fn of_stack(path: &Path) -> Result<Self, String> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let path: PathBuf = path.components().collect();
        if path.is_dir() {
            let file = stack_in(&path).ok_or_else(|| {
                format!(
                    "no `stack.yaml` or `config/stack.yaml` in `{}`\n  hint: name the file itself",
                    path.display()
                )
            })?;
            return Ok(Self {
                root: path,
                stack_file: file.to_owned(),
            });
        }
        let unusable = || format!("`{}` cannot be the path of a stack", path.display());
        let folder = path.parent().ok_or_else(unusable)?;
        let root = match folder.file_name() {
            Some(name) if name == "config" => folder.parent().unwrap_or(folder),
            _ => folder,
        };
        let file = path
            .strip_prefix(root)
            .ok()
            .and_then(Path::to_str)
            .ok_or_else(unusable)?;
        let repository = Self {
            root: root.to_owned(),
            stack_file: file.to_owned(),
        };
        repository.require_stack_file()?;
        Ok(repository)
    }

    fn require_stack_file(&self) -> Result<(), String> {
        let path = self.root.join(&self.stack_file);
        match path.metadata() {
            Ok(found) if found.is_file() => Ok(()),
            Ok(_) => Err(format!("`{}` is not a file", path.display())),
            Err(error) => Err(FileError::on("read", &path)(error).to_string()),
        }
    }

    /// A repository at that path.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            stack_file: "config/stack.yaml".to_owned(),
        }
    }

    /// The stack's own file, relative to the root, as findings name it.
    #[must_use]
    pub fn stack_file(&self) -> &str {
        &self.stack_file
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where one of its files can be read: where the CI service that runs this shows it, or in this checkout.
    #[must_use]
    pub fn address_of(&self, path: &Path) -> String {
        let told = |name: &str| {
            std::env::var(name)
                .ok()
                .filter(|value| value.starts_with(|c: char| c.is_alphanumeric()))
        };
        let path_text = path.to_string_lossy();
        let github = || {
            let (server, name) = (told("GITHUB_SERVER_URL")?, told("GITHUB_REPOSITORY")?);
            Some(format!("{server}/{name}/blob/{}/{path_text}", told("GITHUB_SHA")?))
        };
        let gitlab = || {
            Some(format!(
                "{}/-/blob/{}/{path_text}",
                told("CI_PROJECT_URL")?,
                told("CI_COMMIT_SHA")?
            ))
        };
        github().or_else(gitlab).unwrap_or_else(|| {
            let file = self.root.join(path);
            let bytes = file.to_string_lossy().into_owned().into_bytes();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
            let text: String = bytes
                .into_iter()
                .map(|byte| {
                    if plain(byte) {
                        char::from(byte).to_string()
                    } else {
                        format!("%{byte:02X}")
                    }
                })
                .collect();
            format!("file://{text}")
        })
    }

    /// What tells it from other checkouts of this host: the path of its folder, without links.
    #[must_use]
    pub fn identity(&self) -> String {
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        root.to_string_lossy().into_owned()
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The root, for what is read and written below it: nothing outside is, through whatever link.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn folder(&self) -> Result<TreeRoot, FileError> {
        TreeRoot::open(&self.root).map_err(|error| FileError::on("open", &self.root)(error.into_io()))
    }

    /// The content of a file in it; none where there is no such file.
    ///
    /// # Errors
    /// When there is one that cannot be read, or a link leads out of the repository.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        let folder = self.folder()?;
        match folder.read(path, LONGEST_TEXT) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(TreeError::Missing) => Ok(None),
            Err(error) => Err(folder.failed("read", Path::new(path), error)),
        }
    }

    /// The text of a file in it.
    ///
    /// # Errors
    /// When it cannot be read, or a link leads out of the repository.
    pub fn read_text(&self, path: &str) -> Result<String, FileError> {
        let folder = self.folder()?;
        let read = folder.read_text(path);
        read.map_err(|error| folder.failed("read", Path::new(path), error))
    }

    /// Fails where a folder of ours below `target/` is a link that leads out of it: what is written there would be somewhere else.
    /// `target` itself may be a link, as to another disk.
    ///
    /// # Errors
    /// When there is such a link, which the error names.
    pub fn require_own_work(&self) -> Result<(), FileError> {
        let Ok(target) = TreeRoot::open(&self.root.join("target")) else {
            return Ok(());
        };
        let work = Path::new("xtask-work");
        target.require_inside(work)?;
        for entry in target.list(work).unwrap_or_default() {
            target.require_inside(work.join(entry.name))?;
        }
        Ok(())
    }

    /// Cargo's target folder.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), |path| self.root.join(path))
    }

    /// Our own folder for what can be made again.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.join("target/xtask-work")
    }

    /// The same folder, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_work(&self) -> Result<PathBuf, FileError> {
        let work = self.work();
        std::fs::create_dir_all(&work).map_err(FileError::on("create", &work))?;
        Ok(work)
    }

    /// The folder in it for temporary files of programs, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_temporary(&self) -> Result<PathBuf, FileError> {
        let temporary = self.work().join("tmp");
        std::fs::create_dir_all(&temporary).map_err(FileError::on("create", &temporary))?;
        Ok(temporary)
    }

    /// The log file of a job.
    #[must_use]
    pub fn log(&self, job: &str) -> PathBuf {
        self.work().join("logs").join(format!("{job}.log"))
    }
}

/// The stack in a folder. A `stack.yaml` without machines is one of another program.
fn stack_in(folder: &Path) -> Option<&'static str> {
    STACK_FILES.into_iter().find(|file| {
        let path = folder.join(file);
        if path.symlink_metadata().is_err() {
            return false;
        }
        let in_config = file.contains('/');
        in_config || files::read(&path).is_ok_and(|text| has_machines(&text))
    })
}

/// Whether a text has the key that every stack has.
fn has_machines(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    text.lines()
        .any(|line| line.starts_with("machines:") || line.starts_with("{machines:"))
}
