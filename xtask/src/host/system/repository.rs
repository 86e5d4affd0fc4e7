//! Where things are: the repository's root, cargo's target folder, our own folders in it.

use std::path::{Path, PathBuf};

use super::files::FileError;
use crate::host::tree::root::{LONGEST_TEXT, TreeError, TreeRoot};

/// The folders of one checkout.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The repository that cargo runs us in, or else the one that holds the current folder.
    ///
    /// # Errors
    /// When no folder upward holds `config/stack.yaml`, or what it holds there is no file.
    pub fn find() -> Result<Self, String> {
        let from_cargo = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let current = std::env::current_dir().map_err(|error| format!("cannot tell the current folder: {error}"))?;
        let root = from_cargo
            .iter()
            .map(PathBuf::as_path)
            .chain(std::iter::once(current.as_path()))
            .flat_map(Path::ancestors)
            .find(|folder| folder.join("config/stack.yaml").symlink_metadata().is_ok())
            .ok_or_else(|| {
                format!(
                    "no `config/stack.yaml` in `{}` or above it\n  hint: run inside the repository",
                    current.display()
                )
            })?;
        let path = root.join("config/stack.yaml");
        match path.metadata() {
            Ok(found) if found.is_file() => Ok(Self { root: root.to_owned() }),
            Ok(_) => Err(format!("`{}` is no file", path.display())),
            Err(error) => Err(FileError::on("read", &path)(error).to_string()),
        }
    }

    /// A repository at that path.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
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
